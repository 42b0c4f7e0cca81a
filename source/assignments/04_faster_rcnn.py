# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 04. Faster R-CNN
#
# Seven tasks, 10 points, about two hours. Each task stands alone: skip one and come
# back. Below each answer is its check, with what it prints for a right answer. Run it
# as often as you like. It says which case failed, what was expected, and often why.
#
# The conventions are those of the lesson, unless a task says otherwise. Boxes are
# `(x1, y1, x2, y2)` in pixels, half-open: an image of height H and width W is the box
# `(0, 0, W, H)`. While a check runs, the functions of `torchvision.ops` and of
# `course_utils` that do such things are switched off.

# %%
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.checks.faster_rcnn import (
    check_anchor_labels,
    check_decode_proposals,
    check_flatten_levels,
    check_inside_anchors,
    check_rpn_loss_terms,
    check_select_proposals,
    check_ten_times_faster_answer,
)

# %% [markdown]
# ## Task 1: the anchors of one level, inside the image (2 points)
#
# *About 14 lines, 20 minutes.*
#
# Later detectors look at several feature maps, a pyramid, and give each level anchors
# of one size. They also write anchors in another way than the lesson: about the
# **middle** of a cell, with the ratio **width over height**, and not rounded. The paper
# of Faster R-CNN trains only with anchors that lie inside the image.
#
# Write `inside_anchors(image_size, map_size, *, side, ratios, strides)`.
#
# - `image_size` and `map_size` are `(height, width)`. `strides` is `(down, right)`:
#   pixels from one row of the map to the next, and from one column to the next.
# - The cell in row i and column j is `down` pixels high and `right` wide. Cell (0, 0)
#   begins at the corner of the image. Anchors stand about its middle.
# - An anchor has the area `side` squared, and its width is `ratio` times its height.
# - The order is row by row, in a row cell by cell, and in a cell ratio by ratio as
#   given. Number all anchors in this order, from 0.
# - An anchor that crosses the border is left out. One that touches it stays.
#
# Return the (K, 4) float anchors that stay and their (K,) int64 numbers.
#
# Example: an image of height 16 and width 48, a map of 1 by 3, `side=16`, `ratios=[1,
# 4]`, `strides=(16, 16)`. Ratio 1 gives 16 by 16, ratio 4 is 32 wide and 8 high.
#
# | number | anchor | |
# |---|---|---|
# | 0 | (0, 0, 16, 16) | stays |
# | 1 | (-8, 4, 24, 12) | crosses the border |
# | 2 | (16, 0, 32, 16) | stays |
# | 3 | (8, 4, 40, 12) | stays |
# | 4 | (32, 0, 48, 16) | stays |
# | 5 | (24, 4, 56, 12) | crosses the border |
#
# <details><summary>Hint</summary>
#
# From width · height = side² and width = ratio · height follows height = side / √ratio.
# `torch.meshgrid(y, x, indexing="ij")` gives two (H, W) tensors. Stack them to (H, W,
# 1, 4), add the (A, 4) anchors about the point (0, 0), and make (H · W · A, 4) of the
# result. `nonzero()` turns truth values into numbers.
#
# </details>


