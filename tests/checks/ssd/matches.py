"""Answers to the task matched_objects, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection._utils import SSDMatcher

from course_utils.models.ssd import match_default_boxes


def match_in_lists(iou: Tensor, *, threshold: float) -> Tensor:
    """All pairs in one sorted list."""
    rows, count = iou.tolist(), iou.shape[1]
    pairs = [(-v, n, d) for n, row in enumerate(rows) for d, v in enumerate(row) if v]
    objects: dict[int, int] = {}
    for _, n, d in sorted(pairs):
        if d not in objects and n not in objects.values():
            objects[d] = n
    for d in range(count):
        if d not in objects:
            above = [(-row[d], n) for n, row in enumerate(rows) if row[d] > threshold]
            objects[d] = min(above)[1] if above else -1
    return torch.tensor([objects[d] for d in range(count)]).long()


def match_by_numpy(iou: Tensor, *, threshold: float) -> Tensor:
    """Takes rows and columns out until nothing is left."""
    table = iou.numpy()
    match = np.full(table.shape[1], -1)
    things, boxes = np.arange(table.shape[0]), np.arange(table.shape[1])
    while len(things) and len(boxes):
        left = table[np.ix_(things, boxes)]
        row, column = np.unravel_index(left.argmax(), left.shape)
        if left[row, column] == 0:
            break
        match[boxes[column]] = things[row]
        things, boxes = np.delete(things, row), np.delete(boxes, column)
    for d in boxes:
        if len(table) and table[:, d].max() > threshold:
            match[d] = table[:, d].argmax()
    return torch.from_numpy(match)


def match_by_proposals(iou: Tensor, *, threshold: float) -> Tensor:
    """Each object asks its best boxes in turn, and a box takes the better one.

    As the two sides rank a pair alike, this ends as the greedy choice does.
    """
    count, columns = iou.shape
    order = [row.argsort(descending=True, stable=True).tolist() for row in iou]
    holds: dict[int, int] = {}
    waiting = list(range(count))
    while waiting:
        thing = waiting.pop()
        while order[thing]:
            box = order[thing].pop(0)
            if iou[thing, box] <= 0:
                break
            rival = holds.get(box)
            if rival is not None and (-iou[rival, box], rival) < (
                -iou[thing, box],
                thing,
            ):
                continue
            holds[box] = thing
            if rival is not None:
                waiting.append(rival)
            break
    padded = torch.cat([iou, torch.full((1, columns), -1.0)])
    best = padded.max(dim=0)
    match = torch.where(best.values > threshold, best.indices, -1)
    for box, thing in holds.items():
        match[box] = thing
    return match


def second_step(iou: Tensor, threshold: float) -> Tensor:
    if iou.numel() == 0:
        return torch.full((iou.shape[1],), -1)
    highest, own = iou.max(0)
    return own.where(highest > threshold, -1)


def claims(iou: Tensor, least: float = 0) -> list[tuple[int, int]]:
    found, free = [], iou.clone()
    while free.numel() and free.max() > least:
        thing, box = divmod(int(free.argmax()), iou.shape[1])
        found.append((thing, box))
        free[thing], free[:, box] = -1, -1
    return found


def claimed(match: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    for thing, box in pairs:
        match[box] = thing
    return match


def answer(iou: Tensor, *, threshold: float) -> Tensor:
    return claimed(second_step(iou, threshold), claims(iou))


def later_wins(iou: Tensor, *, threshold: float) -> Tensor:
    """As torchvision does it, and the lesson."""
    match = second_step(iou, threshold)
    for n, row in enumerate(iou):
        if row.numel() and row.max() > 0:
            match[row.argmax()] = n
    return match


def earlier_wins(iou: Tensor, *, threshold: float) -> Tensor:
    match = second_step(iou, threshold)
    for n in reversed(range(len(iou))):
        if iou[n].numel() and iou[n].max() > 0:
            match[iou[n].argmax()] = n
    return match


def object_by_object(iou: Tensor, *, threshold: float) -> Tensor:
    match, free = second_step(iou, threshold), iou.clone()
    for n in range(len(iou)):
        if free.shape[1] and free[n].max() > 0:
            box = free[n].argmax()
            match[box] = n
            free[:, box] = 0
    return match


def by_best_of_each(iou: Tensor, *, threshold: float) -> Tensor:
    """Objects in the order of their highest IoU, which changes as boxes go."""
    match, free = second_step(iou, threshold), iou.clone()
    if iou.numel() == 0:
        return match
    for n in iou.amax(1).argsort(descending=True, stable=True).tolist():
        if free[n].max() > 0:
            match[free[n].argmax()] = n
            free[:, free[n].argmax()] = 0
    return match


def no_claims(iou: Tensor, *, threshold: float) -> Tensor:
    return second_step(iou, threshold)


def claims_alone(iou: Tensor, *, threshold: float) -> Tensor:
    return claimed(torch.full((iou.shape[1],), -1), claims(iou))


def zeros_claim(iou: Tensor, *, threshold: float) -> Tensor:
    return claimed(second_step(iou, threshold), claims(iou, -1))


def or_equal(iou: Tensor, *, threshold: float) -> Tensor:
    return answer(iou, threshold=threshold - 1e-6)


def always_half(iou: Tensor, *, threshold: float) -> Tensor:
    return answer(iou, threshold=0.5)


def any_overlap(iou: Tensor, *, threshold: float) -> Tensor:
    return answer(iou, threshold=0)


def claims_above(iou: Tensor, *, threshold: float) -> Tensor:
    """Claims only what is above the threshold."""
    return claimed(second_step(iou, threshold), claims(iou, threshold))


def one_box_each(iou: Tensor, *, threshold: float) -> Tensor:
    pairs = claims(iou)
    match = second_step(iou, threshold)
    for thing, _ in pairs:
        match[match == thing] = -1
    return claimed(match, pairs)


def overwritten(iou: Tensor, *, threshold: float) -> Tensor:
    own = second_step(iou, threshold)
    return own.where(own >= 0, claims_alone(iou, threshold=threshold))


def first_above(iou: Tensor, *, threshold: float) -> Tensor:
    match = torch.full((iou.shape[1],), -1)
    for n in reversed(range(len(iou))):
        match[iou[n] > threshold] = n
    return claimed(match, claims(iou))


def last_object(iou: Tensor, *, threshold: float) -> Tensor:
    match = second_step(iou.flip(0), threshold)
    match = torch.where(match >= 0, len(iou) - 1 - match, -1)
    return claimed(match, claims(iou))


def first_box(iou: Tensor, *, threshold: float) -> Tensor:
    """Of equal pairs the lower box first: it comes to the same.

    A pair gives way only to another of its object or box, and where two pairs share
    one of them, both orders agree.
    """
    pairs = [(n, d) for d, n in claims(iou.T)]
    return claimed(second_step(iou, threshold), pairs)


def last_pair(iou: Tensor, *, threshold: float) -> Tensor:
    flipped = claims(iou.flip(0, 1))
    shape = (len(iou) - 1, iou.shape[1] - 1)
    pairs = [(shape[0] - n, shape[1] - d) for n, d in flipped]
    return claimed(second_step(iou, threshold), pairs)


def one_round(iou: Tensor, *, threshold: float) -> Tensor:
    """Lets only the best pair of all claim."""
    return claimed(second_step(iou, threshold), claims(iou)[:1])


def from_1(iou: Tensor, *, threshold: float) -> Tensor:
    return answer(iou, threshold=threshold) + 1


def as_floats(iou: Tensor, *, threshold: float) -> Tensor:
    return answer(iou, threshold=threshold).float()


def with_overlaps(iou: Tensor, *, threshold: float) -> Any:
    return answer(iou, threshold=threshold), iou.amax(0)


def boxes_of_objects(iou: Tensor, *, threshold: float) -> Tensor:
    """The box of each object, the other way round."""
    found = torch.full((len(iou),), -1)
    for thing, box in claims(iou):
        found[thing] = box
    return found


def in_place(iou: Tensor, *, threshold: float) -> Tensor:
    match = answer(iou, threshold=threshold)
    iou[:] = 0
    return match


def fails_without_objects(iou: Tensor, *, threshold: float) -> Tensor:
    iou.max(dim=0)
    return answer(iou, threshold=threshold)


def by_torchvision(iou: Tensor, *, threshold: float) -> Tensor:
    return SSDMatcher(threshold)(iou).clamp(min=-1)


def by_library(iou: Tensor, *, threshold: float) -> Tensor:
    return match_default_boxes(iou, positive_iou=threshold)
