"""Suppression against torchvision and against loops written as the papers say it."""

import math

import pytest
import torch
import torchvision
from torch import Tensor

from course_utils.ops import nms as ops
from course_utils.ops.boxes import box_iou


def detections(number: int, seed: int, *, levels: int = 0) -> tuple[Tensor, Tensor]:
    """Boxes in heaps, and scores; with `levels`, many scores are equal."""
    generator = torch.Generator().manual_seed(seed)
    heap = torch.randint(0, 9, (number, 1), generator=generator) * 40.0
    low = heap + torch.rand(number, 2, generator=generator) * 20
    size = 20 + torch.rand(number, 2, generator=generator) * 40
    scores = torch.rand(number, generator=generator)
    if levels:
        scores = (scores * levels).round() / levels
    return torch.cat([low, low + size], dim=1), scores


@pytest.mark.parametrize("iou_threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("number", [0, 1, 2, 50, 200, 700])
def test_nms_gives_the_list_of_torchvision(number: int, iou_threshold: float) -> None:
    for seed in range(3):
        boxes, scores = detections(number, seed, levels=seed * 10)
        ours = ops.nms(boxes, scores, iou_threshold)
        assert ours.dtype == torch.int64
        assert (
            ours.tolist() == torchvision.ops.nms(boxes, scores, iou_threshold).tolist()
        )


def test_nms_of_a_chain_longer_than_a_block() -> None:
    """Each box overlaps only its neighbours, so that every second one survives."""
    left = torch.arange(0.0, 3 * ops.BLOCK, 1)
    zero = torch.zeros_like(left)
    boxes = torch.stack([left, zero, left + 1.9, zero + 1], dim=1)
    scores = torch.linspace(1, 0.1, len(left))
    assert ops.nms(boxes, scores, 0.3).tolist() == list(range(0, len(left), 2))


@pytest.mark.parametrize("block", [1, 2, 7, 1000])
def test_the_block_changes_nothing(block: int, monkeypatch) -> None:
    boxes, scores = detections(150, 5, levels=20)
    expected = ops.nms(boxes, scores, 0.4).tolist()
    monkeypatch.setattr(ops, "BLOCK", block)
    assert ops.nms(boxes, scores, 0.4).tolist() == expected


def test_an_overlap_equal_to_the_threshold_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 2, 1], [0, 0, 1, 1]])
    scores = torch.tensor([0.9, 0.8])
    assert ops.nms(boxes, scores, 0.5).tolist() == [0, 1]
    assert ops.nms(boxes, scores, 0.4999).tolist() == [0]


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_overlaps_of_whole_tenths_are_rounded_as_in_torchvision(
    tenths: int, dtype: torch.dtype
) -> None:
    boxes = torch.tensor([[0, 0, 10, 1], [0, 0, tenths, 1]], dtype=dtype)
    scores = torch.tensor([0.9, 0.8], dtype=dtype)
    peer = torchvision.ops.nms(boxes, scores, tenths / 10)
    assert ops.nms(boxes, scores, tenths / 10).tolist() == peer.tolist()


def test_equal_scores_keep_their_order() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]])
    assert ops.nms(boxes, torch.ones(3), 0.5).tolist() == [0, 2]


def test_two_equal_boxes_without_area_both_survive() -> None:
    assert ops.nms(torch.ones(2, 4), torch.tensor([0.5, 0.9]), 0.5).tolist() == [1, 0]


