"""The limits of a frame, and what it can carry."""

import struct

import numpy as np
import torch

MAX_FRAME = 64 * 2**20
MAX_JSON = 8 * 2**20
MAX_DEPTH = 40
MAX_ITEMS = 50_000  # a check looks at them again for each mistake that it knows
MAX_KEYS = 2_000  # of all dicts together: keys can be made to collide
MAX_TENSORS = 10_000
MAX_DIMENSIONS = 32
MAX_DIGITS = 3_500  # hexadecimal; Python prints no more than 4300 decimal ones
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
ARRAYS = frozenset(
    np.dtype(code).newbyteorder("<").str
    for code in ("?", *"bhilqBHILQ", *"efdFD")  # no long doubles: they differ by system
)


class ProtocolError(ValueError):
    """Bytes that are no frame, or data that does not fit into one."""
