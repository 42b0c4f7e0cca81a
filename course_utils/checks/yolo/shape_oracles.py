"""A slow answer to assignment 05 about clusters of shapes, and its mistakes.

It works on Python numbers, one shape at a time, so that it shares no step with a good
answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Numbers = Sequence[float]


def slow_cluster_shapes(
    shapes: Tensor,
    start: Tensor,
    steps: int,
    *,
    distance: str = "IoU",
    centre: str = "median",
    empty: str = "stays",
    ties: str = "first",
    order: str = "by area",
    mean: str = "of the last",
    turns: int = 0,
) -> tuple[Tensor, Tensor]:
    """(k, 2) anchors and their mean best IoU, shape by shape."""
    points: list[Numbers] = shapes.double().tolist()
    anchors: list[Numbers] = start.double().tolist()
    before = anchors
    for _ in range(max(steps + turns, 0)):
        groups: list[list[Numbers]] = [[] for _ in anchors]
        for point in points:
            near = [closeness(point, anchor, distance) for anchor in anchors]
            best = near.index(max(near))
            if ties == "last":
                best = len(near) - 1 - near[::-1].index(max(near))
            groups[best].append(point)
        before = anchors
        anchors = [
            moved(group, anchor, centre, empty)
            for group, anchor in zip(groups, anchors, strict=True)
        ]
    judged = {"of the one before": before, "of the start": start.double().tolist()}
    by = judged.get(mean, anchors)
    highest = [max(shape_overlap(point, anchor) for anchor in by) for point in points]
    value = sum(highest) / len(highest) if highest else 0.0
    if mean == "distance":
        value = 1 - value if highest else 0.0
    keys = {
        "by area": lambda a: a[0] * a[1],
        "by width": lambda a: a[0],
        "falling": lambda a: -a[0] * a[1],
    }
    if order in keys:
        anchors = sorted(anchors, key=keys[order])
    return torch.tensor(anchors).float().reshape(-1, 2), torch.tensor(value).float()


def shape_overlap(a: Numbers, b: Numbers) -> float:
    """IoU of two boxes about one centre."""
    both = min(a[0], b[0]) * min(a[1], b[1])
    return both / (a[0] * a[1] + b[0] * b[1] - both)


def closeness(point: Numbers, anchor: Numbers, distance: str) -> float:
    """How near a shape is to an anchor: the larger, the nearer."""
    if distance == "Euclidean":
        return -math.dist(point, anchor)
    if distance == "area":
        return -abs(point[0] * point[1] - anchor[0] * anchor[1])
    value = shape_overlap(point, anchor)
    return -value if distance == "1 - IoU, highest" else value


def moved(group: list[Numbers], anchor: Numbers, centre: str, empty: str) -> Numbers:
    """The anchor that stands for a group of shapes."""
    if not group:
        return (0.0, 0.0) if empty == "zero" else anchor
    if centre == "mean":
        return tuple(sum(axis) / len(group) for axis in zip(*group, strict=True))
    if centre == "median by area":
        by_area = sorted(group, key=lambda one: one[0] * one[1])
        return by_area[(len(by_area) - 1) // 2]
    middle = []
    for axis in zip(*group, strict=True):
        values = sorted(axis)
        low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
        middle.append(
            {"upper median": high, "middle of two": (low + high) / 2}.get(centre, low)
        )
    return tuple(middle)
