"""Asking an answer, and saying what was wrong with it.

A check reaches the answer only by calling what it was given, with numbers, tensors and
containers of these, so the same check can run in another process than the answer.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import torch

from course_utils.checking.calling import call, written
from course_utils.checking.compare import difference, shown, single
from course_utils.checking.forbidden import ForbiddenCallError
from course_utils.checking.plain import plain
from course_utils.checking.question import (
    BadCallError,
    Elsewhere,
    NotAnsweredError,
    Question,
    Reply,
)

Mistakes = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None


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
    explanation: str = ""
    last_call: Callable[[], str] = str
    is_made: bool = False

    def __post_init__(self) -> None:
        """Make a value plain, for its type could answer a comparison as it likes."""
        if self.answer is None or self.answer is ...:
            self.refuse_empty()
        if not callable(self.answer) and not self.is_made:
            self.answer = plain(self.answer)

    def __call__(self, case: str, *arguments: Any, **settings: Any) -> Any:
        """What the answer returns for copies of these inputs, in plain types.

        Functions that would answer for the learner are switched off meanwhile. Raises
        CheckFailed if the answer raises or changes its inputs.
        """
        return self.reply(case, Question(arguments, settings)).value

    def count_steps(self, case: str, *arguments: Any) -> int:
        """How many lines of Python and operators of torch the answer runs."""
        return self.reply(case, Question(arguments, counts=True)).steps

    def gradient(
        self, case: str, *arguments: Any, upstream: Any, **settings: Any
    ) -> Reply:
        """What the answer returns, and the vector-Jacobian product.

        Args:
            case: the name of the case, as the learner reads it.
            arguments: those that are tensors of floats get a gradient.
            upstream: the gradient of what is returned: a tensor of its shape, or one
                for each of several tensors.
            settings: keyword arguments of the answer.

        The reply holds the value, the gradients of the arguments as `inputs`, and, of
        an answer that is a module, those of its `parameters` by name.
        """
        question = Question(arguments, settings, upstream=upstream)
        return self.reply(case, question)

    def made(self, case: str, *arguments: Any, **settings: Any) -> "Ask":
        """What the answer makes, such as an object of its class, to be asked in turn.

        The object stays where the answer is. Asked by the same words: a call of the
        returned Ask calls the object, `part` its methods.
        """
        kept = self.reply(case, Question(arguments, settings, keeps=True)).value
        return replace(self, answer=kept, task=self.last_call(), is_made=True)

    def part(self, case: str, name: str, *arguments: Any, **settings: Any) -> Any:
        """What a part of the answer returns when called, such as "state_dict"."""
        return self.reply(case, Question(arguments, settings, part=name)).value

    def value(self, case: str, name: str) -> Any:
        """A part of the answer itself, in plain types, such as "conv.weight"."""
        return self.reply(case, Question(part=name, reads=True)).value

    def reply(self, case: str, question: Question) -> Reply:
        """Ask the answer; say each of its errors in a sentence."""
        self.cases.append(case)
        if not callable(self.answer) and not question.part:
            is_remote = isinstance(self.answer, Elsewhere)
            received = shown(self.answer.value if is_remote else self.answer)
            raise CheckFailed(f"{self.task} is {received}, but a function was expected")
        name = f"{self.task}.{question.part}" if question.part else self.task
        self.last_call = functools.partial(
            written, name, question.arguments, question.settings
        )
        try:
            return call(self.answer, replace(question, forbids=self.forbids))
        except NotAnsweredError:
            self.refuse_empty()
        except ForbiddenCallError as error:
            raise CheckFailed(f"{self.task}: {error}") from error
        except BadCallError as error:
            raise CheckFailed(
                f"{self.task}, case '{case}': {error}\nCall: {self.last_call()}"
            ) from error

    def refuse_empty(self) -> NoReturn:
        """Say that there is no answer yet."""
        advice = "replace `raise NotImplementedError` by your code"
        raise CheckFailed(f"{self.task} is not answered yet: {advice}")

    def expect(
        self,
        case: str,
        received: Any,
        expected: Any,
        *,
        mistakes: Mistakes = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Compare, and name the likely mistake where `received` equals its value.

        Args:
            case: the name of the case, as the learner reads it.
            received: what the answer returned.
            expected: what an independent oracle says: a number, a string, a tensor,
                or a tuple, list or dict of these.
            mistakes: what typical mistakes would have returned, by their description;
                or a function that computes it where it is needed.
            tolerance: relative and absolute, for floats; whole numbers are exact.
        """
        problem = difference(received, expected, tolerance)
        if problem is None:
            return
        lines = [f"{self.task}, case '{case}': {problem}"]
        likely = mistakes() if callable(mistakes) else mistakes
        for mistake, value in (likely or {}).items():
            if difference(received, value, tolerance) is None:
                lines.append(f"Likely mistake: {mistake}")
                break
        if call := self.last_call():
            lines.append(f"Call: {call}")
        raise CheckFailed("\n".join(lines))

    def call_and_expect(
        self,
        case: str,
        arguments: Sequence[Any],
        expected: Any,
        *,
        mistakes: Mistakes = None,
        tolerance: float = 1e-5,
        **settings: Any,
    ) -> None:
        """Call the answer and compare what it returns, in one step."""
        received = self(case, *arguments, **settings)
        self.expect(case, received, expected, mistakes=mistakes, tolerance=tolerance)

    def expect_no_loop(
        self, what: str, few: Sequence[Any], many: Sequence[Any], added: int
    ) -> None:
        """Refuse an answer whose steps grow with its input as those of a loop do.

        The arguments `many` hold `added` more of `what` (such as "boxes") than `few`,
        and a loop takes at least one step more for each of them.
        """
        self(f"few {what}", *few)  # the first call may import, which is no step
        small = self.count_steps(f"steps for few {what}", *few)
        large = self.count_steps(f"steps for many {what}", *many)
        if large - small >= added:
            raise CheckFailed(
                f"{self.task}: with {added} more {what} your code runs {large} steps "
                f"instead of {small} (lines of Python and operations of torch).\n"
                f"Likely mistake: a loop over {what}; let one operation take them all"
            )

    def fail(self, case: str, problem: str) -> NoReturn:
        """Say in `problem` what is wrong in this case, where no comparison says it."""
        raise CheckFailed(f"{self.task}, case '{case}': {problem}")

    def number(
        self,
        right: float,
        *,
        mistakes: Mapping[str, float],
        advice: str,
        explanation: str = "",
        tolerance: float = 1e-3,
    ) -> None:
        """Compare a number found on paper, without giving the right one away.

        Args:
            right: the number.
            mistakes: what typical mistakes give, by their description.
            advice: what to look at after any other wrong number.
            explanation: what to read after a right answer.
            tolerance: relative and absolute; a whole number must be met exactly.
        """
        self.cases.append("number")
        if type(single(self.answer)) not in (int, float):
            received = shown(self.answer)
            raise CheckFailed(f"{self.task} is {received}, but a number was expected")
        self.explanation = explanation
        if difference(self.answer, right, tolerance) is None:
            return
        for mistake, value in mistakes.items():
            if difference(self.answer, value, tolerance) is None:
                advice = f"Likely mistake: {mistake}"
                break
        self.fail("number", f"{shown(self.answer)} is not right. {advice}")

    def choice(self, right: str, explanations: Mapping[str, str]) -> None:
        """Compare a multiple-choice answer; every option has its explanation."""
        self.cases.append("choice")
        chosen = self.answer.strip().lower() if isinstance(self.answer, str) else ""
        if chosen not in explanations:
            received, options = shown(self.answer), list(explanations)
            raise CheckFailed(f"{self.task} is {received}, expected one of {options}")
        if chosen != right:
            raise CheckFailed(f'{self.task}: not "{chosen}". {explanations[chosen]}')
        self.explanation = explanations[right]
