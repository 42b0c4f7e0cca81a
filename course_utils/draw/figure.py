"""A figure becomes HTML with alt text, the one form that every reader keeps.

JupyterLab and exports to HTML drop an alt text that stands in a picture's metadata; an
`<img alt=...>` inside text/html survives them all.
"""

import base64
import html
import io
import sys
from collections.abc import Mapping

import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.draw.style import look

DPI = 80


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.0, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` by `height` inches and its axes, row by row."""
    with look():
        fig = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        axes = fig.subplots(rows, columns, squeeze=False)
    return fig, list(axes.flat)


def figure_png(fig: Figure, *, is_cropped: bool = True) -> bytes:
    """The figure as PNG on an opaque white face; cropped to what is drawn or not."""
    buffer = io.BytesIO()
    crop = "tight" if is_cropped else None
    # `Software` would hold matplotlib's version and change the bytes with it.
    with look():
        fig.savefig(
            buffer,
            format="png",
            dpi=DPI,
            bbox_inches=crop,
            facecolor="white",
            metadata={"Software": None},
        )
    return buffer.getvalue()


def figure_html(png: bytes, *, alt: str, caption: str = "") -> str:
    """A `<figure>` that holds the picture, its alt text and, if given, its caption.

    Raises ValueError if the alt text is empty.
    """
    if not alt.strip():
        raise ValueError(
            f"alt is {alt!r}, but a figure needs a text that says what it shows, "
            "for those who cannot see it"
        )
    source = base64.b64encode(png).decode("ascii")
    image = (
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}" '
        'style="max-width: 100%; background: white">'
    )
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure style="margin: 0.5em 0">{image}{below}</figure>'


def figure_bundle(png: bytes, *, alt: str, caption: str = "") -> dict[str, str]:
    """What a notebook stores: the figure as text/html, its alt text as text/plain."""
    return {
        "text/html": figure_html(png, alt=alt, caption=caption),
        "text/plain": alt,
    }


def show(fig: Figure, *, alt: str, caption: str = "") -> None:
    """Emit the figure and close it; outside a notebook, its alt text is printed.

    Raises ValueError if the alt text is empty.
    """
    try:
        emit(figure_bundle(figure_png(fig), alt=alt, caption=caption))
    finally:
        plt.close(fig)


def emit(bundle: Mapping[str, object]) -> None:
    """Display a MIME bundle, or print its plain text where nothing can display it."""
    if get_ipython() is None:
        sys.stdout.write(f"[figure] {bundle['text/plain']}\n")
    else:
        display(dict(bundle), raw=True)  # type: ignore[no-untyped-call]
