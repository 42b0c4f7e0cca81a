"""CLEVR: one json of scenes, with each object's looks and the relations among them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from course_utils.data.tabletop.dataset import Tabletop
from course_utils.data.tabletop.scene import Solid
from course_utils.data.tabletop.shapes import pose
from course_utils.data.tabletop.target import solids
from course_utils.data.tabletop.truth import Rendering
from course_utils.data.tabletop.words import relations
from course_utils.data.writers.pictures import new_folder, save_image
from course_utils.data.writers.rle import encode_rle

# CLEVR's word for each of ours. Its "left" lists, for an object, what is left of it.
DIRECTIONS = {
    "left": "left of",
    "right": "right of",
    "front": "in front of",
    "behind": "behind",
}


def write_clevr(dataset: Tabletop, folder: str | Path, *, split: str = "train") -> Path:
    """Write `dataset` under `folder`; comes back: the path of the json.

    Pictures go to images/`split`/CLEVR_`split`_000000.png, the json to
    scenes/CLEVR_`split`_scenes.json. Beside CLEVR's keys an object has `pattern`,
    `bbox` (x1, y1, x2, y2 half-open) and `mask` (COCO's compressed RLE). The pictures
    are those of the scenes, without the dataset's `transforms`.

    Raises:
        ValueError: where the folder holds files.
    """
    root = new_folder(folder)
    scenes = []
    for index in range(len(dataset)):
        rendering, name = dataset.rendering(index), f"CLEVR_{split}_{index:06d}.png"
        image = torch.from_numpy(rendering.image).float() / 255
        save_image(image, root / "images" / split / name)
        scenes.append(describe_scene(rendering, index, name, split))
    path = root / "scenes" / f"CLEVR_{split}_scenes.json"
    path.parent.mkdir()
    content = {"info": {"split": split, "version": "1.0"}, "scenes": scenes}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def describe_scene(
    rendering: Rendering, index: int, filename: str, split: str
) -> dict[str, Any]:
    """CLEVR's entry of one picture; only labelled solids are objects."""
    found = relations(solids(rendering))
    related = {
        # Column i of "left of" holds whatever is left of object i.
        name: [np.flatnonzero(column).tolist() for column in found[ours].T]
        for name, ours in DIRECTIONS.items()
    }
    return {
        "split": split,
        "image_index": index,
        "image_filename": filename,
        "objects": [
            describe_object(rendering, solid, number)
            for number, solid in enumerate(solids(rendering))
        ],
        "relationships": related,
        "directions": {
            "left": [-1.0, 0.0, 0.0],
            "right": [1.0, 0.0, 0.0],
            "front": [0.0, -1.0, 0.0],
            "behind": [0.0, 1.0, 0.0],
            "above": [0.0, 0.0, 1.0],
            "below": [0.0, 0.0, -1.0],
        },
    }


def describe_object(rendering: Rendering, solid: Solid, number: int) -> dict[str, Any]:
    """CLEVR's entry of one object; coordinates in metres, rotation in degrees."""
    scene, size = rendering.scene, rendering.size
    x, y, _ = scene.camera.project(solid.translation[:, None], size)[:, 0]
    depth = pose(scene, solid).translation[2]
    return {
        "shape": solid.name,
        "color": solid.color,
        "material": solid.material,
        "size": solid.size_word,
        "pattern": solid.pattern,
        "3d_coords": solid.translation.tolist(),
        "rotation": math.degrees(solid.yaw),
        "pixel_coords": [float(x), float(y), float(depth)],
        "bbox": rendering.boxes[number].tolist(),
        "mask": encode_rle(rendering.masks[number]),
    }
