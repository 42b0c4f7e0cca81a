# ---
# question: Fast R-CNN takes its boxes from a search that does not learn; can the network
#   propose them itself?
# build:
#   - place anchors over a feature map
#   - label them, and draw a fair sample
#   - train a network that proposes boxes
#   - join it to Fast R-CNN
#   - find three planted faults
# needs: [01_sliding_windows, 02_rcnn, 03_fast_rcnn]
# minutes: {read: 110, run: 4}
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
# In lesson 03, one part of the detector did not learn: a hand-made search, which knows
# nothing of spheres or chairs and takes longer than all the rest. Faster R-CNN (Ren et
# al. 2015) lets a few convolutions propose instead. They read the features that
# the box head needs anyway, so proposals become almost free.

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
# This is what you will have at the end: three scenes that the detector has not seen
# before. One network proposed these boxes, named them and moved them into place.

# %% tags=["hide-input"]
at_work = load_example_predictions("faster_rcnn")
show_images(
    [scene for scene, _, _ in at_work],
    targets=[prediction for _, _, prediction in at_work],
    class_names=CLASS_NAMES,
    width=9,
    alt="Three test scenes with the boxes that a trained Faster R-CNN predicts, each "
    "with a class and a score: every object has a tight box with the right name.",
    caption="A trained Faster R-CNN at work.",
)

# %% [markdown]
# The settings. The code is the same for each budget; only these numbers differ.

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
# The paper's table 5 takes the time of both detectors apart. The network is VGG-16 in
# both cases, one photograph at a time, its shorter side scaled to 600 pixels, on one
# Nvidia K40; the search runs on a CPU.
#
# **Predict.** Fast R-CNN takes 1830 ms per photograph. What share of it does the search
# for proposals take? And by what factor would Fast R-CNN become faster if its
# convolutions cost nothing at all?

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
# More than four fifths. Removing the convolutions altogether would win less than a
# tenth, so a faster network does not help: the proposals have to become cheap.
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
# To propose means to look everywhere in the image and say "here is an object, and it is
# about so large". Looking everywhere is what a convolution does: the feature map has one
# vector for each position, so a small network on top of it, a **region proposal
# network** (RPN), can read these vectors and predict boxes.
#
# A position can lie in a small object, in a wide one, or in both, whereas a convolution
# predicts the same number of values everywhere. So we fix a few boxes of different
# shapes at each position, the **anchors**, and ask two questions about each: does it
# hold an object, and how must it be moved and stretched to fit?
#
# Here is the whole system, drawn from a real call. What Fast R-CNN did not have is
# orange.

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
# width. We write the anchors of one position about the point (0, 0).

# %% tags=["show"]
from course_utils.ops.anchors import cell_anchors

# %%
toy_cell = cell_anchors(sizes=(8,), ratios=(0.5, 2))
for box in toy_cell.long().tolist():
    print(box, f"is {box[2] - box[0]} wide and {box[3] - box[1]} high")

# %% [markdown]
# Both cover about 8 squared, that is 64 square pixels. The same boxes then stand at
# every position of the map, and the **stride** says how many pixels lie between two
# positions.

# %% tags=["show"]
from course_utils.ops.anchors import anchor_grid, map_stride

# %% [markdown]
# **Predict.** Take a feature map of 2 rows and 3 columns with a stride of 8, and these
# two anchors at each position. How many anchors are there? Where is the last one?

# %% tags=["predict"]
toy = anchor_grid(toy_cell, map_size=(2, 3), stride=(8, 8))
print(f"{len(toy)} anchors, the last is {toy[-1].long().tolist()}")
assert toy[-1].tolist() == [13, 2, 19, 14]

# %% [markdown]
# <details><summary>Answer</summary>
#
# There are 2 x 3 x 2 = 12. The last one is the high anchor of row 1 and column 2. Its
# centre is (16, 8): column times stride, then row times stride, because x comes from
# the column. So it is [13, 2, 19, 14]. Swapping the two is the first fault that we will
# plant at the end.
#
# </details>

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=7.4, height=3.2)
for index, ax in enumerate(axes):
    shape = ("wide", "high")[index]
    draw_image(ax, torch.full((3, 16, 24), 0.8), title=f"{shape} anchors")
    ax.set(xlim=(-8, 26), ylim=(18, -9))
    draw_boxes(ax, toy[index::2], index=2 * index, linewidth=1.2)
    x, y = toy[index::2].view(-1, 2, 2).mean(dim=1).unbind(1)
    ax.plot(x, y, "k.")
