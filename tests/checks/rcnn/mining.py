"""Answers to the task mined_negatives, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Mined = tuple[Tensor, Tensor]


def mined_in_loops(
    scores: Tensor, overlaps: Tensor, is_cached: Tensor, *, most: int, easy: float
) -> list[Tensor]:
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


def mined_by_numpy(
    scores: Tensor, overlaps: Tensor, is_cached: Tensor, *, most: int, easy: float
) -> Mined:
    """The place of each proposal: how many candidates come before it."""
    s, c = scores.double().numpy(), is_cached.numpy()
    candidate = ~c & ~(overlaps.numpy() >= 0.3) & (s > -1)
    order = np.lexsort((np.broadcast_to(np.arange(len(s))[:, None], s.shape), -s), 0)
    ranks = np.cumsum(np.take_along_axis(candidate, order, 0), axis=0)
    places = np.empty_like(ranks)
    np.put_along_axis(places, order, ranks, 0)
    added = torch.from_numpy(candidate & (places <= most))
    return added, torch.from_numpy(c & (s < easy))


def mined_by_counting(
    scores: Tensor, overlaps: Tensor, is_cached: Tensor, *, most: int, easy: float
) -> Mined:
    """A (P, P, K) table of who comes before whom; no sorting."""
    hard = (overlaps < 0.3) & (scores > -1) & ~is_cached
    index = torch.arange(len(scores))
    earlier = (index[:, None] > index)[..., None]
    better = scores[None] > scores[:, None]
    same = scores[None] == scores[:, None]
    before = (hard[None] & (better | (same & earlier))).sum(1)
    return hard & (before < most), is_cached & (scores < easy)


def mined(
    scores: Tensor,
    overlaps: Tensor,
    is_cached: Tensor,
    most: int,
    easy: float,
    *,
    low: Any = lambda overlaps: overlaps < 0.3,
    hard: Any = lambda scores: scores > -1,
    again: bool = False,
    key: Any = lambda scores: scores,
    evict: Any = None,
) -> Mined:
    candidate = low(overlaps) & hard(scores)
    if not again:
        candidate &= ~is_cached
    ranked = key(scores).where(candidate, -torch.inf)
    first = ranked.argsort(dim=0, descending=True, stable=True)[:most]
    added = candidate & torch.zeros_like(candidate).scatter(0, first, True)
    gone = is_cached & (scores < easy) if evict is None else evict(scores)
    return added, gone


def up_to_half(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, low=lambda overlaps: overlaps < 0.5)


def from_0_3_included(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    return mined(s, o, c, most, easy, low=lambda overlaps: overlaps <= 0.3)


def only_without_overlap(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    return mined(s, o, c, most, easy, low=lambda overlaps: overlaps == 0)


def objects_too(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, low=lambda overlaps: overlaps <= 1)


def any_class_overlaps(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    """Asks for the overlap with objects of all classes."""
    largest = o.amax(1, keepdim=True).expand_as(o) if o.numel() else o
    return mined(s, largest, c, most, easy)


def above_zero(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, hard=lambda scores: scores > 0)


def from_minus_one(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, hard=lambda scores: scores >= -1)


def above_easy(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, hard=lambda scores: scores > easy)


def above_plus_one(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, hard=lambda scores: scores < 1)


def twice(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, again=True)


def cached_take_places(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    added, gone = mined(s, o, c, most, easy, again=True)
    return added & ~c, gone


def overlapping_take_places(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    added, gone = mined(s, o, c, most, easy, low=lambda overlaps: overlaps <= 1)
    return added & (o < 0.3), gone


def no_limit(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, len(s), easy)


def one_too_many(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most + 1, easy)


def easiest(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, key=torch.neg)


def first_ones(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, key=torch.zeros_like)


def last_of_equals(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    added, _ = mined(s.flip(0), o.flip(0), c.flip(0), most, easy)
    return added.flip(0), c & (s < easy)


def unstable(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    """As an unstable sort does: it keeps the order of equals in short lists alone."""
    answer = last_of_equals if len(s) > 25 else mined_by_counting
    return answer(s, o, c, most=most, easy=easy)


def most_in_all(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    """`most` for all classes together, flat and class by class in ties."""
    flat = [x.T.reshape(-1, 1) for x in (s, o, c)]
    found = mined(flat[0], flat[1], flat[2], most, easy)
    return tuple(part.reshape(s.shape[1], len(s)).T for part in found)


def most_in_a_row(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    """Sorts along classes, not along proposals."""
    added, _ = mined(s.T, o.T, c.T, most, easy)
    return added.T, c & (s < easy)


def equal_scores_all(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    """Takes all that reach the score of the last place."""
    added, gone = mined(s, o, c, most, easy)
    candidate, _ = mined(s, o, c, len(s), easy)
    least = s.where(added, torch.inf)
    least = least.amin(0) if len(s) else torch.zeros(s.shape[1])
    return candidate & (s >= least), gone


def evicts_all_easy(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: scores < easy)


def evicts_at_easy(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: c & (scores <= easy))


def evicts_below_margin(
    s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float
) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: c & (scores < -1))


def evicts_at_1_2(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: c & (scores < -1.2))


def evicts_hard(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: c & (scores > easy))


def evicts_nothing(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy, evict=lambda scores: torch.zeros_like(c))


def new_cache(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    added, gone = mined(s, o, c, most, easy)
    return (c | added) & ~gone, gone


def evicted_first(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return mined(s, o, c, most, easy)[::-1]


def as_numbers(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return tuple(part.long() for part in mined(s, o, c, most, easy))


def cache_in_place(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    added, gone = mined(s, o, c, most, easy)
    c |= added
    return added, gone


def nothing(s: Tensor, o: Tensor, c: Tensor, *, most: int, easy: float) -> Any:
    return torch.zeros_like(c), torch.zeros_like(c)
