"""The inputs of assignment 06's checks about training, by their names."""

import math

import torch
from torch import Tensor

Pair = tuple[int, int]
Rows = list[list[float]]
Negatives = tuple[Tensor, Tensor, float, int]
Patch = tuple[Tensor, Tensor, Pair, Tensor, tuple[float, float]]


def negatives_case(
    losses: list[list[float]],
    labels: list[list[int]],
    ratio: float,
    least: int = 0,
    *,
    classes: int = 3,
) -> Negatives:
    """Logits that make these losses of background, and do not rise with them.

    Background is the last of `classes` and one more. The objects' logits differ from
    box to box, and the background's follows from them and the loss.
    """
    loss = torch.tensor(losses).double()
    code = torch.arange(loss.numel() * classes).reshape(*loss.shape, classes)
    others = (code * 7 % 13).double() / 4 - 1.5
    scale = (code[..., :1] // classes * 5 % 7).double() - 3  # no softmax sees it
    background = others.logsumexp(-1) - loss.expm1().log()
    logits = torch.cat([others, background[..., None]], dim=-1) + scale
    names = torch.tensor(labels).reshape(loss.shape).long()
    return logits.float(), names, ratio, least


def plain_negatives(
    logits: list[Rows], labels: list[list[int]], ratio: float, least: int = 0
) -> Negatives:
    """The logits and labels as tensors."""
    return torch.tensor(logits).float(), torch.tensor(labels).long(), ratio, least


O, I = 3, -1  # noqa: E741 background and ignored among three classes
BIG: list[Rows] = [
    [[300.0, 0, 10, 100], [0, 0, 0, 0], [0, 500, 0, 100], [0, 0, 120, 0]]
]
NEGATIVES: dict[str, Negatives] = {
    "the example": plain_negatives(
        [[[0, 1], [2, 2], [1, 0], [5, 0], [0, 3]]], [[0, 1, 1, -1, 1]], 2
    ),
    "three to one": negatives_case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 2.1, 0.5]], [[O, O, 1, O, O, O, O]], 3
    ),
    "two images": negatives_case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2], [2.3, 1.9, 3.1, 2.7, 2.2, 3.5]],
        [[O, 0, O, 2, O, O], [O, O, O, O, 1, O]],
        1,
    ),
    "an image without objects": negatives_case(
        [[0.3, 1.2, 0.1, 0.7], [0.6, 0.4, 2.1, 0.8]], [[O, O, O, O], [O, 2, O, O]], 2
    ),
    "at least two negatives": negatives_case(
        [[0.3, 1.2, 0.1, 0.7], [0.6, 0.4, 2.1, 0.8], [1.6, 0.4, 0.3, 0.9]],
        [[O, O, O, O], [O, 2, O, O], [0, O, O, 1]],
        1,
        2,
    ),
    "little background": negatives_case(
        [[0.3, 1.2, 0.1], [1.4, 0.2, 0.5]], [[0, O, 2], [O, O, 1]], 3
    ),
    "fewer than the least number": negatives_case([[0.3, 1.2, 0.1]], [[O, 1, I]], 1, 5),
    "ignored boxes cost most": negatives_case(
        [[3.1, 0.4, 2.8, 0.6, 0.2, 2.5]], [[I, O, I, O, O, 1]], 2
    ),
    "objects cost most": negatives_case(
        [[3.1, 0.4, 2.8, 0.6, 0.2, 0.5]], [[0, O, 2, O, O, O]], 1
    ),
    "everything is ignored": negatives_case([[0.3, 1.2, 0.1]], [[I, I, I]], 3, 1),
    "no boxes": (torch.zeros(2, 0, 4), torch.zeros(2, 0).long(), 3.0, 1),
    "a ratio that leaves a half": negatives_case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2, 1.1]], [[O, O, 0, O, 1, O, 2]], 0.5
    ),
    "a ratio below one": negatives_case([[0.3, 1.2, 0.1, 0.7]], [[O, O, 0, O]], 0.75),
    "another ratio": negatives_case(
        [[0.3, 1.2, 0.1, 0.7, 0.9, 0.2, 1.1]], [[O, O, 0, O, 1, O, O]], 1.5
    ),
    "a ratio of 0": negatives_case([[0.3, 1.2, 0.1, 0.7]], [[O, O, 0, O]], 0),
    "equal losses: the lower index comes first": plain_negatives(
        [[[0, 0, 0], [0, 0, 0], [0, 4, 0], [0, 0, 0], [0, 0, 0], [0, 0, 4]]],
        [[2, 0, 2, 2, 2, 2]],
        2,
    ),
    "all losses are equal": plain_negatives([[[1, 1, 1]] * 6], [[2, 2, 0, 2, 2, 2]], 3),
    "sixty boxes that cost the same": plain_negatives(
        [[[0, 0]] * 60], [[1, 1, 0, 1, 1] * 12], 0.5, 1
    ),
    "logits too large for a plain softmax": plain_negatives(BIG, [[3, 1, 3, 3]], 1, 1),
    "one logit of an object is high, or two are middling": plain_negatives(
        [[[3.0, -9, 0], [2.5, 2.5, 0], [0, 0, 0], [1, 1, 1]]], [[2, 2, 0, 2]], 1
    ),
    "as unsure as can be, and surely wrong": plain_negatives(
        [[[1, 1, 1], [9, 0, 0], [0, 0, 0], [0, 0, 5]]], [[2, 2, 1, 2]], 1
    ),
    "one class of objects": negatives_case(
        [[0.3, 1.2, 0.1, 0.7], [0.9, 0.2, 1.1, 0.4]],
        [[1, 1, 0, 1], [1, 0, 1, -1]],
        1,
        classes=1,
    ),
}


