"""A grader for tests of class runs: each file says what is to happen to its worker."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from course_grading.classroom.settings import ClassSettings
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade, Record, Result

FAKE = "fake_grader:fake"
BROKEN = "fake_grader:broken"


@contextlib.contextmanager
def fake(settings: ClassSettings) -> Iterator[Callable[[Path], Grade]]:
    """Grades by one word in the file; notes each try beside the file's folder."""

    def grade(path: Path) -> Grade:
        word, _, text = path.read_text().partition(" ")
        log = Path(os.environ["FAKE_LOG"])
        tries = log.read_text().count(f"{path.stem}\n") if log.exists() else 0
        with log.open("a") as file:
            file.write(f"{path.stem}\n")
        if word == "kill" or (word == "stumble" and tries == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "fault":
            raise GraderError("the warm process is gone")
        elif word == "bug":
            raise ZeroDivisionError("a mistake of the grader's")
        elif word in ("sleep", "hang"):
            time.sleep(float(text))
        elif word == "gate":  # a named pipe, or a file at which nobody waits
            Path(os.environ["FAKE_GATE"]).read_text()
        return graded(path, settings)

    yield grade


def graded(path: Path, settings: ClassSettings) -> Grade:
    record = Record(
        "90_small", "r", "s", settings.seed, "isolated", seconds=time.time()
    )
    result = Result("double", 1, 1, "right", f"seed {settings.seed}")
    return Grade(str(path), [result], record=record)


@contextlib.contextmanager
def broken(settings: ClassSettings) -> Iterator[Callable[[Path], Grade]]:
    raise GraderError(f"no isolation here, whatever the seed {settings.seed}")
    yield
