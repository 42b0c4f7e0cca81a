"""Answers to the task rpn_loss_terms, right ones first."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def terms_in_loops(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    num_positions: int,
    balance: float,
) -> tuple[Tensor, Tensor]:
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


def terms_by_softplus(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    num_positions: int,
    balance: float,
) -> tuple[Tensor, Tensor]:
    """Every anchor is computed in float64, and weights of 0 or 1 choose."""
    sign = 1 - 2 * (labels == 1).double()
    entropy = F.softplus(sign * logits.double()) * (labels != -1)
    is_object = (labels == 1)[..., None]
    error = torch.where(is_object, deltas - targets, 0).double()
    inner = error.abs().clamp(max=1)  # the part of an error within the bend
    smooth = inner**2 / 2 + (error.abs() - inner)
    count = max(1, int((labels != -1).sum()))
    return entropy.sum() / count, smooth.sum() * balance / num_positions


def terms_by_index(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    num_positions: int,
    balance: float,
) -> list[Tensor]:
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


Terms = dict[str, Tensor]


def parts(logits: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor) -> Terms:
    """Sums and counts that the wrong answers below put together in other ways."""
    used, things = labels >= 0, labels == 1
    error = (deltas[things] - targets[things]).abs()
    entropy = F.binary_cross_entropy_with_logits(
        logits[used], labels[used].float(), reduction="none"
    )
    return {
        "entropy": entropy.sum(),
        "smooth": torch.where(error < 1, error**2 / 2, error - 0.5).sum(),
        "error": error,
        "used": used.sum().clamp(min=1),
        "things": things.sum(),
    }


def put_together(first: Any, second: Any) -> Any:
    """An answer from two functions of the parts, the four tensors and the settings."""

    def answer(
        logits: Tensor,
        deltas: Tensor,
        labels: Tensor,
        targets: Tensor,
        *,
        num_positions: int,
        balance: float,
    ) -> Any:
        p = parts(logits, deltas, labels, targets)
        p |= {"labels": labels, "logits": logits, "deltas": deltas, "targets": targets}
        p |= {"n": torch.tensor(num_positions), "b": torch.tensor(float(balance))}
        return first(p), second(p)

    return answer


def class_term(p: Terms) -> Tensor:
    return p["entropy"] / p["used"]


def box_term(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / p["n"]


def with_class_term(first: Any) -> Any:
    answer = put_together(first, box_term)
    answer.__name__ = first.__name__
    return answer


def with_box_term(second: Any) -> Any:
    answer = put_together(class_term, second)
    answer.__name__ = second.__name__
    return answer


def ignored_as_background(p: Terms) -> Tensor:
    truth = p["labels"].clamp(min=0).float()
    said = F.binary_cross_entropy_with_logits(p["logits"], truth, reduction="sum")
    return said / p["used"]


def labels_as_they_are(p: Terms) -> Tensor:
    z, y = p["logits"], p["labels"].float()
    return (F.softplus(z) - z * y).sum() / p["used"]


def mean_over_all(p: Terms) -> Tensor:
    return p["entropy"] / max(p["labels"].numel(), 1)


def mean_of_images(p: Terms) -> Tensor:
    """Each image is divided by its own count, and images count alike."""
    said = torch.zeros(())
    for z, y in zip(p["logits"], p["labels"], strict=True):
        used = y >= 0
        one = F.softplus(z[used]) - z[used] * y[used]
        said = said + one.sum() / used.sum().clamp(min=1) / len(p["logits"])
    return said


def mean_of_nothing(p: Terms) -> Tensor:
    return p["entropy"] / (p["labels"] >= 0).sum()


def sum_of_entropies(p: Terms) -> Tensor:
    return p["entropy"]


def over_objects(p: Terms) -> Tensor:
    return p["entropy"] / p["things"]


def over_256(p: Terms) -> Tensor:
    return p["entropy"] / 256


def of_probabilities(p: Terms) -> Tensor:
    """The formula as it stands: the logarithm of a sigmoid."""
    used = p["labels"] >= 0
    chance, y = p["logits"][used].sigmoid(), p["labels"][used].float()
    said = torch.where(y == 1, chance.log(), (1 - chance).log())
    return -said.sum() / p["used"]


def of_clamped_probabilities(p: Terms) -> Tensor:
    """As torch's own entropy of probabilities, whose logarithm ends at -100."""
    used = p["labels"] >= 0
    y = p["labels"][used].float()
    said = F.binary_cross_entropy(p["logits"][used].sigmoid(), y, reduction="sum")
    return said / p["used"]


def without_the_bracket(p: Terms) -> Tensor:
    """The minus in front of the first logarithm only."""
    used = p["labels"] >= 0
    z, y = p["logits"][used], p["labels"][used].float()
    return (-y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)).sum() / p["used"]


