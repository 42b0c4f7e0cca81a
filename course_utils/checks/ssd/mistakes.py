"""What typical mistakes in assignment 06 are called, and how an oracle makes them."""

Settings = dict[str, dict[str, str]]

MAP_MISTAKES: Settings = {
    "a box stands about the middle of its cell, not about its corner": {
        "centre": "corner"
    },
    "the cells fill the image: the first centre is half a cell from its border": {
        "centre": "from edge to edge"
    },
    "x and y are swapped: columns move a box along x, rows along y": {
        "centre": "axes swapped"
    },
    "map_size is (rows, columns): x is divided by the columns": {
        "centre": "counts swapped"
    },
    "the ratio is width over height here": {"shape": "height over width"},
    "take the square root of the ratio, so that the area stays": {"shape": "no root"},
    "width and height both change with the ratio, and the area stays": {
        "shape": "one side scaled"
    },
    "the width changes with the ratio, too, and the area stays": {
        "shape": "other side scaled"
    },
    "half a side lies on either side of the centre": {"shape": "twice as large"},
    "a scale counts sides of the shorter side of the image, for both sides of a box": {
        "measure": "each side"
    },
    "a scale counts the shorter side of the image, not the longer one": {
        "measure": "the longer side"
    },
    "the shorter side of the image is not always its height": {"measure": "the height"},
    "the shorter side of the image is not always its width": {"measure": "the width"},
    "the second square is missing": {"extra": "none"},
    "the second square follows right after ratio 1": {"extra": "last"},
    "ratio 1 comes before the second square": {"extra": "first"},
    "without ratio 1 there is no second square": {"extra": "always"},
    "the second square's side is the root of a product, not a mean": {"extra": "mean"},
    "the second square lies between this scale and the next": {"extra": "next"},
    "take the square root of scale times next_scale": {"extra": "product"},
    "go row by row: rows outside, columns inside": {"order": "columns first"},
    "all boxes of one position come before the next position": {
        "order": "shapes first"
    },
    "boxes are clipped to the image": {"clip": "none"},
    "clip the corners: a small box may leave the image, too": {"clip": "sizes"},
    "what is clipped has another centre": {"clip": "centre stays"},
    "clip at the right and below, too": {"clip": "low side only"},
    "clip at the left and above, too": {"clip": "high side only"},
    "these are two corners; centre and size were asked for": {"form": "corners"},
    "this is a corner and a size; the centre was asked for": {
        "form": "corner and size"
    },
    "a box is (cx, cy, w, h): x comes first": {"form": "y first"},
    "these are pixels; divide by the sides of the image": {"form": "pixels"},
}

SIZE_MISTAKES: Settings = {
    "the paper's formula makes m - 1 steps, from the first map to the last": {
        "paper": "one step too many"
    },
    "the paper's formula has no rule of its own for the first map": {
        "paper": "first map apart"
    },
    "the paper's formula rounds nothing": {"paper": "rounded down"},
    "the release rounds its step down to a whole percent": {"step": "exact"},
    "the release rounds its step down, not to the nearest percent": {"step": "nearest"},
    "the release rounds its step down, not up": {"step": "up"},
    "the release makes m - 2 steps: its first map stands apart": {"step": "of m - 1"},
    "the release makes m - 2 steps, not m": {"step": "of m"},
    "the release's first map has the size `first`": {"begins": "with the others"},
    "the second size is that of the next map; only the last map adds a step": {
        "second": "a step more"
    },
    "the last map's second size is a step more than its first": {"second": "largest"},
    "the last map's second size may be larger than the image": {
        "second": "whole image"
    },
    "return the second size itself, not the side of the second square": {
        "second": "square"
    },
    "these are shares of the side; pixels were asked for": {"unit": "shares"},
    "these are percent; pixels were asked for": {"unit": "percent"},
}

MATCH_MISTAKES: Settings = {
    "no two objects claim one box: the pair with the highest IoU goes first": {
        "forced": "last wins"
    },
    "an object whose best box is taken claims the best one that is free": {
        "forced": "first wins"
    },
    "the pair with the highest IoU of all goes first, not the first object": {
        "forced": "object by object"
    },
    "each object claims a box, however little it overlaps": {"forced": "none"},
    "an object that overlaps no free box claims none": {"zeros": "claim too"},
    "an IoU equal to the threshold is not above it": {"rest": "or equal"},
    "other boxes above the threshold find an object, too": {"rest": "none"},
    "the threshold was not looked at": {"rest": "any overlap"},
    "a claimed box stays with its object, though it overlaps another more": {
        "rest": "overwrites"
    },
    "a box gets the object that it overlaps most, not the first above the threshold": {
        "rest": "first above"
    },
    "of objects that a box overlaps alike, the first counts": {"ties": "last object"},
    "-1 is no object, and the first object is 0": {"codes": "from 1"},
}

SMALLEST_MISTAKES = {
    "this is in pixels of the resized image; the photograph's were asked for": 21.2132,
    "IoU divides areas: at half the side it is a quarter": 50.0,
    "an object may be smaller than the smallest box: an IoU of 0.5 is enough": 100.0,
    "the photograph is larger than what the network sees, not smaller": 6.36396,
    "the first map's boxes are 30 pixels large; 60 are those of the second": 141.4214,
    "this is an area; the side was asked for": 5000.0,
}
