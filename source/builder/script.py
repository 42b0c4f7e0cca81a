"""Reading percent scripts into cells."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jupytext

from builder.course import BuildError

# Magics are left alone: a script is plain Python, and "# cat is ..." is a comment.
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}


@dataclass(frozen=True)
class Cell:
    """One cell of a script: its text, its tags, and where it stands."""

    kind: Literal["code", "markdown"]
    source: str
    tags: tuple[str, ...] = ()
    number: int = 0
    line: int | None = None

    @property
    def where(self) -> str:
        """The cell as messages name it."""
        line = "" if self.line is None else f" (line {self.line})"
        return f"cell {self.number}{line}"


@dataclass(frozen=True)
class Script:
    """A percent script; `name` is its path from the course's root."""

    name: str
    path: Path
    cells: tuple[Cell, ...]

    @property
    def stem(self) -> str:
        """The name that its notebooks carry."""
        return self.path.stem

    def error(self, cell: Cell, problem: str) -> BuildError:
        """An error that names this file and the cell."""
        return BuildError(f"{self.name}, {cell.where}: {problem}")


def read_script(path: Path, name: str) -> Script:
    """The cells of a percent script; it must begin with a Markdown title."""
    text = path.read_text(encoding="utf-8")
    nodes = jupytext.reads(text, fmt=PERCENT).cells
    lines = marker_lines(text, len(nodes))
    cells = [
        Cell(node.cell_type, node.source, tuple(node.metadata.get("tags", ())), *place)
        for node, *place in zip(nodes, range(1, len(nodes) + 1), lines, strict=True)
    ]
    for cell in cells:
        if cell.kind not in ("code", "markdown"):
            raise BuildError(f"{name}, {cell.where}: {cell.kind}; make it Markdown")
    while cells and is_for_tools(cells[0]):
        del cells[0]
    script = Script(name, path, tuple(cells))
    if not cells or not cells[0].source.startswith("# ") or cells[0].kind == "code":
        raise BuildError(f"{name}: the first cell must be Markdown with a `# ` title")
    return script


def marker_lines(text: str, count: int) -> list[int | None]:
    """The line of each cell's `# %%`, or None for all where they do not match."""
    lines = text.splitlines()
    marks = [i for i, line in enumerate(lines, start=1) if line.startswith("# %%")]
    if len(marks) == count - 1:  # something stands before the first marker
        marks = [1, *marks]
    return list(marks) if len(marks) == count else [None] * count


def is_for_tools(cell: Cell) -> bool:
    """Whether a first cell holds only comments, as `# ruff: noqa` above the title."""
    lines = cell.source.splitlines()
    return cell.kind == "code" and all(line.startswith("#") for line in lines)
