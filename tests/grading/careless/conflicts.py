"""Merges that were not finished."""

from typing import Any

from small_assignment import RIGHT, STUBS

from .case import careless, cell, code, place, saved

MARKERS = "conflict markers of a merge"
OLD_ADD = "def add(a, b):\n    return a"


def conflict(first: str, second: str, *, base: bool = False) -> str:
    """Two versions of a file as git leaves them: line by line, with markers."""
    ours, theirs = first.splitlines(), second.splitlines()
    start = 0
    while start < min(len(ours), len(theirs)) and ours[start] == theirs[start]:
        start += 1
    end = 0
    while (
        end < min(len(ours), len(theirs)) - start and ours[-1 - end] == theirs[-1 - end]
    ):
        end += 1
    middle = [
        *("<<<<<<< HEAD", *ours[start : len(ours) - end]),
        *(("||||||| 3f2a1c0", '    "what was there before"') if base else ()),
        *("=======", *theirs[start : len(theirs) - end], ">>>>>>> origin/main"),
    ]
    return "\n".join([*ours[:start], *middle, *ours[len(ours) - end :]]) + "\n"


def both(notebook: Any, grade_id: str, other: str, **more: bool) -> str:
    """The file in conflict with one in which a cell has another source."""
    first = saved(notebook)
    cell(notebook, grade_id)["source"] = other
    return conflict(first, saved(notebook), **more)


@careless(says=MARKERS)
def conflict_in_a_count(notebook: Any) -> str:
    """The two sides differ in the number of a cell's run only."""
    first = saved(notebook)
    cell(notebook, "add")["execution_count"] = 7
    return conflict(first, saved(notebook))


@careless(says=MARKERS)
def conflict_in_an_output(notebook: Any) -> str:
    """The two sides differ in what a cell printed."""
    printed = {"output_type": "stream", "name": "stdout", "text": ["1\n"]}
    cell(notebook, "add")["outputs"] = [printed]
    first = saved(notebook)
    printed["text"] = ["2\n", "3\n"]
    return conflict(first, saved(notebook))


@careless(says=MARKERS)
def conflict_with_an_older_answer(notebook: Any) -> str:
    """The own side is right, the other is an earlier try."""
    return both(notebook, "add", OLD_ADD)


@careless(says=MARKERS)
def conflict_with_the_stub(notebook: Any) -> str:
    """The own side is right, the other is the assignment as released."""
    return both(notebook, "add", STUBS["add"], base=True)


@careless(says=MARKERS)
def conflict_with_the_stub_first(notebook: Any) -> str:
    """The assignment was merged the other way round: the answer is the second side."""
    cell(notebook, "add")["source"] = STUBS["add"]
    return both(notebook, "add", RIGHT["add"])


@careless(add=0, says=MARKERS)
def conflict_with_the_older_answer_first(notebook: Any) -> str:
    """The first side is wrong: it counts, whatever the second one is."""
    cell(notebook, "add")["source"] = OLD_ADD
    return both(notebook, "add", RIGHT["add"])


@careless(says=MARKERS)
def conflict_with_a_helper(notebook: Any) -> str:
    """The second side has the answer and a cell with what it needs."""
    cell(notebook, "add")["source"] = STUBS["add"]
    first = saved(notebook)
    cell(notebook, "add")["source"] = "def add(a, b):\n    return plus(a, b)"
    helper = code("def plus(a, b):\n    return a + b", id="helper")
    notebook["cells"].insert(place(notebook, "add"), helper)
    return conflict(first, saved(notebook))


@careless(says=MARKERS)
def conflict_inside_a_cell(notebook: Any) -> None:
    """A tool for notebooks put the markers into the cell, so that the file opens."""
    add = RIGHT["add"].splitlines()
    lines = [
        add[0],
        "<<<<<<< local",
        add[1],
        "=======",
        "    return a",
        ">>>>>>> remote",
    ]
    cell(notebook, "add")["source"] = "\n".join(lines)


@careless()
def conflict_half_resolved(notebook: Any) -> str:
    """The markers were deleted and both versions kept, the right one above."""
    text = both(notebook, "add", OLD_ADD)
    marks = ("<<<<<<<", "=======", ">>>>>>>")
    lines = [line for line in text.splitlines() if not line.startswith(marks)]
    return "\n".join(lines).replace('return a + b"\n', 'return a + b\\n",\n')
