"""Slow answers to assignment 01, box by box, and what typical mistakes would answer.

Every function works on Python numbers, so that it shares no step with a good answer.
Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Sizes = Sequence[tuple[int, int]]


def slow_covering_windows(
    height: int,
    width: int,
    sizes: Sizes,
    stride: int,
    *,
    border: str = "moved back",
    swapped: bool = False,
    columns_first: bool = False,
) -> Tensor:
    """(N, 4) windows, found by trying every place; `border` names a mistake."""
    found = []
    for window_height, window_width in sizes:
        size = (
            (window_width, window_height) if swapped else (window_height, window_width)
        )
        rows = slow_starts(height, size[0], stride, border)
        columns = slow_starts(width, size[1], stride, border)
        places = [(y, x) for y in rows for x in columns]
        if columns_first:
            places.sort(key=lambda place: place[::-1])
        found += [[x, y, x + size[1], y + size[0]] for y, x in places]
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 4)


def slow_starts(length: int, size: int, stride: int, border: str) -> list[int]:
    """Where windows of one size start along one side of the image."""
    if size > length:
        return []
    last = length - size
    on_grid = [place for place in range(length) if place % stride == 0]
    starts = [place for place in on_grid if place <= last]
    is_short = starts[-1] < last
    if border == "moved back" and is_short:
        return [*starts, last]
    if border == "over the edge" and is_short:
        return [*starts, starts[-1] + stride]
    if border == "twice":
        return [*starts, last]
    return [place for place in starts if place < last] if border == "short" else starts


def slow_window_sums(
    image: Tensor, windows: Tensor, *, inclusive: bool = False, first: int = 0
) -> Tensor:
    """(N,) sums, pixel by pixel; `first` = 1 forgets the first row and column."""
    pixels, more = image.tolist(), int(inclusive)
    sums = []
    for x1, y1, x2, y2 in windows.tolist():
        rows = pixels[max(y1, first) : y2 + more]
        sums.append(sum(sum(row[max(x1, first) : x2 + more]) for row in rows))
    return torch.tensor(sums, dtype=torch.float32)


def slow_half_sums(image: Tensor, windows: Tensor) -> Tensor:
    """(N,) sums by a mistaken table: each column is summed up, but no row is."""
    columns = image.T.tolist()

    def entry(y: int, x: int) -> float:
        return sum(columns[x - 1][:y]) if x > 0 else 0.0

    sums = [
        entry(y2, x2) - entry(y1, x2) - entry(y2, x1) + entry(y1, x1)
        for x1, y1, x2, y2 in windows.tolist()
    ]
    return torch.tensor(sums, dtype=torch.float32)


def slow_distance_iou(
    a: Tensor, b: Tensor, *, clamped: bool = True, penalty: str = "squared"
) -> Tensor:
    """(N, M) distance-IoU, pair by pair; `penalty` names a mistake."""
    values = [
        [distance_iou_of_pair(one, two, clamped, penalty) for two in b.tolist()]
        for one in a.tolist()
    ]
    return torch.tensor(values, dtype=torch.float32).reshape(len(a), len(b))


def distance_iou_of_pair(
    a: list[float], b: list[float], clamped: bool, penalty: str
) -> float:
    """Distance-IoU of two boxes: IoU less the squared, scaled distance of centres."""
    shared = [min(a[2 + i], b[2 + i]) - max(a[i], b[i]) for i in (0, 1)]
    if clamped:
        shared = [max(side, 0.0) for side in shared]
    overlap = shared[0] * shared[1]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(areas) - overlap
    iou = overlap / union if union > 0 else 0.0
    hull = [max(a[2 + i], b[2 + i]) - min(a[i], b[i]) for i in (0, 1)]
    gap = [(a[i] + a[2 + i] - b[i] - b[2 + i]) / 2 for i in (0, 1)]
    top, bottom = gap[0] ** 2 + gap[1] ** 2, hull[0] ** 2 + hull[1] ** 2
    if penalty == "not squared":
        top, bottom = math.sqrt(top), math.sqrt(bottom)
    if penalty == "area":
        bottom = hull[0] * hull[1]
    if penalty == "top left":
        top = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
    if penalty == "generalized":
        top, bottom = hull[0] * hull[1] - union, hull[0] * hull[1]
    signs = {"none": 0, "added": 1}
    return iou + signs.get(penalty, -1) * (top / bottom if bottom > 0 else 0.0)


def slow_soft_nms(
    overlaps: Tensor,
    scores: Tensor,
    labels: Tensor,
    sigma: float,
    *,
    decay: str = "gaussian",
    per_class: bool = True,
    picks_again: bool = True,
    spares_picked: bool = True,
) -> Tensor:
    """(N,) scores after soft-NMS, one box at a time."""
    values, names = scores.tolist(), labels.tolist()
    waiting = sorted(range(len(values)), key=lambda i: (-values[i], i))
    picked: list[int] = []
    while waiting:
        if picks_again:
            waiting.sort(key=lambda i: (-values[i], i))
        best = waiting.pop(0)
        picked.append(best)
        for other in waiting if spares_picked else range(len(values)):
            if other != best and (names[other] == names[best] or not per_class):
                values[other] *= weight(float(overlaps[best, other]), sigma, decay)
    return torch.tensor(values, dtype=torch.float32)


def weight(overlap: float, sigma: float, decay: str) -> float:
    """What a score is multiplied by, for an overlap with a better box."""
    if decay == "linear":
        return 1 - overlap
    if decay == "not squared":
        return math.exp(-overlap / sigma)
    if decay == "bell curve":
        return math.exp(-(overlap**2) / (2 * sigma**2))
    if decay == "multiplied":
        return math.exp(-(overlap**2) * sigma)
    return math.exp(-(overlap**2) / sigma)


def slow_operating_points(
    scores: Tensor,
    is_hit: Tensor,
    num_objects: int,
    *,
    ties_apart: bool = False,
    strict: bool = False,
    swapped: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """(K,) thresholds, precision and recall, counted anew for each threshold."""
    rows = list(zip(scores.tolist(), is_hit.tolist(), strict=True))
    ranked = sorted(rows, key=lambda row: -row[0])
    thresholds = [row[0] for row in ranked]
    if not ties_apart:
        thresholds = sorted(set(thresholds), reverse=True)
    precision, recall = [], []
    for place, threshold in enumerate(thresholds):
        kept = [row for row in ranked if row[0] >= threshold]
        if strict:
            kept = [row for row in ranked if row[0] > threshold]
        if ties_apart:
            kept = ranked[: place + 1]
        hits = sum(row[1] for row in kept)
        precision.append(hits / len(kept) if kept else 1.0)
        recall.append(hits / num_objects if num_objects else 0.0)
    if swapped:
        precision, recall = recall, precision
    return torch.tensor(thresholds), torch.tensor(precision), torch.tensor(recall)
