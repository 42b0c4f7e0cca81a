"""Careless notebooks are graded as their author would: at least 95 in 100 of them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from careless import CASES
from careless.case import saved
from small_assignment import POINTS

from course_utils.grading.assignment import shipped
from course_utils.grading.grade import grade_isolated
from course_utils.grading.isolation.warm import Warm
from course_utils.grading.outcome import Limits
from course_utils.grading.restore import restore_file
from course_utils.grading.verdict import Grade

SOLUTIONS = Path(__file__).parents[2] / "solutions"
# Cases that change a whole file, whatever tasks it holds.
ANY_FILE = [
    *("saved_by_colab", "saved_by_vs_code", "collected_by_nbgrader", "in_format_3"),
    *("windows_line_ends", "spaces_at_line_ends", "every_cell_twice", "in_utf_16"),
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


@pytest.mark.parametrize("name", ANY_FILE)
def test_a_real_solution_is_restored_as_if_nothing_had_happened(
    name: str, tmp_path: Path
):
    notebook: Any = json.loads((SOLUTIONS / "02_rcnn.ipynb").read_text("utf-8"))
    for each in notebook["cells"]:
        each["source"] = "".join(each["source"])
    paths = tmp_path / "right.ipynb", tmp_path / "careless.ipynb"
    paths[0].write_text(saved(notebook), encoding="utf-8")
    paths[1].write_bytes(CASES[name].content(notebook))
    right, careless = (restore_file(path, shipped()) for path in paths)
    code: Callable[[str], list[str]] = lambda text: [  # noqa: E731
        line.rstrip() for line in text.strip().splitlines()
    ]
    run = [code(cell.source) for cell in right.cells if cell.kind == "code"]
    also = [code(cell.source) for cell in careless.cells if cell.kind == "code"]
    assert [cell for cell in also if cell not in run] == []
    assert [cell for cell in run if cell not in also] == []
    names = {name: code(answer.source) for name, answer in right.answers.items()}
    assert {n: code(a.source) for n, a in careless.answers.items()} == names
