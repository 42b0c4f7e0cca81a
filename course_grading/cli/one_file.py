"""Grading one notebook from the command line."""

from pathlib import Path

import typer
from rich.text import Text

from course_grading.classroom.folder import refuse_overlap
from course_grading.classroom.settings import ClassSettings
from course_grading.cli.output import (
    add_to_job_summary,
    complain,
    refuse_overwriting,
    terminal,
    write_result,
)
from course_grading.reports.json import as_json
from course_grading.reports.markdown import as_markdown
from course_grading.reports.terminal import print_grade
from course_grading.reports.write import write_one
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade


def grade_one(
    file: Path,
    settings: ClassSettings,
    *,
    is_isolated: bool,
    reports: Path | None,
    json_file: Path | None,
) -> None:
    """Grade a file, print and write the result, and end with the exit status."""
    refuse_overwriting(file, json_file)
    console = terminal()
    try:
        if reports is not None:
            refuse_overlap(reports, [file])
        with console.status(Text(f"Grading {file.name} ...")):
            result = (
                grade_in_isolation(file, settings)
                if is_isolated
                else grade_under_nbval(file, settings)
            )
    except GraderError as error:
        complain(str(error))
    print_grade(result, console)
    if json_file is not None:
        write_result(json_file, as_json(result))
    if reports is not None:
        write_or_complain(result, reports)
    add_to_job_summary(as_markdown(result))
    if not result.is_full:
        raise typer.Exit(2 if result.problem else 1)


def grade_under_nbval(file: Path, settings: ClassSettings) -> Grade:
    """The grade under nbval."""
    from course_grading.grade import grade_file

    reference = Path(settings.reference) if settings.reference else None
    return grade_file(
        file, released=reference, limits=settings.limits, seed=settings.seed
    )


def grade_in_isolation(file: Path, settings: ClassSettings) -> Grade:
    """The grade in isolation. Raises GraderError where that is not possible."""
    from course_grading.classroom import isolated_grader as way

    with way.isolated(settings) as grade:
        return grade(file)


def write_or_complain(grade: Grade, folder: Path) -> None:
    """Write all reports on a file; end with a sentence where that is not possible."""
    try:
        write_one(grade, folder)
    except OSError as error:
        complain(f"Reports cannot be written to {folder}: {error.strerror}.")
