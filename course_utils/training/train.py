"""The one training loop.

What a step does depends only on the seed, the step's number and the weights so far.
So a run that was stopped and resumed ends, on a CPU, with the very same weights.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm.auto import tqdm

from course_utils.models.model import Model, Target
from course_utils.training.batches import (
    Examples,
    draw_batch,
    move_batch,
    step_randomness,
)
from course_utils.training.checkpoints import Checkpoint
from course_utils.training.settings import (
    TrainingSettings,
    learning_rate,
    make_optimizer,
    set_learning_rate,
)


class History(list[dict[str, float]]):
    """One row per step: every named loss, and their sum as "total"; and the seconds."""

    def __init__(
        self, rows: Iterable[Mapping[str, float]] = (), seconds: float = 0.0
    ) -> None:
        super().__init__(map(dict, rows))
        self.seconds = seconds
        self._began = time.perf_counter() - seconds

    def record(self, row: dict[str, float]) -> None:
        """Add the row of a step that has just been done."""
        self.append(row)
        self.seconds = time.perf_counter() - self._began

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


def train(model: Model, dataset: Examples, settings: TrainingSettings) -> History:
    """Train the model in place, leave it in eval mode, and return its losses.

    Examples come in a new order each epoch. With a checkpoint, a run that was stopped
    goes on from there. Raises FloatingPointError, with the weights as the last step
    left them, if a loss or the gradient is not finite.
    """
    device = torch.device(settings.device)
    model.to(device).train()
    optimizer = make_optimizer(model, settings)
    checkpoint = Checkpoint(model, optimizer, dataset, settings)
    history = History(**checkpoint.resume())
    for step in progress(history, settings):
        set_learning_rate(optimizer, learning_rate(step, settings))
        with step_randomness(step, seed=settings.seed, device=device) as generator:
            images, targets = draw_batch(dataset, step, settings, generator)
            images, targets = move_batch(images, targets, device)
            row = train_step(
                model, optimizer, images, targets, max_norm=settings.max_norm, step=step
            )
        history.record(row)
        checkpoint.save(history, history.seconds)
    model.eval()
    return history


def train_step(
    model: Model,
    optimizer: Optimizer,
    images: Tensor,
    targets: Sequence[Target],
    *,
    max_norm: float = 10.0,
    step: int = 0,
) -> dict[str, float]:
    """Move the weights once, downhill on one batch; its losses before that, by name.

    Args:
        model: in training mode, on the device of the batch.
        optimizer: of the model's weights.
        images: (B, 3, H, W) float RGB in [0, 1].
        targets: one dict per image.
        max_norm: gradients longer than this are scaled down to it.
        step: the number that an error names.

    Raises FloatingPointError, with the weights unchanged, if a loss or the gradient is
    not finite.
    """
    losses = model.losses(images, targets)
    total = torch.stack(list(losses.values())).sum()
    row = {name: loss.item() for name, loss in losses.items()}
    check_finite(total, "sum of the losses", step, row)

    optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    # An untrained detector has thousands of wrong boxes, hence large gradients.
    length = nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    check_finite(length, "length of the gradient", step, row)
    optimizer.step()
    return row | {"total": total.item()}


def progress(history: History, settings: TrainingSettings) -> Iterator[int]:
    """The steps that are left to do, under a progress bar with the last loss."""
    done, steps = len(history), settings.steps
    bar = tqdm(range(done, steps), desc=settings.description, initial=done, total=steps)
    for step in bar:
        yield step
        bar.set_postfix(total=f"{history[-1]['total']:.3f}", refresh=False)


def check_finite(
    value: Tensor, words: str, step: int, losses: Mapping[str, float]
) -> None:
    """Raise FloatingPointError, with the losses of the step, unless value is finite."""
    if not value.isfinite():
        raise FloatingPointError(
            f"step {step}: the {words} is {value.item()}, with losses {losses}: lower "
            "lr, or look for a logarithm, root or division at zero"
        )
