"""Answers to the task soft_nms_scores, right ones first."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def soft_nms_in_lists(
    overlaps: Tensor, scores: Tensor, labels: Tensor, *, sigma: float
) -> Tensor:
    values = {i: (float(s), -i) for i, s in enumerate(scores)}
    final = torch.empty(len(scores), dtype=torch.float64)
    while values:
        best = max(values, key=values.__getitem__)
        final[best] = values.pop(best)[0]
        for j in values:
            if labels[j] == labels[best]:
                factor = math.exp(-(overlaps[j, best].item() ** 2) / sigma)
                values[j] = (values[j][0] * factor, -j)
    return final


def soft_nms_by_class(
    overlaps: Tensor, scores: Tensor, labels: Tensor, *, sigma: float
) -> Tensor:
    """Class by class, in logarithms, with a matrix of factors made at the start."""
    factors = -overlaps.double().square() / sigma
    logs = scores.double().log()
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        while len(members):
            place = logs[members].argmax()
            best = members[place]
            members = torch.cat([members[:place], members[place + 1 :]])
            logs[members] += factors[best, members]
    return logs.exp()


def soft_nms(
    overlaps: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    sigma: float,
    power: float = 2,
    divisor: Callable[[float], float] = lambda sigma: sigma,
    per_class: bool = True,
    picks_again: bool = True,
    spares: bool = True,
) -> Tensor:
    new = scores.clone()
    waiting = torch.ones(len(scores), dtype=torch.bool)
    order = scores.argsort(descending=True, stable=True)
    for step in range(len(scores)):
        best = new.where(waiting, -1).argmax() if picks_again else order[step]
        waiting[best] = False
        lowered = waiting.clone() if spares else torch.arange(len(scores)) != best
        if per_class:
            lowered &= labels == labels[best]
        factor = torch.exp(-(overlaps[best] ** power) / divisor(sigma))
        new = torch.where(lowered, new * factor, new)
    return new


def across_classes(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, per_class=False)


def order_of_the_start(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, picks_again=False)


def picked_fall_too(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, spares=False)


def overlap_not_squared(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, power=1)


def bell_curve(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, divisor=lambda sigma: 2 * sigma**2)


def times_sigma(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma, divisor=lambda sigma: 1 / sigma)


def fixed_sigma(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=0.5)


def sorted_scores(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma).sort(descending=True).values


def linear_rule(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    new, waiting = s.clone(), set(range(len(s)))
    while waiting:
        best = min(waiting, key=lambda i: (-new[i].item(), i))
        waiting.remove(best)
        for j in waiting:
            new[j] *= 1 - o[best, j] if y[j] == y[best] else 1
    return new


def last_of_equals(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    o, s, y = o.flip(0, 1), s.flip(0), y.flip(0)
    return soft_nms(o, s, y, sigma=sigma).flip(0)


def lowers_itself(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return soft_nms(o, s, y, sigma=sigma) * math.exp(-1 / sigma)


def scores_in_place(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    s.copy_(soft_nms(o, s, y, sigma=sigma))
    return s


def hard_nms(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    new = soft_nms(o, s, y, sigma=sigma)
    return new * (new == s)


def boxes_dropped(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    new = soft_nms(o, s, y, sigma=sigma)
    return new[new > 0.3]


def scores_given_back(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    return s


def cut_off(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    new = soft_nms(o, s, y, sigma=sigma)
    return new * (new >= 0.001)


def only_the_worst_overlap(o: Tensor, s: Tensor, y: Tensor, *, sigma: float) -> Tensor:
    """Matrix-NMS: one factor a box, from the best overlap with a better one."""
    is_better = (s[:, None] > s) & (y[:, None] == y)
    worst = (o * is_better).amax(0) if len(s) else s
    return s * torch.exp(-worst.square() / sigma)
