"""Asking a check about an answer in a fork of this process, which ends with its limits.

A mutant may loop for ever, fill the memory or change what the next one would find. In
a fork, which takes milliseconds because everything is imported already, it harms none.
"""

import contextlib
import gc
import io
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from course_utils.checking.check import CheckFailed

CPU_SECONDS = 4.0
WALL_SECONDS = 60.0  # for what waits instead of computing
MEMORY = 4 * 2**30  # bytes beyond what this process holds


@dataclass(frozen=True)
class Verdict:
    """What a check said about an answer, with one seed after the other.

    Attributes:
        texts: what it said for each seed; "" where it accepted the answer.
        faults: errors of the check itself, whose way to refuse is CheckFailed.
        stopped: why the process ended too early, or "".
        seconds: for all seeds together.
    """

    texts: tuple[str, ...]
    faults: tuple[str, ...]
    stopped: str
    seconds: float

    @property
    def is_rejected(self) -> bool:
        """Whether the check refused it with every seed that it came to."""
        return all(self.texts) and bool(self.texts or self.stopped)

    @property
    def is_accepted(self) -> bool:
        """Whether the check accepted it with every seed."""
        return not self.stopped and not any(self.texts)


def can_fork() -> bool:
    """Whether this system has what the proof needs: fork and timers."""
    return hasattr(os, "fork") and hasattr(signal, "setitimer")


def stay_alone() -> None:
    """Compute in one thread from now on: the others would be missing in a fork."""
    torch.set_num_threads(1)


def warm_up(check: Callable[..., None], solution: Any) -> None:
    """Let a check import what it needs, once for all forks.

    Raises CheckFailed where the check refuses the solution.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        check(solution, seed=0)


def ask(
    check: Callable[..., None], answer: Callable[[], Any], seeds: Sequence[int]
) -> Verdict:
    """What the check says about an answer, which is made in the fork, too.

    Args:
        check: a check of an assignment.
        answer: makes what is to be checked.
        seeds: for the random cases of the check.
    """
    start = time.perf_counter()
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        answer_all(check, answer, seeds, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        replies = [json.loads(line) for line in pipe if line.endswith("\n")]
    _, status = os.waitpid(process, 0)
    return Verdict(
        texts=tuple(text for text, _ in replies),
        faults=tuple(text for text, is_fault in replies if is_fault),
        stopped=stopped_by(status),
        seconds=time.perf_counter() - start,
    )


def answer_all(
    check: Callable[..., None],
    answer: Callable[[], Any],
    seeds: Sequence[int],
    writing: int,
) -> None:
    """In the fork: check with each seed, write a line about it, and end the process."""
    try:
        gc.disable()  # it would write to every page that is shared with the parent
        limit_memory()
        warnings.simplefilter("ignore")
        given = made(answer)
        for seed in seeds:
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
            signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
            line = json.dumps(reply(check, given, seed)) + "\n"
            os.write(writing, line.encode())
        os._exit(0)
    finally:  # whatever happened, nothing of this process's parent may run here
        os._exit(1)


def made(answer: Callable[[], Any]) -> Callable[[], Any]:
    """The answer, or what raises the error that making it raised."""
    try:
        value = answer()
    except Exception as error:  # noqa: BLE001, whatever a mutant raises
        return raises(f"{type(error).__name__}: {error}")
    return lambda: value


def raises(text: str) -> Callable[[], Any]:
    """What refuses with this text when it is asked for an answer."""

    def refuse() -> Any:
        raise CheckFailed(text)

    return refuse


def reply(
    check: Callable[..., None], given: Callable[[], Any], seed: int
) -> tuple[str, bool]:
    """What the check says, and whether it said so by an error of its own."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            check(given(), seed=seed)
    except CheckFailed as error:
        return str(error) or "refused", False
    except Exception as error:  # noqa: BLE001, a fault of the check, to be reported
        return f"{type(error).__name__}: {error}", True
    return "", False


def limit_memory() -> None:
    """Let this process take a little more memory than it has."""
    if sys.platform != "linux":
        return
    import resource

    most = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def stopped_by(status: int) -> str:
    """Why a process ended, if it did not end by itself."""
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return "no end within the time limit"
    return "" if code == 0 else f"the process ended with {code}"
