"""The inputs of assignment 04's check of the RPN's loss, by the names learners read."""

import torch
from torch import Tensor

Rows = list[list[float]]
Loss = tuple[tuple[Tensor, Tensor, Tensor, Tensor], int, float]


def loss_case(
    logits: Rows, labels: list[list[int]], num_positions: int, balance: float
) -> Loss:
    """Deltas that tell the anchors apart; the targets of all but objects are nan."""
    z, y = torch.tensor(logits).float(), torch.tensor(labels).long()
    code = torch.arange(z.numel() * 4).reshape(*z.shape, 4)
    deltas = (code * 7 % 11 - 5) / 4
    targets = (code * 5 % 7 - 3) / 8
    targets[y != 1] = torch.nan
    return (z, deltas, y, targets), num_positions, balance


def loss_example() -> Loss:
    """One object, two anchors of background, and one that is ignored."""
    deltas, targets = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    deltas[0, 0] = torch.tensor([0.5, -2, 0, 0])
    deltas[0, 1:] = 9
    labels = torch.tensor([[1, 0, -1, 0]])
    return (torch.tensor([[0.0, 0, 5, 0]]), deltas, labels, targets), 2, 10


LOSSES: dict[str, Loss] = {
    "the example": loss_example(),
    "an anchor of each label": loss_case([[1.5, -0.5, 3]], [[1, 0, -1]], 7, 10),
    "a batch of two images": loss_case(
        [[0.5, 2, -1, 4, 1], [3, -2, 0.25, 1, -3]],
        [[1, -1, 0, -1, 0], [0, 1, 1, 0, -1]],
        15,
        10,
    ),
    "only background": loss_case([[2, -1, 0.5]], [[0, 0, -1]], 6, 10),
    "only objects": loss_case([[2, -1], [0.5, 1]], [[1, 1], [1, 1]], 9, 4),
    "a single labelled anchor": loss_case([[2, -1, 0.5]], [[-1, 1, -1]], 6, 10),
    "everything is ignored": loss_case([[2, -1, 0.5]], [[-1, -1, -1]], 6, 10),
    "no anchors": loss_case([[]], [[]], 3, 10),
    "no objects in one image": loss_case(
        [[1, -2, 2, 1], [0.5, 3, -1, 2]], [[0, -1, 0, 0], [1, 0, -1, 1]], 5, 2
    ),
    "sure and right": loss_case([[150, -150, 20]], [[1, 0, -1]], 4, 1),
    "sure and wrong": loss_case([[-150, 150, 20]], [[1, 0, -1]], 4, 1),
    "an ignored anchor that is very sure": loss_case(
        [[0.5, -1, 90, -90]], [[1, 0, -1, -1]], 8, 10
    ),
    "another balance": loss_case([[0.5, -1, 2]], [[1, 0, 1]], 12, 0.5),
}


def random_loss(i: int, generator: torch.Generator) -> Loss:
    """Anchors of a batch; errors lie on both sides of the bend."""
    batch, anchors = 2 + i % 2, 9 + 4 * i
    logits = torch.randn(batch, anchors, generator=generator) * 3
    labels = torch.randint(-1, 2, (batch, anchors), generator=generator)
    deltas = torch.randn(batch, anchors, 4, generator=generator) * 1.5
    targets = torch.randn(batch, anchors, 4, generator=generator) * 0.5
    targets[labels != 1] = (torch.nan, torch.inf, -3.0, 100.0)[i % 4]
    return (logits, deltas, labels, targets), 11 + i, (10.0, 1.0, 2.5)[i % 3]
