"""Every released assignment: untouched it earns nothing, solved it earns all."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from course_grading.grade import grade_file, grade_isolated
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits
from course_grading.running.verdict import Grade
from course_grading.submission.assignment import (
    known_assignments,
    read_assignment,
    released_folder,
)

ROOT = Path(__file__).parents[2]
# On a busy machine nobody here should run out of time.
LIMITS = Limits(cell=600, total=3600, call=300, task=1200)
NAMES = known_assignments(released_folder())


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm | None]:
    if not hasattr(os, "fork"):
        yield None
        return
    with Warm(limits=LIMITS) as process:
        yield process


def in_both_ways(path: Path, warm: Warm | None, seed: int | None = None) -> Grade:
    """The grade of a file, after proof that the other way gives the same."""
    grade = grade_file(path, limits=LIMITS, seed=seed)
    if warm is not None:
        other = grade_isolated(path, warm=warm, limits=LIMITS, seed=seed)
        assert said(other) == said(grade)
        assert other.review == ""
    return grade


def said(grade: Grade) -> tuple[object, ...]:
    results = [(r.name, r.score, r.verdict, r.message, r.hints) for r in grade.results]
    return results, grade.notes, grade.problem


def test_the_learners_files_are_those_that_the_grader_knows():
    assert sorted(p.stem for p in (ROOT / "assignments").glob("*.ipynb")) == NAMES
    assert sorted(p.stem for p in (ROOT / "solutions").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_points_are_ten(name: str):
    tasks = read_assignment(name, released_folder()).tasks
    assert sum(task.points for task in tasks) == 10
    assert 4 <= len(tasks) <= 8


@pytest.mark.parametrize("name", NAMES)
def test_untouched_it_earns_nothing_and_every_task_says_why(name: str, warm):
    grade = in_both_ways(ROOT / "assignments" / f"{name}.ipynb", warm)
    assert grade.problem == ""
    assert grade.notes == []
    assert (grade.score, grade.points) == (0, 10)
    assert {(r.verdict, r.message) for r in grade.results} == {
        ("not answered", "not answered yet")
    }


@pytest.mark.parametrize("name", NAMES)
def test_solved_it_earns_all_points(name: str, warm):
    grade = in_both_ways(ROOT / "solutions" / f"{name}.ipynb", warm, seed=20261121)
    assert [r.message for r in grade.results if r.verdict != "right"] == []
    assert grade.notes == []
    assert grade.is_full


def test_an_answer_that_renames_its_check_earns_nothing(tmp_path: Path, warm):
    notebook = nbformat.read(ROOT / "assignments" / "01_sliding_windows.ipynb", 4)
    answer = next(
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "window_sums"
    )
    answer.source = "check_window_sums = window_sums = print"
    path = tmp_path / "01_sliding_windows.ipynb"
    nbformat.write(notebook, path)
    results = in_both_ways(path, warm).results
    result = next(r for r in results if r.name == "window_sums")
    assert (result.score, result.verdict) == (0, "wrong")
    assert "expected a tensor" in result.message
