"""Anchors as YOLO v2 and v3 use them: where each stands, and what its answer means.

Redmon and Farhadi 2017 and 2018. An image is cut into the cells of one or more maps.
Each cell has a few anchors: shapes without a place of their own. An anchor answers with
four numbers t; its box is

    centre = corner of the cell + sigmoid(t_x, t_y) * size of the cell
    sides  = sides of the anchor * exp(t_w, t_h)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, xyxy_to_cxcywh
from course_utils.ops.shape_clusters import as_shapes, shape_iou
from course_utils.ops.yolo_grid import Pair, check_objects

LARGEST_GROWTH = math.log(1000 / 16)  # of a side, so that no answer overflows


class AnchorCells(NamedTuple):
    """The cell and the shape of each of P anchors, in pixels of the image."""

    low: Tensor  # (P, 2) x, y of the cell's left upper corner
    high: Tensor  # (P, 2) of its right lower corner, which is the next cell's
    shapes: Tensor  # (P, 2) width, height of the anchor


def anchor_cells(shapes: Tensor, *, map_size: Pair, image_size: Pair) -> AnchorCells:
    """The anchors of one map: (K, 2) shapes in each of its H x W cells.

    The rows stand in the order of `flatten_map`: row after row of cells, in a row cell
    after cell, in a cell the anchors as given. Both sizes are (height, width).
    """
    shapes = as_shapes(shapes)
    if min(map_size) < 1 or min(image_size) < 1:
        raise ValueError(
            f"the map is {map_size} and the image {image_size}, but 1 or more cells "
            "and pixels were expected"
        )
    y, x = (
        torch.linspace(0, pixels, cells + 1).to(shapes)
        for cells, pixels in zip(map_size, image_size, strict=True)
    )
    low = torch.cartesian_prod(y[:-1], x[:-1]).flip(1)  # (H * W, 2) of x, y
    high = torch.cartesian_prod(y[1:], x[1:]).flip(1)
    return AnchorCells(
        low.repeat_interleave(len(shapes), dim=0),
        high.repeat_interleave(len(shapes), dim=0),
        shapes.repeat(len(low), 1),
    )


def join_cells(maps: Sequence[AnchorCells]) -> AnchorCells:
    """The anchors of several maps, one map after the other."""
    return AnchorCells(*map(torch.cat, zip(*maps, strict=True)))


def decode_centres(answers: Tensor, cells: AnchorCells, *, is_free: bool) -> Tensor:
    """The centres (..., P, 2) of boxes, in pixels, from t_x and t_y.

    With a sigmoid they stay in their cell. Free ones are those of an RPN: they start in
    the middle of the cell, move by sides of the anchor, and may end anywhere.
    """
    size = cells.high - cells.low
    if is_free:
        return cells.low + size / 2 + cells.shapes * answers[..., :2]
    return cells.low + size * answers[..., :2].sigmoid()


def decode_anchors(
    answers: Tensor, cells: AnchorCells, *, is_free: bool = False
) -> Tensor:
    """The boxes that the answers of all anchors mean.

    Args:
        answers: (..., P, 4) of t_x, t_y, t_w, t_h.
        cells: of the P anchors.
        is_free: whether centres may leave their cells; see `decode_centres`.

    Returns (..., P, 4) xyxy pixels, not clipped. Raises ValueError if the shapes do not
    fit together.
    """
    if answers.shape[-2:] != (len(cells.shapes), 4):
        raise ValueError(
            f"answers has shape {tuple(answers.shape)}, but (..., {len(cells.shapes)}, "
            "4) was expected: four numbers for each anchor of the cells"
        )
    centre = decode_centres(answers, cells, is_free=is_free)
    half = cells.shapes * answers[..., 2:].clamp(max=LARGEST_GROWTH).exp() / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def own_anchors(boxes: Tensor, cells: AnchorCells, image_size: Pair) -> Tensor:
    """The anchor that is to find each object: (N, 4) boxes -> (N,) int64 of P.

    Of all anchors in whose cell the object has its centre, on whatever map, it is the
    one whose shape has the highest IoU with the object's; the first of equal ones. A
    centre on the right or lower border belongs to the last cell.

    Raises ValueError if a box has no area, or its centre lies outside the image.
    """
    boxes = as_boxes(boxes)
    check_objects(boxes, boxes[:, 0], image_size)
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    limit = centre.new_tensor(image_size).flip(0)  # x, y
    # The last cell ends at the border, and is half-open like all others.
    centre = centre.minimum(limit.nextafter(torch.zeros_like(limit)))[:, None]
    is_inside = ((cells.low <= centre) & (centre < cells.high)).all(dim=-1)  # (N, P)
    fit = shape_iou(sides, cells.shapes)
    return fit.where(is_inside, -1).argmax(dim=1)


def inside_and_growth(boxes: Tensor, cells: AnchorCells) -> tuple[Tensor, Tensor]:
    """What anchors are to answer for their boxes: (N, 4) boxes, N cells -> two (N, 2).

    Where in its cell a box has its centre, from 0 to 1 if it lies inside, and the
    logarithm of how much the anchor's sides have to grow.
    """
    centre, sides = xyxy_to_cxcywh(boxes).view(-1, 2, 2).unbind(1)
    inside = (centre - cells.low) / (cells.high - cells.low)
    return inside, torch.log(sides / cells.shapes)
