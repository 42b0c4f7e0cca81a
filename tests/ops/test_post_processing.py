"""Choosing detections, against a loop with torchvision's NMS, and by zeros."""

import pytest
import torch
import torchvision
from torch import Tensor

from course_utils.ops.nms import nms
from course_utils.ops.post_processing import (
    select_detections,
    zero_low_scores,
    zero_overlapped_scores,
    zero_scores,
)

SETTINGS = {"score_threshold": 0.2, "iou_threshold": 0.45, "max_detections": 30}


def random_boxes(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = 100 * torch.rand(count, 2, generator=generator)
    return torch.cat(
        [corner, corner + 40 * torch.rand(count, 2, generator=generator)], 1
    )


def random_scores(count: int, classes: int, seed: int) -> Tensor:
    """Different from each other, so that the order is certain."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count * classes, generator=generator)
    return order.reshape(count, classes) / (count * classes)


def slow_select(
    boxes: Tensor,
    scores: Tensor,
    *,
    score_threshold: float,
    iou_threshold: float,
    max_detections: int,
    candidates: int | None = None,
) -> list[tuple[float, int, int]]:
    """(score, label, box) of each detection, by falling score."""
    found = []
    for column in range(scores.shape[1]):
        ranked = scores[:, column].argsort(descending=True, stable=True)[:candidates]
        ranked = ranked[scores[ranked, column] > score_threshold]
        kept = torchvision.ops.nms(boxes[ranked], scores[ranked, column], iou_threshold)
        found += [
            (scores[row, column].item(), column + 1, row)
            for row in ranked[kept].tolist()
        ]
    return sorted(found, reverse=True)[:max_detections]


@pytest.mark.parametrize("candidates", [None, 1, 7, 1000])
@pytest.mark.parametrize(
    ("count", "classes"), [(0, 3), (1, 1), (40, 3), (300, 7), (900, 2)]
)
def test_it_equals_a_loop_over_classes(count, classes, candidates):
    boxes, scores = random_boxes(count, 1), random_scores(count, classes, 2)
    found = select_detections(boxes, scores, candidates=candidates, **SETTINGS)
    expected = slow_select(boxes, scores, candidates=candidates, **SETTINGS)
    assert found["labels"].tolist() == [label for _, label, _ in expected]
    assert torch.equal(found["boxes"], boxes[[row for _, _, row in expected]])
    assert torch.equal(
        found["scores"], torch.tensor([score for score, _, _ in expected])
    )


def test_one_box_may_be_reported_as_two_classes():
    found = select_detections(
        torch.tensor([[0.0, 0, 8, 4]]), torch.tensor([[0.5, 0.1, 0.6]]), **SETTINGS
    )
    assert found["labels"].tolist() == [3, 1]


@pytest.mark.parametrize("candidates", [None, 5])
def test_each_class_may_have_boxes_of_its_own(candidates):
    scores = random_scores(40, 3, 2)
    boxes = torch.stack([random_boxes(40, seed) for seed in (4, 5, 6)], dim=1)
    found = select_detections(boxes, scores, candidates=candidates, **SETTINGS)
    expected = []
    for column in range(3):
        own = scores[:, column : column + 1]
        one = slow_select(boxes[:, column], own, candidates=candidates, **SETTINGS)
        expected += [(score, column + 1, row) for score, _, row in one]
    expected = sorted(expected, reverse=True)[: SETTINGS["max_detections"]]
    assert found["labels"].tolist() == [label for _, label, _ in expected]
    rows = torch.stack([boxes[row, label - 1] for _, label, row in expected])
    assert torch.equal(found["boxes"], rows)


def test_of_equal_scores_the_first_candidates_are_looked_at():
    boxes = torch.tensor([[0.0, 0, 2, 2], [9, 9, 12, 12], [20, 20, 24, 24]])
    found = select_detections(boxes, torch.full((3, 1), 0.5), candidates=2, **SETTINGS)
    assert torch.equal(found["boxes"], boxes[:2])


def test_a_score_as_high_as_the_threshold_is_not_enough():
    settings = SETTINGS | {"score_threshold": 0.5}
    found = select_detections(
        torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.5]]), **settings
    )
    assert [len(value) for value in found.values()] == [0, 0, 0]


def test_scores_that_do_not_fit_are_explained():
    with pytest.raises(ValueError, match=r"\(2, classes\) was expected"):
        select_detections(torch.zeros(2, 4), torch.zeros(3, 1), **SETTINGS)


ZEROING = {"score_threshold": 0.2, "iou_threshold": 0.5}


def random_boxes_to_zero(count: int, classes: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    low = 60 * torch.rand(count, 2, generator=generator)
    side = 5 + 40 * torch.rand(count, 2, generator=generator)
    scores = torch.rand(count, classes, generator=generator)
    return torch.cat([low, low + side], dim=1), scores


@pytest.mark.parametrize(
    ("count", "classes"), [(98, 7), (40, 1), (1, 3), (0, 4), (5, 0)]
)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_is_what_the_indices_say(count, classes, seed):
    boxes, scores = random_boxes_to_zero(count, classes, seed)
    left = zero_scores(boxes, scores, **ZEROING)
    assert left.shape == scores.shape
    assert ((left == 0) | (left == scores)).all()
    expected = select_detections(boxes, scores, max_detections=1000, **ZEROING)
    rows, columns = left.nonzero(as_tuple=True)
    order = left[rows, columns].argsort(descending=True)
    assert torch.equal(boxes[rows[order]], expected["boxes"])
    assert torch.equal(left[rows, columns][order], expected["scores"])
    assert torch.equal(columns[order] + 1, expected["labels"])


@pytest.mark.parametrize("seed", range(3))
def test_one_class_equals_nms(seed):
    boxes, scores = random_boxes_to_zero(60, 1, seed)
    left = zero_overlapped_scores(boxes, scores[:, 0], 0.4)
    kept = nms(boxes, scores[:, 0], 0.4)
    assert torch.equal(left.nonzero().squeeze(1), kept.sort().values)


def test_the_dog_of_the_slides():
    """Four boxes: the best suppresses one, one lies apart, and one was low before."""
    boxes = torch.tensor(
        [[0.0, 0, 40, 40], [2.0, 2, 42, 42], [60.0, 0, 90, 30], [0.0, 50, 30, 80]]
    )
    scores = torch.tensor([[0.5], [0.3], [0.2], [0.1]])
    left = zero_scores(boxes, scores, score_threshold=0.15, iou_threshold=0.5)
    torch.testing.assert_close(left[:, 0], torch.tensor([0.5, 0.0, 0.2, 0.0]))


def test_a_suppressed_box_suppresses_nothing():
    chain = torch.tensor([[0.0, 0, 10, 10], [3.0, 0, 13, 10], [6.0, 0, 16, 10]])
    scores = torch.tensor([0.9, 0.8, 0.7])
    left = zero_overlapped_scores(chain, scores, 0.5)
    assert left.tolist() == pytest.approx([0.9, 0, 0.7])


def test_the_first_of_equals_stays():
    boxes = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    assert zero_overlapped_scores(boxes, torch.ones(3), 0.5).tolist() == [1, 0, 0]


def test_thresholds_are_strict():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 5]])  # IoU is 0.5
    assert zero_overlapped_scores(boxes, torch.tensor([2.0, 1]), 0.5).all()
    assert not zero_low_scores(torch.tensor([0.25]), 0.25).any()


def test_the_scores_given_stay_as_they_are():
    boxes, scores = random_boxes_to_zero(20, 3, 0)
    before = scores.clone()
    zero_scores(boxes, scores, **ZEROING)
    assert torch.equal(scores, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score_threshold": -0.1}, "score_threshold is -0.1"),
        ({"iou_threshold": 1.1}, "iou_threshold is 1.1"),
    ],
)
def test_thresholds_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        zero_scores(torch.zeros(1, 4), torch.zeros(1, 2), **(ZEROING | settings))


def test_scores_need_a_row_for_each_box():
    with pytest.raises(ValueError, match="a row for each box"):
        zero_scores(torch.zeros(2, 4), torch.zeros(3, 2), **ZEROING)
