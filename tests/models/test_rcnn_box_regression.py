"""The box regressors: ridge against its peers, whitening, and what they correct."""

import pytest
import torch
from sklearn.linear_model import Ridge
from two_objects import NOTHING

from course_utils.models.rcnn.box_regression import (
    fit_ridge,
    regression_pairs,
    train_box_regressors,
    whiten,
    with_ones,
)
from course_utils.ops.boxes import paired_box_iou


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("penalty", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize("count", [200, 5])
def test_ridge_equals_scikit_learn_s(penalty, count):
    x, y = numbers(count, 12), numbers(count, 4, seed=1)
    peer = Ridge(alpha=penalty, fit_intercept=False, tol=1e-12).fit(x, y)
    received = fit_ridge(x, y, penalty=penalty)
    expected = torch.from_numpy(peer.coef_).T
    torch.testing.assert_close(received, expected, atol=1e-9, rtol=1e-5)


def test_ridge_is_the_least_squares_of_rows_added_for_the_penalty():
    x, y = numbers(60, 7), numbers(60, 4, seed=1)
    rows = torch.cat([x, 3.0 * torch.eye(7, dtype=torch.float64)])
    expected = torch.linalg.lstsq(rows, torch.cat([y, y.new_zeros(7, 4)])).solution
    torch.testing.assert_close(fit_ridge(x, y, penalty=9.0), expected)


def test_ridge_without_examples_is_zero():
    assert (fit_ridge(torch.zeros(0, 3), torch.zeros(0, 4), penalty=1.0) == 0).all()


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_not_positive_is_refused(penalty):
    with pytest.raises(ValueError, match="penalty is"):
        fit_ridge(torch.zeros(3, 3), torch.zeros(3, 4), penalty=penalty)


def test_as_many_features_as_targets_are_needed():
    with pytest.raises(ValueError, match="3 x and 2 y"):
        fit_ridge(torch.zeros(3, 3), torch.zeros(2, 4), penalty=1.0)


def test_whitened_targets_have_no_correlation_and_come_back():
    targets = numbers(500, 4) @ numbers(4, 4, seed=1) + torch.arange(4.0)
    white, back, mean = whiten(targets)
    torch.testing.assert_close(white @ back + mean, targets)
    covariance = white.T @ white / len(white)
    torch.testing.assert_close(covariance, torch.eye(4).double(), atol=0.02, rtol=0)
    white, back, mean = whiten(torch.zeros(0, 4))
    assert white.shape == (0, 4)
    assert (mean == 0).all()
    assert back.isfinite().all()


def test_only_proposals_near_an_object_are_pairs():
    target = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]]),
        "labels": torch.tensor([1, 3]),
    }
    boxes = torch.tensor(
        [[0.0, 0, 10, 6], [0, 0, 10, 6.1], [18, 0, 30, 10], [50, 50, 60, 60]]
    )
    index, labels, changes = regression_pairs(boxes, target)  # IoU 0.6 is not above
    assert index.tolist() == [1, 2]
    assert labels.tolist() == [1, 3]
    torch.testing.assert_close(
        changes[1], torch.tensor([1 / 12, 0, -0.1823, 0]), atol=1e-4, rtol=0
    )
    assert regression_pairs(boxes, NOTHING)[2].shape == (0, 4)
    assert regression_pairs(torch.zeros(0, 4), target)[2].shape == (0, 4)


def shifted_scene(seed: int, label: int):
    """Boxes that miss one object, with features that tell how."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.tensor([[40.0, 40, 80, 70]])
    boxes = truth + 3 * torch.randn(60, 4, generator=generator)
    features = torch.cat([boxes - truth, torch.rand(60, 3, generator=generator)], dim=1)
    return features, boxes, {"boxes": truth, "labels": torch.tensor([label])}


def test_boxes_are_nearer_to_the_object_once_corrected():
    scenes = [shifted_scene(seed, 2) for seed in range(8)]
    regressors = train_box_regressors(
        *(list(part) for part in zip(*scenes, strict=True)), num_classes=4, penalty=1.0
    )
    features, boxes, target = shifted_scene(99, 2)
    labels = torch.full((60,), 2)
    goal = target["boxes"].expand(60, -1)
    before = paired_box_iou(boxes, goal).mean()
    after = paired_box_iou(regressors(features, boxes, labels), goal).mean()
    assert after > before + 0.1


def test_a_class_without_examples_changes_nothing():
    scenes = [shifted_scene(seed, 2) for seed in range(3)]
    regressors = train_box_regressors(
        *(list(part) for part in zip(*scenes, strict=True)), num_classes=4
    )
    features, boxes, _ = shifted_scene(99, 2)
    for label in (1, 3):
        same = regressors(features, boxes, torch.full((60,), label))
        torch.testing.assert_close(same, boxes, atol=1e-4, rtol=0)


def test_each_class_has_its_own_regressor():
    left, right = shifted_scene(0, 1), shifted_scene(1, 2)
    scenes = [(f, b + 4 * (t["labels"] == 1), t) for f, b, t in (left, right)]
    regressors = train_box_regressors(
        *(list(part) for part in zip(*scenes, strict=True)), num_classes=3
    )
    x = torch.zeros(1, 7)
    one = regressors.deltas(x, torch.tensor([1]))
    other = regressors.deltas(x, torch.tensor([2]))
    assert (one[0, 0] - other[0, 0]).item() < -0.05
    assert with_ones(x).shape == (1, 8)


def test_no_proposal_at_all_changes_nothing():
    regressors = train_box_regressors(
        [torch.zeros(0, 5)], [torch.zeros(0, 4)], [NOTHING], num_classes=3
    )
    assert (regressors.weight == 0).all()
