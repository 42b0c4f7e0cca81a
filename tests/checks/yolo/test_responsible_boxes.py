"""Answers to responsible_boxes, and its oracle beside torchvision and the library."""

import cheats
import pytest
import torch
from torchvision.ops import box_convert, box_iou

from course_utils.checks.yolo.responsible_boxes import (
    random_case,
    slow_responsible_boxes,
)
from course_utils.models.yolo import responsible_boxes as library_responsible_boxes


def in_loops(answers, truths):
    """Cell by cell, predictor by predictor, in Python numbers."""
    batch, count, _, rows, columns = answers.shape
    found = torch.zeros(batch, count, rows, columns, dtype=torch.bool)
    targets = torch.zeros(batch, count, rows, columns)
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                flag, *true = truths[b, :, i, j].tolist()
                if not flag:
                    continue
                t = (true[0] / columns, true[1] / rows, true[2] ** 2, true[3] ** 2)
                best, best_iou, best_far = 0, 0.0, float("inf")
                for k in range(count):
                    x, y, w, h, _ = answers[b, k, :, i, j].tolist()
                    p = (x / columns, y / rows, w**2, h**2)
                    iou = overlap_of(p, t)
                    far = sum((one - two) ** 2 for one, two in zip(p, t, strict=True))
                    if iou > best_iou:
                        best, best_iou = k, iou
                    elif best_iou == 0 and far < best_far:
                        best = k
                    best_far = min(best_far, far)
                found[b, best, i, j] = True
                targets[b, best, i, j] = best_iou
    return found, targets


def overlap_of(p, t):
    both = 1.0
    for axis in (0, 1):
        low = max(p[axis] - p[axis + 2] / 2, t[axis] - t[axis + 2] / 2)
        high = min(p[axis] + p[axis + 2] / 2, t[axis] + t[axis + 2] / 2)
        both *= max(0.0, high - low)
    return both / (p[2] * p[3] + t[2] * t[3] - both)


def by_rows(answers, truths):
    """Only cells with an object, one row each."""
    image, row, column = (truths[:, 0] == 1).nonzero(as_tuple=True)
    said, true = answers[image, :, :, row, column], truths[image, :, row, column]
    scale = torch.tensor([answers.shape[4], answers.shape[3]])
    p = torch.cat([said[..., :2] / scale, said[..., 2:4].square()], -1)  # (M, K, 4)
    t = torch.cat([true[:, 1:3] / scale, true[:, 3:].square()], -1)[:, None]
    gap = (p[..., :2] - t[..., :2]).abs()
    small = torch.minimum(p[..., 2:], t[..., 2:])
    # Two sides overlap by the half of both less the gap, but by no more than either.
    shared = torch.minimum(small, (p[..., 2:] + t[..., 2:]) / 2 - gap).clamp(min=0)
    both = shared[..., 0] * shared[..., 1]
    iou = both / (p[..., 2] * p[..., 3] + t[..., 2] * t[..., 3] - both)
    far = torch.linalg.vector_norm(p - t, dim=-1)
    best = torch.where((iou > 0).any(1), iou.argmax(1), far.argmin(1))
    shape = (len(answers), answers.shape[1], *answers.shape[3:])
    found, targets = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape)
    found[image, best, row, column] = True
    targets[image, best, row, column] = iou[torch.arange(len(best)), best]
    return found, targets


def manhattan(gap):
    return gap.abs().sum(2)


def euclidean(gap):
    return (gap**2).sum(2)


def first_best(key):
    number = torch.arange(key.shape[1])[:, None, None]
    return number == key.argmax(1, keepdim=True)


def by_argmax(
    distance=euclidean,
    best=first_best,
    owns=lambda truths: truths[:, None, 0] == 1,
    target=lambda iou, found: iou.where(found, 0),
    finish=lambda found, targets: (found, targets),
):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(answers, truths):
        rows, columns = answers.shape[-2:]
        cells, true = torch.tensor([columns, rows])[:, None, None], truths[:, None]
        centre, true_centre = answers[:, :, :2] / cells, true[:, :, 1:3] / cells
        size, true_size = answers[:, :, 2:4] ** 2, true[:, :, 3:] ** 2
        low = torch.maximum(centre - size / 2, true_centre - true_size / 2)
        high = torch.minimum(centre + size / 2, true_centre + true_size / 2)
        both = (high - low).clamp(min=0).prod(2)
        iou = both / (size.prod(2) + true_size.prod(2) - both)
        far = distance(torch.cat([centre - true_centre, size - true_size], dim=2))
        key = torch.where(iou.amax(1, keepdim=True) > 0, iou, -far)
        found = best(key) & owns(truths)
        return finish(found, target(iou, found))

    return answer


