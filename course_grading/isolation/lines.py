"""Messages between trusted processes: one line of JSON each, answered in turn."""

import json
import socket
from typing import Any

Message = dict[str, Any]


def send(connection: socket.socket, message: Message) -> None:
    """Send one message; raises OSError where nobody listens any more."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def receive(connection: socket.socket) -> Message | None:
    """The next message, or None where the other side has ended.

    Raises TimeoutError as the socket's timeout says.
    """
    received = b""
    while not received.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part:
            return None
        received += part
    message: Message = json.loads(received)
    return message
