"""All detections and objects of a data set in single tensors, checked and sorted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.ops.boxes import as_boxes, box_area

# Least and greatest area in square pixels; both ends belong to a range.
AREA_RANGES = {
    "all": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}
MAX_DETECTIONS = 100  # for one class in one image; what comes after is not looked at


class Detections(NamedTuple):
    """D detections, sorted by class, image and falling score."""

    group: Tensor  # (D,) int64: label * images + image
    rank: Tensor  # (D,) int64: place in its group, from 0
    scores: Tensor  # (D,) float64
    boxes: Tensor  # (D, 4) float64 xyxy
    is_outside: Tensor  # (A, D) bool: not in this range of areas


class Truths(NamedTuple):
    """G objects, sorted by class and image."""

    group: Tensor  # (G,) int64: label * images + image
    boxes: Tensor  # (G, 4) float64 xyxy
    is_crowd: Tensor  # (G,) bool
    is_ignored: Tensor  # (A, G) bool: a crowd, or not in this range of areas


def outside_ranges(areas: Tensor) -> Tensor:
    """Whether each area lies outside each of the four ranges: (N,) -> (A, N) bool."""
    ranges = torch.tensor(list(AREA_RANGES.values()), dtype=torch.float64)
    low, high = ranges.unbind(1)
    return (areas < low[:, None]) | (areas > high[:, None])


def joined(images: Sequence[Mapping[str, Tensor]], name: str, like: Tensor) -> Tensor:
    """One entry of all images in a row, on the CPU, with the type of `like`.

    Raises ValueError if an image has another number of them than of boxes.
    """
    for index, image in enumerate(images):
        expected, received = len(image["boxes"]), len(image[name])
        if expected != received:
            raise ValueError(
                f"image {index} has {expected} boxes, but {received} {name}: as many "
                "of each were expected, one for each box"
            )
    parts = [image[name].detach().to(like) for image in images]
    return torch.cat([like, *parts])


def joined_boxes(images: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """All boxes (N, 4) in float64, and their groups (N,): label * images + image."""
    boxes = [as_boxes(image["boxes"].detach()).double().cpu() for image in images]
    labels = joined(images, "labels", torch.zeros(0, dtype=torch.int64))
    sizes = torch.tensor([len(part) for part in boxes], dtype=torch.int64)
    image = torch.arange(len(images)).repeat_interleave(sizes)
    return torch.cat([torch.zeros(0, 4).double(), *boxes]), labels * len(images) + image


def gather_detections(predictions: Sequence[Mapping[str, Tensor]]) -> Detections:
    """The best `MAX_DETECTIONS` of each class and image, of all images."""
    boxes, group = joined_boxes(predictions)
    scores = joined(predictions, "scores", torch.zeros(0, dtype=torch.float64))
    order = scores.argsort(descending=True, stable=True)
    order = order[group[order].argsort(stable=True)]
    group = group[order]
    # Sorted, a group begins where it would be inserted.
    rank = torch.arange(len(group)) - torch.searchsorted(group, group)
    order, kept = order[rank < MAX_DETECTIONS], rank < MAX_DETECTIONS
    boxes = boxes[order]
    outside = outside_ranges(box_area(boxes))
    return Detections(group[kept], rank[kept], scores[order], boxes, outside)


def gather_truths(targets: Sequence[Mapping[str, Tensor]]) -> Truths:
    """The objects of all images, with `is_crowd` and `area` where they are given."""
    full = [
        {
            "is_crowd": torch.zeros(len(target["boxes"]), dtype=torch.bool),
            "area": box_area(as_boxes(target["boxes"]).double()),
        }
        | dict(target)
        for target in targets
    ]
    boxes, group = joined_boxes(full)
    crowd = joined(full, "is_crowd", torch.zeros(0, dtype=torch.bool))
    outside = outside_ranges(joined(full, "area", torch.zeros(0, dtype=torch.float64)))
    order = group.argsort(stable=True)
    return Truths(group[order], boxes[order], crowd[order], (outside | crowd)[:, order])
