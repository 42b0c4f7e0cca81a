"""Change one thing at a time in each solution: do the checks see it?

python source/mutate.py                     all assignments
python source/mutate.py 02_rcnn --seeds 3   that one, with three seeds
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from proof.command import mutate_command

ROOT = Path(__file__).resolve().parents[1]


def main(
    assignment: Annotated[
        str | None, typer.Argument(help="Such as 02_rcnn; all if none is given.")
    ] = None,
    root: Annotated[Path, typer.Option(help="The folder of the course.")] = ROOT,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds with which each verdict must be the same.")
    ] = 20,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many mutants a task; all if none."),
    ] = None,
) -> None:
    """Prove that the checks reject wrong answers, by changing the solutions.

    Exit status: 0 where all bars are met, 1 where one is missed, 2 where nothing can be
    proven.
    """
    console = Console(soft_wrap=True, highlight=False)
    status = mutate_command(
        assignment, root=root, seeds=seeds, limit=limit, console=console
    )
    raise typer.Exit(status)


if __name__ == "__main__":
    typer.run(main)
