"""Windows against counting one by one, crops and dense passes against each other."""

import itertools

import pytest
import torch
from skimage.transform import pyramid_gaussian
from torch import Tensor

from course_utils.ops import windows as ops


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(channels, height, width, generator=generator)


def windows_in_a_loop(height, width, window_height, window_width, stride):
    return [
        [x, y, x + window_width, y + window_height]
        for y in range(0, height, stride)
        for x in range(0, width, stride)
        if y + window_height <= height and x + window_width <= width
    ]


@pytest.mark.parametrize(
    "sizes",
    [(7, 11, 3, 4), (7, 11, 7, 11), (7, 11, 8, 4), (7, 11, 3, 12), (1, 1, 1, 1)],
    ids=["inside", "whole image", "too high", "too wide", "one pixel"],
)
@pytest.mark.parametrize("stride", [1, 2, 3, 20])
def test_windows_agree_with_the_loop(sizes: tuple[int, ...], stride: int) -> None:
    expected = windows_in_a_loop(*sizes, stride)
    grid = ops.window_grid(*sizes, stride=stride)
    assert ops.count_windows(*sizes, stride=stride) == len(expected)
    assert grid.tolist() == expected
    assert grid.shape == (len(expected), 4)
    assert grid.dtype == torch.float32


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (3, 2), (5, 7), (1, 9)])
def test_boxes_agree_with_enumeration(height: int, width: int) -> None:
    corners = itertools.product(range(height + 1), range(width + 1), repeat=2)
    boxes = [box for box in corners if box[0] < box[2] and box[1] < box[3]]
    assert ops.count_boxes(height, width) == len(boxes)
    sizes = itertools.product(range(1, height + 1), range(1, width + 1))
    windows = [ops.count_windows(height, width, *size) for size in sizes]
    assert ops.count_boxes(height, width) == sum(windows)


def test_boxes_of_an_800_by_600_image_are_58_billion() -> None:
    assert ops.count_boxes(600, 800) == 57_768_120_000


def test_pyramid_stops_at_the_last_level_that_holds_a_window() -> None:
    scales = ops.pyramid_scales(100, 60, window=25, factor=0.7)
    assert scales == pytest.approx([1, 0.7, 0.49])
    sizes = [
        tuple(level.shape) for level in ops.image_pyramid(random_image(100, 60), scales)
    ]
    assert sizes == [(3, 100, 60), (3, 70, 42), (3, 49, 29)]
    assert ops.pyramid_scales(100, 24, window=25, factor=0.7) == []
    assert ops.pyramid_scales(25, 25, window=25, factor=0.5) == [1]
    assert ops.pyramid_scales(4, 9, window=1, factor=0.5) == [1, 0.5, 0.25]


def test_pyramid_keeps_the_mean_and_the_first_level() -> None:
    image = random_image(64, 96)
    levels = ops.image_pyramid(image, [1, 0.5, 0.25])
    assert torch.equal(levels[0], image)
    for level in levels:
        torch.testing.assert_close(level.mean(), image.mean(), rtol=0, atol=0.01)
    assert ops.image_pyramid(image, []) == []


def test_pyramid_smooths_as_scikit_image_does() -> None:
    ramp = torch.linspace(0, 1, 64).expand(3, 48, 64)
    stripes = ramp + 0.5 * (torch.arange(64) % 2)
    ours = ops.image_pyramid(stripes, [0.25])[0]
    peer = list(pyramid_gaussian(stripes.numpy(), max_layer=2, channel_axis=0))[2]
    inner = (slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(
        ours[inner], torch.from_numpy(peer).float()[inner], rtol=0, atol=0.03
    )


def test_crops_are_the_pixels_of_the_box() -> None:
    image = random_image(9, 12)
    boxes = torch.tensor([[2.0, 1, 6, 6], [2.4, 0.6, 6.4, 6.4], [-3, 4, 4, 20]])
    crops = ops.crop_and_resize(image, boxes[:2], (5, 4))
    assert torch.equal(crops[0], image[:, 1:6, 2:6])
    assert torch.equal(crops[1], image[:, 1:6, 2:6])
    clipped = ops.crop_and_resize(image, boxes[2:], (5, 4))
    assert torch.equal(clipped[0], image[:, 4:9, 0:4])


def test_crops_are_resized_to_one_size() -> None:
    rows = torch.arange(8.0)[None, :, None].expand(3, 8, 8)
    crops = ops.crop_and_resize(rows, torch.tensor([[0.0, 0, 8, 8]]), (4, 2))
    assert crops.shape == (1, 3, 4, 2)
    torch.testing.assert_close(crops[0, 0, 1:3, 0], torch.tensor([2.5, 4.5]))
    assert ops.crop_and_resize(rows, torch.zeros(0, 4), (4, 2)).shape == (0, 3, 4, 2)


IMAGE = torch.zeros(3, 5, 6)
MISTAKES = {
    "stride": (lambda: ops.count_windows(5, 6, 2, 2, stride=0), "stride is 0"),
    "window": (lambda: ops.window_grid(5, 6, 2, -1, stride=1), "window_width is -1"),
    "image": (lambda: ops.count_boxes(0, 6), "height is 0"),
    "factor": (lambda: ops.pyramid_scales(5, 6, window=2, factor=1.25), "1.25"),
    "crop size": (
        lambda: ops.crop_and_resize(IMAGE, torch.ones(1, 4), (0, 2)),
        "crop_height is 0",
    ),
    "outside": (
        lambda: ops.crop_and_resize(IMAGE, torch.tensor([[7.0, 0, 9, 4]]), (2, 2)),
        "no pixel of the 5 x 6 image",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    call, words = MISTAKES[case]
    with pytest.raises(ValueError, match="expected") as caught:
        call()
    assert words in str(caught.value)
