"""The command `course similar`, for instructors."""

from pathlib import Path
from typing import Annotated

import typer

from course_grading.cli.output import complain, terminal


def similar(
    folder: Annotated[Path, typer.Argument(help="The folder of a class.")],
    top: Annotated[int, typer.Option(min=1, help="How many pairs to list.")] = 20,
) -> None:
    """List the pairs of a class whose answers are most alike, without a verdict."""
    from course_grading.similarity.similar import similar_command

    if not folder.is_dir():
        complain(f"There is no folder {folder}.")
    similar_command(folder, top=top, console=terminal())
