"""Answers to the task box_loss_and_slope, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Pair = tuple[Tensor, Tensor]


def loss_in_lists(
    deltas: Tensor, labels: Tensor, targets: Tensor, *, beta: float
) -> Pair:
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


def loss_by_masks(
    deltas: Tensor, labels: Tensor, targets: Tensor, *, beta: float
) -> Pair:
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


def loss_in_numpy(
    deltas: Tensor, labels: Tensor, targets: Tensor, *, beta: float
) -> Pair:
    slope = np.zeros(deltas.shape, dtype=np.float32)
    rows = np.flatnonzero(labels.numpy())
    columns = 4 * labels.numpy()[rows, None] + np.arange(4)
    error = deltas.numpy()[rows[:, None], columns] - targets.numpy()[rows]
    small = np.abs(error) < beta
    values = np.abs(error) - beta / 2
    values[small] = error[small] ** 2 / 2 / (beta or 1)
    rates = np.sign(error)
    rates[small] = error[small] / (beta or 1)
    slope[rows[:, None], columns] = rates / max(len(labels), 1)
    total = np.float32(values.sum() / max(len(labels), 1))
    return torch.tensor(total), torch.from_numpy(slope)


def loss(
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    beta: float,
    divisor: float | None = None,
    kind: str = "",
) -> Pair:
    count = max(len(labels), 1) if divisor is None else divisor
    rows = labels.nonzero().squeeze(1)
    by_class = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)
    if kind == "side first":
        by_class = deltas.reshape(len(deltas), 4, -1 if len(deltas) else 3)
        by_class = by_class.transpose(1, 2)
    own = labels[rows] - int(kind == "class - 1")
    own = torch.zeros_like(own) if kind == "first" else own
    error = by_class[rows, own] - targets[rows]
    edge = 1.0 if kind == "beta 1" else beta
    size, is_small = error.abs(), error.abs() < edge
    scale = 1.0 if kind == "not divided" else max(edge, 1e-12)
    parabola = (1.0 if kind == "no half" else 0.5) * size**2 / scale
    line = size - (0 if kind == "no offset" else 0.5 * edge)
    values = torch.where(is_small, parabola, line)
    flat = 1.0 if kind == "slope not divided" else max(edge, 1e-12)
    rate = torch.where(is_small, error / flat, error.sign())
    if kind == "huber":
        values, rate = values * beta, rate * beta
    if kind == "sign":
        rate = error.sign()
    if kind == "abs":
        rate = rate.abs()
    slope = torch.zeros_like(by_class)
    slope[rows, own] = rate / (1 if kind == "slope not averaged" else count)
    if kind == "side first":
        slope = slope.transpose(1, 2)
    return values.sum() / count, slope.reshape(deltas.shape)


def all_classes(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    classes = d.shape[1] // 4
    error = (d - t.repeat(1, classes)) * (y > 0)[:, None]
    error = error.nan_to_num(0)
    small = error.abs() < beta
    values = (
        torch.where(small, error**2 / 2 / max(beta, 1e-9), error.abs() - beta / 2)
        * (y > 0)[:, None]
    )
    rate = torch.where(small, error / max(beta, 1e-9), error.sign())
    return values.sum() / max(len(y), 1), rate / max(len(y), 1)


def background_too(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    """Shifts all classes by one, so that background is a class as any other."""
    shifted = torch.cat([torch.zeros(len(d), 4), d], dim=1)
    value, slope = loss(shifted, y + 1, t, beta=beta)
    return value, slope[:, 4:]


def multiplies_by_the_mask(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    """0 times infinity is not 0."""
    own = d.reshape(len(d), d.shape[1] // 4, 4)[torch.arange(len(d)), y]
    error, mask = own - t, (y > 0).float()[:, None]
    small = error.abs() < beta
    values = torch.where(small, error**2 / 2 / max(beta, 1e-9), error.abs() - beta / 2)
    _, slope = loss(d, y, t, beta=beta)
    return (values * mask).sum() / max(len(y), 1), slope


def class_minus_one(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="class - 1")


def side_first(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="side first")


def first_four(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="first")


def over_objects(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, divisor=max(int((y > 0).sum()), 1))


def over_numbers(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, divisor=max(4 * len(y), 1))


def not_divided(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, divisor=1)


def divides_by_none(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    value, slope = loss(d, y, t, beta=beta, divisor=1)
    return value / len(y), slope / max(len(y), 1)


def no_offset(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="no offset")


def parabola_not_divided(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    value, _ = loss(d, y, t, beta=beta, kind="not divided")
    return value, loss(d, y, t, beta=beta)[1]


def no_half(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="no half")


def slope_not_divided(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="slope not divided")


def slope_not_averaged(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="slope not averaged")


def slope_reversed(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    value, slope = loss(d, y, t, beta=beta)
    return value, -slope


def slope_of_l1(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="sign")


def slope_without_sign(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="abs")


def slope_zero_at_the_edge(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    """Forgets the errors beyond beta."""
    value, slope = loss(d, y, t, beta=beta)
    return value, slope.where(slope.abs() * max(len(y), 1) < 1, 0)


def huber(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="huber")


def always_beta_one(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    return loss(d, y, t, beta=beta, kind="beta 1")


def divides_by_beta(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    """A mask by multiplication computes 0 / 0 where beta is 0."""
    value, slope = loss(d, y, t, beta=beta)
    return value, slope * (torch.tensor(beta) / beta)


def nothing_at_beta_zero(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    value, slope = loss(d, y, t, beta=beta)
    return (value, slope) if beta else (value * 0, slope * 0)


def sign_of_zero_is_one(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    value, slope = loss(d, y, t, beta=beta)
    rows = y.nonzero().squeeze(1)
    by_class = slope.reshape(len(d), d.shape[1] // 4, 4).clone()
    own = by_class[rows, y[rows]]
    by_class[rows, y[rows]] = own.where((own != 0) | (beta > 0), 1 / max(len(y), 1))
    return value, by_class.reshape(d.shape)


def slope_of_own_class(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    """(R, 4) numbers only."""
    value, slope = loss(d, y, t, beta=beta)
    by_class = slope.reshape(len(d), d.shape[1] // 4, 4)
    return value, by_class[torch.arange(len(d)), y]


def one_loss_a_roi(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Pair:
    values = [
        loss(d[i : i + 1], y[i : i + 1], t[i : i + 1], beta=beta) for i in range(len(d))
    ]
    slope = loss(d, y, t, beta=beta)[1]
    return torch.stack([v[0] for v in values]) if values else torch.zeros(0), slope


def loss_alone(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Tensor:
    return loss(d, y, t, beta=beta)[0]


def by_torch(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Any:
    rows = y.nonzero().squeeze(1)
    own = d.reshape(len(d), d.shape[1] // 4, 4)[rows, y[rows]]
    value = F.smooth_l1_loss(own, t[rows], beta=beta, reduction="sum")
    return value / max(len(y), 1), loss(d, y, t, beta=beta)[1]


def by_huber_loss(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Any:
    rows = y.nonzero().squeeze(1)
    own = d.reshape(len(d), d.shape[1] // 4, 4)[rows, y[rows]]
    value = F.huber_loss(own, t[rows], delta=beta, reduction="sum") / beta
    return value / max(len(y), 1), loss(d, y, t, beta=beta)[1]


def by_backward(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Any:
    d = d.clone().requires_grad_()
    value, _ = loss(d, y, t, beta=beta)
    value.backward()  # type: ignore[no-untyped-call]
    return value, d.grad


def by_autograd(d: Tensor, y: Tensor, t: Tensor, *, beta: float) -> Any:
    d = d.clone().requires_grad_()
    value, _ = loss(d, y, t, beta=beta)
    return value, torch.autograd.grad(value, d)[0]
