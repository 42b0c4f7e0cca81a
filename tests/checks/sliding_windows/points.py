"""Answers to the task operating_points, right ones first."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def points_by_bisection(
    scores: Tensor, is_hit: Tensor, num_objects: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Sorts, sums, and keeps the last place of each run of equal scores."""
    order = scores.argsort(descending=True)
    scores, hits = scores[order].double(), is_hit[order].cumsum(0).double()
    last = torch.ones(len(scores), dtype=torch.bool)
    last[:-1] = scores[1:] != scores[:-1]
    count = torch.arange(1, len(scores) + 1)
    recall = hits / num_objects if num_objects else torch.zeros_like(hits)
    return scores[last], (hits / count)[last], recall[last]


def points_in_a_dict(scores: Tensor, is_hit: Tensor, num_objects: int) -> list[Tensor]:
    tally: dict[float, list[int]] = {}
    for score, hit in zip(scores.tolist(), is_hit.tolist(), strict=True):
        tally.setdefault(score, []).append(hit)
    shown = hits = 0
    rows = []
    for score in sorted(tally, reverse=True):
        shown, hits = shown + len(tally[score]), hits + sum(tally[score])
        rows.append([score, hits / shown, hits / num_objects if num_objects else 0.0])
    return list(torch.tensor(rows).reshape(-1, 3).T)


def points(
    scores: Tensor, is_hit: Tensor, num_objects: int
) -> tuple[Tensor, Tensor, Tensor]:
    thresholds = scores.unique().flip(0)
    shown = scores >= thresholds[:, None]
    hits = (shown & is_hit).sum(1).float()
    return thresholds, hits / shown.sum(1), hits / max(num_objects, 1)


def one_point_a_box(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    order = scores.argsort(descending=True, stable=True)
    hits = is_hit[order].cumsum(0).float()
    count = torch.arange(1, len(scores) + 1)
    return scores[order], hits / count, hits / max(num_objects, 1)


def strictly_above(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds = scores.unique().flip(0)
    shown = scores > thresholds[:, None]
    hits = (shown & is_hit).sum(1).float()
    precision = (hits / shown.sum(1)).nan_to_num(1)
    return thresholds, precision, hits / max(num_objects, 1)


def strictly_above_by_nan(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds, precision, recall = strictly_above(scores, is_hit, num_objects)
    precision = torch.cat([precision[:1] * torch.nan, precision[1:]])
    return thresholds, precision, recall


def rising(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    return tuple(part.flip(0) for part in points(scores, is_hit, num_objects))


def recall_of_the_found(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    return points(scores, is_hit, int(is_hit.sum()))


def recall_first(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    return thresholds, recall, precision


def assumes_order(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    hits = is_hit.cumsum(0).float()
    last = torch.ones(len(scores), dtype=torch.bool)
    last[:-1] = scores[1:] != scores[:-1]
    count = torch.arange(1, len(scores) + 1)
    return scores[last], (hits / count)[last], (hits / max(num_objects, 1))[last]


def divides_by_no_objects(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds = scores.unique().flip(0)
    shown = scores >= thresholds[:, None]
    hits = (shown & is_hit).sum(1).float()
    return thresholds, hits / shown.sum(1), hits / num_objects


def envelope(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    if len(precision):
        precision = precision.flip(0).cummax(0).values.flip(0)
    return thresholds, precision, recall


def recall_of_boxes(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    return points(scores, is_hit, len(scores))


def one_tensor(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    return torch.stack(points(scores, is_hit, num_objects))


def scores_up_to_one(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    keep = (scores >= 0) & (scores <= 1)
    return points(scores[keep], is_hit[keep], num_objects)


def rounded(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    return points((scores * 100).round() / 100, is_hit, num_objects)


def with_a_start(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    return (
        F.pad(thresholds, (1, 0), value=1),
        F.pad(precision, (1, 0), value=1),
        F.pad(recall, (1, 0)),
    )


def until_all_are_found(scores: Tensor, is_hit: Tensor, num_objects: int) -> Any:
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    found = torch.cat([torch.zeros(1), recall * num_objects])[:-1]
    keep = found.round() < num_objects
    return thresholds[keep], precision[keep], recall[keep]
