"""Grades as CSV, for a gradebook: a row a student, a column a task."""

import csv
import io
import re
from collections.abc import Sequence

from course_grading.reports.file_names import label
from course_grading.reports.text import one_line
from course_grading.running.verdict import Grade

FORMULA = re.compile("[=+@\uff1d\uff0b\uff0d\uff20-]")
CUT = re.compile(r";(?=[\s\"']*[=+@\uff1d\uff0b\uff0d\uff20-])")
FIRST = ("student", "file", "score", "points")
LAST = ("problem", "review", "assignment", "release", "submission", "seed", "way")


def as_csv(grades: Sequence[Grade]) -> str:
    """The text of the file: a byte order mark, so that Excel reads its letters.

    A task that an assignment does not have is an empty field, so that it differs from
    one that earned 0 points.
    """
    tasks = list(dict.fromkeys(r.name for grade in grades for r in grade.results))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*FIRST, *map(without_formula, tasks), *LAST])
    for grade in grades:
        scores = {result.name: result.score for result in grade.results}
        record = grade.record
        how = [record.assignment, record.release, record.submission] if record else []
        how += [str(record.seed), record.way] if record else []
        names = [label(grade), grade.file]
        ends = [grade.problem, grade.review, *how] + [""] * (0 if record else 5)
        writer.writerow(
            [
                *map(without_formula, names),
                grade.score,
                grade.points,
                *(scores.get(task, "") for task in tasks),
                *map(without_formula, ends),
            ]
        )
    return "\N{ZERO WIDTH NO-BREAK SPACE}" + text.getvalue()


def without_formula(text: str) -> str:
    """One line that no spreadsheet takes for a formula: such begin with an apostrophe.

    Full-width forms of the signs count too, and what stands behind a semicolon, at
    which some programs cut fields.
    """
    line = CUT.sub(",", one_line(text, most=1000))
    return f"'{line}" if FORMULA.match(line) else line
