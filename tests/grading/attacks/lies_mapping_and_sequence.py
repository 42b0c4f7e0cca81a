# tries: answers with containers of its own that change, hang or claim a huge length
# answers: wrong
# fair: 0 0 0 0
# %% own
from collections.abc import Mapping
class Endless(Mapping):
    def __getitem__(self, key): return 1
    def __iter__(self):
        i = 0
        while True:
            yield (i := i + 1)
    def __len__(self): return 2
class Row(list):
    def __len__(self): return 10**15
    def __iter__(self): raise KeyboardInterrupt
# %% answer tight_boxes
def tight_boxes(masks):
    return Endless()
# %% answer padding_answer
class Lazy(dict):
    def items(self): raise RuntimeError("no items")
    def __iter__(self): raise MemoryError
padding_answer = Lazy(a="b")
# %% answer distance_iou
def distance_iou(a, b):
    return Row()
# %% answer window_sums
def window_sums(image, windows):
    return tuple(Row([1]) for _ in range(3))
