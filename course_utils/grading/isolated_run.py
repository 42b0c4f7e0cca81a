"""Running a restored notebook with the checks here and the learner's code elsewhere.

The learner's cells run in a locked-in process, which is asked for data. A check cell
runs here, at its place in the order; the learner's names in it stand for what is there.
"""

import ast
import builtins
import contextlib
import io
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course_utils.grading.assignment import Cell
from course_utils.grading.isolation.layers import Layer
from course_utils.grading.isolation.remote import Clock, Link, RemoteError, Stopped
from course_utils.grading.isolation.warm import Warm
from course_utils.grading.nbval_run import SEED_VARIABLE, is_given, without
from course_utils.grading.outcome import GraderError, Limits, Outcome
from course_utils.grading.restore import Restored
from course_utils.grading.source import defined_names

KEPT = 4000


def run_isolated(
    restored: Restored, *, warm: Warm, limits: Limits, seed: int | None = None
) -> dict[str, Outcome]:
    """The outcome of each code cell, by `grade_id`.

    Raises GraderError if no process can be started, or if a cell of the assignment's
    own does not run here.
    """
    return IsolatedRun(restored, warm, limits, seed).run()


@dataclass
class Round:
    """What one process showed.

    Attributes:
        outcomes: by `grade_id`, of the cells that came to an end.
        guilty: the cell that ended the round before its end, or "".
        ended: how it did so.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    guilty: str = ""
    ended: Outcome | None = None


class IsolatedRun:
    """One notebook in as many rounds as it needs, each in a process of its own."""

    def __init__(
        self, restored: Restored, warm: Warm, limits: Limits, seed: int | None
    ) -> None:
        """Nothing runs yet."""
        self.restored = restored
        self.warm = warm
        self.seed = seed
        self.clock = Clock(limits, time.monotonic() + limits.total)
        self.owners = {task.check: task.name for task in restored.assignment.tasks}
        self.layers: dict[str, Layer] = {}

    def run(self) -> dict[str, Outcome]:
        """The outcome of each code cell."""
        cells = [cell for cell in self.restored.cells if cell.kind == "code"]
        decided: dict[str, Outcome] = {}
        rest = cells
        for _ in range(len(cells) + 1):  # each further round has one guilty cell less
            latest = self.round(rest)
            decided = latest.outcomes | decided
            if latest.ended is None:
                break
            answer = self.owners.get(latest.guilty, latest.guilty)
            decided[answer] = decided[latest.guilty] = latest.ended
            is_over = time.monotonic() >= self.clock.file_end
            if is_over or is_given(self.restored, answer):
                break
            settled = {
                c for c, name in self.owners.items() if c in decided or name == answer
            }
            rest = [without(cell, answer, settled, self.restored) for cell in rest]
        return {c.grade_id: decided.get(c.grade_id, Outcome("not run")) for c in cells}

    def round(self, cells: list[Cell]) -> Round:
        """Run all cells in a fresh process until they end or one breaks a limit."""
        done = Round()
        child = self.warm.start_child()
        for layer in child.layers:
            if self.layers.get(layer.name, layer).active:
                self.layers[layer.name] = layer
        try:
            link = Link(child, self.clock)
            here = Here(self.restored, link, self.seed)
            for cell in cells:
                started = time.monotonic()
                try:
                    outcome = self.step(cell, link, here)
                except Stopped as stop:
                    done.guilty = cell.grade_id
                    seconds = time.monotonic() - started
                    done.ended = Outcome(stop.kind, "", stop.why, "", seconds)
                    break
                done.outcomes[cell.grade_id] = outcome
        finally:
            child.end()
        return done

    def step(self, cell: Cell, link: Link, here: "Here") -> Outcome:
        """Run one cell where it belongs."""
        started = time.monotonic()
        if cell.grade_id in self.owners:
            error, printed = here.check(cell.source)
        else:
            self.clock.start_task()
            error, printed = link.run(cell.source)
            if is_given(self.restored, cell.grade_id):
                here.run_given(cell.source)
                error = None
        seconds = time.monotonic() - started
        if error is None:
            return Outcome("passed", printed=printed, seconds=seconds)
        name = error.name if isinstance(error, RemoteError) else type(error).__name__
        message = text_of(error)
        return Outcome("failed", name, message[:KEPT], printed, seconds)


class Here:
    """The grader's own names: what the assignment gives, and ways to the learner's."""

    def __init__(self, restored: Restored, link: Link, seed: int | None) -> None:
        """Only what a notebook starts with."""
        self.link = link
        self.seed = seed
        self.names: dict[str, Any] = {"__name__": "__main__", "get_ipython": Quiet}
        self.answers = {task.name for task in restored.assignment.tasks}
        self.given: set[str] = set()  # names that cells of the assignment bind here
        self.used: set[str] = set()  # names that functions of given cells may read

    def run_given(self, source: str) -> None:
        """Run a cell of the assignment.

        Raises GraderError if it does not run, unless it uses an answer.
        """
        error, _ = self.check(source)
        tree = parsed(source)
        self.used |= used_names(tree)
        if error is not None and not used_names(tree) & self.learners(tree):
            raise GraderError(
                f"A cell of the assignment itself does not run in the grader: {error!r}"
            ) from error

    def check(self, source: str) -> tuple[BaseException | None, str]:
        """Run a check cell: what it raised, and what it printed.

        Raises Stopped where the learner's process does not answer.
        """
        tree = parsed(source)
        printed = io.StringIO()
        problem = None
        try:
            with quiet(printed, self.seed):
                self.fetch(self.learners(tree))
                exec(compile(tree, "check", "exec"), self.names)
        except Exception as error:
            problem = error
        self.given |= defined_names(source)
        return problem, printed.getvalue()[-KEPT:]

    def learners(self, tree: ast.Module) -> set[str]:
        """The names in a cell that are the learner's to define."""
        used = used_names(tree) | self.used
        bound = self.given | bound_names(tree) | vars(builtins).keys()
        return (used & self.answers) | (used - bound - {"get_ipython", "__name__"})

    def fetch(self, names: set[str]) -> None:
        """Let names stand for what they are in the learner's process now."""
        for name in sorted(names):
            self.names.pop(name, None)
            with contextlib.suppress(NameError):  # the cell itself will say so
                self.names[name] = self.link.describe(name)


class Quiet:
    """Stands for IPython where the grader runs a cell: magics do nothing."""

    @staticmethod
    def run_line_magic(*arguments: Any, **settings: Any) -> None:
        """Do nothing."""

    run_cell_magic = system = getoutput = run_line_magic


def parsed(source: str) -> ast.Module:
    """A cell of the assignment as Python. Raises GraderError if it is none."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
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
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
    return names


@contextlib.contextmanager
def quiet(printed: io.StringIO, seed: int | None) -> Iterator[None]:
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


def text_of(error: BaseException) -> str:
    """The text of an exception."""
    try:
        return str(error)
    except Exception as other:
        return f"<{type(other).__name__}>"
