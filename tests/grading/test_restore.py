"""What is graded is the released notebook with the learner's answers, whatever else
happened to the file."""

import json
from typing import Any

import pytest
from nbformat import v4
from small_assignment import CHECKS, GIVEN, RIGHT, STUBS, cell

from course_grading.restoring.restore import Restored, restore_file, to_notebook
from course_grading.submission.reading import UngradableError

restored = restore_file


def sources(result: Restored) -> list[str]:
    return [c.source for c in result.cells if c.kind == "code"]


def expected(own: dict[str, str] | None = None, **answers: str) -> list[str]:
    """The released code with right answers, and own cells by what they follow."""
    own = own or {}
    listed = [GIVEN, *([own["given"]] if "given" in own else [])]
    for name, check in CHECKS.items():
        listed += [(RIGHT | answers)[name], check]
        listed += [own[name]] if name in own else []
    return listed


def remove(*grade_ids: str) -> Any:
    def change(notebook: Any) -> None:
        for grade_id in grade_ids:
            notebook.cells.remove(cell(notebook, grade_id))

    return change


def no_metadata(notebook: Any) -> None:
    for each in notebook.cells:
        each.metadata = {}


def edited_checks(notebook: Any) -> None:
    for name in CHECKS:
        cell(notebook, f"check_{name}").source = "pass"


def markdown_checks(notebook: Any) -> None:
    for name in CHECKS:
        check = cell(notebook, f"check_{name}")
        check.cell_type = "markdown"


def skipped_checks(notebook: Any) -> None:
    for each in notebook.cells:
        each.metadata["tags"] = ["skip-execution", "nbval-skip", "raises-exception"]


def moved(notebook: Any) -> None:
    notebook.cells.reverse()


def markdown_answer(notebook: Any) -> None:
    cell(notebook, "add").cell_type = "markdown"


def more_points(notebook: Any) -> None:
    cell(notebook, "check_double").metadata["nbgrader"]["points"] = 1000


CHANGES = {
    "as it is": None,
    "checks edited": edited_checks,
    "checks deleted": remove(*(f"check_{name}" for name in CHECKS)),
    "checks turned into Markdown": markdown_checks,
    "every cell tagged to be skipped": skipped_checks,
    "no metadata": no_metadata,
    "cells moved": moved,
    "an answer turned into Markdown": markdown_answer,
    "more points": more_points,
    "given cells deleted": remove("given", "title"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_all_but_the_answers_comes_from_the_release(case, submit, released):
    result = restored(submit(change=CHANGES[case]), released)
    assert sources(result) == expected()
    assert [task.points for task in result.assignment.tasks] == [1, 2, 3, 4]


def test_nothing_but_the_id_of_a_cell_reaches_the_run(submit, released):
    result = restored(submit(change=skipped_checks), released)
    notebook = to_notebook(result.cells)
    assert {key for c in notebook["cells"] for key in c["metadata"]} == {"nbgrader"}
    assert all(
        list(c["metadata"]["nbgrader"]) == ["grade_id"] for c in notebook["cells"]
    )
    assert notebook["metadata"] == {}


def test_own_cells_stay_where_they_were(submit, released):
    def change(notebook: Any) -> None:
        notebook.cells.append(v4.new_code_cell("at_the_end = 1"))
        notebook.cells.insert(2, v4.new_code_cell("import itertools"))

    result = restored(submit(change=change), released)
    own = {"given": "import itertools", "last": "at_the_end = 1"}
    assert sources(result) == expected(own)
    assert len(set(result.own)) == 2


def test_an_import_added_to_a_given_cell_is_kept_but_takes_no_check(submit, released):
    def change(notebook: Any) -> None:
        given = cell(notebook, "given")
        given.source = "import math\nfrom os import getcwd as check\n" + given.source

    result = restored(submit(change=change), released)
    assert sources(result) == expected({"given": "import math"})
    assert "A given cell was changed" in result.notes[0]


def test_the_last_copy_of_an_answer_counts_and_earlier_ones_run_before(
    submit, released
):
    def change(notebook: Any) -> None:
        copy = v4.new_code_cell("helper = 2", metadata=cell(notebook, "add").metadata)
        notebook.cells.insert(2, copy)
        stub = v4.new_code_cell(STUBS["add"], metadata=cell(notebook, "add").metadata)
        notebook.cells.append(stub)

    result = restored(submit(change=change), released)
    listed = expected()
    listed.insert(listed.index(RIGHT["add"]), "helper = 2")
    assert sources(result) == listed
    assert "2 times; the last one counts" in result.answers["add"].note


def test_an_answer_in_a_cell_of_its_own_is_found_by_its_name(submit, released):
    def change(notebook: Any) -> None:
        cell(notebook, "add").source = STUBS["add"]
        notebook.cells.append(v4.new_code_cell("%time\n" + RIGHT["add"]))

    result = restored(submit(change=change), released)
    assert result.answers["add"].source == "%time\n" + RIGHT["add"]
    assert sources(result) == expected(add="%time\n" + RIGHT["add"])


def test_a_missing_answer_is_said(submit, released):
    result = restored(submit(change=remove("add")), released)
    assert sources(result) == expected(add="")
    assert "no answer found" in result.answers["add"].note


@pytest.mark.parametrize("name", ["mine.ipynb", "90_small.ipynb", "91_other (1).ipynb"])
def test_the_assignment_is_known_by_its_cells_before_its_file_name(
    name, submit, released
):
    path = submit()
    path = path.rename(path.with_name(name))
    assert restored(path, released).assignment.name == "90_small"


def test_without_cells_that_match_the_file_name_tells(submit, released):
    path = submit(change=lambda notebook: notebook.cells.clear())
    path = path.rename(path.with_name("91_other.ipynb"))
    assert restored(path, released).assignment.name == "91_other"


def test_an_unknown_assignment_is_refused_with_those_that_are_known(submit, released):
    path = submit(change=lambda notebook: notebook.cells.clear())
    with pytest.raises(UngradableError, match="Known are: 90_small, 91_other"):
        restored(path, released)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_unicode_encodings_are_read(encoding, submit, released):
    path = submit({"sides": "sides = 4  # größer"})
    text = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False)
    path.write_text(text, encoding=encoding)
    assert sources(restored(path, released))[5] == "sides = 4  # größer"


def test_the_sheets_of_format_3_are_read(submit, released):
    path = submit()
    notebook = json.loads(path.read_text())
    for each in notebook["cells"]:
        if each["cell_type"] == "code":
            each["input"] = each.pop("source").splitlines(keepends=True)
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": notebook["cells"]}]}
    path.write_text(json.dumps(old))
    assert sources(restored(path, released)) == expected()
