"""Grouping of regions against plain loops, and the boxes beside OpenCV's."""

import heapq
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from segmented_images import NAMES, segmented
from torch import Tensor
from torchvision import tv_tensors

from course_utils.data.photos import photo
from course_utils.data.tabletop import Tabletop
from course_utils.data.voc import read_voc
from course_utils.metrics.proposals import evaluate_proposals
from course_utils.ops.boxes import box_iou, remove_small_boxes
from course_utils.ops.selective_search import regions as describe
from course_utils.ops.selective_search import search as ops


def grouped(name: str, measures=tuple(describe.MEASURES)) -> ops.Hierarchy:
    image, labels = segmented(name)
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    return ops.group_regions(leaves, pairs, measures=measures)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("measures", [tuple(describe.MEASURES), ("fill",), ("size",)])
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
        values = describe.similarity(regions, a, b)
        best = values.argmax()
        merges.append(ops.Merge(int(rows[a[best]]), int(rows[b[best]]), values[best]))
    return [(merge.a, merge.b) for merge in merges]


@pytest.mark.parametrize("name", ["photograph", "noise"])
def test_each_step_joins_the_most_similar_neighbours(name: str) -> None:
    image, labels = segmented(name)
    ours = [(merge.a, merge.b) for merge in grouped(name).merges]
    assert ours == group_in_a_loop(image, labels, len(ours))


def test_a_step_takes_the_best_pair_and_renames_its_neighbours() -> None:
    image, labels = segmented("photograph")
    leaves = describe.describe_regions(labels, image)
    pairs = describe.neighbouring_regions(labels)
    count, measures = len(leaves.size), ("size", "fill")
    neighbours, heap = ops.neighbour_sets(pairs, count), ops.Heap()
    ops.compare(heap, leaves, *pairs.T, measures)
    first = ops.most_similar(heap, neighbours)
    values = describe.similarity(leaves, *pairs.T, measures=measures)
    assert first.similarity == values.max()
    touched = (neighbours[first.a] | neighbours[first.b]) - {first.a, first.b}
    around = ops.join_neighbours(neighbours, first, new=count)
    assert around.tolist() == sorted(touched)
    assert len(neighbours) == count - 1
    assert all(count in neighbours[other] for other in touched)
    assert not any({first.a, first.b} & near for near in neighbours.values())


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


def keeps_old_similarities(heap, regions, a, b, measures) -> None:
    """Takes the similarity to the first leaf for that to a merged region."""
    leaves = (len(regions.size) + 1) // 2
    values = describe.similarity(regions, a, np.where(b >= leaves, 0, b))
    for value, one, other in zip(values, a.tolist(), b.tolist(), strict=True):
        heapq.heappush(heap, (-value, one, other))


def test_the_comparison_with_the_loop_tells_old_similarities(monkeypatch) -> None:
    monkeypatch.setattr(ops, "compare", keeps_old_similarities)
    with pytest.raises(AssertionError):
        test_each_step_joins_the_most_similar_neighbours("photograph")


@pytest.mark.parametrize("measures", [(), ("colour", "shape"), "fill"])
def test_unknown_measures_are_named(measures) -> None:
    with pytest.raises(ValueError, match="measures are"):
        grouped("flat", measures)


TINY = ops.Strategy(("hsv", "lab"), (50,), (ops.CTSF,), min_size=10)
EVERY = ops.STRATEGIES["quality"]


def photograph(name: str = "coffee") -> Tensor:
    return photo(name)[0][:, ::4, ::4].contiguous()


