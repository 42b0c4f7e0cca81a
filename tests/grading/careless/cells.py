"""Cells copied, deleted, moved, split, merged and turned into another kind."""

from typing import Any

from small_assignment import CHECKS, GIVEN, RIGHT, STUBS

from .case import careless, cell, code, copied, markdown, place

WRONG_ADD = "def add(a, b):\n    return a - b"


@careless()
def answer_copied_twice(notebook: Any) -> None:
    """An answer was pasted twice more below, unchanged."""
    answer = cell(notebook, "add")
    notebook["cells"] += [copied(answer), copied(answer)]


@careless(says="2 times; the last one counts")
def a_draft_before_the_answer(notebook: Any) -> None:
    """The cell was copied to try again; the first try is still above."""
    draft = copied(cell(notebook, "add"), WRONG_ADD)
    notebook["cells"].insert(place(notebook, "add"), draft)


@careless()
def the_stub_once_more_at_the_end(notebook: Any) -> None:
    """The released cell was pasted again below the answer and left empty."""
    notebook["cells"].append(copied(cell(notebook, "add"), STUBS["add"]))


@careless()
def the_stub_kept_above(notebook: Any) -> None:
    """The released cell was copied before it was filled in."""
    stub = copied(cell(notebook, "sides"), STUBS["sides"])
    notebook["cells"].insert(place(notebook, "sides"), stub)


@careless()
def a_scratch_cell_made_from_the_answer(notebook: Any) -> None:
    """The answer was copied, and the copy emptied to try the function out."""
    scratch = copied(cell(notebook, "add"), "add(1, 1), add('a', 'b')")
    notebook["cells"].insert(place(notebook, "check_add") + 1, scratch)


@careless()
def every_cell_twice(notebook: Any) -> None:
    """Select all, copy, paste."""
    notebook["cells"] += [copied(each) for each in notebook["cells"]]


@careless()
def the_fresh_assignment_pasted_below(notebook: Any) -> None:
    """The whole assignment stands once more, untouched, below the answers."""
    fresh = [copied(each) for each in notebook["cells"]]
    for each in fresh:
        name = each["metadata"]["nbgrader"]["grade_id"]
        each["source"] = STUBS.get(name, each["source"])
    notebook["cells"] += fresh


@careless()
def checks_copied(notebook: Any) -> None:
    """A check was pasted to the end to run it again, and changed a little."""
    check = cell(notebook, "check_add")
    notebook["cells"].append(copied(check, check["source"] + "\nprint(add(2, 3))"))


@careless(says="The check of add is not in the file")
def checks_deleted(notebook: Any) -> None:
    """The checks were deleted, because they were done with."""
    for name in CHECKS:
        notebook["cells"].remove(cell(notebook, f"check_{name}"))


@careless(says="The check of last was changed")
def checks_loosened(notebook: Any) -> None:
    """The checks were edited to print more."""
    for name in CHECKS:
        cell(notebook, f"check_{name}")["source"] = f"print({name})"


@careless(add=0, says="no answer found")
def an_answer_deleted(notebook: Any) -> None:
    """A whole answer was deleted by mistake; the others count."""
    notebook["cells"].remove(cell(notebook, "add"))


@careless(double=0, sides=0, last=0, says="no answer found")
def only_one_answer_handed_in(notebook: Any) -> None:
    """All was deleted but one answer."""
    notebook["cells"] = [cell(notebook, "add")]


@careless()
def only_the_answers_without_metadata(notebook: Any) -> None:
    """The answers were pasted into a new notebook."""
    notebook["cells"] = [code(source) for source in RIGHT.values()]


@careless()
def given_cells_deleted(notebook: Any) -> None:
    """Texts and imports were deleted."""
    kept = RIGHT.keys() | {f"check_{name}" for name in RIGHT}
    notebook["cells"] = [cell(notebook, name) for name in kept]


@careless()
def cells_moved_to_the_end(notebook: Any) -> None:
    """The answers were moved below all checks."""
    for name in RIGHT:
        answer = cell(notebook, name)
        notebook["cells"].remove(answer)
        notebook["cells"].append(answer)


@careless()
def a_helper_among_moved_answers(notebook: Any) -> None:
    """The last task was done first, with a helper that another one uses too."""
    cells = notebook["cells"]
    last = [cell(notebook, name) for name in ("last", "check_last")]
    rest = [each for each in cells[2:] if each not in last]
    helper = code("def half(x):\n    return x / 2")
    notebook["cells"] = [*cells[:2], *last, helper, *rest]
    cell(notebook, "double")["source"] = "def double(x):\n    return half(4 * x)"


@careless()
def an_answer_split(notebook: Any) -> None:
    """The cell was split; its second half lost the metadata."""
    cell(notebook, "add")["source"] = "def plus(a, b):\n    return a + b"
    half = code("def add(a, b):\n    return plus(a, b)")
    notebook["cells"].insert(place(notebook, "check_add"), half)


