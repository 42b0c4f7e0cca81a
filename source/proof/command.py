"""The command `source/mutate.py`: prove that the checks tell right from wrong."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from proof.proof import prove
from proof.rows import Proof
from proof.run import can_fork
from proof.script import SourceError, chosen
from proof.table import print_proof


def mutate_command(
    assignment: str | None,
    *,
    root: Path,
    seeds: int,
    limit: int | None,
    console: Console,
) -> int:
    """Print the proof of one assignment, or of all; return the exit status.

    Args:
        assignment: its number, its name or both, as in "02_rcnn"; None for all.
        root: the folder of the course, with `source` and `tests`.
        seeds: with how many seeds each verdict has to be the same.
        limit: at most so many mutants a task; None for all.
        console: where to print.

    Returns:
        0 where all bars are met, 1 where one is missed, 2 where nothing can be proven.
    """
    if not can_fork():
        console.print("`source/mutate.py` needs Linux or macOS: it forks a process.")
        return 2
    missed = False
    try:
        for path in chosen(root, assignment):
            for step in prove(path, root=root, seeds=range(seeds), limit=limit):
                if isinstance(step, Proof):
                    print_proof(step, console)
                    missed = missed or bool(step.misses())
                else:
                    console.print(Text(f"{path.stem}: {step.task}", style="dim"))
    except SourceError as error:
        console.print(Text(str(error), style="red"))
        return 2
    return int(missed)
