"""Segmentation of an image as a graph (Felzenszwalb and Huttenlocher, 2004).

Pixels are nodes; an edge joins each pixel to its 8 neighbours and weighs as much as the
two colours differ. From the lightest edge on, regions are joined where the edge between
them is no heavier than what each of them has already seen inside.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.ops.selective_search.smoothing import gaussian_blur
from course_utils.ops.validators import check_at_least

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
    check_at_least(0, **settings)


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


# From here on, the same joining again, but much faster. Most edges change nothing: both
# ends are in one region already, or a region is closed. NumPy finds those for thousands
# of edges at once, so that Python's loop, which has to take edges one by one, sees only
# the rest. The regions are the same to the pixel.
Array = NDArray[Any]
BATCHES = 24  # more leave fewer edges to the loop, but each looks at all pixels once


def lightest_first(weights: Tensor) -> Tensor:
    """The order of (E,) float32 weights >= 0, ties as they come: (E,) int64."""
    # The bits of such a float, read as a whole number, are ordered like the float. With
    # the place behind them, plain sorting, which is fast, also keeps ties in order.
    bits = weights.numpy().view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys = bits | np.arange(len(bits), dtype=np.uint64)
    keys.sort()
    return torch.from_numpy((keys & np.uint64(0xFFFFFFFF)).astype(np.int64))


def batches(count: int) -> list[slice]:
    """Slices that cover `count` edges in order, about as many in each."""
    bounds = np.linspace(0, count, BATCHES + 1).astype(int).tolist()
    return [slice(start, end) for start, end in pairwise(bounds) if start < end]


def rename_ends(a: Array, b: Array, count: int) -> tuple[Array, list[int], list[int]]:
    """The regions that edges touch, and both ends of each edge as places among them."""
    is_touched = np.zeros(count, dtype=bool)
    is_touched[a] = is_touched[b] = True
    names = is_touched.nonzero()[0]
    place = np.empty(count, dtype=np.int32)
    place[names] = np.arange(len(names), dtype=np.int32)
    return names, place[a].tolist(), place[b].tolist()


def follow(root: Array, names: Array, parent: list[int]) -> Array:
    """Every node's root, after the loop made `parent` out of the regions `names`."""
    top = np.array(parent, dtype=np.int32)
    while (top != top[top]).any():
        top = top[top]
    new = np.arange(len(root), dtype=root.dtype)
    new[names] = names[top]
    return new[root]


def join_similar_regions(
    edges: Array, weights: Array, count: int, *, k: float
) -> Array:
    """The root of each of `count` nodes once `join_similar` is through all edges.

    (2, E) node numbers and (E,) float64 weights that do not fall -> (count,) int32.
    """
    root = np.arange(count, dtype=np.int32)
    size, limit = np.ones(count, dtype=np.int64), np.full(count, float(k))
    for batch in batches(len(weights)):
        a, b = root[edges[0, batch]], root[edges[1, batch]]
        # A region that refuses one edge refuses all heavier ones: it never grows again.
        is_open = limit >= weights[batch.start]
        keep = ((a != b) & is_open[a] & is_open[b]).nonzero()[0]
        names, first, second = rename_ends(a[keep], b[keep], count)
        sizes, limits = size[names].tolist(), limit[names].tolist()
        heavy = weights[batch][keep].tolist()
        parent = similar_loop(first, second, heavy, sizes, limits, k=k)
        size[names], limit[names] = sizes, limits
        root = follow(root, names, parent)
    return root


def similar_loop(
    first: list[int],
    second: list[int],
    weights: list[float],
    size: list[int],
    limit: list[float],
    *,
    k: float,
) -> list[int]:
    """The loop of `join_similar`, written for speed; changes `size` and `limit`."""
    parent = list(range(len(size)))
    for node, neighbour, weight in zip(first, second, weights, strict=True):
        a, b = parent[node], parent[neighbour]
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        if a != b and weight <= limit[a] and weight <= limit[b]:
            parent[b] = a
            size[a] += size[b]
            limit[a] = weight + k / size[a]
    return parent


def join_small_regions(edges: Array, root: Array, *, min_size: int) -> Array:
    """The root of each node once `join_small` is through all edges."""
    count = len(root)
    size = np.bincount(root, minlength=count)
    for batch in batches(edges.shape[1]):
        a, b = root[edges[0, batch]], root[edges[1, batch]]
        is_small = size < min_size
        keep = ((a != b) & (is_small[a] | is_small[b])).nonzero()[0]
        names, first, second = rename_ends(a[keep], b[keep], count)
        sizes = size[names].tolist()
        parent = small_loop(first, second, sizes, min_size)
        size[names] = sizes
        root = follow(root, names, parent)
    return root


def small_loop(
    first: list[int], second: list[int], size: list[int], min_size: int
) -> list[int]:
    """The loop of `join_small`, written for speed; changes `size`."""
    parent = list(range(len(size)))
    for node, neighbour in zip(first, second, strict=True):
        a, b = parent[node], parent[neighbour]
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        if a != b and (size[a] < min_size or size[b] < min_size):
            parent[b] = a
            size[a] += size[b]
    return parent
