"""What functions refuse at the door: one call each, so that they stay arithmetic.

A validator returns nothing. It raises a ValueError that says what was given and what
was expected.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from torch import Tensor

Size = tuple[int, int]  # height and width, of an image or a map


def check_above_zero(**numbers: float | Sequence[float]) -> None:
    """Each is a number above 0, or at least one such number."""
    for name, given in numbers.items():
        values = given if isinstance(given, Sequence) else [given]
        if not values or not all(value > 0 for value in values):  # also false for nan
            raise ValueError(f"{name} is {given}, but numbers above 0 were expected")


def check_at_least(least: float, **numbers: float) -> None:
    """Each is `least` or more."""
    for name, number in numbers.items():
        if not number >= least:
            raise ValueError(f"{name} is {number}, but at least {least} was expected")


def check_not_empty(**parts: Sequence[object]) -> None:
    """There is at least one of each."""
    for name, part in parts.items():
        if not len(part):
            raise ValueError(f"{name} is empty, but at least one was expected")


def check_rising(**numbers: float) -> None:
    """They rise, or stay, from the first to the last, all in [0, 1]."""
    values = [0, *numbers.values(), 1]
    if not all(low <= high for low, high in pairwise(values)):
        given = ", ".join(f"{name} is {number}" for name, number in numbers.items())
        raise ValueError(f"{given}, but 0 <= {' <= '.join(numbers)} <= 1 was expected")


def check_choice(name: str, given: str, choices: Collection[str]) -> None:
    """It is one of the choices."""
    if given not in choices:
        raise ValueError(f"{name} is {given!r}, but one of {[*choices]} was expected")


def check_lengths(**parts: Tensor | Sequence[object]) -> None:
    """There are as many of each."""
    if len(set(map(len, parts.values()))) > 1:
        counts = " and ".join(f"{len(part)} {name}" for name, part in parts.items())
        raise ValueError(f"there are {counts}, but as many of each were expected")


def check_map_size(map_size: Size, image_size: Size) -> None:
    """A map has at least one position, and no more than its image has pixels."""
    if min(map_size) < 1 or map_size[0] > image_size[0] or map_size[1] > image_size[1]:
        raise ValueError(
            f"the image is {image_size} and its map {map_size}, but a map of 1 "
            "position or more and no more than pixels was expected: use a larger image"
        )


def check_image_size(height: float, width: float) -> None:
    """Both sides are above 0."""
    if height <= 0 or width <= 0:
        raise ValueError(
            f"the image is {height} x {width}, but both sides must be positive: "
            "give its height first, as in `height, width = image.shape[-2:]`"
        )


def check_boxes(boxes: Tensor, name: str = "boxes") -> None:
    """They are (N, 4)."""
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"{name} has shape {tuple(boxes.shape)}, but (N, 4) was expected: "
            "write one box as [[x1, y1, x2, y2]], and no box as torch.zeros(0, 4)"
        )


def check_one_a_box(boxes: Tensor, **values: Tensor) -> None:
    """Each has one value for each of the (N, 4) boxes."""
    for name, value in values.items():
        if value.shape != boxes.shape[:1]:
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}, but ({len(boxes)},) was "
                f"expected: give one {name.removesuffix('s')} for each box"
            )


def check_class_scores(boxes: Tensor, scores: Tensor) -> None:
    """There is a row of scores for each box, and a column for each class."""
    if scores.ndim != 2 or len(scores) != len(boxes):
        raise ValueError(
            f"scores has shape {tuple(scores.shape)}, but ({len(boxes)}, classes) was "
            "expected: a row for each box, without a column for the background"
        )


def check_area(boxes: Tensor) -> None:
    """Every box has a width and a height above 0."""
    is_flat = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
    if is_flat.any():
        raise ValueError(
            f"the box {boxes[is_flat][0].tolist()} has no area, but x1 < x2 and "
            "y1 < y2 were expected: drop such boxes with remove_small_boxes"
        )


def check_centres(boxes: Tensor, image_size: Size) -> None:
    """Every box has sides of 0 or more, and its centre in the image."""
    if not (boxes[:, 2:] >= boxes[:, :2]).all():  # also false for nan
        raise ValueError(
            "a box has x2 < x1, y2 < y1 or nan, but x1, y1, x2, y2 with x1 <= x2 and "
            "y1 <= y2 were expected: convert other formats first"
        )
    height, width = image_size
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    if not ((centre >= 0) & (centre <= centre.new_tensor([width, height]))).all():
        raise ValueError(
            f"a box has its centre outside the image of {height} x {width}, where no "
            "cell can own it: clip the boxes, and drop what is left of none"
        )


def check_class_labels(labels: Tensor, num_classes: int) -> None:
    """All labels are from 1 to `num_classes` - 1."""
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}, but background and 1 make 2")
    if ((labels < 1) | (labels >= num_classes)).any():
        raise ValueError(
            f"labels are {sorted(set(labels.tolist()))}, but 1 to {num_classes - 1} "
            "were expected: 0 is background, which owns no cell"
        )


def check_objects(
    boxes: Tensor, labels: Tensor, image_size: Size, num_classes: int
) -> None:
    """Every box has a label of an object, and its centre in the image."""
    check_one_a_box(boxes, labels=labels)
    check_centres(boxes, image_size)
    check_class_labels(labels, num_classes)
