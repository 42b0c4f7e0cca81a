"""Slow answers to assignment 03's other tasks: RoIs to learn from, losses, layers.

Every function works on Python numbers, so that it shares no step with a good answer.
Its keyword settings turn single mistakes on.
"""

import math

import torch
from torch import Tensor

UNUSED = -1


def slow_hard_rois(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    count: int,
    positive_fraction: float,
    *,
    order: str = "by loss",
    share: str = "down",
    fills: str = "background",
    named: str = "class",
    **mistakes: str,
) -> tuple[Tensor, Tensor]:
    """Chosen RoIs and their labels; `mistakes` as in `slow_roi_labels`."""
    labels = slow_roi_labels(overlaps, object_labels.tolist(), **mistakes)
    ranked = ranking(losses.tolist(), order)
    most = most_objects(count, positive_fraction, share)
    if fills == "whole list":
        ranked = [i for i in ranked if labels[i] != UNUSED][:count]
        most = count
    objects = [i for i in ranked if labels[i] > 0]
    background = [i for i in ranked if labels[i] == 0]
    if fills == "objects too":
        most = max(most, count - len(background))
    kept = objects[:most]
    chosen = (
        kept + background[: count - (most if fills == "fixed share" else len(kept))]
    )
    if order == "by index":
        chosen.sort()
    if named == "index":
        best = [row.index(max(row)) if row else 0 for row in overlaps.tolist()]
        best += list(range(len(object_labels)))
        labels = [best[i] if label > 0 else label for i, label in enumerate(labels)]
    found = torch.tensor(chosen, dtype=torch.int64)
    return found, torch.tensor([labels[i] for i in chosen], dtype=torch.int64)


def ranking(losses: list[float], order: str) -> list[int]:
    """The RoIs by falling loss, or in the order of a mistake."""
    ranked = list(range(len(losses)))
    if order == "as they come":
        return ranked
    sign, tie = (1 if order == "easiest" else -1), (-1 if order == "last tie" else 1)
    return sorted(ranked, key=lambda i: (sign * losses[i], tie * i))


def most_objects(count: int, positive_fraction: float, share: str) -> int:
    """How many of the chosen RoIs may show objects."""
    exact = count * positive_fraction
    if share == "up":
        return math.ceil(exact)
    return round(exact) if share == "nearest" else math.floor(exact)


def slow_roi_labels(
    overlaps: Tensor,
    object_labels: list[int],
    *,
    half: str = "object",
    tenth: str = "background",
    truth: str = "appended",
    tie: str = "first",
    nothing: str = "background",
) -> list[int]:
    """One label a RoI, UNUSED where it teaches nothing; settings name mistakes."""
    labels = []
    for row in overlaps.tolist():
        best = round(max(row, default=0.0), 6)  # 0.1 in float32 is above 0.1
        is_object = best > 0.5 if half != "object" else best >= 0.5
        is_low = best <= 0.1 if tenth == "unused" else best < 0.1
        places = [i for i, overlap in enumerate(row) if round(overlap, 6) == best]
        if is_object:
            labels.append(object_labels[places[0 if tie == "first" else -1]])
        elif (is_low and tenth != "all below") or (best == 0.5 and half == "unused"):
            is_empty = not row and nothing == "background"
            labels.append(0 if is_empty else UNUSED)
        else:
            labels.append(0)
    if truth == "appended":
        return labels + object_labels
    return labels + [UNUSED] * len(object_labels)


def slow_box_loss(
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    beta: float,
    *,
    own: str = "class",
    background: str = "masked",
    divisor: str = "RoIs",
    **mistakes: str,
) -> tuple[Tensor, Tensor]:
    """Loss and (R, 4K) slope, delta by delta; `mistakes` as in `slow_smooth_l1`."""
    rows, slopes, total = deltas.tolist(), torch.zeros_like(deltas), 0.0
    classes = deltas.shape[1] // 4
    for r, label in enumerate(labels.tolist()):
        if label == 0 and background == "masked":
            continue
        for side in range(4):
            places = {
                "class": [4 * label + side],
                "class - 1": [4 * (label - 1) + side],
                "all": [4 * k + side for k in range(classes)],
                "side first": [side * classes + label],
                "first": [side],
            }[own]
            for place in places:
                error = rows[r][place] - float(targets[r, side])
                value, slope = slow_smooth_l1(error, beta, **mistakes)
                total, slopes[r, place] = total + value, slope
    objects = int((labels > 0).sum())
    parts = {"RoIs": len(labels), "objects": objects, "numbers": 4 * len(labels)}
    count = max(parts.get(divisor, 1), 1)
    return torch.tensor(total / count), slopes / count


def slow_smooth_l1(
    error: float, beta: float, *, value: str = "smooth", slope: str = "smooth"
) -> tuple[float, float]:
    """Smooth L1 of one number, and its slope; settings name mistakes."""
    size, sign = abs(error), math.copysign(1.0, error) if error else 0.0
    is_small = size < beta
    loss = 0.5 * size**2 / beta if is_small else size - 0.5 * beta
    if value == "no offset" and not is_small:
        loss = size
    if value == "not divided" and is_small:
        loss = 0.5 * size**2
    if value == "no half" and is_small:
        loss = size**2 / beta
    if value == "huber":
        loss *= beta
    if value == "beta 1":
        loss = 0.5 * size**2 if size < 1 else size - 0.5
    rate = error / beta if is_small else sign
    if slope == "not divided" and is_small:
        rate = error
    if slope == "reversed":
        rate = -rate
    if slope == "huber":
        rate *= beta
    if slope == "L1":
        rate = sign
    if slope == "beta 1":
        rate = error if size < 1 else sign
    return loss, rate


def slow_rank(values: list[float], most_error: float, *, rule: str = "norm") -> int:
    """The smallest number of singular values that suffices; `rule` names a mistake."""
    whole = measured(values, rule)
    for rank in range(0 if rule == "from 0" else 1, len(values) + 1):
        if measured(values[rank:], rule) <= most_error * whole:
            return rank
    return len(values)


def measured(values: list[float], rule: str) -> float:
    """The size of a matrix with these singular values."""
    if rule == "largest":
        return max(values, default=0.0)
    if rule == "plain sum":
        return math.fsum(values)
    energy = math.fsum(value**2 for value in values)
    return energy if rule == "energy" else math.sqrt(energy)
