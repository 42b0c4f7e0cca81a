"""Answers to decode_and_keep, and its oracle beside the library."""

import cheats
import numpy as np
import pytest
import torch
from torchvision.ops import box_convert, clip_boxes_to_image

from course_utils.checks.yolo.decode_and_keep import random_case, slow_decode_and_keep
from course_utils.ops.yolo_grid import decode_grid


def in_loops(
    vector, image_size, *, grid, num_boxes, num_classes, score_threshold, most
):
    """A list of candidates, sorted at the end."""
    height, width = image_size
    rows, columns = grid
    classes, cells = num_classes - 1, rows * columns
    value = vector.tolist()
    found = []
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            for k in range(num_boxes):
                n = cell * num_boxes + k
                sure = min(1.0, max(0.0, value[cells * classes + n]))
                start = cells * (classes + num_boxes) + 4 * n
                x, y, w, h = value[start : start + 4]
                x, y = (j + x) * width / columns, (i + y) * height / rows
                w, h = w * w * width / 2, h * h * height / 2
                xs = [min(max(one, 0), width) for one in (x - w, x + w)]
                ys = [min(max(one, 0), height) for one in (y - h, y + h)]
                box = [xs[0], ys[0], xs[1], ys[1]]
                for c in range(classes):
                    score = sure * min(1.0, max(0.0, value[cell * classes + c]))
                    if score > score_threshold:
                        found.append((score, box, c + 1))
    found.sort(key=lambda one: one[0], reverse=True)
    found = found[:most]
    return (
        torch.tensor([box for _, box, _ in found]).float().reshape(-1, 4),
        torch.tensor([score for score, _, _ in found]).float(),
        torch.tensor([label for _, _, label in found]).long(),
    )


def by_numpy(
    vector, image_size, *, grid, num_boxes, num_classes, score_threshold, most
):
    """NumPy, with the candidates chosen first."""
    cells = grid[0] * grid[1]
    chance, sure, box = np.split(
        vector.numpy().astype(np.float64),
        [cells * (num_classes - 1), cells * (num_classes - 1 + num_boxes)],
    )
    chance = np.clip(chance.reshape(*grid, 1, -1), 0, 1)
    sure = np.clip(sure.reshape(*grid, num_boxes, 1), 0, 1)
    box = box.reshape(*grid, num_boxes, 4)
    score = chance * sure
    row, column, k, c = np.nonzero(score > score_threshold)
    value = score[row, column, k, c]
    order = np.argsort(-value, kind="stable")[:most]
    row, column, k, c = (one[order] for one in (row, column, k, c))
    x, y, w, h = np.moveaxis(box[row, column, k], -1, 0)
    x, y = (x + column) / grid[1], (y + row) / grid[0]
    corners = np.stack([x - w**2 / 2, y - h**2 / 2, x + w**2 / 2, y + h**2 / 2], 1)
    corners = np.clip(corners, 0, 1) * [*image_size[::-1], *image_size[::-1]]
    return (
        torch.from_numpy(corners).float(),
        torch.from_numpy(value[order]).float(),
        torch.from_numpy(c + 1),
    )


