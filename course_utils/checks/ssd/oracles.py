"""Slow answers to assignment 06 about default boxes, and what mistakes would answer.

Every function works on Python numbers, one box at a time, so that it shares no step
with a good answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Pair = tuple[int, int]
Sides = tuple[float, float]


def slow_boxes_of_map(
    map_size: Pair,
    image_size: Pair,
    scale: float,
    next_scale: float,
    ratios: Sequence[float],
    *,
    centre: str = "middle",
    shape: str = "width over height",
    measure: str = "the shorter side",
    extra: str = "after ratio 1",
    order: str = "by position",
    clip: str = "corners",
    form: str = "shares",
) -> Tensor:
    """(K, 4) centres and sizes, clipped, in shares of the image, box by box."""
    height, width = image_size
    unit = {
        "the longer side": (max(image_size), max(image_size)),
        "the width": (width, width),
        "the height": (height, height),
        "each side": (width, height),
    }.get(measure, (min(image_size), min(image_size)))
    shapes = shapes_of(scale, next_scale, ratios, shape, extra)
    places = [(i, j) for i in range(map_size[0]) for j in range(map_size[1])]
    if order == "columns first":
        places.sort(key=lambda place: place[1])
    pairs = [(place, sides) for place in places for sides in shapes]
    if order == "shapes first":
        pairs = [(place, sides) for sides in shapes for place in places]
    rows = []
    for place, (w, h) in pairs:
        x, y = centre_of(place, map_size, centre)
        sides = (w * unit[0] / width, h * unit[1] / height)
        rows.append(written(clipped((x, y), sides, clip), image_size, form))
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def shapes_of(
    scale: float, next_scale: float, ratios: Sequence[float], shape: str, extra: str
) -> list[Sides]:
    """Widths and heights of the boxes of one cell, in units of the image's side."""
    between = math.sqrt(scale * next_scale)
    if extra == "mean":
        between = (scale + next_scale) / 2
    if extra == "next":
        between = next_scale
    if extra == "product":
        between = scale * next_scale
    square = (between, between)
    found: list[Sides] = []
    for ratio in ratios:
        root = math.sqrt(ratio)
        sides = {
            "height over width": (scale / root, scale * root),
            "no root": (scale * ratio, scale / ratio),
            "one side scaled": (scale * ratio, scale),
            "other side scaled": (scale, scale / ratio),
            "twice as large": (2 * scale * root, 2 * scale / root),
        }.get(shape, (scale * root, scale / root))
        found.append(sides)
        if ratio == 1 and extra not in ("none", "first", "last", "always"):
            found.append(square)
    if extra == "always" or (extra == "last" and 1 in ratios):
        found.append(square)
    if extra == "first" and 1 in ratios:
        found.insert(0, square)
    return found


def centre_of(place: Pair, map_size: Pair, centre: str) -> Sides:
    """The centre of a cell in shares of the image, x first."""
    (i, j), (rows, columns) = place, map_size
    if centre == "corner":
        return j / columns, i / rows
    if centre == "from edge to edge":
        return j / max(columns - 1, 1), i / max(rows - 1, 1)
    if centre == "axes swapped":
        return (i + 0.5) / rows, (j + 0.5) / columns
    if centre == "counts swapped":
        return (j + 0.5) / rows, (i + 0.5) / columns
    return (j + 0.5) / columns, (i + 0.5) / rows


def clipped(middle: Sides, sides: Sides, clip: str) -> list[float]:
    """A box as two corners, clipped to the image by the right rule or another."""
    if clip == "sizes":
        sides = (min(sides[0], 1.0), min(sides[1], 1.0))
    low = [m - s / 2 for m, s in zip(middle, sides, strict=True)]
    high = [m + s / 2 for m, s in zip(middle, sides, strict=True)]
    if clip not in ("none", "sizes", "high side only"):
        low = [max(value, 0.0) for value in low]
    if clip not in ("none", "sizes", "low side only"):
        high = [min(value, 1.0) for value in high]
    if clip == "centre stays":
        half = [(b - a) / 2 for a, b in zip(low, high, strict=True)]
        low = [m - s for m, s in zip(middle, half, strict=True)]
        high = [m + s for m, s in zip(middle, half, strict=True)]
    return [*low, *high]


