"""What typical mistakes in assignment 03 are called, and how an oracle makes them."""

Settings = dict[str, dict[str, str]]

BIN_MISTAKES: Settings = {
    "a half was rounded to the even neighbour; it goes away from zero": {
        "rounding": "to even"
    },
    "a half below 0 goes away from zero, too: -2.5 goes to -3": {"rounding": "half up"},
    "the ends are rounded to the nearest cell, not down": {"rounding": "down"},
    "the ends are rounded to the nearest cell, not up": {"rounding": "up"},
    "both ends' cells belong to the RoI: its size is last - first + 1": {
        "size": "without + 1"
    },
    "a RoI has at least one cell along each side": {"size": "may be empty"},
    "the end of a bin is rounded up: bins may overlap": {"edges": "apart"},
    "bins are not all of one size: multiply by i before you divide": {
        "edges": "one size"
    },
    "the bins start at the corner of the RoI, not of the map": {
        "edges": "at the corner"
    },
    "x and y of the RoI are swapped": {"axes": "swapped"},
    "bins are clipped to the map": {"clip": "none"},
    "bins are clipped at the far border, too": {"clip": "from below"},
    "the last cell is lost: clip to the width, not to the width - 1": {
        "clip": "last cell lost"
    },
}

VOTE_MISTAKES: Settings = {
    "x and y of the RoIs are swapped": {"axes": "swapped"},
    "this is the maximum, the mean was asked for": {"pooled": "max"},
    "this is the sum, the mean was asked for": {"pooled": "sum"},
    "the channel is (c * k + i) * k + j: the class comes first": {
        "channel": "bin first"
    },
    "row i comes before column j in the channel": {"channel": "turned"},
    "each bin has a channel of its own": {"channel": "by class alone"},
    "a RoI is pooled from the image that it belongs to": {"images": "first"},
    "the end of a bin is rounded up: bins may overlap": {"edges": "apart"},
    "bins are not all of one size: multiply before you divide": {"edges": "one size"},
    "a RoI is half-open here: its width is x2 - x1, without + 1": {"edges": "plus one"},
    "the bins start at the corner of the RoI, not of the map": {
        "edges": "at the corner"
    },
}

WAY_BACK_MISTAKES: Settings = {
    "a cell that wins several bins gets the sum of their gradients": {"adds": "no"},
    "only the maximum gets the gradient, not every cell of the bin": {"ties": "mean"},
    "of equal maxima the first gets all; the gradient is not shared": {
        "ties": "shared"
    },
    "of equal maxima only the first gets the gradient": {"ties": "all"},
    "of equal maxima the first gets the gradient, not the last": {"ties": "last"},
    "the first in reading order: row by row, not column by column": {
        "ties": "by column"
    },
    "the slope of a maximum is 1, whatever its value": {"ties": "times the value"},
    "a RoI sends its gradient to the image that it belongs to": {"image": "first"},
    "each channel has a maximum of its own": {"channel": "first"},
    "x and y of the bins are swapped": {"axes": "swapped"},
}

CHOICE_MISTAKES: Settings = {
    "an IoU of exactly 0.5 makes an object": {"half": "background"},
    "an IoU of exactly 0.5 makes an object, it was not used": {"half": "unused"},
    "an IoU of exactly 0.1 is background": {"tenth": "unused"},
    "an IoU below 0.1 is not used": {"tenth": "all below"},
    "the true boxes are RoIs, too": {"truth": "left out"},
    "of equal IoUs the first object gives the label": {"tie": "last"},
    "without objects, every proposal is background": {"nothing": "unused"},
    "the highest losses come first, not the lowest": {"order": "easiest"},
    "the RoIs are chosen by their losses": {"order": "as they come"},
    "of equal losses the lower index comes first": {"order": "last tie"},
    "objects first, each group by falling loss, not by index": {"order": "by index"},
    "round the share of objects down": {"share": "up"},
    "round the share of objects down, not to the nearest": {"share": "nearest"},
    "background fills up what objects leave free": {"fills": "fixed share"},
    "objects do not fill up where background is short": {"fills": "objects too"},
    "objects have a share that they may not exceed": {"fills": "whole list"},
    "the label is the class of the object, not its index": {"named": "index"},
}

LOSS_MISTAKES: Settings = {
    "only the deltas of the RoI's own class are trained": {"own": "all"},
    "class k has the columns from 4k on; background has the first four": {
        "own": "class - 1"
    },
    "the four deltas of a class stand side by side": {"own": "side first"},
    "the deltas of the RoI's own class are trained, not the first four": {
        "own": "first"
    },
    "background trains no deltas": {"background": "trained"},
    "divide by R, the number of all RoIs: background counts, too": {
        "divisor": "objects"
    },
    "divide by R, not by 4R": {"divisor": "numbers"},
    "divide by R, the number of all RoIs": {"divisor": "nothing"},
    "beyond beta the loss is |e| - beta / 2": {"value": "no offset"},
    "the parabola is divided by beta": {"value": "not divided"},
    "the parabola is e * e / (2 beta): a half is missing": {"value": "no half"},
    "the slope of the parabola is e / beta": {"slope": "not divided"},
    "error is delta - target: the slope has the wrong sign": {"slope": "reversed"},
    "smooth L1 has a slope of 1 on its lines; Huber's loss has beta": {
        "value": "huber",
        "slope": "huber",
    },
    "within beta, the slope gets smaller with the error": {"slope": "L1"},
    "use the `beta` that is given": {"value": "beta 1", "slope": "beta 1"},
}

RANK_MISTAKES = {
    "the norm squares the singular values before it adds them": "plain sum",
    "both norms need their root": "energy",
    "what is lost is all of the rest, not its largest value": "largest",
    "at least rank 1 is kept": "from 0",
}

OPTIONS = {
    "a": "Selective search reads the picture, not the feature map. It knows nothing of "
    "the network, and takes its 2.0 seconds as before. Only then are its boxes "
    "projected onto the map.",
    "b": "2.3 seconds become 2.0 + 0.03, and 2.3 / 2.03 is about 1.13. What is left is "
    "nearly all selective search. This is why Faster R-CNN lets a network propose.",
    "c": "Selective search has no weights to train: the same picture gives the same "
    "proposals, whatever the backbone.",
    "d": "That is R-CNN, which runs its network on each warped region. Fast R-CNN runs "
    "its backbone once a picture, and only the head on each RoI. Both get faster here.",
}
