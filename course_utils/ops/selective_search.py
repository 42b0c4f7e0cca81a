"""Selective search: boxes of the regions of several groupings (Uijlings, 2013)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.boxes import remove_small_boxes
from course_utils.ops.colour_spaces import check_space, convert_colours
from course_utils.ops.graph_segmentation import (
    check_graph_settings,
    cut_graph,
    pixel_graph,
)
from course_utils.ops.region_grouping import Hierarchy, group_regions
from course_utils.ops.region_similarity import check_measures
from course_utils.ops.regions import (
    colour_bins,
    count_regions,
    neighbouring_regions,
    texture_bins,
)
from course_utils.ops.smoothing import gaussian_blur

SIGMA = 0.8  # of the smoothing before segmentation
CTSF = ("colour", "texture", "size", "fill")
TSF = ("texture", "size", "fill")


@dataclass(frozen=True)
class Strategy:
    """Which groupings to make: every colour space, with every k, with every measure.

    Raises ValueError for a setting that no grouping can have.
    """

    spaces: tuple[str, ...]  # out of COLOUR_SPACES
    ks: tuple[float, ...]  # of the segmentation, for intensities of 0 to 255
    measures: tuple[tuple[str, ...], ...]  # which similarities to add up
    min_size: int | None = None  # pixels of the first regions; None for as many as k

    def __post_init__(self) -> None:
        """Check the settings."""
        for space in self.spaces:
            check_space(space)
        for measures in self.measures:
            check_measures(measures)
        if not (self.spaces and self.ks and self.measures and min(self.ks) >= 0):
            raise ValueError(
                f"{self} makes no grouping: name at least one colour space, "
                "one k that is not negative and one set of measures"
            )


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
    if strategy not in STRATEGIES:
        raise ValueError(
            f"there is no strategy {strategy!r}: choose from {tuple(STRATEGIES)}, "
            "or make a Strategy of your own"
        )
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
        colours = convert_colours(image, space)
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
    check_graph_settings(image)
    if len(image) != 3:
        raise ValueError(
            f"the image has {len(image)} channels, but 3 of RGB were expected: "
            "repeat a grey image with image.expand(3, -1, -1)"
        )
    pixels = image.detach().cpu().float().as_subclass(Tensor)
    with one_thread():
        boxes = rank_boxes(make_hierarchies(pixels, strategy), seed=seed)
    return boxes[remove_small_boxes(boxes, min_side)].to(image.device)