def objects_alone(p: Terms) -> Tensor:
    return F.softplus(-p["logits"][p["labels"] == 1]).sum() / p["used"]


def signs_for_labels(p: Terms) -> Tensor:
    """Reads -1 as background and 0 as ignored, as some slides have it."""
    used = p["labels"] != 0
    z, y = p["logits"][used], p["labels"][used].float()
    return F.softplus(-y * z).sum() / used.sum().clamp(min=1)


def balanced_too(p: Terms) -> Tensor:
    return p["b"] * p["entropy"] / p["used"]


def as_a_number(p: Terms) -> float:
    return float(p["entropy"] / p["used"])


def multiplied_by_labels(p: Terms) -> Tensor:
    """0 times nan is nan."""
    error = (p["deltas"] - p["targets"]).abs()
    smooth = torch.where(error < 1, error**2 / 2, error - 0.5)
    return p["b"] * (smooth * (p["labels"] == 1)[..., None]).sum() / p["n"]


def all_boxes(p: Terms) -> Tensor:
    error = (p["deltas"] - p["targets"].nan_to_num(0, 0, 0)).abs()
    return p["b"] * torch.where(error < 1, error**2 / 2, error - 0.5).sum() / p["n"]


def boxes_of_used(p: Terms) -> Tensor:
    used = p["labels"] != -1
    error = (p["deltas"] - p["targets"])[used].abs()
    return p["b"] * torch.where(error < 1, error**2 / 2, error - 0.5).sum() / p["n"]


def boxes_of_ignored_too(p: Terms) -> Tensor:
    used = p["labels"].bool()
    error = (p["deltas"] - p["targets"])[used].abs()
    return p["b"] * torch.where(error < 1, error**2 / 2, error - 0.5).sum() / p["n"]


def absolute(p: Terms) -> Tensor:
    return p["b"] * p["error"].sum() / p["n"]


def squared(p: Terms) -> Tensor:
    return p["b"] * p["error"].square().sum() / 2 / p["n"]


def no_half(p: Terms) -> Tensor:
    e = p["error"]
    return p["b"] * torch.where(e < 1, e**2, e - 0.5).sum() / p["n"]


def a_step(p: Terms) -> Tensor:
    e = p["error"]
    return p["b"] * torch.where(e < 1, e**2 / 2, e).sum() / p["n"]


def bend_at_a_ninth(p: Terms) -> Tensor:
    e = p["error"]
    return p["b"] * torch.where(e < 1 / 9, 4.5 * e**2, e - 1 / 18).sum() / p["n"]


def over_things(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / p["things"].clamp(min=1)


def over_used(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / p["used"]


def mean_of_deltas(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / (4 * p["things"]).clamp(min=1)


def mean_of_coordinates(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / 4 / p["n"]


def over_positions_of_batch(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / (p["n"] * len(p["labels"]))


def not_divided(p: Terms) -> Tensor:
    return p["b"] * p["smooth"]


def not_balanced(p: Terms) -> Tensor:
    return p["smooth"] / p["n"]


def balance_of_ten(p: Terms) -> Tensor:
    return 10 * p["smooth"] / p["n"]


def divided_by_balance(p: Terms) -> Tensor:
    return p["smooth"] / p["n"] / p["b"]


def signed_errors(p: Terms) -> Tensor:
    """Forgets the absolute value, so that an error below -1 counts as small."""
    things = p["labels"] == 1
    e = p["deltas"][things] - p["targets"][things]
    return p["b"] * torch.where(e < 1, e**2 / 2, e - 0.5).sum() / p["n"]


def by_torch(p: Terms) -> Tensor:
    things = p["labels"] == 1
    goal = p["targets"][things]
    return F.smooth_l1_loss(p["deltas"][things], goal, reduction="sum") / p["n"]


def by_huber(p: Terms) -> Tensor:
    things = p["labels"] == 1
    loss = torch.nn.HuberLoss(reduction="sum")
    return loss(p["deltas"][things], p["targets"][things]) / p["n"]


def swapped(*tensors: Tensor, **settings: Any) -> Any:
    return put_together(box_term, class_term)(*tensors, **settings)


def added(*tensors: Tensor, **settings: Any) -> Any:
    return sum(put_together(class_term, box_term)(*tensors, **settings))


def labels_in_place(*tensors: Tensor, **settings: Any) -> Any:
    terms = put_together(class_term, box_term)(*tensors, **settings)
    tensors[2][tensors[2] < 0] = 0
    return terms


def over_images(p: Terms) -> Tensor:
    return p["entropy"] / len(p["labels"])


def ignored_as_objects(p: Terms) -> Tensor:
    truth = p["labels"].abs().float()
    said = F.binary_cross_entropy_with_logits(p["logits"], truth, reduction="sum")
    return said / p["used"]


def over_all(p: Terms) -> Tensor:
    return p["b"] * p["smooth"] / max(p["labels"].numel(), 1)
