"""The grid of YOLO: which cell an object belongs to, and what a cell's numbers mean.

Redmon et al. 2016. The image is cut into S x S cells. Each answers with 5B + C numbers:
B times (x, y, w, h, confidence), then one value for each of C classes. This is the
paper's order; the released darknet writes all classes of the grid first, then all
confidences, then all boxes.

x and y say where in its cell a box has its centre, from 0 to 1. w and h are fractions
of the image. What a network answers in their place is explained in `decode_grid`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.boxes import as_boxes, normalize_boxes, xyxy_to_cxcywh
from course_utils.ops.validators import (
    Size,
    check_at_least,
    check_centres,
    check_not_empty,
    check_objects,
)

BOX = 5  # numbers of a box: x, y, w, h, confidence


class GridTargets(NamedTuple):
    """What the cells are to answer; a leading B for a batch of images."""

    is_object: Tensor  # (S, S) bool: does the cell own an object?
    boxes: Tensor  # (S, S, 4) x, y in the cell, w, h of the image; 0 where none
    classes: Tensor  # (S, S, C) 1 for the class of the object, 0 elsewhere
    lost: Tensor  # () int64: objects that found their cell taken


class GridBoxes(NamedTuple):
    """What the cells have answered, one row for each of K = S * S * boxes a cell."""

    boxes: Tensor  # (B, K, 4) xyxy pixels
    confidence: Tensor  # (B, K)
    classes: Tensor  # (B, K, C): all boxes of a cell share theirs


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
    boxes = as_boxes(boxes)
    check_centres(boxes, image_size)
    x, y = xyxy_to_cxcywh(normalize_boxes(boxes, *image_size))[:, :2].unbind(1)
    return (torch.stack([y, x], dim=1) * grid).floor().long().clamp(max=grid - 1)


def is_first(values: Tensor) -> Tensor:
    """Whether no earlier value is equal: (N,) -> (N,) bool."""
    return ~(values[:, None] == values).tril(diagonal=-1).any(dim=1)


def encode_grid(
    boxes: Tensor, labels: Tensor, image_size: Size, *, grid: int, num_classes: int
) -> GridTargets:
    """What the cells are to answer for one image.

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
    is_solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    boxes, labels = boxes[is_solid], labels[is_solid]
    cells = owner_cells(boxes, image_size, grid)  # (N, 2)
    kept = is_first(cells[:, 0] * grid + cells[:, 1])
    row, column = cells[kept].unbind(1)
    targets = boxes.new_zeros(grid, grid, 4)
    targets[row, column] = cell_coordinates(boxes, cells, image_size, grid)[kept]
    classes = boxes.new_zeros(grid, grid, num_classes - 1)
    classes[row, column] = F.one_hot(labels[kept] - 1, num_classes - 1).to(boxes)
    is_object = torch.zeros_like(targets[..., 0], dtype=torch.bool)
    is_object[row, column] = True
    return GridTargets(is_object, targets, classes, (~kept).sum())


