"""matched_objects: which object each default box gets, where each claims its own.

The oracle sorts lists of pairs, from the highest IoU to the lowest.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Rows = list[list[float]]  # an object each
Pair = tuple[float, int, int]  # minus the IoU, the object, the box
Owners = dict[int, int]  # the object of a box


def case(rows: Rows, threshold: float = 0.5, *, boxes: int = 0) -> Inputs:
    """IoUs from their rows; `boxes` says how many if there is no object."""
    columns = len(rows[0]) if rows else boxes
    iou = torch.tensor(rows).float().reshape(len(rows), columns)
    return inputs(iou, threshold=threshold)


CASES = {
    "the example": case([[0.6, 0.4, 0.1, 0], [0.7, 0.5, 0.2, 0.55]]),
    "no objects": case([], boxes=4),
    "no boxes": case([[], []]),
    "neither objects nor boxes": case([]),
    "one object": case([[0.1, 0.6, 0.3, 0.55, 0]]),
    "a small object: its best box overlaps by 0.1": case(
        [[0.05, 0.1, 0.02, 0], [0.8, 0, 0.6, 0]]
    ),
    "an object that every box misses": case([[0, 0.9, 0, 0.2], [0, 0, 0, 0]]),
    "no box touches the only object": case([[0, 0, 0]]),
    "exactly at the threshold": case([[0.75, 0.5, 0.25, 0.625]]),
    "another threshold": case([[0.75, 0.5, 0.25, 0.625, 0.125]], 0.25),
    "a threshold of 0": case([[0.5, 0.125, 0, 0.25], [0, 0, 0, 0.75]], 0.0),
    "two objects have the same best box, the first overlaps it more": case(
        [[0.2, 0.9, 0.1, 0.3], [0.1, 0.8, 0.4, 0]]
    ),
    "two objects have the same best box, the second overlaps it more": case(
        [[0.2, 0.8, 0.1, 0.3], [0.1, 0.9, 0.4, 0]]
    ),
    "three objects want one box": case(
        [[0.7, 0.3, 0.2, 0], [0.8, 0.6, 0.1, 0], [0.9, 0.4, 0.1, 0.05]]
    ),
    "a box that is taken from one object goes to another first": case(
        [[0.6, 0.55, 0], [0.9, 0.8, 0.1], [0.3, 0.85, 0.7]]
    ),
    "a claimed box overlaps another object more": case(
        [[0.1, 0.4, 0.3], [0.9, 0.7, 0.6]]
    ),
    "an object whose best box is gone comes later": case(
        [[0.9, 0, 0], [0.85, 0.3, 0.1], [0, 0.8, 0.2]]
    ),
    "more objects than boxes": case([[0.3, 0.6], [0.8, 0.2], [0.7, 0.9]]),
    "only zeros are left for the second object": case([[0.9, 0, 0], [0.8, 0, 0]]),
    "two objects overlap a box alike": case([[0.9, 0.75, 0, 0], [0, 0.75, 0.875, 0]]),
    "two objects overlap their best box alike": case(
        [[0.1, 0.75, 0.5], [0.2, 0.75, 0.25]]
    ),
    "an object overlaps two boxes alike": case([[0.25, 0.375, 0.375, 0.125]]),
    "equal pairs in another row and column": case([[0.1, 0.4, 0.2], [0.4, 0.4, 0.3]]),
    "many boxes of one object": case(
        [[0.6, 0.7, 0.8, 0.9, 0.55, 0.1], [0.65, 0.1, 0.3, 0.2, 0.2, 0.1]]
    ),
    "a single box": case([[0.2], [0.3]]),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Overlaps in eighths, many 0 and many equal."""
    iou = torch.randint(-4, 9, (2 + i % 4, 6 + 2 * i), generator=generator)
    return inputs(iou.clamp(min=0).float() / 8, threshold=(0.5, 0.375, 0.75)[i % 3])


# The steps of the oracle.


def pairs_in_turn(
    rows: Rows, *, least: float = 0.0, order: Callable[[Pair], Any] = lambda pair: pair
) -> Owners:
    """Of the pairs above the least IoU, in this order, those that are free claim."""
    pairs = [(-v, n, d) for n, row in enumerate(rows) for d, v in enumerate(row)]
    owners: Owners = {}
    for value, thing, box in sorted(pairs, key=order):
        if -value > least and box not in owners and thing not in owners.values():
            owners[box] = thing
    return owners


def best_boxes(rows: Rows) -> list[tuple[int, int]]:
    """The box that each object overlaps most, and the object."""
    return [
        (row.index(max(row)), thing)
        for thing, row in enumerate(rows)
        if max(row, default=0.0) > 0
    ]


def highest_above(column: list[float], threshold: float) -> int:
    """The object that a box overlaps most, if by more than the threshold."""
    best = max(column, default=0.0)
    return column.index(best) if best > threshold else -1


def last_highest_above(column: list[float], threshold: float) -> int:
    """The last of the objects that a box overlaps most."""
    found = highest_above(column[::-1], threshold)
    return len(column) - 1 - found if found >= 0 else -1


def claim_first(claim: int, found: int) -> int:
    """The object that claimed a box, or else the one that was found for it."""
    return claim if claim >= 0 else found


def slow_matched_objects(
    iou: Tensor,
    *,
    threshold: float,
    claims: Callable[[Rows], Owners] = pairs_in_turn,
    find: Callable[[list[float], float], int] = highest_above,
    choose: Callable[[int, int], int] = claim_first,
) -> Tensor:
    """(D,) the object of each default box, or -1, from lists."""
    rows = iou.tolist()
    owners = claims(rows)
    found = [
        choose(owners.get(box, -1), find([row[box] for row in rows], threshold))
        for box in range(iou.shape[1])
    ]
    return torch.tensor(found, dtype=torch.int64)


MISTAKES: Mistakes = {
    "no two objects claim one box: the pair with the highest IoU goes first": {
        "claims": lambda rows: dict(best_boxes(rows))
    },
    "an object whose best box is taken claims the best one that is free": {
        "claims": lambda rows: dict(best_boxes(rows)[::-1])
    },
    "the pair with the highest IoU of all goes first, not the first object": {
        "claims": lambda rows: pairs_in_turn(rows, order=lambda pair: (pair[1], pair))
    },
    "each object claims a box, however little it overlaps": {"claims": lambda rows: {}},
    "an object that overlaps no free box claims none": {
        "claims": lambda rows: pairs_in_turn(rows, least=-1.0)
    },
    "an IoU equal to the threshold is not above it": {
        "find": lambda column, threshold: highest_above(column, threshold - 1e-6)
    },
    "other boxes above the threshold find an object, too": {
        "find": lambda column, threshold: -1
    },
    "the threshold was not looked at": {
        "find": lambda column, threshold: highest_above(column, 0.0)
    },
    "a claimed box stays with its object, though it overlaps another more": {
        "choose": lambda claim, found: claim_first(found, claim)
    },
    "a box gets the object that it overlaps most, not the first above the threshold": {
        "find": lambda column, threshold: next(
            (n for n, value in enumerate(column) if value > threshold), -1
        )
    },
    "of objects that a box overlaps alike, the first counts": {
        "find": last_highest_above
    },
    "-1 is no object, and the first object is 0": (
        lambda right, iou, *, threshold: right + 1
    ),
}

check_matched_objects = compare_with(
    slow_matched_objects,
    "matched_objects",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection._utils.Matcher.__call__",),
)
