"""Drawing a scene from a seed."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from course_utils.data.tabletop.boxes import chair, cube, table
from course_utils.data.tabletop.catalog import (
    CLASS_NAMES,
    COLORS,
    FLOOR_PATTERNS,
    MATERIALS,
    PATTERNS,
)
from course_utils.data.tabletop.scene import Camera, Color, Room, Scene, Solid
from course_utils.data.tabletop.surfaces import Cone, Cylinder, Sphere, Surface
from course_utils.data.tabletop.torus import Torus

T = TypeVar("T")
GAP = 0.04  # metres between footprints
TRIES = 40
GROUP_REACH = 0.4  # metres, along x and y, from the middle of a group to a solid's

Spot = tuple[float, float]


class Dice:
    """Random choices that stay the same between versions of NumPy and machines."""

    def __init__(self, seed: int | Sequence[int]) -> None:
        """A PCG64 stream; the same seed gives the same stream."""
        self.generator = np.random.Generator(np.random.PCG64(seed))

    def between(self, low: float, high: float) -> float:
        """A number from low up to high."""
        return low + (high - low) * float(self.generator.random())

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.generator.random() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.generator.random() * len(options))]


def make_scene(
    seed: int | Sequence[int],
    *,
    min_solids: int = 1,
    max_solids: int = 8,
    classes: Sequence[str] = CLASS_NAMES[1:],
    scale: float = 1.0,
    groups: int = 0,
) -> Scene:
    """A scene of `min_solids` to `max_solids` solids that do not touch each other.

    The same seed (a whole number or a sequence of them) and settings give the same
    scene on every machine. Crowded scenes stop short of the number drawn for them.
    Solids are `scale` times as large as usual. They stand anywhere, or crowd around as
    many spots as there are `groups`.
    """
    if not (0.25 <= scale <= 1 and groups >= 0):
        raise ValueError(
            f"scale={scale}, groups={groups}: expected a scale from 0.25 to 1, since "
            "smaller solids are too small to be labelled, and 0 or more groups"
        )
    if not 1 <= min_solids <= max_solids <= 8:
        raise ValueError(
            f"min_solids={min_solids}, max_solids={max_solids}: "
            "expected 1 <= min_solids <= max_solids <= 8"
        )
    unknown = [name for name in classes if name not in CLASS_NAMES[1:]]
    if unknown or not classes:
        raise ValueError(f"classes {unknown or 'empty'}: choose from {CLASS_NAMES[1:]}")
    seed = (int(seed),) if isinstance(seed, int | np.integer) else tuple(seed)
    if not seed or min(seed) < 0:
        raise ValueError(f"seed={seed}: expected whole numbers of 0 or more")
    dice = Dice(seed)
    scene = Scene(_draw_camera(dice), _draw_room(dice), seed=seed)
    spots = [_spot(dice, scene.camera, near=-1.0, far=1.0) for _ in range(groups)]
    for _ in range(dice.count(min_solids, max_solids)):
        solid = _place_solid(dice, scene, dice.pick(list(classes)), scale, spots)
        if solid is not None:
            scene.solids.append(solid)
    return scene


def _draw_camera(dice: Dice) -> Camera:
    """A camera that looks at the middle of the floor from 4 to 4.8 metres."""
    pitch, distance = dice.between(0.40, 0.75), dice.between(4.0, 4.8)
    back, up = round(math.cos(pitch), 9), round(math.sin(pitch), 9)
    position = (0.0, -distance * back, 0.25 + distance * up)
    return Camera(position, pitch, focal=dice.between(1.2, 1.4))


def _pale(dice: Dice) -> Color:
    """A colour of little saturation, so that solids stand out against it."""
    gray, tint = dice.between(0.45, 0.8), [dice.between(-0.08, 0.08) for _ in range(3)]
    return gray + tint[0], gray + tint[1], gray + tint[2]


def _shade(color: Color, factor: float) -> Color:
    return color[0] * factor, color[1] * factor, color[2] * factor


def _draw_room(dice: Dice) -> Room:
    """A lamp 45 to 70 degrees up, and pale surroundings."""
    azimuth, height = dice.between(0, 2 * math.pi), dice.between(0.78, 1.2)
    flat = round(math.cos(height), 9)
    lamp = (
        flat * round(math.cos(azimuth), 9),
        flat * round(math.sin(azimuth), 9),
        round(math.sin(height), 9),
    )
    floor, wall, warm = _pale(dice), _pale(dice), dice.between(-0.06, 0.06)
    return Room(
        lamp=lamp,
        brightness=dice.between(0.75, 1.05),
        ambient=dice.between(0.28, 0.42),
        warmth=(1 + warm, 1.0, 1 - warm),
        floor_pattern=dice.pick(FLOOR_PATTERNS),
        floor_colors=(floor, _shade(floor, dice.between(0.72, 0.9))),
        tile=dice.between(0.3, 0.7),
        floor_yaw=dice.between(0, math.pi / 2),
        has_wall=dice.between(0, 1) < 0.6,
        wall_distance=dice.between(3.2, 4.2),
        wall_colors=(wall, _shade(wall, dice.between(0.75, 0.95))),
    )


def _surface(dice: Dice, name: str, scale: float) -> tuple[Surface, str]:
    """A shape of the class with drawn sizes, and whether that is small or large."""
    growth = dice.between(0.0, 1.0)
    word = "small" if growth < 0.5 else "large"
    size, wide = scale * (0.8 + 0.5 * growth), dice.between(0.8, 1.2)
    surface: Surface
    if name == "sphere":
        surface = Sphere(0.36 * size)
    elif name == "cube":
        surface = cube(0.62 * size)
    elif name == "cylinder":
        surface = Cylinder(0.28 * size * wide, 0.85 * size / wide)
    elif name == "cone":
        surface = Cone(0.38 * size * wide, 0.92 * size / wide)
    elif name == "torus":
        surface = Torus(0.36 * size, 0.36 * size * dice.between(0.28, 0.4))
    elif name == "chair":
        surface = chair(0.56 * size * wide, 0.56 * size, 1.1 * size, 0.1 * size)
    else:
        surface = table(1.0 * size * wide, 0.68 * size, 0.62 * size, 0.11 * size)
    return surface, word


def _spot(dice: Dice, camera: Camera, *, near: float, far: float) -> Spot:
    """A place x, y on the floor in view of the camera, y from `near` to `far`."""
    y = dice.between(near, far)
    # A point as far as this is seen up to half a picture over twice the focal.
    side = 0.5 * (y - camera.position[1]) / camera.focal
    return dice.between(-0.8, 0.8) * side, y


def _place(dice: Dice, camera: Camera, spot: Spot | None) -> Spot:
    """A place anywhere in view, or near the middle of a group."""
    if spot is None:
        return _spot(dice, camera, near=-1.4, far=1.6)
    x, y = (middle + dice.between(-GROUP_REACH, GROUP_REACH) for middle in spot)
    return x, y


def _place_solid(
    dice: Dice, scene: Scene, name: str, scale: float, spots: Sequence[Spot]
) -> Solid | None:
    """A solid on free floor in view of the camera, or none where the floor is full."""
    surface, word = _surface(dice, name, scale)
    color, pattern = dice.pick(list(COLORS)), dice.pick(PATTERNS)
    material, bands = dice.pick(MATERIALS), 2 * dice.count(2, 3)
    yaw = dice.between(0, 2 * math.pi)
    spot = dice.pick(spots) if spots else None
    for _ in range(TRIES):
        solid = Solid(
            label=CLASS_NAMES.index(name),
            surface=surface,
            place=_place(dice, scene.camera, spot),
            yaw=yaw,
            color=color,
            pattern=pattern,
            material=material,
            size_word=word,
            bands=bands,
        )
        if all(_apart(solid, other) for other in scene.solids):
            return solid
    return None


def _apart(a: Solid, b: Solid) -> bool:
    """Whether the circles around two footprints keep a gap."""
    dx, dy = a.place[0] - b.place[0], a.place[1] - b.place[1]
    need = a.reach + b.reach + GAP
    return dx * dx + dy * dy > need * need
