"""Values in plain types: what a check sees of them, in whichever process they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

# An object shows its place in memory, which differs from run to run.
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
DTYPES = (
    *(torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
    *(torch.complex64, torch.complex128),
)
# NumPy's codes for numbers, but for long doubles, which differ between systems.
ARRAYS_OF = "?bhilqBHILQefdFD"
MOST_DIMENSIONS = 32
MOST_BITS = 4000
MOST_LETTERS = 200


@dataclass(frozen=True)
class Opaque:
    """What stands for a value that does not leave the learner's process.

    Attributes:
        kind: the name of its type.
        text: how it would be printed.
    """

    kind: str
    text: str

    def __repr__(self) -> str:
        """As the value itself, inside a list for instance."""
        return self.text


def plain(value: Any) -> Any:
    """The same numbers, tensors and containers, of no other type than Python's own.

    Comparing calls methods of the value, and a type of the learner's could answer them
    as it likes. What is no number, text, tensor, array or container of these becomes
    Opaque, and equals nothing.
    """
    kind = type(value)
    if issubclass(kind, Tensor):
        return plain_tensor(value)
    if issubclass(kind, (dict, Mapping)):
        return {plain(key): plain(item) for key, item in value.items()}
    if issubclass(kind, (tuple, list)):
        items = [plain(item) for item in value]
        return tuple(items) if issubclass(kind, tuple) else items
    return plain_scalar(value)


def plain_scalar(value: Any) -> Any:
    """A number or text as Python's own, an array of numbers as it is."""
    kind = type(value)
    if value is None or value is ... or kind in (bool, Opaque):
        return value
    if issubclass(kind, np.generic) and kind.__module__ == "numpy":
        value = value.item()
    if kind in (Fraction, Decimal):
        return float(value)
    for python in (int, float, str):
        if type(value) is not bool and issubclass(type(value), python):
            value = python(value)
    if type(value) in (bool, float, str):
        return value
    if type(value) is int and value.bit_length() <= MOST_BITS:
        return value
    is_array = isinstance(value, np.ndarray) and value.dtype.char in ARRAYS_OF
    return value if is_array else opaque(value)


def plain_tensor(value: Tensor) -> Any:
    """The tensor without what its type or memory may do later, if it is ordinary."""
    kind = type(value)
    is_known = kind in (Tensor, torch.nn.Parameter)
    if not is_known and not kind.__module__.startswith("torchvision.tv_tensors."):
        return Opaque(kind.__name__[:MOST_LETTERS], "a tensor")
    if not is_ordinary(value):
        about = f"Tensor ({value.layout}, {value.dtype}, {value.device})"
        return Opaque(about, "a tensor")
    return value.as_subclass(Tensor).detach().clone()


def is_ordinary(tensor: Tensor) -> bool:
    """Whether a tensor is dense, of a usual type, and has values that can be read."""
    is_dense = tensor.layout == torch.strided and not tensor.is_nested
    has_values = not tensor.is_meta and tensor.dtype in DTYPES
    return is_dense and has_values and tensor.dim() <= MOST_DIMENSIONS


def opaque(value: Any) -> Opaque:
    """What stands for a value: the name of its type, and how it would be printed."""
    try:
        text = ADDRESS.sub("", str(repr(value)))
    except Exception as error:  # noqa: BLE001 a learner's own may raise anything
        text = f"<{type(error).__name__} in __repr__>"
    return Opaque(str(type(value).__name__)[:MOST_LETTERS], text[:MOST_LETTERS])


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
        return list(now) == list(before) and all(
            unchanged(now[key], before[key]) for key in before
        )
    if isinstance(before, (tuple, list)):
        return len(now) == len(before) and all(map(unchanged, now, before))
    return bool(now is before or now == before)
