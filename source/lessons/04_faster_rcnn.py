# ---
# question: Fast R-CNN takes its boxes from a search that does not learn; can the network
#   propose them itself?
# build:
#   - place anchors over a feature map
#   - label them and draw a fair sample
#   - train a network that proposes boxes
#   - connect it to Fast R-CNN
#   - find three planted faults
# needs: [01_sliding_windows, 02_rcnn, 03_fast_rcnn]
# minutes: {read: 110, run: 13}
# papers:
#   - "[Faster R-CNN](https://arxiv.org/abs/1506.01497), Ren et al. 2015: this lesson is
#     its section 3"
#   - "[py-faster-rcnn](https://github.com/rbgirshick/py-faster-rcnn): the authors' code in
#     Python; read `lib/rpn`"
#   - "[torchvision's RPN](https://github.com/pytorch/vision/blob/main/torchvision/models/detection/rpn.py):
#     the reference implementation, with which ours agrees number for number"
#   - "[Detectron2's model zoo](https://github.com/facebookresearch/detectron2/blob/main/MODEL_ZOO.md):
#     what a few years of tuning made of Faster R-CNN, with settings and times"
# ---
# ruff: noqa: E501

# %% [markdown]
# # 04. Faster R-CNN
#
# One part of lesson 03's detector did not learn: the hand-made search for proposals,
# which knows nothing about spheres or chairs and takes longer than everything else
# together. Faster R-CNN (Ren et al. 2015) lets a few convolutions propose boxes
# instead. They read the features that the box head needs anyway, so proposals become
# cheap.

# %%
import dataclasses
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.data.kept_predictions import load_example_predictions
from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_boxes, draw_curves, draw_heat_map, draw_image
from course_utils.draw import new_figure, show, show_curves, show_images, show_losses
from course_utils.draw import show_parts, show_system, show_systems
from course_utils.ops.boxes import box_iou

# %% [markdown]
# By the end, you will have built one network that proposes boxes, moves them into place
# and names their objects, here in three scenes that it has not seen.

# %% tags=["hide-input"]
at_work = load_example_predictions("faster_rcnn")
show_images(
    [scene for scene, _, _ in at_work],
    targets=[prediction for _, _, prediction in at_work],
    class_names=CLASS_NAMES,
    width=9,
    alt="Three test scenes with the boxes that a trained Faster R-CNN predicts, each "
    "with a class and a score: every object has a tight box; a blue "
    "block has two, as a cube and as a cylinder.",
    caption="A trained Faster R-CNN at work.",
)

# %% [markdown]
# The code is the same for every budget; only these settings differ.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, start_lesson

budget = choose_budget()
scenes, test_scenes, side, widths, steps, short_steps = {
    "smoke": (16, 4, 128, (32, 64), 6, 2),
    "laptop": (1500, 60, 128, (32, 64), 2500, 80),
    "gpu": (4000, 500, 256, (64, 128, 256), 10000, 800),
}[budget]
device = choose_device()
watch = start_lesson("04_faster_rcnn", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# ## Where the time goes
#
# Table 5 of the paper breaks down the time of both detectors. Both process one
# photograph at a time, its shorter side scaled to 600 pixels, with VGG-16 on an Nvidia
# K40; the search runs on a CPU.
#
# **Predict.** Fast R-CNN takes 1830 ms per photograph. What share of that goes into the
# search for proposals? And how many times as fast would it be if its convolutions cost
# nothing at all?

# %% tags=["predict"]
published_ms = {
    "Fast R-CNN": {"convolutions": 146, "proposals": 1510, "regions": 174},
    "Faster R-CNN": {"convolutions": 141, "proposals": 10, "regions": 47},
}
for name, parts in published_ms.items():
    total = sum(parts.values())
    print(f"{name}: {total} ms, of which proposals {parts['proposals'] / total:.0%}")
without = 1830 / (1830 - 146)
print(f"without convolutions, Fast R-CNN would be {without:.2f} times as fast")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The search takes more than four fifths. Without any convolutions, the detector would
# be less than a tenth faster, so a faster network hardly helps: the proposals have to
# become cheap.
#
# </details>

# %% tags=["hide-input"]
from course_utils.training import read_rows

show_parts(
    published_ms,
    unit="ms per image (table 5 of the paper: VGG-16, shorter side 600, one K40)",
    alt="Two bars. Fast R-CNN's is long, and proposals fill most of it. Faster R-CNN's "
    "is about a tenth as long, and proposals are hardly visible in it.",
)
for row in read_rows(budget):
    if row["system"] == "Fast R-CNN":
        share = row["ms_proposals"] / row["ms_per_image"]
        print(f"the Fast R-CNN of lesson 03, measured here: {share:.0%} to propose")

# %% [markdown]
# To propose boxes is to look everywhere in the image and say "here is an object, about
# this large". Looking everywhere is what a convolution does: the feature map has one
# vector for each position, so a small network on top of it, a **region proposal
# network** (RPN), can predict boxes from these vectors.
#
# A position can lie in a small object, in a wide one or in both, whereas a convolution
# predicts the same number of values everywhere. So we place the same few boxes, the
# **anchors**, at each position and ask two questions about each anchor: does it hold an
# object, and how must it be moved and stretched to fit?
#
# Here is the whole system, with the shapes of a real forward pass.

# %%
import course_utils.models.fast_rcnn as fast_rcnn_module
import course_utils.models.rpn as rpn_module
from course_utils.models.faster_rcnn import small_faster_rcnn

torch.manual_seed(0)
sketch = small_faster_rcnn((32, 64), num_classes=len(CLASS_NAMES))
sample_image, sample_target = at_work[0][:2]

# %% tags=["hide-input"]
show_system(
    lambda: sketch.predict(sample_image[None]),
    {
        "image": sample_image[None],
        "backbone": sketch.backbone,
        "RPN head": sketch.rpn.head,
        "decode the best anchors": (rpn_module, "decode_anchors"),
        "clip and suppress": (rpn_module, "filter_proposals"),
        "RoI pooling": (fast_rcnn_module, "roi_pool"),
        "box head": sketch.roi_heads.box_head,
        "suppression by class": (fast_rcnn_module, "select_detections"),
    },
    [
        ("image", "backbone"),
        ("backbone", "RPN head"),
        ("backbone", "RoI pooling"),
        ("RPN head", "decode the best anchors"),
        ("decode the best anchors", "clip and suppress"),
        ("clip and suppress", "RoI pooling"),
        ("RoI pooling", "box head"),
        ("box head", "suppression by class"),
    ],
    names={
        "backbone": ["features"],
        "RPN head": ["objectness", "deltas"],
        "decode the best anchors": ["boxes"],
        "RoI pooling": ["pooled"],
        "box head": ["logits", "deltas"],
    },
    new=["RPN head", "decode the best anchors", "clip and suppress"],
    caption="Faster R-CNN. Orange: the region proposal network.",
)

# %% [markdown]
# ## Anchors on paper
#
# An anchor has a size, the square root of its area, and a ratio, its height over its
# width. We first build the anchors of a single position, centred on the point (0, 0).

# %% tags=["show"]
from course_utils.ops.anchors import cell_anchors

# %%
toy_cell = cell_anchors(sizes=(8,), ratios=(0.5, 2))
for box in toy_cell.long().tolist():
    print(box, f"is {box[2] - box[0]} wide and {box[3] - box[1]} tall")

# %% [markdown]
# Apart from the rounding, both cover 8 squared, that is 64 square pixels. Copies of
# them stand at every position of the map, and the **stride** says how many pixels of
# the image lie between neighbouring positions.

# %% tags=["show"]
from course_utils.ops.anchors import anchor_grid, map_stride

# %% [markdown]
# **Predict.** Take a feature map of 2 rows and 3 columns with a stride of 8, and these
# two anchors at each position. How many anchors are there, and what are the coordinates
# of the last one?

# %% tags=["predict"]
toy = anchor_grid(toy_cell, map_size=(2, 3), stride=(8, 8))
print(f"{len(toy)} anchors, the last is {toy[-1].long().tolist()}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# There are 2 x 3 x 2 = 12. The last one is the tall anchor at row 1 and column 2,
# counted from 0. Its centre is (16, 8), column times stride and row times stride,
# because x comes from the column. So the anchor is [13, 2, 19, 14].
#
# </details>

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=7.4, height=3.2)
for index, ax in enumerate(axes):
    shape = ("wide", "tall")[index]
    draw_image(ax, torch.full((3, 16, 24), 0.8), title=f"{shape} anchors")
    ax.set(xlim=(-8, 26), ylim=(18, -9))
    draw_boxes(ax, toy[index::2], index=2 * index, linewidth=1.2)
    x, y = toy[index::2].view(-1, 2, 2).mean(dim=1).unbind(1)
    ax.plot(x, y, "k.")
show(
    fig,
    alt="A small image of 24 x 16 pixels with six wide and with six tall anchors, two "
    "rows of three. Those of the first row and column reach over its border.",
    caption="The grey area is the image, a dot is a position. Anchors may leave the "
    "image.",
)

# %% [markdown]
# The paper has nine anchors per position: sizes of 128, 256 and 512 pixels, each in
# three shapes. For a whole photograph, our functions and torchvision's build the same
# anchors.

# %%
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

nine = cell_anchors(sizes=(128, 256, 512), ratios=(0.5, 1, 2))
ours = anchor_grid(nine, map_size=(38, 63), stride=(16, 16))
generator = AnchorGenerator(sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),))
photo = ImageList(torch.zeros(1, 3, 16 * 38, 16 * 63), [(16 * 38, 16 * 63)])
(theirs,) = generator(photo, [torch.zeros(1, 1, 38, 63)])
assert torch.equal(ours, theirs)
print(f"{len(ours):,} anchors, equal to torchvision's; those of one position:")
for box, size in zip(nine, (128, 256, 512) * 3, strict=True):
    w, h = (box[2:] - box[:2]).tolist()
    print(f"{w:4.0f} x {h:4.0f}: {w * h / size**2:.3f} of {size} squared")

