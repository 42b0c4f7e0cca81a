"""What every notebook gets that its script does not hold: badge and install cell."""

from dataclasses import replace

from builder.course import Course
from builder.script import Cell, Script

GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com"


def badge_row(course: Course, path: str) -> str:
    """The links above a notebook; `path` is its own, from the course's root."""
    if not course.repository.startswith(GITHUB):
        return ""  # Colab opens notebooks of GitHub only
    place = course.repository.removeprefix(GITHUB)
    image = f"![Open in Colab]({COLAB}/assets/colab-badge.svg)"
    return f"[{image}]({COLAB}/github/{place}/blob/main/{path})"


def with_badge(source: str, row: str) -> str:
    """A first Markdown cell with the badges under its title."""
    title, _, rest = source.partition("\n")
    return "\n\n".join(part for part in (title, row, rest.strip("\n")) if part)


def install_cell(course: Course) -> Cell:
    """A cell that installs the library where it is missing, and nothing else."""
    source = f"""\
import importlib.util

if importlib.util.find_spec("{course.package}") is None:  # on Colab or Kaggle
    print("Installing {course.package} alone; nothing else is changed or upgraded.")
    %pip install -q --no-deps git+{course.repository}"""
    return Cell("code", source, ("install",))


def framed(script: Script, course: Course) -> Script:
    """The script with the install cell after its title cell."""
    title, *rest = script.cells
    return replace(script, cells=(title, install_cell(course), *rest))
