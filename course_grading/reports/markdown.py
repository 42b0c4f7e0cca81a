"""Grades as Markdown, for the job summary of GitHub Actions."""

import re
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from course_grading.reports.file_names import label
from course_grading.reports.html import pages
from course_grading.reports.lessons import find_section
from course_grading.reports.message_parts import read_message
from course_grading.reports.statistics import spread, summarise_tasks
from course_grading.reports.text import one_line, visible
from course_grading.running.verdict import Grade

# Each of these may mean something in Markdown or HTML; as a reference it never does.
SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")


def as_markdown(grade: Grade) -> str:
    """The summary of one submission: a table, then what went wrong."""
    failed = [
        (result, read_message(result), find_section(result.section))
        for result in grade.results
        if result.verdict != "right" and not grade.problem
    ]
    return render_markdown("feedback.md", grade=grade, failed=failed)


def as_class_markdown(grades: Sequence[Grade]) -> str:
    """The summary of a class: its scores, tasks, and what to look at."""
    return render_markdown(
        "class.md",
        grades=grades,
        tasks=summarise_tasks(grades),
        scores=spread([grade.score for grade in grades]),
        full=sum(grade.is_full for grade in grades),
        listed=[grade for grade in grades if grade.review or grade.problem],
    )


def render_markdown(template: str, **values: object) -> str:
    """A page from its template, in which every value is escaped for Markdown."""
    text = templates().get_template(template).render(**values, label=label)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def templates() -> Environment:
    """The templates, with the filters for Markdown."""
    environment = pages().overlay()
    environment.filters = environment.filters | {"line": line, "block": block}
    return environment


def line(text: str, most: int = 300) -> Markup:
    """Text on one line, for running text and tables."""
    return reference(one_line(text, most=most))


def block(text: str) -> Markup:
    """Text with its line breaks, for a `<pre>`."""
    return reference(visible(text))


def reference(text: str) -> Markup:
    """The text with a character reference for each sign that may have a meaning."""
    return Markup(SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text))
