"""Changed colours, against Python's own colorsys pixel by pixel."""

import colorsys

import pytest
import torch
from torch import Tensor

from course_utils.training.augment import photometric as colors


def random_images(count: int = 3) -> Tensor:
    images = torch.rand(count, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    images[0, :, 0, :4] = torch.tensor(
        [[0.0, 1, 0.5, 1], [0, 1, 0.5, 0], [0, 1, 0.5, 0]]
    )  # black, white, grey, red
    return images


def by_pixel(images: Tensor, change) -> Tensor:
    """`change(index of the image, h, s, v)` of every pixel, as RGB."""
    result = images.clone()
    for i, image in enumerate(images):
        for y in range(image.shape[1]):
            for x in range(image.shape[2]):
                hsv = colorsys.rgb_to_hsv(*image[:, y, x].tolist())
                rgb = colorsys.hsv_to_rgb(*change(i, *hsv))
                result[i, :, y, x] = torch.tensor(rgb)
    return result


def test_saturation_and_exposure_are_those_of_hsv():
    images, factor = random_images(), torch.tensor([0.0, 0.6, 1.7])
    expected = by_pixel(images, lambda i, h, s, v: (h, min(s * factor[i], 1), v))
    torch.testing.assert_close(colors.change_saturation(images, factor), expected)
    expected = by_pixel(images, lambda i, h, s, v: (h, s, v * factor[i])).clamp(0, 1)
    torch.testing.assert_close(colors.change_exposure(images, factor), expected)


def test_brightness_and_contrast_change_each_image_by_its_own_amount():
    images, amount = random_images(), torch.tensor([-0.2, 0.0, 0.3])
    brighter = colors.change_brightness(images, amount)
    contrast = colors.change_contrast(images, 1 + amount)
    for i, value in enumerate(amount.tolist()):
        assert torch.equal(brighter[i], (images[i] + value).clamp(0, 1))
        expected = ((images[i] - 0.5) * (1 + value) + 0.5).clamp(0, 1)
        torch.testing.assert_close(contrast[i], expected)


def test_a_third_of_a_turn_moves_the_channels_on():
    images = random_images()
    turned = colors.turn_hue(images, torch.tensor([120.0, -120.0, 360.0]))
    torch.testing.assert_close(turned[0], images[0].roll(1, dims=0))
    torch.testing.assert_close(turned[1], images[1].roll(-1, dims=0))
    torch.testing.assert_close(turned[2], images[2])


@pytest.mark.parametrize("degrees", [-36.0, 20.0])
def test_the_hue_of_hsv_turns_by_about_as_much(degrees: float):
    images = 0.3 + 0.4 * random_images()[1:]  # so that nothing has to be clipped
    turned = colors.turn_hue(images, torch.full((2,), degrees))
    for old, new in zip(
        images.permute(0, 2, 3, 1).reshape(-1, 3).tolist(),
        turned.permute(0, 2, 3, 1).reshape(-1, 3).tolist(),
        strict=True,
    ):
        change = 360 * (colorsys.rgb_to_hsv(*new)[0] - colorsys.rgb_to_hsv(*old)[0])
        assert abs((change - degrees + 180) % 360 - 180) < 3
        assert sum(new) == pytest.approx(sum(old), abs=1e-5)


def test_amounts_that_change_nothing_and_values_beyond_the_range():
    images, one = random_images(), torch.ones(3)
    for change in (
        colors.change_contrast,
        colors.change_exposure,
        colors.change_saturation,
    ):
        torch.testing.assert_close(change(images, one), images)
    torch.testing.assert_close(colors.turn_hue(images, 0 * one), images)
    assert torch.equal(colors.change_brightness(images, 0 * one), images)
    for change in (
        colors.change_brightness,
        colors.change_contrast,
        colors.change_exposure,
        colors.change_saturation,
    ):
        result = change(images, 9 * one)
        assert result.min() >= 0
        assert result.max() <= 1
