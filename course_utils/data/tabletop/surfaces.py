"""Closed-form surfaces: what a ray hits, which way it faces, how far a point is.

Each lives in the solid's own frame: metres, z up, the origin at the centre of its
bounding box. Points and directions hold one row a coordinate, (3, M). Only + - * /
and the square root touch pixels, which IEEE 754 rounds alike on every machine.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.meshes import Mesh, revolve, sphere_profile

Floats = NDArray[np.float64]

# A ray that starts on a surface shall not hit it at once.
NEAR = 1e-9


class Surface(Protocol):
    """What the renderer and the 3D truth ask of a shape."""

    @property
    def convex(self) -> bool:
        """Whether it can cast no shadow on itself."""
        ...

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """Half the sides of its bounding box along x, y and z."""
        ...

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """Smallest t > 0 with origin + t * direction on the surface, inf if none."""
        ...

    def distance(self, points: Floats) -> Floats:
        """Signed distance of (3, M) points, negative inside; below it past an edge."""
        ...

    def normal(self, points: Floats) -> Floats:
        """Unit outward normals (3, M) at points on the surface."""
        ...

    def mesh(self) -> Mesh:
        """A watertight triangle mesh of it, facing outward."""
        ...


def dot(a: Floats, b: Floats) -> Floats:
    """Inner products of the columns; its order of additions is the same everywhere."""
    product: Floats = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def quadratic_roots(a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats]:
    """Both roots of a t^2 + 2 b t + c, as (inf, -inf) where there are none."""
    a = np.where(np.abs(a) < 1e-12, 1e-12, a)
    discriminant = b * b - a * c
    root = np.sqrt(np.maximum(discriminant, 0.0))
    real = discriminant > 0
    near = np.where(real, (-b - root) / a, np.inf)
    return near, np.where(real, (-b + root) / a, -np.inf)


def slab(origin: Floats, direction: Floats, half: float) -> tuple[Floats, Floats]:
    """Where rays enter and leave -half <= coordinate <= half."""
    # A ray along the slab gets a tiny slope, so that no 0 * inf turns into NaN.
    inverse = 1.0 / np.where(np.abs(direction) < 1e-12, 1e-12, direction)
    one, other = (-half - origin) * inverse, (half - origin) * inverse
    return np.minimum(one, other), np.maximum(one, other)


def first_hit(enter: Floats, leave: Floats) -> Floats:
    """Where rays enter a convex body, inf where they miss it or start inside it."""
    return np.where((enter < leave) & (enter > NEAR), enter, np.inf)


@dataclass(frozen=True)
class Sphere:
    """A sphere by its radius."""

    radius: float
    convex: ClassVar[bool] = True

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """The radius, three times."""
        return self.radius, self.radius, self.radius

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """One quadratic equation a ray."""
        c = dot(origin, origin) - self.radius * self.radius
        return first_hit(
            *quadratic_roots(dot(direction, direction), dot(origin, direction), c)
        )

    def distance(self, points: Floats) -> Floats:
        """Distance from the centre less the radius."""
        length: Floats = np.sqrt(dot(points, points))
        return length - self.radius

    def normal(self, points: Floats) -> Floats:
        """Away from the centre."""
        return points / np.maximum(np.sqrt(dot(points, points)), 1e-12)

    def mesh(self) -> Mesh:
        """Rings of latitude between two poles."""
        return revolve(sphere_profile(self.radius))


@dataclass(frozen=True)
class Cylinder:
    """An upright cylinder with both caps."""

    radius: float
    height: float
    convex: ClassVar[bool] = True

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """The radius along x and y, half the height along z."""
        return self.radius, self.radius, self.height / 2

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """A ray is inside while it is both in the round tube and between the caps."""
        (x, y, z), (dx, dy, dz) = origin, direction
        c = x * x + y * y - self.radius * self.radius
        tube = quadratic_roots(dx * dx + dy * dy, x * dx + y * dy, c)
        caps = slab(z, dz, self.height / 2)
        return first_hit(np.maximum(tube[0], caps[0]), np.minimum(tube[1], caps[1]))

    def _side_and_cap(self, points: Floats) -> tuple[Floats, Floats]:
        x, y, z = points
        side = np.sqrt(x * x + y * y) - self.radius
        return side, np.abs(z) - self.height / 2

    def distance(self, points: Floats) -> Floats:
        """The larger of the distances to the tube and to the nearer cap."""
        side, cap = self._side_and_cap(points)
        return np.maximum(side, cap)

    def normal(self, points: Floats) -> Floats:
        """Away from the axis on the tube, up or down on the caps."""
        side, cap = self._side_and_cap(points)
        on_cap = cap > side
        length = np.maximum(side + self.radius, 1e-12)
        x = np.where(on_cap, 0.0, points[0] / length)
        y = np.where(on_cap, 0.0, points[1] / length)
        return np.stack([x, y, np.where(on_cap, np.sign(points[2]), 0.0)])

    def mesh(self) -> Mesh:
        """A prism of many sides."""
        half = self.height / 2
        return revolve(
            [(0, -half), (self.radius, -half), (self.radius, half), (0, half)]
        )


@dataclass(frozen=True)
class Cone:
    """An upright cone; the radius is that of its base, the apex is at the top."""

    radius: float
    height: float
    convex: ClassVar[bool] = True

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """The radius along x and y, half the height along z."""
        return self.radius, self.radius, self.height / 2

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """The nearest of two hits of the slope and one of the base that count."""
        (x, y, z), (dx, dy, dz) = origin, direction
        half, k = self.height / 2, self.radius / self.height
        k2, w = k * k, half - z  # on the slope x^2 + y^2 = k2 w^2
        sides = quadratic_roots(
            dx * dx + dy * dy - k2 * dz * dz,
            x * dx + y * dy + k2 * w * dz,
            x * x + y * y - k2 * w * w,
        )
        # Misses may be inf, and inf times a zero slope is a NaN that never compares.
        sides = (np.clip(sides[0], -1e9, 1e9), np.clip(sides[1], -1e9, 1e9))
        hits = [
            np.where((t > NEAR) & (np.abs(z + t * dz) <= half), t, np.inf)
            for t in sides
        ]
        base = (-half - z) / np.where(np.abs(dz) < 1e-12, 1e-12, dz)
        px, py = x + base * dx, y + base * dy
        in_base = (base > NEAR) & (px * px + py * py <= self.radius * self.radius)
        hits.append(np.where(in_base, base, np.inf))
        return np.minimum(np.minimum(hits[0], hits[1]), hits[2])

    def _side_and_base(self, points: Floats) -> tuple[Floats, Floats]:
        x, y, z = points
        half, k = self.height / 2, self.radius / self.height
        slope = (np.sqrt(x * x + y * y) - k * (half - z)) / np.sqrt(1 + k * k)
        return slope, -half - z

    def distance(self, points: Floats) -> Floats:
        """The larger of the distances to the slope and to the plane of the base."""
        side, base = self._side_and_base(points)
        return np.maximum(side, base)

    def normal(self, points: Floats) -> Floats:
        """Square to the slope, or down on the base."""
        side, base = self._side_and_base(points)
        on_base = base > side
        k = self.radius / self.height
        length = np.sqrt(points[0] * points[0] + points[1] * points[1])
        scale = 1.0 / (np.maximum(length, 1e-12) * np.sqrt(1 + k * k))
        x = np.where(on_base, 0.0, points[0] * scale)
        y = np.where(on_base, 0.0, points[1] * scale)
        # Exactly at the apex there is no slope to be square to: up is the mean of all.
        up = np.where(length < 1e-12, 1.0, k / np.sqrt(1 + k * k))
        return np.stack([x, y, np.where(on_base, -1.0, up)])

    def mesh(self) -> Mesh:
        """A pyramid of many sides."""
        half = self.height / 2
        return revolve([(0, -half), (self.radius, -half), (0, half)])
