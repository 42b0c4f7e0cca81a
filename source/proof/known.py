"""What the operators know of the task around the place that they change."""

import ast
from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """The words of a task.

    Attributes:
        names: arguments and variables.
        rebound: those that hold one value first and another later.
        strings: in the order of their first use, without docstrings.
    """

    names: frozenset[str]
    rebound: frozenset[str]
    strings: tuple[str, ...]


def known_of(tree: ast.Module) -> Known:
    """The words of these statements."""
    nodes = list(ast.walk(tree))
    bound = Counter(node.arg for node in nodes if isinstance(node, ast.arg))
    bound.update(
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " " not in node.value
    ]
    return Known(
        frozenset(bound),
        frozenset(name for name, count in bound.items() if count > 1),
        tuple(dict.fromkeys(texts)),
    )
