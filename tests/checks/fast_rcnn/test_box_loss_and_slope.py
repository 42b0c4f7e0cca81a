"""Answers to box_loss_and_slope, and its oracle beside torch."""

import cheats
import pytest
import torch
from torch.nn import functional as F

from course_utils.checks.fast_rcnn.box_loss_and_slope import (
    named_cases,
    random_case,
    slow_box_loss_and_slope,
)


def in_lists(deltas, labels, targets, *, beta):
    total, slope = 0.0, torch.zeros(deltas.shape, dtype=torch.float64)
    for r, label in enumerate(labels.tolist()):
        for side in range(4) if label else ():
            error = float(deltas[r, 4 * label + side] - targets[r, side])
            if abs(error) < beta:
                total += error * error / (2 * beta)
                slope[r, 4 * label + side] = error / beta
            else:
                total += abs(error) - beta / 2
                slope[r, 4 * label + side] = (error > 0) - (error < 0)
    count = len(labels) or 1
    return torch.tensor(total / count), slope / count


def by_masks(deltas, labels, targets, *, beta):
    """Every class at once, in float64; a slope is an error that was clamped."""
    classes = deltas.shape[1] // 4
    is_own = F.one_hot(labels, classes).bool()
    is_own[:, 0] = False
    is_own = is_own.repeat_interleave(4, dim=1)
    error = (deltas.double() - targets.repeat(1, classes)).masked_fill(~is_own, 0)
    if beta == 0:
        slope, values = error.sign(), error.abs()
    else:
        slope = (error / beta).clamp(-1, 1)
        values = slope * error - beta / 2 * slope.square()
    count = max(len(labels), 1)
    return values.sum() / count, slope / count


def objects_and_classes(deltas, labels):
    """The RoIs with an object, and the deltas as (R, K, 4)."""
    rows = labels.nonzero().squeeze(1)
    return rows, deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)


def by_index(
    rate=lambda error, beta: (error / max(beta, 1e-12)).clamp(-1, 1),
    finish=lambda loss, slope, labels: (loss, slope.flatten(1)),
):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(deltas, labels, targets, *, beta):
        count = max(len(labels), 1)
        rows, by_class = objects_and_classes(deltas, labels)
        error = by_class[rows, labels[rows]] - targets[rows]
        size = error.abs()
        parabola = size**2 / (2 * max(beta, 1e-12))
        loss = torch.where(size < beta, parabola, size - beta / 2).sum() / count
        slope = torch.zeros_like(by_class)
        slope[rows, labels[rows]] = rate(error, beta) / count
        return finish(loss, slope, labels)

    return answer


right_by_index = by_index()


def multiplies_by_the_mask(deltas, labels, targets, *, beta):
    """0 times infinity is not 0."""
    own = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)
    error = own[torch.arange(len(deltas)), labels] - targets
    size, mask = error.abs(), (labels > 0).float()[:, None]
    values = torch.where(size < beta, size**2 / 2 / max(beta, 1e-9), size - beta / 2)
    _, slope = right_by_index(deltas, labels, targets, beta=beta)
    return (values * mask).sum() / max(len(labels), 1), slope


def divides_by_none(deltas, labels, targets, *, beta):
    loss, slope = right_by_index(deltas, labels, targets, beta=beta)
    return loss * max(len(labels), 1) / len(labels), slope


def nothing_beyond_beta(error, beta):
    return (error / max(beta, 1e-12)).where(error.abs() < beta, 0)


def not_a_number_at_beta_zero(error, beta):
    """A mask by multiplication computes 0 / 0 where beta is 0."""
    small = (error.abs() < beta).float()
    return small * error / beta + (1 - small) * error.sign()


def sign_of_zero_is_one(error, beta):
    beyond = torch.where(error >= 0, 1.0, -1.0)
    return torch.where(error.abs() < beta, error / max(beta, 1e-12), beyond)


