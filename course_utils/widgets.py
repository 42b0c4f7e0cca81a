"""A figure with sliders where a kernel runs, and the same figure still elsewhere.

The figure is an `ipywidgets.Image` made of PNG bytes, which works in ipywidgets 7.7
(Colab) and 8. What is emitted holds the sliders, the still figure as HTML and its alt
text; a reader without a kernel shows the still one.
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from matplotlib.figure import Figure

from course_utils.draw.figure import emit, figure_bundle, figure_png, shown_width

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
Alt = str | Callable[..., str]


@dataclass(frozen=True)
class Slider:
    """A number from `min` to `max` in steps; whole if all four numbers are."""

    min: float
    max: float
    step: float
    value: float
    label: str

    def __post_init__(self) -> None:
        """Refuse a slider that cannot be moved or starts outside its range."""
        if not (self.min < self.max and self.step > 0):
            raise ValueError(
                f"a slider from {self.min} to {self.max} in steps of {self.step} "
                "cannot move: min < max and step > 0 are needed"
            )
        if not self.min <= self.value <= self.max:
            raise ValueError(
                f"the slider {self.label!r} starts at {self.value}, outside "
                f"{self.min} to {self.max}"
            )

    def widgets(self) -> tuple[Any, list[Any]]:
        """The widget that holds the value, and what is shown: number, then slider."""
        numbers = (self.min, self.max, self.step, self.value)
        kind = "Int" if all(isinstance(n, int) for n in numbers) else "Float"
        settings = dict(zip(("min", "max", "step", "value"), numbers, strict=True))
        # The label belongs to the number box: a slider's handle has no name that a
        # screen reader could say, and a box also takes exact values.
        number = getattr(ipywidgets, f"Bounded{kind}Text")(
            **settings,
            **label_settings(self.label),
            layout=ipywidgets.Layout(width="auto"),
        )
        slider = getattr(ipywidgets, f"{kind}Slider")(
            **settings, readout=False, layout=ipywidgets.Layout(width="20em")
        )
        ipywidgets.link((slider, "value"), (number, "value"))
        return slider, [number, slider]


@dataclass(frozen=True)
class Choice:
    """One of several options, the one called `value` at first."""

    options: Sequence[str]
    value: str
    label: str

    def __post_init__(self) -> None:
        """Refuse a first value that is no option."""
        if self.value not in self.options:
            raise ValueError(
                f"the choice {self.label!r} starts at {self.value!r}, which is none of "
                f"{list(self.options)}"
            )

    def widgets(self) -> tuple[Any, list[Any]]:
        """The widget that holds the value, and what is shown: the list itself."""
        chosen = ipywidgets.Dropdown(
            options=list(self.options), value=self.value, **label_settings(self.label)
        )
        return chosen, [chosen]


Control = Slider | Choice


def label_settings(label: str) -> dict[str, Any]:
    """The settings that write a label, uncut, to the left of a control."""
    return {"description": label, "style": {"description_width": "initial"}}


def explore(
    draw: Callable[..., Figure], *, alt: Alt, caption: str = "", **controls: Control
) -> None:
    """Show the figure that `draw` makes of the controls' values, redrawn as they move.

    Args:
        draw: called with one keyword a control; returns a figure.
        alt: what the figure shows, or a function of the same keywords that says it.
        caption: a sentence below the figure.
        controls: a `Slider` or a `Choice` for each keyword of `draw`.
    """
    values = {name: control.value for name, control in controls.items()}
    png, text = render_figure(draw, alt, values)
    bundle: dict[str, object] = {**figure_bundle(png, alt=text, caption=caption)}
    if get_ipython() is not None:
        view = build_view(draw, alt, caption, controls, (png, text))
        bundle[WIDGET_VIEW] = view_json(view)
    emit(bundle)


def render_figure(
    draw: Callable[..., Figure], alt: Alt, values: dict[str, Any]
) -> tuple[bytes, str]:
    """PNG and alt text of the figure at these values. The figure is closed."""
    fig = draw(**values)
    if not isinstance(fig, Figure):
        raise ValueError(
            f"draw() returned {type(fig).__name__}, but a matplotlib Figure was "
            "expected: end it with `return fig`"
        )
    try:
        # Uncropped, so that the picture keeps its size while the controls move.
        png = figure_png(fig, is_cropped=False)
    finally:
        plt.close(fig)
    return png, alt(**values) if callable(alt) else alt


def build_view(
    draw: Callable[..., Figure],
    alt: Alt,
    caption: str,
    controls: dict[str, Control],
    first: tuple[bytes, str],
) -> Any:
    """The widget: a row a control, the picture, its alt text, the caption."""
    # Without this the box would stretch the picture to its own width.
    as_it_is = ipywidgets.Layout(align_self="flex-start", max_width="100%")
    image = ipywidgets.Image(
        value=first[0], format="png", width=shown_width(first[0]), layout=as_it_is
    )
    text = ipywidgets.HTML(alt_html(first[1]))
    holders, rows = {}, []
    for name, control in controls.items():
        holders[name], shown = control.widgets()
        rows.append(ipywidgets.HBox(shown))

    def redraw(_: Any) -> None:
        try:
            values = {name: holder.value for name, holder in holders.items()}
            image.value, words = render_figure(draw, alt, values)
            text.value = alt_html(words)
        except Exception as error:  # noqa: BLE001  an error in a callback is lost
            text.value = error_html(error)

    for holder in holders.values():
        holder.observe(redraw, names="value")
    below = [ipywidgets.HTML(html.escape(caption))] if caption else []
    return ipywidgets.VBox([*rows, image, text, *below])


def alt_html(alt: str) -> str:
    """The alt text as HTML for the widget: `ipywidgets.Image` itself has none."""
    return f'<p role="status"><small>{html.escape(alt)}</small></p>'


def error_html(error: Exception) -> str:
    """What went wrong while drawing, as HTML for the widget."""
    words = html.escape(f"{type(error).__name__}: {error}")
    return f'<p role="alert"><strong>The figure was not drawn.</strong> {words}</p>'


def view_json(view: Any) -> dict[str, object]:
    """The MIME content by which a front end finds the widget."""
    return {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
