"""Wrong answers to proposal_quality: empty inputs, and the form of the result."""

from typing import Any

import torch

from .quality import Images, marks_of, quality


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
