"""Reports in Markdown, and the folder in which all reports are written."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from report_grades import ASSIGNMENT, HOSTILE, hostile_class, some_class
from report_page import Page

from course_grading.reports.file_names import folder_names
from course_grading.reports.markdown import as_class_markdown, as_markdown
from course_grading.reports.text import visible
from course_grading.reports.write import write_one, write_reports
from course_grading.running.verdict import Grade, Result

CLASS = some_class(40)
HARMFUL = hostile_class()
MARKDOWN = {
    *("h2", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"),
    *("pre", "details", "summary", "strong", "a"),
}


def markdown(text: str) -> Page:
    return Page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


@pytest.mark.parametrize("grade", CLASS[:6] + HARMFUL)
def test_no_text_of_a_submission_means_anything_in_markdown(grade: Grade):
    page = markdown(as_markdown(grade))
    assert page.open == []
    assert {tag for tag, _ in page.found} <= MARKDOWN
    for tag, attributes in page.found:
        assert set(attributes) <= ({"href"} if tag == "a" else set())
        assert str(attributes.get("href", "https://github.com/")).startswith("https://")
    rows = [tag for tag, _ in page.found].count("tr")
    assert rows == (0 if grade.problem else 1 + len(grade.results))


def test_markdown_shows_hostile_text_as_it_is():
    for grade, text in zip(HARMFUL[::2], HOSTILE, strict=True):
        shown = " ".join(visible(text).split())[:79]
        assert shown in markdown(as_markdown(grade)).text
    page = markdown(as_class_markdown(HARMFUL))
    assert {tag for tag, _ in page.found} <= MARKDOWN


def test_a_class_gets_its_reports_and_links_lead_to_them(tmp_path: Path):
    written = write_reports(CLASS, tmp_path)
    assert [path.name for path in written[:3]] == [
        "class.html",
        "gradebook.csv",
        "summary.md",
    ]
    assert all(path.is_file() for path in written)
    page = Page((tmp_path / "class.html").read_text("utf-8"))
    links = {str(a["href"]) for tag, a in page.found if tag == "a"}
    links = {link for link in links if link.startswith("students/")}
    assert len(links) == len(CLASS)
    assert all((tmp_path / unquote(link)).is_file() for link in links)


def test_the_same_grades_give_the_same_bytes_in_any_order(tmp_path: Path):
    first = write_reports(CLASS, tmp_path / "a")
    second = write_reports(CLASS[::-1], tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_the_second_student_stands_before_the_tenth(tmp_path: Path):
    names = ["student 10", "student 2", "Ada", "student 02", "2", "10"]
    write_reports([Grade("a", student=name) for name in names], tmp_path)
    rows = (tmp_path / "gradebook.csv").read_text("utf-8").splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [
        "2",
        "10",
        "Ada",
        "student 02",
        "student 2",
        "student 10",
    ]


def test_no_name_leads_out_of_the_folder_or_to_that_of_another(tmp_path: Path):
    folder = tmp_path / "reports"
    written = write_reports(HARMFUL, folder)
    assert len(set(written)) == len(written)
    assert list(tmp_path.iterdir()) == [folder]
    names = folder_names(HARMFUL)
    assert len({name.casefold() for name in names}) == len(HARMFUL)
    assert all(len(name.encode()) < 200 for name in names)
    assert all(re.fullmatch(r"\w[\w.-]*", name) for name in names)
    assert folder_names([Grade("", student="Żółć 王")]) == ["Żółć_王"]


def test_each_assignment_has_a_folder_where_there_are_several(tmp_path: Path):
    other = Grade("b", [Result("x", 1, 1, "right", "")])
    assert CLASS[0].record is not None
    record = type(CLASS[0].record)("02_rcnn", "", "", None, "isolated")
    grades = [*CLASS[:2], Grade("b", other.results, record=record)]
    write_reports(grades, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [ASSIGNMENT, "02_rcnn"]
    one = write_one(grades[0], tmp_path / "one")
    assert {p.name for p in one} >= {"feedback.html", "grade.json", "results.json"}


def test_classroom50_gets_its_file_from_its_own_runner(tmp_path: Path, monkeypatch):
    assert "result.json" not in {path.name for path in write_one(CLASS[0], tmp_path)}
    for name in ("CLASSROOM", "ASSIGNMENT", "COMMIT_URL", "RELEASE_URL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("SUBMISSION_TAG", "submit/1")
    assert "result.json" in {path.name for path in write_one(CLASS[0], tmp_path)}
