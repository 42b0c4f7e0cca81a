"""What the page on a class shows, made from its grades."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from course_grading.reports.file_names import label
from course_grading.reports.statistics import (
    FEWEST,
    frequent_mistakes,
    histogram,
    spread,
    summarise_tasks,
)
from course_grading.running.verdict import Grade, Record, Result

SLOWEST = 5


@dataclass(frozen=True)
class TableRow:
    """One submission in the table.

    Attributes:
        name: whose it is.
        link: to the learner's page.
        grade: all that is known.
        results: for each task of the table; None where the grade lacks it.
        seconds: how long grading it took.
    """

    name: str
    link: str
    grade: Grade
    results: tuple[Result | None, ...]
    seconds: float


def class_content(grades: Sequence[Grade], links: Sequence[str]) -> dict[str, Any]:
    """The values that the template of the page needs."""
    tasks = summarise_tasks(grades)
    rows = [
        as_row(grade, link, [task.name for task in tasks])
        for grade, link in zip(grades, links, strict=True)
    ]
    counts = histogram(grades)
    graded = [grade for grade in grades if not grade.problem]
    return {
        "assignment": next((g.record.assignment for g in grades if g.record), ""),
        "rows": rows,
        "tasks": tasks,
        "points": max((grade.points for grade in grades), default=0),
        "histogram": counts,
        "highest": max((count for _, count in counts), default=0),
        "scores": spread([grade.score for grade in grades]),
        "full": sum(grade.is_full for grade in grades),
        "refused": len(grades) - len(graded),
        "mistakes": frequent_mistakes(tasks),
        "times": spread([row.seconds for row in rows]),
        "slowest": sorted(rows, key=lambda row: -row.seconds)[:SLOWEST],
        "review": [row for row in rows if row.grade.review or row.grade.problem],
        "records_found": records(grades),
        "fewest": FEWEST,
    }


def as_row(grade: Grade, link: str, tasks: Sequence[str]) -> TableRow:
    """The row of one submission."""
    results = {result.name: result for result in grade.results}
    seconds = grade.record.seconds if grade.record else 0.0
    found = tuple(results.get(task) for task in tasks)
    return TableRow(label(grade), link, grade, found, seconds)


def records(grades: Sequence[Grade]) -> list[tuple[Record, int]]:
    """The ways in which grades came about, and how many did so: mostly one."""
    found: list[tuple[Record, int]] = []
    for grade in grades:
        if grade.record is None:
            continue
        way = replace(grade.record, submission="", seconds=0.0)
        known = [place for place, (other, _) in enumerate(found) if other == way]
        if known:
            found[known[0]] = (way, found[known[0]][1] + 1)
        else:
            found.append((way, 1))
    return found
