"""The released assignments: their cells, their tasks and their points.

Nothing about points or checks is ever read from a learner's file.
"""

import importlib.resources
import json
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any

from course_grading.submission.source import ParsedCell, parse_cell


@dataclass(frozen=True)
class Cell:
    """One cell as it matters for grading.

    Attributes:
        kind: "code", "markdown" or "raw".
        source: its text.
        grade_id: nbgrader's name of the cell, or "" where it has none.
    """

    kind: str
    source: str
    grade_id: str = ""

    @property
    def code(self) -> ParsedCell:
        """What its text defines and uses, read as code."""
        return parse_cell(self.source)


@dataclass(frozen=True)
class GradedTask:
    """One graded task.

    Attributes:
        name: the `grade_id` of its answer.
        check: the `grade_id` of its check.
        points: what it can earn.
        section: where the lesson treats it, such as "02_rcnn#Hard negatives", or "".
    """

    name: str
    check: str
    points: int
    section: str = ""


@dataclass(frozen=True)
class Assignment:
    """An assignment as it was released."""

    name: str
    cells: tuple[Cell, ...]
    tasks: tuple[GradedTask, ...]

    def cell(self, grade_id: str) -> Cell:
        """The cell as it was released; of an answer, the stub."""
        return next(cell for cell in self.cells if cell.grade_id == grade_id)


def released_folder() -> Traversable:
    """The folder of released assignments inside the package."""
    return importlib.resources.files("course_grading") / "released"


def known_assignments(folder: Traversable) -> list[str]:
    """The names of the assignments in a folder, such as "01_sliding_windows"."""
    if not folder.is_dir():
        return []
    names = [file.name for file in folder.iterdir()]
    return sorted(name[:-6] for name in names if name.endswith(".ipynb"))


def read_assignment(name: str, folder: Traversable) -> Assignment:
    """One released assignment. Each check belongs to the answer cell before it."""
    text = (folder / f"{name}.ipynb").read_text(encoding="utf-8")
    cells: list[Cell] = []
    tasks: list[GradedTask] = []
    answer = section = ""
    for number, data in enumerate(json.loads(text)["cells"]):
        cell = read_cell(data)
        cell = cell if cell.grade_id else replace(cell, grade_id=f"given-{number}")
        cells.append(cell)
        marks = data["metadata"].get("nbgrader", {})
        if marks.get("solution"):
            answer = cell.grade_id
            section = as_text(as_dict(data["metadata"].get("course")).get("section"))
        elif marks.get("grade"):
            tasks.append(
                GradedTask(answer, cell.grade_id, int(marks["points"]), section)
            )
    return Assignment(name, tuple(cells), tuple(tasks))


def read_cell(data: Any) -> Cell:
    """A cell of a notebook's JSON; what is missing or of a wrong type reads as ""."""
    data = as_dict(data)
    source = data.get("source", data.get("input", ""))  # "input" until format 3
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    marks = as_dict(as_dict(data.get("metadata")).get("nbgrader"))
    return Cell(
        as_text(data.get("cell_type")), as_text(source), as_text(marks.get("grade_id"))
    )


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dict, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """The value if it is a string, or an empty one."""
    return value if isinstance(value, str) else ""
