# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 01. Sliding windows
#
# Seven tasks, 10 points, about two hours. Each task stands alone: skip one and come
# back. Below each answer is its check, with what it prints for a right answer. Run it
# as often as you like. It says which case failed, what was expected, and often why.
#
# The conventions are those of the lesson. Boxes are `(x1, y1, x2, y2)` in pixels,
# half-open: a pixel in column `x2` or row `y2` is outside. While a check runs, the
# functions of `torchvision.ops` and of `course_utils` that do such things are switched
# off.

# %%
import torch
from torch import Tensor

from course_utils.checks.sliding_windows import (
    check_covering_windows,
    check_distance_iou,
    check_false_alarms_answer,
    check_operating_points,
    check_paper_average_precision,
    check_soft_nms_scores,
    check_window_sums,
)

# %% [markdown]
# ## Task 1: windows that cover the image (2 points)
#
# *About 12 lines, 20 minutes.*
#
# The grid of the lesson leaves a strip uncovered. With a stride of 4, windows 4 wide in
# an image 10 wide start at 0 and 4, and no window looks at columns 8 and 9. A detector
# for large aerial photographs cannot afford that. So it adds one window, moved back
# until it touches the border.
#
# Write `covering_windows(height, width, sizes, *, stride)`.
#
# - `sizes` is a list of pairs `(window height, window width)`.
# - Along each side, windows start at 0, `stride`, `2 * stride` and so on, as long as
#   they fit. If the last one does not end at the border, one more starts so that it
#   does.
# - A size that does not fit in the image gives no window.
# - Return (N, 4) float32 boxes: size after size in the given order, within a size row
#   by row, and from left to right in a row.
#
# Example: height 4, width 10, one size (4, 4), stride 4. The windows start at x = 0, 4
# and 6, so the answer is `[[0, 0, 4, 4], [4, 0, 8, 4], [6, 0, 10, 4]]`.
#
# <details><summary>Hint</summary>
#
# Write a function for one side that returns the list of starts. Which start does the
# border need, and when is it in the list already? Rows and columns then use the same
# function. `torch.tensor([])` has shape (0,); `reshape(-1, 4)` makes it (0, 4).
#
# </details>


# %% tags=["task", "points:2", "section:Stride and scale: a grid"]
def covering_windows(
    height: int, width: int, sizes: list[tuple[int, int]], *, stride: int
) -> Tensor:
    """(N, 4) windows of every size that leave no strip at the border."""
    # BEGIN SOLUTION

    def starts(length: int, size: int) -> list[int]:
        if size > length:
            return []
        return [*range(0, length - size, stride), length - size]

    windows = [
        (x, y, x + window_width, y + window_height)
        for window_height, window_width in sizes
        for y in starts(height, window_height)
        for x in starts(width, window_width)
    ]
    return torch.tensor(windows, dtype=torch.float32).reshape(-1, 4)
    # END SOLUTION


# %% tags=["check"]
check_covering_windows(covering_windows)

# %% [markdown]
# ## Task 2: the sum in any window, without a loop (2 points)
#
# *About 6 lines, 20 minutes.*
#
# The first face detector that ran in real time (Viola and Jones, 2001) asked for sums
# of pixels in thousands of windows. Adding the pixels of each one takes too long.
# Instead, it made one table: the entry at row `y`, column `x` is the sum of all pixels
# above `y` and left of `x`. Then four entries give the sum in any window, however
# large.
#
# Write `window_sums(image, windows)`. `image` is (H, W) float. `windows` is (N, 4)
# int64, all inside the image; a window may be empty, and then its sum is 0. Return (N,)
# float. Use no loop over windows, rows or columns: the check counts the steps of your
# code while these numbers grow.
#
# Example:
#
# ```
# image          table
#                0   0   0   0
# 1   2   3      0   1   3   6
# 4   5   6      0   5  12  21
# ```
#
# The window `(1, 0, 3, 2)` holds 2 + 3 + 5 + 6 = 16. By the table: 21 - 0 - 5 + 0.
#
# <details><summary>Hint</summary>
#
# `cumsum` along rows, then along columns. "Above `y` and left of `x`" leaves out row
# `y` and column `x`, so the table has H + 1 rows and W + 1 columns, and begins with
# zeros: `torch.nn.functional.pad(table, (1, 0, 1, 0))`. Then index it with whole
# columns of `windows`, as in `table[y2, x2]`.
#
# </details>


# %% tags=["task", "points:2", "section:All windows in one pass"]
def window_sums(image: Tensor, windows: Tensor) -> Tensor:
    """(N,) sums of the pixels of an (H, W) image in (N, 4) windows."""
    # BEGIN SOLUTION
    table = torch.nn.functional.pad(image.cumsum(0).cumsum(1), (1, 0, 1, 0))
    x1, y1, x2, y2 = windows.unbind(dim=1)
    return table[y2, x2] - table[y1, x2] - table[y2, x1] + table[y1, x1]
    # END SOLUTION


