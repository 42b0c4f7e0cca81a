"""Notebooks from cells: stable ids, little metadata, the same bytes every time."""

import ast
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from builder.course import BuildError, ScriptCell
from builder.names import DOCUMENTED, magics, parse

METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def cell_ids(cells: Iterable[ScriptCell]) -> dict[int, str]:
    """By cell number, an id from a hash of the cell's text.

    Editing one cell changes its id alone. Cells of equal text are numbered.
    """
    counts: Counter[str] = Counter()
    ids = {}
    for cell in cells:
        text = f"{cell.kind}\n{cell.source}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        counts[digest] += 1
        again = f"-{counts[digest]}" if counts[digest] > 1 else ""
        ids[cell.number] = digest + again
    return ids


def make_notebook(
    cells: Iterable[ScriptCell],
    ids: Mapping[int, str],
    marks: Mapping[int, dict[str, Any]] | None = None,
) -> NotebookNode:
    """A notebook without outputs; `ids` and `marks`, its metadata, by cell number."""
    nodes = []
    for cell in cells:
        make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
        metadata: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
        if "hide-input" in cell.tags:
            metadata["jupyter"] = {"source_hidden": True}
        metadata |= marks[cell.number] if marks is not None else {}
        nodes.append(make(cell.source, id=ids[cell.number], metadata=metadata))
    notebook: NotebookNode = v4.new_notebook(cells=nodes, metadata=METADATA)
    notebook.nbformat_minor = 5
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """The text of the file: sorted keys, one line break at its end."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def read_notebook(path: Path, shown: str) -> NotebookNode | None:
    """The notebook in a file, or None where there is no such file."""
    if not path.is_file():
        return None
    try:
        return NotebookNode(nbformat.read(path, as_version=4))
    except (ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise BuildError(
            f"{shown}: not a notebook; delete it and build again"
        ) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file so that no reader ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        newline="\n",
        dir=path.parent,
        suffix=".part",
        delete=False,
    ) as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def same_code(a: NotebookNode, b: NotebookNode) -> bool:
    """Whether two notebooks would run the same code; comments and docstrings do not."""
    sources = [[cell.source for cell in code_cells(each)] for each in (a, b)]
    return sources[0] == sources[1] or (
        [what_runs(source) for source in sources[0]]
        == [what_runs(source) for source in sources[1]]
    )


def what_runs(source: str) -> tuple[str, list[str]]:
    """The syntax of a cell without comments and docstrings, and its magics."""
    tree = parse(source)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree), magics(source)


def same_checks(a: NotebookNode, b: NotebookNode) -> bool:
    """Whether two notebooks belong to the same checks; lessons have none."""
    return bool(a.metadata.get("course") == b.metadata.get("course"))


def carry_outputs(old: NotebookNode, new: NotebookNode) -> None:
    """Give each code cell of `new` what the same cell of `old` has printed.

    A cell whose output would answer a question above it keeps none: the reader runs it.
    """
    for before, after in zip(code_cells(old), code_cells(new), strict=True):
        if not is_guess(after):
            after.outputs = before.outputs
            after.execution_count = before.execution_count


def is_guess(cell: NotebookNode) -> bool:
    """Whether a reader is to predict what this cell prints."""
    return "predict" in cell.metadata.get("tags", [])


def was_executed(notebook: NotebookNode) -> bool:
    """Whether every code cell has run, but for those whose outputs are not kept."""
    cells = [cell for cell in code_cells(notebook) if cell.source]
    return all(cell.execution_count or is_guess(cell) for cell in cells)
