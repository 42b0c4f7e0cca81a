"""Three-dimensional truth of each labelled solid: pose, mesh, voxels, samples.

Meshes and samples are in the camera's frame (metres, x right, y down, z forward), so
that K projects them at once. Voxels and closed forms are in the object's own frame,
from which `pose` leads to the camera's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.meshes import Mesh
from course_utils.data.tabletop.scene import Scene, Solid, rotate
from course_utils.data.tabletop.surfaces import Floats, Surface


class Pose(NamedTuple):
    """Camera point = R (3, 3) @ object point + t (3,); half the sides of the box."""

    rotation: Floats
    translation: Floats
    half_extents: Floats


def pose(scene: Scene, solid: Solid) -> Pose:
    """Where a solid stands, seen from the camera."""
    turn = rotate(scene.camera.rotation, solid.rotation)
    shift = rotate(scene.camera.rotation, solid.translation) + scene.camera.translation
    return Pose(turn, shift, np.array(solid.surface.half_extents))


def to_camera(scene: Scene, solid: Solid, points: Floats) -> Floats:
    """Camera coordinates of object points (3, M)."""
    where = pose(scene, solid)
    return rotate(where.rotation, points) + where.translation[:, None]


def camera_mesh(scene: Scene, solid: Solid) -> Mesh:
    """The solid's mesh in the camera's frame."""
    vertices, faces = solid.surface.mesh()
    return Mesh(to_camera(scene, solid, vertices.T).T, faces)


def voxelize(surface: Surface, grid: int) -> NDArray[np.bool_]:
    """(G, G, G) whether voxel centres lie inside, along the object's x, y and z.

    The voxels fill the cube around the origin whose side is the solid's longest.
    """
    half = max(surface.half_extents)
    steps = ((np.arange(grid) + 0.5) / grid * 2 - 1) * half
    centers = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
    inside: NDArray[np.bool_] = surface.distance(centers.reshape(3, -1)) < 0
    return inside.reshape(grid, grid, grid)


def sample_mesh(mesh: Mesh, count: int, generator: np.random.Generator) -> Floats:
    """`count` points (M, 3) spread evenly over the mesh's area."""
    corners = mesh.vertices[mesh.faces]  # (F, 3, 3)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.cumsum(np.sqrt((cross * cross).sum(axis=1)))
    face = np.searchsorted(area, generator.random(count) * area[-1], side="right")
    # The root makes up for a triangle being narrow near its first corner.
    u, v = np.sqrt(generator.random((count, 1))), generator.random((count, 1))
    a, b, c = corners[np.minimum(face, len(corners) - 1)].transpose(1, 0, 2)
    points: Floats = (1 - u) * a + u * (1 - v) * b + u * v * c
    return points


def sample_surface(
    surface: Surface, count: int, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Points (M, 3) on the closed form, and unit normals (M, 3), in its own frame."""
    points = sample_mesh(surface.mesh(), count, generator).T
    # Flat triangles cut through a round shape: move each point out onto the surface.
    points = points - surface.distance(points) * surface.normal(points)
    return points.T, surface.normal(points).T


def camera_samples(scene: Scene, number: int, count: int) -> tuple[Floats, Floats]:
    """Points (M, 3) on a solid and normals (M, 3), in the camera's frame."""
    solid = scene.solids[number]
    generator = np.random.Generator(np.random.PCG64((*scene.seed, number + 1)))
    points, normals = sample_surface(solid.surface, count, generator)
    turn = pose(scene, solid).rotation
    return to_camera(scene, solid, points.T).T, rotate(turn, normals.T).T
