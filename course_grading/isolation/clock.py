"""How long a learner's code may take: for a step, a task, and the whole file."""

import time
from dataclasses import dataclass
from typing import Literal

from course_grading.running.outcome import Limits

Step = Literal["start", "cell", "call"]
START_SECONDS = 30.0


@dataclass
class Clock:
    """When what runs has to end.

    Attributes:
        limits: the seconds for a cell, a call, a task and the file.
        file_end: when the time for the file is over.
        task_end: when the time for the present task is over.
    """

    limits: Limits
    file_end: float
    task_end: float = float("inf")

    def start_task(self) -> None:
        """A task begins: its time starts anew."""
        self.task_end = time.monotonic() + self.limits.task

    def is_over(self) -> bool:
        """Whether the time for the file is over."""
        return time.monotonic() >= self.file_end

    def left(self, what: Step) -> tuple[float, str]:
        """The seconds for the next step, and what to say when they are over."""
        if what == "start":
            return START_SECONDS, ""
        limits, now = self.limits, time.monotonic()
        own = limits.cell if what == "cell" else limits.call
        return min(
            (own, f"it ran longer than the {own:g} s for a {what}"),
            (
                max(0.0, self.task_end - now),
                f"it ran longer than the {limits.task:g} s for a task",
            ),
            (
                max(0.0, self.file_end - now),
                "it ran longer than what was left of the "
                f"{limits.total:g} s for the file",
            ),
        )
