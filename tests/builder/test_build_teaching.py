"""What a lesson with fields owes its reader is checked."""

from pathlib import Path

import nbformat
import pytest
from test_build_page import FRONT, LESSON, ONCE

from builder.targets import make_product
from builder.teaching import disagreements, lint_teaching, measured

ROOT = Path(__file__).parents[2]
USES_TWICE = "from course_utils.ops import twice\n\nprint(twice([1.0]))"


@pytest.fixture
def lesson(course):
    """Write the tiny course's lesson anew: fields, title, and these cells."""

    def write(*cells: str, name: str = "01_twice", front: str = FRONT) -> None:
        title = f"# %% [markdown]\n# # {name[:2]}. A title\n"
        text = "\n\n".join([front + title, *cells])
        (course.root / "source" / "lessons" / f"{name}.py").write_text(text + "\n")

    (course.root / "source" / "lessons" / "00_once.py").write_text(ONCE)
    return write


def debts(course, library):
    product = make_product(course, library, course.root / LESSON)
    notebook = product.executed.notebook
    return list(lint_teaching(product.script, notebook, course, library))


def code(source: str, *tags: str) -> str:
    return f"# %% tags={[*tags]}".replace("'", '"') + f"\n{source}"


def text(source: str) -> str:
    return "# %% [markdown]\n" + "\n".join(f"# {line}" for line in source.split("\n"))


@pytest.fixture
def ops(course):
    """The library's `ops` as a package, as in the course itself."""
    folder = course.root / "course_utils" / "ops"
    file = folder.with_suffix(".py")
    source = file.read_text()
    file.unlink()
    folder.mkdir()
    (folder / "twice.py").write_text(
        source.replace("from .", "from ..").replace(
            "from .. import limits", "from course_utils import limits"
        )
    )
    (folder / "__init__.py").write_text("from .twice import helper, twice, FACTOR\n")


def test_what_no_lesson_shows_is_named(course, library, lesson, ops):
    lesson(code(USES_TWICE))
    (debt,) = debts(course, library)
    assert debt.startswith(f"{LESSON}: uses twice of course_utils.ops.twice")


def test_a_shown_function_brings_its_own_needs(course, library, lesson, ops):
    lesson(code("from course_utils.ops import twice", "show"))
    (debt,) = debts(course, library)
    assert "uses helper of course_utils.ops.twice" in debt  # FACTOR is a constant


def test_what_an_earlier_lesson_shows_is_known(course, library, lesson, ops):
    both = "from course_utils.ops import helper, twice"
    lesson(code(both, "show"), name="00_once", front="")
    lesson(code(USES_TWICE))
    assert debts(course, library) == []


def test_a_lesson_without_fields_owes_nothing_yet(course, library, lesson, ops):
    lesson(code(USES_TWICE), front="")
    assert debts(course, library) == []


def test_long_cells_and_lessons_are_named(course, library, lesson):
    lines = "\n".join(["x = 1"] * 41)
    lesson(code(lines), code(lines, "hide-input"), text("word " * 4001))
    long, many = debts(course, library)
    assert "has 41 lines; at most 40" in long
    assert "words; at most 4000" in many


def test_a_guess_needs_its_answer_folded_below(course, library, lesson):
    answer = text("<details><summary>2</summary>\n\nTwo.</details>")
    lesson(code("1 + 1", "predict"), answer, *[code("2", "predict"), answer] * 6)
    assert debts(course, library) == [f"{LESSON}: asks for 7 guesses; at most 6"]
    lesson(code("1 + 1", "predict"), text("It is 2."))
    (debt,) = debts(course, library)
    assert "no folded answer (<details>) follows" in debt


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("00_once.ipynb", ""),
        ("00_once.ipynb#00.-Once", ""),
        ("#Papers-and-code", ""),
        ("../assignments/01_thrice.ipynb", ""),
        ("https://example.org/x#y", ""),
        ("00_never.ipynb", "which is not there"),
        ("00_once.ipynb#Nothing", "no such heading"),
        ("#Nothing", "no such heading"),
    ],
)
def test_links_lead_somewhere(course, library, lesson, link, problem):
    lesson(text(f"See [there]({link})."))
    found = debts(course, library)
    assert len(found) == bool(problem)
    assert all(problem in debt for debt in found)


def table(
    value: str, caption: str = "On the tabletop, measured"
) -> nbformat.NotebookNode:
    html = (
        f"<table><caption>{caption}</caption><tr><th>system</th><th>AP</th></tr>"
        f"<tr><th>R-CNN</th><td>{value}</td></tr></table>"
    )
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    cell = nbformat.v4.new_code_cell("show()", outputs=[output])
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ((table("0.5"), table("0.5")), ""),
        ((table("–"), table("0.5")), ""),
        ((table("0.5"), table("0.6", "Published")), ""),
        ((table("0.5"), table("0.6")), "AP of R-CNN is 0.6, but 0.5 in notebooks/00"),
    ],
)
def test_tables_of_two_lessons_agree(course, lesson, tables, problem):
    folder = course.root / "notebooks"
    folder.mkdir()
    for name, notebook in zip(("00_once", "01_twice"), tables, strict=True):
        nbformat.write(notebook, folder / f"{name}.ipynb")
    found = list(disagreements(course))
    assert len(found) == bool(problem)
    assert all(problem in each for each in found)


def test_the_tables_of_the_course_are_found():
    for name in ("04_faster_rcnn", "05_yolo", "06_ssd"):
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        figures = dict(measured(notebook))
        assert float(figures["R-CNN", "AP"]) > 0
        assert len({system for system, _ in figures}) >= 3
