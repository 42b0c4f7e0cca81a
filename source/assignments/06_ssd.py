# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 06. SSD
#
# Seven tasks, 10 points, two to three hours. Each task stands alone: skip one and come
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

from course_utils.checks.ssd import (
    check_boxes_of_map,
    check_chosen_negatives,
    check_cut_patch,
    check_matched_objects,
    check_sizes_of_maps,
    check_smallest_side_answer,
    check_ssd_loss,
)

# %% [markdown]
# ## Task 1: the default boxes of one map (2 points)
#
# *About 14 lines, 25 minutes.*
#
# SSD's images are square. Later detectors take images of any shape, and then a share of
# the width is not a share of the height.
#
# Write `boxes_of_map(map_size, image_size, *, scale, next_scale, ratios)`.
#
# - `map_size` is `(rows, columns)`, `image_size` is `(height, width)` in pixels. The
#   cells of the map fill the image, and boxes stand about their middles.
# - The boxes of a cell follow `ratios`, width over height, as given. The box of ratio a
#   has the area of a square whose side is `scale` times the **shorter** side of the
#   image.
# - Right after ratio 1 comes a second square. Its scale is $\sqrt{s \cdot s'}$, where
#   $s$ is `scale` and $s'$ is `next_scale`. Without ratio 1 there is none.
# - A box that leaves the image is **clipped** to it.
#
# Return (K, 4) float boxes, row by row, in a row cell by cell, and in a cell in the
# order above. Each is written as **centre and size**, (cx, cy, w, h), as it is after
# clipping. They are shares of the image: cx and w of its width, cy and h of its height.
#
# Example: a map of 1 by 2 on an image 100 high and 200 wide, `scale=0.64`,
# `next_scale=0.81`, `ratios=[1, 4]`. The first cell has its middle at (50, 50) pixels.
# The root of 0.64 · 0.81 is 0.72.
#
# | box | pixels | clipped | answer |
# |---|---|---|---|
# | ratio 1 | (18, 18, 82, 82) | the same | (0.25, 0.5, 0.32, 0.64) |
# | second square | (14, 14, 86, 86) | the same | (0.25, 0.5, 0.36, 0.72) |
# | ratio 4 | (-14, 34, 114, 66) | (0, 34, 114, 66) | (0.285, 0.5, 0.57, 0.32) |
#
# The three boxes of the second cell follow.
#
# <details><summary>Hint</summary>
#
# From width · height = side² and width = a · height follows width = side · √a. Make a
# list of (width, height) pairs first, then an (A, 2) tensor. `torch.meshgrid(y, x,
# indexing="ij")` gives two (rows, columns) tensors. Stack them to (rows, columns, 1, 2)
# centres, and go through two corners to clip. After clipping, the centre is the mean of
# the corners.
#
# </details>


