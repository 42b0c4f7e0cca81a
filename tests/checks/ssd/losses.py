"""Answers to the task ssd_loss, right ones first."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, encode_boxes
from torchvision.models.detection.ssd import SSD

from course_utils.models.ssd import ssd_losses


def loss_image_by_image(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """Torch's own losses of one image after the other."""
    total = (logits.sum() + deltas.sum()) * 0
    for z, t, names, truth in zip(logits, deltas, labels, truths, strict=True):
        here = names > 0
        if not here.any():
            continue
        said = F.cross_entropy(z, names, ignore_index=-1, reduction="sum")
        x, y, w, h = truth[here].unbind(1)
        a, b, c, d = defaults[here].unbind(1)
        goal = torch.stack(
            [(x - a) / c * 10, (y - b) / d * 10, (w / c).log() * 5, (h / d).log() * 5],
            dim=1,
        )
        moved = F.smooth_l1_loss(t[here], goal, reduction="sum")
        total = total + (said + alpha * moved) / here.sum()
    return total / len(logits)


def loss_by_safe_truths(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """Puts the default box where there is no object, so that every row is a number."""
    here = labels > 0
    safe = torch.where(here[..., None], truths, defaults.expand_as(truths)).double()
    move = (safe[..., :2] - defaults[:, :2]) / (0.1 * defaults[:, 2:])
    grow = (safe[..., 2:].log() - defaults[:, 2:].log()) / 0.2
    error = (deltas - torch.cat([move, grow], -1)).abs()
    inner = error.clamp(max=1)
    smooth = (inner * (error - inner / 2)).sum(-1) * here
    names = labels.clamp(min=0)
    said = -logits.log_softmax(-1).gather(-1, names[..., None])[..., 0] * (labels >= 0)
    count = here.sum(1)
    own = (said + alpha * smooth).sum(1) / count.clamp(min=1)
    return (own * (count > 0)).mean()


def loss_by_flat_rows(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """One weight a row, in one list of all boxes."""
    batch, boxes = labels.shape
    names = labels.flatten()
    counts = (labels > 0).sum(1)
    per_image = torch.where(counts > 0, 1 / counts.clamp(min=1), torch.zeros(batch))
    weight = per_image.repeat_interleave(boxes) / batch
    rows, things = torch.where(names >= 0)[0], torch.where(names > 0)[0]
    z = logits.flatten(0, 1)[rows]
    said = z.logsumexp(1) - z[torch.arange(len(rows)), names[rows]]
    truth, default = truths.flatten(0, 1)[things], defaults.repeat(batch, 1)[things]
    variances = torch.tensor([0.1, 0.1, 0.2, 0.2])
    shift = truth[:, :2].sub(default[:, :2]).div(default[:, 2:])
    goal = torch.hstack([shift, torch.log(truth[:, 2:] / default[:, 2:])]) / variances
    error = deltas.flatten(0, 1)[things] - goal
    smooth = F.huber_loss(error, torch.zeros_like(error), reduction="none").sum(1)
    return (weight[rows] * said).sum() + alpha * (weight[things] * smooth).sum()


Row = Tensor


def shares(truth: Tensor, default: Tensor) -> Tensor:
    """The targets of matched rows, (objects, 4) each."""
    move = (truth[:, :2] - default[:, :2]) / default[:, 2:]
    return torch.cat([move, (truth[:, 2:] / default[:, 2:]).log()], 1)


def usual_goal(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) / torch.tensor([0.1, 0.1, 0.2, 0.2])


def usual_bend(error: Tensor) -> Tensor:
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none").sum(1)


def usual_used(labels: Tensor) -> Tensor:
    return labels >= 0


def usual_end(
    said: Tensor, moved: Tensor, things: Tensor, used: Tensor, alpha: float
) -> Tensor:
    """The loss from the sums of each image, (B,) each, and counts."""
    return ((said + alpha * moved) / things.clamp(min=1) * (things > 0)).mean()


def made(
    *,
    goal: Any = usual_goal,
    bend: Any = usual_bend,
    used: Any = usual_used,
    end: Any = usual_end,
    names: Any = None,
) -> Callable[..., Any]:
    """An answer of these steps, one of which is wrong."""

    def answer(
        logits: Tensor,
        deltas: Tensor,
        labels: Tensor,
        truths: Tensor,
        defaults: Tensor,
        *,
        alpha: float,
    ) -> Any:
        said, moved = [], []
        for b in range(len(labels)):
            rows, here = used(labels[b]), labels[b] > 0
            which = names(labels[b]) if names else labels[b]
            said.append(F.cross_entropy(logits[b][rows], which[rows], reduction="sum"))
            error = deltas[b][here] - goal(truths[b][here], defaults[here])
            moved.append(bend(error).sum())
        count = [(labels > 0).sum(1), (labels >= 0).sum(1)]
        return end(torch.stack(said), torch.stack(moved), *count, alpha)

    return answer


def by_batch(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    """As the lesson does it."""
    total = (said + alpha * moved) * (things > 0)
    return total.sum() / things.sum().clamp(min=1)


def by_used(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    own = (said + alpha * moved) / used.clamp(min=1)
    return (own * (things > 0)).mean()


def by_their_own(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    """Means of both sums, each over what it adds."""
    own = said / used.clamp(min=1) + alpha * moved / things.clamp(min=1)
    return (own * (things > 0)).mean()


def not_divided(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return ((said + alpha * moved) * (things > 0)).mean()


def summed(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return len(said) * usual_end(said, moved, things, used, alpha)


def of_full_ones(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    mean = usual_end(said, moved, things, used, alpha)
    return mean * len(said) / (things > 0).sum().clamp(min=1)


def boxes_divided(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    own = said + alpha * moved / things.clamp(min=1)
    return (own * (things > 0)).mean()


def classes_divided(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    own = said / things.clamp(min=1) + alpha * moved
    return (own * (things > 0)).mean()


def mean_of_deltas(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    return usual_end(said, moved / 4, things, used, alpha)


def both_weighed(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return alpha * usual_end(said, moved, things, used, 1)


def not_weighed(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return usual_end(said, moved, things, used, 1)


def classes_weighed(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    return usual_end(alpha * said, moved, things, used, 1)


def at_least_1(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    """As torchvision: without objects, the divisor is 1."""
    return ((said + alpha * moved) / things.clamp(min=1)).mean()


def of_nothing(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return ((said + alpha * moved) / things).mean()


def of_nothing_hidden(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    """0 / 0 is replaced in the loss, and stays in its gradient."""
    own = (said + alpha * moved) / things
    return own.where(things > 0, 0).mean()


def one_an_image(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return (said + alpha * moved) / things.clamp(min=1) * (things > 0)


def two_terms(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Any:
    share = (things > 0) / things.clamp(min=1) / len(things)
    return (said * share).sum(), alpha * (moved * share).sum()


def as_a_number(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> float:
    return usual_end(said, moved, things, used, alpha).detach().item()


def bare_zero(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    if not things.any():
        return torch.zeros(())
    return usual_end(said, moved, things, used, alpha)


def boxes_detached(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    return usual_end(said, moved.detach(), things, used, alpha)


def classes_detached(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    return usual_end(said.detach(), moved, things, used, alpha)


def detached(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
    return usual_end(said, moved, things, used, alpha).detach()


def halved_gradient(
    said: Row, moved: Row, things: Row, used: Row, alpha: float
) -> Tensor:
    """The right value, and half of its gradient."""
    right = usual_end(said, moved, things, used, alpha)
    return right / 2 + right.detach() / 2


def all_but_objects(labels: Tensor) -> Tensor:
    return labels > 0


def every_box(labels: Tensor) -> Tensor:
    return labels >= -1


def ignored_are_background(labels: Tensor) -> Tensor:
    return labels.clamp(min=0)


def without_variances(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default)


def multiplied(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) * torch.tensor([0.1, 0.1, 0.2, 0.2])


def one_variance(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) / 0.1


def swapped_variances(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) / torch.tensor([0.2, 0.2, 0.1, 0.1])


def squared_variances(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) / torch.tensor([0.1, 0.1, 0.2, 0.2]) ** 2


def deviations(truth: Tensor, default: Tensor) -> Tensor:
    return shares(truth, default) / torch.tensor([0.1, 0.1, 0.2, 0.2]).sqrt()


def with_grow(grow: Any) -> Any:
    def goal(truth: Tensor, default: Tensor) -> Tensor:
        right = usual_goal(truth, default)
        return torch.cat([right[:, :2], grow(truth[:, 2:] / default[:, 2:]) / 0.2], 1)

    return made(goal=goal)


def quotient(ratio: Tensor) -> Tensor:
    return ratio


def quotient_less_1(ratio: Tensor) -> Tensor:
    return ratio - 1


def with_move(move: Any) -> Any:
    def goal(truth: Tensor, default: Tensor) -> Tensor:
        right = usual_goal(truth, default)
        return torch.cat([move(truth, default) / 0.1, right[:, 2:]], 1)

    return made(goal=goal)


def pixels(truth: Tensor, default: Tensor) -> Tensor:
    return truth[:, :2] - default[:, :2]


def of_objects(truth: Tensor, default: Tensor) -> Tensor:
    return pixels(truth, default) / truth[:, 2:]


def sides_swapped(truth: Tensor, default: Tensor) -> Tensor:
    return pixels(truth, default) / default[:, [3, 2]]


def of_corners(truth: Tensor, default: Tensor) -> Tensor:
    low = pixels(truth, default) - (truth[:, 2:] - default[:, 2:]) / 2
    return low / default[:, 2:]


def turned_round(truth: Tensor, default: Tensor) -> Tensor:
    return -usual_goal(truth, default)


def first_defaults(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """Takes the first default boxes for those of the objects."""
    place = (labels > 0).cumsum(1) - 1
    pushed = torch.where((labels > 0)[..., None], defaults[place.clamp(min=0)], 1.0)
    flat = torch.cat([truths[..., :2] - pushed[..., :2], truths[..., 2:]], -1)
    base = torch.cat([torch.zeros_like(defaults[:, :2]), defaults[:, 2:]], -1)
    return made()(logits, deltas, labels, flat, base, alpha=alpha)


def absolute(error: Tensor) -> Tensor:
    return error.abs().sum(1)


def squared(error: Tensor) -> Tensor:
    return error.square().sum(1)


def half_squared(error: Tensor) -> Tensor:
    return error.square().sum(1) / 2


def bend_at_a_ninth(error: Tensor) -> Tensor:
    zero = torch.zeros_like(error)
    return F.smooth_l1_loss(error, zero, reduction="none", beta=1 / 9).sum(1)


def signed(error: Tensor) -> Tensor:
    return torch.where(error < 1, error**2 / 2, error - 0.5).sum(1)


def nan_hidden(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """Computes every row, and replaces those without an object afterwards."""
    here = labels > 0
    move = (truths[..., :2] - defaults[:, :2]) / defaults[:, 2:] / 0.1
    grow = (truths[..., 2:] / defaults[:, 2:]).log() / 0.2
    goal = torch.cat([move, grow], -1)
    error = F.smooth_l1_loss(deltas, goal, reduction="none").sum(-1)
    error = error.where(here, 0)
    said = F.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=-1, reduction="none"
    )
    count = here.sum(1)
    own = (said + alpha * error).sum(1) / count.clamp(min=1)
    return own.where(count > 0, 0).mean()


def nan_multiplied(*tensors: Tensor, alpha: float) -> Tensor:
    """0 times nan is nan."""
    _, deltas, labels, truths, defaults = tensors
    goal = usual_goal(truths.flatten(0, 1), defaults.repeat(len(labels), 1))
    error = (deltas.flatten(0, 1) - goal).abs().sum(1) * (labels > 0).flatten()
    return made()(*tensors, alpha=0) + alpha * error.sum()


def by_probability(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """The formula as it stands: the logarithm of a softmax."""
    chance = logits.softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    said = -(chance.where(labels >= 0, 1).log())
    count = (labels > 0).sum(1)
    share = (count > 0) / count.clamp(min=1)
    rest = made(used=none_used)(logits, deltas, labels, truths, defaults, alpha=alpha)
    return (said.sum(1) * share).mean() + rest


def none_used(labels: Tensor) -> Tensor:
    return labels > len(labels) + 99


def by_torchvision(*tensors: Tensor, alpha: float) -> Any:
    return SSD.compute_loss(None, [], {}, [], [])


def by_coder(*tensors: Tensor, alpha: float) -> Any:
    coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    return coder.encode_single(tensors[4], tensors[4]).sum()


def by_encoder(*tensors: Tensor, alpha: float) -> Any:
    return encode_boxes(tensors[4], tensors[4], torch.ones(4)).sum()


def by_library(*tensors: Tensor, alpha: float) -> Any:
    logits, deltas, labels, truths, _ = tensors
    goals = truths[labels > 0]
    return sum(ssd_losses(logits, deltas, labels, goals, labels == 0).values())


def in_place(*tensors: Tensor, alpha: float) -> Any:
    loss = made()(*tensors, alpha=alpha)
    tensors[2].clamp_(min=0)
    return loss


def by_all(*tensors: Tensor, alpha: float) -> Any:
    count = (tensors[2] > 0).sum(1)
    share = count / tensors[2].shape[1]

    def end(said: Row, moved: Row, things: Row, used: Row, alpha: float) -> Tensor:
        own = (said + alpha * moved) / things.clamp(min=1)
        return (own * share).mean()

    return made(end=end)(*tensors, alpha=alpha)


def nothing_but_zero(*tensors: Tensor, alpha: float) -> Tensor:
    return tensors[0].sum() * 0 + math.log(2) + 1.25
