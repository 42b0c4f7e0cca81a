"""The mistake that is named is the one that explains most cases."""

import pytest
import torch

from course_utils.checking.check import Ask, CheckFailed
from course_utils.checking.diagnosis import Case, ask_all


def case(x: int) -> Case:
    return Case((x,), {}, x + 2, lambda: {"times": x * 3, "plus": x + 4})


def test_the_mistake_that_fits_all_cases_is_named() -> None:
    cases = {"two": case(2), "five": case(5), "nine": case(9)}
    for answer, words in ((lambda x: x * 3, "times"), (lambda x: x + 4, "plus")):
        ask = Ask(answer, "task", torch.Generator())
        with pytest.raises(CheckFailed, match=f"Likely mistake: {words}") as failure:
            ask_all(ask, cases)
        assert "case 'two'" in str(failure.value)
        assert "Call: task(2)" in str(failure.value)


def test_a_case_that_raises_says_nothing_about_the_mistake() -> None:
    def answer(x: int) -> float:
        return x + 4 if x < 5 else x / 0

    ask = Ask(answer, "task", torch.Generator())
    with pytest.raises(CheckFailed, match="Likely mistake: times"):
        ask_all(ask, {"two": case(2), "five": Case((5,), {}, 7)})
