"""Grades in the terminal: tables, in which what a submission printed is only text."""

import statistics
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from course_grading.reports.file_names import label
from course_grading.reports.text import one_line, visible
from course_grading.running.verdict import Grade

STYLES = {"right": "green", "wrong": "red", "error": "red", "crash": "red"}
MOST_LISTED = 20


def print_grade(grade: Grade, console: Console) -> None:
    """Print the table, the notes and the sum; or why there is no grade."""
    if grade.problem:
        console.print(Text(visible(grade.problem), style="red"))
        return
    console.print(as_table(grade))
    for note in grade.notes:
        console.print(Text(f"Note: {visible(note)}", style="yellow"))
    if grade.review:
        console.print(Text(f"For review: {visible(grade.review)}", style="magenta"))
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
        score = f"{r.score} / {r.points}"
        table.add_row(Text(visible(r.name)), score, verdict, Text(visible(r.message)))
    return table


def print_class(grades: Sequence[Grade], console: Console) -> None:
    """Print a row a submission, a row a task, and what an instructor should look at."""
    console.print(class_table(grades))
    console.print(task_table(grades))
    listed = [grade for grade in grades if grade.review or grade.problem]
    for grade in listed[:MOST_LISTED]:
        why = one_line(grade.review or grade.problem, most=300)
        console.print(Text(f"{label(grade)}: {why}", style="magenta"))
    if len(listed) > MOST_LISTED:
        console.print(f"and {len(listed) - MOST_LISTED} more to look at")
    console.print(Text(sum_line(grades), style="bold"))


def class_table(grades: Sequence[Grade]) -> Table:
    """One row a submission: whose, points, and how many tasks ended how."""
    table = Table()
    table.add_column("submission", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("not right", overflow="fold")
    for grade in grades:
        failed = [
            f"{r.name}: {r.verdict}" for r in grade.results if r.verdict != "right"
        ]
        text = one_line(grade.problem) if grade.problem else ", ".join(failed)
        style = "green" if grade.is_full else ""
        table.add_row(
            Text(label(grade)),
            Text(f"{grade.score} / {grade.points}", style=style),
            Text(visible(text)),
        )
    return table


def task_table(grades: Sequence[Grade]) -> Table:
    """One row a task: how many are right, and how the others ended."""
    table = Table()
    table.add_column("task", overflow="fold")
    table.add_column("right", justify="right", no_wrap=True)
    table.add_column("others", overflow="fold")
    results = [result for grade in grades for result in grade.results]
    for name in dict.fromkeys(result.name for result in results):
        counts = Counter(r.verdict for r in results if r.name == name)
        right = counts.pop("right", 0)
        others = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        total = right + counts.total()
        table.add_row(Text(visible(name)), f"{right} of {total}", others)
    return table


def sum_line(grades: Sequence[Grade]) -> str:
    """The class in one line."""
    full = sum(grade.is_full for grade in grades)
    many = f"{len(grades)} submission{'s' * (len(grades) != 1)}"
    if not grades:
        return many
    median = statistics.median(grade.score for grade in grades)
    return f"{many}: median {median:g} points, {full} with full marks"