# %% tags=["task", "points:2", "section:Anchors on paper"]
def inside_anchors(
    image_size: tuple[int, int],
    map_size: tuple[int, int],
    *,
    side: float,
    ratios: list[float],
    strides: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """(K, 4) anchors that do not cross the border, and their (K,) numbers."""
    # BEGIN SOLUTION
    root = torch.tensor(ratios, dtype=torch.float32).sqrt()
    half_width, half_height = side * root / 2, side / root / 2
    about_zero = torch.stack([-half_width, -half_height, half_width, half_height], -1)

    y = (torch.arange(map_size[0]) + 0.5) * strides[0]
    x = (torch.arange(map_size[1]) + 0.5) * strides[1]
    y, x = torch.meshgrid(y, x, indexing="ij")  # (H, W) each
    centres = torch.stack([x, y, x, y], dim=-1)
    anchors = (centres[:, :, None] + about_zero).reshape(-1, 4)

    height, width = image_size
    fits = (anchors[:, :2] >= 0).all(1) & (anchors[:, 2] <= width)
    index = (fits & (anchors[:, 3] <= height)).nonzero().squeeze(1)
    return anchors[index], index
    # END SOLUTION


# %% tags=["check"]
check_inside_anchors(inside_anchors)

# %% [markdown]
# ## Task 2: labels, where some objects are difficult (2 points)
#
# *About 16 lines, 30 minutes.*
#
# Pascal VOC marks some objects as difficult: too small, or half hidden. A detector need
# not find them. But their pixels are no background, either. So they change the labels
# of the anchors.
#
# Write `anchor_labels(iou, is_difficult, *, positive_iou, negative_iou)`. `iou` is (N,
# A), the overlap of each object with each anchor. `is_difficult` is (N,) bool; all
# other objects are ordinary. Return (A,) int64 labels and (A,) int64 objects.
#
# 1. An anchor is **positive**, 1, if its IoU with an ordinary object is at least
#    `positive_iou`.
# 2. The anchors that an ordinary object overlaps most are positive, too, however low
#    the IoU is. All that tie are. But an object that overlaps no anchor at all makes
#    none positive.
# 3. Any other anchor is **background**, 0, if its IoU with every object, ordinary or
#    difficult, is below `negative_iou`.
# 4. What is left is **ignored**, -1.
#
# A positive anchor belongs to the ordinary object that it overlaps most itself, and to
# the first of several. So it may belong to another object than the one that made it
# positive by rule 2. The second result holds the index of that object among all N, and
# -1 where the anchor is not positive. With no objects, every anchor is background.
#
# Example with `positive_iou=0.7` and `negative_iou=0.3`:
#
# | IoU | anchor 0 | anchor 1 | anchor 2 | anchor 3 | anchor 4 |
# |---|---|---|---|---|---|
# | object 0 | 0.8 | 0.5 | 0.1 | 0 | 0 |
# | object 1 | 0.1 | 0.6 | 0.2 | 0.4 | 0 |
# | object 2, difficult | 0 | 0 | 0.9 | 0 | 0.2 |
# | **label** | 1 | 1 | -1 | -1 | 0 |
# | **object** | 0 | 1 | -1 | -1 | -1 |
#
# Anchor 1 is positive because object 1 overlaps no anchor more. Anchor 2 lies on a
# difficult object.
#
# <details><summary>Hint</summary>
#
# `iou.where(~is_difficult[:, None], 0)` keeps all N rows, so that indices stay right,
# and no difficult object can make an anchor positive. `max` over a side of length 0
# raises an error: treat N = 0 apart, and A = 0, too. An anchor that overlaps nothing
# has an IoU of 0 with every object; is it positive by rule 2?
#
# </details>


# %% tags=["task", "points:2", "section:Which anchor answers for which object?"]
def anchor_labels(
    iou: Tensor, is_difficult: Tensor, *, positive_iou: float, negative_iou: float
) -> tuple[Tensor, Tensor]:
    """(A,) labels 1, 0 or -1, and the (A,) objects of positive anchors, else -1."""
    # BEGIN SOLUTION
    labels = torch.zeros(iou.shape[1], dtype=torch.int64)
    if iou.numel() == 0:
        return labels, labels - 1
    ordinary = iou.where(~is_difficult[:, None], 0)  # (N, A)
    highest, own = ordinary.max(dim=0)  # (A,) each
    best = ordinary.amax(dim=1, keepdim=True)  # (N, 1)
    is_best = ((ordinary == best) & (best > 0)).any(dim=0)
    is_positive = is_best | (highest >= positive_iou)

    labels[iou.amax(dim=0) >= negative_iou] = -1
    labels[is_positive] = 1
    return labels, own.where(is_positive, -1)
    # END SOLUTION


# %% tags=["check"]
check_anchor_labels(anchor_labels)

# %% [markdown]
# ## Task 3: from maps to one row an anchor (1 point)
#
# *About 12 lines, 20 minutes.*
#
# The first release of Faster R-CNN gave each anchor two logits, one for background and
# one for an object, and took their softmax. Its channels have another order than those
# of the lesson. With such a head on L levels of a pyramid, the answers arrive as two
# lists of L maps:
#
# - `scores[l]` is (B, 2A, H, W). Channels 0 to A - 1 hold the logits of background of
#   anchors 0 to A - 1; channels A to 2A - 1 hold their logits of an object.
# - `deltas[l]` is (B, 4A, H, W). Channels 4a to 4a + 3 hold dx, dy, dw, dh of anchor a.
#
# H and W differ from level to level; B and A do not. Write `flatten_levels(scores,
# deltas)`. Return the probability of an object, (B, N), and the deltas, (B, N, 4). N
# counts all anchors of all levels: level by level, in a level row by row, in a row
# position by position, and at a position anchor by anchor.
#
# Example: one image, one level of one position, A = 2. The channels of `scores` hold 1,
# 3, 2, 2, so anchor 0 has the logits 1 and 2, anchor 1 has 3 and 2. The probabilities
# are e² / (e¹ + e²) = 0.731 and e² / (e³ + e²) = 0.269.
#
# Logits may be large: `exp` of 100 is infinite in float32, and infinity divided by
# infinity is not a number.
#
# <details><summary>Hint</summary>
#
# A `view` alone mixes up anchors. Split the channels in two dimensions, in the order in
# which they are written; `permute` so that the dimensions stand in the order in which N
# is counted; then make one dimension of three. `softmax(dim=...)` is safe for large
# logits, and so is the sigmoid of a difference.
#
# </details>


# %% tags=["task", "points:1", "section:A small head"]
def flatten_levels(scores: list[Tensor], deltas: list[Tensor]) -> tuple[Tensor, Tensor]:
    """(B, N) probabilities of an object and (B, N, 4) deltas of all anchors."""
    # BEGIN SOLUTION
    chances, moves = [], []
    for score, delta in zip(scores, deltas, strict=True):
        batch, channels, height, width = score.shape
        count = channels // 2
        background, thing = score.split(count, dim=1)  # (B, A, H, W) each
        chance = (thing - background).sigmoid()
        chances.append(chance.permute(0, 2, 3, 1).flatten(1))
        by_anchor = delta.reshape(batch, count, 4, height, width)
        moves.append(by_anchor.permute(0, 3, 4, 1, 2).flatten(1, 3))
    return torch.cat(chances, dim=1), torch.cat(moves, dim=1)
    # END SOLUTION


# %% tags=["check"]
check_flatten_levels(flatten_levels)

# %% [markdown]
# ## Task 4: from deltas to boxes of the photograph (1 point)
#
# *About 14 lines, 20 minutes.*
#
# A photograph is often enlarged before the network sees it. Its proposals are wanted in
# pixels of the photograph, and those too small to hold an object are of no use.
#
# Write `decode_proposals(deltas, anchors, image_size, *, scale, min_side)`.
#
# - `deltas` is (N, 4): dx, dy, dw, dh.
# - `anchors` is (N, 4), written as **centre and size**: cx, cy, width, height. They are
#   pixels of the image that the network saw.
# - `image_size` is the `(height, width)` of that image. It is the photograph, enlarged
#   `scale` times.
#
# Four steps:
#
# 1. Decode. dx moves the centre by that many widths of the anchor, dy by heights. The
#    width is multiplied by exp(dw), the height by exp(dh). First dw and dh are clamped
#    **from above** at log(1000 / 16), so that no side overflows. No weights are used.
# 2. Clip the boxes to the image that the network saw.
# 3. Divide by `scale`.
# 4. Drop boxes with a width or height below `min_side`, which counts pixels of the
#    photograph. A side of exactly `min_side` is long enough.
#
# Return the (K, 4) boxes that stay, as two corners in pixels of the photograph, and the
# (K,) int64 numbers of their rows in `deltas`.
#
# Example: an image of height 60 and width 100, `scale=2`, `min_side=8`.
#
# | | row 0 | row 1 |
# |---|---|---|
# | anchor | 95, 30, 20, 40 | 40, 30, 20, 10 |
# | deltas | 0, 0, 0, 0 | 0.5, 0, 0, log 2 |
# | decoded | (85, 10, 105, 50) | (40, 20, 60, 40) |
# | clipped | (85, 10, 100, 50) | (40, 20, 60, 40) |
# | divided | (42.5, 5, 50, 25) | (20, 10, 30, 20) |
# | | 7.5 wide: goes | stays |
#
# So the answer is `[[20, 10, 30, 20]]` and `[1]`.
#
# <details><summary>Hint</summary>
#
# `deltas[:, :2]` and `anchors[:, 2:]` are both (N, 2), so x and y need no lines of
# their own. `clamp(max=...)` clamps from above. To clip, use `clamp(min=0)`, then
# `minimum` with the tensor `[width, height]`.
#
# </details>


# %% tags=["task", "points:1", "section:From predictions to proposals"]
def decode_proposals(
    deltas: Tensor,
    anchors: Tensor,
    image_size: tuple[int, int],
    *,
    scale: float,
    min_side: float,
) -> tuple[Tensor, Tensor]:
    """(K, 4) boxes in pixels of the photograph, and the (K,) rows they come from."""
    # BEGIN SOLUTION
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=math.log(1000 / 16)).exp()

    limit = torch.tensor([image_size[1], image_size[0]])
    corners = [centre - size / 2, centre + size / 2]
    low, high = (corner.clamp(min=0).minimum(limit) / scale for corner in corners)
    index = (high - low >= min_side).all(dim=1).nonzero().squeeze(1)
    return torch.cat([low, high], dim=1)[index], index
    # END SOLUTION


