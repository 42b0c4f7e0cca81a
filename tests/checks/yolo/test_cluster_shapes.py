"""Answers to cluster_shapes, and its oracle beside torch and the library."""

import cheats
import pytest
import torch
from torchvision.ops import box_iou

from course_utils.checks.yolo.cluster_shapes import (
    CASES,
    random_case,
    slow_cluster_shapes,
)
from course_utils.ops.shape_clusters import mean_best_iou


def in_lists(shapes, start, *, steps):
    """Python lists."""
    points, anchors = shapes.tolist(), start.tolist()
    for _ in range(steps):
        groups: list[list[list[float]]] = [[] for _ in anchors]
        for point in points:
            best, best_iou = 0, -1.0
            for i, anchor in enumerate(anchors):
                if iou_of(point, anchor) > best_iou + 1e-9:
                    best, best_iou = i, iou_of(point, anchor)
            groups[best].append(point)
        for i, group in enumerate(groups):
            if group:
                middle = (len(group) - 1) // 2
                anchors[i] = [sorted(axis)[middle] for axis in zip(*group, strict=True)]
    anchors.sort(key=lambda anchor: anchor[0] * anchor[1])
    best = [max(iou_of(point, anchor) for anchor in anchors) for point in points]
    mean = sum(best) / len(best) if best else 0.0
    return torch.tensor(anchors), torch.tensor(mean)


def iou_of(a, b):
    both = min(a[0], b[0]) * min(a[1], b[1])
    return both / (a[0] * a[1] + b[0] * b[1] - both)


def by_nanmedian(shapes, start, *, steps):
    """All groups at once: what does not belong to an anchor is nan."""
    anchors = start
    for _ in range(steps if len(shapes) else 0):
        owner = overlaps(shapes, anchors).max(dim=1).indices
        mine = owner[:, None] == torch.arange(len(start))  # (N, k)
        grouped = shapes[:, None].where(mine[..., None], torch.nan)
        middle = grouped.nanmedian(dim=0).values
        anchors = torch.where(middle.isnan(), anchors, middle)
    anchors = anchors[torch.argsort(anchors[:, 0] * anchors[:, 1])]
    if not len(shapes):
        return anchors, torch.tensor(0.0)
    return anchors, overlaps(shapes, anchors).max(dim=1).values.mean()


def overlaps(shapes, anchors):
    both = torch.minimum(shapes[:, None], anchors).prod(2)
    return both / (shapes.prod(1)[:, None] + anchors.prod(1) - both)


def median(group):
    return group.median(dim=0).values


def best_mean(shapes, anchors):
    return overlaps(shapes, anchors).amax(1).sum() / max(len(shapes), 1)


def by_groups(
    near=overlaps,
    middle=median,
    begin=lambda shapes, start: start.clone(),
    order=lambda anchors: anchors[anchors.prod(1).argsort()],
    fit=best_mean,
):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(shapes, start, *, steps):
        anchors = begin(shapes, start)
        for _ in range(steps):
            owner = near(shapes, anchors).argmax(1)
            for i in owner.unique():
                anchors[i] = middle(shapes[owner == i])
        anchors = order(anchors)
        return anchors, fit(shapes, anchors)

    return answer


def shared_area(shapes, anchors):
    return torch.minimum(shapes[:, None], anchors).prod(2)


def over_the_sum(shapes, anchors):
    """Forgets to subtract the overlap: the same anchors, but another fit."""
    iou = shared_area(shapes, anchors) / (shapes.prod(1)[:, None] + anchors.prod(1))
    return iou.amax(1).sum() / max(len(shapes), 1)


def dropped(shapes, start, *, steps):
    anchors = start
    for _ in range(steps):
        owner = overlaps(shapes, anchors).argmax(1)
        groups = [median(shapes[owner == i]) for i in owner.unique()]
        anchors = torch.stack(groups) if groups else anchors
    return by_groups()(shapes, anchors, steps=0)


def fails_on_empty(shapes, start, *, steps):
    anchors = start
    for _ in range(steps):
        owner = overlaps(shapes, anchors).argmax(1)
        anchors = torch.stack([median(shapes[owner == i]) for i in range(len(start))])
    return by_groups()(shapes, anchors, steps=0)


def anchors_alone(shapes, start, *, steps):
    return by_groups()(shapes, start, steps=steps)[0]


def by_torchvision(shapes, start, *, steps):
    corners = [torch.cat([-one, one], dim=1) / 2 for one in (shapes, start)]
    return start, box_iou(*corners).amax(1).mean()


EXAMPLE = (torch.tensor([[4.0, 5], [20, 10]]), torch.tensor(0.7988889))
RIGHT = [in_lists, by_nanmedian, by_groups()]
WRONG = [
    (by_groups(near=shared_area), "cluster_shapes, case"),
    (by_groups(middle=lambda group: group.median().expand(2)), "cluster_shapes, case"),
    (by_groups(begin=lambda shapes, start: start), "changed its input in place"),
    (
        by_groups(begin=lambda shapes, start: shapes[: len(start)].clone()),
        "the example",
    ),
    (
        by_groups(order=lambda anchors: anchors.sort(dim=0).values),
        "cluster_shapes, case",
    ),
    (
        by_groups(fit=lambda shapes, anchors: overlaps(shapes, anchors).mean()),
        "the example",
    ),
    (
        by_groups(fit=lambda shapes, anchors: overlaps(shapes, anchors).amax(1).mean()),
        "no shapes",
    ),
    (by_groups(fit=over_the_sum), "the example"),
    (dropped, "expected shape"),
    (fails_on_empty, "your code raised IndexError"),
    (anchors_alone, "expected a tuple of 2"),
    (by_torchvision, "box_iou is switched off"),
    (cheats.returns(EXAMPLE), "no steps"),
    (cheats.returns_argument(1), "expected a tuple of 2"),
    (cheats.lying, "expected a tuple of 2"),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def test_shapes_fit_as_the_library_says(generator):
    for i in range(6):
        given = random_case(i, generator)
        shapes, start = given.arguments
        anchors, mean = slow_cluster_shapes(shapes, start, **given.settings)
        assert float(mean) == pytest.approx(mean_best_iou(shapes, anchors), abs=1e-5)
        again, better = slow_cluster_shapes(shapes, anchors, steps=0)
        assert torch.equal(again, anchors)
        assert float(better) == pytest.approx(float(mean))


def test_medians_are_those_of_torch():
    shapes, start = CASES["widths and heights in other orders"].arguments
    anchors, _ = slow_cluster_shapes(shapes, start, steps=1)
    assert torch.equal(anchors, shapes.median(dim=0).values[None])
