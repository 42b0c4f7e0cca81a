"""Answers to window_sums, and its oracle beside slices."""

import cheats
import numpy as np
import torch
from torch.nn import functional as F

from course_utils.checks.sliding_windows.window_sums import (
    integer_image,
    integer_windows,
    slow_window_sums,
)


def by_masks(image, windows):
    """Each window as a row mask times a column mask."""
    x, y = torch.arange(image.shape[1]), torch.arange(image.shape[0])
    x1, y1, x2, y2 = (windows[:, i, None] for i in range(4))
    columns = ((x >= x1) & (x < x2)).double()
    rows = ((y >= y1) & (y < y2)).double()
    return torch.einsum("nh,hw,nw->n", rows, image.double(), columns)


def by_numpy(image, windows):
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1))
    table[1:, 1:] = np.cumsum(np.cumsum(image.numpy(), axis=1), axis=0)
    x1, y1, x2, y2 = windows.numpy().T
    return torch.tensor(table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1])


def by_vmap(image, windows):
    rows, columns = torch.arange(image.shape[0]), torch.arange(image.shape[1])

    def one(window):
        x1, y1, x2, y2 = window.unbind()
        inside = (rows >= y1) & (rows < y2)
        return (image * inside[:, None] * ((columns >= x1) & (columns < x2))).sum()

    return torch.vmap(one)(windows)


def read(table, windows):
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums(image, windows):
    return read(F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0)), windows)


def in_a_loop(image, windows):
    found = [image[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in windows.tolist()]
    return torch.stack(found) if found else torch.zeros(0)


def of_python_numbers(image, windows):
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0)).tolist()
    return torch.tensor(
        [
            table[d][c] - table[b][c] - table[d][a] + table[b][a]
            for a, b, c, d in windows.tolist()
        ]
    )


def by_map(image, windows):
    x1, y1, x2, y2 = windows.T.tolist()
    rows, columns = list(map(slice, y1, y2)), list(map(slice, x1, x2))
    parts = map(image.__getitem__, zip(rows, columns, strict=True))
    return torch.tensor(list(map(float, map(torch.sum, parts))))


def halves_of_windows(image, windows):
    """A loop in disguise: the function calls itself."""
    if len(windows) < 2:
        return sums(image, windows)
    middle = len(windows) // 2
    parts = (windows[:middle], windows[middle:])
    return torch.cat([halves_of_windows(image, part) for part in parts])


def table_in_a_loop(image, windows):
    table = torch.zeros(image.shape[0] + 1, image.shape[1] + 1)
    for y in range(image.shape[0]):
        table[y + 1, 1:] = table[y, 1:] + image[y].cumsum(0)
    return read(table, windows)


def columns_in_a_loop(image, windows):
    table = torch.zeros(image.shape[0] + 1, image.shape[1] + 1)
    for x in range(image.shape[1]):
        table[1:, x + 1] = table[1:, x] + image[:, x].cumsum(0)
    return read(table, windows)


def without_zeros(image, windows):
    return read(image.cumsum(0).cumsum(1), windows)


def shifted_back(image, windows):
    """Reads the table without zeros one place back: -1 wraps around to the end."""
    return read(image.cumsum(0).cumsum(1), windows - 1)


def means(image, windows):
    return sums(image, windows) / (windows[:, 2:] - windows[:, :2]).prod(1)


def by_diagonal_only(image, windows):
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x1]


RIGHT = [by_masks, by_numpy, by_vmap]
WRONG = [
    (in_a_loop, "a loop over windows"),
    (of_python_numbers, "a loop over windows"),
    (by_map, "a loop over windows"),
    (halves_of_windows, "a loop over windows"),
    (table_in_a_loop, "a loop over rows"),
    (columns_in_a_loop, "a loop over columns"),
    (without_zeros, "your code raised IndexError"),
    (shifted_back, "the example"),
    (means, "window_sums, case 'the example'"),
    (by_diagonal_only, "the example"),
    (lambda image, windows: sums(image, windows).clamp(min=0), "window_sums, case"),
    (lambda image, windows: sums(image.half(), windows), "window_sums, case"),
    (lambda image, windows: sums(image, windows.clamp_(min=1)), "in place"),
    (cheats.returns(torch.tensor([16.0])), "no windows"),
    (cheats.lying, "an object of type LyingTensor"),
]


def test_sums_agree_with_slices():
    generator = torch.Generator().manual_seed(11)
    image = integer_image(7, 12, generator)
    windows = integer_windows(40, 7, 12, generator)
    slices = [image[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in windows.tolist()]
    assert torch.equal(slow_window_sums(image, windows), torch.stack(slices))
