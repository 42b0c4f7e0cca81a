"""What all commands share: the terminal, files of results, and ending with a word."""

import io
import os
import sys
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console


def terminal(*, stderr: bool = False) -> Console:
    """The output or error stream, with "?" for letters that it cannot show.

    Windows writes to files and pipes in an encoding of few letters.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr)


def refuse_overwriting(file: Path, json_file: Path | None) -> None:
    """End where the result would be written over the learner's notebook."""
    if json_file is None or not json_file.exists() or not file.exists():
        return
    if json_file.samefile(file):
        complain(f"--json names the notebook itself, {file.name}; name another file.")


def write_result(path: Path, text: str) -> None:
    """Write a text file; end with a sentence where that is not possible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"The result cannot be written to {path}: {error.strerror}.")


def add_to_job_summary(text: str) -> None:
    """Put Markdown on the page of a GitHub Actions job, where this runs in one."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def complain(sentence: str, *, status: int = 2) -> NoReturn:
    """Print a sentence on the error stream and end."""
    terminal(stderr=True).print(sentence, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status)
