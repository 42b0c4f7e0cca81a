"""Answers to the task chosen_negatives, right ones first."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.ssd import SSD

from course_utils.models.ssd import hard_negatives


def negatives_in_lists(
    logits: Tensor, labels: Tensor, *, ratio: float, least: int
) -> Tensor:
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


def negatives_by_numpy(
    logits: Tensor, labels: Tensor, *, ratio: float, least: int
) -> Tensor:
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


def negatives_by_cross_entropy(
    logits: Tensor, labels: Tensor, *, ratio: float, least: int
) -> Tensor:
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


def usual_cost(logits: Tensor) -> Tensor:
    return -logits.log_softmax(2)[..., -1]


def usual_pool(labels: Tensor, last: int) -> Tensor:
    return labels == last


def usual_things(labels: Tensor, last: int) -> Tensor:
    return (labels >= 0) & (labels != last)


def usual_count(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).floor().clamp(min=least)


def usual_ranking(cost: Tensor) -> Tensor:
    return cost.argsort(dim=1, descending=True, stable=True)


def made(
    *,
    cost: Any = usual_cost,
    pool: Any = usual_pool,
    things: Any = usual_things,
    count: Any = usual_count,
    ranking: Any = usual_ranking,
    finish: Any = None,
) -> Callable[..., Any]:
    """An answer of these steps, one of which is wrong."""

    def answer(logits: Tensor, labels: Tensor, *, ratio: float, least: int) -> Any:
        last = logits.shape[2] - 1
        most = count(things(labels, last).sum(1), ratio, least)
        may = pool(labels, last)
        value = cost(logits).where(may, -math.inf)
        place = ranking(value).argsort(1)
        chosen = (place < most[:, None]) & may
        return finish(chosen, value, labels, last) if finish else chosen

    return answer


def of_class_0(logits: Tensor) -> Tensor:
    return -logits.log_softmax(2)[..., 0]


def own_logit(logits: Tensor) -> Tensor:
    return -logits[..., -1]


def best_object(logits: Tensor) -> Tensor:
    return logits[..., :-1].amax(2)


def best_chance(logits: Tensor) -> Tensor:
    return logits.softmax(2)[..., :-1].amax(2)


def margin(logits: Tensor) -> Tensor:
    return logits[..., :-1].amax(2) - logits[..., -1]


def easiest(logits: Tensor) -> Tensor:
    return -usual_cost(logits)


def unsure(logits: Tensor) -> Tensor:
    return -(logits.softmax(2) * logits.log_softmax(2)).sum(2)


def by_softmax(logits: Tensor) -> Tensor:
    return -logits.softmax(2)[..., -1].log()


def by_plain_exponentials(logits: Tensor) -> Tensor:
    powers = logits.exp()
    return -(powers[..., -1] / powers.sum(2)).log()


def one_minus_chance(logits: Tensor) -> Tensor:
    return 1 - logits.softmax(2)[..., -1]


def over_boxes(logits: Tensor) -> Tensor:
    return -logits.log_softmax(1)[..., -1]


def by_sigmoid(logits: Tensor) -> Tensor:
    return -F.logsigmoid(logits[..., -1])


def ignored_too(labels: Tensor, last: int) -> Tensor:
    return (labels == last) | (labels == -1)


def every_box(labels: Tensor, last: int) -> Tensor:
    return labels >= -1


def label_0(labels: Tensor, last: int) -> Tensor:
    return labels == 0


def above_0(labels: Tensor, last: int) -> Tensor:
    return labels > 0


def not_last(labels: Tensor, last: int) -> Tensor:
    return labels != last


def rounded_up(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).ceil().clamp(min=least)


def rounded(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio + 0.5).floor().clamp(min=least)


def whole_ratio(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * int(ratio)).clamp(min=least)


def not_rounded(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).clamp(min=least)


def without_least(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).floor()


def least_added(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).floor() + least


def least_alone(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).floor().where(things > 0, least)


def none_without_objects(things: Tensor, ratio: float, least: int) -> Tensor:
    return usual_count(things, ratio, least) * (things > 0)


def at_most_least(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * ratio).floor().clamp(max=least)


def always_three(things: Tensor, ratio: float, least: int) -> Tensor:
    return (things * 3).clamp(min=least)


def one_each(things: Tensor, ratio: float, least: int) -> Tensor:
    return things.clamp(min=least)


def at_least_one(things: Tensor, ratio: float, least: int) -> Tensor:
    return usual_count(things, ratio, max(least, 1))


def of_all_images(
    logits: Tensor, labels: Tensor, *, ratio: float, least: int
) -> Tensor:
    answer = made()
    flat = answer(logits.reshape(1, -1, logits.shape[2]), labels.reshape(1, -1),
                  ratio=ratio, least=least)  # fmt: skip
    return flat.reshape(labels.shape)


def mean_of_images(things: Tensor, ratio: float, least: int) -> Tensor:
    """Each image gets as many as the average image."""
    return usual_count(things.float().mean().expand(len(things)), ratio, least)


def last_of_equals(cost: Tensor) -> Tensor:
    order = cost.flip(1).argsort(dim=1, descending=True, stable=True)
    return cost.shape[1] - 1 - order


def place_for_ranking(cost: Tensor) -> Tensor:
    """Takes the ranking for the place of each box in it."""
    return cost.argsort(dim=1, descending=True, stable=True).argsort(1)


def ties_too(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    lowest = cost.where(chosen, math.inf)
    if cost.shape[1]:
        lowest = lowest.amin(1, keepdim=True)
    return (cost >= lowest) & (labels == last)


def objects_too(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return chosen | usual_things(labels, last)


def turned(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return ~chosen


def as_indices(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return chosen.nonzero()


def as_floats(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return chosen.float()


def as_costs(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return cost[chosen]


def first_image(chosen: Tensor, cost: Tensor, labels: Tensor, last: int) -> Tensor:
    return chosen[0]


def by_torchvision(logits: Tensor, labels: Tensor, **settings: Any) -> Any:
    return SSD.compute_loss(None, [], {}, [], [])


def by_library(logits: Tensor, labels: Tensor, *, ratio: float, least: int) -> Tensor:
    return hard_negatives(usual_cost(logits), labels == 0, ratio=ratio)


def in_place(logits: Tensor, labels: Tensor, **settings: Any) -> Tensor:
    chosen = made()(logits, labels, **settings)
    labels[labels == -1] = 0
    return chosen
