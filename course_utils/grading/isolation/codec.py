"""Data between the grader and the learner's process: JSON and the bytes of tensors.

A frame is its length (4 bytes), the length of the JSON (4 bytes), the JSON, and the
bytes of all tensors and arrays in the order in which the JSON names them. Nothing in it
can name code. Whatever bytes come, decoding gives plain values or a ProtocolError.
"""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.checks.compare import Opaque

MAX_FRAME = 64 * 2**20
MAX_JSON = 8 * 2**20
MAX_DEPTH = 40
MAX_ITEMS = 500_000
MAX_KEYS = 10_000  # of all dicts together: keys can be made to collide
MAX_TENSORS = 10_000
MAX_DIMENSIONS = 32
MAX_DIGITS = 4_000  # hexadecimal
MAX_KIND = 100
MAX_TEXT = 200
LENGTHS = struct.Struct(">II")
SMALL = 2**53

DTYPES = {
    name: getattr(torch, name)
    for name in (
        *("bool", "uint8", "uint16", "uint32", "uint64"),
        *("int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    )
}
ARRAY_KINDS = "biufc"


class ProtocolError(ValueError):
    """Bytes that are no frame, or data that does not fit into one."""


def encode(value: Any) -> bytes:
    """A frame with this value. Raises ProtocolError if it is too large."""
    writer = Writer()
    try:
        text = json.dumps(writer.written(value, 0)).encode("ascii")
    except RecursionError as error:
        raise ProtocolError("nested too deeply") from error
    length = LENGTHS.size - 4 + len(text) + writer.size
    if len(text) > MAX_JSON or length > MAX_FRAME:
        raise ProtocolError(f"more than {MAX_FRAME // 2**20} MB")
    return b"".join([LENGTHS.pack(length, len(text)), text, *writer.parts])


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


class Writer:
    """Turns a value into JSON, and collects the bytes of its tensors."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.parts: list[bytes] = []
        self.size = 0
        self.items = 0

    def written(self, value: Any, depth: int) -> Any:
        """The JSON of a value; what is no plain data becomes opaque."""
        self.items += 1
        if self.items > MAX_ITEMS:
            raise ProtocolError(f"more than {MAX_ITEMS} values")
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            return value if abs(value) < SMALL else self.whole(value)
        if depth >= MAX_DEPTH:
            return self.opaque(value)
        if kind is list:
            return [self.written(item, depth + 1) for item in value]
        if kind is tuple:
            return {"tuple": [self.written(item, depth + 1) for item in value]}
        if kind is dict:
            parts = [part for pair in value.items() for part in pair]
            return {"dict": [self.written(part, depth + 1) for part in parts]}
        return self.special(value)

    def whole(self, value: int) -> Any:
        """A large integer, by its digits."""
        digits = hex(value)
        return {"int": digits} if len(digits) <= MAX_DIGITS else self.opaque(value)

    def special(self, value: Any) -> Any:
        """A tensor, an array, `...`, or something that stays where it is."""
        if value is ...:
            return {"ellipsis": 0}
        if type(value) is Tensor and is_portable(value):
            self.add(tensor_bytes(value))
            name = str(value.dtype).removeprefix("torch.")
            return {"tensor": [name, list(value.shape), value.requires_grad]}
        if isinstance(value, np.ndarray) and value.dtype.kind in ARRAY_KINDS:
            array = np.asarray(value).astype(value.dtype.newbyteorder("<"), order="C")
            if array.dtype.itemsize <= 16 and array.dtype.str in ARRAYS:
                self.add(array.tobytes())
                return {"array": [array.dtype.str, list(array.shape)]}
        return self.opaque(value)

    def add(self, data: bytes) -> None:
        """Keep bytes, within the limit of a frame."""
        self.parts.append(data)
        self.size += len(data)
        if self.size > MAX_FRAME or len(self.parts) > MAX_TENSORS:
            raise ProtocolError(f"more than {MAX_FRAME // 2**20} MB of tensors")

    def opaque(self, value: Any) -> Any:
        """The name of a type, and how the value would be printed."""
        if type(value) is Opaque:
            return {"opaque": [value.kind[:MAX_KIND], value.text[:MAX_TEXT]]}
        try:
            text = str(repr(value))
        except Exception as error:  # a learner's own __repr__ may raise anything
            text = f"<{type(error).__name__} in __repr__>"
        return {"opaque": [str(type(value).__name__)[:MAX_KIND], text[:MAX_TEXT]]}


ARRAYS = frozenset(
    np.dtype(code).newbyteorder("<").str
    for code in ("?", *"bhilqBHILQ", *"efdFD")  # no long doubles: they differ by system
)


def is_portable(tensor: Tensor) -> bool:
    """Whether a tensor is an ordinary one, all of whose values can be read."""
    name = str(tensor.dtype).removeprefix("torch.")
    is_dense = tensor.layout == torch.strided and not tensor.is_meta
    return is_dense and name in DTYPES and tensor.dim() <= MAX_DIMENSIONS


def tensor_bytes(tensor: Tensor) -> bytes:
    """The values of a tensor in row-major order."""
    if tensor.numel() * tensor.element_size() > MAX_FRAME:
        raise ProtocolError(f"more than {MAX_FRAME // 2**20} MB of tensors")
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype)
    flat.copy_(tensor.detach().reshape(-1))  # whatever its device, strides and views
    return flat.view(torch.uint8).numpy().tobytes()


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
        tensor = reshaped(flat, shape)
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
