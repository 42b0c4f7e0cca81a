"""From values to a frame."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_grading.isolation.wire import (
    ARRAYS,
    LENGTHS,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_FRAME,
    MAX_ITEMS,
    MAX_JSON,
    MAX_KEYS,
    MAX_KIND,
    MAX_TENSORS,
    MAX_TEXT,
    SMALL,
    ProtocolError,
)
from course_utils.checking.plain import Opaque, is_ordinary, opaque


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


class Writer:
    """Turns a value into JSON, and collects the bytes of its tensors."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.parts: list[bytes] = []
        self.size = 0
        self.items = 0
        self.keys = 0

    def written(self, value: Any, depth: int) -> Any:
        """The JSON of a value; what is no plain data becomes opaque."""
        self.items += 1
        if self.items > MAX_ITEMS:
            raise ProtocolError(f"more than {MAX_ITEMS} values")
        kind = type(value)
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            return self.whole(value)
        if kind in (list, tuple, dict) and depth < MAX_DEPTH:
            return self.container(value, depth + 1)
        return self.other(value)

    def whole(self, value: int) -> Any:
        """An integer; a large one by its digits."""
        if abs(value) < SMALL:
            return value
        digits = hex(value)
        return {"int": digits} if len(digits) <= MAX_DIGITS else self.opaque(value)

    def container(self, value: Any, depth: int) -> Any:
        """A list, a tuple or a dict, whose keys and values come in turn."""
        if type(value) is dict:
            self.keys += len(value)
            if self.keys > MAX_KEYS:
                raise ProtocolError(f"more than {MAX_KEYS} keys")
            value = [part for pair in value.items() for part in pair]
            return {"dict": [self.written(part, depth) for part in value]}
        items = [self.written(item, depth) for item in value]
        return {"tuple": items} if type(value) is tuple else items

    def other(self, value: Any) -> Any:
        """A tensor, an array, `...`, or something that stays where it is."""
        if value is ...:
            return {"ellipsis": 0}
        if type(value) is Tensor and is_ordinary(value):
            self.add(tensor_bytes(value))
            name = str(value.dtype).removeprefix("torch.")
            return {"tensor": [name, list(value.shape), value.requires_grad]}
        if isinstance(value, np.ndarray):
            code = value.dtype.newbyteorder("<").str
            if code in ARRAYS and value.nbytes <= MAX_FRAME:
                self.add(np.asarray(value).astype(code).tobytes())
                return {"array": [code, list(value.shape)]}
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
        return self.opaque(opaque(value))


def tensor_bytes(tensor: Tensor) -> bytes:
    """The values of a tensor in row-major order."""
    if tensor.numel() * tensor.element_size() > MAX_FRAME:
        raise ProtocolError(f"more than {MAX_FRAME // 2**20} MB of tensors")
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype)
    flat.copy_(tensor.detach().reshape(-1))  # whatever its device, strides and views
    return flat.view(torch.uint8).numpy().tobytes()