# %% tags=["check"]
check_window_sums(window_sums)

# %% [markdown]
# ## Task 3: overlap that sees distance (1 point)
#
# *About 12 lines, 15 minutes.*
#
# Two boxes that do not touch have IoU 0, whether they are 1 pixel apart or 1,000. So
# IoU cannot say which of two misses is better. Distance-IoU can (Zheng et al., 2020):
#
# $$\text{DIoU} = \text{IoU} - \frac{\rho^2}{c^2}$$
#
# Here $\rho$ is the distance between the two centres, and $c$ is the diagonal of the
# smallest box that holds both.
#
# Write `distance_iou(a, b)`: (N, 4) and (M, 4) boxes -> (N, M) values. Two boxes
# without area have IoU 0. Where both boxes are the same point, the second term is 0
# too.
#
# Example: (0, 0, 2, 2) and (2, 0, 4, 2) share no area. The centres are 2 apart, and the
# box around both is 4 by 2. So DIoU = 0 - 4 / 20 = -0.2.
#
# <details><summary>Hint</summary>
#
# With `a[:, None]` (N, 1, 4) and `b` (M, 4), `torch.maximum` and `torch.minimum` give
# all pairs at once. One pair of corners makes the overlap; the other makes the box
# around both. To divide where 0 / 0 may happen, divide by `c2.clamp(min=1e-12)`: the
# numerator is 0 there anyway.
#
# </details>


# %% tags=["task", "points:1", "section:How much do two boxes overlap?"]
def distance_iou(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) distance-IoU of every box in `a` with every box in `b`."""
    # BEGIN SOLUTION
    a = a[:, None]  # (N, 1, 4)
    low, high = torch.maximum(a, b)[..., :2], torch.minimum(a, b)[..., 2:]
    overlap = (high - low).clamp(min=0).prod(dim=-1)  # (N, M)
    area_a = (a[..., 2:] - a[..., :2]).prod(dim=-1)  # (N, 1)
    area_b = (b[..., 2:] - b[..., :2]).prod(dim=-1)  # (M,)
    iou = overlap / (area_a + area_b - overlap).clamp(min=1e-12)

    outer = torch.maximum(a, b)[..., 2:] - torch.minimum(a, b)[..., :2]  # (N, M, 2)
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2  # (N, M, 2)
    c2 = outer.square().sum(dim=-1)
    return iou - apart.square().sum(dim=-1) / c2.clamp(min=1e-12)
    # END SOLUTION


# %% tags=["check"]
check_distance_iou(distance_iou)

# %% [markdown]
# ## Task 4: soft-NMS (2 points)
#
# *About 10 lines, 25 minutes.*
#
# NMS throws a box away when it overlaps a better one. Where two people stand close
# together, it throws a person away. Soft-NMS (Bodla et al., 2017) only lowers the
# score:
#
# 1. Of the boxes not picked yet, pick the one with the highest score. If several have
#    it, pick the first. A picked box keeps its score.
# 2. Every box not picked yet **of the same class** has its score multiplied by
#    $e^{-\text{IoU}^2 / \sigma}$, with its IoU with the picked box.
# 3. Repeat until all are picked.
#
# Write `soft_nms_scores(overlaps, scores, labels, *, sigma)`. `overlaps` is (N, N), the
# IoU of every box with every other; `scores` is (N,) and `labels` is (N,) int64. Return
# the (N,) new scores, in the order of the boxes. A loop over the picks is needed here,
# because each pick depends on the one before. Leave the inputs as they are.
#
# Example with `sigma=0.5` and four boxes, the last of another class:
#
# | box | label | score | IoU with 0 | IoU with 1 | IoU with 2 |
# |---|---|---|---|---|---|
# | 0 | 1 | 0.9 | 1 | 0.8 | 0 |
# | 1 | 1 | 0.8 | 0.8 | 1 | 0.5 |
# | 2 | 1 | 0.7 | 0 | 0.5 | 1 |
# | 3 | 2 | 0.6 | 0.9 | 0 | 0 |
#
# Box 0 is picked. Box 1 falls to 0.8 · e^(-0.64 / 0.5) = 0.222; box 3 is of another
# class and keeps 0.6. Now box 2 is the best. It is picked with 0.7, and box 1 falls
# once more, to 0.222 · e^(-0.25 / 0.5) = 0.135. The new scores are 0.9, 0.135, 0.7 and
# 0.6.
#
# <details><summary>Hint</summary>
#
# Work on `scores.clone()`, with a second tensor of bools that says who is still
# waiting. To pick among the waiting ones, take the `argmax` of the scores with -1 in
# the other places: `scores.where(waiting, -1)`.
#
# </details>


# %% tags=["task", "points:2", "section:One box per object: non-maximum suppression"]
def soft_nms_scores(
    overlaps: Tensor, scores: Tensor, labels: Tensor, *, sigma: float
) -> Tensor:
    """(N,) scores after Gaussian soft-NMS within each class."""
    # BEGIN SOLUTION
    scores = scores.clone()
    waiting = torch.ones_like(scores, dtype=torch.bool)
    for _ in range(len(scores)):
        best = scores.where(waiting, -1).argmax()
        waiting[best] = False
        lowered = waiting & (labels == labels[best])
        scores[lowered] *= torch.exp(-(overlaps[best, lowered] ** 2) / sigma)
    return scores
    # END SOLUTION


# %% tags=["check"]
check_soft_nms_scores(soft_nms_scores)

# %% [markdown]
# ## Task 5: where to set the threshold (1 point)
#
# *About 10 lines, 15 minutes.*
#
# Whoever uses a detector has to choose a threshold: boxes with at least that score are
# shown. Each choice is one point of the precision-recall curve. Boxes of equal score
# are shown together or not at all, so they make one point.
#
# Write `operating_points(scores, is_hit, num_objects)`. `scores` is (D,), in no order;
# `is_hit` is (D,) bool, true where the box found an object that no better box had
# found; `num_objects` counts all objects. Return three (K,) float tensors: the distinct
# scores, falling; the precision of the boxes with at least that score; their recall. If
# there are no objects, the recall is 0.
#
# Example: scores 0.9, 0.8, 0.8, 0.6, of which the first, third and last are hits, and 4
# objects. Thresholds 0.9, 0.8, 0.6; precision 1, 2/3, 3/4; recall 1/4, 2/4, 3/4.
#
# <details><summary>Hint</summary>
#
# `scores.unique()` is sorted upwards. With `scores >= thresholds[:, None]`, which is
# (K, D), both counts are sums along a row.
#
# </details>


# %% tags=["task", "points:1", "section:What makes AP"]
def operating_points(
    scores: Tensor, is_hit: Tensor, num_objects: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Thresholds, precision and recall, (K,) each, by falling threshold."""
    # BEGIN SOLUTION
    thresholds = scores.unique().flip(0)
    shown = scores >= thresholds[:, None]  # (K, D)
    hits = (shown & is_hit).sum(dim=1).float()
    return thresholds, hits / shown.sum(dim=1), hits / max(num_objects, 1)
    # END SOLUTION


