"""The settings of a training run, its optimizer, and its learning rate at each step."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from course_utils.models.model import Target

Augment = Callable[[Tensor, list[Target], torch.Generator], tuple[Tensor, list[Target]]]
OPTIMIZERS, SCHEDULES = ("sgd", "adamw"), ("cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """All that a training run is told, besides the model and the data.

    Raises ValueError for a setting that is out of range.

    Args:
        steps: batches in all, those before a resumed checkpoint included.
        batch_size: images a batch.
        lr: the highest learning rate.
        seed: fixes order, augmentation and dropout; torch's own generators are left as
            they were. The weights at the start are the caller's.
        device: where the model and the batches go.
        optimizer: "sgd" with `momentum`, or "adamw".
        momentum: of SGD.
        weight_decay: of either optimizer.
        schedule: "cosine" falls to zero over all steps; "constant" stays.
        warmup_steps: steps in which the rate first rises in a straight line.
        max_norm: gradients longer than this are scaled down to it.
        augment: `augment(images, targets, generator)` changes a batch, on the CPU.
        checkpoint: file written every `checkpoint_every` steps and at the end. If it
            exists, training goes on from there.
        checkpoint_every: steps between two writes.
        description: what the progress bar says.
    """

    steps: int
    batch_size: int
    lr: float
    seed: int
    # What is left out of a comparison does not decide which weights come out.
    device: torch.device | str = field(compare=False)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 10
    max_norm: float = 10.0
    augment: Augment | None = None
    checkpoint: Path | str | None = field(default=None, compare=False)
    checkpoint_every: int = field(default=100, compare=False)
    description: str = field(default="training", compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError if a setting is out of range."""
        least = {"steps": 0, "batch_size": 1, "seed": 0, "checkpoint_every": 1}
        smallest = math.ulp(0.0)  # above zero
        for name, low in (least | {"lr": smallest, "max_norm": smallest}).items():
            value = getattr(self, name)
            if not value >= low:
                expected = f"at least {low}" if name in least else "more than 0"
                raise ValueError(f"{name} is {value}, but {expected} was expected")
        for name, choices in {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(
                    f"{name} is {value!r}, but one of {', '.join(choices)} was expected"
                )


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """The optimizer of the weights that require a gradient.

    Raises ValueError if there are none.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(
            "no weight of the model requires a gradient: unfreeze those to be trained"
        )
    lr, decay = settings.lr, settings.weight_decay
    if settings.optimizer == "adamw":
        return AdamW(weights, lr=lr, weight_decay=decay)
    return SGD(weights, lr=lr, momentum=settings.momentum, weight_decay=decay)


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """The learning rate at a step: a straight rise, then a fall along half a cosine.

    With the schedule "constant" it stays after the rise.
    """
    lr, warmup_steps = settings.lr, settings.warmup_steps
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    if settings.schedule == "constant":
        return lr
    progress = (step - warmup_steps) / max(settings.steps - warmup_steps, 1)  # 0 to 1
    return lr * (1 + math.cos(math.pi * progress)) / 2


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Let the optimizer's next step have this rate for all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate
