"""The grading process: settings come first, then files; for each, its grade goes back.

One line of JSON a message, over the socket that is its standard input. It holds the
checks, and the learner's code never runs in it.
"""

import contextlib
import json
import os
import pkgutil
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from course_grading.classroom.settings import ClassSettings
from course_grading.reports.json import to_json
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade

END_SECONDS = 20.0


def main() -> None:
    """Grade what comes until nothing comes any more."""
    connection = take_standard_input()
    requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    listen = threading.Thread(
        target=receive_requests, args=(connection, requests), daemon=True
    )
    listen.start()
    first = requests.get()
    if first is None:
        return
    settings = ClassSettings.from_data(json.loads(first))
    start: Callable[[ClassSettings], AbstractContextManager[Callable[[Path], Grade]]]
    start = pkgutil.resolve_name(settings.grader)
    try:
        with start(settings) as grade:
            send_reply(connection, {"ready": os.getpid()})
            while (request := requests.get()) is not None:
                path = Path(json.loads(request)["path"])
                send_reply(connection, {"grade": to_json(grade(path))})
    except GraderError as error:  # a fresh process may do better
        send_reply(connection, {"problem": str(error)})


def take_standard_input() -> socket.socket:
    """The socket to the parent, which nothing else in this process then reads."""
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def receive_requests(
    connection: socket.socket, requests: "queue.SimpleQueue[str | None]"
) -> None:
    """Pass requests on; end the process where the parent has ended."""
    # A parent that was killed with an answer unread resets the connection.
    with (
        contextlib.suppress(OSError),
        connection.makefile("r", encoding="utf-8") as lines,
    ):
        for line in lines:
            requests.put(line)
    requests.put(None)
    time.sleep(END_SECONDS)  # the main thread may be in the middle of a submission
    os._exit(1)


def send_reply(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one line."""
    connection.sendall(json.dumps(message).encode() + b"\n")
