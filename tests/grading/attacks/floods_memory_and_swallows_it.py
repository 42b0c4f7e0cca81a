# tries: takes all memory, catches the error and goes on
# fair: 1 2 0 4
# verdicts: time limit
# %% answer distance_iou
kept = []
def distance_iou(a, b):
    while True:
        try:
            while True:
                kept.append(" " * (1 << 20) + str(len(kept)))
        except MemoryError:
            pass
