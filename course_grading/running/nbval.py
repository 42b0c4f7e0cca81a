"""Running a restored notebook under nbval, in a process of its own, within limits."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import psutil

import course_utils
from course_grading.restoring.restore import Restored, to_notebook
from course_grading.running.nbval_events import EVENTS_VARIABLE
from course_grading.running.outcome import CellOutcome, GraderError, Limits
from course_grading.running.rounds import (
    SEED_VARIABLE,
    Outcomes,
    RoundResult,
    run_rounds,
)
from course_grading.submission.assignment import Cell

POLL_SECONDS = 0.05
START_SECONDS = 120.0
WORK = "work"
FAMILY_VARIABLE = "COURSE_GRADING_FAMILY"
# Settings of the user's that would change a verdict: plugins, warnings as errors, ...
UNWANTED = ("PYTEST_", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONINSPECT")


def run_nbval(
    restored: Restored, *, limits: Limits, seed: int | None = None
) -> Outcomes:
    """The outcome of each code cell, by `grade_id`.

    Args:
        restored: the notebook.
        limits: the time for a cell and for the file.
        seed: for the random cases of the checks; theirs by default.

    Raises GraderError if no kernel can be started.
    """
    left = limits.total

    def run_once(cells: list[Cell]) -> RoundResult:
        nonlocal left
        result = run_kernel(cells, limits=limits, left=left, seed=seed)
        left -= result.seconds
        return result

    return run_rounds(restored, run_once, is_time_over=lambda: left <= 0)


def run_kernel(
    cells: list[Cell], *, limits: Limits, left: float, seed: int | None
) -> RoundResult:
    """Run all cells in a fresh kernel; `left` are the seconds left for the file."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        arguments, settings = write_notebook(folder, cells)
        if seed is not None:
            settings[SEED_VARIABLE] = str(seed)
        command = pytest_command(*arguments)
        family = Family(command, folder=folder / WORK, settings=settings)
        try:
            events = Path(settings[EVENTS_VARIABLE])
            return follow_run(family, events, limits=limits, left=left)
        finally:
            family.end()


def write_notebook(folder: Path, cells: list[Cell]) -> tuple[list[str], dict[str, str]]:
    """Write a notebook of these cells; pytest's arguments, and its environment.

    The notebook goes to the part WORK of `folder`; what is the grader's, and temporary
    files, to parts beside. The arguments make nbval the same whatever the user's own
    pytest settings are.
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
        # Ours first: once `course_grading` is loaded, nbformat loads much faster.
        *("-p", "no:cacheprovider", "-p", "course_grading.running.nbval_events"),
        *("-p", "nbval.plugin"),
        *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "1e6"),
        *("--nbval-kernel-startup-timeout", str(START_SECONDS), "-q", "--color=no"),
    ]
    settings = {
        EVENTS_VARIABLE: str(own / "events.jsonl"),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "TMPDIR": str(temporary),
    }
    return arguments, settings


def follow_run(
    family: "Family", events: Path, *, limits: Limits, left: float
) -> RoundResult:
    """Follow the events until the run ends, its kernel dies, or the time is over.

    The time for the file begins with the kernel's first word: a slow start is not the
    learner's.
    """
    started = changed = time.monotonic()
    begun: float | None = None
    state = Progress()
    while True:
        has_ended = family.has_ended()
        is_dead = state.kernel is not None and not is_alive(state.kernel)
        if state.read(events):  # read after looking, so that a last word is heard
            changed = time.monotonic()
            begun = begun or changed
        now = time.monotonic()
        seconds = now - begun if begun else 0.0
        if state.current and (has_ended or is_dead or state.lost_kernel):
            return RoundResult(
                state.outcomes, state.blamed(), CellOutcome("died"), seconds
            )
        if has_ended:
            return finish(family, state, seconds)
        why = overtime(now - changed, seconds > left, limits)
        if state.current and why:
            stopped = CellOutcome("timeout", "", why)
            return RoundResult(state.outcomes, state.current, stopped, seconds)
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


def finish(family: "Family", state: "Progress", seconds: float) -> RoundResult:
    """The round of a run that came to its end."""
    if state.outcomes:
        return RoundResult(state.outcomes, seconds=seconds)
    tail = family.output.read_text(encoding="utf-8", errors="replace")[-1500:]
    raise GraderError(f"The notebook could not be run under nbval:\n{tail}")


class Progress:
    """What the events of a run have told so far."""

    def __init__(self) -> None:
        """Nothing is told yet."""
        self.outcomes: dict[str, CellOutcome] = {}
        self.current = ""
        self.previous = ""
        self.kernel: int | None = None
        self.lost_kernel = False
        self.lines = 0

    def read(self, events: Path) -> bool:
        """Take in the lines that are new and whole; whether there were any."""
        if not events.exists():
            return False
        lines = events.read_text(encoding="utf-8").split("\n")[:-1]
        new = lines[self.lines :]
        self.lines = len(lines)
        for line in new:
            self.take(json.loads(line))
        return bool(new)

    def take(self, event: Mapping[str, Any]) -> None:
        """One event: the kernel's process id, or a cell that begins or ends."""
        if event["event"] == "kernel":
            self.kernel = event["pid"]
        elif event["event"] == "start":
            self.current = event["cell"]
        elif event["message"].startswith("Kernel dead"):
            self.lost_kernel = True
        elif not self.lost_kernel:
            kind: Literal["passed", "failed"] = "failed" if event["error"] else "passed"
            self.outcomes[event["cell"]] = CellOutcome(
                kind, event["error"], event["message"], event["printed"]
            )
            self.previous, self.current = event["cell"], ""

    def blamed(self) -> str:
        """The cell during which the kernel died, or the one after which it was dead."""
        return self.previous if self.lost_kernel and self.previous else self.current


class Family:
    """A process and all that descends from it, known by a mark in its environment."""

    def __init__(
        self, command: list[str], *, folder: Path, settings: Mapping[str, str]
    ) -> None:
        """Start the command in `folder`, in a session of its own; output to a file."""
        self.mark = secrets.token_hex(16)
        environment = (
            kernel_environment() | dict(settings) | {FAMILY_VARIABLE: self.mark}
        )
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )

    def has_ended(self) -> bool:
        """Whether the first process has ended."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill every member; a member may have left the session, as kernels do."""
        for _ in range(20):  # a member that starts others meanwhile is met again
            members = self.members()
            for member in members:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            if not members:
                break
            psutil.wait_procs(members, timeout=1)
        self.process.wait()

    def members(self) -> list[psutil.Process]:
        """The processes that carry the mark or descend from the first one."""
        found: set[psutil.Process] = set()
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            found |= {first, *first.children(recursive=True)}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(FAMILY_VARIABLE) == self.mark:
                    found.add(process)
        return [process for process in found if is_alive(process.pid)]


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def kernel_environment() -> dict[str, str]:
    """The environment without what would change how the notebook runs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(UNWANTED)}
    root = Path(course_utils.__file__).parents[1]
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if str(root) not in installed:  # a checkout: the kernel takes the same one
        kept["PYTHONPATH"] = str(root)
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def pytest_command(*arguments: str) -> list[str]:
    """A command line of the pytest that belongs to this Python."""
    return [sys.executable, "-m", "pytest", *arguments]
