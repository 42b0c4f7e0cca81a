"""Cells and files: ids, badges, install cell, bytes."""

import json

import nbformat
import pytest
from nbformat import v4

from builder.checking import orphans
from builder.course import BuildError, ScriptCell, read_course, read_script, select
from builder.notebook import (
    carry_outputs,
    cell_ids,
    same_code,
    to_text,
    was_executed,
    write_whole,
)
from builder.targets import badge_row, make_product, with_badge

LESSON = "source/lessons/01_twice.py"


def test_a_notebook_is_valid_and_the_same_every_time(course, library):
    first, second = (
        to_text(make_product(course, library, course.root / LESSON).executed.notebook)
        for _ in range(2)
    )
    assert first == second
    nbformat.validate(nbformat.reads(first, as_version=4))
    assert json.loads(first)["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }


def test_editing_a_cell_changes_its_id_alone(course, library):
    path = course.root / LESSON
    before = make_product(course, library, path).executed.notebook.cells
    path.write_text(path.read_text().replace("How large", "How big"))
    after = make_product(course, library, path).executed.notebook.cells
    same = [a.id == b.id for a, b in zip(before, after, strict=True)]
    assert same == [False] + [True] * (len(before) - 1)


def test_equal_cells_get_different_ids():
    cells = [ScriptCell("code", "x", number=1), ScriptCell("code", "x", number=2)]
    cells.append(ScriptCell("markdown", "x", number=3))
    assert len(set(cell_ids(cells).values())) == 3


def test_a_new_address_changes_no_id(course, library):
    path = course.root / LESSON
    before = make_product(course, library, path).executed.notebook.cells
    project = course.root / "pyproject.toml"
    project.write_text(project.read_text().replace("someone", "another"))
    moved = read_course(course.root)
    after = make_product(moved, library, path).executed.notebook.cells
    assert after[0].id == before[0].id
    assert "github/another/tiny/blob/main/notebooks/01_twice.ipynb" in after[0].source


def test_the_badge_and_a_text_link_under_the_title_open_the_notebook_itself(course):
    row = badge_row(course, "notebooks/01_twice.ipynb")
    address = (
        "https://colab.research.google.com/github/someone/tiny/blob/main/"
        "notebooks/01_twice.ipynb"
    )
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    assert row == (
        f"[![Open in Colab]({badge})]({address}) "
        f"[Open this notebook in Colab]({address})"
    )
    assert with_badge("# T\n\nText.", "B") == "# T\n\nB\n\nText."
    assert with_badge("# T", "") == "# T"


def test_the_install_cell_follows_the_title_and_upgrades_nothing(course, library):
    for name in (LESSON, "source/assignments/01_thrice.py"):
        for target in make_product(course, library, course.root / name).targets:
            cell = target.notebook.cells[1]
            assert cell.cell_type == "code"
            assert 'find_spec("course_utils") is None' in cell.source
            assert "%pip install -q --no-deps git+https://github.com/someone/tiny" in (
                cell.source
            )


def test_only_tags_are_kept_of_a_cells_metadata(course, library):
    path = course.root / LESSON
    path.write_text(path.read_text().replace('tags=["show"]', 'tags=["show"] deep=1'))
    cells = make_product(course, library, path).executed.notebook.cells
    assert [
        cell.metadata for cell in cells if "show" in cell.metadata.get("tags", [])
    ] == [{"tags": ["show"]}]


def test_comments_in_code_are_no_magics(tmp_path):
    path = tmp_path / "01_t.py"
    path.write_text(
        "# %% [markdown]\n# # T\n\n# %%\n# cat is a class\n# %time\nx = 1\n"
    )
    cells = read_script(path, "01_t.py").cells
    assert cells[1].source == "# cat is a class\n# %time\nx = 1"
    assert (cells[1].number, cells[1].line) == (2, 4)


@pytest.mark.parametrize(
    "text", ["", "x = 1\n", "# %% [markdown]\n# ## T\n", "# %% [raw]\n# # T\n"]
)
def test_a_script_without_a_title_is_refused(tmp_path, text):
    path = tmp_path / "01_t.py"
    path.write_text(text)
    with pytest.raises(BuildError, match=r"^01_t\.py.*Markdown"):
        read_script(path, "01_t.py")


def test_files_are_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "a.ipynb"
    for text in ("one\n", "two\n"):
        write_whole(path, text)
        assert path.read_bytes() == text.encode()
    assert list(path.parent.iterdir()) == [path]


def test_sources_are_chosen_by_name_or_path(course):
    every = course.lessons() + course.assignments()
    assert select(course, []) == every
    assert select(course, ["01_twice"]) == course.lessons()
    assert select(course, [SOURCE := "source/assignments/01_thrice.py"]) == [
        course.root / SOURCE
    ]
    assert select(course, ["lessons/01_twice.ipynb", "01_twice"]) == course.lessons()
    with pytest.raises(BuildError, match=r"no source is called twice; .* 01_twice"):
        select(course, ["twice"])


def test_an_address_is_needed(course):
    (course.root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(BuildError, match="no Repository"):
        read_course(course.root)


def test_notebooks_without_a_source_are_found(course):
    for name in (
        "notebooks/02_gone.ipynb",
        "notebooks/deep/01_twice.ipynb",
        "notebooks/.ipynb_checkpoints/x-checkpoint.ipynb",
        "assignments/01_thrice.ipynb",
        "solutions/01_twice.ipynb",
        "course_grading/released/03_gone.ipynb",
    ):
        write_whole(course.root / name, "{}")
    assert [problem.partition(":")[0] for problem in orphans(course)] == [
        "notebooks/02_gone.ipynb",
        "notebooks/deep/01_twice.ipynb",
        "solutions/01_twice.ipynb",
        "course_grading/released/03_gone.ipynb",
    ]


def node(source, *tags, **fields):
    return v4.new_code_cell(
        source, metadata={"tags": [*tags]} if tags else {}, **fields
    )


def notebook(*cells):
    return v4.new_notebook(cells=[*cells])


def test_the_output_of_a_guess_is_not_kept():
    printed = [v4.new_output("stream", text="4\n")]
    old = notebook(*(node("2 + 2", outputs=printed, execution_count=n) for n in (1, 2)))
    new = notebook(node("2 + 2"), node("2 + 2", "predict"))
    carry_outputs(old, new)
    plain, guess = new.cells
    assert (plain.outputs, plain.execution_count) == (printed, 1)
    assert (guess.outputs, guess.execution_count) == ([], None)
    assert was_executed(new)


def test_a_hidden_input_is_folded_in_jupyterlab(course, library):
    path = course.root / LESSON
    path.write_text(path.read_text().replace('"parameters"', '"hide-input"'))
    cells = make_product(course, library, path).executed.notebook.cells
    folded = [c for c in cells if c.metadata.get("jupyter") == {"source_hidden": True}]
    assert [cell.source.partition("\n")[0] for cell in folded] == ["import os"]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("x = 1", "x = 1  # one", True),
        ('def f():\n    """F."""', 'def f():\n    """G.\n\n    Args: x."""', True),
        ('def f():\n    """F."""', "def f():\n    pass", True),
        ("x = 1", "x = 2", False),
        ("%pip install a", "%pip install b", False),
        ("%%bash\nls", "%%bash\npwd", False),
        ("'a'", "'b'", False),
        ("def f():\n    return 'a'", "def f():\n    return 'b'", False),
    ],
)
def test_only_what_runs_makes_a_notebook_stale(one, other, is_same):
    assert same_code(notebook(node(one)), notebook(node(other))) == is_same