# %% tags=["check"]
check_operating_points(operating_points)

# %% [markdown]
# ## Task 6: average precision on paper (1 point)
#
# *One number, 15 minutes.*
#
# Pictures hold four objects of one class: A, B, C and D. A detector finds six boxes.
# The table gives, for each, the object it overlaps most.
#
# | score | object | IoU |
# |---|---|---|
# | 0.95 | A | 0.81 |
# | 0.90 | A | 0.62 |
# | 0.80 | B | 0.45 |
# | 0.70 | B | 0.50 |
# | 0.60 | C | 0.77 |
# | 0.40 | A | 0.10 |
#
# A box with an IoU of at least 0.5 is a hit, unless its object was hit before. What is
# the average precision, as the **area** under the curve in which precision at a recall
# is the best precision at this recall or a higher one? Put the number, between 0 and 1,
# in `paper_average_precision`.
#
# <details><summary>Hint</summary>
#
# Add three columns to the table: hit or false alarm, precision so far, recall so far.
# The curve has one step for each hit. How wide is a step when there are four objects?
#
# </details>

# %% tags=["task", "points:1", "section:What makes AP"]
# paper_average_precision = (a number)
# BEGIN SOLUTION
# Rows 1, 4 and 5 are hits: precision 1, 2/4, 3/5 at recall 1/4, 2/4, 3/4. The best
# precision at recall 2/4 or beyond is 3/5. Recall 1 is never reached and adds nothing.
paper_average_precision = 0.25 * 1 + 0.25 * 0.6 + 0.25 * 0.6
# END SOLUTION

# %% tags=["check"]
check_paper_average_precision(paper_average_precision)

# %% [markdown]
# ## Task 7: ten thousand false alarms (1 point)
#
# *One letter, 5 minutes.*
#
# A detector has found 80 of 100 objects. You now let it report 10,000 boxes more. Each
# of them is a false alarm, with a score below that of every box reported so far. What
# happens to its average precision?
#
# - `"a"`: it falls, because the precision falls.
# - `"b"`: it stays exactly the same.
# - `"c"`: it rises, because more boxes cover more of the image.
# - `"d"`: that depends on the confidence threshold at which AP is measured.
#
# Put the letter, with its quotes, in `false_alarms_answer`.
#
# <details><summary>Hint</summary>
#
# Draw the curve from left to right, in the order of falling scores. Where on the
# horizontal axis do the new boxes lie?
#
# </details>

# %% tags=["task", "points:1", "section:What makes AP"]
# false_alarms_answer = (a letter in quotes)
# BEGIN SOLUTION
false_alarms_answer = "b"
# END SOLUTION

# %% tags=["check"]
check_false_alarms_answer(false_alarms_answer)
