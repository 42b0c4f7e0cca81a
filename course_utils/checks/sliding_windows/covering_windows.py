"""covering_windows: a grid of windows that leaves no strip at the border.

The oracle tries every place along a side.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Sizes = Sequence[tuple[int, int]]


def case(height: int, width: int, sizes: Sizes, stride: int) -> Inputs:
    """The inputs of one case."""
    return inputs(height, width, sizes, stride=stride)


CASES = {
    "the example": case(4, 10, [(4, 4)], 4),
    "the stride ends at the border": case(9, 13, [(3, 5)], 2),
    "a strip is left below and at the right": case(10, 17, [(4, 6)], 5),
    "a strip is left below": case(8, 12, [(5, 3)], 3),
    "a strip is left at the right": case(9, 14, [(3, 4)], 3),
    "several sizes": case(11, 16, [(6, 3), (2, 9), (11, 4)], 4),
    "the same size twice": case(4, 9, [(4, 5), (4, 5)], 3),
    "one window, as large as the image": case(5, 7, [(5, 7)], 2),
    "a window that is too high": case(6, 20, [(7, 3), (2, 8)], 6),
    "a window that is too wide": case(20, 6, [(3, 7), (8, 2)], 6),
    "a stride larger than the image": case(8, 12, [(3, 5)], 50),
    "stride 1": case(3, 5, [(2, 4)], 1),
    "no sizes": case(6, 9, [], 2),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """An image wider than high, two sizes that fit it, and a stride."""
    drawn = torch.randint(6, 25, (5,), generator=generator).tolist()
    two = [(drawn[2] // 2, drawn[3] // 3), (3, drawn[4] // 2)]
    return case(drawn[0], drawn[1] + 25, two, drawn[3] // 5 + 1)


def multiples_and_last(last: int, stride: int) -> list[int]:
    """Where windows start along a side; the last possible place is always one."""
    return [place for place in range(last + 1) if place % stride == 0 or place == last]


def slow_covering_windows(
    height: int,
    width: int,
    sizes: Sizes,
    *,
    stride: int,
    starts: Callable[[int, int], list[int]] = multiples_and_last,
) -> Tensor:
    """(N, 4) windows, found by trying every place."""
    found = []
    for window_height, window_width in sizes:
        if window_height <= height and window_width <= width:
            found += [
                [x, y, x + window_width, y + window_height]
                for y in starts(height - window_height, stride)
                for x in starts(width - window_width, stride)
            ]
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 4)


def turned(sizes: Sizes) -> Sizes:
    """The sizes with height and width swapped."""
    return [(width, height) for height, width in sizes]


MISTAKES: Mistakes = {
    "a strip at the border stays uncovered": {
        "starts": lambda last, stride: range(0, last + 1, stride)
    },
    "the last window hangs over the border: move it back": {
        "starts": lambda last, stride: range(0, last + stride, stride)
    },
    "a window comes twice where the stride ends at the border": {
        "starts": lambda last, stride: [*range(0, last + 1, stride), last]
    },
    "one start is missing: the last is H - h, included": {
        "starts": lambda last, stride: range(0, last, stride)
    },
    "a size is (height, width), not (width, height)": (
        lambda right, height, width, sizes, **settings: slow_covering_windows(
            height, width, turned(sizes), **settings
        )
    ),
    "go row by row: y outside, x inside": (
        lambda right, height, width, sizes, **settings: slow_covering_windows(
            width, height, turned(sizes), **settings
        )[:, [1, 0, 3, 2]]
    ),
    "a window is (x1, y1, x2, y2): x comes first": lambda right, *image, **settings: (
        right[:, [1, 0, 3, 2]]
    ),
    "a window ends at start + size: the end is outside": (
        lambda right, *image, **settings: right - torch.tensor([0.0, 0, 1, 1])
    ),
    "a window is two corners, not a corner and a size": (
        lambda right, *image, **settings: torch.cat(
            [right[:, :2], right[:, 2:] - right[:, :2]], dim=1
        )
    ),
}

check_covering_windows = compare_with(
    slow_covering_windows,
    "covering_windows",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
)
