"""Wrong answers made of a right one, with one change each."""

import ast
import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from proof.calls import CALLS
from proof.expressions import EXPRESSIONS, number_in
from proof.known import known_of
from proof.script import Solution
from proof.statements import STATEMENTS

Item = TypeVar("Item")
OPERATORS = (*EXPRESSIONS, *CALLS, *STATEMENTS)


@dataclass(frozen=True)
class Mutant:
    """A task's solution with one change.

    Attributes:
        task: its name.
        operator: the name of the function that made the change.
        source: the whole definition, without comments.
        was, now: the lines that differ, without their indent.
        diff: the same with the lines around them, for reading.
    """

    task: str
    operator: str
    source: str
    was: str
    now: str
    diff: str


def mutants_of(task: Solution) -> list[Mutant]:
    """Every mutant of a task, each once, in the order of the solution."""
    known = known_of(task.tree)
    right = ast.unparse(task.tree)
    found: dict[str, Mutant] = {}
    for node in places(task):
        for operator in OPERATORS:
            for new in operator(node, known):
                source = ast.unparse(copy.deepcopy(task.tree, {id(node): new}))
                if source not in found and source != right:
                    found[source] = compared(
                        task.name, operator.__name__, right, source
                    )
    return list(found.values())


def places(task: Solution) -> Iterator[ast.AST]:
    """The nodes in the region that a learner writes, whose change could matter."""
    waiting: list[ast.AST] = [task.tree]
    while waiting:
        node = waiting.pop(0)
        waiting = mutable_children(node) + waiting
        line = getattr(node, "lineno", None)
        if line is None and isinstance(node, ast.comprehension):
            line = node.target.lineno
        if line is not None and task.first <= line <= task.last:
            yield node


def mutable_children(node: ast.AST) -> list[ast.AST]:
    """The parts of a node, but for types, docstrings, and what errors say.

    They change nothing that a check could see, so a mutant there is always equivalent.
    """
    match node:
        case ast.arg() | ast.JoinedStr() | ast.Raise() | ast.Assert():
            return []
        case ast.UnaryOp() if number_in(node) is not None:
            return []
        case ast.AnnAssign(target=target, value=value):
            return [part for part in (target, value) if part is not None]
        case ast.FunctionDef() | ast.ClassDef():
            has_docstring = ast.get_docstring(node, clean=False) is not None
            return [*node.body[has_docstring:]]
        case ast.Call():
            settings = [word.value for word in node.keywords if word.arg != "strict"]
            return [node.func, *node.args, *settings]
    return list(ast.iter_child_nodes(node))


def compared(task: str, operator: str, right: str, wrong: str) -> Mutant:
    """A mutant, with what tells it from the right answer."""
    lines = list(
        difflib.unified_diff(
            right.splitlines(), wrong.splitlines(), "right", "mutant", lineterm="", n=1
        )
    )[2:]
    was = "\n".join(line[1:].strip() for line in lines if line.startswith("-"))
    now = "\n".join(line[1:].strip() for line in lines if line.startswith("+"))
    return Mutant(task, operator, wrong, was, now, "\n".join(lines))


def spread(items: list[Item], limit: int | None) -> list[Item]:
    """At most `limit` of these, from the first to the last."""
    if limit is None or len(items) <= limit:
        return items
    return [items[i * len(items) // limit] for i in range(limit)]
