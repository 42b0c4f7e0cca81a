"""What every check is made of: a function that asks, and the inputs it asks with."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.ask import Ask, CheckFailed

__all__ = [
    "SEED_VARIABLE",
    "Ask",
    "Check",
    "CheckFailed",
    "check",
    "choice_check",
    "number_check",
    "random_boxes",
]

SEED_VARIABLE = "COURSE_CHECK_SEED"


@dataclass(frozen=True)
class Check:
    """The check of one task. Called with an answer, it prints or raises CheckFailed.

    Attributes:
        task: the name of the task, as in the assignment.
        question: what is asked of the answer.
        forbids: dotted names of functions switched off while the answer runs, beside
            everything in `torchvision.ops` and in the course's own library.
        right: an answer that the check accepts, such as its oracle; None where it has
            none of its own. The proof of the check runs it.
        wrong: answers that each make one mistake, by the words with which the check
            names it. The proof of the check runs them, too.
    """

    task: str
    question: Callable[[Ask], None]
    forbids: tuple[str, ...] = ()
    right: Any = None
    wrong: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, answer: Any, *, seed: int | None = None) -> None:
        """Question an answer; print one line where it is right.

        The seed of the random cases is fixed for a learner, and drawn anew (in
        COURSE_CHECK_SEED) by an instructor. Raises CheckFailed where the answer is not
        right.
        """
        if seed is None:
            seed = int(os.environ.get(SEED_VARIABLE, "0"))
        generator = torch.Generator().manual_seed(seed)
        ask = Ask(answer, self.task, generator, self.forbids)
        self.question(ask)
        many = f" ({len(ask.cases)} cases)" if len(ask.cases) > 1 else ""
        print(f"{self.task}: right{many}. {ask.explanation}".rstrip())  # noqa: T201


def check(
    task: str,
    *,
    forbids: Sequence[str] = (),
    right: Any = None,
    wrong: Mapping[str, Any] | None = None,
) -> Callable[[Callable[[Ask], None]], Check]:
    """Make a check of a task out of a function that questions the answer.

    The arguments are the attributes of `Check`.
    """

    def decorate(question: Callable[[Ask], None]) -> Check:
        return Check(task, question, tuple(forbids), right, wrong or {})

    return decorate


def number_check(
    task: str,
    right: float,
    *,
    mistakes: Mapping[str, float],
    advice: str,
    explanation: str = "",
    tolerance: float = 1e-3,
) -> Check:
    """The check of a number found on paper; the arguments are those of `Ask.number`."""

    def question(ask: Ask) -> None:
        ask.number(
            right,
            mistakes=mistakes,
            advice=advice,
            explanation=explanation,
            tolerance=tolerance,
        )

    return Check(task, question, right=right, wrong=mistakes)


def choice_check(task: str, right: str, explanations: Mapping[str, str]) -> Check:
    """The check of a multiple choice; every option has its explanation."""
    wrong = {text: option for option, text in explanations.items() if option != right}
    return Check(
        task, lambda ask: ask.choice(right, explanations), right=right, wrong=wrong
    )


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
