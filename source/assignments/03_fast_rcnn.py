# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 03. Fast R-CNN
#
# Seven tasks, 10 points, about two hours. Each task stands alone: skip one and come
# back. Below each answer is its check, with what it prints for a right answer. Run it
# as often as you like. It says which case failed, what was expected, and often why.
#
# The conventions are those of the lesson. Boxes are `(x1, y1, x2, y2)`, half-open: a
# pixel or cell in column `x2` or row `y2` is outside. Label 0 is background. While a
# check runs, the functions of `torchvision.ops` and of `course_utils` that do such
# things are switched off.

# %%
import torch
from torch import Tensor

from course_utils.checks.fast_rcnn import (
    check_bins_in_image,
    check_box_loss_and_slope,
    check_faster_network_answer,
    check_hard_rois,
    check_position_sensitive_pool,
    check_roi_pool_gradient,
    check_two_thin_layers,
)

# %% [markdown]
# ## Task 1: what each bin sees of the image (2 points)
#
# *About 15 lines, 25 minutes.*
#
# A line of text is wide and low. A detector of text keeps more detail along it: its
# feature map has a smaller stride to the right than downwards, and a RoI is pooled into
# more columns than rows. You want to draw, over the photograph, what each bin sees.
#
# Write `bins_in_image(roi, *, strides, output_size, map_size)`. `roi` is (4,), in
# pixels of the image. It may cross the border, or have no area. The other three are
# pairs, with the vertical number first: pixels of the image for each cell; rows and
# columns of bins; height and width of the feature map in cells.
#
# RoI pooling works on each side alone. Along x:
#
# 1. The ends are divided by the stride and rounded to the nearest cell: `first` from
#    x1, `last` from x2. **A half is rounded away from zero:** 2.5 to 3, and -2.5 to -3.
# 2. The side has `size = last - first + 1` cells, and at least 1.
# 3. Bin `i` starts at cell `first + floor(i * size / columns)`. It ends before cell
#    `first + ceil((i + 1) * size / columns)`.
# 4. Starts and ends are clipped to the map: to 0 from below, to its width from above.
#
# Return (rows, columns, 4) float32: the box of each bin, in pixels of the image. By
# step 4, a bin outside the map is a box without area on the border.
#
# Example: RoI (10, 9, 30, 40), strides (8, 4), 2 rows and 3 columns of bins, a map 6
# high and 8 wide. Along x, the ends 2.5 and 7.5 are rounded to 3 and 8. So there are 6
# cells, and the columns of bins are cells 3 to 5, 5 to 7, and 7 to 9, clipped to 8.
# Along y there are 5 cells, from cell 1, and the two rows of bins overlap: 1 to 4 and 3
# to 6. The answer holds
#
# ```
# (12,  8, 20, 32)   (20,  8, 28, 32)   (28,  8, 32, 32)
# (12, 24, 20, 48)   (20, 24, 28, 48)   (28, 24, 32, 48)
# ```
#
# <details><summary>Hint</summary>
#
# Write a function for one side that returns a list of pairs, and call it twice.
# Python's `round` and `torch.round` round a half to the even neighbour: 2.5 to 2. Round
# `abs(value)` with `math.floor(abs(value) + 0.5)`, then put the sign back. Of whole
# numbers, `a // b` is the floor of the quotient, and `-(-a // b)` its ceiling.
#
# </details>


