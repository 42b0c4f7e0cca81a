"""Answers to the task group_similarities, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Regions = dict[str, Tensor]
Size = tuple[int, int]


def similarities_by_numpy(regions: Regions, groups: Tensor, image_size: Size) -> Tensor:
    """In float64, with the members side by side on the last axis."""
    area = float(np.prod(image_size))
    members = {
        name: np.moveaxis(values.double().numpy()[groups.numpy()], 1, -1)
        for name, values in regions.items()
    }
    x1, y1 = members["boxes"][:, :2].min(axis=-1).T
    x2, y2 = members["boxes"][:, 2:].max(axis=-1).T
    pixels = members["sizes"].sum(axis=-1)
    columns = [
        np.minimum.reduce(members["colours"], axis=-1).sum(axis=-1),
        np.minimum.reduce(members["textures"], axis=-1).sum(axis=-1),
        (area - pixels) / area,
        (area - (x2 - x1) * (y2 - y1) + pixels) / area,
    ]
    return torch.from_numpy(np.stack(columns, axis=1))


def similarities_member_by_member(
    regions: Regions, groups: Tensor, image_size: Size
) -> Tensor:
    """A loop over the members of a group, of which there are few."""
    area = image_size[0] * image_size[1]
    colours, textures, sizes, boxes = regions.values()
    first, *others = groups.unbind(1)
    c, t, n, b = colours[first], textures[first], sizes[first], boxes[first]
    for member in others:
        c, t = torch.minimum(c, colours[member]), torch.minimum(t, textures[member])
        n = n + sizes[member]
        low = torch.minimum(b, boxes[member])[:, :2]
        b = torch.cat([low, torch.maximum(b, boxes[member])[:, 2:]], dim=1)
    hull = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    fill = 1 - (hull - n) / area
    return torch.stack([c.sum(1), t.sum(1), 1 - n / area, fill], dim=-1)


def similarities_by_vmap(regions: Regions, groups: Tensor, image_size: Size) -> Tensor:
    image = image_size[0] * image_size[1]
    if len(groups) == 0:
        return torch.zeros(0, 4)

    def one(members: Tensor) -> Tensor:
        boxes = regions["boxes"][members]
        hull = (boxes[:, 2:].amax(0) - boxes[:, :2].amin(0)).prod()
        share = regions["sizes"][members].sum() / image
        shared = [regions[k][members].amin(0).sum() for k in ("colours", "textures")]
        return torch.stack([*shared, 1 - share, 1 - hull / image + share])

    return torch.vmap(one)(groups)


def similarities(
    regions: Regions,
    groups: Tensor,
    image_size: Size,
    *,
    shared: Any = lambda bins: bins.amin(1),
    reduce: str = "sum",
    low: str = "amin",
    high: str = "amax",
    size: Any = lambda pixels, image: 1 - pixels.sum(1) / image,
    fill: Any = lambda hull, pixels, image: 1 - (hull - pixels.sum(1)) / image,
) -> Tensor:
    image = image_size[0] * image_size[1]
    c, t, n, b = (values[groups] for values in regions.values())
    histograms = [getattr(shared(bins), reduce)(1) for bins in (c, t)]
    sides = getattr(b[..., 2:], high)(1) - getattr(b[..., :2], low)(1)
    return torch.stack([*histograms, size(n, image), fill(sides.prod(1), n, image)], 1)


def areas(regions: Regions) -> Tensor:
    return (regions["boxes"][:, 2:] - regions["boxes"][:, :2]).prod(1)


def in_a_loop(r: Regions, g: Tensor, s: Size) -> Tensor:
    rows = [similarities(r, group[None], s)[0] for group in g]
    return torch.stack(rows) if rows else torch.zeros(0, 4)


def colours_in_a_loop(r: Regions, g: Tensor, s: Size) -> Tensor:
    right = similarities(r, g, s)
    for i, group in enumerate(g.tolist()):
        right[i, 0] = r["colours"][group].amin(0).sum()
    return right


def of_pairs(r: Regions, g: Tensor, s: Size) -> Tensor:
    """The mean over all pairs of members, as a lesson's function would give it."""
    if g.shape[1] < 2:
        return similarities(r, g, s)
    i, j = torch.combinations(torch.arange(g.shape[1])).T
    values = [similarities(r, g[:, p], s) for p in torch.stack([i, j], dim=1)]
    return torch.stack(values).mean(0)


def of_first_two(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g[:, :2], s)


def histograms_of_two(r: Regions, g: Tensor, s: Size) -> Tensor:
    return torch.cat(
        [similarities(r, g[:, :2], s)[:, :2], similarities(r, g, s)[:, 2:]], 1
    )


def largest(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, shared=lambda bins: bins.amax(1))


def products(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, shared=lambda bins: bins.prod(1))


def means(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, shared=lambda bins: bins.mean(1))


def distances(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, shared=lambda bins: bins.amax(1) - bins.amin(1))


def sums_first(r: Regions, g: Tensor, s: Size) -> Tensor:
    """Adds the bins up before it takes the smallest, so that all is 1."""
    return similarities(r, g, s, shared=lambda bins: bins.sum(-1).amin(1)[:, None])


def means_of_bins(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, reduce="mean")


def texture_first(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s)[:, [1, 0, 2, 3]]


def colour_twice(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s)[:, [0, 0, 2, 3]]


def large_is_similar(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, size=lambda pixels, image: pixels.sum(1) / image)


def one_size(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, size=lambda pixels, image: 1 - pixels[:, 0] / image)


def mean_size(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(
        r, g, s, size=lambda pixels, image: 1 - pixels.double().mean(1) / image
    )


def whole_division(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, size=lambda pixels, image: 1 - pixels.sum(1) // image)


def sizes_by_boxes(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r | {"sizes": areas(r)}, g, s)


def fill_with_boxes(r: Regions, g: Tensor, s: Size) -> Tensor:
    boxes = areas(r)[g].sum(1)
    return similarities(r, g, s, fill=lambda hull, n, image: 1 - (hull - boxes) / image)


def fill_of_the_box(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, fill=lambda hull, n, image: n.sum(1) / hull)


def fill_not_scaled(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, fill=lambda hull, n, image: 1 - (hull - n.sum(1)))


def fill_of_hull_alone(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, fill=lambda hull, n, image: 1 - hull / image)


def empty_share(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, fill=lambda hull, n, image: (hull - n.sum(1)) / image)


def fill_of_overlap(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s, low="amax", high="amin")


def fill_before_size(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s)[:, [0, 1, 3, 2]]


def squared_height(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, (s[0], s[0]))


def pixels_plus_one(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r | {"boxes": r["boxes"] + torch.tensor([0, 0, 1, 1])}, g, s)


def stacked_first(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s).T


def summed(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, g, s).sum(-1)


def of_all_regions(r: Regions, g: Tensor, s: Size) -> Tensor:
    return similarities(r, torch.arange(len(r["sizes"])).expand(len(g), -1), s)


def normalises_in_place(r: Regions, g: Tensor, s: Size) -> Tensor:
    right = similarities(r, g, s)
    r["colours"] /= 2
    return right
