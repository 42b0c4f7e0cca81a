"""A warm process for these tests, without the slow imports."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course_utils.grading.isolation.warm import Child, Warm
from course_utils.grading.outcome import Limits

STAND_IN = f"{Path(__file__).parent / 'stand_in.py'}:serve"
Run = Callable[..., Any]


def bare(**settings: Any) -> Warm:
    """A warm process that imports nothing, whose children run code."""
    defaults = {"serve": STAND_IN, "prepare": "", "imports": ()}
    return Warm(**(defaults | settings))


def ask(child: Child, code: str) -> Any:
    """What `code` left in `value`, in the child; its error as (name, message)."""
    child.socket.settimeout(60)
    child.socket.sendall(json.dumps(code).encode() + b"\n")
    received = b""
    while not received.endswith(b"\n"):
        part = child.socket.recv(1 << 16)
        if not part:
            return "ended"
        received += part
    reply = json.loads(received)
    return reply["value"] if "value" in reply else (reply["error"], reply["message"])


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    if sys.platform == "win32":
        pytest.skip("there is no fork on Windows")
    limits = Limits(memory_mb=256, file_mb=8)
    with bare(limits=limits) as warm:
        yield warm


@pytest.fixture
def child(warm: Warm) -> Iterator[Child]:
    child = warm.start_child()
    yield child
    child.end()


@pytest.fixture
def run(child: Child) -> Run:
    """Run code in a fresh child; what it left in `value`, or its error."""
    return lambda code: ask(child, code)
