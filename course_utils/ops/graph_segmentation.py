"""Segmentation of an image as a graph (Felzenszwalb and Huttenlocher, 2004).

Pixels are nodes; an edge joins each pixel to its 8 neighbours and weighs as much as the
two colours differ. From the lightest edge on, regions are joined where the edge between
them is no heavier than what each of them has already seen inside.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.ops.graph_batches import (
    join_similar_regions,
    join_small_regions,
    lightest_first,
)
from course_utils.ops.smoothing import gaussian_blur

# Right, down, and both diagonals: with their opposites, all 8 neighbours.
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
Edge = tuple[int, int, float]


class DisjointSets:
    """Which nodes belong together: union-find, with each set's size at its root."""

    def __init__(self, count: int) -> None:
        """Every one of `count` nodes is a set of its own."""
        self.parent = list(range(count))
        self.size = [1] * count

    def find(self, node: int) -> int:
        """The root of the node's set: the node that stands for it."""
        parent = self.parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]  # halves the path for the next search
            node = parent[node]
        return node

    def join(self, a: int, b: int) -> int:
        """Make one set of those with the roots `a` and `b`; returns its root."""
        if self.size[a] < self.size[b]:
            a, b = b, a  # the smaller tree goes below, so that paths stay short
        self.parent[b] = a
        self.size[a] += self.size[b]
        return a


class Graph(NamedTuple):
    """The edges between neighbouring pixels, from the lightest to the heaviest.

    Pixels are numbered row by row from 0. Ties keep a fixed order.
    """

    edges: Tensor  # (2, E) int64, the two pixels of each edge
    weights: Tensor  # (E,) float32, the distance of their colours
    height: int
    width: int


def pixel_graph(image: Tensor) -> Graph:
    """The graph of a (C, H, W) float image; an edge weighs the colours' distance."""
    height, width = image.shape[-2:]
    numbers = torch.arange(height * width).view(height, width)
    ends, weights = [], []
    for down, right in STEPS:
        here = (slice(height - down), slice(max(-right, 0), width - max(right, 0)))
        there = (slice(down, None), slice(max(right, 0), width + min(right, 0)))
        ends.append(torch.stack([numbers[here].flatten(), numbers[there].flatten()]))
        change = image[:, *here] - image[:, *there]
        weights.append(change.square().sum(dim=0).sqrt().flatten())
    weight = torch.cat(weights).float()
    order = lightest_first(weight)
    return Graph(torch.cat(ends, dim=1)[:, order], weight[order], height, width)


def join_similar(sets: DisjointSets, edges: Iterable[Edge], *, k: float) -> None:
    """Join the regions between which there is no evidence of a border.

    An edge joins A and B if it weighs at most Int + k / size of both, where Int is the
    heaviest edge used inside so far. `edges` come from the lightest to the heaviest.
    """
    inside = [0.0] * len(sets.parent)
    for first, second, weight in edges:
        a, b = sets.find(first), sets.find(second)
        limit_a = inside[a] + k / sets.size[a]
        limit_b = inside[b] + k / sets.size[b]
        if a != b and weight <= min(limit_a, limit_b):
            # Weights rise, so that this one is the heaviest inside the new region.
            inside[sets.join(a, b)] = weight


def join_small(sets: DisjointSets, edges: Iterable[Edge], *, min_size: int) -> None:
    """Join each region below `min_size` pixels to what its lightest edge leads to."""
    for first, second, _ in edges:
        a, b = sets.find(first), sets.find(second)
        if a != b and min(sets.size[a], sets.size[b]) < min_size:
            sets.join(a, b)


def number_regions(roots: Tensor) -> Tensor:
    """Any labels (H, W) as numbers from 0 in the order in which a reader meets them."""
    names, first, places = np.unique(
        roots.numpy(), return_index=True, return_inverse=True
    )
    rank = np.empty(len(names), dtype=np.int64)
    rank[first.argsort()] = np.arange(len(names))
    return torch.from_numpy(rank[places]).view(roots.shape)


def check_graph_settings(image: Tensor, **settings: float) -> None:
    """Raises ValueError for an image or a setting that no segmentation can have."""
    if image.ndim != 3 or not image.is_floating_point() or image.numel() == 0:
        raise ValueError(
            f"the image is {image.dtype} of shape {tuple(image.shape)}, but float "
            "(C, H, W) with at least one pixel was expected: divide bytes by 255"
        )
    if not image.isfinite().all():
        raise ValueError("the image has values that are not finite: clean it first")
    for name, value in settings.items():
        if not value >= 0:
            raise ValueError(f"{name} is {value}, but at least 0 was expected")


def cut_graph(graph: Graph, *, k: float, min_size: int) -> Tensor:
    """The regions of an image's graph: (H, W) int64 from 0; see `segment_graph`.

    The same as `join_similar` and then `join_small` over its edges, but faster.
    """
    edges = graph.edges.int().numpy()
    weights = graph.weights.double().numpy()
    roots = join_similar_regions(edges, weights, graph.height * graph.width, k=k)
    roots = join_small_regions(edges, roots, min_size=min_size)
    return number_regions(torch.from_numpy(roots).view(graph.height, graph.width))


def segment_graph(
    image: Tensor, *, k: float, sigma: float = 0.8, min_size: int = 20
) -> Tensor:
    """The regions of an image: (C, H, W) float in [0, 1] -> (H, W) int64 from 0.

    Regions are numbered in the order of their first pixels, row by row.

    Args:
        image: any number of channels; one for grey.
        k: how readily regions grow, for intensities of 0 to 255 as in the paper. A
            region of s pixels accepts a border of k / s more than it has inside.
        sigma: standard deviation of the smoothing before, in pixels; 0 for none.
        min_size: fewest pixels of a region.
    """
    check_graph_settings(image, k=k, sigma=sigma, min_size=min_size)
    graph = pixel_graph(gaussian_blur(image.cpu() * 255, sigma=sigma))
    return cut_graph(graph, k=k, min_size=min_size).to(image.device)
