"""The loss of SSD: classes of matched and hard default boxes, boxes of matched ones."""

import torch.nn.functional as F
from torch import Tensor


def background_loss(logits: Tensor) -> Tensor:
    """What it costs to call each default box background: its confidence loss.

    (..., K) logits with the background first -> (...) cross-entropy with class 0.
    """
    return logits.logsumexp(dim=-1) - logits[..., 0]


def ssd_losses(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    is_negative: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> dict[str, Tensor]:
    """Cross-entropy of objects and chosen background, and smooth L1 of objects.

    Liu et al. 2016, eq. 1 to 3: both are divided by the number of default boxes of the
    batch that found an object, not by that of all summands. Without any, both are 0.

    Args:
        logits: (B, A, K), background first.
        deltas: (B, A, 4).
        labels: (B, A) int64, 0 for background.
        regression_targets: (P, 4), only of the P boxes with a label above 0, in order.
        is_negative: (B, A) bool, the background to learn from; see `hard_negatives`.
        alpha: weight of the boxes.
        beta: where smooth L1 turns from a parabola into a line.
    """
    is_object = labels > 0
    used = is_object | (is_negative & ~is_object)
    count = is_object.sum().clamp(min=1)
    own = deltas[is_object]  # (P, 4)
    box_loss = F.smooth_l1_loss(own, regression_targets, beta=beta, reduction="sum")
    class_loss = F.cross_entropy(logits[used], labels[used], reduction="sum")
    # Without an object there is nothing to divide by, and the paper's loss is 0.
    class_loss = class_loss * is_object.any()
    return {
        "loss_classifier": class_loss / count,
        "loss_box_reg": alpha * box_loss / count,
    }
