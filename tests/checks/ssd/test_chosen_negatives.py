"""Answers to chosen_negatives, and its oracle beside torch."""

import math

import cheats
import numpy as np
import torch
import torch.nn.functional as F
from torchvision.models.detection.ssd import SSD

from course_utils.checks.ssd.chosen_negatives import (
    CASES,
    random_case,
    slow_chosen_negatives,
)
from course_utils.models.ssd import hard_negatives


def negatives_in_lists(logits, labels, *, ratio, least):
    background = logits.shape[2] - 1
    chosen = torch.zeros_like(labels).bool()
    for b, names in enumerate(labels.tolist()):
        things = sum(name not in (-1, background) for name in names)
        costs = []
        for d, name in enumerate(names):
            if name == background:
                row = logits[b, d].tolist()
                top = max(row)
                total = sum(math.exp(z - top) for z in row)
                costs.append((-(top + math.log(total) - row[-1]), d))
        for _, d in sorted(costs)[: max(int(things * ratio), least)]:
            chosen[b, d] = True
    return chosen


def negatives_by_numpy(logits, labels, *, ratio, least):
    z, names = logits.double().numpy(), labels.numpy()
    cost = np.logaddexp.reduce(z, axis=2) - z[..., -1]
    cost[names != z.shape[2] - 1] = -1
    order = np.argsort(-cost, axis=1, kind="stable")
    chosen = np.zeros(names.shape, dtype=bool)
    things = ((names >= 0) & (names < z.shape[2] - 1)).sum(1)
    for b, count in enumerate(np.maximum(np.floor(things * ratio), least).astype(int)):
        chosen[b, order[b, :count]] = True
        chosen[b] &= cost[b] >= 0
    return torch.from_numpy(chosen)


def negatives_by_cross_entropy(logits, labels, *, ratio, least):
    """Takes the background of each image out, and puts it back."""
    last = logits.shape[2] - 1
    images = []
    for z, names in zip(logits, labels, strict=True):
        places = (names == last).nonzero().squeeze(1)
        cost = F.cross_entropy(z[places], names[places], reduction="none")
        count = max(
            math.floor(ratio * int(((names != last) & (names >= 0)).sum())), least
        )
        hardest = places[cost.sort(descending=True, stable=True).indices[:count]]
        images.append(torch.zeros(len(names)).scatter(0, hardest, 1.0))
    return torch.stack(images) > 0


def usual_cost(logits):
    return -logits.log_softmax(2)[..., -1]


def usual_pool(labels, last):
    return labels == last


def usual_things(labels, last):
    return (labels >= 0) & (labels != last)


def usual_count(things, ratio, least):
    return (things * ratio).floor().clamp(min=least)


def usual_ranking(cost):
    return cost.argsort(dim=1, descending=True, stable=True)


def made(
    *,
    cost=usual_cost,
    pool=usual_pool,
    things=usual_things,
    count=usual_count,
    ranking=usual_ranking,
    finish=None,
):
    """An answer of these steps, one of which is wrong."""

    def answer(logits, labels, *, ratio, least):
        last = logits.shape[2] - 1
        most = count(things(labels, last).sum(1), ratio, least)
        may = pool(labels, last)
        value = cost(logits).where(may, -math.inf)
        place = ranking(value).argsort(1)
        chosen = (place < most[:, None]) & may
        return finish(chosen, value, labels, last) if finish else chosen

    return answer


def best_chance(logits):
    return logits.softmax(2)[..., :-1].amax(2)


def by_softmax(logits):
    return -logits.softmax(2)[..., -1].log()


def by_plain_exponentials(logits):
    powers = logits.exp()
    return -(powers[..., -1] / powers.sum(2)).log()


def one_minus_chance(logits):
    return 1 - logits.softmax(2)[..., -1]


def over_boxes(logits):
    return -logits.log_softmax(1)[..., -1]


def by_sigmoid(logits):
    return -F.logsigmoid(logits[..., -1])


def above_0(labels, last):
    return labels > 0


