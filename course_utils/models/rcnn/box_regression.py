"""The box regressors of R-CNN: one ridge regression a class, on pooled features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.models.model import Target
from course_utils.models.rcnn.svms import scale_to_norm
from course_utils.ops.boxes import as_boxes, box_iou, decode_boxes, encode_boxes
from course_utils.ops.validators import check_above_zero, check_lengths

WHITENING = 1e-3  # added to each variance, so that none is divided by zero


def with_ones(features: Tensor) -> Tensor:
    """Features with a 1 at the end, whose weight is the bias: (N, F) -> (N, F + 1)."""
    return torch.cat([features, features.new_ones(len(features), 1)], dim=1)


def fit_ridge(x: Tensor, y: Tensor, *, penalty: float) -> Tensor:
    """The weights that lower |x w - y|^2 + penalty |w|^2: (F, T).

    Its closed form is w = (x'x + penalty I)^-1 x'y. (N, F) and (N, T); without any
    example, all weights are 0. Raises ValueError unless the penalty is above 0.
    """
    # With a penalty of 0, fewer examples than features have no single solution.
    check_above_zero(penalty=penalty)
    check_lengths(x=x, y=y)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weights: Tensor = torch.linalg.solve(x.T @ x + penalty * eye, x.T @ y)
    return weights


def whiten(targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Targets with mean 0, variance 1 and no correlation, and the way back.

    (N, 4) -> white (N, 4), back (4, 4) and mean (4,): targets = white @ back + mean.
    Without any target, the mean is 0.
    """
    mean = targets.sum(dim=0) / max(len(targets), 1)
    centred = targets - mean
    covariance = centred.T @ centred / max(len(targets), 1)
    variance, axes = torch.linalg.eigh(covariance)
    spread = (variance.clamp(min=0) + WHITENING).sqrt()
    back = axes * spread @ axes.T
    return centred @ (axes / spread @ axes.T), back, mean


class BoxRegressors(nn.Module):
    """For each class, how a box should change. Nothing learns here.

    Weights are buffers: they move with a model, and no gradient reaches them.

    Args:
        weight: (K, F + 1, 4), for features with a 1 at the end.
    """

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def deltas(self, features: Tensor, labels: Tensor) -> Tensor:
        """The change for each region, by its own class: (N, F) and (N,) -> (N, 4)."""
        by_class = torch.einsum(
            "nf,kfd->nkd", with_ones(features), self.weight
        )  # (N, K, 4)
        return by_class[torch.arange(len(labels), device=labels.device), labels - 1]

    def forward(self, features: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """The boxes once corrected: (N, F), (N, 4) xyxy and labels (N,) -> (N, 4)."""
        return decode_boxes(self.deltas(features, labels), boxes)


def regression_pairs(
    boxes: Tensor, target: Target, *, min_iou: float = 0.6
) -> tuple[Tensor, Tensor, Tensor]:
    """The proposals near an object, and the change that would bring each to it.

    A proposal belongs to the object that it overlaps most, if their IoU is above
    `min_iou`. From farther away, the features do not show where the object ends.

    Returns the indices (P,) of those proposals, labels (P,) and changes (P, 4).
    """
    boxes, objects = as_boxes(boxes), target["boxes"].to(boxes)
    if len(objects) == 0:
        none = torch.zeros(0, dtype=torch.int64, device=boxes.device)
        return none, none, boxes.new_zeros(0, 4)
    iou, matched_idxs = box_iou(boxes, objects).max(dim=1)
    near = (iou > min_iou).nonzero().squeeze(1)
    index = matched_idxs[near]
    return near, target["labels"][index], encode_boxes(objects[index], boxes[near])


def fit_regressor(x: Tensor, changes: Tensor, *, penalty: float) -> Tensor:
    """The weights of one class: ridge regression on whitened changes: (F + 1, 4).

    Args:
        x: (P, F + 1) features with a 1 at the end.
        changes: (P, 4) what to predict for each; without any, weights are 0.
        penalty: see `fit_ridge`.
    """
    white, back, mean = whiten(changes)
    weight = fit_ridge(x, white, penalty=penalty) @ back
    weight[-1] += mean  # the last feature is 1
    return weight


def train_box_regressors(
    features: Sequence[Tensor],
    proposals: Sequence[Tensor],
    targets: Sequence[Target],
    *,
    num_classes: int,
    min_iou: float = 0.6,
    penalty: float = 1000.0,
) -> BoxRegressors:
    """A ridge regression for each class, on the proposals near its objects.

    Targets are centred and whitened before, so that one penalty suits all four. A class
    without such proposals changes nothing.

    Args:
        features: (N, F) for each image.
        proposals: (N, 4) xyxy for each image.
        targets: `boxes` and `labels` of each image.
        num_classes: K + 1, with the background.
        min_iou: see `regression_pairs`.
        penalty: see `fit_ridge`.
    """
    scale = scale_to_norm(features)
    near, labels, changes = [], [], []
    for values, boxes, target in zip(features, proposals, targets, strict=True):
        rows, classes, goals = regression_pairs(boxes, target, min_iou=min_iou)
        near.append(values[rows])
        labels.append(classes)
        changes.append(goals)
    x = with_ones(scale * torch.cat(near)).double()
    label, change = torch.cat(labels), torch.cat(changes).double()
    weights = [
        fit_regressor(x[label == k], change[label == k], penalty=penalty)
        for k in range(1, num_classes)
    ]
    weight = torch.stack(weights)
    weight[:, :-1] *= scale  # for features as they come
    return BoxRegressors(weight.to(features[0]))