show(
    fig,
    alt="A small image of 24 x 16 pixels with six wide and with six high anchors, two "
    "rows of three. Those of the first row and column reach over its border.",
    caption="The grey area is the image, a dot is a position. Anchors may leave the "
    "image.",
)

# %% [markdown]
# The paper has nine anchors: 128, 256 and 512 pixels, each in three shapes. Built by
# our functions and by torchvision, all anchors of a photograph are equal.

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
golden += [[y1, x1, y2, x2] for x1, y1, x2, y2 in golden[:3]]  # wide becomes high
assert nine.long().tolist() == golden
inside = (ours >= 0).all(1) & (ours[:, 2] <= 1000) & (ours[:, 3] <= 600)
print(f"{inside.sum():,} of them lie inside a photograph of 600 x 1000 pixels")

# %% [markdown]
# More than half of these twenty thousand boxes cross the border. While training, the
# paper leaves those out; torchvision and we keep them and clip what comes out.
#
# The anchors of the next position are the same, moved by the stride, and the same
# weights will look at them. So an object that moves by a stride gets the same
# prediction, one position further. That is what makes the RPN a convolution.

# %% tags=["show"]
from course_utils.models.rpn import Anchors

# %% [markdown]
# ## Anchors for the tabletop
#
# Our scenes are much smaller than photographs, so they need smaller anchors. Which
# ones? Look at the objects of the training scenes first.

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
# corrected into its box. This can be tested before anything is trained.
#
# **Predict.** Take one square anchor at each position, or three sizes, or three sizes
# in three shapes. For what share of the objects does the best anchor reach an IoU of
# 0.5? Of 0.7?

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
# At 0.5, sizes matter more than shapes: a single anchor leaves about a third of the
# objects without, three sizes leave almost none. At 0.7, even the best of nine anchors
# falls short for more than a third of the objects. This matters in the next section.
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
    "IoU. Nine anchors per position are best everywhere, one is worst.",
    caption="How many objects have an anchor of at least this IoU.",
    is_legend_beside=True,
    width=6.6,
    height=3,
)

# %% [markdown]
# Here are the nine anchors in a scene. Move the position and watch the IoU.

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
    caption="Green and dotted: objects. Blue: anchors. Red: the best of them.",
)
for distance in (0, 1, 2):
    iou = box_iou(truth, by_place[row, min(column + distance, rows - 1)]).max()
    print(f"{distance} positions to the right: the best IoU is {iou:.2f}")

# %% [markdown]
# ## Which anchor answers for which object?
#
# To train, each anchor needs to know what the right prediction is. The paper's rule:
#
# - An anchor is an **object** (label 1) if its IoU with some object is at least 0.7.
# - It is **background** (label 0) if its IoU with every object is below 0.3.
# - What lies between is **ignored** (label -1), because neither label would be fair.
# - And the best anchor of each object is an object in any case.
#
# The first function finds the object of each anchor, the second applies the last rule.

# %% tags=["show"]
from course_utils.ops.matching import match_anchors, is_best_anchor

# %% [markdown]
# Here are two objects and six anchors. The small object is in trouble, as small objects
# often are.

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
# anchor becomes an object and answers for the small one. Otherwise no anchor would ever
# learn to find it, since its best anchor would be ignored. torchvision's `Matcher` gives
# the same.
#
# </details>
#
# How many objects live by the last rule alone? As many as have no anchor of IoU 0.7.

# %%
alone = (coverage["3 x 3"] < 0.7).float().mean()
print(f"objects of the training scenes without an anchor of IoU 0.7: {alone:.0%}")
if budget != "smoke":
    assert 0.2 < alone < 0.9, alone

# %% [markdown]
# So the rule that reads like an afterthought is the only one that works for more than a
# third of the objects. It has three corners. Two anchors can tie for the best of an
# object; the best anchor of one object may overlap another one even more; and an object
# may be so small, or so far outside, that no anchor touches it.

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
# All anchors that tie become objects. A promoted anchor answers for the object that it
# overlaps most *itself*. The third case is a trap: if the best overlap is 0, then
# every anchor "is the best", and in torchvision all of them become objects. We ask for
# more than 0.
#
# Ties are not rare. All anchors of one shape that hold an object completely have the
# same IoU with it. Take an object of 20 pixels among the paper's anchors of a photograph:

