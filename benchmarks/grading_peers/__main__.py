"""Run all graders on the same class: `python -m benchmarks.grading_peers PYTHON`.

PYTHON is the one that has nbgrader and otter. Each grades the first submission alone,
and then the whole class, so that the time of its start can be told from the rest.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.grading_peers.assignment import POINTS
from benchmarks.grading_peers.submissions import Submission, submissions
from benchmarks.grading_peers.ways import OURS, WAYS, Course, Points
from benchmarks.measure import machine

PEERS = ("nbgrader", "otter-grader", "nbval")


@dataclass(frozen=True)
class Measured:
    """What one grader did.

    Attributes:
        size: how many submissions the class has.
        seconds: by the number of submissions; the shortest of some runs.
        points: that it gave, by student; None where it gave none.
    """

    size: int
    seconds: dict[int, float]
    points: Points

    @property
    def each(self) -> float:
        """Seconds a submission of the class, with the start."""
        return self.seconds[self.size] / self.size

    @property
    def further(self) -> float:
        """Seconds for each submission after the first."""
        few, many = min(self.seconds), max(self.seconds)
        return (self.seconds[many] - self.seconds[few]) / (many - few)


def measure(name: str, work: Path, peers: str) -> Measured:
    """Run one grader on one submission, on the class, and on copies of it.

    The first run fills the system's caches. Of several runs the shortest counts.
    """
    way = WAYS[name]
    size = len(submissions(Path()))
    seconds: dict[int, float] = {}
    points: Points = {}
    counts = sorted({1, size, size * way.copies})
    for count in [1, *counts * way.repeats]:
        folder = Path(tempfile.mkdtemp(dir=work))
        course = Course.make(folder, copies(count, folder), peers)
        way.prepare(course)
        started = time.perf_counter()
        way.grade(course)
        taken = time.perf_counter() - started
        seconds[count] = min(taken, seconds.get(count, taken))
        if count == size:
            points = way.points(course)
    return Measured(size, seconds, points)


def copies(count: int, folder: Path) -> list[Submission]:
    """So many submissions: the class, again and again, under other names."""
    students = submissions(folder / "source/small/small.ipynb")
    return [
        replace(each, name=f"{each.name}-{turn + 1}" if turn else each.name)
        for turn, each in zip(
            (number // len(students) for number in range(count)),
            itertools.cycle(students),
            strict=False,
        )
    ]


def times_table(results: dict[str, Measured]) -> Table:
    """Seconds a submission, and how many times those of ours."""
    shown = Table(title="Seconds a submission, one grading process", caption=machine())
    for header in ("", "with the start", "times ours", "each further one"):
        shown.add_column(header, justify="right" if header else "left")
    shown.add_column("times ours", justify="right")
    ours = results.get(OURS)
    for name, result in results.items():
        ratios = ["", ""]
        if ours is not None:
            ratios = [
                f"{result.each / ours.each:.1f}",
                f"{result.further / ours.further:.1f}",
            ]
        shown.add_row(
            name, f"{result.each:.2f}", ratios[0], f"{result.further:.2f}", ratios[1]
        )
    return shown


def points_table(results: dict[str, Measured], handed_in: list[Submission]) -> Table:
    """The points that each grader gave; what is not fair stands out."""
    shown = Table(title=f"Points of {POINTS}; not the fair ones are marked")
    for header in ("submission", "fair", *results):
        shown.add_column(header, justify="left" if header == "submission" else "right")
    for each in handed_in:
        given = [result.points[each.name] for result in results.values()]
        shown.add_row(each.name, str(each.fair), *[told(p, each.fair) for p in given])
    return shown


def told(points: float | None, fair: int) -> str:
    """Points for the table."""
    text = "none" if points is None else f"{points:g}"
    return text if points == fair else f"[bold red]! {text}[/]"


def versions(peers: str) -> dict[str, str]:
    """The versions of the graders; those of the peers as their Python sees them."""
    ask = "import sys; from importlib.metadata import version as v; "
    ask += "print(*[v(name) for name in sys.argv[1:]])"
    command = [peers, "-c", ask, *PEERS]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(PEERS, found.stdout.split(), strict=True)) | {
        "torch": version("torch")
    }


def main() -> None:
    """Measure, print both tables, and write JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading_peers")
    parser.add_argument("peers", metavar="PYTHON", help="that has nbgrader and otter")
    parser.add_argument("--only", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    arguments = parser.parse_args()
    peers = str(Path(arguments.peers).absolute())
    about = versions(peers)
    results = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        for name in arguments.only:
            print(f"running {name} ...", file=sys.stderr)
            results[name] = measure(name, Path(work).resolve(), peers)
    console = Console(width=120)
    console.print(times_table(results))
    console.print(points_table(results, submissions(Path())))
    console.print(", ".join(f"{name} {number}" for name, number in about.items()))
    if arguments.json:
        rows = {name: asdict(result) for name, result in results.items()}
        report = {"machine": machine(), "versions": about, "graders": rows}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
