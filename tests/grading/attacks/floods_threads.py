# tries: starts threads without end
# fair: 1 2 3 4
# %% own
import threading
gate = threading.Event()
started = []
try:
    for _ in range(5_000):
        started.append(threading.Thread(target=gate.wait, daemon=True))
        started[-1].start()
except (RuntimeError, MemoryError):
    started.pop()
gate.set()
for thread in started:
    thread.join()
assert len(started) < 400, f"{len(started)} threads"
