"""A learner's process may do and say what it likes: it is ended, or not believed."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from remote_code import LIMITS, connected

from course_grading.isolation.remote import LearnerStopped, Link, RemoteError
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import GraderError
from course_utils.checking.forbidden import ForbiddenCallError
from course_utils.checking.question import BadCallError, NotAnsweredError, Question


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    if not hasattr(os, "fork"):
        pytest.skip("the isolated way needs fork")
    with Warm(limits=LIMITS) as process:
        yield process


BREAKS = {
    "timeout": "def f(x):\n    while True: pass",
    "memory": "def f(x):\n    return bytearray(8 * 2**30)",
    "output": "def f(x):\n    while True: print('x' * 1000)",
    "died": "def f(x):\n    os._exit(0)",
}
MEMORY = "def f(x):\n    return torch.ones(2**31, dtype=torch.float64).sum()"


@pytest.mark.parametrize("kind", [*BREAKS, "memory of torch"])
def test_each_limit_stops_the_process(kind: str, warm: Warm):
    link = connected(warm)
    link.run(BREAKS.get(kind, MEMORY))
    with pytest.raises(LearnerStopped) as stop:
        link.ask({"name": "f"}, Question((1,)))
    assert stop.value.kind == kind.partition(" ")[0]
    assert link.child.ending is not None


LIES = {
    "noise on the line": "os.write(3, b'hello')",
    "an answer in advance": "os.write(3, frame({'number': 1, 'value': 2}))",
    "no message": "os.write(3, frame([1, 2]))",
    "an endless frame": "os.write(3, bytes([255] * 4))",
    "half a frame, then silence": "os.write(3, bytes([0, 0, 1, 0])); time.sleep(600)",
    "a closed line": "os.close(3)",
}
FRAME = """
import json, struct
def frame(data):
    tagged = {"dict": [p for pair in data.items() for p in pair]} if isinstance(
        data, dict) else data
    text = json.dumps(tagged).encode()
    return struct.pack(">II", 4 + len(text), len(text)) + text
"""


@pytest.mark.parametrize("lie", LIES)
def test_a_process_that_lies_is_ended(lie: str, warm: Warm):
    link = connected(warm)
    link.run(FRAME)
    link.run(f"def f(x):\n    {LIES[lie]}\n    return 1")
    with pytest.raises(LearnerStopped):
        link.ask({"name": "f"}, Question((1,)))


FORGE = """
import course_grading.isolation.child as child
from course_grading.isolation.codec import encode
honest = iter([{}])  # the answer about this cell
child.encode = lambda message: encode(message | next(honest, FORGED))
"""


def forging(warm: Warm, answer: Any) -> Link:
    link = connected(warm)
    link.run(FORGE.replace("FORGED", repr(answer)))
    return link


def test_a_forged_answer_is_no_more_than_a_value(warm: Warm):
    forged = {"value": 1, "steps": "many", "points": 100, "passed": True}
    link = forging(warm, forged | {"inputs": 5, "parameters": [1], "printed": 7})
    reply = link.ask({"name": "number"}, Question(reads=True))
    assert (reply.value, reply.steps, reply.inputs, reply.parameters) == (1, 0, (), {})


@pytest.mark.parametrize(
    "answer",
    [
        {"raised": 5},
        {"raised": {"error": ["x"], "message": {"a": 1}, "kinds": [1, "SystemExit"]}},
        {"problem": ["not answered"], "text": 5},
        {"limit": "points"},
        {"raised": {"error": "x" * 10**6, "message": "y" * 10**6}},
    ],
)
def test_a_forged_problem_is_no_more_than_an_error(answer: Any, warm: Warm):
    link = forging(warm, answer)
    with pytest.raises((Exception, LearnerStopped)) as failure:
        link.ask({"name": "number"}, Question(reads=True))
    assert len(str(failure.value)) < 5000
    assert not isinstance(failure.value, GraderError)


KEYS = ("is", "value", "raised", "problem", "text", "steps", "inputs", "parameters")
PARTS = (None, ..., 0, -1, 10**30, 0.5, "function", "value", "missing", "not answered")
KINDS = ("KeyError", "StopIteration", "UnicodeDecodeError", "SystemExit", "eval", "_")


def random_part(generator: random.Random) -> Any:
    """Some data, now and then of the form that is expected."""
    kind = generator.randrange(5)
    if kind == 0:
        return [generator.choice(PARTS) for _ in range(3)]
    if kind == 1:
        return (torch.ones(2), generator.choice(PARTS))
    if kind == 2:
        error, message = generator.choice(KINDS), generator.choice(PARTS)
        return {"error": error, "message": message, "kinds": [error, message, "int"]}
    if kind == 3:
        return {generator.choice(PARTS): torch.zeros(1)}
    return generator.choice(PARTS)


def test_whatever_is_replied_is_a_value_or_a_known_error(monkeypatch, warm: Warm):
    generator = random.Random(2026)
    link = connected(warm)

    def request(*_: Any, **__: Any) -> dict[str, Any]:
        keys = generator.sample(KEYS, generator.randrange(4))
        return {key: random_part(generator) for key in keys}

    monkeypatch.setattr(link, "request", request)
    known = (RemoteError, BadCallError, NotAnsweredError, ForbiddenCallError)
    values = 0
    for number in range(6000):
        try:
            if number % 3 == 0:
                link.run("x")
            elif number % 3 == 1:
                link.describe("x")
            else:
                link.ask({"name": "x"}, Question(keeps=number % 2 == 0))
            values += 1
        except (*known, NameError):
            continue
    link.child.end()
    assert values > 1000
