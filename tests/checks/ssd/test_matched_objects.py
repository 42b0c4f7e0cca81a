"""Answers to matched_objects, and its oracle beside torchvision."""

import cheats
import numpy as np
import torch
from torchvision.models.detection._utils import SSDMatcher
from torchvision.ops import box_iou

from course_utils.checks.ssd.matched_objects import random_case, slow_matched_objects
from course_utils.models.ssd import match_default_boxes


def match_in_lists(iou, *, threshold):
    """All pairs in one sorted list."""
    rows, count = iou.tolist(), iou.shape[1]
    pairs = [(-v, n, d) for n, row in enumerate(rows) for d, v in enumerate(row) if v]
    objects = {}
    for _, n, d in sorted(pairs):
        if d not in objects and n not in objects.values():
            objects[d] = n
    for d in range(count):
        if d not in objects:
            above = [(-row[d], n) for n, row in enumerate(rows) if row[d] > threshold]
            objects[d] = min(above)[1] if above else -1
    return torch.tensor([objects[d] for d in range(count)]).long()


def match_by_numpy(iou, *, threshold):
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


def match_by_proposals(iou, *, threshold):
    """Each object asks its best boxes in turn, and a box takes the better one.

    As the two sides rank a pair alike, this ends as the greedy choice does.
    """
    count, columns = iou.shape
    order = [row.argsort(descending=True, stable=True).tolist() for row in iou]
    holds = {}
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


def second_step(iou, threshold):
    if iou.numel() == 0:
        return torch.full((iou.shape[1],), -1)
    highest, own = iou.max(0)
    return own.where(highest > threshold, -1)


def claims(iou, least=0):
    found, free = [], iou.clone()
    while free.numel() and free.max() > least:
        thing, box = divmod(int(free.argmax()), iou.shape[1])
        found.append((thing, box))
        free[thing], free[:, box] = -1, -1
    return found


def claimed(match, pairs):
    for thing, box in pairs:
        match[box] = thing
    return match


def answer(iou, *, threshold):
    return claimed(second_step(iou, threshold), claims(iou))


def later_wins(iou, *, threshold):
    """As torchvision does it, and the lesson."""
    match = second_step(iou, threshold)
    for n, row in enumerate(iou):
        if row.numel() and row.max() > 0:
            match[row.argmax()] = n
    return match


def by_best_of_each(iou, *, threshold):
    """Objects in the order of their highest IoU, which changes as boxes go."""
    match, free = second_step(iou, threshold), iou.clone()
    if iou.numel() == 0:
        return match
    for n in iou.amax(1).argsort(descending=True, stable=True).tolist():
        if free[n].max() > 0:
            match[free[n].argmax()] = n
            free[:, free[n].argmax()] = 0
    return match


def always_half(iou, *, threshold):
    return answer(iou, threshold=0.5)


def claims_above(iou, *, threshold):
    """Claims only what is above the threshold."""
    return claimed(second_step(iou, threshold), claims(iou, threshold))


def one_box_each(iou, *, threshold):
    pairs = claims(iou)
    match = second_step(iou, threshold)
    for thing, _ in pairs:
        match[match == thing] = -1
    return claimed(match, pairs)


def first_box(iou, *, threshold):
    """Of equal pairs the lower box first: it comes to the same.

    A pair gives way only to another of its object or box, and where two pairs share
    one of them, both orders agree.
    """
    pairs = [(n, d) for d, n in claims(iou.T)]
    return claimed(second_step(iou, threshold), pairs)


def last_pair(iou, *, threshold):
    flipped = claims(iou.flip(0, 1))
    shape = (len(iou) - 1, iou.shape[1] - 1)
    pairs = [(shape[0] - n, shape[1] - d) for n, d in flipped]
    return claimed(second_step(iou, threshold), pairs)


def one_round(iou, *, threshold):
    """Lets only the best pair of all claim."""
    return claimed(second_step(iou, threshold), claims(iou)[:1])


def as_floats(iou, *, threshold):
    return answer(iou, threshold=threshold).float()


def with_overlaps(iou, *, threshold):
    return answer(iou, threshold=threshold), iou.amax(0)


def boxes_of_objects(iou, *, threshold):
    """The box of each object, the other way round."""
    found = torch.full((len(iou),), -1)
    for thing, box in claims(iou):
        found[thing] = box
    return found


def in_place(iou, *, threshold):
    match = answer(iou, threshold=threshold)
    iou[:] = 0
    return match


def fails_without_objects(iou, *, threshold):
    iou.max(dim=0)
    return answer(iou, threshold=threshold)


def by_torchvision(iou, *, threshold):
    return SSDMatcher(threshold)(iou).clamp(min=-1)


def by_library(iou, *, threshold):
    return match_default_boxes(iou, positive_iou=threshold)


RIGHT = [match_in_lists, match_by_numpy, match_by_proposals, answer, first_box]
WRONG = [
    (later_wins, "no two objects claim one box"),
    (by_best_of_each, "whose best box is gone"),
    (always_half, "another threshold"),
    (claims_above, "matched_objects, case"),
    (one_box_each, "other boxes above the threshold find an object"),
    (last_pair, "matched_objects, case"),
    (one_round, "the example"),
    (as_floats, "expected values of torch.int64"),
    (with_overlaps, "expected a tensor, received"),
    (boxes_of_objects, "expected shape (4,), received (2,)"),
    (in_place, "changed its input in place"),
    (fails_without_objects, "your code raised IndexError"),
    (by_torchvision, "Matcher.__call__ is switched off"),
    (by_library, "match_default_boxes is switched off"),
    (cheats.returns(torch.tensor([1, 0, -1, 1])), "no objects"),
    (cheats.returns_argument(0), "expected shape (4,), received (2, 4)"),
]


def test_matches_agree_with_torchvision_where_no_two_objects_want_one_box():
    draw, agreed = torch.Generator().manual_seed(11), 0
    for _ in range(60):
        low = torch.rand(9, 2, generator=draw) * 60
        high = low + 10 + 30 * torch.rand(9, 2, generator=draw)
        boxes = torch.cat([low, high], 1)
        iou = box_iou(boxes[:3], boxes[3:])
        best = iou.argmax(dim=1)
        if len(set(best.tolist())) < 3 or (iou.amax(1) == 0).any():
            continue
        agreed += 1
        theirs = SSDMatcher(0.3)(iou).clamp(min=-1)
        assert torch.equal(slow_matched_objects(iou, threshold=0.3), theirs)
    assert agreed > 10


def test_each_object_claims_a_box_of_its_own():
    draw = torch.Generator().manual_seed(11)
    for i in range(20):
        given = random_case(i % 6, draw)
        (iou,) = given.arguments
        iou = iou + 0.001 * torch.rand(iou.shape, generator=draw)
        match = slow_matched_objects(iou, **given.settings)
        assert set(match.tolist()) >= set(range(len(iou)))