def not_last(labels, last):
    return labels != last


def rounded(things, ratio, least):
    return (things * ratio + 0.5).floor().clamp(min=least)


def whole_ratio(things, ratio, least):
    return (things * int(ratio)).clamp(min=least)


def not_rounded(things, ratio, least):
    return (things * ratio).clamp(min=least)


def at_most_least(things, ratio, least):
    return (things * ratio).floor().clamp(max=least)


def at_least_one(things, ratio, least):
    return usual_count(things, ratio, max(least, 1))


def mean_of_images(things, ratio, least):
    """Each image gets as many as the average image."""
    return usual_count(things.float().mean().expand(len(things)), ratio, least)


def place_for_ranking(cost):
    """Takes the ranking for the place of each box in it."""
    return cost.argsort(dim=1, descending=True, stable=True).argsort(1)


def as_indices(chosen, cost, labels, last):
    return chosen.nonzero()


def as_floats(chosen, cost, labels, last):
    return chosen.float()


def as_costs(chosen, cost, labels, last):
    return cost[chosen]


def first_image(chosen, cost, labels, last):
    return chosen[0]


def by_torchvision(logits, labels, **settings):
    return SSD.compute_loss(None, [], {}, [], [])


def by_library(logits, labels, *, ratio, least):
    return hard_negatives(usual_cost(logits), labels == 0, ratio=ratio)


def in_place(logits, labels, **settings):
    chosen = made()(logits, labels, **settings)
    labels[labels == -1] = 0
    return chosen


RIGHT = [negatives_in_lists, negatives_by_numpy, negatives_by_cross_entropy, made()]
WRONG = [
    (made(cost=best_chance), "chosen_negatives, case"),
    (made(cost=by_softmax), "different losses look alike"),
    (made(cost=by_plain_exponentials), "too large for a plain"),
    (made(cost=one_minus_chance), "too large for a plain"),
    (made(cost=over_boxes), "chosen_negatives, case"),
    (made(cost=by_sigmoid), "own logit is no loss"),
    (made(things=above_0), "chosen_negatives, case"),
    (made(things=not_last), "chosen_negatives, case"),
    (made(count=rounded), "a half"),
    (made(count=whole_ratio), "chosen_negatives, case"),
    (made(count=not_rounded), "a half box is none"),
    (made(count=at_most_least), "the example"),
    (made(count=at_least_one), "an image without objects"),
    (made(count=mean_of_images), "chosen_negatives, case"),
    (made(ranking=place_for_ranking), "chosen_negatives, case"),
    (made(finish=as_indices), "expected shape (1, 5)"),
    (made(finish=as_floats), "expected values of torch.bool"),
    (made(finish=as_costs), "expected shape (1, 5)"),
    (made(finish=first_image), "received (5,)"),
    (in_place, "changed its input in place"),
    (by_torchvision, "compute_loss is switched off"),
    (by_library, "hard_negatives is switched off"),
    (cheats.returns(torch.tensor([[False, True, True, False, False]])), "three to one"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]


def test_negatives_agree_with_torch():
    draw = torch.Generator().manual_seed(11)
    for given in [*CASES.values(), *(random_case(i, draw) for i in range(12))]:
        (logits, labels), settings = given.arguments, given.settings
        chosen = slow_chosen_negatives(logits, labels, **settings)
        last = logits.shape[2] - 1
        goal = torch.full_like(labels, last)
        cost = F.cross_entropy(logits.transpose(1, 2), goal, reduction="none")
        for b, names in enumerate(labels):
            things = int(((names >= 0) & (names < last)).sum())
            wanted = max(int(settings["ratio"] * things), settings["least"])
            most = min(wanted, int((names == last).sum()))
            assert int(chosen[b].sum()) == most
            assert (names[chosen[b]] == last).all()
            rest = cost[b][(names == last) & ~chosen[b]]
            if most and len(rest):
                assert cost[b][chosen[b]].min() >= rest.max() - 1e-6
