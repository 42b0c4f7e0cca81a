# tries: leaves a thread that answers in place of the process
# answers: wrong
# fair: 0 0 0 0
# %% own
import os, threading, time
def answer():
    while True:
        try:
            os.read(3, 1 << 16)
            os.write(3, b"\x00\x00\x00\x06\x00\x00\x00\x02{}")
        except OSError:
            time.sleep(0.01)
threading.Thread(target=answer, daemon=True).start()
