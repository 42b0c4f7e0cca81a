"""The limits of a frame, and what it can carry."""

import struct

import numpy as np

from course_utils.checking import plain

MAX_FRAME = 64 * 2**20
MAX_JSON = 2 * 2**20  # reading 8 MB of brackets took 6 s
MAX_DEPTH = 40
MAX_ITEMS = 50_000  # a check looks at them again for each mistake that it knows
MAX_KEYS = 2_000  # of all dicts together: keys can be made to collide
MAX_TENSORS = 10_000
MAX_DIMENSIONS = plain.MOST_DIMENSIONS
MAX_DIGITS = 3_500  # hexadecimal; Python prints no more than 4300 decimal ones
MAX_KIND = plain.MOST_LETTERS
MAX_TEXT = plain.MOST_LETTERS
LENGTHS = struct.Struct(">II")
SMALL = 2**53

DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in plain.DTYPES}
ARRAYS = frozenset(np.dtype(c).newbyteorder("<").str for c in plain.ARRAYS_OF)


class ProtocolError(ValueError):
    """Bytes that are no frame, or data that does not fit into one."""
