"""A check from its parts: inputs, a slow oracle, and the mistakes that it can make."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask, Check
from course_utils.checking.compare import shown
from course_utils.checking.diagnosis import Case, ask_all


@dataclass(frozen=True)
class Inputs:
    """How a task is called in one case."""

    arguments: tuple[Any, ...]
    settings: Mapping[str, Any]


def inputs(*arguments: Any, **settings: Any) -> Inputs:
    """The arguments of one call, and its keyword arguments."""
    return Inputs(arguments, settings)


# Steps of the oracle to take in place of its own, by keyword; or a function that makes
# the mistaken value out of the right one, called as `mistake(right, *arguments,
# **settings)`.
Mistake = Mapping[str, Any] | Callable[..., Any]
Mistakes = Mapping[str, Mistake]
Cases = Mapping[str, Inputs]


@dataclass(frozen=True)
class MistakenValues(Mapping[str, Any]):
    """What wrong answers return in one case, each computed where it is looked up."""

    wrong: Mapping[str, Callable[..., Any]]
    given: Inputs

    def __getitem__(self, text: str) -> Any:
        """What the answer with this mistake returns."""
        return self.wrong[text](*self.given.arguments, **self.given.settings)

    def __iter__(self) -> Iterator[str]:
        """The mistakes."""
        return iter(self.wrong)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.wrong)


def compare_with(
    oracle: Callable[..., Any],
    task: str,
    *,
    cases: Cases | Callable[[torch.Generator], Cases],
    draw: Callable[[int, torch.Generator], Inputs] | None = None,
    draws: int = 6,
    mistakes: Mistakes,
    forbids: Sequence[str] = (),
    tolerance: float = 1e-5,
    asking: type[Ask] = Ask,
    parts: Sequence[str] = (),
    compare_first: Sequence[str] = (),
    then: Callable[[Ask, Cases], None] | None = None,
) -> Check:
    """The check of a task that compares each case with what the oracle returns.

    Args:
        oracle: the slow answer, with the signature of the task. A step of it that may
            be mistaken is a keyword argument whose default is the right step.
        task: the name of the task.
        cases: inputs by the names that a learner reads, or a function that draws them.
        draw: a random input, given its number.
        draws: how many of them.
        mistakes: by what the learner is told. Where several fit, that which explains
            most cases is named, and of equals the first.
        forbids: functions switched off meanwhile, by their dotted names.
        tolerance: relative and absolute, for floats.
        asking: how to ask, where the returned value alone does not tell enough.
        parts: names of the values of the tuple, or of the columns of the tensor, that
            is returned, if each is compared by itself. The mistake that is named is
            the first that leads to this part.
        compare_first: those of the parts whose mistakes say more than those after.
        then: what to ask after all cases are right.
    """

    def question(ask: Ask) -> None:
        every = dict(cases(ask.generator) if callable(cases) else cases)
        for number in range(draws if draw else 0):
            assert draw is not None
            every[f"random {number}"] = draw(number, ask.generator)
        compared = {
            name: Case(
                given.arguments,
                given.settings,
                oracle(*given.arguments, **given.settings),
                partial(MistakenValues, wrong, given),
            )
            for name, given in every.items()
        }
        if parts:
            order = tuple(dict.fromkeys((*compare_first, *parts)))
            ask_for_parts(asking(**vars(ask)), compared, parts, order, tolerance)
        else:
            ask_all(asking(**vars(ask)), compared, tolerance=tolerance)
        if then:
            then(ask, every)

    wrong = {text: mistaken(oracle, mistake) for text, mistake in mistakes.items()}
    return Check(task, question, tuple(forbids), oracle, wrong)


def ask_for_parts(
    ask: Ask,
    cases: Mapping[str, Case],
    parts: Sequence[str],
    order: Sequence[str],
    tolerance: float,
) -> None:
    """Compare what an answer returns part by part, each by its name, in this order."""
    for name, case in cases.items():
        received = ask(name, *case.arguments, **case.settings)
        if isinstance(case.right, Tensor):
            if type(received) is not Tensor or received.shape != case.right.shape:
                ask.expect(name, received, case.right, mistakes=case.mistakes)
        elif type(received) not in (tuple, list) or len(received) != len(parts):
            advice = ": is there a `return`?" if received is None else ""
            wanted = f"a tuple of {len(parts)} ({', '.join(parts)})"
            ask.fail(name, f"expected {wanted}, received {shown(received)}{advice}")
        for part in order:
            place = parts.index(part)
            ask.expect(
                f"{name}: {part}",
                part_of(received, place),
                part_of(case.right, place),
                mistakes=partial(mistaken_parts, case, place),
                tolerance=tolerance,
            )


def part_of(value: Any, place: int) -> Any:
    """One value of a tuple, or one column of a tensor."""
    return value[:, place] if isinstance(value, Tensor) else value[place]


def mistaken_parts(case: Case, place: int) -> Mapping[str, Any]:
    """What wrong answers return in this part."""
    every = case.mistakes()
    return {
        text: part_of(value, place)
        for text, value in every.items()
        if not isinstance(value, Tensor) or value.shape == case.right.shape
    }


def mistaken(oracle: Callable[..., Any], mistake: Mistake) -> Callable[..., Any]:
    """The answer that makes this mistake and is right otherwise."""

    def answer(*arguments: Any, **settings: Any) -> Any:
        if callable(mistake):
            return mistake(oracle(*arguments, **settings), *arguments, **settings)
        return oracle(*arguments, **settings, **mistake)

    return answer
