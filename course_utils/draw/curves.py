"""Curves: losses over steps, precision over recall."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from course_utils.draw.figure import new_figure, show
from course_utils.draw.style import look, mark

Values = Tensor | Sequence[float] | NDArray[np.floating]
Points = tuple[Values, Values]


def as_array(values: Values) -> NDArray[np.float64]:
    """(N,) numbers, wherever they come from."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def as_points(
    curve: Values | Points,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of a curve; x counts from 0 where only y is given."""
    if (
        isinstance(curve, tuple)
        and len(curve) == 2
        and not isinstance(curve[0], int | float)
    ):
        x, y = as_array(curve[0]), as_array(curve[1])
    else:
        y = as_array(curve)
        x = np.arange(len(y), dtype=np.float64)
    if x.shape != y.shape or y.ndim != 1:
        raise ValueError(
            f"a curve has x of shape {x.shape} and y of shape {y.shape}: "
            "give (N,) values, or a pair of as many x and y"
        )
    return x, y


def draw_curves(
    ax: Axes,
    curves: Mapping[str, Values | Points],
    *,
    x_label: str = "step",
    y_label: str = "",
    is_log: bool = False,
    title: str = "",
    is_legend_beside: bool = False,
) -> None:
    """Draw a line by name, each in its colour and line style.

    A curve is (N,) values over 0, 1, 2, ..., or a pair (x, y) of (N,) values each.
    Where curves leave no corner free, the legend belongs beside them.
    """
    for index, (name, curve) in enumerate(curves.items()):
        color, style = mark(index)
        marker = "o" if len(as_points(curve)[1]) == 1 else None
        ax.plot(
            *as_points(curve), color=color, linestyle=style, marker=marker, label=name
        )
    if is_log:
        ax.set_yscale("log")
    ax.set(xlabel=x_label, ylabel=y_label, title=title)
    if curves and is_legend_beside:
        ax.legend(handlelength=3, loc="upper left", bbox_to_anchor=(1, 1))
    elif curves:
        ax.legend(handlelength=3)


def draw_precision_recall(
    ax: Axes, curves: Mapping[str, Points], *, title: str = ""
) -> None:
    """Draw precision over recall by name; each curve is (recall, precision)."""
    draw_curves(ax, curves, x_label="recall", y_label="precision", title=title)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.05))
    if curves:
        ax.legend(loc="lower left", handlelength=3)


def show_curves(
    curves: Mapping[str, Values | Points],
    *,
    alt: str,
    caption: str = "",
    x_label: str = "step",
    y_label: str = "",
    is_log: bool = False,
    title: str = "",
    is_legend_beside: bool = False,
    width: float = 6.0,
    height: float = 3.6,
) -> None:
    """Show a line by name: (N,) values over 0, 1, 2, ..., or a pair (x, y).

    The figure has `width` by `height` inches; `draw_curves` explains the rest.
    """
    fig, (ax,) = new_figure(width=width, height=height)
    with look():
        draw_curves(
            ax,
            curves,
            x_label=x_label,
            y_label=y_label,
            is_log=is_log,
            title=title,
            is_legend_beside=is_legend_beside,
        )
    show(fig, alt=alt, caption=caption)


class Curves(Protocol):
    """What a training run returns: its losses by name."""

    def curves(self, *, smooth: int) -> Mapping[str, Sequence[float]]:
        """The values of each loss by name, each the mean of the last `smooth` steps."""
        ...


def show_losses(
    history: Curves, *, alt: str, caption: str = "", smooth: int = 20
) -> None:
    """Show every loss of a training run over its steps, on a logarithmic axis.

    Each value is the mean of the last `smooth` steps. Their sum, "total", is left out.
    """
    losses = dict(history.curves(smooth=smooth))
    losses.pop("total", None)
    show_curves(
        losses,
        alt=alt,
        caption=caption,
        y_label=f"loss, mean of {smooth} steps",
        is_log=True,
        is_legend_beside=True,
        height=2.4,
    )


def show_precision_recall(
    curves: Mapping[str, Points], *, alt: str, caption: str = "", title: str = ""
) -> None:
    """Show precision over recall by name; each curve is (recall, precision)."""
    fig, (ax,) = new_figure(width=4.6, height=3.6)
    with look():
        draw_precision_recall(ax, curves, title=title)
    show(fig, alt=alt, caption=caption)
