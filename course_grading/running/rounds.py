"""Running a restored notebook in as many rounds as it needs, whatever runs it.

A cell that breaks a limit or ends its process costs only its own task: it is replaced
by the stub, and what is not decided yet runs again. What is decided once stays so: an
answer that was right in one round and hangs in a later one was right.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Protocol

from course_grading.restoring.restore import Restored
from course_grading.running.outcome import CellOutcome
from course_grading.submission.assignment import Cell

SEED_VARIABLE = "COURSE_CHECK_SEED"  # as in checking/check.py, which imports torch
Outcomes = dict[str, CellOutcome]  # by `grade_id`
NOT_RUN = CellOutcome("not run")


@dataclass
class RoundResult:
    """What one run of the notebook showed.

    Attributes:
        outcomes: of the cells that came to an end.
        guilty: the cell that ended the run before its end, or "".
        ended: how it did so.
        seconds: how long it ran, as far as this is the learner's time.
    """

    outcomes: Outcomes
    guilty: str = ""
    ended: CellOutcome | None = None
    seconds: float = 0.0


class RunOnce(Protocol):
    """Runs all cells in a fresh process until they end or one breaks a limit."""

    def __call__(self, cells: list[Cell]) -> RoundResult:
        """What the run showed."""


class Acquit(Protocol):
    """Tries whether an answer is right where no other code is beside it."""

    def __call__(self, answer: str, cells: list[Cell], ended: CellOutcome) -> Outcomes:
        """The outcomes of its cell and its check; none where it is not right."""


def never(answer: str, cells: list[Cell], ended: CellOutcome) -> Outcomes:
    """Acquit nobody."""
    return {}


def run_rounds(
    restored: Restored,
    run_once: RunOnce,
    *,
    is_time_over: Callable[[], bool],
    acquit: Acquit = never,
) -> Outcomes:
    """The outcome of each code cell; "not run" where the time for the file was over.

    Args:
        restored: the notebook.
        run_once: runs it from its beginning.
        is_time_over: whether no further round may begin.
        acquit: asked about each answer before it is blamed.
    """
    cells = [cell for cell in restored.cells if cell.kind == "code"]
    answer_of = {task.check: task.name for task in restored.assignment.tasks}
    check_of = {task.name: task.check for task in restored.assignment.tasks}
    decided: Outcomes = {}
    rest = cells
    for _ in range(len(cells) + 1):  # each further round has one guilty cell less
        latest = run_once(rest)
        if latest.guilty not in answer_of:  # of a check, what it said stands
            latest.outcomes.pop(latest.guilty, None)
        decided = latest.outcomes | decided
        if latest.ended is None:
            break
        answer = answer_of.get(latest.guilty, latest.guilty)
        found = acquit(answer, rest, latest.ended)
        blamed = {answer, latest.guilty, check_of.get(answer, answer)}
        decided = (found or dict.fromkeys(blamed, latest.ended)) | decided
        if is_time_over() or is_given(restored, answer):
            break
        settled = {check for check in answer_of if check in decided}
        rest = [without(c, "" if found else answer, settled, restored) for c in rest]
    return {c.grade_id: decided.get(c.grade_id, NOT_RUN) for c in cells}


def is_given(restored: Restored, grade_id: str) -> bool:
    """Whether a cell belongs to the assignment and is no answer."""
    return grade_id not in restored.answers and grade_id not in restored.own


def without(
    cell: Cell, guilty: str, settled: Collection[str], restored: Restored
) -> Cell:
    """A cell for the next round: a guilty one as released, a settled check empty."""
    if cell.grade_id in settled:
        return replace(cell, source="")
    if cell.grade_id != guilty:
        return cell
    is_own = guilty in restored.own
    source = "" if is_own else restored.assignment.cell(guilty).source
    return replace(cell, source=source)
