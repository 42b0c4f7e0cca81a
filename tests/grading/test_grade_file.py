"""Whole gradings: each case runs once under nbval, and several tests look at it."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from nbformat import v4
from small_assignment import RIGHT, STUBS, cell
from typer.testing import CliRunner

from course_grading.cli import app
from course_grading.grade import grade_file
from course_grading.running import nbval as nbval_run
from course_grading.running.outcome import Limits
from course_grading.running.verdict import Grade
from course_utils.checking import check

Graded = Callable[[str], Grade]
LIMITS = Limits(cell=6, total=240)
MARK = "of-a-grading-test"
WRONG = {
    "double": "def double(x):\n    return x",
    "add": "def add(a, b):\n    return a - b",
    "sides": "sides = 5",
    "last": "def last(x):\n    return x[0]",
}
LOOP = "def double(x):\n    while True:\n        try:\n            while True: pass"
STUBBORN = LOOP + "\n        except BaseException: pass"
LEAVES_A_CHILD = (
    "import os, subprocess, sys\n"
    f"sleep = [sys.executable, '-c', 'import time; time.sleep(600)', '{MARK}']\n"
    "subprocess.Popen(sleep, start_new_session=True)\n"
    "def add(a, b):\n    os._exit(0)"
)


def evade(notebook: Any) -> None:
    """Each check in another way kept from failing, and an error excused by a tag."""
    cell(notebook, "check_double").source = "print('double: right.')"
    cell(notebook, "check_add").metadata["tags"] = ["skip-execution"]
    cell(notebook, "check_sides").cell_type = "markdown"
    notebook.cells.remove(cell(notebook, "check_last"))
    skip = v4.new_code_cell("# NBVAL_SKIP\nsides = 5")
    notebook.cells.append(skip)


def with_own_cells(notebook: Any) -> None:
    """Cells that warn, fail, and end the kernel, beside right answers."""
    for place, source in (
        (2, "import warnings\nwarnings.warn('mind this')\n!echo oops 1>&2"),
        (5, "1 / 0"),
        (8, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"),
        (11, "quit()"),
    ):
        notebook.cells.insert(place, v4.new_code_cell(source))
    cell(notebook, "last").source = "# NBVAL_SKIP\n" + RIGHT["last"]


def careless(notebook: Any) -> None:
    """Without any metadata, a cell copied, a check gone, an unknown kernel."""
    for each in notebook.cells:
        each.metadata = {}
    notebook.cells.insert(3, v4.new_code_cell(STUBS["double"]))
    del notebook.cells[-1]
    notebook.metadata = {"kernelspec": {"name": "no-such-kernel"}}


MIXED = {
    "double": WRONG["double"],
    "add": "def add(a, b):\n    return helper(a)\n= 2",
    "sides": "raise NotImplementedError",
    "last": "def last(x):\n    print('\\x1b[31m[bold]')\n    return 1 / 0",
}
CASES: dict[str, tuple[dict[str, str], Callable[[Any], None] | None]] = {
    "right": ({}, None),
    "mixed": (MIXED, None),
    "evading": (WRONG, evade),
    "hanging": ({"double": STUBBORN, "add": LEAVES_A_CHILD}, None),
    "own cells": ({}, with_own_cells),
    "careless": ({}, careless),
}


@pytest.fixture(scope="module")
def graded(submit, released: Path) -> Graded:
    @functools.cache
    def grade(case: str) -> Grade:
        answers, change = CASES[case]
        return grade_file(submit(answers, change), released=released, limits=LIMITS)

    return grade


def verdicts(grade: Grade) -> list[tuple[int, str]]:
    return [(result.score, result.verdict) for result in grade.results]


def messages(grade: Grade) -> list[str]:
    return [result.message for result in grade.results]


def test_right_answers_get_all_points_and_the_words_of_the_checks(graded: Graded):
    grade = graded("right")
    assert verdicts(grade) == [(n, "right") for n in (1, 2, 3, 4)]
    assert messages(grade)[:3] == ["double: right.", "add: right.", "sides: right."]
    assert grade.is_full
    assert grade.notes == []


def test_each_kind_of_failure_has_its_own_words(graded: Graded):
    grade = graded("mixed")
    kinds = ["wrong", "error", "not answered", "error"]
    assert [verdict for _, verdict in verdicts(grade)] == kinds
    wrong, broken, _, raised = messages(grade)
    assert wrong == "double: received 4, expected 8"
    assert broken == "its cell raised SyntaxError: invalid syntax (line 3)"
    assert raised == "the check raised ZeroDivisionError: division by zero"


def test_no_edited_deleted_or_skipped_check_gives_a_point(graded: Graded):
    grade = graded("evading")
    assert verdicts(grade) == [(0, "wrong")] * 4
    said = " ".join(grade.notes)
    assert "The check of double was changed" in said
    assert "The check of sides was changed" in said
    assert "The check of last is not in the file any more" in said


def test_a_loop_and_a_dead_kernel_cost_only_their_own_tasks(graded: Graded):
    grade = graded("hanging")
    expected = [(0, "time limit"), (0, "crash"), (3, "right"), (4, "right")]
    assert verdicts(grade) == expected
    assert "longer than the 6 s for a cell" in messages(grade)[0]
    assert "ended the Python process" in messages(grade)[1]


def test_nothing_is_left_running(graded: Graded):
    graded("hanging")
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if MARK in (process.info["cmdline"] or []):
            found.append(process)  # it may be ending; if not, it sleeps for long
    _, left = psutil.wait_procs(found, timeout=60)
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []


def test_own_cells_that_warn_fail_or_end_the_kernel_cost_nothing(graded: Graded):
    grade = graded("own cells")
    assert [score for score, _ in verdicts(grade)] == [1, 2, 3, 4]
    failed, killed, left = grade.notes
    assert failed.endswith("raised ZeroDivisionError: division by zero")
    assert "was left out: it ended the Python process" in killed
    assert "raised SystemExit" in left


def test_a_careless_file_is_graded_as_its_author_meant_it(graded: Graded):
    grade = graded("careless")
    assert [score for score, _ in verdicts(grade)] == [1, 2, 3, 4]


@pytest.mark.parametrize("case", ["right", "mixed"])
def test_plain_nbval_on_the_file_agrees(case, graded, submit, tmp_path):
    answers, change = CASES[case]
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(settings)]
    more = ["--nbval-lax", "--nbval-current-env", str(submit(answers, change))]
    plain = subprocess.run([*command, *more], check=False, stdout=subprocess.DEVNULL)
    assert plain.returncode == (0 if graded(case).is_full else 1)


def test_the_command_leaves_the_file_alone_and_writes_the_result(
    submit, released, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    seeded = "import os\nassert os.environ['COURSE_CHECK_SEED'] == '7'\n"
    path = submit({"add": WRONG["add"], "double": seeded + RIGHT["double"]})
    os.utime(path, ns=(10**18, 10**18))
    before, result = path.read_bytes(), tmp_path / "result.json"
    arguments = ["grade", str(path), "--json", str(result), "--seed", "7"]
    done = CliRunner().invoke(app, [*arguments, "--reference", str(released)])
    assert done.exit_code == 1
    assert "8 of 10 points" in done.output
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == 10**18
    assert [f.name for f in path.parent.iterdir()] == [path.name]
    written = json.loads(result.read_text(encoding="utf-8"))
    assert (written["file"], written["score"], written["points"]) == (str(path), 8, 10)
    task = written["tasks"][1]
    assert (task["name"], task["points"], task["score"]) == ("add", 2, 0)
    assert task["message"] == "add: received -1, expected 3"


def test_the_time_for_the_file_ends_the_run(submit, released):
    path = submit({"double": "import time\ntime.sleep(10**6)"})
    grade = grade_file(path, released=released, limits=Limits(cell=10**6, total=1))
    first, *others = (result.verdict for result in grade.results)
    assert first in ("time limit", "not run")  # where the machine is that slow
    assert others == ["not run"] * 3
    assert grade.score == 0


class NeverEnds:
    """A run of nbval that goes on."""

    output = Path()

    def has_ended(self) -> bool:
        return False


def test_the_cell_that_runs_when_the_time_is_over_is_told_why(tmp_path):
    events = [
        {"event": "kernel", "pid": os.getpid()},
        {"event": "start", "cell": "given"},
        {"event": "end", "cell": "given", "error": "", "message": "", "printed": ""},
        {"event": "start", "cell": "double"},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    family: Any = NeverEnds()
    result = nbval_run.follow_run(family, path, limits=Limits(total=7), left=-1)
    assert (result.guilty, result.outcomes.keys()) == ("double", {"given"})
    assert "what was left of the 7 s for the file" in result.ended.message
    result = nbval_run.follow_run(family, path, limits=Limits(cell=-1), left=100)
    assert "longer than the -1 s for a cell" in result.ended.message


def test_a_kernel_that_cannot_start_is_not_the_learners_fault(
    submit, released, monkeypatch
):
    command = [sys.executable, "-c", "print('no kernel here')"]
    monkeypatch.setattr(nbval_run, "pytest_command", lambda *_: command)
    grade = grade_file(submit(), released=released, limits=LIMITS)
    assert "could not be run under nbval" in grade.problem
    assert "no kernel here" in grade.problem
    assert not grade.is_full


def test_the_seed_goes_to_the_variable_that_the_checks_read():
    assert nbval_run.SEED_VARIABLE == check.SEED_VARIABLE
