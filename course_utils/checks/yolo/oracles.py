"""Slow answers to assignment 05 about the grid, and what mistakes would answer.

Every function works on Python numbers, one cell at a time, so that it shares no step
with a good answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

Pair = tuple[int, int]
Place = tuple[int, int]  # row, column
Numbers = Sequence[float]
FLAT = 1e-12  # an area or an overlap below it is none


def slow_encode_batch(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    grid: Pair,
    num_classes: int,
    *,
    keeps: str = "the smallest",
    cell: str = "of the centre",
    offset: str = "in the cell",
    size: str = "roots of shares",
    padding: str = "left out",
    flat: str = "left out",
    column: str = "label - 1",
    batch: str = "apart",
) -> Tensor:
    """(B, 4 + num_classes, rows, columns) targets, object by object."""
    if cell == "image turned":
        image_size = image_size[::-1]
    target = torch.zeros(len(boxes), 4 + num_classes, *grid)
    owner: dict[tuple[int, Place], tuple[float, Tensor]] = {}
    for image, box, label in objects_of(boxes, labels, padding, flat):
        place = place_of(box, image_size, grid, cell)
        if place is None:
            continue
        at = place
        if cell == "axes swapped":
            at = min(place[1], grid[0] - 1), min(place[0], grid[1] - 1)
        values, rank = target[image, :, at[0], at[1]], rank_of(box, keeps)
        row = torch.zeros(num_classes)  # by label, and without the background's
        row[label if column == "label - 1" else (label + 1) % num_classes] = 1
        if keeps == "two classes":
            values[5:] = row[1:] = values[5:].maximum(row[1:])
        key = (image if batch == "apart" else 0, place)
        if key in owner:
            if not takes(rank, owner[key][0], keeps):
                continue
            owner[key][1].zero_()
        owner[key] = rank, values
        values[:5] = numbers_of(box, place, (image_size, grid), cell, (offset, size))
        values[5:] = row[1:]
    return target


def objects_of(
    boxes: Tensor, labels: Tensor, padding: str, flat: str
) -> Iterator[tuple[int, list[float], int]]:
    """The number of the image, the box and the label of each object."""
    for image in range(len(boxes)):
        rows = zip(boxes[image].tolist(), labels[image].tolist(), strict=True)
        for box, label in rows:
            is_padding = any(map(math.isnan, box)) or label == 0
            is_flat = min(box[2] - box[0], box[3] - box[1]) <= 0
            if is_padding and (padding == "left out" or any(map(math.isnan, box))):
                continue
            if not is_flat or flat != "left out":
                yield image, box, label


def rank_of(box: Numbers, keeps: str) -> float:
    """By what objects of one cell are compared: the lowest keeps it."""
    width, height = box[2] - box[0], box[3] - box[1]
    ranks = {"the largest": -width * height, "the first": 0.0, "the narrowest": width}
    return ranks.get(keeps, width * height)


def takes(rank: float, rank_before: float, keeps: str) -> bool:
    """Whether a later object takes the cell from the one that has it."""
    if keeps == "last of equals":
        return rank <= rank_before
    return keeps == "the last" or rank < rank_before


def position(box: Numbers, image_size: Pair, grid: Pair, cell: str) -> list[float]:
    """Where the centre is, in cells: to the right, and down."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if cell == "of the corner":
        x, y = box[0], box[1]
    return [x / image_size[1] * grid[1], y / image_size[0] * grid[0]]


def place_of(box: Numbers, image_size: Pair, grid: Pair, cell: str) -> Place | None:
    """The row and column of the cell that owns a box; None where a mistake drops it."""
    right, down = position(box, image_size, grid, cell)
    if cell == "before the border":
        row, column = math.ceil(down) - 1, math.ceil(right) - 1
    elif cell == "rounded":
        row, column = math.floor(down + 0.5), math.floor(right + 0.5)
    else:
        row, column = math.floor(down), math.floor(right)
    if cell == "border dropped" and (row == grid[0] or column == grid[1]):
        return None
    return min(max(row, 0), grid[0] - 1), min(max(column, 0), grid[1] - 1)


