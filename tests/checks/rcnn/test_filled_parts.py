"""Answers to filled_parts, and its oracle beside a fine grid of points."""

import cheats
import pytest
import torch

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import inputs
from course_utils.checks.rcnn.filled_parts import CASES, slow_filled_parts


def in_a_loop(boxes, *, height, width, size, context):
    """The box with its context in the image, clipped there, then scaled."""
    rows = torch.zeros(len(boxes), 4, dtype=torch.float64)
    for row, (x1, y1, x2, y2) in zip(rows, boxes.double().tolist(), strict=True):
        for i, (low, high, limit) in enumerate(((x1, x2, width), (y1, y2, height))):
            pixel = (high - low) / (size - 2 * context)  # in the image, of the crop
            begin, end = low - context * pixel, high + context * pixel
            row[i] = (min(max(0, begin), end) - begin) / pixel
            row[i + 2] = (max(min(limit, end), begin) - begin) / pixel
    return rows


def by_matrices(boxes, *, height, width, size, context):
    """The map from image to crop as one product, for both corners at once."""
    x1, y1, x2, y2 = boxes.T
    zero, one = torch.zeros_like(x1), torch.ones_like(x1)
    across = (size - 2 * context) / (x2 - x1)
    down = (size - 2 * context) / (y2 - y1)
    rows = [
        torch.stack([across, zero, context - x1 * across], -1),
        torch.stack([zero, down, context - y1 * down], -1),
        torch.stack([zero, zero, one], -1),
    ]
    corners = torch.tensor([[0.0, width], [0, height], [1, 1]])
    mapped = torch.stack(rows, 1) @ corners  # (N, 3, 2)
    return mapped[:, :2].transpose(1, 2).reshape(-1, 4).clip(0, size)


def parts(boxes, *, height, width, size, context, sides=lambda sides: sides):
    """A few lines of torch, as most learners write them."""
    scale = (size - 2 * context) / sides(boxes[:, 2:] - boxes[:, :2])
    start = context - boxes[:, :2] * scale
    end = start + torch.tensor([width, height]) * scale
    return torch.cat([start, end], 1).clamp(0, size)


def changed(change):
    """The right answer with a change of what it returns."""
    return lambda boxes, **image: change(parts(boxes, **image), boxes, image)


def in_image_pixels(boxes, *, height, width, size, context):
    """The dilated box, clipped to the image, and not yet scaled."""
    border = (boxes[:, 2:] - boxes[:, :2]) * context / (size - 2 * context)
    grown = torch.cat([boxes[:, :2] - border, boxes[:, 2:] + border], 1)
    limits = torch.tensor([width, height, width, height])
    return grown.clamp(min=0).minimum(limits)


def without_context(found, boxes, image):
    """Shows only where the box is."""
    return found.clamp(image["context"], image["size"] - image["context"])


def clipped_first(boxes, *, height, width, **crop):
    """Clips the box at the image first, and so changes the scale."""
    limits = torch.tensor([width, height, width, height])
    clipped = boxes.clamp(min=0).minimum(limits)
    return parts(clipped, height=height, width=width, **crop)


def zeros_outside(found, boxes, image):
    """Gives a box outside the image a rectangle of zeros."""
    is_empty = (found[:, 2:] <= found[:, :2]).any(1, keepdim=True)
    return found.masked_fill(is_empty, 0)


def boxes_in_place(found, boxes, image):
    boxes[:, 2:] -= boxes[:, :2]
    return found


def all_of_the_crop(boxes, *, size, **image):
    return torch.tensor([0.0, 0, size, size]).expand(len(boxes), 4)


RIGHT = [in_a_loop, by_matrices]
WRONG = [
    (
        lambda boxes, **image: parts(boxes, **image, sides=lambda s: s.flip(1)),
        "filled_parts, case",
    ),
    (
        lambda boxes, context, **image: parts(boxes, **image, context=0),
        "there is context around it",
    ),
    (in_image_pixels, "filled_parts, case 'the example'"),
    (changed(lambda found, *given: found.round()), "filled_parts, case"),
    (changed(lambda found, *given: found.long()), "expected values of torch.float32"),
    (changed(without_context), "the example"),
    (clipped_first, "filled_parts, case"),
    (changed(zeros_outside), "boxes outside the image"),
    (changed(boxes_in_place), "changed its input in place"),
    (all_of_the_crop, "the example"),
    (cheats.returns_argument(0), "the example"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]
OUTSIDE = "boxes outside the image"


def paint(boxes, *, height, width, size, context, finer=50):
    """(N, 4) rectangles found by asking every point of a fine grid in each crop."""
    points = (torch.arange(size * finer) + 0.5) / finer
    rows = []
    for x1, y1, x2, y2 in boxes.tolist():
        edges = []
        for low, high, limit in ((x1, x2, width), (y1, y2, height)):
            place = low + (points - context) * (high - low) / (size - 2 * context)
            inside = ((place > 0) & (place < limit)).nonzero().flatten()
            edges.append((int(inside[0]) / finer, (int(inside[-1]) + 1) / finer))
        rows.append([edges[0][0], edges[1][0], edges[0][1], edges[1][1]])
    return torch.tensor(rows).reshape(-1, 4)


@pytest.mark.parametrize(
    "case", [*(name for name in CASES if name != OUTSIDE), "boxes inside"]
)
def test_filled_parts_agree_with_a_fine_grid(case):
    inside = random_boxes(6, generator=torch.Generator().manual_seed(11))
    crops = inputs(inside, height=90, width=140, size=31, context=5)
    given = CASES.get(case, crops)
    found = slow_filled_parts(*given.arguments, **given.settings)
    right = paint(*given.arguments, **given.settings)
    torch.testing.assert_close(found, right, atol=0.021, rtol=0)


def test_a_box_outside_has_an_empty_part_at_the_side_of_the_image():
    given = CASES[OUTSIDE]
    right, left, below = slow_filled_parts(*given.arguments, **given.settings)
    assert right[[0, 2]].tolist() == [0, 0]  # the image is left of the box
    assert left[[0, 2]].tolist() == [28, 28]
    assert below[[1, 3]].tolist() == [0, 0]
