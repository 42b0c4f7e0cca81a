"""What typical mistakes in assignment 05 are called, and how an oracle makes them."""

Settings = dict[str, dict[str, str]]

ENCODE_MISTAKES: Settings = {
    "of objects in one cell, the smallest keeps it": {"keeps": "the largest"},
    "the smallest object keeps its cell, not the first": {"keeps": "the first"},
    "the smallest object keeps its cell, not the last": {"keeps": "the last"},
    "of two objects of the same area, the first keeps the cell": {
        "keeps": "last of equals"
    },
    "the smallest is the one with the smallest area": {"keeps": "the narrowest"},
    "a cell has one object, so one class alone is 1": {"keeps": "two classes"},
    "x decides about the column, y about the row": {"cell": "axes swapped"},
    "image_size is (height, width): divide x by the width": {"cell": "image turned"},
    "the cell is that of the centre, not of the box's corner": {
        "cell": "of the corner"
    },
    "round down: column j begins at j cells and ends before j + 1": {"cell": "rounded"},
    "a centre between two cells belongs to the right or lower one": {
        "cell": "before the border"
    },
    "a centre on the right or bottom border of the image counts, too": {
        "cell": "border dropped"
    },
    "x and y run from 0 to 1 in the cell, not in the image": {"offset": "of the image"},
    "x and y are 0 at the cell's left and top, not in its middle": {
        "offset": "from the middle"
    },
    "x and y count cells, not pixels": {"offset": "in pixels"},
    "take the roots of width and height": {"size": "shares"},
    "width and height are shares of the image, not of the cell": {
        "size": "of the cell"
    },
    "width and height are shares of the image, not pixels": {"size": "in pixels"},
    "label 0 is padding: no object": {"padding": "as objects"},
    "a box without width or height is no object": {"flat": "as objects"},
    "label 1 has the first of the class channels": {"column": "label"},
    "each image has its own cells": {"batch": "together"},
}

RESPONSIBLE_MISTAKES: Settings = {
    "the predictor of the highest IoU is responsible, not the surest": {
        "chosen": "by confidence"
    },
    "the highest IoU decides, the distance only where all are 0": {
        "chosen": "by distance"
    },
    "where boxes lie matters, too, not their shapes alone": {"chosen": "by shape"},
    "the overlap belongs once to the union: subtract it": {"chosen": "over the sum"},
    "the highest IoU is the best one": {"chosen": "lowest"},
    "where no predictor overlaps the object, the closest one is responsible": {
        "chosen": "no fallback"
    },
    "compare distances of x / columns, y / rows, width and height": {
        "fallback": "by offsets and roots"
    },
    "width and height are part of the distance": {"fallback": "by centres"},
    "x and y are part of the distance": {"fallback": "by sizes"},
    "x and y count cells, width and height are shares of the image": {
        "reads": "cell as image"
    },
    "x counts columns, y counts rows": {"reads": "grid turned"},
    "width and height are the squares of what is predicted": {
        "reads": "roots as sizes"
    },
    "x and y are the centre of a box, not its corner": {"reads": "corners"},
    "in a cell without an object, no predictor is responsible": {"cells": "all"},
    "the target is the IoU, not 1": {"target": "one"},
    "the target of a predictor that is not responsible is 0": {"target": "IoU of all"},
    "of equally good predictors, the first is responsible": {"ties": "last"},
}

LOSS_MISTAKES: Settings = {
    "the errors of sizes are weighted by 2 - w * h": {"weighs": "alike"},
    "small boxes weigh more: the weight is 2 - w * h, not w * h": {"weighs": "wh"},
    "the weight is 2 - w * h: it falls with the area": {"weighs": "2 + wh"},
    "the weight is 2 - w * h, not 1 - w * h": {"weighs": "1 - wh"},
    "`sizes` holds no roots: take them": {"goal": "size"},
    "compare roots with roots, not squares with sizes": {"goal": "sizes compared"},
    "the errors of sizes are squared": {"goal": "absolute"},
    "add the errors of width and height, do not average them": {"goal": "averaged"},
    "only the responsible predictor of a cell trains its size": {
        "boxes": "of object cells"
    },
    "divide by the number of images": {"divides": "not at all"},
    "divide by the number of images, not of objects": {"divides": "by objects"},
    "divide by the number of images, not of predictors": {"divides": "by predictors"},
    "divide by the number of images, not of cells": {"divides": "by cells"},
    "the target of a responsible confidence is its IoU, not 1": {"target": "one"},
    "a predictor that overlaps an object well is left out": {"others": "none ignored"},
    "the confidences of the others are pushed to 0": {"others": "none"},
    "predictors that are not responsible count in cells with an object, too": {
        "others": "empty cells alone"
    },
    "an IoU equal to `ignore_above` is not above it": {
        "others": "ignored at the threshold"
    },
    "those above `ignore_above` are left out, the others count": {
        "others": "the ignored alone"
    },
    "a responsible predictor counts, however high its IoU": {
        "others": "responsible ignored"
    },
    "the target of those that are not responsible is 0, not their IoU": {
        "others": "towards IoU"
    },
    "the first term is multiplied by `coord_weight`": {"weight": "no coord"},
    "the first term alone is multiplied by `coord_weight`": {"weight": "coord on both"},
    "the others are multiplied by `noobj_weight`": {"weight": "no noobj"},
    "the others alone are multiplied by `noobj_weight`": {"weight": "noobj on all"},
}

