"""Answers to group_similarities, and its oracle beside the lesson's measures."""

from types import SimpleNamespace

import cheats
import numpy as np
import torch
from numpy.testing import assert_allclose

from course_utils.checks.rcnn.group_similarities import (
    CASES,
    random_regions,
    slow_group_similarities,
)
from course_utils.ops.selective_search.regions import MEASURES


def by_numpy(regions, groups, image_size):
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


def member_by_member(regions, groups, image_size):
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


def by_vmap(regions, groups, image_size):
    image = image_size[0] * image_size[1]
    if len(groups) == 0:
        return torch.zeros(0, 4)

    def one(members):
        boxes = regions["boxes"][members]
        hull = (boxes[:, 2:].amax(0) - boxes[:, :2].amin(0)).prod()
        share = regions["sizes"][members].sum() / image
        shared = [regions[k][members].amin(0).sum() for k in ("colours", "textures")]
        return torch.stack([*shared, 1 - share, 1 - hull / image + share])

    return torch.vmap(one)(groups)


def broadcast(
    r,
    g,
    image_size,
    *,
    shared=lambda bins: bins.amin(1).sum(1),
    size=lambda pixels, image: 1 - pixels.sum(1) / image,
    fill=lambda hull, pixels, image: 1 - (hull - pixels.sum(1)) / image,
):
    """A few lines of torch, as most learners write them."""
    image = image_size[0] * image_size[1]
    c, t, n, b = (values[g] for values in r.values())
    sides = b[..., 2:].amax(1) - b[..., :2].amin(1)
    columns = [shared(c), shared(t), size(n, image), fill(sides.prod(1), n, image)]
    return torch.stack(columns, 1)


def with_steps(**steps):
    return lambda regions, groups, size: broadcast(regions, groups, size, **steps)


def in_a_loop(regions, groups, size):
    rows = [broadcast(regions, group[None], size)[0] for group in groups]
    return torch.stack(rows) if rows else torch.zeros(0, 4)


def colours_in_a_loop(regions, groups, size):
    right = broadcast(regions, groups, size)
    for i, group in enumerate(groups.tolist()):
        right[i, 0] = regions["colours"][group].amin(0).sum()
    return right


def histograms_of_two(regions, groups, size):
    histograms = broadcast(regions, groups[:, :2], size)[:, :2]
    return torch.cat([histograms, broadcast(regions, groups, size)[:, 2:]], 1)


def sizes_by_boxes(regions, groups, size):
    areas = (regions["boxes"][:, 2:] - regions["boxes"][:, :2]).prod(1)
    return broadcast(regions | {"sizes": areas}, groups, size)


def pixels_plus_one(regions, groups, size):
    boxes = regions["boxes"] + torch.tensor([0, 0, 1, 1])
    return broadcast(regions | {"boxes": boxes}, groups, size)


def of_all_regions(regions, groups, size):
    everyone = torch.arange(len(regions["sizes"])).expand(len(groups), -1)
    return broadcast(regions, everyone, size)


def normalises_in_place(regions, groups, size):
    right = broadcast(regions, groups, size)
    regions["colours"] /= 2
    return right


RIGHT = [by_numpy, member_by_member, by_vmap]
WRONG = [
    (in_a_loop, "a loop over groups"),
    (colours_in_a_loop, "a loop over groups"),
    (histograms_of_two, "all members count, not the first two"),
    # Adds the bins up before it takes the smallest, so that all is 1.
    (with_steps(shared=lambda bins: bins.sum(-1).amin(1)), "colour"),
    (lambda r, g, s: broadcast(r, g, s)[:, [0, 0, 2, 3]], "texture"),
    (with_steps(size=lambda pixels, image: 1 - pixels.sum(1) // image), "size"),
    (sizes_by_boxes, "size"),
    (with_steps(fill=lambda hull, n, image: 1 - (hull - n.sum(1))), "fill"),
    (lambda r, g, s: broadcast(r, g, (s[0], s[0])), "size"),
    (pixels_plus_one, "fill"),
    (
        lambda r, g, s: broadcast(r, g, s).sum(-1),
        "expected shape (1, 4), received (1,)",
    ),
    (of_all_regions, "colour"),
    (normalises_in_place, "changed its input in place"),
    (cheats.returns(torch.zeros(1, 4)), "colour"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
    (cheats.returns_argument(1), "expected shape"),
]


def test_similarities_agree_with_paper():
    found = slow_group_similarities(*CASES["the example"].arguments)[0]
    right = torch.tensor([0.35, 0.25, 1 - 44 / 96, 1 - 19 / 96])
    torch.testing.assert_close(found, right)


def test_similarities_are_shares_that_fall_as_a_group_grows():
    generator = torch.Generator().manual_seed(11)
    regions, groups, image_size = random_regions(9, 20, 4, generator)
    assert int(regions["sizes"].sum()) == image_size[0] * image_size[1]
    before = torch.full((20, 3), 1.0)
    for count in (1, 2, 3, 4):
        found = slow_group_similarities(regions, groups[:, :count], image_size)
        assert found.min() >= 0
        assert found.max() <= 1 + 1e-6
        assert (found[:, :3] <= before + 1e-6).all()
        before = found[:, :3]
    backwards = slow_group_similarities(regions, groups.flip(1), image_size)
    torch.testing.assert_close(backwards, found)


def test_similarities_of_pairs_agree_with_those_of_the_lesson():
    generator = torch.Generator().manual_seed(11)
    regions, groups, (height, width) = random_regions(9, 20, 2, generator)
    numbers = {name: values.double().numpy() for name, values in regions.items()}
    peer = SimpleNamespace(
        colour=numbers["colours"],
        texture=numbers["textures"],
        size=numbers["sizes"],
        box=numbers["boxes"],
        image_size=height * width,
    )
    a, b = groups.T.numpy()
    right = [measure(peer, a, b) for measure in MEASURES.values()]
    found = slow_group_similarities(regions, groups, (height, width))
    assert_allclose(found.T, right, atol=1e-6)
