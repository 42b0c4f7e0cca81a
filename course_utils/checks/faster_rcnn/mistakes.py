"""What typical mistakes in assignment 04 are called, and how an oracle makes them."""

Settings = dict[str, dict[str, str]]

GRID_MISTAKES: Settings = {
    "an anchor stands about the middle of its cell, not about its corner": {
        "centre": "corner"
    },
    "the middle of a cell is half a stride from its corner, not half a pixel": {
        "centre": "half a pixel"
    },
    "x and y are swapped: columns move an anchor along x, rows along y": {
        "centre": "axes swapped"
    },
    "`strides` is (down, right): y has the first, x the second": {
        "centre": "strides swapped"
    },
    "the ratio is width over height here": {"shape": "height over width"},
    "the area stays side^2: take the square root of the ratio": {"shape": "no root"},
    "width and height both change with the ratio, and the area stays side^2": {
        "shape": "one side scaled"
    },
    "width and height both change with the ratio; the area is side^2": {
        "shape": "other side scaled"
    },
    "half a side lies on either side of the centre": {"shape": "twice as large"},
    "go row by row: rows outside, columns inside": {"order": "columns first"},
    "all ratios of one position come before the next position": {
        "order": "ratios first"
    },
    "the ratios stay in the order in which they were given": {"order": "ratios sorted"},
    "an anchor that touches the border does not cross it": {"border": "strictly"},
    "anchors that cross the border go": {"border": "all stay"},
    "an anchor that crosses the border goes; it is not clipped": {"border": "clipped"},
    "anchors cross the borders at the right and below, too": {
        "border": "low side only"
    },
    "anchors cross the borders at the left and above, too": {
        "border": "high side only"
    },
    "anchors cross the borders above and below, too": {"border": "x only"},
    "image_size is (height, width): x ends at the width": {"border": "image turned"},
    "the index counts all anchors, also those that go": {"index": "of the kept"},
    "anchors are not rounded here": {"rounded": "yes"},
}

LABEL_MISTAKES: Settings = {
    "-1 is ignored and 0 is background": {"codes": "swapped"},
    "the best anchors of an object are positive, however little they overlap": {
        "promotes": "none"
    },
    "an object that no anchor touches promotes none: its highest IoU is 0": {
        "promotes": "zeros too"
    },
    "of an object's best anchors, all that tie are positive": {
        "promotes": "first of equals"
    },
    "a best anchor stays positive, even if its IoU is low": {"promotes": "overwritten"},
    "a promoted anchor belongs to the object that it overlaps most itself": {
        "belongs": "to its promoter"
    },
    "an anchor never belongs to a difficult object": {"difficult": "objects"},
    "a difficult object promotes no anchor": {"difficult": "promote too"},
    "an anchor on a difficult object is no background": {"difficult": "background"},
    "an anchor that found an ordinary object is positive, on a difficult one, too": {
        "difficult": "always ignored"
    },
    "an IoU equal to `positive_iou` is enough": {"ends": "above"},
    "an IoU equal to `negative_iou` is too much for background": {"ends": "below"},
    "an anchor that is not positive belongs to no object: -1": {
        "index": "of all anchors"
    },
    "the index counts all objects, the difficult ones too": {"index": "among the easy"},
    "of objects overlapped alike, the first counts": {"index": "last of equals"},
}

FLATTEN_MISTAKES: Settings = {
    "all anchors of one position come before the next position": {
        "order": "anchors first"
    },
    "go row by row: rows outside, columns inside": {"order": "columns first"},
    "the first level comes first": {"order": "levels backwards"},
    "channels 0 to A - 1 are background, A to 2A - 1 are objects": {
        "channels": "scores by anchor"
    },
    "the four deltas of an anchor are neighbours: channels 4a to 4a + 3": {
        "channels": "deltas by coordinate"
    },
    "this is the probability of background": {"probability": "of background"},
    "the softmax needs both logits, not the object's alone": {
        "probability": "one sigmoid"
    },
    "this is a logit, a probability was asked for": {"probability": "logit"},
    "this is a difference of logits, a probability was asked for": {
        "probability": "difference"
    },
}

