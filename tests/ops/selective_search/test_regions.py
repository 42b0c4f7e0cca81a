"""Regions and their similarities against what pixels say and plain loops."""

import itertools

import numpy as np
import pytest
import torch
from segmented_images import NAMES, random_image, segmented

from course_utils.ops.selective_search import regions as describe


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
    values = {n: float(f(regions, 0, 1)) for n, f in describe.MEASURES.items()}
    assert values == {"colour": 0.5, "texture": 0.0, "size": 0.25, "fill": 0.75}
    assert float(describe.similarity(regions, 0, 1)) == 1.5
    assert float(describe.similarity(regions, 1, 0, measures=("size", "fill"))) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_every_similarity_lies_within_0_and_1(name: str) -> None:
    image, labels = segmented(name)
    regions = describe.describe_regions(labels, image)
    a, b = describe.neighbouring_regions(labels).T
    for measure in describe.MEASURES.values():
        values = measure(regions, a, b)
        assert values.shape == a.shape
        assert ((values >= -1e-6) & (values <= 1 + 1e-6)).all()
        np.testing.assert_array_equal(values, measure(regions, b, a))


def fill_in_pixels(regions, a, b):
    return describe.fill_similarity(regions._replace(image_size=1), a, b)


def size_in_pixels(regions, a, b):
    return regions.size[a] + regions.size[b]


def colours_as_counts(regions, a, b):
    counts = regions.colour * regions.size[:, None]
    return np.minimum(counts[a], counts[b]).sum(axis=-1)


@pytest.mark.parametrize("wrong", [fill_in_pixels, size_in_pixels, colours_as_counts])
def test_the_limits_of_similarities_tell_mistakes(monkeypatch, wrong) -> None:
    monkeypatch.setitem(describe.MEASURES, "colour", wrong)
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
