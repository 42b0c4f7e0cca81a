"""Boxes: how they are written, how much they overlap, and the code of a regressor.

A box is float xyxy in pixels, half-open: its width is x2 - x1, and the whole image is
(0, 0, W, H). Other ways of writing it stand in a function's name. Integers and half
precision become float32 first, because areas overflow them.
"""

import math

import torch
from torch import Tensor

from course_utils.ops.validators import check_boxes, check_image_size

Weights = tuple[float, float, float, float]
# With these, the four targets of a box head have a spread of about 1: shifts are about
# a tenth of a side, and logarithms of a side's growth about a fifth.
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)


def as_boxes(boxes: Tensor, name: str = "boxes") -> Tensor:
    """The boxes in float32 or float64. Raises ValueError unless they are (N, 4)."""
    check_boxes(boxes, name)
    return boxes if boxes.dtype in (torch.float32, torch.float64) else boxes.float()


def as_pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float boxes. Raises ValueError unless there are as many of each."""
    a, b = as_boxes(a, "a"), as_boxes(b, "b")
    if len(a) != len(b):
        raise ValueError(
            f"there are {len(a)} and {len(b)} boxes, but pairs need as many of each: "
            "for every box of one with every box of the other, use box_iou"
        )
    return a, b


def xyxy_to_xywh(boxes: Tensor) -> Tensor:
    """Corner and size: (N, 4) xyxy -> (N, 4) of x1, y1, width, height."""
    x1, y1, x2, y2 = as_boxes(boxes).unbind(-1)
    return torch.stack([x1, y1, x2 - x1, y2 - y1], dim=-1)


def xywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Two corners: (N, 4) of x1, y1, width, height -> (N, 4) xyxy."""
    x, y, width, height = as_boxes(boxes).unbind(-1)
    return torch.stack([x, y, x + width, y + height], dim=-1)


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """Centre and size: (N, 4) xyxy -> (N, 4) of centre x, centre y, width, height."""
    x1, y1, x2, y2 = as_boxes(boxes).unbind(-1)
    return torch.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dim=-1)


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Two corners: (N, 4) of centre x, centre y, width, height -> (N, 4) xyxy."""
    x, y, width, height = as_boxes(boxes).unbind(-1)
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    return torch.stack(corners, dim=-1)


def voc_to_xyxy(boxes: Tensor) -> Tensor:
    """Half-open boxes from (N, 4) as Pascal VOC writes them: pixels 1 to W, both in."""
    boxes = as_boxes(boxes)
    return boxes - boxes.new_tensor([1, 1, 0, 0])


def xyxy_to_voc(boxes: Tensor) -> Tensor:
    """(N, 4) boxes as Pascal VOC writes them: the first pixel is 1, the last is in."""
    boxes = as_boxes(boxes)
    return boxes + boxes.new_tensor([1, 1, 0, 0])


def image_limits(boxes: Tensor, height: float, width: float) -> Tensor:
    """How far x, y, x and y of a box may go: (4,) of W, H, W, H.

    On the device of `boxes`. Raises ValueError unless both sides are positive.
    """
    check_image_size(height, width)
    return boxes.new_tensor([width, height, width, height])


def normalize_boxes(boxes: Tensor, height: float, width: float) -> Tensor:
    """The same (N, 4) boxes in fractions of the image; any format of corner or size."""
    boxes = as_boxes(boxes)
    return boxes / image_limits(boxes, height, width)


def denormalize_boxes(boxes: Tensor, height: float, width: float) -> Tensor:
    """The same (N, 4) boxes in pixels, from fractions of the image."""
    boxes = as_boxes(boxes)
    return boxes * image_limits(boxes, height, width)


def clip_boxes(boxes: Tensor, height: float, width: float) -> Tensor:
    """The part of each (N, 4) box inside the image; empty if the box lies outside."""
    boxes = as_boxes(boxes)
    return boxes.clamp(min=0).minimum(image_limits(boxes, height, width))


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Indices (K,) int64 of the boxes whose width and height are >= `min_size`."""
    sides = as_boxes(boxes)[:, 2:] - boxes[:, :2]
    return (sides >= min_size).all(dim=1).nonzero().squeeze(1)


def box_area(boxes: Tensor) -> Tensor:
    """Area of each box in square pixels, (N, 4) -> (N,); 0 where x2 < x1 or y2 < y1."""
    boxes = as_boxes(boxes)
    width, height = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).unbind(-1)
    return width * height


