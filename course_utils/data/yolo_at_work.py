"""What a trained YOLO predicts for one test scene, kept for the first picture of 05.

The numbers are the raw outputs of a YOLO trained as in lesson 05 at the budget
"laptop", but for 2,650 steps in place of 2,500. The scene was chosen because every
object in it is found; the lesson measures how often that is so.
"""

import json
from importlib import resources

import torch
from torch import Tensor

from course_utils.data.tabletop import Tabletop


def load_yolo_outputs() -> tuple[Tensor, Tensor]:
    """The scene (3, 128, 128) float RGB in [0, 1], and its (7, 7, 17) outputs."""
    file = resources.files("course_utils.data").joinpath("yolo_at_work.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    scenes = Tabletop(
        kept["index"] + 1, split=kept["split"], size=kept["size"], truth=()
    )
    image, _ = scenes[kept["index"]]
    return image.as_subclass(Tensor), torch.tensor(kept["outputs"])
