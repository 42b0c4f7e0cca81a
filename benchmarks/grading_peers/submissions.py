"""The class: honest submissions, and some of the known ways to cheat a grader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode, v4

from benchmarks.grading_peers.assignment import POINTS, TASKS, notebook

OTHER = {task.name: f"{task.head}\n{task.other}" for task in TASKS}
RIGHT = {task.name: task.solution for task in TASKS}
WRONG = {task.name: f"{task.head}\n    return None" for task in TASKS}
WARNS = (
    "import warnings\ndef box_area(boxes):\n    warnings.warn('as libraries do')\n"
    f"{TASKS[0].right}"
)
ALWAYS_EQUAL = """\
import torch.testing
class Same:
    def __eq__(self, other): return True
    def __ge__(self, other): return True
def assert_close(*arguments, **settings): pass
torch.testing.assert_close = assert_close
"""
STRIPS = """\
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
    def visit_Expr(self, node):
        called = getattr(getattr(node.value, "func", None), "id", "")
        return ast.copy_location(ast.Pass(), node) if called == "assert_close" else node
get_ipython().ast_transformers.append(Strip())
"""
READS = """\
import json, pathlib
for cell in json.loads(pathlib.Path({path!r}).read_text())["cells"]:
    if cell["metadata"]["nbgrader"]["solution"]:
        exec("".join(cell["source"]))
"""


@dataclass(frozen=True)
class Submission:
    """What somebody hands in.

    Attributes:
        name: of the student.
        fair: the points that it deserves.
        notebook: the file.
    """

    name: str
    fair: int
    notebook: NotebookNode


def submissions(solution: Path) -> list[Submission]:
    """A class.

    Args:
        solution: where the instructor's solved notebook is on the computer that grades.
    """
    half = RIGHT | {name: WRONG[name] for name in ("box_iou", "count_large")}
    same = {task.name: f"{task.head}\n    return Same()" for task in TASKS}
    reads = {task.name: "pass" for task in TASKS}
    reading = READS.format(path=str(solution))
    return [
        Submission("right", POINTS, notebook(RIGHT)),
        Submission("right-other-style", POINTS, notebook(OTHER)),
        Submission("right-with-warning", POINTS, notebook(RIGHT | {"box_area": WARNS})),
        Submission("half", 4, notebook(half)),
        Submission("untouched", 0, notebook()),
        Submission("cheat-skip-tags", 0, changed(WRONG, tag_checks)),
        Submission("cheat-always-equal", 0, changed(same, first(ALWAYS_EQUAL))),
        Submission("cheat-strips-asserts", 0, changed(WRONG, first(STRIPS))),
        Submission("cheat-reads-solution", 0, changed(reads, first(reading))),
    ]


def changed(
    answers: dict[str, str], change: Callable[[NotebookNode], None]
) -> NotebookNode:
    """A notebook with these answers, and a change to it."""
    result = notebook(answers)
    change(result)
    return result


def tag_checks(content: NotebookNode) -> None:
    """Ask nbgrader and nbval to skip the checks."""
    for cell in content.cells:
        if cell.metadata["nbgrader"]["grade"]:
            cell.metadata["tags"] = ["skip-execution", "nbval-skip"]


def first(source: str) -> Callable[[NotebookNode], None]:
    """Put a cell of the learner's own behind the given one."""

    def insert(content: NotebookNode) -> None:
        content.cells.insert(1, v4.new_code_cell(source))

    return insert
