"""The assignments under attack: four real tasks, and a small one with plain asserts.

The check of the last task has a hidden case, which is in no file that learners get.
"""

from typing import Any

from nbformat import v4
from small_assignment import RIGHT as SMALL_RIGHT
from small_assignment import STUBS as SMALL_STUBS
from small_assignment import marks

HIDDEN = "no-learner-knows-this-hidden-case"
GIVEN = """\
import torch
from torch import Tensor

from course_utils.checks.sliding_windows import check_distance_iou, check_window_sums
from course_utils.checks.start_here import check_padding_answer, check_tight_boxes
"""
POINTS = {"tight_boxes": 1, "padding_answer": 2, "distance_iou": 3, "window_sums": 4}
HIDDEN_CASE = f"""
hidden = "{HIDDEN}"
part = window_sums(torch.ones(len(hidden), 2), torch.tensor([[0, 1, 2, 7]]))
assert part.tolist() == [12.0], "a case that is not in the lesson"
"""
STUBS = {
    "tight_boxes": "def tight_boxes(masks):\n    # YOUR CODE HERE\n"
    "    raise NotImplementedError",
    "padding_answer": "# YOUR CODE HERE\nraise NotImplementedError",
    "distance_iou": "def distance_iou(a, b):\n    # YOUR CODE HERE\n"
    "    raise NotImplementedError",
    "window_sums": "def window_sums(image, windows):\n    # YOUR CODE HERE\n"
    "    raise NotImplementedError",
}
RIGHT = {
    "tight_boxes": """\
def tight_boxes(masks):
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks):
        columns, rows = mask.any(dim=0).nonzero(), mask.any(dim=1).nonzero()
        if len(rows) > 0:
            corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            box[:] = torch.tensor(corners)
    return boxes
""",
    "padding_answer": 'padding_answer = "b"',
    "distance_iou": """\
def distance_iou(a, b):
    low, high = torch.maximum(a[:, None], b), torch.minimum(a[:, None], b)
    overlap = (high[..., 2:] - low[..., :2]).clamp(min=0).prod(-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - overlap
    diagonal = (low[..., 2:] - high[..., :2]).square().sum(-1)
    centres = [(x[:, :2] + x[:, 2:]) / 2 for x in (a, b)]
    apart = (centres[0][:, None] - centres[1]).square().sum(-1)
    return overlap / union.clamp(min=1e-12) - apart / diagonal.clamp(min=1e-12)
""",
    "window_sums": """\
def window_sums(image, windows):
    height, width = image.shape
    table = torch.zeros(height + 1, width + 1)
    table[1:, 1:] = image.cumsum(0).cumsum(1)
    x1, y1, x2, y2 = windows.T
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
""",
}
WRONG = {
    "tight_boxes": "def tight_boxes(masks):\n    return torch.zeros(len(masks), 4)",
    "padding_answer": 'padding_answer = "a"',
    "distance_iou": "def distance_iou(a, b):\n    return torch.zeros(len(a), len(b))",
    "window_sums": "def window_sums(image, windows):\n"
    "    return torch.zeros(len(windows))",
}
SMALL_WRONG = {
    "double": "def double(x):\n    return x",
    "add": "def add(a, b):\n    return a - b",
    "sides": "sides = 5",
    "last": "def last(x):\n    return x[0]",
}
ANSWERS: dict[str, dict[str, dict[str, str]]] = {
    "93_attacked": {"right": RIGHT, "wrong": WRONG, "stub": STUBS},
    "90_small": {"right": SMALL_RIGHT, "wrong": SMALL_WRONG, "stub": SMALL_STUBS},
}


def attacked_assignment() -> Any:
    """The release with the real tasks."""
    cells = [
        v4.new_markdown_cell("# Under attack", metadata=marks("title")),
        v4.new_code_cell(GIVEN, metadata=marks("given")),
    ]
    for name, stub in STUBS.items():
        answer = marks(name, solution=True, locked=False)
        check = marks(f"check_{name}", grade=True, points=POINTS[name])
        source = f"check_{name}({name})"
        hidden = HIDDEN_CASE if name == "window_sums" else ""
        cells += [
            v4.new_markdown_cell(f"## {name}", metadata=marks(f"text_{name}")),
            v4.new_code_cell(stub, metadata=answer),
            v4.new_code_cell(source + hidden, metadata=check),
        ]
    return v4.new_notebook(cells=cells)
