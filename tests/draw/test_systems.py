"""The table of systems, and bars made of parts."""

import re
from typing import Any

import pytest
from matplotlib.patches import Rectangle

from course_utils import draw
from course_utils.draw import figure, systems
from course_utils.draw.systems import table_cells, table_html, table_text

FAST: dict[str, Any] = {
    "system": "Fast R-CNN",
    "budget": "laptop",
    "AP": 0.6543,
    "AP50": 0.9,
    "ms_per_image": 1234.56,
    "training_seconds": 99.6,
    "parameters": 1234567,
}
FASTER = FAST | {"system": "Faster R-CNN", "ms_per_image": 20.04, "ms_proposals": 6.0}


def test_a_table_has_a_line_a_system_in_the_order_asked_for():
    cells = table_cells([FAST, FASTER], systems=["Faster R-CNN", "Fast R-CNN"])
    head, faster, fast = cells
    assert head == [
        "system",
        "AP",
        "AP50",
        "ms per image",
        "to propose",
        "training, s",
        "parameters",
    ]
    assert faster == [
        "Faster R-CNN", "0.654", "0.900", "20.0", "6.0", "100", "1,234,567",
    ]  # fmt: skip
    assert fast[3:5] == ["1,234.6", systems.UNKNOWN]


def test_a_system_that_was_not_run_keeps_its_line():
    cells = table_cells([FASTER], systems=["R-CNN", "Faster R-CNN"])
    assert [line[0] for line in cells] == ["system", "R-CNN", "Faster R-CNN"]
    assert set(cells[1][1:]) == {systems.UNKNOWN}


def test_a_table_of_nothing_has_only_names():
    assert table_cells([], systems=["R-CNN"]) == [["system"], ["R-CNN"]]
    assert table_cells([]) == [["system"]]


def test_a_figure_that_was_not_finite_is_a_dash():
    """`write_row` keeps null for a figure that is not finite."""
    (_, line) = table_cells([FAST | {"AP": None}])
    assert line[1] == "0.900"
    (_, first, _) = table_cells([FAST | {"AP": None}, FASTER])
    assert first[1] == systems.UNKNOWN


def test_two_budgets_of_one_system_are_refused():
    with pytest.raises(ValueError, match=r"several rows of 'Fast R-CNN'.*budget"):
        table_cells([FAST, FAST | {"budget": "smoke"}])


def test_html_and_text_hold_the_same_cells_and_escape_them():
    cells = [["system", "AP"], ["a <b>", "0.5"]]
    page = table_html(cells, "x & y")
    assert re.findall(r"<t[hd][^>]*>([^<]*)</t", page) == [
        "system", "AP", "a &lt;b&gt;", "0.5",
    ]  # fmt: skip
    assert "<caption>x &amp; y</caption>" in page
    assert page.count("scope=") == 3
    assert table_text(cells, "x & y") == "x & y\nsystem   AP\na <b>   0.5"


def test_a_table_is_emitted_as_html_with_its_text(monkeypatch: pytest.MonkeyPatch):
    bundles: list[dict[str, str]] = []
    monkeypatch.setattr(figure, "get_ipython", object)
    monkeypatch.setattr(figure, "display", lambda bundle, raw: bundles.append(bundle))
    draw.show_systems([FAST], caption="so far")
    (bundle,) = bundles
    assert bundle["text/html"].startswith("<table><caption>so far</caption>")
    assert "Fast R-CNN" in bundle["text/plain"]


def test_points_lie_at_their_time_and_accuracy():
    _, (ax,) = draw.new_figure()
    draw.draw_accuracy_and_time(ax, [FAST, FASTER, {"system": "R-CNN"}])
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines]  # type: ignore[index]
    assert points == [(1234.56, 0.6543), (20.04, 0.6543)]
    assert [text.get_text() for text in ax.texts] == ["Fast R-CNN", "Faster R-CNN"]
    assert ax.get_xscale() == "log"


def test_the_figure_of_no_rows_is_empty_but_shown(capsys: pytest.CaptureFixture[str]):
    draw.show_accuracy_and_time([], alt="nothing yet")
    assert "[figure] nothing yet" in capsys.readouterr().out


def test_parts_follow_each_other_in_a_bar():
    _, (ax,) = draw.new_figure()
    draw.draw_parts(ax, {"a": {"x": 2.0, "y": 3.0}, "b": {"y": 1.0}})
    bars = [p for p in ax.patches if isinstance(p, Rectangle)]
    spans = [(bar.get_x(), bar.get_width()) for bar in bars]
    assert spans == [(0, 2), (0, 0), (2, 3), (0, 1)]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["x", "y"]


def test_a_part_below_zero_is_refused():
    _, (ax,) = draw.new_figure()
    for value in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=r"'y'.*0 or more"):
            draw.draw_parts(ax, {"a": {"x": 2.0, "y": value}})


def test_bars_are_shown(capsys: pytest.CaptureFixture[str]):
    draw.show_parts({"a": {"x": 2.0}}, alt="a bar", unit="ms")
    assert "[figure] a bar" in capsys.readouterr().out
