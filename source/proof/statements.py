"""Operators on statements: one left out, a condition that always holds, one pass."""

import ast
from collections.abc import Iterator

from proof.known import Known
from proof.vocabulary import ARITHMETIC


def removed(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """Nothing in place of a statement whose lack does not end in a NameError."""
    always = (ast.AugAssign, ast.Expr, ast.If, ast.For, ast.While, ast.Continue)
    is_removable = isinstance(node, (*always, ast.Break)) or (
        isinstance(node, ast.Assign)
        and all(is_changed_here(target, known) for target in node.targets)
    )
    if is_removable:
        yield ast.Pass()


def is_changed_here(target: ast.expr, known: Known) -> bool:
    """Whether an assignment changes what exists already."""
    if isinstance(target, ast.Name):
        return target.id in known.rebound
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(is_changed_here(each, known) for each in target.elts)
    return True


def augmented(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """`-=` for `+=`, and `=`."""
    if isinstance(node, ast.AugAssign):
        for other in ARITHMETIC.get(type(node.op), ()):
            yield ast.AugAssign(node.target, other(), node.value)
        yield ast.Assign([node.target], node.value, lineno=node.lineno)


def condition(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """An `if` that always holds, and one that holds where it should not."""
    if not isinstance(node, (ast.If, ast.IfExp)):
        return
    if isinstance(node, ast.If):
        yield ast.If(ast.Constant(True), node.body, node.orelse)
        if node.orelse:
            yield ast.If(ast.Constant(False), node.body, node.orelse)
    if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        denied = ast.UnaryOp(ast.Not(), node.test)
        yield type(node)(denied, node.body, node.orelse)  # type: ignore[arg-type]


def passes(node: ast.AST, known: Known) -> Iterator[ast.AST]:
    """A loop that ends after its first pass, or that runs the other way round."""
    if isinstance(node, ast.For):
        body = [*node.body, ast.Break()]
        yield ast.For(node.target, node.iter, body, node.orelse, lineno=node.lineno)
        backwards = ast.parse("reversed(list(x))", mode="eval").body
        if isinstance(backwards, ast.Call) and isinstance(backwards.args[0], ast.Call):
            backwards.args[0].args = [node.iter]
        yield ast.For(
            node.target, backwards, node.body, node.orelse, lineno=node.lineno
        )
    elif isinstance(node, ast.While):
        yield ast.While(node.test, [*node.body, ast.Break()], node.orelse)
    elif isinstance(node, ast.Continue):
        yield ast.Break()


STATEMENTS = (removed, augmented, condition, passes)
