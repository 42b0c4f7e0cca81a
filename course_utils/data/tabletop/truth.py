"""The truth that can be read off the rays: boxes, masks, maps, depth, normals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.data.tabletop.catalog import FLOOR, SKY, VOID, WALL
from course_utils.data.tabletop.render import Hits, cast
from course_utils.data.tabletop.scene import Scene, rotate
from course_utils.data.tabletop.shading import shade

# A solid is labelled if it shows at least this share of the image and of itself.
MIN_IMAGE_SHARE = 0.002  # 33 pixels of 128 x 128
MIN_VISIBLE_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Rendering:
    """A picture of a scene and the truth of its pixels.

    Attributes:
        scene: what was rendered.
        image: (3, S, S) uint8 RGB.
        hits: what each pixel's ray found.
        labelled: numbers of the N solids that are visible enough to be labelled.
        boxes: (N, 4) float32 xyxy half-open, tight around the visible pixels.
        labels: (N,) int64.
    """

    scene: Scene
    image: NDArray[np.uint8]
    hits: Hits
    labelled: list[int]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Side of the image in pixels."""
        return len(self.hits.index)

    @property
    def masks(self) -> NDArray[np.bool_]:
        """(N, S, S) visible pixels of each labelled solid."""
        numbers = np.array(self.labelled, dtype=np.int32)[:, None, None]
        masks: NDArray[np.bool_] = self.hits.index == numbers
        return masks

    @property
    def semantic(self) -> NDArray[np.int64]:
        """(S, S) class map of things and stuff, see SEMANTIC_NAMES."""
        # Indices -1, -2 and -3 count from the end: floor, wall and sky come last.
        table = [solid.label for solid in self.scene.solids] + [SKY, WALL, FLOOR]
        return np.array(table, dtype=np.int64)[self.hits.index]

    @property
    def panoptic(self) -> NDArray[np.int64]:
        """(2, S, S) class and id: i + 1 for box i, else 0; VOID if unlabelled."""
        solids = len(self.scene.solids)
        ids = np.zeros(solids + 3, dtype=np.int64)
        ids[self.labelled] = np.arange(len(self.labelled)) + 1
        hidden = np.zeros(solids + 3, dtype=bool)
        hidden[:solids] = ids[:solids] == 0
        index = self.hits.index
        return np.stack([np.where(hidden[index], VOID, self.semantic), ids[index]])

    @property
    def depth(self) -> NDArray[np.float32]:
        """(S, S) metres along the optical axis, not along the ray."""
        return self.hits.depth.astype(np.float32)

    @property
    def normals(self) -> NDArray[np.float32]:
        """(3, S, S) unit normals in the camera's frame (x right, y down, z forward)."""
        turned = rotate(self.scene.camera.rotation, self.hits.normals)
        return turned.astype(np.float32)


def render(scene: Scene, size: int = 128) -> Rendering:
    """A picture of the scene, `size` pixels a side, with the truth of its pixels."""
    if size < 16:
        raise ValueError(f"size={size}: expected at least 16 pixels a side")
    hits = cast(scene, size)
    labelled = [n for n in range(len(scene.solids)) if is_visible(hits, n)]
    return Rendering(
        scene=scene,
        image=shade(scene, hits),
        hits=hits,
        labelled=labelled,
        boxes=np.array([tight_box(hits, n) for n in labelled], np.float32).reshape(
            -1, 4
        ),
        labels=np.array([scene.solids[n].label for n in labelled], dtype=np.int64),
    )


def is_visible(hits: Hits, number: int) -> bool:
    """Whether a solid shows enough of the image and of its own silhouette."""
    seen = np.count_nonzero(hits.index[hits.windows[number]] == number)
    whole = np.count_nonzero(hits.silhouettes[number])
    return bool(
        seen >= MIN_IMAGE_SHARE * hits.index.size and seen >= MIN_VISIBLE_SHARE * whole
    )


def tight_box(hits: Hits, number: int) -> tuple[int, int, int, int]:
    """The half-open box x1, y1, x2, y2 around the visible pixels of a solid."""
    window = hits.windows[number]
    seen = hits.index[window] == number
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    top, left = window.rows.start, window.columns.start
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )
