# tries: writes garbage into the connection to the grader
# answers: wrong
# fair: 0 0 0 0
# %% own
import os, threading
def write():
    for fd in range(3, 64):
        try:
            os.set_blocking(fd, False)
            os.write(fd, b"\xff" * 5000 + bytes(range(256)) * 20)
        except OSError:
            pass
write()
