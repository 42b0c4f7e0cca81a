# tries: waits for a lock that it holds
# fair: 1 2 3 0
# verdicts: time limit
# %% answer window_sums
import threading
lock = threading.Lock()
def window_sums(image, windows):
    with lock, lock:
        return torch.zeros(len(windows))
