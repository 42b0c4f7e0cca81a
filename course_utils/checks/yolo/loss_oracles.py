"""A slow answer to assignment 05 about the loss, and what mistakes would answer.

It works on Python numbers, one predictor at a time, so that it shares no step with a
good answer; its gradients are written by hand. Its keyword settings turn single
mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Weights = tuple[float, float, float]  # coord_weight, noobj_weight, ignore_above


def slow_terms(
    given: Sequence[Tensor],
    weights: Weights,
    *,
    weighs: str = "2 - wh",
    goal: str = "root",
    boxes: str = "responsible",
    divides: str = "by images",
    target: str = "IoU",
    others: str = "all but ignored",
    weight: str = "each its own",
) -> tuple[Tensor, Tensor]:
    """The terms of the sizes and of the confidences, predictor by predictor."""
    roots, confidences, sizes, iou, is_responsible = given
    coord_weight, noobj_weight, ignore_above = weights
    first = second = 0.0
    images, cells, count = confidences.shape
    for image in range(images):
        for cell in range(cells):
            chosen = is_responsible[image, cell].tolist()
            for k in range(count):
                said = float(confidences[image, cell, k])
                overlap = float(iou[image, cell, k])
                if chosen[k] or (boxes == "of object cells" and any(chosen)):
                    first += size_error(
                        roots[image, cell, k].tolist(),
                        sizes[image, cell].tolist(),
                        weighs,
                        goal,
                    )
                if chosen[k]:
                    if others == "responsible ignored" and overlap > ignore_above:
                        continue
                    part = (said - (overlap if target == "IoU" else 1.0)) ** 2
                    second += part * (noobj_weight if weight == "noobj on all" else 1)
                elif counts(overlap, ignore_above, any(chosen), others):
                    aim = overlap if others == "towards IoU" else 0.0
                    factor = 1.0 if weight == "no noobj" else noobj_weight
                    second += factor * (said - aim) ** 2
    divisor = {
        "not at all": 1,
        "by objects": max(int(is_responsible.sum()), 1),
        "by predictors": max(confidences.numel(), 1),
        "by cells": max(images * cells, 1),
    }.get(divides, images)
    first *= 1.0 if weight == "no coord" else coord_weight
    second *= coord_weight if weight == "coord on both" else 1
    halved = 2 if goal == "averaged" else 1
    return torch.tensor(first / divisor / halved), torch.tensor(second / divisor)


def counts(overlap: float, ignore_above: float, owned: bool, others: str) -> bool:
    """Whether the confidence of a predictor that is not responsible is pushed to 0."""
    if others == "none ignored":
        return True
    if others == "none":
        return False
    if others == "empty cells alone" and owned:
        return False
    if others == "ignored at the threshold":
        return overlap < ignore_above
    if others == "the ignored alone":
        return overlap > ignore_above
    return overlap <= ignore_above


def size_error(
    root: Sequence[float], size: Sequence[float], weighs: str, goal: str
) -> float:
    """The weighted error of one prediction's two roots."""
    area = size[0] * size[1]
    factor = {"alike": 1.0, "wh": area, "2 + wh": 2 + area, "1 - wh": 1 - area}
    total = 0.0
    for said, true in zip(root, size, strict=True):
        error = said - math.sqrt(true)
        if goal == "size":
            error = said - true
        if goal == "sizes compared":
            error = said**2 - true
        total += abs(error) if goal == "absolute" else error**2
    return factor.get(weighs, 2 - area) * total


def slow_gradients(
    given: Sequence[Tensor], weights: Weights, upstream: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of roots, confidences and, with a mistake, of the IoU."""
    roots, confidences, sizes, iou, is_responsible = given
    coord_weight, noobj_weight, ignore_above = weights
    of_first, of_second = (float(one) / len(roots) for one in upstream)
    slopes = (
        torch.zeros_like(roots),
        torch.zeros_like(confidences),
        torch.zeros_like(iou),
    )
    images, cells, count = confidences.shape
    for image in range(images):
        for cell in range(cells):
            for k in range(count):
                at = (image, cell, k)
                said, overlap = float(confidences[at]), float(iou[at])
                if not is_responsible[at]:
                    if overlap <= ignore_above:
                        slopes[1][at] = of_second * noobj_weight * 2 * said
                    continue
                slopes[1][at] = of_second * 2 * (said - overlap)
                slopes[2][at] = -of_second * 2 * (said - overlap)
                w, h = sizes[image, cell].tolist()
                scale = of_first * coord_weight * (2 - w * h)
                for side, true in enumerate((w, h)):
                    error = float(roots[at][side]) - math.sqrt(true)
                    slopes[0][(*at, side)] = scale * 2 * error
    return slopes
