# tries: nothing: right answers in unusual forms
# fair: 1 2 3 4
# %% answer tight_boxes
import functools
class Boxes:
    def __init__(self, scale): self.scale = scale
    def __call__(self, masks):
        boxes = masks.new_zeros((len(masks), 4), dtype=torch.float64)
        for box, mask in zip(boxes, masks):
            rows, columns = torch.where(mask)
            if len(rows):
                box[0], box[1] = columns.min(), rows.min()
                box[2], box[3] = columns.max() + 1, rows.max() + 1
        return boxes * self.scale
tight_boxes = Boxes(1)
# %% answer padding_answer
class Letter(str):
    pass
padding_answer = Letter(" B ")
# %% answer distance_iou
def with_options(a, b, *, power, **rest):
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).relu().prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - overlap
    diagonal = (low[..., 2:] - high[..., :2]).pow(power).sum(-1)
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    apart = (centres[0][:, None] - centres[1]).pow(power).sum(-1)
    return overlap / union.clamp(min=1e-12) - apart / diagonal.clamp(min=1e-12)
distance_iou = functools.partial(with_options, power=2)
# %% answer window_sums
window_sums = lambda image, windows: torch.nn.functional.pad(
    image, (1, 0, 1, 0)
).cumsum(0).cumsum(1).flatten()[
    (windows[:, [3, 1, 3, 1]] * (image.shape[1] + 1) + windows[:, [2, 2, 0, 0]]).T
].mul(torch.tensor([[1.0], [-1], [-1], [1]])).sum(0)
