"""Names that a cell defines, whatever IPython's own lines it holds."""

import pytest

from course_utils.grading.source import added_imports, defined_names

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
    "no Python": ("def f(:", set()),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_defines(case: str):
    source, names = CELLS[case]
    assert defined_names(source) == names


def test_an_added_import_is_kept_beside_a_question():
    assert added_imports("import math\nmath.pi?", "x = 1") == "import math"
