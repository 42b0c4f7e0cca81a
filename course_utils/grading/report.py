"""Showing a grade: a table for people, JSON for programs."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from course_utils.grading.verdict import Grade

STYLES = {"right": "green", "wrong": "red", "error": "red", "crash": "red"}


def as_json(grade: Grade) -> str:
    """The grade as JSON: file, score, points, and one entry a task."""
    content: dict[str, Any] = {
        "file": grade.file.encode("utf-8", "replace").decode("utf-8"),
        "score": grade.score,
        "points": grade.points,
        "tasks": [
            {"name": r.name, "points": r.points, "score": r.score, "message": r.message}
            for r in grade.results
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def print_grade(grade: Grade, console: Console) -> None:
    """Print the table, the notes and the sum; or why there is no grade."""
    if grade.problem:
        console.print(Text(grade.problem, style="red"))
        return
    console.print(as_table(grade))
    for note in grade.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    style = "bold green" if grade.is_full else "bold"
    console.print(Text(f"{grade.score} of {grade.points} points", style=style))


def as_table(grade: Grade) -> Table:
    """One row a task. What a submission printed is text, never markup."""
    table = Table(show_lines=True)
    table.add_column("task", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what the check says", overflow="fold")
    for r in grade.results:
        verdict = Text(r.verdict, style=STYLES.get(r.verdict, "yellow"))
        table.add_row(Text(r.name), f"{r.score} / {r.points}", verdict, Text(r.message))
    return table
