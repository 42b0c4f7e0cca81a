"""Scenes a second of the tabletop, and milliseconds of its 3D truth."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from benchmarks.measure import Row
from course_utils.data.tabletop import TRUTHS, Tabletop

SCENES = 150
WORKERS = 2
FLAT = ("masks", "semantic")


def make_items(first: int, count: int, truth: tuple[str, ...] = FLAT) -> float:
    """Seconds for `count` items of 128 x 128, after one to warm up."""
    torch.set_num_threads(1)  # as a worker of a DataLoader does
    dataset = Tabletop(first + count, truth=truth)
    dataset[first]
    start = time.perf_counter()
    for index in range(first, first + count):
        dataset[index]
    return time.perf_counter() - start


def scenes_a_second(workers: int) -> float:
    """Scenes a second of several processes that work side by side."""
    # Fresh processes: a fork of a process that runs torch's threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        starts = [SCENES * worker for worker in range(workers)]
        times = list(pool.map(make_items, starts, [SCENES] * workers))
    return SCENES * workers / max(times)


def rows() -> list[Row]:
    """Image, boxes, labels, masks and class map; then all the truth there is."""
    goal = "goal: 100 on 2 cores"
    case = "128 x 128, masks, class map"
    made = [
        Row(
            "tabletop",
            f"{case}, {workers} process{'es' if workers > 1 else ''}",
            figure=scenes_a_second(workers),
            unit="scenes/s",
            note=goal if workers == WORKERS else f"of {os.cpu_count()} cores",
        )
        for workers in (1, WORKERS)
    ]
    seconds = make_items(0, 20, TRUTHS) / 20
    return [*made, Row("tabletop", "128 x 128, every truth", seconds=seconds)]
