"""Photometric changes of images: what a lamp, a camera or the weather would do.

Images are float (B, 3, H, W) RGB in [0, 1], and so is what comes back. Each image has a
factor or an angle of its own, (B,). Only what was just made is changed in place.
"""

import math

import torch
from torch import Tensor

from course_utils.training.augment.patches import uniform


def per_image(values: Tensor) -> Tensor:
    """(B,) values as (B, 1, 1, 1): one for all numbers of an image."""
    return values[:, None, None, None]


def change_brightness(images: Tensor, change: Tensor) -> Tensor:
    """The images with a value added to every number."""
    return (images + per_image(change)).clamp_(0, 1)


def change_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """The images with their distance from mid grey multiplied; 1 changes nothing."""
    return (images - 0.5).mul_(per_image(factor)).add_(0.5).clamp_(0, 1)


def change_exposure(images: Tensor, factor: Tensor) -> Tensor:
    """The images with the value of HSV, the largest of R, G, B, multiplied."""
    return (images * per_image(factor)).clamp_(0, 1)


def change_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """The images with the saturation of HSV multiplied, and hue and value kept."""
    value = images.amax(dim=1, keepdim=True)  # (B, 1, H, W)
    spread = value - images.amin(dim=1, keepdim=True)  # the saturation times the value
    most = value / spread.clamp(min=1e-6)  # then it is 1: one of R, G, B is 0
    return torch.lerp(value, images, torch.minimum(per_image(factor), most)).clamp_(
        min=0
    )


def turn_hue(images: Tensor, degrees: Tensor) -> Tensor:
    """The images with all colours turned about the axis of greys.

    A turn by 120 degrees makes red green, green blue, and blue red. It is one product
    with a matrix and keeps the sum of R, G and B, where a turn of HSV's hue keeps the
    largest of them.
    """
    third, angle = 1 / 3, degrees * (math.pi / 180)
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    ones, eye = images.new_ones(3, 3), torch.eye(3).to(images)
    # Rodrigues' formula for the axis (1, 1, 1) / sqrt(3).
    cross = images.new_tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = cosine * eye + sine * cross + (1 - cosine) * third * ones  # (B, 3, 3)
    return (turn @ images.flatten(2)).view_as(images).clamp_(0, 1)


def distort_colors(images: Tensor, generator: torch.Generator) -> Tensor:
    """SSD's photometric distortion: brightness, contrast, saturation and hue.

    Each is changed in half of the images, by the amounts of the released code. That
    changes contrast about black and the hue of HSV, this about mid grey and about the
    axis of greys.
    """

    def amounts(usual: float, most: float) -> Tensor:
        chance, place = uniform(generator, 2, len(images))
        changes: Tensor = (chance < 0.5) * most * (2 * place - 1)
        return usual + changes

    images = change_brightness(images, amounts(0.0, 32 / 255))
    images = change_contrast(images, amounts(1.0, 0.5))
    images = change_saturation(images, amounts(1.0, 0.5))
    return turn_hue(images, amounts(0.0, 36.0))
