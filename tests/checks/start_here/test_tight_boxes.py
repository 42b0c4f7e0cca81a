"""Answers to tight_boxes, and its oracle beside torchvision."""

import cheats
import torch
import torchvision

from course_utils.checks.start_here.tight_boxes import slow_tight_boxes


def by_pixels(masks):
    boxes = []
    for mask in masks:
        places = mask.nonzero()
        if len(places) == 0:
            boxes.append([0.0, 0, 0, 0])
            continue
        (y1, x1), (y2, x2) = places.amin(0).tolist(), places.amax(0).tolist()
        boxes.append([x1, y1, x2 + 1.0, y2 + 1])
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def without_a_loop(masks):
    ends = []
    for axis in (1, 2):  # a projection on x, then on y
        shadow = masks.any(dim=axis).float()
        length = shadow.shape[1]
        first = (shadow * torch.arange(length, 0, -1)).amax(1)
        last = (shadow * torch.arange(1, length + 1)).amax(1)
        ends.append((torch.where(first > 0, length - first, 0.0), last))
    (x1, x2), (y1, y2) = ends
    return torch.stack([x1, y1, x2, y2], dim=1)


def that_need_pixels(masks):
    if len(masks) == 0:
        return torch.zeros(0, 4)
    boxes = []
    for mask in masks:
        ys, xs = mask.nonzero(as_tuple=True)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return torch.tensor(boxes).float()


def of_what_is_there(masks):
    return by_pixels(masks[masks.flatten(1).any(1)])


def by_torchvision(masks):
    return torchvision.ops.masks_to_boxes(masks)


RIGHT = [by_pixels, without_a_loop]
WRONG = [
    (that_need_pixels, "an empty mask between two"),
    (of_what_is_there, "expected shape (3, 4), received (2, 4)"),
    (lambda masks: by_pixels(masks).tolist(), "`torch.tensor`"),
    (lambda masks: by_pixels(masks).long(), "torch.float32"),
    (by_torchvision, "is switched off"),
    (lambda masks: torch.zeros(len(masks), 4), "one object"),
    (cheats.returns_argument(0), "expected shape"),
]


def test_boxes_are_torchvisions_with_the_last_pixel_inside():
    generator = torch.Generator().manual_seed(11)
    masks = torch.rand(30, 8, 13, generator=generator) < 0.06
    masks = masks[masks.flatten(1).any(1)]
    right = torchvision.ops.masks_to_boxes(masks) + torch.tensor([0.0, 0, 1, 1])
    assert torch.equal(slow_tight_boxes(masks), right)
