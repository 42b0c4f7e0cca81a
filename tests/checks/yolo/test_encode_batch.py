"""Answers to encode_batch, and its oracle beside torchvision and the library."""

import cheats
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_area, box_convert

from course_utils.checks.yolo.encode_batch import CASES, random_case, slow_encode_batch
from course_utils.ops.boxes import xyxy_to_cxcywh
from course_utils.ops.yolo_grid import encode_grid


def in_loops(boxes, labels, image_size, *, grid, num_classes):
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


def by_numpy(boxes, labels, image_size, *, grid, num_classes):
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


def is_thing(boxes, labels):
    return (labels > 0) & (boxes[..., 2:] > boxes[..., :2]).all(-1)


def by_overwriting(
    things=is_thing,
    size=lambda sides: sides.prod(1),
    cell=lambda place, cells: place.long().minimum(cells - 1),
    offset=lambda place, cell: place - cell,
    finish=lambda target: target,
):
    """An answer that writes the largest first, and the first of equals last."""

    def answer(boxes, labels, image_size, *, grid, num_classes):
        scale, cells = torch.tensor(image_size[::-1]), torch.tensor(grid[::-1])
        target = torch.zeros(len(boxes), *grid, 4 + num_classes)
        for image, chosen in enumerate(things(boxes, labels)):
            box, kinds = boxes[image, chosen], labels[image, chosen]
            sides = box[:, 2:] - box[:, :2]
            place = (box[:, :2] + box[:, 2:]) / 2 / scale * cells
            at = cell(place, cells)
            one, classes = torch.ones(len(box), 1), F.one_hot(kinds, num_classes)[:, 1:]
            parts = [one, offset(place, at), (sides / scale).sqrt(), classes]
            numbers = torch.cat(parts, dim=1)
            for n in reversed(size(sides).argsort(stable=True).tolist()):
                target[image, at[n, 1], at[n, 0]] = numbers[n]
        return finish(target.permute(0, 3, 1, 2))

    return answer


def in_place(boxes, labels, image_size, **settings):
    target = by_overwriting()(boxes, labels, image_size, **settings)
    boxes[labels == 0] = 0
    return target


def first_image_alone(boxes, labels, image_size, **settings):
    return by_overwriting()(boxes[:1], labels[:1], image_size, **settings)


def square_grid(boxes, labels, image_size, *, grid, num_classes):
    grid = (grid[1], grid[1])
    return in_loops(boxes, labels, image_size, grid=grid, num_classes=num_classes)


def by_torchvision(boxes, labels, image_size, **settings):
    area = box_area(boxes.flatten(0, 1))
    return by_overwriting(size=lambda sides: area)(
        boxes, labels, image_size, **settings
    )


def by_conversion(boxes, labels, image_size, **settings):
    return box_convert(boxes, "xyxy", "cxcywh")


def by_library(boxes, labels, image_size, **settings):
    return xyxy_to_cxcywh(boxes.flatten(0, 1))


GRID = torch.zeros(1, 8, 2, 4)
GRID[0, :, 0, 0] = torch.tensor([1, 0.75, 0.875, 0.5, 0.5, 0, 0, 1])
RIGHT = [in_loops, by_numpy, by_overwriting()]
WRONG = [
    (by_overwriting(size=lambda sides: sides.sum(1)), "encode_batch, case"),
    (by_overwriting(cell=lambda place, cells: place.long()), "raised IndexError"),
    (
        by_overwriting(offset=lambda place, cell: place % 1),
        "on the right and on the bottom",
    ),
    (by_overwriting(lambda boxes, labels: labels >= 0), "encode_batch, case"),
    (
        by_overwriting(
            lambda boxes, labels: (
                (labels > 0) & (boxes[..., 2:] > boxes[..., :2]).any(-1)
            )
        ),
        "encode_batch, case",
    ),
    (
        by_overwriting(finish=lambda target: target.permute(0, 2, 3, 1)),
        "expected shape (1, 8, 2, 4)",
    ),
    (
        by_overwriting(finish=lambda target: target[:, 1:]),
        "expected shape (1, 8, 2, 4)",
    ),
    (
        by_overwriting(finish=lambda target: target.long()),
        "expected values of torch.float32",
    ),
    (by_overwriting(finish=list), "expected a tensor"),
    (in_place, "changed its input in place"),
    (first_image_alone, "two images"),
    (square_grid, "expected shape"),
    (by_torchvision, "box_area is switched off"),
    (by_conversion, "box_convert is switched off"),
    (by_library, "is switched off"),
    (cheats.returns(GRID), "one object"),
    (cheats.returns_argument(0), "expected shape"),
    (cheats.lying, "an object of type LyingTensor"),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def test_one_object_a_cell_is_encoded_as_in_the_library(generator):
    for i in range(6):
        given = random_case(i, generator)
        boxes, labels, _ = given.arguments
        num_classes = given.settings["num_classes"]
        for image, kinds in zip(boxes, labels, strict=True):
            chosen, known = image[kinds > 0], kinds[kinds > 0]
            # Of several in one cell, the library keeps the first.
            order = (chosen[:, 2:] - chosen[:, :2]).prod(1).argsort(stable=True)
            size = (100, 120)
            truth = encode_grid(
                chosen[order], known[order], size, grid=3, num_classes=num_classes
            )
            found = slow_encode_batch(
                chosen[None], known[None], size, grid=(3, 3), num_classes=num_classes
            )[0].permute(1, 2, 0)
            sides = truth.boxes[..., 2:].sqrt()
            parts = [truth.is_object[..., None], truth.boxes[..., :2], sides]
            expected = torch.cat([*parts, truth.classes], dim=-1)
            torch.testing.assert_close(found, expected)


def test_what_was_encoded_is_decoded(generator):
    for given in [*CASES.values(), *(random_case(i, generator) for i in (0, 1))]:
        boxes, labels, (height, width) = given.arguments
        rows, columns = given.settings["grid"]
        target = slow_encode_batch(*given.arguments, **given.settings)
        for image, row, column in (target[:, 0] == 1).nonzero().tolist():
            _, x, y, w, h, *classes = target[image, :, row, column].tolist()
            centre = [(column + x) / columns * width, (row + y) / rows * height]
            sized = torch.tensor([[*centre, w * w * width, h * h * height]])
            box = box_convert(sized, "cxcywh", "xyxy")
            same = (boxes[image] - box).abs().amax(1) < 1e-3
            assert 1 + classes.index(1) in labels[image, same].tolist()
