"""Comparing what an answer returned with what was expected, in words."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.checking.plain import ADDRESS, Opaque, plain

LARGEST_FLOAT = 1023  # in bits


def difference(received: Any, expected: Any, tolerance: float) -> str | None:
    """What tells `received` from `expected`, as a sentence; None if nothing does."""
    received = plain(received)
    if isinstance(expected, Tensor):
        return tensor_difference(received, expected, tolerance)
    if isinstance(expected, Mapping):
        return mapping_difference(received, expected, tolerance)
    if isinstance(expected, (tuple, list)):
        return sequence_difference(received, expected, tolerance)
    if isinstance(expected, (int, float)) and not isinstance(expected, bool):
        return number_difference(received, expected, tolerance)
    if type(received) is type(expected) and received == expected:
        return None
    return f"expected {shown(expected)}, received {shown(received)}"


def tensor_difference(received: Any, expected: Tensor, tolerance: float) -> str | None:
    """As `difference`, for a tensor: type, shape, kind of number, then values."""
    if type(received) is not Tensor:
        advice = advice_for_tensor(received)
        return f"expected a tensor, received {shown(received)}{advice}"
    if received.shape != expected.shape:
        return (
            f"expected shape {tuple(expected.shape)}, received {tuple(received.shape)}"
        )
    if kind_of_number(received) != kind_of_number(expected):
        return f"expected values of {expected.dtype}, received {received.dtype}"
    got, want = received.detach().cpu(), expected.detach().cpu()
    if got.is_floating_point():
        got, want = got.double(), want.double()
        wrong = ~torch.isclose(
            got, want, rtol=tolerance, atol=tolerance, equal_nan=True
        )
    else:
        wrong = got != want
    if not wrong.any():
        return None
    place = tuple(wrong.nonzero()[0].tolist())
    count = f"{int(wrong.sum())} of {wrong.numel()} values differ; " if place else ""
    at = f" at {list(place)}" if place else ""
    return (
        f"{count}expected {shown(want[place].item())}{at}, "
        f"received {shown(got[place].item())}"
    )


def advice_for_tensor(received: Any) -> str:
    """What to do where something else than a tensor came back."""
    if received is None:
        return ": is there a `return`?"
    if isinstance(received, np.ndarray):
        return ": convert it with `torch.from_numpy`"
    if type(received) in (int, float, bool, list, tuple):
        return ": convert it with `torch.tensor` or `torch.stack`"
    return ""


def kind_of_number(tensor: Tensor) -> str:
    """Whether a tensor holds truth values, whole numbers, floats or complex numbers."""
    if tensor.dtype == torch.bool:
        return "bool"
    if tensor.is_complex():
        return "complex"
    return "float" if tensor.is_floating_point() else "int"


def single(value: Any) -> Any:
    """The number in a tensor of one value; anything else as it is."""
    return value.item() if type(value) is Tensor and value.numel() == 1 else value


def number_difference(received: Any, expected: float, tolerance: float) -> str | None:
    """As `difference`, for a number: a tensor of one value counts as its number."""
    received = single(received)
    is_huge = type(received) is int and received.bit_length() > LARGEST_FLOAT
    if type(received) not in (int, float) or is_huge:
        return f"expected the number {shown(expected)}, received {shown(received)}"
    if isinstance(expected, int):
        is_close = abs(received - expected) <= tolerance  # counts are exact
    else:
        is_close = math.isclose(
            received, expected, rel_tol=tolerance, abs_tol=tolerance
        ) or (math.isnan(received) and math.isnan(expected))
    if is_close:
        return None
    return f"expected {shown(expected)}, received {shown(received)}"


def mapping_difference(
    received: Any, expected: Mapping[Any, Any], tolerance: float
) -> str | None:
    """As `difference`, for a dict: its keys, then its values."""
    if type(received) is not dict:
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
    if type(received) not in (tuple, list):
        return f"expected a {kind} of {len(expected)}, received {shown(received)}"
    if len(received) != len(expected):
        return f"expected {len(expected)} values, received {len(received)}"
    for place, (got, want) in enumerate(zip(received, expected, strict=True)):
        problem = difference(got, want, tolerance)
        if problem is not None:
            return f"value {place}: {problem}"
    return None


def shown(value: Any, *, numbers: int = 1) -> str:
    """A value in a few words; a tensor in full where it holds few `numbers`."""
    if type(value) is Tensor:
        is_small = value.numel() <= numbers
        if is_small and (value.numel() > 0 or value.dim() == 1):
            return f"tensor({rounded(value.tolist())})"
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    if type(value) is Opaque:
        return f"an object of type {value.kind}"
    if type(value) not in (int, float, bool, str, list, tuple, dict, type(None)):
        return f"an object of type {type(value).__name__}"
    text = str(rounded(value)) if type(value) is not str else repr(value)
    text = ADDRESS.sub("", text)
    return text if len(text) <= 80 * numbers else f"{text[: 80 * numbers - 3]}..."


def rounded(value: Any) -> Any:
    """A float, or the floats in lists and tuples, to six digits for reading."""
    if type(value) in (list, tuple):
        return type(value)(rounded(item) for item in value)
    return float(f"{value:.6g}") if type(value) is float else value
