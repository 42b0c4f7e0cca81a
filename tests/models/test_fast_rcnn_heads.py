"""The box head, its labels, sampler, losses and detections beside torchvision's."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.ops import box_iou

from course_utils.models.fast_rcnn import (
    BOX_WEIGHTS,
    BoxHead,
    box_head_losses,
    label_rois,
    postprocess_detections,
    sample_rois,
)

SIZE = (90, 130)


def random_boxes(number: int, seed: int = 0, *, least: float = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 2, generator=generator) * torch.tensor([100.0, 60])
    side = torch.rand(number, 2, generator=generator) * 29 + least
    return torch.cat([low, low + side], dim=1)


def make_target(*boxes: list[float], labels: list[int] | None = None):
    labels = list(range(1, len(boxes) + 1)) if labels is None else labels
    return {
        "boxes": torch.tensor(boxes).reshape(-1, 4).float(),
        "labels": torch.tensor(labels, dtype=torch.int64),
    }


def near(boxes: Tensor, copies: int, spread: float, seed: int = 1) -> Tensor:
    """Boxes about those given, shifted and resized at random."""
    generator = torch.Generator().manual_seed(seed)
    boxes = boxes.repeat(copies, 1)
    shifted = boxes + spread * torch.randn(boxes.shape, generator=generator)
    low, high = shifted[:, :2].clamp(min=0), shifted[:, 2:]
    return torch.cat([low, torch.maximum(low + 1, high)], dim=1)


def make_head(num_classes: int = 5) -> BoxHead:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BoxHead(6, pooled_size=3, hidden=10, num_classes=num_classes)


@pytest.mark.parametrize("number", [0, 1, 7])
def test_the_head_gives_scores_and_four_deltas_a_class(number):
    logits, deltas = make_head()(torch.randn(number, 6, 3, 3))
    assert logits.shape == (number, 5)
    assert deltas.shape == (number, 20)


def test_at_first_no_class_is_preferred_and_no_box_moves():
    logits, deltas = make_head()(torch.randn(9, 6, 3, 3))
    torch.testing.assert_close(
        logits.softmax(1), torch.full((9, 5), 0.2), atol=0.05, rtol=0
    )
    assert deltas.abs().max() < 0.05


@pytest.mark.parametrize("beta", [1 / 9, 1.0])
def test_losses_are_torchvisions(beta):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 5, generator=generator)
    deltas = torch.randn(40, 20, generator=generator)
    labels = torch.randint(0, 5, (40,), generator=generator)
    goals = torch.randn(40, 4, generator=generator)
    found = box_head_losses(logits, deltas, labels, goals, beta=beta)
    assert list(found) == ["loss_classifier", "loss_box_reg"]
    classes, boxes = fastrcnn_loss(logits, deltas, [labels], [goals])
    torch.testing.assert_close(found["loss_classifier"], classes)
    if beta != 1:
        torch.testing.assert_close(found["loss_box_reg"], boxes)
    rows = labels.nonzero().flatten().tolist()
    own = [deltas[i, 4 * labels[i] : 4 * labels[i] + 4] - goals[i] for i in rows]
    by_hand = sum(
        0.5 * x * x / beta if abs(x) < beta else abs(x) - 0.5 * beta
        for x in torch.cat(own).tolist()
    )
    assert found["loss_box_reg"].item() == pytest.approx(by_hand / 40, rel=1e-5)


def test_only_the_deltas_of_the_true_class_get_a_gradient():
    deltas = torch.randn(3, 20, requires_grad=True)
    labels = torch.tensor([2, 0, 4])
    found = box_head_losses(torch.randn(3, 5), deltas, labels, torch.zeros(3, 4))
    found["loss_box_reg"].backward()
    touched = deltas.grad.reshape(3, 5, 4).abs().sum(dim=2) > 0
    expected = torch.zeros(3, 5, dtype=torch.bool)
    expected[0, 2] = expected[2, 4] = True
    assert torch.equal(touched, expected)


@pytest.mark.parametrize("number", [0, 4])
def test_losses_without_objects_are_finite(number):
    logits = torch.randn(number, 5, requires_grad=True)
    deltas = torch.randn(number, 20, requires_grad=True)
    # What a box without width would give must not spoil the rest.
    goals = torch.full((number, 4), -math.inf)
    labels = torch.zeros(number, dtype=torch.int64)
    found = box_head_losses(logits, deltas, labels, goals)
    total = sum(found.values())
    total.backward()
    assert found["loss_box_reg"] == 0
    assert total.isfinite()
    assert logits.grad.isfinite().all()
    assert (deltas.grad == 0).all()
    assert number or total == 0


def test_thresholds_belong_to_the_upper_side():
    target = make_target([0, 0, 10, 10], labels=[3])
    # Of 10 x 10 pixels they cover 10, 9, 5, 4 and 1; the last lies elsewhere.
    widths = torch.tensor([10.0, 9, 5, 4, 1, 0.9])
    proposals = torch.zeros(7, 4)
    proposals[:6, 2], proposals[:6, 3] = widths, 10
    proposals[6] = torch.tensor([20.0, 20, 30, 30])
    labels, index = label_rois(proposals, target)
    assert labels.tolist() == [3, 3, 3, 0, 0, -1, -1]
    assert index.tolist() == [0] * 7
    labels, _ = label_rois(proposals, target, negative_iou=(0, 0.5))
    assert labels.tolist() == [3, 3, 3, 0, 0, 0, 0]
    labels, _ = label_rois(proposals, target, positive_iou=0.95)
    assert labels.tolist() == [3, -1, -1, 0, 0, -1, -1]


def test_labels_are_those_of_torchvisions_matcher():
    target = make_target(*random_boxes(6, least=12).tolist())
    proposals = torch.cat([near(target["boxes"], 40, 6.0), random_boxes(200, 5)])
    labels, index = label_rois(proposals, target, negative_iou=(0.0, 0.5))
    overlap = box_iou(target["boxes"], proposals)
    matched = Matcher(0.5, 0.5, allow_low_quality_matches=False)(overlap)
    expected = target["labels"][matched.clamp(min=0)].where(matched >= 0, 0)
    assert torch.equal(labels, expected)
    assert torch.equal(index[labels > 0], matched[labels > 0])
    assert 20 < (labels > 0).sum() < 300


@pytest.mark.parametrize(
    ("positive", "negative"),
    [(0.5, (0.5, 0.1)), (0.5, (0.1, 0.6)), (1.1, (0.1, 0.5)), (0.5, (-0.1, 0.5))],
)
def test_thresholds_out_of_order_are_refused(positive, negative):
    with pytest.raises(ValueError, match=r"low is .* but 0 <= low <= high"):
        label_rois(
            torch.zeros(1, 4),
            make_target([0, 0, 1, 1]),
            positive_iou=positive,
            negative_iou=negative,
        )


def test_the_sample_is_torchvisions_with_the_same_chance():
    target = make_target(*random_boxes(5, least=14).tolist())
    proposals = torch.cat([near(target["boxes"], 30, 4.0), random_boxes(100, 5)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        settings = {"count": 64, "positive_fraction": 0.25, "negative_iou": (0, 0.5)}
        rois, labels, matched = sample_rois(proposals, target, **settings)
        torch.manual_seed(3)
        heads = RoIHeads(
            None, None, None, 0.5, 0.5, 64, 0.25, BOX_WEIGHTS, 0.05, 0.5, 100
        )
        samples = heads.select_training_samples([proposals], [target])
    (peer_rois,), _, (peer_labels,), (peer_goals,) = samples
    assert (labels > 0).sum() == 16
    order, peer_order = (
        torch.tensor(sorted(range(64), key=lambda i: boxes[i].tolist()))
        for boxes in (rois, peer_rois)
    )
    assert torch.equal(rois[order], peer_rois[peer_order])
    assert torch.equal(labels[order], peer_labels[peer_order])
    goals = BoxCoder(BOX_WEIGHTS).encode([matched], [rois])[0]
    objects = labels[order] > 0  # no box is learned from background
    torch.testing.assert_close(goals[order][objects], peer_goals[peer_order][objects])


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [(50, 200, (16, 48)), (5, 200, (5, 59)), (50, 20, (16, 20)), (0, 9, (0, 9))],
)
def test_shortages_are_filled_with_background_only(positives, negatives, expected):
    target = make_target([0, 0, 40, 40])
    full = torch.tensor([[0.0, 0, 40, 38]]).repeat(positives, 1)
    part = torch.tensor([[0.0, 0, 40, 12]]).repeat(negatives, 1)
    apart = torch.tensor([[50.0, 50, 80, 80]]).repeat(30, 1)
    proposals = torch.cat([apart, part, full])
    _, labels, _ = sample_rois(proposals, target, add_objects=False)
    assert ((labels > 0).sum(), (labels == 0).sum()) == expected


def test_the_truth_is_a_proposal_too_if_asked_for():
    target = make_target([0, 0, 40, 40], [60, 10, 90, 70], labels=[4, 2])
    settings = {"count": 8, "positive_fraction": 0.5}
    rois, labels, matched = sample_rois(torch.zeros(0, 4), target, **settings)
    assert torch.equal(rois, target["boxes"])
    assert torch.equal(matched, target["boxes"])
    assert labels.tolist() == [4, 2]
    empty = sample_rois(torch.zeros(0, 4), target, add_objects=False)
    assert [tuple(each.shape) for each in empty] == [(0, 4), (0,), (0, 4)]


def test_a_generator_decides_the_sample():
    target = make_target(*random_boxes(5, least=14).tolist())
    proposals = near(target["boxes"], 60, 5.0)
    one, same, other = (
        sample_rois(proposals, target, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(one[0], same[0])
    assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])


def test_without_objects_everything_is_background():
    nothing = make_target()
    rois, labels, matched = sample_rois(random_boxes(100), nothing)
    assert len(rois) == 64
    assert (labels == 0).all()
    assert torch.equal(matched, rois)


def test_boxes_without_area_are_no_rois():
    flat = [[5.0, 5, 5, 30], [9, 9, 3, 3]]
    target = make_target([0, 0, 40, 40], flat[0])
    proposals = torch.tensor([*flat, [0.0, 0, 40, 39]])
    rois, labels, _ = sample_rois(proposals, target)
    assert ((rois[:, 2:] - rois[:, :2]) > 0).all()
    assert labels.tolist() == [1, 1]


def test_detections_are_torchvisions():
    generator = torch.Generator().manual_seed(0)
    proposals = near(random_boxes(12, least=15), 25, 3.0)
    logits = 2 * torch.randn(300, 5, generator=generator)
    deltas = torch.randn(300, 20, generator=generator)
    found = postprocess_detections(logits, deltas, proposals, SIZE)
    heads = RoIHeads(None, None, None, 0.5, 0.5, 64, 0.25, BOX_WEIGHTS, 0.05, 0.5, 100)
    boxes, scores, labels = heads.postprocess_detections(
        logits, deltas, [proposals], [SIZE]
    )
    assert torch.equal(found["labels"], labels[0])
    torch.testing.assert_close(found["scores"], scores[0])
    torch.testing.assert_close(found["boxes"], boxes[0], atol=1e-3, rtol=1e-5)
    assert len(found["scores"]) == 100
    assert (found["scores"].diff() <= 0).all()


def test_a_box_of_no_width_is_no_detection():
    logits, deltas = torch.zeros(1, 2), torch.zeros(1, 8)
    deltas[0, 6] = -500  # width of class 1
    proposals = torch.tensor([[10.0, 10, 30, 30]])
    found = postprocess_detections(logits, deltas, proposals, SIZE)
    assert found["boxes"].shape == (0, 4)


@pytest.mark.parametrize("number", [0, 5])
def test_nothing_found_has_the_right_shapes(number):
    found = postprocess_detections(
        torch.zeros(number, 5),
        torch.zeros(number, 20),
        random_boxes(number),
        SIZE,
        score_threshold=0.9,
    )
    assert found["boxes"].shape == (0, 4)
    assert found["scores"].shape == (0,)
    assert found["labels"].shape == (0,)
    assert found["labels"].dtype == torch.int64


def test_each_class_has_a_box_of_its_own():
    logits = torch.tensor([[-9.0, 1, 1]])
    deltas = torch.zeros(1, 12)
    deltas[0, 4] = 10 * 0.5  # class 1 moves by half a width
    found = postprocess_detections(
        logits, deltas, torch.tensor([[20.0, 20, 40, 60]]), SIZE
    )
    by_label = dict(zip(found["labels"].tolist(), found["boxes"].tolist(), strict=True))
    assert by_label == {1: [30, 20, 50, 60], 2: [20, 20, 40, 60]}
