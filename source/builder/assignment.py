"""An assignment: its tasks and checks, its answers cut out, nbgrader's metadata.

The tag `section:NN_lesson#Heading` says where the lesson treats what a task asks. It
becomes `metadata.course.section` of the task's cell, beside nbgrader's metadata, which
allows no keys of others. Reports send a learner there.
"""

import ast
import hashlib
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from builder.course import BuildError, Course, Script, ScriptCell, headings, read_script
from builder.names import VALUE, bindings, parse, without_magics

TOTAL = 10  # points
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError")
TELLING = 24  # characters from which a line gives an answer away
SECTION = "section:"
Metadata = dict[str, Any]


@dataclass(frozen=True)
class TaskCells:
    """One task: what its answer is called, its points, its two cells by number.

    A question is answered by a value, any other task by a function or a class.
    """

    name: str
    points: int
    answer: int
    check: int
    is_question: bool = False


def read_tasks(script: Script) -> list[TaskCells]:
    """The tasks of an assignment in order; each error names the cell and the remedy."""
    code = [cell for cell in script.cells if cell.kind == "code"]
    tasks: list[TaskCells] = []
    following: list[ScriptCell | None] = [*code[1:], None]
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


def read_task(script: Script, cell: ScriptCell, check: ScriptCell) -> TaskCells:
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
    return TaskCells(name, points, cell.number, check.number, binding == VALUE)


def read_points(script: Script, cell: ScriptCell) -> int:
    """The whole number in the tag `points:2`."""
    given = [tag.partition(":")[2] for tag in cell.tags if tag.startswith("points:")]
    if len(given) != 1 or not given[0].isdecimal() or int(given[0]) < 1:
        got = ", ".join(f"points:{each}" for each in given) or "none"
        raise script.error(
            cell, f"a task needs one tag like points:2, whole; got {got}"
        )
    return int(given[0])


def refuse_stray_cells(script: Script, tasks: list[TaskCells]) -> None:
    """Refuse checks without a task, and points where no task is."""
    checks = {task.check for task in tasks}
    for cell in script.cells:
        if "check" in cell.tags and cell.number not in checks:
            raise script.error(cell, "a check needs a cell tagged task right before it")
        if "task" not in cell.tags and any(t.startswith("points:") for t in cell.tags):
            raise script.error(cell, "points belong to a cell that is tagged task")


def checks_digest(course: Course, script: Script) -> str:
    """A hash of what judges an assignment: the checks that it imports, their engine."""
    folder = course.root / course.package
    files = set((folder / "checking").rglob("*.py"))
    for cell in script.cells:
        tree = parse(cell.source if cell.kind == "code" else "")
        for _, binding in bindings(tree):
            match binding.module.split("."):
                case [course.package, "checks", name, *_]:
                    files |= set((folder / "checks" / name).rglob("*.py"))
    whole = hashlib.sha256()
    for file in sorted(files):
        text = f"{course.shown(file)}\n{file.read_text(encoding='utf-8')}"
        whole.update(text.encode())
    return whole.hexdigest()[:12]


