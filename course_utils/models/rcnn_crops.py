"""What R-CNN's network sees of a proposal: the box with context, warped to a square."""

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, cxcywh_to_xyxy, xyxy_to_cxcywh


def add_context(boxes: Tensor, *, crop_size: int, context: int) -> Tensor:
    """Boxes grown so that `context` pixels of a crop show what lies around them.

    Girshick et al. 2014, appendix A: sides grow by crop_size / (crop_size - 2 context),
    each about the box's own centre. (N, 4) xyxy -> (N, 4), perhaps beyond the image.
    """
    if not 0 <= 2 * context < crop_size:
        raise ValueError(
            f"context is {context} and crop_size {crop_size}, but 0 <= 2 * context < "
            "crop_size was expected: something of the box itself has to be seen"
        )
    growth = crop_size / (crop_size - 2 * context)
    return cxcywh_to_xyxy(
        xyxy_to_cxcywh(boxes) * boxes.new_tensor([1, 1, growth, growth])
    )


def sampling_weights(
    start: Tensor, end: Tensor, *, crop_size: int, length: int
) -> tuple[Tensor, Tensor]:
    """How much of each pixel goes into each pixel of a crop, along one axis.

    A pixel of the crop is a mean of the image's pixels around its centre, the nearer
    ones with more weight; where the crop shrinks the image, of more of them. Pixels
    beyond the image have no weight.

    (N,) starts and ends in pixels of an image `length` long -> weights
    (N, crop_size, length), rows of sum 1, and (N, crop_size) whether a centre lies in
    the image.
    """
    step = (end - start)[:, None] / crop_size  # (N, 1) pixels of the image a pixel
    places = torch.arange(crop_size, device=start.device) + 0.5
    centres = start[:, None] + places * step  # (N, crop_size)
    pixels = torch.arange(length, device=start.device) + 0.5
    distance = (pixels - centres[..., None]).abs() / step.clamp(min=1)[..., None]
    weights = (1 - distance).clamp(min=0)  # a tent: bilinear, wider when shrinking
    total = weights.sum(dim=-1, keepdim=True)
    is_inside = (centres >= 0) & (centres <= length)
    return weights / total.where(total > 0, 1), is_inside


def check_area(boxes: Tensor) -> Tensor:
    """The (N, 4) boxes as float. Raises ValueError if one of them has no area."""
    boxes = as_boxes(boxes)
    is_flat = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
    if is_flat.any():
        raise ValueError(
            f"the box {boxes[is_flat][0].tolist()} has no area, but x1 < x2 and "
            "y1 < y2 were expected: drop such boxes with remove_small_boxes"
        )
    return boxes


def warp(
    image: Tensor, boxes: Tensor, *, crop_size: int, context: int = 0, fill: Tensor
) -> Tensor:
    """What each box holds, stretched to a square: (N, C, crop_size, crop_size).

    The shape of a box is not kept. What lies outside the image shows `fill`. Raises
    ValueError for a box without area.

    Args:
        image: (C, H, W) float.
        boxes: (N, 4) xyxy.
        crop_size: side of the crops.
        context: pixels around the box at each side of its crop; see `add_context`.
        fill: (C,) colour of what is outside.
    """
    boxes = check_area(boxes)
    x1, y1, x2, y2 = add_context(boxes, crop_size=crop_size, context=context).unbind(1)
    height, width = image.shape[-2:]
    down, in_rows = sampling_weights(y1, y2, crop_size=crop_size, length=height)
    right, in_columns = sampling_weights(x1, x2, crop_size=crop_size, length=width)
    rows = torch.einsum("nsh,chw->ncsw", down, image)  # (N, C, crop_size, W)
    crops = rows @ right[:, None].transpose(2, 3)  # (N, C, crop_size, crop_size)
    is_inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return crops.where(is_inside, fill.to(crops)[:, None, None])
