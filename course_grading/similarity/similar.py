"""The command `course similar`: which pairs of a class to look at."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from course_grading.classroom.submissions import find_submissions
from course_grading.running.verdict import safe_text
from course_grading.similarity.comparison import Comparison, Pair, Part, compare
from course_grading.submission.assignment import known_assignments, released_folder

__all__ = ["Comparison", "Pair", "Part", "compare", "print_similar", "similar_command"]

PARTS_SHOWN = 3
NO_VERDICT = (
    "Alike is no proof of copying: short tasks have few ways to be solved. Names, "
    "comments and the order of functions do not count, nor does what the assignment "
    "gave or most of the class wrote."
)


def similar_command(folder: Path, *, top: int, console: Console) -> None:
    """Compare the submissions of a folder and print the pairs that are most alike."""
    found = find_submissions([folder], assignments=known_assignments(released_folder()))
    students = {each.path: each.student for each in found if not each.problem}
    with console.status(Text(f"Comparing {len(students)} files ...")):
        comparison = compare(list(students), top=top)
    print_similar(comparison, console, students=students)


def print_similar(
    comparison: Comparison,
    console: Console,
    *,
    students: dict[Path, str] | None = None,
) -> None:
    """Print the pairs of a class, most alike first, with the places that match.

    Args:
        comparison: what `compare` found.
        console: where to print.
        students: what to call the files; their paths otherwise.
    """
    names = students or {}
    what = "submission" if comparison.compared == 1 else "submissions"
    title = f"{comparison.compared} {what} compared"
    table = Table(title=title)
    table.add_column("alike", justify="right")
    for heading in ("first", "second", "assignment", "longest places that match"):
        table.add_column(heading, overflow="fold")
    for pair in comparison.pairs:
        table.add_row(
            f"{pair.score:.0%}",
            *(shown(names.get(path) or path) for path in (pair.first, pair.second)),
            shown(pair.assignment),
            shown("\n".join(places(pair.parts))),
        )
    if comparison.pairs:
        console.print(table)
        console.print(NO_VERDICT, style="dim")
    else:
        console.print(f"{title}: no two hold the same code.")
    for path, sentence in comparison.left_out.items():
        text = f"Left out, of {names.get(path) or path}: {sentence}"
        console.print(Text(safe_text(text), style="yellow"))


def places(parts: Sequence[Part]) -> list[str]:
    """The longest places in words, and how many more there are."""
    lines = []
    for part in parts[:PARTS_SHOWN]:
        (first, *here), (second, *there) = part.where
        other = "" if second == first else f"{second} "
        lines.append(f"{first} {span(*here)} = {other}{span(*there)}")
    more = len(parts) - PARTS_SHOWN
    return lines + ([f"and {more} more"] if more > 0 else [])


def span(first: int, last: int) -> str:
    """Lines of a cell, such as "4-9"."""
    return f"{first}" if first == last else f"{first}-{last}"


def shown(value: object) -> Text:
    """A value without control characters or markup, for a file name may hold any."""
    return Text(safe_text(str(value)))
