"""Finding a learner's answer to each task, also where cells were copied or lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from course_grading.submission.assignment import Assignment, Cell, GradedTask
from course_grading.submission.source import (
    ParsedCell,
    parse_cell,
    without_fences,
)


@dataclass(frozen=True)
class Answer:
    """The answer to one task.

    Attributes:
        source: its code; empty where there is none.
        index: the number of its cell in the submission, or -1.
        earlier: the numbers of other copies of the cell, which run before it.
        note: what the learner should know about how it was found.
        is_stub: whether it is still as released.
    """

    source: str = ""
    index: int = -1
    earlier: tuple[int, ...] = ()
    note: str = ""
    is_stub: bool = False

    @property
    def is_open(self) -> bool:
        """Whether there is no answer yet."""
        return self.index < 0 or self.is_stub


def find_answer(
    task: GradedTask, assignment: Assignment, cells: Sequence[Cell]
) -> Answer:
    """The last answer to a task: by `grade_id`, else by the name it defines.

    A cell that has the task's `grade_id` and defines something else, such as the answer
    to another task, counts only where no other cell defines the name.
    """
    stub = assignment.cell(task.name).code
    marked = [i for i, cell in enumerate(cells) if cell.grade_id == task.name]
    answered = [i for i in marked if is_answer(cells[i], stub)]
    if any(task.name in cells[i].code.defines for i in answered):
        return last_of(answered, cells)
    found = find_by_name(task, assignment, cells)
    if found is not None:
        return replace(found, earlier=tuple(answered))
    if answered:
        return last_of(answered, cells)
    found = find_as_text(task, assignment, cells) or find_unmarked_stub(stub, cells)
    if found is not None:
        return found
    if marked:
        return Answer(cells[marked[-1]].source, marked[-1], is_stub=True)
    return Answer(note="no answer found: its cell is not in the file any more")


def last_of(answered: Sequence[int], cells: Sequence[Cell]) -> Answer:
    """The last of a task's cells; those before it run too."""
    *earlier, last = answered
    many = f"its cell is there {len(answered)} times; the last one counts"
    note = many if len(answered) > 1 else ""
    return Answer(cells[last].source, last, tuple(earlier), note)


def is_answer(cell: Cell, stub: ParsedCell) -> bool:
    """Whether a cell is code that differs from the stub by more than its layout."""
    return cell.kind == "code" and has_text(cell) and not cell.code.is_code_of(stub)


def has_text(cell: Cell) -> bool:
    """Whether a cell holds anything."""
    return bool(cell.source.strip())


def find_by_name(
    task: GradedTask, assignment: Assignment, cells: Sequence[Cell]
) -> Answer | None:
    """The last other code cell that defines the task's name.

    A cell of the learner's own goes before a cell of the assignment in which the answer
    was written, such as the check that was merged with it.
    """
    stub = assignment.cell(task.name).code
    released = {cell.grade_id: cell.code for cell in assignment.cells}
    found = [
        i
        for i, cell in enumerate(cells)
        if cell.grade_id != task.name
        and task.name in cell.code.defines
        and is_answer(cell, stub)
        and not cell.code.is_code_of(released.get(cell.grade_id, parse_cell("")))
    ]
    own = [i for i in found if cells[i].grade_id not in released]
    if not found:
        return None
    last = (own or found)[-1]
    note = "found by its name, not by its cell"
    return Answer(cells[last].source, last, note=note)


def find_unmarked_stub(stub: ParsedCell, cells: Sequence[Cell]) -> Answer | None:
    """The stub itself, in a cell that lost its metadata."""
    for i, cell in enumerate(cells):
        if not cell.grade_id and cell.kind == "code" and cell.code.is_text_of(stub):
            return Answer(cell.source, i, is_stub=True)
    return None


def find_as_text(
    task: GradedTask, assignment: Assignment, cells: Sequence[Cell]
) -> Answer | None:
    """The answer in a cell that was turned into Markdown or raw text.

    That is the task's own cell or, where its metadata got lost, one of the learner's.
    """
    stub = assignment.cell(task.name).code
    others = {cell.grade_id for cell in assignment.cells} - {task.name}
    texts = {
        i: parse_cell(without_fences(cell.source))
        for i, cell in enumerate(cells)
        if cell.kind != "code" and cell.grade_id not in others
    }
    found = [
        i
        for i, text in texts.items()
        if task.name in text.defines and not text.is_code_of(stub)
    ]
    if not found:
        return None
    last = max(found, key=lambda i: (cells[i].grade_id == task.name, i))
    kind = cells[last].kind
    note = f"its cell is no code cell but {kind}; its text counts as code"
    return Answer(texts[last].source, last, note=note)
