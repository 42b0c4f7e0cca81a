"""The grading processes of one computer, and what happens when one of them ends."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import course_utils
from course_utils.grading.assignment import shipped
from course_utils.grading.classroom.settings import Settings
from course_utils.grading.outcome import GraderError
from course_utils.grading.reports.json import from_json
from course_utils.grading.submission import named_assignment
from course_utils.grading.verdict import Grade, refused

START_SECONDS = 300.0
END_SECONDS = 30.0
# The folder of the course comes last, so that nothing in it hides a library.
BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from course_utils.grading.classroom.worker import main; main()"
)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


class WorkerEnded(RuntimeError):
    """A grading process ended, or had to be stopped, before it gave a grade."""


class Stopped(RuntimeError):
    """The run was ended while a submission was being graded."""


class Worker:
    """A grading process, as its parent sees it."""

    def __init__(self, settings: Settings) -> None:
        """Start it, without waiting for it. Raises GraderError on Windows."""
        if os.name == "nt":
            raise GraderError(
                "Isolated grading needs Linux or macOS: grade the files one by one "
                "without --isolated, or in WSL, or in a container."
            )
        root = str(Path(course_utils.__file__).resolve().parents[1])
        self.connection, theirs = socket.socketpair()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115, closed in close()
        # -P: no module of the folder in which somebody grades takes a library's place.
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, root],
                env=dict(os.environ) | ONE_THREAD,
                stdin=theirs.fileno(),
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,  # Ctrl-C is the parent's business
            )
        self.answers = self.connection.makefile("rb")
        self.send(settings.to_data())

    def wait_until_ready(self) -> None:
        """Wait for its imports; raises GraderError where it cannot start."""
        try:
            message = self.receive(START_SECONDS)
        except WorkerEnded as error:
            raise GraderError(f"No grading process can be started: {error}") from error
        if "problem" in message:
            raise GraderError(message["problem"])

    def grade(self, path: Path, seconds: float) -> Grade:
        """The grade of a file; raises WorkerEnded where none comes in time."""
        self.send({"path": str(path)})
        message = self.receive(seconds)
        if "problem" in message:
            raise WorkerEnded(message["problem"])
        return from_json(message["grade"])

    def send(self, message: dict[str, Any]) -> None:
        """Send one line; a worker that has ended is noticed when it does not answer."""
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any]:
        """The next message."""
        self.connection.settimeout(seconds)
        try:
            line = self.answers.readline()
        except TimeoutError:
            self.kill()
            raise WorkerEnded(f"it gave no answer for {seconds:g} s") from None
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise WorkerEnded(self.how_it_ended())
        message: dict[str, Any] = json.loads(line)
        return message

    def how_it_ended(self) -> str:
        """A few words on its end, with the last line that it wrote."""
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        if code < 0:
            full = ", as when memory runs out" if code == -signal.SIGKILL else ""
            return f"it was ended by signal {-code}{full}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it exited with status {code}"

    def kill(self) -> None:
        """End it at once; what it started then ends by itself."""
        self.process.kill()

    def close(self) -> None:
        """Let it end, or end it; may be called again."""
        self.answers.close()
        self.connection.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Grader:
    """Grades one file after the other, with a fresh worker where one has ended."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is started before the first file."""
        self.settings = settings
        self.worker: Worker | None = None
        self.lock = threading.Lock()
        self.is_stopped = False

    def grade(self, path: Path) -> tuple[Grade, bool]:
        """The grade of a file, and whether the grader is to blame for it.

        A file during which the worker ends is tried once more, then refused. Raises
        GraderError where no worker can be started.
        """
        for _ in range(2):
            worker = self.ready_worker()
            try:
                return worker.grade(path, self.patience), False
            except WorkerEnded as error:
                self.drop()
                problem = str(error)
        return self.give_up(path, problem), True

    @property
    def patience(self) -> float:
        """Seconds after which a worker must have given a grade, all told."""
        return 2 * self.settings.limits.total + 120

    def ready_worker(self) -> Worker:
        """The worker, started where there is none."""
        with self.lock:
            if self.is_stopped:
                raise Stopped
            if self.worker is not None:
                return self.worker
            worker = self.worker = Worker(self.settings)
        try:
            worker.wait_until_ready()
        except GraderError:
            self.drop()
            raise
        return worker

    def drop(self) -> None:
        """Part with a worker that is of no more use; it clears up where it can."""
        with self.lock:
            worker, self.worker = self.worker, None
        if worker is not None:
            worker.close()
        if self.is_stopped:
            raise Stopped

    def give_up(self, path: Path, problem: str) -> Grade:
        """The grade of a file that ends its grading process."""
        reference = self.settings.reference
        folder = Path(reference) if reference else shipped()
        sentence = f"The grading process ended twice on this file: {problem}."
        return refused(str(path), sentence, named_assignment(path, folder))

    def stop(self) -> None:
        """End now, also in the middle of a file."""
        with self.lock:
            self.is_stopped = True
            worker = self.worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.close()


class Crew:
    """Graders that share the files of a class; `grade` is for many threads at once."""

    def __init__(self, settings: Settings, count: int) -> None:
        """As many graders as `count`; their workers start when they are needed."""
        self.settings = settings
        self.graders = [Grader(settings) for _ in range(count)]
        self.idle: queue.LifoQueue[Grader] = queue.LifoQueue()
        for grader in self.graders:
            self.idle.put(grader)

    def grade(self, path: Path) -> tuple[Grade, bool]:
        """As `Grader.grade`, by a grader that is idle; waits for one."""
        grader = self.idle.get()
        try:
            return grader.grade(path)
        finally:
            self.idle.put(grader)

    def stop(self) -> None:
        """End now; files that are being graded raise `Stopped`."""
        for grader in self.graders:
            grader.stop()

    def close(self) -> None:
        """End all workers, each after what it is doing."""
        for grader in self.graders:
            grader.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all workers; after an error at once."""
        if error is not None:
            self.stop()
        self.close()
