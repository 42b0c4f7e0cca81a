"""A figure with sliders: what a notebook stores, and what happens as they move."""

import base64
import json
import re
import subprocess
import sys
from typing import Any

import nbclient
import nbformat
import pytest
from matplotlib.figure import Figure

from course_utils import widgets
from course_utils.draw import new_figure
from course_utils.draw.figure import shown_width
from course_utils.widgets import WIDGET_VIEW, Choice, Slider, explore

CONTROLS = {
    "threshold": Slider(0.0, 1.0, 0.1, 0.5, "IoU threshold"),
    "count": Slider(1, 9, 1, 3, "boxes"),
    "method": Choice(["linear", "gaussian"], "linear", "decay"),
}


def plot(threshold: float, count: int, method: str) -> Figure:
    if count == 9:
        raise ValueError("9 is <too> many")
    fig, (ax,) = new_figure(width=3, height=2)
    ax.plot([threshold] * count)
    ax.set_title(method)
    return fig


def words(threshold: float, count: int, method: str) -> str:
    return f"{count} boxes at <{threshold:.1f}>, {method}"


class View:
    """The parts of the widget, as a learner meets them from top to bottom."""

    def __init__(self, alt: widgets.Alt = words) -> None:
        first = {name: control.value for name, control in CONTROLS.items()}
        png, text = widgets.render_figure(plot, alt, first)
        self.box = widgets.build_view(plot, alt, "a < b", CONTROLS, (png, text))
        *rows, self.image, self.text, self.caption = self.box.children
        self.threshold, self.count, self.method = (row.children[-1] for row in rows)
        self.numbers = [row.children[0] for row in rows[:2]]
        self.labels = [row.children[0].description for row in rows]


def test_every_control_has_its_label_and_every_slider_a_number():
    view = View()
    assert view.labels == ["IoU threshold", "boxes", "decay"]
    assert [number.value for number in view.numbers] == [0.5, 3]
    view.threshold.value = 0.8
    assert view.numbers[0].value == 0.8
    view.numbers[1].value = 7
    assert view.count.value == 7


def test_whole_numbers_stay_whole():
    view = View()
    assert isinstance(view.count.value, int)
    assert isinstance(view.threshold.value, float)


@pytest.mark.parametrize(
    ("name", "value", "alt"),
    [
        ("threshold", 0.9, "3 boxes at &lt;0.9&gt;, linear"),
        ("count", 5, "5 boxes at &lt;0.5&gt;, linear"),
        ("method", "gaussian", "3 boxes at &lt;0.5&gt;, gaussian"),
    ],
)
def test_moving_a_control_redraws_the_figure_and_its_text(
    name: str, value: Any, alt: str
):
    view = View()
    before = view.image.value
    getattr(view, name).value = value
    assert view.image.value != before
    assert bytes(view.image.value).startswith(b"\x89PNG")
    assert alt in view.text.value


def test_the_picture_keeps_its_size_as_controls_move():
    view = View()
    before = view.image.value
    view.method.value = "gaussian"
    header = slice(16, 24)  # width and height
    assert view.image.value[header] == before[header]


def test_an_error_while_drawing_is_shown_and_the_next_move_recovers():
    view = View()
    before = view.image.value
    view.count.value = 9
    assert "ValueError: 9 is &lt;too&gt; many" in view.text.value
    assert view.image.value == before
    view.count.value = 8
    assert "ValueError" not in view.text.value
    assert view.image.value != before


def test_an_alt_text_may_be_fixed():
    view = View("a curve")
    view.count.value = 4
    assert "a curve" in view.text.value


def test_the_caption_is_escaped():
    assert View().caption.value == "a &lt; b"


def test_outside_a_notebook_the_alt_text_is_printed(
    capsys: pytest.CaptureFixture[str],
):
    explore(plot, alt=words, **CONTROLS)
    assert capsys.readouterr().out == "[figure] 3 boxes at <0.5>, linear\n"


SCRIPT = """
from course_utils.draw import new_figure
from course_utils.widgets import Slider, explore
def draw(x):
    fig, (ax,) = new_figure()
    ax.plot([x])
    return fig
explore(draw, alt=lambda x: f"x is {x}", caption="move <it>", x=Slider(0, 9, 1, 4, "x"))
"""


def test_a_script_runs_without_a_notebook():
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[figure] x is 4\n"
    assert done.stderr == ""


MOVE = """
import json
from ipywidgets import HTML, Image, IntSlider, Widget
try:
    from ipywidgets.widgets.widget import _instances as instances  # ipywidgets 8
except ImportError:
    instances = Widget.widgets  # ipywidgets 7
def of(kind):
    return [w for w in instances.values() if isinstance(w, kind)]
before = bytes(of(Image)[0].value)
of(IntSlider)[0].value = 7
texts = " ".join(w.value for w in of(HTML))
print(json.dumps([before != bytes(of(Image)[0].value), texts]))
"""


@pytest.fixture(scope="module")
def outputs() -> list[list[Any]]:
    """The outputs of two cells that a kernel ran: the script above, and a move."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SCRIPT, MOVE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_notebook_stores_one_output_with_widget_figure_and_text(
    outputs: list[list[Any]],
):
    (output,) = outputs[0]
    assert output.output_type == "display_data"
    assert set(output.data) == {WIDGET_VIEW, "text/html", "text/plain"}
    view = output.data[WIDGET_VIEW]
    assert (view["version_major"], view["version_minor"]) == (2, 0)
    assert re.fullmatch(r"[0-9a-f]{32}", view["model_id"])
    assert output.data["text/plain"] == "x is 4"


def test_the_still_figure_has_alt_text_and_caption(outputs: list[list[Any]]):
    page = outputs[0][0].data["text/html"]
    source = re.search(r'<img alt="x is 4" src="data:image/png;base64,([^"]+)"', page)
    assert source is not None
    png = base64.b64decode(source[1])
    assert png.startswith(b"\x89PNG")
    assert f'width="{shown_width(png)}"' in page
    assert "<figcaption>move &lt;it&gt;</figcaption>" in page


def test_in_a_kernel_a_moved_slider_redraws_the_picture(outputs: list[list[Any]]):
    (output,) = outputs[1]
    has_changed, text = json.loads(output.text)
    assert has_changed
    assert "x is 7" in text


def test_a_draw_that_returns_no_figure_is_refused():
    with pytest.raises(ValueError, match=r"returned NoneType.*return fig"):
        explore(lambda: None, alt="nothing")  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("slider", "words"),
    [
        ((5, 5, 1, 5), "cannot move"),
        ((0, 5, 0, 1), "cannot move"),
        ((0, 5, 1, 6), "starts at 6, outside 0 to 5"),
    ],
)
def test_a_slider_that_cannot_work_is_refused(slider: tuple[Any, ...], words: str):
    with pytest.raises(ValueError, match=words):
        Slider(*slider, "size")


def test_a_choice_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match=r"'c', which is none of \['a', 'b'\]"):
        Choice(["a", "b"], "c", "letter")
