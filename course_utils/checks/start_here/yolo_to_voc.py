"""yolo_to_voc: from shares of the image to pixels counted from 1.

The oracle goes box by box, in Python numbers.
"""

import torch
from torch import Tensor

from course_utils.checking.check import random_boxes
from course_utils.checking.compare_with import Cases, Mistakes, compare_with, inputs


def draw_cases(generator: torch.Generator) -> Cases:
    """Boxes, random ones too, with the size of the image in the name of each case."""
    cases = {
        "the whole image": (torch.tensor([[0.5, 0.5, 1.0, 1.0]]), 30, 50),
        "no boxes": (torch.zeros(0, 4), 30, 50),
        "one pixel": (torch.tensor([[0.05, 0.125, 0.1, 0.25]]), 4, 10),
    }
    sizes = {"landscape": (60, 100), "portrait": (128, 40), "one row": (1, 30)}
    for case, (height, width) in sizes.items():
        boxes = random_boxes(5, generator=generator) / torch.tensor([140, 90] * 2)
        low, high = boxes[:, :2], boxes[:, 2:]
        cases[case] = (torch.cat([(low + high) / 2, high - low], 1), height, width)
    return {
        f"{case}, image {height} high and {width} wide": inputs(boxes, height, width)
        for case, (boxes, height, width) in cases.items()
    }


def slow_yolo_to_voc(boxes: Tensor, height: int, width: int) -> Tensor:
    """(N, 4) corners counted from 1, both inside, one number after the other."""
    rows = []
    for cx, cy, w, h in boxes.double().tolist():
        left, top = (cx - w / 2) * width, (cy - h / 2) * height
        rows.append([left + 1, top + 1, left + w * width, top + h * height])
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


FIRST, LAST = torch.tensor([1.0, 1, 0, 0]), torch.tensor([0.0, 0, 1, 1])
MISTAKES: Mistakes = {
    "height and width are swapped": lambda right, boxes, height, width: (
        slow_yolo_to_voc(boxes, width, height)
    ),
    "VOC counts pixels from 1": lambda right, *given: right - FIRST,
    "the last pixel is inside a VOC box, so x2 and y2 stay": lambda right, *given: (
        right + LAST
    ),
    "VOC wants two corners, not centre and size": (
        lambda right, boxes, height, width: (
            boxes * torch.tensor([width, height] * 2) + FIRST
        )
    ),
    "a corner is half a side away from the centre": lambda right, boxes, *size: (
        slow_yolo_to_voc(boxes * torch.tensor([1, 1, 2, 2]), *size)
    ),
    "the boxes are still parts of the image, not pixels": lambda right, boxes, *size: (
        slow_yolo_to_voc(boxes, 1, 1)
    ),
}

check_yolo_to_voc = compare_with(
    slow_yolo_to_voc,
    "yolo_to_voc",
    cases=draw_cases,
    mistakes=MISTAKES,
    tolerance=1e-4,
)
