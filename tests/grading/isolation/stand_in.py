"""What a child serves in these tests: it runs code, and tells its `value`."""

import json
import socket


def serve(connection: socket.socket) -> None:
    lines = connection.makefile("rw", encoding="utf-8")
    for line in lines:
        names: dict[str, object] = {"connection": connection}
        try:
            exec(json.loads(line), names)
            reply = {"value": names.get("value")}
        except BaseException as error:  # noqa: BLE001 as a learner's code may raise it
            reply = {"error": type(error).__name__, "message": str(error)}
        lines.write(json.dumps(reply) + "\n")
        lines.flush()
