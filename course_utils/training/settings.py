"""The settings of a training run, its optimizer, and its learning rate at each step."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

Schedule = Literal["cosine", "constant"]
OptimizerName = Literal["sgd", "adamw"]


@dataclass(frozen=True)
class Settings:
    """All that decides what a run does, besides the model, the data and the device."""

    steps: int
    batch_size: int
    lr: float
    seed: int
    optimizer: OptimizerName
    momentum: float
    weight_decay: float
    schedule: Schedule
    warmup_steps: int
    max_norm: float

    def __post_init__(self) -> None:
        """Raise ValueError if a setting is out of range."""
        for name, least in {"steps": 0, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(
                    f"{name} is {value}, but at least {least} was expected"
                )
        for name in ("lr", "max_norm"):
            value = getattr(self, name)
            if not value > 0:
                raise ValueError(f"{name} is {value}, but it has to be above zero")
        choose(self.schedule, "schedule", ("cosine", "constant"))
        choose(self.optimizer, "optimizer", ("sgd", "adamw"))


def choose(value: str, name: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless the value is one of those known."""
    if value not in known:
        raise ValueError(
            f"{name} is {value!r}, but one of {', '.join(known)} was expected"
        )


def make_optimizer(model: nn.Module, settings: Settings) -> Optimizer:
    """The optimizer of the weights that require a gradient."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(
            "no weight of the model requires a gradient: unfreeze those to be trained"
        )
    if settings.optimizer == "adamw":
        return AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    return SGD(
        weights,
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


def learning_rate(
    step: int,
    *,
    lr: float,
    steps: int,
    schedule: Schedule = "cosine",
    warmup_steps: int = 10,
) -> float:
    """The learning rate at a step: a straight rise, then a fall along half a cosine.

    `lr` is the highest rate. With the schedule "constant" it stays after the rise.
    """
    if step < warmup_steps:
        return lr * (step + 1) / warmup_steps
    if schedule == "constant":
        return lr
    progress = (step - warmup_steps) / max(steps - warmup_steps, 1)  # 0 to 1
    return lr * (1 + math.cos(math.pi * progress)) / 2


def rate_at(step: int, settings: Settings) -> float:
    """The learning rate at a step of a run with these settings."""
    return learning_rate(
        step,
        lr=settings.lr,
        steps=settings.steps,
        schedule=settings.schedule,
        warmup_steps=settings.warmup_steps,
    )
