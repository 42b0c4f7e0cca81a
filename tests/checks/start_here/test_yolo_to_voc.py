"""Answers to yolo_to_voc, and its oracle beside torchvision."""

import cheats
import torch
from torchvision.ops import box_convert

from course_utils.checking.check import random_boxes
from course_utils.checks.start_here.yolo_to_voc import slow_yolo_to_voc


def by_loop(boxes, height, width):
    out = torch.zeros_like(boxes, dtype=torch.float64)
    for i, (cx, cy, w, h) in enumerate(boxes.tolist()):
        out[i, 0] = cx * width - w * width / 2 + 1
        out[i, 1] = cy * height - h * height / 2 + 1
        out[i, 2] = cx * width + w * width / 2
        out[i, 3] = cy * height + h * height / 2
    return out


def by_matrix(boxes, height, width):
    to_corners = torch.tensor(
        [[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]
    )
    scale = torch.tensor([width, height, width, height])
    return boxes @ to_corners * scale + torch.tensor([1.0, 1, 0, 0])


def in_place(boxes, height, width):
    boxes *= torch.tensor([width, height, width, height])
    return by_matrix(boxes, 1, 1)


def by_torchvision(boxes, height, width):
    scale = torch.tensor([width, height, width, height])
    corners = box_convert(boxes * scale, "cxcywh", "xyxy")
    return corners + torch.tensor([1.0, 1, 0, 0])


RIGHT = [by_loop, by_matrix]
WRONG = [
    (in_place, "changed its input"),
    (lambda *given: by_matrix(*given).round(), "landscape"),
    (lambda *given: by_matrix(*given)[:, [0, 2, 1, 3]], "the whole image"),
    (by_torchvision, "box_convert is switched off"),
    (cheats.returns_argument(0), "the whole image"),
]


def test_corners_are_those_of_torchvision_counted_from_1():
    boxes = random_boxes(20, generator=torch.Generator().manual_seed(11)) / 200
    pixels = boxes * torch.tensor([70, 50] * 2)
    right = box_convert(pixels, "cxcywh", "xyxy") + torch.tensor([1.0, 1, 0, 0])
    torch.testing.assert_close(slow_yolo_to_voc(boxes, 50, 70), right)
