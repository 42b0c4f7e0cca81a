"""RoI pooling and pyramid pooling beside torchvision's and torch's kernels."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor
from torchvision.models.vgg import cfgs, make_layers

from course_utils.ops import roi
from course_utils.ops.roi import (
    as_rois,
    decode_rectangles,
    pyramid_bins,
    rectangle_codes,
    roi_bins,
    roi_pool,
    roi_pool_one,
    round_half_away,
    spatial_pyramid_pool,
)


def random_rois(
    number: int, height: float, width: float, *, batch: int, seed: int = 0
) -> Tensor:
    """(R, 5): inside, across the borders, outside, inverted, and tiny ones."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    size = torch.tensor([width, height])
    low = (draw(number, 2) * 1.5 - 0.25) * size
    extent = draw(number, 2) * size
    extent[::5] *= 0.02  # smaller than a cell
    extent[1::5] -= 0.5 * size  # some end before they start
    image = torch.randint(batch, (number, 1), generator=generator).float()
    return torch.cat([image, low, low + extent], dim=1)


def tied_features(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    """Whole numbers from -3 to 3, so that most bins hold their maximum many times."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randint(-3, 4, shape, generator=generator).to(dtype)
    return features.requires_grad_()


def both(
    features: Tensor, rois: Tensor, size: int, scale: float
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Values and gradients of ours and of torchvision's."""
    found = []
    for pool in (roi_pool, torchvision.ops.roi_pool):
        copy = features.detach().clone().requires_grad_()
        settings = {"output_size": size, "spatial_scale": scale}
        pooled = pool(copy, rois.to(copy), **settings)
        # Whole numbers, so that the order of a sum of gradients changes nothing.
        generator = torch.Generator().manual_seed(1)
        weights = torch.randint(-9, 10, pooled.shape, generator=generator)
        pooled.backward(weights.to(pooled))
        found.append((pooled.detach(), copy.grad))
    return found[0], found[1]


CASES = {
    "300 RoIs at stride 8": ((2, 5, 16, 20), 7, 1 / 8, 300),
    "stride 16, a wide map": ((3, 4, 9, 31), 7, 1 / 16, 200),
    "a scale that is no power of two": ((2, 3, 13, 11), 6, 0.37, 200),
    "pixels themselves": ((1, 3, 40, 30), 5, 1.0, 200),
    "one row": ((2, 3, 1, 12), 3, 1 / 4, 100),
    "one column": ((2, 3, 12, 1), 3, 1 / 4, 100),
    "one cell": ((2, 3, 1, 1), 2, 1 / 4, 60),
} | {f"P = {p}": ((2, 3, 14, 17), p, 1 / 8, 80) for p in range(1, 8)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_tied", [False, True])
def test_values_and_gradients_are_torchvisions_bit_by_bit(case, dtype, is_tied):
    shape, size, scale, number = CASES[case]
    rois = random_rois(number, shape[2] / scale, shape[3] / scale, batch=shape[0])
    features = tied_features(*shape, dtype=dtype)
    if not is_tied:
        generator = torch.Generator().manual_seed(2)
        features = torch.randn(shape, dtype=dtype, generator=generator)
    ours, peers = both(features, rois, size, scale)
    assert torch.equal(ours[0], peers[0])
    assert torch.equal(ours[1], peers[1])


def test_the_random_rois_hold_all_the_hard_cases():
    shape, _, scale, number = CASES["300 RoIs at stride 8"]
    height, width = shape[2] / scale, shape[3] / scale
    rois = random_rois(number, height, width, batch=shape[0])
    x1, y1, x2, y2 = rois[:, 1:].unbind(dim=1)
    crosses = (x1 < 0) & (x2 > 0) | (x1 < width) & (x2 > width)
    outside = (x1 > width + 8) | (y1 > height + 8)
    tiny = (x2 > x1) & (x2 - x1 < 8)
    for kind in (crosses, outside, tiny, x2 < x1, (x1 < -4) & (y2 > height)):
        assert kind.sum() >= 3
    features = torch.ones(shape)
    pooled = roi_pool(features, rois, output_size=7, spatial_scale=scale)
    assert (pooled == 0).any()  # empty bins


def test_coordinates_at_halves_are_rounded_as_torchvision_rounds_them():
    halves = torch.arange(-3.5, 12, 0.5) * 8
    corners = torch.cartesian_prod(halves, halves)
    rois = torch.cat([torch.zeros(len(corners), 1), corners, corners + 20], dim=1)
    features = tied_features(1, 2, 12, 9, dtype=torch.float32)
    ours, peers = both(features, rois, 2, 1 / 8)
    assert torch.equal(ours[0], peers[0])


def test_rounding_takes_halves_away_from_zero():
    just_below = math.nextafter(0.5, 0)
    x = torch.tensor([-2.5, -0.5, -0.2, 0.5, 1.49, 2.5, just_below], dtype=torch.double)
    assert round_half_away(x).tolist() == [-3, -1, 0, 1, 1, 3, 0]
    below = torch.tensor(0.49999997)  # in float32, adding 0.5 to it gives 1
    assert round_half_away(below) == 0
    assert (below + 0.5).floor() == 1


def test_bins_of_seven_cells_cut_in_two_share_the_middle_one():
    start, end = roi_bins(
        torch.tensor([2.0, -3.0, 9.0]),
        torch.tensor([8.0, 1.0, 4.0]),
        output_size=2,
        limit=6,
    )
    # 2..8 is 7 cells, -3..1 is 5; a RoI that ends before it starts has one cell.
    assert start.tolist() == [[2, 5], [0, 0], [6, 6]]
    assert end.tolist() == [[6, 6], [0, 2], [6, 6]]


def test_the_slow_definition_gives_the_same_values():
    features = torch.randn(2, 3, 9, 14, generator=torch.Generator().manual_seed(0))
    rois = random_rois(120, 72, 112, batch=2, seed=3)
    pooled = roi_pool(features, rois, output_size=3, spatial_scale=1 / 8)
    for roi_, expected in zip(rois, pooled, strict=True):
        received = roi_pool_one(
            features[int(roi_[0])], roi_[1:], output_size=3, spatial_scale=1 / 8
        )
        assert torch.equal(received, expected)


def test_a_code_stands_for_one_rectangle():
    size = {"rows": 4, "row": 5, "cells": 40}  # two maps of 4 x 5 cells
    rectangles = torch.tensor(
        [[0, 0, 0, 4, 5], [1, 2, 3, 3, 5], [1, 2, 3, 3, 5], [0, 1, 1, 1, 4]]
    )
    codes = rectangle_codes(rectangles, **size)
    assert codes[1] == codes[2]
    assert codes[3] == 0  # empty
    assert codes[0] > codes[1] > 0  # the larger one has the higher number
    expected = [[0, 4, 5], [33, 1, 2], [33, 1, 2], [0, 1, 1]]
    assert decode_rectangles(codes, row=5, cells=40).tolist() == expected


def test_blocks_change_nothing(monkeypatch):
    features = tied_features(2, 3, 14, 17, dtype=torch.float32)
    rois = random_rois(60, 112, 136, batch=2)
    whole = both(features, rois, 4, 1 / 8)[0]
    monkeypatch.setattr(roi, "BLOCK", 7)
    parts = both(features, rois, 4, 1 / 8)[0]
    assert torch.equal(parts[0], whole[0])
    assert torch.equal(parts[1], whole[1])


@pytest.mark.parametrize("case", CASES)
def test_without_a_gradient_the_values_are_the_same(case):
    shape, size, scale, number = CASES[case]
    rois = random_rois(number, shape[2] / scale, shape[3] / scale, batch=shape[0])
    features = tied_features(*shape, dtype=torch.float32)
    settings = {"output_size": size, "spatial_scale": scale}
    with torch.no_grad():
        quick = roi_pool(features, rois, **settings)
    assert torch.equal(quick, roi_pool(features, rois, **settings))
    assert torch.equal(quick, roi_pool(features.detach(), rois, **settings))


def test_gradients_stand_the_test_of_differences():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(
        2, 2, 5, 6, generator=generator, dtype=torch.double, requires_grad=True
    )
    rois = random_rois(6, 40, 48, batch=2).double()

    def pool(x: Tensor) -> Tensor:
        return roi_pool(x, rois, output_size=3, spatial_scale=1 / 8)

    assert torch.autograd.gradcheck(pool, features)


def test_no_gradient_reaches_the_rois():
    features = torch.randn(1, 2, 8, 8, requires_grad=True)
    rois = torch.tensor([[0.0, 8, 8, 40, 48]], requires_grad=True)
    roi_pool(features, rois, output_size=2, spatial_scale=1 / 8).sum().backward()
    assert rois.grad is None
    assert features.grad.sum() == 8  # 2 channels, 4 bins


def test_a_shift_within_a_cell_changes_nothing():
    features = torch.randn(1, 2, 16, 16)
    box = torch.tensor([[0.0, 17, 33, 70, 101]])
    shifted = box + torch.tensor([0, 0.3, 0.3, 0.3, 0.3])
    settings = {"output_size": 7, "spatial_scale": 1 / 8}
    a, b = (roi_pool(features, each, **settings) for each in (box, shifted))
    assert torch.equal(a, b)


@pytest.mark.parametrize("output_size", [1, 7])
def test_no_roi_gives_no_features(output_size):
    features = torch.randn(2, 3, 8, 8, requires_grad=True)
    pooled = roi_pool(
        features, torch.zeros(0, 5), output_size=output_size, spatial_scale=0.5
    )
    assert pooled.shape == (0, 3, output_size, output_size)
    pooled.sum().backward()
    assert features.grad.abs().sum() == 0


@pytest.mark.parametrize(
    ("rois", "message"),
    [
        (torch.zeros(3, 4), r"\(3, 4\), but \(B, C, H, W\) and \(R, 5\)"),
        (torch.zeros(5), r"\(5,\), but"),
        (torch.tensor([[0.0] * 5, [2, 0, 0, 1, 1]]), "roi 1 is of image 2, but .* 2"),
        (torch.tensor([[-1.0, 0, 0, 1, 1]]), "roi 0 is of image -1"),
        (torch.tensor([[0.0, 0, 0, math.inf, 1]]), "roi 0 is not finite"),
        (torch.tensor([[0.0, 0, math.nan, 1, 1]]), "roi 0 is not finite"),
    ],
)
def test_rois_that_cannot_be_pooled_are_refused(rois, message):
    with pytest.raises(ValueError, match=message):
        roi_pool(torch.zeros(2, 3, 4, 4), rois, output_size=2, spatial_scale=1)


def test_an_output_of_no_cells_is_refused():
    with pytest.raises(ValueError, match="output_size is 0, but at least 1"):
        roi_pool(
            torch.zeros(2, 3, 4, 4), torch.zeros(1, 5), output_size=0, spatial_scale=1
        )


def test_rois_of_a_batch_carry_the_index_of_their_image():
    boxes = [torch.tensor([[1.0, 2, 3, 4]]), torch.zeros(0, 4), torch.ones(2, 4)]
    expected = [[0, 1, 2, 3, 4], [2, 1, 1, 1, 1], [2, 1, 1, 1, 1]]
    assert as_rois(boxes).tolist() == expected
    assert as_rois([]).shape == (0, 5)
    assert as_rois([torch.zeros(0, 4)]).shape == (0, 5)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (13, 6), (16, 16), (2, 31)])