DECODE_MISTAKES: Settings = {
    "the classes of all cells come first, not cell after cell": {
        "layout": "cell by cell"
    },
    "classes come first, then confidences, then boxes": {
        "layout": "confidences, classes, boxes"
    },
    "confidences come before the boxes": {"layout": "classes, boxes, confidences"},
    "boxes come last": {"layout": "boxes, confidences, classes"},
    "all class values of one cell come before the next cell": {
        "inside": "classes outside"
    },
    "all predictors of one cell come before the next cell": {
        "inside": "predictors outside"
    },
    "the four numbers of a box are neighbours": {"inside": "numbers outside"},
    "cells go row by row": {"place": "columns first"},
    "x and y count from the cell's corner: add its column and row": {
        "place": "no cell"
    },
    "x and y are shares of the cell, not of the image": {"place": "of the image"},
    "x and y are the centre of a box, not its corner": {"place": "corner"},
    "image_size is (height, width): x and w are multiplied by the width": {
        "place": "image turned"
    },
    "width and height are the squares of the roots": {"size": "not squared"},
    "width and height are shares of the image, not of the cell": {
        "size": "of the cell"
    },
    "half a side lies on either side of the centre": {"size": "half"},
    "boxes are clipped to the image": {"clip": "none"},
    "clip x to the width, y to the height": {"clip": "turned"},
    "the score is the product, not the confidence alone": {"score": "confidence"},
    "the score is the product, not the class value alone": {"score": "class"},
    "confidence and class value are clamped to 0 ... 1 first": {"clamp": "none"},
    "clamp both factors: two negative ones have a positive product": {
        "clamp": "product"
    },
    "clamp from above, too": {"clamp": "from below"},
    "clamp from below, too: two negative factors have a positive product": {
        "clamp": "from above"
    },
    "a score equal to the threshold is not above it": {"threshold": "or equal"},
    "labels begin with 1: 0 is background": {"labels": "from 0"},
    "each class of a box is a candidate, not the best alone": {"keeps": "best class"},
    "`most` counts the detections of all classes together": {
        "keeps": "most of each class"
    },
    "`most` was not looked at": {"keeps": "all"},
    "of equal scores, the box with the lower number comes first": {
        "order": "last of equals"
    },
    "of equal scores, the box decides first, and then the label": {
        "order": "labels first"
    },
    "the best score comes first": {"order": "worst first"},
    "detections are sorted by score, not by box": {"order": "by box"},
}

SHAPE_MISTAKES: dict[str, dict[str, str | int]] = {
    "the distance is 1 - IoU, not a difference of sides": {"distance": "Euclidean"},
    "the distance is 1 - IoU, not a difference of areas": {"distance": "area"},
    "a shape belongs to the anchor of the highest IoU": {
        "distance": "1 - IoU, highest"
    },
    "an anchor moves to the median, not to the mean": {"centre": "mean"},
    "of an even number of values, the median is the lower middle one": {
        "centre": "upper median"
    },
    "of two values in the middle, take the lower one, not their mean": {
        "centre": "middle of two"
    },
    "widths and heights have a median each": {"centre": "median by area"},
    "an anchor without shapes stays": {"empty": "zero"},
    "of anchors with the same IoU, the first gets the shape": {"ties": "last"},
    "the anchors are sorted by area": {"order": "as they were"},
    "the anchors are sorted by area, not by width": {"order": "by width"},
    "the smallest anchor comes first": {"order": "falling"},
    "the mean IoU is that with the anchors that come back": {
        "mean": "of the one before"
    },
    "the mean IoU is that with the last anchors, not with the start": {
        "mean": "of the start"
    },
    "this is the mean distance; the mean IoU was asked for": {"mean": "distance"},
    "that is one step too few": {"turns": -1},
    "that is one step too many": {"turns": 1},
}

# 4 objects in 3 of 49 cells; the right number is 3 * 26 + 46 * 2.
NUMBER_MISTAKES: dict[str, float] = {
    "this is the whole output; the loss leaves most of it out": 1470,
    "two of the objects share a cell, and a cell owns one": 4 * 26 + 45 * 2,
    "in a cell with an object, the box of the other predictor is not trained": (
        3 * 30 + 46 * 2
    ),
    "the confidence of the other predictor is pushed to 0": 3 * 25 + 46 * 2,
    "a cell without an object has confidences, too": 3 * 26,
    "both predictors of a cell without an object have a confidence": 3 * 26 + 46,
    "a cell without an object does not train its class values": 3 * 26 + 46 * 22,
    "the confidences of the cells with an object are counted twice": 3 * 26 + 49 * 2,
    "class values count one by one, 20 for each cell with an object": 3 * 7 + 46 * 2,
}
NUMBER_ADVICE = (
    "Go through the five sums of the loss: which cells, and in them which predictors, "
    "does each indicator let through, and how many numbers does each of them bring?"
)
NUMBER_EXPLANATION = (
    "A cell with an object trains 5 numbers of the responsible predictor, the other's "
    "confidence and 20 class values; each other cell trains 2 confidences. So an image "
    "leaves most of the 1470 numbers alone, and 95 of those that it trains are "
    "confidences that are to become 0: hence their weight of 0.5."
)
