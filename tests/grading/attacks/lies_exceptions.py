# tries: raises errors whose text fails, is huge, or says what a check would say
# answers: wrong
# fair: 0 0 0 0
# %% answer tight_boxes
class Silent(Exception):
    def __str__(self): raise ValueError("no text")
    __repr__ = __str__
def tight_boxes(masks):
    raise Silent
# %% answer distance_iou
def distance_iou(a, b):
    raise RuntimeError("x" * 100_000_000)
# %% answer window_sums
def window_sums(image, windows):
    raise type("Zo\x1b[2J" + "e" * 100_000, (Exception,), {})("distance_iou: right")
