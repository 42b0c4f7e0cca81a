"""Numbers in the prose of a lesson are compared with what its cells print."""

import pytest
from nbformat import v4

from builder.course import parse_script
from builder.prose import unfounded


def told(prose, *, code="print(share)", printed="", tags=(), figure=""):
    """What the check says of a lesson with a code cell and prose below it."""
    outputs = [v4.new_output("stream", text=printed)] * bool(printed)
    outputs += [v4.new_output("display_data", {"text/html": figure})] * bool(figure)
    code_cell = v4.new_code_cell(code, outputs=outputs, metadata={"tags": [*tags]})
    notebook = v4.new_notebook(cells=[code_cell, v4.new_markdown_cell(prose)])
    front = "# ---\n# question: how many?\n# ---\n# %% [markdown]\n# # 01. One\n"
    return list(unfounded(parse_script(front, "01_one.py", "01_one.py"), notebook))


@pytest.mark.parametrize(
    ("prose", "printed"),
    [
        ("It finds 29.8 %.", "share 0.2984"),
        ("It finds 30 %.", "share 29.8%"),
        ("The loss is 0.49.", "loss 0.4913"),
        ("There are 8,732 boxes.", "8732 boxes"),
        ("There are 8732 boxes.", "8,732 boxes"),
        ("It was found in 1998, and $x = 0.5$ as `0.7` in [it](a2.5.ipynb).", "-"),
        ("The paper reports 63.4 %.", "-"),
        ("Lesson 04 has 9 anchors in sections 3.1.2 and v1.5.", "-"),
    ],
)
def test_what_an_output_shows_or_a_paper_reports_may_be_told(prose, printed):
    assert told(prose, printed=printed) == []


@pytest.mark.parametrize(
    ("prose", "number"),
    [
        ("It loses nearly 50 %.", "50"),
        ("It falls to 0.1, almost nothing.", "0.1"),
        ("There are 8,733 boxes.", "8,733"),
        ("A paper says 0.7.\n\nOurs is 0.9.", "0.9"),
    ],
)
def test_what_nothing_shows_is_named(prose, number):
    (problem,) = told(prose, printed="0.4913, 29.8 %, 8732 boxes")
    assert f"says {number}, which no output" in problem


def test_numbers_of_the_code_count_but_not_those_of_alt_texts():
    assert told("Each step is 0.25 long.", code="step = 0.25") == []
    code = "show(fig, alt=f'{name} loses 48.5 % of all')"
    (problem,) = told("See above.", code=code, printed="29.8 %")
    assert "of a figure says 48.5" in problem
    assert told("See above.", code=code, printed="48.5 %") == []


def test_a_picture_bears_nothing_out_and_a_table_does():
    table = "<table><tr><td>0.598</td></tr></table>"
    assert told("AP is 0.598.", figure=table) == []
    picture = '<figure><img alt="0.598" src="data:image/png;base64,0.598"></figure>'
    assert told("AP is 0.598.", figure=picture) != []


def test_the_folded_answer_to_a_guess_is_left_alone():
    answer = "<details><summary>Answer</summary>\n\n0.75 of them.\n\n</details>"
    assert told(answer, tags=["predict"]) == []
    assert told(answer) != []
    assert told(f"{answer}\n\nSo 0.75 it is.", tags=["predict"]) != []
