"""The commands `course similar` and `course mutate`, for instructors and authors."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.cli.output import complain, terminal


def similar(
    folder: Annotated[Path, typer.Argument(help="The folder of a class.")],
    top: Annotated[int, typer.Option(min=1, help="How many pairs to list.")] = 20,
) -> None:
    """List the pairs of a class whose answers are most alike, without a verdict."""
    from course_utils.grading.similar import similar_command

    if not folder.is_dir():
        complain(f"There is no folder {folder}.")
    similar_command(folder, top=top, console=terminal())


def mutate(
    assignment: Annotated[
        str | None,
        typer.Argument(help="Such as 02_rcnn; all of them by default."),
    ] = None,
    root: Annotated[
        Path, typer.Option(help="The folder of the course's sources and tests.")
    ] = Path(),
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds with which each verdict must be the same.")
    ] = 20,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many mutants a task; all by default."),
    ] = None,
) -> None:
    """Prove that the checks reject wrong answers, by changing the solutions.

    Exit status: 0 where all bars are met, 1 where one is missed, 2 where nothing can be
    proven.
    """
    from course_utils.mutation.command import mutate_command

    status = mutate_command(
        assignment, root=root, seeds=seeds, limit=limit, console=terminal()
    )
    if status:
        raise typer.Exit(status)
