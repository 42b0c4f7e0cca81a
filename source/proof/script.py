"""The solved tasks of an assignment's source, as syntax trees."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.assignment import regions
from builder.course import BuildError


class SourceError(ValueError):
    """An assignment's source is missing, or not as the builder takes it."""


@dataclass(frozen=True)
class Solution:
    """The solution of one task.

    Attributes:
        name: of the function, class or value that is graded.
        tree: the statements that define it.
        first, last: the lines of the region that a learner writes, both included.
    """

    name: str
    tree: ast.Module
    first: int
    last: int


@dataclass(frozen=True)
class Source:
    """An assignment: what is given beside the tasks, and the tasks in their order."""

    name: str
    given: ast.Module
    tasks: tuple[Solution, ...]

    def namespace(self) -> dict[str, Any]:
        """What a task finds: imports with the checks, given code, other solutions."""
        names: dict[str, Any] = {"__name__": f"solutions_of_{self.name}"}
        exec(compile(self.given, f"<{self.name}>", "exec"), names)
        return names


def assignments(root: Path) -> list[Path]:
    """The sources of all assignments of a course, in their order."""
    return sorted((root / "source" / "assignments").glob("[0-9][0-9]_*.py"))


def chosen(root: Path, assignment: str | None) -> list[Path]:
    """The sources to prove: all, or the one with this number, name or both.

    Raises SourceError where there is none.
    """
    every = assignments(root)
    if not every:
        raise SourceError(f"no assignments' sources in {root / 'source/assignments'}")
    wanted = [
        path
        for path in every
        if assignment in (None, path.stem, path.stem[:2], path.stem[3:])
    ]
    if not wanted:
        known = ", ".join(path.stem for path in every)
        raise SourceError(f"no assignment {assignment}; there are: {known}")
    return wanted


def read(path: Path) -> Source:
    """The tasks of an assignment; raises SourceError where markers do not match."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, filename=str(path))
    try:
        tasks = tuple(task_of(tree, first, last) for first, last in regions(text))
    except BuildError as error:
        raise SourceError(f"{path.name}: {error}") from error
    given = [node for node in tree.body if not isinstance(node, ast.Expr)]
    return Source(path.stem[3:], ast.Module(given, []), tasks)


def task_of(tree: ast.Module, first: int, last: int) -> Solution:
    """The task whose answer stands in these lines."""
    body = [
        node
        for node in tree.body
        if node.lineno <= last and (node.end_lineno or node.lineno) >= first
    ]
    return Solution(name_of(body), ast.Module(body, []), first, last)


def name_of(body: Sequence[ast.stmt]) -> str:
    """What the last of these statements defines."""
    match body[-1]:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    raise SourceError(f"line {body[-1].lineno} defines nothing that could be graded")
