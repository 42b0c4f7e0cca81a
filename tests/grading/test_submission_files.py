"""A file that is no notebook ends in one sentence, status 2, and 0 points."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_utils.cli import app

CONFLICT = b'{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> other\n]}'
FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "no JSON": (b"print('hello')", "is not a notebook"),
    "cut off": (b'{"cells": [{"cell_type": "code",', "breaks off"),
    "conflict": (CONFLICT, "conflict markers"),
    "Latin-1": ('{"cells": ["größer"]}'.encode("latin-1"), "UTF-8"),
    "a list": (b"[1, 2]", "not a notebook: it has no cells"),
    "other JSON": (b'{"name": 1}', "not a notebook: it has no cells"),
    "deep": (b"[" * 200_000, "nested too deeply"),
    "a huge number": (b"1" * 5000, "is not a notebook"),
}


def run(path: Path, released: Path, *more: str) -> tuple[int, str]:
    arguments = ["grade", str(path), "--released", str(released), *more]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("name", ["90_small.ipynb", "work.ipynb"])
def test_a_file_that_is_no_notebook(case, name, released, tmp_path):
    data, fragment = FILES[case]
    path, result = tmp_path / name, tmp_path / "result.json"
    path.write_bytes(data)
    code, output = run(path, released, "--json", str(result))
    assert code == 2
    assert fragment in output
    assert "Traceback" not in output
    written = json.loads(result.read_text(encoding="utf-8"))
    assert (written["file"], written["score"]) == (str(path), 0)
    is_known = name == "90_small.ipynb"
    assert written["points"] == (10 if is_known else 0)
    assert [task["score"] for task in written["tasks"]] == [0] * 4 * is_known
    assert all(fragment in task["message"] for task in written["tasks"])


def test_a_file_that_is_not_there(released, tmp_path):
    code, output = run(tmp_path / "work.ipynb", released)
    assert (code, "There is no file work.ipynb" in output) == (2, True)


def test_a_folder(released, tmp_path):
    code, output = run(tmp_path, released)
    assert (code, "is a folder; name one notebook file" in output) == (2, True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="reads every file")
def test_a_file_that_may_not_be_read(submit, released):
    path = submit()
    path.chmod(0)
    code, output = run(path, released)
    assert (code, "cannot be read" in output) == (2, True)


def test_a_notebook_of_another_course(released, tmp_path):
    path = tmp_path / "work.ipynb"
    path.write_text('{"cells": [], "nbformat": 4}')
    code, output = run(path, released)
    assert (code, "Known are: 90_small, 91_other" in output) == (2, True)


def test_the_result_is_never_written_over_the_notebook(submit, released):
    path = submit()
    before = path.read_bytes()
    code, output = run(path, released, "--json", str(path))
    assert (code, "name another file" in output) == (2, True)
    assert path.read_bytes() == before