# %% tags=["task", "points:2", "section:Default boxes"]
def boxes_of_map(
    map_size: tuple[int, int],
    image_size: tuple[int, int],
    *,
    scale: float,
    next_scale: float,
    ratios: list[float],
) -> Tensor:
    """(K, 4) default boxes cx, cy, w, h, clipped, in shares of the image."""
    # BEGIN SOLUTION
    shapes = []
    for ratio in ratios:
        shapes.append([scale * math.sqrt(ratio), scale / math.sqrt(ratio)])
        if ratio == 1:
            shapes.append([math.sqrt(scale * next_scale)] * 2)
    height, width = image_size
    side = torch.tensor([width, height]) / min(image_size)
    half = torch.tensor(shapes) / side / 2  # (A, 2)

    rows, columns = map_size
    y, x = (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns
    y, x = torch.meshgrid(y, x, indexing="ij")  # (rows, columns) each
    centre = torch.stack([x, y], dim=-1)[:, :, None]
    low, high = (centre - half).clamp(min=0), (centre + half).clamp(max=1)
    return torch.cat([(low + high) / 2, high - low], dim=-1).reshape(-1, 4)
    # END SOLUTION


# %% tags=["check"]
check_boxes_of_map(boxes_of_map)

# %% [markdown]
# ## Task 2: the sizes that were printed, and those that were used (1 point)
#
# *About 10 lines, 15 minutes.*
#
# The scales of the paper's formula are not those of the released SSD. Here both are
# made, as sizes in pixels of a square image whose side is `side`.
#
# Write `sizes_of_maps(num_maps, side, *, smallest, largest, first)`. The last three are
# whole **percents** of the side. There are m = `num_maps` maps, at least 3.
#
# - **Paper**: the m sizes go from `smallest` to `largest` in equal steps. `first` plays
#   no role.
# - **Release**: the first map has the size `first`. Maps 2 to m begin with `smallest`
#   and add the same step each time. The step is (`largest` - `smallest`) / (m - 2),
#   **rounded down** to a whole percent.
# - Each released map has a second size, for the second square: the size of the next
#   map. The last map has no next one; its second size is one step more than its own.
#
# Return two float tensors: the (m,) sizes of the paper and the (m, 2) released sizes, a
# map a row.
#
# Example: `num_maps=5`, `side=200`, `smallest=20`, `largest=90`, `first=10`. The
# paper's steps are 17.5 percent. The released step is 70 / 3 = 23.3, so 23 percent.
#
# | map | paper | released, percent | released, pixels |
# |---|---|---|---|
# | 1 | 40 | 10, 20 | 20, 40 |
# | 2 | 75 | 20, 43 | 40, 86 |
# | 3 | 110 | 43, 66 | 86, 132 |
# | 4 | 145 | 66, 89 | 132, 178 |
# | 5 | 180 | 89, 112 | 178, 224 |
#
# <details><summary>Hint</summary>
#
# `a // b` rounds the quotient of two whole numbers down. With m + 1 percents in one
# list, the first sizes are all but the last, and the second sizes are all but the
# first.
#
# </details>


# %% tags=["task", "points:1", "section:Scales"]
def sizes_of_maps(
    num_maps: int, side: int, *, smallest: int, largest: int, first: int
) -> tuple[Tensor, Tensor]:
    """(m,) sizes by the paper's formula and (m, 2) released sizes, in pixels."""
    # BEGIN SOLUTION
    paper = torch.linspace(smallest, largest, num_maps)

    step = (largest - smallest) // (num_maps - 2)
    percents = [first] + [smallest + step * k for k in range(num_maps)]
    released = torch.tensor([percents[:-1], percents[1:]]).T
    return paper * side / 100, released * side / 100
    # END SOLUTION


# %% tags=["check"]
check_sizes_of_maps(sizes_of_maps)

# %% [markdown]
# ## Task 3: matching, where no two objects claim one box (2 points)
#
# *About 12 lines, 25 minutes.*
#
# Each object shall have at least one default box. In the lesson, the later of two
# objects with the same best box takes it, and the other may go without. The released
# SSD avoids this.
#
# Write `matched_objects(iou, *, threshold)`. `iou` is (N, D), the overlap of each
# object with each default box.
#
# 1. Look at all pairs of an object without a claim and a box that nobody claimed. In
#    the pair with the highest IoU, the object claims the box. Repeat until no pair with
#    an IoU above 0 is left. So each object claims one box at most, and no box twice.
# 2. Each box that nobody claimed gets the object that it overlaps most, if that IoU is
#    **above** `threshold`. So an object may get any number of boxes.
#
# Of equal pairs in step 1, that of the lower object counts as higher, then that of the
# lower box. Of equal objects in step 2, the lower one counts.
#
# Return (D,) int64: the object of each box, or -1 for none.
#
# Example with `threshold=0.5`:
#
# | IoU | box 0 | box 1 | box 2 | box 3 |
# |---|---|---|---|---|
# | object 0 | 0.6 | 0.4 | 0.1 | 0 |
# | object 1 | 0.7 | 0.5 | 0.2 | 0.55 |
# | **answer** | 1 | 0 | -1 | 1 |
#
# The highest IoU of all is 0.7: object 1 claims box 0. Object 0 would like that one,
# too, and has to claim box 1. Box 3 overlaps object 1 by more than 0.5.
#
# <details><summary>Hint</summary>
#
# `argmax()` of a matrix counts row by row and gives the first of equals; `divmod(place,
# columns)` turns it into a row and a column. On a copy of `iou`, set the row and the
# column of a claim to 0. `argmax` and `max` of nothing raise an error: treat N = 0 and
# D = 0 apart.
#
# </details>


# %% tags=["task", "points:2", "section:Matching"]
def matched_objects(iou: Tensor, *, threshold: float) -> Tensor:
    """(D,) the object of each default box, or -1."""
    # BEGIN SOLUTION
    if iou.numel() == 0:
        return torch.full((iou.shape[1],), -1)
    highest, own = iou.max(dim=0)  # (D,) each
    match = own.where(highest > threshold, -1)

    free = iou.clone()
    while free.max() > 0:
        thing, box = divmod(int(free.argmax()), iou.shape[1])
        match[box] = thing
        free[thing], free[:, box] = 0, 0
    return match
    # END SOLUTION


# %% tags=["check"]
check_matched_objects(matched_objects)

# %% [markdown]
# ## Task 4: hard negatives, image by image (1 point)
#
# *About 12 lines, 20 minutes.*
#
# The lesson takes the negatives that cost most, three for each box with an object. Here
# are those of another detector, with two additions.
#
# Write `chosen_negatives(logits, labels, *, ratio, least)`.
#
# - `logits` is (B, D, K). Background is the **last** of the K classes.
# - `labels` is (B, D) int64: 0 to K - 2 is an object's class, K - 1 is background, and
#   -1 is neither: the box lies half on an object, and is never chosen.
# - The cost of a box is what its confidence loss would be as background: $-\log p_{K -
#   1}$, where $p$ is the softmax of its logits.
# - In each image, count the boxes with an object, and multiply by `ratio`, which need
#   not be a whole number. Round **down**. This many background boxes are chosen, those
#   that cost most, but **at least** `least`, also where there is no object. An image
#   with too little background chooses all of it.
#
# Of equal costs, the lower index counts as higher. Return (B, D) bool, True where a box
# is chosen. Logits may be large: a softmax that is 0 in float32 has no logarithm.
#
# Example: one image, K = 2, `ratio=2`, `least=0`.
#
# | box | 0 | 1 | 2 | 3 | 4 |
# |---|---|---|---|---|---|
# | logits | 0, 1 | 2, 2 | 1, 0 | 5, 0 | 0, 3 |
# | label | 0 | 1 | 1 | -1 | 1 |
# | cost | - | 0.69 | 1.31 | - | 0.05 |
# | **chosen** | no | yes | yes | no | no |
#
# <details><summary>Hint</summary>
#
# `log_softmax(dim=...)` is safe for large logits. Give boxes that may not be chosen a
# cost of minus infinity. `argsort(dim=1, descending=True, stable=True)` ranks the boxes
# of each image, and the `argsort` of that ranking is the place of each box in it. A
# loop over images is fine, too.
#
# </details>


# %% tags=["task", "points:1", "section:Hard negatives"]
def chosen_negatives(
    logits: Tensor, labels: Tensor, *, ratio: float, least: int
) -> Tensor:
    """(B, D) bool: the background boxes of each image that cost most."""
    # BEGIN SOLUTION
    background = logits.shape[2] - 1
    is_object = (labels >= 0) & (labels < background)
    count = (is_object.sum(dim=1) * ratio).floor().clamp(min=least)

    cost = -logits.log_softmax(dim=2)[..., background]
    cost = cost.where(labels == background, -math.inf)
    ranking = cost.argsort(dim=1, descending=True, stable=True)
    place = ranking.argsort(dim=1)  # of each box, 0 where the cost is highest
    return (place < count[:, None]) & (labels == background)
    # END SOLUTION


# %% tags=["check"]
check_chosen_negatives(chosen_negatives)

# %% [markdown]
# ## Task 5: a patch and what is left in it (2 points)
#
# *About 18 lines, 30 minutes.*
#
# To make more images of one, SSD cuts patches out of it, and resizes them to the side
# that the network expects. This sampler is stricter than that of the lesson: **every**
# object that is kept must be seen well.
#
# Write `cut_patch(boxes, labels, image_size, patches, *, min_iou, side)`.
#
# - `boxes` is (N, 4), `labels` is (N,) int64, `image_size` is `(height, width)`.
# - `patches` is (P, 4): boxes that were drawn at random, to be tried in this order.
#
# The rules:
#
# 1. A patch **keeps** the objects whose centre lies in it. A patch is half-open, too: a
#    centre on its left or upper border is inside, one on its right or lower border is
#    not.
# 2. A patch is **allowed** if it keeps at least one object, and its IoU with each
#    object that it keeps is at least `min_iou`. Other objects do not count.
# 3. The first allowed patch is cut out. If none is allowed, the whole image takes its
#    place.
# 4. Boxes that are kept are clipped to the patch, and written in pixels of the patch
#    after it was resized: to `side` by `side`, whatever its shape was.
#
# Return the (4,) patch in pixels of the image, the (K, 4) boxes that it keeps, and
# their (K,) labels, in the order in which the objects came.
#
# Example: an image of height 100 and width 160, `min_iou=0.3`, `side=120`. The objects:
#
# | box | centre | label |
# |---|---|---|
# | (20, 20, 60, 64) | (40, 42) | 1 |
# | (50, 10, 100, 40) | (75, 25) | 4 |
# | (120, 50, 140, 90) | (130, 70) | 7 |
#
# The first patch, (40, 0, 160, 60), keeps the first two, but its IoU with both is below
# 0.3. The second, (10, 10, 70, 60), keeps the first object alone, with an IoU of 0.51.
# It is 60 wide and 50 high, so x grows by 2 and y by 2.4. Clipped, the object is (20,
# 20, 60, 60), and the answer is (20, 24, 100, 120), with the label 1.
#
# <details><summary>Hint</summary>
#
# Put the whole image behind the patches, and let it be allowed. With `boxes[:, None]`,
# (N, 1, 4), against `patches`, (P, 4), the centres and the IoUs of all pairs come at
# once; a loop over the patches does as well. `boxes.view(-1, 2, 2)` has the two
# corners of a box as rows, so that both can be clipped and moved together.
#
# </details>


# %% tags=["task", "points:2", "section:Augmentation"]
def cut_patch(
    boxes: Tensor,
    labels: Tensor,
    image_size: tuple[int, int],
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The (4,) patch that is cut out, the (K, 4) boxes in it and their (K,) labels."""
    # BEGIN SOLUTION
    height, width = image_size
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    whole = torch.tensor([[0.0, 0.0, width, height]])
    for patch in torch.cat([patches, whole]):
        low, high = patch[:2], patch[2:]
        kept = ((centre >= low) & (centre < high)).all(dim=1)
        corners = boxes.view(-1, 2, 2).clamp(low, high)
        shared = (corners[:, 1] - corners[:, 0]).prod(dim=1)
        iou = shared / (area + (high - low).prod() - shared)
        if kept.any() and (iou[kept] >= min_iou).all():
            break
    seen = (corners - low) * side / (high - low)
    return patch, seen[kept].flatten(1), labels[kept]
    # END SOLUTION


# %% tags=["check"]
check_cut_patch(cut_patch)

# %% [markdown]
# ## Task 6: the loss of each image (1 point)
#
# *About 16 lines, 25 minutes.*
#
# The lesson divides by the default boxes of the whole batch that found an object. Then
# an image with many objects counts more than one with few. Read literally, the equation
# of the paper is the loss of **one** image:
#
# $$L = \frac{1}{N} \Big( \sum_d H_d + \alpha \sum_d \sum_c \ell(t_{dc} - g_{dc})
# \Big)$$
#
# $N$ is the number of default boxes of this image with an object. $H_d$ is the
# cross-entropy of the softmax, summed over boxes with an object and chosen background.
# $\ell$ is smooth L1 with its bend at 1, summed over boxes with an object. $t$ are the
# deltas, and $g$ the targets that say where the object lies:
#
# $$g = \Big( \frac{x - x_d}{0.1 \, w_d}, \; \frac{y - y_d}{0.1 \, h_d}, \;
# \frac{\log(w / w_d)}{0.2}, \; \frac{\log(h / h_d)}{0.2} \Big)$$
#
# Here $(x, y, w, h)$ is the object, centre and size, and $(x_d, y_d, w_d, h_d)$ the
# default box.
#
# Write `ssd_loss(logits, deltas, labels, truths, defaults, *, alpha)`.
#
# - `logits` is (B, D, K), `deltas` is (B, D, 4).
# - `labels` is (B, D) int64: 1 to K - 1 is an object's class, 0 is background that was
#   chosen, -1 is any other box, which takes part in nothing.
# - `truths` is (B, D, 4): the object of each box as **centre and size**. Where there is
#   no object, it holds anything, also 0 or `nan`.
# - `defaults` is (D, 4), the default boxes as centre and size.
#
# An image without objects has the loss 0, also where background was chosen. Return the
# **mean** over all B images, a tensor without dimensions.
#
# The check looks at the gradients, too: they must be right, and not `nan`. So a batch
# without any object needs a loss with gradients of 0, not a bare `torch.zeros(())`.
# Torch's own losses may be used.
#
# Example: B = 2, K = 2, `alpha=1`. In the first image, box 0 has an object, box 1 is
# chosen, and the logits of both are 0. The targets of box 0 are 0.5, 2, 0, 0.5, the
# deltas 0.5, 0, 0, -1. So N is 1, and L = 2 · log 2 + 1.5 + 1 = 3.886. The second image
# has no object. The mean is 1.943.
#
# <details><summary>Hint</summary>
#
# With `objects = labels > 0`, `truths[objects]` is (objects, 4), and `nonzero()` of
# `objects` says of which image and default box each row is. Choose rows before you
# compute: `torch.where` afterwards hides a `nan` in the loss, not in its gradient. A
# loop over the B images is fine. `x.sum() * 0` is 0, and has gradients.
#
# </details>


# %% tags=["task", "points:1", "section:The loss"]
def ssd_loss(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
) -> Tensor:
    """The mean over images of SSD's loss, each divided by its own objects."""
    # BEGIN SOLUTION
    objects, used = labels > 0, labels >= 0
    count = objects.sum(dim=1)  # (B,)
    weight = (count > 0) / count.clamp(min=1) / len(labels)

    image = used.nonzero()[:, 0]
    entropy = F.cross_entropy(logits[used], labels[used], reduction="none")
    loss = (weight[image] * entropy).sum()

    image, box = objects.nonzero(as_tuple=True)
    truth, default = truths[objects], defaults[box]  # (objects, 4) each
    move = (truth[:, :2] - default[:, :2]) / default[:, 2:] / 0.1
    grow = (truth[:, 2:] / default[:, 2:]).log() / 0.2
    target = torch.cat([move, grow], dim=1)
    error = F.smooth_l1_loss(deltas[objects], target, reduction="none").sum(dim=1)
    return loss + alpha * (weight[image] * error).sum()
    # END SOLUTION


# %% tags=["check"]
check_ssd_loss(ssd_loss)

# %% [markdown]
# ## Task 7: how small an object may be (1 point)
#
# *One number, 10 minutes.*
#
# A photograph of 1000 by 1000 pixels is resized to 300 by 300, for the released SSD300.
# Its smallest default boxes are those of the first map: a square of 30 by 30 pixels, a
# larger square, and two boxes of the ratios 2 and 1/2 with the same area as the first.
#
# A square object always gets the default box that it overlaps most. It can get others
# only where the IoU is at least 0.5. Below a certain size this is impossible, wherever
# the object lies. Which side, in pixels of the **photograph**, must a square object
# have at least, so that its IoU with some default box can be 0.5? Put the number in
# `smallest_side_answer`, with one decimal.
#
# <details><summary>Hint</summary>
#
# A small square lies inside a default box. Then the intersection is the whole object,
# and the union is the whole default box.
#
# </details>

# %% tags=["task", "points:1", "section:Matching"]
# smallest_side_answer = (a number of pixels)
# BEGIN SOLUTION
smallest_side_answer = 70.7
# END SOLUTION

# %% tags=["check"]
check_smallest_side_answer(smallest_side_answer)
