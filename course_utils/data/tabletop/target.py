"""Targets: the truth of a rendering as tensors that torchvision.transforms.v2 knows.

For N labelled solids in an image of S by S pixels:

- `boxes` (N, 4) float xyxy half-open around the visible pixels; `labels` (N,) int64.
- `masks` (N, S, S) bool: the visible pixels.
- `semantic` (S, S) int64: classes of things and stuff, by SEMANTIC_NAMES.
- `panoptic` (2, S, S) int64: class and id, which is i + 1 for box i and 0 for stuff;
  class VOID where a solid is too hidden to be labelled.
- `depth` (S, S) float: metres along the optical axis (z); FAR in the sky.
- `normals` (3, S, S) float: unit, toward the camera, in the camera's frame; the sky,
  which has no surface, gets those of an upright wall.
- `camera`: `K` (3, 3) pixels, `R` (3, 3), `t` (3,); camera point = R @ world + t.
- `pose`: `R` (N, 3, 3), `t` (N, 3), camera point = R @ object + t; `half_extents`
  (N, 3), half the sides of the bounding box along the object's axes.
- `surfaces`: N closed forms in the object's frame: distance, normal, intersect.
- `meshes`: N dicts of `vertices` (V, 3) in the camera's frame and `faces` (F, 3).
- `voxels` (N, G, G, G) bool along the object's x, y, z, in a cube as its longest side.
- `samples`: `points` and `normals` (N, M, 3) on the surface, in the camera's frame.
- `keypoints` (N, 10, 2) x, y, and `keypoint_visibility` (N, 10) int64: 0 absent, 1
  hidden, 2 visible; the names of a class's points are in KEYPOINT_NAMES.
- `relations`: by name (N, N) bool, row i stands so to column j; `captions`: N strings.

The camera's frame has x right, y down, z forward, in metres. Transforms move boxes,
masks, maps and keypoints along with the image. They leave 3D truth as it is, and a
flip does not turn the x of `normals` around. `SanitizeBoundingBoxes` takes every mask
for one row an object: ask for no map but `masks` where it is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchvision import tv_tensors

from course_utils.data.tabletop import shapes, words
from course_utils.data.tabletop.keypoints import NUM_KEYPOINTS, image_keypoints
from course_utils.data.tabletop.scene import Solid
from course_utils.data.tabletop.truth import Rendering


@dataclass(frozen=True)
class Detail:
    """How fine the 3D truth is: voxels a side, and samples a solid."""

    grid: int = 24
    points: int = 1024


def make_target(
    rendering: Rendering, names: Sequence[str], *, detail: Detail | None = None
) -> dict[str, Any]:
    """The target of one image: boxes, labels, and each truth that is named."""
    size = (rendering.size, rendering.size)
    target: dict[str, Any] = {
        "boxes": tv_tensors.BoundingBoxes(
            torch.from_numpy(rendering.boxes), format="XYXY", canvas_size=size
        ),
        "labels": torch.from_numpy(rendering.labels),
    }
    for name in names:
        target |= MAKERS[name](rendering, detail or Detail())
    return target


def solids(rendering: Rendering) -> list[Solid]:
    """The N labelled solids, in the order of the boxes."""
    return [rendering.scene.solids[number] for number in rendering.labelled]


def _stack(rows: ArrayLike, *shape: int) -> Tensor:
    """float32 (N, ...) of N arrays, also for none."""
    return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, *shape))


def _map(name: str) -> Callable[[Rendering, Detail], dict[str, Any]]:
    """Reads a map of the rendering as a mask, which moves along with the image."""
    return lambda rendering, _: {
        name: tv_tensors.Mask(torch.from_numpy(getattr(rendering, name)))
    }


def _camera(rendering: Rendering, _: Detail) -> dict[str, Any]:
    camera = rendering.scene.camera
    return {
        "camera": {
            "K": _stack(camera.intrinsics(rendering.size), 3),
            "R": _stack(camera.rotation, 3),
            "t": torch.from_numpy(np.float32(camera.translation)),
        }
    }


def _pose(rendering: Rendering, _: Detail) -> dict[str, Any]:
    poses = [shapes.pose(rendering.scene, solid) for solid in solids(rendering)]
    return {
        "pose": {
            "R": _stack([p.rotation for p in poses], 3, 3),
            "t": _stack([p.translation for p in poses], 3),
            "half_extents": _stack([p.half_extents for p in poses], 3),
        }
    }


def _surfaces(rendering: Rendering, _: Detail) -> dict[str, Any]:
    return {"surfaces": [solid.surface for solid in solids(rendering)]}


def _meshes(rendering: Rendering, _: Detail) -> dict[str, Any]:
    meshes = [shapes.camera_mesh(rendering.scene, solid) for solid in solids(rendering)]
    return {
        "meshes": [
            {
                "vertices": _stack(mesh.vertices, 3),
                "faces": torch.from_numpy(mesh.faces),
            }
            for mesh in meshes
        ]
    }


def _voxels(rendering: Rendering, detail: Detail) -> dict[str, Any]:
    grid = detail.grid
    grids = [shapes.voxelize(solid.surface, grid) for solid in solids(rendering)]
    shape = (-1, grid, grid, grid)
    return {"voxels": torch.from_numpy(np.array(grids, dtype=bool).reshape(shape))}


def _samples(rendering: Rendering, detail: Detail) -> dict[str, Any]:
    count = detail.points
    pairs = [
        shapes.camera_samples(rendering.scene, number, count)
        for number in rendering.labelled
    ]
    return {
        "samples": {
            "points": _stack([points for points, _ in pairs], count, 3),
            "normals": _stack([normals for _, normals in pairs], count, 3),
        }
    }


def _keypoints(rendering: Rendering, _: Detail) -> dict[str, Any]:
    scene, size = rendering.scene, rendering.size
    pairs = [image_keypoints(scene, solid, size) for solid in solids(rendering)]
    seen = np.array([state for _, state in pairs], dtype=np.int64)
    return {
        "keypoints": tv_tensors.KeyPoints(
            _stack([xy for xy, _ in pairs], NUM_KEYPOINTS, 2), canvas_size=(size, size)
        ),
        "keypoint_visibility": torch.from_numpy(seen.reshape(-1, NUM_KEYPOINTS)),
    }


def _relations(rendering: Rendering, _: Detail) -> dict[str, Any]:
    found = words.relations(solids(rendering))
    return {"relations": {name: torch.from_numpy(m) for name, m in found.items()}}


def _captions(rendering: Rendering, _: Detail) -> dict[str, Any]:
    return {"captions": words.captions(solids(rendering))}


MAKERS: dict[str, Callable[[Rendering, Detail], dict[str, Any]]] = {
    **{name: _map(name) for name in ("masks", "semantic", "panoptic")},
    **{name: _map(name) for name in ("depth", "normals")},
    "camera": _camera,
    "pose": _pose,
    "surfaces": _surfaces,
    "meshes": _meshes,
    "voxels": _voxels,
    "samples": _samples,
    "keypoints": _keypoints,
    "relations": _relations,
    "captions": _captions,
}
