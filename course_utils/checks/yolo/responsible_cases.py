"""The inputs of assignment 05's check of who is responsible, by their names."""

import torch
from torch import Tensor

from course_utils.checks.yolo.oracles import box_of, distances, overlap_of

Cells = tuple[Tensor, Tensor]
NAN = float("nan")


def cells_case(
    objects: dict[tuple[int, int, int], list[list[float]]],
    shape: tuple[int, int, int, int],
    empty: float = 0.0,
) -> Cells:
    """Answers and truths of a batch of grids: B, K, rows and columns are its `shape`.

    Args:
        objects: for each image, row and column the four numbers of the truth, then
            five for each predictor.
        shape: batch, predictors, rows, columns.
        empty: what the truth holds where there is no object.
    """
    batch, count, rows, columns = shape
    code = torch.arange(batch * count * 5 * rows * columns)
    answers = ((code * 7 % 13 + 1) / 16).reshape(batch, count, 5, rows, columns)
    truths = torch.full((batch, 5, rows, columns), empty)
    truths[:, 0] = 0
    for (image, row, column), (truth, *said) in objects.items():
        truths[image, :, row, column] = torch.tensor([1, *truth])
        answers[image, :, :, row, column] = torch.tensor(said).float()
    return answers, truths


SMALL = [0.5, 0.5, 0.25, 0.25]  # the middle of the cell, sides of 1/16 of the image

CELLS: dict[str, Cells] = {
    "the example": cells_case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.5],
                [0.5, 0.5, 0.5, 1, 0.9],
                [0.75, 0.5, 0.5, 0.5, 0.2],
            ]
        },
        (1, 2, 1, 2),
    ),
    "one predictor": cells_case(
        {(0, 1, 2): [[0.25, 0.5, 0.5, 0.75], [0.5, 0.25, 0.75, 0.5, 0.1]]},
        (1, 1, 2, 3),
    ),
    "no objects": cells_case({}, (2, 3, 2, 4), 0.5),
    "the truth is nan where there is no object": cells_case(
        {(0, 1, 0): [SMALL, [0.5, 0.5, 0.25, 0.5, 0.3], [0.5, 0.5, 0.25, 0.375, 0.2]]},
        (1, 2, 3, 2),
        NAN,
    ),
    "both predict the object exactly": cells_case(
        {(0, 0, 1): [SMALL, [*SMALL, 0.3], [*SMALL, 0.8]]}, (1, 2, 1, 3)
    ),
    "the surest predictor is not the best": cells_case(
        {
            (0, 0, 1): [
                SMALL,
                [0.5, 0.5, 0.25, 0.3, 0.1],
                [0.5, 0.5, 0.25, 0.375, 0.2],
                [0.5, 0.5, 0.5, 0.5, 1],
            ]
        },
        (1, 3, 2, 3),
    ),
    "a negative root": cells_case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.25],
                [0.5, 0.5, -0.5, 0.25, 0.5],
                [0.5, 0.5, 0.5, 0.375, 0.5],
            ]
        },
        (1, 2, 1, 2),
    ),
    "no predictor overlaps the object": cells_case(
        {
            (0, 0, 0): [
                SMALL,
                [0.5, 0.5, 0.0, 0.5, 0.5],
                [0.9, 0.5, 0.125, 0.25, 0.5],
                [0.6, 0.9, 0.125, 0.25, 0.5],
            ]
        },
        (1, 3, 2, 2),
    ),
    "no predictor overlaps: the middle is near, but the size is far": cells_case(
        {
            (0, 0, 0): [
                SMALL,
                [0.875, 0.5, 0.125, 1, 0.5],
                [0.0, 0.5, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 2, 4),
    ),
    "no predictor overlaps: the size is right, but the middle is far": cells_case(
        {
            (0, 1, 0): [
                SMALL,
                [1.5, 1.5, 0.25, 0.25, 0.5],
                [0.75, 0.5, 0.125, 0.125, 0.5],
            ]
        },
        (1, 2, 2, 2),
    ),
    "columns are narrow, rows are high": cells_case(
        {
            (0, 0, 0): [
                SMALL,
                [1.0, 0.5, 0.25, 0.25, 0.5],
                [0.5, 0.6, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 1, 10),
    ),
    "none overlaps, and cells are much wider than high": cells_case(
        {
            (0, 0, 0): [
                SMALL,
                [1.0, 0.5, 0.25, 0.25, 0.5],
                [0.5, 1.5, 0.25, 0.25, 0.5],
            ]
        },
        (1, 2, 8, 1),
    ),
    "equally far away": cells_case(
        {
            (0, 0, 0): [
                SMALL,
                [2.0, 0.5, 0.25, 0.25, 0.2],
                [2.0, 0.5, 0.25, 0.25, 0.9],
                [-1.0, 0.5, 0.25, 0.25, 0.4],
            ]
        },
        (1, 3, 2, 2),
    ),
    "same shape, another place": cells_case(
        {
            (0, 0, 0): [
                [0.5, 0.5, 0.5, 0.5],
                [1.0, 0.5, 0.5, 0.5, 0.5],
                [0.5, 0.5, 0.625, 0.5, 0.5],
            ]
        },
        (1, 2, 2, 2),
    ),
    "objects in two images": cells_case(
        {
            (0, 0, 1): [SMALL, [*SMALL, 0.5], [0.5, 0.5, 0.5, 0.25, 0.1]],
            (1, 0, 1): [SMALL, [0.5, 0.5, 0.25, 0.5, 0.5], [0.5, 0.6, 0.25, 0.25, 0.1]],
            (1, 1, 2): [SMALL, [0.4, 0.5, 0.25, 0.25, 0.5], [0.9, 0.9, 0.5, 0.5, 0.1]],
        },
        (2, 2, 2, 3),
        0.5,
    ),
}


def random_cells(i: int, generator: torch.Generator) -> Cells:
    """Some cells have an object, unless it is not clear who is responsible for it."""
    batch, count, rows, columns = 2, 2 + i % 3, 2 + i % 2, 5 - i % 3
    shape = (batch, count, 5, rows, columns)
    answers = torch.rand(shape, generator=generator)
    answers[:, :, 2:4] = answers[:, :, 2:4] * 0.9 - 0.2
    truths = torch.rand(batch, 5, rows, columns, generator=generator)
    truths[:, 3:] = truths[:, 3:] * (0.4, 0.8)[i % 2] + 0.05
    truths[:, 0] = (truths[:, 0] < 0.7).float()
    answers[0, -1, :4] = answers[0, 0, :4]  # equal, but not in their confidences
    for image in range(batch):
        for row in range(rows):
            for column in range(columns):
                said = answers[image, :, :, row, column].tolist()
                if not is_clear(
                    said, truths[image, 1:, row, column].tolist(), rows, columns
                ):
                    truths[image, 0, row, column] = 0
    return answers, truths


def is_clear(
    said: list[list[float]], truth: list[float], rows: int, columns: int
) -> bool:
    """Whether the best predictor is better than all others, or just the same."""
    grid = (rows, columns)
    true, *found = (box_of(one, grid, "rightly") for one in (truth, *said))
    value = [overlap_of(one, true, "by IoU", "rightly") for one in found]
    if max(value) == 0:
        value = [-one for one in distances(said, truth, grid, "by all four")]
    elif max(value) < 1e-3:
        return False
    gaps = [max(value) - one for one in value]
    return all(gap == 0 or gap > 1e-3 for gap in gaps)
