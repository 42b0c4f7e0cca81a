"""window_sums: the sum in any window from one table, without a loop.

The oracle adds the pixels under the mask of each window: it may loop no more than an
answer may.
"""

import torch
from torch import Tensor

from course_utils.checking.check import Ask
from course_utils.checking.compare_with import (
    Cases,
    Inputs,
    Mistakes,
    compare_with,
    inputs,
)

IN_6_BY_9 = {
    "no windows": torch.zeros(0, 4, dtype=torch.int64),
    "one pixel in the first corner": torch.tensor([[0, 0, 1, 1]]),
    "one pixel in the last corner": torch.tensor([[8, 5, 9, 6]]),
    "the whole image": torch.tensor([[0, 0, 9, 6]]),
    "one row and one column": torch.tensor([[0, 4, 9, 5], [7, 0, 8, 6]]),
    "an empty window": torch.tensor([[4, 2, 4, 5], [3, 6, 8, 6]]),
    "the same window twice": torch.tensor([[2, 1, 7, 4], [2, 1, 7, 4]]),
}


def integer_image(height: int, width: int, generator: torch.Generator) -> Tensor:
    """(height, width) eighths, negative ones too, whose sums float32 holds exactly."""
    pixels = torch.randint(-64, 200, (height, width), generator=generator)
    return pixels.float() / 8


def integer_windows(
    count: int, height: int, width: int, generator: torch.Generator
) -> Tensor:
    """(count, 4) int64 windows inside the image; some of them may be empty."""
    x = torch.randint(0, width + 1, (count, 2), generator=generator).sort(1).values
    y = torch.randint(0, height + 1, (count, 2), generator=generator).sort(1).values
    return torch.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], dim=1)


def draw_cases(generator: torch.Generator) -> Cases:
    """The example, and named windows in one random image."""
    example = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    image = integer_image(6, 9, generator)
    return {
        "the example": inputs(example, torch.tensor([[1, 0, 3, 2]])),
        **{case: inputs(image, windows) for case, windows in IN_6_BY_9.items()},
        "negative pixels": inputs(-image.abs(), IN_6_BY_9["one row and one column"]),
    }


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Seven windows in an image, the later the higher."""
    height, width = 5 + i, 12 - 2 * i
    windows = integer_windows(7, height, width, generator)
    return inputs(integer_image(height, width, generator), windows)


def slow_window_sums(image: Tensor, windows: Tensor) -> Tensor:
    """(N,) sums, each of all pixels times the mask of a window."""
    x, y = torch.arange(image.shape[1]), torch.arange(image.shape[0])
    x1, y1, x2, y2 = windows[:, :, None].unbind(1)
    columns, rows = (x >= x1) & (x < x2), (y >= y1) & (y < y2)  # (N, W), (N, H)
    masks = rows[:, :, None] & columns[:, None]  # (N, H, W)
    return (image.double() * masks).sum((1, 2)).float()


def column_table_sums(image: Tensor, windows: Tensor) -> Tensor:
    """(N,) sums by a mistaken table: each column is summed up, but no row is."""
    columns = image.T.tolist()

    def entry(y: int, x: int) -> float:
        return sum(columns[x - 1][:y]) if x > 0 else 0.0

    sums = [
        entry(y2, x2) - entry(y1, x2) - entry(y2, x1) + entry(y1, x1)
        for x1, y1, x2, y2 in windows.tolist()
    ]
    return torch.tensor(sums, dtype=torch.float32)


def corner_sums(image: Tensor, windows: Tensor) -> Tensor:
    """(N,) sums of all pixels above and left of each window."""
    corners = windows[:, :2]
    return slow_window_sums(image, torch.cat([torch.zeros_like(corners), corners], 1))


MISTAKES: Mistakes = {
    "x2 and y2 are outside the window, their pixels do not count": (
        lambda right, image, windows: slow_window_sums(
            image, windows + torch.tensor([0, 0, 1, 1])
        )
    ),
    "x and y are swapped: the image is indexed [y, x]": (
        lambda right, image, windows: slow_window_sums(image.T, windows)
    ),
    "the table sums along columns alone; rows are missing": (
        lambda right, image, windows: column_table_sums(image, windows)
    ),
    "the table sums along rows alone; columns are missing": (
        lambda right, image, windows: column_table_sums(
            image.T, windows[:, [1, 0, 3, 2]]
        )
    ),
    "the first row and column are lost: the table starts with zeros": (
        lambda right, image, windows: slow_window_sums(image, windows.clamp(min=1))
    ),
    "the part taken away twice has to be added once": (
        lambda right, image, windows: right - corner_sums(image, windows)
    ),
    "the entry at the first corner is added, not taken away": (
        lambda right, image, windows: right - 2 * corner_sums(image, windows)
    ),
}


def refuse_loops(ask: Ask, cases: Cases) -> None:
    """Count the steps while windows, rows and columns get more."""
    draw, image = ask.generator, cases["the whole image"].arguments[0]
    few, many = (integer_windows(count, 6, 9, draw) for count in (5, 85))
    ask.expect_no_loop("windows", (image, few), (image, many), 80)
    ask.expect_no_loop("rows", (image, few), (integer_image(86, 9, draw), few), 80)
    ask.expect_no_loop("columns", (image, few), (integer_image(6, 89, draw), few), 80)


check_window_sums = compare_with(
    slow_window_sums,
    "window_sums",
    cases=draw_cases,
    draw=random_case,
    draws=4,
    mistakes=MISTAKES,
    then=refuse_loops,
)
