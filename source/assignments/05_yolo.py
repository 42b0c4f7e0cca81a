# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Assignment 05. YOLO
#
# Six tasks, 10 points, about two hours. Each task stands alone: skip one and come back.
# Below each answer is its check, with what it prints for a right answer. Run it as
# often as you like. It says which case failed, what was expected, and often why.
#
# The conventions are those of the lesson, unless a task says otherwise. Boxes are
# `(x1, y1, x2, y2)` in pixels, half-open: an image of height H and width W is the box
# `(0, 0, W, H)`. `num_classes` counts background, which has label 0 and no place in the
# output of YOLO: there are `num_classes - 1` class values. Here a grid need not be
# square: it has `(rows, columns)` cells. While a check runs, the functions of
# `torchvision.ops` and of `course_utils` that do such things are switched off.

# %%
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.checks.yolo import (
    check_cluster_shapes,
    check_decode_and_keep,
    check_encode_batch,
    check_numbers_in_the_loss,
    check_responsible_boxes,
    check_size_and_confidence_terms,
)

# %% [markdown]
# ## Task 1: a batch of truths in the grid (2 points)
#
# *About 18 lines, 30 minutes.*
#
# The lesson encodes one image at a time. On its way to a network, a batch is one
# tensor, and images with few objects are filled up with rows that mean nothing. And the
# lesson lets the first object keep a cell. Small objects are hard enough for YOLO, so
# here the smallest one keeps it.
#
# Write `encode_batch(boxes, labels, image_size, *, grid, num_classes)`. `boxes` is
# (B, N, 4), `labels` is (B, N) int64, `image_size` is `(height, width)`.
#
# 1. A row with label 0 is **padding**, and its box holds anything, also `nan`. A box
#    without width or without height is no object, either.
# 2. The cell in which an object has its centre owns it. A centre between two cells
#    belongs to the right or lower one; on the right or bottom border of the image it
#    belongs to the last column or row.
# 3. Of several objects in one cell, the one with the smallest area keeps it; of the
#    same area, the first. The others leave no trace.
#
# Return (B, 4 + `num_classes`, rows, columns) floats, all 0 where a cell owns nothing:
#
# | channel | where the cell owns an object |
# |---|---|
# | 0 | 1 |
# | 1, 2 | x and y of its centre in the cell: 0 is left or top, 1 right or bottom |
# | 3, 4 | the **root** of its width and of its height, as shares of the image's |
# | 5 and on | 1 for its class, 0 for the others; label 1 has channel 5 |
#
# Example: one image of height 32 and width 64, `grid=(2, 4)`, `num_classes=4`. So a
# cell has 16 by 16 pixels.
#
# | box | label | centre | cell | area |
# |---|---|---|---|---|
# | (0, 0, 16, 24) | 1 | (8, 12) | row 0, column 0 | 384 |
# | (4, 10, 20, 18) | 3 | (12, 14) | row 0, column 0 | 128 |
# | anything | 0 | | | |
#
# The second object keeps the cell. The answer has the shape (1, 8, 2, 4), its channels
# in that cell hold 1, 0.75, 0.875, 0.5, 0.5, 0, 0, 1, and the rest is 0.
#
# <details><summary>Hint</summary>
#
# Drop the padding first: `boxes[is_object]` is (M, 4), and `is_object.nonzero()` still
# knows the images. `nan` is not larger than anything. Number all cells of all images;
# two objects are rivals where these numbers are equal. Or go through the objects from
# the largest to the smallest, and let each overwrite what it finds. The last of equals
# has to come first, then. `F.one_hot` has a column for background, too.
#
# </details>


# %% tags=["task", "points:2", "section:The grid"]
def encode_batch(
    boxes: Tensor,
    labels: Tensor,
    image_size: tuple[int, int],
    *,
    grid: tuple[int, int],
    num_classes: int,
) -> Tensor:
    """(B, 4 + num_classes, rows, columns) what the cells are to answer."""
    # BEGIN SOLUTION
    (height, width), (rows, columns) = image_size, grid
    is_object = (labels > 0) & (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)
    image, low = is_object.nonzero()[:, 0], boxes[is_object][:, :2]  # (M,), (M, 2)
    sides = boxes[is_object][:, 2:] - low
    size = torch.tensor([width, height])
    place = (low + sides / 2) / size * torch.tensor([columns, rows])
    cell = place.long().minimum(torch.tensor([columns - 1, rows - 1]))

    number = (image * rows + cell[:, 1]) * columns + cell[:, 0]
    rank = sides.prod(dim=1).argsort(stable=True).argsort()
    rivals = number[:, None] == number  # (M, M)
    kept = ~(rivals & (rank < rank[:, None])).any(dim=1)

    one = torch.ones(len(sides), 1)
    classes = F.one_hot(labels[is_object], num_classes)[:, 1:]
    rows_of_target = torch.cat([one, place - cell, (sides / size).sqrt(), classes], 1)
    target = torch.zeros(len(boxes) * rows * columns, 4 + num_classes)
    target[number[kept]] = rows_of_target[kept]
    return target.reshape(len(boxes), rows, columns, -1).permute(0, 3, 1, 2)
    # END SOLUTION


