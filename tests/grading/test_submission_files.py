"""A file that is no notebook ends in one sentence, status 2, and 0 points."""

import gzip
import json
import os
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from course_grading.cli import app
from course_grading.submission.reading import UngradableError, read_submission

FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "zeros": (bytes(5000), "is empty"),
    "no JSON": (b"print('hello')", "is not a notebook"),
    "cut off": (b'{"cells": [{"cell_type": "code",', "breaks off"),
    "a list": (b"[1, 2]", "not a notebook: it has no cells"),
    "other JSON": (b'{"name": 1}', "not a notebook: it has no cells"),
    "deep": (b"[" * 200_000, "nested too deeply"),
    "a huge number": (b"1" * 5000, "not a notebook: it has no cells"),
    "many values": (b"[" + b"[]," * 2_000_000 + b"0]", "millions of values"),
    "random": (random.Random(0).randbytes(5000), "is not a notebook"),
    "an archive": (b"PK\x03\x04 and so on", "is an archive; unpack it"),
    "compressed": (gzip.compress(bytes(10**7)), "is an archive; unpack it"),
    "a PDF": (b"%PDF-1.7", "is a PDF; hand in the notebook"),
    "a web page": (b"\n<!DOCTYPE html><html>", "is a web page; hand in the notebook"),
    "a program": (b"# coding: utf-8\n# In[1]:", "is a Python or text file; hand in"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git"),
}


def run(path: Path, released: Path, *more: str) -> tuple[int, str]:
    arguments = ["grade", str(path), "--reference", str(released), *more]
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


def test_a_file_that_is_too_large_is_not_read(released, tmp_path):
    path = tmp_path / "work.ipynb"
    with path.open("wb") as file:
        file.truncate(65 * 2**20)
    code, output = run(path, released)
    assert (code, "is larger than 64 MB" in output) == (2, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_does_not_block(released, tmp_path):
    path = tmp_path / "work.ipynb"
    os.mkfifo(path)
    code, output = run(path, released)
    assert (code, "is no ordinary file" in output) == (2, True)


def test_a_folder(tmp_path):
    with pytest.raises(UngradableError, match="is a folder; name one notebook file"):
        read_submission(tmp_path)


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
