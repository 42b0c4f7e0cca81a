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
OBJECTS_GIVEN = """\
import torch

from course_utils.checking.check import check

@check("Counter")
def check_counter(ask):
    counter = ask.made("from 5", 5)
    ask.expect("add 2", counter.part("add 2", "add", 2), 7)
    ask.expect("add 3", counter.part("add 3", "add", 3), 10)
    ask.expect("the count", counter.value("the count", "count"), 10)

@check("Scale")
def check_scale(ask):
    scale, x = ask.made("by 3", 3.0), torch.tensor([1.0, 2.0])
    ask.expect("forward", scale("forward", x), 3 * x)
    state = {"factor": torch.tensor(3.0)}
    ask.expect("state", dict(scale.part("state", "state_dict")), state)
    reply = scale.gradient("gradient", x, upstream=torch.tensor([1.0, 10.0]))
    ask.expect("of x", reply.inputs[0], torch.tensor([3.0, 30.0]))
    ask.expect("of the factor", reply.parameters["factor"], torch.tensor(21.0))

@check("cube")
def check_cube(ask):
    x = torch.randn(5, generator=ask.generator)
    reply = ask.gradient("random", x, upstream=torch.ones(5))
    ask.expect("value", reply.value, x**3)
    ask.expect("slope", reply.inputs[0], 3 * x**2)

@check("sides")
def check_sides(ask):
    for size in ((2, 5), (7, 1)):
        width, low = ask(f"size {size}", *size)
        ask.expect("width", width, size[0] * 2)
        ask.expect("low", low, torch.tensor(size))
"""
OBJECTS_RIGHT = {
    "Counter": """\
class Counter:
    def __init__(self, count):
        self.count = count
    def add(self, more):
        self.count += more
        return self.count
""",
    "Scale": """\
class Scale(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))
    def forward(self, x):
        return self.factor * x
""",
    "cube": "def cube(x):\n    return x**3",
    "sides": "def sides(a, b):\n    return 2 * a, torch.tensor([a, b])",
}
OBJECTS_WRONG = {
    "Counter": "class Counter:\n    pass",
    "Scale": "class Scale(torch.nn.Module):\n    pass",
    "cube": "def cube(x):\n    return x",
    "sides": "def sides(a, b):\n    return a, b",
}
OBJECTS_STUBS = dict.fromkeys(
    OBJECTS_RIGHT, "# YOUR CODE HERE\nraise NotImplementedError"
)
ANSWERS: dict[str, dict[str, dict[str, str]]] = {
    "93_attacked": {"right": RIGHT, "wrong": WRONG, "stub": STUBS},
    "94_objects": {
        "right": OBJECTS_RIGHT,
        "wrong": OBJECTS_WRONG,
        "stub": OBJECTS_STUBS,
    },
    "90_small": {"right": SMALL_RIGHT, "wrong": SMALL_WRONG, "stub": SMALL_STUBS},
}


def attacked_assignment() -> Any:
    """The release with the real tasks."""
    checks = {name: f"check_{name}({name})" for name in STUBS}
    checks["window_sums"] += HIDDEN_CASE
    return assignment(GIVEN, STUBS, checks, POINTS)


def objects_assignment() -> Any:
    """The release with tasks that make objects, have gradients, return several."""
    checks = {name: f"check_{name.lower()}({name})" for name in OBJECTS_STUBS}
    points = dict(zip(OBJECTS_STUBS, (1, 2, 3, 4), strict=True))
    return assignment(OBJECTS_GIVEN, OBJECTS_STUBS, checks, points)


def assignment(
    given: str, stubs: dict[str, str], checks: dict[str, str], points: dict[str, int]
) -> Any:
    """A release: a title, a given cell, then text, answer and check of each task."""
    cells = [
        v4.new_markdown_cell("# Under attack", metadata=marks("title")),
        v4.new_code_cell(given, metadata=marks("given")),
    ]
    for name, stub in stubs.items():
        answer = marks(name, solution=True, locked=False)
        check = marks(f"check_{name}", grade=True, points=points[name])
        cells += [
            v4.new_markdown_cell(f"## {name}", metadata=marks(f"text_{name}")),
            v4.new_code_cell(stub, metadata=answer),
            v4.new_code_cell(checks[name], metadata=check),
        ]
    return v4.new_notebook(cells=cells)
