"""Graph segmentation against its plain loop, scikit-image and OpenCV."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import adapted_rand_error
from skimage.segmentation import felzenszwalb
from torch import Tensor

from course_utils.data.photos import PHOTO_NAMES, photo
from course_utils.ops.selective_search import graph_segmentation as ops
from course_utils.ops.selective_search.graph_segmentation import lightest_first
from course_utils.ops.selective_search.smoothing import gaussian_blur


def noise(height: int, width: int, channels: int = 3, *, levels: int = 256) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    shape = (channels, height, width)
    return torch.randint(0, levels, shape, generator=generator) / (levels - 1)


def small_photo(name: str) -> Tensor:
    return photo(name)[0][:, ::3, ::3].contiguous()


def halves(height: int = 20, width: int = 30) -> Tensor:
    image = torch.zeros(3, height, width)
    image[:, :, width // 2 :] = 0.5
    return image


def with_the_loop(image, *, k, sigma, min_size, join=ops.join_similar) -> Tensor:
    graph = ops.pixel_graph(gaussian_blur(image * 255, sigma=sigma))
    columns = (*graph.edges.tolist(), graph.weights.tolist())
    edges = list(zip(*columns, strict=True))
    sets = ops.DisjointSets(graph.height * graph.width)
    join(sets, edges, k=k)
    ops.join_small(sets, edges, min_size=min_size)
    roots = torch.tensor([sets.find(node) for node in range(len(sets.parent))])
    return ops.number_regions(roots.view(graph.height, graph.width))


IMAGES = {
    "photograph": small_photo("astronaut"),
    "grey photograph": small_photo("coins")[:1],
    "noise": noise(40, 31),
    "noise with many ties": noise(33, 40, levels=3),
    "flat": torch.full((3, 12, 9), 0.3),
    "halves": halves(),
    "one row": noise(1, 50),
    "one column": noise(50, 1),
    "one pixel": noise(1, 1),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(
    ("k", "sigma", "min_size"), [(0, 0, 0), (30, 0.8, 1), (100, 0.8, 20), (500, 0.5, 5)]
)
def test_batches_of_edges_give_the_regions_of_the_loop(name, k, sigma, min_size):
    settings = {"k": k, "sigma": sigma, "min_size": min_size}
    expected = with_the_loop(IMAGES[name], **settings)
    labels = ops.segment_graph(IMAGES[name], **settings)
    assert labels.dtype == torch.int64
    assert torch.equal(labels, expected)


@pytest.mark.parametrize("name", PHOTO_NAMES)
@pytest.mark.parametrize("k", [50, 300])
def test_photographs_fall_apart_as_in_scikit_image(name: str, k: int) -> None:
    image = photo(name)[0][:, ::2, ::2].contiguous()
    pixels = image.permute(1, 2, 0).numpy()
    peer = felzenszwalb(pixels, scale=k, sigma=0.8, min_size=20)
    ours = ops.segment_graph(image, k=k, sigma=0.8, min_size=20)
    error, _, _ = adapted_rand_error(peer, ours.numpy())
    assert error < 0.05


def test_a_thin_diagonal_holds_together_unlike_in_opencv() -> None:
    image = torch.eye(40).expand(3, 40, 40).contiguous()
    ours = ops.segment_graph(image, k=300, sigma=0, min_size=0)
    assert ours.max() + 1 == 2  # both triangles touch across the line's corners
    peer = cv2.ximgproc.segmentation.createGraphSegmentation(0.01, 300, 0)
    pixels = (image * 255).byte().permute(1, 2, 0).numpy()
    assert peer.processImage(pixels).max() + 1 > 2


@pytest.mark.parametrize(("name", "regions"), [("flat", 1), ("halves", 2)])
@pytest.mark.parametrize("k", [0, 1, 100])
def test_flat_areas_are_one_region_each(name: str, regions: int, k: float) -> None:
    labels = ops.segment_graph(IMAGES[name], k=k, sigma=0, min_size=0)
    assert labels.unique().tolist() == list(range(regions))
    for region in range(regions):
        assert IMAGES[name][:, labels == region].unique().numel() == 1


@pytest.mark.parametrize("name", ["photograph", "noise", "halves"])
def test_a_larger_k_gives_no_more_regions(name: str) -> None:
    graph = ops.pixel_graph(gaussian_blur(IMAGES[name] * 255, sigma=0.8))
    ks = [0, 10, 50, 100, 300, 1000, 10**6]
    counts = [int(ops.cut_graph(graph, k=k, min_size=1).max()) + 1 for k in ks]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] or name == "halves"


@pytest.mark.parametrize("min_size", [0, 1, 7, 60, 10**6])
def test_no_region_is_smaller_than_asked(min_size: int) -> None:
    labels = ops.segment_graph(IMAGES["noise"], k=1, min_size=min_size)
    smallest = int(labels.flatten().bincount().min())
    assert smallest >= min(min_size, labels.numel())


def test_numbers_follow_the_first_pixels() -> None:
    labels = ops.segment_graph(IMAGES["photograph"], k=100, min_size=20).flatten()
    first = [int((labels == region).nonzero()[0]) for region in labels.unique()]
    assert first == sorted(first)
    swapped = labels.max() - labels
    assert torch.equal(ops.number_regions(swapped), labels)


def test_every_region_is_connected() -> None:
    labels = ops.segment_graph(IMAGES["photograph"], k=100, min_size=20)
    for region in range(int(labels.max()) + 1):
        mask = (labels == region).byte().numpy()
        assert cv2.connectedComponents(mask, connectivity=8)[0] == 2  # with background


def test_edges_join_all_neighbours_and_come_lightest_first() -> None:
    image = noise(4, 5)
    graph = ops.pixel_graph(image)
    pixels = list(itertools.product(range(4), range(5)))
    expected = {
        (5 * y + x, 5 * v + u)
        for (y, x), (v, u) in itertools.combinations(pixels, 2)
        if max(abs(y - v), abs(x - u)) == 1
    }
    assert {tuple(sorted(edge)) for edge in graph.edges.T.tolist()} == expected
    assert graph.edges.shape[1] == len(expected)
    colours = image.flatten(1).T
    first, second = graph.edges
    distances = torch.linalg.vector_norm(colours[first] - colours[second], dim=1)
    torch.testing.assert_close(graph.weights, distances)
    assert (graph.weights.diff() >= 0).all()


def test_the_order_of_weights_is_that_of_a_stable_sort() -> None:
    weights = torch.cat([noise(30, 30, levels=5).flatten(), torch.rand(100) * 1e-40])
    assert torch.equal(lightest_first(weights), weights.argsort(stable=True))


def test_sets_know_their_sizes() -> None:
    sets = ops.DisjointSets(6)
    for a, b in [(0, 1), (2, 3), (1, 3), (4, 0)]:
        sets.join(sets.find(a), sets.find(b))
    assert len({sets.find(node) for node in range(5)}) == 1
    assert sets.find(5) == 5
    assert sets.size[sets.find(2)] == 5


def forgets_size(sets, edges, *, k):
    for first, second, weight in edges:
        a, b = sets.find(first), sets.find(second)
        if a != b and weight <= k:
            sets.join(a, b)


def looks_for_no_roots(sets, edges, *, k):
    inside = [0.0] * len(sets.parent)
    for a, b, weight in edges:
        limits = inside[a] + k / sets.size[a], inside[b] + k / sets.size[b]
        if sets.parent[b] == b and a != b and weight <= min(limits):
            sets.parent[b] = a
            sets.size[a] += sets.size[b]
            inside[a] = weight


def heaviest_first(sets, edges, *, k):
    ops.join_similar(sets, edges[::-1], k=k)


def keeps_the_old_inside(sets, edges, *, k):
    inside = [0.0] * len(sets.parent)
    for first, second, weight in edges:
        a, b = sets.find(first), sets.find(second)
        limits = inside[a] + k / sets.size[a], inside[b] + k / sets.size[b]
        if a != b and weight <= min(limits):
            larger = max(inside[a], inside[b])
            inside[sets.join(a, b)] = larger  # and not the edge that joined them


@pytest.mark.parametrize(
    "wrong", [forgets_size, looks_for_no_roots, heaviest_first, keeps_the_old_inside]
)
def test_the_comparison_tells_mistakes(wrong) -> None:
    image, settings = IMAGES["photograph"], {"k": 100, "sigma": 0.8, "min_size": 1}
    right = ops.segment_graph(image, **settings)
    mistaken = with_the_loop(image, **settings, join=wrong)
    error, _, _ = adapted_rand_error(right.numpy(), mistaken.numpy())
    assert error > 0.05


@pytest.mark.parametrize(
    ("image", "settings", "words"),
    [
        (torch.rand(5, 5), {"k": 1}, r"shape \(5, 5\)"),
        (torch.zeros(3, 5, 5, dtype=torch.uint8), {"k": 1}, "uint8"),
        (torch.rand(3, 0, 5), {"k": 1}, r"\(3, 0, 5\)"),
        (torch.full((3, 5, 5), torch.nan), {"k": 1}, "not finite"),
        (torch.rand(3, 5, 5), {"k": -1}, "k is -1"),
        (torch.rand(3, 5, 5), {"k": 1, "sigma": -0.5}, "sigma is -0.5"),
        (torch.rand(3, 5, 5), {"k": 1, "min_size": -2}, "min_size is -2"),
    ],
)
def test_bad_input_is_named(image: Tensor, settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.segment_graph(image, **settings)


def test_the_image_is_left_as_it_was() -> None:
    image = IMAGES["noise"].clone()
    ops.segment_graph(image, k=100)
    assert np.array_equal(image, IMAGES["noise"])
