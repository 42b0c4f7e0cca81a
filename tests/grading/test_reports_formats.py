"""Grades in the formats of other programs, also where submissions mean harm."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import jsonschema
from report_grades import ASSIGNMENT, hostile_class, some_class
from report_schemas import CLASSROOM50, GRADESCOPE
from rich.console import Console

from course_grading.reports.gradebook import as_csv, without_formula
from course_grading.reports.junit import as_junit
from course_grading.reports.platforms import (
    as_classroom50,
    as_gradescope,
    is_classroom50,
)
from course_grading.reports.terminal import print_class, print_grade
from course_grading.reports.text import one_line, visible
from course_grading.running.verdict import Grade, Result

CLASS = some_class(30)
HOSTILE = hostile_class()
ALL = [*CLASS, *HOSTILE]
NOTHING = Grade("a.ipynb", problem="a.ipynb is empty; save the notebook again.")
ENVIRONMENT = {
    "CLASSROOM": "cv",
    "ASSIGNMENT": "windows",
    "SUBMISSION_TAG": "submit/20261102T100000Z-abc1234",
    "COMMIT_URL": "https://github.com/o/r/commit/abc",
    "RELEASE_URL": "https://github.com/o/r/releases/tag/x",
    "USERNAME": "ada",
}
# No control character but line breaks and tabs, nothing that reorders or hides text.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]"
)


def test_text_is_shown_without_what_reorders_hides_or_controls():
    assert visible("a\x1b[2Jb\x07\u202ec\udc80\r\nd\te") == "ab<U+202E>c?\nd\te"
    assert visible("\U000e0041x\ufeff") == "<U+E0041>x<U+FEFF>"
    assert visible("na\u00efve \u0645\u200c\u0646") == "na\u00efve \u0645\u200c\u0646"
    assert one_line(" a\n b\u2029") == "a b<U+2029>"
    assert one_line("abcdef", most=4) == "abc\u2026"


def test_junit_names_tasks_and_counts_what_is_not_right():
    suites = ET.fromstring(as_junit(CLASS))
    assert len(suites) == len(CLASS)
    for suite, grade in zip(suites, CLASS, strict=True):
        cases = suite.findall("testcase")
        assert [case.get("name") for case in cases] == [r.name for r in grade.results]
        assert {case.get("classname") for case in cases} <= {ASSIGNMENT, "assignment"}
        assert suite.get("tests") == str(len(cases))
        for kind in ("failure", "error"):
            assert suite.get(f"{kind}s") == str(len(suite.findall(f".//{kind}")))
        earned = sum(
            int(found.get("value", ""))
            for found in suite.findall("testcase/properties/property[@name='score']")
        )
        assert earned == grade.score
        right = [not case.findall("failure") + case.findall("error") for case in cases]
        assert right == [result.verdict == "right" for result in grade.results]


def test_junit_of_a_file_that_could_not_be_read_is_one_error():
    suite = ET.fromstring(as_junit([NOTHING]))[0]
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert suite.find("testcase/error").text == NOTHING.problem


def test_junit_of_hostile_text_is_xml_without_what_xml_forbids():
    text = as_junit(HOSTILE)
    ET.fromstring(text)
    assert not UNSAFE.search(text)


def test_the_gradebook_has_a_row_a_student_and_a_column_a_task():
    text = as_csv(CLASS)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["student"] for row in rows] == [grade.student for grade in CLASS]
    for row, grade in zip(rows, CLASS, strict=True):
        assert int(row["score"]) == grade.score
        assert {r.name: int(row[r.name]) for r in grade.results} == {
            r.name: r.score for r in grade.results
        }
    assert rows[0]["seed"] == "1234"
    assert rows[1]["problem"] == CLASS[1].problem


def test_a_task_that_was_never_set_is_an_empty_field():
    first = Grade("a", [Result("x", 1, 0, "wrong", "")], student="a")
    second = Grade("b", [Result("y", 1, 1, "right", "")], student="b")
    rows = list(csv.DictReader(io.StringIO(as_csv([first, second]))))
    assert [(row["x"], row["y"]) for row in rows] == [("0", ""), ("", "1")]


def test_no_field_of_the_gradebook_is_a_formula():
    rows = list(csv.reader(io.StringIO(as_csv(HOSTILE).removeprefix("\ufeff"))))
    fields = [field for row in rows for field in row]
    assert len({len(row) for row in rows}) == 1
    assert not [f for f in fields if f.startswith(("=", "+", "-", "@", "\t", "\uff1d"))]
    assert not UNSAFE.search("".join(fields))
    assert without_formula("=1;=2") == "'=1,=2"


def test_gradescope_takes_the_results():
    for grade in [*ALL, NOTHING]:
        content = json.loads(as_gradescope(grade))
        jsonschema.validate(content, GRADESCOPE)
        earned = sum(test["score"] for test in content["tests"])
        assert content["score"] == grade.score == earned
        assert not UNSAFE.search(content["output"])


def test_gradescope_does_not_tell_a_learner_why_the_grade_is_in_doubt():
    assert CLASS[2].review
    assert CLASS[2].review not in as_gradescope(CLASS[2])


def test_classroom50_takes_the_result():
    when = datetime(2026, 11, 2, 10, 0, 0, tzinfo=UTC)
    for grade in [*ALL, NOTHING]:
        content = json.loads(as_classroom50(grade, ENVIRONMENT, when))
        jsonschema.validate(content, CLASSROOM50)
        assert content["graded_at"] == "2026-11-02T10:00:00Z"
        assert content["score"] == sum(test["score"] for test in content["tests"])
        assert content["score"] <= content["max-score"]
        assert content["review"] == content["commit"]


def test_only_classroom50s_own_runner_gets_its_file():
    assert is_classroom50(ENVIRONMENT)
    assert not is_classroom50(ENVIRONMENT | {"COMMIT_URL": ""})
    assert not is_classroom50({})


def test_the_terminal_shows_text_and_obeys_none_of_it():
    console = Console(file=io.StringIO(), width=100)
    for grade in HOSTILE:
        print_grade(grade, console)
    print_class(ALL, console)
    print_class([], console)
    text = console.file.getvalue()
    assert not UNSAFE.search(text)
    assert "[bold red]markup[/bold red]" in text


def test_the_class_in_the_terminal_ends_with_what_matters():
    console = Console(file=io.StringIO(), width=120)
    print_class(CLASS, console)
    text = console.file.getvalue()
    assert f"student 002: {CLASS[2].review}" in text
    assert text.rstrip().splitlines()[-1].startswith("30 submissions: median ")
