"""The isolated way: the checks here, the learner's code in a process of its own."""

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

import nbformat
import pytest
from nbformat import v4
from small_assignment import RIGHT, cell, marks

from course_grading.grade import grade_isolated
from course_grading.isolation.clock import Clock
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import GraderError, Limits
from course_grading.running.verdict import Grade

# What hangs meets the limit of a cell or a call; nobody else should meet any.
LIMITS = Limits(cell=6, call=6, task=100, total=600, memory_mb=600, output_kb=100)
WRONG = {
    "double": "def double(x):\n    return x",
    "add": "def add(a, b):\n    return helper(a)\n= 2",
    "sides": "raise NotImplementedError",
    "last": "def last(x):\n    return 1 / 0",
}


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
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


HANGS = "def double(x):\n    while True:\n        try:\n            while True: pass"
BREAKS = {
    "time limit": HANGS + "\n        except BaseException: pass",
    "memory limit": "def double(x):\n    return len(bytearray(2**40))",
    "output limit": "def double(x):\n    while True: print('x' * 1000)",
    "crash": "import os\ndef double(x):\n    os._exit(0)",
}
IN_THE_CELL = {
    "time limit": "while True: pass",
    "memory limit": "double = bytearray(2**40)",
    "output limit": "while True: print('x' * 1000)",
    "crash": "import os\nos.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("answers", [BREAKS, IN_THE_CELL], ids=["call", "cell"])
@pytest.mark.parametrize("verdict", BREAKS)
def test_each_limit_costs_its_own_task_alone(grade, answers, verdict: str):
    result = grade({"double": answers[verdict]})
    others = [(n, "right") for n in (2, 3, 4)]
    if verdict == "crash" and answers is IN_THE_CELL and sys.platform == "linux":
        others[0:0] = [(0, "crash")]  # the first process of a namespace ignores it
        assert verdicts(result) in (others, [(0, "error"), *others[1:]])
        return
    assert verdicts(result) == [(0, verdict), *others]


LATER = "import threading, os\nthreading.Timer(0.3, os._exit, [1]).start()\n"
SLOW = "import time\ndef add(a, b):\n    time.sleep(0.8)\n    return a + b"


def test_a_task_is_not_blamed_for_what_another_started(grade):
    result = grade({"double": LATER + RIGHT["double"], "add": SLOW})
    assert verdicts(result)[1:] == [(n, "right") for n in (2, 3, 4)]


def test_own_cells_cost_nothing(grade):
    def change(notebook):
        for place, source in (
            (2, "import warnings\nwarnings.warn('mind this')\n!echo oops 1>&2"),
            (5, "1 / 0"),
            (8, "import os\nos._exit(3)"),
            (11, "quit()"),
            (12, "%%bash\nrm -rf /"),
            (13, "%matplotlib inline\nimport sys\nprint('x' * 500, file=sys.stderr)"),
            (14, "%time check('double', double(1), 5)\ninput('?')"),
        ):
            notebook.cells.insert(place, v4.new_code_cell(source))

    result = grade({"last": "!ls\n%pip install x\n" + RIGHT["last"]}, change)
    assert verdicts(result) == [(n, "right") for n in (1, 2, 3, 4)]
    failed, ended, left, *_ = result.notes
    assert failed.endswith("raised ZeroDivisionError: division by zero")
    assert "was left out: it ended the Python process" in ended
    assert "raised SystemExit" in left


def test_the_time_for_the_file_ends_the_run(submit, released, warm):
    limits = replace(LIMITS, total=1, cell=30)
    path = submit({"double": "import time\ntime.sleep(600)"})
    result = grade_isolated(path, warm=warm, released=released, limits=limits)
    first, *others = (each.verdict for each in result.results)
    assert first in ("time limit", "not run")  # where the machine is that slow
    assert others == ["not run"] * 3


def test_many_calls_share_the_time_of_a_task(submit, released, warm):
    limits = replace(LIMITS, task=6, call=500, cell=500)
    path = submit({"add": "import time\ndef add(a, b):\n    time.sleep(500)"})
    result = grade_isolated(path, warm=warm, released=released, limits=limits)
    assert result.results[1].message.startswith("stopped: it ran longer than the 6 s")
    assert verdicts(result)[2:] == [(3, "right"), (4, "right")]


def test_the_limit_that_is_met_first_is_named():
    limits = Limits(cell=10, call=20, task=30, total=40)
    ends = {"file": 0.0, "task": 0.0}
    for over in ends:
        clock = Clock(limits, **{f"{name}_end": inf for name in ends})
        setattr(clock, f"{over}_end", 0.0)
        left, why = clock.left("cell")
        assert left == 0
        assert f"for {'the file' if over == 'file' else 'a task'}" in why
        assert clock.is_over() == (over == "file")
    assert Clock(limits, inf).left("call") == (
        20,
        "it ran longer than the 20 s for a call",
    )


def test_a_grade_says_how_it_came_about(submit, released, warm):
    path = submit({"add": "raise ValueError"})
    result = grade_isolated(path, warm=warm, released=released, seed=7)
    record = result.record
    assert record is not None
    assert (record.way, record.seed, record.assignment) == ("isolated", 7, "90_small")
    assert record.submission == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(record.release) == 64
    assert set(record.layers) | record.missing.keys() >= {"memory limit"}
    assert {"python", "torch", "boxes-to-meshes"} <= record.versions.keys()
    assert record.seconds > 0
    assert all(each.seconds > 0 for each in result.results)


GIVEN = """
import os
WORDS = ["a", "b"]
def check_seeded(answer):
    assert os.environ["COURSE_CHECK_SEED"] == "7", "no seed"
    assert "COURSE_CHECK_SEED" not in answer(), "the seed went to the learner"
def all_right():
    assert table == {1: 2} and keep(3) == 3, table
"""
ANSWERS = {
    "see": "import os\ndef see():\n    return dict(os.environ)",
    "table": "def keep(x):\n    return x\ntable = {1: keep(2)}\nWORDS = 5",
    "words": "words = WORDS",
}
CHECKS = {
    "see": "check_seeded(see)",
    "table": "doubled = [2 * n for n in table]\nassert doubled == [2]\nall_right()",
    "words": "assert words == 5 and WORDS == ['a', 'b'] and doubled == [2]",
}


@pytest.fixture
def of_its_own(tmp_path: Path) -> Path:
    """An assignment whose checks use functions and values of its given cell."""
    cells = [v4.new_code_cell(GIVEN, metadata=marks("given"))]
    for name in ANSWERS:
        answer = marks(name, solution=True, locked=False)
        check = marks(f"check_{name}", grade=True, points=1)
        cells += [
            v4.new_code_cell("raise NotImplementedError", metadata=answer),
            v4.new_code_cell(CHECKS[name], metadata=check),
        ]
    notebook = v4.new_notebook(cells=cells)
    folder = tmp_path / "released"
    folder.mkdir()
    nbformat.write(notebook, folder / "92_own.ipynb")
    for name, source in ANSWERS.items():
        cell(notebook, name).source = source
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    return tmp_path


def test_given_functions_stay_with_the_grader_and_ask_the_learner(of_its_own, warm):
    result = grade_isolated(
        of_its_own / "mine.ipynb",
        warm=warm,
        released=of_its_own / "released",
        limits=LIMITS,
        seed=7,
    )
    assert [each.message for each in result.results] == [""] * 3
    assert result.is_full


def test_a_broken_assignment_is_the_graders_fault(of_its_own, warm):
    path = of_its_own / "released" / "92_own.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell(notebook, "given").source = "1 / 0"
    nbformat.write(notebook, path)
    with pytest.raises(GraderError, match="does not run in the grader: ZeroDiv"):
        grade_isolated(
            of_its_own / "mine.ipynb", warm=warm, released=path.parent, limits=LIMITS
        )