# %% tags=["check"]
check_decode_proposals(decode_proposals)

# %% [markdown]
# ## Task 5: the loss of the paper (2 points)
#
# *About 14 lines, 25 minutes.*
#
# The lesson divides both terms of the RPN's loss by the number of sampled anchors, as
# torchvision does. The paper has two divisors and a balance between the terms:
#
# $$L = \frac{1}{N_\text{cls}} \sum_i H(z_i, p_i) + \frac{\lambda}{N_\text{reg}} \sum_i
# p_i \sum_{c} \ell(t_{ic} - g_{ic})$$
#
# Here $p_i$ is 1 for an object and 0 for background, and $z_i$ is the logit. $H$ is the
# binary cross-entropy: $\log(1 + e^{-z})$ for an object, $\log(1 + e^{z})$ for
# background. $t_{ic}$ is one of the four deltas, $g_{ic}$ its target, and $\ell$ is
# smooth L1 with its bend at 1: $\ell(e) = e^2 / 2$ where $|e| < 1$, else $|e| - 1/2$.
#
# Write `rpn_loss_terms(logits, deltas, labels, targets, *, num_positions, balance)`.
#
# - `logits` is (B, A), `deltas` is (B, A, 4).
# - `labels` is (B, A) int64: 1 object, 0 background, -1 **ignored** or not sampled.
#   Ignored anchors take part in nothing.
# - `targets` is (B, A, 4). Only rows of objects mean something. The others hold
#   anything, also infinity or `nan`.
# - $N_\text{cls}$ is the number of anchors of the whole batch with label 0 or 1.
#   $N_\text{reg}$ is `num_positions`, and $\lambda$ is `balance`.
#
# Return the two terms, two tensors without dimensions; the second includes $\lambda$. A
# term without anchors is 0. Torch's own smooth L1 and Huber losses are switched off.
# Logits may be large, and then `log(sigmoid(z))` is infinite.
#
# Example: one image, labels 1, 0, -1, 0; logits 0, 0, 5, 0; `num_positions=2`,
# `balance=10`. The deltas of anchor 0 are 0.5, -2, 0, 0, and its targets are 0. The
# first term is 3 · log 2 / 3 = 0.693. The second is 10 / 2 · (0.125 + 1.5) = 8.125.
#
# <details><summary>Hint</summary>
#
# Choose rows before you compute: `deltas[labels == 1]` is (objects, 4). Multiplying by
# 0 instead does not remove a `nan`. `F.binary_cross_entropy_with_logits` is safe for
# large logits and wants float labels; by hand, `F.softplus(z)` is $\log(1 + e^z)$. The
# sum over an empty tensor is 0, but its mean is not.
#
# </details>


