"""Selective search: boxes of the regions of several groupings (Uijlings, 2013)."""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.boxes import remove_small_boxes
from course_utils.ops.selective_search.color_spaces import COLOR_SPACES, convert_colors
from course_utils.ops.selective_search.graph_segmentation import (
    Array,
    check_graph_settings,
    cut_graph,
    pixel_graph,
)
from course_utils.ops.selective_search.regions import (
    MEASURES,
    Regions,
    check_measures,
    colour_bins,
    count_regions,
    joint_box,
    neighbouring_regions,
    similarity,
    texture_bins,
)
from course_utils.ops.selective_search.smoothing import gaussian_blur
from course_utils.ops.validators import check_choice


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

    longer = []
    for rows in (regions.size, regions.box, regions.colour, regions.texture):
        room = np.zeros((count - len(rows), *rows.shape[1:]), rows.dtype)
        longer.append(np.concatenate([rows, room]))
    size, box, colour, texture = longer
    return Regions(size, box, colour, texture, regions.image_size)


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


Heap = list[tuple[float, int, int]]  # pairs of regions; the most alike come first
Neighbours = dict[int, set[int]]  # region -> the regions that it touches


def neighbour_sets(pairs: Array, count: int) -> Neighbours:
    """Which of `count` regions each one touches, from the (P, 2) pairs that touch."""
    neighbours: Neighbours = {row: set() for row in range(count)}
    for a, b in pairs.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    return neighbours


def compare(
    heap: Heap, regions: Regions, a: Array, b: Array, measures: Sequence[str]
) -> None:
    """Put the similarities of the regions `a` and `b` on the heap: (P,) and (P,)."""
    values = similarity(regions, a, b, measures=measures)
    for value, *pair in zip(values.tolist(), a.tolist(), b.tolist(), strict=True):
        heapq.heappush(heap, (-value, *pair))


def most_similar(heap: Heap, neighbours: Neighbours) -> Merge:
    """Take the two most similar neighbours off the heap; ties by their rows.

    A pair is out of date if one of its regions has been merged meanwhile.
    """
    while True:
        value, a, b = heapq.heappop(heap)
        if a in neighbours and b in neighbours:
            return Merge(a, b, -value)


def join_neighbours(neighbours: Neighbours, merge: Merge, *, new: int) -> Array:
    """Let region `new` take the place of the two that were merged; what it touches."""
    gone = {merge.a, merge.b}
    around = (neighbours.pop(merge.a) | neighbours.pop(merge.b)) - gone
    for other in around:
        neighbours[other] -= gone
        neighbours[other].add(new)
    neighbours[new] = around
    return np.array(sorted(around), dtype=np.int64)


def group_regions(
    leaves: Regions, pairs: Array, *, measures: Sequence[str] = tuple(MEASURES)
) -> Hierarchy:
    """Join the two most similar neighbours, again and again, until one region is left.

    Args:
        leaves: the R regions of a segmentation, which cover the image.
        pairs: (P, 2) those that touch.
        measures: the similarities to add up, out of MEASURES.
    """
    check_measures(measures)
    count = len(leaves.size)
    regions, merges = with_room(leaves, 2 * count - 1), list[Merge]()
    neighbours, heap = neighbour_sets(pairs, count), Heap()
    compare(heap, regions, pairs[:, 0], pairs[:, 1], measures)
    while len(neighbours) > 1:
        merge, new = most_similar(heap, neighbours), count + len(merges)
        merge_regions(regions, merge.a, merge.b, new=new)
        around = join_neighbours(neighbours, merge, new=new)
        compare(heap, regions, around, np.full_like(around, new), measures)
        merges.append(merge)
    return Hierarchy(regions, merges)


def labels_after(labels: Tensor, merges: Sequence[Merge]) -> Tensor:
    """The segmentation once these merges are done: (H, W) labels -> (H, W) rows.

    `labels` are those that the grouping began with, `merges` the first of its steps.
    """
    count = int(labels.max()) + 1
    row = torch.arange(count)
    for step, merge in enumerate(merges):
        row[(row == merge.a) | (row == merge.b)] = count + step
    return row[labels]


def check_strategy(strategy: "Strategy") -> None:
    """Raises ValueError for a setting that no grouping can have."""
    for space in strategy.spaces:
        check_choice("space", space, COLOR_SPACES)
    for measures in strategy.measures:
        check_measures(measures)
    ks = strategy.ks
    if not (strategy.spaces and ks and strategy.measures and min(ks) >= 0):
        raise ValueError(
            f"{strategy} makes no grouping: name at least one colour space, "
            "one k that is not negative and one set of measures"
        )


