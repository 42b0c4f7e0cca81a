"""The loss of YOLO v1: five sums of squares, and who is responsible for an object.

Redmon et al. 2016, eq. 3. Its sums run over S * S cells and B boxes; in the paper they
read i = 0 to S^2 and j = 0 to B, which is one too many of each.
"""

import torch
from torch import Tensor

from course_utils.ops.boxes import box_overlap, ratio
from course_utils.ops.yolo_grid import (
    BOX,
    GridTruth,
    cell_boxes_to_xyxy,
    split_answers,
    square_sides,
)


def cell_iou(boxes: Tensor, truth: Tensor) -> Tensor:
    """IoU of each box of a cell with the object of the cell; 0 where both are empty.

    (..., S, S, B, 4) boxes and (..., S, S, 4) truth, both of x, y in the cell and w, h
    of the image -> (..., S, S, B).
    """
    found, goal = cell_boxes_to_xyxy(boxes), cell_boxes_to_xyxy(truth[..., None, :])
    overlap = box_overlap(found, goal)
    # The area of a box is its overlap with itself: rounded alike, so IoU is at most 1.
    return ratio(overlap, box_overlap(found, found) + box_overlap(goal, goal) - overlap)


def responsible_boxes(boxes: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Which box of each cell is to find its object, and the IoU of each box with it.

    The one of the highest IoU now; of equals the first. Where no box touches the
    object, the one whose x, y, w, h are the closest, as in darknet.

    Args:
        boxes: (..., S, S, B, 4) of x, y in the cell and w, h of the image.
        truth: (..., S, S, 4), the same of the object; without one, any box comes back.

    Returns (..., S, S) int64 and (..., S, S, B), both without gradient.
    """
    boxes, truth = boxes.detach(), truth.detach()
    iou = cell_iou(boxes, truth)
    unit = boxes.new_tensor([boxes.shape[-4]] * 2 + [1, 1])  # x, y of the image too
    distance = ((boxes - truth[..., None, :]) / unit).square().sum(dim=-1)
    touches = (iou > 0).any(dim=-1)
    index = torch.where(touches, iou.argmax(dim=-1), distance.argmin(dim=-1))
    return index, iou


def yolo_losses(
    answers: Tensor,
    truth: GridTruth,
    *,
    coord_weight: float = 5.0,
    noobj_weight: float = 0.5,
) -> dict[str, Tensor]:
    """The five terms of the loss, summed over cells and boxes, divided by the images.

    The confidence of a responsible box is to become its IoU with the object as it is
    now: a number, through which no gradient flows. That of every other box is to become
    0, also that of the second box in a cell with an object.

    Args:
        answers: (N, S, S, 5B + C) of N images. In place of w and h stand their roots.
        truth: of the N images, see `stack_truths`; without objects, three terms are 0.
        coord_weight: of the two terms of boxes.
        noobj_weight: of the confidences of all boxes that are not responsible.
    """
    boxes, classes = split_answers(answers, count_boxes(answers, truth))
    places, confidence = boxes[..., :4], boxes[..., 4]  # (N, S, S, B, 4), (N, S, S, B)
    index, iou = responsible_boxes(square_sides(places), truth.boxes)
    turn = torch.arange(boxes.shape[-2], device=index.device)
    is_mine = truth.is_object[..., None] & (index[..., None] == turn)  # 1_ij^obj
    goal = torch.cat([truth.boxes[..., :2], truth.boxes[..., 2:].sqrt()], dim=-1)
    error = (places - goal[..., None, :]).square() * is_mine[..., None]
    class_error = (classes - truth.classes).square() * truth.is_object[..., None]
    sums = {
        "loss_xy": coord_weight * error[..., :2].sum(),
        "loss_wh": coord_weight * error[..., 2:].sum(),
        "loss_confidence": ((confidence - iou).square() * is_mine).sum(),
        "loss_no_object": noobj_weight * (confidence.square() * ~is_mine).sum(),
        "loss_classes": class_error.sum(),
    }
    return {name: value / max(len(answers), 1) for name, value in sums.items()}


def count_boxes(answers: Tensor, truth: GridTruth) -> int:
    """B, the boxes a cell. Raises ValueError if answers and truth do not fit."""
    classes = truth.classes.shape[-1]
    boxes, rest = divmod(answers.shape[-1] - classes, BOX)
    if answers.shape[:-1] != truth.is_object.shape or boxes < 1 or rest:
        raise ValueError(
            f"answers has shape {tuple(answers.shape)}, but "
            f"{(*truth.is_object.shape, f'5B + {classes}')} with B >= 1 was expected: "
            "stack the truths of all images of the batch, encoded with the same grid"
        )
    return boxes
