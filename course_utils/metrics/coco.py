"""COCO's evaluation of detections: its twelve numbers, for all classes.

The path of a detection: `best_of_image` ranks it among those of its class and image,
`match_in_turn` lets it choose an object, `evaluate_class` puts it in line with the
detections of all images, and `twelve_numbers` takes means.

Sizes: D detections and G objects of an image, I images, A ranges of areas (four), T
IoU thresholds (ten), K classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.metrics.average_precision import (
    average_precision,
    check_pairs,
    precision_recall,
)
from course_utils.ops.boxes import as_boxes, box_area, box_overlap, ratio

# Least and greatest area in square pixels; both ends belong to a range.
AREA_RANGES = {
    "all": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}
MAX_DETECTIONS = 100  # for one class in one image; what comes after is not looked at
# NumPy's, as in pycocotools: another way to 0.6 may differ from it in the last bit.
IOU_THRESHOLDS = torch.from_numpy(np.linspace(0.5, 0.95, 10))
IMAGES_AT_ONCE = 32  # it bounds the memory, not the result


class Detections(NamedTuple):
    """The detections of one image, by falling score."""

    boxes: Tensor  # (D, 4) float64 xyxy
    labels: Tensor  # (D,) int64
    scores: Tensor  # (D,) float64
    rank: Tensor  # (D,) int64: place among those of its class, from 0


class Objects(NamedTuple):
    """The objects of one image."""

    boxes: Tensor  # (G, 4) float64 xyxy
    labels: Tensor  # (G,) int64
    is_crowd: Tensor  # (G,) bool
    is_ignored: Tensor  # (A, G) bool: a crowd, or not in this range of areas


class Outcome(NamedTuple):
    """What became of detections, at each range of areas and each IoU threshold."""

    is_hit: Tensor  # (A, T, D) bool: it found an object of its own
    is_ignored: Tensor  # (A, T, D) bool: it counts neither as right nor as wrong


class ClassScores(NamedTuple):
    """What one class reaches, (A, T), or K classes, (K, A, T); -1 without objects."""

    ap: Tensor
    recall_1: Tensor
    recall_10: Tensor
    recall_100: Tensor


def evaluate_detections(
    predictions: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    class_names: Sequence[str] | None = None,
) -> dict[str, float]:
    """COCO's twelve numbers by name, each in [0, 1], or -1 where it has no meaning.

    `AP` is the mean over classes and the IoU thresholds 0.50, 0.55, ... 0.95; `AP50`
    and `AP75` are at one threshold; `AP_small`, `AP_medium`, `AP_large` count objects
    of below 32^2, up to 96^2, and more square pixels. `AR_1`, `AR_10`, `AR_100` are the
    recall with so many detections of a class in an image. Classes without objects do
    not count.

    Args:
        predictions: for each image, `boxes` (D, 4) xyxy, `scores` (D,), `labels` (D,).
        targets: for each image, `boxes` (G, 4) xyxy and `labels` (G,); also, where
            known, `is_crowd` (G,) bool, boxes that any number of detections may hit
            without being counted, and `area` (G,) of the object rather than its box.
        class_names: by label, so that `AP/name` is added for each but the background.

    Raises ValueError if there are not as many predictions as targets, or an image has
    not as many scores or labels as boxes.
    """
    check_pairs(predictions, targets)
    check_entries(predictions, "scores", "labels")
    check_entries(targets, "labels", "is_crowd", "area")
    detections = [best_of_image(prediction) for prediction in predictions]
    objects = [objects_of_image(target) for target in targets]
    outcomes = match_images(detections, objects)
    by_label = {
        label: evaluate_class(label, detections, objects, outcomes)
        for label in labels_to_score(objects)
    }
    figures = twelve_numbers(stack_scores(by_label.values()))
    for label, name in enumerate(class_names or ()):
        if label > 0:
            ap = by_label[label].ap[0] if label in by_label else torch.zeros(0)
            figures[f"AP/{name}"] = mean_of_known(ap)
    return figures


def check_entries(images: Sequence[Mapping[str, Tensor]], *names: str) -> None:
    """Raise ValueError unless every image has (N, 4) boxes, and N of each entry."""
    for index, image in enumerate(images):
        as_boxes(image["boxes"])
        expected = len(image["boxes"])
        for name in names:
            if name in image and len(image[name]) != expected:
                raise ValueError(
                    f"image {index} has {expected} boxes, but {len(image[name])} "
                    f"{name}: as many of each were expected, one for each box"
                )


def best_of_image(prediction: Mapping[str, Tensor]) -> Detections:
    """The detections of an image by falling score, `MAX_DETECTIONS` of a class at most.

    Of equal scores the first comes first. They come to the CPU, in double precision.
    """
    scores = prediction["scores"].detach().cpu().double()
    order = scores.argsort(descending=True, stable=True)
    labels = prediction["labels"].cpu()[order]
    rank = rank_in_class(labels)
    kept = rank < MAX_DETECTIONS
    boxes = prediction["boxes"].detach().cpu().double()[order]
    return Detections(boxes[kept], labels[kept], scores[order][kept], rank[kept])


def rank_in_class(labels: Tensor) -> Tensor:
    """How many of the labels before each one are equal to it: (D,) -> (D,) int64."""
    return (labels[:, None] == labels).tril(diagonal=-1).sum(dim=1)


def objects_of_image(target: Mapping[str, Tensor]) -> Objects:
    """The objects of an image; none is a crowd, and areas are the boxes' if not given.

    They come to the CPU, in double precision.
    """
    boxes = target["boxes"].detach().cpu().double()
    crowd = target.get("is_crowd", torch.zeros(len(boxes))).cpu().bool()
    areas = target.get("area", box_area(boxes)).cpu().double()
    ignored = outside_ranges(areas) | crowd
    return Objects(boxes, target["labels"].cpu(), crowd, ignored)


def outside_ranges(areas: Tensor) -> Tensor:
    """Whether each area lies outside each of the four ranges: (N,) -> (A, N) bool."""
    ranges = torch.tensor(list(AREA_RANGES.values()), dtype=torch.float64)
    low, high = ranges.unbind(1)
    return (areas < low[:, None]) | (areas > high[:, None])


def class_iou(detections: Detections, objects: Objects) -> Tensor:
    """IoU of detections and objects of one image, (D, G); -1 between two classes.

    With a crowd, it is the share of the detection that lies inside: a box around one
    person of many is right, however small.
    """
    overlap = box_overlap(detections.boxes[:, None], objects.boxes)  # (D, G)
    area = box_area(detections.boxes)[:, None]  # (D, 1)
    union = area + box_area(objects.boxes) - overlap
    iou = ratio(overlap, union.where(~objects.is_crowd, area))
    return iou.where(detections.labels[:, None] == objects.labels, -1)


def preferences(iou: Tensor, is_ignored: Tensor) -> Tensor:
    """How much each detection wants each object: whole numbers above 0, all different.

    A higher IoU is wanted more, and any object that counts more than any that does not.
    Of equal IoU the last is wanted most, as in pycocotools. (I, D, G) IoU and
    (I, A, G) ignored objects -> (I, D, A, G): 1 to G for ignored, above G for others.
    """
    place = iou.argsort(dim=-1, stable=True).argsort(dim=-1) + 1  # 1, 2, ... G
    counts = ~is_ignored[:, None] * iou.shape[-1]  # (I, 1, A, G): G or 0
    return (place[:, :, None] + counts).int()


def match_in_turn(
    iou: Tensor, is_crowd: Tensor, is_ignored: Tensor
) -> tuple[Tensor, Tensor]:
    """Let the detections of each image choose in turn, at every area and threshold.

    A detection takes the free object that it prefers among those whose IoU reaches the
    threshold. Crowds are always free. (I, D, G) IoU, (I, G) crowds and (I, A, G)
    ignored objects -> what hit anything, and what hit an ignored object, both
    (I, A, T, D) bool.
    """
    wanted = preferences(iou, is_ignored)  # (I, D, A, G)
    enough = iou[:, :, None] >= IOU_THRESHOLDS[:, None]  # (I, D, T, G)
    free = torch.ones_like(enough[:, 0])[:, None].repeat(1, wanted.shape[2], 1, 1)
    chosen = []
    for turn in range(iou.shape[1]):
        possible = enough[:, turn, None] & free  # (I, A, T, G)
        wishes = wanted[:, turn, :, None] * possible
        best = wishes.amax(dim=-1)  # (I, A, T), 0 where nothing is possible
        taken = possible & (wishes == best[..., None])
        free &= ~taken | is_crowd[:, None, None]
        chosen.append(best)
    choice = torch.stack(chosen, dim=-1)  # (I, A, T, D)
    return choice > 0, (choice > 0) & (choice <= iou.shape[-1])


def stack_padded(parts: Sequence[Tensor], fill: float) -> Tensor:
    """Tensors of different sizes as one, each filled up at its ends; no size is 0.

    I tensors of (d, g) -> (I, largest d, largest g).
    """
    sizes = zip(*(part.shape for part in parts), strict=True)
    shape = [max(1, *numbers) for numbers in sizes]
    whole = torch.full((len(parts), *shape), fill, dtype=parts[0].dtype)
    for room, part in zip(whole, parts, strict=True):
        room[tuple(slice(size) for size in part.shape)] = part
    return whole


def match_images(
    detections: Sequence[Detections], objects: Sequence[Objects]
) -> list[Outcome]:
    """What became of the detections of each image.

    Images take their turns side by side. What fills them up has an IoU of -1, which is
    below every threshold, so that it changes nothing.
    """
    outcomes: list[Outcome] = []
    for start in range(0, len(objects), IMAGES_AT_ONCE):
        ours = detections[start : start + IMAGES_AT_ONCE]
        theirs = objects[start : start + IMAGES_AT_ONCE]
        pairs = zip(ours, theirs, strict=True)
        is_hit, hit_ignored = match_in_turn(
            stack_padded([class_iou(*pair) for pair in pairs], -1),
            stack_padded([image.is_crowd for image in theirs], False),
            stack_padded([image.is_ignored for image in theirs], True),
        )
        outcomes += map(settle, ours, is_hit, hit_ignored)
    return outcomes


def settle(detections: Detections, is_hit: Tensor, hit_ignored: Tensor) -> Outcome:
    """The outcome of one image, without what filled it up.

    A detection is ignored if it hit an ignored object, or hit nothing and is itself of
    another size than the range of areas asks for.
    """
    is_hit, hit_ignored = (
        x[..., : len(detections.boxes)] for x in (is_hit, hit_ignored)
    )
    is_outside = outside_ranges(box_area(detections.boxes))[:, None]  # (A, 1, D)
    return Outcome(is_hit, hit_ignored | (is_outside & ~is_hit))


def labels_to_score(objects: Sequence[Objects]) -> list[int]:
    """The classes that have objects; [0] if there is none: all its numbers are -1."""
    labels = {label for image in objects for label in image.labels.tolist()}
    return sorted(labels) or [0]


def evaluate_class(
    label: int,
    detections: Sequence[Detections],
    objects: Sequence[Objects],
    outcomes: Sequence[Outcome],
) -> ClassScores:
    """AP and recalls of one class, over all images."""
    number = count_objects(label, objects)[:, None].double()  # (A, 1)
    rank, outcome = line_up(label, detections, outcomes)
    right = outcome.is_hit & ~outcome.is_ignored  # (A, T, D)
    recalls = [
        torch.where(number > 0, right[..., rank < most].sum(-1) / number, -1.0)
        for most in (1, 10, 100)
    ]
    return ClassScores(class_ap(right, ~outcome.is_ignored, number), *recalls)


def count_objects(label: int, objects: Sequence[Objects]) -> Tensor:
    """How many objects of a class there are to find in each range of areas, (A,)."""
    parts = [~image.is_ignored[:, image.labels == label] for image in objects]
    return torch.cat([torch.zeros(len(AREA_RANGES), 0).bool(), *parts], dim=1).sum(
        dim=1
    )


def line_up(
    label: int, detections: Sequence[Detections], outcomes: Sequence[Outcome]
) -> tuple[Tensor, Outcome]:
    """The detections of a class in all images by falling score: ranks and outcomes."""
    shape = len(AREA_RANGES), len(IOU_THRESHOLDS), 0
    scores, rank = [torch.zeros(0).double()], [torch.zeros(0).long()]
    hits, ignored = ([torch.zeros(shape, dtype=torch.bool)] for _ in range(2))
    for image, outcome in zip(detections, outcomes, strict=True):
        chosen = image.labels == label
        scores.append(image.scores[chosen])
        rank.append(image.rank[chosen])
        hits.append(outcome.is_hit[..., chosen])
        ignored.append(outcome.is_ignored[..., chosen])
    order = torch.cat(scores).argsort(descending=True, stable=True)
    parts = (torch.cat(part, dim=-1)[..., order] for part in (hits, ignored))
    return torch.cat(rank)[order], Outcome(*parts)


def class_ap(right: Tensor, counted: Tensor, number: Tensor) -> Tensor:
    """AP at each range of areas and threshold, (A, T); -1 where nothing is to be found.

    (A, T, D) what is right, (A, T, D) what counts, and (A, 1) objects to find.
    """
    ap = torch.full(right.shape[:2], -1.0).double()
    for area, threshold in (number > 0).expand_as(ap).nonzero().tolist():
        hits = right[area, threshold][counted[area, threshold]]
        curve = precision_recall(hits, int(number[area]))
        ap[area, threshold] = average_precision(*curve, method="coco")
    return ap


def stack_scores(scores: Iterable[ClassScores]) -> ClassScores:
    """The scores of K classes as one, each (K, A, T)."""
    return ClassScores(*map(torch.stack, zip(*scores, strict=True)))


def mean_of_known(values: Tensor) -> float:
    """The mean of what has a meaning, which is not -1; -1 where nothing has."""
    values = values[values > -1]
    return float(values.mean()) if len(values) > 0 else -1.0


def twelve_numbers(scores: ClassScores) -> dict[str, float]:
    """COCO's summary of the (K, A, T) scores of all classes."""
    ap, ar = scores.ap, scores.recall_100
    every, small, medium, large = range(4)  # places of the ranges of areas
    at_50, at_75 = 0, 5  # places of the IoU thresholds 0.5 and 0.75
    figures = {
        "AP": ap[:, every],
        "AP50": ap[:, every, at_50],
        "AP75": ap[:, every, at_75],
        "AP_small": ap[:, small],
        "AP_medium": ap[:, medium],
        "AP_large": ap[:, large],
        "AR_1": scores.recall_1[:, every],
        "AR_10": scores.recall_10[:, every],
        "AR_100": ar[:, every],
        "AR_small": ar[:, small],
        "AR_medium": ar[:, medium],
        "AR_large": ar[:, large],
    }
    return {name: mean_of_known(values) for name, values in figures.items()}
