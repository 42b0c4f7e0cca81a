"""Answers to sizes_of_maps, and its oracle beside torchvision and the release."""

import math

import cheats
import numpy as np
import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

from course_utils.checks.ssd.sizes_of_maps import CASES, slow_sizes_of_maps
from course_utils.ops.default_boxes import default_box_scales


def sizes_in_loops(num_maps, side, *, smallest, largest, first):
    paper, released = [], []
    step = math.floor((largest - smallest) / (num_maps - 2))
    for k in range(1, num_maps + 1):
        share = smallest + (largest - smallest) * (k - 1) / (num_maps - 1)
        paper.append(share * side / 100)
        own = first if k == 1 else smallest + (k - 2) * step
        following = smallest if k == 1 else own + step
        released.append([own * side / 100, following * side / 100])
    return torch.tensor(paper), torch.tensor(released)


def sizes_by_numpy(num_maps, side, *, smallest, largest, first):
    paper = np.linspace(smallest, largest, num_maps) / 100 * side
    step = int((largest - smallest) / (num_maps - 2))
    low = np.concatenate([[first], smallest + step * np.arange(num_maps)]) * side / 100
    both = np.column_stack([low[:-1], low[1:]])
    return [torch.from_numpy(paper), torch.from_numpy(both)]


def sizes_by_unfolding(num_maps, side, *, smallest, largest, first):
    k = torch.arange(num_maps)
    paper = smallest + (largest - smallest) / (num_maps - 1) * k
    step = (largest - smallest) // (num_maps - 2)
    percents = torch.cat([torch.tensor([first]), smallest + step * k])
    return paper * (side / 100), percents.unfold(0, 2, 1) * side / 100


def formula(m, smallest, largest, first):
    return torch.linspace(smallest, largest, m)


def down(m, span):
    return span // (m - 2)


def apart(m, smallest, step, first):
    return [first, *(smallest + step * k for k in range(m - 1))]


def following(low, step, largest):
    return [*low[1:], low[-1] + step]


def in_pixels(paper, released, side):
    return paper * side / 100, released * side / 100


def made(*, paper=formula, step=down, low=apart, high=following, finish=in_pixels):
    """An answer of these steps, one of which is wrong."""

    def answer(num_maps, side, *, smallest, largest, first):
        each = step(num_maps, largest - smallest)
        lows = low(num_maps, smallest, each, first)
        both = torch.tensor([lows, high(lows, each, largest)]).float().T
        return finish(paper(num_maps, smallest, largest, first), both, side)

    return answer


def geometric(m, smallest, largest, first):
    return smallest * (largest / smallest) ** (torch.arange(m) / (m - 1))


def counted_from_1(m, smallest, largest, first):
    return smallest + (largest - smallest) / (m - 1) * torch.arange(1, m + 1)


def always_17(m, span):
    return 17


def first_of_ten(m, smallest, step, first):
    return apart(m, smallest, step, 10)


def half_of_smallest(m, smallest, step, first):
    return apart(m, smallest, step, smallest // 2)


def from_first(m, smallest, step, first):
    return [first + step * k for k in range(m)]


def released_alone(paper, released, side):
    return released * side / 100


def firsts_alone(paper, released, side):
    return paper * side / 100, released[:, 0] * side / 100


def whole_pixels(paper, released, side):
    return tuple((value * side / 100).long() for value in (paper, released))


def rounded_pixels(paper, released, side):
    return tuple((value * side / 100).round() for value in (paper, released))


def as_lists(paper, released, side):
    return (paper * side / 100).tolist(), (released * side / 100).tolist()


def by_torchvision(num_maps, side, **settings):
    maker = DefaultBoxGenerator([[2]] * num_maps, 0.2, 0.9)
    return torch.tensor(maker.scales) * side, torch.zeros(num_maps, 2)


def by_library(num_maps, side, **settings):
    scales = default_box_scales(num_maps)
    return torch.tensor(scales) * side, torch.zeros(num_maps, 2)


def by_slices(num_maps, side, **s):
    """As the release writes it: a range, which may have one size too many."""
    step = (s["largest"] - s["smallest"]) // (num_maps - 2)
    lows = [s["first"], *range(s["smallest"], s["largest"] + 1, max(step, 1))]
    both = torch.tensor([[low, low + step] for low in lows]).float()
    both[0, 1] = s["smallest"]
    paper = formula(num_maps, s["smallest"], s["largest"], 0)
    return paper * side / 100, both * side / 100


RIGHT = [sizes_in_loops, sizes_by_numpy, sizes_by_unfolding]
WRONG = [
    (made(paper=geometric), "sizes_of_maps, case"),
    (made(paper=counted_from_1), "sizes_of_maps, case"),
    (made(step=always_17), "the example"),
    (made(low=first_of_ten), "SSD512"),
    (made(low=half_of_smallest), "sizes_of_maps, case"),
    (made(low=from_first), "the example"),
    (made(finish=firsts_alone), "expected shape (5, 2)"),
    (made(finish=released_alone), "expected a tuple of 2"),
    (made(finish=whole_pixels), "expected values of torch.float32"),
    (made(finish=rounded_pixels), "SSD512"),
    (made(finish=as_lists), "convert it with `torch.tensor`"),
    (by_slices, "case"),
    (by_torchvision, "DefaultBoxGenerator.__init__ is switched off"),
    (by_library, "default_box_scales is switched off"),
    (cheats.returns((torch.zeros(5), torch.zeros(5, 2))), "the example"),
    (cheats.returns(None), "expected a tuple of 2"),
]


def sizes_of(case):
    return slow_sizes_of_maps(*CASES[case].arguments, **CASES[case].settings)


def test_released_sizes_are_those_of_ssd300_and_ssd512():
    paper, released = sizes_of("SSD300")
    right = [[30, 60], [60, 111], [111, 162], [162, 213], [213, 264], [264, 315]]
    assert released.tolist() == right
    assert paper.tolist() == [60, 102, 144, 186, 228, 270]
    _, released = sizes_of("SSD512")
    right = [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6]
    torch.testing.assert_close(released[:, 0], torch.tensor(right[:-1]))
    torch.testing.assert_close(released[:, 1], torch.tensor(right[1:]))


def test_sizes_by_formula_agree_with_torchvision():
    maker = DefaultBoxGenerator([[2]] * 6, 0.2, 0.9)
    paper, _ = slow_sizes_of_maps(6, 100, smallest=20, largest=90, first=10)
    torch.testing.assert_close(paper, torch.tensor(maker.scales[:-1]) * 100)