# %% tags=["hide-input"]
golden = [[-91, -45, 91, 45], [-181, -91, 181, 91], [-362, -181, 362, 181]]
golden += [[-64, -64, 64, 64], [-128, -128, 128, 128], [-256, -256, 256, 256]]
golden += [[y1, x1, y2, x2] for x1, y1, x2, y2 in golden[:3]]  # wide becomes tall
assert nine.long().tolist() == golden
inside = (ours >= 0).all(1) & (ours[:, 2] <= 1000) & (ours[:, 3] <= 600)
print(f"{inside.sum():,} of them lie inside a photograph of 600 x 1000 pixels")

# %% [markdown]
# More than half of these twenty thousand boxes cross the border. The paper leaves those
# out of training; torchvision and we keep them and clip the predicted boxes.
#
# The anchors of the next position are the same boxes, moved by the stride, so the same
# weights can judge them: the RPN is a convolution. When an object moves by one stride,
# its prediction moves by one position.

# %% tags=["show"]
from course_utils.models.rpn import Anchors

# %% [markdown]
# ## Anchors for the tabletop
#
# Our scenes are much smaller than photographs, so they need smaller anchors. To choose
# them, we first look at the objects in the training scenes.

# %%
from course_utils.models.backbones import Backbone

learn = load_scenes(scenes, "train", size=side)
test = load_scenes(test_scenes, "test", size=side)
torch.manual_seed(0)
backbone = Backbone(widths, depth=2)
stride, rows = backbone.stride, side // backbone.stride
print(f"scene: {side} x {side} pixels; map: {rows} x {rows}, {stride} pixels apart")

# %%
objects = torch.cat([target["boxes"] for _, target in learn])
w, h = (objects[:, 2:] - objects[:, :2]).unbind(1)
shares = torch.tensor([0.05, 0.5, 0.95])
print("5 %, half and 95 % of the objects are below")
print("  size: ", [f"{v:.0f} pixels" for v in (w * h).sqrt().quantile(shares)])
print("  ratio:", [f"{v:.2f}" for v in (h / w).quantile(shares)])

# %% [markdown]
# The RPN rests on an assumption: **some anchor overlaps each object well enough** to be
# corrected into its box. We can test this before we train anything.
#
# **Predict.** Take one square anchor at each position, or three shapes, or three sizes,
# or three sizes in three shapes. For what share of the objects does the best anchor
# reach an IoU of 0.5? And of 0.7?

# %%
sizes = tuple(round(size * side / 128) for size in (16, 28, 48))
ratios = (0.5, 1, 2)
choices = {
    "1 anchor": (sizes[1:2], (1,)),
    "3 shapes": (sizes[1:2], ratios),
    "3 sizes": (sizes, (1,)),
    "3 x 3": (sizes, ratios),
}


def best_ious(choice):
    place = {"map_size": (rows, rows), "stride": (stride, stride)}
    anchors = anchor_grid(cell_anchors(*choice), **place)
    return torch.cat([box_iou(t["boxes"], anchors).amax(dim=1) for _, t in learn])


# %% tags=["predict"]
coverage = {name: best_ious(choice) for name, choice in choices.items()}
for name, best in coverage.items():
    half, strict = ((best >= iou).double().mean() for iou in (0.5, 0.7))
    print(f"{name:>8}: {half:.0%} at IoU 0.5, {strict:.0%} at IoU 0.7")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At 0.5, sizes matter more than shapes: a single anchor per position misses about a
# third of the objects, whereas three sizes miss almost none. At 0.7, even nine anchors
# miss more than a third of them.
#
# </details>

# %% tags=["hide-input"]
show_curves(
    {
        name: (best.sort().values, torch.linspace(1, 0, len(best)))
        for name, best in coverage.items()
    },
    x_label="IoU",
    y_label="share of the objects",
    alt="Four falling curves: the share of objects whose best anchor has at least some "
    "IoU. Nine anchors per position are best everywhere, one anchor is worst.",
    caption="How many objects have an anchor of at least this IoU.",
    is_legend_beside=True,
    width=6.6,
    height=3,
)

# %% [markdown]
# Here are the nine anchors in a scene. Move them and watch the IoU.

# %%
from course_utils.widgets import Slider, explore

image, target = max(test, key=lambda example: len(example[1]["boxes"]))
truth = target["boxes"]
cell = cell_anchors(sizes, ratios)
grid = anchor_grid(cell, map_size=(rows, rows), stride=(stride, stride))
by_place = grid.view(rows, rows, len(cell), 4)
overlap = box_iou(truth, grid)  # (objects, anchors)


# %% tags=["hide-input"]
def draw_anchors(row, column):
    here = by_place[row, column]
    iou = box_iou(truth, here)  # (objects, 9)
    best = iou.amax(dim=0).argmax().item()
    fig, (ax,) = new_figure(width=4.4, height=4.6)
    draw_image(ax, image, title=f"row {row}, column {column}: best IoU {iou.max():.2f}")
    draw_boxes(ax, truth, index=3, linewidth=1.5)
    draw_boxes(ax, here, index=1, linewidth=1)
    draw_boxes(ax, here[best : best + 1], index=0)
    ax.plot(stride * column, stride * row, "k+", markersize=10)
    ax.set(xlim=(-12, side + 12), ylim=(side + 12, -12))
    return fig