# %% tags=["task", "points:2", "section:The RPN's loss"]
def rpn_loss_terms(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    num_positions: int,
    balance: float,
) -> tuple[Tensor, Tensor]:
    """The two terms of the RPN's loss, as the paper weighs them."""
    # BEGIN SOLUTION
    used, objects = labels >= 0, labels == 1
    entropy = F.binary_cross_entropy_with_logits(
        logits[used], labels[used].to(logits.dtype), reduction="sum"
    )
    size = (deltas[objects] - targets[objects]).abs()  # (objects, 4)
    smooth = torch.where(size < 1, size**2 / 2, size - 0.5)
    return entropy / used.sum().clamp(min=1), balance * smooth.sum() / num_positions
    # END SOLUTION


# %% tags=["check"]
check_rpn_loss_terms(rpn_loss_terms)

# %% [markdown]
# ## Task 6: proposals of a pyramid (1 point)
#
# *About 14 lines, 25 minutes.*
#
# With several levels, proposals are chosen level by level first. Large maps have by far
# the most anchors, and one common ranking would leave hardly a proposal to the others.
#
# Write `select_proposals(iou, scores, levels, *, before, after, iou_threshold)`. `iou`
# is (N, N), the overlap of each proposal with each other; `scores` is (N,); `levels` is
# (N,) int64, the level that each comes from.
#
# 1. Of each level, only the `before` proposals of the highest scores go on.
# 2. Suppress within each level: from the highest score to the lowest, a proposal is
#    kept unless its IoU with one **kept** before is above `iou_threshold`. Levels do
#    not suppress each other.
# 3. Of all that were kept, take the `after` highest scores.
#
# Of equal scores, the one with the lower index counts as higher. Return the (K,) int64
# indices, by falling score.
#
# Example with `before=2`, `after=2` and `iou_threshold=0.7`:
#
# | proposal | 0 | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|---|
# | level | 0 | 0 | 0 | 1 | 1 | 1 |
# | score | 0.9 | 0.8 | 0.4 | 0.7 | 0.6 | 0.5 |
#
# The IoU of 0 and 1 is 0.8, that of 1 and 3 is 0.9; no others overlap. Step 1 leaves 0
# and 1, 3 and 4. Proposal 1 is suppressed by 0. It would not suppress 3, which is of
# another level. Of 0, 3 and 4, the answer is `[0, 3]`.
#
# <details><summary>Hint</summary>
#
# One ranking does for all steps: `scores.argsort(descending=True, stable=True)`. Go
# through it with one loop, with a count of how many of each level you have seen, and a
# list of those kept. Or go level by level, and sort what was kept at the end.
#
# </details>


