"""cut_patch: the patch that is cut out of an image, and what is left in it.

The oracle works on lists, one object and one patch at a time.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]
Corners = list[float]
Rows = list[Corners]
Point = tuple[float, float]
Cut = tuple[Tensor, Tensor, Tensor]

TRANSFORMS = "torchvision.transforms.v2"


def case(
    boxes: Rows,
    patches: Rows,
    min_iou: float,
    side: float = 100,
    *,
    image_size: Pair = (100, 160),
) -> Inputs:
    """Boxes and patches from their rows, also of no rows; labels tell boxes apart."""
    both = [torch.tensor(rows).float().reshape(-1, 4) for rows in (boxes, patches)]
    labels = torch.arange(len(boxes)) * 3 % 7 + 1
    return inputs(both[0], labels, image_size, both[1], min_iou=min_iou, side=side)


PAIR: Rows = [[10, 20, 50, 60], [90, 30, 130, 80]]
CASES = {
    "the example": case(
        [[20, 20, 60, 64], [50, 10, 100, 40], [120, 50, 140, 90]],
        [[40, 0, 160, 60], [10, 10, 70, 60], [0, 0, 80, 80]],
        0.3,
        120,
    ),
    "no objects": case([], [[10, 10, 50, 50]], 0.1),
    "no patches": case(PAIR, [], 0.1),
    "no patch is allowed": case(PAIR, [[0, 0, 8, 8], [60, 0, 80, 90]], 0.1),
    "no patch is allowed, and the image is high": case(
        PAIR, [[0, 0, 8, 8], [60, 0, 80, 90]], 0.1, image_size=(160, 140)
    ),
    "the first of two that are allowed": case(
        PAIR, [[0, 0, 40, 50], [5, 15, 55, 65], [80, 20, 140, 90]], 0.25
    ),
    "a later patch is allowed": case(
        PAIR, [[60, 0, 80, 90], [0, 0, 150, 99], [8, 10, 52, 62]], 0.5
    ),
    "an IoU of exactly the least one": case([[8, 8, 16, 16]], [[4, 4, 20, 20]], 0.25),
    "an IoU a little below the least one": case(
        [[8, 8, 16, 16]], [[4, 4, 21, 20], [5, 5, 20, 18]], 0.25
    ),
    "a least IoU of 0": case([[10, 10, 20, 20]], [[40, 40, 60, 60], [0, 0, 90, 90]], 0),
    "one of two overlaps too little": case(
        [[10, 20, 50, 60], [60, 30, 66, 36]], [[5, 15, 70, 65], [8, 18, 52, 62]], 0.3
    ),
    "one that is not kept overlaps too little": case(
        [[10, 20, 50, 60], [48, 30, 80, 90]], [[5, 15, 55, 65]], 0.3
    ),
    "only one that is not kept overlaps enough": case(
        [[30, 20, 110, 80]], [[20, 10, 68, 90], [72, 10, 120, 90]], 0.3
    ),
    "a centre on the left or upper border": case(
        [[40, 30, 60, 50], [56, 10, 84, 34]], [[50, 22, 100, 72]], 0.01
    ),
    "a centre on the right or lower border": case(
        [[40, 30, 60, 50], [20, 56, 44, 84], [10, 35, 40, 65]], [[0, 20, 50, 70]], 0.01
    ),
    "a corner inside, the centre outside": case(
        [[20, 20, 50, 50], [45, 45, 99, 99], [10, 42, 30, 80]], [[10, 10, 55, 55]], 0.1
    ),
    "a centre inside, no corner inside": case(
        [[10, 30, 110, 50]], [[40, 10, 90, 90]], 0.1
    ),
    "inside in x alone, or in y alone": case(
        [[30, 70, 50, 90], [90, 20, 130, 40], [25, 25, 55, 55]], [[20, 20, 60, 60]], 0.1
    ),
    "boxes are cut at each border": case(
        [[20, 40, 50, 60], [60, 15, 80, 45], [90, 40, 118, 66], [50, 60, 75, 88]],
        [[30, 25, 110, 80]],
        0.02,
    ),
    "a wide patch": case(PAIR, [[0, 10, 150, 90]], 0.1, 60),
    "a high patch": case([[10, 5, 50, 90]], [[5, 0, 55, 95]], 0.5, 300),
    "a small object in a large patch": case(
        [[30, 30, 40, 40]], [[10, 10, 90, 90], [26, 26, 46, 46]], 0.2
    ),
    "a large object around a small patch": case(
        [[0, 0, 150, 95]], [[60, 40, 90, 60], [20, 10, 140, 90]], 0.3
    ),
    "the order of the objects stays": case(
        [[60, 40, 90, 70], [10, 20, 50, 60], [30, 40, 60, 66]], [[0, 10, 100, 80]], 0.1
    ),
    "two overlap much, one little: the mean is enough": case(
        [[10, 10, 60, 60], [12, 12, 58, 58], [20, 20, 26, 26]],
        [[10, 10, 60, 60], [5, 5, 70, 70]],
        0.5,
    ),
    "more objects, less overlap": case(
        [[10, 20, 50, 60], [40, 20, 80, 60]], [[8, 18, 52, 62], [6, 16, 84, 64]], 0.3
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Objects and patches in whole pixels; the third of them fits one object well."""
    height, width = 90 + i, 150 - i
    size = torch.tensor([width, height])

    def drawn(count: int, least: int) -> Tensor:
        share = torch.rand(count, 4, generator=generator)
        low = (share[:, :2] * (size - least)).floor()
        return torch.cat(
            [low, low + least + (share[:, 2:] * (size - least - low)).floor()], 1
        )

    boxes, patches = drawn(2 + i % 4, 12), drawn(3, 30)
    best = boxes[:1] + torch.tensor([-1.0, -2, 1, 3])
    patches[2] = best.clamp(min=0).minimum(size.repeat(2))
    labels = torch.randint(1, 8, (len(boxes),), generator=generator)
    min_iou = (0.1, 0.3, 0.05)[i % 3] + math.pi / 1000  # no IoU equals it
    side = 100.0 + 50 * (i % 2)
    return inputs(boxes, labels, (height, width), patches, min_iou=min_iou, side=side)


