"""Sliding windows: how many there are, where they lie, and looking at all of them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.ops.boxes import as_boxes, clip_boxes
from course_utils.ops.validators import check_at_least


def count_windows(
    height: int, width: int, window_height: int, window_width: int, *, stride: int = 1
) -> int:
    """How many windows of one size lie inside an image; 0 if it is larger.

    Windows start at every `stride`-th pixel of both axes. Raises ValueError if a size
    or the stride is not positive.
    """
    check_at_least(1, window_height=window_height, window_width=window_width)
    check_at_least(1, height=height, width=width, stride=stride)
    rows = max((height - window_height) // stride + 1, 0)
    columns = max((width - window_width) // stride + 1, 0)
    return rows * columns


def count_boxes(height: int, width: int) -> int:
    """How many boxes with corners on whole pixels an image holds, of every size.

    Two of the H + 1 lines between rows bound a box, and two of the W + 1 between
    columns. Raises ValueError if a side is not positive.
    """
    check_at_least(1, height=height, width=width)
    return (height * (height + 1) // 2) * (width * (width + 1) // 2)


def window_grid(
    height: int, width: int, window_height: int, window_width: int, *, stride: int
) -> Tensor:
    """Every window of one size: (N, 4) float xyxy, row by row, from left to right.

    N is `count_windows`; (0, 4) if the window is larger than the image. Raises
    ValueError if a size or the stride is not positive.
    """
    check_at_least(1, window_height=window_height, window_width=window_width)
    check_at_least(1, height=height, width=width, stride=stride)
    y = torch.arange(0, max(height - window_height + 1, 0), stride)
    x = torch.arange(0, max(width - window_width + 1, 0), stride)
    y, x = (side.flatten() for side in torch.meshgrid(y, x, indexing="ij"))
    return torch.stack([x, y, x + window_width, y + window_height], dim=1).float()


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Height and width of an image after scaling: whole pixels, at least one."""
    return max(round(height * scale), 1), max(round(width * scale), 1)


def pyramid_scales(
    height: int, width: int, *, window: int, factor: float
) -> list[float]:
    """Scales 1, factor, factor^2, ... while a square window still fits in the image.

    At scale s, a window of side w sees objects of side w / s. Empty if the window does
    not fit even at scale 1. Raises ValueError unless factor is between 0 and 1.
    """
    check_at_least(1, height=height, width=width, window=window)
    check_factor(factor)
    scales: list[float] = []
    while round(min(height, width) * factor ** len(scales)) >= window:
        scales.append(factor ** len(scales))
    return scales


def check_factor(factor: float) -> None:
    """Raise ValueError unless it is between 0 and 1."""
    if not 0 < factor < 1:
        raise ValueError(
            f"factor is {factor}, but a value between 0 and 1 was expected: "
            "each level is that much smaller than the one before, such as 0.8"
        )


def image_pyramid(image: Tensor, scales: Sequence[float]) -> list[Tensor]:
    """The image at each scale: (C, H, W) -> one (C, h, w) per scale, bilinear.

    Shrinking averages all the pixels that fall into one, so that thin things fade
    rather than flicker. Sides are rounded to whole pixels.
    """
    height, width = image.shape[-2:]
    return [resize(image, scaled_size(height, width, scale)) for scale in scales]


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The image at another height and width: (C, H, W) -> (C, *size), bilinear."""
    if tuple(image.shape[-2:]) == size:
        return image.clone()
    return F.interpolate(
        image[None], size=size, mode="bilinear", align_corners=False, antialias=True
    ).squeeze(0)


def crop_and_resize(image: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """What each box holds, all at one size: (C, H, W) and (N, 4) -> (N, C, *size).

    Boxes are rounded to whole pixels and clipped to the image; the shape of a box is
    not kept. Raises ValueError for a box without a pixel of the image.

    Args:
        image: (C, H, W) float.
        boxes: (N, 4) xyxy.
        size: height and width of the crops.
    """
    check_at_least(1, crop_height=size[0], crop_width=size[1])
    height, width = image.shape[-2:]
    inside = clip_boxes(as_boxes(boxes).round(), height, width).long()
    check_pixels(inside, boxes, height, width)
    crops = [image.new_zeros(0, image.shape[0], *size)]
    for x1, y1, x2, y2 in inside.tolist():
        crops.append(resize(image[:, y1:y2, x1:x2], size)[None])
    return torch.cat(crops)


def check_pixels(inside: Tensor, boxes: Tensor, height: int, width: int) -> None:
    """Raise ValueError unless the part of each box inside the image holds a pixel."""
    is_empty = (inside[:, 2:] <= inside[:, :2]).any(dim=1)
    if is_empty.any():
        raise ValueError(
            f"the box {boxes[is_empty][0].tolist()} holds no pixel of the {height} x "
            f"{width} image, but at least one was expected: drop such boxes with "
            "remove_small_boxes"
        )
