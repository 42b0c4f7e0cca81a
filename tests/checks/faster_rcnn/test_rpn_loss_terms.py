"""Answers to rpn_loss_terms, and its oracle beside torch and paper."""

import math

import cheats
import pytest
import torch
import torch.nn.functional as F

from course_utils.checks.faster_rcnn.rpn_loss_terms import (
    CASES,
    cross_entropy,
    random_case,
    slow_rpn_loss_terms,
)


def in_loops(logits, deltas, labels, targets, *, num_positions, balance):
    said, moved, used = 0.0, 0.0, 0
    for image in range(len(logits)):
        for a in range(logits.shape[1]):
            label, z = int(labels[image, a]), float(logits[image, a])
            if label == -1:
                continue
            used += 1
            z = z if label == 0 else -z
            said += z + math.log1p(math.exp(-z)) if z > 0 else math.log1p(math.exp(z))
            if label == 1:
                for c in range(4):
                    e = abs(float(deltas[image, a, c] - targets[image, a, c]))
                    moved += e * e / 2 if e < 1 else e - 0.5
    first = torch.tensor(said / used if used else 0.0)
    return first, torch.tensor(balance * moved / num_positions)


def by_softplus(logits, deltas, labels, targets, *, num_positions, balance):
    """Every anchor is computed in float64, and weights of 0 or 1 choose."""
    sign = 1 - 2 * (labels == 1).double()
    entropy = F.softplus(sign * logits.double()) * (labels != -1)
    is_object = (labels == 1)[..., None]
    error = torch.where(is_object, deltas - targets, 0).double()
    inner = error.abs().clamp(max=1)  # the part of an error within the bend
    smooth = inner**2 / 2 + (error.abs() - inner)
    count = max(1, int((labels != -1).sum()))
    return entropy.sum() / count, smooth.sum() * balance / num_positions


def by_index(logits, deltas, labels, targets, *, num_positions, balance):
    flat = labels.flatten()
    things = torch.nonzero(flat == 1)[:, 0]
    nothing = torch.nonzero(flat == 0)[:, 0]
    z = logits.flatten()
    entropy = -F.logsigmoid(z[things]).sum() - F.logsigmoid(-z[nothing]).sum()
    error = deltas.flatten(0, 1)[things] - targets.flatten(0, 1)[things]
    small = error[error.abs() <= 1]
    large = error[error.abs() > 1]
    smooth = small.square().sum() / 2 + large.abs().sum() - len(large) / 2
    count = len(things) + len(nothing)
    first = entropy / count if count else entropy
    return [first, smooth / num_positions * balance]


def class_term(logits, labels):
    used = labels >= 0
    truth = labels[used].float()
    said = F.binary_cross_entropy_with_logits(logits[used], truth, reduction="sum")
    return said / used.sum().clamp(min=1)


def smooth(error):
    size = error.abs()
    return torch.where(size < 1, size**2 / 2, size - 0.5)


def box_sum(deltas, labels, targets):
    return smooth((deltas - targets)[labels == 1]).sum()


def with_class_term(first):
    """An answer whose first term alone is another."""

    def answer(logits, deltas, labels, targets, *, num_positions, balance):
        second = balance * box_sum(deltas, labels, targets) / num_positions
        return first(logits, labels), second

    return answer


def with_box_sum(second, weight=lambda positions, balance, labels: balance / positions):
    """An answer whose second term alone is another."""

    def answer(logits, deltas, labels, targets, *, num_positions, balance):
        times = weight(num_positions, balance, labels)
        return class_term(logits, labels), second(deltas, labels, targets) * times

    return answer


def mean_of_images(logits, labels):
    """Each image is divided by its own count, and images count alike."""
    return torch.stack(
        [class_term(*pair) for pair in zip(logits, labels, strict=True)]
    ).mean()


def mean_of_nothing(logits, labels):
    used = labels >= 0
    return F.binary_cross_entropy_with_logits(logits[used], labels[used].float())


def of_probabilities(logits, labels):
    """The formula as it stands: the logarithm of a sigmoid."""
    used = labels >= 0
    chance, y = logits[used].sigmoid(), labels[used].float()
    said = torch.where(y == 1, chance.log(), (1 - chance).log())
    return -said.sum() / used.sum().clamp(min=1)


def of_clamped_probabilities(logits, labels):
    """As torch's own entropy of probabilities, whose logarithm ends at -100."""
    used = labels >= 0
    y = labels[used].float()
    said = F.binary_cross_entropy(logits[used].sigmoid(), y, reduction="sum")
    return said / used.sum().clamp(min=1)


