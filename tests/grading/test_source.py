"""Names that a cell defines, whatever IPython's own lines it holds."""

import pytest

from course_grading.submission.source import (
    added_code,
    added_definitions,
    added_imports,
    defined_names,
    same_code,
    used_names,
    without_fences,
)

CELLS = {
    "a magic above": ("%time\ndef f(): pass", {"f"}),
    "a magic of the whole cell": ("%%time\ndef f(): pass", {"f"}),
    "a command": ("!ls\nx = 1", {"x"}),
    "a question before": ("?len\nx = 1", {"x"}),
    "a question after": ("def f(): pass\nf??", {"f"}),
    "what a command prints": ("files = !ls\nx = 1", {"files", "x"}),
    "the operator %": ("x = (\n    7\n    % 4\n)", {"x"}),
    "the operator % below a magic": ("%time\nx = (\n    7\n    % 4\n)", {"x"}),
    "a text with %": ('x = """\n%d\n"""', {"x"}),
    "all of it indented": ("    def f():\n        %time x = 1", {"f"}),
    "a function under a condition": ("if 1:\n    def f(): pass", {"f"}),
    "no Python": ("def f(:", set()),
    "a zero byte": ("x = 1\0", set()),
    "code too deep to read": ("(" * 5000, set()),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_defines(case: str):
    source, names = CELLS[case]
    assert defined_names(source) == names


def test_an_added_import_is_kept_beside_a_question():
    assert added_imports("import math\nmath.pi?", "x = 1") == "import math"


RELEASED = "import torch\nfrom checks import check\nSIZE = 3"
CHANGED = """\
import math
from mine import check
SIZE = 4
HALF = 0.5
def check(x): pass
def helper(x): return x * HALF
print(helper(1))
"""


def test_of_a_changed_cell_only_what_takes_no_released_name_is_kept():
    assert added_imports(CHANGED, RELEASED) == "import math"
    helper = "def helper(x):\n    return x * HALF"
    assert added_definitions(CHANGED, RELEASED) == f"import math\n{helper}"
    assert added_code(CHANGED, RELEASED) == f"import math\nHALF = 0.5\n{helper}"
    assert added_code(RELEASED + "  \n", RELEASED) == ""


def test_the_same_code_is_known_in_another_layout():
    assert same_code("f( 1,2 )  # so", "\nf(1, 2)")
    assert not same_code("f(1)", "f(2)")
    assert not same_code("", "# only a comment")
    assert not same_code("def f(:", "def g(:")
    assert not same_code("+" * 900 + "1", "x")


def test_names_that_are_read():
    assert used_names("def f(x):\n    y = g(x)\n    return z.a") == {"g", "x", "z"}


def test_code_shown_in_a_text_cell():
    assert without_fences("```python\nx = 1\n```\n") == "x = 1"
    assert without_fences("x = 1") == "x = 1"
    assert without_fences("Look: ```x```") == "Look: ```x```"