def test_classes_do_not_leak_into_each_other() -> None:
    """Shifted by label * (largest coordinate + 1), these two boxes would collide."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [-11, -11, -1, -1]])
    scores, labels = torch.tensor([0.9, 0.8]), torch.tensor([0, 1])
    assert ops.batched_nms(boxes, scores, labels, 0.5).tolist() == [0, 1]


@pytest.mark.parametrize("number", [0, 1, 40, 300, ops.FEW + 1])
def test_nms_a_class_is_nms_of_each_class(number: int) -> None:
    boxes, scores = detections(number, number, levels=30)
    generator = torch.Generator().manual_seed(number)
    labels = torch.randint(1, 5, (number,), generator=generator)
    kept = ops.batched_nms(boxes, scores, labels, 0.4)
    expected = set()
    for label in range(1, 5):
        here = (labels == label).nonzero().squeeze(1)
        expected |= set(
            here[torchvision.ops.nms(boxes[here], scores[here], 0.4)].tolist()
        )
    assert kept.dtype == torch.int64
    assert kept.tolist() == sorted(expected, key=lambda i: (-scores[i].item(), i))


@pytest.mark.parametrize("number", [1, 2, 60, ops.FEW])
def test_few_boxes_at_once_give_what_class_after_class_gives(
    number: int, monkeypatch
) -> None:
    boxes, scores = detections(number, number, levels=10)
    labels = torch.arange(number) % 7
    at_once = ops.batched_nms(boxes, scores, labels, 0.3)
    monkeypatch.setattr(ops, "FEW", 0)
    assert at_once.tolist() == ops.batched_nms(boxes, scores, labels, 0.3).tolist()


def soft_nms_in_a_loop(boxes, scores, *, method, iou_threshold, sigma, score_threshold):
    """Figure 2 of Bodla et al. 2017, one number at a time."""
    left = {i: s for i, s in enumerate(scores.tolist()) if s > score_threshold}
    kept, iou = [], box_iou(boxes, boxes).tolist()
    while left:
        best = max(left, key=lambda i: (left[i], -i))
        kept.append((best, left.pop(best)))
        for i in list(left):
            overlap = iou[best][i]
            if method == "gaussian":
                left[i] *= math.exp(-(overlap**2) / sigma)
            elif overlap >= iou_threshold:
                left[i] *= 1 - overlap
            if left[i] <= score_threshold:
                del left[i]
    return [i for i, _ in kept], [s for _, s in kept]


@pytest.mark.parametrize("method", ["gaussian", "linear"])
@pytest.mark.parametrize("number", [0, 1, 2, 60])
def test_soft_nms_agrees_with_the_loop(number: int, method: ops.SoftMethod) -> None:
    for seed, (iou_threshold, sigma, least) in enumerate(
        [(0.3, 0.5, 0.001), (0.5, 0.1, 0.2), (0.0, 2.0, 0.0)]
    ):
        boxes, scores = (x.double() for x in detections(number, seed))
        settings = {
            "method": method,
            "iou_threshold": iou_threshold,
            "sigma": sigma,
            "score_threshold": least,
        }
        indices, soft = ops.soft_nms(boxes, scores, **settings)
        order, expected = soft_nms_in_a_loop(boxes, scores, **settings)
        assert indices.dtype == torch.int64
        assert indices.tolist() == order
        assert soft.tolist() == pytest.approx(expected, abs=1e-12)


def test_soft_nms_on_paper() -> None:
    boxes = torch.tensor([[0.0, 0, 2, 1], [0, 0, 1, 1], [9, 9, 10, 10]])
    scores = torch.tensor([0.8, 0.6, 0.5])
    indices, soft = ops.soft_nms(boxes, scores, method="linear")
    assert indices.tolist() == [0, 2, 1]
    torch.testing.assert_close(soft, torch.tensor([0.8, 0.5, 0.3]))
    _, soft = ops.soft_nms(boxes, scores, sigma=0.5)
    torch.testing.assert_close(soft, torch.tensor([0.8, 0.5, 0.6 * math.exp(-0.5)]))
    assert scores.tolist() == pytest.approx([0.8, 0.6, 0.5]), "the input is unchanged"


def test_soft_nms_with_a_narrow_gaussian_drops_as_nms_does() -> None:
    boxes, scores = detections(80, 9)
    indices, _ = ops.soft_nms(boxes, scores, sigma=1e-9)
    assert indices.tolist() == torchvision.ops.nms(boxes, scores, 1e-4).tolist()


BOXES, SCORES = detections(3, 0)
MISTAKES = {
    "scores of other length": (lambda: ops.nms(BOXES, SCORES[:2], 0.5), "(2,)"),
    "scores in a column": (lambda: ops.nms(BOXES, SCORES[:, None], 0.5), "(3, 1)"),
    "percent": (lambda: ops.nms(BOXES, SCORES, 50), "50"),
    "labels": (lambda: ops.batched_nms(BOXES, SCORES, SCORES[:1], 0.5), "labels"),
    "boxes": (lambda: ops.soft_nms(BOXES[0], SCORES), "(4,)"),
    "method": (lambda: ops.soft_nms(BOXES, SCORES, method="gauss"), "'gauss'"),
    "sigma": (lambda: ops.soft_nms(BOXES, SCORES, sigma=0), "sigma is 0"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    call, words = MISTAKES[case]
    with pytest.raises(ValueError, match="expected") as caught:
        call()
    assert words in str(caught.value)
