"""Counting the steps of an answer, so that a loop shows without a clock."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

Trace = Callable[[FrameType, str, Any], Any]

# Their lines are not the learner's, and a check's own bookkeeping is no work.
UNCOUNTED = ("torch", "course_utils.checking")


class Steps(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators of torch that run, and the lines of Python in `trace`."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Let torch leave out a wrapper that takes longer than what it wraps."""
        return False

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Count the operator and call it."""
        self.count += 1
        return func(*args, **(kwargs or {}))

    def trace(self, frame: FrameType, event: str, argument: Any) -> Trace | None:
        """Count a line; a loop that stays on its line jumps back, which counts too."""
        module = frame.f_globals.get("__name__") or ""
        if any(module == name or module.startswith(f"{name}.") for name in UNCOUNTED):
            return None
        self.count += event == "line"
        return self.trace


@contextmanager
def counted() -> Iterator[Steps]:
    """Count the steps of what runs inside."""
    steps = Steps()
    before = sys.gettrace()
    with steps:
        sys.settrace(steps.trace)
        try:
            yield steps
        finally:
            sys.settrace(before)
