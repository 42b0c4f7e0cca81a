"""What every check is made of: asking an answer, and saying what was wrong with it.

A check reaches the answer only by calling what it was given, with numbers, tensors and
containers of these. It never looks a name up in the learner's notebook, so the same
check can run in another process than the answer.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.compare import copied, difference, shown, unchanged
from course_utils.checks.forbidden import ForbiddenCallError, switched_off

SEED_VARIABLE = "COURSE_CHECK_SEED"


class CheckFailed(AssertionError):
    """An answer is not right yet; the text says why, in the words of the subject."""

    def _render_traceback_(self) -> list[str]:
        """Show a learner the sentence alone: the grader's frames do not help."""
        return [f"{type(self).__name__}: {self}"]


@dataclass
class Ask:
    """The answer of one task, and the ways a check may question it."""

    answer: Any
    task: str
    generator: torch.Generator
    forbids: tuple[str, ...] = ()
    cases: list[str] = field(default_factory=list)

    def __call__(self, case: str, *arguments: Any, **settings: Any) -> Any:
        """What the answer returns for copies of these inputs, named `case`.

        Functions that would answer for the learner are switched off meanwhile. Raises
        CheckFailed if the answer raises or changes its inputs.
        """
        self.cases.append(case)
        if not callable(self.answer):
            raise CheckFailed(
                f"{self.task} is {shown(self.answer)}, but a function was expected"
            )
        given = copied((arguments, settings))
        try:
            with switched_off(self.forbids):
                received = self.answer(*given[0], **given[1])
        except NotImplementedError as error:
            raise CheckFailed(
                f"{self.task} is not answered yet: "
                "replace `raise NotImplementedError` by your code"
            ) from error
        except ForbiddenCallError as error:
            raise CheckFailed(f"{self.task}: {error}") from error
        except Exception as error:
            raise CheckFailed(
                f"{self.task}, case '{case}': your code raised "
                f"{type(error).__name__}: {error}{where(error)}"
            ) from error
        if not unchanged(given, (arguments, settings)):
            raise CheckFailed(
                f"{self.task}, case '{case}': your code changed its input in place; "
                "work on a copy (`.clone()`)"
            )
        return received

    def expect(
        self,
        case: str,
        received: Any,
        expected: Any,
        *,
        mistakes: Mapping[str, Any] | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Compare, and name the likely mistake where `received` equals its value.

        Args:
            case: the name of the case, as the learner reads it.
            received: what the answer returned.
            expected: what an independent oracle says: a number, a string, a tensor,
                or a tuple, list or dict of these.
            mistakes: what typical mistakes would have returned, by their description.
            tolerance: relative and absolute, for floats.
        """
        problem = difference(received, expected, tolerance)
        if problem is None:
            return
        lines = [f"{self.task}, case '{case}': {problem}"]
        for mistake, value in (mistakes or {}).items():
            if difference(received, value, tolerance) is None:
                lines.append(f"Likely mistake: {mistake}")
                break
        raise CheckFailed("\n".join(lines))

    def call_and_expect(
        self,
        case: str,
        arguments: Sequence[Any],
        expected: Any,
        *,
        mistakes: Mapping[str, Any] | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Call the answer and compare what it returns, in one step."""
        received = self(case, *arguments)
        self.expect(case, received, expected, mistakes=mistakes, tolerance=tolerance)

    def fail(self, case: str, problem: str) -> None:
        """Say in `problem` what is wrong in this case, where no comparison says it."""
        raise CheckFailed(f"{self.task}, case '{case}': {problem}")

    def choice(self, right: str, explanations: Mapping[str, str]) -> None:
        """Compare a multiple-choice answer; every option has its explanation."""
        self.cases.append("choice")
        options = ", ".join(f'"{option}"' for option in explanations)
        chosen = self.answer.strip().lower() if isinstance(self.answer, str) else ""
        if chosen not in explanations:
            received = shown(self.answer)
            raise CheckFailed(
                f"{self.task} is {received}, but one of {options} was expected"
            )
        if chosen != right:
            raise CheckFailed(f'{self.task}: not "{chosen}". {explanations[chosen]}')


def check(
    task: str, *, forbids: Sequence[str] = ()
) -> Callable[[Callable[[Ask], None]], Callable[..., None]]:
    """Make a check of a task out of a function that questions the answer.

    Args:
        task: the name of the task, as in the assignment.
        forbids: dotted names of functions switched off while the answer runs, beside
            everything in `torchvision.ops` and in the course's own library.

    The check takes the answer and, by keyword, a seed for its random cases: fixed for a
    learner, drawn anew (by the environment variable COURSE_CHECK_SEED) by an
    instructor. It prints one line where the answer is right and raises CheckFailed
    where it is not.
    """

    def decorate(question: Callable[[Ask], None]) -> Callable[..., None]:
        @functools.wraps(question)
        def run(answer: Any, *, seed: int | None = None) -> None:
            if seed is None:
                seed = int(os.environ.get(SEED_VARIABLE, "0"))
            generator = torch.Generator().manual_seed(seed)
            ask = Ask(answer, task, generator, tuple(forbids))
            question(ask)
            print(f"{task}: right ({len(ask.cases)} checked)")  # noqa: T201

        return run

    return decorate


def where(error: BaseException) -> str:
    """The line of the answer that raised, or nothing where it is not known."""
    frames = error.__traceback__
    last = None
    while frames is not None:
        if "course_utils" not in frames.tb_frame.f_code.co_filename:
            last = frames
        frames = frames.tb_next
    is_tensor_code = last is None or "site-packages" in last.tb_frame.f_code.co_filename
    return "" if is_tensor_code or last is None else f" (line {last.tb_lineno})"


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
