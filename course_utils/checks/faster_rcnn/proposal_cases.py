"""The inputs of assignment 04's checks about proposals, by their names."""

import math

import torch
from torch import Tensor

Pair = tuple[int, int]
Decode = tuple[Tensor, Tensor, Pair, float, float]
Selection = tuple[Tensor, Tensor, Tensor, Pair, float]
Rows = list[list[float]]


def decode_case(
    deltas: Rows, anchors: Rows, image_size: Pair, scale: float, min_side: float
) -> Decode:
    """Deltas and anchors from their rows, also of no rows."""
    both = [torch.tensor(rows).float().reshape(-1, 4) for rows in (deltas, anchors)]
    return both[0], both[1], image_size, scale, min_side


STILL = [0.0, 0, 0, 0]
# Deltas, anchors, image size, scale, least side.
DECODES: dict[str, Decode] = {
    "the example": decode_case(
        [STILL, [0.5, 0, 0, math.log(2)]],
        [[95, 30, 20, 40], [40, 30, 20, 10]],
        (60, 100),
        2,
        8,
    ),
    "no anchors": decode_case([], [], (60, 100), 2, 8),
    "deltas of 0": decode_case(
        [STILL] * 3,
        [[40, 30, 20, 10], [20, 50, 30, 36], [111, 20, 14, 30]],
        (70, 120),
        1,
        4,
    ),
    "the centre moves by shares of the anchor": decode_case(
        [[0.5, 0, 0, 0], [0, 0.5, 0, 0], [-0.25, 1, 0, 0]],
        [[50, 40, 24, 8], [60, 40, 12, 40], [30, 20, 16, 20]],
        (90, 140),
        1,
        2,
    ),
    "sides grow and shrink": decode_case(
        [[0, 0, 0.5, -0.5], [0, 0, -1, 0.25], [0, 0, 1.5, 1]],
        [[70, 40, 20, 30], [60, 50, 32, 20], [75, 45, 10, 16]],
        (90, 140),
        1,
        2,
    ),
    "a delta beyond the clamp": decode_case(
        [[0, 0, 6, 0], [0, 0, 0, 9], [0, 0, 4, 4]],
        [[400, 300, 8, 20], [410, 290, 30, 4], [390, 310, 8, 6]],
        (600, 800),
        1,
        2,
    ),
    "a delta that overflows": decode_case(
        [[0, 0, 200, 0], [0, 0, 300, 300]],
        [[400, 300, 8, 20], [500, 300, 4, 4]],
        (600, 800),
        2,
        2,
    ),
    "a very negative delta": decode_case(
        [[0, 0, -6, 0], [0, 0, 0, -6], [0, 0, -6, -6], STILL],
        [[50, 40, 4000, 30], [50, 40, 30, 4000], [50, 40, 900, 900], [50, 40, 30, 20]],
        (90, 120),
        1,
        4,
    ),
    "the centre moves far": decode_case(
        [[5, 0, 0, 0], [0, 6, 0, 0], [-5, 0, 0, 0], [0, -7, 0, 0]],
        [[30, 20, 10, 8], [40, 10, 6, 8], [80, 25, 10, 12], [80, 80, 12, 10]],
        (90, 120),
        1,
        4,
    ),
    "clipped at each border": decode_case(
        [STILL] * 4,
        [[5, 40, 30, 20], [60, 4, 20, 24], [148, 50, 30, 20], [90, 66, 20, 28]],
        (70, 150),
        1,
        5,
    ),
    "outside the image": decode_case(
        [[9, 0, 0, 0], STILL, [0, -9, 0, 0]],
        [[60, 40, 20, 20], [60, 40, 20, 20], [60, 40, 20, 20]],
        (80, 110),
        1,
        1,
    ),
    "too small only after clipping": decode_case(
        [STILL] * 3,
        [[-4, 30, 20, 20], [60, 48, 20, 20], [60, 20, 20, 20]],
        (52, 110),
        1,
        8,
    ),
    "too small in the original image": decode_case(
        [STILL] * 3,
        [[60, 40, 30, 50], [60, 40, 34, 36], [60, 40, 50, 30]],
        (80, 130),
        2,
        16,
    ),
    "an image that was made smaller": decode_case(
        [STILL] * 3,
        [[30, 40, 10, 30], [60, 40, 30, 6], [60, 40, 8, 8]],
        (80, 130),
        0.5,
        16,
    ),
    "sides of exactly the least length": decode_case(
        [STILL] * 3,
        [[40, 30, 16, 20], [60, 30, 20, 16], [60, 30, 15.5, 40]],
        (70, 120),
        2,
        8,
    ),
    "nothing stays": decode_case(
        [STILL] * 2, [[40, 30, 10, 10], [60, 30, 20, 6]], (70, 120), 1, 12
    ),
}


