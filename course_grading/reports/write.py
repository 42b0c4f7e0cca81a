"""Writing all reports on a class, or on one submission, into a folder."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from course_grading.reports.file_names import assignment_of, folder_names
from course_grading.reports.gradebook import as_csv
from course_grading.reports.html import as_class_page, as_page
from course_grading.reports.json import as_json, as_json_list
from course_grading.reports.junit import as_junit
from course_grading.reports.markdown import as_class_markdown, as_markdown
from course_grading.reports.platforms import (
    as_classroom50,
    as_gradescope,
    is_classroom50,
)
from course_grading.running.verdict import Grade

STUDENTS = "students"
PAGE = "feedback.html"


def write_reports(grades: Sequence[Grade], folder: Path) -> list[Path]:
    """Write the reports on a class; returns the files, first those for a person.

    The same grades give the same bytes, in whichever order they come. Where they are of
    several assignments, each has its own folder inside. A folder is made where it is
    missing, and older reports in it are replaced.
    """
    ordered = sorted(grades, key=lambda g: (natural(g.student), natural(g.file)))
    parts: dict[str, list[Grade]] = defaultdict(list)
    for grade in ordered:
        parts[assignment_of(grade, ordered)].append(grade)
    if len(parts.keys() - {""}) < 2:  # a file of no known assignment needs no folder
        return write_class(ordered, folder)
    written: list[Path] = []
    for name, part in sorted(parts.items()):
        written += write_class(part, folder / (name or "unknown"))
    return written


def natural(text: str) -> list[tuple[int, str]]:
    """What sorts "student 2" before "student 10"."""
    parts = re.split(r"([0-9]+)", text)
    return [(len(p.lstrip("0")) if n % 2 else 0, p) for n, p in enumerate(parts)]


def write_class(grades: Sequence[Grade], folder: Path) -> list[Path]:
    """Write the reports on the submissions to one assignment."""
    names = folder_names(grades)
    links = [f"{STUDENTS}/{quote(name)}/{PAGE}" for name in names]
    texts = {
        "class.html": as_class_page(grades, links),
        "gradebook.csv": as_csv(grades),
        "summary.md": as_class_markdown(grades),
        "grades.json": as_json_list(grades),
        "junit.xml": as_junit(grades),
    }
    written = write_texts(texts, folder)
    for grade, name in zip(grades, names, strict=True):
        written += write_one(grade, folder / STUDENTS / name)
    return written


def write_one(grade: Grade, folder: Path) -> list[Path]:
    """Write the reports on one submission; returns the files.

    Classroom 50's is among them where its runner called.
    """
    texts = {
        PAGE: as_page(grade),
        "summary.md": as_markdown(grade),
        "grade.json": as_json(grade),
        "junit.xml": as_junit([grade]),
        "results.json": as_gradescope(grade),
    }
    if is_classroom50(os.environ):
        texts["result.json"] = as_classroom50(grade, os.environ, datetime.now(UTC))
    return write_texts(texts, folder)


def write_texts(texts: dict[str, str], folder: Path) -> list[Path]:
    """Write files by name; line ends are the same on every system."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return [folder / name for name in texts]