def without_the_bracket(logits, labels):
    """The minus in front of the first logarithm only."""
    used = labels >= 0
    z, y = logits[used], labels[used].float()
    said = -y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)
    return said.sum() / used.sum().clamp(min=1)


def signs_for_labels(logits, labels):
    """Reads -1 as background and 0 as ignored, as some slides have it."""
    used = labels != 0
    said = F.softplus(-labels[used].float() * logits[used])
    return said.sum() / used.sum().clamp(min=1)


def multiplied_by_labels(deltas, labels, targets):
    """0 times nan is nan."""
    return (smooth(deltas - targets) * (labels == 1)[..., None]).sum()


def all_boxes(deltas, labels, targets):
    return smooth(deltas - targets.nan_to_num(0, 0, 0)).sum()


def signed_errors(deltas, labels, targets):
    """Forgets the absolute value, so that an error below -1 counts as small."""
    e = (deltas - targets)[labels == 1]
    return torch.where(e < 1, e**2 / 2, e - 0.5).sum()


def by_torch(deltas, labels, targets):
    things = labels == 1
    return F.smooth_l1_loss(deltas[things], targets[things], reduction="sum")


def by_huber(deltas, labels, targets):
    things = labels == 1
    return torch.nn.HuberLoss(reduction="sum")(deltas[things], targets[things])


def added(*tensors, **settings):
    return sum(by_softplus(*tensors, **settings))


def labels_in_place(*tensors, **settings):
    terms = by_softplus(*tensors, **settings)
    tensors[2][tensors[2] < 0] = 0
    return terms


RIGHT = [in_loops, by_softplus, by_index]
WRONG = [
    (with_class_term(mean_of_images), "a batch of two images"),
    (with_class_term(mean_of_nothing), "everything is ignored"),
    (with_class_term(of_probabilities), "its logarithm infinite"),
    (with_class_term(of_clamped_probabilities), "sure and"),
    (with_class_term(without_the_bracket), "rpn_loss_terms, case"),
    (with_class_term(signs_for_labels), "rpn_loss_terms, case"),
    (
        with_class_term(lambda logits, labels: float(class_term(logits, labels))),
        "expected a tensor, received",
    ),
    (with_box_sum(multiplied_by_labels), "received nan"),
    (with_box_sum(all_boxes), "rpn_loss_terms, case"),
    (with_box_sum(signed_errors), "the example"),
    (
        with_box_sum(box_sum, lambda n, balance, labels: balance / n / len(labels)),
        "a batch of two images",
    ),
    (with_box_sum(box_sum, lambda n, balance, labels: 10 / n), "only objects"),
    (with_box_sum(box_sum, lambda n, balance, labels: 1 / n / balance), "the example"),
    (with_box_sum(by_torch), "smooth_l1_loss is switched off"),
    (with_box_sum(by_huber), "huber_loss is switched off"),
    (added, "expected a tuple of 2"),
    (labels_in_place, "changed its input in place"),
    (
        cheats.returns((torch.tensor(math.log(2)), torch.tensor(8.125))),
        "of each label",
    ),
    (cheats.lying, "expected a tuple of 2"),
]


def test_the_loss_agrees_with_torch():
    generator = torch.Generator().manual_seed(11)
    for given in [*CASES.values(), *(random_case(i, generator) for i in range(6))]:
        logits, deltas, labels, targets = given.arguments
        num_positions, balance = given.settings.values()
        used, things = labels != -1, labels == 1
        entropy = F.binary_cross_entropy_with_logits(
            logits[used], labels[used].float(), reduction="sum"
        )
        error = F.smooth_l1_loss(deltas[things], targets[things], reduction="sum")
        first, second = slow_rpn_loss_terms(*given.arguments, **given.settings)
        torch.testing.assert_close(first, entropy / max(int(used.sum()), 1))
        torch.testing.assert_close(second, balance * error / num_positions)


@pytest.mark.parametrize(("chance", "right"), [(0.5, 0.69), (1e-4, -9.2)])
def test_the_loss_of_minus_one_has_no_lower_bound(chance, right):
    # As in the reference of the lesson: log p - 2 log(1 - p).
    logit = torch.tensor([[math.log(chance / (1 - chance))]])
    nothing = torch.zeros(1, 1, 4)
    first, _ = slow_rpn_loss_terms(
        logit,
        nothing,
        torch.tensor([[-1]]),
        nothing,
        num_positions=1,
        balance=1,
        entropy=cross_entropy,
        divisor=torch.numel,
    )
    assert float(first) == pytest.approx(right, abs=0.02)
