"""What is decided in one round stays decided, in both ways of running a notebook."""

import os
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from small_assignment import cell, marks

from course_grading.grade import grade_file, grade_isolated
from course_grading.isolation.warm import Warm
from course_grading.restoring.answers import Answer
from course_grading.restoring.restore import Restored
from course_grading.running.outcome import CellOutcome, Limits
from course_grading.running.rounds import RoundResult, run_rounds
from course_grading.running.verdict import Grade, judge
from course_grading.submission.assignment import Assignment, Cell, GradedTask

CELLS = [
    Cell("code", "def a(): pass", "a"),
    Cell("code", "check(a)", "check_a"),
    Cell("code", "def b(): pass", "b"),
    Cell("code", "check(b)", "check_b"),
]
TASKS = (GradedTask("a", "check_a", 5), GradedTask("b", "check_b", 5))
PASSED = CellOutcome("passed", printed="right")
HANGS = CellOutcome("timeout", message="it ran too long")
ENDS = CellOutcome("died")


def run_script(*script: RoundResult) -> tuple[Grade, list[list[Cell]]]:
    """The grade of two tasks whose rounds end as the script says; what each ran."""
    answers = {"a": Answer(CELLS[0].source, 0), "b": Answer(CELLS[2].source, 2)}
    restored = Restored(Assignment("x", tuple(CELLS), TASKS), CELLS, answers)
    ran: list[list[Cell]] = []

    def run_once(cells: list[Cell]) -> RoundResult:
        ran.append(cells)
        return script[len(ran) - 1]

    outcomes = run_rounds(restored, run_once, is_time_over=lambda: False)
    assert len(ran) == len(script)
    return judge("file", restored, outcomes), ran


def verdicts(grade: Grade) -> list[tuple[int, str]]:
    return [(result.score, result.verdict) for result in grade.results]


def test_an_answer_that_was_right_stays_right_though_it_hangs_later():
    grade, _ = run_script(
        RoundResult({"a": PASSED, "check_a": PASSED}, "b", HANGS),
        RoundResult({}, "a", HANGS),
        RoundResult({"a": PASSED, "b": PASSED}),
    )
    assert verdicts(grade) == [(5, "right"), (0, "time limit")]


def test_an_answer_that_was_wrong_stays_wrong_though_it_is_right_later():
    wrong = CellOutcome("failed", "CheckFailed", "a: no")
    grade, _ = run_script(
        RoundResult({"a": PASSED, "check_a": wrong}, "check_b", HANGS),
        RoundResult({"a": PASSED, "check_a": PASSED, "b": PASSED}),
    )
    assert verdicts(grade) == [(0, "wrong"), (0, "time limit")]


def test_a_verdict_stands_though_the_process_ends_right_after_it():
    grade, ran = run_script(
        RoundResult({"a": PASSED, "check_a": PASSED}, "check_a", ENDS),
        RoundResult({"a": PASSED, "b": PASSED, "check_b": PASSED}),
    )
    assert verdicts(grade) == [(5, "right"), (5, "right")]
    assert [c.grade_id for c in ran[1] if not c.source] == ["check_a"]


GIVEN = "import os\nMARKER = {marker!r}"
ANSWERS = {
    "first": "while os.path.exists(MARKER):\n    pass\ndef first():\n    return 1",
    "second": "def second():\n    while True:\n        pass",
    "third": "def third():\n    return 3",
}
CHECKS = {
    "first": "assert first() == 1\nprint('first: right.')",
    # Whoever runs the check leaves the mark, so that it outlives the round.
    "second": "open(MARKER, 'w').close()\nassert second() == 2",
    "third": "assert third() == 3",
}
LIMITS = Limits(cell=5, call=5, task=20, total=240, memory_mb=600)


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """An answer that hangs from the second round on, because another one hung."""
    marker = tmp_path / "seen" / "marker"
    marker.parent.mkdir()
    given = GIVEN.format(marker=str(marker))
    cells = [v4.new_code_cell(given, metadata=marks("given"))]
    for name, check in CHECKS.items():
        answer = marks(name, solution=True, locked=False)
        graded = marks(f"check_{name}", grade=True, points=1)
        cells += [
            v4.new_code_cell("raise NotImplementedError", metadata=answer),
            v4.new_code_cell(check, metadata=graded),
        ]
    notebook = v4.new_notebook(cells=cells)
    (tmp_path / "released").mkdir()
    nbformat.write(notebook, tmp_path / "released" / "95_marked.ipynb")
    for name, source in ANSWERS.items():
        cell(notebook, name).source = source
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    return tmp_path


@pytest.mark.parametrize("way", ["nbval", "isolated"])
def test_both_ways_keep_what_was_right_in_the_first_round(way: str, marked: Path):
    path, released = marked / "mine.ipynb", marked / "released"
    if way == "nbval":
        grade = grade_file(path, released=released, limits=LIMITS)
    elif not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    else:
        with Warm(limits=LIMITS, extra_readable=[marked / "seen"]) as warm:
            grade = grade_isolated(path, warm=warm, released=released, limits=LIMITS)
    assert (marked / "seen" / "marker").exists()
    assert verdicts(grade) == [(1, "right"), (0, "time limit"), (1, "right")]
    assert grade.results[0].message == "first: right."
