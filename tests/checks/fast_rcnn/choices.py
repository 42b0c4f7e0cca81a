"""Answers to the task hard_rois, right ones first."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

Chosen = tuple[Tensor, Tensor]


def choice_in_lists(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
) -> Chosen:
    names = object_labels.tolist()
    groups: dict[bool, list[tuple[float, int, int]]] = {True: [], False: []}
    for i, loss in enumerate(losses.tolist()):
        if i >= len(overlaps):
            label = names[i - len(overlaps)]
        elif not names:
            label = 0
        else:
            row = overlaps[i]
            best = row.max()
            if best < 0.1:
                continue
            label = names[int(row.argmax())] if best >= 0.5 else 0
        groups[label > 0].append((-loss, i, label))
    kept = sorted(groups[True])[: math.floor(count * positive_fraction)]
    kept += sorted(groups[False])[: count - len(kept)]
    rows = torch.tensor(kept).reshape(-1, 3)
    return rows[:, 1].long(), rows[:, 2].long()


def choice_in_numpy(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
) -> Chosen:
    """The objects' own rows are appended as IoUs of 1."""
    names = np.concatenate([[0], object_labels.numpy()])
    table = np.concatenate([overlaps.numpy(), np.eye(len(object_labels))])
    # Without objects, a column of 0.1 makes everything background.
    floor = np.full((len(table), 1), 0.1 if len(object_labels) == 0 else -1.0)
    table = np.concatenate([floor, table], axis=1)
    best, index = table.max(axis=1), table.argmax(axis=1)
    # 0.1 in float32 is a little above 0.1, and 0.0999 is far below it.
    label = np.where(best >= 0.5, names[index], np.where(best >= 0.1, 0, -1))
    order = np.lexsort((np.arange(len(label)), -losses.numpy()))
    objects = order[label[order] > 0][: int(count * positive_fraction)]
    background = order[label[order] == 0][: count - len(objects)]
    chosen = np.concatenate([objects, background]).astype(np.int64)
    return torch.from_numpy(chosen), torch.from_numpy(label[chosen].astype(np.int64))


def choice_by_masks(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
) -> Chosen:
    """Picks the worst one at a time."""
    labels = labels_of(overlaps, object_labels)
    left = losses.double().clone()
    chosen: list[int] = []
    for wanted, room in ((True, int(count * positive_fraction)), (False, count)):
        is_wanted = labels > 0 if wanted else labels == 0
        waiting = left.masked_fill(~is_wanted, -torch.inf)
        while (waiting > -torch.inf).any() and len(chosen) < room:
            chosen.append(int(waiting.argmax()))
            waiting[chosen[-1]] = -torch.inf
    found = torch.tensor(chosen, dtype=torch.int64)
    return found, labels[found]


def labels_of(
    overlaps: Tensor,
    object_labels: Tensor,
    *,
    half: float = 0.5,
    tenth: float = 0.1,
    top: float = 0.5,
    truth: bool = True,
    last: bool = False,
    empty: int = 0,
    as_index: bool = False,
) -> Tensor:
    """Thresholds a little higher or lower turn `>=` into `>`."""
    labels = torch.full((len(overlaps),), empty, dtype=torch.int64)
    if len(object_labels):
        best, index = overlaps.max(dim=1)
        if last:
            index = len(object_labels) - 1 - overlaps.flip(1).argmax(dim=1)
        names = torch.arange(len(object_labels)) if as_index else object_labels
        labels = torch.full_like(index, -1)
        labels[(best >= tenth) & (best < top)] = 0
        labels = torch.where(best >= half, names[index], labels)
    own = object_labels if truth else torch.full_like(object_labels, -1)
    return torch.cat([labels, own])


def choice(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
    order: Tensor | None = None,
    most: int | None = None,
    room: int | None = None,
    **rules: Any,
) -> Chosen:
    labels = labels_of(overlaps, object_labels, **rules)
    if order is None:
        order = losses.argsort(descending=True, stable=True)
    most = int(count * positive_fraction) if most is None else most
    objects = order[labels[order] > 0][:most]
    room = count - len(objects) if room is None else room
    chosen = torch.cat([objects, order[labels[order] == 0][:room]])
    return chosen, labels[chosen]


