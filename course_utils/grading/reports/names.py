"""What submissions and tasks are called in reports, and the file names for them."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from course_utils.grading.reports.text import one_line
from course_utils.grading.verdict import Grade

MOST_LETTERS = 60
# Windows opens a device for these, whatever their ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def label(grade: Grade) -> str:
    """Whose submission it is, or its file name; on one line and safe to show."""
    name = grade.student or PurePath(grade.file.replace("\\", "/")).name
    return one_line(name, most=80) or "(no name)"


def folder_names(grades: Sequence[Grade]) -> list[str]:
    """For each grade a name that every file system takes, no two alike."""
    names = [safe_name(grade) for grade in grades]
    folded = [name.casefold() for name in names]
    taken: set[str] = set()
    unique = []
    for grade, name, fold in zip(grades, names, folded, strict=True):
        marked = f"{name}-{digest(grade)}" if folded.count(fold) > 1 else name
        count = 1
        while (marked if count == 1 else f"{marked}-{count}").casefold() in taken:
            count += 1
        final = marked if count == 1 else f"{marked}-{count}"
        taken.add(final.casefold())
        unique.append(final)
    return unique


def safe_name(grade: Grade) -> str:
    """The label with letters, digits, dots, dashes and underscores only."""
    plain = re.sub(r"[^\w.-]+", "_", label(grade), flags=re.ASCII)
    name = plain.strip("._-")[:MOST_LETTERS]
    if not name or DEVICES.fullmatch(name):
        return f"submission-{digest(grade)}"
    return name


def digest(grade: Grade) -> str:
    """Eight letters that tell one file from another."""
    text = f"{grade.student}\0{grade.file}".encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:8]


def assignment_of(grade: Grade, others: Iterable[Grade]) -> str:
    """The assignment of a grade; where it has no record, that of the same tasks."""
    if grade.record is not None:
        return grade.record.assignment
    tasks = [result.name for result in grade.results]
    for other in others:
        same = tasks and [result.name for result in other.results] == tasks
        if other.record is not None and same:
            return other.record.assignment
    return ""