# %%
for x, y in ((490, 300), (488, 300), (488, 310)):
    speck = torch.tensor([[x, y, x + 20.0, y + 20.0]])
    speck_iou = box_iou(speck, ours)
    count = is_best_anchor(speck_iou).sum()
    print(f"at ({x}, {y}): {count} anchors tie at an IoU of {speck_iou.max():.3f}")

# %% [markdown]
# Now we label the anchors of our scene.

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
    "objects; ignored ones lie loosely on them; background ones lie everywhere else.",
    caption="Anchors by label, about twenty of each kind.",
)

# %% [markdown]
# ### A common mistake: the label -1
#
# Some code calls background -1 and ignored anchors 0, and then uses the usual
# cross-entropy, $-(p^* \log p + (1 - p^*) \log(1 - p))$, with $p^*$ the label and $p$
# the predicted probability of an object. What does this do to a background anchor?

# %%
for p in (0.5, 1e-2, 1e-4, 1e-8):
    right, wrong = -math.log(1 - p), math.log(p) - 2 * math.log(1 - p)
    print(f"p = {p:.0e}: label 0 gives {right:.4f}, label -1 gives {wrong:6.2f}")

# %% [markdown]
# With -1 the loss has no lowest point: a smaller p is always rewarded, so the network
# drives the logits of background towards minus infinity and has no reason to learn
# anything else. The symptom is a loss below zero. In the paper and in all code that
# works, 1 is an object, 0 is background, and -1 stays out of the loss.
#
# ## A fair sample
#
# Nearly all of the thousands of anchors are background, so the cheapest way to be right
# nearly always is to say "background" everywhere. Therefore only some anchors count in
# each step: 256 per image in the paper, drawn at random, up to half of them objects and
# background for the remainder.

# %% tags=["show"]
from course_utils.ops.matching import draw, sample_balanced

# %% [markdown]
# torchvision draws the same anchors from the same seed. With only 10 objects,
# background fills up the other 246.

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
# `sample_anchors` draws in each image of a batch, and returns the rows of the flattened
# predictions with what the head is to predict there.

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
# Even so, background outnumbers objects by far, because small scenes have few good
# anchors, but by far less than before.
#
# ## A small head
#
# The network that predicts is short: a 3 x 3 convolution over the features, and from it
# two 1 x 1 convolutions, one for the score of each anchor and one for its four numbers.
# All positions share the weights. A score says "object or not", without a class: the
# RPN proposes, and the box head names.

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
# These maps have to be brought into the order of the anchors, one row per anchor. It
# looks harmless.

# %% tags=["show"]
from course_utils.models.rpn import flatten_map

# %% [markdown]
# A plain `view` gives the right shape as well, so what is wrong with it? Fill a map with
# three digits: anchor, row, column.

# %%
a, y, x = torch.meshgrid(
    torch.arange(2), torch.arange(2), torch.arange(3), indexing="ij"
)
digits = (100 * a + 10 * y + x)[None]  # (1, A, H, W)
in_order = flatten_map(digits, 2).flatten().tolist()
print("flatten_map:", " ".join(f"{value:03d}" for value in in_order))
print("plain view: ", " ".join(f"{value:03d}" for value in digits.flatten().tolist()))

# %% [markdown]
# In the plain view the first six values belong to the first anchor of *all* positions,
# while the first six anchors are those of three positions. Nothing would crash, but
# nearly every anchor would get the prediction for another place. This is the third fault that we will plant.
#
# ## The RPN's loss
#
# Two terms, as in Fast R-CNN. The sampled anchors pay cross-entropy for their scores.
# Those that are objects also pay for their four numbers, with **smooth L1**: a parabola
# near zero and a straight line further out, so that one bad box does not shout down all
# the others. `beta` is the error at which the one turns into the other.

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
# Which beta is right depends on how large the errors are. The four numbers are those of
# lesson 02: the shift of the centre divided by the anchor's size, and the logarithm of
# how much the anchor must grow. Here is what the objects of a hundred scenes ask for:

# %%
from course_utils.ops.boxes import decode_boxes, encode_boxes

