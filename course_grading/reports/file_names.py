"""What submissions and tasks are called in reports, and the file names for them."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from course_grading.reports.text import one_line
from course_grading.running.verdict import Grade

MOST_LETTERS = 40
# Windows opens a device for these, whatever their ending.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def label(grade: Grade) -> str:
    """Whose submission it is, or its file name; on one line and safe to show."""
    return one_line(grade.student or file_name(grade.file), most=80) or "(no name)"


def file_name(path: str) -> str:
    """The name of a file without its folders, which are the grader's business."""
    return PurePath(path.replace("\\", "/")).name


def folder_names(grades: Sequence[Grade]) -> list[str]:
    """For each grade a name that every file system takes, no two alike."""
    names = [safe_name(grade) for grade in grades]
    counts = Counter(name.casefold() for name in names)
    taken: Counter[str] = Counter()
    unique = []
    for grade, name in zip(grades, names, strict=True):
        marked = name if counts[name.casefold()] == 1 else f"{name}-{short_hash(grade)}"
        taken[marked] += 1  # above 1 where the very same file comes twice
        unique.append(marked if taken[marked] == 1 else f"{marked}-{taken[marked]}")
    return unique


def safe_name(grade: Grade) -> str:
    """The label with letters, digits, dots, dashes and underscores only."""
    composed = unicodedata.normalize("NFC", label(grade))
    name = re.sub(r"[^\w.-]+", "_", composed).strip("._-")[:MOST_LETTERS]
    if not name or DEVICES.fullmatch(name):
        return f"submission-{short_hash(grade)}"
    return name


def short_hash(grade: Grade) -> str:
    """Eight letters that tell one file from another."""
    text = f"{grade.student}\0{grade.file}".encode("utf-8", "surrogatepass")
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