def above_a_half(key):
    return key > 0.5


def all_that_tie(key):
    return key == key.amax(1, keepdim=True)


def one_over_all_cells(found, targets):
    """The best predictor of the whole image, not of each cell."""
    best = targets == targets.amax((1, 2, 3), keepdim=True)
    return found & best, targets * best


def in_place(answers, truths):
    answers[:, :, 2:4] = answers[:, :, 2:4].square()
    return by_argmax()(answers, truths)


def by_torchvision(answers, truths):
    return box_iou(answers.flatten(0, 1)[:, :4], truths[:, 1:])


OWNER = torch.tensor([[[[False, False]], [[True, False]]]])
RIGHT = [in_loops, by_rows, by_argmax()]
WRONG = [
    (by_argmax(distance=manhattan), "responsible_boxes, case"),
    (by_argmax(owns=lambda truths: True), "responsible_boxes, case"),
    (by_argmax(target=lambda iou, found: iou * found), "received nan"),
    (by_argmax(best=all_that_tie), "both predict the object exactly"),
    (by_argmax(best=above_a_half), "the example"),
    (
        by_argmax(finish=lambda found, targets: (found.int().argmax(1), targets)),
        "expected shape",
    ),
    (by_argmax(finish=lambda found, targets: targets), "expected a tuple of 2"),
    (
        by_argmax(finish=lambda found, targets: (found.float(), targets)),
        "expected values of torch.bool",
    ),
    (by_argmax(finish=one_over_all_cells), "objects in two images"),
    (in_place, "changed its input in place"),
    (by_torchvision, "box_iou is switched off"),
    (cheats.returns((OWNER, OWNER / 3)), "one predictor"),
    (cheats.returns(None), "expected a tuple of 2"),
    (cheats.lying, "expected a tuple of 2"),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def test_responsibility_agrees_with_torchvision_and_the_library(generator):
    for i in range(6):
        answers, truths = random_case(i, generator).arguments
        rows, columns = answers.shape[-2:]
        found, targets = slow_responsible_boxes(answers, truths)
        for image, row, column in (truths[:, 0] == 1).nonzero().tolist():
            shift = torch.tensor([columns, rows, 1, 1])
            four = torch.cat(
                [
                    answers[image, :, :4, row, column],
                    truths[image, None, 1:, row, column],
                ]
            )
            four = torch.cat([four[:, :2], four[:, 2:] ** 2], dim=1) / shift
            corners = box_convert(four, "cxcywh", "xyxy")
            iou = box_iou(corners[:-1], corners[-1:])[:, 0]
            (best,) = found[image, :, row, column].nonzero().squeeze(1).tolist()
            assert iou[best] > iou.max() - 1e-5
            torch.testing.assert_close(targets[image, best, row, column], iou[best])
        assert int(found.sum()) == int(truths[:, 0].sum())


def test_the_closest_one_agrees_with_the_library(generator):
    """On square grids, where nothing overlaps too."""
    answers = torch.rand(2, 3, 5, 4, 4, generator=generator) * 0.5
    truths = torch.rand(2, 5, 4, 4, generator=generator) * 0.4 + 0.1
    truths[:, 0] = 1
    found, targets = slow_responsible_boxes(answers, truths)
    boxes = answers.permute(0, 3, 4, 1, 2)[..., :4]
    boxes = torch.cat([boxes[..., :2], boxes[..., 2:] ** 2], dim=-1)
    truth = truths.permute(0, 2, 3, 1)[..., 1:]
    truth = torch.cat([truth[..., :2], truth[..., 2:] ** 2], dim=-1)
    index, iou = library_responsible_boxes(boxes, truth)
    assert torch.equal(found.int().argmax(1), index)
    assert (iou.amax(-1) == 0).any()
    best = iou.gather(-1, index[..., None]).squeeze(-1)
    torch.testing.assert_close(targets.amax(1), best)
