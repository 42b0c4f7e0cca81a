"""A torus that stands on its rim, hit by rays."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from course_utils.data.tabletop.meshes import Mesh, torus_mesh
from course_utils.data.tabletop.surfaces import Floats, dot, slab

STEPS = 32
CLOSE = 1e-8


@dataclass(frozen=True)
class Torus:
    """A ring about the y axis: a tube of radius `minor` along a circle of `major`."""

    major: float
    minor: float
    convex: ClassVar[bool] = False

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """Both radii along x and z, the tube alone along y."""
        reach = self.major + self.minor
        return reach, self.minor, reach

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """The first root of the quartic, found by steps that cannot jump over it.

        The distance to the surface is a safe step (Hart 1996, sphere tracing). Near the
        surface Newton's step is longer and, where the tube bulges, still safe.
        """
        shape = np.broadcast_shapes(origin.shape, direction.shape)
        length = np.sqrt(dot(direction, direction))
        direction = direction / length
        enter, leave = self._bounds(origin, direction)
        alive = np.flatnonzero((enter < leave) & (leave > 0))
        hits = np.full(shape[1], np.inf)
        start = np.broadcast_to(origin, shape)[:, alive]
        ray, end = np.broadcast_to(direction, shape)[:, alive], leave[alive]
        t = np.maximum(enter[alive], 0.0)
        for _ in range(STEPS):
            gap, closing = self._approach(start + t * ray, ray)
            found = np.abs(gap) < CLOSE
            hits[alive[found]] = t[found]
            keep = ~found & (t < end)
            if not keep.any():
                break
            t = t + self._step(gap, closing)
            alive, t, end = alive[keep], t[keep], end[keep]
            start, ray = start[:, keep], ray[:, keep]
        return hits / length

    def _bounds(self, origin: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """Where rays enter and leave the bounding box."""
        sides = [
            slab(o, d, half)
            for o, d, half in zip(origin, direction, self.half_extents, strict=True)
        ]
        (x0, x1), (y0, y1), (z0, z1) = sides
        enter = np.maximum(np.maximum(x0, y0), z0)
        return enter, np.minimum(np.minimum(x1, y1), z1)

    def _approach(self, points: Floats, ray: Floats) -> tuple[Floats, Floats]:
        """Distance to the surface, and how fast it shrinks along the ray."""
        x, y, z = points
        ring = np.sqrt(x * x + z * z)
        q = ring - self.major
        length = np.sqrt(q * q + y * y)
        slope = (q / ring) * (x * ray[0] + z * ray[2]) + y * ray[1]
        return length - self.minor, -slope / length

    def _step(self, gap: Floats, closing: Floats) -> Floats:
        """The distance; near the tube Newton's step, at most a quarter of the tube."""
        newton = np.minimum(gap / np.maximum(closing, 0.03), 0.25 * self.minor)
        return np.where(gap < 0.25 * self.minor, newton, gap)

    def distance(self, points: Floats) -> Floats:
        """Distance to the circle inside the tube, less the tube's radius."""
        x, y, z = points
        q = np.sqrt(x * x + z * z) - self.major
        gap: Floats = np.sqrt(q * q + y * y) - self.minor
        return gap

    def normal(self, points: Floats) -> Floats:
        """Away from the nearest point of the circle inside the tube."""
        x, y, z = points
        ring = np.maximum(np.sqrt(x * x + z * z), 1e-12)
        q = ring - self.major
        length = np.maximum(np.sqrt(q * q + y * y), 1e-12)
        out = q / (ring * length)
        return np.stack([x * out, y / length, z * out])

    def mesh(self) -> Mesh:
        """A lattice around the ring and around the tube."""
        return torus_mesh(self.major, self.minor)
