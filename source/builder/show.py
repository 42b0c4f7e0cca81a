"""Cells tagged `show`: each import is replaced by the source of what it imports."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from builder.course import BuildError, Script, ScriptCell
from builder.library import Definition, Library
from builder.names import DOCUMENTED, Binding, bindings, free_names, parse

WIDTH = 88  # of an import in a notebook
FOR_TOOLS = re.compile(r"  # (type: ignore|noqa)\b.*")
Named = tuple[str, Binding]


class Namespace:
    """What every name stands for, and which names the shown functions depend on."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.bound: dict[str, set[Binding]] = {}
        self.needed: dict[str, tuple[Binding, str]] = {}  # and who needs it

    def bind(self, names: Iterable[Named]) -> None:
        """Note what names stand for; refuse what would break a function shown above."""
        for name, written in names:
            binding = self.library.canonical(written)
            if name in self.needed:
                self._protect(name, binding)
            old = self.bound.get(name, set())
            joins = all(stand_together(name, binding, other) for other in old)
            self.bound[name] = {*old, binding} if joins else {binding}

    def _protect(self, name: str, binding: Binding) -> None:
        """Refuse a new meaning of a name that a shown function needs."""
        need, reader = self.needed[name]
        if accepts(need, binding) or stand_together(name, need, binding):
            return
        raise BuildError(
            f"this cell binds `{name}`, which {reader}, shown above, needs as "
            f"`{need.statement(name)}`; choose another name"
        )

    def imports_for(self, definitions: Sequence[Definition]) -> list[Named]:
        """The imports that shown sources need and no cell so far has bound; bound now.

        Raises BuildError for a name that cannot be found, is private, or stands for
        something else in a cell above.
        """
        self.bind((d.name, d.binding) for d in definitions)
        missing: list[Named] = []
        for definition in definitions:
            for name in sorted(free_names(definition.source)):
                need = self._resolve(name, definition)
                have = self.bound.get(name, set())
                if not any(accepts(need, binding) for binding in have):
                    self._refuse_clash(name, need, definition)
                    missing.append((name, need))
                    self.bind([(name, need)])
                self.needed[name] = (need, definition.name)
        return missing

    def _refuse_clash(self, name: str, need: Binding, definition: Definition) -> None:
        """Refuse to import a name that stands for something else already."""
        have = self.bound.get(name, set())
        if not all(stand_together(name, binding, need) for binding in have):
            raise BuildError(
                f"{definition.name} needs `{name}` as `{need.statement(name)}`, but a "
                "cell above binds it to something else; choose another name there"
            )

    def _resolve(self, name: str, definition: Definition) -> Binding:
        """What a global name of a shown source stands for in its own file."""
        module = self.library.module(definition.module)
        written = module.bindings.get(name) if module else None
        if written is None:
            raise BuildError(
                f"{definition.name} uses `{name}`, which {definition.module} does not "
                "bind by name; import or define it there"
            )
        need = self.library.canonical(written)
        is_private = name.startswith("_") and self.library.owns(need.module)
        if is_private and need not in self.bound.get(name, set()):
            raise BuildError(
                f"{definition.name} uses the private `{name}` of {need.module}; give "
                "it a public name, or show it in the same cell"
            )
        return need


def accepts(need: Binding, have: Binding) -> bool:
    """Whether a shown function may use what a name stands for.

    A definition in the lesson itself is accepted: the author replaces ours on purpose.
    """
    return have == need or have.kind == "definition"


def stand_together(name: str, a: Binding, b: Binding) -> bool:
    """Whether both are `import name.part`, so that one adds to the other."""
    return all(
        binding.kind == "import" and binding.module.partition(".")[0] == name
        for binding in (a, b)
    )


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


def shown(cell: ScriptCell, namespace: Namespace) -> ScriptCell:
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
        parts += [(brief(each.source), not each.is_constant) for each in group]
        head, end = "", node.end_lineno or node.lineno
    parts.append(("\n".join(lines[end:]), False))
    return join(parts)


def brief(source: str) -> str:
    """A definition without comments for tools, and the beginning of its docstrings."""
    lines = [FOR_TOOLS.sub("", line) for line in source.splitlines()]
    cut: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            text = node.body[0]
            place = range(text.lineno - 1, text.end_lineno or text.lineno)
            blank = next((i for i in place if not lines[i].strip()), None)
            if blank is not None:
                lines[blank - 1] += '"""'
                cut |= set(range(blank, place.stop))
    return "\n".join(line for i, line in enumerate(lines) if i not in cut)


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


def format_imports(wanted: Iterable[tuple[str, Binding]], package: str) -> str:
    """Import statements for (name, binding) pairs, grouped and sorted as by ruff."""
    plain: set[str] = set()
    names: defaultdict[str, set[str]] = defaultdict(set)
    for bound, binding in wanted:
        if binding.kind == "import":
            plain.add(binding.statement(bound))
        else:
            alias = "" if bound == binding.name else f" as {bound}"
            names[binding.module].add(binding.name + alias)
    lines = [(module_of(line), 0, line) for line in plain]
    lines += [(module, 1, from_line(module, names[module])) for module in names]
    groups: defaultdict[int, list[tuple[int, str, str]]] = defaultdict(list)
    for module, form, line in lines:
        groups[section(module, package)].append((form, module, line))
    return "\n\n".join(
        "\n".join(line for _, _, line in sorted(groups[key])) for key in sorted(groups)
    )


def module_of(statement: str) -> str:
    """The module in `import module as name`."""
    return statement.split()[1]


def section(module: str, package: str) -> int:
    """Standard library, other packages, or the course's own."""
    top = module.partition(".")[0]
    return 0 if top in sys.stdlib_module_names else 2 if top == package else 1


def from_line(module: str, names: Iterable[str]) -> str:
    """One `from` statement, in brackets where it is too long for a line."""
    ordered = sorted(names, key=rank)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return line
    inner = "".join(f"    {name},\n" for name in ordered)
    return f"from {module} import (\n{inner})"


def rank(name: str) -> tuple[int, str]:
    """Constants first, then classes, then functions."""
    return (0 if name.isupper() and len(name) > 1 else int(name[0].islower()) + 1, name)
