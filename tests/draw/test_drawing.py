"""Drawing on axes: what lies where, what it is called, what is refused."""

import io
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from course_utils import draw
from course_utils.draw.box_names import FONT_SIZE, best_spot, shared_area, text_size

IMAGE = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
BOXES = torch.tensor([[2.0, 3, 12, 15], [5, 0, 30, 20]])
LABELS = torch.tensor([1, 2])
MASKS = torch.zeros(2, 20, 30, dtype=torch.bool)
MASKS[0, 3:15, 2:12] = True
NAMES = ("background", "cube", "torus")


def test_half_open_boxes_end_on_the_edges_of_pixels():
    """A box around white pixels: its outline lies where white meets black."""
    image = torch.zeros(3, 12, 16)
    image[:, 2:7, 4:14] = 1
    box = torch.tensor([[4.0, 2, 14, 7]])
    fig, (ax,) = draw.new_figure(width=4, height=3)
    draw.draw_image(ax, image)
    png = draw.figure_png(fig, is_cropped=False)
    draw.draw_boxes(ax, box)
    (outline,) = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    extent = outline.get_bbox().transformed(ax.transData)
    # Of the stored pixels, one in four: those of a figure as matplotlib measures it.
    pixels = imread(io.BytesIO(png), format="png")[::2, ::2, 0]
    inside = ax.get_window_extent()
    x1, y1 = int(inside.x0) + 3, int(240 - inside.y1) + 3
    x2, y2 = int(inside.x1) - 3, int(240 - inside.y0) - 3
    rows, columns = np.nonzero(pixels[y1:y2, x1:x2] > 0.5)
    white = [columns.min() + x1, rows.min() + y1, columns.max() + x1, rows.max() + y1]
    top, bottom = sorted([240 - extent.y0, 240 - extent.y1])
    drawn = [extent.x0, top, extent.x1, bottom]
    assert np.abs(np.subtract(drawn, np.add(white, [0, 0, 1, 1]))).max() <= 1


def test_boxes_differ_in_colour_and_line_style_by_label():
    _, (ax,) = draw.new_figure()
    draw.draw_image(ax, IMAGE)
    draw.draw_boxes(ax, BOXES, labels=LABELS)
    looks = {(to_hex(p.get_edgecolor()), p.get_linestyle()) for p in ax.patches}
    assert {colour for colour, _ in looks} == {
        colour.lower() for colour in draw.OKABE_ITO[:2]
    }
    assert len({style for _, style in looks}) == 2


def test_names_and_scores_are_written_at_boxes():
    _, (ax,) = draw.new_figure()
    draw.draw_image(ax, IMAGE)
    scores = torch.tensor([0.914, 0.5])
    draw.draw_boxes(
        ax, BOXES, labels=torch.tensor([2, 9]), scores=scores, class_names=NAMES
    )
    assert [text.get_text() for text in ax.texts] == ["torus 0.91", "9 0.50"]


def test_a_label_below_zero_has_no_name():
    """Windows that are not used for training are labelled -1."""
    _, (ax,) = draw.new_figure()
    draw.draw_image(ax, IMAGE)
    draw.draw_boxes(ax, BOXES, labels=torch.tensor([-1, 0]), class_names=NAMES)
    assert [text.get_text() for text in ax.texts] == ["-1", "background"]


def test_32_things_look_different():
    looks = {draw.mark(index) for index in range(32)}
    assert len(looks) == 32


def test_names_of_boxes_on_one_spot_do_not_hide_each_other():
    inside, size = (0.0, 0.0, 100.0, 100.0), (30.0, 8.0)
    taken: list[Any] = []
    for _ in range(6):
        taken.append(best_spot((20, 20, 90, 80), size, inside, taken))
    assert all(shared_area(a, b) == 0 for a, b in itertools.combinations(taken, 2))
    for x1, y1, x2, y2 in taken:
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= 100
        assert y2 <= 100


