"""The one training loop.

What a step does depends only on the seed, the step's number and the weights so far.
So a run that was stopped and resumed ends, on a CPU, with the very same weights.
"""

import time
from pathlib import Path

import torch
from tqdm.auto import tqdm

from course_utils.models.model import Model
from course_utils.training.batches import Examples
from course_utils.training.run import Augment, History, Run
from course_utils.training.settings import OptimizerName, Schedule, Settings


def train(
    model: Model,
    dataset: Examples,
    *,
    steps: int,
    batch_size: int,
    lr: float,
    seed: int,
    device: torch.device | str,
    optimizer: OptimizerName = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    schedule: Schedule = "cosine",
    warmup_steps: int = 10,
    max_norm: float = 10.0,
    augment: Augment | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: int = 100,
    description: str = "training",
) -> History:
    """Train the model in place, leave it in eval mode, and return its losses.

    Examples come in a new order each epoch. A batch may reach over the end of an epoch,
    so that every batch is full however few examples there are.

    Args:
        model: moved to `device`; only weights that require a gradient are changed.
        dataset: (image, target) at each index; images (3, H, W) of one size.
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

    Raises:
        ValueError: a setting is out of range, or the checkpoint is of another run.
        FloatingPointError: a loss is infinite or not a number.
    """
    if checkpoint_every < 1:
        raise ValueError(f"checkpoint_every is {checkpoint_every}, but 1 is the least")
    settings = Settings(
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        seed=seed,
        optimizer=optimizer,
        momentum=momentum,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup_steps=warmup_steps,
        max_norm=max_norm,
    )
    run = Run(model, dataset, settings, torch.device(device), augment)
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None:
        run.resume(path)
    take_all_steps(run, path, checkpoint_every, description)
    model.eval()
    return run.history


def take_all_steps(
    run: Run, checkpoint: Path | None, checkpoint_every: int, description: str
) -> None:
    """Train from where the run stands to its last step, with a progress bar."""
    done, steps = len(run.history), run.settings.steps
    started = time.perf_counter() - run.history.seconds
    bar = tqdm(range(done, steps), desc=description, initial=done, total=steps)
    for step in bar:
        bar.set_postfix(total=f"{run.take_step(step)['total']:.3f}", refresh=False)
        run.history.seconds = time.perf_counter() - started
        is_due = (step + 1) % checkpoint_every == 0 or step + 1 == steps
        if checkpoint is not None and is_due:
            run.write(checkpoint)
