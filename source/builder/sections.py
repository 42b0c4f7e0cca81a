"""The tag `section:NN_lesson#Heading`: where the lesson treats what a task asks.

It becomes `metadata.course.section` of the task's cell, beside nbgrader's metadata,
which allows no keys of others. Reports send a learner there.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from builder.assignment import Task
from builder.course import Course
from builder.script import Cell, Script, read_script

TAG = "section:"
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(\S.*?)\s*$", re.MULTILINE)


def section_tag(cell: Cell) -> str:
    """What the tag of a cell says, or "" where it has none."""
    given = [tag.removeprefix(TAG) for tag in cell.tags if tag.startswith(TAG)]
    return given[-1].strip() if given else ""


def sections(course: Course, script: Script, tasks: list[Task]) -> dict[int, str]:
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
    course: Course, script: Script, cell: Cell, lesson: str, begin: str
) -> str:
    """The heading of a lesson that is, or else begins, like this; only one may."""
    paths = {path.stem: path for path in course.lessons()}
    if lesson not in paths:
        names = ", ".join(paths) or "none yet"
        raise script.error(cell, f"no lesson is called {lesson!r}; there are: {names}")
    known = headings(paths[lesson])
    found = [each for each in known if each == begin]
    found = found or [each for each in known if begin and each.startswith(begin)]
    if len(found) != 1:
        many = f"{len(found)} headings" if found else "no heading"
        raise script.error(
            cell,
            f"lesson {lesson} has {many} {begin!r}; it has: {'; '.join(known)}",
        )
    return found[0]


def headings(path: Path) -> tuple[str, ...]:
    """The headings of a lesson, in order."""
    cells = read_script(path, path.name).cells
    texts = (FENCED.sub("", cell.source) for cell in cells if cell.kind == "markdown")
    return tuple(found[1] for text in texts for found in HEADING.finditer(text))


def without_section_tags(script: Script) -> Script:
    """The script with cells that no longer carry the tag: it is for the builder."""
    cells = tuple(
        replace(cell, tags=tuple(t for t in cell.tags if not t.startswith(TAG)))
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