# The steps of the oracle.


def centre(box: Corners) -> Point:
    """The middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def contains(patch: Corners, point: Point) -> bool:
    """Whether a point lies in a half-open patch."""
    x, y = point
    return patch[0] <= x < patch[2] and patch[1] <= y < patch[3]


def holds_centre(box: Corners, patch: Corners) -> bool:
    """Whether a patch keeps a box."""
    return contains(patch, centre(box))


def shared(a: Corners, b: Corners) -> float:
    """The area of the intersection."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def iou_of(box: Corners, patch: Corners) -> float:
    """The IoU of a box with a patch."""
    both = shared(box, patch)
    return both / (shared(box, box) + shared(patch, patch) - both)


def all_held(held: list[float], every: list[float], least: float) -> bool:
    """Whether a patch is allowed, by its IoU with what it keeps and with all boxes."""
    return min(held, default=-1.0) >= least


def whole_image(image_size: Pair, patches: Rows) -> Corners:
    """The patch that is taken where none is allowed."""
    return [0.0, 0.0, float(image_size[1]), float(image_size[0])]


def clip(box: Corners, patch: Corners) -> Corners:
    """A box clipped to a patch."""
    return [min(max(v, patch[k % 2]), patch[2 + k % 2]) for k, v in enumerate(box)]


def of_each_axis(width: float, height: float, side: float) -> Point:
    """By what x and y are multiplied."""
    return side / width, side / height


def slow_cut_patch(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
    holds: Callable[[Corners, Corners], bool] = holds_centre,
    overlap: Callable[[Corners, Corners], float] = iou_of,
    allows: Callable[[list[float], list[float], float], bool] = all_held,
    order: Callable[[int, int], Any] = lambda number, objects: number,
    otherwise: Callable[[Pair, Rows], Corners] = whole_image,
    clipped: Callable[[Corners, Corners], Corners] = clip,
    origin: Callable[[Corners], Corners] = lambda patch: patch[:2],
    factors: Callable[[float, float, float], Point] = of_each_axis,
) -> Cut:
    """The patch, and the (K, 4) boxes and (K,) labels in it, from lists."""
    rows, drawn = boxes.tolist(), patches.tolist()
    fits = []
    for number, patch in enumerate(drawn):
        every = [overlap(row, patch) for row in rows]
        held = [v for v, row in zip(every, rows, strict=True) if holds(row, patch)]
        if allows(held, every, min_iou):
            fits.append((order(number, len(held)), patch))
    patch = min(fits)[1] if fits else otherwise(image_size, drawn)
    kept = [n for n, row in enumerate(rows) if holds(row, patch)]
    scale = factors(patch[2] - patch[0], patch[3] - patch[1], side)
    low = origin(patch)
    seen = [
        [(v - low[k % 2]) * scale[k % 2] for k, v in enumerate(clipped(rows[n], patch))]
        for n in kept
    ]
    names = [int(labels[n]) for n in kept]
    return (
        torch.tensor(patch),
        torch.tensor(seen).reshape(-1, 4),
        torch.tensor(names, dtype=torch.int64),
    )


def well_seen_alone(
    right: Cut,
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
) -> Cut:
    """Leaves out what overlaps the chosen patch too little."""
    patch = right[0].tolist()
    rows = enumerate(boxes.tolist())
    seen = [n for n, box in rows if iou_of(box, patch) >= min_iou]
    return slow_cut_patch(
        boxes[seen], labels[seen], image_size, right[0][None], min_iou=0, side=side
    )


