"""Selective search: what its boxes keep, beside OpenCV's, and on real photographs."""

import os
from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors

from course_utils.data.photos import photo
from course_utils.data.tabletop import Tabletop
from course_utils.data.voc import read_voc
from course_utils.metrics.proposals import evaluate_proposals
from course_utils.ops import selective_search as ops
from course_utils.ops.boxes import box_iou, remove_small_boxes

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
        (torch.rand(3, 9, 9), {"strategy": "best"}, "no strategy 'best'"),
    ],
)
def test_bad_input_is_named(image: Tensor, settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ops.selective_search(image, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((("cmyk",), (50,), (ops.TSF,)), "colour space 'cmyk'"),
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
