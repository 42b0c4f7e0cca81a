"""Import statements as the formatter would write them."""

import sys
from collections import defaultdict
from collections.abc import Iterable

from builder.names import Binding

WIDTH = 88


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
