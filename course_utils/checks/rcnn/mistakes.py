"""What typical mistakes in tasks 1 to 4 of assignment 02 would answer, in words."""

import itertools
import math

import torch
from torch import Tensor

from course_utils.checks.rcnn.cases import Merge, Regions
from course_utils.checks.rcnn.oracles import (
    Proposals,
    slow_best,
    slow_filled,
    slow_mabo,
    slow_merged,
    slow_recall,
    slow_similarities,
)
from course_utils.checks.rcnn.proposal_cases import Crops

Named = dict[str, Tensor]

CROP = {
    "one border": "there is context on both sides: size - 2 * context",
    "no context": "the box does not fill the crop: there is context around it",
    "no offset": "the box begins at `context` in the crop, not at 0",
    "no context, but an offset": "the box fills size - 2 * context pixels, not all",
    "context in the image": "`context` counts pixels of the crop, not of the image",
    "one scale": "x and y have scales of their own",
    "inverse": "the scale is pixels of the crop for one of the image",
    "swapped": "x ends at the width of the image, y at its height",
    "unclipped": "a crop begins at 0 and ends at `size`",
}


def mistaken_similarities(given: Regions) -> dict[str, Named]:
    """For each of the four similarities, what typical mistakes would answer."""
    regions, groups, image_size = given
    right = slow_similarities(*given)
    greater = slow_similarities(*given, shared=max)
    product = slow_similarities(*given, shared=math.prod)
    spread = slow_similarities(*given, shared=lambda bins: max(bins) - min(bins))
    mean = slow_similarities(*given, shared=lambda bins: sum(bins) / len(bins))
    pairs = mean_of_pairs(given)
    first_two = slow_similarities(regions, groups[:, :2], image_size)
    named: dict[str, Named] = {
        "colour": {"colour comes first, texture second": right[..., 1]},
        "texture": {"colour comes first, texture second": right[..., 0]},
    }
    for place, (name, key) in enumerate(zip(named, regions, strict=False)):
        bins = regions[key].shape[1]
        named[name] |= {
            "all members count, not the first two": first_two[:, place],
            "the smallest counts in each bin, not the largest": greater[:, place],
            "the smallest counts in each bin, not the product": product[:, place],
            "the smallest counts in each bin, not the mean": mean[:, place],
            "this is how much the histograms differ": spread[:, place],
            "add the bins up; this is their mean": right[:, place] / bins,
        }
    sizes = {
        "small regions are similar: 1 - the share of the image": "share",
        "the pixels of all members count, not those of the first": "first",
        "add the sizes up; this is their mean": "mean",
        "all members count, not the first two": "two",
    }
    fills = {
        "the box around the regions, not what their boxes share": "overlap",
        "take away the pixels of the regions, not the areas of their boxes": (
            "areas of boxes"
        ),
        "the pixels of the regions are taken away from the box": "pixels kept",
        "divide by the image, not by the box": "of the box",
        "well filled is similar: 1 - the empty share": "share",
    }
    named["size"] = {
        text: slow_similarities(*given, size=key)[:, 2] for text, key in sizes.items()
    }
    named["fill"] = {
        text: slow_similarities(*given, fill=key)[:, 3] for text, key in fills.items()
    }
    named["fill"]["all members count, not the first two"] = first_two[:, 3]
    for name, place in (("size", 3), ("fill", 2)):
        named[name]["size is the third, fill the fourth"] = right[:, place]
    for place, name in enumerate(named):
        named[name]["all members count at once; this is the mean over their pairs"] = (
            pairs[:, place]
        )
    return named


def mean_of_pairs(given: Regions) -> Tensor:
    """(G, 4) similarities of two members, in the mean over all pairs of a group."""
    regions, groups, image_size = given
    pairs = list(itertools.combinations(range(groups.shape[1]), 2)) or [(0, 0)]
    values = [slow_similarities(regions, groups[:, p], image_size) for p in pairs]
    return torch.stack(values).mean(dim=0)


def mistaken_merges(merge: Merge) -> dict[str, Named]:
    """For each part, what typical mistakes would answer."""
    _, _, boxes, groups, num_groups = merge
    right = slow_merged(*merge)
    plain = slow_merged(*merge, weight="one")[0]
    count = groups.bincount(minlength=num_groups)
    sums = plain * count[:, None]
    members = [boxes[groups == group] for group in range(num_groups)]
    narrow, mean = torch.zeros_like(right[2]), torch.zeros_like(right[2])
    first, same = torch.zeros_like(right[2]), torch.zeros_like(right[2])
    for group, rows in enumerate(members):
        narrow[group] = torch.cat([rows[:, :2].amax(0), rows[:, 2:].amin(0)])
        mean[group], first[group] = rows.mean(0), rows[0]
        same[group] = rows.amin(0)
    return {
        "histograms": {
            "a large region counts more: weight by the sizes": plain,
            "weight by the pixels of the regions, not by their boxes": (
                slow_merged(*merge, weight="box")[0]
            ),
            "a histogram has the sum 1: divide by the size of the group": (
                right[0] * right[1][:, None]
            ),
            "a sum of histograms has to be weighted and divided": sums,
            "divide by the pixels of the group, not by the number of regions": (
                right[0] * (right[1] / count.clamp(min=1))[:, None]
            ),
        },
        "sizes": {
            "the sizes of the members add up; this counts the members": count,
            "regions do not overlap: their pixels add up": (
                (right[2][:, 2:] - right[2][:, :2]).prod(dim=1).long()
            ),
        },
        "boxes": {
            "the box is around all members: smallest x1, largest x2": narrow,
            "the box is around all members, not between them": mean,
            "the box is around all members; this is the first one's": first,
            "the second corner is the largest one": same,
        },
    }


def mistaken_quality(given: Proposals) -> dict[str, Named]:
    """For recall and MABO, what typical mistakes would answer."""
    thresholds = given[-1]
    images = slow_best(given)
    kept = {
        "the budget is for all images together, not for each": "best of an image",
        "only the proposals with the highest scores count": "first of all",
        "of equal scores, the earlier image and the earlier row go first": (
            "last of equals"
        ),
        "only as many proposals as the budget allows count": "all",
        "the highest scores count, not the lowest": "worst of all",
    }
    others = {text: slow_best(given, kept=key) for text, key in kept.items()}
    others["objects in an image without proposals are missed, and count"] = slow_best(
        given, skips_empty=True
    )
    recall = {text: slow_recall(other, thresholds) for text, other in others.items()}
    mabo = {text: slow_mabo(other) for text, other in others.items()}
    return {
        "recall": {
            "an overlap equal to the threshold is enough": slow_recall(
                images, thresholds, strict=True
            ),
            "all objects count alike, not all images": slow_recall(
                images, thresholds, per_image=True
            ),
        }
        | recall,
        "MABO": {
            "all classes count alike, not all objects": slow_mabo(images, per="object"),
            "all classes count alike, not all images": slow_mabo(images, per="image"),
            "only classes that have objects count": slow_mabo(images, per="largest"),
        }
        | mabo,
    }


def mistaken_crops(given: Crops) -> Named:
    """What typical mistakes would answer."""
    right = slow_filled(*given)
    named = {text: slow_filled(*given, mistake=key) for key, text in CROP.items()}
    named["x comes first in a rectangle"] = right[:, [1, 0, 3, 2]]
    named["a rectangle is two corners, not a corner and a size"] = torch.cat(
        [right[:, :2], right[:, 2:] - right[:, :2]], dim=1
    )
    return named
