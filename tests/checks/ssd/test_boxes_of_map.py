"""Answers to boxes_of_map, and its oracle beside torchvision."""

import cheats
import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.ops import box_convert, clip_boxes_to_image

from course_utils.checks.ssd.boxes_of_map import CASES, no_clip, slow_boxes_of_map
from course_utils.ops.default_boxes import map_default_boxes


def in_loops(map_size, image_size, *, scale, next_scale, ratios):
    height, width = image_size
    short = min(height, width)
    found = []
    for i in range(map_size[0]):
        for j in range(map_size[1]):
            x, y = (j + 0.5) * width / map_size[1], (i + 0.5) * height / map_size[0]
            for ratio in ratios:
                sides = [(scale * short * ratio**0.5, scale * short / ratio**0.5)]
                if ratio == 1:
                    sides.append((short * (scale * next_scale) ** 0.5,) * 2)
                for w, h in sides:
                    x1, x2 = max(x - w / 2, 0), min(x + w / 2, width)
                    y1, y2 = max(y - h / 2, 0), min(y + h / 2, height)
                    middle = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height]
                    found.append([*middle, (x2 - x1) / width, (y2 - y1) / height])
    return torch.tensor(found)


def by_numpy(map_size, image_size, *, scale, next_scale, ratios):
    """Pixels in float64, clipped, and divided at the end."""
    height, width = image_size
    shapes = []
    for a in ratios:
        shapes += [[scale * a**0.5, scale / a**0.5]]
        shapes += [[(scale * next_scale) ** 0.5] * 2] if a == 1 else []
    w, h = np.array(shapes).T * min(image_size)
    i, j, a = np.indices((*map_size, len(w))).reshape(3, -1)
    x, y = (j + 0.5) / map_size[1] * width, (i + 0.5) / map_size[0] * height
    x1, x2 = np.clip([x - w[a] / 2, x + w[a] / 2], 0, width)
    y1, y2 = np.clip([y - h[a] / 2, y + h[a] / 2], 0, height)
    boxes = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    return torch.from_numpy(boxes / [width, height, width, height])


def broadcast(finish=lambda boxes: boxes.reshape(-1, 4), shift=0.5, second="after"):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(map_size, image_size, *, scale, next_scale, ratios):
        shapes = []
        for a in ratios:
            shapes += [[scale * a**0.5, scale / a**0.5]]
            if second == "every" or (a == 1 and second == "after"):
                shapes += [[(scale * next_scale) ** 0.5] * 2]
        unit = min(image_size) / torch.tensor(image_size[::-1])
        half = torch.tensor(shapes) * unit / 2
        y = (torch.arange(map_size[0]) + shift) / map_size[0]
        x = (torch.arange(map_size[1]) + shift) / map_size[1]
        y, x = torch.meshgrid(y, x, indexing="ij")
        middle = torch.stack([x, y], -1)[:, :, None]
        low, high = (middle - half).clamp(min=0), (middle + half).clamp(max=1)
        return finish(torch.cat([(low + high) / 2, high - low], -1))

    return answer


def by_torchvision(map_size, image_size, *, scale, next_scale, ratios):
    maker = DefaultBoxGenerator([ratios], scales=[scale, next_scale])
    return maker._grid_default_boxes([list(map_size)], list(image_size))


def by_convert(map_size, image_size, **settings):
    boxes = broadcast()(map_size, image_size, **settings)
    return box_convert(box_convert(boxes, "cxcywh", "xyxy"), "xyxy", "cxcywh")


def by_library(map_size, image_size, *, scale, next_scale, ratios):
    shapes = torch.tensor([[scale, scale]])
    return map_default_boxes(shapes, map_size=map_size, image_size=image_size)


EXAMPLE = torch.tensor([[0.25, 0.5, 0.32, 0.64], [0.25, 0.5, 0.36, 0.72]])
RIGHT = [in_loops, by_numpy, broadcast()]
WRONG = [
    (broadcast(shift=0), "about the middle of its cell"),
    (broadcast(shift=0.45), "boxes_of_map, case"),
    (broadcast(second="every"), "expected shape"),
    (broadcast(second="none"), "expected shape (6, 4), received (4, 4)"),
    (broadcast(lambda boxes: boxes), "expected shape (6, 4)"),
    (broadcast(lambda boxes: boxes.reshape(-1, 4).tolist()), "`torch.tensor`"),
    (broadcast(lambda boxes: boxes.reshape(-1, 4).int()), "torch.float32"),
    (by_torchvision, "_grid_default_boxes is switched off"),
    (by_convert, "box_convert is switched off"),
    (by_library, "map_default_boxes is switched off"),
    (cheats.returns(EXAMPLE), "expected shape (6, 4), received (2, 4)"),
    (cheats.returns(None), "is there a `return`?"),
    (cheats.lying, "an object of type LyingTensor"),
]


@pytest.mark.parametrize("size", [(3, 4), (5, 5), (1, 1)])
def test_boxes_of_square_images_agree_with_torchvision(size):
    maker = DefaultBoxGenerator([[2, 3]], scales=[0.2, 0.37], clip=False)
    theirs = maker._grid_default_boxes([list(size)], [100, 100])
    corners = box_convert(theirs * 100, "cxcywh", "xyxy")
    right = box_convert(clip_boxes_to_image(corners, (100, 100)), "xyxy", "cxcywh")
    ratios = [1, 2, 0.5, 3, 1 / 3]
    found = slow_boxes_of_map(
        size, (100, 100), scale=0.2, next_scale=0.37, ratios=ratios
    )
    torch.testing.assert_close(found * 100, right)


@pytest.mark.parametrize("case", CASES)
def test_boxes_are_as_large_as_their_scale_says_where_nothing_is_clipped(case):
    (map_size, image_size), settings = CASES[case].arguments, CASES[case].settings
    sides = torch.tensor([image_size[1], image_size[0]])
    found = slow_boxes_of_map(map_size, image_size, **settings, clipped=no_clip)
    boxes = found[:, 2:] * sides
    area = (settings["scale"] * min(image_size)) ** 2
    alike = (boxes.prod(1) / area - 1).abs() < 1e-4
    ratios = settings["ratios"]
    assert int(alike.sum()) == len(ratios) * map_size[0] * map_size[1]
    assert float(boxes[0, 0] / boxes[0, 1]) == pytest.approx(ratios[0], rel=1e-4)
