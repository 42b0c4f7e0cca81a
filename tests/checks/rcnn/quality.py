"""Right answers to the task proposal_quality, and what its wrong ones share."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Images = list[Tensor]
Quality = tuple[Tensor, Tensor]


def quality_in_lists(
    scores: Images,
    overlaps: Images,
    labels: Images,
    *,
    budget: int,
    thresholds: list[float],
) -> list[Tensor]:
    ranked = sorted(
        (-score, image, row)
        for image, values in enumerate(scores)
        for row, score in enumerate(values.tolist())
    )
    kept = {(image, row) for _, image, row in ranked[:budget]}
    classes: dict[int, list[float]] = {}
    for image, (overlap, label) in enumerate(zip(overlaps, labels, strict=True)):
        for j, c in enumerate(label.tolist()):
            best = 0.0
            for i in range(len(overlap)):
                if (image, i) in kept:
                    best = max(best, overlap[i, j].item())
            classes.setdefault(c, []).append(best)
    found = [best for values in classes.values() for best in values]
    recall = [sum(b >= t for b in found) / max(len(found), 1) for t in thresholds]
    means = [sum(values) / len(values) for values in classes.values()]
    mabo = sum(means) / len(means) if means else 0.0
    return [torch.tensor(recall), torch.tensor(mabo)]


def quality_by_numpy(
    scores: Images,
    overlaps: Images,
    labels: Images,
    *,
    budget: int,
    thresholds: list[float],
) -> Quality:
    """The place of each proposal in the ranking, then numbers below the budget."""
    every = np.concatenate([np.zeros(0), *(s.double().numpy() for s in scores)])
    places = np.empty(len(every), dtype=np.int64)
    places[np.argsort(-every, kind="stable")] = np.arange(len(every))
    best, names, start = np.zeros(0), np.zeros(0, dtype=np.int64), 0
    for overlap, label in zip(overlaps, labels, strict=True):
        counts = places[start : start + len(overlap)] < budget
        start += len(overlap)
        rows = overlap.double().numpy()[counts]
        best = np.concatenate([best, rows.max(axis=0, initial=0.0)])
        names = np.concatenate([names, label.numpy()])
    if best.size == 0:
        return torch.zeros(len(thresholds)), torch.zeros(())
    _, place, count = np.unique(names, return_inverse=True, return_counts=True)
    mabo = (np.bincount(place, weights=best) / count).mean()
    recall = (best[:, None] >= np.array(thresholds)).mean(axis=0)
    return torch.from_numpy(recall), torch.tensor(mabo)


def quality_by_zeros(
    scores: Images,
    overlaps: Images,
    labels: Images,
    *,
    budget: int,
    thresholds: list[float],
) -> Quality:
    """Proposals that do not count overlap nothing; objects weigh 1 / their class."""
    every = torch.cat([torch.zeros(0), *scores])
    ranks = every.argsort(descending=True, stable=True).argsort()
    parts = (ranks < budget).float().split([len(s) for s in scores])
    best = [
        torch.cat([torch.zeros(1, o.shape[1]), o * part[:, None]]).amax(0)
        for o, part in zip(overlaps, parts, strict=True)
    ]
    found = torch.cat([torch.zeros(0), *best])
    names = torch.cat([torch.zeros(0, dtype=torch.int64), *labels])
    counts = names.bincount()
    weights = 1 / counts[names] / max(int((counts > 0).sum()), 1)
    levels = torch.tensor(thresholds).reshape(-1, 1)
    recall = (found >= levels).sum(1) / max(len(found), 1)
    return recall, (found * weights).sum()


def marks_of(scores: Images, budget: int, key: Any = None) -> list[Tensor]:
    every = torch.cat([torch.zeros(0), *scores])
    every = every if key is None else key(every)
    marks = torch.zeros(len(every), dtype=torch.bool)
    marks[every.argsort(descending=True, stable=True)[:budget]] = True
    return list(marks.split([len(s) for s in scores]))


def quality(
    marks: list[Tensor],
    overlaps: Images,
    labels: Images,
    thresholds: list[float],
    *,
    reaches: Any = torch.ge,
    per: str = "class",
) -> Quality:
    best = [
        torch.cat([torch.zeros(1, o.shape[1]), o[mark]]).amax(0)
        for o, mark in zip(overlaps, marks, strict=True)
    ]
    found = torch.cat([torch.zeros(0), *best])
    names = torch.cat([torch.zeros(0).long(), *labels])
    if len(found) == 0:
        return torch.zeros(len(thresholds)), torch.tensor(0.0)
    recall = reaches(found, torch.tensor(thresholds)[:, None]).float().mean(1)
    means = torch.stack([found[names == c].mean() for c in names.unique()])
    if per == "object":
        means = found
    if per == "highest label":
        means = means.sum() / names.max()
    if per == "highest label and 0":
        means = means.sum() / (names.max() + 1)
    return recall, means.mean()
