"""Typical shapes of boxes: k-means with 1 - IoU as the distance, as YOLO v2 does it.

Redmon and Farhadi 2017. A shape is a width and a height. Two shapes are compared as if
their boxes had the same centre.
"""

import torch
from torch import Tensor

from course_utils.ops.boxes import ratio


def as_shapes(shapes: Tensor, name: str = "shapes") -> Tensor:
    """The shapes as floats. Raises ValueError unless they are (N, 2), all above 0."""
    if shapes.ndim != 2 or shapes.shape[1] != 2:
        raise ValueError(
            f"{name} has shape {tuple(shapes.shape)}, but (N, 2) was expected: a width "
            "and a height a row, as in boxes[:, 2:] - boxes[:, :2]"
        )
    if not (shapes > 0).all():  # also false for nan
        raise ValueError(
            f"{name} has a side that is not above 0, and such a box overlaps nothing: "
            "drop it before"
        )
    return shapes if shapes.is_floating_point() else shapes.float()


def shape_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of every shape in `a` with every shape in `b`, put on the same centre.

    (N, 2) and (M, 2) of width, height -> (N, M) values in (0, 1].
    """
    a, b = as_shapes(a, "a"), as_shapes(b, "b")
    overlap = torch.minimum(a[:, None], b[None]).prod(dim=-1)  # (N, M)
    return ratio(overlap, a.prod(dim=-1)[:, None] + b.prod(dim=-1)[None] - overlap)


def mean_best_iou(shapes: Tensor, centres: Tensor) -> float:
    """How well the centres stand for the shapes: the mean IoU with the best of them."""
    return shape_iou(shapes, centres).amax(dim=1).mean().item()


def in_order(shapes: Tensor) -> Tensor:
    """The rows (N, 2) by rising area, and those of one area by rising width."""
    by_width = shapes[shapes[:, 0].argsort(stable=True)]
    return by_width[by_width.prod(dim=1).argsort(stable=True)]


def spread_out(shapes: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """k of the shapes: the first at random, every other likely far from those before.

    As k-means++ (Arthur and Vassilvitskii 2007) with 1 - IoU as the distance: the
    probability of a shape is proportional to the square of its distance.
    """
    chosen = shapes[torch.randint(len(shapes), (1,), generator=generator)]
    while len(chosen) < k:
        distance = 1 - shape_iou(shapes, chosen).amax(dim=1)
        weights = distance.clamp(min=0).square().cpu()
        drawn = weights.multinomial(1, generator=generator)
        chosen = torch.cat([chosen, shapes[drawn]])
    return chosen


def move_centres(shapes: Tensor, centres: Tensor) -> Tensor:
    """One step: each centre becomes the mean of the shapes that belong to it.

    A shape belongs to the centre with which its IoU is highest. A centre without shapes
    starts anew from the shape that is covered worst; a second one from the next.
    """
    best, owner = shape_iou(shapes, centres).max(dim=1)  # (N,) each
    count = torch.bincount(owner, minlength=len(centres))
    sums = torch.zeros_like(centres).index_add(0, owner, shapes)
    moved = sums / count.clamp(min=1)[:, None]
    is_empty = count == 0
    moved[is_empty] = shapes[best.argsort(stable=True)[: int(is_empty.sum())]]
    return moved


def check_clusters(shapes: Tensor, k: int) -> None:
    """There are at least k different shapes, and k is at least 1."""
    different = len(set(map(tuple, shapes.tolist())))
    if not 1 <= k <= different:
        raise ValueError(
            f"k is {k}, but 1 to {different} was expected: there are {len(shapes)} "
            f"shapes, {different} of them different"
        )


def kmeans_shapes(
    shapes: Tensor, k: int, *, generator: torch.Generator, steps: int = 100
) -> Tensor:
    """The k shapes that stand best for all: (N, 2) -> (k, 2) by rising area.

    Lloyd's algorithm from the seeds of `spread_out`, until no centre moves, or for
    `steps` steps. A mean does not quite minimise 1 - IoU, so that a step can also lose
    a little; the best of all steps by `mean_best_iou` is returned.

    The order of the shapes does not matter, since they are sorted before the first
    draw. Raises ValueError if k is below 1 or above the number of different shapes.
    """
    shapes = in_order(as_shapes(shapes))
    check_clusters(shapes, k)
    centres = spread_out(shapes, k, generator)
    best, best_iou = centres, mean_best_iou(shapes, centres)
    for _ in range(steps):
        moved = move_centres(shapes, centres)
        if torch.equal(moved, centres):
            break
        centres, iou = moved, mean_best_iou(shapes, moved)
        if iou > best_iou:
            best, best_iou = centres, iou
    return in_order(best)
