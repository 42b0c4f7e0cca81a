"""Wrong answers to proposal_quality: what is found, and over what it is averaged."""

from typing import Any

import torch

from .quality import Images, Quality, marks_of, quality


def strictly_above(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget), o, y, thresholds, reaches=torch.gt)


def mean_of_objects(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget), o, y, thresholds, per="object")


def mean_of_labels(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget), o, y, thresholds, per="highest label")


def mean_with_background(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget), o, y, thresholds, per="highest label and 0")


def of_images(
    s: Images, o: Images, y: Images, budget: int, thresholds: list[float]
) -> list[Quality]:
    """Each image that has objects, by itself."""
    rows = zip(marks_of(s, budget), o, y, strict=True)
    return [
        quality([m], [a], [b], thresholds, per="object") for m, a, b in rows if len(b)
    ]


def mean_of_images(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    rows = of_images(s, o, y, budget, thresholds)
    return torch.stack([row[0] for row in rows]).mean(0) if rows else recall, mabo


def mabo_of_images(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    rows = of_images(s, o, y, budget, thresholds)
    return recall, torch.stack([row[1] for row in rows]).mean() if rows else mabo


def skips_images(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """Leaves out an image without proposals, and its missed objects with it."""
    marks = marks_of(s, budget)
    kept = [i for i, mark in enumerate(marks) if mark.any()]
    marks, o, y = ([values[i] for i in kept] for values in (marks, o, y))
    return quality(marks, o, y, thresholds)


def skips_for_mabo(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall = quality(marks_of(s, budget), o, y, thresholds)[0]
    return recall, skips_images(s, o, y, budget=budget, thresholds=thresholds)[1]


def best_of_proposals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """The best object of each proposal: this is precision."""
    marks = marks_of(s, budget)
    rows = [x[m] for x, m in zip(o, marks, strict=True) if x.shape[1]]
    every = torch.cat([torch.zeros(0), *(row.amax(1) for row in rows)])
    recall = [(every >= t).float().mean().nan_to_num(0) for t in thresholds]
    return torch.tensor(recall), quality(marks, o, y, thresholds)[1]


def mean_overlap(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    marks = marks_of(s, budget)
    means = [
        x[m].mean(0, keepdim=True).nan_to_num(0) for x, m in zip(o, marks, strict=True)
    ]
    return quality([torch.ones(1).bool() for _ in s], means, y, thresholds)


def every_hit(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """Counts every proposal that reaches the threshold, more than one an object."""
    marks = marks_of(s, budget)
    mabo = quality(marks, o, y, thresholds)[1]
    pairs = list(zip(o, marks, strict=True))
    hits = [sum(int((x[m] >= t).sum()) for x, m in pairs) for t in thresholds]
    return torch.tensor(hits) / max(sum(map(len, y)), 1), mabo