def written(corners: Sequence[float], image_size: Pair, form: str) -> list[float]:
    """Two corners as centre and size, or as a mistake would write them."""
    x1, y1, x2, y2 = corners
    box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    if form == "corners":
        box = [x1, y1, x2, y2]
    if form == "y first":
        box = [box[1], box[0], box[3], box[2]]
    if form == "corner and size":
        box = [x1, y1, box[2], box[3]]
    if form == "pixels":
        height, width = image_size
        box = [box[0] * width, box[1] * height, box[2] * width, box[3] * height]
    return box


def slow_sizes_of_maps(
    num_maps: int,
    side: int,
    smallest: int,
    largest: int,
    first: int,
    *,
    paper: str = "equal steps",
    step: str = "down",
    begins: str = "apart",
    second: str = "next",
    unit: str = "pixels",
) -> tuple[Tensor, Tensor]:
    """(m,) sizes by the paper's formula and (m, 2) released ones, map by map."""
    count = num_maps if paper == "one step too many" else num_maps - 1
    written_down = [
        smallest + (largest - smallest) * k / count for k in range(num_maps)
    ]
    if paper == "first map apart":
        count = num_maps - 2
        rest = [smallest + (largest - smallest) * k / count for k in range(count + 1)]
        written_down = [float(first), *rest]
    if paper == "rounded down":
        whole = (largest - smallest) // (num_maps - 1)
        written_down = [float(smallest + whole * k) for k in range(num_maps)]
    span = largest - smallest
    steps: dict[str, float] = {
        "exact": span / (num_maps - 2),
        "nearest": math.floor(span / (num_maps - 2) + 0.5),
        "up": math.ceil(span / (num_maps - 2)),
        "of m - 1": span // (num_maps - 1),
        "of m": span // num_maps,
    }
    each = steps.get(step, span // (num_maps - 2))
    low = [first, *(smallest + each * k for k in range(num_maps - 1))]
    if begins == "with the others":
        low = [smallest + each * k for k in range(num_maps)]
    high = [*low[1:], low[-1] + each]
    if second == "a step more":
        high = [size + each for size in low]
    if second == "largest":
        high[-1] = largest
    if second == "whole image":
        high[-1] = 100
    if second == "square":
        high = [math.sqrt(a * b) for a, b in zip(low, high, strict=True)]
    factor = {"shares": 0.01, "percent": 1.0}.get(unit, side / 100)
    both = torch.tensor([low, high], dtype=torch.float64).T * factor
    return (torch.tensor(written_down) * factor).float(), both.float()


def slow_matched_objects(
    iou: Tensor,
    threshold: float,
    *,
    forced: str = "best pair first",
    zeros: str = "",
    rest: str = "above",
    ties: str = "",
    codes: str = "",
) -> Tensor:
    """(D,) the object of each default box, or -1, from lists."""
    rows, count = iou.tolist(), iou.shape[1]
    owner = claims(rows, count, forced, zeros)
    answer = []
    for d in range(count):
        column = [row[d] for row in rows]
        own = max(range(len(rows)), key=lambda n: (column[n], -n), default=-1)
        if ties == "last object":
            own = max(range(len(rows)), key=lambda n: (column[n], n), default=-1)
        highest = column[own] if own >= 0 else 0.0
        found = highest >= threshold if rest == "or equal" else highest > threshold
        if rest == "first above":
            above = [n for n in range(len(rows)) if column[n] > threshold]
            own = above[0] if above else -1
        if rest == "any overlap":
            found = highest > 0
        pick = own if found and rest != "none" else -1
        keeps = d in owner and not (rest == "overwrites" and found)
        answer.append(owner[d] if keeps else pick)
    if codes == "from 1":
        answer = [value + 1 for value in answer]
    return torch.tensor(answer, dtype=torch.int64)


def claims(
    rows: Sequence[Sequence[float]], count: int, forced: str, zeros: str
) -> dict[int, int]:
    """Which object claims which default box before the threshold is looked at."""
    least = -1.0 if zeros == "claim too" else 0.0
    if forced == "none":
        return {}
    owner: dict[int, int] = {}
    if forced in ("last wins", "first wins") and count:
        for n, row in enumerate(rows):
            best = max(range(count), key=lambda d: (row[d], -d))
            if row[best] > least and not (forced == "first wins" and best in owner):
                owner[best] = n
        return owner
    pairs = [(-rows[n][d], n, d) for n in range(len(rows)) for d in range(count)]
    if forced == "object by object":
        pairs.sort(key=lambda pair: (pair[1], pair[0], pair[2]))
    else:
        pairs.sort()
    for value, n, d in pairs:
        if -value > least and d not in owner and n not in owner.values():
            owner[d] = n
    return owner
