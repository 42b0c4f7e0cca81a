"""Which anchor or proposal is to find which object, and which of them a step uses."""

import torch
from torch import Tensor

from course_utils.ops.validators import check_at_least, check_rising

BELOW, BETWEEN = -1, -2  # no object, and too close to one to be called background


def match_anchors(
    iou: Tensor,
    *,
    positive_iou: float,
    negative_iou: float,
    promote_best: bool = False,
) -> Tensor:
    """The index of each anchor's object, or why it has none.

    Ren et al. 2015: an anchor belongs to the object that it overlaps most, if their IoU
    is at least `positive_iou`. It is background if the IoU is below `negative_iou`, and
    what lies between is not used.

    Args:
        iou: (N, A) overlap of each object with each anchor.
        positive_iou: least IoU of a positive anchor.
        negative_iou: from this IoU on, an anchor is no background.
        promote_best: make the anchors that an object overlaps most positive, however
            little that is, so that every object has one. An anchor so promoted still
            belongs to the object that it overlaps most itself.

    Returns (A,) int64: the index of an object, BELOW (-1) or BETWEEN (-2); all BELOW if
    there is no object.
    """
    check_iou(iou)
    check_rising(negative_iou=negative_iou, positive_iou=positive_iou)
    if len(iou) == 0:
        return torch.full_like(iou.sum(dim=0), BELOW, dtype=torch.int64)
    highest, best = iou.max(dim=0)  # (A,) each
    matched_idxs = best.where(highest >= positive_iou, BETWEEN)
    matched_idxs = matched_idxs.where(highest >= negative_iou, BELOW)
    if promote_best:
        matched_idxs = best.where(is_best_anchor(iou), matched_idxs)
    return matched_idxs


def is_best_anchor(iou: Tensor) -> Tensor:
    """Whether no anchor overlaps some object more: (N, A) IoU -> (A,) bool.

    Anchors that tie are all best. An object that no anchor touches has none: without
    this guard, its row of zeros would make every anchor positive.
    """
    if iou.shape[1] == 0:
        return iou.new_zeros(0, dtype=torch.bool)
    highest = iou.amax(dim=1, keepdim=True)  # (N, 1)
    return ((iou == highest) & (highest > 0)).any(dim=0)


def check_iou(iou: Tensor) -> None:
    """Raises ValueError unless `iou` is a matrix."""
    if iou.ndim != 2:
        raise ValueError(
            f"iou has shape {tuple(iou.shape)}, but (objects, anchors) was expected: "
            "compute it with box_iou(truth, anchors)"
        )


def sample_balanced(
    labels: Tensor,
    *,
    count: int,
    positive_fraction: float,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Indices of the positives and of the negatives that a step uses, each ascending.

    Positives are drawn up to their fraction of `count`; negatives fill the rest, also
    where there are fewer positives than that. Without a generator, torch's own draws.

    Args:
        labels: (A,) int64: above 0 positive, 0 negative, below 0 ignored.
        count: indices in all, if there are as many.
        positive_fraction: the highest share of positives, in [0, 1].
        generator: draws in place of torch's own.
    """
    check_at_least(0, count=count)
    check_rising(positive_fraction=positive_fraction)
    positive = (labels > 0).nonzero().squeeze(1)
    negative = (labels == 0).nonzero().squeeze(1)
    most = min(int(count * positive_fraction), len(positive))
    positive = draw(positive, most, generator)
    return positive, draw(negative, count - most, generator)


def draw(
    indices: Tensor, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """At most `count` of the indices, at random, ascending."""
    device = indices.device if generator is None else generator.device
    order = torch.randperm(len(indices), generator=generator, device=device)
    return indices[order[:count].to(indices.device)].sort().values
