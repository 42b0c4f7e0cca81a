"""Cells tagged show: sources in place of imports, with the imports that they need."""

from pathlib import Path

import pytest

from builder.course import BuildError, Script, ScriptCell
from builder.library import Library
from builder.names import bindings, free_names, parse
from builder.show import brief, show_all

TITLE = ScriptCell("markdown", "# 01. T", number=1)


def shown(library: Library, *sources: str) -> list[str]:
    """The code cells of a notebook; sources that begin with `show:` are tagged so."""
    cells = [TITLE]
    for number, source in enumerate(sources, start=2):
        tags = ("show",) if source.startswith("show:") else ()
        cells.append(ScriptCell("code", source.removeprefix("show:"), tags, number))
    script = Script("source/lessons/01_t.py", Path("01_t.py"), tuple(cells))
    return [cell.source for cell in show_all(script, library).cells[1:]]


def test_a_function_comes_as_written_after_the_imports_that_it_needs(library):
    (cell,) = shown(library, "show:from course_utils.ops import twice")
    assert (
        cell
        == '''\
from collections.abc import Callable, Sequence

from course_utils.limits import LIMIT
from course_utils.ops import FACTOR, helper


def twice(
    values: Sequence[float], *, f: Callable[[float], float] = abs
) -> list[float]:
    """Every value, doubled."""

    def inner(value: float) -> float:
        return FACTOR * value  # inner and value are not global

    return [inner(f(helper(x))) for x in values[:LIMIT]]'''
    )


def test_a_name_that_the_package_re_exports_is_found_where_it_is_defined(library):
    here = shown(library, "show:from course_utils import twice")
    assert here == shown(library, "show:from course_utils.ops import twice")


def test_only_what_no_cell_above_has_bound_is_imported(library):
    *_, cell = shown(
        library,
        "from collections.abc import Callable\nfrom course_utils.limits import LIMIT",
        "def helper(x):\n    return -x",
        "show:from course_utils.ops import FACTOR",
        "show:from course_utils.ops import twice",
    )
    head = cell.partition("\n\n\ndef")[0]
    assert head == "from collections.abc import Sequence"


def test_names_of_one_cell_stand_in_the_order_of_the_library(library):
    (cell,) = shown(
        library,
        "show:from course_utils.ops import Derived, twice, FACTOR, Base, helper",
    )
    starts = ["FACTOR = 2", "def helper", "def twice", "class Base", "class Derived"]
    places = [cell.index(start) for start in starts]
    assert places == sorted(places)
    assert "from course_utils.ops import" not in cell


def test_a_constant_keeps_its_comments(library):
    (cell,) = shown(library, "show:from course_utils.ops import FACTOR")
    assert cell == "# Two, as in the paper.\nFACTOR = 2  # and not three"


def test_decorators_dotted_modules_and_names_for_type_checkers_are_needed(library):
    (cell,) = shown(library, "show:from course_utils.ops import cached")
    head = cell.partition("\n\n\n@functools.cache\ndef cached")[0]
    assert head == (
        "import functools\nimport os.path\nfrom decimal import Decimal\n\n"
        "from course_utils import limits"
    )


def test_other_lines_of_the_cell_stay_where_they_are(library):
    (cell,) = shown(
        library,
        "show:# First this.\nimport math\n"
        "from course_utils.ops import helper\nhelper(math.pi)",
    )
    assert cell == (
        "# First this.\nimport math\n\n\n"
        "def helper(x: float) -> float:\n    return x\n\n\nhelper(math.pi)"
    )


def test_a_dotted_module_is_imported_beside_its_parent(library):
    *_, cell = shown(library, "import os", "show:from course_utils.ops import cached")
    assert "import os.path\n" in cell


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["show:x = 1"], r"cell 2: tagged show, but"),
        (["show:from course_utils.ops import twice as t"], "plain names"),
        (["show:import course_utils.ops"], "write `from module import name`"),
        (["show:from course_utils.ops import absent"], "defines no absent"),
        (["show:from course_utils.nowhere import x"], "no module course_utils.nowhere"),
        (["show:from course_utils.ops import Sequence"], "collections.abc"),
        (["show:from course_utils.ops import secretive"], "private `_HIDDEN`"),
        (
            ["FACTOR = 7", "show:from course_utils.ops import twice"],
            "binds it to someth",
        ),
        (
            ["show:from course_utils.ops import twice", "helper = 7"],
            "cell 3: this cell",
        ),
        (
            ["show:from course_utils.ops import twice", "from typing import Sequence"],
            "binds `Sequence`, which twice, shown above, needs",
        ),
        (["show:from course_utils.ops import twice", "x = = 1"], "not valid Python"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_cell_and_the_remedy(
    library, sources, message
):
    with pytest.raises(BuildError, match=r"^source/lessons/01_t.py, cell \d") as error:
        shown(library, *sources)
    assert error.match(message)


def test_a_private_name_may_be_shown_in_the_same_cell(library):
    (cell,) = shown(library, "show:from course_utils.ops import _HIDDEN, secretive")
    assert cell.startswith("_HIDDEN = 5\n\n\ndef secretive")


def test_a_function_that_the_lesson_defines_again_takes_the_place_of_ours(library):
    cells = shown(
        library,
        "show:from course_utils.ops import twice",
        "def helper(x):\n    return 0",
    )
    assert cells[1].startswith("def helper")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b as c, d.e", {"c", "d"}),
        ("for i, (j, *k) in x:\n    m = 1", {"i", "j", "k", "m"}),
        ("with f() as g:\n    (h := 1)", {"g", "h"}),
        ("def f(a):\n    b = 1\nclass C:\n    d = 1", {"f", "C"}),
        ("[x for x in y]\nlambda z: z\na.b = c[0] = 1", set()),
        ("try:\n    pass\nexcept E as e:\n    pass", {"e"}),
        ("%pip install x\nif a:\n    !ls\n    b = 1", {"b"}),
    ],
)
def test_names_bound_by_a_cell(source, names):
    assert {name for name, _ in bindings(parse(source))} == names


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x: A = B) -> C:\n    return g(x, len(y))", set("ABCgy")),
        ("def f():\n    global n\n    n += 1\n    m = 1\n    return m", {"n"}),
        ("class K(Base):\n    a = D\n    b = a", {"Base", "D"}),
        ("X = [w for w in V]", {"V"}),
        ("def f(n):\n    return f'{n:{width}}' + f(n - 1)", {"width"}),
        ("def f(n):\n    return (\n        n\n        % m\n    )", {"m"}),
        ("%timeit f(3)\nx = g(3)", {"g"}),
    ],
)
def test_names_needed_by_a_source(source, names):
    assert free_names(source) == names


LONG = '''\
class Box:
    """A box.

    Attributes:
        x: the left side.
    """

    def area(self) -> float:
        """Its area
        in pixels.

        Source: the paper, section 2.
        """
        text = """not

        a docstring"""
        return len(text)  # type: ignore[arg-type]  # noqa: E501
'''
BRIEF = '''\
class Box:
    """A box."""

    def area(self) -> float:
        """Its area
        in pixels."""
        text = """not

        a docstring"""
        return len(text)'''


def test_comments_for_tools_and_long_docstrings_are_cut():
    assert brief(LONG) == BRIEF
