"""What is asked of an answer, and what comes back: data that can be sent."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


class NotAnsweredError(Exception):
    """The answer is still what the assignment was released with."""


class BadCallError(Exception):
    """The answer could not be called, raised an error or changed its input."""


@dataclass(frozen=True)
class Question:
    """What is asked of an answer, all of it data that can be sent.

    Attributes:
        arguments: the positional arguments.
        settings: the keyword arguments.
        forbids: dotted names of functions that are off meanwhile.
        counts: whether to count steps.
        part: the dotted name of a part of the answer to call in its place, such as a
            method of an object that it made; "" for the answer itself.
        reads: whether to return that part itself, without calling it.
        keeps: whether what it returns stays where it is, to be asked again.
        upstream: the gradient of what it returns, to be sent back through it.
    """

    arguments: tuple[Any, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    forbids: tuple[str, ...] = ()
    counts: bool = False
    part: str = ""
    reads: bool = False
    keeps: bool = False
    upstream: Any = None


@dataclass
class Reply:
    """What an answer returned, in how many steps, and the gradients asked for.

    Attributes:
        value: in plain types, or what was made where it was to be kept.
        steps: 0 where they were not counted.
        inputs: the gradient of each argument, None where it has none.
        parameters: the gradients of the parameters of a module, by name.
    """

    value: Any
    steps: int = 0
    inputs: tuple[Tensor | None, ...] = ()
    parameters: Mapping[str, Tensor | None] = field(default_factory=dict)


class Elsewhere(ABC):
    """An answer in another process, which can only be sent questions.

    Attributes:
        value: the answer in plain types, as far as it is data.
    """

    value: Any = None

    @abstractmethod
    def ask(self, question: Question) -> Reply:
        """What it replies; raises what `call` raises."""
