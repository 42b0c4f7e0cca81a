"""A process with pytest and nbval imported, forked for each run of a notebook.

No learner's code runs here: nbval sends cells to a kernel, and reads what it answers.
"""

import contextlib
import gc
import importlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import NoReturn

from course_utils.grading.isolation.limits import limit_memory
from course_utils.grading.isolation.lines import Message, receive, send
from course_utils.grading.outcome import Limits
from course_utils.grading.second_opinion.provisioner import register

# What a run of nbval imports, found out by looking at what it had imported at its end.
IMPORTS = (
    *("pytest", "nbval.plugin", "jupyter_client.blocking", "nbformat.v4", "jsonschema"),
    *("IPython", "unittest", "xml.etree.ElementTree"),
    "course_utils.grading.nbval_events",
)
MOST_BYTES = 1 << 16


def main(descriptor: int, folder: str) -> None:
    """Get ready, then run a notebook whenever one comes, until the grader ends.

    Args:
        descriptor: of the socket to the grader.
        folder: of all runs; it is removed at the end.
    """
    control = socket.socket(fileno=descriptor)
    for module in IMPORTS:
        importlib.import_module(module)
    register()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # runs need no burial
    gc.collect()
    gc.freeze()
    send(control, {"ready": os.getpid()})
    try:
        answer_requests(control)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def answer_requests(control: socket.socket) -> None:
    """Fork for each run; the socket that comes with it tells when it has ended."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        run = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            control.close()
            serve(run)
        run.close()


def serve(run: socket.socket) -> NoReturn:
    """Run pytest as told, and end; at once when the grader closes its side."""
    try:
        request = receive(run)
        if request is not None:
            threading.Thread(target=end_with, args=(run,), daemon=True).start()
            run_pytest(request)
    except Exception:
        traceback.print_exc()
        raise
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def end_with(run: socket.socket) -> None:
    """End this process when the other side of `run` is closed."""
    with contextlib.suppress(OSError):
        run.recv(1)
    os._exit(1)


def run_pytest(request: Message) -> None:
    """Run pytest in a folder, with these variables; its output goes to a file.

    It keeps what the cells print, so its memory is limited where that can be done.
    """
    import pytest

    with contextlib.suppress(OSError, RuntimeError):
        limit_memory(Limits(memory_mb=request["memory_mb"]))
    folder = Path(request["folder"])
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # it is another one now
    pytest.main(request["arguments"])
