"""What a proof found, in the terminal."""

from rich.box import SIMPLE
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from proof.rows import Proof, Row


def print_proof(proof: Proof, console: Console) -> None:
    """A row a task, then every survivor's change, then the bars that are missed."""
    console.print(table_of(proof))
    for row in proof.rows:
        print_survivors(row, console)
    for sentence in proof.misses():
        console.print(sentence, style="red", markup=False, highlight=False)
    console.print(
        f"{proof.assignment}: {proof.share:.1%} of the mutants that are not "
        f"equivalent rejected; {proof.milliseconds:.0f} ms a verdict at the median",
        markup=False,
        highlight=False,
    )


def table_of(proof: Proof) -> Table:
    """A row a task."""
    table = Table(
        title=proof.assignment,
        title_justify="left",
        box=SIMPLE,
        show_edge=False,
        pad_edge=False,
    )
    longest = max((len(row.task) for row in proof.rows), default=0)
    table.add_column("task", no_wrap=True, min_width=longest)
    # "listed" are those that the list of equivalent mutants names.
    for name in ("mutants", "rejected", "listed", "survive"):
        table.add_column(name, justify="right")
    for row in proof.rows:
        counts = (row.count, len(row.rejected), len(row.equivalent), len(row.survivors))
        style = "red" if row.survivors or row.misses() else ""
        table.add_row(row.task, *map(str, counts), style=style)
    return table


def print_survivors(row: Row, console: Console) -> None:
    """The changes that a check does not see, and with which seeds."""
    for mutant, verdict in row.survivors:
        seen = sum(map(bool, verdict.texts))
        often = f"rejected with {seen} of {len(verdict.texts)} seeds"
        title = f"{mutant.task} survives ({mutant.operator}; {often})"
        console.print(title, style="bold", markup=False, highlight=False)
        console.print(Syntax(mutant.diff, "diff", background_color="default"))
