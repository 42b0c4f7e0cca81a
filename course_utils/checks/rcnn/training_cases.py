"""The inputs of tasks 5 to 7 of assignment 02, by the names that a learner reads."""

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checks.rcnn.cases import rows_of
from course_utils.checks.rcnn.training_oracles import Refinement

# Proposals, objects, labels and the number of classes.
Pairs = tuple[Tensor, Tensor, Tensor, int]
# Scores, overlaps, what is cached, the largest number added, and what is easy.
Mining = tuple[Tensor, Tensor, Tensor, int, float]


def pairs_case(rows: list[tuple[list[float], list[float], int]], classes: int) -> Pairs:
    """Proposals, objects and labels by hand."""
    labels = torch.tensor([label for _, _, label in rows], dtype=torch.int64)
    proposals = rows_of([proposal for proposal, _, _ in rows], 4)
    return proposals, rows_of([box for _, box, _ in rows], 4), labels, classes


PAIRS: dict[str, Pairs] = {
    "the example": pairs_case(
        [
            ([0, 0, 40, 20], [10, 0, 50, 20], 2),
            ([0, 0, 40, 20], [0, 0, 40, 20], 2),
        ],
        3,
    ),
    "one example": pairs_case([([10, 20, 50, 80], [15, 25, 60, 75], 1)], 2),
    "no examples": pairs_case([], 4),
    "an object twice as wide": pairs_case([([0, 0, 10, 30], [-5, 0, 15, 30], 1)], 3),
    "an object half as high": pairs_case([([0, 0, 10, 30], [0, 5, 10, 20], 2)], 3),
    "the same shift at two scales": pairs_case(
        [
            ([0, 0, 30, 60], [3, 9, 33, 63], 1),
            ([70, 40, 75, 50], [70.5, 41.5, 75.5, 50.5], 1),
        ],
        2,
    ),
    "one class, three examples": pairs_case(
        [
            ([10, 20, 50, 80], [15, 25, 60, 75], 1),
            ([0, 0, 30, 10], [4, 1, 29, 13], 1),
            ([60, 5, 72, 45], [58, 9, 75, 41], 1),
        ],
        2,
    ),
    "two classes, one of them the last": pairs_case(
        [
            ([10, 20, 50, 80], [15, 25, 60, 75], 4),
            ([0, 0, 30, 10], [4, 1, 29, 13], 1),
            ([60, 5, 72, 45], [58, 9, 75, 41], 4),
            ([5, 5, 25, 35], [8, 1, 22, 39], 1),
            ([5, 5, 25, 35], [2, 9, 31, 28], 4),
        ],
        5,
    ),
    "deviations just above and just below 0.001": pairs_case(
        [
            ([0, 0, 64, 32], [0, 0, 64, 32], 1),
            ([0, 0, 64, 32], [0.25, 0.0625, 64.25, 32.0625], 1),
        ],
        2,
    ),
    "targets that differ by little": pairs_case(
        [
            ([0, 0, 80, 50], [1, 0, 81, 50], 1),
            ([0, 0, 80, 50], [2, 0, 82, 50], 1),
        ],
        2,
    ),
}


def near(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 4) boxes near others, with sides of at least a third of theirs."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + sides * (torch.rand(boxes.shape, generator=generator) - 0.5) * 0.6


def random_pairs(count: int, classes: int, generator: torch.Generator) -> Pairs:
    """Proposals, objects near them, and labels of some of the classes."""
    proposals = random_boxes(count, generator=generator)
    labels = torch.randint(1, classes, (count,), generator=generator)
    return proposals, near(proposals, generator), labels, classes


def refine_case(
    proposal: list[float],
    output: list[float],
    mean: list[float],
    deviation: list[float],
    *,
    label: int = 1,
) -> Refinement:
    """One proposal, two classes, an image of 60 x 100; the other class says no."""
    outputs = torch.tensor([[[-1.0, 0.5, 0.25, -0.5]] * 2])
    outputs[0, label] = torch.tensor(output)
    means, deviations = torch.full((2, 4), 0.125), torch.full((2, 4), 3.0)
    means[label], deviations[label] = torch.tensor(mean), torch.tensor(deviation)
    labels = torch.tensor([label])
    return torch.tensor([proposal]), outputs, labels, means, deviations, 60, 100


ONES, ZEROS = [1.0] * 4, [0.0] * 4

