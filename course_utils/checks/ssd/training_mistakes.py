"""What mistakes in assignment 06 about training are called, and how to make them."""

from course_utils.checks.ssd.mistakes import Settings

NEGATIVE_MISTAKES: Settings = {
    "background is the last class here, not class 0": {"rank": "class 0"},
    "background's own logit is no loss: the softmax looks at all of them": {
        "rank": "logit"
    },
    "the most certain object is not the highest loss: background's logit counts": {
        "rank": "best object"
    },
    "the softmax adds all objects up, not the best one alone": {"rank": "margin"},
    "the easiest boxes were chosen": {"rank": "easiest"},
    "the least certain box is not the one with the highest loss": {"rank": "entropy"},
    "a softmax of large logits is 0 or 1, and different losses look alike": {
        "rank": "by probability"
    },
    "boxes labelled -1 are no background": {"among": "ignored too"},
    "only boxes labelled background are negatives": {"among": "all"},
    "background is label K - 1; 0 is a class of objects": {"among": "class 0"},
    "a half box is none: round ratio times objects down": {"count": "up"},
    "at least `least` are chosen in each image": {"count": "without least"},
    "`least` is a lower bound; it is not added": {"count": "least added"},
    "`least` holds for images with objects, too": {"count": "least alone"},
    "`least` holds for images without objects, too": {"count": "none without objects"},
    "`ratio` is not always 3": {"count": "three"},
    "`ratio` was not looked at": {"count": "without ratio"},
    "count and choose in each image, not in the batch": {"per": "batch"},
    "of equal losses, the lower index comes first": {"ties": "last"},
    "of equal losses, no more are chosen than allowed": {"ties": "all"},
    "only negatives are True, objects are not": {"adds": "positives"},
}

PATCH_MISTAKES: Settings = {
    "a patch keeps the objects whose centre it holds, not all that it touches": {
        "holds": "touching"
    },
    "an object is kept if its centre lies in the patch; it may reach beyond it": {
        "holds": "whole"
    },
    "look at the centre of an object, not at its corner": {"holds": "corner"},
    "the centre must lie in the patch in y, too": {"holds": "x only"},
    "the centre must lie in the patch in x, too": {"holds": "y only"},
    "a patch is half-open: its right and lower border is outside": {"holds": "closed"},
    "a patch is half-open: its left and upper border is inside": {"holds": "open"},
    "an allowed patch keeps every object whose centre it holds": {
        "holds": "enough overlap"
    },
    "every object that a patch keeps must overlap enough, not only one": {
        "allows": "some held"
    },
    "only objects whose centre it holds make a patch allowed": {
        "allows": "some object"
    },
    "objects whose centre lies outside do not forbid a patch": {
        "allows": "all objects"
    },
    "an object whose centre lies outside does not forbid a patch, though cut": {
        "allows": "some touched"
    },
    "an IoU equal to `min_iou` is enough": {"allows": "strictly"},
    "every object must overlap enough, not their mean": {"allows": "mean"},
    "a patch that keeps no object is not allowed": {"allows": "empty too"},
    "the first patch is not always allowed": {"allows": "always"},
    "the IoU is asked for, not the share of the object that is seen": {
        "measure": "share of the object"
    },
    "the IoU is asked for, not the share of the patch that is filled": {
        "measure": "share of the patch"
    },
    "the first patch that is allowed is taken, not the last": {"choice": "last"},
    "the first patch that is allowed is taken, not the fullest": {
        "choice": "most objects"
    },
    "where no patch is allowed, the whole image is taken": {"otherwise": "first patch"},
    "image_size is (height, width): the whole image is (0, 0, width, height)": {
        "otherwise": "turned"
    },
    "boxes are clipped to the patch": {"maps": "not clipped"},
    "boxes are moved: the patch's corner becomes (0, 0)": {"maps": "not moved"},
    "boxes grow with the patch, to `side`": {"maps": "not scaled"},
    "y has a factor of its own: side / height of the patch": {"maps": "by the width"},
    "x has a factor of its own: side / width of the patch": {"maps": "by the height"},
    "both sides of the patch become `side`: each axis has its own factor": {
        "maps": "by the shorter"
    },
    "each axis has its own factor, though pictures get distorted": {
        "maps": "by the longer"
    },
    "x is scaled by side / width, y by side / height": {"maps": "turned"},
    "these are shares of the patch; multiply by `side`": {"maps": "shares"},
    "the patch becomes `side` wide: multiply by side / width": {"maps": "wrong way"},
}

LOSS_MISTAKES: Settings = {
    "each image is divided by its own number of objects, not by the batch's": {
        "divides": "by objects of the batch"
    },
    "divide by the boxes with an object; chosen background does not count": {
        "divides": "by labelled"
    },
    "the classes are divided by the number of objects, too": {
        "divides": "each by its own"
    },
    "divide by the boxes with an object, not by all": {"divides": "by all"},
    "the sum of an image is divided by its number of objects": {"divides": "by images"},
    "take the mean over images, not their sum": {"divides": "sum of images"},
    "images without objects count in the mean, with 0": {
        "divides": "by images with objects"
    },
    "the classes' sum is divided by the number of objects, as the boxes' is": {
        "divides": "boxes alone"
    },
    "the boxes' sum is divided by the number of objects, as the classes' is": {
        "divides": "classes alone"
    },
    "the four deltas are added, not averaged": {"divides": "by 4"},
    "`alpha` weighs the boxes alone": {"divides": "both weighed"},
    "`alpha` was not looked at": {"divides": "without alpha"},
    "an image without objects has the loss 0, whatever was chosen in it": {
        "alone": "background counts"
    },
    "the label -1 is no background: those boxes take part in nothing": {
        "used": "ignored as background"
    },
    "chosen background is classified, too": {"used": "objects"},
    "divide moves by 0.1 and the logarithms by 0.2": {"target": "no variances"},
    "divide by the variances, do not multiply": {"target": "multiplied"},
    "the variance of sizes is 0.2": {"target": "one variance"},
    "0.1 belongs to the centre, 0.2 to the size": {"target": "variances swapped"},
    "divide by the variances as they are, not by their squares": {
        "target": "variances squared"
    },
    "divide by the variances as they are, not by their roots": {
        "target": "roots of variances"
    },
    "the target is a logarithm of two sides, not their quotient": {
        "target": "no logarithm"
    },
    "take the natural logarithm": {"target": "base 10"},
    "take the natural logarithm, not that to base 2": {"target": "base 2"},
    "a centre moves by shares of the default box, not by pixels": {
        "target": "plain moves"
    },
    "a centre moves by shares of the default box, not of the object": {
        "target": "in sizes of the object"
    },
    "x moves by widths of the default box, y by heights": {"target": "swapped sides"},
    "boxes are centre and size here; no corner is needed": {"target": "corners"},
    "the target goes from the default box to the object": {"target": "turned round"},
    "this is L1; below 1 the loss is a parabola": {"shape": "L1"},
    "this is a square; smooth L1 is a line beyond 1": {"shape": "squared"},
    "this is half a square; smooth L1 is a line beyond 1": {"shape": "half a square"},
    "`where` hides a nan in the loss, not in its gradient: choose first": {
        "slope": "nan"
    },
    "nothing trains the deltas: is the box term detached?": {"slope": "none by deltas"},
    "nothing trains the logits: is the class term detached?": {
        "slope": "none by logits"
    },
}
