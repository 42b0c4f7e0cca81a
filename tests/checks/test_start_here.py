"""What the checks of assignment 00 call right is right: torch itself says so."""

import pytest
import torch
from torch import Tensor, nn

from course_utils.checks.start_here.cases import BLANKS, STACKS, Spacing, seen_box


def test_the_missing_dimensions_are_those_of_a_real_network() -> None:
    first = nn.Conv2d(3, 16, 5, stride=2, padding=2)
    third = nn.Conv2d(16, 24, 3, dilation=2, padding=BLANKS["d"][0])
    last = nn.Linear(BLANKS["g"][0], 6)
    shapes = {}
    x = torch.zeros(4, 3, 90, 122)
    fourth = nn.Conv2d(24, 8, BLANKS["f"][0])
    layers = (first, nn.MaxPool2d(3, 2), third, fourth, nn.Flatten(), last)
    for name, layer in zip("123456", layers, strict=True):
        x = layer(x)
        shapes[name] = tuple(x.shape)
    assert first.weight.shape == (16, BLANKS["a"][0], 5, 5)
    assert shapes["1"] == (4, 16, BLANKS["b"][0], 61)
    assert shapes["2"] == (4, 16, 22, BLANKS["c"][0])
    assert shapes["3"] == (4, 24, 22, 30)
    assert sum(p.numel() for p in third.parameters()) == BLANKS["e"][0]
    assert shapes["4"] == (4, 8, 18, 26)
    assert shapes["6"] == (4, 6)
    assert sum(p.numel() for p in last.parameters()) == BLANKS["h"][0]


@pytest.mark.parametrize("case", [c for c in STACKS if STACKS[c][0]])
def test_the_receptive_box_holds_the_pixels_with_a_gradient(case: str) -> None:
    layers, row, column = STACKS[case]
    # The same layers without padding, over an image that is padded beforehand.
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, k, s, 0, d, bias=False) for k, s, _, d in layers)
    )
    for weight in net.parameters():
        nn.init.ones_(weight)
    image = torch.zeros(1, 1, 60, 60, requires_grad=True)
    net(image)[0, 0, row, column].backward()
    assert image.grad is not None
    bare: list[Spacing] = [(k, s, 0, d) for k, s, _, d in layers]
    assert torch.equal(seen_box(bare, row, column), around(image.grad[0, 0]))
    shift = seen_box(bare, 0, 0)[:2] - seen_box(layers, 0, 0)[:2]
    moved = seen_box(layers, row, column) + torch.cat([shift, shift])
    assert torch.equal(moved, seen_box(bare, row, column))


def around(gradient: Tensor) -> Tensor:
    rows, columns = gradient.any(1).nonzero(), gradient.any(0).nonzero()
    low = [columns.min(), rows.min()]
    return torch.tensor([*low, columns.max() + 1, rows.max() + 1]).float()


@pytest.mark.parametrize(("padding", "agreeing"), [(1, 24 * 24), (0, 24 * 24)])
def test_four_padded_layers_leave_the_inner_24_by_24(
    padding: int, agreeing: int
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 1, 3, padding=padding, bias=False) for _ in range(4))
    ).double()
    image = torch.rand(1, 1, 128, 128, dtype=torch.float64)
    with torch.no_grad():
        whole, crop = net(image), net(image[..., 48:80, 48:80])
    side = crop.shape[-1]
    same = torch.isclose(whole[..., 48 : 48 + side, 48 : 48 + side], crop)
    assert same.sum() == agreeing
    edge = (side - 24) // 2
    assert same[..., edge : edge + 24, edge : edge + 24].all()
