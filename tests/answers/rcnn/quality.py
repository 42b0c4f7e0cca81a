"""Answers to the task proposal_quality, right ones first."""

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


def strictly_above(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget), o, y, thresholds, reaches=torch.gt)


def all_proposals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality([torch.ones(len(x)).bool() for x in s], o, y, thresholds)


def budget_of_each(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality([marks_of([x], budget)[0] for x in s], o, y, thresholds)


def budget_shared_evenly(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    part = budget // max(len(s), 1)
    return quality([marks_of([x], part)[0] for x in s], o, y, thresholds)


def one_more_proposal(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget + 1), o, y, thresholds)


def first_proposals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget, torch.zeros_like), o, y, thresholds)


def lowest_scores(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s, budget, torch.neg), o, y, thresholds)


def last_of_equals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    marks = marks_of([x.flip(0) for x in s[::-1]], budget)[::-1]
    return quality([mark.flip(0) for mark in marks], o, y, thresholds)


def all_of_equals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """Keeps every proposal that reaches the last score of the budget."""
    every = torch.cat([torch.zeros(0), *s]).sort(descending=True).values[:budget]
    least = every.min() if len(every) else torch.inf
    return quality([x >= least for x in s], o, y, thresholds)


def unstable(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """As an unstable sort does: it keeps the order of equals in short lists alone."""
    answer = last_of_equals if sum(map(len, s)) > 30 else quality_in_lists
    return answer(s, o, y, budget=budget, thresholds=thresholds)


def positive_scores(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    marks = marks_of(s, budget)
    marks = [mark & (x > 0) for mark, x in zip(marks, s, strict=True)]
    return quality(marks, o, y, thresholds)


def spares_empty_images(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    """Spends nothing on images without objects, which nobody knows beforehand."""
    kept = [i for i, label in enumerate(y) if len(label)]
    marks = marks_of([s[i] for i in kept], budget)
    return quality(marks, [o[i] for i in kept], [y[i] for i in kept], thresholds)


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


def first_image(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s[:1], budget), o[:1], y[:1], thresholds)


def crashes_without_proposals(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    for overlap in o:
        overlap.amax(dim=0)
    return quality(marks_of(s, budget), o, y, thresholds)


def divides_by_no_objects(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    objects = sum(map(len, y))
    return recall * objects / torch.tensor(float(objects)), mabo


def recall_of_first(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    return recall[:1], mabo


def percentages(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    return recall * 100, mabo * 100


def one_tensor(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(marks_of(s, budget), o, y, thresholds)
    return torch.cat([recall, mabo[None]])


def adds_to_the_list(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    right = quality(marks_of(s, budget), o, y, thresholds)
    o.append(torch.zeros(1, 0))
    return right
