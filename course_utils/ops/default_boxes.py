"""The default boxes of SSD: fixed boxes about each cell of several maps.

Liu et al. 2016. A fine map has small boxes and a coarse one large boxes, so that each
object finds some of about its own size. Sides are fractions of the image's sides.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.ops.validators import Size, check_above_zero

# SSD300 as released: 8,732 boxes on maps of these sides.
SSD300_MAPS = (38, 19, 10, 5, 3, 1)
SSD300_STRIDES = (8, 16, 32, 64, 100, 300)  # pixels from one centre to the next
SSD300_SCALES = tuple(pixels / 300 for pixels in (30, 60, 111, 162, 213, 264, 315))
SSD300_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))


def default_box_scales(
    maps: int, *, smallest: float = 0.2, largest: float = 0.9
) -> list[float]:
    """Scales in equal steps from the first map to the last: eq. 4 of the paper.

    Returns `maps` numbers, fractions of the image; of a single map the smallest. Raises
    ValueError if there is no map, or the scales do not rise from above 0.
    """
    if maps < 1 or not 0 < smallest <= largest:
        raise ValueError(
            f"maps is {maps}, smallest {smallest} and largest {largest}, but 1 map or "
            "more and 0 < smallest <= largest were expected"
        )
    step = (largest - smallest) / max(maps - 1, 1)
    return [smallest + step * k for k in range(maps)]


def box_shapes(scale: float, next_scale: float, ratios: Sequence[float]) -> Tensor:
    """Widths and heights of the default boxes of one cell, in fractions of the image.

    A square of scale s, one of sqrt(s * next s), then for each ratio a box of width
    s sqrt(ratio) and height s / sqrt(ratio), and the same box turned.

    Args:
        scale: of this map.
        next_scale: of the next coarser map.
        ratios: width over height. Each stands for 1 / a as well; 1 is left out, since
            the first square has it.

    Returns (2 + 2 * ratios, 2). Raises ValueError unless all are above 0.
    """
    check_above_zero(scale=scale, next_scale=next_scale, ratios=(1, *ratios))
    between = math.sqrt(scale * next_scale)
    shapes = [(scale, scale), (between, between)]
    for ratio in ratios:
        width, height = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        shapes += [(width, height), (height, width)]
    return torch.tensor(shapes)


def cell_centres(map_size: Size, image_size: Size, stride: int | None) -> Tensor:
    """The middle of each cell of a map, row after row: (H * W, 2) of x, y in pixels.

    Without a stride, the cells fill the image.
    """
    (rows, columns), (height, width) = map_size, image_size
    step_y, step_x = (stride, stride) if stride else (height / rows, width / columns)
    y = (torch.arange(rows) + 0.5) * step_y
    x = (torch.arange(columns) + 0.5) * step_x
    return torch.cartesian_prod(y, x).flip(1)  # y turns slowly, x comes first


def map_default_boxes(
    shapes: Tensor,
    *,
    map_size: Size,
    image_size: Size,
    stride: int | None = None,
) -> Tensor:
    """The default boxes of one map, in pixels of the image; they may reach out of it.

    Args:
        shapes: (A, 2) widths and heights in fractions of the image; see `box_shapes`.
        map_size: height H and width W of the map.
        image_size: height and width of the image, in pixels.
        stride: pixels between two centres; without it, the cells fill the image.

    Returns (H * W * A, 4) xyxy: row after row, in a row cell after cell, and in a cell
    in the order of the shapes.
    """
    centres = cell_centres(map_size, image_size, stride)[:, None]  # (H * W, 1, 2)
    half = shapes * torch.tensor(image_size[::-1]) / 2  # (A, 2)
    return torch.cat([centres - half, centres + half], dim=-1).flatten(0, 1)


def default_boxes(
    map_sizes: Sequence[Size],
    image_size: Size,
    *,
    scales: Sequence[float] = SSD300_SCALES,
    ratios: Sequence[Sequence[float]] = SSD300_RATIOS,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The default boxes of all maps, one map after the other.

    Args:
        map_sizes: height and width of each map.
        image_size: height and width of the image, in pixels.
        scales: one for each map, and one more for the last map's second square.
        ratios: for each map; see `box_shapes`.
        strides: for each map; see `map_default_boxes`.

    Returns (N, 4) xyxy. Raises ValueError if the settings are not of as many maps.
    """
    check_maps(map_sizes, scales, ratios, strides)
    boxes = []
    for k, map_size in enumerate(map_sizes):
        shapes = box_shapes(scales[k], scales[k + 1], ratios[k])
        stride = strides[k] if strides else None
        boxes.append(
            map_default_boxes(
                shapes, map_size=map_size, image_size=image_size, stride=stride
            )
        )
    return torch.cat(boxes)


def check_maps(
    map_sizes: Sequence[Size],
    scales: Sequence[float],
    ratios: Sequence[Sequence[float]],
    strides: Sequence[int] | None,
) -> None:
    """Raises ValueError unless there are settings for each map, and none is empty."""
    counts = {"map_sizes": len(map_sizes), "ratios": len(ratios)}
    counts |= {"scales, less one": len(scales) - 1}
    counts |= {} if strides is None else {"strides": len(strides)}
    if len(set(counts.values())) > 1 or not map_sizes:
        raise ValueError(
            f"settings are for {counts} maps, but as many of each were expected, and "
            "one scale more: the last map's second square needs it"
        )
    if min(min(size) for size in map_sizes) < 1:
        raise ValueError(
            f"the maps have sizes {list(map_sizes)}, but at least one cell each was "
            "expected: use a larger image"
        )
