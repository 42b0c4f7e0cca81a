"""Operators on expressions: each says what one node may be replaced by."""

import ast
from collections.abc import Iterator
from typing import TypeVar

from proof.known import Known
from proof.vocabulary import (
    ARITHMETIC,
    COMPARISONS,
    ORDERED,
    STRINGS,
    opposites,
)

Node = TypeVar("Node", bound=ast.AST)
TINY = 1e-6  # below it, a number only guards a division


def comparison(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`<` for `<=`, and the like."""
    if not isinstance(node, ast.Compare):
        return
    for i, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            operators = [*node.ops[:i], other(), *node.ops[i + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)


def arithmetic(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`+` for `-`, and the like."""
    if isinstance(node, ast.BinOp):
        for other in ARITHMETIC.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)


def operand(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """One side of an operation alone."""
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            rest = [*node.values[:i], *node.values[i + 1 :]]
            yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]


def swapped_operands(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`b - a` for `a - b`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ORDERED):
        yield ast.BinOp(node.right, node.op, node.left)


def logic(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`or` for `and`; a branch of `a if c else b` without the condition."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(other, node.values)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)


def sign(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`x` for `-x`, `~x` and `not x`."""
    if isinstance(node, ast.UnaryOp) and number_in(node) is None:
        yield node.operand


def number(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """Another number: an axis, a setting, a factor."""
    value = number_in(node)
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (literal(value + 1), literal(value - 1))
    elif isinstance(value, float):
        is_guard = abs(value) < TINY
        others = (0.0, 1.0) if is_guard else (value * 2, value / 2)
        yield from (literal(other) for other in others if other != value)


def number_in(node: ast.AST) -> bool | int | float | None:
    """The number that a literal stands for, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number_in(node.operand)
        return None if value is None or isinstance(value, bool) else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return node.value
    return None


def literal(value: float) -> ast.expr:
    """A number as it is written."""
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def text(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """Another word: a setting, a key of a dict, the letter of another choice."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return
    if node.value in STRINGS:
        yield ast.Constant(STRINGS[node.value])
    elif len(known.strings) > 1:
        place = known.strings.index(node.value) + 1
        yield ast.Constant(known.strings[place % len(known.strings)])
    elif len(node.value) == 1:
        letter = ord(node.value)
        yield from (ast.Constant(chr(letter - 1)), ast.Constant(chr(letter + 1)))


def name(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`y` for `x`, `height` for `width`."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for other in sorted(opposites(node.id) & known.names):
            yield ast.Name(other, node.ctx)


def slices(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A slice without its begin, its end or its step."""
    if not isinstance(node, ast.Slice):
        return
    if node.lower is not None:
        yield ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield ast.Slice(node.lower, None, node.step)
    if node.step is not None:
        yield ast.Slice(node.lower, node.upper, None)


def bound(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A slice that begins or ends one place earlier or later."""
    if not isinstance(node, ast.Slice):
        return
    for lower in moved(node.lower):
        yield ast.Slice(lower, node.upper, node.step)
    for upper in moved(node.upper):
        yield ast.Slice(node.lower, upper, node.step)


def moved(place: ast.expr | None) -> Iterator[ast.expr]:
    """One more and one less than this; literals have an operator of their own."""
    if place is not None and number_in(place) is None:
        yield ast.BinOp(place, ast.Add(), ast.Constant(1))
        yield ast.BinOp(place, ast.Sub(), ast.Constant(1))


def index(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`x` for `x[i]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield node.value


def order(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """Two neighbours swapped in a tuple, a list or an index."""
    if isinstance(node, (ast.Tuple, ast.List)):
        for items in with_neighbours_swapped(node.elts):
            yield type(node)(items, node.ctx)
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        for loops in with_neighbours_swapped(node.generators):
            yield type(node)(node.elt, loops)


def with_neighbours_swapped(items: list[Node]) -> Iterator[list[Node]]:
    """The list in each order in which two neighbours have changed places."""
    for i in range(len(items) - 1):
        yield [*items[:i], items[i + 1], items[i], *items[i + 2 :]]


def loop_condition(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A comprehension that takes all."""
    if isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            ifs = [*node.ifs[:i], *node.ifs[i + 1 :]]
            yield ast.comprehension(node.target, node.iter, ifs, node.is_async)


EXPRESSIONS = (
    comparison,
    arithmetic,
    operand,
    swapped_operands,
    logic,
    sign,
    number,
    text,
    name,
    slices,
    bound,
    index,
    order,
    loop_condition,
)
