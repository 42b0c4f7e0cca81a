"""Writing all reports on a class, or on one submission, into a folder."""

from collections.abc import Sequence
from pathlib import Path

from course_utils.grading.reports.json import as_json, as_json_list
from course_utils.grading.verdict import Grade


def write_reports(grades: Sequence[Grade], folder: Path) -> list[Path]:
    """Write the reports on a class; returns the files, first those for a person.

    The folder is made where it is missing, and older reports in it are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "grades.json"
    path.write_text(as_json_list(grades), encoding="utf-8", newline="\n")
    return [path]


def write_one(grade: Grade, folder: Path) -> list[Path]:
    """Write the reports on one submission; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "grade.json"
    path.write_text(as_json(grade), encoding="utf-8", newline="\n")
    return [path]