# %% tags=["check"]
check_encode_batch(encode_batch)

# %% [markdown]
# ## Task 2: who is responsible, and for what? (2 points)
#
# *About 16 lines, 25 minutes.*
#
# Where the last layer is a convolution, the numbers of a cell stand in channels. The K
# predictors of each cell have answered. Which of them is responsible, and what should
# their confidences have been?
#
# Write `responsible_boxes(answers, truths)`.
#
# - `answers` is (B, K, 5, rows, columns). The five numbers of a predictor are x and y
#   of its centre in the cell, the **roots** of width and height, and its confidence. A
#   width is the square of its root, as a share of the image. Roots may be negative.
# - `truths` is (B, 5, rows, columns): 1 where the cell owns an object, else 0; then x
#   and y of its centre, and the roots of its width and height. Where there is no
#   object, these four hold anything, also `nan`.
#
# Rules:
#
# 1. In a cell with an object, the predictor of the highest IoU with it is responsible.
# 2. If all K have an IoU of 0, it is the closest one: that with the smallest
#    $d_x^2 + d_y^2 + d_w^2 + d_h^2$. The differences are those of centres, widths and
#    heights (not of roots), all as shares of the **image**.
# 3. Of equally good ones, the first is responsible. In a cell without an object, nobody
#    is.
# 4. The target of a responsible predictor's confidence is its IoU. All others have 0.
#
# Return `is_responsible`, (B, K, rows, columns) bool, and the targets, floats of the
# same shape.
#
# Example: a grid of one row and two columns, so a cell is half as wide as the image and
# as high. The first cell owns an object, the second none, and K = 2.
#
# | | x, y | roots | centre in the image | width, height | IoU |
# |---|---|---|---|---|---|
# | truth | 0.5, 0.5 | 0.5, 0.5 | 0.25, 0.5 | 0.25, 0.25 | |
# | predictor 0 | 0.5, 0.5 | 0.5, 1 | 0.25, 0.5 | 0.25, 1 | 0.25 |
# | predictor 1 | 0.75, 0.5 | 0.5, 0.5 | 0.375, 0.5 | 0.25, 0.25 | 0.333 |
#
# In the first cell, predictor 1 is responsible, and its target is 0.333. Both targets
# of the second cell are 0.
#
# <details><summary>Hint</summary>
#
# Two boxes of one cell have the corner of the cell in common: it may be left out, but
# x still has to be divided by the columns, y by the rows. A tensor of shape (2, 1, 1)
# does both at once. `truths[:, None]` fits the K predictors. `torch.where` takes the
# IoU where it is not 0, and the negative distance elsewhere: so one `argmax` does for
# both rules. Of equal values, it finds the first.
#
# </details>