wanted = []
for _, scene_target in learn[:100]:
    scene_labels, boxes = label_anchors(grid, scene_target["boxes"])
    is_object = scene_labels == 1
    wanted.append(encode_boxes(boxes[is_object], grid[is_object]))
wanted = torch.cat(wanted).abs()
for name, column in zip(("x", "y", "width", "height"), wanted.T, strict=True):
    print(f"{name:>6}: half of the objects want less than {column.median():.2f}")

# %% [markdown]
# Most are far below 1, because an anchor that is an object is a good fit already. With beta = 1 nearly all would lie in the flat bottom of the parabola, where the gradient
# fades. The paper's equation has 1; the authors' code has `sigma = 3` for the RPN,
# which is beta = 1/9, and so have torchvision and we.

# %% tags=["show"]
from course_utils.models.rpn import rpn_losses

# %% [markdown]
# A loop over single numbers says the same, and so does its gradient.


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
# What are the sums divided by? If by nothing, the loss grows with the number of
# anchors. The paper divides the first by its 256 samples, and the second by the number
# of positions, about 2,400, and then multiplies the second by 10. So a box counts
# 10/2400 = 1/240 there. We divide both sums by the number of samples and need no
# factor, which comes to nearly the same: 1/256.
#
# The map below follows the boxes of a scene on their way to the RPN's two losses.

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
# Two small classes keep predictions and settings together, and one more function takes
# the sample from the predictions of a batch.

# %% tags=["show"]
from course_utils.models.rpn import RPNOutputs, RPNSettings

# %% tags=["show"]
from course_utils.models.rpn import losses_of_sample

# %% [markdown]
# ## From predictions to proposals
#
# Now the other direction. The head has predicted something for every anchor, and the
# next stage wants a few good boxes. That takes six small steps:
#
# 1. keep the anchors with the best scores, because what follows costs time,
# 2. decode: move each anchor as its four numbers say,
# 3. clip to the image,
# 4. drop boxes without area,
# 5. suppress: of two boxes that overlap by more than 0.7 keep the better,
# 6. keep the best of what is left.

# %% tags=["show"]
from course_utils.models.rpn import best_anchors, decode_anchors

# %% [markdown]
# Why divide the shift by the anchor's size? Because then the same prediction moves a
# large anchor further than a small one, and one head can serve all sizes:

# %%
two_anchors = torch.tensor([[0.0, 0, 16, 16], [0, 0, 64, 64]])
quarter_right = torch.tensor([[0.25, 0.0, 0.0, 0.0]]).expand(2, 4)
print("a shift of 0.25 in x:", decode_boxes(quarter_right, two_anchors).tolist())

# %% [markdown]
# Steps 3 to 6 are one function per image; the next one does all of it for a batch.

# %% tags=["show"]
from course_utils.models.rpn import filter_proposals

# %% tags=["show"]
from course_utils.models.rpn import proposals_of

# %% [markdown]
# The class holds the head and the anchors, and calls the functions above.

# %% tags=["show"]
from course_utils.models.rpn import RPN

# %% [markdown]
# Let us follow one scene through these steps, with an RPN that has learned nothing yet.


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
    "untrained network: they lie anywhere, without any preference for the objects.",
    caption="Solid: the first 15 boxes of each stage, before training. Green and dotted: "
    "the objects.",
)

# %% [markdown]
# Untrained, the head moves nothing and prefers nothing, so the proposals are just
# anchors.
#
# ## Faster R-CNN
#
# Now join it to lesson 03. The backbone runs **once**, the RPN proposes, and the RoI
# heads of Fast R-CNN do the remainder. Only the source of the boxes is new.

# %%
from course_utils.models.fast_rcnn import BoxHead, RoIHeads, check_stride
from course_utils.models.model import Model, Target, check_batch, image_size

# %% tags=["show"]
from course_utils.models.faster_rcnn import boxes_of

# %% tags=["show"]
from course_utils.models.faster_rcnn import FasterRCNN

