"""Data between the grader and the learner's process: JSON and the bytes of tensors.

A frame is its length (4 bytes), the length of the JSON (4 bytes), the JSON, and the
bytes of all tensors and arrays in the order in which the JSON names them. Nothing in it
can name code. Whatever bytes come, decoding gives plain values or a ProtocolError.
"""

from course_grading.isolation.decoder import decode
from course_grading.isolation.encoder import encode
from course_grading.isolation.wire import MAX_FRAME, ProtocolError

__all__ = ["MAX_FRAME", "ProtocolError", "decode", "encode"]
