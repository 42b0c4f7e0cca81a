"""What helps a learner with a task: hints, and the section of the lesson."""

import re
from pathlib import Path

import pytest

from course_grading.reports.sections import add_help, find_hints, steps
from course_grading.running.verdict import Result
from course_grading.submission.assignment import (
    Assignment,
    Cell,
    GradedTask,
    known_assignments,
    read_assignment,
    released_folder,
)

ROOT = Path(__file__).parents[2]
NAMES = known_assignments(released_folder())


def fold(text: str) -> str:
    return f"<details><summary>Hint</summary>\n\n{text}\n\n</details>"


CELLS = (
    Cell("markdown", f"# Title\n{fold('of no task')}", "cell-1"),
    Cell("code", "import torch", "cell-2"),
    Cell("markdown", f"## Task\n{fold('first, `a[0]`')}\n", "cell-3"),
    Cell("markdown", fold("second"), "cell-4"),
    Cell("code", "raise NotImplementedError", "sides"),
    Cell("code", "check_sides(sides)", "check_sides"),
    Cell("code", "raise NotImplementedError", "area"),
)
TASKS = (
    GradedTask("sides", "check_sides", 1, "01_a#One: two"),
    GradedTask("area", "x", 1),
)
ASSIGNMENT = Assignment("01_a", CELLS, TASKS)


def test_hints_are_the_folds_above_a_task_in_order():
    assert find_hints("sides", ASSIGNMENT) == ("first, `a[0]`", "second")
    assert find_hints("area", ASSIGNMENT) == ()
    assert find_hints("unknown", ASSIGNMENT) == ()


def test_a_task_that_is_not_right_gets_hints_and_section():
    result = add_help(Result("sides", 1, 0, "wrong", "no"), ASSIGNMENT)
    assert result.hints == ("first, `a[0]`", "second")
    assert result.section == "01_a#One: two"
    assert (result.name, result.verdict, result.message) == ("sides", "wrong", "no")


def test_a_right_answer_gets_no_hints():
    result = add_help(Result("sides", 1, 1, "right", "yes"), ASSIGNMENT)
    assert (result.hints, result.section) == ((), "01_a#One: two")


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("Think. Then write `a. B`, $x. Y$ and so on.", 2),
        ("One sentence, with `a. B` and 2.5 in it.", 1),
        ("Which one? `f(x)` tells. And more.", 2),
        (" \n ", 0),
    ],
)
def test_a_hint_opens_with_its_first_sentence(hint: str, expected: int):
    found = steps(hint)
    assert len(found) == expected
    assert " ".join(found) == hint.strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_task_has_hints_and_a_heading_that_its_lesson_has(name: str):
    assignment = read_assignment(name, released_folder())
    for task in assignment.tasks:
        result = add_help(Result(task.name, 1, 0, "wrong", ""), assignment)
        lesson, _, heading = result.section.partition("#")
        text = (ROOT / "source" / "lessons" / f"{lesson}.py").read_text("utf-8")
        assert re.search(rf"^# #+ {re.escape(heading)}$", text, re.MULTILINE), task.name
        assert result.hints, task.name
        assert not any("<" in re.sub("`.*?`", "", hint) for hint in result.hints)