# %% [markdown]
# Ours learns from 128 anchors and 64 regions per image; torchvision, made for larger
# images, from 256 and 512.

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
# Training adds up four losses: two of the RPN, then two of the box head on the
# proposals that the RPN makes at this moment.
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
# the RPN what proposals it would have liked. The paper calls this *approximate* joint
# training. But all four losses change the **backbone**, which learns features that
# serve both.
#
# </details>
#
# ### Does torchvision compute the same?
#
# The strictest test of so many rules is to give another implementation the same weights,
# the same images and the same seed. torchvision's box head has beta = 1/9 as well, so
# for this test ours gets it, too.

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
# All four are equal.
#
# ## Training it
#
# One optimizer lowers the sum of the four losses.

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
    alt="Four curves on a logarithmic axis. The RPN's two losses and the classifier's "
    "fall; the box head's box loss rises at first and falls later.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at first, {values[-1]:.3f} at the end")

# %% [markdown]
# The box head's box loss *rises* at first: only regions on objects pay it, and a bad
# RPN proposes few of them. A loss is a mean over what is asked, and more is asked as
# the proposals get better.

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
# The same scene and steps, now with the trained network below the untrained one.

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
    "and proposals lie anywhere. Trained, the best anchors lie on the objects, the "
    "decoded boxes gather around them, and suppression leaves fewer.",
    caption="Solid: the first 15 boxes of each stage, before training and after it. Green "
    "and dotted: the objects.",
)

# %% [markdown]
# The best anchors lie on objects now. *Decoded*, they gather into bundles, because many
# anchors find the same object and agree where it ends. Suppression leaves a few of each
# bundle, and therefore fewer boxes in all.
#
# The score of the square anchors, as a map for each size:

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
# How do these proposals compare with those of selective search? We ask for recall: what
# share of the objects has a proposal of IoU 0.5, if only the first few count?

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
# Selective search proposes whatever looks like a region: shadows, tiles, halves of
# objects. The RPN has been told what an object is. And what does it cost?

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
# Proposing is the smaller part of the detector now. (The search runs in Python, most of
# the RPN in compiled code.)
#
# How many of these proposals does the box head need? The number can be changed in the
# finished network.


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
# AP50 rises steeply to about thirty proposals, and hardly at all beyond a hundred,
# because suppression leaves no more than that in most scenes.
#
# ## Two ways to train
#
# What if the RPN needs features that hurt the box head? The authors' first recipe
# (section 3.2) trains them by turns, in four steps:
#
# 1. train an RPN, from a backbone pretrained for classification;
# 2. train a box head on its proposals, with *another copy* of that backbone;
# 3. take the backbone of step 2, **freeze** it, and train a new RPN on it;
# 4. keep all that, and train the box head once more.
#
# After step 3 both share one backbone again. A *stage* computes the losses of the parts
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
# The paper starts from a backbone that has learned to classify ImageNet. We start from
# the one that you have just trained, with a new RPN and a new box head.


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
# This is no duel with joint training, which has had many times as many steps here. The
# paper found both about equally accurate, with joint training 25 to 50 % faster, and
# today nearly everyone trains jointly.

# %% [markdown]
# ## Three broken detectors
#
# A detector with a fault rarely crashes. It trains, its losses fall, and its boxes are
# bad. Here are three faults of a line or two each. People make all of them.


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
# Each RPN starts from nothing between the trained backbone, which stays as it is, and a
# copy of the trained box head; so does a healthy one.

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
# Which of the four losses would betray each of the three faults?


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
# Read the curves like a doctor:
#
# - **Axes swapped:** the *objectness* stays high, because the network is asked about one
#   place and looks at another. The RPN's box loss hardly shows it: the targets are
#   small for any anchor that is an object, wherever it stands.
# - **0 is an object:** the objectness is *too good*. A loss that falls that fast has
#   found a way not to work, here to call everything an object. The price shows in the
#   RPN's box loss, which asks background anchors for boxes far away.
# - **Wrong order:** both RPN losses coincide with the healthy ones, since the training of
#   the RPN is right and only the reading of its proposals is wrong.
#
# And the box head? Its losses are *lower* in the broken detectors than in the healthy
# one. Among bad proposals there are few objects, and background is easy. So a lower
# loss is no sign of health. What do the proposals say?

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
    alt="The scene with ten proposals of each network. The healthy one's fit the "
    "objects; many of the broken ones' miss them.",
    caption="Solid: the first 10 proposals of each. Green and dotted: the objects.",
)