def encode_grids(
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    image_size: Size,
    *,
    grid: int,
    num_classes: int,
) -> GridTargets:
    """What the cells are to answer for B images of one size: `encode_grid` at once.

    B times (N, 4) boxes and (N,) labels, with N of its own for each image. All boxes
    make one list, in which an image is a coordinate beside row and column.

    Raises ValueError if there is no image, or a box or label does not fit.
    """
    counts = [len(of_image) for of_image in boxes]
    if not counts or counts != [len(of_image) for of_image in labels]:
        raise ValueError(
            f"there are boxes of {len(boxes)} images and labels of {len(labels)}, but "
            "at least 1 image, and a label for each box, were expected"
        )
    all_boxes, all_labels = as_boxes(torch.cat(list(boxes))), torch.cat(list(labels))
    check_objects(all_boxes, all_labels, image_size, num_classes)
    image = torch.arange(len(boxes), device=all_boxes.device)
    image = image.repeat_interleave(torch.tensor(counts, device=all_boxes.device))
    is_solid = (all_boxes[:, 2:] > all_boxes[:, :2]).all(dim=1)
    all_boxes, all_labels = all_boxes[is_solid], all_labels[is_solid]
    image = image[is_solid]
    cells = owner_cells(all_boxes, image_size, grid)  # (N, 2)
    place = torch.cat([image[:, None], cells], dim=1)  # (N, 3) image, row, column
    kept = is_first((place * place.new_tensor([grid * grid, grid, 1])).sum(dim=1))
    at, size = place[kept].unbind(1), (len(boxes), grid, grid)
    coordinates = cell_coordinates(all_boxes, cells, image_size, grid)[kept]
    targets = all_boxes.new_zeros(*size, 4).index_put(at, coordinates)
    one_hot = F.one_hot(all_labels[kept] - 1, num_classes - 1).to(all_boxes)
    classes = all_boxes.new_zeros(*size, num_classes - 1).index_put(at, one_hot)
    lost = image[~kept].bincount(minlength=len(boxes))
    return GridTargets(classes.any(dim=-1), targets, classes, lost)


def cell_coordinates(
    boxes: Tensor, cells: Tensor, image_size: Size, grid: int
) -> Tensor:
    """x, y in its cell and w, h of the image: (N, 4) xyxy, (N, 2) cells -> (N, 4)."""
    centre_size = xyxy_to_cxcywh(normalize_boxes(boxes, *image_size))
    inside = centre_size[:, :2] * grid - cells.flip(1)
    return torch.cat([inside, centre_size[:, 2:]], dim=1)


def split_outputs(outputs: Tensor, num_boxes: int) -> tuple[Tensor, Tensor]:
    """A cell's numbers taken apart: boxes with their confidences, and class values.

    (..., S, S, 5B + C) -> (..., S, S, B, 5) and (..., S, S, C). Raises ValueError if
    the grid is not square, or there are too few numbers for B boxes and a class.
    """
    rows, columns, numbers = outputs.shape[-3:]
    if rows != columns or num_boxes < 1 or numbers <= BOX * num_boxes:
        raise ValueError(
            f"outputs has shape {tuple(outputs.shape)}, but (..., S, S, "
            f"{BOX} * num_boxes + C) with {num_boxes} boxes and C >= 1 was expected"
        )
    boxes, classes = outputs.tensor_split([BOX * num_boxes], dim=-1)
    return boxes.reshape(*boxes.shape[:-1], num_boxes, BOX), classes


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


def square_sides(boxes: Tensor) -> Tensor:
    """Boxes (..., 4) with the roots that a network answers squared to w and h.

    So sides are never negative, whatever the network says.
    """
    return torch.cat([boxes[..., :2], boxes[..., 2:].square()], dim=-1)


def decode_grid(outputs: Tensor, image_size: Size, *, num_boxes: int) -> GridBoxes:
    """The boxes that the cells' outputs mean, all S * S * num_boxes of each image.

    A network answers the *roots* of w and h, as darknet does: the loss compares roots,
    and a root of a negative answer would be nan.

    Args:
        outputs: (B, S, S, 5 * num_boxes + C).
        image_size: height and width.
        num_boxes: B, the boxes a cell.

    Boxes stand in the order of rows, columns, boxes of a cell; they are not clipped.
    """
    boxes, classes = split_outputs(outputs, num_boxes)
    corners = cell_boxes_to_xyxy(square_sides(boxes[..., :4])).flatten(1, 3)
    height, width = image_size
    pixels = corners * corners.new_tensor([width, height, width, height])
    shared = classes[..., None, :].expand(*boxes.shape[:-1], -1)  # (B, S, S, B, C)
    return GridBoxes(pixels, boxes[..., 4].flatten(1), shared.flatten(1, 3))


def stack_targets(targets: list[GridTargets]) -> GridTargets:
    """Those of several images, with a leading B. There has to be at least one."""
    check_not_empty(targets=targets)
    return GridTargets(*(torch.stack(parts) for parts in zip(*targets, strict=True)))
