"""Targets: the truth of a rendering as tensors that torchvision.transforms.v2 knows.

Transforms move boxes, masks, maps and keypoints along with the image. They leave 3D
truth as it is, and a flip does not turn the x of `normals` around.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors

from course_utils.data.tabletop.truth import Rendering


def make_target(rendering: Rendering, names: Sequence[str]) -> dict[str, Any]:
    """The target of one image: boxes, labels, and each truth that is named."""
    size = (rendering.size, rendering.size)
    target: dict[str, Any] = {
        "boxes": tv_tensors.BoundingBoxes(
            torch.from_numpy(rendering.boxes), format="XYXY", canvas_size=size
        ),
        "labels": torch.from_numpy(rendering.labels),
    }
    for name in names:
        target[name] = MAKERS[name](rendering)
    return target


def _map(name: str) -> Callable[[Rendering], Any]:
    """Reads a map of the rendering as a mask, which moves along with the image."""
    return lambda rendering: tv_tensors.Mask(torch.from_numpy(getattr(rendering, name)))


def _camera(rendering: Rendering) -> dict[str, Tensor]:
    camera = rendering.scene.camera
    parts = {
        "K": camera.intrinsics(rendering.size),
        "R": camera.rotation,
        "t": camera.translation,
    }
    return {name: torch.from_numpy(np.float32(part)) for name, part in parts.items()}


MAKERS: dict[str, Callable[[Rendering], Any]] = {
    **{
        name: _map(name)
        for name in ("masks", "semantic", "panoptic", "depth", "normals")
    },
    "camera": _camera,
}
