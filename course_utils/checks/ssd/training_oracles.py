"""Slow answers to assignment 06 about training, and what mistakes would answer.

They work on Python numbers, one box at a time, so that they share no step with a good
answer. Their keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Pair = tuple[int, int]
Corners = Sequence[float]


def slow_chosen_negatives(
    logits: Tensor,
    labels: Tensor,
    ratio: float,
    least: int,
    *,
    rank: str = "by loss",
    among: str = "background",
    count: str = "down",
    per: str = "image",
    ties: str = "first",
    adds: str = "",
) -> Tensor:
    """(B, D) bool, the negatives of each image, from sorted lists."""
    names, background = labels.tolist(), logits.shape[2] - 1
    chosen = torch.zeros(labels.shape, dtype=torch.bool)
    images = list(range(len(names)))
    for group in [images] if per == "batch" else [[b] for b in images]:
        boxes = [(b, d) for b in group for d in range(labels.shape[1])]
        things = [(b, d) for b, d in boxes if 0 <= names[b][d] < background]
        pool = [(b, d) for b, d in boxes if names[b][d] == background]
        if among == "ignored too":
            pool = [(b, d) for b, d in boxes if names[b][d] in (-1, background)]
        if among == "all":
            pool = boxes
        if among == "class 0":
            pool = [(b, d) for b, d in boxes if names[b][d] == 0]
        cost = {(b, d): loss_of(logits[b, d].tolist(), rank) for b, d in pool}
        sign = -1 if ties == "last" else 1
        ranked = sorted(pool, key=lambda p: (-cost[p], sign * p[0], sign * p[1]))
        most = how_many(len(things), ratio, least, count)
        picked = ranked[:most]
        if ties == "all" and picked:
            picked = [p for p in ranked if cost[p] >= cost[picked[-1]]]
        for b, d in [*picked, *(things if adds == "positives" else [])]:
            chosen[b, d] = True
    return chosen


def loss_of(row: Sequence[float], rank: str) -> float:
    """What the background loss of a box is, or what a mistake ranks by."""
    values = [*row[1:], row[0]] if rank == "class 0" else row
    if rank == "logit":
        return -values[-1]
    if rank == "best object":
        return max(values[:-1])
    if rank == "margin":
        return max(values[:-1]) - values[-1]
    top = max(values)
    loss = top + math.log(sum(math.exp(v - top) for v in values)) - values[-1]
    if rank == "easiest":
        return -loss
    if rank == "entropy":
        chances = [math.exp(v - top) for v in values]
        shares = [chance / sum(chances) for chance in chances]
        return -sum(p * math.log(p) for p in shares if p > 0)
    # In float32, exp(-104) is 0.
    return math.inf if rank == "by probability" and loss > 104 else loss


def how_many(things: int, ratio: float, least: int, count: str) -> int:
    """How many negatives are wanted beside so many positives."""
    rules = {
        "up": max(math.ceil(ratio * things), least),
        "without least": math.floor(ratio * things),
        "least added": math.floor(ratio * things) + least,
        "least alone": math.floor(ratio * things) if things else least,
        "none without objects": max(math.floor(ratio * things), least) * (things > 0),
        "three": max(3 * things, least),
        "without ratio": max(things, least),
    }
    return rules.get(count, max(math.floor(ratio * things), least))


def slow_cut_patch(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    limits: tuple[float, float],
    *,
    holds: str = "half-open",
    allows: str = "all held",
    measure: str = "iou",
    choice: str = "first",
    otherwise: str = "whole",
    maps: str = "clip, move, scale",
) -> tuple[Tensor, Tensor, Tensor]:
    """The patch, and the (K, 4) boxes and (K,) labels in it, from lists.

    `limits` holds the least IoU and the side of what is cut out.
    """
    rows, (min_iou, side) = boxes.tolist(), limits
    height, width = image_size
    whole = [0.0, 0.0, float(width), float(height)]
    if otherwise == "turned":
        whole = [0.0, 0.0, float(height), float(width)]
    drawn = [patch.tolist() for patch in patches]
    fits = [
        patch
        for patch in drawn
        if is_allowed(rows, patch, min_iou, holds, (allows, measure))
    ]
    if choice == "last":
        fits.reverse()
    if choice == "most objects":
        fits.sort(key=lambda p: -sum(is_held(row, p, holds) for row in rows))
    patch = fits[0] if fits else whole
    if otherwise == "first patch" and not fits and drawn:
        patch = drawn[0]
    kept = [n for n, row in enumerate(rows) if is_held(row, patch, holds)]
    if holds == "enough overlap":
        kept = [n for n in kept if overlap(rows[n], patch, measure) >= min_iou]
    moved = [seen_in(rows[n], patch, side, maps) for n in kept]
    names = labels.tolist()
    return (
        torch.tensor(patch),
        torch.tensor(moved).reshape(-1, 4),
        torch.tensor([names[n] for n in kept], dtype=torch.int64),
    )


def is_held(box: Corners, patch: Corners, holds: str) -> bool:
    """Whether a patch keeps a box."""
    if holds == "touching":
        return shared(box, patch) > 0
    if holds == "whole":
        return all(patch[k] <= box[k] and box[k + 2] <= patch[k + 2] for k in (0, 1))
    x, y = ((box[k] + box[k + 2]) / 2 for k in (0, 1))
    if holds == "corner":
        x, y = box[:2]
    if holds == "x only":
        return patch[0] <= x < patch[2]
    if holds == "y only":
        return patch[1] <= y < patch[3]
    if holds == "closed":
        return patch[0] <= x <= patch[2] and patch[1] <= y <= patch[3]
    inside = patch[0] <= x < patch[2] and patch[1] <= y < patch[3]
    is_open = patch[0] < x and patch[1] < y
    return inside and (is_open or holds != "open")


def is_allowed(
    rows: Sequence[Corners],
    patch: Corners,
    min_iou: float,
    holds: str,
    rule: tuple[str, str],
) -> bool:
    """Whether a patch may be used."""
    allows, measure = rule
    held = [row for row in rows if is_held(row, patch, holds)]
    found = [overlap(row, patch, measure) for row in held]
    everyone = [overlap(row, patch, measure) for row in rows]
    rules = {
        "some held": any(iou >= min_iou for iou in found),
        "some object": any(iou >= min_iou for iou in everyone),
        "all objects": bool(rows) and all(iou >= min_iou for iou in everyone),
        "strictly": bool(held) and all(iou > min_iou for iou in found),
        "mean": bool(held) and sum(found) / max(len(found), 1) >= min_iou,
        "empty too": all(iou >= min_iou for iou in found),
        "always": True,
        "some touched": bool(held) and all(v >= min_iou for v in everyone if v > 0),
    }
    return rules.get(allows, bool(held) and all(iou >= min_iou for iou in found))


def shared(a: Corners, b: Corners) -> float:
    """The area of the intersection."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def overlap(box: Corners, patch: Corners, measure: str) -> float:
    """The IoU of a box with a patch, or what is taken for it."""
    sizes = [(c[2] - c[0]) * (c[3] - c[1]) for c in (box, patch)]
    both = shared(box, patch)
    if measure == "share of the object":
        return both / sizes[0]
    if measure == "share of the patch":
        return both / sizes[1]
    return both / (sizes[0] + sizes[1] - both)


def seen_in(box: Corners, patch: Corners, side: float, maps: str) -> list[float]:
    """A box in pixels of the resized patch, or as a mistake would write it."""
    low, sizes = patch[:2], [patch[2] - patch[0], patch[3] - patch[1]]
    values = list(box)
    if maps != "not clipped":
        values = [
            min(max(v, patch[k % 2]), patch[2 + k % 2]) for k, v in enumerate(values)
        ]
    if maps != "not moved":
        values = [v - low[k % 2] for k, v in enumerate(values)]
    factors = {
        "not scaled": [1.0, 1.0],
        "by the width": [side / sizes[0]] * 2,
        "by the height": [side / sizes[1]] * 2,
        "by the shorter": [side / min(sizes)] * 2,
        "by the longer": [side / max(sizes)] * 2,
        "turned": [side / sizes[1], side / sizes[0]],
        "shares": [1 / sizes[0], 1 / sizes[1]],
        "wrong way": [sizes[0] / side, sizes[1] / side],
    }.get(maps, [side / sizes[0], side / sizes[1]])
    return [v * factors[k % 2] for k, v in enumerate(values)]