def above_half(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, half=0.50001)


def half_is_background(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, half=0.50001, top=0.50001)


def above_a_tenth(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, tenth=0.10001)


def all_below_half(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, tenth=0.0)


def background_below_0_3(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, top=0.3)


def objects_above_0_6(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, half=0.6)


def without_truth(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, truth=False)


def truth_first(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    """Puts the true boxes before the proposals."""
    return choice(torch.cat([torch.eye(len(y)), o]), y[:0], e, **settings)


def last_object(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, last=True)


def index_as_label(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    chosen, labels = choice(o, y, e, **settings)
    best = o.argmax(dim=1) if len(y) else torch.zeros(len(o), dtype=torch.int64)
    index = torch.cat([best, torch.arange(len(y))])
    return chosen, torch.where(labels > 0, index[chosen], labels)


def lowest_losses(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, order=e.argsort(stable=True))


def as_they_come(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, order=torch.arange(len(e)))


def last_of_equals(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, order=e.argsort(stable=True).flip(0))


def at_random(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    order = torch.randperm(len(e), generator=torch.Generator().manual_seed(0))
    return choice(o, y, e, **settings, order=order)


def sorted_by_index(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    chosen, labels = choice(o, y, e, **settings)
    order = chosen.argsort()
    return chosen[order], labels[order]


def rounded_up(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    most = math.ceil(settings["count"] * settings["positive_fraction"])
    return choice(o, y, e, **settings, most=most)


def rounded_to_nearest(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    most = round(settings["count"] * settings["positive_fraction"])
    return choice(o, y, e, **settings, most=most)


def at_least_one_object(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    most = max(int(settings["count"] * settings["positive_fraction"]), 1)
    return choice(o, y, e, **settings, most=most)


def fixed_shares(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    most = int(settings["count"] * settings["positive_fraction"])
    return choice(o, y, e, **settings, room=settings["count"] - most)


def no_share(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    """Takes as many objects as there are places."""
    return choice(o, y, e, **settings, most=settings["count"])


def hardest_of_all(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    labels = labels_of(o, y)
    order = e.argsort(descending=True, stable=True)
    chosen = order[labels[order] >= 0][: settings["count"]]
    chosen = torch.cat([chosen[labels[chosen] > 0], chosen[labels[chosen] == 0]])
    return chosen, labels[chosen]


def fills_with_objects(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    background = int((labels_of(o, y) == 0).sum())
    most = int(settings["count"] * settings["positive_fraction"])
    return choice(o, y, e, **settings, most=max(most, settings["count"] - background))


def unused_without_objects(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings, empty=-1)


def crashes_without_objects(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    o.max(dim=1)
    return choice(o, y, e, **settings)


def labels_first(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings)[::-1]


def indices_alone(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Tensor:
    return choice(o, y, e, **settings)[0]


def all_labels(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    return choice(o, y, e, **settings)[0], labels_of(o, y)


def a_bool_a_roi(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    chosen, labels = choice(o, y, e, **settings)
    return torch.zeros(len(e)).bool().index_fill(0, chosen, True), labels


def only_losses_above_0(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    chosen, labels = choice(o, y, e, **settings)
    return chosen[e[chosen] > 0], labels[e[chosen] > 0]


def padded(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    """Repeats the last RoI until there are `count`."""
    chosen, labels = choice(o, y, e, **settings)
    missing = settings["count"] - len(chosen) if len(chosen) else 0
    return (
        torch.cat([chosen, chosen[-1:].repeat(missing)]),
        torch.cat([labels, labels[-1:].repeat(missing)]),
    )


def sorts_in_place(o: Tensor, y: Tensor, e: Tensor, **settings: Any) -> Chosen:
    answer = choice(o, y, e, **settings)
    e.copy_(e.sort(descending=True).values)
    return answer
