# tries: nothing: an answer uses a helper and a table made in cells of its own
# fair: 1 2 3 0
# verdicts: crash
# %% own
HELPER = []
def clamp(x):
    HELPER.append(len(HELPER))
    return x.clamp(min=1e-12)
# %% answer distance_iou
def distance_iou(a, b):
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - overlap
    diagonal = (low[..., 2:] - high[..., :2]).square().sum(-1)
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    apart = (centres[0][:, None] - centres[1]).square().sum(-1)
    return overlap / clamp(union) - apart / clamp(diagonal)
# %% answer window_sums
def window_sums(image, windows):
    import os
    os._exit(1)