def box_overlap(a: Tensor, b: Tensor) -> Tensor:
    """Area that boxes share: (..., 4) and (..., 4) that broadcast -> (...)."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unbind(-1), b.unbind(-1)
    width = torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)
    height = torch.minimum(ay2, by2) - torch.maximum(ay1, by1)
    # Without the clamp, two negative sides of disjoint boxes give a positive area.
    return width.clamp(min=0) * height.clamp(min=0)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """`part / whole`, and 0 where the whole is empty, with a finite gradient."""
    # An empty whole has an empty part, so that dividing by 1 gives the 0 we want.
    return part / whole.where(whole > 0, 1)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every box in `a` with every box in `b`.

    (N, 4) and (M, 4) boxes -> (N, M) values in [0, 1]; 0 where both boxes are empty.
    """
    a, b = as_boxes(a, "a"), as_boxes(b, "b")
    overlap = box_overlap(a[:, None], b[None, :])  # (N, M)
    union = box_area(a)[:, None] + box_area(b)[None, :] - overlap
    return ratio(overlap, union)


def paired_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each box with its partner: two (N, 4) -> (N,)."""
    a, b = as_pairs(a, b)
    overlap = box_overlap(a, b)  # (N,)
    return ratio(overlap, box_area(a) + box_area(b) - overlap)


def hull_area(a: Tensor, b: Tensor) -> Tensor:
    """Area of the smallest box around both: (..., 4) that broadcast -> (...)."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unbind(-1), b.unbind(-1)
    width = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    height = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    return width.clamp(min=0) * height.clamp(min=0)


def generalized_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU minus the share of the common hull that neither box covers.

    Rezatofighi et al. 2019: unlike IoU, it still falls when disjoint boxes move apart.
    (N, 4) and (M, 4) boxes -> (N, M) values in (-1, 1]; 0 for twice the same empty box.
    """
    a, b = as_boxes(a, "a"), as_boxes(b, "b")
    overlap = box_overlap(a[:, None], b[None, :])  # (N, M)
    union = box_area(a)[:, None] + box_area(b)[None, :] - overlap
    hull = hull_area(a[:, None], b[None, :])
    return ratio(overlap, union) - ratio(hull - union, hull)


def paired_generalized_box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of each box with its partner: two (N, 4) -> (N,)."""
    a, b = as_pairs(a, b)
    overlap, hull = box_overlap(a, b), hull_area(a, b)  # (N,)
    union = box_area(a) + box_area(b) - overlap
    return ratio(overlap, union) - ratio(hull - union, hull)


def encode_boxes(
    targets: Tensor, reference: Tensor, *, weights: Weights = (1, 1, 1, 1)
) -> Tensor:
    """What a regressor must answer at `reference` to arrive at `targets`.

    Girshick et al. 2014, eq. 6-9: the shift of the centre in units of the reference's
    sides, and the logarithm of the change of the sides, each times its weight. Filter
    boxes without width or height before: their code is infinite.

    Args:
        targets: (N, 4) xyxy boxes to be reached; the result is (N, 4) too.
        reference: (N, 4) xyxy boxes to start from, such as proposals or anchors.
        weights: of x, y, width and height; the box head of Fast R-CNN has 10, 10, 5, 5.
    """
    targets, reference = as_pairs(targets, reference)
    end, start = xyxy_to_cxcywh(targets), xyxy_to_cxcywh(reference)
    shift = (end[:, :2] - start[:, :2]) / start[:, 2:]
    growth = torch.log(end[:, 2:] / start[:, 2:])
    return torch.cat([shift, growth], dim=1) * targets.new_tensor(weights)


def decode_boxes(
    deltas: Tensor,
    reference: Tensor,
    *,
    weights: Weights = (1, 1, 1, 1),
    clamp: float = math.log(1000 / 16),
) -> Tensor:
    """Boxes that a regressor's answers mean: the inverse of `encode_boxes`.

    Args:
        deltas: (N, 4), or (N, 4 * K) with class k in columns 4k to 4k + 3.
        reference: (N, 4) xyxy boxes that the answers are relative to.
        weights: those of the encoding.
        clamp: highest logarithm of a side's growth, so that no answer overflows.

    Returns (N, 4) xyxy boxes, or (N, K, 4) for K > 1 classes. Raises ValueError if the
    shapes do not fit together.
    """
    start = xyxy_to_cxcywh(as_boxes(reference, "reference"))[:, None]  # (N, 1, 4)
    if deltas.ndim != 2 or len(deltas) != len(start) or deltas.shape[1] % 4:
        raise ValueError(
            f"deltas has shape {tuple(deltas.shape)}, but ({len(start)}, 4 * classes) "
            "was expected: one row for each reference box"
        )
    code = as_boxes(deltas.reshape(-1, 4)).reshape(len(start), deltas.shape[1] // 4, 4)
    code = code / code.new_tensor(weights)  # (N, K, 4)
    centre = start[..., :2] + start[..., 2:] * code[..., :2]
    half = start[..., 2:] * code[..., 2:].clamp(max=clamp).exp() / 2
    boxes = torch.cat([centre - half, centre + half], dim=-1)  # (N, K, 4)
    return boxes[:, 0] if boxes.shape[1] == 1 else boxes
