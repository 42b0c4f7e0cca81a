"""Answers to the task encode_batch, right ones first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_area, box_convert

from course_utils.ops.boxes import xyxy_to_cxcywh

Pair = tuple[int, int]
Step = Callable[..., Any]


def encode_in_loops(
    boxes: Tensor, labels: Tensor, image_size: Pair, *, grid: Pair, num_classes: int
) -> Tensor:
    """One object after the other; a cell remembers the area of its owner."""
    height, width = image_size
    rows, columns = grid
    target = torch.zeros(len(boxes), 4 + num_classes, rows, columns)
    area = torch.full((len(boxes), rows, columns), float("inf"))
    for b in range(len(boxes)):
        for n in range(boxes.shape[1]):
            if labels[b, n] == 0:
                continue
            x1, y1, x2, y2 = boxes[b, n].tolist()
            w, h = x2 - x1, y2 - y1
            if w <= 0 or h <= 0:
                continue
            x, y = (x1 + x2) / 2 * columns / width, (y1 + y2) / 2 * rows / height
            j, i = min(int(x), columns - 1), min(int(y), rows - 1)
            if w * h >= area[b, i, j]:
                continue
            area[b, i, j] = w * h
            target[b, :, i, j] = 0
            sides = [(w / width) ** 0.5, (h / height) ** 0.5]
            target[b, :5, i, j] = torch.tensor([1, x - j, y - i, *sides])
            target[b, 4 + labels[b, n], i, j] = 1
    return target


def encode_by_overwriting(
    boxes: Tensor, labels: Tensor, image_size: Pair, *, grid: Pair, num_classes: int
) -> Tensor:
    """In float64; from the largest to the smallest, and the first of equals last."""
    scale = torch.tensor(image_size[::-1]).double()
    cells = torch.tensor(grid[::-1])
    target = torch.zeros(len(boxes), *grid, 4 + num_classes).double()
    sides = (boxes[..., 2:] - boxes[..., :2]).double()
    centre = (boxes[..., 2:] + boxes[..., :2]).double() / 2
    sides[labels == 0] = 0
    sides = sides.clamp(min=0)
    for image in range(len(boxes)):
        area = sides[image].prod(1).flip(0)
        order = len(area) - 1 - area.argsort(descending=True, stable=True)
        for n in order[sides[image, order].prod(1) > 0].tolist():
            place = centre[image, n] * cells / scale
            column, row = torch.minimum(place.floor(), cells - 1).long().tolist()
            one_hot = F.one_hot(labels[image, n] - 1, num_classes - 1)
            offset = place - torch.tensor([column, row])
            size = (sides[image, n] / scale).sqrt()
            parts = [torch.ones(1), offset, size, one_hot]
            target[image, row, column] = torch.cat([part.double() for part in parts])
    return target.movedim(-1, 1).float()


def encode_by_numpy(
    boxes: Tensor, labels: Tensor, image_size: Pair, *, grid: Pair, num_classes: int
) -> Tensor:
    """NumPy; `unique` finds the first of each cell after sorting."""
    corners, kinds = boxes.numpy().astype(float), labels.numpy()
    w, h = np.moveaxis(corners[..., 2:] - corners[..., :2], -1, 0)
    b, n = np.nonzero((kinds > 0) & (w > 0) & (h > 0))
    w, h, kinds, corners = w[b, n], h[b, n], kinds[b, n], corners[b, n]
    x = (corners[:, 0] + corners[:, 2]) / 2 / image_size[1] * grid[1]
    y = (corners[:, 1] + corners[:, 3]) / 2 / image_size[0] * grid[0]
    i, j = (
        np.minimum(y.astype(int), grid[0] - 1),
        np.minimum(x.astype(int), grid[1] - 1),
    )
    order = np.argsort(w * h, kind="stable")
    cell = np.ravel_multi_index((b, i, j), (len(boxes), *grid))
    _, first = np.unique(cell[order], return_index=True)
    k = order[first]
    target = np.zeros((len(boxes), 4 + num_classes, *grid), dtype=np.float32)
    sides = (w[k] / image_size[1], h[k] / image_size[0])
    numbers = (np.ones(len(k)), x[k] - j[k], y[k] - i[k], *np.sqrt(sides))
    for channel, values in enumerate(numbers):
        target[b[k], channel, i[k], j[k]] = values
    target[b[k], 4 + kinds[k], i[k], j[k]] = 1
    return torch.from_numpy(target)


def things(boxes: Tensor, labels: Tensor) -> Tensor:
    return (labels > 0) & (boxes[..., 2:] > boxes[..., :2]).all(-1)


def middle(box: Tensor) -> Tensor:
    return (box[:, :2] + box[:, 2:]) / 2


def scaled(place: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return place / size * cells


def floored(place: Tensor, cells: Tensor) -> Tensor:
    return place.floor().long().clamp(min=0).minimum(cells - 1)


def inside(place: Tensor, cell: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return place - cell


def rooted(sides: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return (sides / size).sqrt()


def by_area(sides: Tensor) -> Tensor:
    """The order in which objects are written: the owner of a cell comes last."""
    return sides.prod(1).flip(0).argsort(descending=True, stable=True).neg() + (
        len(sides) - 1
    )


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    return F.one_hot(labels, num_classes)[:, 1:]


def row_first(cell: Tensor) -> Tensor:
    return cell.flip(1)


STEPS: dict[str, Step] = {
    "things": things,
    "middle": middle,
    "scaled": scaled,
    "cell": floored,
    "offset": inside,
    "extent": rooted,
    "order": by_area,
    "at": row_first,
    "classes": one_hot,
}


def encoded(
    steps: dict[str, Step],
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_classes: int,
) -> Tensor:
    """An answer whose steps may be replaced by wrong ones."""
    size, cells = torch.tensor(image_size[::-1]), torch.tensor(grid[::-1])
    target = torch.zeros(len(boxes), *grid, 4 + num_classes)
    is_object = steps["things"](boxes, labels)
    for image in range(len(boxes)):
        box, label = boxes[image, is_object[image]], labels[image, is_object[image]]
        sides = box[:, 2:] - box[:, :2]
        place = steps["scaled"](steps["middle"](box), size, cells)
        cell = steps["cell"](place, cells)
        numbers = torch.cat(
            [
                torch.ones(len(box), 1),
                steps["offset"](place, cell, size, cells),
                steps["extent"](sides, size, cells),
                steps["classes"](label, num_classes),
            ],
            dim=1,
        )
        at = steps["at"](cell)
        for n in steps["order"](sides).tolist():
            target[image, at[n, 0], at[n, 1]] = numbers[n]
    return target.permute(0, 3, 1, 2)


def with_step(step: str, replacement: Step) -> Any:
    def answer(*tensors: Any, **settings: Any) -> Any:
        return encoded({**STEPS, step: replacement}, *tensors, **settings)

    answer.__name__ = replacement.__name__
    return answer


def with_change(change: Step) -> Any:
    """A right answer that is changed afterwards."""

    def answer(*tensors: Any, **settings: Any) -> Any:
        return change(encoded(STEPS, *tensors, **settings))

    answer.__name__ = change.__name__
    return answer


def largest(sides: Tensor) -> Tensor:
    area = sides.prod(1)
    return len(area) - 1 - area.flip(0).argsort(stable=True)


def first(sides: Tensor) -> Tensor:
    return torch.arange(len(sides)).flip(0)


def last(sides: Tensor) -> Tensor:
    return torch.arange(len(sides))


def last_of_equals(sides: Tensor) -> Tensor:
    return sides.prod(1).argsort(descending=True, stable=True)


def narrowest(sides: Tensor) -> Tensor:
    order = sides[:, 0].flip(0).argsort(descending=True, stable=True)
    return len(sides) - 1 - order


def shortest_perimeter(sides: Tensor) -> Tensor:
    return sides.sum(1).argsort(descending=True)


def column_first(cell: Tensor) -> Tensor:
    """The place in the target: the column as the row."""
    return cell


def rounded(place: Tensor, cells: Tensor) -> Tensor:
    return (place + 0.5).floor().long().clamp(min=0).minimum(cells - 1)


def before_the_border(place: Tensor, cells: Tensor) -> Tensor:
    return (place.ceil().long() - 1).clamp(min=0)


def not_clamped(place: Tensor, cells: Tensor) -> Tensor:
    return place.floor().long()


def corner(box: Tensor) -> Tensor:
    return box[:, :2]


def of_the_image(place: Tensor, cell: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return place / cells


def from_the_middle(place: Tensor, cell: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return place - cell - 0.5


def in_pixels(place: Tensor, cell: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return (place - cell) * size / cells


def fractional(place: Tensor, cell: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    """The fraction alone: 0 where a centre lies on the right border."""
    return place % 1


def shares(sides: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return sides / size


def of_the_cell(sides: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return (sides / size * cells).sqrt()


def root_pixels(sides: Tensor, size: Tensor, cells: Tensor) -> Tensor:
    return sides.sqrt()


def padding_too(boxes: Tensor, labels: Tensor) -> Tensor:
    return (boxes[..., 2:] > boxes[..., :2]).all(-1)


def flat_too(boxes: Tensor, labels: Tensor) -> Tensor:
    return labels > 0


def one_side_is_enough(boxes: Tensor, labels: Tensor) -> Tensor:
    return (labels > 0) & (boxes[..., 2:] > boxes[..., :2]).any(-1)


def nothing_is_padding(boxes: Tensor, labels: Tensor) -> Tensor:
    return labels >= 0


def by_label(labels: Tensor, num_classes: int) -> Tensor:
    """Column 0 for background; the last class has none."""
    return F.one_hot(labels, num_classes)[:, :-1]


def y_first(target: Tensor) -> Tensor:
    return target[:, [0, 2, 1, 4, 3, *range(5, target.shape[1])]]


def flag_last(target: Tensor) -> Tensor:
    return target[:, [1, 2, 3, 4, 0, *range(5, target.shape[1])]]


def classes_first(target: Tensor) -> Tensor:
    return torch.cat([target[:, 5:], target[:, :5]], dim=1)


def channels_last(target: Tensor) -> Tensor:
    return target.permute(0, 2, 3, 1)


def without_flag(target: Tensor) -> Tensor:
    return target[:, 1:]


def whole_numbers(target: Tensor) -> Tensor:
    return target.long()


def image_by_image(target: Tensor) -> list[Tensor]:
    return list(target)


def image_turned(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    return encoded(STEPS, boxes, labels, size[::-1], **s)


def border_dropped(
    boxes: Tensor, labels: Tensor, image_size: Pair, **settings: Any
) -> Any:
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    is_inside = (centre < torch.tensor(image_size[::-1])).all(-1)
    return encoded(STEPS, boxes, labels * is_inside, image_size, **settings)


def two_classes(boxes: Tensor, labels: Tensor, image_size: Pair, **s: Any) -> Any:
    """The classes of all objects of a cell."""
    target = encoded(STEPS, boxes, labels, image_size, **s)
    for n in range(boxes.shape[1]):
        only = torch.zeros_like(labels)
        only[:, n] = labels[:, n]
        alone = encoded(STEPS, boxes, only, image_size, **s)
        target[:, 5:] = target[:, 5:].maximum(alone[:, 5:])
    return target


def one_grid_for_all(boxes: Tensor, labels: Tensor, image_size: Pair, **s: Any) -> Any:
    """The owner of a cell is looked for in all images together."""
    joined = encoded(
        STEPS, boxes.flatten(0, 1)[None], labels.flatten()[None], image_size, **s
    )
    target = encoded(STEPS, boxes, labels, image_size, **s)
    owner = (target == joined).all(1)
    seen = torch.cat([torch.zeros_like(owner[:1]), owner.cumsum(0)[:-1] > 0])
    return target * (owner & ~seen)[:, None]


def in_place(boxes: Tensor, labels: Tensor, image_size: Pair, **settings: Any) -> Any:
    target = encoded(STEPS, boxes, labels, image_size, **settings)
    boxes[labels == 0] = 0
    return target


def first_image_alone(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    return encoded(STEPS, boxes[:1], labels[:1], size, **s)


def square_grid(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    s["grid"] = (s["grid"][1], s["grid"][1])
    return encoded(STEPS, boxes, labels, size, **s)


def by_torchvision(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    box_area(boxes.flatten(0, 1))
    return encoded(STEPS, boxes, labels, size, **s)


def by_conversion(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    box_convert(boxes, "xyxy", "cxcywh")
    return encoded(STEPS, boxes, labels, size, **s)


def by_the_library(boxes: Tensor, labels: Tensor, size: Pair, **s: Any) -> Any:
    xyxy_to_cxcywh(boxes.flatten(0, 1))
    return encoded(STEPS, boxes, labels, size, **s)
