"""boxes_of_map: the default boxes of one feature map, with SSD's second square.

The oracle makes them one at a time in Python numbers, so that it shares no step with a
good answer.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

Pair = tuple[int, int]  # rows or height first
Point = tuple[float, float]  # x or width first
Corners = tuple[Point, Point]


def case(
    map_size: Pair,
    image_size: Pair,
    scale: float,
    next_scale: float,
    ratios: Sequence[float],
) -> Inputs:
    """The inputs of one case."""
    return inputs(
        map_size, image_size, scale=scale, next_scale=next_scale, ratios=ratios
    )


CASES = {
    "the example": case((1, 2), (100, 200), 0.64, 0.81, [1, 4]),
    "one square box a position, and one more": case((3, 5), (90, 140), 0.1, 0.2, [1]),
    "wide boxes": case((2, 3), (80, 120), 0.15, 0.3, [4]),
    "high boxes": case((3, 2), (120, 80), 0.15, 0.3, [0.25]),
    "no ratio 1, so no second square": case((2, 4), (60, 110), 0.12, 0.5, [2, 0.5]),
    "ratio 1 comes last": case((2, 4), (60, 110), 0.12, 0.5, [2, 0.5, 1]),
    "ratio 1 in the middle": case((3, 4), (60, 110), 0.1, 0.3, [3, 1, 0.5]),
    "an image higher than wide": case((5, 3), (150, 70), 0.2, 0.34, [1, 2]),
    "a square image": case((3, 4), (100, 100), 0.2, 0.37, [1, 2, 0.5]),
    "boxes that leave the image": case((2, 3), (90, 120), 0.6, 0.75, [1, 3, 0.5]),
    "boxes larger than the image": case((2, 3), (70, 90), 1.1, 1.3, [1, 2]),
    "a map of one position": case((1, 1), (80, 130), 0.88, 1.05, [1, 2, 0.5]),
    "a map of one row": case((1, 6), (40, 160), 0.5, 0.7, [1, 0.5]),
    "the next scale is smaller": case((2, 3), (80, 100), 0.3, 0.2, [1, 2]),
    "SSD300's third map, on a wide image": case(
        (6, 10), (180, 300), 0.37, 0.54, [1, 2, 0.5, 3, 1 / 3]
    ),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """A map, its image, two scales and a few ratios."""
    drawn = torch.randint(0, 1000, (7,), generator=generator).tolist()
    size = (60 + drawn[0] % 60, 130 + drawn[1] % 60)
    scale = 0.1 + drawn[2] % 50 / 100
    all_ratios = [1.0, 2.0, 0.5, 3.0, 0.25]
    shift = drawn[3] % 5
    ratios = (all_ratios[shift:] + all_ratios[:shift])[: 2 + i % 3]
    map_size = (2 + drawn[4] % 3, 5 + drawn[5] % 4)
    if i % 2:
        size, map_size = size[::-1], map_size[::-1]
    return case(map_size, size, scale, scale + 0.1 + drawn[6] % 20 / 100, ratios)


# The steps of the oracle.


def cell_middle(place: Pair, map_size: Pair) -> Point:
    """The centre of a cell in shares of the image."""
    return (place[1] + 0.5) / map_size[1], (place[0] + 0.5) / map_size[0]


def width_over_height(scale: float, ratio: float) -> Point:
    """The sides of a box of this scale and ratio."""
    return scale * math.sqrt(ratio), scale / math.sqrt(ratio)


def geometric_mean(scale: float, next_scale: float) -> float:
    """The side of the second square."""
    return math.sqrt(scale * next_scale)


def square_after_ratio_1(
    boxes: list[Point], ratios: Sequence[float], square: Point
) -> list[Point]:
    """The boxes of the ratios with the second square among them."""
    pairs = zip(boxes, ratios, strict=True)
    return [b for box, ratio in pairs for b in ([box, square] if ratio == 1 else [box])]


def square_before_all(
    boxes: list[Point], ratios: Sequence[float], square: Point
) -> list[Point]:
    """The second square first, where there is one."""
    return [square, *boxes] if 1 in ratios else boxes


def square_after_all(
    boxes: list[Point], ratios: Sequence[float], square: Point
) -> list[Point]:
    """The second square last, where there is one."""
    return [*boxes, square] if 1 in ratios else boxes


def shorter_side(image_size: Pair) -> Pair:
    """The unit of a box's width, and of its height, in pixels."""
    return min(image_size), min(image_size)


def by_position(place: Pair, box: int) -> tuple[int, ...]:
    """By what boxes are sorted: row, column, number of the box."""
    return (*place, box)


def clip(middle: Point, sides: Point) -> Corners:
    """The corners of a box, clipped to the image."""
    (x1, y1), (x2, y2) = no_clip(middle, sides)
    return (max(x1, 0.0), max(y1, 0.0)), (min(x2, 1.0), min(y2, 1.0))


def no_clip(middle: Point, sides: Point) -> Corners:
    """The corners of a box."""
    (x, y), (w, h) = middle, sides
    return (x - w / 2, y - h / 2), (x + w / 2, y + h / 2)


def clip_sides(middle: Point, sides: Point) -> Corners:
    """The corners of a box whose sides are no longer than the image's."""
    return no_clip(middle, (min(sides[0], 1.0), min(sides[1], 1.0)))


def clip_about_centre(middle: Point, sides: Point) -> Corners:
    """The corners of a box with the sides of the clipped one and the old centre."""
    (x1, y1), (x2, y2) = clip(middle, sides)
    return no_clip(middle, (x2 - x1, y2 - y1))


def clip_low(middle: Point, sides: Point) -> Corners:
    """Clipped at the left and above."""
    return clip(middle, sides)[0], no_clip(middle, sides)[1]


