"""Default boxes beside torchvision's generator, the paper's formula and its counts."""

import math

import pytest
import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from course_utils.ops.boxes import xyxy_to_cxcywh
from course_utils.ops.default_boxes import (
    SSD300_MAPS,
    SSD300_RATIOS,
    SSD300_SCALES,
    SSD300_STRIDES,
    box_shapes,
    default_box_scales,
    default_boxes,
    map_default_boxes,
)

SSD300_SIZES = [(side, side) for side in SSD300_MAPS]
SETTINGS = {
    "small": ([(4, 4), (2, 2)], (64, 64), (0.2, 0.5, 0.9), ((2,), (2, 3)), None),
    "flat": ([(3, 5), (2, 3)], (48, 80), (0.3, 0.5, 0.7), ((2,), ()), None),
    "strides": ([(5, 7)], (40, 50), (0.2, 0.3), ((1.5, 4),), (8,)),
    "one cell": ([(1, 1)], (9, 5), (0.5, 0.8), ((),), None),
}


def peer_boxes(map_sizes, image_size, scales, ratios, strides) -> torch.Tensor:
    generator = DefaultBoxGenerator(
        [list(each) for each in ratios],
        scales=list(scales),
        steps=None if strides is None else list(strides),
        clip=False,
    )
    images = ImageList(torch.zeros(1, 3, *image_size), [image_size])
    (boxes,) = generator(images, [torch.zeros(1, 1, *size) for size in map_sizes])
    return boxes


@pytest.mark.parametrize("case", SETTINGS)
def test_boxes_and_their_order_equal_torchvisions(case):
    map_sizes, image_size, scales, ratios, strides = SETTINGS[case]
    ours = default_boxes(
        map_sizes, image_size, scales=scales, ratios=ratios, strides=strides
    )
    peer = peer_boxes(map_sizes, image_size, scales, ratios, strides)
    torch.testing.assert_close(ours, peer, rtol=0, atol=1e-4)


@pytest.mark.parametrize("strides", [None, SSD300_STRIDES])
def test_those_of_ssd300_equal_torchvisions(strides):
    ours = default_boxes(SSD300_SIZES, (300, 300), strides=strides)
    peer = peer_boxes(SSD300_SIZES, (300, 300), SSD300_SCALES, SSD300_RATIOS, strides)
    assert len(ours) == 8732
    torch.testing.assert_close(ours, peer, rtol=0, atol=1e-4)


def test_the_boxes_of_each_map_are_counted_as_in_the_paper():
    per_cell = [2 + 2 * len(ratios) for ratios in SSD300_RATIOS]
    counts = [
        side**2 * count for side, count in zip(SSD300_MAPS, per_cell, strict=True)
    ]
    assert per_cell == [4, 6, 6, 6, 4, 4]
    assert counts == [5776, 2166, 600, 150, 36, 4]


def test_the_scales_of_the_formula():
    expected = [0.2, 0.34, 0.48, 0.62, 0.76, 0.9]
    assert default_box_scales(6) == pytest.approx(expected)
    assert default_box_scales(1) == [0.2]
    assert default_box_scales(2, smallest=0.1, largest=0.1) == [0.1, 0.1]


def test_the_release_has_a_tenth_and_then_steps_of_17_percent():
    assert SSD300_SCALES[0] == 0.1
    expected = default_box_scales(6, smallest=0.2, largest=1.05)
    assert list(SSD300_SCALES[1:]) == pytest.approx(expected)


@pytest.mark.parametrize("settings", [(0, 0.2, 0.9), (3, 0, 0.9), (3, 0.9, 0.2)])
def test_scales_rise_from_above_zero(settings):
    maps, smallest, largest = settings
    with pytest.raises(ValueError, match="0 < smallest <= largest"):
        default_box_scales(maps, smallest=smallest, largest=largest)


def test_the_ratio_is_width_over_height_and_keeps_the_area():
    shapes = box_shapes(0.4, 0.9, (2, 3))
    width, height = shapes.unbind(1)
    root = math.sqrt(0.4 * 0.9)
    torch.testing.assert_close(
        width * height, torch.tensor([0.16, root**2, 0.16, 0.16, 0.16, 0.16])
    )
    torch.testing.assert_close(width / height, torch.tensor([1, 1, 2, 1 / 2, 3, 1 / 3]))


@pytest.mark.parametrize("bad", [(0, 0.3, (2,)), (0.2, -1, (2,)), (0.2, 0.3, (0,))])
def test_shapes_are_made_of_numbers_above_zero(bad):
    with pytest.raises(ValueError, match="numbers above 0"):
        box_shapes(*bad)


def test_each_box_stands_in_the_middle_of_its_cell():
    shapes = torch.tensor([[0.5, 0.25], [0.1, 0.9]])
    boxes = map_default_boxes(shapes, map_size=(2, 3), image_size=(40, 90))
    by_cell = xyxy_to_cxcywh(boxes).view(2, 3, 2, 4)
    for row in range(2):
        for column in range(3):
            centre = torch.tensor([30 * column + 15.0, 20 * row + 10.0])
            torch.testing.assert_close(by_cell[row, column, :, :2], centre.expand(2, 2))
    sides = torch.tensor([[45.0, 10], [9, 36]])
    torch.testing.assert_close(by_cell[..., 2:], sides.expand(2, 3, 2, 2))


@pytest.mark.parametrize(
    "change",
    [
        {"scales": (0.2, 0.3)},
        {"ratios": ((2,),)},
        {"strides": (8,)},
        {"map_sizes": []},
    ],
)
def test_settings_are_of_as_many_maps(change):
    settings = {"map_sizes": [(4, 4), (2, 2)], "image_size": (32, 32)}
    settings |= {"scales": (0.2, 0.3, 0.4), "ratios": ((2,), (2,))} | change
    with pytest.raises(ValueError, match="one scale more"):
        default_boxes(**settings)


def test_no_map_is_empty():
    with pytest.raises(ValueError, match="use a larger image"):
        default_boxes([(0, 2)], (8, 8), scales=(0.2, 0.4), ratios=((),))
