"""What kinds of errors a detector makes: the diagnosis of Hoiem et al. (2012).

YOLO's paper draws it as two pies (Redmon et al. 2016, section 4.2). Of each class that
has N objects, the N detections with the highest scores are looked at:

- correct: the class is right and the IoU with an object of its own at least 0.5;
- localisation: the class is right, but the IoU is only 0.1 or more, or the object was
  found before;
- similar: it overlaps an object of a similar class by 0.1 or more;
- other: it overlaps an object of any other class by so much;
- background: it overlaps none.
"""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from course_utils.metrics.average_precision import check_pairs, match_boxes
from course_utils.ops.boxes import box_iou

KINDS = ("correct", "localisation", "similar", "other", "background")
CORRECT, LOCALISATION, SIMILAR, OTHER, BACKGROUND = range(len(KINDS))
NOT_LOOKED_AT = -1
MISSING = "missing"  # a class may have fewer detections than objects

Images = Sequence[Mapping[str, Tensor]]
Groups = Sequence[Collection[int]]


def count_errors(
    predictions: Images,
    targets: Images,
    *,
    similar: Groups = (),
    iou_threshold: float = 0.5,
    least_iou: float = 0.1,
) -> dict[str, int]:
    """How many of the detections looked at are of each kind, by name.

    "missing" is how many more could have been looked at; all sum to the number of
    objects. For the arguments see `error_kinds`.
    """
    kinds = error_kinds(
        predictions,
        targets,
        similar=similar,
        iou_threshold=iou_threshold,
        least_iou=least_iou,
    )
    found = torch.cat([torch.zeros(0, dtype=torch.int64), *kinds])
    counts = {name: int((found == kind).sum()) for kind, name in enumerate(KINDS)}
    objects = sum(len(target["labels"]) for target in targets)
    return counts | {MISSING: objects - sum(counts.values())}


def error_kinds(
    predictions: Images,
    targets: Images,
    *,
    similar: Groups = (),
    iou_threshold: float = 0.5,
    least_iou: float = 0.1,
) -> list[Tensor]:
    """The kind of each detection of each image, (D,) int64 on the CPU.

    It is an index of KINDS, or NOT_LOOKED_AT (-1) where as many detections of the class
    as it has objects, in all images, have higher scores.

    Args:
        predictions: for each image, `boxes` (D, 4) xyxy, `scores` (D,), `labels` (D,).
        targets: for each image, `boxes` (T, 4) xyxy and `labels` (T,).
        similar: groups of labels; the classes of a group are similar.
        iou_threshold: least IoU of a correct detection.
        least_iou: less than this with every object is background.

    Raises ValueError if there are not as many predictions as targets, or `least_iou` is
    not between 0 and `iou_threshold`.
    """
    check_pairs(predictions, targets)
    check_least_iou(least_iou, iou_threshold)
    kinds = [
        image_kinds(as_cpu(found), as_cpu(target), similar, iou_threshold, least_iou)
        for found, target in zip(predictions, targets, strict=True)
    ]
    looked_at = highest_of_each_class(predictions, targets)
    return [
        kind.where(here, NOT_LOOKED_AT)
        for kind, here in zip(kinds, looked_at, strict=True)
    ]


def check_least_iou(least_iou: float, iou_threshold: float) -> None:
    """Raises ValueError unless 0 < least_iou <= iou_threshold."""
    if not 0 < least_iou <= iou_threshold:
        raise ValueError(
            f"least_iou is {least_iou} and iou_threshold {iou_threshold}, but "
            "0 < least_iou <= iou_threshold was expected"
        )


def as_cpu(image: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same on the CPU, as plain tensors without gradients."""
    return {
        name: image[name].detach().as_subclass(Tensor).cpu()
        for name in ("boxes", "labels", "scores")
        if name in image
    }


def image_kinds(
    found: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    similar: Groups,
    iou_threshold: float,
    least_iou: float,
) -> Tensor:
    """The kind of every detection of one image: (D,) int64, an index of KINDS."""
    labels, true_labels = found["labels"], target["labels"]
    touches = box_iou(found["boxes"], target["boxes"]) >= least_iou  # (D, T)
    is_same = labels[:, None] == true_labels
    is_alike = are_similar(labels, true_labels, similar)
    kinds = torch.full((len(labels),), BACKGROUND)
    # From the mildest judgement to the strictest, which has the last word.
    kinds[touches.any(dim=1)] = OTHER
    kinds[(touches & is_alike).any(dim=1)] = SIMILAR
    kinds[(touches & is_same).any(dim=1)] = LOCALISATION
    kinds[find_own(found, target, iou_threshold)] = CORRECT
    return kinds


def are_similar(labels: Tensor, true_labels: Tensor, similar: Groups) -> Tensor:
    """Whether two labels are of one group: (D,) and (T,) -> (D, T) bool."""
    is_alike = torch.zeros(len(labels), len(true_labels), dtype=torch.bool)
    for group in similar:
        members = torch.tensor(sorted(group))
        pairs = torch.isin(labels, members)[:, None] & torch.isin(true_labels, members)
        is_alike |= pairs
    return is_alike


def find_own(
    found: Mapping[str, Tensor], target: Mapping[str, Tensor], iou_threshold: float
) -> Tensor:
    """Which detections of one image find an object that no better one has: (D,)."""
    hits = torch.zeros(len(found["labels"]), dtype=torch.bool)
    for label in sorted(set(found["labels"].tolist())):
        here = (found["labels"] == label).nonzero().squeeze(1)
        here = here[found["scores"][here].argsort(descending=True, stable=True)]
        objects = target["boxes"][target["labels"] == label]
        boxes = found["boxes"][here]
        hits[here] = match_boxes(boxes, objects, iou_threshold=iou_threshold)
    return hits


def highest_of_each_class(predictions: Images, targets: Images) -> list[Tensor]:
    """Which detections are among the best N of their class, N its objects: (D,) each.

    Of equal scores, the one of the earlier image comes first.
    """
    none = torch.zeros(0, dtype=torch.int64)
    labels = torch.cat([none, *(found["labels"].cpu() for found in predictions)])
    scores = torch.cat([none, *(found["scores"].cpu() for found in predictions)])
    objects = torch.cat([none, *(target["labels"].cpu() for target in targets)])
    order = scores.argsort(descending=True, stable=True)
    kept = torch.zeros(len(labels), dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        best = order[labels[order] == label][: int((objects == label).sum())]
        kept[best] = True
    return list(torch.split(kept, [len(found["labels"]) for found in predictions]))
