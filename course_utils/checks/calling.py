"""Calling an answer: on copies, with forbidden functions off, and with clear errors.

Everything here could run in the learner's process while the check waits in another:
numbers, tensors and containers go in and come back.
"""

import inspect
import linecache
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from course_utils.checks.compare import copied, plain, shown, unchanged
from course_utils.checks.forbidden import ForbiddenCallError, switched_off
from course_utils.checks.steps import counted

# A learner's error is shown by the learner's last line, never by a line of these.
OTHERS = (
    str(Path(__file__).parents[1]),
    sysconfig.get_path("purelib"),
    sysconfig.get_path("platlib"),
    sysconfig.get_path("stdlib"),
)


class NotAnsweredError(Exception):
    """The answer is still what the assignment was released with."""


class BadCallError(Exception):
    """The answer could not be called, raised an error or changed its input."""


@dataclass
class Reply:
    """What an answer returned, and in how many steps where they were counted."""

    value: Any
    steps: int = 0


def call(
    answer: Callable[..., Any],
    arguments: Sequence[Any],
    settings: Mapping[str, Any],
    *,
    forbids: Sequence[str] = (),
    counts: bool = False,
) -> Reply:
    """What the answer returns for copies of these inputs, as plain values.

    Raises NotAnsweredError, ForbiddenCallError, or BadCallError with a sentence.
    """
    refuse_signature(answer, arguments, settings)
    given = copied((tuple(arguments), dict(settings)))
    try:
        with switched_off(forbids), counted() if counts else nullcontext() as steps:
            value = plain(answer(*given[0], **given[1]))
    except ForbiddenCallError:
        raise
    except NotImplementedError as error:
        if not error.args:
            raise NotAnsweredError from error
        raise BadCallError(raised(error)) from error
    except (SystemExit, GeneratorExit) as error:
        raise BadCallError("your code leaves Python with `exit()`") from error
    except Exception as error:
        raise BadCallError(raised(error)) from error
    if not unchanged(given, (tuple(arguments), dict(settings))):
        raise BadCallError(
            "your code changed its input in place; work on a copy "
            "(`.clone()` of a tensor, `list()` of a list)"
        )
    return Reply(value, steps.count if steps else 0)


def refuse_signature(
    answer: Callable[..., Any], arguments: Sequence[Any], settings: Mapping[str, Any]
) -> None:
    """Raise BadCallError where the answer does not take these arguments."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # a function written in C may not tell
        return
    try:
        signature.bind(*arguments, **settings)
    except TypeError as error:
        name = getattr(answer, "__name__", "the answer")
        keywords = "".join(f", {key}=..." for key in settings)
        raise BadCallError(
            f"it is called with {len(arguments)} arguments{keywords}, but yours is "
            f"{name}{bare(signature)}: {error}"
        ) from error


def bare(signature: inspect.Signature) -> str:
    """The signature without its types, which are long."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    return str(
        signature.replace(
            parameters=parameters, return_annotation=inspect.Signature.empty
        )
    )


def raised(error: Exception) -> str:
    """An error of the answer in a sentence, with the learner's own line."""
    text = str(error).strip().split("\n")[0]
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"your code raised {named}{where(error.__traceback__)}"


def where(traceback: TracebackType | None) -> str:
    """The last line of the learner's in a traceback, or nothing if there is none."""
    place = ""
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno
        if not code.co_filename.startswith((*OTHERS, "<frozen")):
            source = linecache.getline(code.co_filename, line).strip()
            is_short = 0 < len(source) <= 80
            place = f" (line {line}: `{source}`)" if is_short else f" (line {line})"
        traceback = traceback.tb_next
    return place


def written(task: str, arguments: Sequence[Any], settings: Mapping[str, Any]) -> str:
    """A call as a learner would write it, with small tensors in full."""
    parts = [shown(argument, numbers=24) for argument in arguments]
    parts += [f"{key}={shown(value, numbers=24)}" for key, value in settings.items()]
    return f"{task}({', '.join(parts)})"
