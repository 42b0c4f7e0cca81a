"""The grader's side: a warm process that starts locked-in children quickly."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import course_utils
from course_grading.isolation.closing import Closing, end
from course_grading.isolation.environment import clean_environment
from course_grading.isolation.layers import Layer
from course_grading.isolation.lines import Message, receive, send
from course_grading.running.outcome import GraderError, Limits

SERVE = "course_grading.isolation.child:serve"
PREPARE = "course_grading.isolation.shell:set_up_shell"
READY_SECONDS = 180.0
START_SECONDS = 40.0
END_SECONDS = 20.0
# The course is the grader's own one; its folder then comes last on the path, so that
# nothing else in it hides a library.
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[2]); import course_utils, course_grading; "
    "sys.path.append(sys.path.pop(0)); "
    "from course_grading.isolation.zygote import main; main(int(sys.argv[1]))"
)


@dataclass(frozen=True)
class Ending:
    """How a child ended.

    Attributes:
        signal: the signal that ended it, or 0.
        exit_code: the code it exited with, or 0.
        by_grader: whether it was still alive and the grader ended it.
        peak_memory_mb: the most memory it had, with what it shares with others.
        cpu_seconds: of computing.
    """

    signal: int
    exit_code: int
    by_grader: bool
    peak_memory_mb: float
    cpu_seconds: float


class Child:
    """A locked-in process, as the grader sees it."""

    def __init__(
        self, data: socket.socket, control: socket.socket, layers: tuple[Layer, ...]
    ) -> None:
        """Keep both ways to it: `data` to the child, `control` to its warden."""
        self.socket = data
        self.layers = layers
        self.control = control
        self.ending: Ending | None = None

    def end(self) -> Ending:
        """Kill it if it is alive, with all that it started; how it ended.

        Raises GraderError if it does not end.
        """
        if self.ending is None:
            self.ending = self.lost()
            with contextlib.suppress(OSError):  # the warden has ended already
                self.control.shutdown(socket.SHUT_WR)
            self.control.settimeout(END_SECONDS)
            try:
                message = receive(self.control)
            except OSError as error:
                raise GraderError("A process did not end when told to.") from error
            finally:
                self.control.close()
                self.socket.close()
            if message is not None:
                self.ending = Ending(**message)
        return self.ending

    def lost(self) -> Ending:
        """The ending of a child whose warden was killed, for then it is too."""
        return Ending(signal.SIGKILL, 0, False, 0.0, 0.0)


class Warm(Closing):
    """A warm process; it holds no check, no solution and no seed."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        extra_readable: Sequence[Path] = (),
        serve: str = SERVE,
        prepare: str = PREPARE,
        imports: Sequence[str] | None = None,
    ) -> None:
        """Start it; the first child waits until it is ready.

        Args:
            limits: for each child; those of `Limits()` where None.
            extra_readable: files and folders that children may read, for tests.
            serve: "module:function" that a child calls with its socket.
            prepare: "module:function" called once before any child, or "".
            imports: the modules to import beforehand; by default all that an
                assignment uses.

        Raises GraderError on a system without `fork`.
        """
        if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
            raise GraderError(
                "Isolated grading needs Linux or macOS: grade without --isolated, "
                "or in WSL, or in a container."
            )
        self.settings: Message = {
            "limits": asdict(limits or Limits()),
            "readable": [str(path.resolve()) for path in extra_readable],
            "serve": serve,
            "prepare": prepare,
            "imports": imports if imports is None else list(imports),
        }
        self.children: list[Child] = []
        self.start_zygote()

    def start_zygote(self) -> None:
        """Start the process, in a folder and a session of its own."""
        self.is_ready = False
        self.folder = Path(tempfile.mkdtemp(prefix="course-")).resolve()
        self.control, theirs = socket.socketpair()
        root = str(Path(course_utils.__file__).resolve().parents[1])
        with theirs, (self.folder / "zygote.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-c", BOOT, str(theirs.fileno()), root],
                cwd="/",
                env=clean_environment(self.folder / "work"),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        send(self.control, self.settings | {"folder": str(self.folder)})

    def wait_until_ready(self) -> None:
        """Wait for the imports; raises GraderError with what went wrong."""
        if self.is_ready:
            return
        self.control.settimeout(READY_SECONDS)
        try:
            message = receive(self.control)
        except OSError as error:
            raise GraderError("The warm process does not get ready.") from error
        if message is None or "problem" in message:
            log = (self.folder / "zygote.log").read_text(errors="replace")
            problem = message["problem"] if message else log[-3000:]
            raise GraderError(f"The warm process could not start:\n{problem}")
        self.is_ready = True

    def start_child(self) -> Child:
        """A new locked-in process; raises GraderError where none can be started."""
        if self.is_ready and self.process.poll() is not None:  # the system killed it
            self.clear()
            self.start_zygote()
        self.wait_until_ready()
        data, their_data = socket.socketpair()
        control, their_control = socket.socketpair()
        control.settimeout(START_SECONDS)
        try:
            with their_data, their_control:
                descriptors = [their_data.fileno(), their_control.fileno()]
                socket.send_fds(self.control, [b"s"], descriptors)
            message = receive(control)
        except OSError as error:
            message = {"problem": f"the warm process does not answer ({error})"}
        if message is None or "problem" in message:
            data.close()
            control.close()
            problem = message["problem"] if message else "its warden ended"
            raise GraderError(f"No isolated process could be started: {problem}")
        layers = tuple(Layer(**each) for each in message["layers"])
        child = Child(data, control, layers)
        self.children = [each for each in self.children if each.ending is None]
        self.children.append(child)
        return child

    def close(self) -> None:
        """End the warm process and all children; may be called again."""
        for child in self.children:
            with contextlib.suppress(GraderError):
                child.end()
        self.clear()

    def clear(self) -> None:
        """End the warm process alone, and remove its folder."""
        self.control.close()
        if not self.is_ready:  # it imports, and does not listen
            self.process.kill()
        end(self.process, END_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


def available_layers() -> tuple[Layer, ...]:
    """The layers of isolation that this computer has, as a child found them.

    Raises GraderError where no child can be started.
    """
    with Warm(serve=f"{__name__}:serve_nothing", prepare="", imports=()) as warm:
        child = warm.start_child()
        child.end()
        return child.layers


def serve_nothing(connection: socket.socket) -> None:
    """What a child does that is only asked for its layers: wait for its end."""
    connection.recv(1)
