"""Finding a learner's answer to each task, also where cells were copied or lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.grading.assignment import Assignment, Cell, Task
from course_utils.grading.source import defined_names, same


@dataclass(frozen=True)
class Answer:
    """The answer to one task.

    Attributes:
        source: its code; empty where there is none.
        index: the number of its cell in the submission, or -1.
        earlier: the numbers of earlier copies of the cell, which run before it.
        note: what the learner should know about how it was found.
        is_stub: whether it is still as released.
    """

    source: str = ""
    index: int = -1
    earlier: tuple[int, ...] = ()
    note: str = ""
    is_stub: bool = False


def find_answer(task: Task, assignment: Assignment, cells: Sequence[Cell]) -> Answer:
    """The last answer to a task: by `grade_id`, else by the name it defines."""
    stub = assignment.source(task.name)
    marked = [i for i, cell in enumerate(cells) if cell.grade_id == task.name]
    answered = [i for i in marked if is_answer(cells[i], stub)]
    if answered:
        many = f"its cell is there {len(answered)} times; the last one counts"
        note = many if len(answered) > 1 else ""
        *earlier, last = answered
        return Answer(cells[last].source, last, tuple(earlier), note)
    found = find_by_name(task, assignment, cells) or find_as_text(task, stub, cells)
    if found is not None:
        return found
    if marked:
        return Answer(cells[marked[-1]].source, marked[-1], is_stub=True)
    return Answer(note="no answer found: its cell is not in the file any more")


def is_answer(cell: Cell, stub: str) -> bool:
    """Whether a cell is code that differs from the stub."""
    return cell.kind == "code" and not same(cell.source, stub) and has_text(cell)


def has_text(cell: Cell) -> bool:
    """Whether a cell holds anything."""
    return bool(cell.source.strip())


def find_by_name(
    task: Task, assignment: Assignment, cells: Sequence[Cell]
) -> Answer | None:
    """The last unmarked code cell that defines the task's name."""
    stub = assignment.source(task.name)
    ids = {cell.grade_id for cell in assignment.cells}
    found = [
        i
        for i, cell in enumerate(cells)
        if cell.grade_id not in ids
        and is_answer(cell, stub)
        and task.name in defined_names(cell.source)
    ]
    if not found:
        return find_unmarked_stub(stub, cells)
    return Answer(
        cells[found[-1]].source, found[-1], note="found by its name, not by its cell"
    )


def find_unmarked_stub(stub: str, cells: Sequence[Cell]) -> Answer | None:
    """The stub itself, in a cell that lost its metadata."""
    for i, cell in enumerate(cells):
        if not cell.grade_id and cell.kind == "code" and same(cell.source, stub):
            return Answer(cell.source, i, is_stub=True)
    return None


def find_as_text(task: Task, stub: str, cells: Sequence[Cell]) -> Answer | None:
    """The answer in a task's cell that was turned into Markdown or raw text."""
    for i, cell in reversed(list(enumerate(cells))):
        if (
            cell.grade_id == task.name
            and cell.kind != "code"
            and not same(cell.source, stub)
            and task.name in defined_names(cell.source)
        ):
            note = f"its cell is no code cell but {cell.kind}; its text counts as code"
            return Answer(cell.source, i, note=note)
    return None
