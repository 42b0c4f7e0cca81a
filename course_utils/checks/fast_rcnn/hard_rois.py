"""hard_rois: the RoIs with the highest losses, objects first, and their labels.

The oracle chooses from Python lists, RoI by RoI.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

UNUSED = -1


def case(
    overlaps: list[list[float]],
    object_labels: list[int],
    losses: list[float],
    count: int,
    positive_fraction: float,
) -> Inputs:
    """The tables as tensors; (N, M) also where N or M is 0."""
    return inputs(
        torch.tensor(overlaps).reshape(len(overlaps), len(object_labels)),
        torch.tensor(object_labels, dtype=torch.int64),
        torch.tensor(losses),
        count=count,
        positive_fraction=positive_fraction,
    )


TABLE = [[0.7, 0.0], [0.2, 0.5], [0.05, 0.0], [0.3, 0.1], [0.0, 0.49]]
CASES = {
    "the example": case(TABLE, [4, 2], [0.5, 1.5, 3, 0.2, 0.9, 0.1, 2], 4, 0.5),
    "an IoU of exactly 0.5": case(
        [[0.5], [0.4999], [0.5001]], [3], [0.3, 0.2, 0.1, 0.4], 8, 0.5
    ),
    "an IoU of exactly 0.1": case(
        [[0.1], [0.0999], [0.1001]], [3], [0.3, 0.2, 0.1, 0.4], 8, 0.5
    ),
    "an object without a proposal": case(
        [[0.2, 0.0], [0.6, 0.1]], [5, 2], [0.9, 0.3, 0.1, 0.7], 6, 0.5
    ),
    "two objects on one proposal": case(
        [[0.6, 0.8], [0.8, 0.6], [0.55, 0.0]], [6, 3], [4, 3, 2, 0.2, 0.1], 5, 1.0
    ),
    "the same IoU with two objects": case(
        [[0.1, 0.7, 0.7], [0.3, 0.3, 0.2]],
        [2, 5, 3],
        [0.9, 0.8, 0.1, 0.2, 0.3],
        5,
        1.0,
    ),
    "more objects than their share": case(
        [[0.9], [0.8], [0.7], [0.6], [0.2], [0.3], [0.4]],
        [2],
        [0.8, 0.9, 0.3, 0.2, 0.7, 0.5, 0.6, 0.0],
        4,
        0.25,
    ),
    "few objects: background fills up": case(
        [[0.2], [0.3], [0.4], [0.1], [0.2]], [7], [0.1, 0.5, 0.4, 0.2, 0.3, 0.6], 5, 0.5
    ),
    "little background: fewer are chosen": case(
        [[0.9], [0.3], [0.6], [0.0], [0.7]], [1], [0.1, 0.5, 0.4, 0.2, 0.3, 0.6], 6, 0.5
    ),
    "a share that is no whole number": case(
        [[0.9], [0.3], [0.6], [0.2], [0.7]],
        [1],
        [0.1, 0.5, 0.4, 0.2, 0.3, 0.6],
        7,
        0.25,
    ),
    "a share of less than one": case(
        [[0.9], [0.3], [0.6]], [4], [0.1, 0.5, 0.4, 0.2], 3, 0.25
    ),
    "equal losses: the lower index comes first": case(
        [[0.3], [0.8], [0.2], [0.8], [0.4], [0.8]],
        [3],
        [0.5, 0.7, 0.5, 0.7, 0.5, 0.7, 0.7],
        4,
        0.5,
    ),
    "no object, all is background": case([[], [], []], [], [0.2, 0.9, 0.4], 2, 0.25),
    "no proposals": case([], [6, 2], [0.3, 0.8], 4, 0.5),
    "neither proposals nor objects": case([], [], [], 4, 0.5),
    "only what is not used": case([[0.05], [0.0]], [2], [0.5, 0.4, 0.2], 4, 0.0),
    "losses of 0 and below": case(
        [[0.7], [0.2], [0.3], [0.6]], [2], [-1.0, -2.0, 0.0, -3.0, -0.5], 4, 0.5
    ),
}


def random_case(number: int, generator: torch.Generator) -> Inputs:
    """Overlaps in tenths, so that thresholds and ties are met, and equal losses."""
    proposals, objects = 12 + 9 * number, 1 + number
    overlaps = torch.randint(0, 8, (proposals, objects), generator=generator) / 10
    overlaps = overlaps * (torch.rand(proposals, objects, generator=generator) < 0.5)
    labels = torch.randint(1, 6, (objects,), generator=generator)
    losses = torch.randint(0, 40, (proposals + objects,), generator=generator) / 8
    return inputs(
        overlaps,
        labels,
        losses,
        count=(8, 14, 10)[number % 3],
        positive_fraction=(0.25, 0.5)[number % 2],
    )


# The steps of the oracle.


def kind_of(iou: float) -> int:
    """1 for an object, 0 for background, UNUSED below, by the highest IoU."""
    return 1 if iou >= 0.5 else 0 if iou >= 0.1 else UNUSED


def by_falling_loss(loss: float, index: int) -> tuple[float, ...]:
    """By what the RoIs are sorted."""
    return -loss, index


def objects_first(
    ranked: list[int], labels: list[int], count: int, most: int
) -> list[int]:
    """At most so many objects, and background until there are `count`."""
    objects = [i for i in ranked if labels[i] > 0][:most]
    return objects + [i for i in ranked if labels[i] == 0][: count - len(objects)]


def with_fixed_shares(
    ranked: list[int], labels: list[int], count: int, most: int
) -> list[int]:
    """Both groups with a share that is never exceeded."""
    background = [i for i in ranked if labels[i] == 0][: count - most]
    return [i for i in ranked if labels[i] > 0][:most] + background


def hardest_of_both(
    ranked: list[int], labels: list[int], count: int, most: int
) -> list[int]:
    """The highest losses of objects and background together."""
    used = [i for i in ranked if labels[i] != UNUSED][:count]
    return objects_first(used, labels, count, count)


def slow_hard_rois(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
    kind: Callable[[float], int] = kind_of,
    place: Callable[[list[float], float], int] = list.index,
    without_objects: int = 0,
    truth: Callable[[list[int]], list[int]] = list,
    order: Callable[[float, int], tuple[float, ...]] = by_falling_loss,
    whole: Callable[[float], int] = math.floor,
    choose: Callable[[list[int], list[int], int, int], list[int]] = objects_first,
) -> tuple[Tensor, Tensor]:
    """(K,) chosen RoIs and their labels, RoI by RoI."""
    names, labels = object_labels.tolist(), []
    for row in overlaps.tolist():
        ious = [round(iou, 6) for iou in row]  # 0.1 in float32 is above 0.1
        best = max(ious, default=0.0)
        label = kind(best) if ious else without_objects
        labels.append(names[place(ious, best)] if label > 0 else label)
    labels += truth(names)
    all_losses = losses.tolist()
    ranked = sorted(range(len(all_losses)), key=lambda i: order(all_losses[i], i))
    chosen = choose(ranked, labels, count, whole(count * positive_fraction))
    found = torch.tensor(chosen, dtype=torch.int64)
    return found, torch.tensor([labels[i] for i in chosen], dtype=torch.int64)


def labels_by_index(
    right: tuple[Tensor, Tensor],
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    **settings: Any,
) -> tuple[Tensor, Tensor]:
    """The same RoIs, each labelled by the index of its object."""
    from_1 = torch.arange(len(object_labels)) + 1
    chosen, labels = slow_hard_rois(overlaps, from_1, losses, **settings)
    return chosen, (labels - 1).clamp(min=0)


MISTAKES: Mistakes = {
    "an IoU of exactly 0.5 makes an object": {
        "kind": lambda iou: 0 if iou == 0.5 else kind_of(iou)
    },
    "an IoU of exactly 0.5 makes an object, it was not used": {
        "kind": lambda iou: UNUSED if iou == 0.5 else kind_of(iou)
    },
    "an IoU of exactly 0.1 is background": {
        "kind": lambda iou: UNUSED if iou == 0.1 else kind_of(iou)
    },
    "an IoU below 0.1 is not used": {"kind": lambda iou: max(kind_of(iou), 0)},
    "the true boxes are RoIs, too": {"truth": lambda names: [UNUSED] * len(names)},
    "of equal IoUs the first object gives the label": {
        "place": lambda ious, best: len(ious) - 1 - ious[::-1].index(best)
    },
    "without objects, every proposal is background": {"without_objects": UNUSED},
    "the highest losses come first, not the lowest": {
        "order": lambda loss, index: (loss, index)
    },
    "the RoIs are chosen by their losses": {"order": lambda loss, index: (index,)},
    "of equal losses the lower index comes first": {
        "order": lambda loss, index: (-loss, -index)
    },
    "objects first, each group by falling loss, not by index": (
        lambda right, *arguments, **settings: tuple(
            part[right[0].argsort()] for part in right
        )
    ),
    "round the share of objects down": {"whole": math.ceil},
    "round the share of objects down, not to the nearest": {"whole": round},
    "background fills up what objects leave free": {"choose": with_fixed_shares},
    "objects do not fill up where background is short": {
        "choose": lambda ranked, labels, count, most: objects_first(
            ranked, labels, count, max(most, count - labels.count(0))
        )
    },
    "objects have a share that they may not exceed": {"choose": hardest_of_both},
    "the label is the class of the object, not its index": labels_by_index,
    "the indices come first, the labels second": (
        lambda right, *arguments, **settings: right[::-1]
    ),
}

check_hard_rois = compare_with(
    slow_hard_rois, "hard_rois", cases=CASES, draw=random_case, mistakes=MISTAKES
)
