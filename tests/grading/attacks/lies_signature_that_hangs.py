# tries: an answer whose type takes for ever to tell what it is
# fair: 1 2 0 4
# verdicts: time limit
# %% answer distance_iou
class Odd:
    def __call__(self, a, b): return a
    @property
    def __signature__(self):
        while True: pass
distance_iou = Odd()
