"""Answers to the task cluster_shapes, right ones first."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

Both = tuple[Tensor, Tensor]


def clusters_in_lists(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
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


def iou_of(a: list[float], b: list[float]) -> float:
    both = min(a[0], b[0]) * min(a[1], b[1])
    return both / (a[0] * a[1] + b[0] * b[1] - both)


def clusters_in_double(shapes: Tensor, start: Tensor, *, steps: int) -> list[Tensor]:
    """In float64, with the distance, and columns of widths and heights."""
    points, anchors = shapes.double(), start.double()
    for _ in range(steps):
        owner = distances(points, anchors).min(dim=1).indices
        for i in range(len(anchors)):
            mine = points[owner == i]
            if len(mine):
                low = (len(mine) - 1) // 2
                moved = mine.sort(dim=0).values[low]
                anchors = torch.cat([anchors[:i], moved[None], anchors[i + 1 :]])
    order = (anchors[:, 0] * anchors[:, 1]).sort().indices
    least = distances(points, anchors).amin(dim=1)
    mean = 1 - least.mean() if len(least) else torch.zeros(())
    return [anchors[order].float(), mean.float()]


def distances(points: Tensor, anchors: Tensor) -> Tensor:
    wide = torch.min(points[:, :1], anchors[:, 0])
    high = torch.min(points[:, 1:], anchors[:, 1])
    areas = (points[:, :1] * points[:, 1:]) + anchors[:, 0] * anchors[:, 1]
    return 1 - wide * high / (areas - wide * high)


def clusters_by_nanmedian(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
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


def overlaps(shapes: Tensor, anchors: Tensor) -> Tensor:
    both = torch.minimum(shapes[:, None], anchors).prod(2)
    return both / (shapes.prod(1)[:, None] + anchors.prod(1) - both)


Near = Callable[[Tensor, Tensor], Tensor]
Middle = Callable[[Tensor], Tensor]


def median(group: Tensor) -> Tensor:
    return group.median(dim=0).values


def first_best(near: Tensor) -> Tensor:
    return near.argmax(1)


def moved(
    shapes: Tensor,
    start: Tensor,
    steps: int,
    *,
    near: Near = overlaps,
    middle: Middle = median,
    best: Middle = first_best,
) -> Tensor:
    """The anchors after all steps, not sorted."""
    anchors = start.clone()
    for _ in range(steps):
        owner = best(near(shapes, anchors))
        for i in owner.unique():
            anchors[i] = middle(shapes[owner == i])
    return anchors


def by_area(anchors: Tensor) -> Tensor:
    return anchors[anchors.prod(1).argsort()]


def fit(shapes: Tensor, anchors: Tensor) -> Tensor:
    return overlaps(shapes, anchors).amax(1).sum() / max(len(shapes), 1)


def with_step(**changes: Any) -> Any:
    """An answer with another step, named by it."""

    def answer(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
        anchors = moved(shapes, start, steps, **changes)
        return by_area(anchors), fit(shapes, anchors)

    (change,) = changes.values()
    answer.__name__ = change.__name__
    return answer


def euclidean(shapes: Tensor, anchors: Tensor) -> Tensor:
    return -torch.cdist(shapes, anchors)


def difference_of_areas(shapes: Tensor, anchors: Tensor) -> Tensor:
    return -(shapes.prod(1)[:, None] - anchors.prod(1)).abs()


def farthest(shapes: Tensor, anchors: Tensor) -> Tensor:
    return -overlaps(shapes, anchors)


def shared_area(shapes: Tensor, anchors: Tensor) -> Tensor:
    return torch.minimum(shapes[:, None], anchors).prod(2)


def mean(group: Tensor) -> Tensor:
    return group.mean(0)


def upper_median(group: Tensor) -> Tensor:
    return -(-group).median(dim=0).values


def middle_of_two(group: Tensor) -> Tensor:
    return group.quantile(0.5, dim=0)


def median_by_area(group: Tensor) -> Tensor:
    order = group.prod(1).argsort(stable=True)
    return group[order[(len(group) - 1) // 2]]


def median_of_all(group: Tensor) -> Tensor:
    return group.median().expand(2)


def last_best(near: Tensor) -> Tensor:
    return near.shape[1] - 1 - near.flip(1).argmax(1)


def to_zero(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    """As the quotient of a sum and a count that is at least 1."""
    anchors = start.clone()
    for _ in range(steps):
        owner = overlaps(shapes, anchors).argmax(1)
        for i in range(len(anchors)):
            mine = shapes[owner == i]
            anchors[i] = median(mine) if len(mine) else 0
    return by_area(anchors), fit(shapes, anchors)


def dropped(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = start
    for _ in range(steps):
        owner = overlaps(shapes, anchors).argmax(1)
        groups = [median(shapes[owner == i]) for i in owner.unique()]
        anchors = torch.stack(groups) if groups else anchors
    return by_area(anchors), fit(shapes, anchors)


def fails_on_empty(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = start
    for _ in range(steps):
        owner = overlaps(shapes, anchors).argmax(1)
        anchors = torch.stack([median(shapes[owner == i]) for i in range(len(start))])
    return by_area(anchors), fit(shapes, anchors)


def not_sorted(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    return anchors, fit(shapes, anchors)


def sorted_by_width(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    return anchors[anchors[:, 0].argsort(stable=True)], fit(shapes, anchors)


def largest_first(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    order = anchors.prod(1).argsort(descending=True, stable=True)
    return anchors[order], fit(shapes, anchors)


def each_axis_sorted(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    """Widths and heights change partners."""
    anchors = moved(shapes, start, steps)
    return anchors.sort(dim=0).values, fit(shapes, anchors)


def fit_of_the_one_before(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    before = moved(shapes, start, max(steps - 1, 0))
    return by_area(moved(shapes, start, steps)), fit(shapes, before)


def fit_of_the_start(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    return by_area(moved(shapes, start, steps)), fit(shapes, start)


def mean_distance(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    one = torch.tensor(1.0) if len(shapes) else torch.tensor(0.0)
    return by_area(anchors), one - fit(shapes, anchors)


def mean_of_all_pairs(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    return by_area(anchors), overlaps(shapes, anchors).mean().nan_to_num()


def nan_without_shapes(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps)
    return by_area(anchors), overlaps(shapes, anchors).amax(1).mean()


def over_the_sum(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    """Forgets to subtract the overlap: the same anchors, but another fit."""
    anchors = by_area(moved(shapes, start, steps))
    both = torch.minimum(shapes[:, None], anchors).prod(2)
    iou = both / (shapes.prod(1)[:, None] + anchors.prod(1))
    return anchors, iou.amax(1).sum() / max(len(shapes), 1)


def one_step_less(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, max(steps - 1, 0))
    return by_area(anchors), fit(shapes, anchors)


def one_step_more(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    anchors = moved(shapes, start, steps + 1)
    return by_area(anchors), fit(shapes, anchors)


def from_the_first_shapes(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    """Begins elsewhere than it was told to."""
    anchors = moved(shapes, shapes[: len(start)], steps)
    return by_area(anchors), fit(shapes, anchors)


def fit_first(shapes: Tensor, start: Tensor, *, steps: int) -> Any:
    anchors = moved(shapes, start, steps)
    return fit(shapes, anchors), by_area(anchors)


def anchors_alone(shapes: Tensor, start: Tensor, *, steps: int) -> Any:
    return by_area(moved(shapes, start, steps))


def in_place(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    start[:] = moved(shapes, start, steps)
    return by_area(start), fit(shapes, start)


def by_torchvision(shapes: Tensor, start: Tensor, *, steps: int) -> Both:
    box_iou(torch.cat([-shapes, shapes], 1) / 2, torch.cat([-start, start], 1) / 2)
    return by_area(start), fit(shapes, start)
