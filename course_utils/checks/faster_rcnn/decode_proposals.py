"""decode_proposals: from deltas to clipped boxes of the photograph.

The oracle works on Python numbers anchor by anchor, so that it shares no step with a
good answer.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]
Point = tuple[float, float]  # x or width first
Corners = tuple[Point, Point]
Proposals = tuple[Tensor, Tensor]
Rows = list[list[float]]

MOST = math.log(1000 / 16)  # what dw and dh are clamped at


def case(
    deltas: Rows, anchors: Rows, image_size: Pair, scale: float, min_side: float
) -> Inputs:
    """Deltas and anchors from their rows, also of no rows."""
    both = [torch.tensor(rows).float().reshape(-1, 4) for rows in (deltas, anchors)]
    return inputs(*both, image_size, scale=scale, min_side=min_side)


STILL = [0.0, 0, 0, 0]
CASES = {
    "the example": case(
        [STILL, [0.5, 0, 0, math.log(2)]],
        [[95, 30, 20, 40], [40, 30, 20, 10]],
        (60, 100),
        2,
        8,
    ),
    "no anchors": case([], [], (60, 100), 2, 8),
    "deltas of 0": case(
        [STILL] * 3,
        [[40, 30, 20, 10], [20, 50, 30, 36], [111, 20, 14, 30]],
        (70, 120),
        1,
        4,
    ),
    "the centre moves by shares of the anchor": case(
        [[0.5, 0, 0, 0], [0, 0.5, 0, 0], [-0.25, 1, 0, 0]],
        [[50, 40, 24, 8], [60, 40, 12, 40], [30, 20, 16, 20]],
        (90, 140),
        1,
        2,
    ),
    "sides grow and shrink": case(
        [[0, 0, 0.5, -0.5], [0, 0, -1, 0.25], [0, 0, 1.5, 1]],
        [[70, 40, 20, 30], [60, 50, 32, 20], [75, 45, 10, 16]],
        (90, 140),
        1,
        2,
    ),
    "a delta beyond the clamp": case(
        [[0, 0, 6, 0], [0, 0, 0, 9], [0, 0, 4, 4]],
        [[400, 300, 8, 20], [410, 290, 30, 4], [390, 310, 8, 6]],
        (600, 800),
        1,
        2,
    ),
    "a delta that overflows": case(
        [[0, 0, 200, 0], [0, 0, 300, 300]],
        [[400, 300, 8, 20], [500, 300, 4, 4]],
        (600, 800),
        2,
        2,
    ),
    "a very negative delta": case(
        [[0, 0, -6, 0], [0, 0, 0, -6], [0, 0, -6, -6], STILL],
        [[50, 40, 4000, 30], [50, 40, 30, 4000], [50, 40, 900, 900], [50, 40, 30, 20]],
        (90, 120),
        1,
        4,
    ),
    "the centre moves far": case(
        [[5, 0, 0, 0], [0, 6, 0, 0], [-5, 0, 0, 0], [0, -7, 0, 0]],
        [[30, 20, 10, 8], [40, 10, 6, 8], [80, 25, 10, 12], [80, 80, 12, 10]],
        (90, 120),
        1,
        4,
    ),
    "clipped at each border": case(
        [STILL] * 4,
        [[5, 40, 30, 20], [60, 4, 20, 24], [148, 50, 30, 20], [90, 66, 20, 28]],
        (70, 150),
        1,
        5,
    ),
    "outside the image": case(
        [[9, 0, 0, 0], STILL, [0, -9, 0, 0]],
        [[60, 40, 20, 20], [60, 40, 20, 20], [60, 40, 20, 20]],
        (80, 110),
        1,
        1,
    ),
    "too small only after clipping": case(
        [STILL] * 3,
        [[-4, 30, 20, 20], [60, 48, 20, 20], [60, 20, 20, 20]],
        (52, 110),
        1,
        8,
    ),
    "too small in the original image": case(
        [STILL] * 3,
        [[60, 40, 30, 50], [60, 40, 34, 36], [60, 40, 50, 30]],
        (80, 130),
        2,
        16,
    ),
    "an image that was made smaller": case(
        [STILL] * 3,
        [[30, 40, 10, 30], [60, 40, 30, 6], [60, 40, 8, 8]],
        (80, 130),
        0.5,
        16,
    ),
    "sides of exactly the least length": case(
        [STILL] * 3,
        [[40, 30, 16, 20], [60, 30, 20, 16], [60, 30, 15.5, 40]],
        (70, 120),
        2,
        8,
    ),
    "nothing stays": case(
        [STILL] * 2, [[40, 30, 10, 10], [60, 30, 20, 6]], (70, 120), 1, 12
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Boxes that cross borders, without any whose side is close to the least one."""
    scale, image_size, min_side = (1.5, 2.0, 0.75)[i % 3], (120, 200 + 10 * i), 9.0
    centre = torch.rand(20, 2, generator=generator) * torch.tensor([200.0, 120.0])
    size = 8 + 70 * torch.rand(20, 2, generator=generator)
    deltas = torch.randn(20, 4, generator=generator) * 0.6
    anchors = torch.cat([centre, size], dim=1)
    middle = centre + deltas[:, :2] * size
    half = size * deltas[:, 2:].exp() / 2
    limits = torch.tensor([image_size[1], image_size[0]])
    low = (middle - half).clamp(min=0).minimum(limits)
    high = (middle + half).clamp(min=0).minimum(limits)
    clear = ((high - low - min_side * scale).abs() > 0.01).all(dim=1)
    return inputs(
        deltas[clear], anchors[clear], image_size, scale=scale, min_side=min_side
    )


