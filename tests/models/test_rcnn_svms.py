"""The linear SVMs against scikit-learn's, their labels, and the hard negatives."""

import warnings

import pytest
import torch
from sklearn.svm import LinearSVC

from course_utils.models.rcnn.svms import (
    fit_svms,
    scale_to_norm,
    svm_objective,
    svm_signs,
    train_svms,
)

CLASSES = 3


def make_examples(count: int = 600, width: int = 12, seed: int = 0):
    """Features around a centre for each class and one for background."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES + 1, width, generator=generator) * 1.2
    labels = torch.randint(CLASSES + 1, (count,), generator=generator)
    features = centres[labels] + torch.randn(count, width, generator=generator)
    signs = torch.where(labels[:, None] == torch.arange(1, CLASSES + 1), 1, -1)
    return features, signs


def peer(features, signs, c: float, positive_weight: float) -> LinearSVC:
    svc = LinearSVC(
        C=c,
        class_weight={1: positive_weight, -1: 1.0},
        intercept_scaling=10,
        dual=False,
        tol=1e-10,
        max_iter=10_000,
    )
    return svc.fit(features.double().numpy(), signs.numpy())


@pytest.mark.parametrize(("c", "positive_weight"), [(1e-3, 2.0), (0.1, 1.0), (10, 2)])
def test_they_equal_linear_svc(c, positive_weight):
    features, signs = make_examples()
    svms = fit_svms(features.double(), signs, c=c, positive_weight=positive_weight)
    scores = svms(features.double())
    for k in range(CLASSES):
        svc = peer(features, signs[:, k], c, positive_weight)
        expected = torch.from_numpy(svc.decision_function(features.double().numpy()))
        assert ((scores[:, k] > 0) == (expected > 0)).double().mean() >= 0.99
        torch.testing.assert_close(scores[:, k], expected, atol=1e-4, rtol=1e-4)


def test_the_objective_is_no_higher_than_that_of_linear_svc():
    features, signs = make_examples()
    x = torch.cat([features, torch.full((len(features), 1), 10)], dim=1).double()
    costs = 0.1 * torch.where(signs > 0, 2.0, 1.0).double()
    svms = fit_svms(features.double(), signs, c=0.1)
    ours, _ = svm_objective(
        torch.cat([svms.weight, svms.bias[:, None] / 10], dim=1), x, signs, costs
    )
    for k in range(CLASSES):
        svc = peer(features, signs[:, k], 0.1, 2.0)
        weights = torch.tensor([[*svc.coef_[0], svc.intercept_[0] / 10]])
        theirs, _ = svm_objective(weights, x, signs[:, k : k + 1], costs[:, k : k + 1])
        assert ours[k] <= theirs[0] * (1 + 1e-6)


def test_the_plain_hinge_of_the_release_decides_alike():
    features, signs = make_examples()
    svms = fit_svms(features, signs, c=0.1, positive_weight=1.0)
    for k in range(CLASSES):
        svc = LinearSVC(
            C=0.1, loss="hinge", dual=True, intercept_scaling=10, max_iter=100_000
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            svc.fit(features.numpy(), signs[:, k].numpy())
        theirs = torch.from_numpy(svc.decision_function(features.numpy())) > 0
        assert ((svms(features)[:, k] > 0) == theirs).double().mean() > 0.95


def test_examples_with_sign_0_are_not_used():
    features, signs = make_examples()
    signs[300:, 1] = 0
    all_at_once = fit_svms(features, signs, c=0.1)
    alone = fit_svms(features[:300], signs[:300], c=0.1)
    torch.testing.assert_close(all_at_once.weight[1], alone.weight[1])
    assert not torch.allclose(all_at_once.weight[0], alone.weight[0])


def test_a_class_without_examples_has_scores_of_zero():
    features, signs = make_examples(50)
    signs[:, 2] = 0
    svms = fit_svms(features, signs)
    assert (svms(features)[:, 2] == 0).all()
    assert svms(features).isfinite().all()


@pytest.mark.parametrize("c", [0.0, -1.0])
def test_a_c_that_is_not_positive_is_refused(c):
    with pytest.raises(ValueError, match="c is"):
        fit_svms(*make_examples(10), c=c)


def test_signs_for_other_features_are_refused():
    features, signs = make_examples(10)
    with pytest.raises(ValueError, match=r"\(9, 3\).*\(10, classes\)"):
        fit_svms(features, signs[:9])


def test_only_the_objects_are_positive_and_only_far_boxes_negative():
    target = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]]),
        "labels": torch.tensor([1, 3]),
    }
    boxes = torch.tensor(
        [
            [0.0, 0, 10, 9],  # IoU 0.9 with the first: neither
            [0, 0, 10, 3.1],  # IoU 0.31: neither
            [0, 0, 10, 2.9],  # IoU 0.29: negative
            [20, 0, 30, 4],  # IoU 0.4 with the second
        ]
    )
    signs = svm_signs(boxes, target, num_classes=4)
    assert signs.tolist() == [
        [1, -1, -1],
        [-1, -1, 1],
        [0, -1, -1],
        [0, -1, -1],
        [-1, -1, -1],
        [-1, -1, 0],
    ]


def test_without_objects_every_box_is_negative_for_every_class():
    target = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    boxes = torch.tensor([[0.0, 0, 10, 9], [5, 5, 5, 5]])
    assert (svm_signs(boxes, target, num_classes=3) == -1).all()
    assert svm_signs(torch.zeros(0, 4), target, num_classes=3).shape == (0, 2)


def images_of(features, signs, count: int = 20):
    return features.chunk(count), signs.chunk(count)


def test_hard_negatives_decide_as_all_negatives_do():
    features, signs = make_examples(4000)
    svms, rounds = train_svms(*images_of(features, signs), c=0.1, limit=300)
    scale = scale_to_norm([features])
    everything = fit_svms(features * scale, signs, c=0.1)
    same = (svms(features) > 0) == (everything(features * scale) > 0)
    assert same.float().mean() > 0.99
    assert len(rounds) >= 2
    assert rounds[-1].images == 20
    assert rounds[-1].negatives < 0.8 * (signs < 0).sum()


def test_features_are_scaled_to_the_mean_length_of_the_release():
    features, signs = make_examples(100)
    scale = scale_to_norm(features.chunk(4))
    assert (scale * features.norm(dim=1)).mean().item() == pytest.approx(20)
    svms, _ = train_svms(*images_of(features, signs, 4))
    tenfold, _ = train_svms(*images_of(10 * features, signs, 4))
    torch.testing.assert_close(tenfold(10 * features), svms(features))
    assert scale_to_norm([torch.zeros(3, 4), torch.zeros(0, 4)]) == 1
    assert scale_to_norm([]) == 1


def test_training_without_any_positive_or_proposal_stays_finite():
    features, signs = make_examples(60)
    svms, _ = train_svms(*images_of(features, -torch.ones_like(signs), 3))
    assert svms(features).mean() < -0.5
    assert svms(features).isfinite().all()
    empty, _ = train_svms([features[:0]], [signs[:0]])
    assert (empty(features) == 0).all()
    with pytest.raises(ValueError, match="features is empty"):
        train_svms([], [])