# %% tags=["task", "points:2", "section:Who is responsible?"]
def responsible_boxes(answers: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
    """(B, K, rows, columns) who is responsible, and the targets of confidences."""
    # BEGIN SOLUTION
    count, _, rows, columns = answers.shape[1:]
    cells = torch.tensor([columns, rows])[:, None, None]
    truth = truths[:, None]  # (B, 1, 5, rows, columns)
    centre, true_centre = answers[:, :, :2] / cells, truth[:, :, 1:3] / cells
    size, true_size = answers[:, :, 2:4] ** 2, truth[:, :, 3:] ** 2

    low = torch.maximum(centre - size / 2, true_centre - true_size / 2)
    high = torch.minimum(centre + size / 2, true_centre + true_size / 2)
    overlap = (high - low).clamp(min=0).prod(dim=2)  # (B, K, rows, columns)
    iou = overlap / (size.prod(dim=2) + true_size.prod(dim=2) - overlap)
    distance = ((centre - true_centre) ** 2 + (size - true_size) ** 2).sum(dim=2)
    # A positive IoU is better than any distance.
    best = torch.where(iou > 0, iou, -distance).argmax(dim=1, keepdim=True)
    is_best = torch.arange(count)[:, None, None] == best
    is_responsible = is_best & (truth[:, :, 0] == 1)
    return is_responsible, iou.where(is_responsible, 0)
    # END SOLUTION


# %% tags=["check"]
check_responsible_boxes(responsible_boxes)

# %% [markdown]
# ## Task 3: two terms, with the changes of later versions (2 points)
#
# *About 12 lines, 25 minutes.*
#
# Two of the five terms of YOLO's loss, each with a change. Small boxes are favoured not
# by roots alone, but by a **weight** $2 - w h$, too, as in the release of v3. And a
# predictor may lie well on an object without being responsible. It is not wrong to be
# sure, so v2 **leaves it out**.
#
# $$L_\text{size} = \frac{\lambda_\text{coord}}{B} \sum_\text{responsible} (2 - w h)
# \left[ (r_w - \sqrt{w})^2 + (r_h - \sqrt{h})^2 \right]$$
#
# $$L_\text{conf} = \frac{1}{B} \left[ \sum_\text{responsible} (c - \text{IoU})^2 +
# \lambda_\text{noobj} \sum_\text{others} c^2 \right]$$
#
# The *others* are all predictors that are not responsible and whose IoU is not above
# `ignore_above`. A responsible predictor counts, however high its IoU is.
#
# Write `size_and_confidence_terms(roots, confidences, sizes, iou, is_responsible, *,
# coord_weight, noobj_weight, ignore_above)`, for B images of N cells with K predictors.
#
# - `roots` is (B, N, K, 2): $r_w$ and $r_h$ of each prediction, which are **roots**.
# - `confidences` is (B, N, K): the $c$ of each prediction.
# - `sizes` is (B, N, 2): the true width $w$ and height $h$ of the cell's object, as
#   shares of the image; **no roots**. In cells without an object it holds anything,
#   also `nan` or less than 0.
# - `iou` is (B, N, K): of a responsible predictor its IoU with the object of its cell,
#   of the others the highest IoU with any object of the image.
# - `is_responsible` is (B, N, K) bool, with at most one predictor a cell.
#
# Return the two terms, two tensors without dimensions. A term with nothing to add is 0.
# The check sends gradients back through both. The IoU was computed from predictions,
# but it is a **target**: no gradient may flow through it. Torch's own mean squared
# error is switched off.
#
# Example: one image, two cells with two predictors, `coord_weight=5`,
# `noobj_weight=0.5`, `ignore_above=0.625`. The object of cell 0 has width and height
# 0.25.
#
# | | roots | confidence | IoU | |
# |---|---|---|---|---|
# | cell 0, predictor 0 | 0.5, 0.5 | 0.5 | 0.5 | one of the others |
# | cell 0, predictor 1 | 0.75, 0.25 | 0.25 | 0.75 | responsible |
# | cell 1, predictor 0 | 1, 1 | 0.5 | 0.125 | one of the others |
# | cell 1, predictor 1 | 1, 1 | 0.75 | 0.875 | left out |
#
# The first term is 5 · (2 - 0.0625) · (0.0625 + 0.0625) = 1.211. The second is 0.25 +
# 0.5 · (0.25 + 0.25) = 0.5.
#
# <details><summary>Hint</summary>
#
# Choose rows before you compute: `roots[is_responsible]` is (objects, 2). A product
# with 0, or `torch.where`, hides a `nan` of the value at best, and never that of the
# gradient: 0 times `nan` is `nan`. `sizes[:, :, None].expand_as(roots)` can be indexed
# like `roots`.
#
# </details>


# %% tags=["task", "points:2", "section:The loss"]
def size_and_confidence_terms(
    roots: Tensor,
    confidences: Tensor,
    sizes: Tensor,
    iou: Tensor,
    is_responsible: Tensor,
    *,
    coord_weight: float,
    noobj_weight: float,
    ignore_above: float,
) -> tuple[Tensor, Tensor]:
    """The terms of the sizes and of the confidences, divided by the images."""
    # BEGIN SOLUTION
    true = sizes[:, :, None].expand_as(roots)[is_responsible]  # (objects, 2)
    error = ((roots[is_responsible] - true.sqrt()) ** 2).sum(dim=1)
    first = coord_weight * ((2 - true.prod(dim=1)) * error).sum()

    target = iou.detach()
    owners = confidences[is_responsible] - target[is_responsible]
    others = confidences[~is_responsible & (target <= ignore_above)]
    second = (owners**2).sum() + noobj_weight * (others**2).sum()
    return first / len(roots), second / len(roots)
    # END SOLUTION


# %% tags=["check"]
check_size_and_confidence_terms(size_and_confidence_terms)

# %% [markdown]
# ## Task 4: the vector of darknet, decoded (2 points)
#
# *About 20 lines, 30 minutes.*
#
# The network that the authors of YOLO released ends in a fully connected layer. For one
# image it returns one long vector, in another order than the paper describes. You are
# given such a vector, and want its best detections (before any suppression).
#
# Write `decode_and_keep(vector, image_size, *, grid, num_boxes, num_classes,
# score_threshold, most)`. With `(rows, columns) = grid`, K = `num_boxes` and C =
# `num_classes - 1`, the vector holds, one after the other:
#
# | part | numbers | order |
# |---|---|---|
# | class values | rows · columns · C | cell by cell, in a cell class by class |
# | confidences | rows · columns · K | cell by cell, in a cell predictor by predictor |
# | boxes | rows · columns · K · 4 | as the confidences; x, y and two roots of a box |
#
# Cells go row by row. x and y are the centre in its cell; the squares of the roots are
# width and height as shares of the image.
#
# 1. The layer is linear, so confidences and class values may lie below 0 or above 1:
#    **clamp** both to 0 ... 1.
# 2. Each predictor has C scores: its confidence times the class values of its cell.
#    Each score is a candidate of its own.
# 3. Candidates with a score **above** `score_threshold` stay; of these the `most` best.
#    They are sorted by falling score. Of equal scores, that of the predictor with the
#    earlier place in the vector comes first, and of one predictor the lower label.
# 4. Boxes become two corners in pixels, clipped to the image.
#
# Return (D, 4) boxes, (D,) scores and (D,) int64 labels from 1 to C.
#
# Example: an image of height 32 and width 64, `grid=(1, 2)`, two predictors a cell,
# `num_classes=3`, `score_threshold=0.375`, `most=3`. The vector of 24 numbers begins
# with 0.5, 1, 0.75, 0 (classes), then 1, 0.25, 0.5, 1.5 (confidences).
#
# | predictor | its numbers | scores | box |
# |---|---|---|---|
# | cell 0, the first | 0.5, 0.5, 0.5, 0.5 | 0.5, 1 | (8, 12, 24, 20) |
# | cell 0, the second | 0.25, 0.5, 0.5, 0.75 | 0.125, 0.25 | |
# | cell 1, the first | 0, 0.5, 0.25, 0.5 | 0.375, 0 | |
# | cell 1, the second | 0.5, 0.25, 0.75, -1 | 0.75, 0 | (30, -8, 66, 24) |
#
# The confidence of the last is clamped to 1, and its box to (30, 0, 64, 24). The score
# of 0.375 is not above the threshold. So the answer has the scores 1, 0.75 and 0.5,
# the labels 2, 1 and 1, and the first box twice.
#
# <details><summary>Hint</summary>
#
# `vector.split([...])` gives the three parts, and `reshape` their dimensions: (cells,
# 1, C) times (cells, K, 1) are all scores. Sort these flattened, with `stable=True`.
# The number of a candidate tells its box and its class by `//` and `%`.
#
# </details>


# %% tags=["task", "points:2", "section:From 98 boxes to detections"]
def decode_and_keep(
    vector: Tensor,
    image_size: tuple[int, int],
    *,
    grid: tuple[int, int],
    num_boxes: int,
    num_classes: int,
    score_threshold: float,
    most: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best detections of one image: (D, 4) boxes, (D,) scores, (D,) labels."""
    # BEGIN SOLUTION
    (height, width), (rows, columns) = image_size, grid
    cells, classes = rows * columns, num_classes - 1
    lengths = [cells * classes, cells * num_boxes, cells * num_boxes * 4]
    chance, sure, box = vector.split(lengths)
    chance = chance.reshape(cells, 1, classes).clamp(0, 1)
    sure = sure.reshape(cells, num_boxes, 1).clamp(0, 1)
    scores = (sure * chance).flatten()  # by cell, predictor and class
    order = scores.argsort(descending=True, stable=True)[:most]
    order = order[scores[order] > score_threshold]

    box = box.reshape(cells, num_boxes, 4)
    number = torch.arange(cells)
    corner = torch.stack([number % columns, number // columns], dim=1)
    size = torch.tensor([width, height])
    centre = (box[..., :2] + corner[:, None]) / torch.tensor([columns, rows]) * size
    half = box[..., 2:] ** 2 * size / 2
    low, high = (centre - half).clamp(min=0), (centre + half).clamp(min=0)
    boxes = torch.cat([low.minimum(size), high.minimum(size)], dim=-1).reshape(-1, 4)
    return boxes[order // classes], scores[order], order % classes + 1
    # END SOLUTION


# %% tags=["check"]
check_decode_and_keep(decode_and_keep)

# %% [markdown]
# ## Task 5: anchors from medians (1 point)
#
# *About 12 lines, 20 minutes.*
#
# v2 finds its anchors by k-means over the shapes of all boxes. A mean is drawn away by
# a few very large boxes; a **median** is not. The anchors to begin with are given here:
# so nothing is left to chance.
#
# Write `cluster_shapes(shapes, start, *, steps)`. `shapes` is (N, 2) and `start` is
# (k, 2): width and height of boxes and of the first anchors, all above 0. Two shapes
# are compared by their IoU, laid on one centre.
#
# Repeat `steps` times:
#
# 1. Each shape belongs to the anchor with which its IoU is the highest, and to the
#    first of several.
# 2. Each anchor moves to the median of its shapes: the median of their widths, and the
#    median of their heights. Of an even number of values, take the lower of the two in
#    the middle, as `torch.median` does. An anchor without shapes stays where it is.
#
# Return the (k, 2) anchors by rising area, and a tensor without dimensions: how well
# they fit, the mean over all shapes of the highest IoU with one of **these** anchors.
# Without any shapes it is 0.
#
# Example with `steps=1`: the shapes are (4, 4), (4, 6), (6, 5), (20, 10) and (24, 12),
# the start is (20, 20) and (4, 4). The first three belong to (4, 4), which moves to
# (4, 5). The others belong to (20, 20), which moves to (20, 10). Sorted by area, the
# anchors are (4, 5) and (20, 10). The highest IoU of the shapes are now 0.8, 0.833,
# 0.667, 1 and 0.694, and their mean is 0.799.
#
# <details><summary>Hint</summary>
#
# `shapes[:, None]` and the anchors give an (N, k, 2) tensor of minima, whose product is
# the overlap; the union follows from the areas. `median(dim=0).values` takes both
# medians at once. The mean of an empty tensor is not 0, but its sum is.
#
# </details>


# %% tags=["task", "points:1", "section:What YOLO finds hard"]
def cluster_shapes(
    shapes: Tensor, start: Tensor, *, steps: int
) -> tuple[Tensor, Tensor]:
    """(k, 2) anchors by rising area, and the mean of the shapes' best IoU."""

    # BEGIN SOLUTION
    def overlaps(anchors: Tensor) -> Tensor:
        both = torch.minimum(shapes[:, None], anchors).prod(dim=2)  # (N, k)
        return both / (shapes.prod(dim=1)[:, None] + anchors.prod(dim=1) - both)

    anchors = start.clone()
    for _ in range(steps):
        owner = overlaps(anchors).argmax(dim=1)
        for i in owner.unique():
            anchors[i] = shapes[owner == i].median(dim=0).values

    anchors = anchors[anchors.prod(dim=1).argsort()]
    return anchors, overlaps(anchors).amax(dim=1).sum() / max(len(shapes), 1)
    # END SOLUTION


# %% tags=["check"]
check_cluster_shapes(cluster_shapes)

# %% [markdown]
# ## Task 6: which numbers does the loss look at? (1 point)
#
# *One number, 10 minutes.*
#
# YOLO v1 with S = 7, B = 2 and C = 20 answers with 1470 numbers. An image shows four
# objects, and the centres of two of them lie in the same cell. At how many of the 1470
# numbers does the five-term loss of this one image look? Count those that stand in one
# of its sums, so that a gradient may reach them. The IoU that serves as a target does
# not count: no gradient flows through it.
#
# Put the number in `numbers_in_the_loss`.
#
# <details><summary>Hint</summary>
#
# There are three kinds of predictors: responsible ones, others in a cell that owns an
# object, and those in cells that own none. And there are class values, of two kinds of
# cells.
#
# </details>

# %% tags=["task", "points:1", "section:The tensor"]
# numbers_in_the_loss = (a number)
# BEGIN SOLUTION
owners = 3  # cells
numbers_in_the_loss = owners * (5 + 1 + 20) + (49 - owners) * 2
# END SOLUTION

# %% tags=["check"]
check_numbers_in_the_loss(numbers_in_the_loss)
