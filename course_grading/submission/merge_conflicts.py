"""The two sides of a merge conflict, made into one list of cells."""

from course_grading.restoring.answers import Answer, find_answer
from course_grading.submission.assignment import Assignment, Cell
from course_grading.submission.reading import Submission


def merge_sides(submission: Submission, assignment: Assignment) -> list[Cell]:
    """The cells of the first side, with answers of the second where it has none.

    So one of two answers counts, by a rule that knows nothing about which is right. The
    second side's own cells come with its answer, because that may need them.
    """
    cells = list(submission.cells)
    if not submission.other:
        return cells
    known = {(cell.grade_id, cell.source) for cell in cells}
    new = [cell for cell in submission.other if is_learners(cell, assignment)]
    new = [cell for cell in new if (cell.grade_id, cell.source) not in known]
    for task in assignment.tasks:
        first = find_answer(task, assignment, cells)
        second = find_answer(task, assignment, submission.other)
        if first.is_open and not second.is_open:
            place = put(cells, first, Cell("code", second.source, task.name))
            cells[place:place] = new
            new = []
    return cells


def put(cells: list[Cell], old: Answer, cell: Cell) -> int:
    """Put a cell in the place of an answer, or at the end; the number of the place."""
    if old.index < 0:
        cells.append(cell)
        return len(cells) - 1
    cells[old.index] = cell
    return old.index


def is_learners(cell: Cell, assignment: Assignment) -> bool:
    """Whether a cell is code of the learner's own."""
    released = {each.grade_id for each in assignment.cells}
    return cell.kind == "code" and cell.grade_id not in released
