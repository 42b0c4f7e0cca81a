"""Colour spaces in which selective search looks at an image, all scaled to [0, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.ops.validators import check_choice

# sRGB to XYZ under daylight (D65), and the XYZ of its white: IEC 61966-2-1.
XYZ_OF_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE_XYZ = (0.95047, 1.0, 1.08883)


def rgb_to_hsv(image: Tensor) -> Tensor:
    """Hue, saturation, value: (3, H, W) RGB in [0, 1] -> (3, H, W) in [0, 1].

    Hue goes round from red at 0 over green at 1/3 and blue at 2/3 to red again; a grey
    pixel has hue 0, and a black one saturation 0.
    """
    red, green, blue = image
    value = image.amax(dim=0)
    spread = value - image.amin(dim=0)
    divisor = spread.where(spread > 0, 1)
    hue = torch.where(
        value == red,
        (green - blue) / divisor % 6,
        torch.where(
            value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4
        ),
    )
    saturation = spread / value.where(value > 0, 1)
    return torch.stack([hue / 6 * (spread > 0), saturation, value])


def rgb_to_lab(image: Tensor) -> Tensor:
    """CIE Lab, where equal steps look equally large: (3, H, W) RGB in [0, 1] -> same.

    L runs from 0 to 100 and is divided by 100; a and b are written as (a + 128) / 255,
    so that grey is near 0.5.
    """
    linear = torch.where(
        image > 0.04045, ((image.clamp(min=0) + 0.055) / 1.055) ** 2.4, image / 12.92
    )
    xyz = torch.einsum("ij,jhw->ihw", image.new_tensor(XYZ_OF_RGB), linear)
    xyz = xyz / image.new_tensor(WHITE_XYZ)[:, None, None]
    bent = torch.where(
        xyz > 0.008856, xyz.clamp(min=0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116
    )
    x, y, z = bent
    lab = torch.stack([1.16 * y - 0.16, 500 * (x - y), 200 * (y - z)])
    lab[1:] = (lab[1:] + 128) / 255
    return lab


def rgb_to_rgi(image: Tensor) -> Tensor:
    """Shares of red and green, and intensity: (3, H, W) RGB in [0, 1] -> (3, H, W).

    The shares do not change with the light's strength; black has shares of 1/3.
    """
    total = image.sum(dim=0)
    shares = image[:2] / total.where(total > 0, 1)
    shares = shares.where(total > 0, 1 / 3)
    return torch.cat([shares, total[None] / 3])


def rgb_to_hue(image: Tensor) -> Tensor:
    """The hue alone: (3, H, W) RGB in [0, 1] -> (1, H, W)."""
    return rgb_to_hsv(image)[:1]


def rgb_to_intensity(image: Tensor) -> Tensor:
    """The mean of red, green and blue: (3, H, W) RGB in [0, 1] -> (1, H, W)."""
    return image.mean(dim=0, keepdim=True)


COLOR_SPACES: dict[str, Callable[[Tensor], Tensor]] = {
    "hsv": rgb_to_hsv,
    "lab": rgb_to_lab,
    "rgi": rgb_to_rgi,
    "hue": rgb_to_hue,
    "intensity": rgb_to_intensity,
}


def convert_colors(image: Tensor, space: str) -> Tensor:
    """An image (3, H, W) RGB in [0, 1] in a space of COLOR_SPACES: (C, H, W).

    Raises ValueError for a space that is not among them.
    """
    check_choice("space", space, COLOR_SPACES)
    return COLOR_SPACES[space](image)
