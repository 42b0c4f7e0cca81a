# tries: a function where a value is asked for, and values where functions are
# fair: 0 0 0 0
# verdicts: wrong, wrong, wrong, wrong
# %% answer tight_boxes
tight_boxes = torch.zeros(1, 4)
# %% answer padding_answer
def padding_answer():
    return "b"
# %% answer distance_iou
distance_iou = None
distance_iou = "distance_iou"
# %% answer window_sums
window_sums = {"window_sums": lambda image, windows: torch.zeros(len(windows))}
