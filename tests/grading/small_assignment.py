"""A small assignment of our own, on which the grader is tested."""

from collections.abc import Callable
from typing import Any

from nbformat import v4

GIVEN = """\
class CheckFailed(AssertionError):
    pass

def check(name, received, expected):
    if received != expected:
        raise CheckFailed(f"{name}: received {received}, expected {expected}")
    print(f"{name}: right.")
"""
STUBS = {
    "double": "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "add": "def add(a, b):\n    # YOUR CODE HERE\n    raise NotImplementedError",
    "sides": "# YOUR CODE HERE\nraise NotImplementedError",
    "last": "def last(x):\n    # YOUR CODE HERE\n    raise NotImplementedError",
}
CHECKS = {
    "double": "check('double', double(4), 8)",
    "add": "check('add', add(1, 2), 3)",
    "sides": "check('sides', sides, 4)",
    "last": "assert last([1, 2]) == 2, 'last: the other end'",
}
POINTS = {"double": 1, "add": 2, "sides": 3, "last": 4}
RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "add": "def add(a, b):\n    return a + b",
    "sides": "sides = 4",
    "last": "def last(x):\n    return x[-1]",
}
Change = Callable[[Any], None]


def marks(grade_id: str, **flags: Any) -> dict[str, Any]:
    plain = {"grade": False, "solution": False, "locked": True, "task": False}
    marked = {"schema_version": 3, "grade_id": grade_id} | plain | flags
    return {"nbgrader": marked}


def small_assignment() -> Any:
    cells = [
        v4.new_markdown_cell("# A small one", metadata=marks("title")),
        v4.new_code_cell(GIVEN, metadata=marks("given")),
    ]
    for name, stub in STUBS.items():
        answer = marks(name, solution=True, locked=False)
        check = marks(f"check_{name}", grade=True, points=POINTS[name])
        cells += [
            v4.new_markdown_cell(f"## {name}", metadata=marks(f"text_{name}")),
            v4.new_code_cell(stub, metadata=answer),
            v4.new_code_cell(CHECKS[name], metadata=check),
        ]
    return v4.new_notebook(cells=cells)


def cell(notebook: Any, grade_id: str) -> Any:
    return next(
        c
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
