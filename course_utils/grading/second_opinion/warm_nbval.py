"""nbval over two warm processes: one with pytest imported, one ready to be a kernel.

nbval itself is the released one. A notebook costs two forks instead of two starts.
"""

import contextlib
import json
import secrets
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import course_utils
from course_utils.grading.assignment import Cell
from course_utils.grading.closing import Closing, end
from course_utils.grading.isolation.kernel import IS_LINUX
from course_utils.grading.isolation.lines import Message, receive, send
from course_utils.grading.isolation.warm import Child, Warm
from course_utils.grading.nbval_events import EVENTS_VARIABLE
from course_utils.grading.nbval_run import SEED_VARIABLE, WORK, Round, prepare, watch
from course_utils.grading.outcome import GraderError, Limits
from course_utils.grading.processes import clean_environment
from course_utils.grading.second_opinion.provisioner import (
    CHANNELS,
    NAME,
    write_specification,
)

KERNEL = "course_utils.grading.second_opinion.kernel"
START_SECONDS = 60.0
END_SECONDS = 20.0
CREDENTIALS = struct.Struct("3i")
# The folder of the course comes last, so that nothing in it hides a library.
BOOT = (
    "import sys; sys.path.append(sys.argv[3]); "
    "from course_utils.grading.second_opinion.runner import main; "
    "main(int(sys.argv[1]), sys.argv[2])"
)


class WarmNbval(Closing):
    """Runs notebooks under nbval, one after the other; a context manager."""

    def __init__(self, *, limits: Limits) -> None:
        """Start both warm processes; the first run waits until they are ready.

        Raises GraderError on a system without `fork`.
        """
        self.kernels = Warm(
            limits=limits, serve=f"{KERNEL}:serve", prepare=f"{KERNEL}:prepare"
        )
        self.folder = Path(tempfile.mkdtemp(prefix="course-")).resolve()
        self.control, theirs = socket.socketpair()
        root = str(Path(course_utils.__file__).resolve().parents[1])
        arguments = [str(theirs.fileno()), str(self.folder), root]
        with theirs, (self.folder / "runner.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT, *arguments],
                cwd="/",
                env=clean_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.is_ready = False

    def run_once(
        self, cells: list[Cell], *, limits: Limits, left: float, seed: int | None
    ) -> Round:
        """Run all cells in a fresh kernel until they end or one breaks a limit.

        Raises GraderError where no kernel or no pytest can be started.
        """
        self.wait_until_ready()
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        with contextlib.ExitStack() as ending:
            ending.callback(shutil.rmtree, folder, ignore_errors=True)
            child = self.kernels.start_child()
            ending.callback(child.end)
            connect(child, folder, seed)
            arguments, settings = prepare(folder, cells, "--nbval-kernel-name", NAME)
            settings["JUPYTER_PATH"] = str(folder)
            request = {
                "folder": str(folder / WORK),
                "arguments": arguments,
                "environment": settings,
                "memory_mb": limits.memory_mb,
            }
            run = Run(self.control, request)
            ending.callback(run.end)
            events = Path(settings[EVENTS_VARIABLE])
            return watch(run, events, limits=limits, left=left)

    def wait_until_ready(self) -> None:
        """Wait for the imports of both processes. Raises GraderError."""
        if self.is_ready:
            return
        self.kernels.wait_until_ready()
        self.control.settimeout(START_SECONDS)
        try:
            self.is_ready = receive(self.control) is not None
        except OSError as error:
            raise GraderError("The process for nbval does not get ready.") from error
        if not self.is_ready:
            log = (self.folder / "runner.log").read_text(errors="replace")
            raise GraderError(f"The process for nbval could not start:\n{log[-3000:]}")

    def close(self) -> None:
        """End both processes and all that they started; may be called again."""
        self.kernels.close()
        self.control.close()
        end(self.process, END_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


class Run:
    """One run of pytest."""

    def __init__(self, control: socket.socket, request: Message) -> None:
        """Have it forked and started."""
        self.output = Path(request["folder"]) / "output.txt"
        self.connection, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(control, [b"r"], [theirs.fileno()])
            send(self.connection, request)
        except OSError as error:
            self.connection.close()
            raise GraderError("The process for nbval has ended.") from error

    def has_ended(self) -> bool:
        """Whether pytest has ended: nobody else holds the other side."""
        ready, _, _ = select.select([self.connection], [], [], 0)
        return bool(ready)

    def end(self) -> None:
        """End it, and wait until it has."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(END_SECONDS)
            self.connection.recv(1)
        self.connection.close()


def connect(child: Child, folder: Path, seed: int | None) -> None:
    """Make a process a kernel, and write where nbval finds it.

    The sockets are made here and passed on; the process can make none. Its id comes
    from the system, not from what it says.
    """
    key = secrets.token_hex(16)
    ip = str(folder / "k")
    environment = {} if seed is None else {SEED_VARIABLE: str(seed)}
    request = json.dumps({"ip": ip, "key": key, "environment": environment})
    with contextlib.ExitStack() as open_here:
        descriptors = []
        for port in range(1, len(CHANNELS) + 1):
            listening = socket.socket(socket.AF_UNIX)
            open_here.enter_context(listening)
            listening.bind(f"{ip}-{port}")
            listening.listen()
            descriptors.append(listening.fileno())
        try:
            if IS_LINUX:  # before there is something to read
                child.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            socket.send_fds(child.socket, [request.encode()], descriptors)
            pid = process_id(child.socket)
        except OSError as error:
            raise GraderError("The notebook kernel does not start.") from error
    connection: dict[str, Any] = {"transport": "ipc", "ip": ip, "key": key}
    connection |= {f"{n}_port": port for port, n in enumerate(CHANNELS, start=1)}
    connection |= {"signature_scheme": "hmac-sha256", "kernel_name": NAME}
    write_specification(folder, connection, pid)


def process_id(connection: socket.socket) -> int:
    """The id of the process that speaks first, as this one sees it.

    Raises OSError where it says nothing in time.
    """
    connection.settimeout(START_SECONDS)
    if not IS_LINUX:  # so without namespaces
        return int(connection.recv(64).split()[1])
    space = socket.CMSG_SPACE(CREDENTIALS.size)
    _, ancillary, _, _ = connection.recvmsg(64, space)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid, _, _ = CREDENTIALS.unpack(data[: CREDENTIALS.size])
            return int(pid)
    raise OSError("the kernel ended before it spoke")