def test_the_size_of_a_name_is_estimated_well():
    fig, (ax,) = draw.new_figure(width=4, height=3)
    draw.draw_image(ax, torch.zeros(3, 120, 160))
    name = "cylinder 0.93"
    width, height = text_size(ax, name)
    text = ax.text(0, 0, name, fontsize=FONT_SIZE)
    fig.canvas.draw()
    drawn = text.get_window_extent().transformed(ax.transData.inverted())
    assert 0.9 < width / abs(drawn.width) < 1.5
    assert 0.9 < height / abs(drawn.height) < 2.5


def test_a_heat_map_over_an_image_is_stretched_to_it():
    _, (ax,) = draw.new_figure()
    draw.draw_heat_map(ax, torch.rand(2, 3), image=IMAGE)
    assert [list(shown.get_extent()) for shown in ax.images] == [[0, 30, 20, 0]] * 2


def test_a_mask_is_filled_where_it_is_true_and_nowhere_else():
    _, (ax,) = draw.new_figure()
    draw.draw_image(ax, IMAGE)
    draw.draw_masks(ax, MASKS[:1])
    filled = np.asarray(ax.images[1].get_array())[..., 3] > 0
    assert (filled == MASKS[0].numpy()).all()


def test_the_key_of_a_class_map_names_the_classes_that_occur():
    _, (ax,) = draw.new_figure()
    draw.draw_class_map(ax, 2 * MASKS[0].long(), class_names=NAMES)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["background", "torus"]


def test_curves_keep_their_points():
    _, (ax,) = draw.new_figure()
    x, y = torch.tensor([0.1, 0.6]), torch.tensor([1.0, 0.5])
    draw.draw_curves(ax, {"counted": [3, 2, 1], "pairs": (x, y), "two": (5, 4)})
    counted, pairs, two = ax.lines
    assert counted.get_xydata().tolist() == [[0, 3], [1, 2], [2, 1]]
    assert np.allclose(pairs.get_xydata(), [[0.1, 1.0], [0.6, 0.5]])
    assert two.get_xydata().tolist() == [[0, 5], [1, 4]]


def test_a_legend_beside_the_curves_hides_none_of_them():
    fig, (ax,) = draw.new_figure()
    curves = {"a": [1, 2], "b": [2, 1]}
    draw.draw_curves(ax, curves, is_legend_beside=True)
    fig.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    outer = legend.get_window_extent()
    assert outer.x0 >= ax.get_window_extent().x1
    assert outer.x1 <= fig.bbox.x1


REFUSED: dict[str, tuple[Callable[[Any], None], str]] = {
    "a batch": (lambda ax: draw.draw_image(ax, IMAGE[None]), r"\(1, 3, 20, 30\)"),
    "bytes": (lambda ax: draw.draw_image(ax, IMAGE.byte()), "torch.uint8"),
    "normalised": (lambda ax: draw.draw_image(ax, IMAGE * 4 - 2), "undo the normal"),
    "nan": (lambda ax: draw.draw_image(ax, IMAGE * float("nan")), "values from nan"),
    "one flat box": (lambda ax: draw.draw_boxes(ax, BOXES[0]), r"\(4,\)"),
    "labels of others": (
        lambda ax: draw.draw_boxes(ax, BOXES, labels=LABELS[:1]),
        r"labels has shape \(1,\), but there are 2 boxes",
    ),
    "one flat mask": (lambda ax: draw.draw_masks(ax, MASKS[0]), r"mask\[None\]"),
    "scores as map": (lambda ax: draw.draw_class_map(ax, IMAGE[0]), "argmax"),
    "heat of colours": (lambda ax: draw.draw_heat_map(ax, IMAGE), "one channel"),
    "uneven curve": (lambda ax: draw.draw_curves(ax, {"a": ([1], [1, 2])}), "as many"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_drawn_is_refused_with_advice(name: str):
    call, words = REFUSED[name]
    _, (ax,) = draw.new_figure()
    with pytest.raises(ValueError, match=words):
        call(ax)
