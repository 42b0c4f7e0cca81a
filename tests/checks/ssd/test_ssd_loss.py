"""Answers to ssd_loss, and its oracle beside torch."""

import math

import cheats
import torch
import torch.nn.functional as F
from torchvision.models.detection._utils import BoxCoder, encode_boxes
from torchvision.models.detection.ssd import SSD
from torchvision.ops import box_convert

from course_utils.checks.ssd.ssd_loss import CASES, random_case, slow_ssd_loss
from course_utils.models.ssd import ssd_losses


def loss_image_by_image(logits, deltas, labels, truths, defaults, *, alpha):
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


def loss_by_safe_truths(logits, deltas, labels, truths, defaults, *, alpha):
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


def loss_by_flat_rows(logits, deltas, labels, truths, defaults, *, alpha):
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


def shares(truth, default):
    """The targets of matched rows, (objects, 4) each."""
    move = (truth[:, :2] - default[:, :2]) / default[:, 2:]
    return torch.cat([move, (truth[:, 2:] / default[:, 2:]).log()], 1)


def usual_goal(truth, default):
    return shares(truth, default) / torch.tensor([0.1, 0.1, 0.2, 0.2])


def usual_bend(error):
    return F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none").sum(1)


def usual_used(labels):
    return labels >= 0


def usual_end(said, moved, things, used, alpha):
    """The loss from the sums of each image, (B,) each, and counts."""
    return ((said + alpha * moved) / things.clamp(min=1) * (things > 0)).mean()


def made(
    *, goal=usual_goal, bend=usual_bend, used=usual_used, end=usual_end, names=None
):
    """An answer of these steps, one of which is wrong."""

    def answer(logits, deltas, labels, truths, defaults, *, alpha):
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


def classes_weighed(said, moved, things, used, alpha):
    return usual_end(alpha * said, moved, things, used, 1)


def of_nothing(said, moved, things, used, alpha):
    return ((said + alpha * moved) / things).mean()


def of_nothing_hidden(said, moved, things, used, alpha):
    """0 / 0 is replaced in the loss, and stays in its gradient."""
    own = (said + alpha * moved) / things
    return own.where(things > 0, 0).mean()


def one_an_image(said, moved, things, used, alpha):
    return (said + alpha * moved) / things.clamp(min=1) * (things > 0)


def two_terms(said, moved, things, used, alpha):
    share = (things > 0) / things.clamp(min=1) / len(things)
    return (said * share).sum(), alpha * (moved * share).sum()


def as_a_number(said, moved, things, used, alpha):
    return usual_end(said, moved, things, used, alpha).detach().item()


def bare_zero(said, moved, things, used, alpha):
    if not things.any():
        return torch.zeros(())
    return usual_end(said, moved, things, used, alpha)


def boxes_detached(said, moved, things, used, alpha):
    return usual_end(said, moved.detach(), things, used, alpha)


def classes_detached(said, moved, things, used, alpha):
    return usual_end(said.detach(), moved, things, used, alpha)


def detached(said, moved, things, used, alpha):
    return usual_end(said, moved, things, used, alpha).detach()


def halved_gradient(said, moved, things, used, alpha):
    """The right value, and half of its gradient."""
    right = usual_end(said, moved, things, used, alpha)
    return right / 2 + right.detach() / 2


def with_grow(grow):
    def goal(truth, default):
        right = usual_goal(truth, default)
        return torch.cat([right[:, :2], grow(truth[:, 2:] / default[:, 2:]) / 0.2], 1)

    return made(goal=goal)


def quotient_less_1(ratio):
    return ratio - 1


def first_defaults(logits, deltas, labels, truths, defaults, *, alpha):
    """Takes the first default boxes for those of the objects."""
    place = (labels > 0).cumsum(1) - 1
    pushed = torch.where((labels > 0)[..., None], defaults[place.clamp(min=0)], 1.0)
    flat = torch.cat([truths[..., :2] - pushed[..., :2], truths[..., 2:]], -1)
    base = torch.cat([torch.zeros_like(defaults[:, :2]), defaults[:, 2:]], -1)
    return made()(logits, deltas, labels, flat, base, alpha=alpha)


def bend_at_a_ninth(error):
    zero = torch.zeros_like(error)
    return F.smooth_l1_loss(error, zero, reduction="none", beta=1 / 9).sum(1)


def signed(error):
    return torch.where(error < 1, error**2 / 2, error - 0.5).sum(1)


def nan_hidden(logits, deltas, labels, truths, defaults, *, alpha):
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


