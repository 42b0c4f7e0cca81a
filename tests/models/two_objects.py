"""Images of two objects, and batches of them, for the tests of models."""

import torch
from torch import Tensor

OBJECTS = torch.tensor([[6.0, 8, 30, 36], [36, 20, 60, 50]])
NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def make_image(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(3, 56, 72, generator=generator) * 0.3
    for channel, (x1, y1, x2, y2) in enumerate(OBJECTS.long().tolist()):
        image[channel, y1:y2, x1:x2] = 0.9
    return image


def make_batch(number: int = 2) -> tuple[Tensor, list[dict[str, Tensor]]]:
    images = torch.stack([make_image(i) for i in range(number)])
    target = {"boxes": OBJECTS, "labels": torch.tensor([1, 3])}
    return images, [dict(target) for _ in range(number)]


def total_of(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()
