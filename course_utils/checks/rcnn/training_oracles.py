"""Slow answers to tasks 5 to 7 of assignment 02, and what mistakes would answer.

As in `rcnn_oracles`: Python numbers, one at a time; settings turn single mistakes on.
"""

import math
import statistics
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checks.rcnn.oracles import Box

Refinement = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, int, int]


def centred(box: Box, *, corner: bool = False) -> Box:
    """Centre (or first corner) and size of a box."""
    width, height = box[2] - box[0], box[3] - box[1]
    if corner:
        return [box[0], box[1], width, height]
    return [box[0] + width / 2, box[1] + height / 2, width, height]


def slow_targets(
    proposals: Tensor, objects: Tensor, *, mistake: str = ""
) -> list[list[float]]:
    """N lists of four targets, one number at a time; `mistake` names a slip."""
    rows = []
    if mistake == "roles":
        proposals, objects = objects, proposals
    for one, two in zip(proposals.tolist(), objects.tolist(), strict=True):
        p = centred(one, corner=mistake == "corner")
        g = centred(two, corner=mistake == "corner")
        divisor = g if mistake == "object's size" else p
        by = (3, 2) if mistake == "swapped" else (2, 3)
        shift = [(g[i] - p[i]) / divisor[by[i]] for i in (0, 1)]
        if mistake == "pixels":
            shift = [g[i] - p[i] for i in (0, 1)]
        growth = [g[i] / p[i] for i in (2, 3)]
        if mistake != "no log":
            base = 10 if mistake == "log10" else math.e
            growth = [math.log(ratio, base) for ratio in growth]
        rows.append([*shift, *growth])
    return rows


def slow_whitened(
    targets: Sequence[Sequence[float]],
    labels: Tensor,
    num_classes: int,
    *,
    mistake: str = "",
) -> tuple[Tensor, Tensor, Tensor]:
    """Whitened targets, means and deviations, class by class."""
    names = [0 if mistake == "all together" else int(c) for c in labels]
    means = [[0.0] * 4 for _ in range(num_classes)]
    deviations = [[1.0] * 4 for _ in range(num_classes)]
    for label in range(num_classes):
        rows = [t for t, name in zip(targets, names, strict=True) if name == label]
        for i, column in enumerate(zip(*rows, strict=True)):
            means[label][i] = statistics.fmean(column)
            spread = statistics.pstdev(column)
            if mistake == "n - 1":
                spread = statistics.stdev(column) if len(column) > 1 else 0.0
            if mistake == "variance":
                spread = statistics.pvariance(column)
            deviations[label][i] = spread if spread >= 0.001 else 1.0
    if mistake == "all together":
        means, deviations = [means[0]] * num_classes, [deviations[0]] * num_classes
    whitened = [
        [(row[i] - means[name][i]) / deviations[name][i] for i in range(4)]
        for row, name in zip(targets, names, strict=True)
    ]
    parts = [
        torch.tensor(part).reshape(-1, 4) for part in (whitened, means, deviations)
    ]
    return parts[0], parts[1], parts[2]


def slow_refined(given: Refinement, *, mistake: str = "") -> Tensor:
    """(N, 4) boxes after regression, one number at a time; `mistake` names a slip."""
    proposals, outputs, labels, means, deviations, height, width = given
    rows = []
    limits = (height, width) if mistake == "image swapped" else (width, height)
    for n, (box, name) in enumerate(
        zip(proposals.tolist(), labels.tolist(), strict=True)
    ):
        column = {"first class": 0, "last class": -1}.get(mistake, name)
        said = outputs[n, column].tolist()
        mean, deviation = means[name].tolist(), deviations[name].tolist()
        t = unwhitened(said, mean, deviation, mistake)
        x, y, w, h = centred(box, corner=mistake == "corner")
        by = (h, w) if mistake == "sides swapped" else (w, h)
        if mistake == "pixels":
            by = (1.0, 1.0)
        centre = [x + by[0] * t[0], y + by[1] * t[1]]
        grown = [grow(w, t[2], mistake), grow(h, t[3], mistake)]
        back = [0.0, 0.0] if mistake == "corner" else [side / 2 for side in grown]
        low = [c - b for c, b in zip(centre, back, strict=True)]
        edges = [*low, *(c + g for c, g in zip(low, grown, strict=True))]
        if mistake == "centre form":
            edges = [*centre, *grown]
        if mistake != "unclipped":
            ends = (*limits, *limits)
            edges = [
                min(max(e, 0.0), float(end)) for e, end in zip(edges, ends, strict=True)
            ]
        rows.append(edges)
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def unwhitened(
    said: Sequence[float],
    mean: Sequence[float],
    deviation: Sequence[float],
    mistake: str,
) -> list[float]:
    """Four targets from what a regressor says."""
    formulas: dict[str, Callable[[float, float, float], float]] = {
        "whitened": lambda s, m, d: s,
        "no mean": lambda s, m, d: s * d,
        "no deviation": lambda s, m, d: s + m,
        "whitened twice": lambda s, m, d: (s - m) / d,
        "mean first": lambda s, m, d: (s + m) * d,
        "deviation divides": lambda s, m, d: s / d + m,
    }
    formula = formulas.get(mistake, lambda s, m, d: s * d + m)
    return list(map(formula, said, mean, deviation))


def grow(side: float, target: float, mistake: str) -> float:
    """A side of a box after regression."""
    if mistake == "no exp":
        return side * target
    if mistake == "one plus":
        return side * (1 + target)
    return side * (10**target if mistake == "power of 10" else math.exp(target))


def slow_mined(
    scores: Tensor,
    overlaps: Tensor,
    is_cached: Tensor,
    most: int,
    easy: float,
    *,
    limit: float = 0.3,
    margin: float = -1.0,
    again: bool = False,
    counts: str = "the hardest of a class",
) -> tuple[Tensor, Tensor]:
    """Which (P, K) are added and evicted, one by one; settings turn mistakes on."""
    added, evicted = torch.zeros_like(is_cached), torch.zeros_like(is_cached)
    hard = [
        (-float(scores[p, k]), p, k)
        for k in range(scores.shape[1])
        for p in range(len(scores))
        if overlaps[p, k] < limit and scores[p, k] > margin
        if again or not is_cached[p, k]
    ]
    if counts == "the first of a class":
        hard = [(0.0, p, k) for _, p, k in hard]
    if counts == "the easiest of a class":
        hard = [(-score, p, k) for score, p, k in hard]
    if counts == "the last of equals":
        hard = [(score, -p, k) for score, p, k in hard]
    left = [len(scores) if counts == "all" else most] * scores.shape[1]
    for _, p, k in sorted(hard):
        place = 0 if counts == "the hardest of all" else k
        if left[place] > 0:
            left[place] -= 1
            added[abs(p), k] = True
    for p, k in is_cached.nonzero().tolist():
        evicted[p, k] = bool(scores[p, k] < easy)
    return added, evicted
