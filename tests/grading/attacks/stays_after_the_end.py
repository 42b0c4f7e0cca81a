# tries: bombs that go off when Python ends: atexit, __del__, threads, weak references
# fair: 1 2 3 4
# %% own after window_sums
import atexit, os, signal, threading, weakref
class Bomb:
    def __del__(self):
        while True: pass
bomb = [Bomb()]
bomb.append(bomb)
@atexit.register
def wait():
    while True: pass
threading._register_atexit(wait)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
threading.Thread(target=wait).start()
