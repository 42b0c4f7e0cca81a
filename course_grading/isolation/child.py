"""The learner's side: runs cells and calls answers when the grader asks for it.

Everything here is within reach of the learner's code, which may change it, and may say
anything to the grader. So nothing here is secret, and nothing decides a point.
"""

import os
import random
import socket
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch

from course_grading.isolation.codec import ProtocolError, encode
from course_grading.isolation.shell import (
    Captured,
    describe_error,
    is_memory,
    make_shell,
    run_cell,
)
from course_grading.isolation.stream import receive_frame, send_frame
from course_utils.checking.calling import call
from course_utils.checking.forbidden import ForbiddenCallError
from course_utils.checking.plain import plain
from course_utils.checking.question import BadCallError, NotAnsweredError, Question

Message = dict[str, Any]
KILOBYTE = 1024


def serve(connection: socket.socket) -> None:
    """Answer requests until the grader closes the connection."""
    warnings.resetwarnings()
    sys.path.insert(0, "")  # as in a notebook, a file that a cell wrote is a module
    server = Server(connection)
    sys.stdout, sys.stderr = server.printed, server.noise
    while True:
        try:
            request = receive_frame(connection, None)
        except (ProtocolError, OSError):
            return
        server.reply(request)
        sys.stdout, sys.stderr = server.printed, server.noise


class Server:
    """What is kept between requests: the names are in the shell, the objects here."""

    def __init__(self, connection: socket.socket) -> None:
        """Start with the limits of no request."""
        self.connection = connection
        self.number = 0
        self.printed = Captured(float("inf"), self.end_flood)
        self.noise = Captured(float("inf"), self.end_flood)
        self.objects: list[Any] = []
        self.ways: dict[str, Callable[[Message], Message]] = {
            "start": self.start,
            "run": self.run,
            "describe": self.describe,
            "ask": self.ask,
            "call": self.call,
        }

    def reply(self, request: Message) -> None:
        """Do what is asked, and say how it went."""
        self.number = request["number"]
        try:
            answer = self.ways[request["do"]](request)
        except BaseException as error:  # noqa: BLE001 a learner's code raises anything
            answer = {"raised": describe_error(error)}
            if is_memory(error):
                answer = {"limit": "memory"}
        self.send(answer)

    def send(self, answer: Message) -> None:
        """Send an answer, or that it is too large."""
        head = {"number": self.number, "printed": self.printed.take()}
        try:
            frame = encode(head | answer)
        except Exception as error:  # noqa: BLE001 values may be of any kind
            text = f"your code returned what cannot be looked at: {error}"
            frame = encode(head | {"problem": "bad call", "text": text})
        self.noise.take()
        send_frame(self.connection, frame)

    def end_flood(self) -> NoReturn:
        """Say that too much was printed, and end."""
        self.send({"limit": "output"})
        os._exit(0)

    def start(self, request: Message) -> Message:
        """Take the limits, and start every source of random numbers alike."""
        self.printed.most = request["output_kb"] * KILOBYTE
        random.seed(request["seed"])
        np.random.seed(request["seed"])  # noqa: NPY002 the one that learners may use
        torch.manual_seed(request["seed"])
        return {}

    def run(self, request: Message) -> Message:
        """Run a cell."""
        error = run_cell(request["source"])
        if error is None:
            return {}
        return (
            {"limit": "memory"}
            if is_memory(error)
            else {"raised": describe_error(error)}
        )

    def describe(self, request: Message) -> Message:
        """What a name stands for."""
        names = make_shell().user_ns
        if request["name"] not in names:
            return {"is": "missing"}
        return describe_value(names[request["name"]])

    def target(self, request: Message) -> Any:
        """What is asked: a name, or an object made before."""
        if "object" in request:
            return self.objects[request["object"]]
        return make_shell().user_ns[request["name"]]

    def ask(self, request: Message) -> Message:
        """Call an answer as a check does."""
        question = Question(**request["question"])
        try:
            reply = call(self.target(request), question)
        except NotAnsweredError:
            return {"problem": "not answered", "text": ""}
        except ForbiddenCallError as error:
            return {"problem": "forbidden", "text": str(error)}
        except BadCallError as error:
            if is_memory(error):
                return {"limit": "memory"}
            return {"problem": "bad call", "text": str(error)}
        if question.keeps:
            self.objects.append(reply.value)
            kept = describe_value(reply.value)
            return kept | {"object": len(self.objects) - 1}
        return {
            "value": reply.value,
            "steps": reply.steps,
            "inputs": reply.inputs,
            "parameters": dict(reply.parameters),
        }

    def call(self, request: Message) -> Message:
        """Call an answer as a line of a cell does, without any help."""
        function = self.target(request)
        value = function(*request["arguments"], **request["settings"])
        return {"value": plain(value)}


def describe_value(value: Any) -> Message:
    """A value in plain types, and whether it can be called."""
    is_function = callable(value)
    shown = value if is_function else plain(value)
    return {"is": "function" if is_function else "value", "value": shown}
