"""size_and_confidence_terms: two terms of YOLO's loss, with changes of v2 and v3.

The oracle adds one predictor after the other, so that it shares no step with a good
answer. Autograd takes its gradients.
"""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from course_utils.checking.check import Ask
from course_utils.checking.compare_with import (
    Cases,
    Inputs,
    Mistakes,
    compare_with,
    inputs,
)

Weights = tuple[float, float, float]  # coord_weight, noobj_weight, ignore_above
NAN = float("nan")


def weighed(*tensors: Tensor, weights: Weights) -> Inputs:
    """The inputs of one case."""
    names = ("coord_weight", "noobj_weight", "ignore_above")
    return inputs(*tensors, **dict(zip(names, weights, strict=True)))


def case(
    responsible: list[list[int]],
    overlaps: list[list[list[float]]],
    weights: Weights = (5, 0.5, 0.75),
) -> Inputs:
    """Predictions that tell the predictors apart; sizes are nan without an object.

    Args:
        responsible: for each image and cell the number of the responsible predictor,
            -1 where the cell owns no object.
        overlaps: for each image, cell and predictor its IoU.
        weights: coord_weight, noobj_weight and ignore_above.
    """
    iou = torch.tensor(overlaps).float()
    chosen = torch.tensor(responsible).long()
    is_responsible = chosen[..., None] == torch.arange(iou.shape[-1])
    code = torch.arange(iou.numel())
    roots = (code[:, None] * torch.tensor([3, 5]) % 11 - 2) / 8
    confidences = (code * 7 % 12 - 2) / 8
    sizes = torch.arange(chosen.numel() * 2).reshape(*chosen.shape, 2)
    sizes = (sizes * 5 % 8 + 1) / 8
    sizes[chosen < 0] = NAN
    roots, confidences = roots.reshape(*iou.shape, 2), confidences.reshape(iou.shape)
    return weighed(roots, confidences, sizes, iou, is_responsible, weights=weights)


def example() -> Inputs:
    """One cell with an object, and one without."""
    roots = torch.tensor([[[[0.5, 0.5], [0.75, 0.25]], [[1.0, 1], [1, 1]]]])
    confidences = torch.tensor([[[0.5, 0.25], [0.5, 0.75]]])
    sizes = torch.tensor([[[0.25, 0.25], [NAN, NAN]]])
    iou = torch.tensor([[[0.5, 0.75], [0.125, 0.875]]])
    is_responsible = torch.tensor([[[False, True], [False, False]]])
    weights = (5, 0.5, 0.625)
    return weighed(roots, confidences, sizes, iou, is_responsible, weights=weights)


