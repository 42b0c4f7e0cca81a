"""The inputs of assignment 01's checks, by the names that a learner reads."""

import torch
from torch import Tensor

from course_utils.checks.sliding_windows.oracles import Sizes

WINDOWS: dict[str, tuple[int, int, Sizes, int]] = {
    "the example": (4, 10, [(4, 4)], 4),
    "the stride ends at the border": (9, 13, [(3, 5)], 2),
    "a strip is left below and at the right": (10, 17, [(4, 6)], 5),
    "a strip is left below": (8, 12, [(5, 3)], 3),
    "a strip is left at the right": (9, 14, [(3, 4)], 3),
    "several sizes": (11, 16, [(6, 3), (2, 9), (11, 4)], 4),
    "the same size twice": (4, 9, [(4, 5), (4, 5)], 3),
    "one window, as large as the image": (5, 7, [(5, 7)], 2),
    "a window that is too high": (6, 20, [(7, 3), (2, 8)], 6),
    "a window that is too wide": (20, 6, [(3, 7), (8, 2)], 6),
    "a stride larger than the image": (8, 12, [(3, 5)], 50),
    "stride 1": (3, 5, [(2, 4)], 1),
    "no sizes": (6, 9, [], 2),
}


IN_2_BY_3 = (torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([[1, 0, 3, 2]]))
IN_6_BY_9 = {
    "no windows": torch.zeros(0, 4, dtype=torch.int64),
    "one pixel in the first corner": torch.tensor([[0, 0, 1, 1]]),
    "one pixel in the last corner": torch.tensor([[8, 5, 9, 6]]),
    "the whole image": torch.tensor([[0, 0, 9, 6]]),
    "one row and one column": torch.tensor([[0, 4, 9, 5], [7, 0, 8, 6]]),
    "an empty window": torch.tensor([[4, 2, 4, 5], [3, 6, 8, 6]]),
    "the same window twice": torch.tensor([[2, 1, 7, 4], [2, 1, 7, 4]]),
}

PAIRS: dict[str, tuple[list[list[float]], list[list[float]]]] = {
    "apart in x, sharing rows": ([[0, 0, 2, 9]], [[5, 1, 8, 7]]),
    "the example: side by side": ([[0, 0, 2, 2]], [[2, 0, 4, 2]]),
    "the same box": ([[3, 1, 8, 5]], [[3, 1, 8, 5]]),
    "far apart": ([[0, 0, 2, 3]], [[10, 20, 14, 21], [30, 2, 37, 4]]),
    "one inside the other": ([[0, 0, 10, 6]], [[7, 1, 9, 5], [4, 2, 6, 4]]),
    "the same top left corner": ([[2, 3, 10, 9]], [[2, 3, 5, 19]]),
    "three boxes and two": (
        [[0, 0, 4, 3], [1, 1, 9, 4], [2, 5, 3, 12]],
        [[0, 1, 5, 4], [2, 0, 3, 11]],
    ),
    "no boxes in `a`": ([], [[0, 0, 4, 3], [1, 2, 3, 4]]),
    "no boxes in `b`": ([[0, 0, 4, 3], [1, 2, 3, 4]], []),
    "boxes smaller than a pixel": ([[0, 0, 0.5, 0.2]], [[0.3, 0.1, 0.6, 0.4]]),
    "a box without area": ([[2, 2, 2, 5]], [[0, 0, 4, 6], [2, 2, 2, 5]]),
    "twice the same point": ([[3, 4, 3, 4]], [[3, 4, 3, 4]]),
}

Decay = tuple[Tensor, Tensor, Tensor, float]
Detections = tuple[Tensor, Tensor, int]


def decay_case(
    pairs: dict[tuple[int, int], float],
    scores: list[float],
    labels: list[int],
    sigma: float = 0.5,
) -> Decay:
    """Overlaps from those pairs that are not 0, with scores and labels."""
    overlaps = torch.eye(len(scores))
    for (i, j), overlap in pairs.items():
        overlaps[i, j] = overlaps[j, i] = overlap
    return overlaps, torch.tensor(scores), torch.tensor(labels).long(), sigma


