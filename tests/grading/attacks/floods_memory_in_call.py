# tries: takes all memory, step by step
# fair: 1 2 0 4
# verdicts: memory limit
# patience: 5
# %% answer distance_iou
def distance_iou(a, b):
    kept = []
    while True:
        kept.append(bytearray(1 << 26))
