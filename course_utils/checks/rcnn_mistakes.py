"""What typical mistakes in tasks 1 to 4 of assignment 02 would answer, in words."""

import torch
from torch import Tensor

from course_utils.checks.rcnn_cases import Crops, Merge, Proposals, Regions
from course_utils.checks.rcnn_oracles import (
    slow_best,
    slow_filled,
    slow_mabo,
    slow_merged,
    slow_recall,
    slow_similarities,
)

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


def mistaken_similarities(regions: Regions) -> dict[str, Named]:
    """For each of the four similarities, what typical mistakes would answer."""

    def part(place: int, **mistake: str) -> Tensor:
        return slow_similarities(*regions, **mistake)[..., place]  # type: ignore[arg-type]

    right = slow_similarities(*regions)
    greater = slow_similarities(*regions, shared=max)
    product = slow_similarities(*regions, shared=lambda a, b: a * b)
    apart = slow_similarities(*regions, shared=lambda a, b: abs(a - b))
    named: dict[str, Named] = {
        "colour": {"colour comes first, texture second": right[..., 1]},
        "texture": {"colour comes first, texture second": right[..., 0]},
    }
    for place, (name, histograms) in enumerate(zip(named, regions[:2], strict=True)):
        bins = max(histograms.shape[1], 1)
        named[name] |= {
            "the smaller of both counts in each bin, not the larger": greater[
                ..., place
            ],
            "take the smaller of both in each bin, not their product": (
                product[..., place]
            ),
            "this is how much the histograms differ": apart[..., place],
            "add the bins up; this is their mean": right[..., place] / bins,
        }
    named["size"] = {
        "small regions are similar: 1 - the share of the image": part(2, size="share"),
        "both regions count": part(2, size="one region"),
        "add both sizes; this is their difference": part(2, size="difference"),
        "size is the third, fill the fourth": right[..., 3],
    }
    named["fill"] = {
        "the box around both regions, not what their boxes share": (
            part(3, fill="overlap")
        ),
        "take away the pixels of the regions, not the areas of their boxes": (
            part(3, fill="areas of boxes")
        ),
        "the pixels of both regions are taken away from the box": (
            part(3, fill="pixels kept")
        ),
        "divide by the image, not by the box": part(3, fill="of the box"),
        "well filled is similar: 1 - the empty share": part(3, fill="share"),
        "size is the third, fill the fourth": right[..., 2],
    }
    return named


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
    overlaps, labels, most, thresholds = given
    images = slow_best(overlaps, labels, most)
    unlimited = slow_best(overlaps, labels, None)
    skipped = slow_best(overlaps, labels, most, skips_empty=True)
    return {
        "recall": {
            "an overlap equal to the threshold is enough": slow_recall(
                images, thresholds, strict=True
            ),
            "all objects count alike, not all images": slow_recall(
                images, thresholds, per_image=True
            ),
            "only the first `most` proposals count": slow_recall(unlimited, thresholds),
            "objects in an image without proposals are missed, and count": (
                slow_recall(skipped, thresholds)
            ),
        },
        "MABO": {
            "all classes count alike, not all objects": slow_mabo(images, per="object"),
            "all classes count alike, not all images": slow_mabo(images, per="image"),
            "only the first `most` proposals count": slow_mabo(unlimited),
            "objects in an image without proposals have the overlap 0": (
                slow_mabo(skipped)
            ),
            "only classes that have objects count": slow_mabo(images, per="largest"),
        },
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
