"""Gaussian filters against SciPy's, and colour spaces against scikit-image's."""

import pytest
import torch
from scipy import ndimage
from skimage import color

from course_utils.ops.selective_search import smoothing
from course_utils.ops.selective_search.color_spaces import COLOR_SPACES, convert_colors

SIZES = [(9, 14), (2, 3), (1, 1), (1, 20)]


def random_image(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(3, height, width, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sigma", [0.5, 0.8, 2.0])
def test_smoothing_agrees_with_scipy(size: tuple[int, int], sigma: float) -> None:
    image = random_image(*size)
    expected = ndimage.gaussian_filter(image.numpy(), (0, sigma, sigma))
    ours = smoothing.gaussian_blur(image, sigma=sigma)
    torch.testing.assert_close(ours, torch.from_numpy(expected))


@pytest.mark.parametrize("size", SIZES)
def test_slopes_agree_with_scipy(size: tuple[int, int]) -> None:
    image = random_image(*size)
    slopes = smoothing.gaussian_slopes(image, sigma=1.0)
    for ours, order in zip(slopes, [(0, 0, 1), (0, 1, 0)], strict=True):
        peer = ndimage.gaussian_filter(image.numpy(), (0, 1, 1), order=order)
        torch.testing.assert_close(ours, torch.from_numpy(peer))


def test_a_ramp_has_the_slope_it_was_made_with() -> None:
    ramp = 0.25 * torch.arange(20.0).expand(1, 20, 20)
    right, down = smoothing.gaussian_slopes(ramp, sigma=1.0)
    torch.testing.assert_close(
        right[0, :, 5:15], torch.full((20, 10), 0.25), atol=1e-3, rtol=0
    )
    assert down.abs().max() < 1e-5


def test_sigma_0_leaves_the_image_and_others_must_be_positive() -> None:
    image = random_image(4, 5)
    assert torch.equal(smoothing.gaussian_blur(image, sigma=0), image)
    with pytest.raises(ValueError, match="sigma is -1"):
        smoothing.gaussian_blur(image, sigma=-1)


def colours() -> torch.Tensor:
    """Random colours, and the corners of the cube with the greys between them."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.02, 0.5, 1.0])] * 3).T
    return torch.cat([corners.double(), random_image(1, 500)[:, 0]], dim=1)[:, None]


def test_hsv_agrees_with_scikit_image() -> None:
    image = colours()
    peer = color.rgb2hsv(image.permute(1, 2, 0).numpy())
    ours = convert_colors(image, "hsv").permute(1, 2, 0)
    torch.testing.assert_close(ours, torch.from_numpy(peer))


def test_lab_agrees_with_scikit_image() -> None:
    image = colours()
    peer = torch.from_numpy(color.rgb2lab(image.permute(1, 2, 0).numpy()))
    lab = convert_colors(image, "lab")
    ours = torch.stack([lab[0] * 100, lab[1] * 255 - 128, lab[2] * 255 - 128], dim=-1)
    torch.testing.assert_close(ours, peer, atol=0.02, rtol=0)  # of steps up to 100


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_colours_stay_within_0_and_1(space: str) -> None:
    converted = convert_colors(colours().float(), space)
    assert converted.isfinite().all()
    assert converted.min() >= 0
    assert converted.max() <= 1 + 1e-6


def test_shares_of_colour_do_not_change_with_the_light() -> None:
    image = random_image(5, 6)
    bright, dark = convert_colors(image, "rgi"), convert_colors(image / 4, "rgi")
    torch.testing.assert_close(bright[:2], dark[:2])
    torch.testing.assert_close(bright[2], dark[2] * 4)


def test_an_unknown_space_is_named() -> None:
    with pytest.raises(ValueError, match="space is 'cmyk'"):
        convert_colors(random_image(2, 2), "cmyk")
