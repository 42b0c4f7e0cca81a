"""One training run: the model, its optimizer and its losses so far."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.models.model import Model, Target
from course_utils.training.batches import (
    Examples,
    batch_indices,
    load_batch,
    move_batch,
    step_randomness,
)
from course_utils.training.checkpoints import (
    Identity,
    describe_batch,
    describe_model,
    read_checkpoint,
    write_checkpoint,
)
from course_utils.training.settings import Settings, make_optimizer, rate_at

Augment = Callable[[Tensor, list[Target], torch.Generator], tuple[Tensor, list[Target]]]

TOO_LARGE = "lower lr, or look for a logarithm, root or division at zero"


class History(list[dict[str, float]]):
    """A row a step: every named loss, and their sum as "total"."""

    seconds: float = 0.0

    def curves(self, *, smooth: int = 1) -> dict[str, list[float]]:
        """The values of each loss by name, each the mean of the last `smooth` steps."""
        if smooth < 1:
            raise ValueError(f"smooth is {smooth}, but at least 1 step was expected")
        names = self[0] if self else {}
        return {name: running_mean([r[name] for r in self], smooth) for name in names}


def running_mean(values: Sequence[float], count: int) -> list[float]:
    """Each value replaced by the mean of the last `count` values up to it."""
    windows = (values[max(i + 1 - count, 0) : i + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


class Run:
    """What a step reads and changes, and what a checkpoint keeps."""

    def __init__(
        self,
        model: Model,
        dataset: Examples,
        settings: Settings,
        device: torch.device,
        augment: Augment | None,
    ) -> None:
        """Move the model to the device; raise ValueError if there is no example."""
        if len(dataset) == 0:
            raise ValueError("the dataset has 0 examples, but at least 1 is needed")
        self.model = model.to(device).train()
        self.dataset, self.settings, self.device = dataset, settings, device
        self.augment = augment
        self.optimizer = make_optimizer(model, settings)
        self.history = History()

    def take_step(self, step: int) -> dict[str, float]:
        """Do one step of training and return its row of the history."""
        settings = self.settings
        with step_randomness(step, seed=settings.seed, device=self.device) as generator:
            images, targets = self.examples_of(step)
            if self.augment is not None:
                images, targets = self.augment(images, targets, generator)
            images, targets = move_batch(images, targets, self.device)
            for group in self.optimizer.param_groups:
                group["lr"] = rate_at(step, settings)
            row = take_step(
                self.model,
                self.optimizer,
                images,
                targets,
                step=step,
                max_norm=settings.max_norm,
            )
        self.history.append(row)
        return row

    def examples_of(self, step: int) -> tuple[Tensor, list[Target]]:
        """The batch of a step: images (B, 3, H, W) and B targets."""
        indices = batch_indices(
            step,
            count=len(self.dataset),
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
        )
        return load_batch(self.dataset, indices)

    @cached_property
    def identity(self) -> Identity:
        """What has to be equal for a checkpoint to be of this run."""
        augment = self.augment
        with step_randomness(0, seed=self.settings.seed, device=self.device):
            first = describe_batch(*self.examples_of(0))
        return asdict(self.settings) | {
            "model": describe_model(self.model),
            "examples": len(self.dataset),
            "first batch": first,
            "augment": getattr(augment, "__qualname__", type(augment).__name__),
        }

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint, if there is one."""
        if not path.exists():
            return
        content = read_checkpoint(path, self.identity, self.device)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.history = History(content["history"])
        self.history.seconds = content["seconds"]

    def write(self, path: Path) -> None:
        """Write a checkpoint from which this run can go on."""
        content = {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": list(self.history),
            "seconds": self.history.seconds,
        }
        write_checkpoint(path, content)


def take_step(
    model: Model,
    optimizer: Optimizer,
    images: Tensor,
    targets: Sequence[Target],
    *,
    step: int = 0,
    max_norm: float = 10.0,
) -> dict[str, float]:
    """Lower the losses on one batch by one step; returns them by name, and "total".

    Raises FloatingPointError, with weights unchanged, if a loss or the length of the
    gradient is not finite.
    """
    losses = model.losses(images, targets)
    total = torch.stack(list(losses.values())).sum()
    row = {name: loss.item() for name, loss in losses.items()}
    if not total.isfinite():
        raise FloatingPointError(f"step {step}: the losses are {row}: {TOO_LARGE}")
    optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    # An untrained detector has thousands of wrong boxes, hence large gradients.
    length = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    if not length.isfinite():
        raise FloatingPointError(
            f"step {step}: the losses are {row}, but their gradient is {length.item()} "
            f"long: {TOO_LARGE}"
        )
    optimizer.step()
    return row | {"total": total.item()}
