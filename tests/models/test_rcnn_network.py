"""Warped crops against torch's own resizing, and the context around them."""

import pytest
import torch
import torch.nn.functional as F

from course_utils.models.rcnn.network import add_context, warp

GREY = torch.full((3,), 0.5)


def make_image(height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("crop_size", [8, 24, 40, 64])
def test_a_box_equal_to_the_image_gives_what_interpolate_gives(crop_size):
    image = make_image()
    (crop,) = warp(
        image, torch.tensor([[0.0, 0, 56, 40]]), crop_size=crop_size, fill=GREY
    )
    expected = F.interpolate(
        image[None], size=(crop_size, crop_size), mode="bilinear", antialias=True
    )[0]
    torch.testing.assert_close(crop, expected, atol=2e-6, rtol=0)


def test_a_box_of_the_crop_s_own_size_is_copied():
    image = make_image()
    (crop,) = warp(image, torch.tensor([[10.0, 4, 34, 28]]), crop_size=24, fill=GREY)
    torch.testing.assert_close(crop, image[:, 4:28, 10:34], atol=1e-6, rtol=0)


def test_the_shape_of_a_box_is_not_kept():
    ramp = torch.arange(56.0).expand(3, 40, 56) / 56
    crops = warp(
        ramp,
        torch.tensor([[8.0, 0, 40, 8], [8.0, 0, 40, 32]]),
        crop_size=16,
        fill=GREY,
    )
    torch.testing.assert_close(crops[0], crops[1], atol=1e-6, rtol=0)


def test_context_takes_so_many_pixels_of_the_crop_on_each_side():
    box = torch.tensor([[20.0, 10, 36, 26]])
    grown = add_context(box, crop_size=227, context=16)
    torch.testing.assert_close(
        (grown[:, 2:] - grown[:, :2]), torch.full((1, 2), 16 * 227 / 195)
    )
    torch.testing.assert_close(grown[:, :2] + grown[:, 2:], box[:, :2] + box[:, 2:])
    image = torch.zeros(3, 40, 56)
    image[:, 10:26, 20:36] = 1
    (crop,) = warp(image, box, crop_size=24, context=4, fill=GREY)
    torch.testing.assert_close(crop[:, 4:20, 4:20], torch.ones(3, 16, 16))
    assert crop[:, :3].max() == 0
    assert crop[:, :, 21:].max() == 0


def test_what_lies_outside_of_the_image_shows_the_fill():
    image = torch.ones(3, 40, 56)
    fill = torch.tensor([0.1, 0.2, 0.3])
    (crop,) = warp(image, torch.tensor([[-16.0, 0, 16, 32]]), crop_size=32, fill=fill)
    torch.testing.assert_close(crop[:, :, :16], fill[:, None, None].expand(3, 32, 16))
    torch.testing.assert_close(crop[:, :, 16:], torch.ones(3, 32, 16))


def test_no_box_gives_no_crop():
    crops = warp(make_image(), torch.zeros(0, 4), crop_size=24, context=3, fill=GREY)
    assert crops.shape == (0, 3, 24, 24)


@pytest.mark.parametrize("box", [[5.0, 5, 5, 9], [9.0, 5, 5, 9]])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(ValueError, match="has no area"):
        warp(make_image(), torch.tensor([box]), crop_size=24, fill=GREY)


def test_context_that_leaves_nothing_of_the_box_is_refused():
    with pytest.raises(ValueError, match="context is 12"):
        add_context(torch.zeros(1, 4), crop_size=24, context=12)
