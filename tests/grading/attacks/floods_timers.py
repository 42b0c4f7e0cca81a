# tries: takes all timers that the system gives to one user
# fair: 1 2 3 4
# patience: 10
# says: few timers
# %% own
import ctypes
libc = ctypes.CDLL(None)
timer, count = ctypes.c_void_p(), 0
while count < 20_000 and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
    count += 1
raise RuntimeError("few timers" if count < 2000 else f"{count} timers")
