"""Tasks and checks of an assignment, and the nbgrader metadata that marks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from builder.course import BuildError
from builder.cut import BEGIN
from builder.names import VALUE, bindings, parse
from builder.script import Cell, Script

TOTAL = 10
Metadata = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One task: what its answer is called, its points, its two cells by number.

    A question is answered by a value, any other task by a function or a class.
    """

    name: str
    points: int
    answer: int
    check: int
    is_question: bool = False


def read_tasks(script: Script) -> list[Task]:
    """The tasks of an assignment in order; each error names the cell and the remedy."""
    code = [cell for cell in script.cells if cell.kind == "code"]
    tasks: list[Task] = []
    following: list[Cell | None] = [*code[1:], None]
    for cell, check in zip(code, following, strict=True):
        if "task" in cell.tags:
            if check is None or "check" not in check.tags:
                raise script.error(
                    cell, "a task needs a cell tagged check right after it"
                )
            task = read_task(script, cell, check)
            if task.name in {other.name for other in tasks}:
                raise script.error(
                    cell, f"two tasks are called {task.name}; rename one"
                )
            tasks.append(task)
    refuse_stray_cells(script, tasks)
    if sum(task.points for task in tasks) != TOTAL:
        given = " + ".join(str(task.points) for task in tasks) or "0"
        raise BuildError(f"{script.name}: points are {given}, and must sum to {TOTAL}")
    return tasks


def read_task(script: Script, cell: Cell, check: Cell) -> Task:
    """One task from its cell and its check's cell."""
    if BEGIN not in [line.strip() for line in cell.source.splitlines()]:
        raise script.error(cell, f"a task without `{BEGIN}`; mark what is to be cut")
    names = [each for each in bindings(parse(cell.source)) if not each[1].module]
    if not names:
        raise script.error(
            cell, "a task defines a function, a class or a value; none here"
        )
    name, binding = names[0]
    points = read_points(script, cell)
    return Task(name, points, cell.number, check.number, binding == VALUE)


def read_points(script: Script, cell: Cell) -> int:
    """The whole number in the tag `points:2`."""
    given = [tag.partition(":")[2] for tag in cell.tags if tag.startswith("points:")]
    if len(given) != 1 or not given[0].isdecimal() or int(given[0]) < 1:
        got = ", ".join(f"points:{each}" for each in given) or "none"
        raise script.error(
            cell, f"a task needs one tag like points:2, whole; got {got}"
        )
    return int(given[0])


def refuse_stray_cells(script: Script, tasks: list[Task]) -> None:
    """Refuse checks without a task, and points where no task is."""
    checks = {task.check for task in tasks}
    for cell in script.cells:
        if "check" in cell.tags and cell.number not in checks:
            raise script.error(cell, "a check needs a cell tagged task right before it")
        if "task" not in cell.tags and any(t.startswith("points:") for t in cell.tags):
            raise script.error(cell, "points belong to a cell that is tagged task")


def nbgrader_metadata(
    script: Script, tasks: list[Task], ids: Mapping[int, str]
) -> dict[int, Metadata]:
    """By cell number, the metadata of nbgrader's schema 3; no two grade_ids are equal.

    Args:
        script: the assignment, with its install cell.
        tasks: what `read_tasks` found.
        ids: the id of each cell, by its number; names the cells that nobody grades.
    """
    answers = {task.answer: task for task in tasks}
    checks = {task.check: task for task in tasks}
    marked: dict[int, Metadata] = {}
    for cell in script.cells:
        if cell.number in answers:
            marked[cell.number] = mark(answers[cell.number].name, solution=True)
        elif cell.number in checks:
            task = checks[cell.number]
            marked[cell.number] = mark(f"check_{task.name}", points=task.points)
        else:
            marked[cell.number] = mark(f"cell-{ids[cell.number]}")
    refuse_duplicates(script, marked)
    return marked


def mark(
    grade_id: str, *, solution: bool = False, points: int | None = None
) -> Metadata:
    """The metadata of an answer (`solution`), a check (`points`) or other cells."""
    graded = {} if points is None else {"points": points}
    return {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
        **graded,
    }


def refuse_duplicates(script: Script, marked: Mapping[int, Metadata]) -> None:
    """Refuse two cells with one grade_id: a task called check_x beside a task x."""
    seen: dict[str, int] = {}
    for number, metadata in marked.items():
        grade_id = metadata["grade_id"]
        if grade_id in seen:
            raise BuildError(
                f"{script.name}: cells {seen[grade_id]} and {number} both have the "
                f"grade_id {grade_id}; rename a task"
            )
        seen[grade_id] = number
