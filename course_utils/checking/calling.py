"""Calling an answer: on copies, with forbidden functions off, and with clear errors.

Everything here could run in the learner's process while the check waits in another:
numbers, tensors and containers go in and come back.
"""

import inspect
import linecache
import operator
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare import shown
from course_utils.checking.forbidden import ForbiddenCallError, switched_off
from course_utils.checking.plain import copied, plain, unchanged
from course_utils.checking.question import (
    BadCallError,
    Elsewhere,
    NotAnsweredError,
    Question,
    Reply,
)
from course_utils.checking.steps import counted

# A learner's error is shown by the learner's last line, never by a line of these.
OTHERS = (
    str(Path(__file__).parents[1]),
    str(Path(__file__).parents[2] / "course_grading"),
    sysconfig.get_path("purelib"),
    sysconfig.get_path("platlib"),
    sysconfig.get_path("stdlib"),
)
MOST_LETTERS = 300  # of the text of an error


def call(answer: Any, question: Question) -> Reply:
    """What the answer returns for copies of its inputs, as plain values.

    Raises NotAnsweredError, ForbiddenCallError, or BadCallError with a sentence.
    """
    if isinstance(answer, Elsewhere):
        return answer.ask(question)
    arguments, settings = question.arguments, dict(question.settings)
    with described_errors():
        function = part_of(answer, question.part)
    if question.reads:
        return Reply(plain(function))
    refuse_signature(function, arguments, settings)
    given = copied((arguments, settings))
    needs_gradient = question.upstream is not None
    if needs_gradient:
        given = (tuple(map(watched, given[0])), given[1])
    steps = counted() if question.counts else nullcontext()
    with described_errors(), switched_off(question.forbids), steps as counter:
        value = function(*given[0], **given[1])
        reply = Reply(value if question.keeps else plain(value))
        if needs_gradient:
            send_back(value, question.upstream)
    if not unchanged(given, (arguments, settings)):
        raise BadCallError(
            "your code changed its input in place; work on a copy "
            "(`.clone()` of a tensor, `list()` of a list)"
        )
    reply.steps = counter.count if counter else 0
    if needs_gradient:
        reply.inputs = tuple(map(gradient_of, given[0]))
        reply.parameters = parameter_gradients(answer)
    return reply


@contextmanager
def described_errors() -> Iterator[None]:
    """Say each error of the answer in a sentence of the subject."""
    try:
        yield
    except ForbiddenCallError:
        raise
    except NotImplementedError as error:
        if not error.args:
            raise NotAnsweredError from error
        raise BadCallError(raised(error)) from error
    except (SystemExit, GeneratorExit) as error:
        raise BadCallError("your code leaves Python with `exit()`") from error
    except BadCallError:
        raise
    except Exception as error:
        raise BadCallError(raised(error)) from error


def part_of(answer: Any, name: str) -> Any:
    """A part of the answer by its dotted name, such as "conv.weight"."""
    return operator.attrgetter(name)(answer) if name else answer


def watched(argument: Any) -> Any:
    """A tensor of floats as a leaf whose gradient is kept; others as they are."""
    is_real = isinstance(argument, Tensor) and argument.is_floating_point()
    return argument.requires_grad_(True) if is_real else argument


def send_back(value: Any, upstream: Any) -> None:
    """Send a gradient back through what the answer returned, a tensor or several."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    gradients = upstream if isinstance(upstream, (tuple, list)) else (upstream,)
    if len(values) != len(gradients):
        raise BadCallError(
            f"expected {len(gradients)} tensors, received {len(values)} values"
        )
    for output, gradient in zip(values, gradients, strict=True):
        if not isinstance(output, Tensor) or output.grad_fn is None:
            raise BadCallError(
                "torch cannot differentiate what it returned: is it computed from "
                "the input by operations of torch alone, without `.detach()`, "
                "`.item()` or NumPy?"
            )
        if output.shape != gradient.shape:
            raise BadCallError(
                f"expected shape {tuple(gradient.shape)}, "
                f"received {tuple(output.shape)}"
            )
    torch.autograd.backward(values, gradients)


def gradient_of(argument: Any) -> Tensor | None:
    """The gradient that arrived at an argument."""
    if not isinstance(argument, Tensor) or argument.grad is None:
        return None
    return argument.grad.detach().clone()


def parameter_gradients(answer: Any) -> dict[str, Tensor | None]:
    """The gradients that arrived at a module's parameters; then they are cleared."""
    if not isinstance(answer, torch.nn.Module):
        return {}
    named = dict(answer.named_parameters())
    gradients = {name: gradient_of(parameter) for name, parameter in named.items()}
    answer.zero_grad()
    return gradients


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
    try:
        text = str(error).strip().split("\n")[0][:MOST_LETTERS]
    except Exception as other:  # noqa: BLE001 it is the learner's own __str__
        text = f"<{type(other).__name__} in __str__>"
    name = type(error).__name__[:MOST_LETTERS]
    named = f"{name}: {text}" if text else name
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
