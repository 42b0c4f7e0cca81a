"""Answers to the task anchor_labels, right ones first."""

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection._utils import Matcher


def labels_in_loops(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> tuple[Tensor, Tensor]:
    rows, difficult = iou.tolist(), is_difficult.tolist()
    count = iou.shape[1]
    labels, truth = [0] * count, [-1] * count
    for a in range(count):
        for n, row in enumerate(rows):
            if row[a] >= negative_iou:
                labels[a] = -1
            best = max(row)
            is_found = row[a] >= positive_iou or (best > 0 and row[a] == best)
            if is_found and not difficult[n]:
                labels[a] = 1
                break
        if labels[a] == 1:
            own = [
                -1.0 if hard else row[a]
                for row, hard in zip(rows, difficult, strict=True)
            ]
            truth[a] = own.index(max(own))
    return torch.tensor(labels).long(), torch.tensor(truth).long()


def labels_of_the_ordinary(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> tuple[Tensor, Tensor]:
    """Takes the ordinary rows out, and translates their indices afterwards."""
    places = (~is_difficult).nonzero().squeeze(1)
    padded = torch.cat([iou.double(), torch.zeros(1, iou.shape[1])])
    ordinary = torch.cat([iou[places].double(), torch.zeros(1, iou.shape[1])])
    top = ordinary.max(0)
    positive = top.values >= positive_iou
    for row in ordinary:
        if len(row) and row.max() > 0:
            positive |= row == row.max()
    labels = -(padded.max(0).values >= negative_iou).long()
    labels[positive] = 1
    names = torch.cat([places, torch.tensor([-1])])
    return labels, torch.where(positive, names[top.indices], torch.tensor(-1))


def labelled(
    iou: Tensor,
    is_difficult: Tensor,
    *,
    positive_iou: float,
    negative_iou: float,
    guard: bool = True,
    ties: bool = True,
    promotes: bool = True,
    above: bool = False,
    below: bool = False,
    hard: str = "ignored",
    order: str = "positive last",
) -> tuple[Tensor, Tensor, Tensor]:
    """Labels, own objects and ordinary overlaps, with mistakes to choose from."""
    if iou.numel() == 0:
        zeros = torch.zeros(iou.shape[1]).long()
        return zeros, zeros - 1, iou
    easy = iou if hard == "objects" else iou * ~is_difficult[:, None]
    highest, own = easy.max(0)
    rows = iou if hard == "promote" else easy
    best = rows.amax(1, keepdim=True)
    is_best = rows == best
    if not ties:
        is_best &= torch.arange(iou.shape[1]) == rows.argmax(1)[:, None]
    if guard:
        is_best &= best > 0
    if hard != "objects" and not guard:
        is_best &= ~is_difficult[:, None]
    promoted = is_best.any(0) & promotes
    positive = promoted | (highest > positive_iou if above else highest >= positive_iou)
    seen = (easy if hard == "background" else iou).amax(0)
    background = seen <= negative_iou if below else seen < negative_iou
    labels = torch.full_like(own, -1)
    if order == "positive last":
        labels[background] = 0
        labels[positive] = 1
    else:
        labels[positive] = 1
        labels[background] = 0
    return labels, own, easy


def answer(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, own, _ = labelled(iou, is_difficult, **settings)
    return labels, own.where(labels == 1, -1)


def codes_swapped(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, truth = answer(iou, is_difficult, **settings)
    return torch.where(labels < 1, -1 - labels, labels), truth


def without_best_anchors(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, promotes=False)


def without_guard(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, guard=False)


def without_ties(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, ties=False)


def background_last(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, order="background last")


def above_the_threshold(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, above=True)


def up_to_the_threshold(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, below=True)


def difficult_as_objects(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, hard="objects")


def difficult_as_background(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, hard="background")


def difficult_promote(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings, hard="promote")


def difficult_left_out(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    """Takes rows out, so that the index counts the ordinary objects alone."""
    _, truth = answer(iou[~is_difficult], is_difficult[~is_difficult], **settings)
    return answer(iou, is_difficult, **settings)[0], truth


def always_ignored_on_difficult(
    iou: Tensor, is_difficult: Tensor, *, negative_iou: float, **settings: Any
) -> Any:
    """Even an anchor that found an ordinary object is ignored."""
    labels, truth = answer(iou, is_difficult, negative_iou=negative_iou, **settings)
    on_difficult = (iou[is_difficult] >= negative_iou).any(0)
    labels[on_difficult], truth[on_difficult] = -1, -1
    return labels, truth


def objects_of_all(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, own, _ = labelled(iou, is_difficult, **settings)
    return labels, own


def objects_of_promoters(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    """An object claims its best anchors, whatever they overlap more."""
    labels, truth = answer(iou, is_difficult, **settings)
    for n, row in enumerate(iou):
        if row.numel() and not is_difficult[n] and row.max() > 0:
            truth[row == row.max()] = n
    return labels, truth


def last_of_equals(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, truth = answer(iou.flip(0), is_difficult.flip(0), **settings)
    return labels, torch.where(truth >= 0, len(iou) - 1 - truth, truth)


def fixed_thresholds(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, positive_iou=0.7, negative_iou=0.3)


def one_threshold(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> Any:
    return answer(
        iou, is_difficult, positive_iou=positive_iou, negative_iou=positive_iou
    )


def labels_alone(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings)[0]


def objects_first(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    return answer(iou, is_difficult, **settings)[::-1]


def float_labels(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, truth = answer(iou, is_difficult, **settings)
    return labels.float(), truth


def fails_without_objects(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> Any:
    iou.max(dim=0)
    return answer(
        iou, is_difficult, positive_iou=positive_iou, negative_iou=negative_iou
    )


def ignored_without_objects(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    labels, truth = answer(iou, is_difficult, **settings)
    return (labels if len(iou) else truth), truth


def in_place(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    result = answer(iou, is_difficult, **settings)
    iou[is_difficult] = 0
    return result


def by_rows(iou: Tensor, is_difficult: Tensor, **settings: Any) -> Any:
    """Takes the maximum of each object instead of each anchor."""
    labels, own, _ = labelled(iou.T, torch.zeros(iou.shape[1]).bool(), **settings)
    return labels, own.where(labels == 1, -1)


def by_torchvision(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> Any:
    matcher = Matcher(positive_iou, negative_iou, allow_low_quality_matches=True)
    truth = matcher(iou)
    return (truth >= 0).long() - (truth == -2).long(), truth.clamp(min=-1)
