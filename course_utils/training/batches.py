"""Which examples a step sees, and its randomness, from the seed and the step alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from course_utils.models.model import Target
from course_utils.training.settings import TrainingSettings

ORDER, STEP = 0, 1  # two independent streams of randomness from one seed


class Examples(Protocol):
    """A dataset or a list: it has a length, and an (image, target) at each index."""

    def __len__(self) -> int:
        """How many examples there are."""

    def __getitem__(self, index: int, /) -> Any:
        """The image (3, H, W) and its target."""


def mix(*numbers: int) -> int:
    """A seed made of several numbers; close numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def batch_indices(step: int, *, count: int, batch_size: int, seed: int) -> list[int]:
    """The examples of a step: epochs, each in an order of its own, cut into batches.

    A batch may reach over the end of an epoch, so that it is always full. Raises
    ValueError if there is no example.
    """
    if count < 1:
        raise ValueError(f"the dataset has {count} examples, but at least 1 is needed")
    places = range(step * batch_size, (step + 1) * batch_size)
    epochs = range(places[0] // count, places[-1] // count + 1)
    orders = {epoch: epoch_order(count, mix(seed, ORDER, epoch)) for epoch in epochs}
    return [orders[place // count][place % count] for place in places]


def epoch_order(count: int, seed: int) -> list[int]:
    """A random order of `count` examples."""
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order


@contextmanager
def step_randomness(
    step: int, *, seed: int, device: torch.device
) -> Iterator[torch.Generator]:
    """Seed torch for this step, yield a CPU generator too, and put all back after."""
    value = mix(seed, STEP, step)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        # Not torch.manual_seed: it would also reseed GPUs that this run does not use.
        torch.default_generator.manual_seed(value)
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(value)
        yield torch.Generator().manual_seed(value)


def draw_batch(
    dataset: Examples, step: int, settings: TrainingSettings, generator: torch.Generator
) -> tuple[Tensor, list[Target]]:
    """The batch of a step, augmented: images (B, 3, H, W) and a list of B targets."""
    indices = batch_indices(
        step,
        count=len(dataset),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    images, targets = load_batch(dataset, indices)
    if settings.augment is None:
        return images, targets
    return settings.augment(images, targets, generator)


def load_batch(
    dataset: Examples, indices: Sequence[int]
) -> tuple[Tensor, list[Target]]:
    """Images (B, 3, H, W) and a list of B targets.

    Raises ValueError if the images differ in size.
    """
    images, targets = zip(*(dataset[i] for i in indices), strict=True)
    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1:
        raise ValueError(
            f"a batch holds images of shapes {shapes}, but one shape is needed to "
            "stack them: resize or crop them in the dataset"
        )
    return torch.stack(images), list(targets)


def move_batch(
    images: Tensor, targets: Sequence[Target], device: torch.device
) -> tuple[Tensor, list[Target]]:
    """The batch on `device`, as plain tensors; what is no tensor stays as it is."""
    return images.as_subclass(Tensor).to(device), [
        {
            name: value.as_subclass(Tensor).to(device)
            if isinstance(value, Tensor)
            else value
            for name, value in target.items()
        }
        for target in targets
    ]
