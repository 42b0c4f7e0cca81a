# tries: never ends, and catches whatever would interrupt it
# fair: 1 2 0 4
# verdicts: time limit
# %% answer distance_iou
def distance_iou(a, b):
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