def random_decode(i: int, generator: torch.Generator) -> Decode:
    """Boxes that cross borders, without any whose side is close to the least one."""
    scale, image_size, min_side = (1.5, 2.0, 0.75)[i % 3], (120, 200 + 10 * i), 9.0
    centre = torch.rand(20, 2, generator=generator) * torch.tensor([200.0, 120.0])
    size = 8 + 70 * torch.rand(20, 2, generator=generator)
    deltas = torch.randn(20, 4, generator=generator) * 0.6
    anchors = torch.cat([centre, size], dim=1)
    middle = centre + deltas[:, :2] * size
    half = size * deltas[:, 2:].exp() / 2
    limits = torch.tensor([image_size[1], image_size[0]])
    low = (middle - half).clamp(min=0).minimum(limits)
    high = (middle + half).clamp(min=0).minimum(limits)
    clear = ((high - low - min_side * scale).abs() > 0.01).all(dim=1)
    return deltas[clear], anchors[clear], image_size, scale, min_side


def selection_case(
    pairs: dict[Pair, float],
    scores: list[float],
    levels: list[int],
    counts: Pair,
    iou_threshold: float = 0.7,
) -> Selection:
    """Overlaps from those pairs that are not 0, with scores and levels."""
    iou = torch.eye(len(scores))
    for (i, j), value in pairs.items():
        iou[i, j] = iou[j, i] = value
    numbers = torch.tensor(levels).long()
    return iou, torch.tensor(scores).float(), numbers, counts, iou_threshold


SELECTIONS: dict[str, Selection] = {
    "the example": selection_case(
        {(0, 1): 0.8, (1, 3): 0.9},
        [0.9, 0.8, 0.4, 0.7, 0.6, 0.5],
        [0, 0, 0, 1, 1, 1],
        (2, 2),
    ),
    "no proposals": selection_case({}, [], [], (3, 2)),
    "a single proposal": selection_case({}, [0.2], [4], (3, 2)),
    "nothing overlaps": selection_case(
        {}, [0.2, 0.9, 0.5, 0.7], [0, 1, 0, 1], (10, 10)
    ),
    "a level of its own for each": selection_case(
        {(0, 1): 0.9, (1, 2): 0.9, (0, 2): 0.9}, [0.4, 0.9, 0.6], [2, 0, 5], (1, 9)
    ),
    "a proposal that is gone removes none": selection_case(
        {(0, 1): 0.8, (1, 2): 0.8, (2, 3): 0.8}, [0.9, 0.8, 0.7, 0.6], [1] * 4, (9, 9)
    ),
    "the best removes one far behind": selection_case(
        {(0, 2): 0.9}, [0.9, 0.8, 0.7, 0.6], [0] * 4, (9, 9)
    ),
    "an IoU exactly at the threshold": selection_case(
        {(0, 1): 0.5, (2, 3): 0.625}, [0.9, 0.8, 0.7, 0.6], [0] * 4, (9, 9), 0.5
    ),
    "the first cut comes before suppression": selection_case(
        {(0, 1): 0.9, (0, 2): 0.9}, [0.9, 0.8, 0.7, 0.6, 0.3], [0, 0, 0, 0, 1], (3, 9)
    ),
    "a level of low scores": selection_case(
        {(0, 1): 0.75}, [0.9, 0.8, 0.7, 0.2, 0.1, 0.05], [0, 0, 0, 1, 1, 1], (2, 9)
    ),
    "the last cut is over all levels": selection_case(
        {}, [0.9, 0.1, 0.8, 0.2, 0.7], [0, 1, 0, 1, 0], (5, 3)
    ),
    "equal scores": selection_case(
        {(1, 2): 0.9}, [0.5, 0.75, 0.75, 0.5, 0.5], [0, 0, 0, 0, 1], (4, 4)
    ),
    "equal scores at the first cut": selection_case(
        {}, [0.5, 0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0, 1], (2, 9)
    ),
    "all the same box": selection_case(
        {(i, j): 1.0 for i in range(4) for j in range(i)},
        [0.3, 0.9, 0.6, 0.8],
        [0, 1, 0, 1],
        (9, 9),
    ),
    "logits below 0": selection_case(
        {(0, 2): 0.9}, [-3, -7, -5, -1], [0, 0, 0, 1], (2, 9)
    ),
}


def random_selection(i: int, generator: torch.Generator) -> Selection:
    """Overlaps in eighths and scores in sixteenths, so that many are equal."""
    count = 8 + 4 * i
    iou = torch.randint(-2, 9, (count, count), generator=generator).clamp(min=0)
    iou = (iou.triu(1) + iou.triu(1).T).float() / 8 + torch.eye(count)
    scores = torch.randint(0, 17, (count,), generator=generator) / 16
    levels = torch.randint(0, 3, (count,), generator=generator)
    return iou, scores, levels, (3 + i, 4 + i), (0.75, 0.5, 0.625)[i % 3]
