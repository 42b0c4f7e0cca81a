"""The one look of the course: colours, line styles, sizes of text.

The eight colours are those of Okabe and Ito (2008), which the colour-blind can tell
apart. Things also differ in line style or name, never in colour alone.
"""

from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib as mpl

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
# Yellow comes last, because it is too pale for a thin line on white.
OKABE_ITO = (VERMILION, SKY, BLUE, GREEN, ORANGE, PURPLE, BLACK, YELLOW)
LineStyle = Literal["-", "--", "-.", ":"]
LINE_STYLES: tuple[LineStyle, ...] = ("-", "--", "-.", ":")

LOOK: Any = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "image.cmap": "viridis",
}


def look() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in the course's look."""
    return mpl.rc_context(LOOK)


def mark(index: int) -> tuple[str, LineStyle]:
    """A colour and a line style for the thing with this index; 32 pairs differ."""
    turn, place = divmod(index, len(OKABE_ITO))
    return OKABE_ITO[place], LINE_STYLES[(place + turn) % len(LINE_STYLES)]
