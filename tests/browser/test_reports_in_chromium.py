"""The pages of reports in a real browser: nothing hostile runs, and sorting works."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_grades import hostile_class, some_class

from course_grading.reports.write import write_reports

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None,
        reason="no Chromium: install it (on Debian: apt install chromium)",
    ),
]
OVERFLOWS = "() => document.documentElement.scrollWidth > window.innerWidth"
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    write_reports(some_class(30), folder / "ordinary")
    write_reports(hostile_class(), folder / "hostile")
    return folder


def opened(context: Any, path: Path) -> tuple[Any, list[str]]:
    """A page, and all that went wrong or asked for attention in it."""
    page = context.new_page()
    events: list[str] = []
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("console", lambda message: events.append(message.text))
    page.on("request", lambda request: events.append(request.url))
    page.goto(path.as_uri())
    assert events.pop(0) == path.as_uri()
    return page, events


def test_nothing_that_a_submission_wrote_runs_or_is_loaded(browser, reports):
    with browser.new_context() as context:
        pages = sorted((reports / "hostile").rglob("*.html"))
        assert len(pages) > 40
        page, events = opened(context, pages[0])
        for path in pages:
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open=1)")
            assert page.title() != "harm"
            is_class = path.name == "class.html"
            assert page.locator("script").count() == is_class
        assert events == [path.as_uri() for path in pages]


def test_even_a_script_that_got_into_a_page_would_not_run(browser, reports):
    path = reports / "ordinary" / "class.html"
    spoiled = path.with_name("spoiled.html")
    harm = (
        "<script>document.title='harm'</script><img src=x onerror=\"document.title=1\">"
    )
    spoiled.write_text(path.read_text("utf-8").replace("<main>", f"<main>{harm}"))
    with browser.new_context() as context:
        page, events = opened(context, spoiled)
        assert page.title().startswith("Class report")
        assert any("Content Security Policy" in event for event in events)


def test_a_column_sorts_by_click_and_by_key(browser, reports):
    with browser.new_context() as context:
        page, events = opened(context, reports / "ordinary" / "class.html")
        head = page.locator("table.sortable thead th").nth(1)
        for direction in ("ascending", "descending"):
            head.locator("button").press("Enter")
            assert head.get_attribute("aria-sort") == direction
            cells = page.locator("table.sortable tbody tr td:nth-child(2)")
            scores = [int(text.split("/")[0]) for text in cells.all_inner_texts()]
            assert scores == sorted(scores, reverse=direction == "descending")
        assert events == []


def test_all_content_is_there_without_scripts(browser, reports):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((reports / "ordinary" / "class.html").as_uri())
        assert page.locator("table.sortable tbody tr").count() == 30


@pytest.mark.parametrize("width", [360, 1200])
def test_pages_fit_narrow_and_wide_windows(browser, reports, width):
    with browser.new_context(viewport={"width": width, "height": 800}) as context:
        for path in sorted(reports.rglob("*.html"))[::7]:
            page, _ = opened(context, path)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open=1)")
            assert not page.evaluate(OVERFLOWS), path
            page.close()


def test_pages_are_light_or_dark_as_the_reader_likes(browser, reports):
    found = []
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            page, _ = opened(context, reports / "ordinary" / "class.html")
            red = int(page.evaluate(BACKGROUND).split("(")[1].split(",")[0])
            found.append(red)
    light, dark = found
    assert light > 200
    assert dark < 60
