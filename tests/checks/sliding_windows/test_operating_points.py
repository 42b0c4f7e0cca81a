"""Answers to operating_points, and its oracle beside scikit-learn."""

import cheats
import torch
from sklearn.metrics import precision_recall_curve
from torch.nn import functional as F

from course_utils.checking.compare import difference
from course_utils.checks.sliding_windows.operating_points import (
    random_case,
    slow_operating_points,
)


def by_bisection(scores, is_hit, num_objects):
    """Sorts, sums, and keeps the last place of each run of equal scores."""
    order = scores.argsort(descending=True)
    scores, hits = scores[order].double(), is_hit[order].cumsum(0).double()
    last = torch.ones(len(scores), dtype=torch.bool)
    last[:-1] = scores[1:] != scores[:-1]
    count = torch.arange(1, len(scores) + 1)
    recall = hits / num_objects if num_objects else torch.zeros_like(hits)
    return scores[last], (hits / count)[last], recall[last]


def in_a_dict(scores, is_hit, num_objects):
    tally = {}
    for score, hit in zip(scores.tolist(), is_hit.tolist(), strict=True):
        tally.setdefault(score, []).append(hit)
    shown = hits = 0
    rows = []
    for score in sorted(tally, reverse=True):
        shown, hits = shown + len(tally[score]), hits + sum(tally[score])
        rows.append([score, hits / shown, hits / num_objects if num_objects else 0.0])
    return list(torch.tensor(rows).reshape(-1, 3).T)


def points(scores, is_hit, num_objects):
    """An answer of a few lines of torch, as most learners write it."""
    thresholds = scores.unique().flip(0)
    shown = scores >= thresholds[:, None]
    hits = (shown & is_hit).sum(1).float()
    return thresholds, hits / shown.sum(1), hits / max(num_objects, 1)


def assumes_order(scores, is_hit, num_objects):
    hits = is_hit.cumsum(0).float()
    last = torch.ones(len(scores), dtype=torch.bool)
    last[:-1] = scores[1:] != scores[:-1]
    count = torch.arange(1, len(scores) + 1)
    return scores[last], (hits / count)[last], (hits / max(num_objects, 1))[last]


def divides_by_no_objects(scores, is_hit, num_objects):
    thresholds, precision, recall = points(scores, is_hit, 1)
    return thresholds, precision, recall / num_objects


def envelope(scores, is_hit, num_objects):
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    if len(precision):
        precision = precision.flip(0).cummax(0).values.flip(0)
    return thresholds, precision, recall


def scores_up_to_one(scores, is_hit, num_objects):
    keep = (scores >= 0) & (scores <= 1)
    return points(scores[keep], is_hit[keep], num_objects)


def rounded(scores, is_hit, num_objects):
    return points((scores * 100).round() / 100, is_hit, num_objects)


def with_a_start(scores, is_hit, num_objects):
    starts = zip(points(scores, is_hit, num_objects), (1, 1, 0), strict=True)
    return tuple(F.pad(part, (1, 0), value=start) for part, start in starts)


def until_all_are_found(scores, is_hit, num_objects):
    thresholds, precision, recall = points(scores, is_hit, num_objects)
    found = torch.cat([torch.zeros(1), recall * num_objects])[:-1]
    keep = found.round() < num_objects
    return thresholds[keep], precision[keep], recall[keep]


RIGHT = [by_bisection, in_a_dict]
WRONG = [
    (assumes_order, "scores in no order"),
    (divides_by_no_objects, "no objects"),
    (envelope, "the example"),
    (lambda scores, hit, n: points(scores, hit, len(scores)), "scores in no order"),
    (rounded, "almost equal"),
    (with_a_start, "the example"),
    (until_all_are_found, "no objects"),
    (lambda *given: torch.stack(points(*given)), "expected a tuple of 3"),
    (scores_up_to_one, "scores beyond 1"),
    (cheats.returns(None), "expected a tuple of 3, received None"),
]


def test_operating_points_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(11)
    for i in (0, 5, 19):
        scores, is_hit, _ = random_case(i, generator).arguments
        hits = int(is_hit.sum())
        precision, recall, thresholds = precision_recall_curve(is_hit, scores)
        right = [torch.tensor(p.copy()) for p in (thresholds, precision, recall)]
        # scikit-learn rises and adds the point where nothing is shown.
        right = [part[: len(thresholds)].flip(0) for part in right]
        found = slow_operating_points(scores, is_hit, hits)
        assert difference(found, right, 1e-6) is None
