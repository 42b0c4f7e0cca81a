"""Selective search on many images at once, in processes that work on any system.

Each is a program of its own rather than of `multiprocessing`, which would run the
learner's script again in every process, or copy threads that do not survive it. A
process reads its images from its input and writes boxes as it finds them.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Queue
from typing import Any

import torch
from torch import Tensor

from course_utils.ops.selective_search import selective_search

Worker = subprocess.Popen[bytes]


def serve() -> None:
    """Answer one pickled (images, settings) with one pickled (N, 4) array an image."""
    torch.set_num_threads(1)  # the processes share the cores
    images, settings = pickle.load(sys.stdin.buffer)
    for image in images:
        boxes = selective_search(torch.from_numpy(image), **settings)
        pickle.dump(boxes.numpy(), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def start_worker() -> Worker:
    """A process that serves, and finds the library wherever this one found it."""
    places = os.pathsep.join(path or str(os.curdir) for path in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "course_utils.data.proposal_processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": places},
    )


def ask(
    worker: Worker,
    images: Sequence[Tensor],
    places: Sequence[int],
    settings: dict[str, Any],
    answers: "Queue[tuple[int, Tensor | None]]",
) -> None:
    """Put place and boxes of each of the worker's images among the answers.

    None instead of boxes says that the worker ended before its time.
    """
    assert worker.stdin is not None  # both are pipes
    assert worker.stdout is not None
    try:
        pickle.dump(([images[i].numpy() for i in places], settings), worker.stdin)
        worker.stdin.close()
        for place in places:
            answers.put((place, torch.from_numpy(pickle.load(worker.stdout))))
    except (OSError, EOFError, pickle.UnpicklingError):
        answers.put((-1, None))


def propose_in_processes(
    images: Sequence[Tensor], settings: dict[str, Any], *, workers: int
) -> Iterator[tuple[int, Tensor]]:
    """Place and boxes of each image, as they are found.

    Raises RuntimeError if a process fails; what it wrote on its error output says why.
    """
    answers: Queue[tuple[int, Tensor | None]] = Queue()
    with ThreadPoolExecutor(workers) as pool, ExitStack() as stack:
        for start in range(min(workers, len(images))):
            worker = stack.enter_context(start_worker())
            stack.callback(worker.kill)  # no harm to one that has ended
            places = range(start, len(images), workers)
            pool.submit(ask, worker, images, places, settings, answers)
        for _ in images:
            place, boxes = answers.get()
            if boxes is None:
                raise RuntimeError("a process that proposes boxes has failed")
            yield place, boxes


if __name__ == "__main__":
    serve()
