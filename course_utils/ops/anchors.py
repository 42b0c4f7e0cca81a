"""Anchors: boxes of fixed shapes about every position of a feature map.

Ren et al. 2015 ask at each position whether one of these boxes holds an object, and how
it has to be moved. Their order is that of `flatten_map` in `course_utils.models.rpn`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes
from course_utils.ops.validators import Size, check_above_zero, check_map_size


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """The anchors of one position, about the point (0, 0), in whole pixels.

    An anchor of size s and ratio r covers about s^2 square pixels, and its height is r
    times its width. All sizes of the first ratio come first.

    Args:
        sizes: square roots of areas, in pixels of the image.
        ratios: height over width.

    Returns (A, 4) float xyxy. Raises ValueError unless all are above zero.
    """
    check_above_zero(sizes=sizes, ratios=ratios)
    size, root = torch.tensor(sizes).float(), torch.tensor(ratios).float().sqrt()
    heights = (root[:, None] * size).flatten()
    widths = ((1 / root)[:, None] * size).flatten()
    return (torch.stack([-widths, -heights, widths, heights], dim=1) / 2).round()


def map_stride(image_size: Size, map_size: Size) -> tuple[int, int]:
    """Rows and columns of pixels from one position of a map to the next.

    Both sizes are (height, width). Raises ValueError if the map is empty or has more
    positions than the image has pixels.
    """
    check_map_size(map_size, image_size)
    return image_size[0] // map_size[0], image_size[1] // map_size[1]


def anchor_grid(cell: Tensor, *, map_size: Size, stride: tuple[int, int]) -> Tensor:
    """The anchors of all positions of a map, in pixels of the image.

    Args:
        cell: (A, 4) xyxy, the anchors about (0, 0); see `cell_anchors`.
        map_size: height H and width W of the feature map.
        stride: rows and columns of pixels between two positions.

    Returns (H * W * A, 4): row after row, in a row position after position, and at each
    position the anchors of `cell`, moved to (column * stride, row * stride).
    """
    cell = as_boxes(cell, "cell")
    y = torch.arange(map_size[0], device=cell.device) * stride[0]
    x = torch.arange(map_size[1], device=cell.device) * stride[1]
    shift_y, shift_x = torch.meshgrid(y, x, indexing="ij")  # (H, W) each
    shifts = torch.stack([shift_x, shift_y, shift_x, shift_y], dim=-1)  # (H, W, 4)
    return (shifts[:, :, None] + cell).flatten(0, 2)
