# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 02. R-CNN
#
# Eight tasks, 10 points, about two and a half hours. They follow R-CNN from its regions
# to its training. Each task stands alone: skip one and come back. Below each answer is
# its check, with what it prints for a right answer. Run it as often as you like. It
# says which case failed, what was expected, and often why.
#
# The conventions are those of the lesson. Boxes are `(x1, y1, x2, y2)` in pixels,
# half-open: the width is `x2 - x1`. While a check runs, the functions of
# `torchvision.ops` and of `course_utils` that do such things are switched off.

# %%
import torch
from torch import Tensor

from course_utils.checks.rcnn import (
    check_filled_parts,
    check_group_similarities,
    check_merged_regions,
    check_mined_negatives,
    check_proposal_quality,
    check_refined_boxes,
    check_three_trainings_answer,
    check_whitened_targets,
)

# %% [markdown]
# ## Task 1: how similar are three regions, or more? (2 points)
#
# *About 10 lines, 25 minutes.*
#
# Selective search compares two regions at a time. A table, though, may fall into three
# regions or four. Nothing in the four similarities asks for exactly two: each has a
# natural form for a group.
#
# Write `group_similarities(regions, groups, image_size)`.
#
# - `regions` is a dict of four tensors about R regions. `"colours"` (R, C) and
#   `"textures"` (R, T) are histograms; each row has the sum 1. `"sizes"` (R,) int64
#   counts the pixels of each region. `"boxes"` (R, 4) float are the tight boxes.
# - `groups` is (G, n) int64: the n different members of each of G groups, as indices of
#   regions. A region may be in several groups.
# - `image_size` is the pair (height, width) of the image.
# - Return (G, 4) float, four numbers for each group:
#   1. Colour: what **all** the colour histograms of the group share. In each bin that
#      is the smallest of their values; add the bins up.
#   2. Texture: the same for the texture histograms.
#   3. Size: $1 - s / |I|$. Here $s$ is the number of pixels of all members together,
#      and $|I|$ that of the image.
#   4. Fill: $1 - (|B| - s) / |I|$, where $B$ is the smallest box around all members.
#
# Use no loop over groups: the check counts the steps of your code while G grows.
#
# Example: one group of three regions, in an image 8 high and 12 wide.
#
# | colours | textures | pixels | box |
# |---|---|---|---|
# | 0.5, 0.5, 0 | 1, 0 | 8 | (0, 0, 2, 4) |
# | 0.25, 0.25, 0.5 | 0.75, 0.25 | 6 | (2, 0, 4, 3) |
# | 0.5, 0.1, 0.4 | 0.25, 0.75 | 30 | (1, 2, 9, 7) |
#
# Colour: 0.25 + 0.1 + 0 = 0.35. Texture: 0.25 + 0 = 0.25. The three have 44 of the 96
# pixels. Size: 1 - 44 / 96 = 0.542. The box around all is (0, 0, 9, 7), with 63 pixels,
# of which 19 are empty. Fill: 1 - 19 / 96 = 0.802.
#
# <details><summary>Hint</summary>
#
# Indexing with a whole tensor takes the members of all groups at once:
# `regions["colours"][groups]` is (G, n, C). What becomes of the axis of members, in
# each of the four? `torch.stack([...], dim=1)` puts four (G,) tensors side by side.
#
# </details>


# %% tags=["task", "points:2", "section:Regions grow into objects"]
def group_similarities(
    regions: dict[str, Tensor], groups: Tensor, image_size: tuple[int, int]
) -> Tensor:
    """(G, 4) similarity of each group's members in colour, texture, size and fill."""
    # BEGIN SOLUTION
    image = image_size[0] * image_size[1]
    colour = regions["colours"][groups].amin(dim=1).sum(dim=1)  # (G, n, C) -> (G,)
    texture = regions["textures"][groups].amin(dim=1).sum(dim=1)
    pixels = regions["sizes"][groups].sum(dim=1)
    boxes = regions["boxes"][groups]  # (G, n, 4)
    sides = boxes[..., 2:].amax(dim=1) - boxes[..., :2].amin(dim=1)  # (G, 2)
    size = 1 - pixels / image
    fill = 1 - (sides.prod(dim=1) - pixels) / image
    return torch.stack([colour, texture, size, fill], dim=1)
    # END SOLUTION


