# tries: answers with numbers of a million digits, infinities and nans
# answers: wrong
# fair: 0 0 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    return 10**1_000_000
# %% answer padding_answer
padding_answer = -(10**100_000)
# %% answer distance_iou
def distance_iou(a, b):
    return torch.full((len(a), len(b)), float("nan"))
# %% answer window_sums
def window_sums(image, windows):
    return [float("inf"), 1e308 * 10, -0.0, complex(1, 2)]
