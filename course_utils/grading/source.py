"""What the code of a cell defines, read without running it."""

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress

# IPython's own lines (%magic, !command, name?) and its own calls (files = !ls).
MAGIC = re.compile(r"^[ \t]*(?:(?:%%?\w|!|\?).*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)
CALL = re.compile(r"=[ \t]*[%!].*$", re.MULTILINE)


def parse_cell(source: str) -> list[ast.stmt]:
    """The statements of a cell, its magics left out; none if it is not valid Python."""
    # As it is first: a line of plain Python may begin with the operator %.
    for text in (source, CALL.sub("= None", MAGIC.sub("", source))):
        with (
            suppress(SyntaxError, ValueError, RecursionError, MemoryError),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # such as an invalid escape in a string
            return ast.parse(text).body
    return []


def defined_names(source: str) -> set[str]:
    """The names a cell binds at its top level: functions, classes, values, imports."""
    return {name for node in parse_cell(source) for name in bound_names(node)}


def bound_names(node: ast.stmt) -> Iterator[str]:
    """The names that one statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def added_imports(source: str, released: str) -> str:
    """The imports of `source` that bind names which `released` does not bind.

    So an import that a learner added to a cell of the assignment is not lost, and none
    can take the place of a check. `import *` is left out: it may bind any name.
    """
    taken = defined_names(released) | {"*"}
    kept = [
        ast.unparse(node)
        for node in parse_cell(source)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and taken.isdisjoint(bound_names(node))
    ]
    return "\n".join(kept)


def same(a: str, b: str) -> bool:
    """Whether two cells hold the same text, whatever the spaces at line ends."""
    return [line.rstrip() for line in a.strip().splitlines()] == [
        line.rstrip() for line in b.strip().splitlines()
    ]