def nan_multiplied(*tensors, alpha):
    """0 times nan is nan."""
    _, deltas, labels, truths, defaults = tensors
    goal = usual_goal(truths.flatten(0, 1), defaults.repeat(len(labels), 1))
    error = (deltas.flatten(0, 1) - goal).abs().sum(1) * (labels > 0).flatten()
    return made()(*tensors, alpha=0) + alpha * error.sum()


def by_probability(logits, deltas, labels, truths, defaults, *, alpha):
    """The formula as it stands: the logarithm of a softmax."""
    chance = logits.softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    said = -(chance.where(labels >= 0, 1).log())
    count = (labels > 0).sum(1)
    share = (count > 0) / count.clamp(min=1)
    rest = made(used=none_used)(logits, deltas, labels, truths, defaults, alpha=alpha)
    return (said.sum(1) * share).mean() + rest


def none_used(labels):
    return labels > len(labels) + 99


def by_torchvision(*tensors, alpha):
    return SSD.compute_loss(None, [], {}, [], [])


def by_coder(*tensors, alpha):
    coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
    return coder.encode_single(tensors[4], tensors[4]).sum()


def by_encoder(*tensors, alpha):
    return encode_boxes(tensors[4], tensors[4], torch.ones(4)).sum()


def by_library(*tensors, alpha):
    logits, deltas, labels, truths, _ = tensors
    goals = truths[labels > 0]
    return sum(ssd_losses(logits, deltas, labels, goals, labels == 0).values())


def in_place(*tensors, alpha):
    loss = made()(*tensors, alpha=alpha)
    tensors[2].clamp_(min=0)
    return loss


def nothing_but_zero(*tensors, alpha):
    return tensors[0].sum() * 0 + math.log(2) + 1.25


RIGHT = [loss_image_by_image, loss_by_safe_truths, loss_by_flat_rows, made()]
WRONG = [
    (made(end=classes_weighed), "another alpha"),
    (made(end=of_nothing), "the example"),
    (made(end=of_nothing_hidden), "ssd_loss, case"),
    (made(end=one_an_image), "ssd_loss, case"),
    (made(end=two_terms), "expected 1 tensors, received 2 values"),
    (made(end=as_a_number), "torch cannot differentiate"),
    (made(end=bare_zero), "torch cannot differentiate"),
    (made(end=detached), "torch cannot differentiate"),
    (made(end=boxes_detached), "nothing trains the deltas"),
    (made(end=classes_detached), "nothing trains the logits"),
    (made(end=halved_gradient), "'its gradient by logits'"),
    (with_grow(quotient_less_1), "ssd_loss, case"),
    (first_defaults, "ssd_loss, case"),
    (made(bend=bend_at_a_ninth), "ssd_loss, case"),
    (made(bend=signed), "the example"),
    (nan_hidden, "`where` hides a nan in the loss"),
    (nan_multiplied, "received nan"),
    (by_probability, "large logits"),
    (by_torchvision, "compute_loss is switched off"),
    (by_coder, "encode_single is switched off"),
    (by_encoder, "encode_boxes is switched off"),
    (by_library, "ssd_losses is switched off"),
    (in_place, "changed its input in place"),
    (nothing_but_zero, "ssd_loss, case 'the example'"),
    (cheats.returns(torch.tensor(1.943)), "torch cannot differentiate"),
]


def test_the_loss_agrees_with_torch():
    draw = torch.Generator().manual_seed(11)
    for given in [*CASES.values(), *(random_case(i, draw) for i in range(6))]:
        logits, deltas, labels, truths, defaults = given.arguments
        z, t = logits.clone().requires_grad_(), deltas.clone().requires_grad_()
        total = (z.sum() + t.sum()) * 0
        corners = box_convert(defaults, "cxcywh", "xyxy")
        for b, names in enumerate(labels):
            here = names > 0
            if here.any():
                truth = box_convert(truths[b][here], "cxcywh", "xyxy")
                coder = BoxCoder((10, 10, 5, 5))
                goal = coder.encode_single(truth, corners[here])
                moved = F.smooth_l1_loss(t[b][here], goal, reduction="sum")
                said = F.cross_entropy(z[b], names, ignore_index=-1, reduction="sum")
                own = said + given.settings["alpha"] * moved
                total = total + own / here.sum() / len(labels)
        total.backward()
        found = slow_ssd_loss(*given.arguments, **given.settings)
        torch.testing.assert_close(
            found["the loss"], total.detach(), atol=1e-3, rtol=1e-4
        )
        torch.testing.assert_close(found["its gradient by logits"], z.grad)
        torch.testing.assert_close(found["its gradient by deltas"], t.grad)
