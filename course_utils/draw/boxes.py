"""Boxes over an image, with names and scores."""

from collections.abc import Mapping, Sequence

from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from course_utils.draw.box_names import is_inside, limits, write_names
from course_utils.draw.figure import new_figure, show
from course_utils.draw.images import draw_image, fit
from course_utils.draw.style import look, mark

PerSet = Tensor | Mapping[str, Tensor] | None


def draw_boxes(
    ax: Axes,
    boxes: Tensor,
    *,
    labels: Tensor | None = None,
    scores: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    index: int | None = None,
    linewidth: float = 2.0,
) -> None:
    """Draw boxes, each with its class and score where these are given.

    Args:
        ax: axes on which `draw_image` has drawn.
        boxes: (N, 4) float xyxy half-open pixels.
        labels: (N,) int64; colour and line style follow the label.
        scores: (N,) written as hundredths.
        class_names: name of each label, with index 0 for the background.
        index: which colour and line style all the boxes get, whatever their labels.
        linewidth: in points.
    """
    check_sizes(boxes, labels=labels, scores=scores)
    boxes = boxes.detach().cpu()
    marks = [mark(i) for i in mark_indices(len(boxes), labels, index)]
    for (x1, y1, x2, y2), (color, style) in zip(boxes.tolist(), marks, strict=True):
        outline = Rectangle(
            (x1, y1),
            x2 - x1,
            y2 - y1,
            fill=False,
            edgecolor=color,
            linestyle=style,
            linewidth=linewidth,
            clip_on=not is_inside((x1, y1, x2, y2), limits(ax)),
        )
        # A pale seam keeps the line visible on any picture.
        seam = patheffects.withStroke(linewidth=linewidth + 1.5, foreground="white")
        outline.set_path_effects([seam])
        ax.add_patch(outline)
    names = box_names(len(boxes), labels, scores, class_names)
    write_names(ax, boxes, names, [color for color, _ in marks])


def check_sizes(boxes: Tensor, **columns: Tensor | None) -> None:
    """Raise ValueError unless boxes are (N, 4) and every column has N values."""
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"boxes have shape {tuple(boxes.shape)}, but (N, 4) was expected: "
            "write one box as [[x1, y1, x2, y2]]"
        )
    for name, column in columns.items():
        if column is not None and column.shape != (len(boxes),):
            raise ValueError(
                f"{name} has shape {tuple(column.shape)}, but there are {len(boxes)} "
                "boxes: give one value a box"
            )


def mark_indices(count: int, labels: Tensor | None, index: int | None) -> list[int]:
    """Which colour and line style each box has."""
    if index is not None or labels is None:
        return [index or 0] * count
    return [max(label - 1, 0) for label in labels.tolist()]


def box_names(
    count: int,
    labels: Tensor | None,
    scores: Tensor | None,
    class_names: Sequence[str] | None,
) -> list[str]:
    """What is written at each box, such as "cube 0.93"; empty if nothing is known."""
    names = [""] * count
    if labels is not None:
        known = class_names or []
        places = range(len(known))
        names = [known[i] if i in places else str(i) for i in labels.tolist()]
    if scores is not None:
        pairs = zip(names, scores.tolist(), strict=True)
        names = [f"{name} {score:.2f}".strip() for name, score in pairs]
    return names


def draw_target(
    ax: Axes,
    target: Mapping[str, Tensor],
    *,
    class_names: Sequence[str] | None = None,
    index: int | None = None,
) -> None:
    """Draw the boxes of a target or a prediction with its labels and scores."""
    draw_boxes(
        ax,
        target["boxes"],
        labels=target.get("labels"),
        scores=target.get("scores"),
        class_names=class_names,
        index=index,
    )


def draw_box_sets(
    ax: Axes,
    sets: Mapping[str, Tensor],
    *,
    labels: PerSet = None,
    scores: PerSet = None,
    class_names: Sequence[str] | None = None,
) -> None:
    """Draw named sets of boxes, a colour and line style each, with a key below."""
    for index, (name, boxes) in enumerate(sets.items()):
        draw_boxes(
            ax,
            boxes,
            labels=one_set(labels, name),
            scores=one_set(scores, name),
            class_names=class_names,
            index=index,
        )
    keys = [
        Line2D([], [], color=c, linestyle=s) for c, s in map(mark, range(len(sets)))
    ]
    ax.legend(
        keys,
        list(sets),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.06),
        ncols=min(len(sets), 4),
        handlelength=3,
    )


def one_set(column: PerSet, name: str) -> Tensor | None:
    """The labels or scores of the set with this name, if it has any.

    Raises ValueError for a tensor: nobody knows which set it belongs to.
    """
    if isinstance(column, Tensor):
        raise ValueError(
            f"boxes are by name, but labels or scores are one tensor of "
            f"{tuple(column.shape)}: name these too, such as {{{name!r}: labels}}"
        )
    return None if column is None else column.get(name)


def show_boxes(
    image: Tensor,
    boxes: Tensor | Mapping[str, Tensor],
    *,
    alt: str,
    caption: str = "",
    labels: PerSet = None,
    scores: PerSet = None,
    class_names: Sequence[str] | None = None,
    title: str = "",
    size: float = 5.0,
) -> None:
    """Show an image with boxes.

    Args:
        image: (3, H, W) float RGB in [0, 1].
        boxes: (N, 4) float xyxy half-open pixels, or such boxes by name, such as
            `{"truth": ..., "guesses": ...}`: then each set has its colour and a key.
        alt: what the figure shows, for those who cannot see it.
        caption: a sentence below the figure.
        labels: (N,) int64, or by name like the boxes.
        scores: (N,), or by name like the boxes.
        class_names: name of each label, with index 0 for the background.
        title: a line above the image.
        size: inches of the longer side.
    """
    fig, (ax,) = new_figure(**fit(image, largest=size))
    with look():
        draw_image(ax, image, title=title)
        if isinstance(boxes, Mapping):
            draw_box_sets(
                ax, boxes, labels=labels, scores=scores, class_names=class_names
            )
        else:
            if isinstance(labels, Mapping) or isinstance(scores, Mapping):
                raise ValueError(
                    "labels or scores are by name, but boxes are not: name the boxes "
                    'too, such as {"truth": boxes}'
                )
            draw_boxes(ax, boxes, labels=labels, scores=scores, class_names=class_names)
    show(fig, alt=alt, caption=caption)
