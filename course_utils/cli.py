"""The command `course`: grade an assignment, look at the computer."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

app = typer.Typer(
    help="Commands of the course Boxes to Meshes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.command()
def grade(  # noqa: PLR0917, the options of a command
    file: Annotated[Path, typer.Argument(help="The notebook with your answers.")],
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the result as JSON."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one cell.")
    ] = 60.0,
    total_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for the whole file.")
    ] = 600.0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Draw the random cases of the checks anew."),
    ] = None,
    released: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Released assignments of your own."),
    ] = None,
) -> None:
    """Grade a notebook; your file is not changed.

    Exit status: 0 for full marks, 1 for fewer, 2 where it cannot be graded.
    """
    from course_utils.grading.grade import grade_file
    from course_utils.grading.outcome import Limits
    from course_utils.grading.report import as_json, print_grade

    refuse_overwriting(file, json_file)
    limits = Limits(cell=timeout, total=total_timeout)
    console = terminal()
    with console.status(Text(f"Grading {file.name} ...")):
        result = grade_file(file, released=released, limits=limits, seed=seed)
    print_grade(result, console)
    if json_file is not None:
        write(json_file, as_json(result))
    if not result.is_full:
        raise typer.Exit(2 if result.problem else 1)


@app.command()
def doctor() -> None:
    """Show versions, device and budget, and how to get what is missing.

    Exit status: 1 where something that the course requires is missing or too old.
    """
    from course_utils.doctor import examine, print_report

    report = examine()
    print_report(report, terminal())
    if not report.is_healthy:
        raise typer.Exit(1)


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


def write(path: Path, text: str) -> None:
    """Write a text file; end with a sentence where that is not possible."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"The result cannot be written to {path}: {error.strerror}.")


def complain(sentence: str) -> None:
    """Print a sentence on the error stream and end with status 2."""
    terminal(stderr=True).print(sentence, style="red", markup=False)
    raise typer.Exit(2)
