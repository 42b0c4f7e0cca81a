"""A figure becomes HTML with alt text, the one form that every reader keeps.

JupyterLab and exports to HTML drop an alt text that stands in a picture's metadata; an
`<img alt=...>` inside text/html survives them all. The picture has twice the pixels at
which it is shown, so that it is sharp on a dense screen, and at most 256 colours where
that hardly shows, so that a notebook stays small.
"""

import base64
import html
import io
import sys
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from course_utils.draw.style import look

DPI = 80  # pixels an inch, as shown
DENSITY = 2  # pixels stored for each one shown, along a side
COLORS = 256  # of a palette


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.0, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` by `height` inches and its axes, row by row."""
    with look():
        fig = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        axes = fig.subplots(rows, columns, squeeze=False)
    return fig, list(axes.flat)


def figure_png(fig: Figure, *, is_cropped: bool = True) -> bytes:
    """The figure as PNG on an opaque white face; cropped to what is drawn or not.

    It has `DENSITY` times the pixels of its `shown_width`.
    """
    buffer = io.BytesIO()
    crop = "tight" if is_cropped else None
    # `Software` would hold matplotlib's version and change the bytes with it.
    with look():
        fig.savefig(
            buffer,
            format="png",
            dpi=DENSITY * DPI,
            bbox_inches=crop,
            facecolor="white",
            metadata={"Software": None},
        )
    return buffer.getvalue()


def shown_width(png: bytes) -> int:
    """How many pixels of a page the picture is wide."""
    return int.from_bytes(png[16:20]) // DENSITY  # where every PNG has its width


def small_png(png: bytes) -> bytes:
    """The same picture in a palette of 256 colours, a third of the bytes.

    Where too many pixels would change visibly, as in a picture of many smooth shades,
    it keeps all its colours.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    reduced = picture.quantize(COLORS, method=Image.Quantize.MEDIANCUT, kmeans=1)
    before, after = (np.asarray(p.convert("RGB"), int) for p in (picture, reduced))
    is_visible = abs(before - after).max(-1) > 8  # of 255
    buffer = io.BytesIO()
    kept = picture if is_visible.mean() > 0.02 else reduced
    kept.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def check_alt(alt: str) -> None:
    """Raise ValueError if the alt text is empty."""
    if not alt.strip():
        raise ValueError(
            f"alt is {alt!r}, but a figure needs a text that says what it shows, "
            "for those who cannot see it"
        )


def figure_html(png: bytes, *, alt: str, caption: str = "") -> str:
    """A `<figure>` that holds the picture, its alt text and, if given, its caption.

    Raises ValueError if the alt text is empty.
    """
    check_alt(alt)
    source = base64.b64encode(small_png(png)).decode("ascii")
    image = (
        f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}" '
        f'width="{shown_width(png)}" style="max-width: 100%; background: white">'
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
        check_alt(alt)  # before the figure is drawn, which takes far longer
        emit(figure_bundle(figure_png(fig), alt=alt, caption=caption))
    finally:
        plt.close(fig)


def emit(bundle: Mapping[str, object]) -> None:
    """Display a MIME bundle, or print its plain text where nothing can display it."""
    if get_ipython() is None:
        sys.stdout.write(f"[figure] {bundle['text/plain']}\n")
    else:
        display(dict(bundle), raw=True)  # type: ignore[no-untyped-call]
