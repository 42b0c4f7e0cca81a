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
    check_merged_regions,
    check_mined_negatives,
    check_proposal_quality,
    check_refined_boxes,
    check_region_similarities,
    check_three_trainings_answer,
    check_whitened_targets,
)

# %% [markdown]
# ## Task 1: how similar are all the regions? (2 points)
#
# *About 12 lines, 25 minutes.*
#
# Selective search starts by comparing regions. An image has hundreds of them, so a loop
# over all pairs is slow. Compare them all at once.
#
# Write `region_similarities(colours, textures, sizes, boxes, image_size)` for R regions
# of an image. `image_size` is the pair (height, width).
#
# - `colours` is (R, C) float and `textures` is (R, T) float. Each row is a histogram
#   with the sum 1.
# - `sizes` is (R,) int64, the pixels of each region. `boxes` is (R, 4) float, the tight
#   box of each region.
# - Return (R, R, 4) float. Entry `[i, j]` holds four numbers for regions i and j:
#   1. Colour: what the two colour histograms share. In each bin that is the smaller of
#      both values; add the bins up.
#   2. Texture: the same for the texture histograms.
#   3. Size: $1 - (|i| + |j|) / |I|$, where bars count pixels and $I$ is the image.
#   4. Fill: $1 - (|B_{ij}| - |i| - |j|) / |I|$, where $B_{ij}$ is the smallest box
#      around both regions.
#
# The diagonal follows the same formulas, though nobody reads it. Use no loop over
# regions: the check counts the steps of your code while R grows.
#
# Example: two regions of an image 4 high and 6 wide.
#
# | region | colours | textures | pixels | box |
# |---|---|---|---|---|
# | 0 | 0.5, 0.5, 0 | 1, 0 | 8 | (0, 0, 2, 4) |
# | 1 | 0.25, 0.25, 0.5 | 0.75, 0.25 | 6 | (2, 0, 4, 3) |
#
# Colour: 0.25 + 0.25 + 0 = 0.5. Texture: 0.75 + 0 = 0.75. Size: 1 - 14 / 24 = 0.417.
# The box around both is (0, 0, 4, 4), with 16 pixels, of which the regions fill 14.
# Fill: 1 - (16 - 14) / 24 = 0.917.
#
# <details><summary>Hint</summary>
#
# With `[:, None]` a tensor of regions gets a second axis: for an (R, C) tensor `a`,
# `torch.minimum(a[:, None], a)` is (R, R, C). The box around two boxes has the smaller
# first corner and the larger second corner. `torch.stack([...], dim=-1)` puts four
# (R, R) tensors side by side.
#
# </details>


# %% tags=["task", "points:2"]
def region_similarities(
    colours: Tensor,
    textures: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    image_size: tuple[int, int],
) -> Tensor:
    """(R, R, 4) similarity of all pairs in colour, texture, size and fill."""
    # BEGIN SOLUTION
    image = image_size[0] * image_size[1]
    colour = torch.minimum(colours[:, None], colours).sum(dim=-1)  # (R, R)
    texture = torch.minimum(textures[:, None], textures).sum(dim=-1)
    both = sizes[:, None] + sizes  # (R, R)
    low = torch.minimum(boxes[:, None, :2], boxes[:, :2])  # (R, R, 2)
    high = torch.maximum(boxes[:, None, 2:], boxes[:, 2:])
    around = (high - low).prod(dim=-1)
    size = 1 - both / image
    fill = 1 - (around - both) / image
    return torch.stack([colour, texture, size, fill], dim=-1)
    # END SOLUTION


# %% tags=["check"]
check_region_similarities(region_similarities)

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
# - `histograms` (R, C), `sizes` (R,) int64 and `boxes` (R, 4) are as in task 1.
# - `groups` is (R,) int64, from 0 to `num_groups - 1`: regions of the same group become
#   one region. Every group has at least one region.
# - Return three tensors, for G = `num_groups`: the (G, C) histograms, the (G,) int64
#   sizes, and the (G, 4) tight boxes of the merged regions.
#
# Example: regions of 30, 10 and 60 pixels, with the histograms (1, 0), (0.2, 0.8) and
# (0.5, 0.5), in the groups 0, 0 and 1. The first two become a region of 40 pixels. In
# its first bin are all of the 30 pixels and 2 of the 10, which is 32 of 40. So its
# histogram is (0.8, 0.2). The third region stays as it is.
#
# <details><summary>Hint</summary>
#
# A histogram times the size of its region is a count of pixels, and counts add up. For
# the box: which corner needs the smallest value, which the largest? A loop over the
# groups is allowed. Begin with tensors of the right shape; then no groups are no
# special case.
#
# </details>