MISTAKES: Mistakes = {
    "a patch keeps the objects whose centre it holds, not all that it touches": {
        "holds": lambda box, patch: shared(box, patch) > 0
    },
    "an object is kept if its centre lies in the patch; it may reach beyond it": {
        "holds": lambda box, patch: clip(box, patch) == box
    },
    "look at the centre of an object, not at its corner": {
        "holds": lambda box, patch: contains(patch, box[:2])
    },
    "the centre must lie in the patch in y, too": {
        "holds": lambda box, patch: patch[0] <= centre(box)[0] < patch[2]
    },
    "the centre must lie in the patch in x, too": {
        "holds": lambda box, patch: patch[1] <= centre(box)[1] < patch[3]
    },
    "a patch is half-open: its right and lower border is outside": {
        "holds": lambda box, patch: clip([*centre(box)], patch) == [*centre(box)]
    },
    "a patch is half-open: its left and upper border is inside": {
        "holds": lambda box, patch: (
            holds_centre(box, patch)
            and patch[0] < centre(box)[0]
            and patch[1] < centre(box)[1]
        )
    },
    "an allowed patch keeps every object whose centre it holds": well_seen_alone,
    "every object that a patch keeps must overlap enough, not only one": {
        "allows": lambda held, every, least: max(held, default=-1) >= least
    },
    "only objects whose centre it holds make a patch allowed": {
        "allows": lambda held, every, least: max(every, default=-1) >= least
    },
    "objects whose centre lies outside do not forbid a patch": {
        "allows": lambda held, every, least: min(every, default=-1) >= least
    },
    "an object whose centre lies outside does not forbid a patch, though cut": {
        "allows": lambda held, every, least: (
            bool(held) and min(v for v in every if v > 0) >= least
        )
    },
    "an IoU equal to `min_iou` is enough": {
        "allows": lambda held, every, least: min(held, default=-1) > least
    },
    "every object must overlap enough, not their mean": {
        "allows": lambda held, every, least: (
            bool(held) and sum(held) / len(held) >= least
        )
    },
    "a patch that keeps no object is not allowed": {
        "allows": lambda held, every, least: min(held, default=1) >= least
    },
    "the first patch is not always allowed": {
        "allows": lambda held, every, least: True
    },
    "the IoU is asked for, not the share of the object that is seen": {
        "overlap": lambda box, patch: shared(box, patch) / shared(box, box)
    },
    "the IoU is asked for, not the share of the patch that is filled": {
        "overlap": lambda box, patch: shared(box, patch) / shared(patch, patch)
    },
    "the first patch that is allowed is taken, not the last": {
        "order": lambda number, objects: -number
    },
    "the first patch that is allowed is taken, not the fullest": {
        "order": lambda number, objects: (-objects, number)
    },
    "where no patch is allowed, the whole image is taken": {
        "otherwise": lambda image_size, patches: (
            patches[0] if patches else whole_image(image_size, patches)
        )
    },
    "image_size is (height, width): the whole image is (0, 0, width, height)": {
        "otherwise": lambda image_size, patches: whole_image(image_size[::-1], patches)
    },
    "boxes are clipped to the patch": {"clipped": lambda box, patch: box},
    "boxes are moved: the patch's corner becomes (0, 0)": {
        "origin": lambda patch: [0.0, 0.0]
    },
    "boxes grow with the patch, to `side`": {
        "factors": lambda width, height, side: (1.0, 1.0)
    },
    "y has a factor of its own: side / height of the patch": {
        "factors": lambda width, height, side: of_each_axis(width, width, side)
    },
    "x has a factor of its own: side / width of the patch": {
        "factors": lambda width, height, side: of_each_axis(height, height, side)
    },
    "both sides of the patch become `side`: each axis has its own factor": {
        "factors": lambda width, height, side: (side / min(width, height),) * 2
    },
    "each axis has its own factor, though pictures get distorted": {
        "factors": lambda width, height, side: (side / max(width, height),) * 2
    },
    "x is scaled by side / width, y by side / height": {
        "factors": lambda width, height, side: of_each_axis(height, width, side)
    },
    "these are shares of the patch; multiply by `side`": {
        "factors": lambda width, height, side: of_each_axis(width, height, 1)
    },
    "the patch becomes `side` wide: multiply by side / width": {
        "factors": lambda width, height, side: (width / side, height / side)
    },
}

check_cut_patch = compare_with(
    slow_cut_patch,
    "cut_patch",
    cases=CASES,
    draw=random_case,
    draws=8,
    mistakes=MISTAKES,
    forbids=(
        f"{TRANSFORMS}.RandomIoUCrop.make_params",
        f"{TRANSFORMS}.functional.crop_bounding_boxes",
        f"{TRANSFORMS}.functional.clamp_bounding_boxes",
        f"{TRANSFORMS}.functional.resize_bounding_boxes",
        f"{TRANSFORMS}.functional.resized_crop_bounding_boxes",
    ),
    tolerance=1e-4,  # corners of some hundred pixels carry an error of some 1e-5
)
