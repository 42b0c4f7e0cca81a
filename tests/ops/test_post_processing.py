"""Choosing detections, against a loop over the classes with torchvision's NMS."""

import pytest
import torch
import torchvision
from torch import Tensor

from course_utils.ops.post_processing import select_detections

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
