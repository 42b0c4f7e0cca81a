"""What is kept of outputs, and what a notebook may not hold."""

from pathlib import Path

import pytest
from nbformat import v4

from builder.course import BuildError
from builder.execute import WIDGET, clean, refuse_size

ROOT = Path("/somewhere/course")


def notebook(*outputs, tags=()):
    cell = v4.new_code_cell("x", outputs=list(outputs), metadata={"tags": list(tags)})
    return v4.new_notebook(cells=[cell])


def cleaned(*outputs, tags=()):
    made = notebook(*outputs, tags=tags)
    clean(made, "n.ipynb", ROOT)
    return made.cells[0].outputs


def stream(text, name="stdout"):
    return v4.new_output("stream", name=name, text=text)


def display(**data):
    return v4.new_output(
        "display_data", data={k.replace("_", "/"): v for k, v in data.items()}
    )


def test_a_progress_bar_leaves_nothing():
    bar = v4.new_output(
        "display_data", data={WIDGET: {}, "text/plain": "  0%|   | 0/9"}
    )
    assert cleaned(bar) == []


def test_a_widget_with_a_still_figure_leaves_the_figure():
    data = {WIDGET: {"model_id": "1"}, "text/html": "<figure>", "text/plain": "a box"}
    (output,) = cleaned(v4.new_output("display_data", data=data))
    assert output.data == {"text/html": "<figure>", "text/plain": "a box"}


def test_a_line_written_over_keeps_its_last_state():
    (output,) = cleaned(stream("1%\r50%\r100%\ndone\n"))
    assert output.text == "100%\ndone\n"


def test_parts_of_one_stream_are_joined():
    outputs = cleaned(
        stream("a\n"), stream("b\n"), display(text_plain="p"), stream("c\n")
    )
    assert [output.get("text") for output in outputs] == ["a\nb\n", None, "c\n"]


def test_a_warning_fails_unless_the_cell_is_tagged():
    text = (
        f"{ROOT}/course_utils/a.py:3: UserWarning: old\n/run/ipykernel_12/34.py:1: x\n"
    )
    with pytest.raises(BuildError, match=r"code cell 1 wrote to stderr(.|\n)*old"):
        cleaned(stream(text, "stderr"))
    (output,) = cleaned(stream(text, "stderr"), tags=["stderr"])
    assert output.text == "course_utils/a.py:3: UserWarning: old\n<this cell>:1: x\n"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("File /somewhere/course/course_utils/a.py:3", "File course_utils/a.py:3"),
        ("File ~/env/lib/python3.12/site-packages/torch/nn.py:1", "File torch/nn.py:1"),
        ("File /opt/env/site-packages/numpy/x.py:1", "File numpy/x.py:1"),
        ("File /usr/lib/python3.11/json/x.py:1", "File json/x.py:1"),
        ("Cell In[3], line 2", "Cell In[3], line 2"),
    ],
)
def test_a_traceback_names_files_without_folders_of_the_machine(line, kept):
    error = v4.new_output("error", ename="E", evalue="v", traceback=[line])
    (output,) = cleaned(error, tags=["raises-exception"])
    assert output.traceback == [kept]


@pytest.mark.parametrize(
    "output",
    [
        stream(f"saved {ROOT}/x.png\n"),
        stream(f"in {Path.home()}\n"),
        display(text_html=f"<img src='{ROOT}/x.png'>"),
        v4.new_output("error", ename="E", evalue=f"no {ROOT}/x", traceback=["t"]),
    ],
)
def test_folders_of_the_machine_are_refused(output):
    with pytest.raises(BuildError, match="code cell 1 shows a folder of this machine"):
        cleaned(output)


def test_pictures_and_longer_names_are_no_folders_of_the_machine():
    home = str(Path.home())
    kept = cleaned(
        stream(f"{home}work is another name, and so is {ROOT}-two\n"),
        display(text_html=f"<img src='data:image/png;base64,AAAA{home}/AAAA='>"),
        display(image_png=f"AAAA{home}/AAAA="),
    )
    assert len(kept) == 3


def test_a_notebook_too_large_names_its_largest_outputs():
    made = notebook(
        stream("a" * 100), display(image_png="b" * 9000), stream("c" * 3000)
    )
    refuse_size(made, "n.ipynb", limit=20_000)
    with pytest.raises(
        BuildError, match=r"n\.ipynb has 12 kB, and the limit is 5 kB"
    ) as e:
        refuse_size(made, "n.ipynb", limit=5000)
    assert e.match(r"\(code cell 1, image/png: 9 kB; code cell 1, text: 3 kB;")
