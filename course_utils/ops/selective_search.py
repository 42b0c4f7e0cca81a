"""Selective search: boxes of the regions of several groupings (Uijlings, 2013)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.boxes import remove_small_boxes
from course_utils.ops.colour_spaces import convert_colours
from course_utils.ops.graph_segmentation import cut_graph, pixel_graph
from course_utils.ops.region_grouping import Hierarchy, group_regions
from course_utils.ops.regions import (
    colour_bins,
    count_regions,
    neighbouring_regions,
    texture_bins,
)
from course_utils.ops.smoothing import gaussian_blur

CTSF = ("colour", "texture", "size", "fill")
TSF = ("texture", "size", "fill")
SIGMA = 0.8  # of the smoothing before segmentation


@dataclass(frozen=True)
class Strategy:
    """Which groupings to make: each colour space with each k and each similarity."""

    spaces: tuple[str, ...]
    ks: tuple[int, ...]
    measures: tuple[tuple[str, ...], ...]
    min_size: int | None = None  # of the first regions; k itself if none is given


STRATEGIES = {
    "fast": Strategy(("hsv", "lab"), (50, 100), (CTSF, TSF)),
    "quality": Strategy(
        ("hsv", "lab", "rgi", "hue", "intensity"),
        (50, 100, 150, 300),
        (CTSF, TSF, ("fill",), ("size",)),
    ),
}


def make_hierarchies(image: Tensor, strategy: Strategy) -> list[Hierarchy]:
    """The groupings of a (3, H, W) RGB image in [0, 1] that a strategy asks for."""
    hierarchies = []
    for space in strategy.spaces:
        colours = convert_colours(image, space)
        graph = pixel_graph(gaussian_blur(colours * 255, sigma=SIGMA))
        bins = colour_bins(colours), texture_bins(colours)
        for k in strategy.ks:
            labels = cut_graph(graph, k=k, min_size=strategy.min_size or k)
            leaves = count_regions(labels, *bins)
            pairs = neighbouring_regions(labels)
            hierarchies += [
                group_regions(leaves, pairs, measures=measures)
                for measures in strategy.measures
            ]
    return hierarchies


def rank_boxes(hierarchies: list[Hierarchy], *, seed: int) -> Tensor:
    """Boxes of all regions, likely objects first: (N, 4) float xyxy without duplicates.

    A box's rank is its place from the top of its hierarchy, the whole image being 1,
    times a random number: large regions come early, but not all of them.
    """
    boxes = torch.cat([torch.from_numpy(h.regions.box).flip(0) for h in hierarchies])
    places = [torch.arange(1, len(h.regions.box) + 1) for h in hierarchies]
    generator = torch.Generator().manual_seed(seed)
    rank = torch.cat(places) * torch.rand(len(boxes), generator=generator)
    boxes = boxes[rank.argsort(stable=True)]
    _, first = np.unique(boxes.numpy(), axis=0, return_index=True)
    return boxes[np.sort(first)].float()


def selective_search(
    image: Tensor,
    *,
    strategy: str | Strategy = "fast",
    min_side: float = 20,
    seed: int = 0,
) -> Tensor:
    """Boxes that may hold an object, likely ones first: (N, 4) float xyxy.

    (3, H, W) float RGB in [0, 1] -> boxes inside the image, no two the same; (0, 4) if
    the image is smaller than `min_side`.

    Args:
        image: what to look at.
        strategy: "fast" for 8 groupings, "quality" for 80, or one of your own.
        min_side: smallest width and height in pixels of a box that is kept.
        seed: of the random part of the order.
    """
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise ValueError(
                f"there is no strategy {strategy!r}: choose from {tuple(STRATEGIES)}, "
                "or give a Strategy"
            )
        strategy = STRATEGIES[strategy]
    if image.ndim != 3 or len(image) != 3:
        raise ValueError(
            f"the image has shape {tuple(image.shape)}, but (3, H, W) was expected: "
            "repeat a grey image in three channels"
        )
    boxes = rank_boxes(make_hierarchies(image, strategy), seed=seed)
    return boxes[remove_small_boxes(boxes, min_side)]
