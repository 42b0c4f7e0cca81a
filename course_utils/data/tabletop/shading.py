"""Colours of the pixels: patterns, a lamp with shadows, a highlight."""

import math

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.catalog import COLORS
from course_utils.data.tabletop.render import (
    ON_FLOOR,
    ON_SKY,
    ON_WALL,
    Hits,
    window_of,
)
from course_utils.data.tabletop.scene import Color, Scene, Solid
from course_utils.data.tabletop.surfaces import Floats, dot

LIFT = 1e-3  # metres off the surface at which a shadow ray starts


def linear(color: Color) -> Floats:
    """(3, 1) light of a colour as it stands in an image: gamma 2, exact to undo."""
    return np.array([[channel * channel] for channel in color])


def shade(scene: Scene, hits: Hits) -> NDArray[np.uint8]:
    """The picture (3, S, S), 8 bits a channel."""
    size = len(hits.index)
    lamp = np.array(scene.room.lamp)[:, None, None]
    facing = np.maximum(dot(hits.normals, lamp), 0.0)
    lit = np.where(shadows(scene, hits), 0.0, facing) * scene.room.brightness
    # Light from all around is stronger from above.
    ambient = scene.room.ambient * (0.75 + 0.25 * hits.normals[2])
    warmth = np.array(scene.room.warmth)[:, None, None]
    light = ambient + lit * warmth
    color = _stage_colors(scene, hits) * light
    sky = hits.index == ON_SKY
    color[:, sky] = _sky(scene, hits)[:, sky]
    for number, (solid, window) in enumerate(
        zip(scene.solids, hits.windows, strict=True)
    ):
        seen = hits.index[window] == number
        points, normals = (a[:, *window][:, seen] for a in (hits.points, hits.normals))
        paint = solid_colors(solid, points, normals) * light[:, *window][:, seen]
        glint = _highlight(scene, solid, hits.directions[:, *window][:, seen], normals)
        color[:, *window][:, seen] = paint + glint * (lit[window][seen] > 0)
    picture = np.sqrt(np.clip(color, 0.0, 1.0)).reshape(3, size, size)
    pixels: NDArray[np.uint8] = np.floor(picture * 255.0 + 0.5).astype(np.uint8)
    return pixels


def shadows(scene: Scene, hits: Hits) -> NDArray[np.bool_]:
    """(S, S) whether a solid stands between the point seen and the lamp."""
    size = len(hits.index)
    dark = np.zeros(hits.index.shape, dtype=bool)
    lamp = np.array(scene.room.lamp)[:, None]
    lighted = (hits.index >= ON_FLOOR) & (dot(hits.normals, lamp[:, :, None]) > 0)
    for number, solid in enumerate(scene.solids):
        corners = solid.corners
        on_floor = corners - lamp * (corners[2] / lamp[2])
        window = window_of(scene, np.concatenate([corners, on_floor], axis=1), size)
        ask = lighted[window] & ~dark[window]
        if solid.surface.convex:  # its own dark side already faces away from the lamp
            ask &= hits.index[window] != number
        start = (
            hits.points[:, *window][:, ask] + LIFT * hits.normals[:, *window][:, ask]
        )
        dark[window][ask] = _is_blocked(solid, start, lamp)
    return dark


def _is_blocked(solid: Solid, start: Floats, lamp: Floats) -> NDArray[np.bool_]:
    """Whether rays from (3, M) points toward the lamp meet a solid."""
    direction = solid.turn_to_object(lamp)
    # Most rays pass by: ask the shape only about those near its bounding sphere.
    local = solid.to_object(start)
    along = dot(local, direction)
    x, y, z = solid.surface.half_extents
    near = dot(local, local) - along * along < x * x + y * y + z * z
    near &= along < math.sqrt(x * x + y * y + z * z)
    blocked = np.zeros(near.shape, dtype=bool)
    blocked[near] = np.isfinite(solid.surface.intersect(local[:, near], direction))
    return blocked


