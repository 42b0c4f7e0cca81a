"""Slow answers to assignment 05 about detections, and what mistakes would answer.

Every function works on Python numbers, one box at a time, so that it shares no step
with a good answer. Its keyword settings turn single mistakes on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Pair = tuple[int, int]
Numbers = Sequence[float]
Candidate = tuple[float, int, int]  # score, number of the box, label


def slow_decode_and_keep(
    vector: Tensor,
    image_size: Pair,
    grid: Pair,
    counts: Pair,
    limits: tuple[float, int],
    *,
    layout: str = "classes, confidences, boxes",
    inside: str = "cell by cell",
    place: str = "in its cell",
    size: str = "squared",
    clip: str = "to the image",
    score: str = "product",
    clamp: str = "both",
    threshold: str = "above",
    labels: str = "from 1",
    keeps: str = "every class",
    order: str = "by score",
) -> tuple[Tensor, Tensor, Tensor]:
    """(D, 4) boxes, (D,) scores and (D,) labels, box by box."""
    (num_boxes, num_classes), (score_threshold, most) = counts, limits
    sizes = (image_size, grid)
    boxes: list[list[float]] = []
    found: list[Candidate] = []
    for cell in range(grid[0] * grid[1]):
        for k in range(num_boxes):
            at = (cell, k, grid[0] * grid[1])
            counts = (num_boxes, num_classes - 1)
            sure, numbers, chances = parts_at(
                vector.tolist(), at, counts, layout, inside
            )
            box = decoded(numbers, cell, sizes, place, size)
            boxes.append(clipped_as(box, image_size, clip))
            scores = [score_of(sure, chance, score, clamp) for chance in chances]
            if keeps == "best class":
                best = scores.index(max(scores))
                scores = [s if c == best else -1 for c, s in enumerate(scores)]
            for label, one in enumerate(scores, start=1):
                is_equal = threshold == "or equal" and one == score_threshold
                if one > score_threshold or is_equal:
                    found.append((one, len(boxes) - 1, label))
    found = ranked(found, order, keeps, most)
    shift = 1 if labels == "from 0" else 0
    return (
        torch.tensor([boxes[n] for _, n, _ in found]).reshape(-1, 4),
        torch.tensor([one for one, _, _ in found]),
        torch.tensor([label - shift for _, _, label in found]).long(),
    )


def parts_at(
    values: Numbers,
    at: tuple[int, int, int],
    counts: Pair,
    layout: str,
    inside: str,
) -> tuple[float, Numbers, Numbers]:
    """Confidence, four numbers and class values of predictor k of a cell."""
    (cell, k, cells), (num_boxes, classes) = at, counts
    if layout == "cell by cell":
        start = cell * (5 * num_boxes + classes)
        box = values[start + 5 * k : start + 5 * k + 5]
        chances = values[start + 5 * num_boxes :][:classes]
        return box[4], box[:4], chances
    sizes = {"classes": classes, "confidences": num_boxes, "boxes": 4 * num_boxes}
    starts, used = {}, 0
    for name in layout.split(", "):
        starts[name] = used
        used += sizes[name] * cells
    first, stride = starts["classes"], 1
    place, corner, step = cell * num_boxes + k, 0, 1
    if inside == "classes outside":
        first, stride = first + cell, cells
    else:
        first += cell * classes
    if inside == "predictors outside":
        place = k * cells + cell
    corner = starts["boxes"] + 4 * place
    if inside == "numbers outside":
        corner, step = starts["boxes"] + place, cells * num_boxes
    chances = [values[first + c * stride] for c in range(classes)]
    numbers = [values[corner + n * step] for n in range(4)]
    return values[starts["confidences"] + place], numbers, chances


def decoded(
    numbers: Numbers, cell: int, sizes: tuple[Pair, Pair], place: str, size: str
) -> list[float]:
    """Two corners in pixels, not clipped."""
    (height, width), (rows, columns) = sizes
    if place == "image turned":
        height, width = width, height
    row, column = divmod(cell, columns)
    if place == "columns first":
        column, row = divmod(cell, rows)
    if place == "no cell":
        row = column = 0
    x, y = (numbers[0] + column) / columns * width, (numbers[1] + row) / rows * height
    if place == "of the image":
        x, y = numbers[0] * width, numbers[1] * height
    w, h = numbers[2] ** 2 * width, numbers[3] ** 2 * height
    if size == "not squared":
        w, h = numbers[2] * width, numbers[3] * height
    if size == "of the cell":
        w, h = w / columns, h / rows
    if place == "corner":
        return [x, y, x + w, y + h]
    if size == "half":
        return [x - w, y - h, x + w, y + h]
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def clipped_as(box: list[float], image_size: Pair, clip: str) -> list[float]:
    """A box clipped to the image, by the right rule or a mistaken one."""
    if clip == "none":
        return box
    ends = [image_size[1], image_size[0]] * 2
    if clip == "turned":
        ends = [image_size[0], image_size[1]] * 2
    return [min(max(one, 0.0), float(end)) for one, end in zip(box, ends, strict=True)]


def score_of(sure: float, chance: float, score: str, clamp: str) -> float:
    """Confidence times class value, both between 0 and 1."""
    if clamp == "product":
        return min(max(sure * chance, 0.0), 1.0)
    if clamp == "from below":
        sure, chance = max(sure, 0.0), max(chance, 0.0)
    if clamp == "from above":
        sure, chance = min(sure, 1.0), min(chance, 1.0)
    if clamp == "both":
        sure, chance = (min(max(one, 0.0), 1.0) for one in (sure, chance))
    return {"confidence": sure, "class": chance}.get(score, sure * chance)


def ranked(
    found: list[Candidate], order: str, keeps: str, most: int
) -> list[Candidate]:
    """The best candidates by falling score, those of equal scores as they came."""
    rows = sorted(found, key=lambda one: -one[0])
    if order == "last of equals":
        rows = sorted(found, key=lambda one: (-one[0], -one[1], -one[2]))
    if order == "labels first":
        rows = sorted(found, key=lambda one: (-one[0], one[2], one[1]))
    if order == "worst first":
        rows = rows[::-1]
    if keeps == "most of each class":
        seen: dict[int, int] = {}
        kept = []
        for one in rows:
            seen[one[2]] = seen.get(one[2], 0) + 1
            if seen[one[2]] <= most:
                kept.append(one)
        return kept
    if keeps == "all":
        return rows
    if order == "by box":
        return sorted(rows[:most], key=lambda one: one[1:])
    return rows[:most]
