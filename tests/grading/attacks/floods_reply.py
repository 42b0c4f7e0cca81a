# tries: answers with very much, so that the grader runs out of memory
# answers: wrong
# fair: 0 2 0 0
# %% answer tight_boxes
def tight_boxes(masks):
    return list(range(100_000))
# %% answer padding_answer
padding_answer = "b"
# %% answer distance_iou
def distance_iou(a, b):
    return torch.zeros(80_000_000, dtype=torch.uint8)
# %% answer window_sums
def window_sums(image, windows):
    return "x" * 20_000_000