def numbers_of(
    box: Numbers,
    place: Place,
    sizes: tuple[Pair, Pair],
    cell: str,
    how: tuple[str, str],
) -> Tensor:
    """The first five numbers of a cell that owns this box."""
    ((height, width), grid), (offset, size) = sizes, how
    right, down = position(box, *sizes, cell)
    right, down = right - place[1], down - place[0]
    if offset == "of the image":
        right, down = (right + place[1]) / grid[1], (down + place[0]) / grid[0]
    if offset == "from the middle":
        right, down = right - 0.5, down - 0.5
    if offset == "in pixels":
        right, down = right * width / grid[1], down * height / grid[0]
    w, h = box[2] - box[0], box[3] - box[1]
    if size != "in pixels":
        w, h = w / width, h / height
    if size == "of the cell":
        w, h = w * grid[1], h * grid[0]
    if size != "shares":
        w, h = math.sqrt(max(w, 0)), math.sqrt(max(h, 0))
    return torch.tensor([1.0, right, down, w, h])


def slow_responsible_boxes(
    answers: Tensor,
    truths: Tensor,
    *,
    chosen: str = "by IoU",
    fallback: str = "by all four",
    reads: str = "rightly",
    cells: str = "of objects",
    target: str = "IoU of the responsible",
    ties: str = "first",
) -> tuple[Tensor, Tensor]:
    """(B, K, rows, columns) who is responsible, and the target of each confidence."""
    batch, count, _, *grid = answers.shape
    is_chosen = torch.zeros(batch, count, *grid, dtype=torch.bool)
    targets = torch.zeros(batch, count, *grid)
    for image, row, column in product(*map(range, (batch, *grid))):
        truth = truths[image, :, row, column].tolist()
        if truth[0] != 1 and (cells == "of objects" or math.isnan(truth[1])):
            continue
        said = answers[image, :, :, row, column].tolist()
        true, *found = (box_of(one, grid, reads) for one in (truth[1:], *said))
        iou = [overlap_of(one, true, chosen, reads) for one in found]
        far = distances(said, truth[1:], grid, fallback)
        best = best_of(iou, far, [one[4] for one in said], chosen, ties)
        is_chosen[image, best, row, column] = True
        for k in range(count):
            if k == best or target == "IoU of all":
                value = 1.0 if target == "one" else iou[k]
                targets[image, k, row, column] = value
    return is_chosen, targets


def box_of(numbers: Numbers, grid: Sequence[int], reads: str) -> list[float]:
    """Centre, width and height as shares of the image."""
    x, y, w, h = numbers[:4]
    rows, columns = grid
    if reads == "grid turned":
        rows, columns = columns, rows
    if reads != "cell as image":
        x, y = x / columns, y / rows
    if reads != "roots as sizes":
        w, h = w * w, h * h
    return [x, y, w, h]


def overlap_of(a: Numbers, b: Numbers, chosen: str, reads: str) -> float:
    """IoU of two boxes about their centres."""
    both = 1.0
    for axis in (0, 1):
        middle_a, middle_b = a[axis], b[axis]
        if chosen == "by shape":
            middle_a = middle_b = 0.0
        half_a, half_b = a[axis + 2] / 2, b[axis + 2] / 2
        low = max(middle_a - half_a, middle_b - half_b)
        high = min(middle_a + half_a, middle_b + half_b)
        if reads == "corners":
            low = max(middle_a, middle_b)
            high = min(middle_a + 2 * half_a, middle_b + 2 * half_b)
        both *= max(high - low, 0.0)
    union = a[2] * a[3] + b[2] * b[3] - both
    if chosen == "over the sum":
        union += both
    return both / union if union > FLAT and both > FLAT else 0.0


def distances(
    said: Sequence[Numbers], truth: Numbers, grid: Sequence[int], fallback: str
) -> list[float]:
    """How far each prediction is from the truth, where none overlaps it."""
    true = box_of(truth, grid, "rightly")
    found = [box_of(one[:4], grid, "rightly") for one in said]
    if fallback == "by offsets and roots":
        true, found = list(truth), [list(one[:4]) for one in said]
    if fallback == "by centres":
        true, found = true[:2], [one[:2] for one in found]
    if fallback == "by sizes":
        true, found = true[2:], [one[2:] for one in found]
    return [math.dist(one, true) for one in found]


def best_of(
    iou: Numbers, far: Numbers, confidences: Numbers, chosen: str, ties: str
) -> int:
    """The number of the responsible predictor."""
    value = list(iou)
    if max(iou) == 0 or chosen == "by distance":
        value = [-one for one in far]
    if chosen == "no fallback":
        value = list(iou)
    if chosen == "by confidence":
        value = list(confidences)
    if chosen == "lowest":
        value = [-one for one in iou]
    places = range(len(value))
    if ties == "last":
        return max(reversed(places), key=lambda k: value[k])
    return max(places, key=lambda k: value[k])
