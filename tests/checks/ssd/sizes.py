"""Answers to the task sizes_of_maps, right ones first."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

from course_utils.ops.default_boxes import default_box_scales


def sizes_in_loops(
    num_maps: int, side: int, *, smallest: int, largest: int, first: int
) -> tuple[Tensor, Tensor]:
    paper, released = [], []
    step = math.floor((largest - smallest) / (num_maps - 2))
    for k in range(1, num_maps + 1):
        share = smallest + (largest - smallest) * (k - 1) / (num_maps - 1)
        paper.append(share * side / 100)
        own = first if k == 1 else smallest + (k - 2) * step
        following = smallest if k == 1 else own + step
        released.append([own * side / 100, following * side / 100])
    return torch.tensor(paper), torch.tensor(released)


def sizes_by_numpy(
    num_maps: int, side: int, *, smallest: int, largest: int, first: int
) -> list[Tensor]:
    paper = np.linspace(smallest, largest, num_maps) / 100 * side
    step = int((largest - smallest) / (num_maps - 2))
    low = np.concatenate([[first], smallest + step * np.arange(num_maps)]) * side / 100
    both = np.column_stack([low[:-1], low[1:]])
    return [torch.from_numpy(paper), torch.from_numpy(both)]


def sizes_by_unfolding(
    num_maps: int, side: int, *, smallest: int, largest: int, first: int
) -> tuple[Tensor, Tensor]:
    k = torch.arange(num_maps)
    paper = smallest + (largest - smallest) / (num_maps - 1) * k
    step = (largest - smallest) // (num_maps - 2)
    percents = torch.cat([torch.tensor([first]), smallest + step * k])
    return paper * (side / 100), percents.unfold(0, 2, 1) * side / 100


def formula(m: int, smallest: int, largest: int, first: int) -> Any:
    return torch.linspace(smallest, largest, m)


def down(m: int, span: int) -> float:
    return span // (m - 2)


def apart(m: int, smallest: int, step: float, first: int) -> list[float]:
    return [first, *(smallest + step * k for k in range(m - 1))]


def following(low: list[float], step: float, largest: int) -> list[float]:
    return [*low[1:], low[-1] + step]


def in_pixels(paper: Tensor, released: Tensor, side: int) -> Any:
    return paper * side / 100, released * side / 100


def made(
    *,
    paper: Any = formula,
    step: Any = down,
    low: Any = apart,
    high: Any = following,
    finish: Any = in_pixels,
) -> Callable[..., Any]:
    """An answer of these steps, one of which is wrong."""

    def answer(
        num_maps: int, side: int, *, smallest: int, largest: int, first: int
    ) -> Any:
        each = step(num_maps, largest - smallest)
        lows = low(num_maps, smallest, each, first)
        both = torch.tensor([lows, high(lows, each, largest)]).float().T
        return finish(paper(num_maps, smallest, largest, first), both, side)

    return answer


def m_steps(m: int, smallest: int, largest: int, first: int) -> Tensor:
    return smallest + (largest - smallest) / m * torch.arange(m)


def first_apart(m: int, smallest: int, largest: int, first: int) -> Tensor:
    rest = torch.linspace(smallest, largest, m - 1)
    return torch.cat([torch.tensor([float(first)]), rest])


def whole_steps(m: int, smallest: int, largest: int, first: int) -> Tensor:
    return smallest + (largest - smallest) // (m - 1) * torch.arange(m).float()


def geometric(m: int, smallest: int, largest: int, first: int) -> Tensor:
    return smallest * (largest / smallest) ** (torch.arange(m) / (m - 1))


def counted_from_1(m: int, smallest: int, largest: int, first: int) -> Tensor:
    return smallest + (largest - smallest) / (m - 1) * torch.arange(1, m + 1)


def exact(m: int, span: int) -> float:
    return span / (m - 2)


def nearest(m: int, span: int) -> float:
    return math.floor(span / (m - 2) + 0.5)


def up(m: int, span: int) -> float:
    return -(-span // (m - 2))


def of_m_minus_1(m: int, span: int) -> float:
    return span // (m - 1)


def of_m(m: int, span: int) -> float:
    return span // m


def always_17(m: int, span: int) -> float:
    return 17


def with_the_others(m: int, smallest: int, step: float, first: int) -> list[float]:
    return [smallest + step * k for k in range(m)]


def first_of_ten(m: int, smallest: int, step: float, first: int) -> list[float]:
    return apart(m, smallest, step, 10)


def half_of_smallest(m: int, smallest: int, step: float, first: int) -> list[float]:
    return apart(m, smallest, step, smallest // 2)


def from_first(m: int, smallest: int, step: float, first: int) -> list[float]:
    return [first + step * k for k in range(m)]


def a_step_more(low: list[float], step: float, largest: int) -> list[float]:
    return [value + step for value in low]


def up_to_largest(low: list[float], step: float, largest: int) -> list[float]:
    return [*low[1:], largest]


def up_to_all(low: list[float], step: float, largest: int) -> list[float]:
    return [*low[1:], 100]


def of_squares(low: list[float], step: float, largest: int) -> list[float]:
    pairs = zip(low, following(low, step, largest), strict=True)
    return [math.sqrt(a * b) for a, b in pairs]


def shares(paper: Tensor, released: Tensor, side: int) -> Any:
    return paper / 100, released / 100


def percents(paper: Tensor, released: Tensor, side: int) -> Any:
    return paper, released


def swapped(paper: Tensor, released: Tensor, side: int) -> Any:
    return released * side / 100, paper * side / 100


def turned(paper: Tensor, released: Tensor, side: int) -> Any:
    return paper * side / 100, released.T * side / 100


def firsts_alone(paper: Tensor, released: Tensor, side: int) -> Any:
    return paper * side / 100, released[:, 0] * side / 100


def released_alone(paper: Tensor, released: Tensor, side: int) -> Any:
    return released * side / 100


def whole_pixels(paper: Tensor, released: Tensor, side: int) -> Any:
    return tuple((value * side / 100).long() for value in (paper, released))


def rounded_pixels(paper: Tensor, released: Tensor, side: int) -> Any:
    return tuple((value * side / 100).round() for value in (paper, released))


def as_lists(paper: Tensor, released: Tensor, side: int) -> Any:
    return (paper * side / 100).tolist(), (released * side / 100).tolist()


def by_torchvision(num_maps: int, side: int, **settings: int) -> Any:
    maker = DefaultBoxGenerator([[2]] * num_maps, 0.2, 0.9)
    return torch.tensor(maker.scales) * side, torch.zeros(num_maps, 2)


def by_library(num_maps: int, side: int, **settings: int) -> Any:
    scales = default_box_scales(num_maps)
    return torch.tensor(scales) * side, torch.zeros(num_maps, 2)


def by_slices(num_maps: int, side: int, **s: int) -> Any:
    """As the release writes it: a range, which may have one size too many."""
    step = (s["largest"] - s["smallest"]) // (num_maps - 2)
    lows = [s["first"], *range(s["smallest"], s["largest"] + 1, max(step, 1))]
    both = torch.tensor([[low, low + step] for low in lows]).float()
    both[0, 1] = s["smallest"]
    paper = formula(num_maps, s["smallest"], s["largest"], 0)
    return paper * side / 100, both * side / 100
