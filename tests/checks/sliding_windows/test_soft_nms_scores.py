"""Answers to soft_nms_scores, and its oracle beside paper."""

import math

import torch

from course_utils.checks.sliding_windows.soft_nms_scores import (
    CASES,
    slow_soft_nms_scores,
)


def in_lists(overlaps, scores, labels, *, sigma):
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


def by_class(overlaps, scores, labels, *, sigma):
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


def soft_nms(o, s, y, *, sigma):
    """An answer of a few lines of torch, as most learners write it."""
    new, waiting = s.clone(), torch.ones(len(s), dtype=torch.bool)
    for _ in range(len(s)):
        best = new.where(waiting, -1).argmax()
        waiting[best] = False
        factor = torch.exp(-o[best].square() / sigma)
        new = torch.where(waiting & (y == y[best]), new * factor, new)
    return new


def last_of_equals(o, s, y, *, sigma):
    return soft_nms(o.flip(0, 1), s.flip(0), y.flip(0), sigma=sigma).flip(0)


def lowers_itself(o, s, y, *, sigma):
    return soft_nms(o, s, y, sigma=sigma) * math.exp(-1 / sigma)


def in_place(o, s, y, *, sigma):
    return s.copy_(soft_nms(o, s, y, sigma=sigma))


def boxes_dropped(o, s, y, *, sigma):
    new = soft_nms(o, s, y, sigma=sigma)
    return new[new > 0.3]


def cut_off(o, s, y, *, sigma):
    new = soft_nms(o, s, y, sigma=sigma)
    return new * (new >= 0.001)


def only_the_worst_overlap(o, s, y, *, sigma):
    """Matrix-NMS: one factor a box, from the best overlap with a better one."""
    is_better = (s[:, None] > s) & (y[:, None] == y)
    worst = (o * is_better).amax(0) if len(s) else s
    return s * torch.exp(-worst.square() / sigma)


RIGHT = [in_lists, by_class]
WRONG = [
    (lambda o, s, y, *, sigma: soft_nms(o, s, y, sigma=0.5), "the same box twice"),
    (last_of_equals, "equal scores"),
    (lowers_itself, "the example"),
    (in_place, "changed its input in place"),
    (boxes_dropped, "expected shape (4,), received (3,)"),
    (cut_off, "very small scores"),
    (only_the_worst_overlap, "the example"),
]


def test_soft_nms_agrees_with_paper():
    example = CASES["the example"]
    found = slow_soft_nms_scores(*example.arguments, **example.settings)
    right = torch.tensor([0.9, 0.8 * 0.278037 * 0.606531, 0.7, 0.6])
    torch.testing.assert_close(found, right)
