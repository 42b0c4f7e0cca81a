"""Answers to the task region_similarities, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Size = tuple[int, int]


def similarities_by_numpy(
    colours: Tensor, textures: Tensor, sizes: Tensor, boxes: Tensor, image_size: Size
) -> Tensor:
    """In float64, with what histograms share as (sum - difference) / 2."""
    area = float(np.prod(image_size))
    c, t, b = (x.double().numpy() for x in (colours, textures, boxes))
    n = sizes.numpy().astype(np.float64)
    out = np.empty((len(n), len(n), 4))
    for k, h in enumerate((c, t)):
        total = h.sum(1)
        apart = np.abs(h[:, None] - h[None]).sum(-1)
        out[..., k] = (total[:, None] + total - apart) / 2
    out[..., 2] = 1 - np.add.outer(n, n) / area
    w = np.maximum.outer(b[:, 2], b[:, 2]) - np.minimum.outer(b[:, 0], b[:, 0])
    h = np.maximum.outer(b[:, 3], b[:, 3]) - np.minimum.outer(b[:, 1], b[:, 1])
    out[..., 3] = 1 - (w * h - np.add.outer(n, n)) / area
    return torch.from_numpy(out)


def similarities_of_pairs(
    colours: Tensor, textures: Tensor, sizes: Tensor, boxes: Tensor, image_size: Size
) -> Tensor:
    """A list of all pairs, as long as R * R, folded at the end."""
    count = len(sizes)
    i = torch.arange(count).repeat_interleave(count)
    j = torch.arange(count).repeat(count)
    area = image_size[0] * image_size[1]
    x1, y1, x2, y2 = boxes.T
    hull = (torch.maximum(x2[i], x2[j]) - torch.minimum(x1[i], x1[j])) * (
        torch.maximum(y2[i], y2[j]) - torch.minimum(y1[i], y1[j])
    )
    columns = [
        torch.minimum(colours[i], colours[j]).sum(1),
        torch.minimum(textures[i], textures[j]).sum(1),
        (area - sizes[i] - sizes[j]) / area,
        (area - hull + sizes[i] + sizes[j]) / area,
    ]
    return torch.stack(columns, dim=1).reshape(count, count, 4)


def similarities_by_vmap(
    colours: Tensor, textures: Tensor, sizes: Tensor, boxes: Tensor, image_size: Size
) -> Tensor:
    image = image_size[0] * image_size[1]
    if len(sizes) == 0:
        return torch.zeros(0, 0, 4)

    def pair(*both: Any) -> Tensor:
        c, t, n, b, d, u, m, e = both
        sides = torch.maximum(b, e)[2:] - torch.minimum(b, e)[:2]
        texture = torch.minimum(t, u).sum()
        fill = 1 - (sides.prod() - n - m) / image
        colour = torch.minimum(c, d).sum()
        return torch.stack([colour, texture, 1 - (n + m) / image, fill])

    regions = (colours, textures, sizes, boxes)
    inner = torch.vmap(pair, in_dims=(None,) * 4 + (0,) * 4)
    return torch.vmap(inner, in_dims=(0,) * 4 + (None,) * 4)(
        *regions, colours, textures, sizes, boxes
    )


def similarities(
    colours: Tensor,
    textures: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    image_size: Size,
    *,
    shared: Any = torch.minimum,
    inner: Any = torch.maximum,
    outer: Any = torch.minimum,
    reduce: str = "sum",
    size: Any = lambda both, image: 1 - both / image,
    fill: Any = lambda hull, both, image: 1 - (hull - both) / image,
) -> Tensor:
    image = image_size[0] * image_size[1]
    histograms = [
        getattr(shared(h[:, None], h), reduce)(-1) for h in (colours, textures)
    ]
    low, high = outer(boxes[:, None], boxes), inner(boxes[:, None], boxes)
    hull = (high[..., 2:] - low[..., :2]).prod(-1)
    both = sizes[:, None] + sizes
    return torch.stack([*histograms, size(both, image), fill(hull, both, image)], -1)


def in_two_loops(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    out = torch.zeros(len(n), len(n), 4)
    for i in range(len(n)):
        for j in range(len(n)):
            pair = torch.tensor([i, j])
            out[i, j] = similarities(c[pair], t[pair], n[pair], b[pair], s)[0, 1]
    return out


def row_by_row(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    rows = [
        torch.stack([torch.minimum(c[i], c).sum(1), torch.minimum(t[i], t).sum(1)], -1)
        for i in range(len(n))
    ]
    both = similarities(c, t, n, b, s)
    return torch.cat([torch.stack(rows), both[..., 2:]], -1) if rows else both


def larger_of_both(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, shared=torch.maximum)


def products(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, shared=torch.mul)


def distances(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, shared=lambda p, q: (p - q).abs())


def means_of_bins(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, reduce="mean")


def cosine(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c / c.norm(dim=1, keepdim=True), t, n, b, s, shared=torch.mul)


def texture_first(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(t, c, n, b, s)


def colour_twice(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, c, n, b, s)


def large_is_similar(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, size=lambda both, image: both / image)


def one_size(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    def size(both: Tensor, image: int) -> Tensor:
        return (1 - n / image)[:, None].expand_as(both)

    return similarities(c, t, n, b, s, size=size)


def difference_of_sizes(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    def size(both: Tensor, image: int) -> Tensor:
        return 1 - (n[:, None] - n).abs() / image

    return similarities(c, t, n, b, s, size=size)


def whole_division(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, size=lambda both, image: 1 - both // image)


def sizes_by_boxes(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    area = (b[:, 2:] - b[:, :2]).prod(1)
    return similarities(c, t, area, b, s)


def fill_with_boxes(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    area = (b[:, 2:] - b[:, :2]).prod(1)

    def fill(hull: Tensor, both: Tensor, image: int) -> Tensor:
        return 1 - (hull - area[:, None] - area) / image

    return similarities(c, t, n, b, s, fill=fill)


def fill_of_the_box(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, fill=lambda h, both, i: 1 - (h - both) / h)


def fill_not_scaled(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, fill=lambda h, both, i: 1 - (h - both))


def fill_of_hull_alone(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, fill=lambda h, both, i: 1 - h / i)


def empty_share(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, fill=lambda h, both, i: (h - both) / i)


def fill_of_overlap(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s, inner=torch.minimum, outer=torch.maximum)


def fill_before_size(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s)[..., [0, 1, 3, 2]]


def fill_clamped(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s).clamp(max=0.9)


def squared_height(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, (s[0], s[0]))


def pixels_plus_one(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b + torch.tensor([0.0, 0, 1, 1]), s)


def stacked_first(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s).movedim(-1, 0)


def summed(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    return similarities(c, t, n, b, s).sum(-1)


def normalises_in_place(c: Tensor, t: Tensor, n: Tensor, b: Tensor, s: Size) -> Tensor:
    c /= 2
    return similarities(2 * c, t, n, b, s)
