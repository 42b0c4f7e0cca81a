"""Grading a class from the command line: progress, reports, and how it ended."""

import functools
import signal
from collections.abc import Sequence
from pathlib import Path

import joblib
import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from course_grading.classroom.folder import default_folder, hold_folder, refuse_overlap
from course_grading.classroom.journal import JournalRow
from course_grading.classroom.run import ClassResult, Work, grade_class, local
from course_grading.classroom.settings import ClassSettings
from course_grading.classroom.submissions import StudentFile, find_submissions
from course_grading.cli.output import (
    add_to_job_summary,
    complain,
    refuse_overwriting,
    terminal,
    write_result,
)
from course_grading.reports.json import as_json_list
from course_grading.reports.markdown import as_class_markdown
from course_grading.reports.terminal import print_class
from course_grading.reports.write import write_reports
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import safe_text
from course_grading.submission.assignment import known_assignments, released_folder

INTERRUPTED = 128 + signal.SIGINT


def run_class(
    paths: Sequence[Path],
    settings: ClassSettings,
    *,
    jobs: int | None,
    folder: Path | None,
    resume: bool,
    scheduler: str | None,
    json_file: Path | None,
) -> None:
    """Grade a class, write its reports, and end with the exit status."""
    submissions = find_or_complain(paths, settings)
    for submission in submissions:
        refuse_overwriting(submission.path, json_file)
    folder = folder or default_folder(paths)
    try:
        refuse_overlap(folder, paths)
        with hold_folder(folder):
            work = workers(jobs, scheduler)
            result = grade_with_progress(
                submissions, settings, folder, work, resume=resume
            )
            show_result(result, folder)
    except GraderError as error:
        complain(str(error))
    except KeyboardInterrupt:
        complain(
            f"Stopped. What is graded is kept in {folder}: give the same command with "
            "--resume to go on.",
            status=INTERRUPTED,
        )
    except OSError as error:
        complain(f"Reports cannot be written to {folder}: {error.strerror}.")
    if json_file is not None:
        write_result(json_file, as_json_list(result.grades))
    if result.faults:
        raise typer.Exit(2)


def find_or_complain(
    paths: Sequence[Path], settings: ClassSettings
) -> list[StudentFile]:
    """The submissions; ends where there are none, or nothing to grade them by."""
    for path in paths:
        if not path.exists():
            complain(f"There is no file or folder {path}.")
    folder = Path(settings.reference) if settings.reference else released_folder()
    assignments = known_assignments(folder)
    if not assignments:
        complain(f"There is no released assignment (.ipynb) in {folder}.")
    submissions = find_submissions(paths, assignments=assignments)
    if not submissions:
        complain(f"No submission was found in {', '.join(map(str, paths))}.")
    return submissions


def workers(jobs: int | None, scheduler: str | None) -> Work:
    """Who does the work: processes here, or a cluster."""
    if scheduler is None:
        return functools.partial(local, jobs=jobs or joblib.cpu_count())
    from course_grading.classroom.cluster import on_cluster

    return functools.partial(on_cluster, address=scheduler)


def grade_with_progress(
    submissions: Sequence[StudentFile],
    settings: ClassSettings,
    folder: Path,
    work: Work,
    *,
    resume: bool,
) -> ClassResult:
    """Grade the class behind a progress bar on the error stream."""
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=terminal(stderr=True)) as progress:
        bar = progress.add_task("starting ...", total=None)

        def tell(done: int, total: int, row: JournalRow | None) -> None:
            latest = safe_text(row.path.name)[:40] if row else "starting ..."
            progress.update(bar, completed=done, total=total, description=latest)

        return grade_class(
            submissions, settings, folder=folder, work=work, resume=resume, tell=tell
        )


def show_result(result: ClassResult, folder: Path) -> None:
    """Write the reports; print the table and where the reports are."""
    written = write_reports(result.grades, folder)
    pages = [path for path in written if path.name == "class.html"]
    place = pages[0] if len(pages) == 1 else folder
    console = terminal()
    print_class(result.grades, console)
    if result.note:
        console.print(Text(result.note, style="yellow"))
    if result.kept:
        console.print(f"{result.kept} of {len(result.grades)} were graded before.")
    add_to_job_summary(as_class_markdown(result.grades))
    console.print(Text(f"Seed {result.seed}. Reports: {place}", style="bold"))
    if result.faults:
        sentence = f"The grader failed on {result.faults} of them, see above."
        console.print(Text(f"{sentence} --resume tries these again.", style="red"))
