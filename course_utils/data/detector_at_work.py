"""What a trained detector predicts for three test scenes, kept for lesson 00.

The predictions are those of the Faster R-CNN that lesson 04 trains at the budget
"laptop": its detections with a score of at least 0.7. The scenes were chosen because
every object in them is found; lesson 01 measures how often that is so.
"""

import json
from importlib import resources

import torch
from torch import Tensor

from course_utils.data.tabletop import Tabletop

Example = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]


def load_example_predictions() -> list[Example]:
    """Three scenes as (image, ground truth, prediction).

    Images are (3, 128, 128) float RGB in [0, 1]. Ground truth holds `boxes` (N, 4)
    float xyxy and `labels` (N,) int64; a prediction holds `scores` (N,) too, and is
    sorted by them.
    """
    file = resources.files("course_utils.data").joinpath("detector_at_work.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
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
