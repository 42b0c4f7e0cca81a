"""Triangle meshes of the solids: watertight, and every face turned outward."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SEGMENTS = 80


class Mesh(NamedTuple):
    """Vertices (V, 3), metres; faces (F, 3), counterclockwise seen from outside."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def circle(segments: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines and sines of equal steps around a circle."""
    angle = np.arange(segments) * (2 * np.pi / segments)
    # Rounded, because the last digit of a cosine differs between machines.
    return np.round(np.cos(angle), 9), np.round(np.sin(angle), 9)


def sphere_profile(radius: float) -> list[tuple[float, float]]:
    """Half a circle of (distance from the axis, z), from lower to upper pole."""
    cos, sin = circle(SEGMENTS)
    steps = [SEGMENTS * 3 // 4 + i for i in range(SEGMENTS // 2 + 1)]
    half = [(cos[i % SEGMENTS] * radius, sin[i % SEGMENTS] * radius) for i in steps]
    return [(0.0, -radius), *half[1:-1], (0.0, radius)]


def _quads(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two triangles a cell of a lattice (A, B) of vertices that is closed along B."""
    low, high = rows[:-1], rows[1:]
    corners = (low, np.roll(low, -1, 1), np.roll(high, -1, 1), high)
    a, b, c, d = (corner.ravel() for corner in corners)
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def revolve(profile: Sequence[tuple[float, float]], segments: int = SEGMENTS) -> Mesh:
    """A solid of revolution about z; the profile starts and ends on the axis."""
    cos, sin = circle(segments)
    rings = np.array(profile[1:-1], dtype=np.float64)  # (A, 2)
    x, y = rings[:, :1] * cos, rings[:, :1] * sin  # (A, B)
    z = np.broadcast_to(rings[:, 1:], x.shape)
    sides = np.stack([x, y, z], -1).reshape(-1, 3)
    poles = np.array([[0, 0, profile[0][1]], [0, 0, profile[-1][1]]], dtype=np.float64)
    rows = np.arange(len(sides)).reshape(x.shape)
    first, last = rows[0], rows[-1]
    bottom, top = np.full_like(first, len(sides)), np.full_like(last, len(sides) + 1)
    fans = [
        np.stack([bottom, np.roll(first, -1), first], 1),
        np.stack([top, last, np.roll(last, -1)], 1),
    ]
    return Mesh(np.concatenate([sides, poles]), np.concatenate([_quads(rows), *fans]))


def torus_mesh(major: float, minor: float, segments: int = SEGMENTS) -> Mesh:
    """A ring about the y axis, with half as many segments around its tube."""
    cos, sin = circle(segments)
    tube_cos, tube_sin = circle(segments // 2)
    reach = (major + minor * tube_cos)[:, None]  # (A, 1) distance from the axis
    y = np.broadcast_to(minor * tube_sin[:, None], (segments // 2, segments))
    vertices = np.stack([reach * sin, y, reach * cos], -1).reshape(-1, 3)
    rows = np.arange(len(vertices)).reshape(segments // 2, segments)
    return Mesh(vertices, _quads(np.concatenate([rows, rows[:1]])))


def boxes_mesh(low: NDArray[np.float64], high: NDArray[np.float64]) -> Mesh:
    """The outer surface of a union of boxes (P, 3), (P, 3), with no face inside.

    Space is cut at every face of every box; a cell is full or empty, and the surface
    is every cell face between a full and an empty one.
    """
    cuts = [np.unique(np.concatenate([low[:, a], high[:, a]])) for a in range(3)]
    centers = np.meshgrid(*[(c[1:] + c[:-1]) / 2 for c in cuts], indexing="ij")
    cell = np.stack(centers, -1)[..., None, :]  # (X, Y, Z, 1, 3)
    inside = np.all((cell > low) & (cell < high), axis=-1)  # (X, Y, Z, P)
    vertices = np.stack(np.meshgrid(*cuts, indexing="ij"), -1)
    ids = np.arange(vertices[..., 0].size).reshape(vertices.shape[:3])
    faces = np.concatenate(
        [_outer_faces(inside.any(-1), ids, axis) for axis in range(3)]
    )
    used, faces = np.unique(faces, return_inverse=True)
    return Mesh(vertices.reshape(-1, 3)[used], faces.reshape(-1, 3))


def _outer_faces(
    full: NDArray[np.bool_], ids: NDArray[np.int64], axis: int
) -> NDArray[np.int64]:
    """Triangles (F, 3) square to one axis, between a full and an empty cell."""
    order = (
        axis,
        (axis + 1) % 3,
        (axis + 2) % 3,
    )  # right-handed, so (b, c) turns to +a
    grid, ids = full.transpose(order), ids.transpose(order)
    change = np.diff(np.pad(grid, ((1, 1), (0, 0), (0, 0))).astype(np.int8), axis=0)
    plane, b, c = np.nonzero(change)
    quad = [ids[plane, b + i, c + j] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    inward = (
        change[plane, b, c] > 0
    )  # full lies behind the plane: it faces the other way
    second = np.where(inward, quad[3], quad[1])
    fourth = np.where(inward, quad[1], quad[3])
    return np.concatenate(
        [
            np.stack([quad[0], second, quad[2]], 1),
            np.stack([quad[0], quad[2], fourth], 1),
        ]
    )
