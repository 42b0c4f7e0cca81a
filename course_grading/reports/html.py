"""Pages for a learner and for the class: one self-contained file each.

Nothing that a submission wrote can run in them: every value is escaped, and a policy in
the page lets the browser apply no other style and run no other script than ours, which
it knows by their hashes.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from course_grading.reports.classpage import class_content
from course_grading.reports.file_names import file_name, label
from course_grading.reports.lessons import find_section
from course_grading.reports.message_parts import read_message
from course_grading.reports.text import one_line, visible
from course_grading.running.verdict import Grade, Result

SIGNS = {"right": "✓", "wrong": "✗", "not answered": "○", "missing": "○"}
TONES = {"right": "good", "not answered": "open", "missing": "open", "not run": "open"}


def as_page(grade: Grade) -> str:
    """The page for a learner: each task, what went wrong, hints, how it was graded."""
    tasks = [(result, read_message(result)) for result in grade.results]
    return render_page("feedback.html", grade=grade, tasks=tasks, name=label(grade))


def as_class_page(grades: Sequence[Grade], links: Sequence[str]) -> str:
    """The page for an instructor; works without its script, which only sorts.

    Args:
        grades: of one assignment.
        links: for each grade the address of the learner's page, from this page on.
    """
    return render_page("class.html", script="sort.js", **class_content(grades, links))


def render_page(template: str, *, script: str = "", **values: Any) -> str:
    """A page from its template, with its style, its script and its policy."""
    environment = pages()
    style = source(environment, "style.css")
    code = source(environment, script) if script else ""
    scripts = f"script-src {digest(code)}; " if code else ""
    policy = f"default-src 'none'; style-src {digest(style)}; {scripts}"
    policy += "base-uri 'none'; form-action 'none'"
    parts = {"style": Markup(style), "script": Markup(code), "policy": policy}
    return environment.get_template(template).render(**parts, **values)


@cache
def pages() -> Environment:
    """The templates. Whatever they show is made visible, then escaped."""
    environment = Environment(
        loader=PackageLoader("course_grading.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=as_shown,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "hint": hint,
        "one_line": one_line,
        "section": find_section,
        "sign": sign,
        "tone": tone,
        "bars": bars,
        "breakable": breakable,
        "file_name": file_name,
        "percent": lambda share: f"{share:.0%}",
        "seconds": seconds,
    }
    return environment


def source(environment: Environment, name: str) -> str:
    """The text of a file beside the templates."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def digest(text: str) -> str:
    """How a policy names a script or style."""
    value = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{value}'"


def as_shown(value: Any) -> Any:
    """What a template shows: text without unseen characters, markup as it is."""
    return visible(value) if type(value) is str else value


def sign(result: Result) -> str:
    """One character for a verdict; the word stands beside it, also for readers."""
    return SIGNS.get(result.verdict, "!")


def tone(verdict: str) -> str:
    """The class of style of a verdict."""
    return TONES.get(verdict, "bad")


def bars(counts: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Tone, begin and width, in percent, of the parts of a bar of verdicts."""
    total = sum(counts.values())
    found = []
    begin = 0.0
    for each in ("good", "open", "bad"):
        count = sum(n for verdict, n in counts.items() if tone(verdict) == each)
        found.append((each, begin, 100 * count / total))
        begin += 100 * count / total
    return found


def breakable(text: str) -> Markup:
    """A name that may break behind an underscore, slash or dot."""
    parts = re.split(r"(?<=[_/.])", visible(text))
    return Markup("<wbr>").join(parts)


def hint(text: str) -> Markup:
    """A hint's Markdown as far as hints use it: paragraphs, and code in backticks."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", visible(text)):
        parts = re.split(r"`([^`]+)`", paragraph)
        marked = [
            Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
            for place, part in enumerate(parts)
        ]
        paragraphs.append(Markup("<p>{}</p>").format(Markup("").join(marked)))
    return Markup("\n").join(paragraphs)


def seconds(value: float) -> str:
    """A duration in a few characters."""
    if value >= 100:
        return f"{value / 60:.1f} min"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
