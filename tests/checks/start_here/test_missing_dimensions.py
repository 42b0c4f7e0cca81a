"""Answers to missing_dimensions, and its numbers beside a network that torch builds."""

import cheats
import torch
from torch import nn

from course_utils.checks.start_here.questions import BLANKS

RIGHT = [BLANKS, dict(reversed(BLANKS.items()))]
WRONG = [
    (BLANKS | {"h": 1}, "write the formula"),
    (BLANKS | {"f": 5.0}, "expected a whole number"),
    (BLANKS | {"f": True}, "expected a whole number"),
    (dict.fromkeys(BLANKS, 0), "(a)"),
    ([3, 45, 30, 2, 3480, 5, 3744, 22470], "received [3, 45, 30, 2,"),
    (cheats.EqualToAll(), "expected a dict with the keys"),
]


def test_the_missing_dimensions_are_those_of_a_real_network():
    first = nn.Conv2d(3, 16, 5, stride=2, padding=2)
    third = nn.Conv2d(16, 24, 3, dilation=2, padding=BLANKS["d"])
    last = nn.Linear(BLANKS["g"], 6)
    shapes = {}
    x = torch.zeros(4, 3, 90, 122)
    fourth = nn.Conv2d(24, 8, BLANKS["f"])
    layers = (first, nn.MaxPool2d(3, 2), third, fourth, nn.Flatten(), last)
    for name, layer in zip("123456", layers, strict=True):
        x = layer(x)
        shapes[name] = tuple(x.shape)
    assert first.weight.shape == (16, BLANKS["a"], 5, 5)
    assert shapes["1"] == (4, 16, BLANKS["b"], 61)
    assert shapes["2"] == (4, 16, 22, BLANKS["c"])
    assert shapes["3"] == (4, 24, 22, 30)
    assert sum(p.numel() for p in third.parameters()) == BLANKS["e"]
    assert shapes["4"] == (4, 8, 18, 26)
    assert shapes["6"] == (4, 6)
    assert sum(p.numel() for p in last.parameters()) == BLANKS["h"]
