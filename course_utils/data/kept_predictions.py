"""What trained detectors predict for a few test scenes, kept for the first pictures.

A lesson opens with its detector at work, but a fresh computer has no trained one. So
predictions of models that the lessons trained at the budget "laptop" lie in the folder
`at_work`, a file for each system; a lesson may have changed a setting since. The scenes
were chosen because every object in them is found; the lessons measure how often that
is so.
"""

import json
from importlib import resources
from typing import Any

import torch
from torch import Tensor

from course_utils.data.tabletop import Tabletop

Example = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]


def read_kept(system: str) -> dict[str, Any]:
    """The file of a system.

    Raises ValueError if there is none.
    """
    folder = resources.files("course_utils.data").joinpath("at_work")
    file = folder.joinpath(f"{system}.json")
    if not file.is_file():
        names = sorted(each.name.removesuffix(".json") for each in folder.iterdir())
        raise ValueError(f"system is {system!r}, but one of {names} was expected")
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return kept


def load_example_predictions(system: str) -> list[Example]:
    """A few test scenes as (image, ground truth, prediction).

    Images are (3, S, S) float RGB in [0, 1]. Ground truth holds `boxes` (N, 4) float
    xyxy and `labels` (N,) int64; a prediction holds `scores` (N,) too, and is sorted by
    them.

    Args:
        system: "sliding_windows", "rcnn", "fast_rcnn", "faster_rcnn" or "yolo_v3".
    """
    kept = read_kept(system)
    last = max(scene["index"] for scene in kept["scenes"])
    tabletop = Tabletop(last + 1, split=kept["split"], size=kept["size"], truth=())
    examples = []
    for scene in kept["scenes"]:
        image, target = tabletop[scene["index"]]
        truth = {name: target[name].as_subclass(Tensor) for name in ("boxes", "labels")}
        prediction = {
            "boxes": torch.tensor(scene["boxes"]),
            "labels": torch.tensor(scene["labels"]),
            "scores": torch.tensor(scene["scores"]),
        }
        examples.append((image.as_subclass(Tensor), truth, prediction))
    return examples