DECAYS: dict[str, Decay] = {
    "the example": decay_case(
        {(0, 1): 0.8, (1, 2): 0.5, (0, 3): 0.9}, [0.9, 0.8, 0.7, 0.6], [1, 1, 1, 2]
    ),
    "no boxes": decay_case({}, [], []),
    "a single box": decay_case({}, [0.3], [2]),
    "boxes that share nothing": decay_case({}, [0.2, 0.9, 0.5], [1, 1, 1]),
    "two classes on one place": decay_case({(0, 1): 1.0}, [0.4, 0.9], [1, 2]),
    "the same box twice": decay_case({(0, 1): 1.0}, [0.6, 0.8], [3, 3], 0.3),
    "the second falls behind the third": decay_case(
        {(0, 1): 0.9, (1, 2): 0.6}, [0.9, 0.85, 0.5], [1, 1, 1]
    ),
    "equal scores: the first box is picked": decay_case(
        {(0, 1): 0.6}, [0.5, 0.5, 0.5], [1, 1, 1]
    ),
    "rising scores": decay_case(
        {(0, 1): 0.3, (0, 2): 0.6, (1, 2): 0.4, (2, 3): 0.7},
        [0.1, 0.4, 0.6, 0.9],
        [1, 1, 1, 1],
        2.0,
    ),
    "a score of 0": decay_case({(0, 1): 0.5}, [0.0, 0.7], [1, 1]),
    "very small scores": decay_case({(0, 1): 0.6}, [0.0009, 0.0008], [2, 2]),
}


def points_case(scores: list[float], hits: list[int], num_objects: int) -> Detections:
    """Scores, hits as truth values, and the number of objects."""
    return torch.tensor(scores), torch.tensor(hits).bool(), num_objects


POINTS: dict[str, Detections] = {
    "the example": points_case([0.9, 0.8, 0.8, 0.6], [1, 0, 1, 1], 4),
    "no detections": points_case([], [], 3),
    "a single hit": points_case([0.4], [1], 1),
    "a single false alarm": points_case([0.4], [0], 2),
    "no objects": points_case([0.7, 0.2], [0, 0], 0),
    "scores in no order": points_case([0.3, 0.9, 0.5, 0.7], [1, 0, 0, 1], 5),
    "all scores equal": points_case([0.5, 0.5, 0.5], [1, 0, 1], 3),
    "ties at both ends": points_case(
        [0.2, 0.8, 0.5, 0.8, 0.2, 0.2], [1, 0, 1, 1, 0, 0], 7
    ),
    "scores that are almost equal": points_case([0.501, 0.5], [1, 0], 3),
    "scores beyond 1": points_case([3.5, -2.0, 12.0], [1, 0, 0], 2),
}

PAPER_MISTAKES = {
    "an IoU equal to the threshold is enough for a hit": 0.35,
    "a box whose IoU is below 0.5 hits nothing, and its object stays free": 17 / 30,
    "an object counts once: its second box is a false alarm": 0.9,
    "recall divides by all objects, also by the one never found": 11 / 15,
    "precision at a recall is the best one at this recall or beyond": 0.525,
    "this is the 11-point form; the area was asked for": 6 / 11,
    "this is a percentage": 55,
    "this is the precision after the last row": 0.5,
    "this is the recall after the last row": 0.75,
}

OPTIONS = {
    "a": "Precision at the end of the list does fall. But precision at a recall is the "
    "best one at this recall or beyond, and the recalls were reached before.",
    "b": "The new boxes come after the last hit, so every recall is reached with the "
    "same precision as before. AP asks for the order, not for the number, of boxes.",
    "c": "More boxes can raise the recall, and so AP, only if some of them are hits.",
    "d": "AP has no confidence threshold: it goes down the whole list, and a box "
    "counts however low its score is.",
}


def boxes_of(rows: list[list[float]]) -> Tensor:
    """(N, 4) float boxes, also of no rows."""
    return torch.tensor(rows).float().reshape(-1, 4)


def integer_image(height: int, width: int, generator: torch.Generator) -> Tensor:
    """(height, width) eighths, negative ones too, whose sums float32 holds exactly."""
    pixels = torch.randint(-64, 200, (height, width), generator=generator)
    return pixels.float() / 8


def integer_windows(
    count: int, height: int, width: int, generator: torch.Generator
) -> Tensor:
    """(count, 4) int64 windows inside the image; some of them may be empty."""
    x = torch.randint(0, width + 1, (count, 2), generator=generator).sort(1).values
    y = torch.randint(0, height + 1, (count, 2), generator=generator).sort(1).values
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)


def random_overlaps(count: int, generator: torch.Generator) -> Decay:
    """Boxes of three classes, half of whose pairs overlap, and a sigma."""
    overlaps = torch.rand(count, count, generator=generator).triu(1)
    overlaps = (2 * overlaps - 1).clamp(min=0)
    overlaps = overlaps + overlaps.T + torch.eye(count)
    scores = torch.rand(count, generator=generator)
    labels = torch.randint(1, 4, (count,), generator=generator)
    return overlaps, scores, labels, 0.2 + float(torch.rand((), generator=generator))


def random_detections(count: int, generator: torch.Generator) -> Detections:
    """Detections in no order, many of equal score, and more objects than hits."""
    scores = torch.randint(0, 8, (count,), generator=generator) / 8
    is_hit = torch.rand(count, generator=generator) < 0.6
    return scores, is_hit, int(is_hit.sum()) + count // 3 + 1
