"""The inputs of assignment 05's check of two loss terms, by the names learners read."""

import torch
from torch import Tensor

from course_utils.checks.yolo.loss_oracles import Weights

Loss = tuple[tuple[Tensor, Tensor, Tensor, Tensor, Tensor], Weights]
NAN = float("nan")


def loss_case(
    responsible: list[list[int]],
    overlaps: list[list[list[float]]],
    weights: Weights = (5, 0.5, 0.75),
) -> Loss:
    """Predictions that tell the predictors apart; sizes are nan without an object.

    Args:
        responsible: for each image and cell the number of the responsible predictor,
            -1 where the cell owns no object.
        overlaps: for each image, cell and predictor its IoU.
        weights: coord_weight, noobj_weight and ignore_above.
    """
    iou = torch.tensor(overlaps).float()
    chosen = torch.tensor(responsible).long()
    is_responsible = chosen[..., None] == torch.arange(iou.shape[-1])
    code = torch.arange(iou.numel())
    roots = (code[:, None] * torch.tensor([3, 5]) % 11 - 2) / 8
    confidences = (code * 7 % 12 - 2) / 8
    sizes = torch.arange(chosen.numel() * 2).reshape(*chosen.shape, 2)
    sizes = (sizes * 5 % 8 + 1) / 8
    sizes[chosen < 0] = NAN
    return (
        roots.reshape(*iou.shape, 2),
        confidences.reshape(iou.shape),
        sizes,
        iou,
        is_responsible,
    ), weights


def loss_example() -> Loss:
    """One cell with an object, and one without."""
    roots = torch.tensor([[[[0.5, 0.5], [0.75, 0.25]], [[1.0, 1], [1, 1]]]])
    confidences = torch.tensor([[[0.5, 0.25], [0.5, 0.75]]])
    sizes = torch.tensor([[[0.25, 0.25], [NAN, NAN]]])
    iou = torch.tensor([[[0.5, 0.75], [0.125, 0.875]]])
    is_responsible = torch.tensor([[[False, True], [False, False]]])
    return (roots, confidences, sizes, iou, is_responsible), (5, 0.5, 0.625)


LOSSES: dict[str, Loss] = {
    "the example": loss_example(),
    "one cell, one predictor": loss_case([[0]], [[[0.5]]]),
    "one predictor that is not responsible": loss_case([[-1]], [[[0.5]]]),
    "two predictors in a cell with an object": loss_case([[1]], [[[0.25, 0.5]]]),
    "a batch of three images": loss_case(
        [[1, -1], [-1, 0], [2, 1]],
        [
            [[0.25, 0.5, 0.125], [0.0, 0.5, 0.875]],
            [[0.0, 0.0, 0.25], [0.5, 0.875, 0.25]],
            [[0.25, 0.5, 0.75], [0.5, 0.625, 0.25]],
        ],
    ),
    "no objects": loss_case([[-1, -1], [-1, -1]], [[[0.0, 0], [0, 0]]] * 2),
    "an object in every cell": loss_case(
        [[0, 1, 1]], [[[0.5, 0.25], [0.25, 0.625], [0.0, 0.125]]]
    ),
    "an IoU of exactly the threshold": loss_case(
        [[0, -1]], [[[0.75, 0.75], [0.75, 0.5]]]
    ),
    "a responsible predictor above the threshold": loss_case(
        [[1, -1]], [[[0.25, 0.875], [0.875, 0.125]]]
    ),
    "a second predictor that overlaps the object, too": loss_case(
        [[0]], [[[0.9375, 0.875, 0.5]]]
    ),
    "nothing is above the threshold": loss_case(
        [[0, -1]], [[[1.0, 0.875], [0.875, 1]]], (5, 0.5, 1.0)
    ),
    "other weights": loss_case(
        [[1, -1, 0]], [[[0.25, 0.5], [0, 0.5], [0.5, 0.375]]], (2, 0.25, 0.375)
    ),
    "a responsible predictor without overlap": loss_case(
        [[0, -1]], [[[0.0, 0], [0, 0.5]]], (5, 0.5, 0.5)
    ),
    "no cells": (
        (
            torch.zeros(2, 0, 3, 2),
            torch.zeros(2, 0, 3),
            torch.zeros(2, 0, 2),
            torch.zeros(2, 0, 3),
            torch.zeros(2, 0, 3, dtype=torch.bool),
        ),
        (5, 0.5, 0.75),
    ),
}


def random_loss(i: int, generator: torch.Generator) -> Loss:
    """Cells of a batch; sizes without an object hold nan, infinity or less than 0."""
    batch, cells, count = 2 + i % 2, 5 + i, 2 + i % 3
    shape = (batch, cells, count)
    chosen = torch.randint(-2, count, (batch, cells), generator=generator)
    chosen[0, 0] = 0  # at least one is responsible
    roots = torch.rand(*shape, 2, generator=generator) * 1.5 - 0.25
    confidences = torch.rand(shape, generator=generator) * 1.5 - 0.25
    sizes = torch.rand(batch, cells, 2, generator=generator) * 0.9 + 0.05
    sizes[chosen < 0] = (NAN, torch.inf, -2.0, 0.5)[i % 4]
    iou = torch.randint(0, 9, shape, generator=generator) / 8
    is_responsible = chosen[..., None] == torch.arange(count)
    weights = ((5, 0.5, 0.75), (1, 0.5, 0.5), (3, 2, 0.625))[i % 3]
    return (roots, confidences, sizes, iou, is_responsible), weights
