"""Running the assignment's own cells in the grader, with the learner's names elsewhere.

A name that an answer defines stands for what is in the learner's process. Every other
one is the assignment's, as it was released.
"""

import ast
import builtins
import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course_grading.isolation.remote import Link
from course_grading.restoring.restore import Restored
from course_grading.running.nbval import SEED_VARIABLE
from course_grading.running.outcome import GraderError
from course_grading.submission.source import defined_names

KEPT = 4000  # letters of what a check prints
OWN_NAMES = {"__name__", "get_ipython"}


class CheckCells:
    """The namespace in which the check cells of one notebook run."""

    def __init__(self, restored: Restored, link: Link, seed: int | None) -> None:
        """Only what a notebook starts with."""
        self.link = link
        self.seed = seed
        self.names: dict[str, Any] = {"__name__": "__main__", "get_ipython": Magics}
        self.answers = {task.name for task in restored.assignment.tasks}
        self.bound: set[str] = set()  # by the assignment's cells
        self.used: set[str] = set()  # by its functions, which a check may call

    def run_given(self, source: str) -> None:
        """Run a cell of the assignment that is no check.

        Raises GraderError if it does not run, unless it uses an answer.
        """
        error, _ = self.run(source)
        used = used_names(parsed(source))
        self.used |= used
        if error is not None and not used & self.answers:
            raise GraderError(
                f"A cell of the assignment itself does not run in the grader: {error!r}"
            ) from error

    def run(self, source: str) -> tuple[BaseException | None, str]:
        """Run a cell: what it raised, and the end of what it printed.

        Raises Stopped where the learner's process does not answer.
        """
        tree = parsed(source)
        printed = io.StringIO()
        problem = None
        try:
            with settled(printed, self.seed):
                self.fetch(self.learners(tree))
                exec(compile(tree, "check", "exec"), self.names)
        except Exception as error:  # noqa: BLE001 what it says is the verdict
            problem = error
        self.bound |= defined_names(source)
        return problem, printed.getvalue()[-KEPT:]

    def learners(self, tree: ast.Module) -> set[str]:
        """The names in a cell that are the learner's to define."""
        used = used_names(tree) | self.used
        known = self.bound | bound_names(tree) | vars(builtins).keys() | OWN_NAMES
        return (used & self.answers) | (used - known)

    def fetch(self, names: set[str]) -> None:
        """Let names stand for what they are in the learner's process now."""
        for name in sorted(names):
            self.names.pop(name, None)
            with contextlib.suppress(NameError):  # the cell itself will say so
                self.names[name] = self.link.describe(name)


class Magics:
    """Stands for IPython where the grader runs a cell: magics do nothing."""

    @staticmethod
    def run_line_magic(*arguments: Any, **settings: Any) -> None:
        """Do nothing."""

    run_cell_magic = system = getoutput = run_line_magic


def parsed(source: str) -> ast.Module:
    """A cell of the assignment as Python. Raises GraderError if it is none."""
    try:
        manager = TransformerManager()  # type: ignore[no-untyped-call]
        return ast.parse(manager.transform_cell(source))
    except SyntaxError as error:
        raise GraderError(f"A cell of the assignment is broken: {error}") from error


def used_names(tree: ast.Module) -> set[str]:
    """The names that a cell reads."""
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def bound_names(tree: ast.Module) -> set[str]:
    """The names that a cell binds anywhere, also inside its functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler):
            names |= {node.name} if node.name else set()
    return names


@contextlib.contextmanager
def settled(printed: io.StringIO, seed: int | None) -> Iterator[None]:
    """Collect what is printed, let warnings be, and give the checks their seed."""
    before = os.environ.get(SEED_VARIABLE)
    if seed is not None:
        os.environ[SEED_VARIABLE] = str(seed)
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is not None:
            os.environ[SEED_VARIABLE] = before
        elif seed is not None:
            del os.environ[SEED_VARIABLE]
