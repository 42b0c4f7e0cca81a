"""The command `course grade`: one notebook, or a class."""

from pathlib import Path
from typing import Annotated

import typer

from course_grading.cli.output import complain

GRADING, RUNNING = "Grading", "Grading a class"


def grade(  # noqa: PLR0917, the options of a command
    paths: Annotated[
        list[Path],
        typer.Argument(help="A notebook, or the notebooks or folders of a class."),
    ],
    isolated: Annotated[
        bool,
        typer.Option(
            "--isolated", help="Keep the checks away from the answers. For a class: is."
        ),
    ] = False,
    require_isolation: Annotated[
        bool,
        typer.Option(
            "--require-isolation",
            help="Refuse to grade where a promise of isolation cannot be kept.",
        ),
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the result as JSON."),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write all reports there. Of a class: into ./grades-CLASS by default.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Draw the random cases anew. Of a class: drawn by default."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Released assignments of your own."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one cell.")
    ] = 60.0,
    total_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a whole file.")
    ] = 600.0,
    call_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one call (isolated only).")
    ] = 20.0,
    memory: Annotated[
        int, typer.Option(min=64, help="Megabytes for a file (isolated only).")
    ] = 2048,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Grading processes; one a core by default.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Keep the results of a run that was ended; grade what is missing.",
            rich_help_panel=RUNNING,
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Grade on the Dask cluster of this scheduler.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
) -> None:
    """Grade a notebook, or a class. The files are not changed.

    Exit status of a notebook: 0 for full marks, 1 for fewer, 2 where it cannot be
    graded. Of a class: 0 where all are graded, 2 where the grader is at fault, 130
    where it was interrupted.
    """
    from course_grading.classroom.settings import ClassSettings
    from course_grading.cli.class_run import run_class
    from course_grading.cli.one_file import grade_one
    from course_grading.running.outcome import Limits

    if reference is not None and not reference.is_dir():
        complain(f"There is no folder {reference} with released assignments.")
    is_class = len(paths) > 1 or paths[0].is_dir() or resume or scheduler is not None
    settings = ClassSettings(
        reference=str(reference.absolute()) if reference else "",
        seed=seed,
        limits=Limits(
            cell=timeout, total=total_timeout, call=call_timeout, memory_mb=memory
        ),
        require_isolation=require_isolation,
    )
    if is_class:
        run_class(
            paths,
            settings,
            jobs=jobs,
            folder=reports,
            resume=resume,
            scheduler=scheduler,
            json_file=json_file,
        )
    else:
        is_isolated = isolated or require_isolation
        grade_one(
            paths[0],
            settings,
            is_isolated=is_isolated,
            reports=reports,
            json_file=json_file,
        )
