"""receptive_box: where the pixels lie that one output cell depends on.

The oracle follows every single tap back to the image.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Cases, Mistakes, compare_with, inputs
from course_utils.checks.start_here.trace_network import CONVOLUTIONS

Spacing = tuple[int, int, int, int]  # kernel, stride, padding, dilation

# Each: the layers, then the row and column of the cell.
STACKS: dict[str, tuple[list[Spacing], int, int]] = {
    "no layers": ([], 2, 5),
    "one 3x3": ([(3, 1, 0, 1)], 1, 4),
    "one 3x3 with padding": ([(3, 1, 1, 1)], 0, 3),
    "three 3x3": ([(3, 1, 1, 1)] * 3, 6, 2),
    "a pool": ([(2, 2, 0, 1)], 3, 1),
    "stride after a 3x3": ([(3, 1, 1, 1), (3, 2, 1, 1)], 4, 7),
    "stride before a 3x3": ([(3, 2, 1, 1), (3, 1, 1, 1)], 4, 7),
    "a 1x1 with stride 2": ([(1, 2, 0, 1), (3, 1, 0, 1)], 0, 2),
    "dilation": ([(3, 1, 2, 2), (3, 1, 4, 4)], 5, 9),
}


def draw_cases(generator: torch.Generator) -> Cases:
    """The stacks and six random ones, with the cell in the name of each case."""
    stacks = dict(STACKS)
    for i in range(6):
        high = torch.tensor([5, 3, 3, 3])
        drawn = (torch.rand(4, 4, generator=generator) * high).long()
        layers = [(k + 1, s + 1, p, d + 1) for k, s, p, d in drawn.tolist()]
        stacks[f"random {i}"] = (layers, i, 2 * i + 1)
    return {
        f"{case}, row {row}, column {column}": inputs(layers, row, column)
        for case, (layers, row, column) in stacks.items()
    }


def seen_pixels(layers: Sequence[Spacing], cell: int) -> set[int]:
    """Every input pixel that an output cell reads along one axis, tap by tap."""
    pixels = {cell}
    for kernel, stride, padding, dilation in reversed(layers):
        taps = [tap * dilation - padding for tap in range(kernel)]
        pixels = {pixel * stride + tap for pixel in pixels for tap in taps}
    return pixels


def slow_receptive_box(layers: Sequence[Spacing], row: int, column: int) -> Tensor:
    """The half-open xyxy box around every pixel that an output cell reads, (4,)."""
    x, y = seen_pixels(layers, column), seen_pixels(layers, row)
    return torch.tensor([min(x), min(y), max(x) + 1, max(y) + 1], dtype=torch.float32)


MISTAKES: Mistakes = {
    "x and y are swapped": lambda right, layers, row, column: slow_receptive_box(
        layers, column, row
    ),
    "the last pixel is left out: a box is half-open": lambda right, *cell: (
        right - torch.tensor([0.0, 0, 1, 1])
    ),
    "the padding is ignored": lambda right, layers, *cell: slow_receptive_box(
        [(k, s, 0, d) for k, s, _, d in layers], *cell
    ),
    "the dilation is ignored": lambda right, layers, *cell: slow_receptive_box(
        [(k, s, p, 1) for k, s, p, _ in layers], *cell
    ),
    "the layers are walked in the wrong order": lambda right, layers, *cell: (
        slow_receptive_box(layers[::-1], *cell)
    ),
}

check_receptive_box = compare_with(
    slow_receptive_box,
    "receptive_box",
    cases=draw_cases,
    mistakes=MISTAKES,
    forbids=CONVOLUTIONS,
)
