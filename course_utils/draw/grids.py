"""Grids of images."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from course_utils.draw.boxes import draw_target
from course_utils.draw.figure import new_figure, show
from course_utils.draw.images import draw_image
from course_utils.draw.style import look


def show_images(
    images: Sequence[Tensor] | Tensor,
    *,
    alt: str,
    caption: str = "",
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    targets: Sequence[Mapping[str, Tensor]] | None = None,
    class_names: Sequence[str] | None = None,
    width: float = 9.0,
) -> None:
    """Show images in a grid, each with its title and the boxes of its target.

    Args:
        images: (B, C, H, W), or a list of (C, H, W) whose sizes may differ.
        alt: what the figure shows, for those who cannot see it.
        caption: a sentence below the figure.
        titles: one an image.
        columns: images a row; at most six, and all in one row if that is enough.
        targets: one dict an image with `boxes`, and `labels`, `scores` if it has them.
        class_names: name of each label, with index 0 for the background.
        width: inches of the whole figure.
    """
    if len(images) == 0:
        raise ValueError("there are 0 images, but a grid needs at least one")
    for name, column in {"titles": titles, "targets": targets}.items():
        if column is not None and len(column) < len(images):
            raise ValueError(
                f"there are {len(column)} {name} for {len(images)} images, but one "
                "for each was expected"
            )
    columns = columns or min(len(images), 6)
    rows = math.ceil(len(images) / columns)
    tallest = max(image.shape[-2] / image.shape[-1] for image in images)
    side = min(width / columns, 3.0)
    height = rows * (side * tallest + (0.25 if titles else 0.05))
    fig, axes = new_figure(rows, columns, width=side * columns, height=height)
    with look():
        for i, (ax, image) in enumerate(zip(axes, images, strict=False)):
            draw_image(ax, image, title=titles[i] if titles else "", ticks=False)
            if targets is not None:
                draw_target(ax, targets[i], class_names=class_names)
    for ax in axes[len(images) :]:
        ax.set_axis_off()
    show(fig, alt=alt, caption=caption)
