"""Reading a submission: as data, with a sentence for each way it can fail."""

import json
import re
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from course_utils.grading.assignment import (
    Assignment,
    Cell,
    as_dict,
    known_assignments,
    read_assignment,
    read_cell,
)
from course_utils.grading.source import defined_names

MAX_MEGABYTES = 64  # a notebook with all its pictures stays far below


class UngradableError(ValueError):
    """A file that cannot be graded; the text says why and what to do."""


def read_submission(path: Path) -> tuple[Cell, ...]:
    """The cells of a notebook file. Raises UngradableError with one clear sentence.

    Only the kind, the text and the `grade_id` of a cell are taken: its tags, outputs
    and kernel have no say in grading. So files that break the format's rules elsewhere
    are read too.
    """
    content = parse(path.name, decode(path.name, read_bytes(path)))
    cells = as_dict(content).get("cells")
    if not isinstance(cells, list):  # until format 3, a notebook was made of sheets
        sheets = as_dict(content).get("worksheets")
        if not isinstance(sheets, list):
            raise UngradableError(
                f"{path.name} is JSON, but not a notebook: it has no cells."
            )
        lists = [as_dict(sheet).get("cells") for sheet in sheets]
        cells = [cell for each in lists if isinstance(each, list) for cell in each]
    return tuple(read_cell(cell) for cell in cells)


def read_bytes(path: Path) -> bytes:
    """The content of the file."""
    if path.is_dir():
        raise UngradableError(f"{path.name} is a folder; name one notebook file.")
    try:
        if path.stat().st_size > MAX_MEGABYTES * 2**20:
            raise UngradableError(
                f"{path.name} is larger than {MAX_MEGABYTES} MB; clear its outputs "
                "(Kernel > Restart Kernel and Clear Outputs) and save it again."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise UngradableError(f"There is no file {path.name} at this path.") from None
    except OSError as error:
        raise UngradableError(
            f"{path.name} cannot be read: {error.strerror}."
        ) from None
    if not data.strip():
        raise UngradableError(f"{path.name} is empty; save the notebook again.")
    return data


def decode(name: str, data: bytes) -> str:
    """The text of the file, in UTF-8, UTF-16 or UTF-32."""
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise UngradableError(
            f"{name} is not text in UTF-8 (byte {error.start}); open it in Jupyter and "
            "save it again."
        ) from None


def parse(name: str, text: str) -> Any:
    """The JSON of the file."""
    try:
        return json.loads(text)
    except RecursionError:
        raise UngradableError(f"{name} is nested too deeply for a notebook.") from None
    except ValueError as error:
        if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
            raise UngradableError(
                f"{name} holds conflict markers of a merge (<<<<<<<); resolve the "
                "conflict, then grade again."
            ) from None
        raise UngradableError(
            f"{name} is not a notebook, or only a part of one: its JSON breaks off or "
            f"is wrong at line {getattr(error, 'lineno', '?')}. Save or download it "
            "again."
        ) from None


def find_assignment(
    path: Path, cells: Sequence[Cell], folder: Traversable
) -> Assignment:
    """The released assignment a submission answers.

    By the `grade_id`s in it, else by its file name, else by the names it defines.
    """
    assignments = [read_assignment(name, folder) for name in known_assignments(folder)]
    ids = {cell.grade_id for cell in cells}
    defined = {name for cell in cells for name in defined_names(cell.source)}

    def likeness(assignment: Assignment) -> tuple[int, bool, int]:
        tasks = assignment.tasks
        marked = sum((t.name in ids) + (t.check in ids) for t in tasks)
        named = sum(t.name in defined for t in tasks)
        return marked, assignment.name in path.stem, named if named > 1 else 0

    best = max(assignments, key=likeness, default=None)
    if best is None or not any(likeness(best)):
        raise UngradableError(
            f"{path.name} belongs to no known assignment: it holds none of their "
            f"tasks. Known are: {', '.join(a.name for a in assignments) or 'none'}."
        )
    return best


def named_assignment(path: Path, folder: Traversable) -> Assignment | None:
    """The assignment that the file's name tells, where its content tells nothing."""
    for name in known_assignments(folder):
        if name in path.stem:
            return read_assignment(name, folder)
    return None
