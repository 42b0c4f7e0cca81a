"""Answers that lie about what they are, or always say the same."""

from collections.abc import Callable
from typing import Any


class EqualToAll:
    """What a cheat returns: it says that it equals whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def returns(value: Any) -> Callable[..., Any]:
    return lambda *arguments, **settings: value


def returns_argument(place: int) -> Callable[..., Any]:
    return lambda *arguments, **settings: arguments[place]
