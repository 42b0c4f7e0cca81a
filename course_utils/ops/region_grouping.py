"""Hierarchical grouping of regions by similarity (Uijlings et al., 2013)."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.regions import (
    Array,
    Regions,
    describe_regions,
    neighbouring_regions,
)

Rows = Array | int  # which regions
MEASURES = ("colour", "texture", "size", "fill")


class Hierarchy(NamedTuple):
    """All regions of a grouping: R at first, then one for each merge, 2R - 1 in all."""

    regions: Regions  # 2R - 1 rows; the last one is the whole image
    pairs: Array  # (R - 1, 2) which two regions each merge took
    similarity: Array  # (R - 1,) how alike those two were


def colour_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of colours that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.colour[a], regions.colour[b]).sum(axis=-1)
    return common


def texture_similarity(regions: Regions, a: Rows, b: Rows) -> Array:
    """The share of slopes that regions `a` and `b` have in common: (P,) in [0, 1]."""
    common: Array = np.minimum(regions.texture[a], regions.texture[b]).sum(axis=-1)
    return common


def size_similarity(regions: Regions, a: Rows, b: Rows, image_size: int) -> Array:
    """The share of the image outside of both: (P,) in [0, 1], near 1 for small ones."""
    outside: Array = 1 - (regions.size[a] + regions.size[b]) / image_size
    return outside


def fill_similarity(regions: Regions, a: Rows, b: Rows, image_size: int) -> Array:
    """How well two regions fill their common box: (P,) in [0, 1], 1 without a gap."""
    box = joint_box(regions.box[a], regions.box[b])
    area = (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
    gap: Array = (area - regions.size[a] - regions.size[b]) / image_size
    return 1 - gap


def joint_box(a: Array, b: Array) -> Array:
    """The tight box around two boxes: (..., 4) and (..., 4) -> (..., 4) xyxy."""
    low = np.minimum(a[..., :2], b[..., :2])
    return np.concatenate([low, np.maximum(a[..., 2:], b[..., 2:])], axis=-1)


def similarity_parts(
    regions: Regions, a: Rows, b: Rows, image_size: int
) -> dict[str, Array]:
    """The four similarities of regions `a` and `b` by name: (P,) each, in [0, 1]."""
    return {
        "colour": colour_similarity(regions, a, b),
        "texture": texture_similarity(regions, a, b),
        "size": size_similarity(regions, a, b, image_size),
        "fill": fill_similarity(regions, a, b, image_size),
    }


def similarity(
    regions: Regions,
    a: Rows,
    b: Rows,
    image_size: int,
    measures: Sequence[str] = MEASURES,
) -> Array:
    """The sum of the chosen similarities of regions `a` and `b`: (P,)."""
    parts = similarity_parts(regions, a, b, image_size)
    total: Array = np.sum([parts[name] for name in measures], axis=0)
    return total


def with_room(regions: Regions, count: int) -> Regions:
    """The same regions with empty rows after them, `count` rows in all."""
    room = count - len(regions.size)
    return Regions(
        *(np.concatenate([x, np.zeros((room, *x.shape[1:]), x.dtype)]) for x in regions)
    )


def merge_regions(regions: Regions, a: int, b: int, new: int) -> None:
    """Write what regions `a` and `b` are together into row `new`.

    Histograms are means weighted by size, so that no pixel is looked at again.
    """
    size = regions.size[a] + regions.size[b]
    share = regions.size[a] / size
    regions.size[new] = size
    regions.box[new] = joint_box(regions.box[a], regions.box[b])
    for histogram in (regions.colour, regions.texture):
        histogram[new] = share * histogram[a] + (1 - share) * histogram[b]


def group_regions(
    leaves: Regions, pairs: Array, *, measures: Sequence[str] = MEASURES
) -> Hierarchy:
    """Join the two most similar neighbours, again and again, until one region is left.

    Args:
        leaves: the R regions of a segmentation, which cover the image.
        pairs: (P, 2) those that touch.
        measures: the similarities to add up, out of MEASURES.
    """
    count, image_size = len(leaves.size), int(leaves.size.sum())
    regions = with_room(leaves, 2 * count - 1)
    neighbours: list[set[int]] = [set() for _ in range(2 * count - 1)]
    for a, b in pairs.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    values = similarity(regions, pairs[:, 0], pairs[:, 1], image_size, measures)
    heap = [
        (-s, a, b) for s, (a, b) in zip(values.tolist(), pairs.tolist(), strict=True)
    ]
    heapq.heapify(heap)
    merges = []
    is_gone = [False] * (2 * count - 1)
    for new in range(count, 2 * count - 1):
        score, a, b = heapq.heappop(heap)
        while is_gone[a] or is_gone[b]:
            score, a, b = heapq.heappop(heap)
        merges.append((a, b, -score))
        is_gone[a] = is_gone[b] = True
        merge_regions(regions, a, b, new)
        around = sorted((neighbours[a] | neighbours[b]) - {a, b})
        for other in around:
            neighbours[other] -= {a, b}
            neighbours[other].add(new)
        neighbours[new] = set(around)
        values = similarity(regions, np.array(around, int), new, image_size, measures)
        for s, other in zip(values.tolist(), around, strict=True):
            heapq.heappush(heap, (-s, other, new))
    table = np.array(merges, dtype=np.float64).reshape(-1, 3)
    return Hierarchy(regions, table[:, :2].astype(np.int64), table[:, 2])


def build_hierarchy(
    labels: Tensor, image: Tensor, *, measures: Sequence[str] = MEASURES
) -> Hierarchy:
    """Group the regions of a segmentation.

    (H, W) int64 labels from 0, (C, H, W) float image in [0, 1].
    """
    leaves = describe_regions(labels, image)
    return group_regions(leaves, neighbouring_regions(labels), measures=measures)


def labels_after(labels: Tensor, hierarchy: Hierarchy, merges: int) -> Tensor:
    """The regions once the first `merges` merges are done: (H, W) of row numbers."""
    count = len(hierarchy.regions.size)
    names = torch.arange(count)
    leaves = (count + 1) // 2
    for step, (a, b) in enumerate(hierarchy.pairs[:merges].tolist()):
        names[names == a] = leaves + step
        names[names == b] = leaves + step
    return names[labels]
