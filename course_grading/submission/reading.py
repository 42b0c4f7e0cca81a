"""Reading a submission: as data, with a sentence for each way it can fail."""

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from course_grading.submission.assignment import (
    Assignment,
    Cell,
    as_dict,
    known_assignments,
    read_assignment,
    read_cell,
)
from course_grading.submission.notebook_rules import list_cells, rule_breaks
from course_grading.submission.repair import (
    BrokenFileError,
    decode_text,
    is_too_much,
    read_json,
    two_sides,
)

MAX_MEGABYTES = 64  # a notebook with all its pictures stays far below
MAX_CELLS = 5000
MAX_CELL_LETTERS = 100_000
MAX_LETTERS = 1_000_000  # of all cells together

KINDS = {"raw": "raw"} | dict.fromkeys(
    ("markdown", "heading", "html", "plaintext", "rst"), "markdown"
)
# What people hand in instead of a notebook, by how its content begins.
OTHER_FILES = {
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!": "is an archive; unpack it and hand in "
    "the notebook (.ipynb) that it holds.",
    rb"%PDF": "is a PDF; hand in the notebook itself (.ipynb).",
    rb"(?i:\s*<(?:!doctype|html|\?xml|head|body))": "is a web page; hand in the "
    "notebook itself: in Jupyter by File > Download, on GitHub by Download raw file.",
    rb"\s*(?:#|import |from |def |class |\"\"\"|%)": "is a Python or text file; hand "
    "in the notebook itself (.ipynb).",
    rb"version https://git-lfs": "is only a pointer of Git LFS; hand in the notebook "
    "itself.",
}
IN_CONFLICT = (
    "The file holds the conflict markers of a merge (<<<<<<<). Where its two sides "
    "differ, the first one counts, or the second where the first has no answer. "
    "Resolve the conflict and hand it in again."
)


class UngradableError(ValueError):
    """A file that cannot be graded; the text says why and what to do."""


@dataclass(frozen=True)
class Submission:
    """What a notebook file holds, as far as it matters for grading.

    Attributes:
        cells: in the order of the file.
        other: the cells of the second side of a merge conflict; empty without one.
        notes: sentences about what was wrong with the file.
    """

    cells: tuple[Cell, ...]
    other: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()


def read_submission(path: Path) -> Submission:
    """What a notebook file holds. Raises UngradableError with one clear sentence.

    Only the kind, the text and the `grade_id` of a cell are taken: its tags, outputs
    and kernel have no say in grading. So files that break the format's rules elsewhere
    are read too, and of damaged ones what is whole.
    """
    data = read_bytes(path)
    for start, sentence in OTHER_FILES.items():
        if re.match(start, data):
            raise UngradableError(f"{path.name} {sentence}")
    text, note = decode_text(data)
    if not text:
        raise UngradableError(f"{path.name} is empty; save the notebook again.")
    if is_too_much(text):
        raise UngradableError(
            f"{path.name} holds millions of values; clear its outputs (Kernel > "
            "Restart Kernel and Clear Outputs) and save it again."
        )
    sides = two_sides(text)
    read = read_sides(path.name, sides or (text,))
    first, *others = [side.cells for side in read]
    notes = [IN_CONFLICT if sides else "", note]
    notes += [note for side in read for note in side.notes]
    kept = tuple(dict.fromkeys(filter(None, notes)))
    return conflicting_cells(Submission(first, others[0] if others else (), kept))


