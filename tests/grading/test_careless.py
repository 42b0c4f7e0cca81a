"""Careless notebooks are graded as their author would: at least 95 in 100 of them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from careless import CASES
from small_assignment import POINTS

from course_grading.grade import grade_isolated
from course_grading.isolation.warm import Warm
from course_grading.restoring.restore import restore_file
from course_grading.running.outcome import Limits
from course_grading.running.verdict import Grade
from course_grading.submission.assignment import released_folder

SOLUTION = Path(__file__).parents[2] / "solutions" / "02_rcnn.ipynb"
# Cases that change a whole file, whatever tasks it holds.
ANY_FILE = [
    *("saved_by_colab", "saved_by_vs_code", "collected_by_nbgrader", "in_format_3"),
    *("windows_line_ends", "spaces_at_line_ends", "in_utf_16"),
    *("a_comma_too_few", "the_last_bracket_missing", "the_end_of_a_longer_file"),
    *("padded_with_zeros", "with_a_byte_order_mark", "tags_everywhere"),
    *("with_the_same_cell_id_twice", "without_cell_ids", "for_an_unknown_kernel"),
]

isolated = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="an isolated process is made by a fork"
)


@pytest.fixture(scope="module")
def graded(submit, released, tmp_path_factory) -> dict[str, Grade]:
    """All cases, graded in one batch from one warm process."""
    right = json.loads(submit().read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("careless")
    grades = {}
    with Warm() as warm:
        for name, case in CASES.items():
            path = folder / f"{name}.ipynb"
            path.write_bytes(case.content(json.loads(json.dumps(right))))
            limits = Limits(call=10, cell=10, task=20, total=60)
            grades[name] = grade_isolated(
                path, warm=warm, released=released, limits=limits
            )
    return grades


def scores(grade: Grade) -> dict[str, int]:
    return {result.name: result.score for result in grade.results}


def words(grade: Grade) -> str:
    said = [f"{result.verdict}: {result.message}" for result in grade.results]
    return "\n".join([grade.problem, *grade.notes, *said])


def test_there_are_at_least_40():
    assert len(CASES) >= 40


@isolated
def test_they_are_graded_as_their_author_would(graded: dict[str, Grade]):
    unfair = {
        name: scores(graded[name])
        for name, case in CASES.items()
        if scores(graded[name]) != POINTS | case.fair
    }
    assert len(unfair) <= 0.05 * len(CASES), unfair
    assert unfair == {}  # so it is today; the line above is what was promised


@isolated
@pytest.mark.parametrize("name", CASES)
def test_the_report_tells_what_happened(name: str, graded: dict[str, Grade]):
    assert CASES[name].says in words(graded[name])
    assert graded[name].problem == ""


def code_of(path: Path) -> tuple[list[list[str]], dict[str, list[str]]]:
    """The code that would run, in order, and each answer; without spaces at ends."""

    def lines(text: str) -> list[str]:
        return [line.rstrip() for line in text.strip().splitlines()]

    restored = restore_file(path, released_folder())
    run = [lines(cell.source) for cell in restored.cells if cell.kind == "code"]
    return run, {name: lines(a.source) for name, a in restored.answers.items()}


@pytest.mark.parametrize("name", ANY_FILE)
def test_a_real_solution_is_restored_as_if_nothing_had_happened(
    name: str, tmp_path: Path
):
    notebook: Any = json.loads(SOLUTION.read_text("utf-8"))
    for each in notebook["cells"]:
        each["source"] = "".join(each["source"])
    path = tmp_path / "careless.ipynb"
    path.write_bytes(CASES[name].content(notebook))
    assert code_of(path) == code_of(SOLUTION)


def by_format_3(notebook: Any) -> Any:
    return nbformat.convert(notebook, 3)


def by_a_script(notebook: Any) -> Any:
    text = jupytext.writes(notebook, fmt="py:percent")
    return jupytext.reads(text, fmt="py:percent")


def by_markdown(notebook: Any) -> Any:
    return jupytext.reads(jupytext.writes(notebook, fmt="md"), fmt="md")


def by_a_script_without_metadata(notebook: Any) -> Any:
    notebook.metadata["jupytext"] = {"cell_metadata_filter": "-all"}
    return by_a_script(notebook)


def by_nbgrader(notebook: Any) -> Any:
    from nbgrader import preprocessors

    for name in ("ComputeChecksums", "LockCells", "DeduplicateIds", "ClearOutput"):
        notebook, _ = getattr(preprocessors, name)().preprocess(notebook, {})
    return notebook


TOOLS = [
    *(by_format_3, by_a_script, by_markdown, by_a_script_without_metadata),
    by_nbgrader,
]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.filterwarnings("ignore")  # of the tools
def test_what_other_tools_make_of_a_solution_is_restored_alike(
    tool: Callable[[Any], Any], tmp_path: Path
):
    path = tmp_path / "made.ipynb"
    made = tool(nbformat.read(SOLUTION, as_version=4))
    path.write_text(json.dumps(made), encoding="utf-8")
    assert code_of(path) == code_of(SOLUTION)
