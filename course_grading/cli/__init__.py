"""The command `course`: grade and compare assignments, look at the computer."""

import typer

from course_grading.cli.doctor import doctor
from course_grading.cli.grade import grade
from course_grading.cli.similar import similar

app = typer.Typer(
    help="Commands of the course Boxes to Meshes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for command in (grade, similar, doctor):
    app.command()(command)