def by_sort(
    before=lambda vector: vector,
    choose=lambda order, most: order[:most],
    finish=lambda boxes, scores, labels: (boxes, scores, labels),
):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(
        vector, image_size, *, grid, num_boxes, num_classes, score_threshold, most
    ):
        cells, classes = grid[0] * grid[1], num_classes - 1
        parts = [cells * classes, cells * num_boxes, cells * num_boxes * 4]
        chance, sure, box = before(vector).split(parts)
        chance = chance.reshape(cells, 1, classes).clamp(0, 1)
        scores = (sure.reshape(cells, num_boxes, 1).clamp(0, 1) * chance).flatten()
        order = scores.argsort(descending=True, stable=True)
        order = choose(order[scores[order] > score_threshold], most)
        box, number = box.reshape(cells, num_boxes, 4), torch.arange(cells)[:, None]
        x = (box[..., 0] + number % grid[1]) / grid[1]
        y = (box[..., 1] + number // grid[1]) / grid[0]
        w, h = box[..., 2] ** 2 / 2, box[..., 3] ** 2 / 2
        boxes = torch.stack([x - w, y - h, x + w, y + h], dim=-1).clamp(0, 1)
        boxes = boxes.reshape(-1, 4) * torch.tensor(image_size[::-1] * 2)
        return finish(boxes[order // classes], scores[order], order % classes + 1)

    return answer


def solid_alone(boxes, scores, labels):
    solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return boxes[solid], scores[solid], labels[solid]


def named(*parts):
    return dict(zip(("boxes", "scores", "labels"), parts, strict=True))


def background_too(vector, image_size, **settings):
    """As if background had a class value."""
    settings["num_classes"] += 1
    return by_sort()(vector, image_size, **settings)


def square_grid(vector, image_size, **settings):
    settings["grid"] = (settings["grid"][0],) * 2
    return by_sort()(vector, image_size, **settings)


def shares_of_the_image(vector, image_size, **settings):
    boxes, scores, labels = by_sort()(vector, image_size, **settings)
    return boxes / torch.tensor(image_size[::-1] * 2), scores, labels


def in_place(vector, image_size, **settings):
    vector.clamp_(0, 1)
    return by_sort()(vector, image_size, **settings)


def by_torchvision(vector, image_size, **settings):
    boxes, *others = by_sort()(vector, image_size, **settings)
    return clip_boxes_to_image(boxes, image_size), *others


def by_conversion(vector, image_size, **settings):
    return box_convert(vector[-4:], "cxcywh", "xyxy")


BOXES = torch.tensor([[8.0, 12, 24, 20], [30, 0, 64, 24], [8, 12, 24, 20]])
EXAMPLE = (BOXES, torch.tensor([1, 0.75, 0.5]), torch.tensor([2, 1, 1]))
RIGHT = [in_loops, by_numpy, by_sort()]
WRONG = [
    (by_sort(choose=lambda order, most: order[: most - 1]), "the example"),
    (
        by_sort(choose=lambda order, most: order.flip(0)[:most]),
        "decode_and_keep, case",
    ),
    (
        by_sort(choose=lambda order, most: order[:most].flip(0)),
        "the best score comes first",
    ),
    (by_sort(before=lambda vector: vector.clamp(0, 1)), "decode_and_keep, case"),
    (by_sort(finish=solid_alone), "decode_and_keep, case"),
    (by_sort(finish=lambda *parts: parts[:2]), "expected 3 values"),
    (by_sort(finish=named), "expected a tuple of 3"),
    (
        by_sort(finish=lambda boxes, scores, labels: (boxes, scores, labels.float())),
        "expected values of torch.int64",
    ),
    (background_too, "your code raised RuntimeError"),
    (square_grid, "your code raised"),
    (shares_of_the_image, "the example"),
    (in_place, "changed its input in place"),
    (by_torchvision, "clip_boxes_to_image is switched off"),
    (by_conversion, "box_convert is switched off"),
    (cheats.returns(EXAMPLE), "one cell, one box, one class"),
    (cheats.lying, "expected a tuple of 3"),
]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(11)


def test_decoding_agrees_with_the_library(generator):
    for i in range(6):
        given = random_case(i, generator)
        image_size, num_boxes = given.arguments[1], given.settings["num_boxes"]
        grid, classes = 3, 4
        cells = grid * grid
        answers = torch.rand(grid, grid, 5 * num_boxes + classes, generator=generator)
        boxes = answers[..., : 5 * num_boxes].reshape(cells, num_boxes, 5)
        parts = [answers[..., 5 * num_boxes :], boxes[..., 4], boxes[..., :4]]
        vector = torch.cat([part.flatten() for part in parts])
        found = slow_decode_and_keep(
            vector,
            image_size,
            grid=(grid, grid),
            num_boxes=num_boxes,
            num_classes=classes + 1,
            score_threshold=-1.0,
            most=9999,
        )
        right = decode_grid(answers[None], image_size, num_boxes=num_boxes)
        scores = right.confidence[0, :, None] * right.classes[0]
        value, order = scores.flatten().sort(descending=True, stable=True)
        clipped = clip_boxes_to_image(right.boxes[0], image_size)
        torch.testing.assert_close(found[1], value)
        torch.testing.assert_close(
            found[0], clipped[order // classes], atol=1e-3, rtol=0
        )
        assert torch.equal(found[2], order % classes + 1)