def random_negatives(i: int, generator: torch.Generator) -> Negatives:
    """Images of boxes whose losses differ by at least 0.03."""
    batch, boxes, classes = 2 + i % 2, 9 + 4 * i, 2 + i % 3
    order = torch.rand(batch, boxes, generator=generator).argsort(dim=1)
    labels = torch.randint(-1, 3 * classes, (batch, boxes), generator=generator)
    return negatives_case(
        (0.03 * (order + 1)).tolist(),
        labels.clamp(max=classes).tolist(),
        (3, 1.5, 0.75, 1)[i % 4],
        (0, 2, 1)[i % 3],
        classes=classes,
    )


def patch_case(
    boxes: Rows,
    patches: Rows,
    min_iou: float,
    side: float = 100,
    *,
    image_size: Pair = (100, 160),
) -> Patch:
    """Boxes and patches from their rows, also of no rows; labels tell boxes apart."""
    both = [torch.tensor(rows).float().reshape(-1, 4) for rows in (boxes, patches)]
    labels = torch.arange(len(boxes)) * 3 % 7 + 1
    return both[0], labels, image_size, both[1], (min_iou, side)


PAIR: Rows = [[10, 20, 50, 60], [90, 30, 130, 80]]
PATCHES: dict[str, Patch] = {
    "the example": patch_case(
        [[20, 20, 60, 64], [50, 10, 100, 40], [120, 50, 140, 90]],
        [[40, 0, 160, 60], [10, 10, 70, 60], [0, 0, 80, 80]],
        0.3,
        120,
    ),
    "no objects": patch_case([], [[10, 10, 50, 50]], 0.1),
    "no patches": patch_case(PAIR, [], 0.1),
    "no patch is allowed": patch_case(PAIR, [[0, 0, 8, 8], [60, 0, 80, 90]], 0.1),
    "no patch is allowed, and the image is high": patch_case(
        PAIR, [[0, 0, 8, 8], [60, 0, 80, 90]], 0.1, image_size=(160, 140)
    ),
    "the first of two that are allowed": patch_case(
        PAIR, [[0, 0, 40, 50], [5, 15, 55, 65], [80, 20, 140, 90]], 0.25
    ),
    "a later patch is allowed": patch_case(
        PAIR, [[60, 0, 80, 90], [0, 0, 150, 99], [8, 10, 52, 62]], 0.5
    ),
    "an IoU of exactly the least one": patch_case(
        [[8, 8, 16, 16]], [[4, 4, 20, 20]], 0.25
    ),
    "an IoU a little below the least one": patch_case(
        [[8, 8, 16, 16]], [[4, 4, 21, 20], [5, 5, 20, 18]], 0.25
    ),
    "a least IoU of 0": patch_case(
        [[10, 10, 20, 20]], [[40, 40, 60, 60], [0, 0, 90, 90]], 0
    ),
    "one of two overlaps too little": patch_case(
        [[10, 20, 50, 60], [60, 30, 66, 36]], [[5, 15, 70, 65], [8, 18, 52, 62]], 0.3
    ),
    "one that is not kept overlaps too little": patch_case(
        [[10, 20, 50, 60], [48, 30, 80, 90]], [[5, 15, 55, 65]], 0.3
    ),
    "only one that is not kept overlaps enough": patch_case(
        [[30, 20, 110, 80]], [[20, 10, 68, 90], [72, 10, 120, 90]], 0.3
    ),
    "a centre on the left or upper border": patch_case(
        [[40, 30, 60, 50], [56, 10, 84, 34]], [[50, 22, 100, 72]], 0.01
    ),
    "a centre on the right or lower border": patch_case(
        [[40, 30, 60, 50], [20, 56, 44, 84], [10, 35, 40, 65]], [[0, 20, 50, 70]], 0.01
    ),
    "a corner inside, the centre outside": patch_case(
        [[20, 20, 50, 50], [45, 45, 99, 99], [10, 42, 30, 80]], [[10, 10, 55, 55]], 0.1
    ),
    "a centre inside, no corner inside": patch_case(
        [[10, 30, 110, 50]], [[40, 10, 90, 90]], 0.1
    ),
    "inside in x alone, or in y alone": patch_case(
        [[30, 70, 50, 90], [90, 20, 130, 40], [25, 25, 55, 55]], [[20, 20, 60, 60]], 0.1
    ),
    "boxes are cut at each border": patch_case(
        [[20, 40, 50, 60], [60, 15, 80, 45], [90, 40, 118, 66], [50, 60, 75, 88]],
        [[30, 25, 110, 80]],
        0.02,
    ),
    "a wide patch": patch_case(PAIR, [[0, 10, 150, 90]], 0.1, 60),
    "a high patch": patch_case([[10, 5, 50, 90]], [[5, 0, 55, 95]], 0.5, 300),
    "a small object in a large patch": patch_case(
        [[30, 30, 40, 40]], [[10, 10, 90, 90], [26, 26, 46, 46]], 0.2
    ),
    "a large object around a small patch": patch_case(
        [[0, 0, 150, 95]], [[60, 40, 90, 60], [20, 10, 140, 90]], 0.3
    ),
    "the order of the objects stays": patch_case(
        [[60, 40, 90, 70], [10, 20, 50, 60], [30, 40, 60, 66]], [[0, 10, 100, 80]], 0.1
    ),
    "two overlap much, one little: the mean is enough": patch_case(
        [[10, 10, 60, 60], [12, 12, 58, 58], [20, 20, 26, 26]],
        [[10, 10, 60, 60], [5, 5, 70, 70]],
        0.5,
    ),
    "more objects, less overlap": patch_case(
        [[10, 20, 50, 60], [40, 20, 80, 60]], [[8, 18, 52, 62], [6, 16, 84, 64]], 0.3
    ),
}


def random_patch(i: int, generator: torch.Generator) -> Patch:
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
    return boxes, labels, (height, width), patches, (min_iou, 100.0 + 50 * (i % 2))
