"""Named points on each kind of solid, where they appear, and whether they are seen."""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.boxes import Boxes
from course_utils.data.tabletop.render import cast_solid
from course_utils.data.tabletop.scene import CORNERS, Scene, Solid
from course_utils.data.tabletop.surfaces import Floats
from course_utils.data.tabletop.torus import Torus

_AROUND = ("left", "right", "front", "back")
_CORNERS = tuple(f"{y} {x}" for y, x in product(("front", "back"), ("left", "right")))

# Left is -x and front is -y in the object's frame: as one sees a chair's front.
KEYPOINT_NAMES: dict[str, tuple[str, ...]] = {
    "sphere": (*_AROUND, "top", "bottom"),
    "cube": tuple(
        f"{z} {y} {x}"
        for x, y, z in product(("left", "right"), ("front", "back"), ("bottom", "top"))
    ),
    "cylinder": (
        *(f"{end} {side}" for end in ("bottom", "top") for side in _AROUND),
        "bottom",
        "top",
    ),
    "cone": (*(f"base {side}" for side in _AROUND), "base", "apex"),
    "torus": tuple(
        f"{rim} {side}"
        for rim in ("outer", "inner")
        for side in ("left", "right", "bottom", "top")
    ),
    "chair": (
        *(f"{corner} foot" for corner in _CORNERS),
        *(f"{corner} of seat" for corner in _CORNERS),
        "top left of back",
        "top right of back",
    ),
    "table": (
        *(f"{corner} foot" for corner in _CORNERS),
        *(f"{corner} of top" for corner in _CORNERS),
    ),
}
NUM_KEYPOINTS = max(len(names) for names in KEYPOINT_NAMES.values())
ABSENT, HIDDEN, VISIBLE = 0, 1, 2
CLOSE = 1e-3  # share of the distance by which the first hit may fall short

_CROSS = np.array([[-1.0, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0]])
_POLES = np.array([[0.0, 0, -1], [0, 0, 1]])


def _sphere(half: Floats, solid: Solid) -> Floats:
    return np.concatenate([_CROSS, _POLES[::-1]]) * half


def _cube(half: Floats, solid: Solid) -> Floats:
    return CORNERS.T * half


def _cylinder(half: Floats, solid: Solid) -> Floats:
    return np.concatenate([_CROSS + _POLES[0], _CROSS + _POLES[1], _POLES]) * half


def _cone(half: Floats, solid: Solid) -> Floats:
    return np.concatenate([_CROSS + _POLES[0], _POLES]) * half


def _torus(half: Floats, solid: Solid) -> Floats:
    torus = solid.surface
    assert isinstance(torus, Torus)
    around = np.concatenate([_CROSS[:2], _POLES])
    outer, inner = torus.major + torus.minor, torus.major - torus.minor
    return np.concatenate([around * outer, around * inner])


def _furniture(half: Floats, solid: Solid) -> Floats:
    """Feet, the corners of the seat or top, and the back of a chair."""
    parts = solid.surface
    assert isinstance(parts, Boxes)
    points = []
    for leg, (back, right) in enumerate(product((0, 1), (0, 1))):
        ends = (parts.low[leg], parts.high[leg])
        points.append((ends[right][0], ends[back][1], ends[0][2]))
    low, high = parts.low[4], parts.high[4]  # the slab comes after four legs
    points += [(x, y, high[2]) for y in (low[1], high[1]) for x in (low[0], high[0])]
    if solid.name == "chair":
        points += [(-half[0], half[1], half[2]), (half[0], half[1], half[2])]
    return np.array(points)


_PLACES: dict[str, Callable[[Floats, Solid], Floats]] = {
    "sphere": _sphere,
    "cube": _cube,
    "cylinder": _cylinder,
    "cone": _cone,
    "torus": _torus,
    "chair": _furniture,
    "table": _furniture,
}


def object_keypoints(solid: Solid) -> Floats:
    """The named points (K, 3) of a solid on its surface, in its own frame."""
    return _PLACES[solid.name](np.array(solid.surface.half_extents), solid)


def image_keypoints(
    scene: Scene, solid: Solid, size: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Pixels (NUM_KEYPOINTS, 2) as x, y, and 0 absent, 1 hidden, 2 visible.

    A point is absent (and at 0, 0) where the class has none or it is out of the image.
    """
    world = solid.to_world(object_keypoints(solid).T)
    x, y, depth = scene.camera.project(world, size)
    inside = (depth > 0) & (x >= 0) & (x < size) & (y >= 0) & (y < size)
    state = np.where(inside, np.where(is_seen(scene, world), VISIBLE, HIDDEN), ABSENT)
    xy = np.where(inside, np.stack([x, y]), 0.0).T
    missing = NUM_KEYPOINTS - len(xy)
    return np.pad(xy, ((0, missing), (0, 0))), np.pad(state, (0, missing))


def is_seen(scene: Scene, points: Floats) -> NDArray[np.bool_]:
    """Whether no solid stands before world points (3, M), by a ray to each."""
    rays = points - np.array(scene.camera.position)[:, None]  # t = 1 at the point
    first = np.full(points.shape[1], np.inf)
    for solid in scene.solids:
        first = np.minimum(first, cast_solid(scene, solid, rays))
    return first > 1 - CLOSE
