"""Alike is what differs in dress only; what was given to all counts for nothing."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_assignment import cell

from course_grading.similarity.comparison import compare
from course_grading.similarity.similar import print_similar, similar_command
from course_grading.similarity.tokens import tokens_of

MEAN = '''\
def double(x):
    """Twice the value."""
    parts = []
    for part in range(2):
        if part < 10:
            parts.append(x * 1)
    total = 0
    for value in parts:
        total = total + value
    return total
'''
ADD = """\
def add(a, b):
    values = sorted([a, b], key=abs)
    while len(values) > 1:
        first, second = values.pop(), values.pop()
        values.append(first + second)
    return values[0] if values else None
"""
DRESSED = """\
# All of this is mine
def add(u, w):
    numbers = sorted([u, w], key=abs)  # by size
    while len(numbers) > 1:

        one, two = numbers.pop(), numbers.pop()
        numbers.append(one + two)
    return numbers[0] if numbers else None

def double(number):
    "Two times."
    pieces = []
    for k in range(2):
        if k < 10: pieces.append(number * 1)
    result = 0
    for piece in pieces:
        result = result + piece
    return result
"""
OTHER = {
    "double": "def double(x):\n    from operator import mul\n    return mul(x, 2)",
    "add": (
        "def add(a, b):\n    try:\n        result = a.__add__(b)\n"
        "    except AttributeError as error:\n        raise TypeError from error\n"
        "    assert result is not NotImplemented, (a, b, 'cannot be added')\n"
        "    return {True: result, False: 0}[result == result]"
    ),
}
DRESSES = {
    "the same": (MEAN, MEAN),
    "names": (MEAN, MEAN.replace("part", "zz").replace("total", "t")),
    "comments": (MEAN, MEAN.replace("\n    total", "  # a sum\n\n    # so\n    total")),
    "texts": ("print('a b', f'{x}')", 'print("""c d e""", f"{y}")'),
    "layout": ("f(1,\n  2)", "f(1, 2)"),
}
DIFFERENT = {
    "numbers": ("x = 1", "x = 2"),
    "operators": ("x = a + b", "x = a - b"),
    "attributes": ("x = a.sum()", "x = a.mean()"),
    "builtins": ("x = max(a)", "x = min(a)"),
}


def texts(source: str) -> list[str]:
    return [token.text for token in tokens_of(source)]


@pytest.mark.parametrize("case", DRESSES)
def test_tokens_stay_the_same_in_another_dress(case: str):
    first, second = DRESSES[case]
    assert texts(first) == texts(second)


@pytest.mark.parametrize("case", DIFFERENT)
def test_tokens_tell_apart(case: str):
    first, second = DIFFERENT[case]
    assert texts(first) != texts(second)


def test_each_token_knows_its_line():
    tokens = tokens_of('x = """a\nb"""\n\ny = f(\n  3)  # so\nz')
    assert [t.line for t in tokens if t.text in ("n", "3")] == [1, 4, 4, 5, 6]


def test_code_that_is_no_python_has_tokens_too():
    assert texts("def f(:\n  'open ?? ₀ \0") != []


@pytest.fixture
def class_of(submit, tmp_path):
    """Write a class: each student's answers to the first two tasks, and own cells."""

    def write(answers: dict[str, dict[str, str]]) -> list[Path]:
        paths = []
        for student, given in answers.items():
            path = tmp_path / student / "90_small.ipynb"
            path.parent.mkdir()
            submit_path = submit({k: v for k, v in given.items() if k != "own"})
            notebook = json.loads(submit_path.read_text("utf-8"))
            if "own" in given:
                new = {"cell_type": "code", "metadata": {}, "source": given["own"]}
                notebook["cells"].append(new)
            path.write_text(json.dumps(notebook), encoding="utf-8")
            paths.append(path)
        return paths

    return write


