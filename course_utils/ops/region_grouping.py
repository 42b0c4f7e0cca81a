"""Hierarchical grouping of regions (Uijlings et al., 2013)."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.region_similarity import (
    MEASURES,
    check_measures,
    joint_box,
    similarity,
)
from course_utils.ops.regions import Array, Regions


class Merge(NamedTuple):
    """One step of a grouping: the rows of two regions, and how alike they were."""

    a: int
    b: int
    similarity: float


class Hierarchy(NamedTuple):
    """All regions of a grouping: R at first, then one for each merge, 2R - 1 in all."""

    regions: Regions  # 2R - 1 rows; the last one is the whole image
    merges: list[Merge]  # R - 1; number i makes row R + i

    def boxes(self) -> Tensor:
        """The regions' boxes from the top: (2R - 1, 4) float xyxy, the image first."""
        return torch.from_numpy(self.regions.box[::-1].copy()).float()


def with_room(regions: Regions, count: int) -> Regions:
    """The same regions with empty rows after them, `count` rows in all."""

    def longer(rows: Array) -> Array:
        room = (count - len(rows), *rows.shape[1:])
        return np.concatenate([rows, np.zeros(room, rows.dtype)])

    return Regions(
        longer(regions.size),
        longer(regions.box),
        longer(regions.colour),
        longer(regions.texture),
        regions.image_size,
    )


def merge_regions(regions: Regions, a: int, b: int, *, new: int) -> None:
    """Write what regions `a` and `b` are together into row `new`.

    Histograms are means weighted by size, so that no pixel is looked at again.
    """
    size = regions.size[a] + regions.size[b]
    share = regions.size[a] / size
    regions.size[new] = size
    regions.box[new] = joint_box(regions.box[a], regions.box[b])
    for histogram in (regions.colour, regions.texture):
        histogram[new] = share * histogram[a] + (1 - share) * histogram[b]


class Grouping:
    """Regions on their way to one: who is left, who touches whom, who is alike."""

    def __init__(
        self, leaves: Regions, pairs: Array, *, measures: Sequence[str]
    ) -> None:
        """Begin with the regions of a segmentation and the (P, 2) pairs that touch."""
        check_measures(measures)
        count = len(leaves.size)
        self.regions, self.measures = with_room(leaves, 2 * count - 1), measures
        self.merges: list[Merge] = []
        self.neighbours: dict[int, set[int]] = {row: set() for row in range(count)}
        for a, b in pairs.tolist():
            self.neighbours[a].add(b)
            self.neighbours[b].add(a)
        self.heap: list[tuple[float, int, int]] = []  # the most alike come first
        self.compare(pairs[:, 0], pairs[:, 1])

    def compare(self, a: Array, b: Array) -> None:
        """Put the similarities of regions `a` and `b` on the heap."""
        values = similarity(self.regions, a, b, measures=self.measures)
        for value, one, other in zip(
            values.tolist(), a.tolist(), b.tolist(), strict=True
        ):
            heapq.heappush(self.heap, (-value, one, other))

    def most_similar(self) -> Merge:
        """Take the two most similar neighbours off the heap; ties by their rows."""
        while True:
            value, a, b = heapq.heappop(self.heap)
            if a in self.neighbours and b in self.neighbours:  # neither is merged yet
                return Merge(a, b, -value)

    def step(self) -> Merge:
        """Join the two most similar neighbours; returns which they were."""
        merge = self.most_similar()
        new = (len(self.regions.size) + 1) // 2 + len(self.merges)
        gone = {merge.a, merge.b}
        merge_regions(self.regions, merge.a, merge.b, new=new)
        around = (self.neighbours.pop(merge.a) | self.neighbours.pop(merge.b)) - gone
        for other in around:
            self.neighbours[other] -= gone
            self.neighbours[other].add(new)
        self.neighbours[new] = around
        rows = np.array(sorted(around), dtype=np.int64)
        self.compare(rows, np.full_like(rows, new))
        self.merges.append(merge)
        return merge


def group_regions(
    leaves: Regions, pairs: Array, *, measures: Sequence[str] = tuple(MEASURES)
) -> Hierarchy:
    """Join the two most similar neighbours, again and again, until one region is left.

    Args:
        leaves: the R regions of a segmentation, which cover the image.
        pairs: (P, 2) those that touch.
        measures: the similarities to add up, out of MEASURES.
    """
    grouping = Grouping(leaves, pairs, measures=measures)
    while len(grouping.neighbours) > 1:
        grouping.step()
    return Hierarchy(grouping.regions, grouping.merges)


def labels_after(labels: Tensor, merges: Sequence[Merge]) -> Tensor:
    """The segmentation once these merges are done: (H, W) labels -> (H, W) rows.

    `labels` are those that the grouping began with, `merges` the first of its steps.
    """
    count = int(labels.max()) + 1
    row = torch.arange(count)
    for step, merge in enumerate(merges):
        row[(row == merge.a) | (row == merge.b)] = count + step
    return row[labels]
