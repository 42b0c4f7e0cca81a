"""Which names a piece of code binds, and which it needs, read without running it."""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
# A text at the top of a cell is no docstring: it is shown as the cell's value.
DOCUMENTED = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__"}


@dataclass(frozen=True)
class Binding:
    """What a name stands for: an import, a definition on the spot, or a value."""

    kind: Literal["import", "from", "definition", "value"]
    module: str = ""
    name: str = ""

    def statement(self, bound: str) -> str:
        """The import statement that binds `bound` to this, for messages."""
        if self.kind == "import":
            plain = bound == self.module.partition(".")[0]
            return f"import {self.module}" + ("" if plain else f" as {bound}")
        alias = "" if bound == self.name else f" as {bound}"
        return f"from {self.module} import {self.name}{alias}"


DEFINITION = Binding("definition")
VALUE = Binding("value")


def parse(source: str) -> ast.Module:
    """The syntax tree of a cell; magics count as `pass`."""
    return ast.parse(without_magics(source))


def without_magics(source: str) -> str:
    """The same code with IPython's magics made `pass`."""
    if source.startswith("%%"):
        return ""
    try:
        ast.parse(source)
    except SyntaxError:
        return MAGIC.sub(r"\1pass", source)
    return source  # a line may begin with the operator %


def magics(source: str) -> list[str]:
    """What a syntax tree does not hold: all of a `%%` cell, and lines of magics."""
    if source.startswith("%%"):
        return [source]
    bare = without_magics(source)
    pairs = zip(source.splitlines(), bare.splitlines(), strict=True)
    return [line for line, plain in pairs if line != plain]


def free_names(source: str) -> set[str]:
    """Global names that the code refers to and does not bind itself."""
    top = symtable.symtable(without_magics(source), "cell", "exec")
    bound = {s.get_name() for s in top.get_symbols() if binds(s)}
    used = {
        symbol.get_name()
        for table in scopes(top)
        for symbol in table.get_symbols()
        if symbol.is_declared_global()
        or (symbol.is_referenced() and (table is top or symbol.is_global()))
    }
    return used - bound - KNOWN


def binds(symbol: symtable.Symbol) -> bool:
    """Whether the code gives this name of its top level a meaning."""
    return symbol.is_assigned() or symbol.is_imported()


def scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The table and all tables of functions and classes inside it."""
    yield table
    for child in table.get_children():
        yield from scopes(child)


def bindings(tree: ast.AST, module: str = "") -> Iterator[tuple[str, Binding]]:
    """Names bound at the top level, in order; relative imports count from `module`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, DEFINITION
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node, module)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, VALUE
        elif isinstance(node, CAPTURES) and node.name:
            yield node.name, VALUE
        if not isinstance(node, ast.Lambda | COMPREHENSIONS):
            yield from bindings(node, module)


CAPTURES = ast.MatchAs | ast.MatchStar | ast.ExceptHandler
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def imported(
    node: ast.Import | ast.ImportFrom, module: str = ""
) -> Iterator[tuple[str, Binding]]:
    """The names that one import statement binds. Star imports bind nothing known."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, Binding("import", alias.name)
        return
    for alias in node.names:
        if alias.name != "*":
            bound = alias.asname or alias.name
            yield bound, Binding("from", absolute(node, module), alias.name)


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that a `from` statement reads, without leading dots."""
    parts = package.split(".")
    kept = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*kept, *([node.module] if node.module else [])])
