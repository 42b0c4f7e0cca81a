"""A grading process, as its parent sees it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import course_utils
from course_grading.classroom.settings import ClassSettings
from course_grading.isolation.closing import end
from course_grading.reports.json import from_json
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade

START_SECONDS = 300.0
END_SECONDS = 30.0
# The folder of the course comes last, so that nothing in it hides a library.
BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from course_grading.classroom.worker import main; main()"
)
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


class WorkerEnded(RuntimeError):
    """A grading process ended, or had to be stopped, before it gave a grade."""


class Worker:
    """A grading process, as its parent sees it."""

    def __init__(self, settings: ClassSettings) -> None:
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
        end(self.process, END_SECONDS)
        self.log.close()
