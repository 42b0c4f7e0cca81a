"""From one script to the notebooks that belong to it, without running anything.

Each gets what its script does not hold: a badge and the install cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from builder.assignment import (
    TaskCells,
    checks_digest,
    cut_all,
    nbgrader_metadata,
    read_tasks,
    sections,
    without_section_tags,
)
from builder.course import Course, Script, ScriptCell, read_script
from builder.library import Library
from builder.notebook import cell_ids, make_notebook
from builder.page import paged
from builder.show import show_all

GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com"


@dataclass(frozen=True)
class Target:
    """A notebook as its source has it, and the file where it belongs."""

    path: Path
    name: str
    notebook: NotebookNode


@dataclass(frozen=True)
class Product:
    """All notebooks of one script.

    Attributes:
        script: the cells as read, before anything is shown or cut.
        executed: the one that is run: the lesson, or the solution.
        released: of an assignment, the learner's file and the grader's copy of it.
        questions: the grade_ids of checks whose answer is a value.
    """

    script: Script
    executed: Target
    released: tuple[Target, ...] = ()
    questions: frozenset[str] = frozenset()

    @property
    def targets(self) -> tuple[Target, ...]:
        """All of them."""
        return (self.executed, *self.released)


def make_product(course: Course, library: Library, path: Path) -> Product:
    """The notebooks of a lesson or an assignment, without outputs."""
    script = read_script(path, course.shown(path))
    whole = show_all(without_section_tags(script), library)
    whole = framed(paged(whole, course), course)
    if path.parent.name == "lessons":
        return Product(script, target(course, whole, "notebooks"))
    tasks = read_tasks(script)
    places = sections(course, script, tasks)
    released = cut_all(whole)
    marked = marks(released, tasks, places)
    learners = target(course, released, "assignments", marked)
    pristine = replace(learners, path=course.released / f"{path.stem}.ipynb")
    pristine = replace(pristine, name=course.shown(pristine.path))
    solution = target(course, whole, "solutions", marks(whole, tasks, places))
    solution.notebook.metadata["course"] = {"checks": checks_digest(course, script)}
    questions = frozenset(f"check_{task.name}" for task in tasks if task.is_question)
    return Product(script, solution, (learners, pristine), questions)


def marks(
    script: Script, tasks: list[TaskCells], places: Mapping[int, str]
) -> dict[int, dict[str, Any]]:
    """By cell number, the metadata of a whole or a cut assignment: nbgrader's and ours.

    `places` are the sections of the lesson that tasks belong to, by cell number.
    """
    nbgrader = nbgrader_metadata(script, tasks, cell_ids(script.cells))
    ours = {number: {"course": {"section": place}} for number, place in places.items()}
    return {
        number: {"nbgrader": marks} | ours.get(number, {})
        for number, marks in nbgrader.items()
    }


def target(
    course: Course,
    script: Script,
    folder: str,
    metadata: Mapping[int, dict[str, Any]] | None = None,
) -> Target:
    """A notebook in one of the course's folders, with the badge for that place.

    The ids are made before the badge is added, so that both forms of an assignment
    share them, and a new address changes none.
    """
    name = f"{folder}/{script.stem}.ipynb"
    ids = cell_ids(script.cells)
    title, *rest = script.cells
    headed = replace(title, source=with_badge(title.source, badge_row(course, name)))
    notebook = make_notebook([headed, *rest], ids, metadata)
    return Target(course.root / name, name, notebook)


def badge_row(course: Course, path: str) -> str:
    """The links above a notebook; `path` is its own, from the course's root."""
    if not course.repository.startswith(GITHUB):
        return ""  # Colab opens notebooks of GitHub only
    place = course.repository.removeprefix(GITHUB)
    address = f"{COLAB}/github/{place}/blob/main/{path}"
    image = f"![Open in Colab]({COLAB}/assets/colab-badge.svg)"
    # Offline the picture is missing; the words remain.
    return f"[{image}]({address}) [Open this notebook in Colab]({address})"


def with_badge(source: str, row: str) -> str:
    """A first Markdown cell with the badges under its title."""
    title, _, rest = source.partition("\n")
    return "\n\n".join(part for part in (title, row, rest.strip("\n")) if part)


def install_cell(course: Course) -> ScriptCell:
    """A cell that installs the library where it is missing, and nothing else."""
    source = f"""\
import importlib.util

if importlib.util.find_spec("{course.package}") is None:  # on Colab or Kaggle
    print("Installing {course.package} alone; nothing else is changed or upgraded.")
    %pip install -q --no-deps git+{course.repository}

import {course.package}  # before torch, so that its threads share the processor"""
    return ScriptCell("code", source, ("install",))


def framed(script: Script, course: Course) -> Script:
    """The script with the install cell after its title cell."""
    title, *rest = script.cells
    return replace(script, cells=(title, install_cell(course), *rest))
