"""Answers to the task merged_regions, right ones first."""

from typing import Any

import torch
from torch import Tensor

Merged = tuple[Tensor, Tensor, Tensor]


def merged_by_scatter(
    histograms: Tensor, sizes: Tensor, boxes: Tensor, groups: Tensor, *, num_groups: int
) -> Merged:
    pixels = torch.zeros(num_groups, dtype=torch.int64).index_add(0, groups, sizes)
    counts = torch.zeros(num_groups, histograms.shape[1], dtype=torch.float64)
    counts = counts.index_add(0, groups, histograms.double() * sizes[:, None])
    signed = boxes * torch.tensor([-1, -1, 1, 1])  # so that all four are the largest
    hulls = torch.full((num_groups, 4), -torch.inf).scatter_reduce(
        0, groups[:, None].expand(-1, 4), signed, "amax"
    )
    return counts / pixels[:, None], pixels, hulls * torch.tensor([-1, -1, 1, 1])


def merged_two_by_two(
    histograms: Tensor, sizes: Tensor, boxes: Tensor, groups: Tensor, *, num_groups: int
) -> list[Tensor]:
    """Region after region, as selective search does it."""
    found: dict[int, tuple[list[float], int, list[float]]] = {}
    for i, g in enumerate(groups.tolist()):
        h, n, b = histograms[i].tolist(), int(sizes[i]), boxes[i].tolist()
        if g in found:
            old, m, c = found[g]
            h = [(p * m + q * n) / (m + n) for p, q in zip(old, h, strict=True)]
            b = [min(b[0], c[0]), min(b[1], c[1]), max(b[2], c[2]), max(b[3], c[3])]
            n += m
        found[g] = h, n, b
    rows = [found[g] for g in range(num_groups)]
    return [
        torch.tensor([row[0] for row in rows]).reshape(-1, histograms.shape[1]),
        torch.tensor([row[1] for row in rows], dtype=torch.int32),
        torch.tensor([row[2] for row in rows]).reshape(-1, 4),
    ]


def merged_by_matrix(
    histograms: Tensor, sizes: Tensor, boxes: Tensor, groups: Tensor, *, num_groups: int
) -> Merged:
    is_member = groups == torch.arange(num_groups)[:, None]  # (G, R)
    pixels = (is_member * sizes).sum(1)
    mixed = (is_member * sizes).float() @ histograms / pixels[:, None]
    if num_groups == 0:
        return mixed, pixels, torch.zeros(0, 4)
    outside = ~is_member[..., None]
    low = boxes.expand(num_groups, -1, -1).masked_fill(outside, torch.inf).amin(1)
    high = boxes.expand(num_groups, -1, -1).masked_fill(outside, -torch.inf).amax(1)
    return mixed, pixels, torch.cat([low[:, :2], high[:, 2:]], 1)


def merged(
    histograms: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    groups: Tensor,
    *,
    num_groups: int,
    weights: Tensor | None = None,
) -> Merged:
    weights = sizes if weights is None else weights
    mixed = torch.zeros(num_groups, histograms.shape[1])
    pixels, hulls = torch.zeros(num_groups).long(), torch.zeros(num_groups, 4)
    for g in range(num_groups):
        m = groups == g
        mixed[g] = (histograms[m] * weights[m, None]).sum(0) / weights[m].sum()
        pixels[g] = sizes[m].sum()
        hulls[g] = torch.cat([boxes[m, :2].amin(0), boxes[m, 2:].amax(0)])
    return mixed, pixels, hulls


def plain_mean(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return merged(h, n, b, g, num_groups=num_groups, weights=torch.ones_like(n))


def by_box(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return merged(
        h, n, b, g, num_groups=num_groups, weights=(b[:, 2:] - b[:, :2]).prod(1)
    )


def by_root(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return merged(h, n, b, g, num_groups=num_groups, weights=n.sqrt())


def counts_of_pixels(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    return mixed * pixels[:, None], pixels, hulls


def sums_of_bins(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed = torch.zeros(num_groups, h.shape[1]).index_add(0, g, h)
    return mixed, *merged(h, n, b, g, num_groups=num_groups)[1:]


def divided_by_regions(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    count = g.bincount(minlength=num_groups)
    return mixed * (pixels / count)[:, None], pixels, hulls


def larger_bins(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    for i in range(num_groups):
        mixed[i] = h[g == i].amax(0)
    return mixed, pixels, hulls


def last_member(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    """Assigns where it should add: the last region of a group stays."""
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    mixed[g] = h
    return mixed, pixels, hulls


def adds_by_index(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    """`+=` with repeated indices adds only once."""
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    pixels = torch.zeros_like(pixels)
    pixels[g] += n
    return mixed, pixels, hulls


def float_sizes(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    return mixed, pixels.float(), hulls


def members(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, _, hulls = merged(h, n, b, g, num_groups=num_groups)
    return mixed, g.bincount(minlength=num_groups), hulls


def areas(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, _, hulls = merged(h, n, b, g, num_groups=num_groups)
    return mixed, (hulls[:, 2:] - hulls[:, :2]).prod(1).long(), hulls


def hull(merge: Any, num_groups: int, of: Any) -> Any:
    _, _, b, g = merge
    mixed, pixels, hulls = merged(*merge, num_groups=num_groups)
    for i in range(num_groups):
        hulls[i] = of(b[g == i])
    return mixed, pixels, hulls


def shared_box(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return hull(
        (h, n, b, g),
        num_groups,
        lambda r: torch.cat([r[:, :2].amax(0), r[:, 2:].amin(0)]),
    )


def mean_box(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return hull((h, n, b, g), num_groups, lambda rows: rows.mean(0))


def first_box(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    return hull((h, n, b, g), num_groups, lambda rows: rows[0])


def smallest_everywhere(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    return hull((h, n, b, g), num_groups, lambda rows: rows.amin(0))


def from_the_origin(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    """Starts each box at zeros, so that the smallest corner is always 0."""
    return hull(
        (h, n, b, g),
        num_groups,
        lambda r: torch.cat([torch.zeros(2), r[:, 2:].amax(0)]),
    )


def sorted_groups(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    """Takes it that groups are in the order of the regions."""
    first_seen = torch.tensor(list(dict.fromkeys(g.tolist())), dtype=torch.int64)
    return tuple(part[first_seen] for part in merged(h, n, b, g, num_groups=num_groups))


def boxes_second(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    return mixed, hulls, pixels


def nothing_merged(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    return h, n, b


def counts_groups_itself(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    return merged(h, n, b, g, num_groups=int(g.max()) + 1)


def weighs_in_place(
    h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int
) -> Any:
    right = merged(h, n, b, g, num_groups=num_groups)
    h *= n[:, None]
    return right


def in_a_dict(h: Tensor, n: Tensor, b: Tensor, g: Tensor, *, num_groups: int) -> Any:
    mixed, pixels, hulls = merged(h, n, b, g, num_groups=num_groups)
    return {"histograms": mixed, "sizes": pixels, "boxes": hulls}
