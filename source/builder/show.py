"""Cells tagged `show`: each import is replaced by the source of what it imports."""

import ast
from collections.abc import Iterable
from dataclasses import replace

from builder.course import BuildError
from builder.imports import format_imports
from builder.library import Definition, Library
from builder.names import Binding, bindings, parse
from builder.namespace import Namespace
from builder.script import Cell, Script


def show_all(script: Script, library: Library) -> Script:
    """The script with its `show` cells filled in, checked for clashing names."""
    namespace = Namespace(library)
    cells = []
    for cell in script.cells:
        try:
            cells.append(shown(cell, namespace) if cell.kind == "code" else cell)
        except SyntaxError as error:
            raise script.error(cell, f"not valid Python: {error}") from error
        except BuildError as error:
            raise script.error(cell, str(error)) from error
    return replace(script, cells=tuple(cells))


def shown(cell: Cell, namespace: Namespace) -> Cell:
    """The cell as the notebook holds it, its names noted in the namespace."""
    body = parse(cell.source).body
    if "show" not in cell.tags:
        namespace.bind(bound_by(body))
        return cell
    imports = [node for node in body if is_own(node, namespace.library)]
    if not imports:
        package = namespace.library.package
        raise BuildError(f"tagged show, but it holds no `from {package}... import`")
    first = body.index(imports[0])
    namespace.bind(bound_by(body[:first]))
    found = [definitions(node, namespace.library) for node in imports]
    missing = namespace.imports_for([each for group in found for each in group])
    rest = [node for node in body[first:] if node not in imports]
    namespace.bind(bound_by(rest))
    head = format_imports(missing, namespace.library.package)
    return replace(cell, source=fill(cell.source, imports, found, head))


def bound_by(body: list[ast.stmt]) -> list[tuple[str, Binding]]:
    """The names that statements bind."""
    return list(bindings(ast.Module(body, [])))


def is_own(node: ast.stmt, library: Library) -> bool:
    """Whether a statement imports from the library, and so is to be replaced."""
    if isinstance(node, ast.Import) and any(library.owns(a.name) for a in node.names):
        raise BuildError("write `from module import name`, so that one name is shown")
    return isinstance(node, ast.ImportFrom) and library.owns(node.module or "")


def definitions(node: ast.stmt, library: Library) -> list[Definition]:
    """What one import statement brings, in the order of the library's files."""
    if not isinstance(node, ast.ImportFrom):
        return []
    if any(alias.asname or alias.name == "*" for alias in node.names):
        raise BuildError("a shown import takes plain names: no `as`, no `*`")
    found = [library.find(node.module or "", alias.name) for alias in node.names]
    return sorted(found, key=lambda definition: (definition.module, definition.line))


def fill(
    source: str,
    imports: Iterable[ast.stmt],
    found: Iterable[list[Definition]],
    head: str,
) -> str:
    """The cell's text with each import replaced, and needed imports before them."""
    lines = source.splitlines()
    parts, end = [], 0
    for node, group in zip(imports, found, strict=True):
        parts.append(("\n".join(lines[end : node.lineno - 1]), False))
        parts.append((head, False))
        parts += [(each.source, not each.is_constant) for each in group]
        head, end = "", node.end_lineno or node.lineno
    parts.append(("\n".join(lines[end:]), False))
    return join(parts)


def join(parts: Iterable[tuple[str, bool]]) -> str:
    """Texts under each other; around a function or class stand two empty lines."""
    whole, was_wide = "", False
    for text, is_wide in parts:
        if not text.strip():
            continue
        gap = "\n\n\n" if was_wide or is_wide else "\n\n"
        whole += (gap if whole else "") + text.strip("\n")
        was_wide = is_wide
    return whole
