"""The notebook kernel of the second opinion: ipykernel in a locked-in process.

It can make no socket that reaches outside, so those on which nbval talks to it are made
by the grader and passed in. Checks run here beside the learner's code, so what it says
may be forged, and never earns a point.
"""
# ipykernel has few types.
# mypy: disallow-untyped-calls=False

import json
import os
import pkgutil
import random
import socket
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from traitlets.config import Config

import course_utils.checks
from course_utils.checks.forbidden import ALWAYS_OFF, functions_of
from course_utils.grading.isolation.shell import Shell, forbid_commands
from course_utils.grading.isolation.zygote import import_all
from course_utils.grading.second_opinion.provisioner import CHANNELS

PORTS = {f"{name}_port": port for port, name in enumerate(CHANNELS, start=1)}
MOST_BYTES = 1 << 16
SILENT = 50


def prepare() -> None:
    """In the warm process: import the checks, and what a kernel imports late."""
    checks = [each.name for each in pkgutil.iter_modules(course_utils.checks.__path__)]
    late = [
        *("matplotlib_inline.backend_inline", "ipywidgets", "torch.testing"),
        *("ipykernel.debugger", "IPython.extensions.storemagic", "pdb"),
        *("tornado.platform.asyncio", "tornado.queues"),
    ]
    import_all([*late, *(f"course_utils.checks.{name}" for name in checks)])
    functions_of(ALWAYS_OFF)


def serve(connection: socket.socket) -> None:
    """Be a kernel on the sockets that come, until it is killed."""
    message, descriptors, _, _ = socket.recv_fds(connection, MOST_BYTES, len(CHANNELS))
    request = json.loads(message)
    os.environ.update(request["environment"])
    start_alike()
    # With it, Linux tells the grader which process this is.
    connection.sendall(f"here {os.getpid()}".encode())
    connection.close()
    app = App.instance(config=quiet(), transport="ipc", ip=request["ip"], **PORTS)
    app.descriptors = descriptors
    app.session.key = request["key"].encode()
    app.initialize([])
    app.start()


def start_alike() -> None:
    """Start every source of random numbers as the isolated run does."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 the one that learners may use
    torch.manual_seed(0)


def quiet() -> Config:
    """Settings of a kernel that nobody watches: no log, and no history on disk."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.IPKernelApp.log_level = SILENT
    settings.InteractiveShell.colors = "nocolor"
    return settings


def listen_on(place: zmq.Socket[bytes], ip: str, port: int, descriptor: int) -> None:
    """Take the calls that arrive at a socket which somebody else has made."""
    place.setsockopt(zmq.USE_FD, descriptor)
    place.bind(f"ipc://{ip}-{port}")


class CommandlessShell(ZMQInteractiveShell):
    """A notebook's shell that runs no commands of the operating system."""

    system = Shell.system
    getoutput: Any = Shell.getoutput

    def init_magics(self) -> None:
        """As ever, but `%%bash` and its like run nothing."""
        super().init_magics()
        forbid_commands(self)


class CommandlessKernel(IPythonKernel):
    """A kernel with that shell."""

    shell_class = CommandlessShell


class App(IPKernelApp):
    """A kernel on sockets that it was given, without a connection file."""

    kernel_class = CommandlessKernel
    descriptors: Sequence[int] = ()

    def init_connection_file(self) -> None:
        """There is none: the grader has told all."""

    def write_connection_file(self, **settings: Any) -> None:
        """The grader has written it for nbval."""

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """As ever, without a socket for processes that a learner's code may start."""
        self.iopub_socket = context.socket(zmq.XPUB)
        self.iopub_port = self._bind_socket(self.iopub_socket, self.iopub_port)
        self.configure_tornado_logger()
        self.iopub_thread = IOPubThread(self.iopub_socket, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def init_heartbeat(self) -> None:
        """Start the heartbeat on its socket."""
        place = (self.transport, self.ip, self.hb_port)
        self.heartbeat = GivenHeartbeat(zmq.Context(), place)
        self.heartbeat.descriptor = self.descriptors[self.hb_port - 1]
        self.heartbeat.start()

    def _bind_socket(self, s: zmq.Socket[bytes], port: int) -> int:
        listen_on(s, self.ip, port, self.descriptors[port - 1])
        return port


class GivenHeartbeat(Heartbeat):
    """A heartbeat on a socket that it was given."""

    descriptor = -1

    def _bind_socket(self) -> None:
        listen_on(self.socket, self.ip, self.port, self.descriptor)