@pytest.mark.parametrize("is_tied", [False, True])
def test_each_level_of_the_pyramid_is_adaptive_max_pooling(size, is_tied):
    features = tied_features(3, 4, *size, dtype=torch.float64)
    if not is_tied:
        features = torch.randn(3, 4, *size, dtype=torch.float64)
    copies = [features.detach().clone().requires_grad_() for _ in range(2)]
    ours = spatial_pyramid_pool(copies[0], levels=(1, 2, 3, 6))
    levels = [F.adaptive_max_pool2d(copies[1], n).flatten(1) for n in (1, 2, 3, 6)]
    peers = torch.cat(levels, dim=1)
    assert ours.shape == (3, 4 * 50)
    assert torch.equal(ours, peers)
    weights = torch.randint(-9, 10, ours.shape).double()
    for pooled in (ours, peers):
        pooled.backward(weights)
    assert torch.equal(copies[0].grad, copies[1].grad)


def test_bins_of_the_pyramid_cover_the_map():
    start, end = pyramid_bins(7, 3, torch.device("cpu"))
    assert start.tolist() == [0, 2, 4]
    assert end.tolist() == [3, 5, 7]


@pytest.mark.parametrize("levels", [(), (0, 1), (2, -1)])
def test_levels_below_one_are_refused(levels):
    with pytest.raises(ValueError, match="numbers above 0 were expected"):
        spatial_pyramid_pool(torch.zeros(1, 1, 4, 4), levels=levels)


@pytest.mark.parametrize(
    ("layers", "side", "output_size"),
    [
        (lambda: torchvision.models.alexnet(weights=None).features, 224, 6),
        (lambda: make_layers(cfgs["D"], batch_norm=False), 96, 3),  # VGG-16's
    ],
)
def test_pooling_the_whole_map_takes_the_place_of_the_last_pooling(
    layers, side, output_size
):
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        features = layers()
        maps = features[:-1](torch.rand(1, 3, side, side))
    last = 16 * (maps.shape[-1] - 1)  # both ends are in: the start of the last cell
    whole = torch.tensor([[0.0, 0, 0, last, last]])
    pooled = roi_pool(maps, whole, output_size=output_size, spatial_scale=1 / 16)
    assert torch.equal(pooled, features[-1](maps))
