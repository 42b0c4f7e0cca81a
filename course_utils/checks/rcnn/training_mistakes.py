"""What typical mistakes in tasks 5 to 8 of assignment 02 would answer, in words."""

import torch

from course_utils.checks.rcnn.mistakes import Named
from course_utils.checks.rcnn.training_cases import Mining, Pairs
from course_utils.checks.rcnn.training_oracles import (
    Refinement,
    slow_mined,
    slow_refined,
    slow_targets,
    slow_whitened,
)

SHIFTS = {
    "corner": "the first two targets compare centres, not corners",
    "roles": "the object is measured from the proposal, not the other way round",
    "object's size": "divide by the size of the proposal, not of the object",
    "swapped": "x is divided by the width, y by the height",
    "pixels": "the shift is in widths and heights of the proposal, not in pixels",
    "log10": "the logarithm is the natural one",
    "no log": "the last two targets are logarithms",
}

BACK = {
    "first class": "the output of the proposal's own class counts, not class 0's",
    "last class": "the output of the proposal's own class counts, not the last one",
    "whitened": "the whitening is not undone",
    "no mean": "the mean is missing",
    "no deviation": "the deviation is missing",
    "whitened twice": "undo the whitening: multiply, then add",
    "mean first": "multiply by the deviation first, then add the mean",
    "deviation divides": "multiply by the deviation; whitening divided by it",
    "corner": "the first two targets move the centre, not a corner",
    "sides swapped": "x moves by widths, y by heights",
    "pixels": "the shift is in widths and heights of the proposal, not in pixels",
    "no exp": "the inverse of the logarithm is exp",
    "one plus": "the inverse of the logarithm is exp(t), not 1 + t",
    "power of 10": "the inverse of the natural logarithm is exp, not a power of 10",
    "centre form": "a box is two corners, not a centre and a size",
    "unclipped": "a box ends at the edges of the image",
    "image swapped": "x ends at the width of the image, y at its height",
}


def mistaken_targets(given: Pairs) -> dict[str, Named]:
    """For targets, means and deviations, what typical mistakes would answer."""
    proposals, objects, labels, num_classes = given
    raw = slow_targets(proposals, objects)
    whitened, means, deviations = slow_whitened(raw, labels, num_classes)
    named: dict[str, Named] = {"means": {}, "deviations": {}}
    for key, text in SHIFTS.items():
        rows = slow_targets(proposals, objects, mistake=key)
        named["means"][text] = slow_whitened(rows, labels, num_classes)[1]
    together = slow_whitened(raw, labels, num_classes, mistake="all together")
    named["means"]["each class has its own mean"] = together[1]
    named["means"]["row c belongs to class c: the background has row 0"] = means.roll(
        -1, dims=0
    )
    named["deviations"] = {
        "divide by n, not by n - 1": slow_whitened(
            raw, labels, num_classes, mistake="n - 1"
        )[2],
        "the deviation is the root of this": slow_whitened(
            raw, labels, num_classes, mistake="variance"
        )[2],
        "each class has its own deviation": together[2],
    }
    tensor = torch.tensor(raw).reshape(-1, 4)
    of_class = deviations[labels]
    named["targets"] = {
        "these are not whitened": tensor,
        "divide by the deviation": tensor - means[labels],
        "take the mean away": tensor / of_class,
        "divide by the deviation, do not multiply": (tensor - means[labels]) * of_class,
        "take the mean away first, then divide": tensor / of_class - means[labels],
        "divide by the deviation, not by its square": whitened / of_class,
    }
    return named


def mistaken_refinements(given: Refinement) -> Named:
    """What typical mistakes would answer."""
    return {text: slow_refined(given, mistake=key) for key, text in BACK.items()}


def mistaken_mining(given: Mining) -> dict[str, Named]:
    """For what is added and what is evicted, what typical mistakes would answer."""
    scores, _, is_cached, _, easy = given
    hardest = {
        "at most `most` are added in each class": "all",
        "the hardest are added: the highest scores": "the easiest of a class",
        "the hardest are added, not the first of them": "the first of a class",
        "each class has `most` places of its own": "the hardest of all",
        "of equal scores, the lower index goes first": "the last of equals",
    }
    added = {
        "from an IoU of 0.3 on, a proposal is left out": slow_mined(*given, limit=0.5),
        "at an IoU of exactly 0.3, a proposal is left out": (
            slow_mined(*given, limit=0.301)
        ),
        "a little overlap does no harm: below 0.3 it is a negative": (
            slow_mined(*given, limit=1e-9)
        ),
        "inside the margin a negative is wrong, too: a score above -1 is hard": (
            slow_mined(*given, margin=0.0)
        ),
        "a score of exactly -1 has no loss": slow_mined(*given, margin=-1.001),
        "hard is above -1, whatever `easy` is": slow_mined(*given, margin=easy),
        "what is in the cache is not added again": slow_mined(*given, again=True),
        "only what can be added takes a place, neither what is in the cache nor what "
        "overlaps": (slow_mined(*given, again=True)[0] & ~is_cached,),
    }
    added |= {text: slow_mined(*given, counts=key) for text, key in hardest.items()}
    right = slow_mined(*given)
    return {
        "added": {text: parts[0] for text, parts in added.items()}
        | {"added comes first, evicted second": right[1]},
        "evicted": {
            "only what is in the cache can be evicted": scores < easy,
            "a score equal to `easy` stays": is_cached & (scores <= easy),
            "evicted is what is below `easy`, not below -1": is_cached & (scores < -1),
            "evicted is what is below `easy`, not what is above it": (
                is_cached & (scores > easy)
            ),
            "nothing is evicted": torch.zeros_like(is_cached),
        },
    }


OPTIONS = {
    "a": "Fine-tuning does call it background, because 0.45 is below 0.5. But the SVM "
    "for cats takes as negatives only boxes with an IoU below 0.3. This one shows "
    "almost half of a cat, and would teach the SVM to reject cats.",
    "b": "The SVM for cats does leave it out. But the SVM for dogs asks for the "
    "overlap with dogs. That is 0, so that the box is a good negative: a cat is no "
    "dog.",
    "c": "Fine-tuning calls a box cat from an IoU of 0.5 on. What is below is "
    "background, and nothing is left out.",
    "d": "Below 0.5 fine-tuning says background. The SVM for cats takes only the "
    "objects themselves as positives, and leaves out what lies between. In the sweep "
    "of the paper, a limit of 0.5 in place of 0.3 cost 5 points of mAP. To the SVM for "
    "dogs, a cat is as good a negative as any.",
    "e": "0.45 is below fine-tuning's threshold of 0.5, so the box is background "
    "there. And the positives of an SVM are the objects themselves, not boxes near "
    "them.",
}
