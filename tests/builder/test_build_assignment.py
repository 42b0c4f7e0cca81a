"""Cut answers, tasks, and nbgrader's metadata."""

import re

import pytest
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3
from thrice import SOURCE, edit, product

from builder.assignment import cut
from builder.course import BuildError
from builder.notebook import code_cells


def test_an_answer_is_cut_at_the_depth_where_it_stood():
    source = (
        "class A:\n    def f(self):\n        x = 1\n        # BEGIN SOLUTION\n"
        "        return x\n\n        # a comment\n        # END SOLUTION\n\n    y = 2"
    )
    released, answer = cut(source)
    assert released == (
        "class A:\n    def f(self):\n        x = 1\n        # YOUR CODE HERE\n"
        "        raise NotImplementedError\n\n    y = 2"
    )
    assert answer == ["        return x", "", "        # a comment"]


def test_a_cell_may_hold_two_answers():
    half = "{} = 1\n# BEGIN SOLUTION\n{} = 2\n# END SOLUTION\n"
    released, _ = cut(half.format("a", "b") + half.format("c", "d"))
    stub = "# YOUR CODE HERE\nraise NotImplementedError"
    assert released == f"a = 1\n{stub}\nc = 1\n{stub}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# BEGIN SOLUTION\nx = 1", "`# BEGIN SOLUTION` in line 1 without its partner"),
        ("x = 1\n# END SOLUTION", "`# END SOLUTION` in line 2 without its partner"),
        ("# BEGIN SOLUTION\n# BEGIN SOLUTION\n# END SOLUTION", "without its partner"),
        ("# BEGIN SOLUTION\n# nothing\n# END SOLUTION", "nothing between"),
        ("f(\n# BEGIN SOLUTION\n1\n# END SOLUTION\n)", "not valid Python"),
        (
            "if x:\n    y()\n# BEGIN SOLUTION\nz()\n# END SOLUTION\nelse:\n    w()",
            "not valid Python",
        ),
    ],
)
def test_markers_that_make_no_sense_are_refused(source, message):
    with pytest.raises(BuildError, match=re.escape(message)):
        cut(source)


def test_all_three_notebooks_have_valid_nbgrader_metadata(course, library):
    targets = product(course, library).targets
    names = ["solutions/01_thrice", "assignments/01_thrice"]
    names.append("course_grading/released/01_thrice")
    assert [target.name for target in targets] == [f"{name}.ipynb" for name in names]
    for target in targets:
        MetadataValidatorV3().validate_nb(target.notebook)
        assert all("nbgrader" in cell.metadata for cell in target.notebook.cells)


def test_answers_and_checks_carry_names_and_points(course, library):
    cells = product(course, library).targets[1].notebook.cells
    marks = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in cells}
    answer, check = marks["thrice"], marks["check_thrice"]
    assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
    assert (check.solution, check.grade, check.locked) == (False, True, True)
    assert (check.points, marks["check_answer"].points) == (6, 4)
    others = [mark for name, mark in marks.items() if name.startswith("cell-")]
    assert len(others) == len(cells) - 4
    assert all(o.locked and not o.solution and not o.grade for o in others)


def test_solution_and_release_share_every_grade_id(course, library):
    ids = [
        [cell.metadata.nbgrader.grade_id for cell in target.notebook.cells]
        for target in product(course, library).targets
    ]
    assert ids[0] == ids[1] == ids[2]


def test_the_release_holds_no_answer_and_the_solution_holds_all(course, library):
    solution, learners, pristine = product(course, library).targets
    for word in ("fsum", "42\n# END", "SOLUTION"):
        whole = "\n".join(cell.source for cell in code_cells(solution.notebook))
        cut_down = "\n".join(cell.source for cell in code_cells(learners.notebook))
        assert word in whole
        assert word not in cut_down
    assert learners.notebook == pristine.notebook


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("points:6", "points:6.0", r"cell 4 \(line 16\): .* whole; got points:6.0"),
        ("points:6", "points:0", "got points:0"),
        (', "points:6"', "", "got none"),
        ("points:6", "points:5", r"points are 5 \+ 4, and must sum to 10"),
        ("answer = 42", "thrice = 42", "two tasks are called thrice; rename one"),
        ("answer = 42", "check_thrice = 42", "grade_id check_thrice; rename a task"),
        ("answer = 42", "print(42)", "defines a function, a class or a value"),
        ('# %% tags=["check"]', "# %%", "needs a cell tagged check right after it"),
        ("import math\n", 'import math\n# %% tags=["check"]\n', "a check needs a cell"),
        ("# %%\nimport", '# %% tags=["points:2"]\nimport', "points belong to a cell"),
        ("    # BEGIN SOLUTION\n", "", "a task without `# BEGIN SOLUTION`"),
        ("    # END SOLUTION\n", "", "without its partner"),
        (
            "import math",
            "import math\n# BEGIN SOLUTION\n# END SOLUTION",
            "outside a cell",
        ),
        (
            "import math",
            "import math\nvalue = 1\ndef f():\n"
            "    return math.fsum([value, value, value])",
            r"cell 2 \(line 4\): a line of an answer is left in the release",
        ),
    ],
)
def test_what_is_wrong_with_an_assignment_is_named(course, library, old, new, message):
    edit(course, old, new)
    with pytest.raises(BuildError, match=f"{SOURCE}.*{message}"):
        product(course, library)