def nothing_at_beta_zero(deltas, labels, targets, *, beta):
    loss, slope = right_by_index(deltas, labels, targets, beta=beta)
    return (loss, slope) if beta else (loss * 0, slope * 0)


def slope_of_own_class(loss, slope, labels):
    """(R, 4) numbers only."""
    return loss, slope[torch.arange(len(labels)), labels]


def one_loss_a_roi(deltas, labels, targets, *, beta):
    losses = [
        right_by_index(
            deltas[i : i + 1], labels[i : i + 1], targets[i : i + 1], beta=beta
        )
        for i in range(len(deltas))
    ]
    slope = right_by_index(deltas, labels, targets, beta=beta)[1]
    return torch.stack([loss for loss, _ in losses]), slope


def by_torch(loss):
    """The value by one of torch's functions."""

    def answer(deltas, labels, targets, *, beta):
        rows, by_class = objects_and_classes(deltas, labels)
        value = loss(by_class[rows, labels[rows]], targets[rows], beta)
        slope = right_by_index(deltas, labels, targets, beta=beta)[1]
        return value / max(len(labels), 1), slope

    return answer


def smooth_l1(own, targets, beta):
    return F.smooth_l1_loss(own, targets, beta=beta, reduction="sum")


def huber(own, targets, beta):
    return F.huber_loss(own, targets, delta=beta, reduction="sum") / beta


def by_backward(deltas, labels, targets, *, beta):
    deltas = deltas.clone().requires_grad_()
    loss, _ = right_by_index(deltas, labels, targets, beta=beta)
    loss.backward()
    return loss, deltas.grad


def by_autograd(deltas, labels, targets, *, beta):
    deltas = deltas.clone().requires_grad_()
    loss, _ = right_by_index(deltas, labels, targets, beta=beta)
    return loss, torch.autograd.grad(loss, deltas)[0]


RIGHT = [in_lists, by_masks, by_index()]
WRONG = [
    (by_index(lambda error, beta: error.sign()), "within beta, the slope gets smaller"),
    (
        by_index(lambda e, beta: (e / max(beta, 1e-12)).clamp(-1, 1).abs()),
        "the example",
    ),
    (by_index(nothing_beyond_beta), "the example"),
    (by_index(not_a_number_at_beta_zero), "beta 0"),
    (by_index(sign_of_zero_is_one), "box_loss_and_slope, case"),
    (by_index(finish=slope_of_own_class), "expected shape (2, 12), received (2, 4)"),
    (by_index(finish=lambda loss, slope, labels: loss), "expected a tuple of 2"),
    (multiplies_by_the_mask, "targets of background that are infinite"),
    (divides_by_none, "no RoIs"),
    (nothing_at_beta_zero, "beta 0"),
    (one_loss_a_roi, "expected shape (), received (2,)"),
    (by_torch(smooth_l1), "smooth_l1_loss is switched off"),
    (by_torch(huber), "huber_loss is switched off"),
    (by_backward, "backward is switched off"),
    (by_autograd, "torch.autograd.grad is switched off"),
    (cheats.returns_argument(0), "expected a tuple of 2"),
    (cheats.returns((torch.tensor(0.0), torch.zeros(2, 12))), "the example"),
]

DRAW = torch.Generator().manual_seed(31)
CASES = named_cases(DRAW) | {f"random {i}": random_case(i, DRAW) for i in range(5)}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_slopes_agree_with_torch(case):
    (deltas, labels, targets), settings = CASES[case].arguments, CASES[case].settings
    leaf, count = deltas.clone().requires_grad_(), max(len(labels), 1)
    rows = labels.nonzero().squeeze(1)
    own = leaf.reshape(len(leaf), leaf.shape[1] // 4, 4)[rows, labels[rows]]
    right = F.smooth_l1_loss(own, targets[rows], reduction="sum", **settings) / count
    (slope,) = torch.autograd.grad(right, leaf)
    found = slow_box_loss_and_slope(deltas, labels, targets, **settings)
    torch.testing.assert_close(found, (right.detach(), slope))