# %% tags=["task", "points:1"]
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
# ## Task 3: are the proposals good? (2 points)
#
# *About 15 lines, 25 minutes.*
#
# No detector finds an object that the proposals miss. Two measures say how many they
# miss. Recall counts the objects that some proposal covers well enough. But how well is
# enough? So recall is measured at several thresholds. MABO (mean average best overlap)
# needs no threshold, and counts rare classes as much as frequent ones.
#
# Write `proposal_quality(overlaps, labels, *, most, thresholds)`.
#
# - `overlaps` is a list with one tensor (P, G) an image: the IoU of its P proposals,
#   best first, with its G objects. P and G differ from image to image, and may be 0.
# - `labels` is a list with one tensor (G,) int64 an image: the classes of its objects.
# - Only the first `most` proposals of an image count, or all, if it has fewer.
# - The best overlap of an object is its largest IoU with these proposals, and 0 if
#   there are none.
#
# Return two tensors.
#
# 1. (T,) float: for each of the T numbers in the list `thresholds`, the share of
#    **all** objects whose best overlap is at least the threshold.
# 2. MABO, a float tensor of shape (): in each class that has objects, the mean of their
#    best overlaps; then the mean over these classes.
#
# Without any object in any image, everything is 0.
#
# Example with `most=2` and `thresholds=[0.5, 0.75]`:
#
# ```
# image 0, labels [1, 4]      image 1, labels [1]
#   0.2  0.7                    0.4
#   0.8  0.1
#   0.9  0.3
# ```
#
# The third row of image 0 does not count. The best overlaps are 0.8, 0.7 and 0.4. Two
# of the three objects reach 0.5, and one reaches 0.75: recall is 2/3 and 1/3. In class
# 1 the mean is (0.8 + 0.4) / 2 = 0.6; in class 4 it is 0.7. MABO is 0.65.
#
# <details><summary>Hint</summary>
#
# Begin with the best overlaps of all objects of all images in one tensor, and their
# labels in another. `amax(dim=0)` refuses a tensor without rows; with one more row of
# zeros there is always a row. `torch.cat` refuses an empty list.
#
# </details>


# %% tags=["task", "points:2"]
def proposal_quality(
    overlaps: list[Tensor],
    labels: list[Tensor],
    *,
    most: int,
    thresholds: list[float],
) -> tuple[Tensor, Tensor]:
    """(T,) recall at the thresholds, and MABO, a tensor of one number."""
    # BEGIN SOLUTION
    best, classes = [torch.zeros(0)], [torch.zeros(0, dtype=torch.int64)]
    for overlap, label in zip(overlaps, labels, strict=True):
        no_proposal = torch.zeros(1, overlap.shape[1])
        best.append(torch.cat([overlap[:most], no_proposal]).amax(dim=0))
        classes.append(label)
    all_best, all_classes = torch.cat(best), torch.cat(classes)
    if len(all_best) == 0:
        return torch.zeros(len(thresholds)), torch.tensor(0.0)
    reached = all_best >= torch.tensor(thresholds)[:, None]  # (T, objects)
    means = [all_best[all_classes == c].mean() for c in all_classes.unique()]
    return reached.float().mean(dim=1), torch.stack(means).mean()
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


# %% tags=["task", "points:1"]
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


# %% tags=["task", "points:1"]
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


# %% tags=["task", "points:1"]
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


# %% tags=["task", "points:1"]
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

# %% tags=["task", "points:1"]
# three_trainings_answer = (a letter in quotes)
# BEGIN SOLUTION
three_trainings_answer = "d"
# END SOLUTION

# %% tags=["check"]
check_three_trainings_answer(three_trainings_answer)