# The steps of the oracle.


def shares(delta: Point, size: Point) -> Point:
    """By how many pixels a centre moves."""
    return delta[0] * size[0], delta[1] * size[1]


def exponential(side: float, delta: float) -> float:
    """The side of a box, at most 62.5 times that of its anchor."""
    return side * math.exp(min(delta, MOST))


def half_each_way(centre: Point, size: Point, anchor: Point) -> Corners:
    """The corners of a box; `anchor` is the size of its anchor."""
    (x, y), (w, h) = centre, size
    return (x - w / 2, y - h / 2), (x + w / 2, y + h / 2)


def from_moved_corner(centre: Point, size: Point, anchor: Point) -> Corners:
    """The anchor's corner moves, and the new size is added to it."""
    x, y = half_each_way(centre, anchor, anchor)[0]
    return (x, y), (x + size[0], y + size[1])


def clip(value: float, end: float) -> float:
    """A coordinate inside the image."""
    return min(max(value, 0.0), end)


def after_clipping(decoded: Corners, clipped: Corners) -> Corners:
    """The box that is measured."""
    return clipped


def both_long(width: float, height: float, least: float) -> bool:
    """Whether a box stays."""
    return min(width, height) >= least


def slow_decode_proposals(
    deltas: Tensor,
    anchors: Tensor,
    image_size: Point,
    *,
    scale: float,
    min_side: float,
    move: Callable[[Point, Point], Point] = shares,
    grow: Callable[[float, float], float] = exponential,
    corners: Callable[[Point, Point, Point], Corners] = half_each_way,
    inside: Callable[[float, float], float] = clip,
    measured: Callable[[Corners, Corners], Corners] = after_clipping,
    stays: Callable[[float, float, float], bool] = both_long,
) -> Proposals:
    """(K, 4) boxes in the photograph and their (K,) rows, row by row."""
    height, width = image_size
    boxes: Rows = []
    rows: list[int] = []
    both = zip(deltas.tolist(), anchors.tolist(), strict=True)
    for row, ((dx, dy, dw, dh), (x, y, w, h)) in enumerate(both):
        across, down = move((dx, dy), (w, h))
        size = (grow(w, dw), grow(h, dh))
        decoded = corners((x + across, y + down), size, (w, h))
        low, high = ((inside(x, width), inside(y, height)) for x, y in decoded)
        (x1, y1), (x2, y2) = measured(decoded, (low, high))
        if stays((x2 - x1) / scale, (y2 - y1) / scale, min_side):
            boxes.append([value / scale for value in (*low, *high)])
            rows.append(row)
    found = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return found, torch.tensor(rows, dtype=torch.int64)


def read_as_corners(
    right: Proposals,
    deltas: Tensor,
    anchors: Tensor,
    *image_size: Pair,
    **settings: Any,
) -> Proposals:
    """As if the anchors were two corners."""
    low, high = anchors[:, :2], anchors[:, 2:]
    anchors = torch.cat([(low + high) / 2, high - low], dim=1)
    return slow_decode_proposals(deltas, anchors, *image_size, **settings)


