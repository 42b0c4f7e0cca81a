"""What the code of a cell is, defines and uses, read without running it."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

# IPython's own lines (%magic, !command, name?) and its own calls (files = !ls).
MAGIC = re.compile(r"^([ \t]*)(?:(?:%%?\w|!|\?).*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)
CALL = re.compile(r"=[ \t]*[%!].*$", re.MULTILINE)
# A text cell that shows code between two lines of backticks.
FENCE = re.compile(r"\A\s*```\w*\n(.*?)\n?```\s*\Z", re.DOTALL)
CACHED = 8192  # cells: each is looked at once a task, and the released once a file
# What may be kept of a cell of the assignment that a learner changed.
IMPORTS = (ast.Import, ast.ImportFrom)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*IMPORTS, *FUNCTIONS, ast.ClassDef)
CODE = (*DEFINITIONS, ast.Assign)
# Inside, names are of their own.
SCOPES = (*FUNCTIONS, ast.ClassDef, ast.Lambda)


@dataclass(frozen=True)
class Statement:
    """An import, a definition or an assignment at the top level of a cell.

    Attributes:
        kind: the class of its node.
        names: what it binds.
        code: its text, as Python writes it.
    """

    kind: type[ast.stmt]
    names: frozenset[str]
    code: str


@dataclass(frozen=True)
class ParsedCell:
    """A cell's code, parsed once.

    Attributes:
        source: its text.
        is_python: whether it is valid Python and holds a statement.
        defines: the names that it binds at its top level.
        binds: the names that it binds anywhere, inside its functions too.
        uses: the names that it reads anywhere.
        form: a digest without comments, docstrings and layout; "" without code.
        statements: those of `CODE`.
    """

    source: str
    is_python: bool
    defines: frozenset[str]
    binds: frozenset[str]
    uses: frozenset[str]
    form: str
    statements: tuple[Statement, ...]

    def is_text_of(self, other: "ParsedCell") -> bool:
        """Whether two cells hold the same text, whatever the spaces at line ends."""
        mine, theirs = (each.source.strip().splitlines() for each in (self, other))
        return [line.rstrip() for line in mine] == [line.rstrip() for line in theirs]

    def is_code_of(self, other: "ParsedCell") -> bool:
        """Whether two cells hold the same code, whatever comments, docs and layout."""
        return self.is_text_of(other) or (self.form == other.form != "")

    def added_to(
        self, released: "ParsedCell", kinds: tuple[type[ast.stmt], ...]
    ) -> str:
        """The statements of some kinds that bind names which `released` does not bind.

        So an import that a learner added to a cell of the assignment is not lost, and
        none can take the place of a check. `import *` is left out: it may bind any
        name.
        """
        if self.is_text_of(released):
            return ""
        taken = released.defines | {"*"}
        kept = [s for s in self.statements if issubclass(s.kind, kinds)]
        return "\n".join(s.code for s in kept if taken.isdisjoint(s.names))


@lru_cache(maxsize=CACHED)
def parse_cell(source: str) -> ParsedCell:
    """What a cell is, defines and uses, its magics left out.

    A cell that is not valid Python defines and uses nothing.
    """
    tree = ast.Module(list(statements_of(source)), [])
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    kept = (as_statement(node) for node in tree.body if isinstance(node, CODE))
    return ParsedCell(
        source=source,
        is_python=bool(tree.body),
        defines=frozenset(n for node in tree.body for n in defined_by(node)),
        binds=frozenset(name for node in nodes for name in bound_by(node)),
        uses=frozenset(n.id for n in names if isinstance(n.ctx, ast.Load)),
        statements=tuple(statement for statement in kept if statement.code),
        form=form_of(tree),  # last, for it takes docstrings away
    )


def statements_of(source: str) -> list[ast.stmt]:
    """The statements of a cell; none if it is not valid Python."""
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


def as_statement(node: ast.stmt) -> Statement:
    """A statement with its names; without its text where Python cannot write it."""
    code = ""
    # Some nest too deeply; of some f-strings Python 3.11 cannot write the quotes.
    with suppress(RecursionError, ValueError):
        code = ast.unparse(node)
    return Statement(type(node), frozenset(defined_by(node)), code)


def defined_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds where it stands, not inside its functions."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield from bound_by(node)
        if not isinstance(node, SCOPES):
            waiting += ast.iter_child_nodes(node)


def bound_by(node: ast.AST) -> Iterator[str]:
    """The names that one node of a syntax tree binds, without those inside it."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        yield from filter(None, [node.name])


def form_of(tree: ast.Module) -> str:
    """A digest of code without comments, docstrings and layout; "" if there is none.

    The docstrings are taken from the tree itself.
    """
    with suppress(RecursionError):
        for node in ast.walk(tree):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and is_text(node.body[0]):
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
