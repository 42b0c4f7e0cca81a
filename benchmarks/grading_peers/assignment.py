"""A small assignment of four tasks, in the forms that the graders want."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, v4, write

NAME = "small"
GIVEN = "import torch\nfrom torch.testing import assert_close"


@dataclass(frozen=True)
class Task:
    """A task: what is released, what solves it, and what checks it."""

    name: str
    points: int
    head: str
    right: str
    other: str
    check: str

    @property
    def stub(self) -> str:
        """The released answer cell."""
        return f"{self.head}\n    # YOUR CODE HERE\n    raise NotImplementedError"

    @property
    def solution(self) -> str:
        """The solved answer cell."""
        return f"{self.head}\n{self.right}"


BOXES = "torch.tensor([[0.0, 0, 4, 2], [1, 1, 3, 5], [2, 0, 6, 6]])"
TASKS = (
    Task(
        "box_area",
        1,
        "def box_area(boxes):",
        "    size = boxes[:, 2:] - boxes[:, :2]\n    return size[:, 0] * size[:, 1]",
        "    x1, y1, x2, y2 = boxes.unbind(1)\n    return (x2 - x1) * (y2 - y1)",
        f"boxes = {BOXES}\n"
        "assert_close(box_area(boxes), torch.tensor([8.0, 8.0, 24.0]))",
    ),
    Task(
        "box_iou",
        4,
        "def box_iou(a, b):",
        "    def area(x):\n"
        "        return (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])\n"
        "    low = torch.maximum(a[:, None, :2], b[None, :, :2])\n"
        "    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])\n"
        "    overlap = (high - low).clamp(min=0).prod(-1)\n"
        "    return overlap / (area(a)[:, None] + area(b)[None] - overlap)",
        "    def iou(p, q):\n"
        "        w = max(0.0, float(min(p[2], q[2]) - max(p[0], q[0])))\n"
        "        h = max(0.0, float(min(p[3], q[3]) - max(p[1], q[1])))\n"
        "        area = sum(float((r[2] - r[0]) * (r[3] - r[1])) for r in (p, q))\n"
        "        return w * h / (area - w * h)\n"
        "    return torch.tensor([[iou(p, q) for q in b] for p in a])",
        f"a = {BOXES}\n"
        "expected = torch.tensor([[1.0, 1 / 7, 1 / 7], [1 / 7, 1.0, 1 / 7],\n"
        "                         [1 / 7, 1 / 7, 1.0]])\n"
        "assert_close(box_iou(a, a), expected)",
    ),
    Task(
        "count_large",
        2,
        "def count_large(boxes, least):",
        "    size = boxes[:, 2:] - boxes[:, :2]\n"
        "    return int((size.prod(1) >= least).sum())",
        "    return sum(float((b[2] - b[0]) * (b[3] - b[1])) >= least for b in boxes)",
        f"boxes = {BOXES}\n"
        "assert count_large(boxes, 8) == 3\nassert count_large(boxes, 9) == 1",
    ),
    Task(
        "keep_best",
        3,
        "def keep_best(scores, k):",
        "    return scores.topk(k).indices",
        "    return scores.argsort(descending=True)[:k]",
        "scores = torch.tensor([0.2, 0.9, 0.5])\n"
        "assert_close(keep_best(scores, 2), torch.tensor([1, 2]))",
    ),
)
POINTS = sum(task.points for task in TASKS)


def notebook(answers: dict[str, str] | None = None) -> NotebookNode:
    """The assignment with nbgrader's metadata and these answers, else the stubs."""
    cells = [v4.new_code_cell(GIVEN, metadata=marks("given"))]
    for task in TASKS:
        answer = (answers or {}).get(task.name, task.stub)
        graded = marks(check_of(task), grade=True, points=task.points)
        solved = marks(task.name, solution=True, locked=False)
        cells += [
            v4.new_code_cell(answer, metadata=solved),
            v4.new_code_cell(task.check, metadata=graded),
        ]
    return v4.new_notebook(cells=cells)


def check_of(task: Task) -> str:
    """The grade id of a task's check."""
    return f"check_{task.name}"


def marks(grade_id: str, **flags: Any) -> dict[str, Any]:
    """The metadata of nbgrader, version 3."""
    plain = {"grade": False, "solution": False, "locked": True, "task": False}
    return {"nbgrader": {"schema_version": 3, "grade_id": grade_id} | plain | flags}


def solved() -> NotebookNode:
    """The assignment with its solutions, as only the instructor has it."""
    return notebook({task.name: task.solution for task in TASKS})


def save(content: NotebookNode, path: Path) -> None:
    """Write a notebook, with the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(content, path)


def write_otter(path: Path) -> None:
    """Write otter's archive: its settings, and a test file a task."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"pdf": False}))
        for task in TASKS:
            archive.writestr(f"tests/{task.name}.py", otter_test(task))


def otter_test(task: Task) -> str:
    """A test file in otter's exception-based format."""
    body = "".join(f"    {line}\n" for line in f"{GIVEN}\n{task.check}".split("\n"))
    return (
        "from otter.test_files import test_case\n\n"
        f"OK_FORMAT = False\nname = {task.name!r}\npoints = {task.points}\n\n\n"
        f"@test_case(points={task.points}, hidden=False)\n"
        f"def test_{task.name}({task.name}):\n{body}"
    )
