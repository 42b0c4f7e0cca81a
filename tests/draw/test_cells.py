"""A map of numbers with its bins: what is written where."""

import torch
from matplotlib.colors import to_hex

from course_utils.draw import draw_bins, draw_cells, new_figure
from course_utils.draw.style import VERMILION

MAP = torch.tensor([[3.0, 8, 1], [7, 2, 9]])


def test_each_cell_has_its_number_in_its_middle():
    _, (ax,) = new_figure()
    draw_cells(ax, MAP, title="map")
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written[0.5, 0.5] == "3"
    assert written[2.5, 1.5] == "9"
    assert len(written) == 6
    assert ax.get_xlim() == (0, 3)
    assert ax.get_ylim() == (2, 0)


def test_each_bin_is_framed_and_has_its_maximum_in_bold():
    _, (ax,) = new_figure()
    draw_bins(ax, MAP, ([0], [2]), ([0, 1], [2, 3]))
    assert len(ax.patches) == 2
    bold = [(text.get_position(), text.get_text()) for text in ax.texts]
    assert bold == [((1.5, 0.5), "8"), ((2.5, 1.5), "9")]
    assert {to_hex(text.get_color()) for text in ax.texts} == {VERMILION.lower()}


def test_an_empty_bin_has_no_maximum():
    _, (ax,) = new_figure()
    draw_bins(ax, MAP, ([0], [2]), ([3], [3]))
    assert len(ax.texts) == 0
