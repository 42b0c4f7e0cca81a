"""The augmentations of the YOLO and SSD papers, each put together from its parts.

To change a setting, use `functools.partial`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.model import Target
from course_utils.training.augment.flips import flip_half
from course_utils.training.augment.patches import (
    OVERLAPS,
    Batch,
    sample_patches,
    see_through,
    shift_sides,
    uniform,
    whole_images,
    zoom_out,
)
from course_utils.training.augment.photometric import (
    change_exposure,
    change_saturation,
    distort_colors,
)


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
        targets: one per image.
        generator: of all chances.
        most_zoom: how much larger than the image what is seen may be.
        overlaps: minimum IoU of a patch with some object; see `sample_patches`.
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
        targets: one per image.
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
