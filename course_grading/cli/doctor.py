"""The command `course doctor`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from course_grading.cli.output import complain, terminal


def doctor(
    isolation: Annotated[
        bool,
        typer.Option("--isolation", help="Show how well submissions are locked in."),
    ] = False,
) -> None:
    """Show versions, device and budget, and how to get what is missing.

    Exit status: 1 where something that the course requires is missing or too old; with
    --isolation, where a promise to instructors cannot be kept.
    """
    if isolation:
        is_healthy = show_isolation(terminal())
    else:
        from course_utils.doctor import examine, print_report

        report = examine()
        print_report(report, terminal())
        is_healthy = report.is_healthy
    if not is_healthy:
        raise typer.Exit(1)


def show_isolation(console: Console) -> bool:
    """Print the layers of isolation; whether they keep all promises."""
    from course_grading.isolation.layers import PROMISES, broken_promises
    from course_grading.isolation.warm import available_layers
    from course_grading.running.outcome import GraderError

    try:
        with console.status("Locking a process in ..."):
            layers = available_layers()
    except GraderError as error:
        complain(str(error))
    table = Table("layer", "active", "what it stops, or why it is missing")
    for each in layers:
        style = "green" if each.active else "yellow"
        said = each.stops if each.active else each.reason
        active = Text("yes" if each.active else "no", style=style)
        table.add_row(each.name, active, Text(said))
    console.print(table)
    broken = broken_promises(layers)
    for promise in PROMISES:
        kept, style = ("not promised", "red") if promise in broken else ("yes", "green")
        console.print(Text(f"{kept}: {promise}", style=style))
    return not broken