DECODE_MISTAKES: Settings = {
    "`anchors` holds centres and sizes, not two corners": {"anchor": "two corners"},
    "dx moves by widths of the anchor, dy by heights": {"move": "swapped"},
    "a centre moves by shares of the anchor's size, not by pixels": {"move": "plain"},
    "the centre moves; the corners follow from the new size": {"move": "corner"},
    "a side is multiplied by the exponential of its delta": {"growth": "added"},
    "the exponential of the delta is missing": {"growth": "times"},
    "multiply by exp(delta), not by 1 + delta": {"growth": "one plus"},
    "clamp dw and dh at log(1000 / 16), or a side overflows": {"clamp": "none"},
    "the clamp is a natural logarithm": {"clamp": "base 10"},
    "dw and dh are clamped from above alone: a box may get very small": {
        "clamp": "both ways"
    },
    "boxes are clipped to the image": {"clip": "none"},
    "clip to the image at the right and below, too": {"clip": "low side only"},
    "clip to the image at the left and above, too": {"clip": "high side only"},
    "clip x to the width, y to the height": {"clip": "turned"},
    "boxes are half-open: they end at the width, not at the width - 1": {
        "clip": "last pixel"
    },
    "image_size is that of the image the network saw: clip before you divide": {
        "clip": "to the original"
    },
    "boxes are clipped first, and measured then": {"small": "before clipping"},
    "`min_side` counts pixels of the original image": {
        "small": "in the network's pixels"
    },
    "a side of exactly `min_side` is long enough": {"small": "strictly"},
    "both sides have to be long enough": {"small": "one side is enough"},
    "the height has to be long enough, too": {"small": "width only"},
    "the width has to be long enough, too": {"small": "height only"},
    "the sides have to be long enough, not the area": {"small": "area"},
    "boxes with a short side go": {"small": "all stay"},
    "divide by `scale` to get pixels of the original image": {"pixels": "network"},
    "divide by `scale`, do not multiply": {"pixels": "wrong way"},
    "the index is that of the anchor, counting those that go": {"index": "of the kept"},
}

LOSS_MISTAKES: Settings = {
    "-1 is not background: those anchors are ignored": {"ignored": "background"},
    "cross-entropy needs labels 0 and 1; with -1 it has no lower bound": {
        "ignored": "as they are"
    },
    "-1 is no object: those anchors are ignored": {"ignored": "objects"},
    "the sigmoid of a large logit is 0 or 1, and its logarithm infinite": {
        "ignored": "by probability"
    },
    "anchors of background are classified, too": {"ignored": "positives alone"},
    "divide by the anchors labelled 0 or 1, not by all": {"divides": "by all"},
    "objects and background both count in the divisor": {"divides": "by positives"},
    "divide by the number of labelled anchors, not of images": {"divides": "by images"},
    "the number of labelled anchors is not always 256": {"divides": "by 256"},
    "divide the cross-entropy by the number of labelled anchors": {
        "divides": "not at all"
    },
    "only objects train deltas; look at their rows alone": {"boxes": "of all"},
    "only objects train deltas; background has no box": {"boxes": "of sampled"},
    "only objects train deltas; ignored anchors do not": {"boxes": "but ignored"},
    "this is L1; below 1 the loss is a parabola": {"shape": "L1"},
    "this is a square; beyond 1 the loss is a line": {"shape": "squared"},
    "the parabola has a factor of 1/2": {"shape": "no half"},
    "the line is |e| - 0.5, so that it meets the parabola": {"shape": "a step"},
    "the bend is at 1, not at 1/9": {"shape": "bend at 1/9"},
    "the box term is divided by `num_positions`, not by the objects": {
        "normal": "by positives"
    },
    "the box term is divided by `num_positions`, not by the labelled anchors": {
        "normal": "by sampled"
    },
    "this is a mean over the objects' deltas; divide their sum by `num_positions`": {
        "normal": "by 4 positives"
    },
    "the box term is divided by `num_positions`, not by all anchors": {
        "normal": "by all"
    },
    "the four coordinates are added, not averaged": {"normal": "by positions and 4"},
    "the box term is divided by `num_positions`": {"normal": "not at all"},
    "the box term alone is multiplied by `balance`": {"normal": "both balanced"},
    "the box term is multiplied by `balance`": {"normal": "without balance"},
}

SELECTION_MISTAKES: Settings = {
    "the first cut comes before suppression, not after it": {
        "first": "after suppression"
    },
    "the first cut leaves `before` proposals of each level": {"first": "of all levels"},
    "`before` was not looked at": {"first": "all"},
    "the last cut leaves `after` proposals of all levels together": {
        "last": "of each level"
    },
    "nothing was suppressed": {"rule": "never"},
    "proposals of two levels do not suppress each other": {"level": "together"},
    "an IoU equal to the threshold is no reason to go": {"rule": "or equal"},
    "a proposal that is gone removes no other": {"compares": "candidates"},
    "compare with all that were kept, not with the last one": {
        "compares": "the one before"
    },
    "of equal scores, the first counts as better": {"order": "last of equals"},
    "the best score comes first": {"order": "worst first"},
    "the indices are sorted by score, not by index": {"order": "by index"},
    "the order is that of the scores, over all levels": {"order": "level by level"},
}

OPTIONS = {
    "a": "Both run the same VGG-16 on the same image: 0.15 and 0.14 seconds. And the "
    "RPN adds to this work, it takes nothing from it.",
    "b": "Selective search took 1.51 of Fast R-CNN's 1.83 seconds. The RPN reads a map "
    "that the detector needs anyway, and adds 0.01. Its proposals are better, too: mAP "
    "rises from 66.9 to 69.9 (some slides print 66.9 twice).",
    "c": "300 proposals instead of 2,000 do help: the head takes 0.05 seconds instead "
    "of 0.17. But this saves 0.12 seconds of the 1.6 that were saved.",
    "d": "Joint training makes training shorter. Once trained, the network takes the "
    "same time for an image, however its weights were found.",
}
