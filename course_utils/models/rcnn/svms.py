"""The linear SVMs of R-CNN: one a class, on features that no longer change.

All classes are fitted at once. The loss is the squared hinge, as in scikit-learn's
LinearSVC; it has a smooth minimum, which Newton's method finds in a few steps (Keerthi
and DeCoste 2005, "A modified finite Newton method"). One pass over all images looks for
the negatives that the SVMs get wrong.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.models.model import Target
from course_utils.ops.boxes import as_boxes, box_iou
from course_utils.ops.validators import check_not_empty

MOST_STEPS = 50  # of Newton's method; about five are usual
FEATURE_NORM = 20.0  # mean length of features once scaled, as in R-CNN's release


class LinearSVMs(nn.Module):
    """A score for each class: features times weights plus a bias. Nothing learns here.

    Weights are buffers: they move with a model, and no gradient reaches them.

    Args:
        weight: (K, F).
        bias: (K,).
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, F) features -> (N, K) scores, above 0 for what looks like the class."""
        return features @ self.weight.T + self.bias


def scale_to_norm(features: Sequence[Tensor], norm: float = FEATURE_NORM) -> float:
    """The factor that makes the mean length of all features equal to `norm`.

    (N, F) features of each image -> a number; 1 if there is no feature but zeros.
    """
    count = sum(map(len, features))
    total = sum(of_image.norm(dim=1).sum().item() for of_image in features)
    return norm * count / total if total > 0 else 1.0


def svm_signs(
    boxes: Tensor, target: Target, *, num_classes: int, negative_iou: float = 0.3
) -> Tensor:
    """What each box teaches the SVM of each class: +1, -1, or 0 for nothing.

    Only the objects' own boxes are positive. A box that overlaps no object of a class
    by `negative_iou` is negative for this class. All between is left out: too good to
    be a counterexample, not good enough to be an example.

    Args:
        boxes: (N, 4) xyxy.
        target: `boxes` (M, 4) and `labels` (M,) of the image.
        num_classes: K + 1, with the background.
        negative_iou: negatives overlap by less.

    Returns (M + N, K) int64 for the objects' boxes and then the others.
    """
    objects, labels = target["boxes"].to(boxes), target["labels"]
    all_boxes = torch.cat([objects, as_boxes(boxes)])
    best = all_boxes.new_zeros(len(all_boxes), num_classes - 1)
    column = (labels - 1).expand(len(all_boxes), -1)  # of class 1 is 0
    best.scatter_reduce_(1, column, box_iou(all_boxes, objects), "amax")
    signs = -(best < negative_iou).long()
    signs[torch.arange(len(objects), device=objects.device), labels - 1] = 1
    return signs


def svm_objective(
    weights: Tensor, x: Tensor, signs: Tensor, costs: Tensor
) -> tuple[Tensor, Tensor]:
    """What each SVM lowers, and how far each example is inside the margin.

    |w|^2 / 2 + sum of cost * max(0, 1 - sign * score)^2 over the examples.

    (K, F + 1) weights, (N, F + 1) features with a 1 at the end, (N, K) signs and costs
    -> (K,) and (N, K), 0 outside the margin.
    """
    inside = (1 - signs * (x @ weights.T)).clamp(min=0)  # (N, K)
    value = weights.square().sum(dim=1) / 2 + (costs * inside.square()).sum(dim=0)
    return value, inside


def newton_step(weights: Tensor, x: Tensor, signs: Tensor, costs: Tensor) -> Tensor:
    """The change of the weights to the minimum of each SVM's present parabola.

    Only examples inside the margin pull; as long as they stay the same, the objective
    is a parabola, whose minimum one linear system gives. Shapes as in `svm_objective`.
    """
    _, inside = svm_objective(weights, x, signs, costs)
    pull = 2 * costs * (inside > 0)  # (N, K)
    gradient = weights - (pull * inside * signs).T @ x  # (K, F + 1)
    is_near = pull.any(dim=1)  # soon most examples are far outside of all margins
    x, pull = x[is_near], pull[is_near]
    curvature = torch.einsum("nkf,ng->kfg", pull[..., None] * x[:, None], x)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    step: Tensor = torch.linalg.solve(curvature + eye, -gradient)
    return step


def line_search(
    weights: Tensor, step: Tensor, x: Tensor, signs: Tensor, costs: Tensor
) -> tuple[Tensor, Tensor]:
    """The weights after the step, halved for each SVM until its objective is no higher.

    Returns (K, F + 1) weights and the (K,) values of the objective there.
    """
    before, _ = svm_objective(weights, x, signs, costs)
    for _ in range(30):  # a full step may overshoot; a short enough one cannot
        value, _ = svm_objective(weights + step, x, signs, costs)
        is_worse = value > before
        if not is_worse.any():
            break
        step = step * torch.where(is_worse, 0.5, 1.0)[:, None]
    return weights + step, value


def check_svm_examples(features: Tensor, signs: Tensor, c: float) -> None:
    """Raises ValueError unless each feature has signs, and `c` is positive."""
    if signs.ndim != 2 or len(signs) != len(features) or not c > 0:
        raise ValueError(
            f"signs has shape {tuple(signs.shape)} and c is {c}, but ({len(features)}, "
            "classes) and a positive number were expected: one row for each feature"
        )


def fit_svms(
    features: Tensor,
    signs: Tensor,
    *,
    c: float = 1e-3,
    positive_weight: float = 2.0,
    bias_scale: float = 10.0,
    start: LinearSVMs | None = None,
) -> LinearSVMs:
    """The best linear SVM of each class.

    Args:
        features: (N, F).
        signs: (N, K) of +1, -1, or 0 for examples that a class does not use.
        c: weight of the examples against that of small weights.
        positive_weight: how much more a positive counts: there are few of them.
        bias_scale: the number that stands at the end of each example's features. Its
            weight counts as small weights do, so that a larger one frees the bias.
        start: from where to search; it only saves time.

    Raises ValueError if there are not as many signs as features, or c is not positive.
    """
    check_svm_examples(features, signs, c)
    last = features.new_full((len(features), 1), bias_scale)
    x = torch.cat([features, last], dim=1).double()
    costs = c * torch.where(signs > 0, positive_weight, 1.0).double() * (signs != 0)
    weights = x.new_zeros(signs.shape[1], x.shape[1])
    if start is not None:
        bias = start.bias[:, None] / bias_scale
        weights = torch.cat([start.weight, bias], dim=1).double()
    before, _ = svm_objective(weights, x, signs, costs)
    for _ in range(MOST_STEPS):
        step = newton_step(weights, x, signs, costs)
        weights, value = line_search(weights, step, x, signs, costs)
        if (before - value <= 1e-9 * before).all():
            break
        before = value
    weights = weights.to(features)
    return LinearSVMs(weights[:, :-1].clone(), weights[:, -1] * bias_scale)


class MiningRound(NamedTuple):
    """One fit of the SVMs, while they look for hard negatives."""

    images: int  # looked at so far
    negatives: int  # in use, over all classes
    dropped: int  # that had become easy


def hard_negatives(
    svms: LinearSVMs | None, x: Tensor, signs: Tensor, *, above: float = -1.0
) -> Tensor:
    """The negatives that score too high: (N, F) features and (N, K) signs -> (N, K).

    A negative outside the margin, with a score below -1, has nothing to say. Without
    SVMs, every negative is hard.
    """
    negative = signs < 0
    return negative if svms is None else negative & (svms(x) > above)


def fit_on_used(
    x: Tensor, signs: Tensor, used: Tensor, *, start: LinearSVMs | None, c: float
) -> LinearSVMs:
    """The best SVMs for the examples in use: (N, F), (N, K) signs and (N, K) bool."""
    rows = used.any(dim=1)
    return fit_svms(x[rows], (signs * used)[rows], c=c, start=start)


def train_svms(
    features: Sequence[Tensor],
    signs: Sequence[Tensor],
    *,
    c: float = 1e-3,
    limit: int = 2000,
    easy: float = -1.2,
) -> tuple[LinearSVMs, list[MiningRound]]:
    """SVMs of all classes, from one walk over the images in search of hard negatives.

    There are far too many negatives to use all of them, and most say nothing new. The
    SVMs start with the negatives of the first images; of the others they take only
    those that they get wrong or nearly so. Every `limit` of them they are fitted again.

    Args:
        features: (N, F) for each image.
        signs: (N, K) for each image, of +1, -1 or 0; see `svm_signs`.
        c: see `fit_svms`.
        limit: new negatives of one class before the next fit.
        easy: a negative in use is dropped once its score is below this.

    Returns the SVMs and what was in use at each fit. Raises ValueError without images.
    """
    check_not_empty(features=features)
    scale = scale_to_norm(features)
    x, y = scale * torch.cat(list(features)), torch.cat(list(signs))
    used, svms, rounds = y > 0, None, list[MiningRound]()
    end, new = 0, torch.zeros_like(y[:1].sum(dim=0))
    for image, count in enumerate(map(len, features), start=1):
        rows, end = slice(end, end + count), end + count
        taken = hard_negatives(svms, x[rows], y[rows]) & ~used[rows]
        used[rows] |= taken
        new = new + taken.sum(dim=0)
        if new.max() > limit or image == len(features):
            svms = fit_on_used(x, y, used, start=svms, c=c)
            in_use, is_easy = used & (y < 0), svms(x) < easy
            used &= ~(in_use & is_easy)
            dropped = int((in_use & is_easy).sum())
            rounds.append(MiningRound(image, int(in_use.sum()), dropped))
            new = torch.zeros_like(new)
    assert svms is not None  # the last image fits them
    return LinearSVMs(scale * svms.weight, svms.bias), rounds
