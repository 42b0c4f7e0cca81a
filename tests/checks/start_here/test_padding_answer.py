"""Answers to padding_answer, and four layers that say which is right."""

import cheats
import pytest
import torch
from torch import nn

RIGHT = ["b", " B "]
WRONG = [
    ("e", "expected one of"),
    (2, "expected one of"),
    (["b"], "expected one of"),
    (cheats.EqualToAll(), "expected one of"),
]


@pytest.mark.parametrize("padding", [1, 0])
def test_four_layers_leave_the_inner_24_by_24(padding):
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, 3, padding=padding, bias=False) for _ in range(4))
    ).double()
    image = torch.rand(1, 1, 128, 128, dtype=torch.float64)
    with torch.no_grad():
        whole, crop = net(image), net(image[..., 48:80, 48:80])
    side = crop.shape[-1]
    same = torch.isclose(whole[..., 48 : 48 + side, 48 : 48 + side], crop)
    assert same.sum() == 24 * 24
    edge = (side - 24) // 2
    assert same[..., edge : edge + 24, edge : edge + 24].all()
