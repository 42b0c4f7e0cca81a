"""The grid of YOLO: which cell an object belongs to, and what a cell's numbers mean.

Redmon et al. 2016. The image is cut into S x S cells. Each predicts 5B + C numbers:
B times (x, y, w, h, confidence), then one value for each of C classes. This is the
paper's order; the released darknet writes all classes of the grid first, then all
confidences, then all boxes.

x and y say where in its cell a box has its centre, from 0 to 1. w and h are fractions
of the image. What a network predicts in their place is explained in `decode_grid`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.boxes import as_boxes, xyxy_to_cxcywh
from course_utils.ops.validators import (
    Size,
    check_at_least,
    check_centres,
    check_image_size,
    check_not_empty,
    check_objects,
)

BOX = 5  # numbers of a box: x, y, w, h, confidence


class GridTargets(NamedTuple):
    """What the cells are to predict; a leading B for a batch of images."""

    is_object: Tensor  # (S, S) bool: does the cell own an object?
    boxes: Tensor  # (S, S, 4) x, y in the cell, w, h of the image; 0 where none
    classes: Tensor  # (S, S, C) 1 for the class of the object, 0 elsewhere
    lost: Tensor  # () int64: objects that found their cell taken


class GridBoxes(NamedTuple):
    """What the cells have predicted, one row for each of K = S * S * B predictors."""

    boxes: Tensor  # (N, K, 4) xyxy pixels
    confidence: Tensor  # (N, K)
    classes: Tensor  # (N, K, C): all predictors of a cell share theirs


def owner_cells(boxes: Tensor, image_size: Size, grid: int) -> Tensor:
    """The cell in which each box has its centre: (N, 4) -> (N, 2) int64 row, column.

    A centre on the line between two cells belongs to the right or lower one; one on the
    right or lower border of the image has no cell there, and belongs to the last.

    Args:
        boxes: (N, 4) xyxy pixels.
        image_size: height and width.
        grid: S, the cells a side.

    Raises ValueError if a centre lies outside the image, or the grid has no cell.
    """
    check_at_least(1, grid=grid)
    check_image_size(*image_size)
    boxes = as_boxes(boxes)
    check_centres(boxes, image_size)
    height, width = image_size
    x, y, _, _ = xyxy_to_cxcywh(boxes).unbind(1)
    cells = torch.stack([y / height, x / width], dim=1) * grid
    return cells.floor().long().clamp(max=grid - 1)


def cell_coordinates(
    boxes: Tensor, cells: Tensor, image_size: Size, grid: int
) -> Tensor:
    """A box as its cell writes it: x, y in the cell and w, h of the image.

    (N, 4) xyxy pixels and (N, 2) row, column -> (N, 4).
    """
    height, width = image_size
    x, y, w, h = xyxy_to_cxcywh(boxes).unbind(1)
    row, column = cells.unbind(1)
    x, y = x / width * grid - column, y / height * grid - row
    return torch.stack([x, y, w / width, h / height], dim=1)


def is_first(values: Tensor) -> Tensor:
    """Whether no earlier value is equal: (N,) -> (N,) bool."""
    return ~(values[:, None] == values).tril(diagonal=-1).any(dim=1)


def encode_grid(
    boxes: Tensor, labels: Tensor, image_size: Size, *, grid: int, num_classes: int
) -> GridTargets:
    """What the cells are to predict for one image of (N, 4) boxes and (N,) labels.

    A cell owns at most one object. Of several with their centres in it, the first in
    the list keeps the cell, and the others are `lost`. A box without width or height is
    left out before, as darknet does it: no box can overlap it.

    Args:
        boxes: (N, 4) xyxy pixels.
        labels: (N,) int64 from 1 to num_classes - 1.
        image_size: height and width.
        grid: S, the cells a side.
        num_classes: counted with background, as everywhere. Background has no column:
            class k stands in column k - 1 of C = num_classes - 1.

    Raises ValueError if a box or label does not fit.
    """
    boxes = as_boxes(boxes)
    check_objects(boxes, labels, image_size, num_classes)
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    boxes, labels = boxes[has_area], labels[has_area]
    cells = owner_cells(boxes, image_size, grid)  # (N, 2)
    is_kept = is_first(cells[:, 0] * grid + cells[:, 1])
    row, column = cells[is_kept].unbind(1)
    coordinates = boxes.new_zeros(grid, grid, 4)
    coordinates[row, column] = cell_coordinates(boxes, cells, image_size, grid)[is_kept]
    classes = boxes.new_zeros(grid, grid, num_classes - 1)
    classes[row, column] = F.one_hot(labels[is_kept] - 1, num_classes - 1).to(boxes)
    return GridTargets(classes.any(dim=-1), coordinates, classes, (~is_kept).sum())


def encode_batch(
    targets: Sequence[Mapping[str, Tensor]],
    image_size: Size,
    grid: int,
    num_classes: int,
) -> GridTargets:
    """What the cells are to predict for images of one size: `encode_grid`, stacked.

    Raises ValueError if there is no image, or a box or label does not fit.
    """
    pairs = [(target["boxes"], target["labels"]) for target in targets]
    return stack_targets(
        [
            encode_grid(*pair, image_size, grid=grid, num_classes=num_classes)
            for pair in pairs
        ]
    )


def stack_targets(targets: Sequence[GridTargets]) -> GridTargets:
    """The targets of at least one image, stacked along a leading B."""
    check_not_empty(targets=targets)
    return GridTargets(*(torch.stack(parts) for parts in zip(*targets, strict=True)))


def check_outputs(outputs: Tensor, num_boxes: int) -> None:
    """The last three sizes of outputs are S, S and 5B + C with C at least 1."""
    rows, columns, numbers = outputs.shape[-3:]
    if rows != columns or num_boxes < 1 or numbers <= BOX * num_boxes:
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but (..., S, S, "
            f"{BOX} * num_boxes + C) with {num_boxes} boxes and C >= 1 was expected"
        )


def split_outputs(outputs: Tensor, num_boxes: int) -> tuple[Tensor, Tensor]:
    """A cell's numbers taken apart: boxes with their confidences, and class values.

    (..., S, S, 5B + C) -> (..., S, S, B, 5) and (..., S, S, C). Raises ValueError if
    the grid is not square, or there are too few numbers for B boxes and a class.
    """
    check_outputs(outputs, num_boxes)
    boxes, classes = outputs.tensor_split([BOX * num_boxes], dim=-1)
    return boxes.reshape(*boxes.shape[:-1], num_boxes, BOX), classes


def square_sides(boxes: Tensor) -> Tensor:
    """Boxes (..., 4) with the roots that a network predicts squared to w and h.

    So sides are never negative, whatever the network predicts.
    """
    return torch.cat([boxes[..., :2], boxes[..., 2:].square()], dim=-1)


def cell_boxes_to_xyxy(boxes: Tensor) -> Tensor:
    """Corners, as fractions of the image, of boxes written as a cell writes them.

    (..., S, S, B, 4) of x, y in the cell and w, h of the image -> the same shape.
    """
    grid = boxes.shape[-4]
    index = torch.arange(grid, dtype=boxes.dtype, device=boxes.device)
    row, column = torch.meshgrid(index, index, indexing="ij")
    corner = torch.stack([column, row], dim=-1)[:, :, None]  # (S, S, 1, 2) x, y
    centre, half = (corner + boxes[..., :2]) / grid, boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def decode_grid(outputs: Tensor, image_size: Size, *, num_boxes: int) -> GridBoxes:
    """The boxes that the cells' (N, S, S, 5B + C) outputs describe, S * S * B each.

    A network predicts the *roots* of w and h, as darknet does: the loss compares roots,
    and a root of a negative output would be nan.

    Args:
        outputs: (N, S, S, 5 * num_boxes + C).
        image_size: height and width.
        num_boxes: B, the predictors of a cell.

    Boxes stand in the order of rows, columns, predictors of a cell; they are not
    clipped.
    """
    boxes, classes = split_outputs(outputs, num_boxes)
    corners = cell_boxes_to_xyxy(square_sides(boxes[..., :4])).flatten(1, 3)
    height, width = image_size
    pixels = corners * corners.new_tensor([width, height, width, height])
    shared = classes[..., None, :].expand(*boxes.shape[:-1], -1)  # (N, S, S, B, C)
    return GridBoxes(pixels, boxes[..., 4].flatten(1), shared.flatten(1, 3))


def class_scores(predicted: GridBoxes) -> Tensor:
    """Confidence times class value, (N, K, C), from 0 to 1; 0 for boxes without area.

    Both outputs of the network are linear. Below 0 they count as 0: the product of two
    negative ones would be a high score.
    """
    boxes = predicted.boxes
    has_area = (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)
    confidence = predicted.confidence.clamp(0, 1) * has_area
    return confidence[..., None] * predicted.classes.clamp(0, 1)