CASES = {
    "the example": example(),
    "one cell, one predictor": case([[0]], [[[0.5]]]),
    "one predictor that is not responsible": case([[-1]], [[[0.5]]]),
    "two predictors in a cell with an object": case([[1]], [[[0.25, 0.5]]]),
    "a batch of three images": case(
        [[1, -1], [-1, 0], [2, 1]],
        [
            [[0.25, 0.5, 0.125], [0.0, 0.5, 0.875]],
            [[0.0, 0.0, 0.25], [0.5, 0.875, 0.25]],
            [[0.25, 0.5, 0.75], [0.5, 0.625, 0.25]],
        ],
    ),
    "no objects": case([[-1, -1], [-1, -1]], [[[0.0, 0], [0, 0]]] * 2),
    "an object in every cell": case(
        [[0, 1, 1]], [[[0.5, 0.25], [0.25, 0.625], [0.0, 0.125]]]
    ),
    "an IoU of exactly the threshold": case([[0, -1]], [[[0.75, 0.75], [0.75, 0.5]]]),
    "a responsible predictor above the threshold": case(
        [[1, -1]], [[[0.25, 0.875], [0.875, 0.125]]]
    ),
    "a second predictor that overlaps the object, too": case(
        [[0]], [[[0.9375, 0.875, 0.5]]]
    ),
    "nothing is above the threshold": case(
        [[0, -1]], [[[1.0, 0.875], [0.875, 1]]], (5, 0.5, 1.0)
    ),
    "other weights": case(
        [[1, -1, 0]], [[[0.25, 0.5], [0, 0.5], [0.5, 0.375]]], (2, 0.25, 0.375)
    ),
    "a responsible predictor without overlap": case(
        [[0, -1]], [[[0.0, 0], [0, 0.5]]], (5, 0.5, 0.5)
    ),
    "no cells": weighed(
        torch.zeros(2, 0, 3, 2),
        torch.zeros(2, 0, 3),
        torch.zeros(2, 0, 2),
        torch.zeros(2, 0, 3),
        torch.zeros(2, 0, 3, dtype=torch.bool),
        weights=(5, 0.5, 0.75),
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Cells of a batch; sizes without an object hold nan, infinity or less than 0."""
    batch, cells, count = 2 + i % 2, 5 + i, 2 + i % 3
    shape = (batch, cells, count)
    chosen = torch.randint(-2, count, (batch, cells), generator=generator)
    chosen[0, 0] = 0  # at least one is responsible
    roots = torch.rand(*shape, 2, generator=generator) * 1.5 - 0.25
    confidences = torch.rand(shape, generator=generator) * 1.5 - 0.25
    sizes = torch.rand(batch, cells, 2, generator=generator) * 0.9 + 0.05
    sizes[chosen < 0] = (NAN, torch.inf, -2.0, 0.5)[i % 4]
    iou = torch.randint(0, 9, shape, generator=generator) / 8
    is_responsible = chosen[..., None] == torch.arange(count)
    weights = ((5, 0.5, 0.75), (1, 0.5, 0.5), (3, 2, 0.625))[i % 3]
    return weighed(roots, confidences, sizes, iou, is_responsible, weights=weights)


# The steps of the oracle.


def root_error(root: Tensor, size: float) -> Tensor:
    """The error of one predicted root."""
    return (root - math.sqrt(size)) ** 2


def not_ignored(mine: bool, owned: bool, overlap: float, limit: float) -> bool:
    """Whether a confidence counts, of a predictor that is responsible (`mine`) or not.

    `owned` says whether its cell has an object.
    """
    return mine or overlap <= limit


def detached_iou(mine: bool, overlap: Tensor) -> Tensor | float:
    """The target of a confidence."""
    return overlap.detach() if mine else 0.0


def noobj_for_others(mine: bool, noobj_weight: float) -> float:
    """The weight of the error of a confidence."""
    return 1.0 if mine else noobj_weight


def slow_terms(
    roots: Tensor,
    confidences: Tensor,
    sizes: Tensor,
    iou: Tensor,
    is_responsible: Tensor,
    *,
    coord_weight: float,
    noobj_weight: float,
    ignore_above: float,
    weight: Callable[[float], float] = lambda area: 2 - area,
    error: Callable[[Tensor, float], Tensor] = root_error,
    sized: Callable[[bool, bool], bool] = lambda mine, owned: mine,
    counts: Callable[[bool, bool, float, float], bool] = not_ignored,
    target: Callable[[bool, Tensor], Tensor | float] = detached_iou,
    factor: Callable[[bool, float], float] = noobj_for_others,
    divisor: Callable[[Tensor], float] = len,
) -> tuple[Tensor, Tensor]:
    """The terms of the sizes and of the confidences, predictor by predictor."""
    first = second = torch.zeros((), dtype=torch.float64)
    for at in product(*map(range, confidences.shape)):
        mine = bool(is_responsible[at])
        owned = bool(is_responsible[at[:2]].any())
        if sized(mine, owned):
            w, h = sizes[at[:2]].tolist()
            x, y = roots[at].double()
            first = first + weight(w * h) * (error(x, w) + error(y, h))
        if counts(mine, owned, iou[at].item(), ignore_above):
            gap = confidences[at].double() - target(mine, iou[at])
            second = second + factor(mine, noobj_weight) * gap**2
    count = divisor(is_responsible)
    return (coord_weight * first / count).float(), (second / count).float()


MISTAKES: Mistakes = {
    "the errors of sizes are weighted by 2 - w * h": {"weight": lambda area: 1},
    "small boxes weigh more: the weight is 2 - w * h, not w * h": {
        "weight": lambda area: area
    },
    "the weight is 2 - w * h: it falls with the area": {
        "weight": lambda area: 2 + area
    },
    "the weight is 2 - w * h, not 1 - w * h": {"weight": lambda area: 1 - area},
    "`sizes` holds no roots: take them": {
        "error": lambda root, size: (root - size) ** 2
    },
    "compare roots with roots, not squares with sizes": {
        "error": lambda root, size: (root**2 - size) ** 2
    },
    "the errors of sizes are squared": {
        "error": lambda root, size: abs(root - math.sqrt(size))
    },
    "add the errors of width and height, do not average them": {
        "error": lambda root, size: root_error(root, size) / 2
    },
    "only the responsible predictor of a cell trains its size": {
        "sized": lambda mine, owned: owned
    },
    "divide by the number of images": {"divisor": lambda mine: 1},
    "divide by the number of images, not of objects": {
        "divisor": lambda mine: max(int(mine.sum()), 1)
    },
    "divide by the number of images, not of predictors": {
        "divisor": lambda mine: max(mine.numel(), 1)
    },
    "divide by the number of images, not of cells": {
        "divisor": lambda mine: max(mine.shape[0] * mine.shape[1], 1)
    },
    "the target of a responsible confidence is its IoU, not 1": {
        "target": lambda mine, overlap: float(mine)
    },
    "a predictor that overlaps an object well is left out": {
        "counts": lambda mine, owned, overlap, limit: True
    },
    "the confidences of the others are pushed to 0": {
        "counts": lambda mine, owned, overlap, limit: mine
    },
    "predictors that are not responsible count in cells with an object, too": {
        "counts": lambda mine, owned, overlap, limit: (
            mine or (overlap <= limit and not owned)
        )
    },
    "an IoU equal to `ignore_above` is not above it": {
        "counts": lambda mine, owned, overlap, limit: mine or overlap < limit
    },
    "those above `ignore_above` are left out, the others count": {
        "counts": lambda mine, owned, overlap, limit: mine or overlap > limit
    },
    "a responsible predictor counts, however high its IoU": {
        "counts": lambda mine, owned, overlap, limit: overlap <= limit
    },
    "the target of those that are not responsible is 0, not their IoU": {
        "target": lambda mine, overlap: overlap.detach()
    },
    "the first term is multiplied by `coord_weight`": (
        lambda right, *tensors, coord_weight, **weights: (
            right[0] / coord_weight,
            right[1],
        )
    ),
    "the first term alone is multiplied by `coord_weight`": (
        lambda right, *tensors, coord_weight, **weights: (
            right[0],
            right[1] * coord_weight,
        )
    ),
    "the others are multiplied by `noobj_weight`": {
        "factor": lambda mine, noobj_weight: 1.0
    },
    "the others alone are multiplied by `noobj_weight`": {
        "factor": lambda mine, noobj_weight: noobj_weight
    },
    "the term of the sizes comes first": lambda right, *tensors, **weights: right[::-1],
}


def check_gradients(ask: Ask, cases: Cases) -> None:
    """Ask for the gradients of roots and confidences, and for none of the IoU."""
    for case, given in cases.items():
        if given.arguments[4].any():  # else a sum of nothing may have no gradient
            check_gradient(ask, f"{case}, its gradient", given)


def check_gradient(ask: Ask, case: str, given: Inputs) -> None:
    """As `check_gradients`, in one case."""
    upstream = (torch.tensor(2.0), torch.tensor(-3.0))
    reply = ask.gradient(case, *given.arguments, upstream=upstream, **given.settings)
    places = {"roots": 0, "confidences": 1, "iou": 3}
    found = {}
    for name, place in places.items():
        slope = reply.inputs[place]
        found[name] = (
            torch.zeros_like(given.arguments[place]) if slope is None else slope
        )
    through_iou = slopes_through_iou(given, upstream, places)
    still = torch.zeros_like(through_iou["iou"])
    right = through_iou | {"iou": still}
    slope = right["roots"]
    is_nan = ~given.arguments[2].sqrt().isfinite()[:, :, None].expand_as(slope)
    mistakes = {
        "the IoU is a target: no gradient flows through it; `detach` it": through_iou,
        "`where` and a product with 0 keep the nan of a gradient; choose rows first": (
            right | {"roots": slope.masked_fill(is_nan, torch.nan)}
        ),
        "no gradient arrives at the roots: detach the IoU alone": (
            right | {"roots": 0 * slope}
        ),
        "no gradient arrives at the confidences: detach the IoU alone": (
            right | {"confidences": still}
        ),
    }
    ask.expect(case, found, right, mistakes=mistakes)


def slopes_through_iou(
    given: Inputs, upstream: tuple[Tensor, Tensor], places: dict[str, int]
) -> dict[str, Tensor]:
    """The gradients by name, where the IoU is no target but gets a gradient, too."""
    tensors = [one.clone() for one in given.arguments]
    inner = [tensors[place].requires_grad_() for place in places.values()]
    terms = slow_terms(
        *tensors,
        **given.settings,
        target=lambda mine, overlap: overlap if mine else 0.0,
    )
    slopes = torch.autograd.grad(terms, inner, upstream)
    return dict(zip(places, slopes, strict=True))


check_size_and_confidence_terms = compare_with(
    slow_terms,
    "size_and_confidence_terms",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=("torch.nn.functional.mse_loss",),
    then=check_gradients,
)
