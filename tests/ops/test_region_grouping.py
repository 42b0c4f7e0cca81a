"""Regions, similarities and grouping against what pixels say and plain loops."""

import heapq
import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.data.photos import photo
from course_utils.ops import region_grouping as ops
from course_utils.ops import region_similarity as alike
from course_utils.ops import regions as describe
from course_utils.ops.graph_segmentation import segment_graph


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(channels, height, width, generator=generator)


def photograph() -> Tensor:
    return photo("coffee")[0][:, ::5, ::5].contiguous()


def segmented(name: str) -> tuple[Tensor, Tensor]:
    """An image and its segmentation."""
    if name == "photograph":
        return photograph(), segment_graph(photograph(), k=100, min_size=20)
    if name == "noise":
        image = random_image(17, 26)
        return image, segment_graph(image, k=100, min_size=8)
    if name == "grey":
        return photograph()[:1], segment_graph(photograph()[:1], k=100, min_size=20)
    if name == "flat":
        image = torch.full((3, 8, 10), 0.4)
        labels = torch.arange(4).repeat_interleave(20).view(8, 10)
        return image, labels
    return torch.full((3, 1, 1), 0.4), torch.zeros(1, 1, dtype=torch.int64)


NAMES = ["photograph", "noise", "grey", "flat", "one pixel"]


def grouped(name: str, measures=tuple(alike.MEASURES)) -> ops.Hierarchy:
    image, labels = segmented(name)
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    return ops.group_regions(leaves, pairs, measures=measures)


@pytest.mark.parametrize("name", NAMES)
def test_regions_are_what_their_pixels_say(name: str) -> None:
    image, labels = segmented(name)
    regions = describe.describe_regions(labels, image)
    bins = describe.colour_bins(image)
    for region in range(int(labels.max()) + 1):
        mask = labels == region
        y, x = mask.nonzero().T
        box = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert regions.size[region] == mask.sum()
        assert regions.box[region].tolist() == [int(side) for side in box]
        counts = [torch.bincount(c[mask], minlength=25) for c in bins]
        expected = torch.cat(counts) / (len(image) * mask.sum())
        np.testing.assert_allclose(regions.colour[region], expected, atol=1e-6)
    assert regions.image_size == labels.numel()


@pytest.mark.parametrize("name", NAMES)
def test_histograms_sum_to_1(name: str) -> None:
    image, labels = segmented(name)
    regions = describe.describe_regions(labels, image)
    count, channels = int(labels.max()) + 1, len(image)
    assert regions.colour.shape == (count, 25 * channels)
    assert regions.texture.shape == (count, 80 * channels)
    for histogram in (regions.colour, regions.texture):
        np.testing.assert_allclose(histogram.sum(axis=1), 1, atol=1e-5)


def test_texture_knows_the_direction_in_which_an_image_brightens() -> None:
    ramp = torch.linspace(0, 1, 20).expand(1, 20, 20)  # 0.053 a pixel
    bins = describe.texture_bins(ramp)[:, 5:15, 5:15].float().mean(dim=(1, 2))
    turned = describe.texture_bins(ramp.mT)[:, 5:15, 5:15].float().mean(dim=(1, 2))
    assert bins[0] == 5  # to the right, 0.053 / 0.1 of ten bins
    assert int(bins.argmax()) == 0
    assert int(turned.argmax()) == 2  # a quarter turn further: down
    assert bins[4] == 0  # to the left it falls
    assert bins[1] == bins[7] > 0


def test_a_little_noise_is_no_texture() -> None:
    noisy = 0.5 + 0.01 * random_image(20, 20)
    assert describe.texture_bins(noisy).max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_agree_with_the_loop(name: str) -> None:
    _, labels = segmented(name)
    height, width = labels.shape
    expected = set()
    for y, x, (v, u) in itertools.product(
        range(height), range(width), [(0, 1), (1, -1), (1, 0), (1, 1)]
    ):
        if y + v < height and 0 <= x + u < width:
            pair = int(labels[y, x]), int(labels[y + v, x + u])
            expected |= {tuple(sorted(pair))} if pair[0] != pair[1] else set()
    pairs = describe.neighbouring_regions(labels)
    assert pairs.tolist() == [list(pair) for pair in sorted(expected)]
    assert pairs.shape == (len(expected), 2)


