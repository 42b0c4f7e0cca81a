"""The augmentations of the YOLO and SSD papers: an image is never seen twice alike.

Each is an `augment` of `train`: (B, 3, H, W) images and their targets with `boxes`
(N, 4) xyxy and `labels` (N,) -> as many of each. To change a setting, use
`functools.partial`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.model import Target
from course_utils.ops.colors import (
    change_brightness,
    change_contrast,
    change_exposure,
    change_saturation,
    turn_hue,
)
from course_utils.training.flips import flip_half
from course_utils.training.patches import (
    OVERLAPS,
    look_through,
    sample_patches,
    shift_sides,
    targets_through,
    uniform,
    whole_images,
    zoom_out,
)

Batch = tuple[Tensor, list[Target]]


def see_through(images: Tensor, targets: Sequence[Target], windows: Tensor) -> Batch:
    """What windows (B, 4) show of the images, and of their objects."""
    height, width = images.shape[-2:]
    return (
        look_through(images.as_subclass(Tensor), windows),
        targets_through(targets, windows, height, width),
    )


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


def augment_ssd(
    images: Tensor,
    targets: list[Target],
    generator: torch.Generator,
    *,
    most_zoom: float = 4.0,
    overlaps: Sequence[float] = OVERLAPS,
) -> Batch:
    """SSD's: flips, colours, expansion in half of the images, and patches.

    Args:
        images: (B, 3, H, W) float RGB in [0, 1].
        targets: one an image.
        generator: of all chances.
        most_zoom: how much larger than the image what is seen may be.
        overlaps: least IoU of a patch with some object; see `sample_patch`.
    """
    images, targets = flip_half(images, targets, generator)
    images = distort_colors(images, generator)
    whole = whole_images(images)
    wide = zoom_out(whole, generator, most=most_zoom)
    is_wide = uniform(generator, len(images), 1) < 0.5
    boxes = [target["boxes"].as_subclass(Tensor) for target in targets]
    windows = sample_patches(
        boxes, wide.where(is_wide, whole), generator, overlaps=overlaps
    )
    return see_through(images, targets, windows)


def augment_yolo(
    images: Tensor,
    targets: list[Target],
    generator: torch.Generator,
    *,
    most_shift: float = 0.2,
    most_factor: float = 1.5,
) -> Batch:
    """YOLO's: flips, sides moved by up to a fifth, exposure and saturation up to 1.5.

    Args:
        images: (B, 3, H, W) float RGB in [0, 1].
        targets: one an image.
        generator: of all chances.
        most_shift: how far each side may move, in sides of the image.
        most_factor: exposure and saturation are multiplied or divided by up to this.
    """
    images, targets = flip_half(images, targets, generator)
    for change in (change_exposure, change_saturation):
        power = 2 * uniform(generator, len(images)) - 1
        images = change(images, most_factor**power)
    windows = shift_sides(whole_images(images), generator, most=most_shift)
    return see_through(images, targets, windows)
