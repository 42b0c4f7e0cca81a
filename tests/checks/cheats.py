"""Answers that lie about what they are, or always say the same."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class EqualToAll:
    """What a cheat returns: it says that it equals whatever it is compared with."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class LyingTensor(Tensor):
    """A tensor that answers every question of torch with yes."""

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return True


def returns(value: Any) -> Callable[..., Any]:
    return lambda *arguments, **settings: value


def returns_argument(place: int) -> Callable[..., Any]:
    return lambda *arguments, **settings: arguments[place]


def lying(*arguments: Any, **settings: Any) -> Any:
    return torch.zeros(2, 2).as_subclass(LyingTensor)


def stub(*arguments: Any, **settings: Any) -> Any:
    raise NotImplementedError