def test_neighbours_are_no_neighbours_of_boxes() -> None:
    labels = torch.tensor([[0, 1, 2], [0, 1, 1], [0, 0, 0]])
    assert describe.neighbouring_regions(labels).tolist() == [[0, 1], [1, 2]]


def test_similarities_have_the_values_of_an_example() -> None:
    # A 4 x 4 image: its left half and its top right corner of 2 x 2 pixels.
    regions = describe.Regions(
        size=np.array([8, 4]),
        box=np.array([[0, 0, 2, 4], [2, 0, 4, 2]], dtype=float),
        colour=np.array([[0.5, 0.5, 0], [0.25, 0.25, 0.5]]),
        texture=np.array([[1.0, 0], [0, 1.0]]),
        image_size=16,
    )
    values = {n: float(f(regions, 0, 1)) for n, f in alike.MEASURES.items()}
    assert values == {"colour": 0.5, "texture": 0.0, "size": 0.25, "fill": 0.75}
    assert float(alike.similarity(regions, 0, 1)) == 1.5
    assert float(alike.similarity(regions, 1, 0, measures=("size", "fill"))) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_every_similarity_lies_within_0_and_1(name: str) -> None:
    image, labels = segmented(name)
    regions = describe.describe_regions(labels, image)
    a, b = describe.neighbouring_regions(labels).T
    for measure in alike.MEASURES.values():
        values = measure(regions, a, b)
        assert values.shape == a.shape
        assert ((values >= -1e-6) & (values <= 1 + 1e-6)).all()
        np.testing.assert_array_equal(values, measure(regions, b, a))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("measures", [tuple(alike.MEASURES), ("fill",), ("size",)])
def test_a_hierarchy_ends_with_the_whole_image(name: str, measures) -> None:
    _, labels = segmented(name)
    height, width = labels.shape
    hierarchy = grouped(name, measures)
    count = int(labels.max()) + 1
    assert len(hierarchy.merges) == count - 1
    assert hierarchy.boxes().shape == (2 * count - 1, 4)
    assert hierarchy.boxes()[0].tolist() == [0, 0, width, height]
    assert hierarchy.regions.size[-1] == labels.numel()
    merged = [row for merge in hierarchy.merges for row in (merge.a, merge.b)]
    assert sorted(merged) == list(range(2 * count - 2))  # all but the last, once


