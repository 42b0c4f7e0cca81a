"""How alike two regions are: by colour, texture, size and fill (Uijlings, 2013)."""

from collections.abc import Callable, Sequence

import numpy as np

from course_utils.ops.regions import Array, Regions

Rows = Array | int  # which regions: one, or several at once


def colour_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of colours that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.colour[a], regions.colour[b])
    share: Array = common.sum(axis=-1)
    return share


def texture_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of slopes that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.texture[a], regions.texture[b])
    share: Array = common.sum(axis=-1)
    return share


def size_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of the image outside of both: (P,) in [0, 1], near 1 for small ones."""
    outside: Array = 1 - (regions.size[a] + regions.size[b]) / regions.image_size
    return outside


def fill_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """How well two regions fill their common box: (P,) in [0, 1], 1 without a gap."""
    x1, y1, x2, y2 = joint_box(regions.box[a], regions.box[b]).T
    gap: Array = (x2 - x1) * (y2 - y1) - regions.size[a] - regions.size[b]
    return 1 - gap / regions.image_size


def joint_box(a: Array, b: Array) -> Array:
    """The tight box around two boxes: (..., 4) and (..., 4) -> (..., 4) xyxy."""
    low = np.minimum(a[..., :2], b[..., :2])
    return np.concatenate([low, np.maximum(a[..., 2:], b[..., 2:])], axis=-1)


MEASURES: dict[str, Callable[[Regions, Rows, Rows], Array]] = {
    "colour": colour_similarity,
    "texture": texture_similarity,
    "size": size_similarity,
    "fill": fill_similarity,
}


def similarity(
    regions: Regions, a: Rows, b: Rows, *, measures: Sequence[str] = tuple(MEASURES)
) -> Array:
    """The sum of the chosen similarities of regions `a` and `b`: (P,)."""
    total: Array = np.sum([MEASURES[name](regions, a, b) for name in measures], axis=0)
    return total


def check_measures(measures: Sequence[str]) -> None:
    """Raises ValueError unless at least one is named, and each is in MEASURES."""
    if isinstance(measures, str) or not measures or set(measures) - set(MEASURES):
        raise ValueError(
            f"measures are {measures!r}, but a tuple of names out of "
            f'{tuple(MEASURES)} was expected, such as ("size", "fill")'
        )
