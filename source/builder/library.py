"""Finding definitions in the library's files, without importing them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from builder.course import BuildError
from builder.names import DEFINITION, VALUE, Binding, bindings


@dataclass(frozen=True)
class Definition:
    """A function, class or constant: where it stands, and its text as written."""

    module: str
    name: str
    line: int
    source: str
    is_constant: bool

    @property
    def binding(self) -> Binding:
        """What an import of it would bind."""
        return Binding("from", self.module, self.name)


@dataclass(frozen=True)
class Module:
    """One file of the library, parsed; `package` is what its leading dots mean."""

    name: str
    package: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of the file."""
        return ast.parse(self.text)

    @cached_property
    def bindings(self) -> dict[str, Binding]:
        """What each name of the file's top level stands for, seen from outside."""
        found = {}
        for name, binding in bindings(self.tree, self.package):
            own = binding in (DEFINITION, VALUE)
            found[name] = Binding("from", self.name, name) if own else binding
        return found

    def definition(self, name: str) -> Definition | None:
        """The statements that define `name`, with the comments right above them."""
        nodes = [node for node in self.tree.body if name in names_defined(node)]
        if not nodes:
            return None
        lines = self.text.splitlines()
        parts = [lines[first_line(n, lines) - 1 : n.end_lineno] for n in nodes]
        return Definition(
            self.name,
            name,
            nodes[0].lineno,
            "\n\n\n".join("\n".join(part) for part in parts),
            isinstance(nodes[0], ast.Assign | ast.AnnAssign),
        )


class Library:
    """The package under `root` whose definitions lessons show."""

    def __init__(self, root: Path, package: str) -> None:
        self.root = root
        self.package = package
        self.module = cache(self._read)

    def owns(self, module: str) -> bool:
        """Whether a module belongs to the library."""
        return module.partition(".")[0] == self.package

    def _read(self, name: str) -> Module | None:
        """The parsed file of a module, or None where there is no such file."""
        path = self.root.joinpath(*name.split("."))
        init = path / "__init__.py"
        if init.is_file():
            return Module(name, name, init.read_text(encoding="utf-8"))
        file = path.with_suffix(".py")
        if file.is_file():
            parent = name.rpartition(".")[0]
            return Module(name, parent, file.read_text(encoding="utf-8"))
        return None

    def canonical(self, binding: Binding) -> Binding:
        """The same binding at the place of its definition, through re-exports."""
        seen: set[Binding] = set()
        while binding.kind == "from" and self.owns(binding.module):
            module = self.module(binding.module)
            onward = module.bindings.get(binding.name) if module else None
            if onward is None or onward in seen or onward == binding:
                break
            seen.add(onward)
            binding = onward
        return binding

    def find(self, module: str, name: str) -> Definition:
        """The definition that `from module import name` would reach.

        Raises BuildError where there is none, or where it lies outside the library.
        """
        target = self.canonical(Binding("from", module, name))
        if target.kind != "from" or not self.owns(target.module):
            raise BuildError(
                f"{module} has {name} from outside ({target.statement(name)}); "
                "import it in a cell without the tag show"
            )
        home = self.module(target.module)
        if home is None:
            raise BuildError(f"there is no module {target.module}; correct the import")
        found = home.definition(target.name)
        if found is None:
            raise BuildError(
                f"{target.module} defines no {target.name} at its top level; "
                "only functions, classes and constants can be shown"
            )
        return found


def names_defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module's top level defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (name for name, _ in bindings(node))
    elif hasattr(ast, "TypeAlias") and isinstance(node, ast.TypeAlias):
        yield node.name.id


def first_line(node: ast.stmt, lines: list[str]) -> int:
    """Where a definition begins: its decorators and adjoining comments belong to it."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    line: int = min([node.lineno, *(each.lineno for each in decorators)])
    while line > 1 and lines[line - 2].startswith("#"):
        line -= 1
    return line
