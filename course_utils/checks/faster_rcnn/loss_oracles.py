"""A slow answer to assignment 04 about the RPN's loss, and what mistakes would answer.

It works on Python numbers, one anchor at a time, so that it shares no step with a good
answer. Its keyword settings turn single mistakes on.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

UNIGNORED = ("background", "objects", "as they are")


def slow_loss_terms(
    given: Sequence[Tensor],
    num_positions: int,
    balance: float,
    *,
    ignored: str = "left out",
    divides: str = "by sampled",
    boxes: str = "of objects",
    shape: str = "smooth",
    normal: str = "by positions",
) -> tuple[Tensor, Tensor]:
    """The two terms of the RPN's loss, anchor by anchor."""
    logits, deltas, labels, targets = given
    z, y = logits.flatten().tolist(), labels.flatten().tolist()
    moves, goals = deltas.reshape(-1, 4).tolist(), targets.reshape(-1, 4).tolist()
    trained = [n for n in range(len(y)) if y[n] >= 0 or ignored in UNIGNORED]
    said = [entropy(z[n], y[n], ignored) for n in trained]
    if ignored == "positives alone":
        said = [entropy(z[n], y[n], "") for n in range(len(y)) if y[n] == 1]
    count = {
        "by all": len(y),
        "by positives": sum(label == 1 for label in y),
        "by images": len(logits),
        "by 256": 256,
        "not at all": 1,
    }.get(divides, sum(label >= 0 for label in y))
    rows = [n for n in range(len(y)) if y[n] == 1 or boxes == "of all"]
    if boxes == "of sampled":
        rows = [n for n in range(len(y)) if y[n] >= 0]
    if boxes == "but ignored":
        rows = [n for n in range(len(y)) if y[n] != 0]
    wrong = [
        error_of(move - goal, shape)
        for n in rows
        for move, goal in zip(moves[n], goals[n], strict=True)
    ]
    under = {
        "by positives": len(rows),
        "by sampled": sum(label >= 0 for label in y),
        "by 4 positives": 4 * len(rows),
        "by all": len(y),
        "by positions and 4": 4 * num_positions,
        "not at all": 1,
    }.get(normal, num_positions)
    weight = 1.0 if normal == "without balance" else balance
    first = sum(said) / count if count else 0.0
    if normal == "both balanced":
        first *= balance
    second = weight * sum(wrong) / under if under else 0.0
    return torch.tensor(first), torch.tensor(second)


def entropy(logit: float, label: int, ignored: str) -> float:
    """Binary cross-entropy of one logit; other labels as a mistake would treat them."""
    truth = float(label)
    if ignored == "background":
        truth = max(truth, 0.0)
    if ignored == "objects":
        truth = abs(truth)
    # In float32, 1 - sigmoid(17) and sigmoid(-104) are 0.
    if ignored == "by probability" and (logit > 17 if truth == 0 else logit < -104):
        return math.inf
    return max(logit, 0.0) - logit * truth + math.log1p(math.exp(-abs(logit)))


def error_of(error: float, shape: str) -> float:
    """Smooth L1 with its bend at 1, or what was taken for it."""
    size = abs(error)
    if shape == "L1":
        return size
    if shape == "squared":
        return size**2 / 2
    if shape == "no half":
        return size**2 if size < 1 else size - 0.5
    if shape == "a step":
        return size**2 / 2 if size < 1 else size
    if shape == "bend at 1/9":
        return 4.5 * size**2 if size < 1 / 9 else size - 1 / 18
    return size**2 / 2 if size < 1 else size - 0.5
