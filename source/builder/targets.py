"""From one script to the notebooks that belong to it, without running anything."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from builder.assignment import Task, nbgrader_metadata, read_tasks
from builder.course import Course
from builder.cut import cut_all
from builder.frame import badge_row, framed, with_badge
from builder.library import Library
from builder.notebook import cell_ids, make_notebook
from builder.script import Script, read_script
from builder.show import show_all


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
    whole = framed(show_all(script, library), course)
    if path.parent.name == "lessons":
        return Product(script, target(course, whole, "notebooks"))
    tasks = read_tasks(script)
    released = cut_all(whole)
    learners = target(course, released, "assignments", marks(released, tasks))
    pristine = replace(learners, path=course.released / f"{path.stem}.ipynb")
    pristine = replace(pristine, name=course.shown(pristine.path))
    solution = target(course, whole, "solutions", marks(whole, tasks))
    questions = frozenset(f"check_{task.name}" for task in tasks if task.is_question)
    return Product(script, solution, (learners, pristine), questions)


def marks(script: Script, tasks: list[Task]) -> dict[int, dict[str, Any]]:
    """The nbgrader metadata of a whole or a cut assignment."""
    return nbgrader_metadata(script, tasks, cell_ids(script.cells))


def target(
    course: Course,
    script: Script,
    folder: str,
    nbgrader: dict[int, dict[str, Any]] | None = None,
) -> Target:
    """A notebook in one of the course's folders, with the badge for that place.

    The ids are made before the badge is added, so that both forms of an assignment
    share them, and a new address changes none.
    """
    name = f"{folder}/{script.stem}.ipynb"
    ids = cell_ids(script.cells)
    title, *rest = script.cells
    headed = replace(title, source=with_badge(title.source, badge_row(course, name)))
    notebook = make_notebook([headed, *rest], ids, nbgrader)
    return Target(course.root / name, name, notebook)
