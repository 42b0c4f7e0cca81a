"""Run the benchmarks: `python -m benchmarks [NAME ...] [--json FILE]`.

Each module of this folder with a function `rows() -> list[Row]` is one benchmark. Those
of `SLOW` take minutes and run only when they are named. `grading_peers` has a command
of its own, `make bench-grading`.
"""

import argparse
import dataclasses
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.measure import Row, machine

FRAME = {"__main__", "measure", "grading_peers"}
SLOW = {"class_run", "faster_rcnn_race"}


def names() -> list[str]:
    """The names of all benchmarks, in alphabetical order."""
    found = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)}
    return sorted(found - FRAME)


def milliseconds(seconds: float | None) -> str:
    """A time for the table, empty where there is none."""
    return "" if seconds is None else f"{1000 * seconds:,.3f}"


def table(rows: list[Row]) -> Table:
    """The rows as a table for a terminal."""
    caption = f"{machine()}; ratio is our time divided by the peer's"
    shown = Table(caption=caption, caption_justify="left")
    for header in ("what", "case", "peer", "ours, ms", "peer, ms", "ratio", "figure"):
        is_text = header in ("what", "case", "peer")
        shown.add_column(header, justify="left" if is_text else "right", no_wrap=True)
    shown.add_column("note", no_wrap=True)
    for row in rows:
        shown.add_row(
            row.name,
            row.case,
            row.peer,
            milliseconds(row.seconds),
            milliseconds(row.peer_seconds),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "" if row.figure is None else f"{row.figure:,.4g} {row.unit}".strip(),
            row.note,
        )
    return shown


def main() -> None:
    """Run what is named, or all; print the table, and write json where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one of {', '.join(names())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows too")
    # One thread: on a busy machine, threads that wait for each other hide the rest.
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: 1)")
    arguments = parser.parse_args()
    unknown = set(arguments.name) - set(names())
    if unknown:
        parser.error(f"no benchmark {sorted(unknown)}; there are {names()}")
    torch.set_num_threads(arguments.threads)
    rows: list[Row] = []
    for name in arguments.name or sorted(set(names()) - SLOW):
        print(f"running {name} ...", file=sys.stderr)
        rows += importlib.import_module(f"benchmarks.{name}").rows()
    Console(width=180).print(table(rows))
    if arguments.json:
        records = [dataclasses.asdict(row) | {"ratio": row.ratio} for row in rows]
        report = {"machine": machine(), "rows": records}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
