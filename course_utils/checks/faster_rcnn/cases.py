"""The inputs of assignment 04's checks about anchors, by the names learners read."""

import torch
from torch import Tensor

Pair = tuple[int, int]
Grid = tuple[Pair, Pair, float, list[float], Pair]
Labels = tuple[Tensor, Tensor, float, float]
Maps = tuple[list[Tensor], list[Tensor]]

# Image size, map size, side, ratios, strides.
GRIDS: dict[str, Grid] = {
    "the example": ((16, 48), (1, 3), 16, [1, 4], (16, 16)),
    "one square anchor a position": ((24, 40), (3, 5), 8, [1], (8, 8)),
    "one wide anchor a position": ((30, 70), (3, 7), 8, [4], (10, 10)),
    "one high anchor a position": ((70, 30), (7, 3), 8, [0.25], (10, 10)),
    "other strides down than to the right": ((60, 36), (5, 6), 9, [2, 0.5], (12, 6)),
    "anchors of odd sides, not rounded": ((45, 66), (4, 6), 11, [0.5, 1, 2], (11, 11)),
    "ratios in no order": ((48, 80), (3, 5), 20, [2, 0.5, 1], (16, 16)),
    "anchors larger than their cells": ((64, 104), (8, 13), 32, [1, 2], (8, 8)),
    "a map that reaches beyond the image": ((30, 45), (4, 6), 8, [1, 0.25], (8, 8)),
    "a map that ends before the image does": ((35, 52), (2, 4), 8, [1, 4], (10, 10)),
    "a map of one position": ((16, 20), (1, 1), 12, [1, 0.5], (16, 20)),
    "a map of one column": ((50, 10), (5, 1), 8, [1, 0.5], (10, 10)),
    "every anchor crosses the border": ((20, 30), (2, 3), 64, [0.5, 1, 2], (10, 10)),
    "the same ratio twice": ((24, 40), (3, 5), 10, [2, 2], (8, 8)),
    "high anchors leave above, wide ones do not": (
        (16, 64),
        (2, 8),
        16,
        [0.25, 4],
        (8, 8),
    ),
}


def random_grid(i: int, generator: torch.Generator) -> Grid:
    """A map, its image, and a few ratios, whose roots are exact or irrational."""
    drawn = torch.randint(0, 1000, (8,), generator=generator).tolist()
    rows, columns = 2 + drawn[0] % 4, 6 + drawn[1] % 5
    strides = (4 + drawn[2] % 6, 10 + drawn[3] % 7)
    size = (rows * strides[0] - drawn[4] % 3, columns * strides[1] - drawn[5] % 3)
    ratios = [0.25, 0.5, 1.0, 2.0, 4.0]
    shift = drawn[6] % 5
    chosen = (ratios[shift:] + ratios[:shift])[: 1 + (i + 1) % 3]
    return size, (rows, columns), 6 + drawn[7] % 20, chosen, strides


def labels_case(
    rows: list[list[float]],
    difficult: list[int] | None = None,
    positive_iou: float = 0.7,
    negative_iou: float = 0.3,
    *,
    anchors: int = 0,
) -> Labels:
    """IoUs from their rows, one an object; `anchors` says how many if there is none."""
    iou = (
        torch.tensor(rows).float().reshape(len(rows), len(rows[0]) if rows else anchors)
    )
    flags = torch.tensor(difficult or [0] * len(rows)).bool()
    return iou, flags, positive_iou, negative_iou


