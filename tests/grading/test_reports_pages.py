"""Pages and Markdown: what they say, and that nothing in them runs or breaks out."""

import itertools
import re

import pytest
from report_grades import CALL, hostile_class, some_class
from report_page import Page

from course_grading.reports import lessons
from course_grading.reports.file_names import folder_names
from course_grading.reports.html import as_class_page, as_page
from course_grading.reports.markdown import as_class_markdown
from course_grading.running.verdict import Grade, Result

CLASS = some_class(40)
HARMFUL = hostile_class()


def all_pages(grades: list[Grade]) -> list[str]:
    links = [f"students/{name}" for name in folder_names(grades)]
    return [as_class_page(grades, links), *map(as_page, grades)]


@pytest.mark.parametrize("text", all_pages(CLASS[:4]) + all_pages(HARMFUL))
def test_a_page_is_whole_and_holds_nothing_that_runs_but_its_own_script(text: str):
    page = Page(text)
    assert page.open == []
    scripts = [attributes for tag, attributes in page.found if tag == "script"]
    assert len(scripts) == ("Class report" in page.text)
    for tag, attributes in page.found:
        assert tag not in {"img", "iframe", "object", "embed", "form", "link", "base"}
        assert not [name for name in attributes if name.startswith("on")]
        assert "style" not in attributes
        assert "src" not in attributes
        address = attributes.get("href") or "#"
        assert address.startswith(("#", "students/", "https://github.com/")), address
    policies = [a["content"] for _, a in page.found if "http-equiv" in a]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[^']+'; (script-src 'sha256-[^']+'; )?"
        r"base-uri 'none'; form-action 'none'",
        str(policies[0]),
    )


def test_pages_are_for_readers_of_all_kinds():
    for text in all_pages(CLASS[:6]):
        page = Page(text)
        tags = [tag for tag, _ in page.found]
        assert dict(page.found[0][1]) == {"lang": "en"}
        assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        steps = itertools.pairwise(levels)
        assert all(after - before <= 1 for before, after in steps)
        ids = [a["id"] for _, a in page.found if "id" in a]
        assert len(ids) == len(set(ids))
        goals = {a["href"] for _, a in page.found if str(a.get("href")).startswith("#")}
        assert {f"#{each}" for each in ids} >= goals
        for tag, attributes in page.found:
            assert tag != "th" or "scope" in attributes
            assert tag != "svg" or attributes["aria-hidden"] == "true"


def test_feedback_names_case_expected_received_mistake_call_hints_and_section():
    grade = next(g for g in CLASS if any("Likely" in r.message for r in g.results))
    result = next(r for r in grade.results if "Likely" in r.message)
    text = Page(as_page(grade)).text
    for part in (
        f"{grade.score} of 10 points",
        "Case: two boxes side by side",
        "Expected-0.2 at [0, 1] Received0.5",
        "Likely mistake: ",
        CALL,
        "Hint ",
        f"“{result.section.partition('#')[2]}”",
        "(notebooks/01_sliding_windows.ipynb)",
        "ab" * 32,
        "Seed of the random cases1234",
        "network: the container allows no network namespace",
        "torch 2.11.0, course 0.1.0",
    ):
        assert part in text


def test_feedback_does_not_tell_why_a_grade_is_in_doubt_or_where_it_was_graded():
    text = as_page(CLASS[2])
    assert "An instructor will look at this grade." in text
    assert CLASS[2].review not in text
    assert CLASS[2].file not in text


def test_hints_open_one_after_the_other():
    hints = ("first `a < b`", "second", "third\n\nparagraph")
    grade = Grade("a", [Result("x", 1, 0, "wrong", "no", hints)])
    text = as_page(grade)
    first, second, third = (text.index(h) for h in ("first", "second", "third"))
    assert "<code>a &lt; b</code>" in text
    assert "</details>" not in text[first:third]
    assert text[first:second].count("<details") == 1
    assert text[third:].count("</details>") == 3


def test_a_file_that_could_not_be_graded_gets_a_sentence():
    text = Page(as_page(CLASS[1])).text
    assert f"This file could not be graded. {CLASS[1].problem}" in text
    assert "What to mend" not in text


def test_the_class_page_tells_scores_tasks_failures_time_and_whom_to_look_at():
    names = folder_names(CLASS)
    text = Page(as_class_page(CLASS, names)).text
    for part in (
        "40 submissions",
        f"student 001: {CLASS[1].problem}",
        f"student 002: {CLASS[2].review}",
        "Most frequent likely mistakes",
        "x and y are swapped",
        "its cell raised NameError: name 'np' is not defined",
        "no known mistake; case 'no boxes'",
        "a submission at the median",
        "39 submissions:",
    ):
        assert part in text
    for grade in CLASS:
        assert f"{grade.student}" in text


@pytest.mark.parametrize("grades", [[], [Grade("a.ipynb", problem="It is empty.")]])
def test_a_class_without_a_grade_has_a_page_too(grades: list[Grade]):
    assert "Class report" in as_class_page(grades, ["x"] * len(grades))
    assert as_class_markdown(grades)


def test_a_course_without_an_address_names_the_file_alone(monkeypatch):
    monkeypatch.setattr(lessons, "repository", lambda: "")
    assert "github.com" not in as_page(CLASS[0])
    section = lessons.find_section("02_rcnn#Hard negatives, again")
    assert section is not None
    assert (section.address, section.heading) == ("", "Hard negatives, again")


def test_sections_lead_to_the_heading_of_the_notebook():
    section = lessons.find_section("00_start_here#One box (of 5)?")
    assert section is not None
    assert section.lesson == "Lesson 00"
    assert section.address.startswith("https://github.com/")
    assert section.address.endswith(
        "/blob/main/notebooks/00_start_here.ipynb#One-box-%28of-5%29%3F"
    )
    for wrong in ("", "x#y", "../../02_a#b", "02_a", "02_a#"):
        assert lessons.find_section(wrong) is None


def luminance(colour: str) -> float:
    """As the Web Content Accessibility Guidelines define it, of "#rrggbb"."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_words_stand_out_from_what_is_behind_them():
    themes = re.findall(r":root \{(.*?)\}", as_page(CLASS[0]), re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", theme))
        for front in ("ink", "quiet", "link", "good", "bad", "open"):
            for back in ("page", "card", "code"):
                pair = sorted(luminance(colours[name]) for name in (front, back))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (front, back)


def test_a_message_of_megabytes_is_cut_off_in_every_report():
    long = Result("x", 1, 0, "error", "its cell raised E: " + "a" * 10**7)
    text = as_page(Grade("a", [long]))
    assert len(text) < 40_000
    assert "letters more)" in text
