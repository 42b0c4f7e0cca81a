"""Running a restored notebook with the checks here and the learner's code elsewhere.

The learner's cells run in a locked-in process, which is asked for data. A check cell
runs here, at its place in the order. A cell that breaks a limit or ends its process
costs only its own task: it is replaced by the stub and the rest runs again.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace

from course_grading.isolation.clock import Clock
from course_grading.isolation.layers import Layer
from course_grading.isolation.remote import Link, RemoteError, Stopped
from course_grading.isolation.warm import Warm
from course_grading.restoring.restore import Restored
from course_grading.running.check_cells import CheckCells
from course_grading.running.nbval import Round, is_given, without
from course_grading.running.outcome import Limits, Outcome
from course_grading.submission.assignment import Cell

KEPT = 4000  # letters of a message
# What can slow down or end the work of another cell, later.
IN_BACKGROUND = re.compile(r"thread|concurrent|signal|timer|ctypes|settrace|setprofile")


def run_isolated(
    restored: Restored, *, warm: Warm, limits: Limits, seed: int | None = None
) -> dict[str, Outcome]:
    """The outcome of each code cell, by `grade_id`.

    Raises GraderError if no process can be started, or if a cell of the assignment's
    own does not run here.
    """
    return IsolatedRun(restored, warm, limits, seed).run()


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
            if is_given(self.restored, answer):
                decided[latest.guilty] = latest.ended
                break
            acquitted = self.acquitted(answer, rest, latest.ended)
            blamed = {answer, latest.guilty, self.check_of(answer)}
            # What was decided in an earlier round stays: a right answer stays right.
            decided = (acquitted or dict.fromkeys(blamed, latest.ended)) | decided
            if self.clock.is_over():
                break
            rest = self.next_round(rest, decided, "" if acquitted else answer)
        return {c.grade_id: decided.get(c.grade_id, Outcome("not run")) for c in cells}

    def next_round(
        self, cells: list[Cell], decided: dict[str, Outcome], guilty: str
    ) -> list[Cell]:
        """What is left to run: without the guilty, without settled checks."""
        settled = {c for c, name in self.owners.items() if c in decided}
        settled |= {c for c, name in self.owners.items() if name == guilty}
        return [without(cell, guilty, settled, self.restored) for cell in cells]

    def acquitted(
        self, answer: str, cells: list[Cell], ended: Outcome
    ) -> dict[str, Outcome]:
        """The outcomes of a task that is right where no other code is beside it.

        What ended the process may have been started by another cell before. Empty where
        the task is not right by itself.
        """
        others = (c.source for c in cells if c.grade_id != answer)
        if answer not in self.restored.answers or self.clock.is_over():
            return {}
        if ended.kind == "timeout" and not any(map(IN_BACKGROUND.search, others)):
            return {}
        check = self.check_of(answer)
        if any(cell.grade_id == check and not cell.source for cell in cells):
            return {}  # it is settled already, and an empty check proves nothing
        for trial in self.alone(answer, check, cells):
            shown = self.round(trial).outcomes
            if check in shown:  # that is the verdict: a guess gets no second try
                is_right = shown[check].kind == "passed"
                return {key: shown[key] for key in (answer, check) if is_right}
        return {}

    def alone(self, answer: str, check: str, cells: list[Cell]) -> Iterator[list[Cell]]:
        """The notebook with one answer: with the learner's own cells, and without."""
        settled = self.owners.keys() - {check}
        for answers in (self.restored.answers, {*self.restored.answers, *self.own()}):
            trial = cells
            for other in answers:
                if other != answer:
                    trial = [without(c, other, settled, self.restored) for c in trial]
            yield trial

    def own(self) -> list[str]:
        """The ids of the learner's own cells."""
        return self.restored.own

    def check_of(self, answer: str) -> str:
        """The check of an answer; of an own cell, the cell itself."""
        return next((c for c, name in self.owners.items() if name == answer), answer)

    def round(self, cells: list[Cell]) -> Round:
        """Run all cells in a fresh process until they end or one breaks a limit."""
        outcomes: dict[str, Outcome] = {}
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
                except Stopped as stop:
                    ended = Outcome(stop.kind, "", stop.why)
                    return Round(outcomes, cell.grade_id, timed(ended, started))
                outcomes[cell.grade_id] = timed(outcome, started)
        finally:
            child.end()
        return Round(outcomes)

    def step(self, cell: Cell, link: Link, checks: CheckCells) -> Outcome:
        """Run one cell where it belongs."""
        if cell.grade_id in self.owners:
            return outcome_of(*checks.run(cell.source))
        self.clock.start_task()
        outcome = outcome_of(*link.run(cell.source))
        if is_given(self.restored, cell.grade_id):
            checks.run_given(cell.source)
        return outcome

    def note_layers(self, layers: tuple[Layer, ...]) -> None:
        """Keep what isolates a process; a layer that was missing once is missing."""
        for layer in layers:
            if self.layers.get(layer.name, layer).active:
                self.layers[layer.name] = layer


def outcome_of(error: BaseException | None, printed: str) -> Outcome:
    """How a cell ended."""
    if error is None:
        return Outcome("passed", printed=printed)
    name = error.name if isinstance(error, RemoteError) else type(error).__name__
    return Outcome("failed", name, str(error)[:KEPT], printed)


def timed(outcome: Outcome, started: float) -> Outcome:
    """The outcome with the seconds since it started."""
    return replace(outcome, seconds=time.monotonic() - started)
