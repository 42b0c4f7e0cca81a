"""Frames over a socket, each within a time limit."""

import socket
import time
from typing import Any

from course_grading.isolation.codec import MAX_FRAME, ProtocolError, decode

CHUNK = 2**20


def send_frame(
    connection: socket.socket, frame: bytes, seconds: float | None = None
) -> None:
    """Send a whole frame. Raises TimeoutError, or OSError where nobody reads."""
    connection.settimeout(seconds)
    connection.sendall(frame)


def receive_frame(connection: socket.socket, seconds: float | None) -> Any:
    """The value in the next frame.

    Raises TimeoutError, ConnectionError where the other side has ended, ProtocolError.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    head = receive_bytes(connection, 4, deadline)
    length = int.from_bytes(head, "big")
    if length > MAX_FRAME:
        raise ProtocolError("wrong length")
    return decode(head + receive_bytes(connection, length, deadline))


def receive_bytes(
    connection: socket.socket, count: int, deadline: float | None
) -> bytearray:
    """Exactly so many bytes, with memory for those alone that have come."""
    data = bytearray()
    while len(data) < count:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        else:
            connection.settimeout(None)
        part = connection.recv(min(CHUNK, count - len(data)))
        if not part:
            raise ConnectionError("the other side has ended")
        data += part
    return data
