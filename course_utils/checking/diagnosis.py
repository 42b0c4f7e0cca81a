"""Finding the likely mistake: the one that explains most of what an answer returns.

In a small case, several mistakes may lead to the same wrong value. The one that is
named should fit in the other cases, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course_utils.checking.check import Ask, CheckFailed
from course_utils.checking.compare import difference


@dataclass
class Case:
    """One call of an answer, what it has to return, and what mistakes would return."""

    arguments: tuple[Any, ...]
    settings: Mapping[str, Any]
    right: Any
    mistakes: Callable[[], Mapping[str, Any]] = field(default=dict)


def ask_all(ask: Ask, cases: Mapping[str, Case], *, tolerance: float = 1e-5) -> None:
    """Ask case by case; where an answer is wrong, name the mistake that fits best.

    Raises CheckFailed for the first case that is wrong.
    """
    for name, case in cases.items():
        received = ask(name, *case.arguments, **case.settings)
        if difference(received, case.right, tolerance) is None:
            continue
        likely = {
            text: value
            for text, value in case.mistakes().items()
            if difference(received, value, tolerance) is None
        }
        if len(likely) > 1:
            call = ask.last_call
            likely = sorted_by_fit(ask, cases, likely, tolerance)
            ask.last_call = call
        ask.expect(name, received, case.right, mistakes=likely, tolerance=tolerance)


def sorted_by_fit(
    ask: Ask,
    cases: Mapping[str, Case],
    likely: dict[str, Any],
    tolerance: float,
) -> dict[str, Any]:
    """The likely mistakes of one case, those first that explain the most others."""
    fits = dict.fromkeys(likely, 0)
    for name, case in cases.items():
        try:
            received = ask(name, *case.arguments, **case.settings)
        except CheckFailed:  # it says nothing about a mistake in the values
            continue
        mistakes = case.mistakes()
        for text in likely:
            fits[text] += difference(received, mistakes[text], tolerance) is None
    return {text: likely[text] for text in sorted(fits, key=lambda t: -fits[t])}
