"""What the events of a run under nbval have told so far."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from course_grading.running.outcome import Outcome


class Progress:
    """What the events have told so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.outcomes: dict[str, Outcome] = {}
        self.current = ""
        self.previous = ""
        self.kernel: int | None = None
        self.lost_kernel = False
        self.lines = 0

    def read(self, events: Path) -> bool:
        """Take in the lines that are new and whole; whether there were any."""
        if not events.exists():
            return False
        lines = events.read_text(encoding="utf-8").split("\n")[:-1]
        new = lines[self.lines :]
        self.lines = len(lines)
        for line in new:
            self.take(json.loads(line))
        return bool(new)

    def take(self, event: Mapping[str, Any]) -> None:
        """One event: the kernel's process id, or a cell that begins or ends."""
        if event["event"] == "kernel":
            self.kernel = event["pid"]
        elif event["event"] == "start":
            self.current = event["cell"]
        elif event["message"].startswith("Kernel dead"):
            self.lost_kernel = True
        elif not self.lost_kernel:
            kind: Literal["passed", "failed"] = "failed" if event["error"] else "passed"
            self.outcomes[event["cell"]] = Outcome(
                kind, event["error"], event["message"], event["printed"]
            )
            self.previous, self.current = event["cell"], ""

    def blamed(self) -> str:
        """The cell during which the kernel died, or the one after which it was dead."""
        return self.previous if self.lost_kernel and self.previous else self.current