SIGMA = 0.8  # of the smoothing before segmentation
CTSF = ("colour", "texture", "size", "fill")
TSF = ("texture", "size", "fill")


@dataclass(frozen=True)
class Strategy:
    """Which groupings to make: every colour space, with every k, with every measure.

    Raises ValueError for a setting that no grouping can have.
    """

    spaces: tuple[str, ...]  # out of COLOR_SPACES
    ks: tuple[float, ...]  # of the segmentation, for intensities of 0 to 255
    measures: tuple[tuple[str, ...], ...]  # which similarities to add up
    min_size: int | None = None  # pixels of the first regions; None for as many as k

    def __post_init__(self) -> None:
        """Check the settings."""
        check_strategy(self)


# The paper's two, for photographs of about 500 pixels; and one for images of about 128
# pixels, where 30 pixels are a region worth having.
STRATEGIES = {
    "fast": Strategy(("hsv", "lab"), (50, 100), (CTSF, TSF)),
    "quality": Strategy(
        ("hsv", "lab", "rgi", "hue", "intensity"),
        (50, 100, 150, 300),
        (CTSF, TSF, ("fill",), ("size",)),
    ),
    "small": Strategy(("hsv", "lab"), (100,), (CTSF, TSF), min_size=30),
}


def choose_strategy(strategy: str | Strategy) -> Strategy:
    """The strategy of that name. Raises ValueError if there is none."""
    if isinstance(strategy, Strategy):
        return strategy
    check_choice("strategy", strategy, STRATEGIES)
    return STRATEGIES[strategy]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for a while.

    The steps on an image are so short that threads which wait for each other, on a
    machine with other work, take many times longer.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def make_hierarchies(image: Tensor, strategy: Strategy) -> list[Hierarchy]:
    """The groupings of a (3, H, W) RGB image in [0, 1] that a strategy asks for."""
    hierarchies = []
    for space in strategy.spaces:
        colours = convert_colors(image, space)
        graph = pixel_graph(gaussian_blur(colours * 255, sigma=SIGMA))
        bins = colour_bins(colours), texture_bins(colours)
        for k in strategy.ks:
            min_size = int(k) if strategy.min_size is None else strategy.min_size
            labels = cut_graph(graph, k=k, min_size=min_size)
            leaves, pairs = count_regions(labels, *bins), neighbouring_regions(labels)
            hierarchies += [
                group_regions(leaves, pairs, measures=measures)
                for measures in strategy.measures
            ]
    return hierarchies


def rank_boxes(hierarchies: list[Hierarchy], *, seed: int) -> Tensor:
    """Boxes of all regions, likely objects first: (N, 4) float xyxy without duplicates.

    A box's rank is its place from the top of its hierarchy, the whole image being 1,
    times a random number: large regions come early, but small ones have a chance.
    """
    boxes = torch.cat([hierarchy.boxes() for hierarchy in hierarchies])
    places = [torch.arange(1, len(h.regions.box) + 1) for h in hierarchies]
    generator = torch.Generator().manual_seed(seed)
    rank = torch.cat(places) * torch.rand(len(boxes), generator=generator)
    boxes = boxes[rank.argsort(stable=True)]
    _, first = np.unique(boxes.numpy(), axis=0, return_index=True)
    return boxes[np.sort(first)]


def check_rgb(image: Tensor) -> None:
    """Raises ValueError unless the image is finite float (3, H, W)."""
    check_graph_settings(image)
    if len(image) != 3:
        raise ValueError(
            f"the image has {len(image)} channels, but 3 of RGB were expected: "
            "repeat a grey image with image.expand(3, -1, -1)"
        )


def selective_search(
    image: Tensor,
    *,
    strategy: str | Strategy = "fast",
    min_side: float = 20,
    seed: int = 0,
) -> Tensor:
    """Boxes that may hold an object, likely ones first: (N, 4) float xyxy.

    No two are the same, all lie inside the image, and the same seed gives the same
    boxes; (0, 4) if the image has a side below `min_side`.

    Args:
        image: (3, H, W) float RGB in [0, 1].
        strategy: "fast" for 8 groupings, "quality" for 80, "small" for 4 that suit
            images of about 128 pixels (with `min_side` 8), or one of your own.
        min_side: smallest width and height in pixels of a box that is kept.
        seed: of the random part of the order.
    """
    strategy = choose_strategy(strategy)
    check_rgb(image)
    pixels = image.detach().cpu().float().as_subclass(Tensor)
    with one_thread():
        boxes = rank_boxes(make_hierarchies(pixels, strategy), seed=seed)
    return boxes[remove_small_boxes(boxes, min_side)].to(image.device)
