"""The course as the builder sees it: its folders, its address, its scripts."""

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jupytext
import yaml

# Magics are left alone: a script is plain Python, and "# cat is ..." is a comment.
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}

FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6})\s+(\S.*?)\s*$", re.MULTILINE)


class BuildError(Exception):
    """A source cannot be built; the text names file, cell, and what to do."""


@dataclass(frozen=True)
class Course:
    """Where sources are read and notebooks written.

    Attributes:
        root: the folder that holds `source/`, `notebooks/` and `pyproject.toml`.
        repository: the public address of the course, without a slash at its end.
        package: the library whose functions lessons show.
    """

    root: Path
    repository: str
    package: str = "course_utils"

    @property
    def results(self) -> Path:
        """What lessons measured and kept in the last full build, instead of a cache."""
        return self.root / ".build"

    @property
    def released(self) -> Path:
        """The folder of the grader's pristine copies of the assignments."""
        return self.root / "course_grading" / "released"

    def lessons(self) -> list[Path]:
        """The lesson scripts, in the order of the course, and then the appendices."""
        return sorted((self.root / "source" / "lessons").glob("*.py"))

    def assignments(self) -> list[Path]:
        """The assignment scripts, in the order of the course."""
        return sorted((self.root / "source" / "assignments").glob("*.py"))

    def shown(self, path: Path) -> str:
        """A path as messages name it: from the root of the course."""
        return path.relative_to(self.root).as_posix()


def read_course(root: Path) -> Course:
    """The course in a folder, its address read from `pyproject.toml`."""
    file = root / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    address = project.get("urls", {}).get("Repository")
    if not address:
        raise BuildError(
            f"{file.name}: no Repository under [project.urls]; "
            "badges and install cells are made from it"
        )
    return Course(root.resolve(), str(address).rstrip("/").removesuffix(".git"))


def select(course: Course, names: Sequence[str]) -> list[Path]:
    """The scripts with these names (`01_sliding_windows`, or a path); all for none."""
    scripts = course.lessons() + course.assignments()
    if not names:
        return scripts
    chosen: list[Path] = []
    for name in names:
        wanted = name.removesuffix(".py").removesuffix(".ipynb").strip("/")
        found = [
            script
            for script in scripts
            if f"/{course.shown(script).removesuffix('.py')}".endswith(f"/{wanted}")
        ]
        if not found:
            known = ", ".join(sorted({script.stem for script in scripts})) or "none yet"
            raise BuildError(f"no source is called {name}; there are: {known}")
        chosen += [script for script in found if script not in chosen]
    return chosen


@dataclass(frozen=True)
class ScriptCell:
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
    """A percent script; `name` is its path from the course's root.

    `front` is the YAML at its top, or None.
    """

    name: str
    path: Path
    cells: tuple[ScriptCell, ...]
    front: Any = field(default=None, hash=False)

    @property
    def stem(self) -> str:
        """The name that its notebooks carry."""
        return self.path.stem

    @property
    def is_appendix(self) -> bool:
        """Whether this is a page beside the lessons: its name has no number."""
        return is_appendix(self.path)

    def error(self, cell: ScriptCell, problem: str) -> BuildError:
        """An error that names this file and the cell."""
        return BuildError(f"{self.name}, {cell.where}: {problem}")


def is_appendix(path: Path) -> bool:
    """Whether a lesson script is an appendix: its name begins with no number."""
    return not path.stem[:1].isdigit()


def read_script(path: Path, name: str) -> Script:
    """The cells of a percent script; it must begin with a Markdown title."""
    return parse_script(path.read_text(encoding="utf-8"), path, name)


@functools.cache  # an assignment looks up the headings of its lesson for every task
def parse_script(text: str, path: Path, name: str) -> Script:
    """The cells of a percent script with this text."""
    nodes = jupytext.reads(text, fmt=PERCENT).cells
    lines = marker_lines(text, len(nodes))
    cells = [
        ScriptCell(
            node.cell_type,
            node.source,
            tuple(node.metadata.get("tags", ())),
            number,
            line,
        )
        for number, (node, line) in enumerate(zip(nodes, lines, strict=True), start=1)
    ]
    front = None
    if nodes and nodes[0].cell_type == "raw":
        front = read_front(nodes[0].source, name)
        del cells[0]
    for cell in cells:
        if cell.kind not in ("code", "markdown"):
            raise BuildError(f"{name}, {cell.where}: {cell.kind}; make it Markdown")
    while cells and is_for_tools(cells[0]):
        del cells[0]
    script = Script(name, path, tuple(cells), front)
    if not cells or not cells[0].source.startswith("# ") or cells[0].kind == "code":
        raise BuildError(f"{name}: the first cell must be Markdown with a `# ` title")
    return script


def read_front(text: str, name: str) -> Any:
    """What the YAML between two lines `---` at the top of a script says."""
    try:
        return yaml.safe_load(text.strip().strip("-"))
    except yaml.YAMLError as error:
        raise BuildError(
            f"{name}: the fields at its top are not YAML: {error}"
        ) from None


def headings(script: Script) -> list[tuple[int, str]]:
    """The level and the text of each heading in a script's Markdown."""
    prose = [FENCED.sub("", c.source) for c in script.cells if c.kind == "markdown"]
    return [
        (len(marks), text) for each in prose for marks, text in HEADING.findall(each)
    ]


def marker_lines(text: str, count: int) -> list[int | None]:
    """The line of each cell's `# %%`, or None for all where they do not match."""
    lines = text.splitlines()
    marks = [i for i, line in enumerate(lines, start=1) if line.startswith("# %%")]
    if len(marks) == count - 1:  # something stands before the first marker
        marks = [1, *marks]
    return list(marks) if len(marks) == count else [None] * count


def is_for_tools(cell: ScriptCell) -> bool:
    """Whether a first cell holds only comments, as `# ruff: noqa` above the title."""
    lines = cell.source.splitlines()
    return cell.kind == "code" and all(line.startswith("#") for line in lines)
