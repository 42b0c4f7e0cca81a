"""The command on a class: whole runs in isolation, and how each of them ends."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import psutil
import pytest
from small_assignment import cell
from typer.testing import CliRunner, Result

from course_grading.classroom.isolated_grader import refuse_weak_isolation
from course_grading.cli import app
from course_grading.isolation.layers import PROMISES, ROOT, STOPS, layer
from course_grading.running.outcome import GraderError

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="isolated grading needs fork"
)
WRONG = {"add": "def add(a, b):\n    return a - b"}
Submit = Callable[..., Path]
TIMES = {"seconds"}


@pytest.fixture
def course(tmp_path, monkeypatch, released) -> Callable[..., Result]:
    """The command, with the small assignment, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str | Path) -> Result:
        words = ["grade", *map(str, arguments), "--reference", str(released)]
        return CliRunner().invoke(app, words)

    return invoke


@pytest.fixture
def make_class(submit: Submit, tmp_path) -> Callable[..., Path]:
    def write(**answers: dict[str, str]) -> Path:
        for student, changed in answers.items():
            folder = tmp_path / "class" / student
            folder.mkdir(parents=True)
            shutil.copy(submit(changed), folder / "90_small.ipynb")
        return tmp_path / "class"

    return write


def read_grades(folder: Path) -> list[dict[str, Any]]:
    content = json.loads((folder / "grades.json").read_text(encoding="utf-8"))
    return content["grades"]


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def test_a_class_is_graded_and_every_file_is_a_row(course, make_class, tmp_path):
    folder = make_class(ada={}, bob=WRONG)
    (folder / "eve").mkdir()
    (folder / "eve" / "90_small.ipynb").write_text('{"cells": [')
    (folder / "zoe").mkdir()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = course(folder, "--jobs", "1", "--json", "all.json")
    assert done.exit_code == 0, done.output
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    grades = read_grades(tmp_path / "grades-class")
    assert [g["student"] for g in grades] == ["ada", "bob", "eve", "zoe"]
    assert [g["score"] for g in grades] == [10, 8, 0, 0]
    assert "No notebook was handed in" in grades[3]["problem"]
    assert json.loads(Path("all.json").read_text())["grades"] == grades
    records = [g["record"] for g in grades if g["record"]]
    assert f"Seed {records[0]['seed']}." in done.output
    assert {r["seed"] for r in records} == {records[0]["seed"]}
    assert {r["way"] for r in records} == {"isolated"}
    with (tmp_path / "grades-class" / "gradebook.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 5


# The check asks whether to wait; then it waits until somebody writes into the gate.
ASKED = (
    "check('double', double(4), 8)\nif double(0) == 'wait':\n    open({gate!r}).read()"
)
WAITS = {"double": "def double(x):\n    return 2 * x if x else 'wait'"}


@pytest.fixture
def gated(released, tmp_path) -> tuple[Path, Path]:
    """A release with a check that can be made to wait, and the gate: a named pipe."""
    gate, folder = tmp_path / "gate", tmp_path / "gated"
    os.mkfifo(gate)
    notebook = nbformat.read(released / "90_small.ipynb", as_version=4)
    cell(notebook, "check_double").source = ASKED.format(gate=str(gate))
    folder.mkdir()
    nbformat.write(notebook, folder / "90_small.ipynb")
    return folder, gate


def wait_at(gate: Path, run: subprocess.Popen[str]) -> int:
    """The gate, open for writing, once a process reads from it: so it waits there."""
    while run.poll() is None:
        try:
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody has opened it for reading
            time.sleep(0.05)
    raise AssertionError("the run ended, and nobody waited")


@pytest.fixture
def interrupted(make_class, gated, tmp_path) -> tuple[Path, str]:
    """A class of which a part is graded, and what its run said."""
    released, gate = gated
    folder = make_class(**{f"s{n}": {2: WAITS, 0: WRONG}.get(n, {}) for n in range(6)})
    command = [
        sys.executable,
        "-c",
        "from course_grading.cli import app; app()",
        "grade",
    ]
    options = ["--jobs", "1", "--reference", str(released)]
    with subprocess.Popen(
        [*command, "class", *options], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as run:
        journal = tmp_path / "grades-class" / "results.jsonl"
        writer = wait_at(gate, run)
        while journal.read_text().count("\n") < 3:  # of the two before the gate
            time.sleep(0.05)
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=600)
    assert run.returncode == 130, said
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []
    os.close(writer)
    gate.unlink()
    gate.touch()  # whoever reads it now does not wait
    return folder, said


def test_ctrl_c_keeps_what_is_done_and_resuming_ends_with_the_same_report(
    interrupted, gated, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder, said = interrupted
    assert "give the same command with --resume to go on" in said
    assert "Traceback" not in said
    options = [folder.name, "--jobs", "1"]

    def course(*words: str) -> Result:
        arguments = ["grade", *words, "--reference", str(gated[0])]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})

    refused = course(*options)
    assert refused.exit_code == 2
    assert "Add --resume" in refused.output
    resumed = course(*options, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert "2 of 6 were graded before" in resumed.output
    grades = read_grades(tmp_path / "grades-class")
    seed = str(grades[0]["record"]["seed"])
    course(*options, "--seed", seed, "--reports", "whole")
    assert timeless(grades) == timeless(read_grades(tmp_path / "whole"))
    assert [g["score"] for g in grades] == [8, 10, 10, 10, 10, 10]


def test_one_file_in_isolation(course, submit, tmp_path):
    wrong = submit(WRONG)
    done = course(wrong, "--isolated", "--reports", "one", "--seed", "4")
    assert done.exit_code == 1, done.output
    assert "8 of 10 points" in done.output
    grade = json.loads((tmp_path / "one" / "grade.json").read_text())
    assert (grade["score"], grade["record"]["way"]) == (8, "isolated")
    assert grade["record"]["seed"] == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["class", "no-such"], "There is no file or folder no-such."),
        (["empty"], "No submission was found in empty."),
        (["class", "--reports", "class/reports"], "Name a folder apart from them"),
        (["class", "--reports", "."], "Name a folder apart from them"),
        (["class", "--json", "class/ada/90_small.ipynb"], "--json names the notebook"),
        (["class", "--reports", "file"], "Reports cannot be written to file"),
        (["class", "--reference", "empty"], "There is no released assignment"),
        (["class", "--reference", "no"], "There is no folder no with released"),
        (["class", "--scheduler", "nonsense://x"], "No Dask scheduler answers"),
    ],
)
def test_a_run_that_cannot_begin_says_why(arguments, sentence, make_class, course):
    make_class(ada={})
    Path("empty").mkdir()
    Path("file").touch()
    words = ["grade", *arguments] if "--reference" in arguments else []
    done = CliRunner().invoke(app, words) if words else course(*arguments)
    assert done.exit_code == 2
    assert sentence in done.output.replace("\n", " ")


def test_isolation_that_is_required_is_complete_or_refused():
    every = tuple(layer(name) for name in STOPS)
    without = tuple(
        layer(name, "no such kernel" if name in ("landlock files", ROOT) else "")
        for name in STOPS
    )

    def warm(layers: Any) -> Any:
        child = SimpleNamespace(layers=layers, end=lambda: None)
        return SimpleNamespace(start_child=lambda: child)

    refuse_weak_isolation(warm(every))
    with pytest.raises(GraderError, match=r"landlock files \(no such kernel\)") as why:
        refuse_weak_isolation(warm(without))
    assert "it cannot write outside its own folder" in str(why.value)


def test_the_doctor_tells_how_well_submissions_are_locked_in():
    shown = CliRunner().invoke(app, ["doctor", "--isolation"], env={"COLUMNS": "120"})
    broken = shown.output.count("not promised: ")
    expected = STOPS.keys() - {ROOT}  # which is only there without Landlock
    assert [name for name in expected if name not in shown.output] == []
    assert shown.output.count("yes: ") == len(PROMISES) - broken
    assert shown.exit_code == (1 if broken else 0)
