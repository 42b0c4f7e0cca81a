"""Answers to the task responsible_boxes, right ones first."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

Both = tuple[Tensor, Tensor]


def responsible_in_loops(answers: Tensor, truths: Tensor) -> Both:
    """Cell by cell, predictor by predictor, in Python numbers."""
    batch, count, _, rows, columns = answers.shape
    found = torch.zeros(batch, count, rows, columns, dtype=torch.bool)
    targets = torch.zeros(batch, count, rows, columns)
    for b in range(batch):
        for i in range(rows):
            for j in range(columns):
                flag, *true = truths[b, :, i, j].tolist()
                if not flag:
                    continue
                t = (true[0] / columns, true[1] / rows, true[2] ** 2, true[3] ** 2)
                best, best_iou, best_far = 0, 0.0, float("inf")
                for k in range(count):
                    x, y, w, h, _ = answers[b, k, :, i, j].tolist()
                    p = (x / columns, y / rows, w**2, h**2)
                    iou = overlap_of(p, t)
                    far = sum((one - two) ** 2 for one, two in zip(p, t, strict=True))
                    if iou > best_iou:
                        best, best_iou = k, iou
                    elif best_iou == 0 and far < best_far:
                        best = k
                    best_far = min(best_far, far)
                found[b, best, i, j] = True
                targets[b, best, i, j] = best_iou
    return found, targets


def overlap_of(p: tuple[float, ...], t: tuple[float, ...]) -> float:
    both = 1.0
    for axis in (0, 1):
        low = max(p[axis] - p[axis + 2] / 2, t[axis] - t[axis + 2] / 2)
        high = min(p[axis] + p[axis + 2] / 2, t[axis] + t[axis + 2] / 2)
        both *= max(0.0, high - low)
    return both / (p[2] * p[3] + t[2] * t[3] - both)


def responsible_in_pixels(answers: Tensor, truths: Tensor) -> list[Tensor]:
    """Corners in an image of 1 by 1, with the corner of each cell, in float64."""
    said, true = (
        corners(answers.double()[:, :, :4]),
        corners(truths.double()[:, None, 1:]),
    )
    wide = (torch.minimum(said[2], true[2]) - torch.maximum(said[0], true[0])).relu()
    high = (torch.minimum(said[3], true[3]) - torch.maximum(said[1], true[1])).relu()
    area = [(b[2] - b[0]) * (b[3] - b[1]) for b in (said, true)]
    iou = (wide * high / (area[0] + area[1] - wide * high)).nan_to_num()
    iou = iou.where(iou > 1e-9, 0)
    numbers = [centred(one) for one in (said, true)]
    far = (numbers[0] - numbers[1]).square().sum(0).nan_to_num()
    key = iou - (iou.amax(1, keepdim=True) == 0) * far.round(decimals=9)
    best = torch.zeros_like(iou, dtype=torch.bool)
    best.scatter_(1, key.argmax(1, keepdim=True), True)
    best &= truths[:, None, 0].bool()
    return [best, (iou * best).float()]


def corners(boxes: Tensor) -> Tensor:
    rows, columns = boxes.shape[-2:]
    x = (boxes[:, :, 0] + torch.arange(columns)) / columns
    y = (boxes[:, :, 1] + torch.arange(rows)[:, None]) / rows
    w, h = boxes[:, :, 2].square() / 2, boxes[:, :, 3].square() / 2
    return torch.stack([x - w, y - h, x + w, y + h])


def centred(box: Tensor) -> Tensor:
    return torch.cat([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])


def responsible_by_rows(answers: Tensor, truths: Tensor) -> Both:
    """Only cells with an object, one row each."""
    image, row, column = (truths[:, 0] == 1).nonzero(as_tuple=True)
    said, true = answers[image, :, :, row, column], truths[image, :, row, column]
    scale = torch.tensor([answers.shape[4], answers.shape[3]])
    p = torch.cat([said[..., :2] / scale, said[..., 2:4].square()], -1)  # (M, K, 4)
    t = torch.cat([true[:, 1:3] / scale, true[:, 3:].square()], -1)[:, None]
    gap = (p[..., :2] - t[..., :2]).abs()
    small = torch.minimum(p[..., 2:], t[..., 2:])
    # Two sides overlap by the half of both less the gap, but by no more than either.
    shared = torch.minimum(small, (p[..., 2:] + t[..., 2:]) / 2 - gap).clamp(min=0)
    both = shared[..., 0] * shared[..., 1]
    iou = both / (p[..., 2] * p[..., 3] + t[..., 2] * t[..., 3] - both)
    far = torch.linalg.vector_norm(p - t, dim=-1)
    best = torch.where((iou > 0).any(1), iou.argmax(1), far.argmin(1))
    shape = (len(answers), answers.shape[1], *answers.shape[3:])
    found, targets = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape)
    found[image, best, row, column] = True
    targets[image, best, row, column] = iou[torch.arange(len(best)), best]
    return found, targets


def parted(answers: Tensor, truths: Tensor, **changes: Any) -> dict[str, Tensor]:
    """Centres and sizes of answers and truths, right unless something is changed."""
    rows, columns = answers.shape[-2:]
    cells = torch.tensor(changes.get("cells", [columns, rows]))[:, None, None]
    power = changes.get("power", 2)
    true = truths[:, None]
    return {
        "centre": answers[:, :, :2] / cells,
        "true_centre": true[:, :, 1:3] / cells,
        "size": answers[:, :, 2:4] ** power,
        "true_size": true[:, :, 3:] ** power,
    }


def iou_of(p: dict[str, Tensor], *, union: bool = True, corner: bool = False) -> Tensor:
    half, true_half = p["size"] / 2, p["true_size"] / 2
    low = torch.maximum(p["centre"] - half, p["true_centre"] - true_half)
    high = torch.minimum(p["centre"] + half, p["true_centre"] + true_half)
    if corner:
        low = torch.maximum(p["centre"], p["true_centre"])
        high = torch.minimum(p["centre"] + 2 * half, p["true_centre"] + 2 * true_half)
    both = (high - low).clamp(min=0).prod(2)
    total = p["size"].prod(2) + p["true_size"].prod(2)
    return both / (total - both if union else total)


def distance_of(p: dict[str, Tensor]) -> Tensor:
    return ((p["centre"] - p["true_centre"]) ** 2).sum(2) + (
        (p["size"] - p["true_size"]) ** 2
    ).sum(2)


def chosen(key: Tensor, truths: Tensor) -> Tensor:
    best = key.argmax(1, keepdim=True)
    number = torch.arange(key.shape[1])[:, None, None]
    return (number == best) & (truths[:, None, 0] == 1)


def with_fallback(iou: Tensor, distance: Tensor) -> Tensor:
    return torch.where(iou.amax(1, keepdim=True) > 0, iou, -distance)


def right(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    iou = iou_of(p)
    found = chosen(with_fallback(iou, distance_of(p)), truths)
    return found, iou.where(found, 0)


def read_as(**changes: Any) -> Any:
    """An answer that reads the four numbers in another way."""

    def answer(answers: Tensor, truths: Tensor) -> Both:
        settings = {name: value for name, value in changes.items() if name != "flip"}
        if changes.get("flip"):
            settings["cells"] = list(answers.shape[-2:])
        iou = iou_of(parted(answers, truths, **settings))
        distance = distance_of(parted(answers, truths))
        found = chosen(with_fallback(iou, distance), truths)
        return found, iou.where(found, 0)

    answer.__name__ = f"read_as_{'_'.join(changes)}"
    return answer


def surest(answers: Tensor, truths: Tensor) -> Both:
    found = chosen(answers[:, :, 4], truths)
    return found, iou_of(parted(answers, truths)).where(found, 0)


def closest(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    found = chosen(-distance_of(p), truths)
    return found, iou_of(p).where(found, 0)


def lowest(answers: Tensor, truths: Tensor) -> Both:
    iou = iou_of(parted(answers, truths))
    found = chosen(-iou, truths)
    return found, iou.where(found, 0)


def without_fallback(answers: Tensor, truths: Tensor) -> Both:
    iou = iou_of(parted(answers, truths))
    found = chosen(iou, truths)
    return found, iou.where(found, 0)


def by_shape(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    distance = distance_of(p)
    iou = iou_of(p | {"centre": p["centre"] * 0, "true_centre": p["true_centre"] * 0})
    found = chosen(with_fallback(iou, distance), truths)
    return found, iou.where(found, 0)


def over_the_sum(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    iou = iou_of(p, union=False)
    found = chosen(with_fallback(iou, distance_of(p)), truths)
    return found, iou.where(found, 0)


def from_corners(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    iou = iou_of(p, corner=True)
    found = chosen(with_fallback(iou, distance_of(p)), truths)
    return found, iou.where(found, 0)


def far_by(distance: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """An answer with another distance where nothing overlaps."""

    def answer(answers: Tensor, truths: Tensor) -> Both:
        iou = iou_of(parted(answers, truths))
        found = chosen(with_fallback(iou, distance(answers, truths)), truths)
        return found, iou.where(found, 0)

    answer.__name__ = f"far_by_{distance.__name__}"
    return answer


def raw_numbers(answers: Tensor, truths: Tensor) -> Tensor:
    return ((answers[:, :, :4] - truths[:, None, 1:]) ** 2).sum(2)


def centres(answers: Tensor, truths: Tensor) -> Tensor:
    p = parted(answers, truths)
    return ((p["centre"] - p["true_centre"]) ** 2).sum(2)


def sizes(answers: Tensor, truths: Tensor) -> Tensor:
    p = parted(answers, truths)
    return ((p["size"] - p["true_size"]) ** 2).sum(2)


def manhattan(answers: Tensor, truths: Tensor) -> Tensor:
    p = parted(answers, truths)
    return (p["centre"] - p["true_centre"]).abs().sum(2) + (
        (p["size"] - p["true_size"]).abs().sum(2)
    )


def in_empty_cells(answers: Tensor, truths: Tensor) -> Both:
    filled = truths.clone()
    filled[:, 0] = (~filled[:, 1].isnan()).float()
    return right(answers, filled)


def without_mask(answers: Tensor, truths: Tensor) -> Both:
    filled = truths.clone()
    filled[:, 0] = 1
    return right(answers, filled)


def target_of_one(answers: Tensor, truths: Tensor) -> Both:
    found = right(answers, truths)[0]
    return found, found.float()


def targets_of_all(answers: Tensor, truths: Tensor) -> Both:
    found = right(answers, truths)[0]
    return found, iou_of(parted(answers, truths)).where(truths[:, None, 0] == 1, 0)


def target_by_product(answers: Tensor, truths: Tensor) -> Both:
    """0 times nan is nan."""
    found = right(answers, truths)[0]
    return found, iou_of(parted(answers, truths)) * found


def last_of_equals(answers: Tensor, truths: Tensor) -> Both:
    found, targets = right(answers.flip(1), truths)
    return found.flip(1), targets.flip(1)


def all_that_tie(answers: Tensor, truths: Tensor) -> Both:
    p = parted(answers, truths)
    iou = iou_of(p)
    key = with_fallback(iou, distance_of(p))
    found = (key == key.amax(1, keepdim=True)) & (truths[:, None, 0] == 1)
    return found, iou.where(found, 0)


def above_a_half(answers: Tensor, truths: Tensor) -> Both:
    iou = iou_of(parted(answers, truths))
    found = (iou > 0.5) & (truths[:, None, 0] == 1)
    return found, iou.where(found, 0)


def numbers_of_predictors(answers: Tensor, truths: Tensor) -> Both:
    found, targets = right(answers, truths)
    return found.int().argmax(1), targets


def targets_first(answers: Tensor, truths: Tensor) -> Any:
    return right(answers, truths)[::-1]


def targets_alone(answers: Tensor, truths: Tensor) -> Any:
    return right(answers, truths)[1]


def zeros_and_ones(answers: Tensor, truths: Tensor) -> Any:
    found, targets = right(answers, truths)
    return found.float(), targets


def in_place(answers: Tensor, truths: Tensor) -> Both:
    answers[:, :, 2:4] = answers[:, :, 2:4].square()
    return right(answers, truths)


def one_over_all_cells(answers: Tensor, truths: Tensor) -> Both:
    """The best predictor of the whole image, not of each cell."""
    found, targets = right(answers, truths)
    best = targets == targets.amax((1, 2, 3), keepdim=True)
    return found & best, targets * best


def by_torchvision(answers: Tensor, truths: Tensor) -> Both:
    box_iou(torch.zeros(1, 4), torch.zeros(1, 4))
    return right(answers, truths)
