"""Answers to mined_negatives, and what its oracle promises."""

import cheats
import numpy as np
import pytest
import torch

from course_utils.checks.rcnn.mined_negatives import (
    CASES,
    random_case,
    slow_mined_negatives,
)


def in_loops(scores, overlaps, is_cached, *, most, easy):
    added, evicted = is_cached & False, is_cached & False
    for k in range(scores.shape[1]):
        for _ in range(most):
            best = None
            for p in range(len(scores)):
                if is_cached[p, k] or added[p, k]:
                    continue
                if overlaps[p, k] >= 0.3 or scores[p, k] <= -1:
                    continue
                if best is None or scores[p, k] > scores[best, k]:
                    best = p
            if best is not None:
                added[best, k] = True
        for p in range(len(scores)):
            evicted[p, k] = is_cached[p, k] and scores[p, k].item() < easy
    return [added, evicted]


def by_numpy(scores, overlaps, is_cached, *, most, easy):
    """The place of each proposal: how many candidates come before it."""
    s, c = scores.double().numpy(), is_cached.numpy()
    candidate = ~c & ~(overlaps.numpy() >= 0.3) & (s > -1)
    order = np.lexsort((np.broadcast_to(np.arange(len(s))[:, None], s.shape), -s), 0)
    ranks = np.cumsum(np.take_along_axis(candidate, order, 0), axis=0)
    places = np.empty_like(ranks)
    np.put_along_axis(places, order, ranks, 0)
    added = torch.from_numpy(candidate & (places <= most))
    return added, torch.from_numpy(c & (s < easy))


def by_counting(scores, overlaps, is_cached, *, most, easy):
    """A (P, P, K) table of who comes before whom; no sorting."""
    hard = (overlaps < 0.3) & (scores > -1) & ~is_cached
    index = torch.arange(len(scores))
    earlier = (index[:, None] > index)[..., None]
    better = scores[None] > scores[:, None]
    same = scores[None] == scores[:, None]
    before = (hard[None] & (better | (same & earlier))).sum(1)
    return hard & (before < most), is_cached & (scores < easy)


def mined(scores, overlaps, is_cached, *, most, easy):
    """A few lines of torch, as most learners write them."""
    candidate = (overlaps < 0.3) & (scores > -1) & ~is_cached
    ranked = scores.where(candidate, -torch.inf)
    first = ranked.argsort(dim=0, descending=True, stable=True)[:most]
    added = candidate & torch.zeros_like(candidate).scatter(0, first, True)
    return added, is_cached & (scores < easy)


def changed(change):
    """The right answer with a change of what it returns."""

    def answer(s, o, c, *, most, easy):
        return change(*mined(s, o, c, most=most, easy=easy), s, o, c)

    return answer


def objects_too(s, o, c, **settings):
    return mined(s, torch.zeros_like(o), c, **settings)


def any_class_overlaps(s, o, c, **settings):
    """Asks for the overlap with objects of all classes."""
    largest = o.amax(1, keepdim=True).expand_as(o) if o.numel() else o
    return mined(s, largest, c, **settings)


def easy_instead_of_hard(s, o, c, *, most, easy):
    """Takes a score below 1 for a wrong one."""
    _, evicted = mined(s, o, c, most=most, easy=easy)
    return mined(s.where(s < 1, -2), o, c, most=most, easy=easy)[0], evicted


def overlapping_take_places(s, o, c, **settings):
    added, evicted = mined(s, torch.zeros_like(o), c, **settings)
    return added & (o < 0.3), evicted


def unstable(s, o, c, **settings):
    """As an unstable sort does: it keeps the order of equals in short lists alone."""
    if len(s) <= 25:
        return mined(s, o, c, **settings)
    return tuple(
        part.flip(0) for part in mined(s.flip(0), o.flip(0), c.flip(0), **settings)
    )


def most_in_a_row(s, o, c, *, most, easy):
    """Sorts along classes, not along proposals."""
    added, _ = mined(s.T, o.T, c.T, most=most, easy=easy)
    return added.T, c & (s < easy)


def equal_scores_all(s, o, c, *, most, easy):
    """Takes all that reach the score of the last place."""
    added, evicted = mined(s, o, c, most=most, easy=easy)
    candidate, _ = mined(s, o, c, most=len(s), easy=easy)
    least = s.where(added, torch.inf)
    least = least.amin(0) if len(s) else torch.zeros(s.shape[1])
    return candidate & (s >= least), evicted


def new_cache(added, evicted, s, o, c):
    return (c | added) & ~evicted, evicted


def cache_in_place(added, evicted, s, o, c):
    c |= added
    return added, evicted


RIGHT = [in_loops, by_numpy, by_counting]
WRONG = [
    (objects_too, "an IoU of 0.3 on"),
    (any_class_overlaps, "two classes"),
    (easy_instead_of_hard, "added"),
    (overlapping_take_places, "only what can be added takes a place"),
    (
        lambda *given, most, easy: mined(*given, most=most + 1, easy=easy),
        "added",
    ),
    (unstable, "equal scores"),
    (most_in_a_row, "added"),
    (equal_scores_all, "equal scores"),
    (changed(lambda a, e, s, o, c: (a, c & (s < -1.2))), "evicted"),
    (changed(new_cache), "added"),
    (changed(lambda a, e, *given: (a.long(), e.long())), "values of torch.bool"),
    (changed(cache_in_place), "changed its input in place"),
    (changed(lambda a, e, *given: (a & False, e)), "added"),
    (cheats.returns((cheats.EqualToAll(),) * 2), "an object of type EqualToAll"),
]


@pytest.mark.parametrize("case", [*CASES, "random"])
def test_mined_negatives_keep_their_promises(case):
    drawn = random_case(15, torch.Generator().manual_seed(11))
    given = CASES.get(case, drawn)
    scores, overlaps, is_cached = given.arguments
    most, easy = given.settings["most"], given.settings["easy"]
    added, evicted = slow_mined_negatives(*given.arguments, **given.settings)
    assert not (added & is_cached).any()
    assert not (added & evicted).any()
    assert (overlaps[added] < 0.3).all()
    assert (scores[added] > -1).all()
    could = (overlaps < 0.3) & (scores > -1) & ~is_cached
    count = could.sum(dim=0).clamp(max=most)
    assert torch.equal(added.sum(dim=0), count)
    for k in range(scores.shape[1]):
        rest = scores[could[:, k] & ~added[:, k], k]
        if len(rest) and added[:, k].any():
            assert rest.max() <= scores[added[:, k], k].min()
    assert torch.equal(evicted, is_cached & (scores < easy))