def read_bytes(path: Path) -> bytes:
    """The content of the file, read only where its size is within the limit."""
    if path.is_dir():
        raise UngradableError(f"{path.name} is a folder; name one notebook file.")
    limit = MAX_MEGABYTES * 2**20
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe could block, or never end
            raise UngradableError(f"{path.name} is no ordinary file.")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise UngradableError(f"There is no file {path.name} at this path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UngradableError(f"{path.name} cannot be read: {reason}.") from None
    if len(data) > limit:
        raise UngradableError(
            f"{path.name} is larger than {MAX_MEGABYTES} MB; clear its outputs "
            "(Kernel > Restart Kernel and Clear Outputs) and save it again."
        )
    return data


def read_sides(name: str, texts: Sequence[str]) -> list[Submission]:
    """The readable ones of a file's versions: one, or the two of a merge conflict."""
    sides: list[Submission] = []
    problem = ""
    for text in texts:
        try:
            content, note = read_json(text)
        except BrokenFileError as error:
            problem = problem or f"{name} {error}. Save or download it again."
            continue
        listed = list_cells(content)
        if listed is None:
            problem = problem or f"{name} is JSON, but not a notebook: it has no cells."
            continue
        cells, notes = within_limits(name, listed)
        faults = note or rule_breaks(as_dict(content))
        sides.append(Submission(cells, notes=(faults, *notes)))
    if not sides:
        raise UngradableError(problem)
    return sides


def within_limits(name: str, listed: list[Any]) -> tuple[tuple[Cell, ...], list[str]]:
    """The cells, without the text of those that are too long, and notes about these."""
    if len(listed) > MAX_CELLS:
        raise UngradableError(f"{name} holds more than {MAX_CELLS} cells.")
    cells: list[Cell] = []
    notes: list[str] = []
    left = MAX_LETTERS
    for number, data in enumerate(listed, start=1):
        cell = read_cell(data)
        size = len(cell.source)
        is_long = size > min(left, MAX_CELL_LETTERS)
        cell = tidy(replace(cell, source="") if is_long else cell)
        if is_long and cell.kind == "code":  # text may well hold whole pictures
            notes.append(
                f"Cell {number} of the file was left out: it holds {size:,} letters, "
                "too many to be an answer."
            )
        left -= len(cell.source)
        cells.append(cell)
    return tuple(cells), notes[:10]


def tidy(cell: Cell) -> Cell:
    """The cell with plain line ends, whole characters, and a kind that is known.

    Before format 4, text cells had more kinds; a cell of no known kind may be code.
    """
    source = cell.source.replace("\r\n", "\n").replace("\r", "\n")
    source = source.encode("utf-8", "replace").decode()
    return replace(cell, kind=KINDS.get(cell.kind, "code"), source=source)


def conflicting_cells(submission: Submission) -> Submission:
    """The submission with both sides of conflicts that stand inside its cells."""
    sides = [
        None if cell.code.is_python else two_sides(cell.source)
        for cell in submission.cells
    ]
    if not any(sides):
        return submission
    both = list(zip(submission.cells, sides, strict=True))
    first = tuple(replace(c, source=side[0]) if side else c for c, side in both)
    second = tuple(replace(c, source=side[1]) if side else c for c, side in both)
    notes = dict.fromkeys((IN_CONFLICT, *submission.notes))
    return Submission(first, submission.other or second, tuple(notes))


def find_assignment(
    path: Path, cells: Sequence[Cell], folder: Traversable
) -> Assignment:
    """The released assignment a submission answers.

    By the `grade_id`s in it, else by its file name or its folder's, else by the names
    that it defines.
    """
    assignments = [read_assignment(name, folder) for name in known_assignments(folder)]
    ids = {cell.grade_id for cell in cells}
    defined = {name for cell in cells for name in cell.code.defines}

    def likeness(assignment: Assignment) -> tuple[int, bool, int]:
        tasks = assignment.tasks
        marked = sum((t.name in ids) + (t.check in ids) for t in tasks)
        named = sum(t.name in defined for t in tasks)
        return marked, is_named(path, assignment.name), named if named > 1 else 0

    best = max(assignments, key=likeness, default=None)
    if best is None or not any(likeness(best)):
        raise UngradableError(
            f"{path.name} belongs to no known assignment: it holds none of their "
            f"tasks. Known are: {', '.join(a.name for a in assignments) or 'none'}."
        )
    return best


def is_named(path: Path, assignment: str) -> bool:
    """Whether a file or its folder is called after an assignment."""
    return assignment in path.stem or path.parent.name == assignment


def assignment_by_name(path: Path, folder: Traversable) -> Assignment | None:
    """The assignment that the file's name tells, where its content tells nothing."""
    for name in known_assignments(folder):
        if is_named(path, name):
            return read_assignment(name, folder)
    return None
