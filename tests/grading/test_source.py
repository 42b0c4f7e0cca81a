"""Names that a cell defines, whatever IPython's own lines it holds."""

import pytest

from course_grading.submission.source import (
    CODE,
    DEFINITIONS,
    IMPORTS,
    parse_cell,
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
    "a function under a condition": ("if 1:\n    def f(): y = 2", {"f"}),
    "an import that may fail": ("try:\n    import f\nexcept ImportError: pass", {"f"}),
    "no Python": ("def f(:", set()),
    "a zero byte": ("x = 1\0", set()),
    "code too deep to read": ("(" * 5000, set()),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_defines(case: str):
    source, names = CELLS[case]
    assert parse_cell(source).defines == names


def test_an_added_import_is_kept_beside_a_question():
    code = parse_cell("import math\nmath.pi?")
    assert code.added_to(parse_cell("x = 1"), IMPORTS) == "import math"


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
    changed, released = parse_cell(CHANGED), parse_cell(RELEASED)
    assert changed.added_to(released, IMPORTS) == "import math"
    helper = "def helper(x):\n    return x * HALF"
    assert changed.added_to(released, DEFINITIONS) == f"import math\n{helper}"
    assert changed.added_to(released, CODE) == f"import math\nHALF = 0.5\n{helper}"
    assert parse_cell(RELEASED + "  \n").added_to(released, CODE) == ""


def test_a_statement_that_python_cannot_write_again_is_left_out():
    """Before 3.12 there is no way to write a line end inside an f-string."""
    odd = "def f(x):\n    return f'''{\"\"\"\n\"\"\".join(x)}'''\nimport math"
    assert "import math" in parse_cell(odd).added_to(parse_cell(""), CODE)


def test_the_same_code_is_known_in_another_layout():
    def is_same(a: str, b: str) -> bool:
        return parse_cell(a).is_code_of(parse_cell(b))

    assert is_same("f( 1,2 )  # so", "\nf(1, 2)")
    assert is_same('def f():\n    """So."""\n    return 1', "def f(): return 1")
    assert not is_same("f(1)", "f(2)")
    assert not is_same("", "# only a comment")
    assert not is_same("def f(:", "def g(:")
    assert not is_same("+" * 900 + "1", "x")


def test_names_that_are_read():
    code = parse_cell("def f(x):\n    y = g(x)\n    return z.a")
    assert code.uses == {"g", "x", "z"}
    assert code.defines == {"f"}
    assert code.binds == {"f", "x", "y"}


def test_code_shown_in_a_text_cell():
    assert without_fences("```python\nx = 1\n```\n") == "x = 1"
    assert without_fences("x = 1") == "x = 1"
    assert without_fences("Look: ```x```") == "Look: ```x```"
