"""Figures in one look, each with a text for those who cannot see it.

`show_...` makes a figure and emits it; its twin `draw_...` draws the same on axes that
are given, so that figures can be put together with `new_figure` and `show`.
"""

from course_utils.draw.boxes import draw_boxes, show_boxes
from course_utils.draw.cells import draw_bins, draw_cells
from course_utils.draw.curves import (
    draw_curves,
    draw_precision_recall,
    show_curves,
    show_losses,
    show_precision_recall,
)
from course_utils.draw.errors import error_shares, show_errors
from course_utils.draw.figure import (
    DPI,
    figure_bundle,
    figure_html,
    figure_png,
    new_figure,
    show,
)
from course_utils.draw.grids import show_images
from course_utils.draw.images import draw_heat_map, draw_image, show_heat_map
from course_utils.draw.masks import (
    draw_class_map,
    draw_masks,
    show_class_map,
    show_masks,
)
from course_utils.draw.parts import draw_parts, show_parts
from course_utils.draw.style import LINE_STYLES, LOOK, OKABE_ITO, look, mark
from course_utils.draw.system_map import show_system
from course_utils.draw.systems import (
    draw_accuracy_and_time,
    show_accuracy_and_time,
    show_systems,
)

__all__ = [
    "DPI",
    "LINE_STYLES",
    "LOOK",
    "OKABE_ITO",
    "draw_accuracy_and_time",
    "draw_bins",
    "draw_boxes",
    "draw_cells",
    "draw_class_map",
    "draw_curves",
    "draw_heat_map",
    "draw_image",
    "draw_masks",
    "draw_parts",
    "draw_precision_recall",
    "error_shares",
    "figure_bundle",
    "figure_html",
    "figure_png",
    "look",
    "mark",
    "new_figure",
    "show",
    "show_accuracy_and_time",
    "show_boxes",
    "show_class_map",
    "show_curves",
    "show_errors",
    "show_heat_map",
    "show_images",
    "show_losses",
    "show_masks",
    "show_parts",
    "show_precision_recall",
    "show_system",
    "show_systems",
]