def test_a_copy_in_another_dress_is_first_and_an_own_answer_far_below(
    class_of, released
):
    both = {"double": DRESSED, "add": "add = add"}
    paths = class_of(
        {"ann": {"double": MEAN, "add": ADD}, "bob": both, "eve": dict(OTHER)}
    )
    result = compare(paths, released=released)
    assert result.compared == 3
    first, *rest = result.pairs
    assert (first.first.parent.name, first.second.parent.name) == ("ann", "bob")
    assert first.assignment == "90_small"
    assert first.score > 0.9
    assert all(pair.score < 0.1 for pair in rest)


def test_the_places_that_match_are_told_longest_first(class_of, released):
    own = "import os\n\n" + MEAN
    paths = class_of({"ann": {"double": MEAN, "add": ADD}, "bob": OTHER | {"own": own}})
    (pair,) = compare(paths, released=released).pairs
    part = pair.parts[0]
    (here, *lines), (there, *others) = part.where
    assert (here, there) == ("double", "own cell 15")
    assert (lines[-1], others[-1]) == (10, 12)
    assert [p.tokens for p in pair.parts] == sorted(
        (p.tokens for p in pair.parts), reverse=True
    )


def test_the_untouched_assignment_is_like_nothing(submit, released, tmp_path):
    def untouched(notebook: Any) -> None:
        original = json.loads((released / "90_small.ipynb").read_text("utf-8"))
        for each in original["cells"]:
            grade_id = each["metadata"]["nbgrader"]["grade_id"]
            cell(notebook, grade_id).source = "".join(each["source"])

    paths = [submit(change=untouched), submit(change=untouched)]
    assert compare(paths, released=released).pairs == []


def test_what_most_of_the_class_wrote_is_left_out(class_of, released):
    usual = {f"student{i}": {"double": MEAN} for i in range(6)}
    copied = {name: {"double": MEAN, "add": ADD} for name in ("ann", "bob")}
    pairs = compare(class_of(usual | copied), released=released).pairs
    found = [{p.first.parent.name, p.second.parent.name} for p in pairs]
    assert found == [{"ann", "bob"}]


def test_the_order_of_files_changes_nothing(class_of, released):
    paths = class_of({"ann": {"double": MEAN}, "bob": {"add": ADD, "double": DRESSED}})
    forward = compare(paths, released=released).pairs
    backward = compare(paths[::-1], released=released).pairs
    assert [p.score for p in forward] == [p.score for p in backward]


def test_a_file_that_cannot_be_read_stops_nothing(class_of, released, tmp_path):
    paths = class_of({"ann": {"double": MEAN, "add": ADD}, "bob": {"double": DRESSED}})
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    result = compare([broken, *paths], released=released)
    assert result.compared == 2
    assert len(result.pairs) == 1
    assert "broken.ipynb is not a notebook" in result.left_out[broken]


def printed(paths: Sequence[Path], released: Path, **more: Any) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    print_similar(compare(paths, released=released), console, **more)
    return " ".join(console.export_text().split())


def test_a_hostile_name_is_shown_as_it_is(class_of, released):
    paths = class_of({"ann": {"double": MEAN}, "bob": {"double": MEAN}})
    text = printed(paths, released, students={paths[0]: "[bold]\x1b[31mx"})
    assert "[bold]x" in text
    assert "no proof of copying" in text


def test_the_command_looks_through_a_folder(tmp_path):
    solution = Path(__file__).parents[2] / "solutions" / "02_rcnn.ipynb"
    for student in ("ann", "bob"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "02_rcnn.ipynb").write_bytes(solution.read_bytes())
    (tmp_path / "ann" / "more.ipynb").write_text("<html>")
    console = Console(width=160, record=True, file=io.StringIO())
    similar_command(tmp_path, top=5, console=console)
    text = " ".join(console.export_text().split())
    assert "2 submissions compared" in text
    assert "100%" in text
    assert "ann" in text
    assert "bob" in text
    assert "Left out, of ann: more.ipynb is a web page" in text
