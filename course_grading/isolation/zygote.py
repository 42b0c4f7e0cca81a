"""A process with everything imported that a learner needs, and nothing a learner seeks.

It is started afresh, with a clean environment, before any check is in memory, and it
imports none. Each request forks a warden with a child; both then work without it.
"""

import contextlib
import gc
import importlib
import os
import runpy
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course_grading.isolation import warden
from course_grading.isolation.confine import Rules, make_rules
from course_grading.isolation.lines import Message, receive, send
from course_grading.running.outcome import Limits

# Whatever a learner's code may import is loaded once, here; a room or module that this
# release does not have is left out.
LIBRARIES = ("torch", "torchvision", "numpy", "matplotlib.pyplot", "IPython")
COURSE = ("data", "draw", "metrics", "models", "ops", "results", "training")
IMPORTS = (
    *LIBRARIES,
    *(f"course_utils.{room}" for room in COURSE),
    # How an answer is called; it knows nothing of any task.
    *("course_utils.checking.calling", "course_utils.checking.check"),
)


def main(descriptor: int) -> None:
    """Get ready, then start a child whenever the grader asks, until it ends."""
    control = socket.socket(fileno=descriptor)
    settings = receive(control)
    if settings is None:
        return
    try:
        rules, serve = get_ready(settings)
    except BaseException:
        send(control, {"problem": traceback.format_exc()})
        raise
    send(control, {"ready": os.getpid()})
    try:
        answer_requests(control, rules, serve)
    except Exception:
        traceback.print_exc()  # into the log
        raise
    finally:
        shutil.rmtree(rules.folder, ignore_errors=True)
        os._exit(0)  # at once: nothing here needs to be put in order


def get_ready(settings: Message) -> tuple[Rules, Callable[[socket.socket], None]]:
    """Import, and work out what holds for every child."""
    folder = Path(settings["folder"])
    (folder / "work").mkdir(mode=0o700)
    import_all(IMPORTS if settings["imports"] is None else settings["imports"])
    if settings["prepare"]:
        import_function(settings["prepare"])()
    serve = import_function(settings["serve"])
    readable = [Path(each) for each in settings["readable"]]
    rules = make_rules(Limits(**settings["limits"]), folder, readable)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # wardens need no burial
    gc.collect()
    gc.freeze()  # a child's collections then leave the shared pages alone
    return rules, serve


def import_all(modules: Sequence[str]) -> None:
    """Import modules for good; with one thread, for a fork keeps no others."""
    for module in modules:
        importlib.import_module(module)
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):  # already set
            torch.set_num_interop_threads(1)


def import_function(entry: str) -> Callable[..., None]:
    """The function called "module:function" or "path/to/file.py:function"."""
    place, _, name = entry.rpartition(":")
    function: Callable[..., None]
    if place.endswith(".py"):
        function = runpy.run_path(place)[name]
    else:
        function = getattr(importlib.import_module(place), name)
    return function


def answer_requests(
    control: socket.socket, rules: Rules, serve: Callable[[socket.socket], None]
) -> None:
    """Fork a warden for each pair of sockets that comes, until the grader ends."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        data, watched = (socket.socket(fileno=each) for each in descriptors)
        if os.fork() == 0:
            control.close()
            warden.guard(data, watched, rules, serve)
        data.close()
        watched.close()
