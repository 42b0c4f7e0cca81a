"""Answers to the task window_sums, right ones first."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def sums_by_masks(image: Tensor, windows: Tensor) -> Tensor:
    """Each window as a row mask times a column mask."""
    x, y = torch.arange(image.shape[1]), torch.arange(image.shape[0])
    x1, y1, x2, y2 = (windows[:, i, None] for i in range(4))
    columns = ((x >= x1) & (x < x2)).double()
    rows = ((y >= y1) & (y < y2)).double()
    return torch.einsum("nh,hw,nw->n", rows, image.double(), columns)


def sums_by_numpy(image: Tensor, windows: Tensor) -> Tensor:
    table = np.zeros((image.shape[0] + 1, image.shape[1] + 1))
    table[1:, 1:] = np.cumsum(np.cumsum(image.numpy(), axis=1), axis=0)
    x1, y1, x2, y2 = windows.numpy().T
    return torch.tensor(table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1])


def sums_by_products(image: Tensor, windows: Tensor) -> Tensor:
    """The table from two triangular matrices, read from one flat row."""
    height, width = image.shape
    above = torch.ones(height + 1, height).tril(-1)
    left = torch.ones(width, width + 1).triu(1)
    table = (above @ image @ left).flatten()
    corners = windows[:, [3, 1, 3, 1]] * (width + 1) + windows[:, [2, 2, 0, 0]]
    return (table[corners] * torch.tensor([1.0, -1, -1, 1])).sum(-1)


def sums_by_vmap(image: Tensor, windows: Tensor) -> Tensor:
    rows, columns = torch.arange(image.shape[0]), torch.arange(image.shape[1])

    def one(window: Tensor) -> Tensor:
        x1, y1, x2, y2 = window.unbind()
        inside = (rows >= y1) & (rows < y2)
        return (image * inside[:, None] * ((columns >= x1) & (columns < x2))).sum()

    return torch.vmap(one)(windows)


def sums(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums_in_a_loop(image: Tensor, windows: Tensor) -> Tensor:
    found = [image[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in windows.tolist()]
    return torch.stack(found) if found else torch.zeros(0)


def sums_of_python_numbers(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0)).tolist()
    return torch.tensor(
        [
            table[d][c] - table[b][c] - table[d][a] + table[b][a]
            for a, b, c, d in windows.tolist()
        ]
    )


def sums_by_map(image: Tensor, windows: Tensor) -> Tensor:
    x1, y1, x2, y2 = windows.T.tolist()
    rows, columns = list(map(slice, y1, y2)), list(map(slice, x1, x2))
    parts = map(image.__getitem__, zip(rows, columns, strict=True))
    return torch.tensor(list(map(float, map(torch.sum, parts))))


def table_in_a_loop(image: Tensor, windows: Tensor) -> Tensor:
    table = torch.zeros(image.shape[0] + 1, image.shape[1] + 1)
    for y in range(image.shape[0]):
        table[y + 1, 1:] = table[y, 1:] + image[y].cumsum(0)
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def columns_in_a_loop(image: Tensor, windows: Tensor) -> Tensor:
    table = torch.zeros(image.shape[0] + 1, image.shape[1] + 1)
    for x in range(image.shape[1]):
        table[1:, x + 1] = table[1:, x] + image[:, x].cumsum(0)
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums_without_zeros(image: Tensor, windows: Tensor) -> Tensor:
    table = image.cumsum(0).cumsum(1)
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums_shifted_back(image: Tensor, windows: Tensor) -> Tensor:
    """Reads the table without zeros one place back: -1 wraps around to the end."""
    table = image.cumsum(0).cumsum(1)
    x1, y1, x2, y2 = (windows - 1).T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums_with_ends(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 1, 1, 1), mode="constant")
    table[-1], table[:, -1] = table[-2], table[:, -2]
    x1, y1, x2, y2 = windows.T
    right, below = x2 + 1, y2 + 1
    return table[below, right] - table[y1, right] - table[below, x1] + table[y1, x1]


def sums_of_swapped(image: Tensor, windows: Tensor) -> Tensor:
    return sums(image, windows[:, [1, 0, 3, 2]].clamp(max=min(image.shape)))


def sums_less_corner(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] - table[y1, x1]


def sums_down_columns(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]


def sums_along_rows(image: Tensor, windows: Tensor) -> Tensor:
    return sums_down_columns(image.T, windows[:, [1, 0, 3, 2]])


def sums_without_fourth(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1]


def means(image: Tensor, windows: Tensor) -> Tensor:
    return sums(image, windows) / (windows[:, 2:] - windows[:, :2]).prod(1)


def sums_in_place(image: Tensor, windows: Tensor) -> Tensor:
    return sums(image, windows.clamp_(min=1))


def sums_by_diagonal_only(image: Tensor, windows: Tensor) -> Tensor:
    table = F.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x1]


def never_negative(image: Tensor, windows: Tensor) -> Tensor:
    return sums(image, windows).clamp(min=0)


def half_precision(image: Tensor, windows: Tensor) -> Tensor:
    return sums(image.half(), windows)


def halves_of_windows(image: Tensor, windows: Tensor) -> Tensor:
    """A loop in disguise: the function calls itself."""
    if len(windows) < 2:
        return sums(image, windows)
    middle = len(windows) // 2
    parts = (windows[:middle], windows[middle:])
    return torch.cat([halves_of_windows(image, part) for part in parts])


def first_pixels_lost(image: Tensor, windows: Tensor) -> Tensor:
    """A table without zeros, read one entry before each corner where there is one."""
    table = image.cumsum(0).cumsum(1)
    x1, y1, x2, y2 = (windows - 1).clamp(min=0).T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
