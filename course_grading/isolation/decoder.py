"""From a frame to values, whatever its bytes are."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_grading.isolation.wire import (
    ARRAYS,
    DTYPES,
    LENGTHS,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_DIMENSIONS,
    MAX_FRAME,
    MAX_ITEMS,
    MAX_JSON,
    MAX_KEYS,
    MAX_KIND,
    MAX_TENSORS,
    MAX_TEXT,
    ProtocolError,
)
from course_utils.checking.plain import Opaque


def decode(frame: bytes | bytearray | memoryview) -> Any:
    """The value in a frame, or ProtocolError."""
    view = memoryview(frame)
    if len(view) < LENGTHS.size:
        raise ProtocolError("shorter than its head")
    length, size = LENGTHS.unpack(view[: LENGTHS.size])
    end = LENGTHS.size + size
    if length != len(view) - 4 or length > MAX_FRAME or size > MAX_JSON:
        raise ProtocolError("wrong length")
    if end > len(view):
        raise ProtocolError("JSON longer than the frame")
    try:
        data = json.loads(bytes(view[LENGTHS.size : end]).decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("no JSON") from error
    reader = Reader(view[end:])
    value = reader.read(data, 0)
    if len(reader.rest):
        raise ProtocolError("bytes that belong to nothing")
    return value


class Reader:
    """Turns JSON back into values; it takes nothing for granted."""

    def __init__(self, rest: memoryview) -> None:
        """Start with the bytes of all tensors."""
        self.rest = rest
        self.items = 0
        self.keys = 0
        self.tensors = 0

    def read(self, data: Any, depth: int) -> Any:
        """The value that the JSON stands for."""
        self.items += 1
        if self.items > MAX_ITEMS or depth > MAX_DEPTH:
            raise ProtocolError("too many values, or nested too deeply")
        if isinstance(data, list):
            return [self.read(item, depth + 1) for item in data]
        if not isinstance(data, dict):
            return data if type(data) is not int else within(data)
        if len(data) != 1:
            raise ProtocolError("not one tag")
        ((tag, content),) = data.items()
        known: dict[str, Callable[[Any, int], Any]] = {
            "tuple": self.read_tuple,
            "dict": self.read_dict,
            "int": read_whole,
            "ellipsis": lambda *_: ...,
            "tensor": self.read_tensor,
            "array": self.read_array,
            "opaque": read_opaque,
        }
        if tag not in known:
            raise ProtocolError("an unknown tag")
        return known[tag](content, depth)

    def read_tuple(self, content: Any, depth: int) -> tuple[Any, ...]:
        """A tuple."""
        return tuple(self.read(item, depth + 1) for item in as_list(content))

    def read_dict(self, content: Any, depth: int) -> dict[Any, Any]:
        """A dict, from its keys and values in turn."""
        self.keys += len(as_list(content))
        if len(content) % 2 or self.keys > 2 * MAX_KEYS:
            raise ProtocolError("a dict with too many keys")
        parts = iter([self.read(item, depth + 1) for item in content])
        try:
            return dict(zip(parts, parts, strict=True))
        except TypeError as error:
            raise ProtocolError("a key that cannot be one") from error

    def read_tensor(self, content: Any, depth: int) -> Tensor:
        """A tensor of its own memory."""
        name, shape, requires_grad = as_list(content, 3)
        dtype = DTYPES.get(name) if isinstance(name, str) else None
        if dtype is None or type(requires_grad) is not bool:
            raise ProtocolError("an unknown type of tensor")
        raw = self.take(as_shape(shape), dtype.itemsize)
        if dtype is torch.bool:  # other bytes than 0 and 1 would be both true and false
            flat = bytes_tensor(raw).ne(0)
        else:
            flat = bytes_tensor(raw).view(dtype)
        tensor: Tensor = reshaped(flat, shape)
        is_real = tensor.is_floating_point() or tensor.is_complex()
        return tensor.requires_grad_(requires_grad and is_real)

    def read_array(self, content: Any, depth: int) -> Any:
        """A NumPy array of its own memory."""
        code, shape = as_list(content, 2)
        if not isinstance(code, str) or code not in ARRAYS:
            raise ProtocolError("an unknown type of array")
        raw = self.take(as_shape(shape), np.dtype(code).itemsize)
        if np.dtype(code).kind == "b":
            return reshaped(np.frombuffer(raw, np.uint8) != 0, shape)
        return reshaped(np.frombuffer(raw, code), shape)

    def take(self, shape: list[int], itemsize: int) -> bytearray:
        """The next bytes, as many as a tensor of this shape has."""
        self.tensors += 1
        size = math.prod(shape) * itemsize
        if size > len(self.rest) or self.tensors > MAX_TENSORS:
            raise ProtocolError("a tensor without its bytes")
        data, self.rest = bytearray(self.rest[:size]), self.rest[size:]
        return data


def bytes_tensor(data: bytearray) -> Tensor:
    """A flat tensor over these bytes."""
    if not data:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(data, dtype=torch.uint8)


def reshaped(flat: Any, shape: list[int]) -> Any:
    """Flat values in a shape, or ProtocolError where it is beyond what can be."""
    try:
        return flat.reshape(shape)
    except (RuntimeError, ValueError, OverflowError) as error:
        raise ProtocolError("an impossible shape") from error


def as_list(content: Any, length: int | None = None) -> list[Any]:
    """A list, or ProtocolError."""
    if not isinstance(content, list) or length not in (None, len(content)):
        raise ProtocolError("no list of the right length")
    return content


def as_shape(shape: Any) -> list[int]:
    """The sizes of a tensor's dimensions."""
    sizes = as_list(shape)
    if len(sizes) > MAX_DIMENSIONS or not all(is_size(size) for size in sizes):
        raise ProtocolError("no shape")
    return sizes


def is_size(size: Any) -> bool:
    """Whether this can be the size of a dimension."""
    return type(size) is int and 0 <= size < 2**31


def within(value: int) -> int:
    """An integer that is not too long."""
    if value.bit_length() > 4 * MAX_DIGITS:
        raise ProtocolError("a number with too many digits")
    return value


def read_whole(content: Any, depth: int) -> int:
    """A large integer from its digits."""
    if not isinstance(content, str) or len(content) > MAX_DIGITS:
        raise ProtocolError("no digits")
    try:
        return int(content, 16)
    except ValueError as error:
        raise ProtocolError("no digits") from error


def read_opaque(content: Any, depth: int) -> Opaque:
    """What stands for a value that stayed."""
    kind, text = as_list(content, 2)
    if not isinstance(kind, str) or not isinstance(text, str):
        raise ProtocolError("no names")
    return Opaque(kind[:MAX_KIND], text[:MAX_TEXT])