# %% tags=["check"]
check_group_similarities(group_similarities)

# %% [markdown]
# ## Task 2: merge many regions at once (1 point)
#
# *About 10 lines, 15 minutes.*
#
# When two regions merge, selective search does not look at the pixels again. The
# histogram, the size and the box of the new region follow from those of the old ones.
# That holds for three regions and more, and the order of the merges does not matter.
#
# Write `merged_regions(histograms, sizes, boxes, groups, *, num_groups)`.
#
# - `histograms` is (R, C), each row with the sum 1. `sizes` is (R,) int64, the pixels
#   of each region, and `boxes` is (R, 4), their tight boxes.
# - `groups` is (R,) int64, from 0 to `num_groups - 1`: regions of the same group become
#   one region. Every group has at least one region.
# - Return three tensors, for G = `num_groups`: the (G, C) histograms, the (G,) int64
#   sizes, and the (G, 4) tight boxes of the merged regions.
#
# Example: regions of 30, 10 and 60 pixels, with the histograms (1, 0), (0.2, 0.8) and
# (0.5, 0.5), in the groups 0, 0 and 1. The first two become a region of 40 pixels. In
# its first bin are all of the 30 pixels and 2 of the 10, which is 32 of 40. So its
# histogram is (0.8, 0.2). The third region stays as it is. If the first two boxes are
# (0, 2, 9, 8) and (7, 0, 12, 3), the box of the group is (0, 0, 12, 8).
#
# <details><summary>Hint</summary>
#
# A histogram times the size of its region is a count of pixels, and counts add up. For
# the box: which corner needs the smallest value, which the largest? A loop over the
# groups is allowed. Begin with tensors of the right shape; then no groups are no
# special case.
#
# </details>


