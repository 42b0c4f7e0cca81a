"""What each default box of SSD is to answer, and which of them a step learns from."""

import torch
from torch import Tensor

from course_utils.models.model import Target
from course_utils.ops.boxes import as_boxes, box_iou
from course_utils.ops.matching import BELOW, assign_truth


def match_default_boxes(iou: Tensor, *, positive_iou: float = 0.5) -> Tensor:
    """The object that each default box is to find, or -1 for none.

    Liu et al. 2016: each object gets the default box that it overlaps most. Then, each
    other default box gets the object that it overlaps most, if the IoU is at least
    `positive_iou`.

    Of default boxes that tie for an object's best the first is taken. Where two objects
    have the same best default box, the later object gets it. An object that overlaps no
    default box, as one without area, gets none.

    Args:
        iou: (N, A) overlap of each object with each default box.
        positive_iou: least IoU of a match that is no object's best.

    Returns (A,) int64: the index of an object, or BELOW (-1).
    """
    truth = assign_truth(iou, positive_iou=positive_iou, negative_iou=positive_iou)
    if iou.numel() == 0:
        return truth
    highest, best = iou.max(dim=1)  # (N,) each
    touched = (highest > 0).nonzero().squeeze(1)
    forced = torch.full_like(truth, BELOW)
    forced = forced.scatter_reduce(0, best[touched], touched, "amax")
    return forced.where(forced != BELOW, truth)


def label_default_boxes(
    default_boxes: Tensor, target: Target, *, positive_iou: float = 0.5
) -> tuple[Tensor, Tensor]:
    """The class and the box that each default box of one image is to answer.

    (A, 4) default boxes -> (A,) int64 labels, 0 for background, and (A, 4) boxes to
    reach, which mean something at objects only. See `match_default_boxes`.
    """
    truth = as_boxes(target["boxes"], "the target's boxes").to(default_boxes)
    labels = target["labels"].to(default_boxes.device)
    if len(labels) != len(truth):
        raise ValueError(
            f"the target has {len(truth)} boxes and {len(labels)} labels, but one "
            "label for each box was expected"
        )
    match = match_default_boxes(
        box_iou(truth, default_boxes), positive_iou=positive_iou
    )
    if len(truth) == 0:
        return torch.zeros_like(match), default_boxes
    own = match.clamp(min=0)
    return labels[own].where(match != BELOW, 0), truth[own]


def hard_negatives(losses: Tensor, is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """Which default boxes of the background a step learns from: the most expensive.

    In each image at most `ratio` for each box that found an object, so that an image
    without objects has none.

    Args:
        losses: (B, A) of each default box, if it were background.
        is_object: (B, A) bool.
        ratio: negatives for each positive.

    Returns (B, A) bool. Raises ValueError if the shapes or the ratio do not fit.
    """
    counts = negative_counts(losses, is_object, ratio)
    most = int(counts.max()) if counts.numel() else 0
    losses = losses.detach().masked_fill(is_object, -torch.inf)
    hardest = losses.topk(most, dim=1).indices  # (B, most), by falling loss
    chosen = torch.arange(most, device=counts.device) < counts[:, None]
    return torch.zeros_like(is_object).scatter(1, hardest, chosen)


def random_negatives(is_object: Tensor, *, ratio: float = 3) -> Tensor:
    """As many default boxes of the background as `hard_negatives`, drawn at random.

    (B, A) bool -> (B, A) bool. Draws from torch's own generator.
    """
    draws = torch.rand(is_object.shape, device=is_object.device)
    return hard_negatives(draws, is_object, ratio=ratio)


def negative_counts(losses: Tensor, is_object: Tensor, ratio: float) -> Tensor:
    """(B,) how many negatives each image gets: no more than it has background."""
    if losses.ndim != 2 or losses.shape != is_object.shape:
        raise ValueError(
            f"losses has shape {tuple(losses.shape)} and is_object "
            f"{tuple(is_object.shape)}, but (images, default boxes) was expected of "
            "both"
        )
    if not ratio >= 0:
        raise ValueError(f"ratio is {ratio}, but 0 or more was expected")
    positives = is_object.sum(dim=1)
    wanted = (ratio * positives).long()
    return wanted.minimum(is_object.shape[1] - positives)
