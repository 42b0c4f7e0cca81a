# tries: answers with generators, also endless ones, and with iterators
# answers: wrong
# fair: 0 0 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    while True:
        yield torch.zeros(4)
# %% answer padding_answer
padding_answer = iter("b" * 10)
# %% answer distance_iou
import itertools
def distance_iou(a, b):
    return itertools.count()
# %% answer window_sums
async def window_sums(image, windows):
    return torch.zeros(len(windows))
