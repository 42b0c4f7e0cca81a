"""What the code of a cell defines and uses, read without running it."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256

# IPython's own lines (%magic, !command, name?) and its own calls (files = !ls).
MAGIC = re.compile(r"^([ \t]*)(?:(?:%%?\w|!|\?).*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)
CALL = re.compile(r"=[ \t]*[%!].*$", re.MULTILINE)


# A text cell that shows code between two lines of backticks.
FENCE = re.compile(r"\A\s*```\w*\n(.*?)\n?```\s*\Z", re.DOTALL)
CACHED = 8192  # cells: each is looked at once a task
IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (*IMPORTS, ast.FunctionDef, ast.ClassDef)


def parse_cell(source: str) -> list[ast.stmt]:
    """The statements of a cell, its magics left out; none if it is not valid Python."""
    plain = CALL.sub("= None", MAGIC.sub(r"\1pass", source))
    # As it is first: a line of plain Python may begin with the operator %.
    for text in (source, plain, textwrap.dedent(plain)):  # Jupyter dedents a cell too
        with (
            suppress(SyntaxError, ValueError, RecursionError, MemoryError),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # such as an invalid escape in a string
            return ast.parse(text).body
    return []


@lru_cache(maxsize=CACHED)
def defined_names(source: str) -> frozenset[str]:
    """The names a cell binds at its top level: functions, classes, values, imports."""
    return frozenset(name for node in parse_cell(source) for name in bound_names(node))


@lru_cache(maxsize=CACHED)
def used_names(source: str) -> frozenset[str]:
    """The names that a cell reads, anywhere in it."""
    parts = [part for node in parse_cell(source) for part in ast.walk(node)]
    return frozenset(
        part.id
        for part in parts
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    )


def bound_names(node: ast.stmt) -> Iterator[str]:
    """The names that one statement binds."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, IMPORTS):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
            elif isinstance(part, ast.FunctionDef | ast.ClassDef):
                yield part.name


def added_imports(source: str, released: str) -> str:
    """The imports of `source` that bind names which `released` does not bind.

    So an import that a learner added to a cell of the assignment is not lost, and none
    can take the place of a check. `import *` is left out: it may bind any name.
    """
    return added(source, released, IMPORTS)


def added_definitions(source: str, released: str) -> str:
    """The same with functions and classes that a learner added."""
    return added(source, released, DEFINITIONS)


def added_code(source: str, released: str) -> str:
    """The same with functions, classes and values that a learner added."""
    return added(source, released, (*DEFINITIONS, ast.Assign))


def added(source: str, released: str, kinds: tuple[type[ast.stmt], ...]) -> str:
    """The statements of some kinds that bind names which `released` does not bind."""
    if same(source, released):
        return ""
    taken = defined_names(released) | {"*"}
    kept = []
    for node in parse_cell(source):
        if isinstance(node, kinds) and taken.isdisjoint(bound_names(node)):
            with suppress(RecursionError):
                kept.append(ast.unparse(node))
    return "\n".join(kept)


def same_code(a: str, b: str) -> bool:
    """Whether two cells hold the same code, whatever its comments, docs and layout."""
    return same(a, b) or (form(a) == form(b) != "")


@lru_cache(maxsize=CACHED)
def form(source: str) -> str:
    """A digest of a cell's code without comments, docstrings and layout; "" if none."""
    tree = ast.Module(parse_cell(source), [])
    with suppress(RecursionError):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and is_text(
                node.body[0]
            ):
                node.body = node.body[1:] or [ast.Pass()]
        dumped = "\n".join(map(ast.dump, tree.body))
        return sha256(dumped.encode("utf-8", "replace")).hexdigest() if dumped else ""
    return ""


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is only a text, as a docstring is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def without_fences(text: str) -> str:
    """The code of a text cell that shows it between two lines of backticks."""
    found = FENCE.match(text)
    return found[1] if found else text


def same(a: str, b: str) -> bool:
    """Whether two cells hold the same text, whatever the spaces at line ends."""
    return [line.rstrip() for line in a.strip().splitlines()] == [
        line.rstrip() for line in b.strip().splitlines()
    ]
