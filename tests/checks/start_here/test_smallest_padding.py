"""Answers to smallest_padding, and its oracle beside torch's convolution."""

import itertools
import math

import cheats
import pytest
import torch
from torch.nn import functional as F

from course_utils.checks.start_here.smallest_padding import (
    PADDINGS,
    slow_smallest_padding,
)


def by_search(size, wanted, kernel, *, stride=1, dilation=1):
    for padding in itertools.count():
        places = 0
        while places * stride + dilation * (kernel - 1) < size + 2 * padding:
            places += 1
        if places >= wanted:
            return padding if places == wanted else None
    return None


def by_formula(size, wanted, kernel, *, stride=1, dilation=1):
    least = (wanted - 1) * stride + dilation * (kernel - 1) + 1 - size
    most = least + stride - 1
    padding = max(0, -(-least // 2))
    return padding if 2 * padding <= most else None


def of_tensors(size, wanted, kernel, **settings):
    padding = by_formula(size, wanted, kernel, **settings)
    return None if padding is None else torch.tensor(padding)


def half_kernel(size, wanted, kernel, **settings):
    return (kernel - 1) // 2


def both_sides(size, wanted, kernel, **settings):
    padding = by_formula(size, wanted, kernel, **settings)
    return None if padding is None else 2 * padding


def without_test(size, wanted, kernel, *, stride=1, dilation=1):
    least = (wanted - 1) * stride + dilation * (kernel - 1) + 1 - size
    return max(0, math.ceil(least / 2))


def largest(size, wanted, kernel, *, stride=1, dilation=1):
    most = wanted * stride + dilation * (kernel - 1) - size
    smallest = by_formula(size, wanted, kernel, stride=stride, dilation=dilation)
    return None if smallest is None else most // 2


def at_least(lowest):
    """The formula, which cuts negative paddings off at the wrong place."""

    def answer(size, wanted, kernel, *, stride=1, dilation=1):
        reach = dilation * (kernel - 1) + 1
        lacking = (wanted - 1) * stride + reach - size
        padding = max(lowest, math.ceil(lacking / 2))
        fits = (size + 2 * padding - reach) // stride + 1 == wanted
        return padding if fits else None

    return answer


RIGHT = [by_search, by_formula, of_tensors]
WRONG = [
    (half_kernel, "it gives size"),
    (both_sides, "it gives size"),
    (without_test, "expected None"),
    (largest, "not the smallest"),
    (at_least(-math.inf), "never negative"),
    (at_least(-1), "never negative"),
    (cheats.returns(None), "received None"),
    (cheats.returns(1), "no padding needed"),
]


def reached(size, padding, kernel, stride, dilation):
    """The size that torch's own convolution gives; 0 where the kernel does not fit."""
    padded = size + 2 * padding
    if padded <= dilation * (kernel - 1):
        return 0
    signal, weight = torch.empty(1, 1, padded), torch.empty(1, 1, kernel)
    return F.conv1d(signal, weight, stride=stride, dilation=dilation).shape[-1]


@pytest.mark.parametrize("case", PADDINGS)
def test_torch_reaches_the_wanted_size_first_with_this_padding(case):
    size, wanted, kernel, stride, dilation = PADDINGS[case]
    found = slow_smallest_padding(
        size, wanted, kernel, stride=stride, dilation=dilation
    )
    sizes = [reached(size, p, kernel, stride, dilation) for p in range(30)]
    assert sizes[-1] > wanted
    assert found == (sizes.index(wanted) if wanted in sizes else None)
