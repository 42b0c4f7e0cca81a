# tries: runs out of stack, with the limit of Python lifted
# fair: 1 2 0 4
# verdicts: crash
# %% answer distance_iou
def distance_iou(a, b):
    import sys
    sys.setrecursionlimit(10**9)
    class Deep:
        def __getattr__(self, name):
            return getattr(self, name + "")
    return repr(getattr(Deep(), "x"))
