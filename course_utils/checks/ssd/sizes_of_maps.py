"""sizes_of_maps: the sizes of SSD's paper, and those of its release.

The oracle counts percents in Python numbers, map by map.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Sizes = list[float]  # in percent


def case(num_maps: int, side: int, smallest: int, largest: int, first: int) -> Inputs:
    """The inputs of one case, the last three in percent."""
    return inputs(num_maps, side, smallest=smallest, largest=largest, first=first)


CASES = {
    "the example": case(5, 200, 20, 90, 10),
    "SSD300": case(6, 300, 20, 90, 10),
    "SSD512": case(7, 512, 15, 90, 7),
    "three maps": case(3, 320, 20, 90, 10),
    "four maps": case(4, 128, 25, 80, 12),
    "many maps": case(10, 640, 10, 95, 4),
    "a step of less than one percent": case(8, 300, 40, 45, 30),
    "all maps alike": case(5, 256, 50, 50, 50),
    "a first map larger than the second": case(6, 300, 20, 90, 30),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Maps and percents, of which few divide evenly."""
    drawn = torch.randint(0, 1000, (4,), generator=generator).tolist()
    smallest = 10 + drawn[0] % 20
    largest = smallest + 40 + drawn[2] % 40
    return case(4 + i % 5, 100 + drawn[1] % 500, smallest, largest, 1 + drawn[3] % 9)


# The steps of the oracle.


def equal_steps(num_maps: int, smallest: int, largest: int, first: int) -> Sizes:
    """The sizes of the paper's formula."""
    span, steps = largest - smallest, num_maps - 1
    return [smallest + span * k / steps for k in range(num_maps)]


def whole_percents(span: int, num_maps: int) -> float:
    """The step of the release."""
    return span // (num_maps - 2)


def first_apart(num_maps: int, smallest: int, step: float, first: int) -> Sizes:
    """The first size of each map of the release."""
    return [first, *(smallest + step * k for k in range(num_maps - 1))]


def size_of_next(sizes: Sizes, step: float, largest: int) -> Sizes:
    """The second size of each map of the release."""
    return [*sizes[1:], sizes[-1] + step]


def slow_sizes_of_maps(
    num_maps: int,
    side: int,
    *,
    smallest: int,
    largest: int,
    first: int,
    paper: Callable[[int, int, int, int], Sizes] = equal_steps,
    step: Callable[[int, int], float] = whole_percents,
    low: Callable[[int, int, float, int], Sizes] = first_apart,
    high: Callable[[Sizes, float, int], Sizes] = size_of_next,
) -> tuple[Tensor, Tensor]:
    """(m,) sizes by the paper's formula and (m, 2) released ones, in pixels."""
    each = step(largest - smallest, num_maps)
    begins = low(num_maps, smallest, each, first)
    pairs = zip(begins, high(begins, each, largest), strict=True)
    printed = paper(num_maps, smallest, largest, first)
    return (
        torch.tensor([size * side / 100 for size in printed]),
        torch.tensor([[size * side / 100 for size in pair] for pair in pairs]),
    )


def scaled(right: tuple[Tensor, Tensor], factor: float) -> Any:
    """The sizes in another unit."""
    return right[0] * factor, right[1] * factor


MISTAKES: Mistakes = {
    "the paper's formula makes m - 1 steps, from the first map to the last": {
        "paper": lambda m, *sizes: equal_steps(m + 1, *sizes)[:-1]
    },
    "the paper's formula has no rule of its own for the first map": {
        "paper": lambda m, smallest, largest, first: [
            float(first),
            *equal_steps(m - 1, smallest, largest, first),
        ]
    },
    "the paper's formula rounds nothing": {
        "paper": lambda m, smallest, largest, first: [
            float(smallest + (largest - smallest) // (m - 1) * k) for k in range(m)
        ]
    },
    "the release rounds its step down to a whole percent": {
        "step": lambda span, m: span / (m - 2)
    },
    "the release rounds its step down, not to the nearest percent": {
        "step": lambda span, m: math.floor(span / (m - 2) + 0.5)
    },
    "the release rounds its step down, not up": {
        "step": lambda span, m: math.ceil(span / (m - 2))
    },
    "the release makes m - 2 steps: its first map stands apart": {
        "step": lambda span, m: span // (m - 1)
    },
    "the release makes m - 2 steps, not m": {"step": lambda span, m: span // m},
    "the release's first map has the size `first`": {
        "low": lambda m, smallest, step, first: [smallest + step * k for k in range(m)]
    },
    "the second size is that of the next map; only the last map adds a step": {
        "high": lambda sizes, step, largest: [size + step for size in sizes]
    },
    "the last map's second size is a step more than its first": {
        "high": lambda sizes, step, largest: [*sizes[1:], largest]
    },
    "the last map's second size may be larger than the image": {
        "high": lambda sizes, step, largest: [*sizes[1:], 100]
    },
    "return the second size itself, not the side of the second square": {
        "high": lambda sizes, step, largest: [
            math.sqrt(a * b)
            for a, b in zip(sizes, size_of_next(sizes, step, largest), strict=True)
        ]
    },
    "these are shares of the side; pixels were asked for": (
        lambda right, num_maps, side, **settings: scaled(right, 1 / side)
    ),
    "these are percent; pixels were asked for": (
        lambda right, num_maps, side, **settings: scaled(right, 100 / side)
    ),
    "the paper's sizes come first, the released ones second": (
        lambda right, *arguments, **settings: right[::-1]
    ),
    "a row of the released sizes is a map": (
        lambda right, *arguments, **settings: (right[0], right[1].T)
    ),
}

check_sizes_of_maps = compare_with(
    slow_sizes_of_maps,
    "sizes_of_maps",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection.anchor_utils.DefaultBoxGenerator.__init__",),
)
