"""The grader's side of a learner's process: questions out, plain data back.

Nothing that comes back is believed beyond what a learner could have returned anyway.
"""

import builtins
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, NoReturn

from torch import Tensor

from course_grading.isolation.clock import Clock, Step
from course_grading.isolation.codec import ProtocolError, encode
from course_grading.isolation.stream import receive_frame, send_frame
from course_grading.isolation.warm import Child
from course_grading.running.outcome import GraderError
from course_utils.checking.forbidden import ForbiddenCallError
from course_utils.checking.question import (
    BadCallError,
    Elsewhere,
    NotAnsweredError,
    Question,
    Reply,
)

Message = dict[str, Any]
KEPT = 4000  # letters of a text from the learner's process
# Raised here, they would end a loop of the check, such as that of `all`, as if all of
# it were done.
ENDS_LOOPS = ("StopIteration", "StopAsyncIteration")


class LearnerStopped(BaseException):
    """The learner's process broke a limit or ended.

    No check can catch it by mistake: it is no Exception.
    """

    def __init__(
        self, kind: Literal["timeout", "memory", "output", "died"], why: str = ""
    ) -> None:
        """Say what happened."""
        super().__init__(why)
        self.kind = kind
        self.why = why


class RemoteError(Exception):
    """An exception of the learner's code, known by its name and text alone."""

    def __init__(self, name: str, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.name = name
        self.message = message

    def __str__(self) -> str:
        """The text as it was in the learner's process."""
        return self.message


class Link:
    """The connection to one learner's process."""

    def __init__(self, child: Child, clock: Clock) -> None:
        """Set up the process: output limit and random numbers, never a check's seed.

        Raises GraderError if it does not answer.
        """
        self.child = child
        self.clock = clock
        try:  # no code of a learner's has run in it, so no limit of theirs counts
            self.request("start", "start", output_kb=clock.limits.output_kb, seed=0)
        except LearnerStopped as stop:
            raise GraderError("A new isolated process does not answer.") from stop

    def request(self, do: str, what: Step, **content: Any) -> Message:
        """The answer to a request. Raises Stopped where none comes in time."""
        number = secrets.randbits(48)  # an answer cannot be sent before its request
        frame = encode({"do": do, "number": number} | content)
        seconds, why = self.clock.left(what)
        try:
            send_frame(self.child.socket, frame, seconds)
            answer = receive_frame(self.child.socket, seconds)
        except TimeoutError:
            self.child.end()
            raise LearnerStopped("timeout", why) from None
        except (ProtocolError, OSError):
            self.end()
        if not isinstance(answer, dict) or answer.get("number") != number:
            self.end()
        if "limit" in answer:
            self.stop(answer["limit"])
        return answer

    def end(self) -> NoReturn:
        """Raise Stopped for a process that ended, or that talks nonsense."""
        ending = self.child.end()
        limits = self.clock.limits
        is_large = ending.peak_memory_mb > limits.memory_mb
        if is_large and ending.signal and not ending.by_grader:
            self.stop("memory")  # a library may abort where it gets no more
        raise LearnerStopped("died")

    def stop(self, limit: Any) -> NoReturn:
        """Raise Stopped for a limit that the learner's process says it has met."""
        self.child.end()
        limits = self.clock.limits
        if limit == "memory":
            raise LearnerStopped("memory", f"it needs more than {limits.memory_mb} MB")
        if limit == "output":
            raise LearnerStopped("output", f"it prints more than {limits.output_kb} KB")
        raise LearnerStopped("died")

    def run(self, source: str) -> tuple[RemoteError | None, str]:
        """Run a cell: what it raised, and the end of what it printed."""
        answer = self.request("run", "cell", source=source)
        error = remote_error(answer["raised"]) if "raised" in answer else None
        return error, short_text(answer.get("printed"))

    def describe(self, name: str) -> Any:
        """What a name stands for: data, something to be asked, or a NameError."""
        answer = self.request("describe", "call", name=name)
        if answer.get("is") == "missing":
            raise NameError(f"name '{name}' is not defined")
        if answer.get("is") == "function":
            return RemoteFunction(self, {"name": name}, answer.get("value"))
        return value_of(answer)

    def ask(self, target: Message, question: Question) -> Reply:
        """Send a check's question to a name or an object."""
        content = vars(question) | {"settings": dict(question.settings)}
        answer = self.request("ask", "call", question=content, **target)
        refuse_problem(answer)
        if question.keeps:
            kind = RemoteFunction if answer.get("is") == "function" else RemoteObject
            where = {"object": answer.get("object")}
            return Reply(kind(self, where, value_of(answer)))
        return Reply(
            value_of(answer),
            as_count(answer.get("steps")),
            as_gradients(answer.get("inputs")),
            named_gradients(answer.get("parameters")),
        )


class RemoteObject(Elsewhere):
    """Something of the learner's that stays in the learner's process."""

    def __init__(self, link: Link, target: Message, value: Any) -> None:
        """Keep the way to it, and what it looks like from here."""
        self.link = link
        self.target = target
        self.value = value

    def ask(self, question: Question) -> Reply:
        """What it replies to a check."""
        return self.link.ask(self.target, question)


class RemoteFunction(RemoteObject):
    """One that can be called, by a check or by a line of a check cell."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """What it returns, in plain types; raises what it raises there."""
        content = {"arguments": arguments, "settings": settings}
        answer = self.link.request("call", "call", **content, **self.target)
        if "raised" in answer:
            raise remote_error(answer["raised"])
        return value_of(answer)


def value_of(answer: Message) -> Any:
    """The value in an answer; an exception in place of one is raised."""
    refuse_problem(answer)
    if "raised" in answer:
        raise remote_error(answer["raised"])
    return answer.get("value")


def refuse_problem(answer: Message) -> None:
    """Raise what the call in the learner's process came to, if it is no value."""
    text = short_text(answer.get("text"))
    if answer.get("problem") == "not answered":
        raise NotAnsweredError
    if answer.get("problem") == "forbidden":
        error = ForbiddenCallError("")
        error.args = (text,)
        raise error
    if "problem" in answer:
        raise BadCallError(text)
    if "raised" in answer:
        raise remote_error(answer["raised"])


def remote_error(data: Any) -> RemoteError:
    """An exception of the same name; of the built-in kind, where it is one."""
    fields = data if isinstance(data, dict) else {}
    name, message = short_text(fields.get("error")), short_text(fields.get("message"))
    kinds = fields.get("kinds")
    for kind in kinds if isinstance(kinds, list) else ():
        known = getattr(builtins, kind, None) if isinstance(kind, str) else None
        if kind in ENDS_LOOPS:
            break
        if isinstance(known, type) and issubclass(known, Exception):
            with suppress(TypeError, ValueError):  # some cannot be mixed with a class
                mixed: type[RemoteError] = type(kind, (RemoteError, known), {})
                return mixed(name, message)
    return RemoteError(name, message)


def short_text(value: Any) -> str:
    """A text from the learner's process, cut to a bearable length."""
    return value[:KEPT] if isinstance(value, str) else ""


def as_count(value: Any) -> int:
    """A number of steps."""
    return value if type(value) is int and value >= 0 else 0


def as_gradients(value: Any) -> tuple[Tensor | None, ...]:
    """Gradients of arguments; what is none counts as missing."""
    if not isinstance(value, tuple):
        return ()
    return tuple(item if type(item) is Tensor else None for item in value)


def named_gradients(value: Any) -> Mapping[str, Tensor | None]:
    """Gradients of parameters, by name."""
    if not isinstance(value, dict):
        return {}
    return {
        name: item if type(item) is Tensor else None
        for name, item in value.items()
        if isinstance(name, str)
    }
