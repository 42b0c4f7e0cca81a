"""Operators on calls: another function, other arguments, no call at all."""

import ast
from collections.abc import Iterator

from proof.expressions import moved, number_in, with_neighbours_swapped
from proof.known import Known
from proof.vocabulary import (
    ATTRIBUTES,
    BUILTINS,
    CHOOSING,
    KEYWORDS,
    RANGES,
    SETTINGS_WITHOUT_EFFECT,
    SYMMETRIC,
)


def name_of_function(node: ast.Call) -> str:
    """The last part of the name that is called, or nothing."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def function(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`max` for `min`, `ones` for `zeros`, and the like; another dtype."""
    if isinstance(node, ast.Attribute):
        for other in ATTRIBUTES.get(node.attr, ()):
            yield ast.Attribute(node.value, other, node.ctx)
    elif isinstance(node, ast.Name) and node.id not in known.names:
        for other in BUILTINS.get(node.id, ()):
            yield ast.Name(other, node.ctx)


def call(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """What a method is called on, or an argument of a function, without the call."""
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and not is_module(node.func.value):
        yield node.func.value
    if name_of_function(node) in CHOOSING:
        yield from (each for each in node.args if not isinstance(each, ast.Starred))


def is_module(node: ast.AST) -> bool:
    """Whether this is `torch`, `math`, `torch.nn.functional` and the like."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("torch", "math", "F", "nn", "np")


def swapped_arguments(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """Two neighbours among the arguments swapped."""
    if isinstance(node, ast.Call) and name_of_function(node) not in SYMMETRIC:
        for arguments in with_neighbours_swapped(node.args):
            yield ast.Call(node.func, arguments, node.keywords)


def setting(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A call without one of its settings, or with `max=` for `min=`."""
    if not isinstance(node, ast.Call):
        return
    for i, keyword in enumerate(node.keywords):
        if keyword.arg in SETTINGS_WITHOUT_EFFECT:
            continue
        others = [*node.keywords[:i], *node.keywords[i + 1 :]]
        yield ast.Call(node.func, node.args, others)
        used = {other.arg for other in others}
        if keyword.arg in KEYWORDS and KEYWORDS[keyword.arg] not in used:
            renamed = ast.keyword(KEYWORDS[keyword.arg], keyword.value)
            yield ast.Call(node.func, node.args, [*others, renamed])


def axis(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A method without the axis that it was given."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if not is_method or not isinstance(node, ast.Call) or len(node.args) != 1:
        return
    if isinstance(number_in(node.args[0]), int):
        yield ast.Call(node.func, [], node.keywords)


def count(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A range that begins or ends one earlier or later."""
    if not isinstance(node, ast.Call) or name_of_function(node) not in RANGES:
        return
    for i, argument in enumerate(node.args):
        for other in moved(argument):
            arguments = [*node.args[:i], other, *node.args[i + 1 :]]
            yield ast.Call(node.func, arguments, node.keywords)


CALLS = (function, call, swapped_arguments, setting, axis, count)
