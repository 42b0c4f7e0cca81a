"""Answers to anchor_labels, and its oracle beside torchvision."""

import cheats
import torch
from torchvision.models.detection._utils import Matcher

from course_utils.checks.faster_rcnn.anchor_labels import (
    random_case,
    slow_anchor_labels,
)


def in_loops(iou, is_difficult, *, positive_iou, negative_iou):
    rows, difficult = iou.tolist(), is_difficult.tolist()
    count = iou.shape[1]
    labels, truth = [0] * count, [-1] * count
    for a in range(count):
        for n, row in enumerate(rows):
            if row[a] >= negative_iou:
                labels[a] = -1
            best = max(row)
            is_found = row[a] >= positive_iou or (best > 0 and row[a] == best)
            if is_found and not difficult[n]:
                labels[a] = 1
                break
        if labels[a] == 1:
            own = [
                -1.0 if hard else row[a]
                for row, hard in zip(rows, difficult, strict=True)
            ]
            truth[a] = own.index(max(own))
    return torch.tensor(labels).long(), torch.tensor(truth).long()


def of_the_ordinary(iou, is_difficult, *, positive_iou, negative_iou):
    """Takes the ordinary rows out, and translates their indices afterwards."""
    places = (~is_difficult).nonzero().squeeze(1)
    padded = torch.cat([iou.double(), torch.zeros(1, iou.shape[1])])
    ordinary = torch.cat([iou[places].double(), torch.zeros(1, iou.shape[1])])
    top = ordinary.max(0)
    positive = top.values >= positive_iou
    for row in ordinary:
        if len(row) and row.max() > 0:
            positive |= row == row.max()
    labels = -(padded.max(0).values >= negative_iou).long()
    labels[positive] = 1
    names = torch.cat([places, torch.tensor([-1])])
    return labels, torch.where(positive, names[top.indices], torch.tensor(-1))


def labelled(iou, is_difficult, *, positive_iou, negative_iou, rows=None, ties=True):
    """As most learners write it; `rows` are those whose best anchors are positive."""
    if iou.numel() == 0:
        zeros = torch.zeros(iou.shape[1]).long()
        return zeros, zeros - 1
    easy = iou * ~is_difficult[:, None]
    highest, own = easy.max(0)
    rows = easy if rows is None else rows
    best = rows.amax(1, keepdim=True)
    is_best = (rows == best) & (best > 0)
    if not ties:
        is_best &= torch.arange(iou.shape[1]) == rows.argmax(1)[:, None]
    positive = is_best.any(0) | (highest >= positive_iou)
    labels = torch.full_like(own, -1)
    labels[iou.amax(0) < negative_iou] = 0
    labels[positive] = 1
    return labels, own.where(positive, -1)


def without_ties(iou, is_difficult, **settings):
    return labelled(iou, is_difficult, **settings, ties=False)


def difficult_promote(iou, is_difficult, **settings):
    return labelled(iou, is_difficult, **settings, rows=iou)


def difficult_left_out(iou, is_difficult, **settings):
    """Takes rows out, so that the index counts the ordinary objects alone."""
    _, truth = labelled(iou[~is_difficult], is_difficult[~is_difficult], **settings)
    return labelled(iou, is_difficult, **settings)[0], truth


def fixed_thresholds(iou, is_difficult, **settings):
    return labelled(iou, is_difficult, positive_iou=0.7, negative_iou=0.3)


def one_threshold(iou, is_difficult, *, positive_iou, negative_iou):
    return labelled(
        iou, is_difficult, positive_iou=positive_iou, negative_iou=positive_iou
    )


def labels_alone(iou, is_difficult, **settings):
    return labelled(iou, is_difficult, **settings)[0]


def float_labels(iou, is_difficult, **settings):
    labels, truth = labelled(iou, is_difficult, **settings)
    return labels.float(), truth


def fails_without_objects(iou, is_difficult, **settings):
    iou.max(dim=0)
    return labelled(iou, is_difficult, **settings)


def ignored_without_objects(iou, is_difficult, **settings):
    labels, truth = labelled(iou, is_difficult, **settings)
    return (labels if len(iou) else truth), truth


def in_place(iou, is_difficult, **settings):
    found = labelled(iou, is_difficult, **settings)
    iou[is_difficult] = 0
    return found


def by_rows(iou, is_difficult, **settings):
    """Takes the maximum of each object instead of each anchor."""
    return labelled(iou.T, torch.zeros(iou.shape[1]).bool(), **settings)


def by_torchvision(iou, is_difficult, *, positive_iou, negative_iou):
    matcher = Matcher(positive_iou, negative_iou, allow_low_quality_matches=True)
    truth = matcher(iou)
    return (truth >= 0).long() - (truth == -2).long(), truth.clamp(min=-1)


RIGHT = [in_loops, of_the_ordinary, labelled]
WRONG = [
    (without_ties, "all that tie are positive"),
    (difficult_promote, "anchor_labels, case"),
    (difficult_left_out, "counts all objects, the difficult ones too"),
    (fixed_thresholds, "exactly at the thresholds"),
    (one_threshold, "the example"),
    (labels_alone, "expected a tuple of 2"),
    (float_labels, "expected values of torch.int64"),
    (fails_without_objects, "your code raised IndexError"),
    (ignored_without_objects, "no objects"),
    (in_place, "changed its input in place"),
    (by_rows, "expected shape"),
    (by_torchvision, "Matcher.__call__ is switched off"),
    (
        cheats.returns((torch.tensor([1, 1, -1, -1, 0]), torch.zeros(5))),
        "torch.int64",
    ),
    (cheats.lying, "expected a tuple of 2"),
]


def test_labels_without_difficult_objects_agree_with_torchvision():
    generator = torch.Generator().manual_seed(11)
    for i in range(12):
        given = random_case(i, generator)
        iou, settings = given.arguments[0], given.settings
        iou = iou[iou.amax(dim=1) > 0]  # torchvision has no guard
        matcher = Matcher(*settings.values(), allow_low_quality_matches=True)
        found = matcher(iou)
        flags = torch.zeros(len(iou), dtype=torch.bool)
        labels, truth = slow_anchor_labels(iou, flags, **settings)
        assert torch.equal(labels, (found >= 0).long() - (found == -2).long())
        assert torch.equal(truth, found.clamp(min=-1))
