"""What each change of YOLO v2 and v3 gained in runs made beforehand, for lesson 05b.

`python -m benchmarks.yolo_ablation 0 1 2` made the rows, and anybody can make them
again. All runs have the same scenes, steps and batches; see "setting" in the file.
"""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("yolo_ablation.json")


def read_setting() -> dict[str, Any]:
    """What all runs have in common: sizes, steps, batch, learning rate."""
    setting: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))["setting"]
    return setting


def read_runs() -> dict[str, list[dict[str, Any]]]:
    """Variant -> the rows of its runs, one per seed, in the order of the lesson."""
    rows = json.loads(PATH.read_text(encoding="utf-8"))["rows"]
    runs: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        runs.setdefault(row["variant"], []).append(row)
    return runs
