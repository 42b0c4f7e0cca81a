"""Solids made of boxes: a cube is one, a chair and a table are several."""

from dataclasses import dataclass

import numpy as np

from course_utils.data.tabletop.meshes import Mesh, boxes_mesh
from course_utils.data.tabletop.surfaces import Floats, first_hit


@dataclass(frozen=True, eq=False)
class Boxes:
    """A union of P boxes with sides along the axes, by their corners (P, 3), (P, 3)."""

    low: Floats
    high: Floats

    @property
    def convex(self) -> bool:
        """Whether it is a single box."""
        return len(self.low) == 1

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """Half the sides of the box around all parts, centred on the origin."""
        x, y, z = self.high.max(axis=0)
        return float(x), float(y), float(z)

    def intersect(self, origin: Floats, direction: Floats) -> Floats:
        """The slabs of every part at once; the nearest part is what a ray hits."""
        o, d = origin[:, None], direction[:, None]  # (3, 1, M)
        inverse = 1.0 / np.where(np.abs(d) < 1e-12, 1e-12, d)
        one = (self.low.T[:, :, None] - o) * inverse  # (3, P, M)
        other = (self.high.T[:, :, None] - o) * inverse
        x, y, z = np.minimum(one, other)
        enter = np.maximum(np.maximum(x, y), z)
        x, y, z = np.maximum(one, other)
        leave = np.minimum(np.minimum(x, y), z)
        nearest: Floats = first_hit(enter, leave).min(axis=0)
        return nearest

    def _outside(self, points: Floats) -> Floats:
        """How far (3, P, M) points lie beyond each part's sides along each axis."""
        center = ((self.low + self.high) / 2).T[:, :, None]
        half = ((self.high - self.low) / 2).T[:, :, None]
        return np.abs(points[:, None] - center) - half

    def distance(self, points: Floats) -> Floats:
        """Distance to the nearest part; inside, to that part's nearest side."""
        x, y, z = self._outside(points)
        ox, oy, oz = np.maximum(x, 0.0), np.maximum(y, 0.0), np.maximum(z, 0.0)
        beyond = np.sqrt(ox * ox + oy * oy + oz * oz)
        inside = np.minimum(np.maximum(np.maximum(x, y), z), 0.0)
        nearest: Floats = (beyond + inside).min(axis=0)
        return nearest

    def normal(self, points: Floats) -> Floats:
        """Along the axis of the side that is nearest, of the part that is nearest."""
        x, y, z = outside = self._outside(points)
        part = np.abs(np.maximum(np.maximum(x, y), z)).argmin(axis=0)  # (M,)
        column = np.arange(len(part))
        axis = outside[:, part, column].argmax(axis=0)
        center = (self.low[part, axis] + self.high[part, axis]) / 2
        normals = np.zeros((3, len(part)))
        normals[axis, column] = np.where(points[axis, column] > center, 1.0, -1.0)
        return normals

    def mesh(self) -> Mesh:
        """The union's outer surface."""
        return boxes_mesh(self.low, self.high)


def boxes(parts: list[tuple[float, float, float, float, float, float]]) -> Boxes:
    """Boxes from rows (x1, y1, z1, x2, y2, z2), moved to centre on the origin."""
    # Rounded, so that faces meant to lie in one plane do, to the last bit.
    corners = np.round(np.array(parts, dtype=np.float64), 6)
    low, high = corners[:, :3], corners[:, 3:]
    center = (low.min(axis=0) + high.max(axis=0)) / 2
    return Boxes(np.round(low - center, 7), np.round(high - center, 7))


def cube(side: float) -> Boxes:
    """One box with equal sides."""
    return boxes([(0, 0, 0, side, side, side)])


def table(width: float, depth: float, height: float, leg: float) -> Boxes:
    """A top on four legs."""
    under, inset = height - 0.8 * leg, 0.4 * leg
    return boxes(
        [
            *four_legs(width, depth, under, leg, inset),
            (0, 0, under, width, depth, height),
        ]
    )


def chair(width: float, depth: float, height: float, leg: float) -> Boxes:
    """A seat on four legs with a back of two posts and two rails; it faces -y."""
    seat, back = 0.46 * height, depth - leg
    rails = [(0.60, 0.70), (0.84, 1.0)]
    return boxes(
        [
            *four_legs(width, depth, seat - 0.8 * leg, leg, 0.0),
            (0, 0, seat - 0.8 * leg, width, depth, seat),
            (0, back, seat, leg, depth, height),
            (width - leg, back, seat, width, depth, height),
            *(
                (leg, back, a * height, width - leg, depth, b * height)
                for a, b in rails
            ),
        ]
    )


def four_legs(
    width: float, depth: float, height: float, leg: float, inset: float
) -> list[tuple[float, float, float, float, float, float]]:
    """Square legs at the corners of a width by depth footprint."""
    left, right = inset, width - inset - leg
    front, back = inset, depth - inset - leg
    spots = [(left, front), (right, front), (left, back), (right, back)]
    return [(x, y, 0, x + leg, y + leg, height) for x, y in spots]
