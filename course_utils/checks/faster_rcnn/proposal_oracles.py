"""Slow answers to assignment 04 about proposals, and what mistakes would answer.

Every function works on Python numbers, one anchor at a time, so that it shares no step
with a good answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Pair = tuple[int, int]

MOST_GROWTH = 62.5  # 1000 / 16: no box gets larger by more


def slow_decode_proposals(
    deltas: Tensor,
    anchors: Tensor,
    image_size: Pair,
    scale: float,
    min_side: float,
    *,
    clamp: str = "from above",
    move: str = "scaled",
    growth: str = "exponential",
    clip: str = "to the image",
    small: str = "both sides",
    pixels: str = "original",
    index: str = "of the rows",
    anchor: str = "centre and size",
) -> tuple[Tensor, Tensor]:
    """(K, 4) boxes in the original image and their (K,) rows, row by row."""
    boxes: list[list[float]] = []
    kept: list[int] = []
    for row, (delta, box) in enumerate(
        zip(deltas.tolist(), anchors.tolist(), strict=True)
    ):
        cx, cy, w, h = anchor_of(box, anchor)
        mx, my = (h, w) if move == "swapped" else (w, h)
        if move == "plain":
            mx, my = 1, 1
        x, y = cx + mx * delta[0], cy + my * delta[1]
        w, h = (grown(a, t, clamp, growth) for a, t in ((w, delta[2]), (h, delta[3])))
        raw = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        if move == "corner":
            x1, y1 = x - box[2] / 2, y - box[3] / 2
            raw = [x1, y1, x1 + w, y1 + h]
        done = clipped_as(raw, image_size, scale, clip)
        measured = raw if small == "before clipping" else done
        if is_large(measured, scale, min_side, small):
            factor = {"network": 1.0, "wrong way": scale}.get(pixels, 1 / scale)
            boxes.append([value * factor for value in done])
            kept.append(len(kept) if index == "of the kept" else row)
    found = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return found, torch.tensor(kept, dtype=torch.int64)


def anchor_of(box: Sequence[float], written: str) -> tuple[float, float, float, float]:
    """Centre and size of an anchor; read as two corners by mistake."""
    a, b, c, d = box
    if written == "two corners":
        return (a + c) / 2, (b + d) / 2, c - a, d - b
    return a, b, c, d


def grown(side: float, delta: float, clamp: str, growth: str) -> float:
    """The side of a box after its delta, at most 62.5 times that of the anchor."""
    highest = math.log(MOST_GROWTH)
    if clamp == "both ways":
        delta = max(delta, -highest)
    if clamp == "base 10":
        highest = math.log10(MOST_GROWTH)
    if clamp != "none":
        delta = min(delta, highest)
    if growth == "added":
        return side + delta
    if growth == "times":
        return side * delta
    if growth == "one plus":
        return side * (1 + delta)
    return side * math.exp(min(delta, 700.0))


def clipped_as(
    box: Sequence[float], image_size: Pair, scale: float, clip: str
) -> list[float]:
    """A box clipped to the network's image, by the right rule or a mistaken one."""
    height, width = image_size
    limits = [float(width), float(height)] * 2
    if clip == "turned":
        limits = [float(height), float(width)] * 2
    if clip == "last pixel":
        limits = [width - 1.0, height - 1.0] * 2
    if clip == "to the original":
        limits = [limit / scale for limit in limits]
    if clip == "none":
        return list(box)
    if clip == "low side only":
        return [max(value, 0.0) for value in box]
    if clip == "high side only":
        return [min(value, end) for value, end in zip(box, limits, strict=True)]
    return [min(max(value, 0.0), end) for value, end in zip(box, limits, strict=True)]


def is_large(box: Sequence[float], scale: float, min_side: float, small: str) -> bool:
    """Whether a box of the network's image stays."""
    sides = [(box[2] - box[0]) / scale, (box[3] - box[1]) / scale]
    if small == "in the network's pixels":
        sides = [side * scale for side in sides]
    if small == "strictly":
        return min(sides) > min_side
    if small == "one side is enough":
        return max(sides) >= min_side
    if small == "width only":
        return sides[0] >= min_side
    if small == "height only":
        return sides[1] >= min_side
    if small == "area":
        return sides[0] * sides[1] >= min_side**2
    return small == "all stay" or min(sides) >= min_side


def slow_select_proposals(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    counts: Pair,
    iou_threshold: float,
    *,
    first: str = "of each level",
    last: str = "of all",
    level: str = "apart",
    rule: str = "above",
    compares: str = "kept",
    order: str = "by score",
) -> Tensor:
    """(K,) indices of the proposals, picked one at a time from lists."""
    before, after = counts
    value, name = scores.tolist(), levels.tolist()
    ranked = sorted(range(len(value)), key=lambda n: (-value[n], n))
    if order == "last of equals":
        ranked.sort(key=lambda n: (-value[n], -n))
    if order == "worst first":
        ranked.reverse()
    candidates = top(ranked, name, before, first)
    kept: list[int] = []
    for n in candidates:
        rivals = kept if compares == "kept" else candidates[: candidates.index(n)]
        if compares == "the one before":
            rivals = kept[-1:]
        if not any(
            overlaps(float(iou[n, k]), iou_threshold, rule)
            for k in rivals
            if name[k] == name[n] or level == "together"
        ):
            kept.append(n)
    if first == "after suppression":
        kept = top(kept, name, before, "of each level")
    kept = top(kept, name, after, "of each level" if last == "of each level" else "")
    if order == "level by level":
        kept.sort(key=lambda n: name[n])
    return torch.tensor(sorted(kept) if order == "by index" else kept).long()


def top(ranked: Sequence[int], name: Sequence[int], most: int, rule: str) -> list[int]:
    """The first `most` of a ranking, of all or of each level; all by some mistakes."""
    if rule in ("all", "after suppression"):
        return list(ranked)
    if rule != "of each level":
        return list(ranked[:most])
    found: list[int] = []
    for n in ranked:
        if sum(name[k] == name[n] for k in found) < most:
            found.append(n)
    return found


def overlaps(iou: float, threshold: float, rule: str) -> bool:
    """Whether one proposal removes another."""
    if rule == "never":
        return False
    return iou >= threshold if rule == "or equal" else iou > threshold
