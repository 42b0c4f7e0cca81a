"""What every check is made of: a function that asks, and the inputs it asks with."""

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.ask import Ask, CheckFailed

__all__ = ["SEED_VARIABLE", "Ask", "CheckFailed", "check", "random_boxes"]

SEED_VARIABLE = "COURSE_CHECK_SEED"


def check(
    task: str, *, forbids: Sequence[str] = ()
) -> Callable[[Callable[[Ask], None]], Callable[..., None]]:
    """Make a check of a task out of a function that questions the answer.

    Args:
        task: the name of the task, as in the assignment.
        forbids: dotted names of functions switched off while the answer runs, beside
            everything in `torchvision.ops` and in the course's own library.

    The check takes the answer and, by keyword, a seed for its random cases: fixed for a
    learner, drawn anew (in COURSE_CHECK_SEED) by an instructor. It prints one line
    where the answer is right and raises CheckFailed where it is not.
    """

    def decorate(question: Callable[[Ask], None]) -> Callable[..., None]:
        @functools.wraps(question)
        def run(answer: Any, *, seed: int | None = None) -> None:
            if seed is None:
                seed = int(os.environ.get(SEED_VARIABLE, "0"))
            generator = torch.Generator().manual_seed(seed)
            ask = Ask(answer, task, generator, tuple(forbids))
            question(ask)
            many = f" ({len(ask.cases)} cases)" if len(ask.cases) > 1 else ""
            print(f"{task}: right{many}. {ask.explanation}".rstrip())  # noqa: T201

        return run

    return decorate


def random_boxes(
    count: int, *, generator: torch.Generator, height: int = 90, width: int = 140
) -> Tensor:
    """(count, 4) float boxes inside an image, with sides of at least 2 pixels."""
    corner = torch.rand(count, 2, generator=generator)
    sides = torch.rand(count, 2, generator=generator)
    size = torch.tensor([float(width), float(height)])
    low = corner * (size - 2)
    high = low + 2 + sides * (size - low - 2)
    return torch.cat([low, high], dim=1)
