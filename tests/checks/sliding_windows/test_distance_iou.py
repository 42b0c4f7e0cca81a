"""Answers to distance_iou, and its oracle beside torchvision."""

import math

import cheats
import numpy as np
import torch
import torchvision

from course_utils.checking.check import random_boxes
from course_utils.checks.sliding_windows.distance_iou import (
    check_distance_iou,
    slow_distance_iou,
)


def in_loops(a, b):
    values = torch.zeros(len(a), len(b), dtype=torch.float64)
    for i, (ax1, ay1, ax2, ay2) in enumerate(a.tolist()):
        for j, (bx1, by1, bx2, by2) in enumerate(b.tolist()):
            w = max(0, min(ax2, bx2) - max(ax1, bx1))
            h = max(0, min(ay2, by2) - max(ay1, by1))
            union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - w * h
            hull_w = max(ax2, bx2) - min(ax1, bx1)
            hull_h = max(ay2, by2) - min(ay1, by1)
            apart = math.hypot((ax1 + ax2 - bx1 - bx2) / 2, (ay1 + ay2 - by1 - by2) / 2)
            values[i, j] = w * h / union if union else 0
            if hull_w or hull_h:
                values[i, j] -= (apart / math.hypot(hull_w, hull_h)) ** 2
    return values


def by_cdist(a, b):
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


def by_numpy(a, b):
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


def broadcast(a, b, *, epsilon=1e-12, over_union=False, with_overlap=True):
    """An answer of a few lines of torch, as most learners write it."""
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - (overlap if with_overlap else 0)
    c2 = union if over_union else (low[..., 2:] - high[..., :2]).square().sum(-1)
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    rho2 = (centres[0][:, None] - centres[1]).square().sum(-1)
    return overlap / union.clamp(min=epsilon) - rho2 / c2.clamp(min=epsilon)


RIGHT = [in_loops, by_cdist, by_numpy]
WRONG = [
    (lambda a, b: broadcast(a, b, over_union=True), "apart in x, sharing rows"),
    (lambda a, b: broadcast(a, b, epsilon=0), "received nan"),
    (lambda a, b: broadcast(a, b, epsilon=1), "boxes smaller than a pixel"),
    (lambda a, b: broadcast(a, b, with_overlap=False), "the same box"),
    (lambda a, b: broadcast(a, b).clamp(min=0), "boxes apart get less than 0"),
    (lambda a, b: broadcast(b, a), "expected shape"),
    (lambda a, b: broadcast(a, b).diagonal(), "expected shape"),
    (
        lambda a, b: torch.stack([broadcast(row[None], b)[0] for row in a]),
        "no boxes in `a`",
    ),
    (
        torchvision.ops.distance_box_iou,
        "torchvision.ops.boxes.distance_box_iou is switched off",
    ),
    (cheats.returns(cheats.EqualToAll()), "expected a tensor"),
]


def test_distance_iou_agrees_with_torchvision():
    generator = torch.Generator().manual_seed(11)
    a, b = (random_boxes(n, generator=generator) for n in (30, 21))
    right = torchvision.ops.distance_box_iou(a, b)
    torch.testing.assert_close(slow_distance_iou(a, b), right)
    mistaken = check_distance_iou.wrong
    generalized = mistaken["this is the generalised IoU"](a, b)
    torch.testing.assert_close(generalized, torchvision.ops.generalized_box_iou(a, b))
    alone = mistaken["this is the IoU alone; boxes apart get less than 0"](a, b)
    torch.testing.assert_close(alone, torchvision.ops.box_iou(a, b))
