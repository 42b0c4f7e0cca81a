"""Comparing what an answer returned with what was expected, in words."""

from collections.abc import Mapping
from numbers import Number
from typing import Any

import torch
from torch import Tensor


def copied(value: Any) -> Any:
    """The same numbers, tensors and containers, sharing no memory with the original."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(copied(item) for item in value)
    return value


def unchanged(now: Any, before: Any) -> bool:
    """Whether two nested values hold the same, bit for bit (nan equals nan)."""
    if isinstance(before, Tensor):
        same_kind = isinstance(now, Tensor) and now.dtype == before.dtype
        return (
            same_kind
            and now.shape == before.shape
            and torch.equal(now.detach().isnan(), before.detach().isnan())
            and torch.equal(now.detach().nan_to_num(), before.detach().nan_to_num())
        )
    if isinstance(before, Mapping):
        return now.keys() == before.keys() and all(
            unchanged(now[key], before[key]) for key in before
        )
    if isinstance(before, (tuple, list)):
        return len(now) == len(before) and all(map(unchanged, now, before))
    return bool(now is before or now == before)


def difference(received: Any, expected: Any, tolerance: float) -> str | None:
    """What tells `received` from `expected`, as a sentence; None if nothing does."""
    if isinstance(expected, Tensor):
        return tensor_difference(received, expected, tolerance)
    if isinstance(expected, Mapping):
        return mapping_difference(received, expected, tolerance)
    if isinstance(expected, (tuple, list)):
        return sequence_difference(received, expected, tolerance)
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return number_difference(received, expected, tolerance)
    if isinstance(received, type(expected)) and received == expected:
        return None
    return f"expected {shown(expected)}, received {shown(received)}"


def tensor_difference(received: Any, expected: Tensor, tolerance: float) -> str | None:
    """As `difference`, for a tensor: type, shape, kind of number, then values."""
    if not isinstance(received, Tensor):
        return f"expected a tensor, received {shown(received)}"
    if received.shape != expected.shape:
        return (
            f"expected shape {tuple(expected.shape)}, received {tuple(received.shape)}"
        )
    if received.dtype.is_floating_point != expected.dtype.is_floating_point or (
        (received.dtype == torch.bool) != (expected.dtype == torch.bool)
    ):
        return f"expected values of {expected.dtype}, received {received.dtype}"
    got, want = received.detach().cpu().double(), expected.detach().cpu().double()
    wrong = ~torch.isclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not wrong.any():
        return None
    place = tuple(wrong.nonzero()[0].tolist())
    count = f"{int(wrong.sum())} of {wrong.numel()} values differ; " if place else ""
    at = f" at {list(place)}" if place else ""
    return (
        f"{count}expected {shown(want[place].item())}{at}, "
        f"received {shown(got[place].item())}"
    )


def number_difference(received: Any, expected: Any, tolerance: float) -> str | None:
    """As `difference`, for a number: a tensor of one value counts as its number."""
    if isinstance(received, Tensor) and received.numel() == 1:
        received = received.item()
    if isinstance(received, bool) or not isinstance(received, Number):
        return f"expected the number {shown(expected)}, received {shown(received)}"
    got = torch.tensor(received, dtype=torch.float64)
    want = torch.tensor(expected, dtype=torch.float64)
    if torch.isclose(got, want, rtol=tolerance, atol=tolerance, equal_nan=True):
        return None
    return f"expected {shown(expected)}, received {shown(received)}"


def mapping_difference(
    received: Any, expected: Mapping[Any, Any], tolerance: float
) -> str | None:
    """As `difference`, for a dict: its keys, then its values."""
    if not isinstance(received, Mapping):
        return f"expected a dict, received {shown(received)}"
    if received.keys() != expected.keys():
        return f"expected the keys {list(expected)}, received {list(received)}"
    for key, value in expected.items():
        problem = difference(received[key], value, tolerance)
        if problem is not None:
            return f"{key!r}: {problem}"
    return None


def sequence_difference(
    received: Any, expected: tuple[Any, ...] | list[Any], tolerance: float
) -> str | None:
    """As `difference`, for a tuple or list: its length, then its items."""
    kind = type(expected).__name__
    if not isinstance(received, (tuple, list)):
        return f"expected a {kind} of {len(expected)}, received {shown(received)}"
    if len(received) != len(expected):
        return f"expected {len(expected)} values, received {len(received)}"
    for place, (got, want) in enumerate(zip(received, expected, strict=True)):
        problem = difference(got, want, tolerance)
        if problem is not None:
            return f"value {place}: {problem}"
    return None


def shown(value: Any) -> str:
    """A value in a few words, short enough for a sentence."""
    if isinstance(value, Tensor):
        if value.numel() <= 1:
            return f"a tensor holding {value.tolist()}"
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
