"""Answers to receptive_box, and its oracle beside torch's gradients."""

import cheats
import pytest
import torch
from torch import nn

from course_utils.checks.start_here.receptive_box import STACKS, slow_receptive_box


def by_forward_rule(layers, row, column):
    """Size, stride and start carried from the image to the output."""
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += dilation * (kernel - 1) * jump
        start -= padding * jump
        jump *= stride
    x, y = start + jump * column, start + jump * row
    return torch.tensor([x, y, x + size, y + size], dtype=torch.float64)


def by_loop(layers, row, column):
    corners = []
    for cell in (column, row):
        low, high = cell, cell + 1
        for kernel, stride, padding, dilation in layers[::-1]:
            low = low * stride - padding
            high = (high - 1) * stride - padding + dilation * (kernel - 1) + 1
        corners.append((low, high))
    (x1, x2), (y1, y2) = corners
    return torch.tensor([float(x1), y1, x2, y2])


def from_a_half_open_end(layers, row, column):
    """Scales the end as if it were a cell, so that a stride moves it too far."""
    low, high = torch.tensor([column, row]), torch.tensor([column + 1, row + 1])
    for kernel, stride, padding, dilation in reversed(layers):
        low = low * stride - padding
        high = high * stride - padding + dilation * (kernel - 1)
    return torch.cat([low, high]).float()


def clipped(layers, row, column):
    return by_loop(layers, row, column).clamp(min=0)


def in_whole_numbers(layers, row, column):
    return by_loop(layers, row, column).long()


def by_popping(layers, row, column):
    box = by_loop(layers, row, column)
    while layers:
        layers.pop()
    return box


RIGHT = [by_forward_rule, by_loop]
WRONG = [
    (from_a_half_open_end, "a pool"),
    (clipped, "one 3x3 with padding"),
    (in_whole_numbers, "torch.float32"),
    (by_popping, "changed its input"),
    (cheats.returns(torch.tensor([5.0, 2, 6, 3])), "one 3x3"),
]


@pytest.mark.parametrize("case", [c for c in STACKS if STACKS[c][0]])
def test_the_receptive_box_holds_the_pixels_with_a_gradient(case):
    layers, row, column = STACKS[case]
    # The same layers without padding, over an image that is padded beforehand.
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, k, s, 0, d, bias=False) for k, s, _, d in layers)
    )
    for weight in net.parameters():
        nn.init.ones_(weight)
    image = torch.zeros(1, 1, 60, 60, requires_grad=True)
    net(image)[0, 0, row, column].backward()
    bare = [(k, s, 0, d) for k, s, _, d in layers]
    assert torch.equal(slow_receptive_box(bare, row, column), around(image.grad[0, 0]))
    shift = slow_receptive_box(bare, 0, 0)[:2] - slow_receptive_box(layers, 0, 0)[:2]
    moved = slow_receptive_box(layers, row, column) + torch.cat([shift, shift])
    assert torch.equal(moved, slow_receptive_box(bare, row, column))


def around(gradient):
    rows, columns = gradient.any(1).nonzero(), gradient.any(0).nonzero()
    low = [columns.min(), rows.min()]
    return torch.tensor([*low, columns.max() + 1, rows.max() + 1]).float()