# %% tags=["task", "points:2", "section:RoI pooling on paper"]
def bins_in_image(
    roi: Tensor,
    *,
    strides: tuple[int, int],
    output_size: tuple[int, int],
    map_size: tuple[int, int],
) -> Tensor:
    """(rows, columns, 4) boxes in the image, one for each bin of a RoI."""
    # BEGIN SOLUTION

    def nearest(value: float) -> int:
        whole = int(abs(value) + 0.5)
        return whole if value >= 0 else -whole

    def side(low: float, high: float, axis: int) -> list[tuple[int, int]]:
        stride, bins, limit = strides[axis], output_size[axis], map_size[axis]
        first, last = nearest(low / stride), nearest(high / stride)
        size = max(last - first + 1, 1)
        starts = [first + i * size // bins for i in range(bins)]
        ends = [first - (-(i + 1) * size // bins) for i in range(bins)]
        return [
            (min(max(start, 0), limit) * stride, min(max(end, 0), limit) * stride)
            for start, end in zip(starts, ends, strict=True)
        ]

    x1, y1, x2, y2 = roi.tolist()
    rows, columns = side(y1, y2, 0), side(x1, x2, 1)
    boxes = [
        [(left, top, right, below) for left, right in columns] for top, below in rows
    ]
    return torch.tensor(boxes, dtype=torch.float32)
    # END SOLUTION


# %% tags=["check"]
check_bins_in_image(bins_in_image)

# %% [markdown]
# ## Task 2: pooling that knows where it is (1 point)
#
# *About 12 lines, 20 minutes.*
#
# Fast R-CNN runs two large layers on every RoI. R-FCN (Dai et al., 2016) runs none. Its
# backbone ends in one map for each class **and each bin**: a map for "the top left part
# of a cup", one for "the top right part of a cup", and so on. Each bin is pooled from
# its own map.
#
# Write `position_sensitive_pool(features, rois, *, bins)`, with `bins` rows and
# columns, called k here. `features` is (B, C·k·k, H, W). `rois` is (R, 5) int64, in
# **cells** of the map: the index of the image in the batch, then x1, y1, x2, y2,
# half-open. They lie inside the map, and each side has at least one cell.
#
# - A RoI is `w = x2 - x1` cells wide. Its bin in column `j` holds the cells from
#   `x1 + floor(j * w / k)` up to, and without, `x1 + ceil((j + 1) * w / k)`. Rows of
#   bins are made in the same way from y1 and y2.
# - For class `c`, the bin in row `i`, column `j` is the **mean** of its cells in
#   channel `(c * k + i) * k + j`, in the image that the RoI belongs to.
#
# Return (R, C, k, k) float. A loop is fine.
#
# Example: k = 2, one class, so four channels. The first is below, and each of the next
# has 10 more in every cell. The RoI is the whole map, `(0, 0, 0, 3, 2)`.
#
# ```
# channel 0      bins, with their channel and cells
# 1   2   3       1.5  (0: 1, 2)     12.5  (1: 12, 13)
# 4   5   6      24.5  (2: 24, 25)   35.5  (3: 35, 36)
# ```
#
# <details><summary>Hint</summary>
#
# `features[image].reshape(-1, k, k, H, W)` sorts the channels by class, row of bins and
# column of bins. Then `maps[:, i, j, top:below, left:right]` holds the cells of one bin
# for all classes at once.
#
# </details>


# %% tags=["task", "points:1", "section:All RoIs at once"]
def position_sensitive_pool(features: Tensor, rois: Tensor, *, bins: int) -> Tensor:
    """(R, C, k, k) means, each bin from the channels that are its own."""
    # BEGIN SOLUTION
    height, width = features.shape[2:]
    maps = features.reshape(len(features), -1, bins, bins, height, width)
    pooled = features.new_zeros(len(rois), maps.shape[1], bins, bins)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        for i in range(bins):
            top, below = i * (y2 - y1) // bins, -(-(i + 1) * (y2 - y1) // bins)
            for j in range(bins):
                left, right = j * (x2 - x1) // bins, -(-(j + 1) * (x2 - x1) // bins)
                cells = maps[
                    image, :, i, j, y1 + top : y1 + below, x1 + left : x1 + right
                ]
                pooled[r, :, i, j] = cells.mean(dim=(1, 2))
    return pooled
    # END SOLUTION


# %% tags=["check"]
check_position_sensitive_pool(position_sensitive_pool)

# %% [markdown]
# ## Task 3: the way back through RoI max-pooling (2 points)
#
# *About 12 lines, 25 minutes.*
#
# Fast R-CNN trains its backbone through the pooling. The maximum of a bin comes from
# one cell, so only this cell gets the gradient of the bin. Bins overlap, and so do
# RoIs. So a cell may be the maximum of many bins, and their gradients add up.
#
# Write `roi_pool_gradient(features, images, bins, upstream)`.
#
# - `features` is (B, C, H, W), the map that was pooled.
# - `images` is (R,) int64: which image of the batch each RoI belongs to.
# - `bins` is (R, P, Q, 4) int64: for each RoI, row and column of bins, the box
#   `(x1, y1, x2, y2)` of the bin in cells. It lies inside the map and may be empty. An
#   empty bin passes nothing on.
# - `upstream` is (R, C, P, Q): the gradient of the loss with respect to each pooled
#   number.
#
# Return (B, C, H, W), the gradient with respect to `features`. Every channel has its
# own maximum. If several cells of a bin have it, the first in reading order gets all:
# the uppermost row, and in it the leftmost. Write the steps by hand: `backward` and
# `torch.autograd.grad` are switched off. A loop is fine.
#
# Example: one image, one channel, one RoI with 1 row and 2 columns of bins, (0, 0, 2,
# 2) and (1, 0, 3, 2). The upstream gradient is 10 and 1.
#
# ```
# features      gradient
# 1   5   2      0  11   0
# 5   5   3      0   0   0
# ```
#
# The first bin holds 1, 5, 5 and 5. Of the three fives, the upper one is first in
# reading order. It is also the maximum of the second bin, so it gets 10 + 1.
#
# <details><summary>Hint</summary>
#
# For one bin, `cells.flatten(1).argmax(dim=1)` finds the place of the maximum of each
# channel; of equal ones, the first. The place counts along the rows of the *bin*:
# divide it by the width of the bin to get the row, and the remainder is the column.
# `+=` on `gradient[image, torch.arange(C), y, x]` adds to one cell in each channel.
#
# </details>


# %% tags=["task", "points:2", "section:The way back"]
def roi_pool_gradient(
    features: Tensor, images: Tensor, bins: Tensor, upstream: Tensor
) -> Tensor:
    """(B, C, H, W) gradient of the features, from that of the pooled bins."""
    # BEGIN SOLUTION
    gradient = torch.zeros_like(features)
    channels = torch.arange(features.shape[1])
    for r, i, j in torch.cartesian_prod(*map(torch.arange, bins.shape[:3])).tolist():
        image, (x1, y1, x2, y2) = images[r], bins[r, i, j].tolist()
        if x1 == x2 or y1 == y2:
            continue
        place = features[image, :, y1:y2, x1:x2].flatten(1).argmax(dim=1)  # (C,)
        y, x = y1 + place // (x2 - x1), x1 + place % (x2 - x1)
        gradient[image, channels, y, x] += upstream[r, :, i, j]
    return gradient
    # END SOLUTION


# %% tags=["check"]
check_roi_pool_gradient(roi_pool_gradient)

# %% [markdown]
# ## Task 4: the RoIs to learn from, hardest first (2 points)
#
# *About 14 lines, 25 minutes.*
#
# Fast R-CNN draws its RoIs at random. Most of what it draws is easy: a plain piece of
# wall is no cup. A year later, Shrivastava et al. (2016) took those on which the
# network errs most. Here you do so, and keep Fast R-CNN's labels and its share of
# objects.
#
# Write `hard_rois(overlaps, object_labels, losses, *, count, positive_fraction)`.
#
# - `overlaps` is (N, M): the IoU of N proposals with the M objects of one image.
# - `object_labels` is (M,) int64: the classes of the objects, from 1 on.
# - The true boxes are RoIs, too. They come last: RoI `N + m` is the box of object `m`,
#   and its label is the class of object `m`.
# - `losses` is (N + M,) float: the present loss of each RoI.
#
# The label of a proposal depends on its highest IoU. With 0.5 or more, it is the class
# of that object, the first one if several have this IoU. From 0.1 up to, and without,
# 0.5, it is background, 0. Below 0.1 the proposal is not used. In an image without
# objects, every proposal is background.
#
# Choose at most `count` RoIs:
#
# 1. Objects (labels above 0) first: those with the highest losses, at most
#    `count * positive_fraction` of them, rounded down.
# 2. Then background, with the highest losses, until there are `count`. If there is not
#    enough background, fewer are chosen.
#
# Return two (K,) int64 tensors: the indices of the chosen RoIs and their labels,
# objects first, each group by falling loss. Of equal losses, the lower index comes
# first.
#
# Example: two objects, of classes 4 and 2; `count=4`, `positive_fraction=0.5`.
#
# | RoI | IoU with the objects | label | loss |
# |---|---|---|---|
# | 0 | 0.7, 0 | 4 | 0.5 |
# | 1 | 0.2, 0.5 | 2 | 1.5 |
# | 2 | 0.05, 0 | not used | 3 |
# | 3 | 0.3, 0.1 | 0 | 0.2 |
# | 4 | 0, 0.49 | 0 | 0.9 |
# | 5 | object 0 itself | 4 | 0.1 |
# | 6 | object 1 itself | 2 | 2 |
#
# Of the four objects only two may be chosen: 6 and 1, with the highest losses. RoI 2
# has a higher loss, but is not used. The indices are 6, 1, 4, 3, and the labels 2, 2,
# 0, 0.
#
# <details><summary>Hint</summary>
#
# First make the (N + M,) labels, with -1 for "not used". `max` over a side of length 0
# raises an error, so treat M = 0 apart. Then go through
# `losses.argsort(descending=True, stable=True)`: `order[labels[order] > 0]` are the
# objects by falling loss.
#
# </details>


# %% tags=["task", "points:2", "section:Which RoIs to learn from"]
def hard_rois(
    overlaps: Tensor,
    object_labels: Tensor,
    losses: Tensor,
    *,
    count: int,
    positive_fraction: float,
) -> tuple[Tensor, Tensor]:
    """(K,) indices of the RoIs with the highest losses, and their (K,) labels."""
    # BEGIN SOLUTION
    labels = torch.zeros(len(overlaps), dtype=torch.int64)
    if len(object_labels):
        best, index = overlaps.max(dim=1)
        labels[best < 0.1] = -1
        labels = torch.where(best >= 0.5, object_labels[index], labels)
    labels = torch.cat([labels, object_labels])

    order = losses.argsort(descending=True, stable=True)
    objects = order[labels[order] > 0][: int(count * positive_fraction)]
    background = order[labels[order] == 0][: count - len(objects)]
    chosen = torch.cat([objects, background])
    return chosen, labels[chosen]
    # END SOLUTION


# %% tags=["check"]
check_hard_rois(hard_rois)

# %% [markdown]
# ## Task 5: smooth L1, and the slope it trains with (1 point)
#
# *About 14 lines, 20 minutes.*
#
# With an error $e$ = delta - target, smooth L1 is a parabola near 0 and a line beyond:
#
# $$\ell(e) = \begin{cases} e^2 / (2\beta) & \text{if } \lvert e \rvert < \beta \\
# \lvert e \rvert - \beta / 2 & \text{otherwise} \end{cases}$$
#
# With $\beta = 0$ the parabola is gone: the loss is $\lvert e \rvert$, and its slope is
# 1, -1, or 0 where $e = 0$.
#
# Write `box_loss_and_slope(deltas, labels, targets, *, beta)` for R RoIs and K classes,
# background included.
#
# - `deltas` is (R, 4K). The four of class `k` stand in columns `4k` to `4k + 3`.
# - `labels` is (R,) int64. A RoI trains the deltas of its own class alone. Background,
#   0, trains none.
# - `targets` is (R, 4). The rows of background mean nothing, and may even be infinite.
#
# The loss is the sum over all that is trained, divided by R, the number of **all**
# RoIs. Return the loss, a tensor without dimensions, and its slope, (R, 4K): the
# derivative with respect to each delta. Work it out by hand: `backward`,
# `torch.autograd.grad` and torch's own smooth L1 are switched off. With R = 0, the loss
# is 0.
#
# Example: K = 3, R = 2, `beta=1`. RoI 0 is of class 2, and RoI 1 is background. In row
# 0, columns 8 to 11 hold 0.5, -2, 0 and 1; the targets are 0, 0, 0 and 1. So the errors
# are 0.5, -2, 0 and 0. The loss is (0.125 + 1.5) / 2 = 0.8125. The slope is 0.25, -0.5,
# 0 and 0 in these columns, and 0 everywhere else.
#
# <details><summary>Hint</summary>
#
# `rows = labels.nonzero().squeeze(1)` are the RoIs with an object.
# `deltas.reshape(R, K, 4)[rows, labels[rows]]` takes four numbers from each, and the
# same index on the left of `=` writes four into each. `torch.where` computes both
# sides, so divide by `max(beta, 1e-12)`: with `beta=0` that side is never taken. K is
# `deltas.shape[1] // 4`; a reshape with -1 cannot guess it when there are no rows.
#
# </details>


# %% tags=["task", "points:1", "section:Two questions for each RoI"]
def box_loss_and_slope(
    deltas: Tensor, labels: Tensor, targets: Tensor, *, beta: float
) -> tuple[Tensor, Tensor]:
    """The box loss of R RoIs, and its (R, 4K) derivative."""
    # BEGIN SOLUTION
    count = max(len(labels), 1)
    rows = labels.nonzero().squeeze(1)
    by_class = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)
    error = by_class[rows, labels[rows]] - targets[rows]  # (objects, 4)

    size, is_small = error.abs(), error.abs() < beta
    parabola = 0.5 * size**2 / max(beta, 1e-12)
    loss = torch.where(is_small, parabola, size - 0.5 * beta).sum() / count
    slope = torch.zeros_like(by_class)
    rate = torch.where(is_small, error / max(beta, 1e-12), error.sign())
    slope[rows, labels[rows]] = rate / count
    return loss, slope.reshape(deltas.shape)
    # END SOLUTION


# %% tags=["check"]
check_box_loss_and_slope(box_loss_and_slope)

# %% [markdown]
# ## Task 6: one thick layer made two thin ones (1 point)
#
# *About 7 lines, 15 minutes.*
#
# Once the backbone is shared, the two large layers of the head take much of the time:
# they run for every RoI. The first one in VGG-16 has 4,096 x 25,088 = 102,760,448
# weights. Fast R-CNN replaces it by two layers without anything in between, of 1,024 x
# 25,088 and 4,096 x 1,024: together 29,884,416 weights. The singular value
# decomposition says how. It splits a (v, u) weight $W$ into a sum of matrices of rank
# 1, sorted by size. The first t of them, $W_t$, are the best matrix of rank t.
#
# Write `two_thin_layers(weight, *, most_error)`. `weight` is (v, u), as in
# `nn.Linear(u, v)`. Find the **smallest** rank t, at least 1, that loses little:
#
# $$\lVert W - W_t \rVert \le \varepsilon \, \lVert W \rVert$$
#
# Here $\varepsilon$ is `most_error`, and $\lVert W \rVert$ is the root of the sum of
# all squared entries. It is also the root of the sum of all squared singular values,
# and what $W_t$ loses are those after the first t. Return `(first, second)`, the
# weights of the two layers: `first` is (t, u) and runs first, `second` is (v, t), and
# `second @ first` is $W_t$.
#
# Example: the weight is `[[0, 4, 0], [2, 0, 0]]` and `most_error` is 0.5. The singular
# values are 4 and 2. Rank 1 loses 2 of √20, which is 0.447 of the norm and little
# enough. A right answer is `first = [[0, 4, 0]]` and `second = [[1], [0]]`.
#
# <details><summary>Hint</summary>
#
# `U, S, Vh = torch.linalg.svd(weight, full_matrices=False)` gives
# `weight = U @ diag(S) @ Vh`; `Vh` is already transposed. What rank t loses is
# `S[t:].norm()`. Try t = 1, 2, and so on. The singular values belong in one of the two
# layers, not in both.
#
# </details>


# %% tags=["task", "points:1", "section:A cheaper head: truncated SVD"]
def two_thin_layers(weight: Tensor, *, most_error: float) -> tuple[Tensor, Tensor]:
    """(t, u) and (v, t) weights of two layers in place of one of (v, u)."""
    # BEGIN SOLUTION
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = 1
    while values[rank:].norm() > most_error * values.norm():
        rank += 1
    return values[:rank, None] * right[:rank], left[:, :rank]
    # END SOLUTION


# %% tags=["check"]
check_two_thin_layers(two_thin_layers)

# %% [markdown]
# ## Task 7: a network ten times as fast (1 point)
#
# *One letter, 5 minutes.*
#
# A camera needs 2.3 seconds from a picture to its boxes. Of these, selective search
# takes 2.0 seconds, and the whole network of Fast R-CNN 0.3 seconds, with its backbone,
# RoI pooling and head. You buy a device on which the network runs 10 times as fast;
# nothing else gets faster. How much faster does the camera get?
#
# - `"a"`: 10 times. The proposals are found on the feature map, so they get faster with
#   the network.
# - `"b"`: about 1.1 times.
# - `"c"`: 10 times, if the backbone is trained anew, for then it gives better
#   proposals.
# - `"d"`: not at all. The network has to run for each of the 2,000 proposals.
#
# Put the letter, with its quotes, in `faster_network_answer`.
#
# <details><summary>Hint</summary>
#
# What does selective search read: the picture or the features? Add up the seconds
# before and after.
#
# </details>

# %% tags=["task", "points:1", "section:Where the time goes now"]
# faster_network_answer = (a letter in quotes)
# BEGIN SOLUTION
faster_network_answer = "b"
# END SOLUTION

# %% tags=["check"]
check_faster_network_answer(faster_network_answer)
