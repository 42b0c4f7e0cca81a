"""Joining the regions of a graph as `graph_segmentation` does, but much faster.

Most edges change nothing: both ends are in one region already, or a region is closed.
NumPy finds those for thousands of edges at once, so that Python's loop, which has to
take edges one by one, sees only the rest. The regions are the same to the pixel.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    for one, other, weight in zip(first, second, weights, strict=True):
        a, b = parent[one], parent[other]
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
    for one, other in zip(first, second, strict=True):
        a, b = parent[one], parent[other]
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        if a != b and (size[a] < min_size or size[b] < min_size):
            parent[b] = a
            size[a] += size[b]
    return parent
