"""Each validator says what was given and expected, and lets the right values pass."""

import re

import pytest
import torch

from course_utils.ops import validators as ops

NAN = float("nan")
BOXES = torch.tensor([[0.0, 0, 10, 8], [4, 2, 6, 12]])
LABELS = torch.tensor([1, 3])
FLAT = torch.tensor([[5.0, 5, 5, 9]])

REFUSED = {
    "zero": (lambda: ops.check_above_zero(sigma=0), "sigma is 0, but numbers above 0"),
    "nan": (lambda: ops.check_above_zero(sigma=NAN), "sigma is nan"),
    "no number": (lambda: ops.check_above_zero(sizes=()), "sizes is ()"),
    "one of them": (lambda: ops.check_above_zero(a=1, b=(2, -1)), "b is (2, -1)"),
    "too few": (lambda: ops.check_at_least(2, count=1), "count is 1, but at least 2"),
    "nan is no count": (lambda: ops.check_at_least(0, ratio=NAN), "ratio is nan"),
    "nothing": (lambda: ops.check_not_empty(parts=[]), "parts is empty"),
    "falling": (
        lambda: ops.check_rising(low=0.5, high=0.1),
        "low is 0.5, high is 0.1, but 0 <= low <= high <= 1 was expected",
    ),
    "above 1": (lambda: ops.check_rising(iou_threshold=50), "iou_threshold is 50"),
    "below 0": (lambda: ops.check_rising(share=-0.1), "share is -0.1"),
    "nan is no share": (lambda: ops.check_rising(share=NAN), "share is nan"),
    "no choice": (
        lambda: ops.check_choice("kind", "soft", ("hard", "all")),
        "kind is 'soft', but one of ['hard', 'all'] was expected",
    ),
    "lengths": (
        lambda: ops.check_lengths(crops=BOXES, labels=[1]),
        "2 crops and 1 labels, but as many of each",
    ),
    "empty map": (lambda: ops.check_map_size((0, 2), (8, 8)), "map (0, 2)"),
    "large map": (lambda: ops.check_map_size((2, 9), (8, 8)), "use a larger image"),
    "no height": (lambda: ops.check_image_size(0, 5), "0 x 5"),
    "one box": (lambda: ops.check_boxes(BOXES[0]), "boxes has shape (4,), but (N, 4)"),
    "named": (lambda: ops.check_boxes(LABELS, "a"), "a has shape (2,)"),
    "labels": (
        lambda: ops.check_one_a_box(BOXES, labels=LABELS[:1]),
        "labels has shape (1,), but (2,) was expected: give one label for each box",
    ),
    "a column": (lambda: ops.check_one_a_box(BOXES, scores=BOXES[:, :1]), "(2, 1)"),
    "class scores": (
        lambda: ops.check_class_scores(BOXES, BOXES[:1]),
        "scores has shape (1, 4), but (2, classes)",
    ),
    "no area": (lambda: ops.check_area(FLAT), "[5.0, 5.0, 5.0, 9.0] has no area"),
    "turned around": (lambda: ops.check_centres(-BOXES, (20, 20)), "x2 < x1"),
    "nan is no box": (lambda: ops.check_centres(BOXES * NAN, (20, 20)), "nan"),
    "outside": (
        lambda: ops.check_centres(BOXES, (6, 20)),
        "centre outside the image of 6 x 20",
    ),
    "background": (
        lambda: ops.check_class_labels(LABELS - 1, 4),
        "labels are [0, 2], but 1 to 3 were expected",
    ),
    "unknown class": (lambda: ops.check_class_labels(LABELS, 3), "1 to 2"),
    "no class": (lambda: ops.check_class_labels(LABELS, 1), "num_classes is 1"),
    "an object without": (
        lambda: ops.check_objects(BOXES, LABELS[:1], (20, 20), 4),
        "one label for each box",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named(case: str) -> None:
    call, words = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_what_is_right_passes() -> None:
    ops.check_above_zero(sigma=0.1, sizes=(1, 2))
    ops.check_at_least(0, count=0, ratio=2.5)
    ops.check_not_empty(parts=[0])
    ops.check_rising(low=0, high=0.5, positive=0.5)
    ops.check_choice("kind", "hard", ("hard", "all"))
    ops.check_lengths(crops=BOXES, labels=LABELS)
    ops.check_map_size((8, 8), (8, 8))
    ops.check_image_size(0.5, 3)
    ops.check_boxes(BOXES[:0])
    ops.check_one_a_box(BOXES, scores=LABELS, labels=LABELS)
    ops.check_class_scores(BOXES, BOXES)
    ops.check_area(BOXES)
    ops.check_centres(FLAT, (7, 5))
    for count in (0, 2):
        ops.check_objects(BOXES[:count], LABELS[:count], (20, 20), 4)