def corner_and_size(right: Proposals, *given: Any, **settings: Any) -> Proposals:
    """The size instead of the second corner."""
    low, high = right[0][:, :2], right[0][:, 2:]
    return torch.cat([low, high - low], dim=1), right[1]


MISTAKES: Mistakes = {
    "`anchors` holds centres and sizes, not two corners": read_as_corners,
    "dx moves by widths of the anchor, dy by heights": {
        "move": lambda delta, size: shares(delta, size[::-1])
    },
    "a centre moves by shares of the anchor's size, not by pixels": {
        "move": lambda delta, size: delta
    },
    "the centre moves; the corners follow from the new size": {
        "corners": from_moved_corner
    },
    "a side is multiplied by the exponential of its delta": {
        "grow": lambda side, delta: side + min(delta, MOST)
    },
    "the exponential of the delta is missing": {
        "grow": lambda side, delta: side * min(delta, MOST)
    },
    "multiply by exp(delta), not by 1 + delta": {
        "grow": lambda side, delta: side * (1 + min(delta, MOST))
    },
    "clamp dw and dh at log(1000 / 16), or a side overflows": {
        "grow": lambda side, delta: side * math.exp(delta)
    },
    "the clamp is a natural logarithm": {
        "grow": lambda side, delta: side * math.exp(min(delta, math.log10(1000 / 16)))
    },
    "dw and dh are clamped from above alone: a box may get very small": {
        "grow": lambda side, delta: exponential(side, max(delta, -MOST))
    },
    "boxes are clipped to the image": {"inside": lambda value, end: value},
    "clip to the image at the right and below, too": {
        "inside": lambda value, end: max(value, 0.0)
    },
    "clip to the image at the left and above, too": {"inside": min},
    "clip x to the width, y to the height": (
        lambda right, deltas, anchors, size, **settings: slow_decode_proposals(
            deltas, anchors, size[::-1], **settings
        )
    ),
    "boxes are half-open: they end at the width, not at the width - 1": {
        "inside": lambda value, end: clip(value, end - 1)
    },
    "image_size is that of the image the network saw: clip before you divide": (
        lambda right, deltas, anchors, size, *, scale, **settings: (
            slow_decode_proposals(
                deltas,
                anchors,
                (size[0] / scale, size[1] / scale),
                scale=scale,
                **settings,
            )
        )
    ),
    "boxes are clipped first, and measured then": {
        "measured": lambda decoded, clipped: decoded
    },
    "`min_side` counts pixels of the original image": (
        lambda right, *given, scale, min_side: slow_decode_proposals(
            *given, scale=scale, min_side=min_side / scale
        )
    ),
    "a side of exactly `min_side` is long enough": {
        "stays": lambda width, height, least: min(width, height) > least
    },
    "both sides have to be long enough": {
        "stays": lambda width, height, least: max(width, height) >= least
    },
    "the height has to be long enough, too": {
        "stays": lambda width, height, least: width >= least
    },
    "the width has to be long enough, too": {
        "stays": lambda width, height, least: height >= least
    },
    "the sides have to be long enough, not the area": {
        "stays": lambda width, height, least: width * height >= least**2
    },
    "boxes with a short side go": {"stays": lambda width, height, least: True},
    "divide by `scale` to get pixels of the original image": (
        lambda right, *given, scale, **settings: (right[0] * scale, right[1])
    ),
    "divide by `scale`, do not multiply": (
        lambda right, *given, scale, **settings: (right[0] * scale**2, right[1])
    ),
    "the index is that of the anchor, counting those that go": (
        lambda right, *given, **settings: (right[0], torch.arange(len(right[0])))
    ),
    "these are corners and sizes, two corners were asked for": corner_and_size,
    "the boxes come first, their rows second": (
        lambda right, *given, **settings: right[::-1]
    ),
}

check_decode_proposals = compare_with(
    slow_decode_proposals,
    "decode_proposals",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=("torchvision.models.detection._utils.BoxCoder.decode_single",),
    tolerance=1e-4,  # corners of some hundred pixels err by some 1e-5 in float32
)