@pytest.mark.parametrize("name", ["photograph", "noise", "grey"])
def test_merged_regions_are_what_their_pixels_say(name: str) -> None:
    image, labels = segmented(name)
    hierarchy = grouped(name)
    regions, leaves = hierarchy.regions, len(hierarchy.merges) + 1
    for steps in (1, leaves // 2, leaves - 1):
        now = ops.labels_after(labels, hierarchy.merges[:steps])
        rows, dense = now.unique(return_inverse=True)
        assert len(rows) == leaves - steps
        rows = rows.numpy()
        seen = describe.describe_regions(dense, image)
        np.testing.assert_array_equal(regions.size[rows], seen.size)
        np.testing.assert_array_equal(regions.box[rows], seen.box)
        np.testing.assert_allclose(regions.colour[rows], seen.colour, atol=1e-5)
        np.testing.assert_allclose(regions.texture[rows], seen.texture, atol=1e-5)


def group_in_a_loop(image: Tensor, labels: Tensor, count: int) -> list[tuple[int, int]]:
    """The first merges, each time with all regions described and compared anew."""
    merges: list[ops.Merge] = []
    for _ in range(count):
        rows, now = ops.labels_after(labels, merges).unique(return_inverse=True)
        regions = describe.describe_regions(now, image)
        a, b = describe.neighbouring_regions(now).T
        values = alike.similarity(regions, a, b)
        best = values.argmax()
        merges.append(ops.Merge(int(rows[a[best]]), int(rows[b[best]]), values[best]))
    return [(merge.a, merge.b) for merge in merges]


@pytest.mark.parametrize("name", ["photograph", "noise"])
def test_each_step_joins_the_most_similar_neighbours(name: str) -> None:
    image, labels = segmented(name)
    ours = [(merge.a, merge.b) for merge in grouped(name).merges]
    assert ours == group_in_a_loop(image, labels, len(ours))


def test_steps_can_be_taken_one_by_one() -> None:
    image, labels = segmented("photograph")
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    grouping = ops.Grouping(leaves, pairs, measures=("size", "fill"))
    first = grouping.step()
    assert {first.a, first.b} <= set(range(len(leaves.size)))
    values = alike.similarity(leaves, *pairs.T, measures=("size", "fill"))
    assert first.similarity == values.max()
    assert len(grouping.neighbours) == len(leaves.size) - 1
    assert len(leaves.size) * 2 - 1 == len(grouping.regions.size)


def unweighted(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.colour[new] = (regions.colour[a] + regions.colour[b]) / 2


def adds_counts(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.colour[new] = regions.colour[a] + regions.colour[b]


def forgets_the_box(regions, a, b, *, new):
    merge_rightly(regions, a, b, new=new)
    regions.box[new] = regions.box[a]


merge_rightly = ops.merge_regions


@pytest.mark.parametrize("wrong", [unweighted, adds_counts, forgets_the_box])
def test_the_comparison_with_pixels_tells_mistakes(monkeypatch, wrong) -> None:
    monkeypatch.setattr(ops, "merge_regions", wrong)
    with pytest.raises(AssertionError):
        test_merged_regions_are_what_their_pixels_say("photograph")


class KeepsOldSimilarities(ops.Grouping):
    """Takes the similarity to half of a merged region for that to all of it."""

    def most_similar(self) -> ops.Merge:
        self.last = super().most_similar()
        return self.last

    def compare(self, a, b) -> None:
        leaves = (len(self.regions.size) + 1) // 2
        half = np.where(b >= leaves, getattr(self, "last", ops.Merge(0, 0, 0)).a, b)
        values = alike.similarity(self.regions, a, half)
        for value, one, other in zip(values, a.tolist(), b.tolist(), strict=True):
            heapq.heappush(self.heap, (-value, one, other))


def test_the_comparison_with_the_loop_tells_old_similarities(monkeypatch) -> None:
    monkeypatch.setattr(ops, "Grouping", KeepsOldSimilarities)
    with pytest.raises(AssertionError):
        test_each_step_joins_the_most_similar_neighbours("photograph")


def fill_in_pixels(regions, a, b):
    return alike.fill_similarity(regions._replace(image_size=1), a, b)


def size_in_pixels(regions, a, b):
    return regions.size[a] + regions.size[b]


def colours_as_counts(regions, a, b):
    counts = regions.colour * regions.size[:, None]
    return np.minimum(counts[a], counts[b]).sum(axis=-1)


@pytest.mark.parametrize("wrong", [fill_in_pixels, size_in_pixels, colours_as_counts])
def test_the_limits_of_similarities_tell_mistakes(monkeypatch, wrong) -> None:
    monkeypatch.setitem(alike.MEASURES, "colour", wrong)
    with pytest.raises(AssertionError):
        test_every_similarity_lies_within_0_and_1("photograph")


def touching_boxes(boxes) -> list[list[int]]:
    """Pairs of regions whose boxes touch: the mistaken neighbours."""
    pairs = itertools.combinations(range(len(boxes)), 2)
    return [
        [a, b]
        for a, b in pairs
        if (boxes[a, :2] <= boxes[b, 2:]).all() and (boxes[b, :2] <= boxes[a, 2:]).all()
    ]


def test_neighbours_from_boxes_are_too_many() -> None:
    image, labels = segmented("photograph")
    boxes = describe.describe_regions(labels, image).box
    pairs = describe.neighbouring_regions(labels).tolist()
    assert len(touching_boxes(boxes)) > len(pairs)
    assert all(pair in touching_boxes(boxes) for pair in pairs[:5])


@pytest.mark.parametrize("measures", [(), ("colour", "shape"), "fill"])
def test_unknown_measures_are_named(measures) -> None:
    with pytest.raises(ValueError, match="measures are"):
        grouped("flat", measures)