def opencv_boxes(image: Tensor, *, min_side: float) -> Tensor:
    """What OpenCV's fast selective search proposes for a (3, H, W) image."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()[:, :, ::-1].copy()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(pixels)
    search.switchToSelectiveSearchFast()
    boxes = torch.from_numpy(search.process()).float()
    boxes[:, 2:] += boxes[:, :2]
    return boxes[remove_small_boxes(boxes, min_side)]


@pytest.mark.parametrize("strategy", ["fast", "small", TINY, EVERY])
def test_boxes_are_different_large_enough_and_inside(strategy) -> None:
    image = photograph()[:, ::2, ::2] if strategy is EVERY else photograph()
    height, width = image.shape[1:]
    boxes = ops.selective_search(image, strategy=strategy, min_side=6)
    assert boxes.dtype == torch.float32
    assert len(boxes) == len(boxes.unique(dim=0)) > 20
    assert ((boxes[:, 2:] - boxes[:, :2]) >= 6).all()
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= torch.tensor([width, height])).all()
    assert (boxes == torch.tensor([0.0, 0, width, height])).all(dim=1).any()


def test_the_seed_changes_the_order_and_nothing_else() -> None:
    first, again, other = (
        ops.selective_search(photograph(), strategy=TINY, seed=seed)
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first.unique(dim=0), other.unique(dim=0))


def test_large_regions_tend_to_come_early() -> None:
    boxes = ops.selective_search(photograph(), strategy="fast", min_side=0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    third = len(boxes) // 3
    assert areas[:third].mean() > 2 * areas[-third:].mean()


def test_the_numbers_of_groupings_are_the_papers() -> None:
    image = photograph()[:, ::2, ::2]
    counts = {
        name: len(ops.make_hierarchies(image, ops.STRATEGIES[name]))
        for name in ("fast", "quality")
    }
    assert counts == {"fast": 8, "quality": 80}


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 1, 1),
        torch.full((3, 30, 40), 0.5),
        photo("coins")[0][:, ::6, ::6],
        torch.rand(3, 1, 60, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["one pixel", "flat", "grey", "one row"],
)
@pytest.mark.parametrize("strategy", [TINY, EVERY])
def test_odd_images_have_at_least_the_box_of_all(image: Tensor, strategy) -> None:
    height, width = image.shape[1:]
    boxes = ops.selective_search(image, strategy=strategy, min_side=0)
    assert [0, 0, width, height] in boxes.tolist()
    assert ops.selective_search(image, strategy=TINY, min_side=99).shape == (0, 4)


def test_a_square_on_a_plain_ground_is_found_to_the_pixel() -> None:
    image = torch.full((3, 50, 60), 0.2)
    image[0, 10:30, 20:45] = 0.9
    boxes = ops.selective_search(image, strategy="small", min_side=8)
    assert [20, 10, 45, 30] in boxes.tolist()


def test_kinds_of_tensors_make_no_difference() -> None:
    expected = ops.selective_search(photograph(), strategy=TINY)
    for image in (tv_tensors.Image(photograph()), photograph().requires_grad_()):
        assert torch.equal(ops.selective_search(image, strategy=TINY), expected)
    double = ops.selective_search(photograph().double(), strategy=TINY)
    assert torch.equal(double, expected)


@pytest.mark.parametrize(
    ("image", "settings", "words"),
    [
        (torch.rand(1, 9, 9), {}, "1 channels"),
        (torch.rand(9, 9), {}, r"\(9, 9\)"),
        (torch.zeros(3, 9, 9, dtype=torch.uint8), {}, "uint8"),
        (torch.full((3, 9, 9), torch.inf), {}, "not finite"),
        (torch.rand(3, 9, 9), {"strategy": "best"}, "strategy is 'best'"),
    ],
)
def test_bad_input_is_named(image: Tensor, settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.selective_search(image, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((("cmyk",), (50,), (ops.TSF,)), "space is 'cmyk'"),
        ((("hsv",), (50,), (("shape",),)), "shape"),
        (((), (50,), (ops.TSF,)), "no grouping"),
        ((("hsv",), (-1,), (ops.TSF,)), "no grouping"),
    ],
)
def test_a_strategy_checks_its_settings(settings: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.Strategy(*settings)


def test_the_tabletop_is_covered_better_than_by_opencv() -> None:
    scenes = Tabletop(12, split="test", truth=())
    images, targets = zip(*(scenes[i] for i in range(12)), strict=True)
    ours = [
        ops.selective_search(image, strategy="small", min_side=8) for image in images
    ]
    peers = [opencv_boxes(image, min_side=8) for image in images]
    our_curve = evaluate_proposals(ours, targets, counts=(100, 250))
    peer_curve = evaluate_proposals(peers, targets, counts=(100, 250))
    assert (our_curve.mabo >= peer_curve.mabo - 0.02).all()
    assert our_curve.recall[-1] >= 0.95


def test_a_coin_is_found_as_well_as_by_opencv() -> None:
    image, target = photo("coins")
    ours = ops.selective_search(image, strategy="fast")
    peers = opencv_boxes(image, min_side=20)
    found = [box_iou(b, target["boxes"]).amax(dim=0).mean() for b in (ours, peers)]
    assert found[0] >= found[1] - 0.02


@pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="COURSE_DATA is not set")
def test_blood_cells_are_covered_as_well_as_by_opencv() -> None:
    folder = Path(os.environ["COURSE_DATA"]) / "bccd"
    names = ("background", "RBC", "WBC", "Platelets")
    images, targets = zip(
        *read_voc(folder, "test", class_names=names, most=3), strict=True
    )
    peers = [opencv_boxes(image, min_side=20) for image in images]
    ours = [
        ops.selective_search(image)[: len(boxes)]
        for image, boxes in zip(images, peers, strict=True)
    ]
    our_curve = evaluate_proposals(ours, targets, counts=(10**6,))
    peer_curve = evaluate_proposals(peers, targets, counts=(10**6,))
    assert our_curve.mabo >= peer_curve.mabo - 0.02
