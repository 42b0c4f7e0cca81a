"""Running a restored notebook under nbval, in a process of its own, within limits.

A cell that hangs or ends the kernel costs only its own task: it is replaced by the stub
and what is not decided yet runs again.
"""

import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from course_grading.restoring.restore import Restored, to_notebook
from course_grading.running.nbval_events import EVENTS_VARIABLE
from course_grading.running.outcome import GraderError, Limits, Outcome
from course_grading.running.processes import Family, is_alive, pytest_command
from course_grading.running.progress import Progress
from course_grading.submission.assignment import Cell

SEED_VARIABLE = "COURSE_CHECK_SEED"  # as in checks/check.py, which imports torch
POLL_SECONDS = 0.05
START_SECONDS = 120.0
WORK = "work"


@dataclass
class Round:
    """What one run of the notebook showed.

    Attributes:
        outcomes: by `grade_id`, of the cells that came to an end.
        guilty: the cell that ended the run before its end, or "".
        ended: how it did so.
        seconds: how long it ran, from the kernel's first word on.
    """

    outcomes: dict[str, Outcome]
    guilty: str = ""
    ended: Outcome | None = None
    seconds: float = 0.0


class RunOnce(Protocol):
    """Runs all cells in a fresh kernel until they end or one breaks a limit."""

    def __call__(
        self, cells: list[Cell], *, limits: Limits, left: float, seed: int | None
    ) -> Round:
        """What the run showed; `left` are the seconds left of those for the file."""


class Running(Protocol):
    """A run of nbval, as it is watched."""

    output: Path

    def has_ended(self) -> bool:
        """Whether pytest has come to its end."""


def run_nbval(
    restored: Restored,
    *,
    limits: Limits,
    seed: int | None = None,
    run: RunOnce | None = None,
) -> dict[str, Outcome]:
    """The outcome of each code cell, by `grade_id`.

    Args:
        restored: the notebook.
        limits: the time for a cell and for the file.
        seed: for the random cases of the checks; theirs by default.
        run: how to run it once; in a process and a kernel of its own by default.

    Raises GraderError if no kernel can be started.
    """
    run = run or run_once
    left = limits.total
    owners = {task.check: task.name for task in restored.assignment.tasks}
    cells = [cell for cell in restored.cells if cell.kind == "code"]
    decided: dict[str, Outcome] = {}
    for _ in range(len(cells) + 1):  # each further round has one guilty cell less
        latest = run(cells, limits=limits, left=left, seed=seed)
        left -= latest.seconds
        decided = latest.outcomes | decided
        if latest.ended is None:
            break
        answer = owners.get(latest.guilty, latest.guilty)
        decided[answer] = decided[latest.guilty] = latest.ended
        if left <= 0 or is_given(restored, answer):
            break
        settled = {c for c, name in owners.items() if c in decided or name == answer}
        cells = [without(cell, answer, settled, restored) for cell in cells]
    return {c.grade_id: decided.get(c.grade_id, Outcome("not run")) for c in cells}


def is_given(restored: Restored, grade_id: str) -> bool:
    """Whether a cell belongs to the assignment and is no answer."""
    return grade_id not in restored.answers and grade_id not in restored.own


def without(cell: Cell, guilty: str, settled: set[str], restored: Restored) -> Cell:
    """A cell for the next round: a guilty one as released, a settled check empty."""
    if cell.grade_id in settled:
        return replace(cell, source="")
    if cell.grade_id != guilty:
        return cell
    is_own = guilty in restored.own
    return replace(cell, source="" if is_own else restored.assignment.source(guilty))


def run_once(
    cells: list[Cell], *, limits: Limits, left: float, seed: int | None
) -> Round:
    """Run all cells in a fresh kernel until they end or one breaks a limit."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        arguments, settings = prepare(folder, cells, "--nbval-current-env")
        if seed is not None:
            settings[SEED_VARIABLE] = str(seed)
        command = pytest_command(*arguments)
        family = Family(command, folder=folder / WORK, settings=settings)
        try:
            events = Path(settings[EVENTS_VARIABLE])
            return watch(family, events, limits=limits, left=left)
        finally:
            family.end()


def prepare(
    folder: Path, cells: list[Cell], *kernel: str
) -> tuple[list[str], dict[str, str]]:
    """Write a notebook of these cells; pytest's arguments, and its environment.

    Args:
        folder: of the run; the notebook goes to its part WORK, what is the grader's and
            temporary files to parts beside.
        cells: of the notebook.
        kernel: nbval's options that say which kernel to take.

    The arguments make nbval the same whatever the user's own pytest settings are.
    """
    own, work, temporary = folder / "grader", folder / WORK, folder / "temporary"
    for each in (own, work, temporary):
        each.mkdir()
    notebook = json.dumps(to_notebook(cells))
    (work / "submission.ipynb").write_text(notebook, encoding="utf-8")
    (own / "pytest.ini").write_text("[pytest]\n")
    arguments = [
        "submission.ipynb",
        *("-c", str(own / "pytest.ini"), "--rootdir", str(work), "--noconftest"),
        *("-p", "no:cacheprovider", "-p", "nbval.plugin"),
        *("-p", "course_grading.running.nbval_events"),
        *("--nbval-lax", *kernel, "--nbval-cell-timeout", "1e6"),
        *("--nbval-kernel-startup-timeout", str(START_SECONDS), "-q", "--color=no"),
    ]
    settings = {
        EVENTS_VARIABLE: str(own / "events.jsonl"),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "TMPDIR": str(temporary),
    }
    return arguments, settings


def watch(run: Running, events: Path, *, limits: Limits, left: float) -> Round:
    """Follow the events until the run ends, its kernel dies, or the time is over.

    The time for the file begins with the kernel's first word: a slow start is not the
    learner's.
    """
    started = changed = time.monotonic()
    begun: float | None = None
    state = Progress()
    while True:
        has_ended = run.has_ended()
        is_dead = state.kernel is not None and not is_alive(state.kernel)
        if state.read(events):  # read after looking, so that a last word is heard
            changed = time.monotonic()
            begun = begun or changed
        now = time.monotonic()
        seconds = now - begun if begun else 0.0
        if state.current and (has_ended or is_dead or state.lost_kernel):
            return Round(state.outcomes, state.blamed(), Outcome("died"), seconds)
        if has_ended:
            return finished(run, state, seconds)
        why = overtime(now - changed, seconds > left, limits)
        if state.current and why:
            stopped = Outcome("timeout", "", why)
            return Round(state.outcomes, state.current, stopped, seconds)
        if not state.outcomes and not state.current and now - started > START_SECONDS:
            raise GraderError("No notebook kernel answers on this computer.")
        time.sleep(POLL_SECONDS)


def overtime(seconds: float, is_over: bool, limits: Limits) -> str:
    """Why a cell that has run for `seconds` is stopped, or "" while it is not."""
    if is_over:
        return (
            f"it ran longer than what was left of the {limits.total:g} s for the file"
        )
    if seconds > limits.cell:
        return f"it ran longer than the {limits.cell:g} s for a cell"
    return ""


def finished(run: Running, state: Progress, seconds: float) -> Round:
    """The round of a run that came to its end."""
    if state.outcomes:
        return Round(state.outcomes, seconds=seconds)
    tail = run.output.read_text(encoding="utf-8", errors="replace")[-1500:]
    raise GraderError(f"The notebook could not be run under nbval:\n{tail}")
