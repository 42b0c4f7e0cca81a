"""Casting one ray a pixel: what each pixel sees, how far, and which way it faces."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.scene import Scene, Solid
from course_utils.data.tabletop.surfaces import Floats

# What a pixel sees: 0, 1, ... count the solids; the rest of the world is below zero.
ON_FLOOR, ON_WALL, ON_SKY = -1, -2, -3
FAR = 1000.0  # metres; the depth of the sky


class Window(NamedTuple):
    """A rectangle of pixels, half-open: rows and columns of the image."""

    rows: slice
    columns: slice


@dataclass(frozen=True, eq=False)
class Hits:
    """What the rays found, S by S pixels.

    Attributes:
        index: (S, S) number of the solid seen, or ON_FLOOR, ON_WALL, ON_SKY.
        depth: (S, S) metres along the optical axis; FAR in the sky.
        points: (3, S, S) the points seen, in the world.
        normals: (3, S, S) unit normals there, in the world.
        directions: (3, S, S) the rays, with length 1 along the optical axis.
        windows: a solid's bounding rectangle in the image.
        silhouettes: a solid's own pixels in its window, also where another hides it.
    """

    index: NDArray[np.int32]
    depth: Floats
    points: Floats
    normals: Floats
    directions: Floats
    windows: list[Window]
    silhouettes: list[NDArray[np.bool_]]


def ray_directions(scene: Scene, size: int) -> Floats:
    """World directions (3, S, S) through pixel centres, 1 along the optical axis."""
    steps = (np.arange(size) + 0.5 - size / 2) / (scene.camera.focal * size)
    right, down, forward = scene.camera.rotation
    column, row = steps[None, :], steps[:, None]
    return np.stack([column * right[k] + row * down[k] + forward[k] for k in range(3)])


def window_of(scene: Scene, points: Floats, size: int) -> Window:
    """The pixels that the convex hull of world points (3, M) can touch."""
    columns, rows, depth = scene.camera.project(points, size)
    if depth.min() < 0.05:  # partly behind the camera: projection would turn over
        return Window(slice(0, size), slice(0, size))
    ends = [
        rows.min() - 0.5,
        rows.max() + 0.5,
        columns.min() - 0.5,
        columns.max() + 0.5,
    ]
    y1, y2, x1, x2 = (min(max(int(np.floor(end)), 0), size) for end in ends)
    return Window(slice(y1, min(y2 + 1, size)), slice(x1, min(x2 + 1, size)))


def cast(scene: Scene, size: int) -> Hits:
    """The nearest surface of every pixel's ray: the room first, then each solid."""
    directions = ray_directions(scene, size)
    index, depth, normals = _cast_room(scene, directions)
    windows, silhouettes = [], []
    for number, solid in enumerate(scene.solids):
        window = window_of(scene, solid.corners, size)
        t = cast_solid(scene, solid, directions[:, *window])
        closer = t < depth[window]
        depth[window] = np.where(closer, t, depth[window])
        index[window] = np.where(closer, np.int32(number), index[window])
        windows.append(window)
        silhouettes.append(np.isfinite(t))
    points = directions * depth + np.array(scene.camera.position)[:, None, None]
    for number, (solid, window) in enumerate(zip(scene.solids, windows, strict=True)):
        seen = index[window] == number
        normals[:, *window][:, seen] = world_normals(solid, points[:, *window][:, seen])
    return Hits(index, depth, points, normals, directions, windows, silhouettes)


def cast_solid(scene: Scene, solid: Solid, directions: Floats) -> Floats:
    """t (...) at which rays (3, ...) from the camera meet a solid, or inf."""
    origin = solid.to_object(np.array(scene.camera.position)[:, None])
    local = solid.turn_to_object(directions.reshape(3, -1))
    return solid.surface.intersect(origin, local).reshape(directions.shape[1:])


def world_normals(solid: Solid, points: Floats) -> Floats:
    """Unit outward normals (3, M) of a solid at world points on it."""
    return solid.turn_to_world(solid.surface.normal(solid.to_object(points)))


def _cast_room(
    scene: Scene, directions: Floats
) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Index, depth and normals of the floor and the wall or the sky."""
    _, y, z = scene.camera.position
    down = directions[2] < -1e-9
    floor = np.where(down, -z / np.where(down, directions[2], -1.0), FAR)
    distance = scene.room.wall_distance - y
    wall = distance / np.maximum(directions[1], 1e-9)
    on_floor = floor < wall if scene.room.has_wall else floor < FAR
    behind = ON_WALL if scene.room.has_wall else ON_SKY
    index = np.where(on_floor, np.int32(ON_FLOOR), np.int32(behind))
    depth = np.where(on_floor, floor, wall if scene.room.has_wall else FAR)
    normals = np.zeros_like(directions)
    normals[2] = on_floor
    # The wall faces the camera, and so does the sky, which has no surface.
    normals[1] = -1.0 * ~on_floor
    return index, depth, normals