def _parity(*cells: Floats) -> NDArray[np.bool_]:
    """Whether the whole parts of the coordinates add up to an odd number."""
    total = np.floor(cells[0])
    for cell in cells[1:]:
        total = total + np.floor(cell)
    return total - 2.0 * np.floor(total * 0.5) > 0.5


def solid_colors(solid: Solid, points: Floats, normals: Floats) -> Floats:
    """Linear colours (3, M) of a solid's pattern at world points on it."""
    base = linear(COLORS[solid.color])
    if solid.pattern == "plain":
        return np.broadcast_to(base, points.shape)
    # A little below the surface, so that no face falls on the border of two cells.
    local = solid.to_object(points - 0.01 * normals)
    cell = 2 * max(solid.surface.half_extents) / solid.bands
    x, y, z = local / cell + 0.5 * (solid.bands % 2)
    odd = _parity(z) if solid.pattern == "striped" else _parity(x, y, z)
    return np.where(odd, base * 0.3, base)


def _highlight(scene: Scene, solid: Solid, rays: Floats, normals: Floats) -> Floats:
    """The lamp's mirror image (M,): small and bright on metal, wide and faint else."""
    view = rays / np.sqrt(dot(rays, rays))
    half = np.array(scene.room.lamp)[:, None] - view
    shine = np.maximum(dot(half, normals), 0.0) / np.sqrt(dot(half, half))
    # Powers by squaring: a library's pow may differ in the last digit.
    doublings, strength = (5, 0.6) if solid.material == "metal" else (3, 0.12)
    for _ in range(doublings):
        shine = shine * shine
    return strength * shine


def _stage_colors(scene: Scene, hits: Hits) -> Floats:
    """Linear colours (3, S, S) of the floor and the wall."""
    room = scene.room
    one, two = (linear(c)[:, :, None] for c in room.floor_colors)
    color = two + (one - two) * _floor_pattern(scene, hits)
    wall = hits.index == ON_WALL
    if wall.any():
        low, high = (linear(c)[:, :, None] for c in room.wall_colors)
        rise = np.clip(hits.points[2] * 0.4, 0.0, 1.0)
        color = np.where(wall, low + (high - low) * rise, color)
    return color


def _floor_pattern(scene: Scene, hits: Hits) -> Floats:
    """(S, S) share of the floor's first colour, 0 to 1, gray where tiles get tiny."""
    room, size = scene.room, len(hits.index)
    c, s = round(math.cos(room.floor_yaw), 9), round(math.sin(room.floor_yaw), 9)
    x, y = hits.points[0] / room.tile, hits.points[1] / room.tile
    x, y = c * x + s * y, c * y - s * x
    if room.floor_pattern == "plain":
        return np.ones_like(x)
    if room.floor_pattern == "squares":
        first = _parity(x, y)
    elif room.floor_pattern == "planks":
        first = _parity(x * 1.5)
    else:  # tiles with joints
        first = (x - np.floor(x) > 0.1) & (y - np.floor(y) > 0.1)
    # How many tiles a pixel covers at this depth, seen at this slope.
    slope = np.maximum(-hits.directions[2], 0.02)
    cover = hits.depth / (scene.camera.focal * size * room.tile * slope)
    sharp = np.clip(1.6 - 2.0 * cover, 0.0, 1.0)
    share: Floats = 0.6 + (first - 0.6) * sharp
    return share


def _sky(scene: Scene, hits: Hits) -> Floats:
    """Linear colours (3, S, S) of a sky that darkens with height."""
    rise = np.clip(0.25 + 2.0 * hits.directions[2], 0.0, 1.0)
    pale, deep = linear((0.86, 0.92, 0.97)), linear((0.45, 0.66, 0.92))
    sky: Floats = pale[:, :, None] + (deep - pale)[:, :, None] * rise
    return sky
