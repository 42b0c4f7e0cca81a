"""Slow answers to assignment 04 about anchors, and what typical mistakes would answer.

Every function works on Python numbers, one anchor at a time, so that it shares no step
with a good answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Pair = tuple[int, int]
Matrix = list[list[float]]


def slow_inside_anchors(
    image_size: Pair,
    map_size: Pair,
    side: float,
    ratios: Sequence[float],
    strides: Pair,
    *,
    centre: str = "middle",
    shape: str = "width over height",
    order: str = "by position",
    border: str = "touching is inside",
    index: str = "of all",
    rounded: str = "",
) -> tuple[Tensor, Tensor]:
    """(K, 4) anchors inside the image and their (K,) places among all of them."""
    if order == "ratios sorted":
        ratios = sorted(ratios)
    places = [
        (i, j, ratio)
        for i in range(map_size[0])
        for j in range(map_size[1])
        for ratio in ratios
    ]
    if order == "columns first":
        places.sort(key=lambda place: place[1])
    if order == "ratios first":
        places = [
            (places[n][0], places[n][1], ratio)
            for ratio in ratios
            for n in range(0, len(places), len(ratios))
        ]
    boxes: Matrix = []
    kept: list[int] = []
    for number, (i, j, ratio) in enumerate(places):
        x, y = centre_of(i, j, strides, centre)
        w, h = shape_of(side, ratio, shape)
        box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        if rounded:
            box = [float(round(value)) for value in box]
        if is_inside(box, image_size, border):
            boxes.append(clipped(box, image_size) if border == "clipped" else box)
            kept.append(len(kept) if index == "of the kept" else number)
    anchors = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return anchors, torch.tensor(kept, dtype=torch.int64)


def centre_of(i: int, j: int, strides: Pair, centre: str) -> tuple[float, float]:
    """Where an anchor of row i and column j has its centre, x first."""
    if centre == "corner":
        return j * strides[1], i * strides[0]
    if centre == "axes swapped":
        return (i + 0.5) * strides[1], (j + 0.5) * strides[0]
    if centre == "strides swapped":
        return (j + 0.5) * strides[0], (i + 0.5) * strides[1]
    if centre == "half a pixel":
        return j * strides[1] + 0.5, i * strides[0] + 0.5
    return (j + 0.5) * strides[1], (i + 0.5) * strides[0]


def shape_of(side: float, ratio: float, shape: str) -> tuple[float, float]:
    """Width and height of an anchor."""
    root = math.sqrt(ratio)
    shapes = {
        "height over width": (side / root, side * root),
        "no root": (side * ratio, side / ratio),
        "one side scaled": (side * ratio, side),
        "other side scaled": (side, side / ratio),
        "twice as large": (2 * side * root, 2 * side / root),
    }
    return shapes.get(shape, (side * root, side / root))


def is_inside(box: Sequence[float], image_size: Pair, border: str) -> bool:
    """Whether an anchor stays, by the right rule or a mistaken one."""
    x1, y1, x2, y2 = box
    height, width = image_size
    if border == "image turned":
        height, width = width, height
    rules = {
        "all stay": True,
        "clipped": True,
        "strictly": x1 > 0 and y1 > 0 and x2 < width and y2 < height,
        "low side only": x1 >= 0 and y1 >= 0,
        "high side only": x2 <= width and y2 <= height,
        "x only": x1 >= 0 and x2 <= width,
    }
    inside = x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height
    return rules.get(border, inside)


def clipped(box: Sequence[float], image_size: Pair) -> list[float]:
    """The part of a box inside the image."""
    limits = (image_size[1], image_size[0]) * 2
    return [min(max(value, 0.0), end) for value, end in zip(box, limits, strict=True)]


def slow_anchor_labels(
    iou: Tensor,
    is_difficult: Tensor,
    positive_iou: float,
    negative_iou: float,
    *,
    promotes: str = "all that tie",
    belongs: str = "to its own",
    difficult: str = "ignored",
    ends: str = "",
    codes: str = "",
    index: str = "",
) -> tuple[Tensor, Tensor]:
    """(A,) labels 1, 0, -1 and (A,) objects, or -1, anchor by anchor."""
    rows, count = iou.tolist(), iou.shape[1]
    hard = [bool(flag) and difficult != "objects" for flag in is_difficult.tolist()]
    easy = [n for n in range(len(rows)) if not hard[n]]
    labels, truth = [], []
    for a in range(count):
        column = [row[a] for row in rows]
        promoters = [n for n in easy if is_promoted(rows[n], a, promotes)]
        if difficult == "promote too":
            promoters += [
                n for n in range(len(rows)) if hard[n] and is_promoted(rows[n], a, "")
            ]
        own = max(easy, key=lambda n: (column[n], -n), default=-1)
        if index == "last of equals":
            own = max(easy, key=lambda n: (column[n], n), default=-1)
        highest = max((column[n] for n in easy), default=0.0)
        above = highest > positive_iou if ends == "above" else highest >= positive_iou
        low = (
            column[n] for n in (easy if difficult == "background" else range(len(rows)))
        )
        seen = max(low, default=0.0)
        below = seen <= negative_iou if ends == "below" else seen < negative_iou
        positive = (above and own >= 0) or bool(promoters)
        if difficult == "always ignored":
            on_difficult = [n for n in range(len(rows)) if hard[n]]
            positive &= all(column[n] < negative_iou for n in on_difficult)
        if promotes == "overwritten" and below:
            positive = False
        labels.append(1 if positive else 0 if below else -1)
        if positive and belongs == "to its promoter" and promoters:
            own = promoters[-1]
        if index == "among the easy" and own >= 0:
            own = easy.index(own)
        truth.append(own if positive or index == "of all anchors" else -1)
    if codes == "swapped":
        labels = [{1: 1, 0: -1, -1: 0}[label] for label in labels]
    return torch.tensor(labels).long(), torch.tensor(truth).long()


def is_promoted(row: list[float], anchor: int, promotes: str) -> bool:
    """Whether an object with this row of IoUs makes the anchor positive."""
    best = max(row)
    if promotes == "none":
        return False
    if promotes == "first of equals":
        return best > 0 and row.index(best) == anchor
    if promotes == "zeros too":
        return row[anchor] == best
    return best > 0 and row[anchor] == best


def slow_flatten_levels(
    scores: Sequence[Tensor],
    deltas: Sequence[Tensor],
    *,
    channels: str = "",
    order: str = "",
    probability: str = "softmax",
) -> tuple[Tensor, Tensor]:
    """(B, N) probabilities and (B, N, 4) deltas, picked value by value."""
    objects, moves = [], []
    for image in range(len(scores[0])):
        chances: list[float] = []
        rows: Matrix = []
        levels = list(zip(scores, deltas, strict=True))
        for score, delta in levels[::-1] if order == "levels backwards" else levels:
            count = score.shape[1] // 2
            for i, j, a in places_of(score.shape[2], score.shape[3], count, order):
                pair = (a, count + a)
                if channels == "scores by anchor":
                    pair = (2 * a, 2 * a + 1)
                none, thing = (float(score[image, c, i, j]) for c in pair)
                chances.append(chance(none, thing, probability))
                four = [4 * a + k for k in range(4)]
                if channels == "deltas by coordinate":
                    four = [k * count + a for k in range(4)]
                rows.append([float(delta[image, c, i, j]) for c in four])
        objects.append(chances)
        moves.append(rows)
    return torch.tensor(objects), torch.tensor(moves)


def places_of(
    height: int, width: int, count: int, order: str
) -> list[tuple[int, int, int]]:
    """Row, column and anchor, one after the other."""
    all_rows, all_columns, all_anchors = range(height), range(width), range(count)
    if order == "anchors first":
        return [(i, j, a) for a in all_anchors for i in all_rows for j in all_columns]
    if order == "columns first":
        return [(i, j, a) for j in all_columns for i in all_rows for a in all_anchors]
    return [(i, j, a) for i in all_rows for j in all_columns for a in all_anchors]


def chance(none: float, thing: float, probability: str) -> float:
    """The probability of an object from two logits."""
    if probability == "of background":
        none, thing = thing, none
    if probability == "one sigmoid":
        none = 0.0
    if probability == "logit":
        return thing
    if probability == "difference":
        return thing - none
    low = min(none, thing)
    top = max(none, thing)
    share = 1 / (1 + math.exp(low - top))
    return share if thing >= none else 1 - share