@careless()
def an_answer_merged_with_its_check(notebook: Any) -> None:
    """Answer and check were merged; the answer's metadata stayed."""
    check = cell(notebook, "check_add")
    cell(notebook, "add")["source"] += "\n\n" + check["source"]
    notebook["cells"].remove(check)


@careless(says="found by its name")
def a_check_merged_with_its_answer(notebook: Any) -> None:
    """Answer and check were merged; the check's metadata stayed."""
    answer = cell(notebook, "add")
    check = cell(notebook, "check_add")
    check["source"] = answer["source"] + "\n\n" + check["source"]
    notebook["cells"].remove(answer)


@careless()
def two_answers_in_one_cell(notebook: Any) -> None:
    """Both functions were written into the first task's cell."""
    cell(notebook, "double")["source"] += "\n\n" + RIGHT["add"]
    cell(notebook, "add")["source"] = STUBS["add"]


@careless()
def two_answers_swapped(notebook: Any) -> None:
    """Each of two answers stands in the other's cell."""
    cell(notebook, "double")["source"] = RIGHT["add"]
    cell(notebook, "add")["source"] = RIGHT["double"]


@careless()
def an_answer_above_its_check(notebook: Any) -> None:
    """The answer was written into the check's cell, and the stub left alone."""
    cell(notebook, "last")["source"] = STUBS["last"]
    cell(notebook, "check_last")["source"] = RIGHT["last"] + "\n" + CHECKS["last"]


@careless()
def an_answer_in_a_new_cell(notebook: Any) -> None:
    """The stub was left alone and the answer written below."""
    cell(notebook, "add")["source"] = STUBS["add"]
    notebook["cells"].insert(place(notebook, "check_add") + 1, code(RIGHT["add"]))


@careless()
def an_answer_above_an_emptied_stub(notebook: Any) -> None:
    """The stub lost its comment only; the answer stands in a new cell above."""
    stub = STUBS["add"].replace("    # YOUR CODE HERE\n", "\n")
    cell(notebook, "add")["source"] = stub
    notebook["cells"].insert(place(notebook, "add"), code(RIGHT["add"]))


@careless(says="is no code cell but markdown")
def an_answer_turned_into_markdown(notebook: Any) -> None:
    """The key M was pressed."""
    answer = cell(notebook, "add")
    answer["cell_type"] = "markdown"
    del answer["outputs"], answer["execution_count"]


@careless(says="is no code cell but markdown")
def an_answer_shown_in_markdown(notebook: Any) -> None:
    """The answer was made a text cell that shows it as Python."""
    answer = cell(notebook, "add")
    answer |= {"cell_type": "markdown", "source": f"```python\n{RIGHT['add']}\n```"}


@careless(says="is no code cell but markdown")
def an_answer_pasted_as_text(notebook: Any) -> None:
    """The answer was pasted below the stub, into a text cell."""
    cell(notebook, "add")["source"] = STUBS["add"]
    text = markdown(f"```\n{RIGHT['add']}\n```\n")
    notebook["cells"].insert(place(notebook, "check_add"), text)


@careless()
def an_answer_below_a_described_stub(notebook: Any) -> None:
    """The stub got a text of what to do; the answer stands in a cell at the end."""
    stub = STUBS["add"].replace("# YOUR CODE HERE", '"""Add two numbers."""')
    cell(notebook, "add")["source"] = stub
    notebook["cells"].append(code(RIGHT["add"]))


@careless(says="is no code cell but raw")
def an_answer_turned_raw(notebook: Any) -> None:
    """The key R was pressed."""
    cell(notebook, "sides")["cell_type"] = "raw"


@careless()
def checks_turned_into_markdown(notebook: Any) -> None:
    """Checks and imports were turned into text."""
    for name in ("given", *(f"check_{name}" for name in CHECKS)):
        cell(notebook, name)["cell_type"] = "markdown"


@careless(says="A given cell was changed")
def a_helper_in_a_given_cell(notebook: Any) -> None:
    """A helper, an import and a value were added to the cell of imports."""
    more = "import math\n\nTWO = 2\n\ndef twice(x):\n    return math.prod([TWO, x])\n"
    cell(notebook, "given")["source"] = more + GIVEN
    cell(notebook, "double")["source"] = "def double(x):\n    return twice(x)"


@careless()
def a_helper_in_a_check(notebook: Any) -> None:
    """A helper was written into the check's cell, above the check."""
    helper = "def tail(x):\n    return x[-1:]\n"
    cell(notebook, "check_last")["source"] = helper + CHECKS["last"]
    cell(notebook, "last")["source"] = "def last(x):\n    return tail(x)[0]"


@careless()
def texts_rewritten(notebook: Any) -> None:
    """Texts were changed, and notes of one's own added everywhere."""
    cell(notebook, "title")["source"] = "# My solution"
    notebook["cells"] = [
        part for each in notebook["cells"] for part in (each, markdown("def add(a):"))
    ]
