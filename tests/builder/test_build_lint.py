"""The remarks on lessons and assignments."""

import pytest

from builder.checking import lint_script
from builder.course import read_script

LESSON = "source/lessons/01_twice.py"
ASSIGNMENT = "source/assignments/01_thrice.py"
HINT = "# <details><summary>Hint</summary>\n#\n# Count.</details>"


def remarks(course, name):
    return list(lint_script(read_script(course.root / name, name)))


@pytest.mark.parametrize("name", [LESSON, ASSIGNMENT])
def test_a_good_source_has_none(course, name):
    assert remarks(course, name) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (LESSON, "# ## Questions", "# # Questions", "a second `# ` title"),
        (LESSON, "# ## Questions", "# ### Questions", "heading ### skips a level"),
        (LESSON, "# # 01. Twice", "# # Twice", "the title lacks the number 01"),
        (LESSON, "How large is", "![](a.png) is", "a picture without alt text"),
        (LESSON, "How large is", '<img src="a.png"> is', "a picture without alt text"),
        (LESSON, "How large is", '<img alt="" src="a"> is', "without alt text"),
        (LESSON, "How large is", "<details> is", "do not come in pairs"),
        (LESSON, "How large is", "word " * 251, "words at a stretch; at most 250"),
        (LESSON, "import json\n", "import json\n" * 41, "44 lines of code; at most 40"),
        (LESSON, "So.</details>\n# <details>", "So.\n# ", "has 2 folded answers"),
        (LESSON, '"show"', '"shwo"', "unknown tag 'shwo'"),
        (ASSIGNMENT, "(6 points)", "(six)", "does not say 6 points"),
        (ASSIGNMENT, HINT, "#", "hint"),
        (ASSIGNMENT, HINT, HINT.replace("\n#\n# ", ""), "no empty line after </summ"),
    ],
)
def test_what_readers_would_miss_is_remarked(course, name, old, new, message):
    path = course.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    (remark,) = remarks(course, name)
    assert remark.startswith(name)
    assert message in remark


@pytest.mark.parametrize(
    "text",
    ["![a cat](a.png)", '<img src="a.png" alt="a cat">', "```\n# # no title\n# ```"],
)
def test_what_is_fine_is_not_remarked(course, text):
    path = course.root / LESSON
    path.write_text(path.read_text().replace("How large is", text))
    assert remarks(course, LESSON) == []
