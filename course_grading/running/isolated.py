"""Running a restored notebook with the checks here and the learner's code elsewhere.

The learner's cells run in a locked-in process, which is asked for data. A check cell
runs here, at its place in the order, with the learner's names standing for what is in
that process.
"""

import builtins
import contextlib
import io
import os
import re
import time
import warnings
from collections.abc import Collection, Iterator
from dataclasses import replace
from types import CodeType
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course_grading.isolation.clock import Clock
from course_grading.isolation.layers import Layer
from course_grading.isolation.remote import LearnerStopped, Link, RemoteError
from course_grading.isolation.warm import Warm
from course_grading.restoring.restore import Restored
from course_grading.running.outcome import CellOutcome, GraderError, Limits
from course_grading.running.rounds import (
    SEED_VARIABLE,
    Outcomes,
    RoundResult,
    is_given,
    run_rounds,
    without,
)
from course_grading.submission.assignment import Cell
from course_grading.submission.source import ParsedCell

KEPT = 4000  # letters of a message, and of what a check prints
OWN_NAMES = {"__name__", "get_ipython"}
# What can slow down or end the work of another cell, later.
IN_BACKGROUND = re.compile(r"thread|concurrent|signal|timer|ctypes|settrace|setprofile")


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

    def run_given(self, cell: Cell) -> None:
        """Run a cell of the assignment that is no check.

        Raises GraderError if it does not run, unless it uses an answer.
        """
        error, _ = self.run(cell)
        self.used |= cell.code.uses
        if error is not None and not cell.code.uses & self.answers:
            raise GraderError(
                f"A cell of the assignment itself does not run in the grader: {error!r}"
            ) from error

    def run(self, cell: Cell) -> tuple[BaseException | None, str]:
        """Run a cell: what it raised, and the end of what it printed.

        Raises Stopped where the learner's process does not answer.
        """
        program = compile_cell(cell.source)
        printed = io.StringIO()
        problem = None
        try:
            with check_environment(printed, self.seed):
                self.fetch(self.names_of_learner(cell.code))
                exec(program, self.names)
        except Exception as error:  # noqa: BLE001 what it says is the verdict
            problem = error
        self.bound |= cell.code.defines
        return problem, printed.getvalue()[-KEPT:]

    def names_of_learner(self, code: ParsedCell) -> frozenset[str]:
        """The names in a cell that are the learner's to define."""
        used = code.uses | self.used
        known = self.bound | code.binds | vars(builtins).keys() | OWN_NAMES
        return (used & self.answers) | (used - known)

    def fetch(self, names: Collection[str]) -> None:
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


def compile_cell(source: str) -> CodeType:
    """A cell of the assignment, compiled. Raises GraderError if it is no Python."""
    try:
        manager = TransformerManager()  # type: ignore[no-untyped-call]
        return compile(manager.transform_cell(source), "check", "exec")
    except SyntaxError as error:
        raise GraderError(f"A cell of the assignment is broken: {error}") from error


@contextlib.contextmanager
def check_environment(printed: io.StringIO, seed: int | None) -> Iterator[None]:
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


class IsolatedRun:
    """One notebook in as many rounds as it needs, each in a process of its own.

    Attributes:
        layers: of isolation, by name; active where they were so in every process.
    """

    def __init__(
        self, restored: Restored, warm: Warm, limits: Limits, seed: int | None
    ) -> None:
        """Nothing runs yet."""
        self.restored = restored
        self.warm = warm
        self.seed = seed
        warm.wait_until_ready()  # its imports cost no learner time
        self.clock = Clock(limits, time.monotonic() + limits.total)
        self.owners = {task.check: task.name for task in restored.assignment.tasks}
        self.layers: dict[str, Layer] = {}

    def run(self) -> Outcomes:
        """The outcome of each code cell.

        Raises GraderError if no process can be started, or if a cell of the
        assignment's own does not run here.
        """
        return run_rounds(
            self.restored,
            self.run_once,
            is_time_over=self.clock.is_over,
            acquit=self.acquit,
        )

    def acquit(self, answer: str, cells: list[Cell], ended: CellOutcome) -> Outcomes:
        """The outcomes of a task that is right where no other code is beside it.

        What ended the process may have been started by another cell before. Empty where
        the task is not right by itself.
        """
        others = (c.source for c in cells if c.grade_id != answer)
        if answer not in self.restored.answers or self.clock.is_over():
            return {}
        if ended.kind == "timeout" and not any(map(IN_BACKGROUND.search, others)):
            return {}
        check = next(c for c, name in self.owners.items() if name == answer)
        if any(cell.grade_id == check and not cell.source for cell in cells):
            return {}  # it is settled already, and an empty check proves nothing
        for trial in self.alone(answer, check, cells):
            shown = self.run_once(trial).outcomes
            if check in shown:  # that is the verdict: a guess gets no second try
                is_right = shown[check].kind == "passed"
                return {key: shown[key] for key in (answer, check) if is_right}
        return {}

    def alone(self, answer: str, check: str, cells: list[Cell]) -> Iterator[list[Cell]]:
        """The notebook with one answer: with the learner's own cells, and without."""
        settled = self.owners.keys() - {check}
        all_answers = self.restored.answers
        for answers in (all_answers, {*all_answers, *self.restored.own}):
            trial = cells
            for other in answers:
                if other != answer:
                    trial = [without(c, other, settled, self.restored) for c in trial]
            yield trial

    def run_once(self, cells: list[Cell]) -> RoundResult:
        """Run all cells in a fresh process until they end or one breaks a limit."""
        outcomes: Outcomes = {}
        child = self.warm.start_child()
        self.note_layers(child.layers)
        self.clock.start_task()
        try:
            link = Link(child, self.clock)
            checks = CheckCells(self.restored, link, self.seed)
            for cell in cells:
                if cell.grade_id in self.owners and not cell.source:
                    continue  # a settled check
                started = time.monotonic()
                try:
                    outcome = self.step(cell, link, checks)
                except LearnerStopped as stop:
                    ended = CellOutcome(stop.kind, "", stop.why)
                    return RoundResult(
                        outcomes, cell.grade_id, with_seconds(ended, started)
                    )
                outcomes[cell.grade_id] = with_seconds(outcome, started)
        finally:
            child.end()
        return RoundResult(outcomes)

    def step(self, cell: Cell, link: Link, checks: CheckCells) -> CellOutcome:
        """Run one cell where it belongs."""
        if cell.grade_id in self.owners:
            return outcome_of(*checks.run(cell))
        self.clock.start_task()
        outcome = outcome_of(*link.run(cell.source))
        if is_given(self.restored, cell.grade_id):
            checks.run_given(cell)
        return outcome

    def note_layers(self, layers: tuple[Layer, ...]) -> None:
        """Keep what isolates a process; a layer that was missing once is missing."""
        for layer in layers:
            if self.layers.get(layer.name, layer).active:
                self.layers[layer.name] = layer


def outcome_of(error: BaseException | None, printed: str) -> CellOutcome:
    """How a cell ended."""
    if error is None:
        return CellOutcome("passed", printed=printed)
    name = error.name if isinstance(error, RemoteError) else type(error).__name__
    return CellOutcome("failed", name, str(error)[:KEPT], printed)


def with_seconds(outcome: CellOutcome, started: float) -> CellOutcome:
    """The outcome with the seconds since it started."""
    return replace(outcome, seconds=time.monotonic() - started)
