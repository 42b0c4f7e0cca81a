"""Answers to merged_regions, and its oracle beside sums over pixels."""

import cheats
import torch

from course_utils.checks.rcnn.merged_regions import random_case, slow_merged_regions


def by_scatter(histograms, sizes, boxes, groups, *, num_groups):
    pixels = torch.zeros(num_groups, dtype=torch.int64).index_add(0, groups, sizes)
    counts = torch.zeros(num_groups, histograms.shape[1], dtype=torch.float64)
    counts = counts.index_add(0, groups, histograms.double() * sizes[:, None])
    signed = boxes * torch.tensor([-1, -1, 1, 1])  # so that all four are the largest
    hulls = torch.full((num_groups, 4), -torch.inf).scatter_reduce(
        0, groups[:, None].expand(-1, 4), signed, "amax"
    )
    return counts / pixels[:, None], pixels, hulls * torch.tensor([-1, -1, 1, 1])


def two_by_two(histograms, sizes, boxes, groups, *, num_groups):
    """Region after region, as selective search does it."""
    found = {}
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


def by_matrix(histograms, sizes, boxes, groups, *, num_groups):
    is_member = groups == torch.arange(num_groups)[:, None]  # (G, R)
    pixels = (is_member * sizes).sum(1)
    mixed = (is_member * sizes).float() @ histograms / pixels[:, None]
    if num_groups == 0:
        return mixed, pixels, torch.zeros(0, 4)
    outside = ~is_member[..., None]
    low = boxes.expand(num_groups, -1, -1).masked_fill(outside, torch.inf).amin(1)
    high = boxes.expand(num_groups, -1, -1).masked_fill(outside, -torch.inf).amax(1)
    return mixed, pixels, torch.cat([low[:, :2], high[:, 2:]], 1)


def merged(histograms, sizes, boxes, groups, *, num_groups):
    """Group by group with masks, as most learners write it."""
    mixed = torch.zeros(num_groups, histograms.shape[1])
    pixels, hulls = torch.zeros(num_groups).long(), torch.zeros(num_groups, 4)
    for g in range(num_groups):
        m = groups == g
        mixed[g] = (histograms[m] * sizes[m, None]).sum(0) / sizes[m].sum()
        pixels[g] = sizes[m].sum()
        hulls[g] = torch.cat([boxes[m, :2].amin(0), boxes[m, 2:].amax(0)])
    return mixed, pixels, hulls


def changed(change):
    """The right answer with a change of what it returns."""

    def answer(h, n, b, g, *, num_groups):
        return change(merged(h, n, b, g, num_groups=num_groups), h, n, b, g)

    return answer


def by_root(h, n, b, g, *, num_groups):
    mixed, _, _ = merged(h, n.sqrt(), b, g, num_groups=num_groups)
    return mixed, *merged(h, n, b, g, num_groups=num_groups)[1:]


def larger_bins(right, h, n, b, g):
    bins = [h[g == i].amax(0) for i in range(len(right[0]))]
    return torch.stack(bins) if bins else h, *right[1:]


def last_member(right, h, n, b, g):
    """Assigns where it should add: the last region of a group stays."""
    right[0][g] = h
    return right


def adds_by_index(right, h, n, b, g):
    """`+=` with repeated indices adds only once."""
    pixels = torch.zeros_like(right[1])
    pixels[g] += n
    return right[0], pixels, right[2]


def from_the_origin(right, *given):
    """Starts each box at zeros, so that the smallest corner is always 0."""
    return *right[:2], right[2] * torch.tensor([0, 0, 1, 1])


def sorted_groups(right, h, n, b, g):
    """Takes it that groups are in the order of the regions."""
    first_seen = torch.tensor(list(dict.fromkeys(g.tolist())), dtype=torch.int64)
    return tuple(part[first_seen] for part in right)


def counts_groups_itself(h, n, b, g, *, num_groups):
    return merged(h, n, b, g, num_groups=int(g.max()) + 1)


def weighs_in_place(h, n, b, g, *, num_groups):
    right = merged(h, n, b, g, num_groups=num_groups)
    h *= n[:, None]
    return right


RIGHT = [by_scatter, two_by_two, by_matrix]
WRONG = [
    (by_root, "histograms"),
    (changed(larger_bins), "histograms"),
    (changed(last_member), "histograms"),
    (changed(adds_by_index), "sizes"),
    (
        changed(lambda right, *given: (right[0], right[1].float(), right[2])),
        "values of torch.int64",
    ),
    (changed(from_the_origin), "boxes"),
    (changed(sorted_groups), "in another order"),
    (
        changed(lambda right, *given: (right[0], right[2], right[1])),
        "sizes': expected shape",
    ),
    (
        changed(lambda right, *given: given[:3]),
        "histograms': expected shape (2, 2), received (3, 2)",
    ),
    (counts_groups_itself, "no regions, no groups"),
    (weighs_in_place, "changed its input in place"),
    (
        changed(lambda right, *given: dict(zip("abc", right, strict=True))),
        "expected a tuple of 3 (histograms, sizes, boxes)",
    ),
    (cheats.returns(None), "is there a `return`?"),
    (cheats.returns((cheats.EqualToAll(),) * 3), "an object of type EqualToAll"),
]


def test_the_order_of_merges_does_not_matter():
    given = random_case(2, torch.Generator().manual_seed(11))
    bins, sizes, boxes, groups = given.arguments
    coarse = torch.tensor([1, 0, 1, 0])
    at_once = slow_merged_regions(bins, sizes, boxes, coarse[groups], num_groups=2)
    first = slow_merged_regions(bins, sizes, boxes, groups, num_groups=4)
    in_steps = slow_merged_regions(*first, coarse, num_groups=2)
    for one, two in zip(at_once, in_steps, strict=True):
        torch.testing.assert_close(one, two)
    torch.testing.assert_close(at_once[0].sum(dim=1), torch.ones(2))


def test_merged_histograms_are_those_of_the_merged_pixels():
    generator = torch.Generator().manual_seed(11)
    colours = torch.randint(0, 5, (60,), generator=generator)
    regions = torch.arange(60) % 3  # 20 pixels each, then some move
    regions[:7] = 0
    bins = torch.stack(
        [colours[regions == r].bincount(minlength=5).float() for r in range(3)]
    )
    sizes = regions.bincount()
    boxes = torch.tensor([[0.0, 0, 1, 1]]).expand(3, 4)
    groups = torch.zeros(3, dtype=torch.int64)
    found = slow_merged_regions(
        bins / sizes[:, None], sizes, boxes, groups, num_groups=1
    )
    torch.testing.assert_close(found[0][0], colours.bincount(minlength=5) / 60)