LABELS: dict[str, Labels] = {
    "the example": labels_case(
        [[0.8, 0.5, 0.1, 0, 0], [0.1, 0.6, 0.2, 0.4, 0], [0, 0, 0.9, 0, 0.2]], [0, 0, 1]
    ),
    "no objects": labels_case([], anchors=4),
    "no anchors": labels_case([[], []]),
    "an object that every anchor misses": labels_case([[0, 0.9, 0, 0.2], [0, 0, 0, 0]]),
    "no anchor touches the only object": labels_case([[0, 0, 0]]),
    "a small object: its best anchor overlaps by 0.1": labels_case(
        [[0.05, 0.1, 0.02, 0], [0.8, 0, 0.4, 0]]
    ),
    "two best anchors": labels_case([[0.5, 0.125, 0.5, 0.25, 0]]),
    "two low best anchors": labels_case([[0.125, 0, 0.0625, 0.125]]),
    "a best anchor that overlaps another object more": labels_case(
        [[0.4, 0.1, 0], [0.6, 0.8, 0.2]]
    ),
    "as before, the other way round": labels_case([[0.6, 0.8, 0.2], [0.4, 0.1, 0]]),
    "two objects are overlapped alike": labels_case(
        [[0.1, 0.75, 0.2], [0.9, 0.75, 0], [0, 0.75, 0]]
    ),
    "exactly at the thresholds": labels_case(
        [[1, 0.75, 0.25, 0.125, 0.5]], None, 0.75, 0.25
    ),
    "a difficult object at the threshold": labels_case(
        [[1, 0, 0, 0], [0, 0.75, 0.25, 0.125]], [0, 1], 0.75, 0.25
    ),
    "only difficult objects": labels_case([[0.9, 0.2, 0.35], [0.1, 0, 0.25]], [1, 1]),
    "difficult objects come first": labels_case(
        [[0.95, 0.2, 0.1, 0], [0.75, 0.1, 0.5, 0], [0, 0.8, 0, 0.1]], [1, 0, 0]
    ),
    "an anchor on a difficult and on an ordinary object": labels_case(
        [[0.5, 0.1, 0.4], [0.9, 0.4, 0]], [0, 1]
    ),
    "both thresholds are equal": labels_case([[0.9, 0.5, 0.375, 0]], None, 0.5, 0.5),
    "a single anchor": labels_case([[0.2], [0.25]]),
}


def random_labels(i: int, generator: torch.Generator) -> Labels:
    """Overlaps in eighths, many 0 and many equal; every third object is difficult."""
    iou = torch.randint(-4, 9, (2 + i % 4, 7 + 2 * i), generator=generator)
    flags = torch.rand(len(iou), generator=generator) < 1 / 3
    positive_iou, negative_iou = ((0.75, 0.25), (0.625, 0.375), (0.9, 0.5))[i % 3]
    return iou.clamp(min=0).float() / 8, flags, positive_iou, negative_iou


def maps_case(
    batch: int, anchors: int, sizes: list[Pair], generator: torch.Generator
) -> Maps:
    """Score maps of quarters, and delta maps that hold each number once."""
    scores, deltas, used = [], [], 0
    for height, width in sizes:
        shape = (batch, 2 * anchors, height, width)
        scores.append(torch.randint(-20, 21, shape, generator=generator) / 4)
        count = batch * 4 * anchors * height * width
        codes = torch.arange(used, used + count) / 4 - 20
        deltas.append(codes.reshape(batch, 4 * anchors, height, width))
        used += count
    return scores, deltas


# Batch, anchors a position, height and width of each level.
LEVELS: dict[str, tuple[int, int, list[Pair]]] = {
    "one level": (1, 3, [(2, 5)]),
    "one anchor a position": (2, 1, [(3, 4)]),
    "one position": (3, 2, [(1, 1)]),
    "a batch": (3, 2, [(2, 3)]),
    "two levels": (2, 3, [(4, 7), (2, 4)]),
    "three levels": (2, 2, [(4, 6), (2, 3), (1, 2)]),
    "as many anchors as deltas": (2, 4, [(3, 5)]),
    "high maps": (2, 3, [(6, 2), (3, 1)]),
}


def flatten_cases(generator: torch.Generator) -> dict[str, Maps]:
    """The named maps, and some whose logits are too large for a plain `exp`."""
    one = torch.tensor([1.0, 3, 2, 2]).reshape(1, 4, 1, 1)
    cases = {"the example": ([one], [torch.arange(8.0).reshape(1, 8, 1, 1)])}
    for case, (batch, anchors, sizes) in LEVELS.items():
        cases[case] = maps_case(batch, anchors, sizes, generator)
    scores, deltas = maps_case(1, 2, [(2, 3)], generator)
    cases["logits near 200"] = ([scores[0] + 200], deltas)
    cases["logits near -200"] = ([scores[0] - 200], deltas)
    cases["logits far apart"] = ([scores[0] * 50], deltas)
    for i in range(3):
        drawn = torch.randint(1, 5, (4,), generator=generator).tolist()
        sizes = [(drawn[0], drawn[1] + 4), (drawn[2] + 4, drawn[3])]
        cases[f"random {i}"] = maps_case(2 + i, 3 - i % 2, sizes, generator)
    return cases