row, column = divmod(overlap.amax(dim=0).argmax().item() // len(cell), rows)
explore(
    draw_anchors,
    row=Slider(0, rows - 1, 1, row, "row"),
    column=Slider(0, rows - 1, 1, column, "column"),
    alt=lambda row, column: (
        f"The nine anchors at row {row} and column {column} over a scene, the one that "
        "overlaps an object most in another colour. Its IoU is in the title."
    ),
    caption="Green and dotted: objects. Blue: anchors. Orange: the best of them.",
)
for distance in (0, 1, 2):
    iou = box_iou(truth, by_place[row, min(column + distance, rows - 1)]).max()
    print(f"{distance} positions to the right: the best IoU is {iou:.2f}")

# %% [markdown]
# ## Which anchor answers for which object?
#
# For training, each anchor needs a target, that is, the right prediction. The paper's
# rules are:
#
# - An anchor is an **object**, or *positive* (label 1), if its IoU with some object is
#   at least 0.7.
# - It is **background** (label 0) if its IoU with every object is below 0.3.
# - An anchor in between is **ignored** (label -1), because neither label would be fair.
# - But the anchor that overlaps an object most is positive however small its IoU is.
#
# `match_anchors` returns the index of each anchor's object, or else -1 for background
# and -2 for ignored, from which the labels are made later. `is_best_anchor` finds the
# anchors of the last rule.

# %% tags=["show"]
from course_utils.ops.matching import match_anchors, is_best_anchor

# %% [markdown]
# Here are the IoUs of two objects with six anchors.

# %%
toy_iou = torch.tensor(
    [
        [0.82, 0.71, 0.45, 0.10, 0.00, 0.20],  # a large object
        [0.05, 0.10, 0.35, 0.55, 0.25, 0.45],  # a small object
    ]
)

# %% [markdown]
# **Predict.** What does each of the six anchors become, without the last rule and with
# it?

# %% tags=["predict"]
from torchvision.models.detection._utils import Matcher

words = {0: "large", 1: "small", -1: "background", -2: "ignored"}
for promote in (False, True):
    matched = match_anchors(
        toy_iou, positive_iou=0.7, negative_iou=0.3, promote_best=promote
    )
    peer = Matcher(0.7, 0.3, allow_low_quality_matches=promote)
    assert torch.equal(matched, peer(toy_iou))
    print("with it:" if promote else "without:", [words[i] for i in matched.tolist()])

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without it: large, large, ignored, ignored, background, ignored. With it, the fourth
# anchor becomes an object and answers for the small one. Otherwise its best anchor
# would be ignored, and no anchor would learn to find it.
#
# </details>
#
# How many objects depend on the last rule? All those without an anchor of IoU 0.7.

# %%
alone = (coverage["3 x 3"] < 0.7).float().mean()
print(f"objects of the training scenes without an anchor of IoU 0.7: {alone:.0%}")
if budget != "smoke":
    assert 0.2 < alone < 0.9, alone

# %% [markdown]
# So the rule that reads like an afterthought is the only one that serves more than a
# third of the objects. It has three corner cases: two anchors can tie as an object's
# best; the best anchor of one object may overlap another object even more; and an
# object may touch no anchor at all.

# %%
corners = {
    "a tie": [[0.5, 0.5, 0.1]],
    "better for another": [[0.6, 0.9, 0.0], [0.5, 0.1, 0.0]],
    "touched by none": [[0.0, 0.0, 0.0]],
}
for name, values in corners.items():
    iou = torch.tensor(values)
    mine = match_anchors(iou, positive_iou=0.7, negative_iou=0.3, promote_best=True)
    peer = Matcher(0.7, 0.3, allow_low_quality_matches=True)
    print(f"{name:>18}: {mine.tolist()}, torchvision {peer(iou).tolist()}")

# %% [markdown]
# All anchors that tie become objects. An anchor promoted by the last rule answers for
# the object that *it* overlaps most, which may be another object. The third case is a
# trap: if the best IoU is 0, every anchor is "the best", and in torchvision all of them
# become objects. We require an IoU above 0.
#
# Ties are not rare, because all anchors of the same width and height that contain an
# object completely have the same IoU with it. Take an object of 20 x 20 pixels among
# the paper's anchors:

# %%
for x, y in ((490, 300), (488, 300), (488, 310)):
    speck = torch.tensor([[x, y, x + 20.0, y + 20.0]])
    speck_iou = box_iou(speck, ours)
    count = is_best_anchor(speck_iou).sum()
    print(f"at ({x}, {y}): {count} anchors tie at an IoU of {speck_iou.max():.3f}")

# %% [markdown]
# Now we label our scene's anchors. Small anchors inside a large object become
# background, too.

# %% tags=["show"]
from course_utils.models.rpn import label_anchors

# %%
labels, matched_boxes = label_anchors(grid, truth)
label_names = {1: "object", -1: "ignored", 0: "background"}
for label, name in label_names.items():
    print(f"{name:>10}: {(labels == label).sum():>5,} of {len(labels):,} anchors")
reached = (overlap.amax(dim=1) >= 0.7).sum()
print(f"{reached} of {len(truth)} objects have an anchor of IoU 0.7")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=9, height=3.3)
for ax, (label, name) in zip(axes, label_names.items(), strict=True):
    draw_image(ax, image, title=f"{name}: {(labels == label).sum()}", ticks=False)
    some = (labels == label).nonzero().flatten()
    some = some[:: max(len(some) // 20, 1)]
    draw_boxes(ax, grid[some], index={1: 0, -1: 4, 0: 2}[label], linewidth=1.2)
show(
    fig,
    alt="The scene three times: the few anchors that are objects lie tightly on the "
    "objects; ignored ones lie loosely on them; background ones lie on the floor and, "
    "if small, inside objects.",
    caption="Anchors by label, about twenty of each kind.",
)

# %% [markdown]
# ### A common mistake: the label -1
#
# Some code labels background -1 and ignored anchors 0, and then applies the usual
# cross-entropy, $-(p^* \log p + (1 - p^*) \log(1 - p))$, with $p^*$ the label and $p$
# the predicted probability of an object. What does this do to a background anchor?

# %%
for p in (0.5, 1e-2, 1e-4, 1e-8):
    right, wrong = -math.log(1 - p), math.log(p) - 2 * math.log(1 - p)
    print(f"p = {p:.0e}: label 0 gives {right:.4f}, label -1 gives {wrong:6.2f}")

# %% [markdown]
# With label -1 the loss has no minimum: a smaller p is always rewarded and the gradient
# never fades, so the many background anchors drown out the few objects. The symptom is
# a loss below zero. In code, -1 only marks the anchors that stay out of the loss.
#
# ## A fair sample
#
# Nearly all of the thousands of anchors are background, so a network that always says
# "background" is nearly always right. Therefore each step uses only a sample: the paper
# draws 256 anchors per image at random, up to half of them objects and the rest
# background.

# %% tags=["show"]
from course_utils.ops.matching import draw, sample_balanced

# %% [markdown]
# From the same seed, torchvision draws the same anchors. If only 10 anchors are
# objects, background fills the other 246 places.

# %%
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

for count in (10, 500):
    many = torch.zeros(5000, dtype=torch.int64)
    many[:count], many[4000:] = 1, -1
    torch.manual_seed(0)
    positive, negative = sample_balanced(many, count=256, positive_fraction=0.5)
    torch.manual_seed(0)
    peer = BalancedPositiveNegativeSampler(256, 0.5)([many])
    print(f"{count:>3} objects: {len(positive)} + {len(negative)} sampled")
    assert torch.equal(peer[0][0].nonzero().flatten(), positive)
    assert torch.equal(peer[1][0].nonzero().flatten(), negative)

# %% [markdown]
# `sample_anchors` draws a sample in each image of a batch. It returns the rows of the
# sampled anchors in the flattened predictions, with their labels and regression
# targets.

# %% tags=["show"]
from course_utils.models.rpn import sample_anchors

# %%
totals = torch.zeros(4)
for _, scene_target in learn[:100]:
    scene_labels, _ = label_anchors(grid, scene_target["boxes"])
    drawn = sample_balanced(scene_labels, count=256, positive_fraction=0.5)
    kinds = [(scene_labels == 1).sum(), (scene_labels == 0).sum()]
    totals += torch.tensor([*kinds, *map(len, drawn)])
before, after = (totals / len(learn[:100])).view(2, 2).tolist()
print("a scene on average: {:.1f} objects, {:.0f} background".format(*before))
print("   after the sample: {:.1f} objects, {:.0f} background".format(*after))

# %% [markdown]
# Background still outnumbers objects, but by far less than before.
#
# ## A small head
#
# The RPN's head is small: a 3 x 3 convolution over the features and, on top of it, two
# 1 x 1 convolutions, one for the score of each anchor and one for its four deltas,
# which move and stretch it as in lesson 02. All positions share the weights. A score,
# the **objectness**, says "object or not", without a class, because naming is left to
# the box head.

# %% tags=["show"]
from course_utils.models.rpn import RPNHead

# %%
vgg_head = RPNHead(512, hidden=512, num_anchors=9)
scores, deltas = vgg_head(torch.zeros(1, 512, 38, 63))
print("VGG's features of a photograph: (1, 512, 38, 63)")
print("scores", tuple(scores.shape), " deltas", tuple(deltas.shape))
weights = sum(weight.numel() for weight in vgg_head.parameters())
print(f"{weights:,} weights serve {len(ours):,} anchors")

# %% [markdown]
# These maps have to be brought into the order of the anchors, one row per anchor.

# %% tags=["show"]
from course_utils.models.rpn import flatten_map

# %% [markdown]
# A plain `view` gives the right shape as well, so what is wrong with it? We fill a map
# with three digits: anchor, row and column.

# %%
a, y, x = torch.meshgrid(
    torch.arange(2), torch.arange(2), torch.arange(3), indexing="ij"
)
digits = (100 * a + 10 * y + x)[None]  # (1, A, H, W)
in_order = flatten_map(digits, 2).flatten().tolist()
print("flatten_map:", " ".join(f"{value:03d}" for value in in_order))
print("plain view: ", " ".join(f"{value:03d}" for value in digits.flatten().tolist()))

# %% [markdown]
# With a plain `view`, the first six values belong to the first anchor of *all* six
# positions, whereas the first six anchors are those of three positions, two at each.
# Nothing would crash, but nearly every anchor would get the prediction of another one.
#
# ## The RPN's loss
#
# As in Fast R-CNN, the loss has two terms. All sampled anchors pay cross-entropy for
# their scores, and those that are objects also pay for their deltas. The latter is a
# **smooth L1** loss: a parabola near zero and a straight line further out, so that one
# bad box does not drown out all the others. `beta` is the error at which the parabola
# turns into the line.

# %% tags=["hide-input"]
x = torch.linspace(-1.5, 1.5, 301)
zero = torch.zeros_like(x)
curves = {
    f"beta = {name}": (x, F.smooth_l1_loss(x, zero, beta=beta, reduction="none"))
    for name, beta in {"1": 1.0, "1/9": 1 / 9}.items()
}
show_curves(
    curves | {"L1": (x, x.abs())},
    x_label="error of one number",
    y_label="loss",
    alt="Three curves, lowest at 0. L1 has a kink there. Smooth L1 with beta 1 is a "
    "wide parabola, with beta 1/9 a narrow one close to L1.",
    is_legend_beside=True,
    width=6.6,
    height=3,
)

# %% [markdown]
# Which beta is right depends on how large the errors are. The deltas are the shift of
# the centre, divided by the anchor's width or height, and the logarithm of the factor
# by which each side must grow. Here are their targets in a hundred scenes:

# %%
from course_utils.ops.boxes import decode_boxes, encode_boxes

wanted = []
for _, scene_target in learn[:100]:
    scene_labels, boxes = label_anchors(grid, scene_target["boxes"])
    is_object = scene_labels == 1
    wanted.append(encode_boxes(boxes[is_object], grid[is_object]))
wanted = torch.cat(wanted).abs()
for name, column in zip(("x", "y", "width", "height"), wanted.T, strict=True):
    print(f"{name:>6}: half of the targets are below {column.median():.2f}")

# %% [markdown]
# At least half are far below 1, because an anchor that is an object already fits well.
# With beta = 1 nearly all errors would lie at the flat bottom of the parabola, where
# the gradient fades. The paper's equation has beta = 1; the authors' code has
# `sigma = 3` for the RPN, which means beta = 1/9, as in torchvision and here.

# %% tags=["show"]
from course_utils.models.rpn import rpn_losses

# %% [markdown]
# A loop over single numbers gives the same losses and the same gradients.


# %%
def losses_by_hand(objectness, deltas, labels, goals, beta=1 / 9):
    classes = boxes = 0.0
    for z, label, delta, goal in zip(objectness, labels, deltas, goals, strict=True):
        p = torch.sigmoid(z)
        classes -= torch.log(p) if label == 1 else torch.log(1 - p)
        if label == 1:
            for error in (delta - goal).abs():
                boxes += error**2 / (2 * beta) if error < beta else error - beta / 2
    return classes / len(labels), boxes / len(labels)


torch.manual_seed(0)
z, d, goal = torch.randn(50), torch.randn(50, 4), torch.randn(50, 4)
some_labels = torch.arange(50) % 2
inputs = [z.requires_grad_(), d.requires_grad_()]
fast = rpn_losses(z, d, some_labels, goal)
for name, slow in zip(fast, losses_by_hand(z, d, some_labels, goal), strict=True):
    index = 0 if name == "loss_objectness" else 1
    slopes = [torch.autograd.grad(v, inputs[index])[0] for v in (fast[name], slow)]
    print(f"{name}: {fast[name]:.5f}, with a loop {slow:.5f}")
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)

# %% [markdown]
# The paper divides the first sum by its 256 samples and the second by the number of
# positions, about 2,400, but weights the second by 10, so a box counts 10/2400 = 1/240.
# We divide both sums by the number of samples and need no factor: with 256 samples, a
# box counts 1/256.
#
# The diagram below follows the boxes of a scene on their way to the RPN's two losses,
# here with a sample of 128.

# %% tags=["hide-input"]
show_system(
    lambda: sketch.losses(sample_image[None], [sample_target]),
    {
        "image": sample_image[None],
        "ground truth": sample_target["boxes"],
        "backbone": sketch.backbone,
        "IoU with all anchors": (rpn_module, "box_iou"),
        "RPN head": sketch.rpn.head,
        "match and label": (rpn_module, "label_anchors"),
        "order of the anchors": (rpn_module, "flatten_map"),
        "draw a sample": (rpn_module, "sample_anchors"),
        "two losses": (rpn_module, "rpn_losses"),
    },
    [
        ("image", "backbone"),
        ("backbone", "RPN head"),
        ("RPN head", "order of the anchors"),
        ("order of the anchors", "two losses"),
        ("ground truth", "IoU with all anchors"),
        ("IoU with all anchors", "match and label"),
        ("match and label", "draw a sample"),
        ("draw a sample", "two losses"),
    ],
    names={
        "ground truth": ["boxes"],
        "backbone": ["features"],
        "match and label": ["labels", "boxes"],
        "draw a sample": ["rows", "labels", "targets"],
        "RPN head": ["objectness", "deltas"],
        "order of the anchors": ["objectness"],
    },
    new=[
        "IoU with all anchors",
        "match and label",
        "RPN head",
        "draw a sample",
        "order of the anchors",
        "two losses",
    ],
    caption="From ground truth to the RPN's losses, for one image.",
)

# %% [markdown]
# Two small classes hold the predictions and the settings, and one more function
# computes the losses of a sample.

# %% tags=["show"]
from course_utils.models.rpn import RPNOutputs, RPNSettings

# %% tags=["show"]
from course_utils.models.rpn import losses_of_sample

# %% [markdown]
# ## From predictions to proposals
#
# The head has predicted a score and deltas for every anchor, but the next stage wants a
# few good boxes. That takes six small steps:
#
# 1. keep the anchors with the best scores, because the other steps cost time,
# 2. decode: move and stretch each anchor by its deltas,
# 3. clip to the image,
# 4. drop boxes without area,
# 5. suppress: of two boxes with an IoU above 0.7, keep the better,
# 6. keep the best of what is left.

# %% tags=["show"]
from course_utils.models.rpn import best_anchors, decode_anchors

# %% [markdown]
# Why is the shift divided by the anchor's size? Because then the same number moves a
# large anchor further than a small one. So targets are of similar magnitude for all
# sizes, and one beta suits them all:

# %%
two_anchors = torch.tensor([[0.0, 0, 16, 16], [0, 0, 64, 64]])
quarter_right = torch.tensor([[0.25, 0.0, 0.0, 0.0]]).expand(2, 4)
print("a shift of 0.25 in x:", decode_boxes(quarter_right, two_anchors).tolist())

# %% [markdown]
# One function does steps 3 to 6 for one image, and the next does all six for a batch.

# %% tags=["show"]
from course_utils.models.rpn import filter_proposals

# %% tags=["show"]
from course_utils.models.rpn import proposals_of

# %% [markdown]
# The class `RPN` holds the head and the anchors and calls the functions above.

# %% tags=["show"]
from course_utils.models.rpn import RPN

# %% [markdown]
# Let us follow one scene through these steps with an untrained RPN.


# %%
@torch.no_grad()
def follow_proposals(rpn, features, counts=(300, 100)):
    outputs = rpn(features, (side, side))
    scores, index = best_anchors(outputs.objectness, counts[0])
    decoded = decode_anchors(outputs, index)[0]
    proposals = filter_proposals(decoded, scores[0], (side, side), most=counts[1])
    return {
        "best anchors": outputs.anchors[index[0]].cpu(),
        "decoded boxes": decoded.cpu(),
        "proposals": proposals["boxes"].cpu(),
    }


def print_stages(stages):
    for name, boxes in stages.items():
        covered = (box_iou(truth, boxes).amax(dim=1) >= 0.5).sum()
        print(f"{name:>13}: {len(boxes):>3}, ", end="")
        print(f"{covered} of {len(truth)} objects covered at IoU 0.5")


# %%
torch.manual_seed(0)
rpn = RPN(backbone.out_channels, sizes=sizes, ratios=ratios)
before_training = follow_proposals(rpn, backbone(image[None]))
print_stages(before_training)


# %% tags=["hide-input"]
def draw_stages(axes, stages, when):
    for ax, (name, boxes) in zip(axes, stages.items(), strict=True):
        draw_image(ax, image, title=f"{when}: {len(boxes)} {name}", ticks=False)
        draw_boxes(ax, boxes[:15], index=0, linewidth=1.1)
        draw_boxes(ax, truth, index=3, linewidth=2)
        ax.set(xlim=(-10, side + 10), ylim=(side + 10, -10))


fig, axes = new_figure(1, 3, width=10.4, height=3.8)
draw_stages(axes, before_training, "untrained")
show(
    fig,
    alt="The scene under the best anchors, the decoded boxes and the proposals of an "
    "untrained network: they crowd in one part of it, and hardly any fits an object.",
    caption="Solid: the first 15 boxes of each stage, before training. Green and dotted: "
    "the objects.",
)

# %% [markdown]
# The untrained head hardly moves an anchor, and its scores follow no object yet, so the
# proposals fit objects only by chance.
#
# ## Faster R-CNN
#
# Now we join the RPN to lesson 03's detector. The backbone runs **once**, the RPN
# proposes, and the RoI heads of Fast R-CNN do the rest. Only the source of the boxes is
# new.

# %%
from course_utils.models.fast_rcnn import BoxHead, RoIHeads, check_stride
from course_utils.models.model import Model, Target, check_batch, image_size

# %% tags=["show"]
from course_utils.models.faster_rcnn import boxes_of

# %% tags=["show"]
from course_utils.models.faster_rcnn import FasterRCNN

# %% [markdown]
# Our detector learns from 128 anchors and 64 regions per image; torchvision's, made for
# larger images, from 256 and 512.

# %% tags=["show"]
from course_utils.models.faster_rcnn import small_faster_rcnn


# %%
def build(**changes):
    torch.manual_seed(0)  # so that all models of this lesson start alike
    shape = {"num_classes": len(CLASS_NAMES), "sizes": sizes, "ratios": ratios}
    return small_faster_rcnn(widths, **shape, **changes).to(device)


model = build()
for name, part in model.named_children():
    print(f"{name:>9}: {sum(w.numel() for w in part.parameters()):>7,} weights")

# %% [markdown]
# Training lowers the sum of four losses: two of the RPN, and two of the box head on the
# proposals that the RPN makes at that moment.
#
# **Predict.** The box head's losses depend on the proposals, and the proposals depend
# on the RPN. So which of the four losses change the RPN's weights? And which change the
# backbone's?

# %% tags=["predict"]
images = torch.stack([scene for scene, _ in learn[:4]]).to(device)
targets = [{k: v.to(device) for k, v in scene.items()} for _, scene in learn[:4]]
for name, loss in model.losses(images, targets).items():
    model.zero_grad()
    loss.backward(retain_graph=True)
    print(f"{name:>16} {loss.item():.3f} changes", end="")
    for part, module in model.named_children():
        slopes = [w.grad for w in module.parameters() if w.grad is not None]
        print(f" {part}" if any(slope.any() for slope in slopes) else "", end="")
    print()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the RPN's own two losses change the RPN. The proposals are passed on as plain
# numbers without a gradient, as if they came from a search, so the box head never tells
# the RPN which proposals it would have preferred. The paper calls this *approximate*
# joint training. But all four losses change the **backbone**, which both share.
#
# </details>
#
# ### Does torchvision compute the same?
#
# The strictest test of so many rules is to give another implementation the same
# weights, images and seed. torchvision's box head has beta = 1/9 where ours has 1, so
# for this test ours gets 1/9, too.

# %%
from course_utils.models.peers.faster_rcnn import TorchvisionFasterRCNN

mine = build(beta=1 / 9)
peer = TorchvisionFasterRCNN(mine, sizes=sizes, ratios=ratios).to(device)
torch.manual_seed(0)  # both draw their samples from torch's own generator
our_losses = mine.losses(images, targets)
torch.manual_seed(0)
their_losses = peer.losses(images, targets)
for name, loss in our_losses.items():
    print(f"{name:>16}: ours {loss:.6f}, torchvision's {their_losses[name]:.6f}")
    assert torch.allclose(loss, their_losses[name], rtol=1e-4, atol=1e-5)

# %% [markdown]
# All four agree.
#
# ## Training it
#
# One optimizer trains all parts together.

# %%
from course_utils.training import TrainingSettings, predict_all, train
from course_utils.training.augment import flip_half

learning = {
    "batch_size": 4,
    "optimizer": "adamw",
    "lr": 2e-3,
    "weight_decay": 1e-2,
    "augment": flip_half,
    "device": device,
}
whole_run = TrainingSettings(steps=steps, seed=0, warmup_steps=50, **learning)
history = train(model, learn, whole_run)
print(f"{len(history)} steps in {history.seconds:.0f} s")

# %% tags=["hide-input"]
show_losses(
    history,
    alt="Four curves on a logarithmic axis. Objectness and the classifier's loss fall; "
    "both box losses rise at first and fall later.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at first, {values[-1]:.3f} at the end")

# %% [markdown]
# Both box losses *rise* at first. The RPN's starts low because a new head moves no
# anchor and most targets are small. The box head's is divided by the number of
# sampled regions, but only those on objects pay it, and a bad RPN proposes few.

# %%
from course_utils.metrics.coco import evaluate_detections

test_targets = [scene_target for _, scene_target in test]
found_by_model = predict_all(model, test)
figures = evaluate_detections(found_by_model, test_targets, class_names=CLASS_NAMES)
print(f"AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))

# %% tags=["hide-input"]
if budget != "smoke":
    assert figures["AP50"] >= 0.85, figures["AP50"]
    assert figures["AP"] >= 0.5, figures["AP"]
sure = [
    {name: values[scene["scores"] > 0.5] for name, values in scene.items()}
    for scene in found_by_model[:3]
]
show_images(
    [scene for scene, _ in test[:3]],
    targets=sure,
    class_names=CLASS_NAMES,
    width=9,
    alt="Three test scenes with the detections that score above 0.5.",
    caption="Your detector at work: all detections with a score above 0.5.",
)

# %% [markdown]
# ## What the RPN has learned
#
# Here is the same scene after training.

# %%
with torch.no_grad():
    features = model.backbone(image[None].to(device))
after_training = follow_proposals(model.rpn, features)
print_stages(after_training)

# %% tags=["hide-input"]
fig, axes = new_figure(2, 3, width=10.4, height=7.4)
draw_stages(axes[:3], before_training, "untrained")
draw_stages(axes[3:], after_training, "trained")
show(
    fig,
    alt="Two rows of three pictures of the scene. Untrained, best anchors, decoded boxes "
    "and proposals fit hardly any object. Trained, most of the first anchors and "
    "decoded boxes crowd on one cone, and the proposals reach more objects.",
    caption="Solid: the first 15 boxes of each stage, before training and after it. Green "
    "and dotted: the objects.",
)

# %% [markdown]
# The best anchors lie on objects now, most of the first fifteen on one cone. Decoding
# gathers them into bundles, because many anchors find the same object and agree on its
# borders. Suppression keeps only a few boxes of each bundle, so the first fifteen
# proposals reach more objects.
#
# These are the scores of the square anchors, as one map per size:

# %% tags=["hide-input"]
with torch.no_grad():
    outputs = model.rpn(features, (side, side))
objectness = outputs.objectness[0].sigmoid().view(rows, rows, -1).cpu()
fig, axes = new_figure(1, 3, width=10.8, height=3.2)
for shape, ax in zip((3, 4, 5), axes, strict=True):
    w, h = (cell[shape, 2:] - cell[shape, :2]).tolist()
    heat = {"minimum": 0, "maximum": 1, "title": f"anchors of {w:.0f} x {h:.0f}"}
    draw_heat_map(ax, objectness[..., shape], image=image, **heat)
    ax.set(xticks=[], yticks=[])
show(
    fig,
    alt="Three maps over the scene, one for each size of square anchor. They light up on "
    "objects, neighbouring sizes often on the same ones; the floor stays dark.",
    caption="How sure the RPN is of an object, by position and size of the anchor.",
)

# %% [markdown]
# How do these proposals compare with those of selective search? We measure recall: what
# share of the objects has a proposal of IoU 0.5, if only the first few proposals count?

# %%
from course_utils.data.proposals import propose_all
from course_utils.metrics.proposals import evaluate_proposals
from course_utils.results import cache_folder

few = [scene for scene, _ in test[: max(len(test) // 3, 1)]]
few_targets, batch = test_targets[: len(few)], torch.stack(few).to(device)
sources = {
    "selective search": propose_all(few, folder=cache_folder() / "proposals"),
    "RPN, untrained": [p["boxes"].cpu() for p in build().propose(batch)],
    "RPN, trained": [p["boxes"].cpu() for p in model.propose(batch)],
}
recalls = {
    name: evaluate_proposals(boxes, few_targets, counts=(1, 2, 5, 10, 20, 50, 100))
    for name, boxes in sources.items()
}
for name, curve in recalls.items():
    print(f"{name:>16}: recall {curve.recall[3]:.2f} with 10 boxes per image, ", end="")
    print(f"{curve.recall[-1]:.2f} with 100")

# %% tags=["hide-input"]
show_curves(
    {name: (curve.counts, curve.recall) for name, curve in recalls.items()},
    x_label="proposals per image",
    y_label="recall at IoU 0.5",
    alt="Three rising curves. The trained RPN covers most objects with ten proposals and "
    "nearly all with a hundred; selective search needs many more; the untrained RPN "
    "covers few.",
    is_legend_beside=True,
    width=6.8,
    height=3,
)
if budget != "smoke":
    first, last = (recalls["RPN, trained"].recall[i] for i in (3, -1))
    assert first > recalls["selective search"].recall[3]
    assert last > recalls["RPN, untrained"].recall[-1] + 0.1

# %% [markdown]
# Selective search proposes whatever looks like a region, such as shadows, tiles and
# halves of objects, in a partly random order. The RPN has learned what an object is,
# and sorts its proposals by score. What does it cost?

# %%
from course_utils.training import median_ms

one_image, size = image[None].to(device), (side, side)
with torch.no_grad():
    boxes = boxes_of(model.propose(one_image, features=features))
    ms_rpn = median_ms(lambda: model.propose(one_image, features=features), 15)
    ms_network = median_ms(
        lambda: model.roi_heads.detect(model.backbone(one_image), boxes, size), 15
    )
print(f"RPN {ms_rpn:.1f} ms, backbone and box head {ms_network:.1f} ms per image")
for row in read_rows(budget):
    if row["system"] == "Fast R-CNN":
        print(f"the search of lesson 03: {row['ms_proposals']:.1f} ms per image")

# %% [markdown]
# Proposing now takes less time than the rest of the detector. (The search runs in
# Python, though, and most of the RPN in compiled code.)
#
# How many of these proposals does the box head need? We can change the number without
# training again.


# %%
def with_rpn(**changes):
    usual = model.rpn.settings
    model.rpn.settings = dataclasses.replace(usual, **changes)
    result = evaluate_detections(predict_all(model, test), test_targets)
    model.rpn.settings = usual
    return result


for count in (3, 10, 30, 100, 300):
    result = with_rpn(test_proposals=(300, count))
    print(f"{count:>4} proposals: AP50 {result['AP50']:.3f}")

# %% [markdown]
# AP50 rises steeply up to about thirty proposals and no further beyond a hundred,
# probably because suppression seldom leaves more than that.
#
# ## Two ways to train
#
# An RPN and a box head that are trained separately change their backbones in different
# ways, so they cannot share one. The authors' first recipe (section 3.2) therefore
# trains them by turns, in four steps:
#
# 1. train an RPN and its backbone, which was pretrained for classification;
# 2. train a box head on its proposals, with *another copy* of the pretrained backbone;
# 3. **freeze** the backbone of step 2, and train the RPN further on it;
# 4. freeze the RPN as well, and train the box head further on its proposals.
#
# From step 3 on, both share one backbone. A *stage* computes the losses of the parts
# that learn in a step; `freeze` keeps the others as they are.

# %%
import copy
from functools import partial
from typing import Any

from course_utils.training.batches import Examples
from course_utils.training.papers.four_steps import STEPS, Stage, freeze
from course_utils.training.papers.four_steps import training_proposals
from course_utils.training.train import History

# %% tags=["show"]
from course_utils.training.papers.four_steps import RPNStage, BoxStage

# %% tags=["show"]
from course_utils.training.papers.four_steps import train_four_steps

# %% [markdown]
# Instead of a backbone pretrained on ImageNet, we start from the one that you have just
# trained, with a new RPN and a new box head.


# %%
def start(**changes):
    fresh = build(**changes)
    fresh.backbone.load_state_dict(model.backbone.state_dict())
    return fresh


four = start()
quarter = max(short_steps // 4, 1)
histories = train_four_steps(
    four, learn, steps=(quarter,) * 4, seed=1, warmup_steps=5, **learning
)
for name, rows_of_step in histories.items():
    print(f"{name}: {[key for key in rows_of_step[0] if key != 'total']}")

# %%
backbones = [part for part in four.modules() if isinstance(part, Backbone)]
print(f"backbones in the finished network: {len(backbones)}")
four_figures = evaluate_detections(predict_all(four, test), test_targets)
print(f"AP50 after 4 x {quarter} steps: {four_figures['AP50']:.3f}")

# %% [markdown]
# This is not a comparison with joint training, which has had many more steps here. The
# paper found both about equally accurate, but joint training took 25 to 50 % less time,
# and today nearly everyone trains jointly.

# %% [markdown]
# ## Three broken detectors
#
# A faulty detector rarely crashes: it trains, its losses fall, and its boxes are bad.
# Here are three common faults of a line or two each.


# %%
class AxesSwapped(RPN):
    """x from the row and y from the column."""

    def forward(self, features, image_size):
        outputs = super().forward(features, image_size)
        return outputs._replace(anchors=outputs.anchors[:, [1, 0, 3, 2]])


class ZeroIsAnObject(RPN):
    """`labels >= 0` where `labels > 0` was meant: background counts as an object."""

    def label(self, anchors, boxes):
        labels, matched_boxes = super().label(anchors, boxes)
        return labels.where(labels != 0, 1), matched_boxes


class WrongOrder(RPN):
    """Proposals are read with a plain view: all positions of an anchor, then the next."""

    def propose(self, outputs, size, counts):
        batch, _, four = outputs.deltas.shape
        by_position = outputs.deltas.view(batch, -1, len(self.anchors.cell), four)
        deltas = by_position.transpose(1, 2).reshape(batch, -1, four)
        return super().propose(outputs._replace(deltas=deltas), size, counts)


# %% [markdown]
# Each faulty RPN starts from random weights, between the trained backbone, which stays
# frozen, and a copy of the trained box head, which learns on. For comparison, so does a
# healthy RPN.

# %%
short_run = TrainingSettings(steps=short_steps, seed=1, warmup_steps=10, **learning)


class AllButBackbone(Stage):
    def losses(self, images, targets):
        return self.detector.losses(images, targets)


def fit_rpn(make_rpn):
    patient = start(make_rpn=make_rpn)
    patient.roi_heads.load_state_dict(model.roi_heads.state_dict())
    stage = AllButBackbone(patient, fixed=[patient.backbone])
    with freeze(patient.backbone):
        run = train(stage, learn, short_run)
    return patient, run.curves(smooth=10)


# %%
makers = {
    "healthy": RPN,
    "axes swapped": AxesSwapped,
    "0 is an object": ZeroIsAnObject,
    "wrong order": WrongOrder,
}
patients, loss_curves = {}, {}
for name, make_rpn in makers.items():
    patients[name], loss_curves[name] = fit_rpn(make_rpn)

# %% [markdown]
# Which of the four losses betrays each of the three faults?


# %% tags=["hide-input"]
def spread(heights, gap):
    """Heights of labels, moved apart from the lowest up: at least `gap` between two."""
    placed = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    return placed


def draw_losses(ax, loss):
    """One loss of each patient over the steps, its name at the end of its line."""
    lines = {name: curves[loss] for name, curves in loss_curves.items()}
    draw_curves(ax, lines, title=loss)
    ax.get_legend().remove()
    ends = sorted((math.log10(values[-1]), name) for name, values in lines.items())
    all_values = [value for values in lines.values() for value in values]
    low, high = math.log10(min(all_values)), math.log10(max(all_values))
    places = spread([end for end, _ in ends], (high - low) / 12)
    colors = {line.get_label(): line.get_color() for line in ax.get_lines()}
    for (_, name), place in zip(ends, places, strict=True):
        x = 1.02 * (len(lines[name]) - 1)
        ax.text(x, 10**place, name, color=colors[name], va="center", size=9)
    ax.set_yscale("log")
    ticks = [
        t
        for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
        if low <= math.log10(t) <= high
    ]
    ax.set_yticks(ticks, map(str, ticks))
    ax.minorticks_off()


fig, axes = new_figure(2, 2, width=10, height=6.6)
for ax, loss in zip(axes, our_losses, strict=True):
    draw_losses(ax, loss)
# Two curves coincide here, so the upper one is thin and lets the lower one be seen.
for ax in axes[:2]:
    ax.get_lines()[0].set_linewidth(4.5)
    ax.get_lines()[0].set_alpha(0.45)
show(
    fig,
    alt="The four losses of the healthy network and of three broken ones. Objectness: "
    "with swapped axes it stays far above the healthy one, with 0 as an object it falls "
    "below it. The RPN's box loss: with 0 as an object it is far above all others; with "
    "swapped axes it is close to the healthy one. With the wrong order both of the "
    "RPN's curves coincide with the healthy ones. The box head's two losses are lower "
    "for the broken ones than for the healthy one.",
    caption="Losses over the steps, mean of ten, on logarithmic axes. The wide pale line "
    "is the healthy network.",
)

# %% [markdown]
# The curves show it:
#
# - **Axes swapped:** the *objectness* stays high, because the network looks at one
#   place and is asked about another. The RPN's box loss hardly shows the fault, because
#   the targets are small for any anchor that is an object, wherever it stands.
# - **0 is an object:** the objectness is *too good*. The network has found an easy way
#   out, which is to call everything an object. The price shows in the RPN's box loss,
#   which asks background anchors for boxes far away.
# - **Wrong order:** both RPN losses coincide with the healthy ones, because the RPN is
#   trained correctly and only its proposals are misread.
#
# And the box head? In this run, after the first few steps, its losses are *lower* in
# the broken detectors than in the healthy one. Few bad proposals lie on objects, and
# background is easy to recognise, so a lower loss is no sign of health. What do the
# proposals themselves show?

# %%
for name, patient in patients.items():
    result = evaluate_detections(predict_all(patient, test), test_targets)
    boxes = [p["boxes"].cpu() for p in patient.propose(batch)]
    recall = evaluate_proposals(boxes, few_targets, counts=(30,)).recall.item()
    print(f"{name:>14}: recall of 30 proposals {recall:.2f}, AP50 {result['AP50']:.3f}")

# %% tags=["hide-input"]
fig, axes = new_figure(2, 2, width=7.2, height=7.4)
for ax, (name, patient) in zip(axes, patients.items(), strict=True):
    proposals = patient.propose(image[None].to(device))[0]["boxes"]
    draw_image(ax, image, title=name, ticks=False)
    draw_boxes(ax, proposals[:10], index=0, linewidth=1.3)
    draw_boxes(ax, truth, index=3, linewidth=2)
show(
    fig,
    alt="The scene with ten proposals of each network. The healthy one's lie near "
    "several objects; with 0 as an object all ten crowd in one place.",
    caption="Solid: the first 10 proposals of each. Green and dotted: the objects.",
)

# %% [markdown]
# One scene proves little, but recall tells the healthy network from all three faulty
# ones. AP50 falls as well, but not to zero, because some proposals still lie near
# objects, and the box head corrects them. Before you train for an hour, check in this
# order:
#
# 1. **Draw the ground truth** over an image, as it arrives in the model.
# 2. **Draw the positive anchors** over the image: they must lie on objects.
# 3. **Count the labels:** a few objects, many background.
# 4. **Go round the loop:** give the decoder the *right* predictions. The proposals must
#    be the objects' boxes.
# 5. **Overfit one image.** All four losses must fall to nearly zero.
# 6. **Measure the proposals' recall on its own,** before you look at AP.
#
# **Predict.** Here are checks 3 and 4 as code. Which faults does each of them find?


# %%
@torch.no_grad()
def first_aid(rpn):
    blank = torch.zeros(1, backbone.out_channels, rows, rows)
    anchors = rpn(blank, (side, side)).anchors
    labels, matched_boxes = rpn.label(anchors, truth)
    objectness = torch.where(labels == 1, 10.0, -10.0)  # what a perfect head predicts
    deltas = encode_boxes(matched_boxes, anchors)
    perfect = RPNOutputs(objectness[None], deltas[None], anchors)
    (proposals,) = rpn.propose(perfect, (side, side), (300, 100))
    worst = box_iou(truth, proposals["boxes"]).amax(dim=1).min()
    return (labels == 1).sum(), worst, anchors.view(rows, rows, -1, 4)


# %% tags=["predict"]
aid = {name: first_aid(patient.rpn.cpu()) for name, patient in patients.items()}
for name, (count, worst, _) in aid.items():
    print(f"{name:>14}: {count:>5,} anchors are objects; ", end="")
    print(f"the worst-covered object has an IoU of {worst:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The count finds the second fault: thousands of anchors are objects. The loop finds the
# second and the third, since even perfect predictions don't lead back to the objects.
# The first fault passes both checks, because anchors, labels and targets are wrong in
# the same way and agree with each other.
#
# </details>
#
# To find the first fault, ask where an anchor *stands*, as the widget above does.

# %%
for name, (_, _, anchors) in aid.items():
    x, y = anchors[1, rows - 2, 0].view(2, 2).mean(dim=0).tolist()
    print(f"{name:>14}: row 1, column {rows - 2} stands at x = {x:.0f}, y = {y:.0f}")

# %% [markdown]
# Row 1 is near the top, and the last column but one is far to the right. With swapped
# axes it is the other way round. Test such code on images that are not square, where
# swapped anchors leave the image.
#
# ## The line of three
#
# Here are R-CNN, Fast R-CNN and Faster R-CNN together, as far as you have run their
# lessons on this machine:

# %%
from course_utils.training import write_row

row = write_row(
    "Faster R-CNN",
    budget,
    figures=figures,
    ms_per_image=ms_rpn + ms_network,
    ms_proposals=ms_rpn,
    ms_network=ms_network,
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in model.parameters()),
    test_scenes=len(test),
    side=side,
)
systems = ("R-CNN", "Fast R-CNN", "Faster R-CNN")
show_systems(read_rows(budget), systems=systems, caption="On the tabletop, measured")

# %% [markdown]
# Here, Faster R-CNN is by far the fastest and has the highest AP50, but Fast R-CNN's AP
# is slightly higher, above all on small objects. Scenes, steps and the width of the box
# head differ, and each was trained once, so small gaps decide nothing.
#
# These are the papers' own figures, with VGG-16 on the test images of Pascal VOC 2007,
# timed on the same GPU as above.

# %% tags=["hide-input"]
published = [
    {
        "system": "R-CNN",
        "AP50": 66.0,
        "ms": 47_000,
        "timed": "without the search",
        "source": "Fast R-CNN, tables 1 and 4",
    },
    {
        "system": "Fast R-CNN",
        "AP50": 66.9,
        "ms": 320,
        "timed": "without the search",
        "source": "Fast R-CNN, tables 1 and 4",
    },
    {
        "system": "Fast R-CNN",
        "AP50": 66.9,
        "ms": 1_830,
        "timed": "with the search, on a CPU",
        "source": "Faster R-CNN, tables 3 and 5",
    },
    {
        "system": "Faster R-CNN",
        "AP50": 69.9,
        "ms": 198,
        "timed": "everything",
        "source": "Faster R-CNN, tables 3 and 5",
    },
    {
        "system": "Faster R-CNN, trained with VOC 2012, too",
        "AP50": 73.2,
        "ms": 198,
        "timed": "everything",
        "source": "Faster R-CNN, tables 3 and 5",
    },
]
for number, line in enumerate(published):
    line["system"] = f"{number + 1}. {line['system']}"
show_systems(
    published,
    columns={
        "AP50": ("mAP", ".1f"),
        "ms": ("ms per image", ",.0f"),
        "timed": ("what is timed", ""),
        "source": ("source", ""),
    },
    caption="From the papers",
)

# %% [markdown]
# There, Faster R-CNN is not only faster but also more accurate: 69.9 against 66.9 with
# the same network and the same training images. Part of this gain comes from sharing
# the backbone (the paper's table 3). Some figures often printed next to these are
# wrong; see the [errata](errata.ipynb).
#
# The next lessons compare their detectors with the one that you have trained, so we
# keep it.

# %%
from course_utils.training.kept_models import keep_model

kept = keep_model(model, "faster_rcnn", budget)
print(f"{kept.name}: {kept.stat().st_size / 1e6:.1f} MB in the cache")

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ms_per_image=ms_rpn + ms_network,
    ms_proposals=ms_rpn,
    training_seconds=history.seconds,
    recall_of_10_proposals=recalls["RPN, trained"].recall[3],
    ap50_of_four_steps=four_figures["AP50"],
)

# %% [markdown]
# ## Recap
#
# At every position of the feature map, a region proposal network predicts whether a few
# fixed anchors hold objects and how to move them. Each anchor is labelled object,
# background or ignored by its IoU with the ground truth, and the best anchor of an
# object is always positive. The best predictions, decoded, clipped and suppressed, are
# the proposals, which Fast R-CNN's heads turn into detections. All four losses train
# one backbone.
#
# | Fast R-CNN | Faster R-CNN | why |
# |---|---|---|
# | backbone, RoI pooling, box head | the same | they were not the problem |
# | selective search | RPN on the same features | the search was slow and did not learn |
# | two losses | four losses, summed | the RPN learns together with the box head |

# %% [markdown]
# ## Common mistakes
#
# | mistake | symptom |
# |---|---|
# | x taken from the row | objectness stays high |
# | background counted as objects | objectness far too good, RPN box loss far too high |
# | label -1 in the cross-entropy | a loss below zero |
# | `view` instead of `flatten_map` in `propose` | good losses, misplaced proposals |

# %% [markdown]
# ## Three questions to think about
#
# **1.** Proposals, features, classes: which of them come from a network in R-CNN, in
# Fast R-CNN and in Faster R-CNN? And what would you have if you stopped after the RPN
# and let it name the classes, too?
#
# <details><summary>Answer</summary>
#
# In R-CNN the features; in Fast R-CNN features and classes; in Faster R-CNN all three.
# An RPN that names classes is a single-stage detector, which pools no regions. SSD in
# lesson 06 is one, and so is YOLO in lesson 05, though without anchors.
#
# </details>
#
# **2.** The RPN's boxes have already been corrected once. Why does the box head correct
# them again?
#
# <details><summary>Answer</summary>
#
# The RPN predicts for all anchors of a position from one vector, which sees the same
# part of the image for a small anchor and for a large one. The box head pools the
# features of exactly the proposed box, so it looks again, at the right place and the
# right scale.
#
# </details>
#
# **3.** You train on photographs of 1000 x 600 pixels with anchors of 128, 256 and 512,
# and some of the objects measure only 20 pixels. Which of the matcher's rules still
# gives them an anchor, and why is the result bad all the same?
#
# <details><summary>Answer</summary>
#
# The last rule does: the best anchors of such an object are the smallest ones that
# contain it, with an IoU of about 0.02. The head would have to shrink them by a factor
# of six, which it hardly ever has to do otherwise. And there are many of them, since
# all tie. The cure is smaller anchors on a finer map: feature pyramids, in lesson 09.
#
# </details>
