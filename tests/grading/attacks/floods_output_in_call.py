# tries: prints without end when called
# fair: 1 2 0 4
# verdicts: output limit
# %% answer distance_iou
def distance_iou(a, b):
    while True:
        print("x" * 1000)
