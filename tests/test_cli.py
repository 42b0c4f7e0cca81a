"""What the command `course` writes, on any computer."""

import io
import sys

import pytest

from course_grading.cli import output


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_letters_that_a_stream_lacks_are_no_error(name: str, monkeypatch):
    """A pipe on Windows knows a cross, as in 3 x 4, but no arrow."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="cp1252")
    monkeypatch.setattr(sys, name, stream)
    console = output.terminal(stderr=name == "stderr")
    console.print("3 \N{MULTIPLICATION SIGN} 4 \u2192 12")
    stream.flush()
    assert written.getvalue().rstrip() == b"3 \xd7 4 ? 12"
