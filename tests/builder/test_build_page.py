"""The header and the footer that the builder makes from a lesson's fields."""

import pytest

from builder.building import build
from builder.checking import problems
from builder.course import BuildError, read_script
from builder.page import anchor, read_fields
from builder.targets import make_product

LESSON = "source/lessons/01_twice.py"
FRONT = """\
# ---
# question: how large is twice?
# build: [count, double, compare]
# needs: [00_once]
# minutes: {read: 20, run: 1}
# papers:
#   - "[Doubling](https://example.org/doubling): where it began"
# ---
"""
ONCE = "# %% [markdown]\n# # 00. Once\n"


@pytest.fixture
def paged(course):
    """The tiny course with fields in its lesson, and a lesson before it."""
    path = course.root / LESSON
    path.write_text(FRONT + path.read_text().replace("# ruff: noqa: E402\n", ""))
    (path.parent / "00_once.py").write_text(ONCE)
    return course


def cells(course, library):
    return make_product(course, library, course.root / LESSON).executed.notebook.cells


def test_the_header_says_what_when_and_where(paged, library):
    title = cells(paged, library)[0].source
    assert title.startswith("# 01. Twice\n\n[![Open in Colab]")
    assert "\n\n**How large is twice?**\n\n" in title
    assert "| You will build | count; double; compare |" in title
    assert "| You need | [00. Once](00_once.ipynb) |" in title
    assert "| Time | 20 minutes to read, 1 to run |" in title
    assert "| Around it | before: [00. Once](00_once.ipynb) |" in title
    assert title.count("00_once.ipynb") == 2
    assert "**Contents.** [Questions](#Questions)" in title


def test_the_footer_lists_papers_and_leads_on(paged, library):
    last = cells(paged, library)[-1].source
    assert last.startswith("## Papers and code\n\n- [Doubling](https://example.org")
    assert last.endswith("**From here** before: [00. Once](00_once.ipynb)")


def test_an_assignment_of_the_same_name_is_linked(paged, library):
    folder = paged.root / "source" / "assignments"
    (folder / "01_thrice.py").rename(folder / "01_twice.py")
    assert "[the assignment](../assignments/01_twice.ipynb)" in (
        cells(paged, library)[-1].source
    )


def test_a_lesson_without_fields_stays_as_it_is(course, library):
    assert read_fields(read_script(course.root / LESSON, LESSON)) is None
    assert cells(course, library)[-1].source.startswith("## Questions")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# needs: [00_once]\n", "", "have to be question, build, needs"),
        ("# needs: [00_once]", "# needs: 00_once", "needs has to be a list"),
        ("[count, double, compare]", "[count]", "build has to name 3 to 5"),
        ("{read: 20, run: 1}", "20", "minutes has to be"),
        ("[00_once]", "[00_never]", "there is no lesson 00_never"),
        ("{read: 20, run: 1}", "{read", "not YAML"),
    ],
)
def test_wrong_fields_are_refused(paged, library, old, new, message):
    path = paged.root / LESSON
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BuildError, match=message):
        cells(paged, library)


@pytest.mark.parametrize(
    ("heading", "fragment"),
    [
        ("How many boxes are there?", "How-many-boxes-are-there?"),
        ("What `nms` keeps", "What-nms-keeps"),
        ("AP (all points)", "AP-%28all-points%29"),
    ],
)
def test_headings_get_the_fragments_of_jupyterlab(heading, fragment):
    assert anchor(heading) == fragment


def test_an_appendix_needs_no_number_no_questions_and_no_result(paged, library):
    path = paged.root / "source" / "lessons" / "atlas.py"
    path.write_text("# %% [markdown]\n# # An atlas\n\n# %%\nprint(1 + 1)\n")
    build(paged, library, path, force=False, started=lambda *_: lambda: None)
    assert list(problems(paged, library, [path])) == []
    assert "atlas" not in cells(paged, library)[0].source
