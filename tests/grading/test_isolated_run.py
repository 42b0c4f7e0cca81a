"""The isolated way: the checks here, the learner's code in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_assignment import RIGHT

from course_utils.grading.grade import grade_isolated
from course_utils.grading.isolation.warm import Warm
from course_utils.grading.outcome import Limits
from course_utils.grading.verdict import Grade

LIMITS = Limits(cell=6, call=3, task=8, total=60, memory_mb=600, output_kb=100)
WRONG = {
    "double": "def double(x):\n    return x",
    "add": "def add(a, b):\n    return helper(a)\n= 2",
    "sides": "raise NotImplementedError",
    "last": "def last(x):\n    return 1 / 0",
}


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm(limits=LIMITS) as process:
        yield process


@pytest.fixture
def grade(submit, released: Path, warm: Warm):
    def graded(answers: dict[str, str], change=None) -> Grade:
        path = submit(answers, change)
        return grade_isolated(path, warm=warm, released=released, limits=LIMITS)

    return graded


def verdicts(grade: Grade) -> list[tuple[int, str]]:
    return [(result.score, result.verdict) for result in grade.results]


def test_right_answers_get_all_points_and_the_words_of_the_checks(grade):
    result = grade(RIGHT)
    assert verdicts(result) == [(n, "right") for n in (1, 2, 3, 4)]
    words = [each.message for each in result.results]
    assert words == ["double: right.", "add: right.", "sides: right.", ""]


def test_each_kind_of_failure_has_its_own_words(grade):
    result = grade(WRONG)
    assert verdicts(result) == [
        (0, "wrong"),
        (0, "error"),
        (0, "not answered"),
        (0, "error"),
    ]
    wrong, broken, _, raised = (each.message for each in result.results)
    assert wrong == "double: received 4, expected 8"
    assert broken == "its cell raised SyntaxError: invalid syntax (line 3)"
    assert raised == "the check raised ZeroDivisionError: division by zero"
