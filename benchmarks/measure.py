"""Timing two functions side by side, and the rows that benchmarks give back."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from course_utils.models.model import Model, Target


@dataclass(frozen=True)
class Row:
    """One line of the table.

    A benchmark beside a peer gives `seconds` and `peer_seconds`; one with a goal of its
    own gives a figure and its unit, such as scenes a second, and the goal in `note`.
    """

    name: str
    case: str
    seconds: float | None = None
    peer: str = ""
    peer_seconds: float | None = None
    figure: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our time divided by the peer's: below 1 is faster than the peer."""
        if self.seconds is None or self.peer_seconds is None:
            return None
        return self.seconds / self.peer_seconds


def once(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def medians(*functions: Callable[[], object], seconds: float = 2.0) -> list[float]:
    """Median seconds a call of each function, after one call to warm up.

    The functions take turns, so that whatever slows the machine slows all of them.
    They repeat for about `seconds` in all, at least 2 and at most 200 times.
    """
    turn = sum([once(function) for function in functions])
    repeats = int(min(max(seconds / max(turn, 1e-9), 2), 200))
    times = [[once(function) for function in functions] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def take_step(
    model: Model, optimizer: Optimizer, images: Tensor, targets: list[Target]
) -> None:
    """One step of training on a batch, as `train` does it."""
    losses = model.losses(images, targets)
    total = torch.stack(list(losses.values())).sum()
    optimizer.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()


def compare(
    name: str,
    case: str,
    ours: Callable[[], object],
    peer_name: str,
    peer: Callable[[], object],
    *,
    note: str = "",
    seconds: float = 2.0,
) -> Row:
    """A row with the median times of ours and of a peer."""
    our_seconds, peer_seconds = medians(ours, peer, seconds=seconds)
    return Row(name, case, our_seconds, peer_name, peer_seconds, note=note)


def machine() -> str:
    """What the figures were measured on, in words."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    system = f"{platform.machine()} {platform.system()}"
    return f"{system}, {torch.get_num_threads()} threads of torch, {versions}"
