"""What was measured: rows in the learner's cache, and the last line of a lesson."""

import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import psutil

Row = dict[str, Any]

# Of the figures of `evaluate_detections`, those that a row keeps.
FIGURES = ("AP", "AP50", "AP_small", "AP_medium", "AP_large")


def cache_folder() -> Path:
    """The folder named by COURSE_CACHE, or the user's cache folder for the course."""
    asked = os.environ.get("COURSE_CACHE")
    return Path(asked or platformdirs.user_cache_path("boxes-to-meshes"))


def write_row(
    system: str,
    budget: str,
    *,
    figures: Mapping[str, float],
    ms_per_image: float,
    training_seconds: float,
    parameters: int,
    **more: float | str,
) -> Row:
    """Keep one row of the course's table of systems, and return it.

    Args:
        system: what was trained, such as "Faster R-CNN".
        budget: "smoke", "laptop" or "gpu".
        figures: as `evaluate_detections` returns them; AP, AP50, and AP of small,
            medium and large objects are kept, -1 as null: no objects, no meaning.
        ms_per_image: milliseconds to predict one image.
        training_seconds: seconds of training.
        parameters: how many weights the system has.
        more: further figures by name, such as how many scenes were the test.

    Raises ValueError if `figures` lacks AP or AP50.
    """
    lacking = {"AP", "AP50"} - figures.keys()
    if lacking:
        raise ValueError(
            f"figures holds {sorted(figures)}, but {sorted(lacking)} was expected, "
            "too: give what evaluate_detections returns"
        )
    row: Row = {
        "system": system,
        "budget": budget,
        **{name: known_or_none(figures.get(name)) for name in FIGURES},
        "ms_per_image": ms_per_image,
        "training_seconds": training_seconds,
        "parameters": parameters,
        "machine": describe_machine(),
        "written": time.time(),
        **more,
    }
    row = {name: as_plain(value) for name, value in row.items()}
    append_line(cache_folder() / "results.jsonl", json.dumps(row))
    return row


def known_or_none(figure: float | None) -> float | None:
    """The figure, or None if it is missing or -1, which stands for "no meaning"."""
    return None if figure is None or figure == -1 else figure


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, on a line of its own even if the last one was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One write in append mode, so that lines of two lessons at once do not mix.
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(end - 1, 0))
        is_cut = file.read(1) not in (b"", b"\n")
        file.write(("\n" * is_cut + line + "\n").encode())


def read_rows(budget: str | None = None) -> list[Row]:
    """The newest row of each system and budget, in the order of their first writing.

    Only those of one budget if it is given. Lines that are no rows are passed over: a
    crash may have cut one short.
    """
    path = cache_folder() / "results.jsonl"
    newest: dict[tuple[str, str], Row] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        row = parse_row(line)
        if row is not None and budget in (None, row["budget"]):
            newest[row["system"], row["budget"]] = row
    return list(newest.values())


def parse_row(line: str) -> Row | None:
    """The row on this line, or None if it holds none."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    needed = {"system", "budget", "ms_per_image"}  # older rows lack the last
    is_row = isinstance(row, dict) and needed <= row.keys()
    return row if is_row else None


def describe_machine() -> str:
    """System, processor kind, cores, and the GPU where there is one."""
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{gpu}"


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in megabytes (10^6 bytes)."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


@dataclass(frozen=True)
class Lesson:
    """A lesson that is running: its name, its budget and when it began."""

    name: str
    budget: str
    began: float = field(default_factory=time.perf_counter)

    def report(self, **figures: float) -> None:
        """Print what was measured as one line, `RESULT {json}`.

        Figures that are not finite become null, since JSON has no word for them.
        """
        row: Row = {
            "lesson": self.name,
            "budget": self.budget,
            "seconds": round(time.perf_counter() - self.began, 1),
            "peak_memory_mb": round(peak_memory_mb()),
        }
        row |= {
            name: to_four_places(as_plain(value)) for name, value in figures.items()
        }
        sys.stdout.write(f"RESULT {json.dumps(row, allow_nan=False)}\n")


def as_plain(value: Any) -> Any:
    """A tensor or a NumPy number as Python's own; None for what is not finite."""
    value = value.item() if hasattr(value, "item") else value
    is_finite = not isinstance(value, float) or math.isfinite(value)
    return value if is_finite else None


def to_four_places(value: Any) -> Any:
    """A float to four places; anything else as it is."""
    return round(value, 4) if isinstance(value, float) else value


def start_lesson(name: str, budget: str) -> Lesson:
    """Note the time at which a lesson begins; `report()` on it ends the lesson."""
    return Lesson(name, budget)


def median_ms(function: Callable[[], object], repeats: int = 5) -> float:
    """The median time of `repeats` calls in milliseconds, after one call to warm up.

    Work that a GPU still has to do is waited for.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}, but at least 1 call can be timed")
    function()
    times = []
    for _ in range(repeats):
        wait_for_gpu()
        start = time.perf_counter()
        function()
        wait_for_gpu()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def count_multiply_adds(function: Callable[[], object]) -> int:
    """How many multiply-adds the convolutions and matrix products of a call take.

    Unlike milliseconds, they are the same on every machine. Gradients count, too.
    """
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        function()
    return counter.get_total_flops() // 2  # a multiply-add is counted as two


def wait_for_gpu() -> None:
    """Return when the GPU, if one is used, has done all it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