# %% tags=["task", "points:1", "section:Regions grow into objects"]
def merged_regions(
    histograms: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    groups: Tensor,
    *,
    num_groups: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """(G, C) histograms, (G,) sizes and (G, 4) boxes of the merged regions."""
    # BEGIN SOLUTION
    new_histograms = histograms.new_zeros(num_groups, histograms.shape[1])
    new_sizes = sizes.new_zeros(num_groups)
    new_boxes = boxes.new_zeros(num_groups, 4)
    for group in range(num_groups):
        member = groups == group
        counts = histograms[member] * sizes[member, None]
        new_sizes[group] = sizes[member].sum()
        new_histograms[group] = counts.sum(dim=0) / new_sizes[group]
        new_boxes[group, :2] = boxes[member, :2].amin(dim=0)
        new_boxes[group, 2:] = boxes[member, 2:].amax(dim=0)
    return new_histograms, new_sizes, new_boxes
    # END SOLUTION


# %% tags=["check"]
check_merged_regions(merged_regions)

# %% [markdown]
# ## Task 3: what is a budget of proposals worth? (2 points)
#
# *About 18 lines, 30 minutes.*
#
# Every proposal costs R-CNN a forward pass. You can afford a number of passes for a
# whole set of images. A crowded picture may take more of them than an empty one, so you
# spend them on the proposals with the highest scores, in whatever image they are. How
# well do these cover the objects?
#
# Write `proposal_quality(scores, overlaps, labels, *, budget, thresholds)`.
#
# - `scores` is a list with one tensor (P,) an image: the scores of its P proposals, in
#   no order. `overlaps` is a list with one tensor (P, M) an image: the IoU of these
#   proposals with its M objects. `labels` is a list with one tensor (M,) int64 an
#   image: the classes of the objects. P and M differ from image to image, and may be 0.
# - Of the proposals of **all images together**, the `budget` with the highest scores
#   count, or all, if there are fewer. If scores are equal, the earlier image goes
#   first, and in an image the earlier row.
# - The best overlap of an object is its largest IoU with the proposals of its image
#   that count, and 0 if there are none.
#
# Return two tensors.
#
# 1. Recall, (T,) float: for each of the T numbers in the list `thresholds`, the share
#    of **all** objects whose best overlap is at least the threshold.
# 2. MABO (mean average best overlap), a float tensor of shape (): in each class that
#    has objects, the mean of their best overlaps; then the mean over these classes.
#
# Without any object in any image, everything is 0.
#
# Example with `budget=3` and `thresholds=[0.5, 0.75]`:
#
# ```
# image 0, labels [1, 4]      image 1, labels [1]
# score  overlaps             score  overlaps
#  0.9    0.2  0.65            0.5    0.1
#  0.3    0.9  0.3             0.7    0.6
#  0.6    0.8  0.1
#  0.1    0.3  0.9
# ```
#
# The scores 0.9, 0.7 and 0.6 count: two proposals of image 0, and one of image 1. The
# best overlaps are 0.8, 0.65 and 0.6. All three objects reach 0.5, and one reaches
# 0.75: recall is 1 and 1/3. In class 1 the mean is (0.8 + 0.6) / 2 = 0.7; in class 4 it
# is 0.65. MABO is 0.675.
#
# <details><summary>Hint</summary>
#
# Join all scores into one tensor, mark those that count there, and split the marks:
# `marks.split([len(s) for s in scores])`. To sort, `argsort(descending=True,
# stable=True)` keeps the order of equal scores. Then find the best overlaps of all
# objects.
# `amax(dim=0)` refuses a tensor without rows; with one more row of zeros there is
# always a row. `torch.cat` refuses an empty list.
#
# </details>


# %% tags=["task", "points:2", "section:Are the proposals good?"]
def proposal_quality(
    scores: list[Tensor],
    overlaps: list[Tensor],
    labels: list[Tensor],
    *,
    budget: int,
    thresholds: list[float],
) -> tuple[Tensor, Tensor]:
    """(T,) recall at the thresholds, and MABO, a tensor of one number."""
    # BEGIN SOLUTION
    everything = torch.cat([torch.zeros(0), *scores])
    order = everything.argsort(descending=True, stable=True)
    counts = torch.zeros(len(everything), dtype=torch.bool)
    counts[order[:budget]] = True

    best = [torch.zeros(0)]
    for mark, overlap in zip(
        counts.split([len(s) for s in scores]), overlaps, strict=True
    ):
        no_proposal = torch.zeros(1, overlap.shape[1])
        best.append(torch.cat([overlap[mark], no_proposal]).amax(dim=0))
    found = torch.cat(best)
    if len(found) == 0:
        return torch.zeros(len(thresholds)), torch.tensor(0.0)
    recall = (found >= torch.tensor(thresholds)[:, None]).float().mean(dim=1)
    classes = torch.cat(labels)
    means = [found[classes == label].mean() for label in classes.unique()]
    return recall, torch.stack(means).mean()
    # END SOLUTION


# %% tags=["check"]
check_proposal_quality(proposal_quality)

# %% [markdown]
# ## Task 4: which part of a crop shows the image? (1 point)
#
# *About 8 lines, 20 minutes.*
#
# R-CNN warps each proposal to a square of `size` pixels. The proposal itself fills the
# square but for a border of `context` pixels on each side, which shows what surrounds
# it. Near the edge of the image some of the square shows nothing. R-CNN fills it with
# the mean colour, so it has to know where the image is.
#
# Write `filled_parts(boxes, *, height, width, size, context)`. `boxes` is (N, 4), all
# with an area, in an image `height` pixels high and `width` wide; some stick out or lie
# outside. Return (N, 4) float: for each box the rectangle `(x1, y1, x2, y2)` of its
# crop that shows the image, **in pixels of the crop**. If no part of the crop shows the
# image, the rectangle has no area, and lies at the side of the crop that is nearest to
# the image.
#
# Example: image 60 high and 100 wide, `size=28`, `context=4`, box (1, 50, 41, 70). The
# box fills the crop from 4 to 24, which is 20 pixels. So a pixel of the image becomes
# half a pixel of the crop in x (40 become 20), and a whole one in y (20 stay 20).
#
# | edge of the image | its place in the crop | cut off at 0 and 28 |
# |---|---|---|
# | left, x = 0 | 4 - 1 · 0.5 = 3.5 | 3.5 |
# | top, y = 0 | 4 - 50 · 1 = -46 | 0 |
# | right, x = 100 | 4 + 99 · 0.5 = 53.5 | 28 |
# | bottom, y = 60 | 4 + 10 · 1 = 14 | 14 |
#
# So the rectangle is (3.5, 0, 28, 14). The rest shows the mean colour: a strip at the
# left, and the lower half.
#
# <details><summary>Hint</summary>
#
# The scale in x maps the width of the box to `size - 2 * context`. Where do x = 0 and x
# = `width` of the image fall in the crop, if `x1` of the box falls on `context`? A crop
# begins at 0 and ends at `size`.
#
# </details>


# %% tags=["task", "points:1", "section:From a box to a picture: warping"]
def filled_parts(
    boxes: Tensor, *, height: int, width: int, size: int, context: int
) -> Tensor:
    """(N, 4) rectangles that show the image, in pixels of each crop."""
    # BEGIN SOLUTION
    low, high = boxes[:, :2], boxes[:, 2:]
    scale = (size - 2 * context) / (high - low)  # (N, 2): in x, in y
    start = context - low * scale  # where the image's first corner falls
    end = context + (torch.tensor([width, height]) - low) * scale
    return torch.cat([start, end], dim=1).clamp(min=0, max=size)
    # END SOLUTION


# %% tags=["check"]
check_filled_parts(filled_parts)

# %% [markdown]
# ## Task 5: targets that one penalty suits (1 point)
#
# *About 14 lines, 20 minutes.*
#
# A ridge regressor punishes large coefficients, and one penalty serves all four numbers
# of a box. That is fair only if the four vary equally much. So R-CNN whitens its
# targets, for each class: take the mean away and divide by the spread. (Its authors use
# the whole covariance matrix. Here each number is whitened by itself.)
#
# Write `whitened_targets(proposals, objects, labels, *, num_classes)`.
#
# - Row n of the (N, 4) `proposals` belongs to row n of the (N, 4) `objects`, whose
#   class is `labels[n]`, from 1 to `num_classes - 1`. All boxes have an area.
# - The four targets of a pair, for a proposal with centre $(p_x, p_y)$, width $p_w$ and
#   height $p_h$, and an object with the same for $g$, are
#
# $$\frac{g_x - p_x}{p_w}, \quad \frac{g_y - p_y}{p_h}, \quad
# \ln \frac{g_w}{p_w}, \quad \ln \frac{g_h}{p_h}$$
#
# - The mean and the deviation of a class are over the examples of this class. The
#   deviation is the root of the mean squared distance to the mean (divide by n, not by
#   n - 1). One below 0.001 becomes 1, for there is nothing to scale.
# - A class without examples, such as the background 0, has mean 0 and deviation 1.
#
# Return three tensors: the (N, 4) whitened targets; the means and the deviations, both
# (`num_classes`, 4), row c for class c.
#
# Example: two examples of class 2. In both the proposal is (0, 0, 40, 20). The objects
# are (10, 0, 50, 20) and (0, 0, 40, 20). The targets are (0.25, 0, 0, 0) and (0, 0, 0,
# 0). Their mean is (0.125, 0, 0, 0), and the deviation is (0.125, 1, 1, 1), where 1
# stands for 0. Whitened, they are (1, 0, 0, 0) and (-1, 0, 0, 0).
#
# <details><summary>Hint</summary>
#
# First all N targets, then a loop over the classes that occur. `tensor.std(dim=0,
# correction=0)` divides by n. `tensor.where(condition, 1)` replaces the values where
# the condition is false. With `means[labels]`, every example has the mean of its class.
#
# </details>


# %% tags=["task", "points:1", "section:The fourth stage: correcting the box"]
def whitened_targets(
    proposals: Tensor, objects: Tensor, labels: Tensor, *, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """(N, 4) targets, and (num_classes, 4) means and deviations of each class."""
    # BEGIN SOLUTION
    sides, object_sides = (b[:, 2:] - b[:, :2] for b in (proposals, objects))
    centres, object_centres = (b[:, 2:] + b[:, :2] for b in (proposals, objects))
    shift = (object_centres - centres) / 2 / sides
    targets = torch.cat([shift, (object_sides / sides).log()], dim=1)  # (N, 4)

    means = torch.zeros(num_classes, 4)
    deviations = torch.ones(num_classes, 4)
    for label in labels.unique():
        of_class = targets[labels == label]
        spread = of_class.std(dim=0, correction=0)
        means[label] = of_class.mean(dim=0)
        deviations[label] = spread.where(spread >= 0.001, 1)
    return (targets - means[labels]) / deviations[labels], means, deviations
    # END SOLUTION


# %% tags=["check"]
check_whitened_targets(whitened_targets)

# %% [markdown]
# ## Task 6: and back to boxes (1 point)
#
# *About 12 lines, 15 minutes.*
#
# At test time the way leads back. Every proposal has a class by now, and each class has
# its own regressor, which answers in whitened numbers.
#
# Write `refined_boxes(proposals, outputs, labels, means, deviations, *, height,
# width)`.
#
# - `proposals` is (N, 4), all with an area. `outputs` is (N, K, 4): what the regressors
#   of all K classes say about each proposal. `labels` is (N,) int64: the class of each
#   proposal, from 0 to K - 1.
# - `means` and `deviations` are (K, 4), as task 5 returns them.
# - Undo the whitening of the class's own output; undo the formulas of task 5; cut the
#   box off at the edges of the image, which is `height` high and `width` wide.
# - Return (N, 4) float.
#
# Example: proposal (10, 20, 30, 30), label 1. For class 1 the output is (0.5, 0, 0, 0),
# the mean (0.1, 0, 0, 0), the deviation (0.5, 1, 1, 1). So the first target is 0.5 ·
# 0.5 + 0.1 = 0.35. The width is 20, so the centre moves by 7 pixels, from x = 20 to x =
# 27. The box is (17, 20, 37, 30).
#
# <details><summary>Hint</summary>
#
# `outputs[torch.arange(N), labels]` is (N, 4). Solve the four formulas for $g_x$,
# $g_y$, $g_w$ and $g_h$; the inverse of the logarithm is `exp`. Corners come last.
#
# </details>


# %% tags=["task", "points:1", "section:The fourth stage: correcting the box"]
def refined_boxes(
    proposals: Tensor,
    outputs: Tensor,
    labels: Tensor,
    means: Tensor,
    deviations: Tensor,
    *,
    height: int,
    width: int,
) -> Tensor:
    """(N, 4) boxes that the regressors of the given classes make of proposals."""
    # BEGIN SOLUTION
    whitened = outputs[torch.arange(len(labels)), labels]  # (N, 4)
    targets = whitened * deviations[labels] + means[labels]
    sides = proposals[:, 2:] - proposals[:, :2]
    centres = (proposals[:, :2] + proposals[:, 2:]) / 2 + targets[:, :2] * sides
    half = sides * targets[:, 2:].exp() / 2
    boxes = torch.cat([centres - half, centres + half], dim=1)
    return boxes.clamp(min=0).minimum(torch.tensor([width, height, width, height]))
    # END SOLUTION


# %% tags=["check"]
check_refined_boxes(refined_boxes)

# %% [markdown]
# ## Task 7: one pass of hard negatives (1 point)
#
# *About 12 lines, 20 minutes.*
#
# An SVM cannot look at millions of negatives at once. It learns from a small cache of
# them. A pass over an image adds the negatives that the SVM gets wrong now, and throws
# out those that have become easy. R-CNN has one SVM and one cache for each class.
#
# Write `mined_negatives(scores, overlaps, is_cached, *, most, easy)` for P proposals
# and K classes. Each class is a column.
#
# - `scores` is (P, K) float, what the SVM of each class says. A negative is right, with
#   no loss, if its score is at most -1.
# - `overlaps` is (P, K) float, the largest IoU of the proposal with an object **of this
#   class**, and 1 for the objects themselves.
# - `is_cached` is (P, K) bool: whether the proposal is in the cache of the class now.
# - Proposals may be negatives of a class if their IoU is below 0.3. Those from 0.3 on
#   are left out, because they hold much of the object.
# - **Added** are negatives with a score above -1, unless they are in the cache already;
#   of these, in each class, at most the `most` with the highest scores. If scores are
#   equal, the proposal with the lower index goes first.
# - **Evicted** are proposals in the cache with a score below `easy`, a number below -1.
# - Return two (P, K) bool tensors: which are added, and which are evicted.
#
# Example: one class, `most=1`, `easy=-1.2` as in R-CNN.
#
# | score | IoU | in the cache | |
# |---|---|---|---|
# | 0.8 | 0.1 | yes | stays: still hard |
# | 0.5 | 0.4 | no | left out: too much overlap |
# | 0.3 | 0.2 | no | added |
# | 0.1 | 0.0 | no | hard too, but `most` is 1 |
# | -0.4 | 0.0 | no | the same |
# | -1.1 | 0.0 | yes | stays: not below -1.2 |
# | -1.5 | 0.1 | yes | evicted |
#
# <details><summary>Hint</summary>
#
# First a (P, K) tensor that says who could be added. Give the others the score
# `-torch.inf` and sort each column: `argsort(dim=0, descending=True, stable=True)`
# keeps the order of equal scores. What has one of the first `most` places, and could be
# added, is added.
#
# </details>


# %% tags=["task", "points:1", "section:Hard negatives"]
def mined_negatives(
    scores: Tensor, overlaps: Tensor, is_cached: Tensor, *, most: int, easy: float
) -> tuple[Tensor, Tensor]:
    """(P, K) bool, twice: which proposals join the caches, and which leave them."""
    # BEGIN SOLUTION
    is_hard = (overlaps < 0.3) & (scores > -1) & ~is_cached
    ranked = scores.where(is_hard, -torch.inf)
    first = ranked.argsort(dim=0, descending=True, stable=True)[:most]
    is_first = torch.zeros_like(is_hard).scatter(0, first, True)
    return is_hard & is_first, is_cached & (scores < easy)
    # END SOLUTION


# %% tags=["check"]
check_mined_negatives(mined_negatives)

# %% [markdown]
# ## Task 8: one proposal, three trainings (1 point)
#
# *One letter, 5 minutes.*
#
# A proposal covers a cat with an IoU of 0.45. It touches nothing else. R-CNN may use it
# in three trainings: when the network is fine-tuned, when the SVM for cats is trained,
# and when the SVM for dogs is trained. What is it there?
#
# | | fine-tuning | SVM for cats | SVM for dogs |
# |---|---|---|---|
# | `"a"` | background | negative | negative |
# | `"b"` | background | left out | left out |
# | `"c"` | cat | left out | negative |
# | `"d"` | background | left out | negative |
# | `"e"` | cat | positive | negative |
#
# Put the letter, with its quotes, in `three_trainings_answer`.
#
# <details><summary>Hint</summary>
#
# Each training has its own threshold. And an SVM asks for the overlap with the objects
# of its own class.
#
# </details>

# %% tags=["task", "points:1", "section:Two sets of labels"]
# three_trainings_answer = (a letter in quotes)
# BEGIN SOLUTION
three_trainings_answer = "d"
# END SOLUTION

# %% tags=["check"]
check_three_trainings_answer(three_trainings_answer)
