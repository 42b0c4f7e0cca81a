"""Images, grids of images, heat maps.

Pixel (0, 0) covers the square from (0, 0) to (1, 1), so that half-open boxes end on
the edges of pixels.
"""

from typing import TypedDict

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from course_utils.draw.figure import new_figure, show
from course_utils.draw.style import look


class Sides(TypedDict):
    """Inches of a figure."""

    width: float
    height: float


def as_picture(image: Tensor) -> NDArray[np.float32]:
    """The image as matplotlib wants it: (H, W, 3), or (H, W) if it is grey.

    Takes (3, H, W), (1, H, W) or (H, W) float in [0, 1]; raises ValueError otherwise.
    """
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(
            f"the image has shape {tuple(image.shape)}, but (3, H, W), (1, H, W) or "
            "(H, W) was expected: from a batch take one, images[0]"
        )
    if not image.is_floating_point():
        raise ValueError(
            f"the image is {image.dtype}, but float in [0, 1] was expected: "
            "for bytes write image.float() / 255"
        )
    values = image.detach().float().cpu()
    if values.numel() and not (values.min() >= -0.01 and values.max() <= 1.01):
        raise ValueError(
            f"the image has values from {values.min():.3g} to {values.max():.3g}, "
            "but [0, 1] was expected: undo the normalisation first"
        )
    picture: NDArray[np.float32] = values.clamp(0, 1).permute(1, 2, 0).numpy()
    return picture[..., 0] if picture.shape[-1] == 1 else picture


def fit(image: Tensor, *, largest: float = 5.0) -> Sides:
    """Width and height in inches for a figure of this (..., H, W) image."""
    height, width = image.shape[-2:]
    scale = largest / max(height, width, 1)
    return {"width": max(width * scale, 1.0), "height": max(height * scale, 1.0)}


def frame(ax: Axes, height: int, width: int) -> None:
    """Set limits to the image's edges, equal aspect, no grid and few ticks."""
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    ax.grid(visible=False)
    ax.locator_params(nbins=5)
    ax.tick_params(labelsize=8, length=2)


def draw_image(ax: Axes, image: Tensor, *, title: str = "", ticks: bool = True) -> None:
    """Draw a (3, H, W), (1, H, W) or (H, W) float image in [0, 1]."""
    picture = as_picture(image)
    height, width = picture.shape[:2]
    ax.imshow(picture, extent=(0, width, height, 0), cmap="gray", vmin=0, vmax=1)
    frame(ax, height, width)
    if not ticks:
        ax.set(xticks=[], yticks=[])
    ax.set_title(title)


def draw_heat_map(
    ax: Axes,
    values: Tensor,
    *,
    image: Tensor | None = None,
    name: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    colors: str = "viridis",
    title: str = "",
) -> None:
    """Draw (H, W) values in colours with a colour bar called `name`.

    With an `image`, the values are stretched over it and half transparent.
    """
    if values.ndim != 2:
        raise ValueError(
            f"a heat map needs (H, W) values, not {tuple(values.shape)}: choose one "
            "channel"
        )
    height, width = values.shape if image is None else image.shape[-2:]
    if image is not None:
        draw_image(ax, image)
    colored = ax.imshow(
        values.detach().float().cpu().numpy(),
        extent=(0, width, height, 0),
        cmap=colors,
        vmin=minimum,
        vmax=maximum,
        alpha=1.0 if image is None else 0.6,
        interpolation="nearest",
    )
    frame(ax, height, width)
    ax.set_title(title)
    # Axes beside these ones, so that the bar is as high as the picture.
    beside = ax.inset_axes((1.03, 0, 0.05, 1))
    bar = ax.get_figure(root=True).colorbar(colored, cax=beside, label=name)  # type: ignore[union-attr]
    bar.ax.grid(visible=False)


def show_heat_map(
    values: Tensor,
    *,
    alt: str,
    caption: str = "",
    image: Tensor | None = None,
    name: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    colors: str = "viridis",
) -> None:
    """Show (H, W) values in colours, over an image if one is given."""
    size = fit(values if image is None else image)
    fig, (ax,) = new_figure(width=size["width"] + 0.8, height=size["height"])
    with look():
        draw_heat_map(
            ax,
            values,
            image=image,
            name=name,
            minimum=minimum,
            maximum=maximum,
            colors=colors,
        )
    show(fig, alt=alt, caption=caption)
