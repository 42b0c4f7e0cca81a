"""The inputs of assignment 06's check of the loss, by the names learners read."""

import math

import torch
from torch import Tensor

Loss = tuple[tuple[Tensor, Tensor, Tensor, Tensor, Tensor], float]


def loss_case(
    labels: list[list[int]], alpha: float = 1.0, *, classes: int = 3, far: float = 1.0
) -> Loss:
    """Logits, deltas and boxes that tell the default boxes apart.

    What is no object has a truth of nan. `far` multiplies the logits.
    """
    names = torch.tensor(labels).long()
    shape = names.shape
    place = torch.arange(names.numel()).reshape(*shape, 1)
    logits = (place * 5 + torch.arange(classes) * 7) % 11 / 4 - 1
    defaults = torch.stack(
        [
            30.0 + 11 * torch.arange(shape[1]),
            24.0 + 5 * torch.arange(shape[1]),
            16.0 + 4 * (torch.arange(shape[1]) % 3),
            12.0 + 9 * (torch.arange(shape[1]) % 2),
        ],
        dim=-1,
    )
    code = (place * 3 + torch.arange(4) * 5) % 7
    moved = torch.cat([code[..., :2] - 3, 2 * code[..., 2:] - 5], dim=-1)
    truths = defaults + moved
    deltas = (place * 7 + torch.arange(4) * 3) % 13 / 4 - 1.5
    truths[names < 1] = torch.nan
    return (logits * far, deltas, names, truths, defaults), alpha


def loss_example() -> Loss:
    """Two images: one object, one chosen negative and one other box; no object."""
    logits = torch.zeros(2, 3, 2)
    logits[0, 2] = torch.tensor([4.0, 0])
    deltas = torch.zeros(2, 3, 4)
    deltas[0, 0] = torch.tensor([0.5, 0, 0, -1])
    labels = torch.tensor([[1, 0, -1], [-1, 0, -1]])
    defaults = torch.tensor([[20.0, 20, 20, 10], [40, 20, 20, 20], [60, 20, 10, 20]])
    truths = torch.zeros(2, 3, 4)
    truths[0, 0] = torch.tensor([21, 22, 20, 10 * math.exp(0.1)])
    return (logits, deltas, labels, truths, defaults), 1.0


LOSSES: dict[str, Loss] = {
    "the example": loss_example(),
    "a box of each kind": loss_case([[2, 0, -1]]),
    "one object alone": loss_case([[-1, -1, 1, -1]]),
    "two images": loss_case([[1, 0, -1, 0, 2], [2, 1, 2, -1, 0]]),
    "one image has many objects, the other one": loss_case(
        [[1, 2, 2, 1, 0, 0], [-1, 0, -1, 2, 0, 0]]
    ),
    "three images, one without objects": loss_case(
        [[1, 0, 0, -1], [-1, -1, -1, -1], [0, 2, 2, 0]]
    ),
    "an image without objects has chosen boxes": loss_case(
        [[0, 0, -1, 0], [2, 0, 0, -1]]
    ),
    "no image has an object": loss_case([[0, -1, 0], [-1, 0, -1]]),
    "no box is labelled": loss_case([[-1, -1, -1]]),
    "every box is an object": loss_case([[1, 2, 3], [3, 3, 1]], classes=4),
    "another alpha": loss_case([[1, 0, -1, 2], [0, 2, 0, -1]], 0.25),
    "no weight for boxes": loss_case([[1, 0, -1, 2]], 0.0),
    "many classes": loss_case([[7, 0, 3, -1], [5, 8, 0, 0]], classes=9),
    "large logits": loss_case([[1, 0, -1, 2], [0, 2, 0, -1]], far=100.0),
}


def random_loss(i: int, generator: torch.Generator) -> Loss:
    """A batch whose errors lie on both sides of the bend."""
    batch, boxes, classes = 2 + i % 2, 7 + 3 * i, 3 + i % 3
    labels = torch.randint(-1, classes, (batch, boxes), generator=generator)
    labels[:, 0] = 1
    logits = torch.randn(batch, boxes, classes, generator=generator) * 2
    centre = torch.rand(boxes, 2, generator=generator) * 100
    size = 10 + torch.rand(boxes, 2, generator=generator) * 40
    moves = torch.randn(batch, boxes, 4, generator=generator) * 0.1
    truths = torch.cat(
        [centre + moves[..., :2] * size, size * (2 * moves[..., 2:]).exp()], dim=-1
    )
    deltas = torch.randn(batch, boxes, 4, generator=generator)
    truths[labels < 1] = (torch.nan, 0.0, torch.inf, -1.0)[i % 4]
    defaults = torch.cat([centre, size], dim=-1)
    return (logits, deltas, labels, truths, defaults), (1.0, 2.5, 0.5)[i % 3]
