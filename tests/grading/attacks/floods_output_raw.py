# tries: writes without end past Python's own output
# fair: 1 2 3 4
# %% own
import os, sys
for _ in range(2_000):
    for fd in (1, 2):
        try:
            os.write(fd, b"x" * 100_000)
        except OSError:
            pass
    sys.__stdout__ and sys.__stdout__.write("x" * 1000)
    sys.__stderr__ and sys.__stderr__.write("x" * 1000)