REFINEMENTS: dict[str, Refinement] = {
    "the example": refine_case(
        [10.0, 20, 30, 30], [0.5, 0, 0, 0], [0.1, 0, 0, 0], [0.5, 1, 1, 1]
    ),
    "nothing to do": refine_case([10.0, 20, 30, 30], ZEROS, ZEROS, ONES),
    "the mean alone": refine_case(
        [10.0, 20, 30, 50], ZEROS, [0.25, -0.5, 0.125, -0.25], ONES
    ),
    "a shift in y": refine_case([10.0, 20, 30, 30], [0.0, 0.5, 0, 0], ZEROS, ONES),
    "wider and less high": refine_case(
        [30.0, 20, 50, 50], [0.0, 0, 0.5, -0.25], ZEROS, ONES
    ),
    "all at once": refine_case(
        [30.0, 20, 54, 38],
        [0.5, -1, 1.5, 0.75],
        [0.01, 0.02, -0.125, 0.25],
        [0.1, 0.15, 0.2, 0.25],
    ),
    "a box that leaves at the left and at the top": refine_case(
        [0.0, 5, 20, 25], [-0.4, -0.7, 0, 0.5], ZEROS, ONES
    ),
    "a box that leaves at the right and below": refine_case(
        [70.0, 40, 95, 58], [0.5, 0.75, 0.25, 0], ZEROS, ONES
    ),
    "a box that ends up left of the image and above it": refine_case(
        [5.0, 2, 25, 42], [-2.0, -1.5, 0, 0], ZEROS, ONES
    ),
    "a box that ends up right of the image and below it": refine_case(
        [80.0, 30, 95, 50], [2.0, 2.5, 0, 0], ZEROS, ONES
    ),
    "class 0": refine_case(
        [10.0, 20, 30, 40], [1.0, 0, 0.5, 0], [0.125, 0, 0, 0], [0.5] * 4, label=0
    ),
    "no proposals": (
        torch.zeros(0, 4),
        torch.zeros(0, 3, 4),
        torch.zeros(0, dtype=torch.int64),
        torch.zeros(3, 4),
        torch.ones(3, 4),
        60,
        100,
    ),
}


def random_refinement(
    count: int, classes: int, generator: torch.Generator
) -> Refinement:
    """Outputs of all classes that are wide apart, and their whitening."""
    return (
        random_boxes(count, generator=generator),
        torch.randn(count, classes, 4, generator=generator),
        torch.randint(0, classes, (count,), generator=generator),
        torch.randn(classes, 4, generator=generator) * 0.05,
        0.1 + torch.rand(classes, 4, generator=generator) * 0.2,
        85,
        130,
    )


def mining_case(
    rows: list[list[float]], most: int, *, easy: float = -1.25, classes: int = 1
) -> Mining:
    """Rows of scores, then overlaps, then what is cached, of all classes."""
    table = rows_of(rows, 3 * classes)
    scores, overlaps, is_cached = table.reshape(-1, 3, classes).unbind(1)
    return scores.clone(), overlaps.clone(), is_cached.bool(), most, easy


ONE_CLASS = [
    [0.8, 0.1, 1],
    [0.5, 0.4, 0],
    [0.3, 0.2, 0],
    [0.1, 0.0, 0],
    [-0.4, 0.0, 0],
    [-1.1, 0.0, 1],
    [-1.5, 0.1, 1],
]

MINING: dict[str, Mining] = {
    "the example": mining_case(ONE_CLASS, 1, easy=-1.2),
    "room for all": mining_case(ONE_CLASS, 9),
    "room for none": mining_case(ONE_CLASS, 0),
    "no proposals": mining_case([], 3, classes=2),
    "the object itself": mining_case([[2.0, 1.0, 0], [1.5, 0.9, 0]], 5),
    "just below and exactly at an IoU of 0.3": mining_case(
        [[0.5, 0.29, 0], [0.5, 0.3, 0], [0.5, 0.31, 0]], 5
    ),
    "just above and exactly at a score of -1": mining_case(
        [[-0.99, 0.0, 0], [-1.0, 0.0, 0], [-1.01, 0.0, 0]], 5
    ),
    "just below and exactly at the easy score": mining_case(
        [[-1.26, 0.0, 1], [-1.25, 0.0, 1], [-1.24, 0.0, 1]], 5
    ),
    "easy, but not in the cache": mining_case([[-2.0, 0.0, 0], [-2.0, 0.0, 1]], 5),
    "hard, and in the cache": mining_case([[0.5, 0.0, 1], [0.25, 0.0, 1]], 5),
    "cached ones take no places": mining_case(
        [[0.75, 0.0, 1], [0.5, 0.0, 1], [0.25, 0.0, 0], [0.0, 0.0, 0]], 2
    ),
    "those with much overlap take no places": mining_case(
        [[0.75, 0.5, 0], [0.5, 0.8, 0], [0.25, 0.0, 0], [0.0, 0.0, 0]], 2
    ),
    "equal scores": mining_case([[0.5, 0.0, 0]] * 4, 2),
    "many equal scores": mining_case([[0.5, 0.0, 0], [0.25, 0.0, 0]] * 15, 8),
    "two classes, with places of their own": mining_case(
        [
            [0.9, 0.1, 0.0, 0.6, 0, 0],
            [0.8, 0.2, 0.1, 0.0, 0, 0],
            [0.7, 0.3, 0.7, 0.0, 0, 1],
            [0.6, 0.4, 0.0, 0.1, 1, 0],
            [-1.5, -1.5, 0.0, 0.0, 0, 1],
        ],
        2,
        classes=2,
    ),
}


def random_mining(count: int, classes: int, generator: torch.Generator) -> Mining:
    """Scores in quarters, many of them equal, and overlaps in tenths."""
    shape = (count, classes)
    scores = torch.randint(-8, 5, shape, generator=generator) / 4
    overlaps = torch.randint(0, 6, shape, generator=generator) / 10
    # A cache holds negatives alone.
    is_cached = (torch.rand(shape, generator=generator) < 0.5) & (overlaps < 0.3)
    most = int(torch.randint(1, 4, (), generator=generator))
    return scores, overlaps, is_cached, most, -1.5