# %% tags=["task", "points:1", "section:From predictions to proposals"]
def select_proposals(
    iou: Tensor,
    scores: Tensor,
    levels: Tensor,
    *,
    before: int,
    after: int,
    iou_threshold: float,
) -> Tensor:
    """(K,) indices of the proposals that stay, by falling score."""
    # BEGIN SOLUTION
    kept = torch.zeros(len(scores), dtype=torch.bool)
    ranking = scores.argsort(descending=True, stable=True)
    for level in levels.unique():
        for proposal in ranking[levels[ranking] == level][:before]:
            rivals = kept & (levels == level)
            kept[proposal] = not (iou[proposal, rivals] > iou_threshold).any()
    return ranking[kept[ranking]][:after]
    # END SOLUTION


# %% tags=["check"]
check_select_proposals(select_proposals)

# %% [markdown]
# ## Task 7: where the last factor of ten came from (1 point)
#
# *One letter, 5 minutes.*
#
# A well-known table says how long one image takes, all with a VGG-16 on one kind of
# GPU:
#
# | | R-CNN | Fast R-CNN | Faster R-CNN |
# |---|---|---|---|
# | seconds, proposals included | 50 | 2 | 0.2 |
# | times as fast as R-CNN | 1 | 25 | 250 |
#
# The first factor, 25, came from sharing the backbone between all regions. What made
# Faster R-CNN another **ten times** as fast as Fast R-CNN?
#
# - `"a"`: its backbone. The RPN replaces some of its layers by smaller ones.
# - `"b"`: its proposals. They come from a few layers on the feature map instead of from
#   selective search.
# - `"c"`: its head. It looks at 300 proposals instead of 2,000.
# - `"d"`: its training. All losses are trained jointly, end to end.
#
# Put the letter, with its quotes, in `ten_times_faster_answer`.
#
# <details><summary>Hint</summary>
#
# Split the 2 seconds of Fast R-CNN into proposals, backbone and head, as the lessons
# did. Which of them can give back 1.8 seconds?
#
# </details>

# %% tags=["task", "points:1", "section:Where the time goes"]
# ten_times_faster_answer = (a letter in quotes)
# BEGIN SOLUTION
ten_times_faster_answer = "b"
# END SOLUTION

# %% tags=["check"]
check_ten_times_faster_answer(ten_times_faster_answer)
