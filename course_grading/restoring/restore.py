"""The notebook that is graded: the released one, with the learner's answers put in."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from course_grading.restoring.answers import Answer, find_answer, has_text
from course_grading.submission.assignment import Assignment, Cell
from course_grading.submission.merge_conflicts import merge_sides
from course_grading.submission.reading import (
    UngradableError,
    find_assignment,
    read_submission,
)
from course_grading.submission.source import CODE, DEFINITIONS, IMPORTS, parse_cell

START = ""  # stands for the place before the first released cell


@dataclass
class Restored:
    """A notebook to run, and what was found on the way.

    Attributes:
        assignment: what was released.
        cells: in the order in which they run; every one has a `grade_id` of its own.
        answers: by the name of the task.
        notes: sentences about changes to the file that the learner should know of.
    """

    assignment: Assignment
    cells: list[Cell]
    answers: dict[str, Answer]
    notes: list[str] = field(default_factory=list)

    @property
    def own(self) -> list[str]:
        """The ids of the learner's own cells."""
        released = {cell.grade_id for cell in self.assignment.cells}
        return [c.grade_id for c in self.cells if c.grade_id not in released]


def restore_file(path: Path, released: Traversable) -> Restored:
    """Read a submission and restore it. Raises UngradableError with one sentence.

    Args:
        path: the notebook; it is never written.
        released: the folder of released assignments.
    """
    submission = read_submission(path)
    cells = submission.cells or submission.other
    try:
        assignment = find_assignment(path, cells, released)
    except UngradableError as error:
        raise UngradableError(" ".join([str(error), *submission.notes])) from None
    result = restore(assignment, merge_sides(submission, assignment))
    result.notes[:0] = submission.notes
    return result


def restore(assignment: Assignment, cells: Sequence[Cell]) -> Restored:
    """Put the learner's answers and own cells into the released assignment.

    Text, tags and metadata of every other cell come from the release. An own cell stays
    behind the released cell that it follows in the learner's file.
    """
    answers = {
        task.name: find_answer(task, assignment, cells) for task in assignment.tasks
    }
    places = place_cells(assignment, cells, answers)
    own = own_cells(assignment, cells, answers, places)
    result = Restored(assignment, [], answers, changes(assignment, cells, places))
    result.cells += own[START]
    checks = {task.check for task in assignment.tasks}
    for released in assignment.cells:
        if released.grade_id in answers:
            answer = answers[released.grade_id]
            result.cells += [own_cell(i, cells[i].source) for i in answer.earlier]
            result.cells.append(Cell("code", answer.source, released.grade_id))
        elif released.grade_id in checks:
            result.cells.append(with_imports(released, assignment))
        else:
            result.cells.append(released)
        result.cells += own[released.grade_id]
    return result


def with_imports(check: Cell, assignment: Assignment) -> Cell:
    """A check that imports once more what the released cells import.

    An answer may have given the name of a check, or of a module, to something else.
    """
    given = [c.code for c in assignment.cells if c.kind == "code" and c is not check]
    nothing = parse_cell("")
    imports = filter(None, (code.added_to(nothing, IMPORTS) for code in given))
    return Cell("code", "\n".join([*imports, check.source]), check.grade_id)


def own_cell(index: int, source: str) -> Cell:
    """A cell of the learner's own, with an id by its place in the file."""
    return Cell("code", source, f"own-{index + 1}")


def place_cells(
    assignment: Assignment, cells: Sequence[Cell], answers: Mapping[str, Answer]
) -> list[str | None]:
    """For each cell of the submission the released one it is, or None if its own.

    A cell that lost its metadata is known by its text.
    """
    ids = {cell.grade_id for cell in assignment.cells if cell.grade_id}
    by_answer = {answer.index: name for name, answer in answers.items()}
    places: list[str | None] = []
    for index, cell in enumerate(cells):
        if cell.grade_id in ids:
            places.append(cell.grade_id)
        elif index in by_answer:
            places.append(by_answer[index])
        else:
            twins = [c for c in assignment.cells if c.code.is_code_of(cell.code)]
            places.append(twins[0].grade_id if twins and has_text(cell) else None)
    return places


def own_cells(
    assignment: Assignment,
    cells: Sequence[Cell],
    answers: Mapping[str, Answer],
    places: Sequence[str | None],
) -> dict[str, list[Cell]]:
    """The learner's own code, by the released cell it follows.

    That is their own cells, and what they wrote into given cells and checks.
    """
    own: dict[str, list[Cell]] = defaultdict(list)
    checks = {task.check for task in assignment.tasks}
    taken = {answer.index for answer in answers.values()}
    before = START
    for index, (cell, place) in enumerate(zip(cells, places, strict=True)):
        source = cell.source
        if place is not None:
            kinds = DEFINITIONS if place in checks else CODE
            is_answer = place in answers or index in taken
            released = assignment.cell(place).code
            source = "" if is_answer else cell.code.added_to(released, kinds)
            # What stands in a check is for the check, so it runs before it.
            before = before if place in checks else place
        if cell.kind == "code" and source.strip():
            where = earlier_place(index, source, before, assignment, answers)
            own[where].append(own_cell(index, source))
        before = place or before
    return own


def earlier_place(
    index: int,
    source: str,
    before: str,
    assignment: Assignment,
    answers: Mapping[str, Answer],
) -> str:
    """Where an own cell runs: behind `before`, or before an answer that needs it.

    In a file with moved cells, an answer that stands below an own cell and uses what it
    defines may run earlier than the cell above.
    """
    order = [START, *(cell.grade_id for cell in assignment.cells)]
    names = parse_cell(source).defines
    needing = [
        order.index(name) - 1
        for name, answer in answers.items()
        if answer.index > index and names & parse_cell(answer.source).uses
    ]
    return order[min([order.index(before), *needing])]


def changes(
    assignment: Assignment, cells: Sequence[Cell], places: Sequence[str | None]
) -> list[str]:
    """Sentences about cells of the assignment that the learner changed."""
    checks = {task.check: task.name for task in assignment.tasks}
    answers = set(checks.values())
    kinds = {cell.grade_id: cell.kind for cell in assignment.cells}
    notes: list[str] = []
    for cell, place in zip(cells, places, strict=True):
        if place is None or place in answers or kinds[place] != "code":
            continue
        if cell.kind == "code" and cell.code.is_code_of(assignment.cell(place).code):
            continue
        what = f"The check of {checks[place]}" if place in checks else "A given cell"
        notes.append(
            f"{what} was changed in the file; the released one was used. Put code of "
            "your own into cells of your own."
        )
    notes += [
        f"The check of {name} is not in the file any more; the released one was used."
        for check, name in checks.items()
        if check not in places
    ]
    return list(dict.fromkeys(notes))


def to_notebook(cells: Sequence[Cell]) -> dict[str, Any]:
    """The JSON of a notebook of these code cells, without tags and outputs."""
    nodes: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"nbgrader": {"grade_id": cell.grade_id}},
            "source": cell.source,
            "execution_count": None,
            "outputs": [],
        }
        for number, cell in enumerate(cells)
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": nodes}
