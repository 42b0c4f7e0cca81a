"""What stands on the tabletop: the camera, the lamp, the floor and the solids."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from course_utils.data.tabletop.catalog import CLASS_NAMES
from course_utils.data.tabletop.surfaces import Floats, Surface

Color = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that looks along +y and down by its pitch.

    World: metres, x right, y away from the camera, z up, the floor at z = 0. Camera:
    x right, y down, z along the optical axis. `focal` is in sides of the image.
    """

    position: tuple[float, float, float]
    pitch: float
    focal: float

    @cached_property
    def rotation(self) -> Floats:
        """R (3, 3): camera coordinates of a world point X are R @ X + t."""
        # Rounded, because the last digit of a cosine differs between machines.
        c, s = round(math.cos(self.pitch), 9), round(math.sin(self.pitch), 9)
        return np.array([[1.0, 0.0, 0.0], [0.0, -s, -c], [0.0, c, -s]])

    @cached_property
    def translation(self) -> Floats:
        """t (3,), metres."""
        return -rotate(self.rotation, np.array(self.position))

    def intrinsics(self, size: int) -> Floats:
        """K (3, 3) in pixels; a pixel's centre lies at (column + 0.5, row + 0.5)."""
        focal, center = self.focal * size, size / 2
        return np.array([[focal, 0, center], [0, focal, center], [0, 0, 1]])

    def project(self, points: Floats, size: int) -> Floats:
        """Column, row and depth (3, M) of world points (3, M), pixels and metres."""
        offset = points - np.array(self.position)[:, None]
        x, y, z = rotate(self.rotation, offset)
        focal, center = self.focal * size, size / 2
        return np.stack([focal * x / z + center, focal * y / z + center, z])


def rotate(matrix: Floats, points: Floats) -> Floats:
    """matrix @ points for (3, ...) points, added in an order that never changes."""
    x, y, z = points
    turned = np.empty_like(points, dtype=np.float64)
    for axis, (a, b, c) in enumerate(matrix.tolist()):
        turned[axis] = a * x + b * y + c * z
    return turned


def _turn(vectors: Floats, cosine: float, sine: float) -> Floats:
    """Vectors (3, M) turned about z; filled in place, since stacking costs more."""
    x, y, z = vectors
    turned = np.empty_like(vectors)
    turned[0] = cosine * x - sine * y
    turned[1] = sine * x + cosine * y
    turned[2] = z
    return turned


@dataclass(frozen=True, eq=False)
class Solid:
    """One solid: its class, shape, place on the floor, and looks.

    The object frame has its origin at the centre of the bounding box; the world point
    is R @ object + t, with R a turn by `yaw` about z.
    """

    label: int
    surface: Surface
    place: tuple[float, float]
    yaw: float
    color: str
    pattern: str
    material: str
    size_word: str
    bands: int

    @property
    def name(self) -> str:
        """The name of its class."""
        return CLASS_NAMES[self.label]

    @cached_property
    def heading(self) -> tuple[float, float]:
        """Cosine and sine of the yaw."""
        return round(math.cos(self.yaw), 9), round(math.sin(self.yaw), 9)

    @cached_property
    def rotation(self) -> Floats:
        """R (3, 3), object to world."""
        c, s = self.heading
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    @cached_property
    def translation(self) -> Floats:
        """t (3,), the middle of the solid in the world, metres."""
        return np.array([*self.place, self.surface.half_extents[2]])

    @property
    def reach(self) -> float:
        """Radius of the upright cylinder around it, in metres."""
        x, y, _ = self.surface.half_extents
        round_about = self.name in ("sphere", "cylinder", "cone")
        return x if round_about else math.sqrt(x * x + y * y)

    def turn_to_world(self, vectors: Floats) -> Floats:
        """Vectors (3, M) of the object's frame along the axes of the world."""
        c, s = self.heading
        return _turn(vectors, c, s)

    def turn_to_object(self, vectors: Floats) -> Floats:
        """Vectors (3, M) of the world along the axes of the object's frame."""
        c, s = self.heading
        return _turn(vectors, c, -s)

    def to_world(self, points: Floats) -> Floats:
        """World coordinates of object points (3, M)."""
        return self.turn_to_world(points) + self.translation[:, None]

    def to_object(self, points: Floats) -> Floats:
        """Object coordinates of world points (3, M)."""
        return self.turn_to_object(points - self.translation[:, None])

    @cached_property
    def corners(self) -> Floats:
        """The 8 corners (3, 8) of its bounding box, in the world."""
        half = np.array(self.surface.half_extents)
        return self.to_world(CORNERS * half[:, None])


CORNERS = np.array(
    [[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
).T


@dataclass(frozen=True)
class Room:
    """All but the solids: the lamp, the floor, and what stands behind it."""

    lamp: tuple[float, float, float]
    """Unit vector toward the lamp, which is far away."""
    brightness: float
    ambient: float
    warmth: Color
    floor_pattern: str
    floor_colors: tuple[Color, Color]
    tile: float
    floor_yaw: float
    has_wall: bool
    wall_distance: float
    wall_colors: tuple[Color, Color]


@dataclass(frozen=True, eq=False)
class Scene:
    """A camera, a room, and 1 to 8 solids with disjoint footprints."""

    camera: Camera
    room: Room
    solids: list[Solid] = field(default_factory=list)
    seed: tuple[int, ...] = (0,)
