# tries: writes where there is no memory
# fair: 1 2 0 4
# verdicts: crash
# %% answer distance_iou
def distance_iou(a, b):
    import ctypes
    ctypes.memset(8, 0, 8)
