# tries: replaces sockets, JSON, struct and the codec of its own process
# answers: wrong
# fair: 0 0 0 0
# %% own
import json, socket, struct, sys
from course_grading.isolation import codec
codec.decode = lambda frame: {"number": 0, "do": "run", "source": ""}
json.loads = lambda *a, **k: {"tensor": ["float32", [0], False]}
socket.socket.recv = lambda *a: b""
