"""Gaussian smoothing, and slopes of a smoothed image."""

import torch
from torch import Tensor

from course_utils.ops.validators import check_above_zero

REACH = 4.0  # a kernel ends this many standard deviations from its centre


def gaussian_kernel(sigma: float) -> Tensor:
    """Weights (2R + 1,) float64 of a Gaussian with standard deviation `sigma`; sum 1.

    Raises ValueError unless `sigma` is positive.
    """
    check_above_zero(sigma=sigma)
    radius = int(REACH * sigma + 0.5)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    return kernel / kernel.sum()


def slope_kernel(sigma: float) -> Tensor:
    """Weights (2R + 1,) float64 that answer how steeply a smoothed line rises."""
    kernel = gaussian_kernel(sigma)
    radius = len(kernel) // 2
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    return kernel * x / sigma**2


def filter_axis(image: Tensor, kernel: Tensor, *, dim: int) -> Tensor:
    """Each value's surroundings along one axis, weighted by an odd kernel and summed.

    (..., H, W) -> the same shape. At its ends the image is continued as in a mirror
    behind its last pixel, so that even one pixel has surroundings.
    """
    size, radius = image.shape[dim], len(kernel) // 2
    places = torch.arange(-radius, size + radius, device=image.device) % (2 * size)
    places = torch.minimum(places, 2 * size - 1 - places)
    padded = image.index_select(dim, places)
    result = torch.zeros_like(image)
    for start, weight in enumerate(kernel.tolist()):
        result += weight * padded.narrow(dim, start, size)
    return result


def gaussian_blur(image: Tensor, *, sigma: float) -> Tensor:
    """The smoothed image: (..., H, W) float -> the same shape. `sigma` 0 leaves it."""
    if sigma == 0:
        return image
    kernel = gaussian_kernel(sigma)
    return filter_axis(filter_axis(image, kernel, dim=-1), kernel, dim=-2)


def gaussian_slopes(image: Tensor, *, sigma: float) -> tuple[Tensor, Tensor]:
    """How steeply the smoothed image rises to the right, and how steeply downwards.

    (..., H, W) float -> two of the same shape, in intensity per pixel.
    """
    smooth, slope = gaussian_kernel(sigma), slope_kernel(sigma)
    right = filter_axis(filter_axis(image, slope, dim=-1), smooth, dim=-2)
    down = filter_axis(filter_axis(image, smooth, dim=-1), slope, dim=-2)
    return right, down
