"""The command `course`: grade, compare and prove assignments, look at the computer."""

import typer

from course_utils.cli.authors import mutate, similar
from course_utils.cli.computer import doctor
from course_utils.cli.grade import grade

app = typer.Typer(
    help="Commands of the course Boxes to Meshes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for command in (grade, similar, mutate, doctor):
    app.command()(command)
