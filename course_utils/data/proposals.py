"""Proposals of many images: computed in several processes, and kept on disk."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor

from course_utils.ops.selective_search.search import Strategy, selective_search
from course_utils.ops.validators import check_at_least

# Of the algorithm: a higher number makes old files on disk count for nothing.
VERSION = 2
FEWEST_A_PROCESS = 8  # images; with fewer, starting it takes longer than the work


def propose_all(
    images: Iterable[Tensor],
    *,
    folder: Path | None = None,
    most: int | None = None,
    workers: int | None = None,
    strategy: str | Strategy = "fast",
    min_side: float = 20,
    seed: int = 0,
) -> list[Tensor]:
    """Selective search on every image: a list of (N, 4) float xyxy, likely ones first.

    Args:
        images: (3, H, W) float RGB in [0, 1] each; sizes may differ.
        folder: where boxes are kept and looked for; None keeps nothing.
        most: how many boxes of an image to return at most.
        workers: how many processes; None for one a core. A few images need none.
        strategy: as in `selective_search`, like the settings after it.
        min_side: smallest side of a box.
        seed: of the random part of the order.
    """
    if most is not None:
        check_at_least(0, most=most)
    workers = os.cpu_count() or 1 if workers is None else workers
    check_at_least(1, workers=workers)
    settings = {"strategy": strategy, "min_side": min_side, "seed": seed}
    images = [torch.as_tensor(image).detach().cpu().float() for image in images]
    paths = [cache_path(folder, image, settings) for image in images]
    found = [load_boxes(path) for path in paths]
    missing = [i for i, boxes in enumerate(found) if boxes is None]
    todo = [images[i] for i in missing]
    for place, boxes in propose_missing(todo, settings, workers):
        found[missing[place]] = boxes
        save_boxes(paths[missing[place]], boxes)
    return [boxes[:most] for boxes in found if boxes is not None]


def cache_path(
    folder: Path | None, image: Tensor, settings: dict[str, Any]
) -> Path | None:
    """Where the boxes of an image are kept: named by all that they depend on."""
    if folder is None:
        return None
    digest = hashlib.sha256(repr((VERSION, settings, tuple(image.shape))).encode())
    digest.update(image.contiguous().numpy().tobytes())
    return Path(folder) / f"{digest.hexdigest()[:32]}.npy"


def load_boxes(path: Path | None) -> Tensor | None:
    """The boxes in a file, or None if there is none that can be read."""
    try:
        boxes = None if path is None else np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if boxes is None or boxes.dtype != np.float32 or boxes.shape[1:] != (4,):
        return None
    return torch.from_numpy(boxes) if np.isfinite(boxes).all() else None


def save_boxes(path: Path | None, boxes: Tensor) -> None:
    """Write boxes to a file, whole or not at all."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.save(file, boxes.numpy())
    Path(file.name).replace(path)


def propose_missing(
    images: Sequence[Tensor], settings: dict[str, Any], workers: int
) -> Iterator[tuple[int, Tensor]]:
    """Place and boxes of each image, as they are found."""
    workers = min(workers, len(images) // FEWEST_A_PROCESS)
    if workers > 1:
        # Processes of joblib do not run the learner's script again, as others would.
        in_turn = Parallel(n_jobs=workers, return_as="generator")
        calls = (delayed(selective_search)(image, **settings) for image in images)
        yield from enumerate(in_turn(calls))
        return
    for place, image in enumerate(images):
        yield place, selective_search(image, **settings)
