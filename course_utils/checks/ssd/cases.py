"""The inputs of assignment 06's checks about default boxes, by their names."""

import torch
from torch import Tensor

Pair = tuple[int, int]
Map = tuple[Pair, Pair, float, float, list[float]]
Sizes = tuple[int, int, int, int, int]
Match = tuple[Tensor, float]

# Map size, image size, scale, next scale, ratios.
MAPS: dict[str, Map] = {
    "the example": ((1, 2), (100, 200), 0.64, 0.81, [1, 4]),
    "one square box a position, and one more": ((3, 5), (90, 140), 0.1, 0.2, [1]),
    "wide boxes": ((2, 3), (80, 120), 0.15, 0.3, [4]),
    "high boxes": ((3, 2), (120, 80), 0.15, 0.3, [0.25]),
    "no ratio 1, so no second square": ((2, 4), (60, 110), 0.12, 0.5, [2, 0.5]),
    "ratio 1 comes last": ((2, 4), (60, 110), 0.12, 0.5, [2, 0.5, 1]),
    "ratio 1 in the middle": ((3, 4), (60, 110), 0.1, 0.3, [3, 1, 0.5]),
    "an image higher than wide": ((5, 3), (150, 70), 0.2, 0.34, [1, 2]),
    "a square image": ((3, 4), (100, 100), 0.2, 0.37, [1, 2, 0.5]),
    "boxes that leave the image": ((2, 3), (90, 120), 0.6, 0.75, [1, 3, 0.5]),
    "boxes larger than the image": ((2, 3), (70, 90), 1.1, 1.3, [1, 2]),
    "a map of one position": ((1, 1), (80, 130), 0.88, 1.05, [1, 2, 0.5]),
    "a map of one row": ((1, 6), (40, 160), 0.5, 0.7, [1, 0.5]),
    "the next scale is smaller": ((2, 3), (80, 100), 0.3, 0.2, [1, 2]),
    "SSD300's third map, on a wide image": (
        (6, 10),
        (180, 300),
        0.37,
        0.54,
        [1, 2, 0.5, 3, 1 / 3],
    ),
}


def random_map(i: int, generator: torch.Generator) -> Map:
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
    return map_size, size, scale, scale + 0.1 + drawn[6] % 20 / 100, ratios


# Number of maps, side, smallest, largest, first; sizes in percent.
SIZES: dict[str, Sizes] = {
    "the example": (5, 200, 20, 90, 10),
    "SSD300": (6, 300, 20, 90, 10),
    "SSD512": (7, 512, 15, 90, 7),
    "three maps": (3, 320, 20, 90, 10),
    "four maps": (4, 128, 25, 80, 12),
    "many maps": (10, 640, 10, 95, 4),
    "a step of less than one percent": (8, 300, 40, 45, 30),
    "all maps alike": (5, 256, 50, 50, 50),
    "a first map larger than the second": (6, 300, 20, 90, 30),
}


def random_sizes(i: int, generator: torch.Generator) -> Sizes:
    """Maps and percents, of which few divide evenly."""
    drawn = torch.randint(0, 1000, (4,), generator=generator).tolist()
    smallest = 10 + drawn[0] % 20
    return (
        4 + i % 5,
        100 + drawn[1] % 500,
        smallest,
        smallest + 40 + drawn[2] % 40,
        1 + drawn[3] % 9,
    )


def match_case(
    rows: list[list[float]], threshold: float = 0.5, *, boxes: int = 0
) -> Match:
    """IoUs from their rows, one an object; `boxes` says how many if there is none."""
    columns = len(rows[0]) if rows else boxes
    return torch.tensor(rows).float().reshape(len(rows), columns), threshold


MATCHES: dict[str, Match] = {
    "the example": match_case([[0.6, 0.4, 0.1, 0], [0.7, 0.5, 0.2, 0.55]]),
    "no objects": match_case([], boxes=4),
    "no boxes": match_case([[], []]),
    "neither objects nor boxes": match_case([]),
    "one object": match_case([[0.1, 0.6, 0.3, 0.55, 0]]),
    "a small object: its best box overlaps by 0.1": match_case(
        [[0.05, 0.1, 0.02, 0], [0.8, 0, 0.6, 0]]
    ),
    "an object that every box misses": match_case([[0, 0.9, 0, 0.2], [0, 0, 0, 0]]),
    "no box touches the only object": match_case([[0, 0, 0]]),
    "exactly at the threshold": match_case([[0.75, 0.5, 0.25, 0.625]]),
    "another threshold": match_case([[0.75, 0.5, 0.25, 0.625, 0.125]], 0.25),
    "a threshold of 0": match_case([[0.5, 0.125, 0, 0.25], [0, 0, 0, 0.75]], 0.0),
    "two objects have the same best box, the first overlaps it more": match_case(
        [[0.2, 0.9, 0.1, 0.3], [0.1, 0.8, 0.4, 0]]
    ),
    "two objects have the same best box, the second overlaps it more": match_case(
        [[0.2, 0.8, 0.1, 0.3], [0.1, 0.9, 0.4, 0]]
    ),
    "three objects want one box": match_case(
        [[0.7, 0.3, 0.2, 0], [0.8, 0.6, 0.1, 0], [0.9, 0.4, 0.1, 0.05]]
    ),
    "a box that is taken from one object goes to another first": match_case(
        [[0.6, 0.55, 0], [0.9, 0.8, 0.1], [0.3, 0.85, 0.7]]
    ),
    "a claimed box overlaps another object more": match_case(
        [[0.1, 0.4, 0.3], [0.9, 0.7, 0.6]]
    ),
    "an object whose best box is gone comes later": match_case(
        [[0.9, 0, 0], [0.85, 0.3, 0.1], [0, 0.8, 0.2]]
    ),
    "more objects than boxes": match_case([[0.3, 0.6], [0.8, 0.2], [0.7, 0.9]]),
    "only zeros are left for the second object": match_case(
        [[0.9, 0, 0], [0.8, 0, 0]],
    ),
    "two objects overlap a box alike": match_case(
        [[0.9, 0.75, 0, 0], [0, 0.75, 0.875, 0]]
    ),
    "two objects overlap their best box alike": match_case(
        [[0.1, 0.75, 0.5], [0.2, 0.75, 0.25]]
    ),
    "an object overlaps two boxes alike": match_case([[0.25, 0.375, 0.375, 0.125]]),
    "equal pairs in another row and column": match_case(
        [[0.1, 0.4, 0.2], [0.4, 0.4, 0.3]]
    ),
    "many boxes of one object": match_case(
        [[0.6, 0.7, 0.8, 0.9, 0.55, 0.1], [0.65, 0.1, 0.3, 0.2, 0.2, 0.1]]
    ),
    "a single box": match_case([[0.2], [0.3]]),
}


def random_match(i: int, generator: torch.Generator) -> Match:
    """Overlaps in eighths, many 0 and many equal."""
    iou = torch.randint(-4, 9, (2 + i % 4, 6 + 2 * i), generator=generator)
    return iou.clamp(min=0).float() / 8, (0.5, 0.375, 0.75)[i % 3]