# %% [markdown]
# The recall tells the healthy network from all three. AP50 falls as well, but not to
# zero: some box is always near an object, and the box head mends it. This is how such
# faults live for years. So check in this order before you train for an hour:
#
# 1. **Draw the ground truth** over an image, as it arrives in the model.
# 2. **Draw the positive anchors** over the image: they must lie on objects.
# 3. **Count the labels:** a few objects, many background.
# 4. **Go round the loop:** give the decoder the *right* predictions. The proposals must
#    be the objects.
# 5. **Overfit one image.** All four losses must go to nearly nothing.
# 6. **Measure the proposals' recall by itself,** before you look at AP.
#
# Here are checks 3 and 4 as code. Which fault does each of them find?


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
    print(f"the worst object is met with an IoU of {worst:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The count finds the second fault: thousands of anchors are objects. The loop finds the
# second and the third, since even perfect predictions don't lead back to the objects.
# The first fault passes both checks: anchors, labels and boxes are wrong in the same
# way and agree with each other.
#
# </details>
#
# So for the first fault ask where an anchor *stands*, as the widget above does.

# %%
for name, (_, _, anchors) in aid.items():
    x, y = anchors[1, rows - 2, 0].view(2, 2).mean(dim=0).tolist()
    print(f"{name:>14}: row 1, column {rows - 2} stands at x = {x:.0f}, y = {y:.0f}")

# %% [markdown]
# Row 1 is near the top, and the last column but one is far to the right. With swapped
# axes it is the other way round. Test such code on images that are not square.
#
# ## The line of three
#
# Here are R-CNN, Fast R-CNN and Faster R-CNN together, as far as you have run them on
# this machine:

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
# And the papers' own figures, with VGG-16 on the test images of Pascal VOC 2007. The
# shorter side of an image has 600 pixels (R-CNN warps each region to 224 x 224), images
# come one at a time, and the card is a K40.

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
# Learned proposals are not only faster than searched ones, they are better: 69.9 against
# 66.9 with the same network and the same training images. Some of the figures that are
# often printed beside these are wrong; see the [errata](errata.ipynb).
#
# The next lessons compare themselves with the network that you have trained, so keep it.

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
# A region proposal network looks at every position of the feature map, through a few
# anchors of fixed shapes. Each anchor is an object, background or ignored, depending on
# its IoU with the ground truth, and the best anchor of an object is always one. A fair
# sample of them pays cross-entropy and smooth L1. The best predictions, decoded,
# clipped and suppressed, are the proposals, which Fast R-CNN's heads turn into
# detections. All four losses train one backbone.
#
# | Fast R-CNN | Faster R-CNN | why |
# |---|---|---|
# | backbone, RoI pooling, box head | the same | they were not the problem |
# | selective search | RPN on the same features | the search was slow and did not learn |
# | two losses | four losses, summed | the RPN learns together with the box head |
# | fixed proposals | proposals that improve | the network makes them |
#
# ## Common mistakes
#
# | mistake | symptom |
# |---|---|
# | x taken from the row | objectness stays high |
# | background counted as objects | objectness far too good, RPN box loss far too high |
# | label -1 in the cross-entropy | a loss below zero |
# | `view` instead of `flatten_map` | good losses, proposals beside the objects |
# | no last rule in the matcher | objects that fit no anchor well are not proposed |
#
# ## Three questions to think about
#
# **1.** Proposals, features, classes: which of them come from a network in R-CNN, in Fast
# R-CNN and in Faster R-CNN? And what would be left if one stopped after the RPN, and let
# it name the classes, too?
#
# <details><summary>Answer</summary>
#
# The features; features and classes; all three. An RPN that names classes is a detector
# of a single stage, fully convolutional and without any pooling of regions. That is SSD,
# in lesson 06, and in a simpler form YOLO, in lesson 05.
#
# </details>
#
# **2.** The RPN's boxes are already corrected once. Why does the box head correct them
# again, instead of taking the RPN's word?
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
# and then have to find objects of 20 pixels. Which of the matcher's rules still gives
# them an anchor, and why is the result bad all the same?
#
# <details><summary>Answer</summary>
#
# The last rule: the smallest anchors that hold it overlap each of them most, with an IoU
# of about 0.02. So they are objects, which the head has to shrink by a factor of six, as
# it hardly ever has to do otherwise. And there are many of them, since all tie. Smaller anchors on a finer map are the cure: feature
# pyramids, in lesson 09.
#
# </details>
