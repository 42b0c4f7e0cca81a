"""The command `course doctor`."""

import typer

from course_utils.cli.output import terminal


def doctor() -> None:
    """Show versions, device and budget, and how to get what is missing.

    Exit status: 1 where something that the course requires is missing or too old.
    """
    from course_utils.doctor import examine, print_report

    report = examine()
    print_report(report, terminal())
    if not report.is_healthy:
        raise typer.Exit(1)
