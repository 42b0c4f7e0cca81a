"""tight_boxes: the smallest half-open box around each mask.

The oracle finds it with a loop over the pixels.
"""

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs


def mask_of(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    """(H, W) bool: true inside half-open boxes."""
    mask = torch.zeros(height, width, dtype=torch.bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


CASES = {
    "one object": inputs(mask_of(8, 11, (3, 2, 8, 5))[None]),
    "no masks": inputs(torch.zeros(0, 6, 9, dtype=torch.bool)),
    "one pixel": inputs(mask_of(7, 9, (4, 1, 5, 2))[None]),
    "the whole image": inputs(mask_of(5, 12, (0, 0, 12, 5))[None]),
    "two parts of one object": inputs(
        mask_of(9, 14, (1, 6, 3, 8), (10, 0, 13, 2))[None]
    ),
    "an empty mask between two": inputs(
        torch.stack(
            [mask_of(6, 8, (0, 1, 2, 6)), mask_of(6, 8), mask_of(6, 8, (5, 0, 8, 1))]
        )
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Three masks of few pixels."""
    return inputs(torch.rand(3, 7, 15, generator=generator) < 0.02 * (i + 1))


def slow_tight_boxes(masks: Tensor) -> Tensor:
    """(N, 4) half-open boxes, pixel by pixel; zeros for an empty mask."""
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks.tolist(), strict=True):
        ys = [y for y, row in enumerate(mask) if any(row)]
        xs = [x for row in mask for x, inside in enumerate(row) if inside]
        if ys:
            box[:] = torch.tensor([min(xs), min(ys), max(xs) + 1, max(ys) + 1])
    return boxes


ENDS = torch.tensor([0.0, 0, 1, 1])
MISTAKES: Mistakes = {
    "the last row and column are left out: a box is half-open": lambda right, masks: (
        right - ENDS * masks.flatten(1).any(dim=1)[:, None]
    ),
    "x and y are swapped": lambda right, masks: right[:, [1, 0, 3, 2]],
    "an empty mask is given one pixel": lambda right, masks: (
        right + ENDS * ~masks.flatten(1).any(dim=1)[:, None]
    ),
}

check_tight_boxes = compare_with(
    slow_tight_boxes,
    "tight_boxes",
    cases=CASES,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
)
