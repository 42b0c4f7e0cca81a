"""Tables of numbers written by hand, such as boxes and histograms."""

from collections.abc import Sequence

import torch
from torch import Tensor

Box = list[float]
Rows = Sequence[Sequence[float]]


def rows_of(rows: Rows, columns: int) -> Tensor:
    """(N, columns) floats, also of no rows."""
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, columns)


def columns_of(rows: Rows) -> list[Sequence[float]]:
    """The columns of a table."""
    return list(zip(*rows, strict=True))
