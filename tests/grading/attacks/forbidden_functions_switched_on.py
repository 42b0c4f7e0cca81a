# tries: keeps a switched-off library function under other names
# fair: 0 2 3 4
# verdicts: wrong
# says: switched off in this task
# %% own
import torchvision.ops
from torchvision.ops import masks_to_boxes as kept
alias = [kept]
# %% answer tight_boxes
def tight_boxes(masks):
    boxes = alias[0](masks)
    boxes[:, 2:] += 1
    return boxes
