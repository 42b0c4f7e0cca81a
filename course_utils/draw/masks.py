"""Masks of things over an image, and maps of classes."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.draw.box_names import write_names
from course_utils.draw.boxes import box_names, check_sizes
from course_utils.draw.figure import new_figure, show
from course_utils.draw.images import draw_image, fit, frame
from course_utils.draw.style import OKABE_ITO, look, mark


def draw_masks(
    ax: Axes,
    masks: Tensor,
    *,
    labels: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    opacity: float = 0.45,
) -> None:
    """Lay (N, H, W) bool masks over the axes: filled, outlined and named.

    Each mask has its own colour and line style; `labels` (N,) give the names.
    """
    if masks.ndim != 3:
        raise ValueError(
            f"masks have shape {tuple(masks.shape)}, but (N, H, W) was expected: "
            "write one mask as mask[None]"
        )
    solid = masks.detach().cpu().bool()
    boxes = mask_boxes(solid)
    check_sizes(boxes, labels=labels)
    marks = [mark(i) for i in range(len(solid))]
    for one, (color, style) in zip(solid.numpy(), marks, strict=True):
        fill_mask(ax, one, color, style, opacity)
    names = box_names(len(solid), labels, None, class_names)
    seen = [name if one.any() else "" for name, one in zip(names, solid, strict=True)]
    write_names(ax, boxes, seen, [color for color, _ in marks])


def mask_boxes(masks: Tensor) -> Tensor:
    """The tight half-open box of each mask: (N, H, W) -> (N, 4), zeros if empty."""
    boxes = torch.zeros(len(masks), 4)
    for i, one in enumerate(masks):
        rows, columns = one.any(1).nonzero(), one.any(0).nonzero()
        if len(rows):
            ends = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            boxes[i] = torch.cat(ends)
    return boxes


def fill_mask(
    ax: Axes, one: NDArray[np.bool_], color: str, style: str, opacity: float
) -> None:
    """Fill and outline one (H, W) mask; an empty one leaves nothing."""
    if not one.any():
        return
    height, width = one.shape
    fill = np.zeros((height, width, 4), dtype=np.float32)
    fill[one] = (*to_rgb(color), opacity)
    ax.imshow(fill, extent=(0, width, height, 0), interpolation="nearest")
    # A rim of zeros closes the outline of a mask that touches the image's edge.
    rim = np.pad(one, 1).astype(np.float32)
    x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
    ax.contour(x, y, rim, [0.5], colors=[color], linestyles=[style], linewidths=1.8)
    frame(ax, height, width)


def show_masks(
    image: Tensor,
    masks: Tensor,
    *,
    alt: str,
    caption: str = "",
    labels: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "",
    size: float = 5.0,
) -> None:
    """Show a (3, H, W) image with (N, H, W) bool masks laid over it."""
    fig, (ax,) = new_figure(**fit(image, largest=size))
    with look():
        draw_image(ax, image, title=title)
        draw_masks(ax, masks, labels=labels, class_names=class_names)
    show(fig, alt=alt, caption=caption)


def draw_class_map(
    ax: Axes,
    class_map: Tensor,
    *,
    class_names: Sequence[str] | None = None,
    title: str = "",
) -> None:
    """Draw an (H, W) int64 map of classes, with a key of the classes that occur."""
    if class_map.ndim != 2 or class_map.is_floating_point():
        raise ValueError(
            f"the class map is {class_map.dtype} of shape {tuple(class_map.shape)}, "
            "but (H, W) integers were expected: of scores take argmax over classes"
        )
    values, found = class_map.detach().cpu().numpy(), torch.unique(class_map).tolist()
    places = np.searchsorted(found, values)  # the n-th class that occurs
    colors = [class_color(label) for label in found]
    norm = BoundaryNorm(np.arange(len(found) + 1) - 0.5, len(found))
    height, width = values.shape
    ax.imshow(
        places,
        extent=(0, width, height, 0),
        cmap=ListedColormap(colors),
        norm=norm,
        interpolation="nearest",
    )
    frame(ax, height, width)
    ax.set_title(title)
    names = box_names(len(found), torch.tensor(found), None, class_names)
    keys = [
        Patch(facecolor=color, edgecolor="black", label=name)
        for color, name in zip(colors, names, strict=True)
    ]
    ax.legend(handles=keys, loc="upper left", bbox_to_anchor=(1.01, 1.0))


def class_color(label: int) -> tuple[float, float, float]:
    """Light grey for class 0, then the eight colours, then paler turns of them."""
    if label == 0:
        return 0.9, 0.9, 0.9
    turn, place = divmod(label - 1, len(OKABE_ITO))
    red, green, blue = to_rgb(OKABE_ITO[place])
    fade = 0.6**turn
    return 1 - fade * (1 - red), 1 - fade * (1 - green), 1 - fade * (1 - blue)


def show_class_map(
    class_map: Tensor,
    *,
    alt: str,
    caption: str = "",
    class_names: Sequence[str] | None = None,
    title: str = "",
    size: float = 4.0,
) -> None:
    """Show an (H, W) int64 map of classes with a key."""
    sides = fit(class_map, largest=size)
    fig, (ax,) = new_figure(width=sides["width"] + 1.5, height=sides["height"])
    with look():
        draw_class_map(ax, class_map, class_names=class_names, title=title)
    show(fig, alt=alt, caption=caption)
