"""A slow answer to assignment 06 about the loss, and what mistakes would answer.

It works on Python numbers, one default box at a time, and finds the gradients from
their formulas. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Given = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def slow_ssd_loss(
    given: Given,
    alpha: float,
    *,
    divides: str = "by own objects",
    used: str = "labelled",
    target: str = "encoded",
    shape: str = "smooth",
    alone: str = "",
    slope: str = "",
) -> dict[str, Tensor]:
    """The loss and its gradients by `logits` and `deltas`, default box by box."""
    shapes = [tensor.shape for tensor in given[:2]]
    logits, deltas, names, truths, defaults = (tensor.tolist() for tensor in given)
    loss = 0.0
    by_logits, by_deltas = (torch.zeros(shape).tolist() for shape in shapes)
    for b, row in enumerate(names):
        weights = weights_of(names, b, alpha, divides)
        has_object = max(row) > 0 or alone == "background counts"
        for d, name in enumerate(row):
            if name < 1 and slope == "nan":
                by_deltas[b][d] = [math.nan] * 4
            answer = name if used != "ignored as background" else max(name, 0)
            is_used = answer > 0 or (answer == 0 and used != "objects")
            if has_object and is_used:
                value, slopes = entropy(logits[b][d], answer)
                loss += weights[0] * value
                by_logits[b][d] = [weights[0] * each for each in slopes]
            if name > 0:
                goal = encoded(truths[b][d], defaults[d], target)
                pairs = zip(deltas[b][d], goal, strict=True)
                bends = [bent(t - g, shape) for t, g in pairs]
                loss += weights[1] * sum(value for value, _ in bends)
                by_deltas[b][d] = [weights[1] * each for _, each in bends]
    slopes_of = [torch.tensor(by_logits), torch.tensor(by_deltas)]
    return {
        "the loss": torch.tensor(loss),
        "its gradient by logits": slopes_of[0] * (slope != "none by logits"),
        "its gradient by deltas": slopes_of[1] * (slope != "none by deltas"),
    }


def weights_of(
    names: Sequence[Sequence[int]], b: int, alpha: float, divides: str
) -> tuple[float, float]:
    """By what both sums of an image are multiplied, the classes' first."""
    batch = len(names)
    things = [sum(name > 0 for name in row) for row in names]
    said = [sum(name >= 0 for name in row) for row in names]
    own = 1 / max(things[b], 1) / batch
    weights = {
        "by objects of the batch": (1 / max(sum(things), 1),) * 2,
        "by labelled": (1 / max(said[b], 1) / batch,) * 2,
        "each by its own": (1 / max(said[b], 1) / batch, own),
        "by all": (1 / len(names[b]) / batch,) * 2,
        "by images": (1 / batch,) * 2,
        "sum of images": (own * batch,) * 2,
        "by images with objects": (own * batch / max(sum(n > 0 for n in things), 1),)
        * 2,
        "boxes alone": (1 / batch, own),
        "classes alone": (own, 1 / batch),
        "by 4": (own, own / 4),
    }
    first, second = weights.get(divides, (own, own))
    if divides == "both weighed":
        return first * alpha, second * alpha
    return first, second * (1.0 if divides == "without alpha" else alpha)


def entropy(row: Sequence[float], name: int) -> tuple[float, list[float]]:
    """Cross-entropy of a softmax, and its slopes."""
    top = max(row)
    chances = [math.exp(value - top) for value in row]
    total = sum(chances)
    slopes = [chance / total - (c == name) for c, chance in enumerate(chances)]
    return top + math.log(total) - row[name], slopes


def encoded(
    truth: Sequence[float], default: Sequence[float], target: str
) -> list[float]:
    """What the deltas of a default box are to be, or what a mistake asks of them."""
    (gx, gy, gw, gh), (x, y, w, h) = truth, default
    over = (gw, gh) if target == "in sizes of the object" else (w, h)
    if target == "swapped sides":
        over = (h, w)
    if target == "corners":
        gx, gy, x, y = gx - gw / 2, gy - gh / 2, x - w / 2, y - h / 2
    move = [(gx - x) / over[0], (gy - y) / over[1]]
    if target == "plain moves":
        move = [gx - x, gy - y]
    grow = [math.log(gw / w), math.log(gh / h)]
    if target == "no logarithm":
        grow = [gw / w, gh / h]
    if target == "base 10":
        grow = [math.log10(gw / w), math.log10(gh / h)]
    if target == "base 2":
        grow = [math.log2(gw / w), math.log2(gh / h)]
    first, second = {
        "no variances": (1.0, 1.0),
        "multiplied": (10.0, 5.0),
        "one variance": (0.1, 0.1),
        "variances swapped": (0.2, 0.1),
        "variances squared": (0.01, 0.04),
        "roots of variances": (math.sqrt(0.1), math.sqrt(0.2)),
    }.get(target, (0.1, 0.2))
    goal = [m / first for m in move] + [g / second for g in grow]
    return [-g for g in goal] if target == "turned round" else goal


def bent(error: float, shape: str) -> tuple[float, float]:
    """Smooth L1 with its bend at 1, or what was taken for it, and its slope."""
    size, sign = abs(error), math.copysign(1.0, error) if error else 0.0
    if shape == "L1":
        return size, sign
    if shape == "squared":
        return error**2, 2 * error
    if shape == "half a square":
        return error**2 / 2, error
    return (error**2 / 2, error) if size < 1 else (size - 0.5, sign)
