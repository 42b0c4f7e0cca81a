"""Words for what stands on the tabletop: relations between solids, and captions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.scene import Solid

RELATIONS: tuple[str, ...] = ("left of", "right of", "in front of", "behind")
MARGIN = 0.1  # metres by which a relation must hold


def relations(solids: Sequence[Solid]) -> dict[str, NDArray[np.bool_]]:
    """By name, (N, N): row i, column j says whether solid i is, say, left of solid j.

    On the floor as the camera sees it: right is +x, and in front is nearer to it.
    """
    places = np.array([solid.place for solid in solids]).reshape(-1, 2)
    x, y = (places[None] - places[:, None]).transpose(2, 0, 1)  # from i to j
    return {
        "left of": x > MARGIN,
        "right of": x < -MARGIN,
        "in front of": y > MARGIN,
        "behind": y < -MARGIN,
    }


def describe(solid: Solid) -> str:
    """The solid's looks, as in "large red striped metal cube"."""
    pattern = "" if solid.pattern == "plain" else f"{solid.pattern} "
    return f"{solid.size_word} {solid.color} {pattern}{solid.material} {solid.name}"


def captions(solids: Sequence[Solid]) -> list[str]:
    """A sentence for each solid: its looks, and where its nearest neighbour stands."""
    return [_caption(solid, [s for s in solids if s is not solid]) for solid in solids]


def _caption(solid: Solid, others: Sequence[Solid]) -> str:
    if not others:
        return f"a {describe(solid)} alone on the floor"
    other = min(others, key=lambda o: np.hypot(*_offset(solid, o)))
    x, y = _offset(solid, other)
    if abs(x) > abs(y):
        word = "left of" if x > 0 else "right of"
    else:
        word = "in front of" if y > 0 else "behind"
    return f"a {describe(solid)} {word} a {describe(other)}"


def _offset(solid: Solid, other: Solid) -> tuple[float, float]:
    """From one solid to another, metres to the right and away from the camera."""
    return other.place[0] - solid.place[0], other.place[1] - solid.place[1]
