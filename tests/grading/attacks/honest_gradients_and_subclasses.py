# tries: nothing: right answers that need gradients, or are of torchvision's types
# fair: 1 2 3 4
# %% answer tight_boxes
from torchvision import tv_tensors
def tight_boxes(masks):
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks):
        columns, rows = mask.any(dim=0).nonzero(), mask.any(dim=1).nonzero()
        if len(rows) > 0:
            corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            box[:] = torch.tensor(corners)
    return tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(9, 9))
# %% answer distance_iou
def distance_iou(a, b):
    a = a.double().requires_grad_()
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - overlap
    diagonal = (low[..., 2:] - high[..., :2]).square().sum(-1)
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    apart = (centres[0][:, None] - centres[1]).square().sum(-1)
    return torch.nn.Parameter(overlap / union.clamp(min=1e-12)) - apart / diagonal.clamp(min=1e-12)
