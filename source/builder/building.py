"""Building: run what is stale, keep outputs of the rest, write whole files."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from builder.course import Course
from builder.execute import clean, execute, refuse_size
from builder.library import Library
from builder.notebook import (
    carry_outputs,
    code_cells,
    read_notebook,
    same_checks,
    same_code,
    to_text,
    was_executed,
    write_whole,
)
from builder.targets import Product, Target, make_product

Started = Callable[[str, int], Callable[[], None]]


@dataclass(frozen=True)
class Built:
    """What was done for one script: seconds of execution, and the files written."""

    name: str
    seconds: float | None
    written: tuple[str, ...]


def build(
    course: Course, library: Library, path: Path, *, force: bool, started: Started
) -> Built:
    """Build all notebooks of one script; nothing is written unless all succeed.

    Args:
        course: where everything lies.
        library: where shown functions are found.
        path: the script.
        force: execute even if no code cell has changed.
        started: told the name and the number of code cells before an execution;
            returns what is called after each cell.
    """
    product = make_product(course, library, path)
    target = product.executed
    old = read_notebook(target.path, target.name)
    seconds = None
    if force or old is None or is_stale(old, target.notebook):
        cells = len(code_cells(target.notebook))
        begin = time.monotonic()
        run(target, course, on_cell=started(target.name, cells))
        seconds = time.monotonic() - begin
    else:
        carry_outputs(old, target.notebook)
    share_check_outputs(product)
    for each in product.targets:
        refuse_size(each.notebook, each.name)
    written = tuple(each.name for each in product.targets if write_changed(each))
    return Built(course.shown(path), seconds, written)


def is_stale(old: NotebookNode, new: NotebookNode) -> bool:
    """Whether a notebook has to run: its code or checks changed, or it never ran."""
    return not (same_code(old, new) and same_checks(old, new) and was_executed(old))


def run(target: Target, course: Course, *, on_cell: Callable[[], None]) -> None:
    """Execute a notebook in its own folder, and keep what is fit to be seen of it.

    A copy runs: the client adds metadata of widgets, timings and versions to it.
    """
    target.path.parent.mkdir(parents=True, exist_ok=True)
    ran = copy.deepcopy(target.notebook)
    execute(ran, target.name, course, target.path.parent, on_cell=on_cell)
    clean(ran, target.name, course.root)
    carry_outputs(ran, target.notebook)


def share_check_outputs(product: Product) -> None:
    """Give the released check cells what a right answer prints, and no other cell."""
    for target in product.released:
        pairs = zip(product.executed.notebook.cells, target.notebook.cells, strict=True)
        for solved, released in pairs:
            if "check" in released.metadata.get("tags", []):
                released.outputs = copy.deepcopy(solved.outputs)
                if released.metadata.nbgrader.grade_id in product.questions:
                    hide_explanation(released)


def hide_explanation(check: NotebookNode) -> None:
    """Keep the first sentence of a question's check: the next ones tell the answer."""
    for output in check.outputs:
        if output.output_type == "stream":
            first, stop, _ = output.text.partition(". ")
            output.text = f"{first}.\n" if stop else first


def write_changed(target: Target) -> bool:
    """Write a notebook if the file differs; whether it did."""
    text = to_text(target.notebook)
    if target.path.is_file() and target.path.read_text(encoding="utf-8") == text:
        return False
    write_whole(target.path, text)
    return True
