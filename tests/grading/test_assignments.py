"""Every released assignment: untouched it earns nothing, solved it earns all."""

from pathlib import Path

import nbformat
import pytest

from course_utils.grading.assignment import (
    known_assignments,
    read_assignment,
    shipped,
)
from course_utils.grading.grade import grade_file

ROOT = Path(__file__).parents[2]
NAMES = known_assignments(shipped())


def test_the_learners_files_are_those_that_the_grader_knows():
    assert sorted(p.stem for p in (ROOT / "assignments").glob("*.ipynb")) == NAMES
    assert sorted(p.stem for p in (ROOT / "solutions").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_points_are_ten(name: str):
    tasks = read_assignment(name, shipped()).tasks
    assert sum(task.points for task in tasks) == 10
    assert 4 <= len(tasks) <= 8


@pytest.mark.parametrize("name", NAMES)
def test_untouched_it_earns_nothing_and_every_task_says_why(name: str):
    grade = grade_file(ROOT / "assignments" / f"{name}.ipynb")
    assert grade.problem == ""
    assert grade.notes == []
    assert (grade.score, grade.points) == (0, 10)
    assert {(r.verdict, r.message) for r in grade.results} == {
        ("not answered", "not answered yet")
    }


@pytest.mark.parametrize("name", NAMES)
def test_solved_it_earns_all_points(name: str):
    grade = grade_file(ROOT / "solutions" / f"{name}.ipynb", seed=20261121)
    assert [r.message for r in grade.results if r.verdict != "right"] == []
    assert grade.notes == []
    assert grade.is_full


def test_an_answer_that_renames_its_check_earns_nothing(tmp_path: Path):
    notebook = nbformat.read(ROOT / "assignments" / "01_sliding_windows.ipynb", 4)
    answer = next(
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "window_sums"
    )
    answer.source = "check_window_sums = window_sums = print"
    path = tmp_path / "01_sliding_windows.ipynb"
    nbformat.write(notebook, path)
    result = next(r for r in grade_file(path).results if r.name == "window_sums")
    assert (result.score, result.verdict) == (0, "wrong")
    assert "expected a tensor" in result.message
