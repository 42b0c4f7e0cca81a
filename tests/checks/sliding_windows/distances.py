"""Answers to the task distance_iou, right ones first."""

import math

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import distance_box_iou


def distance_iou_in_loops(a: Tensor, b: Tensor) -> Tensor:
    values = torch.zeros(len(a), len(b), dtype=torch.float64)
    for i, (ax1, ay1, ax2, ay2) in enumerate(a.tolist()):
        for j, (bx1, by1, bx2, by2) in enumerate(b.tolist()):
            w = max(0, min(ax2, bx2) - max(ax1, bx1))
            h = max(0, min(ay2, by2) - max(ay1, by1))
            union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - w * h
            hull_w, hull_h = (
                max(ax2, bx2) - min(ax1, bx1),
                max(ay2, by2) - min(ay1, by1),
            )
            apart = math.hypot((ax1 + ax2 - bx1 - bx2) / 2, (ay1 + ay2 - by1 - by2) / 2)
            values[i, j] = w * h / union if union else 0
            if hull_w or hull_h:
                values[i, j] -= (apart / math.hypot(hull_w, hull_h)) ** 2
    return values


def distance_iou_by_cdist(a: Tensor, b: Tensor) -> Tensor:
    """Centres by `cdist`, sides one by one, 0 / 0 by `nan_to_num`."""
    x1, y1, x2, y2 = a.double().T[..., None]
    u1, v1, u2, v2 = b.double().T[:, None]
    w = (x2.minimum(u2) - x1.maximum(u1)).relu()
    h = (y2.minimum(v2) - y1.maximum(v1)).relu()
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - w * h
    c = torch.hypot(x2.maximum(u2) - x1.minimum(u1), y2.maximum(v2) - y1.minimum(v1))
    centres = [(boxes[:, :2] + boxes[:, 2:]).double() / 2 for boxes in (a, b)]
    penalty = (torch.cdist(*centres) / c).square()
    return (w * h / union).nan_to_num(0) - penalty.nan_to_num(0)


def distance_iou_by_numpy(a: Tensor, b: Tensor) -> Tensor:
    p, q = a.numpy()[:, None], b.numpy()[None]
    sides = np.minimum(p[..., 2:], q[..., 2:]) - np.maximum(p[..., :2], q[..., :2])
    overlap = np.prod(np.maximum(sides, 0), axis=-1)
    area_p, area_q = (np.prod(x[..., 2:] - x[..., :2], axis=-1) for x in (p, q))
    union = area_p + area_q - overlap
    iou = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    hull = np.maximum(p[..., 2:], q[..., 2:]) - np.minimum(p[..., :2], q[..., :2])
    c = (hull**2).sum(-1)
    gap = (((p[..., :2] + p[..., 2:]) - (q[..., :2] + q[..., 2:])) ** 2).sum(-1) / 4
    return torch.from_numpy(iou - np.divide(gap, c, out=np.zeros_like(c), where=c > 0))


def distance_iou(
    a: Tensor,
    b: Tensor,
    *,
    clamps: bool = True,
    squares: bool = True,
    below: str = "diagonal",
    corner: bool = False,
    sign: float = -1,
    epsilon: float = 1e-12,
    with_overlap: bool = True,
) -> Tensor:
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    sides = high[..., 2:] - low[..., :2]
    overlap = (sides.clamp(min=0) if clamps else sides).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - (overlap if with_overlap else 0)
    hull = low[..., 2:] - high[..., :2]
    c2 = hull.square().sum(-1) if below == "diagonal" else hull.prod(-1)
    if below == "union":
        c2 = union
    centres = [x[:, :2] if corner else (x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    rho2 = (centres[0][:, None] - centres[1]).square().sum(-1)
    if not squares:
        rho2, c2 = rho2.sqrt(), c2.sqrt()
    return overlap / union.clamp(min=epsilon) + sign * rho2 / c2.clamp(min=epsilon)


def iou_alone(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, sign=0)


def without_clamp(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, clamps=False)


def not_squared(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, squares=False)


def over_area(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, below="area")


def over_union(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, below="union")


def between_corners(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, corner=True)


def added_penalty(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, sign=1)


def transposed(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(b, a)


def paired_only(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b).diagonal()


def not_a_number(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, epsilon=0)


def large_epsilon(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, epsilon=1)


def union_counts_twice(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b, with_overlap=False)


def by_torchvision(a: Tensor, b: Tensor) -> Tensor:
    return distance_box_iou(a, b)


def generalized(a: Tensor, b: Tensor) -> Tensor:
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - overlap
    hull = (low[..., 2:] - high[..., :2]).prod(-1)
    iou = (overlap / union).nan_to_num(0)
    return iou - ((hull - union) / hull).nan_to_num(0)


def crashes_on_none(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([distance_iou(row[None], b)[0] for row in a])


def as_loss(a: Tensor, b: Tensor) -> Tensor:
    return 1 - distance_iou(a, b)


def inclusive(a: Tensor, b: Tensor) -> Tensor:
    ends = torch.tensor([0.0, 0, 1, 1])
    return distance_iou(a + ends, b + ends)


def never_negative(a: Tensor, b: Tensor) -> Tensor:
    return distance_iou(a, b).clamp(min=0)