def nbgrader_metadata(
    script: Script, tasks: list[TaskCells], ids: Mapping[int, str]
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


def regions(source: str) -> list[tuple[int, int]]:
    """The first and last line, from 1, between each pair of solution markers.

    Raises BuildError for markers that do not come in pairs.
    """
    marks = [
        (number, line.strip())
        for number, line in enumerate(source.splitlines(), start=1)
        if line.strip() in (BEGIN, END)
    ]
    for index, (number, text) in enumerate(marks):
        partner = index + 1 if text == BEGIN else index - 1
        if text != (BEGIN, END)[index % 2] or not 0 <= partner < len(marks):
            raise BuildError(
                f"`{text}` in line {number} without its partner; put each answer "
                "between both"
            )
    starts, ends = marks[::2], marks[1::2]
    return [(a + 1, b - 1) for (a, _), (b, _) in zip(starts, ends, strict=True)]


def cut(source: str) -> tuple[str, list[str]]:
    """A cell without its answers, and the lines that were cut.

    Raises BuildError for markers that do not come in pairs, hold nothing, or leave
    code that is not valid Python.
    """
    lines = source.splitlines()
    kept, answer, done = [], [], 0
    for first, last in regions(source):
        region = lines[first - 1 : last]
        if not any(is_code(line) for line in region):
            raise BuildError(f"nothing between `{BEGIN}` and `{END}`")
        marker = lines[first - 2]
        kept += lines[done : first - 2] + [marker.replace(BEGIN, s) for s in STUB]
        answer += region
        done = last + 1
    return checked("\n".join(kept + lines[done:])), answer


def is_code(line: str) -> bool:
    """Whether a line holds more than a comment."""
    return bool(line.strip()) and not line.strip().startswith("#")


def checked(source: str) -> str:
    """The same source, if it is valid Python."""
    try:
        ast.parse(without_magics(source))
    except SyntaxError as error:
        raise BuildError(
            f"cut, it is not valid Python ({error.msg}); put whole statements between "
            "the markers"
        ) from error
    return source


def cut_all(script: Script) -> Script:
    """The released form of an assignment; nothing of an answer is left in it."""
    cells: list[ScriptCell] = []
    answers: list[str] = []
    for cell in script.cells:
        if "task" not in cell.tags:
            cells.append(cell)
            continue
        try:
            source, answer = cut(cell.source)
        except BuildError as error:
            raise script.error(cell, str(error)) from error
        answers += answer
        cells.append(replace(cell, source=source))
    refuse_leaks(replace(script, cells=tuple(cells)), answers)
    return replace(script, cells=tuple(cells))


def refuse_leaks(script: Script, answers: list[str]) -> None:
    """Refuse markers outside tasks, and cut lines that stand elsewhere in the code."""
    telling = {line.strip() for line in answers if is_code(line)}
    telling = {line for line in telling if len(line) >= TELLING}
    for cell in script.cells:
        lines = [line.strip() for line in cell.source.splitlines()]
        if BEGIN in lines or END in lines:
            raise script.error(cell, "solution markers outside a cell tagged task")
        left = [line for line in lines if cell.kind == "code" and line in telling]
        if left:
            short = textwrap.shorten(left[0], 60)
            raise script.error(
                cell,
                f"a line of an answer is left in the release: `{short}`; move it "
                "between the markers, or write one of the two differently",
            )


def section_tag(cell: ScriptCell) -> str:
    """What the tag of a cell says, or "" where it has none."""
    given = [tag.removeprefix(SECTION) for tag in cell.tags if tag.startswith(SECTION)]
    return given[-1].strip() if given else ""


def sections(course: Course, script: Script, tasks: list[TaskCells]) -> dict[int, str]:
    """By number of the task's cell, its section as "NN_lesson#Heading".

    The tag may leave out the lesson where it has the assignment's name, and the end
    of the heading: tags hold no commas. Raises BuildError for a lesson or a heading
    that does not exist.
    """
    found = {}
    answers = {task.answer for task in tasks}
    for cell in script.cells:
        given = section_tag(cell)
        if not given:
            continue
        if cell.number not in answers:
            raise script.error(cell, "a section belongs to a cell that is tagged task")
        lesson, _, heading = given.rpartition("#")
        lesson = lesson or script.stem
        whole = find_heading(course, script, cell, lesson, heading)
        found[cell.number] = f"{lesson}#{whole}"
    return found


def find_heading(
    course: Course, script: Script, cell: ScriptCell, lesson: str, begin: str
) -> str:
    """The heading of a lesson that is, or else begins, like this; only one may."""
    paths = {path.stem: path for path in course.lessons()}
    if lesson not in paths:
        names = ", ".join(paths) or "none yet"
        raise script.error(cell, f"no lesson is called {lesson!r}; there are: {names}")
    script_of_lesson = read_script(paths[lesson], course.shown(paths[lesson]))
    known = [text for _, text in headings(script_of_lesson)]
    found = [each for each in known if each == begin]
    found = found or [each for each in known if begin and each.startswith(begin)]
    if len(found) != 1:
        many = f"{len(found)} headings" if found else "no heading"
        raise script.error(
            cell,
            f"lesson {lesson} has {many} {begin!r}; it has: {'; '.join(known)}",
        )
    return found[0]


def without_section_tags(script: Script) -> Script:
    """The script with cells that no longer carry the tag: it is for the builder."""
    cells = tuple(
        replace(cell, tags=tuple(t for t in cell.tags if not t.startswith(SECTION)))
        for cell in script.cells
    )
    return replace(script, cells=cells)


def lint_sections(script: Script) -> Iterator[str]:
    """A sentence for each task that sends nobody to the lesson."""
    for cell in script.cells:
        if "task" in cell.tags and not section_tag(cell):
            yield str(
                script.error(
                    cell,
                    "no tag like section:Heading, which tells where the lesson "
                    "treats this task",
                )
            )
