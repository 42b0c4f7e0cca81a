"""Wrong answers to proposal_quality: which proposals count."""

from typing import Any

import torch

from .quality import Images, marks_of, quality, quality_in_lists


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


def first_image(
    s: Images, o: Images, y: Images, *, budget: int, thresholds: list[float]
) -> Any:
    return quality(marks_of(s[:1], budget), o[:1], y[:1], thresholds)
