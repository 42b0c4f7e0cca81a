"""The loss of YOLO v1 as its formula reads, one cell and one box after the other.

Slow, and easy to compare with eq. 3 of Redmon et al. 2016. `yolo_loss` computes the
same without loops.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.ops.yolo_grid import BOX, GridTruth

TERMS = ("loss_xy", "loss_wh", "loss_confidence", "loss_no_object", "loss_classes")


def overlap_1d(a: Tensor, a_side: Tensor, b: Tensor, b_side: Tensor) -> Tensor:
    """The length that two stretches share, given their centres and lengths."""
    low = torch.maximum(a - a_side / 2, b - b_side / 2)
    high = torch.minimum(a + a_side / 2, b + b_side / 2)
    return (high - low).clamp(min=0)


def iou_in_cell(box: Tensor, truth: Tensor, grid: int) -> Tensor:
    """IoU of two boxes of one cell: (4,) and (4,) of x, y in the cell, w, h -> ().

    x and y are divided by the cells a side, to be fractions of the image as w and h
    are. Where the cell stands does not matter.
    """
    (x, y, w, h), (x_true, y_true, w_true, h_true) = box.unbind(), truth.unbind()
    shared_w = overlap_1d(x / grid, w, x_true / grid, w_true)
    shared = shared_w * overlap_1d(y / grid, h, y_true / grid, h_true)
    union = w * h + w_true * h_true - shared
    return shared / union if union > 0 else torch.zeros_like(union)


def find_responsible(boxes: Sequence[Tensor], truth: Tensor, grid: int) -> int:
    """The index of the box, each (4,), that is to find the object (4,) of its cell."""
    ious = [iou_in_cell(box, truth, grid) for box in boxes]
    if max(ious) > 0:
        return ious.index(max(ious))
    unit = truth.new_tensor([grid, grid, 1, 1])
    distances = [((box - truth) / unit).square().sum() for box in boxes]
    return distances.index(min(distances))


def object_terms(
    numbers: Tensor, truth: Tensor, classes: Tensor, grid: int
) -> tuple[int, list[Tensor]]:
    """The responsible box of a cell with an object, and the four terms it has there.

    (5B + C,) numbers of the cell, (4,) truth, (C,) classes.
    """
    count = (len(numbers) - len(classes)) // BOX
    written = [numbers[BOX * j : BOX * j + 4] for j in range(count)]
    meant = [torch.cat([box[:2], box[2:] ** 2]).detach() for box in written]
    mine = find_responsible(meant, truth, grid)
    x, y, root_w, root_h = written[mine].unbind()
    xy = (x - truth[0]) ** 2 + (y - truth[1]) ** 2
    wh = (root_w - truth[2].sqrt()) ** 2 + (root_h - truth[3].sqrt()) ** 2
    goal = iou_in_cell(meant[mine], truth, grid)  # of detached boxes: no gradient
    confidence = (numbers[BOX * mine + 4] - goal) ** 2
    class_terms = (numbers[BOX * count :] - classes) ** 2
    return mine, [xy, wh, confidence, class_terms.sum()]


def yolo_losses_by_loop(
    answers: Tensor,
    truth: GridTruth,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The same five terms as `yolo_losses`, by loops over images, cells and boxes.

    Args:
        answers: (N, S, S, 5B + C), N at least 1.
        truth: of the N images.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all boxes that are not responsible.
    """
    images, grid = answers.shape[:2]
    count = (answers.shape[3] - truth.classes.shape[3]) // BOX
    xy = wh = confidence = no_object = classes = answers.sum() * 0
    for cell in torch.cartesian_prod(*map(torch.arange, (images, grid, grid))).tolist():
        place, mine = tuple(cell), -1
        if truth.is_object[place]:
            mine, terms = object_terms(
                answers[place], truth.boxes[place], truth.classes[place], grid
            )
            xy, wh = xy + terms[0], wh + terms[1]
            confidence, classes = confidence + terms[2], classes + terms[3]
        for j in range(count):
            if j != mine:
                no_object = no_object + answers[place][BOX * j + 4] ** 2
    xy, wh, no_object = coord_weight * xy, coord_weight * wh, noobj_weight * no_object
    sums = torch.stack([xy, wh, confidence, no_object, classes]) / images
    return dict(zip(TERMS, sums.unbind(), strict=True))