def clip_high(middle: Point, sides: Point) -> Corners:
    """Clipped at the right and below."""
    return no_clip(middle, sides)[0], clip(middle, sides)[1]


def centre_and_size(corners: Corners, image_size: Pair) -> Sequence[float]:
    """A box as it is returned."""
    (x1, y1), (x2, y2) = corners
    return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


def slow_boxes_of_map(
    map_size: Pair,
    image_size: Pair,
    *,
    scale: float,
    next_scale: float,
    ratios: Sequence[float],
    centre: Callable[[Pair, Pair], Point] = cell_middle,
    shape: Callable[[float, float], Point] = width_over_height,
    second: Callable[[float, float], float] = geometric_mean,
    insert: Callable[..., list[Point]] = square_after_ratio_1,
    unit: Callable[[Pair], Pair] = shorter_side,
    order: Callable[[Pair, int], tuple[int, ...]] = by_position,
    clipped: Callable[[Point, Point], Corners] = clip,
    form: Callable[[Corners, Pair], Sequence[float]] = centre_and_size,
) -> Tensor:
    """(K, 4) centres and sizes, clipped, in shares of the image, box by box."""
    (height, width), units = image_size, unit(image_size)
    square = (second(scale, next_scale),) * 2
    boxes = insert([shape(scale, ratio) for ratio in ratios], ratios, square)
    rows, columns = map_size
    places = [(i, j) for i in range(rows) for j in range(columns)]
    pairs = [(place, box) for place in places for box in range(len(boxes))]
    found = []
    for place, box in sorted(pairs, key=lambda pair: order(*pair)):
        sides = (boxes[box][0] * units[0] / width, boxes[box][1] * units[1] / height)
        corners = clipped(centre(place, map_size), sides)
        found.append(list(form(corners, image_size)))
    return torch.tensor(found, dtype=torch.float32).reshape(-1, 4)


MISTAKES: Mistakes = {
    "a box stands about the middle of its cell, not about its corner": {
        "centre": lambda at, size: (at[1] / size[1], at[0] / size[0])
    },
    "the cells fill the image: the first centre is half a cell from its border": {
        "centre": lambda at, size: (
            at[1] / max(size[1] - 1, 1),
            at[0] / max(size[0] - 1, 1),
        )
    },
    "x and y are swapped: columns move a box along x, rows along y": {
        "centre": lambda at, size: cell_middle(at, size)[::-1]
    },
    "map_size is (rows, columns): x is divided by the columns": {
        "centre": lambda at, size: cell_middle(at, size[::-1])
    },
    "the ratio is width over height here": {
        "shape": lambda s, ratio: width_over_height(s, 1 / ratio)
    },
    "take the square root of the ratio, so that the area stays": {
        "shape": lambda s, ratio: (s * ratio, s / ratio)
    },
    "width and height both change with the ratio, and the area stays": {
        "shape": lambda s, ratio: (s * ratio, s)
    },
    "the width changes with the ratio, too, and the area stays": {
        "shape": lambda s, ratio: (s, s / ratio)
    },
    "half a side lies on either side of the centre": {
        "shape": lambda s, ratio: width_over_height(2 * s, ratio)
    },
    "a scale counts sides of the shorter side of the image, for both sides of a box": {
        "unit": lambda size: size[::-1]
    },
    "a scale counts the shorter side of the image, not the longer one": {
        "unit": lambda size: (max(size), max(size))
    },
    "the shorter side of the image is not always its height": {
        "unit": lambda size: (size[0], size[0])
    },
    "the shorter side of the image is not always its width": {
        "unit": lambda size: (size[1], size[1])
    },
    "the second square is missing": {"insert": lambda boxes, ratios, square: boxes},
    "the second square follows right after ratio 1": {"insert": square_after_all},
    "ratio 1 comes before the second square": {"insert": square_before_all},
    "without ratio 1 there is no second square": {
        "insert": lambda boxes, ratios, square: [*boxes, square]
    },
    "the second square's side is the root of a product, not a mean": {
        "second": lambda s, t: (s + t) / 2
    },
    "the second square lies between this scale and the next": {
        "second": lambda s, t: t
    },
    "take the square root of scale times next_scale": {"second": lambda s, t: s * t},
    "go row by row: rows outside, columns inside": {
        "order": lambda at, box: (at[1], at[0], box)
    },
    "all boxes of one position come before the next position": {
        "order": lambda at, box: (box, *at)
    },
    "boxes are clipped to the image": {"clipped": no_clip},
    "clip the corners: a small box may leave the image, too": {"clipped": clip_sides},
    "what is clipped has another centre": {"clipped": clip_about_centre},
    "clip at the right and below, too": {"clipped": clip_low},
    "clip at the left and above, too": {"clipped": clip_high},
    "these are two corners; centre and size were asked for": {
        "form": lambda corners, size: [*corners[0], *corners[1]]
    },
    "this is a corner and a size; the centre was asked for": {
        "form": lambda corners, size: [
            *corners[0],
            *centre_and_size(corners, size)[2:],
        ]
    },
    "a box is (cx, cy, w, h): x comes first": lambda right, *sizes, **settings: right[
        :, [1, 0, 3, 2]
    ],
    "these are pixels; divide by the sides of the image": (
        lambda right, map_size, size, **settings: (
            right * torch.tensor([size[1], size[0]] * 2)
        )
    ),
}

check_boxes_of_map = compare_with(
    slow_boxes_of_map,
    "boxes_of_map",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    forbids=(
        "torchvision.models.detection.anchor_utils.DefaultBoxGenerator"
        "._grid_default_boxes",
    ),
)
