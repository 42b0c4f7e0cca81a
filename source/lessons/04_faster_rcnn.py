# %% [markdown]
# # 04. Faster R-CNN
#
# **Fast R-CNN takes its boxes from selective search. Can the network propose, too?**
#
# After lesson 03, one thing is left that does not learn: a hand-made search that knows
# nothing of spheres or chairs, and takes longer than all the rest. Faster R-CNN (Ren et
# al. 2015) lets a few convolutions propose instead. They read the same features that
# the rest of the network needs anyway.
#
# You will build every step of it, watch it learn, train it in two ways, run it against
# torchvision's, and break it three times to learn how one finds such faults.

# %%
import copy
import math

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_boxes, draw_curves, draw_heat_map, draw_image
from course_utils.draw import new_figure, show, show_boxes, show_curves, show_images
from course_utils.draw import mark, show_losses, show_parts, show_systems
from course_utils.ops.boxes import box_iou

# %% [markdown]
# The settings of this lesson. The code is the same for each budget; only these numbers
# differ.

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
# The paper gives these milliseconds for one photograph, with the same large network
# (VGG-16) and the same graphics card.
#
# **Guess before you run:** Fast R-CNN needs 1830 ms. How much of it is the search for
# proposals?

# %%
paper = {
    "Fast R-CNN": {"convolutions": 146, "proposals": 1510, "regions": 174},
    "Faster R-CNN": {"convolutions": 141, "proposals": 10, "regions": 47},
}
show_parts(
    paper,
    unit="ms per image (the paper, VGG-16)",
    alt="Two bars. Fast R-CNN's is long, and proposals fill most of it. Faster R-CNN's "
    "is a tenth as long, and proposals are hardly visible in it.",
)
for name, parts in paper.items():
    total = sum(parts.values())
    share = parts["proposals"] / total
    print(f"{name}: {total} ms, {1000 / total:.1f} a second, {share:.0%} to propose")

# %% [markdown]
# Four fifths. So the network is not the problem any more, and a faster network would
# not help. The proposals have to become cheap.
#
# What does it take to propose? Look everywhere in the image, and say "here is a thing,
# and about so large". To look everywhere is what a convolution does. The feature map
# has one vector of numbers for each place of the image. A small network on top of it, a
# **region proposal network** (RPN), reads the vectors about a place and answers.
#
# One difficulty is left: a place can hold a small thing, a wide thing, or both, and a
# convolution gives the same number of answers everywhere. So we fix a few boxes of
# different shapes at each place, the **anchors**, and ask two questions about each:
#
# 1. Does it hold a thing?
# 2. How must it be moved and stretched to fit?
#
# ## Anchors on paper
#
# Take a feature map of 2 rows and 3 columns, 8 pixels from each position to the next.
# At each position stand two anchors, both of about 64 square pixels: one twice as wide
# as high, and one twice as high as wide.
#
# **On paper:** how many anchors are there? Where does the last one lie?

# %% tags=["show"]
from course_utils.ops.anchors import anchor_grid, cell_anchors

# %%
cell = cell_anchors(sizes=(8,), ratios=(0.5, 2))
small = anchor_grid(cell, map_size=(2, 3), stride=(8, 8))
print("about the point (0, 0):", cell.long().tolist())
print(f"2 rows x 3 columns x {len(cell)} anchors = {len(small)}")
for place, box in zip(
    ("first", "second", "third", "last"), small[[0, 1, 2, -1]], strict=True
):
    print(f"{place:>6}: {box.long().tolist()}")
assert small[-1].tolist() == [13, 2, 19, 14]

# %% [markdown]
# `ratio` is height over width here, as in torchvision; SSD, in lesson 06, divides the
# other way round. The last anchor belongs to row 1 and column 2. Its centre is (16, 8):
# column times stride, row times stride. x comes from the column. Keep that in mind;
# swapping the two is the first fault that we will plant at the end.

# %%
fig, axes = new_figure(1, 2, width=7, height=2.7)
for index, ax in enumerate(axes):
    shape = ("wide", "high")[index]
    draw_image(ax, torch.full((3, 16, 24), 0.8), title=f"{shape} anchors")
    ax.set(xlim=(-7, 26), ylim=(16, -8))
    draw_boxes(ax, small[index::2], index=2 * index, linewidth=1.2)
    x, y = small[index::2].view(-1, 2, 2).mean(dim=1).unbind(1)
    ax.plot(x, y, "k.")
show(
    fig,
    alt="A small image of 24 x 16 pixels with six wide and with six high anchors, two "
    "rows of three. Those of the first row and column reach over its border.",
    caption="The grey area is the image. Anchors may leave it.",
)

# %% [markdown]
# Why do they stand at multiples of the stride, and not in the middle of a cell of 8 x 8
# pixels? An anchor should stand where its position *looks*. Ask the derivative: which
# pixels does one position read? Two convolutions of stride 2 with padding, as in our
# backbone, against two convolutions of stride 1, each followed by a pooling, as in VGG.
#
# **Guess:** position (8, 8) of a map of stride 4. Where is the middle of what it sees?


# %%
def seen_by(layers, position=8, side=64):
    image = torch.zeros(1, 1, side, side, requires_grad=True)
    for layer in layers:
        nn.init.ones_(layer.weight) if isinstance(layer, nn.Conv2d) else None
    nn.Sequential(*layers)(image)[0, 0, position, position].backward()
    columns = image.grad[0, 0].abs().sum(dim=0).nonzero().flatten()
    return columns[0].item(), columns[-1].item() + 1  # half-open, like a box


strided = [nn.Conv2d(1, 1, 3, stride=2, padding=1) for _ in range(2)]
pooled = [
    f(1, 1, 3, padding=1) if f is nn.Conv2d else f(2)
    for f in (nn.Conv2d, nn.AvgPool2d) * 2
]
for name, layers in {"strided": strided, "pooled": pooled}.items():
    start, end = seen_by(layers)
    print(f"{name}: pixels {start} to {end}, the middle is {(start + end) / 2}")

# %% [markdown]
# With strided convolutions the middle is half a pixel from 8 times 4, so the corner is
# the right place. With poolings it is half a stride further, and the first release of
# Faster R-CNN did put its anchors there. torchvision always uses the corner. A constant
# shift can be learned as a part of the answer, so both work.
#
# The paper has nine anchors: 128, 256 and 512 pixels, each in three shapes.

# %%
nine = cell_anchors(sizes=(128, 256, 512), ratios=(0.5, 1, 2))
golden = [[-91, -45, 91, 45], [-181, -91, 181, 91], [-362, -181, 362, 181]]
golden += [[-64, -64, 64, 64], [-128, -128, 128, 128], [-256, -256, 256, 256]]
golden += [[y1, x1, y2, x2] for x1, y1, x2, y2 in golden[:3]]  # wide becomes high
assert nine.long().tolist() == golden
for box, size in zip(nine, (128, 256, 512) * 3, strict=True):
    w, h = (box[2:] - box[:2]).tolist()
    print(f"{w:4.0f} x {h:4.0f}: {w * h / size**2:.3f} of {size} squared")
    assert abs(w * h / size**2 - 1) < 0.02

# %%
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

ours = anchor_grid(nine, map_size=(38, 63), stride=(16, 16))
generator = AnchorGenerator(sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),))
photo = ImageList(torch.zeros(1, 3, 16 * 38, 16 * 63), [(16 * 38, 16 * 63)])
(theirs,) = generator(photo, [torch.zeros(1, 1, 38, 63)])
print(f"{len(ours):,} anchors; torchvision's are equal: {torch.equal(ours, theirs)}")
inside = (ours >= 0).all(1) & (ours[:, 2] <= 1000) & (ours[:, 3] <= 600)
print(f"{inside.sum():,} of them lie inside a photograph of 600 x 1000 pixels")
assert torch.equal(ours, theirs)

# %% [markdown]
# About twenty thousand boxes for one photograph. While training, the paper leaves out
# those that cross the border; torchvision and we keep them, and clip what comes out.
#
# How large is the map? A few slides say 7 x 7, that is 49 positions, for VGG and an
# image of 224 x 224. **Guess:** is that right?


# %%
def map_sides(*sides, poolings, round_up=False):
    halve = nn.MaxPool2d(2, ceil_mode=round_up)
    x = torch.zeros(1, 1, *sides, device="meta")  # a shape without numbers
    for _ in range(poolings):
        x = halve(x)
    return "{} x {}".format(*x.shape[2:])


print("224 x 224 after five poolings:", map_sides(224, 224, poolings=5))
print("224 x 224 after four:         ", map_sides(224, 224, poolings=4))
up = map_sides(600, 1000, poolings=4, round_up=True)
print(f"600 x 1000 after four: {map_sides(600, 1000, poolings=4)}, or {up} rounded up")

# %% [markdown]
# 7 x 7 is the map after the last pooling, which feeds VGG's fully connected layers. The
# RPN reads the map before it, of stride 16. And detectors do not shrink photographs to
# 224 pixels: at their usual size there are more than two thousand positions.
#
# ## Anchors for the tabletop
#
# Our scenes are much smaller than photographs, so smaller anchors are needed. Which
# ones? Look at the things of the training scenes first.

# %%
from course_utils.models.backbones import Backbone

torch.manual_seed(0)
backbone = Backbone(widths, depth=2)
stride, rows = backbone.stride, side // backbone.stride
print(
    f"a scene: {side} x {side} pixels; its map: {rows} x {rows}, {stride} pixels apart"
)


# %%
learn = load_scenes(scenes, "train", size=side)
test = load_scenes(test_scenes, "test", size=side)
things = torch.cat([target["boxes"] for _, target in learn])
w, h = (things[:, 2:] - things[:, :2]).unbind(1)
shares = torch.tensor([0.05, 0.5, 0.95])
print("5 %, half and 95 % of the things are smaller than")
print(
    "  size: ", [f"{value:.0f}" for value in (w * h).sqrt().quantile(shares)], "pixels"
)
print("  ratio:", [f"{value:.2f}" for value in (h / w).quantile(shares)])

# %% [markdown]
# The RPN rests on an assumption: **some anchor overlaps each thing well enough** to be
# corrected into its box. It can be tested before anything is trained. For each thing,
# take the best anchor of all.
#
# **Guess:** one square anchor at each position, three shapes, or three sizes of three
# shapes. For what share of the things does the best anchor reach an IoU of 0.7?

# %%
sizes = tuple(round(size * side / 128) for size in (16, 28, 48))
ratios = (0.5, 1, 2)
choices = {"1 anchor": (sizes[1:2], (1,)), "3 shapes": (sizes[1:2], ratios)}
choices |= {"3 sizes": (sizes, (1,)), "3 x 3": (sizes, ratios)}
coverage = {}
for name, choice in choices.items():
    grid = anchor_grid(
        cell_anchors(*choice), map_size=(rows, rows), stride=(stride, stride)
    )
    best = [box_iou(target["boxes"], grid).amax(dim=1) for _, target in learn]
    coverage[name] = best = torch.cat(best)
    print(
        f"{name:>8}: {len(grid):>6,} anchors; things covered at IoU 0.5: "
        f"{(best >= 0.5).double().mean():.0%}, "
        f"at 0.7: {(best >= 0.7).double().mean():.0%}"
    )

# %%
show_curves(
    {
        name: (best.sort().values, torch.linspace(1, 0, len(best)))
        for name, best in coverage.items()
    },
    x_label="IoU of the best anchor",
    y_label="share of the things",
    alt="Four falling curves: the share of things whose best anchor has at least some "
    "IoU. Nine anchors a position are best everywhere, one is worst.",
    caption="How many things have an anchor of at least this IoU.",
    width=4.2,
    height=2.4,
)

# %% [markdown]
# Nine anchors leave almost no thing without an anchor of half overlap. But note the
# other end: for a large share, even the best of them does not reach 0.7. This will
# matter in the next section.
#
# Here they are in a scene. Move the position.

# %%
from course_utils.widgets import Slider, explore

image, target = max(test, key=lambda pair: len(pair[1]["boxes"]))
truth = target["boxes"]
cell = cell_anchors(sizes, ratios)
grid = anchor_grid(cell, map_size=(rows, rows), stride=(stride, stride))
by_place = grid.view(rows, rows, len(cell), 4)


def draw_anchors(row, column):
    here = by_place[row, column]
    iou = box_iou(truth, here)  # (things, 9)
    best = iou.amax(dim=0).argmax().item()
    fig, (ax,) = new_figure(width=3.7, height=3.9)
    title = f"row {row}, column {column}: best IoU {iou.max():.2f}"
    draw_image(ax, image, title=title)
    draw_boxes(ax, truth, index=3, linewidth=1.5)
    draw_boxes(ax, here, index=1, linewidth=1)
    draw_boxes(ax, here[best : best + 1], index=0)
    ax.plot(stride * column, stride * row, "k+", markersize=10)
    ax.set(xlim=(-12, side + 12), ylim=(side + 12, -12))
    return fig


# %%
overlap = box_iou(truth, grid)
row, column = divmod(overlap.amax(dim=0).argmax().item() // len(cell), rows)
explore(
    draw_anchors,
    row=Slider(0, rows - 1, 1, row, "row"),
    column=Slider(0, rows - 1, 1, column, "column"),
    alt=lambda row, column: (
        f"The nine anchors at row {row} and column {column} over a scene, the one that "
        "overlaps a thing most in another colour. Its IoU is in the title."
    ),
    caption="Green and dotted: things. Blue: anchors. Red: the best of them.",
)
for step in (0, 1, 2):
    away = box_iou(truth, by_place[row, min(column + step, rows - 1)]).max()
    print(f"{step} positions to the right: the best IoU is {away:.2f}")
moved = by_place[row, 3] + torch.tensor([stride, 0, stride, 0])
assert torch.equal(moved, by_place[row, 4])

# %% [markdown]
# The last line states what makes all this a convolution: the anchors of the next
# position are the same, moved by the stride. A thing that moves by a stride meets the
# same anchors one position further, and the same weights answer.
#
# ## Which anchor answers for which thing?
#
# To train, each anchor needs to know the right answer. The paper's rule:
#
# - An anchor is an **object** (label 1) if its IoU with some thing is at least 0.7.
# - It is **background** (label 0) if its IoU with every thing is below 0.3.
# - What lies between is **ignored** (label -1): neither answer would be fair.
# - And the best anchor of each thing is an object in any case.
#
# **On paper:** two things, six anchors. What does each anchor become?

# %%
iou = torch.tensor(
    [
        [0.82, 0.71, 0.45, 0.10, 0.00, 0.20],  # a large thing
        [0.05, 0.10, 0.35, 0.55, 0.25, 0.45],  # a small one
    ]
)
for name, row in zip(("large", "small"), iou.tolist(), strict=True):
    print(f"{name}: " + "  ".join(f"{value:.2f}" for value in row))

# %% tags=["show"]
from course_utils.ops.matching import match_anchors, is_best_anchor

# %%
from torchvision.models.detection._utils import Matcher

for promote in (False, True):
    mine = match_anchors(iou, positive_iou=0.7, negative_iou=0.3, promote_best=promote)
    theirs = Matcher(0.7, 0.3, allow_low_quality_matches=promote)(iou)
    words = {0: "large", 1: "small", -1: "background", -2: "ignored"}
    rule = "with the last rule" if promote else "without it"
    print(f"{rule:>18}: " + ", ".join(words[value] for value in mine.tolist()))
    assert torch.equal(mine, theirs)
print("torchvision's Matcher agrees")

# %% [markdown]
# Without the last rule, no anchor would ever learn to find the small thing: its best
# anchor reaches 0.55 and would be ignored. Many slides stop after "above 0.7 or below
# 0.3" and lose this rule. (The paper writes "above 0.7"; its code, torchvision and we
# take "at least".)
#
# Three corners of the rule. **Guess each before you look:**
#
# 1. Two anchors tie for the best of a thing.
# 2. The best anchor of thing 1 overlaps thing 0 even more. Whom does it answer for?
# 3. A thing is so small, or so far outside, that no anchor touches it.

# %%
corners = {
    "a tie": [[0.5, 0.5, 0.1]],
    "better for another": [[0.6, 0.9, 0.0], [0.5, 0.1, 0.0]],
    "touched by none": [[0.0, 0.0, 0.0]],
}
for name, values in corners.items():
    table = torch.tensor(values)
    mine = match_anchors(table, positive_iou=0.7, negative_iou=0.3, promote_best=True)
    theirs = Matcher(0.7, 0.3, allow_low_quality_matches=True)(table)
    print(f"{name:>18}: {mine.tolist()}, torchvision {theirs.tolist()}")

# %% [markdown]
# All that tie become objects. A promoted anchor answers for the thing that it overlaps
# most *itself*. And the third case is a trap: if the best overlap is 0, then every
# anchor "is the best". In torchvision all anchors become objects; we ask for more than
# 0. On the tabletop it never happens, in other data it may.
#
# Now for our scene.

# %% tags=["show"]
from course_utils.models.rpn import label_anchors

# %%
labels, goals = label_anchors(grid, truth)
strict = match_anchors(overlap, positive_iou=0.7, negative_iou=0.3)
names = {1: "object", -1: "ignored", 0: "background"}
for label, name in names.items():
    print(f"{name:>10}: {(labels == label).sum():>5,} of {len(labels):,} anchors")
print(
    f"things: {len(truth)}, with an anchor of IoU 0.7: "
    f"{(overlap.amax(dim=1) >= 0.7).sum()}"
)
print(f"objects without the last rule: {(strict >= 0).sum()}")

# %%
fig, axes = new_figure(1, 3, width=5, height=2)
for ax, (label, name) in zip(axes, names.items(), strict=True):
    draw_image(ax, image, title=f"{name}: {(labels == label).sum()}", ticks=False)
    some = (labels == label).nonzero().flatten()
    some = some[:: max(len(some) // 30, 1)]
    draw_boxes(ax, grid[some], index={1: 0, -1: 4, 0: 2}[label], linewidth=1)
show(
    fig,
    alt="The scene three times: the few anchors that are objects lie tightly on the "
    "things; ignored ones lie loosely on them; background ones lie everywhere else.",
    caption="Anchors by label, about thirty of each kind at most.",
)

# %% [markdown]
# How common are things that live by the last rule alone?

# %%
alone = (coverage["3 x 3"] < 0.7).float().mean()
print(f"things of the training scenes without an anchor of IoU 0.7: {alone:.0%}")
w, h = (
    things[coverage["3 x 3"] < 0.7][:, 2:] - things[coverage["3 x 3"] < 0.7][:, :2]
).unbind(1)
ratio = torch.maximum(h / w, w / h).median()
print(f"their longer side is {ratio:.2f} times the shorter (median)")
if budget != "smoke":
    assert 0.2 < alone < 0.9, alone

# %% [markdown]
# For many things, the rule that the slides leave out is the only one that makes an
# anchor responsible.
#
# ### A label that is not what it seems
#
# The same slides often write the labels the other way round: -1 for background and 0
# for "ignore", and then use the usual cross-entropy,
# -(p\* log p + (1 - p\*) log(1 - p)), where p\* is the label and p what the network
# says.
#
# **Guess:** what does this loss do to a background anchor, with p\* = -1?

# %%
p = torch.logspace(-4, -0.01, 200)
right, wrong = -torch.log(1 - p), torch.log(p) - 2 * torch.log(1 - p)
one_sign = torch.log(1 - p)  # a minus in front of the first term only, at p* = 0
show_curves(
    {
        "background as 0": (p, right),
        "background as -1": (p, wrong),
        "as 0, one minus lost": (p, one_sign),
    },
    x_label="p, the probability of an object that the network states",
    y_label="loss of background",
    alt="Three curves over p. The right one starts at 0 and rises. The one with label "
    "-1 falls without end towards p = 0. The one with a lost sign falls towards 1.",
    is_legend_beside=True,
    width=6,
    height=2.4,
)
for p in (0.5, 1e-2, 1e-4, 1e-8):
    wrong = math.log(p) - 2 * math.log(1 - p)
    print(f"p = {p:.0e}: right {-math.log(1 - p):.4f}, with -1 {wrong:6.2f}")
assert round(math.log(1e-4) - 2 * math.log(1 - 1e-4), 1) == -9.2

# %% [markdown]
# It has no lowest point. A little less than p = 0 is always rewarded, so the network
# drives its answers for background to minus infinity and has no reason to learn
# anything else. With the sign in front of the first term only, another common slip, it
# is rewarded for calling background an object. In the paper, and in all code, it is 1
# for an object, 0 for background, and -1 for what is left out of the loss.
#
# ## A fair sample
#
# **Guess:** the scene above has thousands of anchors, and nearly all are background.
# What is the cheapest way for the RPN to be right nearly always?

# %% tags=["show"]
from course_utils.ops.matching import draw, sample_balanced

# %%
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler

for objects in (10, 500):
    many = torch.zeros(5000, dtype=torch.int64)
    many[:objects], many[4000:] = 1, -1
    torch.manual_seed(0)
    positive, negative = sample_balanced(many, count=256, positive_fraction=0.5)
    torch.manual_seed(0)
    peer = BalancedPositiveNegativeSampler(256, 0.5)([many])
    print(f"{objects:>3} objects: {len(positive)} + {len(negative)} sampled")
    assert torch.equal(peer[0][0].nonzero().flatten(), positive)
    assert torch.equal(peer[1][0].nonzero().flatten(), negative)
    assert (len(positive), len(negative)) == ((10, 246), (128, 128))[objects > 10]

# %% [markdown]
# To say "background" always. So only some anchors count in each step: 256 an image,
# drawn at random, up to half of them objects, and background for the rest. torchvision
# draws the same ones from the same seed.

# %%
counts = []
for _, each in learn[:100]:
    found, _ = label_anchors(grid, each["boxes"])
    pair = sample_balanced(found, count=256, positive_fraction=0.5)
    counts.append([(found == 1).sum(), (found == 0).sum(), *map(len, pair)])
before_and_after = torch.tensor(counts).float().mean(dim=0).tolist()
print(
    "a scene on average: {:.1f} objects, {:.0f} background".format(
        *before_and_after[:2]
    )
)
print(
    "   after the sample: {:.1f} objects, {:.0f} background".format(
        *before_and_after[2:]
    )
)

# %% [markdown]
# Even so, background outnumbers objects by far, because there are so few good anchors
# in small scenes. The sample makes it bearable.

# %% [markdown]
# ## A small head
#
# The network that answers is short: a 3 x 3 convolution over the features, and from it
# two 1 x 1 convolutions, one for the score of each anchor, one for its four numbers.
# All positions share the weights.

# %% tags=["show"]
from course_utils.models.rpn import RPNHead, flatten_map

# %%
vgg_head = RPNHead(512, hidden=512, num_anchors=9)
scores, deltas = vgg_head(torch.zeros(1, 512, 38, 63))
print("VGG's map of a photograph: (1, 512, 38, 63)")
print("scores", tuple(scores.shape), " deltas", tuple(deltas.shape))
print(f"after flattening: {tuple(flatten_map(deltas, 9).shape)}")
assert flatten_map(scores, 9).shape == (1, len(ours), 1)
weights = sum(weight.numel() for weight in vgg_head.parameters())
print(f"{weights:,} weights for {len(ours):,} anchors")

# %% [markdown]
# A score says "object or not", without a class: the RPN proposes, and others name. The
# paper has two scores an anchor and a softmax, 18 in all. One score and a sigmoid can
# say the same.
#
# `flatten_map` looks harmless. It puts the answers into the order of the anchors.
# **Guess:** what would a plain `view` do? Fill a map of 2 rows, 3 columns and 2 anchors
# with numbers that say who they are for.

# %%
anchor, y, x = torch.meshgrid(
    torch.arange(2), torch.arange(2), torch.arange(3), indexing="ij"
)
maps = (100 * anchor + 10 * y + x)[None]  # (1, A, H, W): anchor, row, column as digits
in_order = flatten_map(maps, 2).flatten()
plain = maps.reshape(-1)
print("flatten_map:", " ".join(f"{value:03d}" for value in in_order.tolist()))
print("plain view: ", " ".join(f"{value:03d}" for value in plain.tolist()))
centres = small.view(-1, 2, 2).mean(dim=1) / 8  # (column, row) of the toy's anchors
assert torch.equal(in_order % 100, (10 * centres[:, 1] + centres[:, 0]).long())

# %% [markdown]
# Both have the right shape. In the plain view the first six values belong to the first
# anchor of *all* positions, while the first six anchors are those of three positions.
# Nothing would crash; each anchor would get the answer for another place. At the end we
# try it.
#
# ## The RPN's loss
#
# Two terms, as in Fast R-CNN. The sampled anchors pay cross-entropy for their scores.
# Those that are objects also pay for their four numbers, with **smooth L1**: a parabola
# near zero, a straight line further out, so that one bad box does not shout down all
# the others.

# %%
x = torch.linspace(-1.5, 1.5, 301)
zero = torch.zeros_like(x)
show_curves(
    {
        "beta = 1 (paper)": (x, F.smooth_l1_loss(x, zero, beta=1.0, reduction="none")),
        "beta = 1/9 (torchvision)": (
            x,
            F.smooth_l1_loss(x, zero, beta=1 / 9, reduction="none"),
        ),
        "L1": (x, x.abs()),
    },
    x_label="error of one number",
    y_label="loss",
    alt="Three curves, lowest at 0. L1 has a kink there. Smooth L1 with beta 1 is a "
    "wide parabola, with beta 1/9 a narrow one close to L1.",
    width=4.2,
    height=2.4,
)
for beta in (1.0, 1 / 9):
    for error in (beta - 1e-4, beta + 1e-4):
        e = torch.tensor(error, dtype=torch.float64, requires_grad=True)
        F.smooth_l1_loss(e, e.new_zeros(()), beta=beta).backward()
        formula = 0.5 * error**2 / beta if error < beta else error - 0.5 * beta
        print(
            f"beta {beta:.3f}, error {error:.4f}: loss {formula:.4f}, slope {e.grad:.3}"
        )

# %% [markdown]
# Where parabola and line meet, value and slope agree. How large are the errors, then?
# The four numbers are those of lesson 02: the shift of the centre divided by the
# anchor's size, and the logarithm of how much it must grow.

# %%
from course_utils.ops.boxes import decode_boxes, encode_boxes

wanted = [
    encode_boxes(goal[label == 1], grid[label == 1])
    for label, goal in (label_anchors(grid, each["boxes"]) for _, each in learn[:100])
]
wanted = torch.cat(wanted)
for name, column in zip(("x", "y", "width", "height"), wanted.T, strict=True):
    print(f"{name:>6}: half of the objects want less than {column.abs().median():.2f}")
two = torch.tensor([[0.0, 0, 16, 16], [0, 0, 64, 64]])
same = torch.tensor([[0.25, 0.0, 0.0, 0.0]]).expand(2, 4)
print("the same answer 0.25 for x moves an anchor of 16 pixels and one of 64 to")
print("  ", decode_boxes(same, two).tolist())

# %% [markdown]
# Most errors are far below 1. With the paper's beta they would all lie in the flat part
# of the parabola; with 1/9 the loss still pulls. The authors' own code has 1/9, too: it
# calls it `sigma` = 3, the square root of 1/beta.
#
# And the same answer moves a large anchor further than a small one. Slides that write
# "box = anchor + (dx, dy, dw, dh)" forget this: then one number would have to mean
# pixels, and large things would need larger answers.

# %% tags=["show"]
from course_utils.models.rpn import rpn_losses


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


generator = torch.Generator().manual_seed(0)
z, d = torch.randn(50, generator=generator), torch.randn(50, 4, generator=generator)
some, goal = (z * 7).long().abs() % 2, torch.randn(50, 4, generator=generator)
by_function = rpn_losses(z, d, some, goal)
for name, by_loop in zip(by_function, losses_by_hand(z, d, some, goal), strict=True):
    print(f"{name}: {by_function[name]:.5f}, with a loop {by_loop:.5f}")
    assert abs(by_function[name] - by_loop) < 1e-4

# %% [markdown]
# What are the sums divided by? Slides often leave that out, and then the loss grows
# with the number of anchors. The paper divides the first by the 256 samples, and the
# second by the number of positions, about 2400, and multiplies it by 10. We divide both
# by the samples. **Guess:** how different is that?

# %%
print(
    f"an object's box counts 10 / 2400 = 1 / {2400 / 10:.0f} in the paper, 1 / 256 here"
)

# %% [markdown]
# Hardly. Now the whole RPN on our scene, untrained. Who feels the loss?

# %%
from course_utils.models.rpn import RPN, RPNOutputs

rpn = RPN(backbone.out_channels, sizes=sizes, ratios=ratios)
answers = rpn(backbone(image[None]), (side, side))
leaves = [each.detach().requires_grad_() for each in answers[:2]]
torch.stack(
    list(rpn.losses(RPNOutputs(*leaves, grid), [target]).values())
).sum().backward()
felt = [leaf.grad[0].reshape(len(grid), -1).any(dim=1) for leaf in leaves]
for label, name in names.items():
    score, box = ((each & (labels == label)).sum() for each in felt)
    print(f"{name:>10}: {score:>3} anchors feel the score's loss, {box:>3} the box's")
assert not felt[0][labels == -1].any()
assert not felt[1][labels != 1].any()
assert torch.equal(answers.anchors, grid)

# %% [markdown]
# Ignored anchors feel nothing, and only objects have a box to reach.
#
# ## From answers to proposals
#
# The other direction: the head has answered for all anchors, and the next stage wants a
# few good boxes. Six steps, each a line:
#
# 1. keep the best scores only (what follows costs time),
# 2. decode: move each anchor as its four numbers say,
# 3. clip to the image,
# 4. drop boxes without area,
# 5. suppress: of two that overlap by more than 0.7 keep the better,
# 6. keep the best again.

# %% tags=["show"]
from course_utils.models.rpn import best_anchors, filter_proposals

# %%
from course_utils.ops.boxes import clip_boxes, remove_small_boxes
from course_utils.ops.nms import nms


@torch.no_grad()
def follow_proposals(rpn, features, before, after):
    answers = rpn(features, (side, side))
    scores, index = (each[0] for each in best_anchors(answers.objectness, before))
    stages = {"all anchors": answers.anchors, "best": answers.anchors[index]}
    boxes = decode_boxes(answers.deltas[0, index], answers.anchors[index])
    stages["decoded"], boxes = boxes, clip_boxes(boxes, side, side)
    solid = remove_small_boxes(boxes, rpn.min_side)
    stages["clipped"] = boxes = boxes[solid]
    kept = nms(boxes, scores[solid], rpn.iou_threshold)
    stages["suppressed"], stages["proposals"] = boxes[kept], boxes[kept[:after]]
    settings = {"iou_threshold": rpn.iou_threshold, "most": after}
    same = filter_proposals(stages["decoded"], scores, (side, side), **settings)
    assert torch.equal(same["boxes"], stages["proposals"])
    return {name: boxes.cpu() for name, boxes in stages.items()}


def print_stages(stages):
    for name, boxes in stages.items():
        outside = (clip_boxes(boxes, side, side) != boxes).any(dim=1).sum()
        best = box_iou(truth, boxes).amax(dim=1)
        covered = f"{(best >= 0.5).sum()} of {len(truth)} things covered"
        print(f"{name:>14}: {len(boxes):>5,} boxes, {outside:>4} outside, {covered}")


# %%
def show_stages(stages, alt):
    fig, axes = new_figure(1, 5, width=5.6, height=1.5)
    for ax, (name, boxes) in zip(axes, list(stages.items())[1:], strict=True):
        title = f"{name}:\n{len(boxes)}"
        draw_image(ax, image, title=title, ticks=False)
        draw_boxes(ax, boxes[:20], index=1, linewidth=0.6)
        draw_boxes(ax, truth, index=3, linewidth=1)
    show(
        fig,
        alt=alt,
        caption="At most 20 boxes a picture. Green and dotted: the things.",
    )


untrained = follow_proposals(rpn, backbone(image[None]), before=300, after=100)
print_stages(untrained)
show_stages(
    untrained,
    "The scene under boxes after each of five steps, before training: they cover the "
    "scene without any preference for its things.",
)

# %% [markdown]
# Untrained, the head moves nothing and prefers nothing, so the proposals are just
# anchors, and whether a thing is covered is luck. We come back to this picture when it
# has learned.

# %% [markdown]
# ## Faster R-CNN
#
# Put it together: backbone, RPN, and from lesson 03 RoI pooling and the box head. RPN
# and box head read one feature map, from one backbone.

# %% tags=["show"]
from course_utils.models.faster_rcnn import small_faster_rcnn


# %%
def build(sizes=sizes, ratios=ratios, make_rpn=RPN):
    torch.manual_seed(0)  # so that all models of this lesson start alike
    shape = {"num_classes": len(CLASS_NAMES), "sizes": sizes, "ratios": ratios}
    return small_faster_rcnn(widths, make_rpn=make_rpn, **shape).to(device)


model = build()
for name, part in model.named_children():
    print(f"{name:>8}: {sum(w.numel() for w in part.parameters()):>7,} weights")

# %% [markdown]
# `count=128` and `count=64` are the samples an image of the RPN and of the box head;
# torchvision's defaults, 256 and 512, are meant for larger images. The other three
# settings of the `RoIHeads` are torchvision's. Without them it does as in lesson 03.
#
# Prediction is short. The backbone runs **once**; all that follows reads its map.


# %%
@torch.no_grad()
def predict_by_hand(model, images):
    size = (images.shape[2], images.shape[3])
    features = model.backbone(images)
    answers = model.rpn(features, size)
    proposals = model.rpn.propose(answers, size, before=300, after=100)
    boxes = [each["boxes"] for each in proposals]
    return model.roi_heads.detect(features, boxes, size)  # as in lesson 03


images = torch.stack([each for each, _ in learn[:4]]).to(device)
targets = [{k: v.to(device) for k, v in each.items()} for _, each in learn[:4]]
for mine, theirs in zip(
    predict_by_hand(model, images), model.predict(images), strict=True
):
    assert torch.equal(mine["boxes"], theirs["boxes"])
print("predict() does the same")

# %% [markdown]
# And training: two losses of the RPN, then two of the box head on the proposals that
# the RPN makes at this moment. The sum of all four goes down.
#
# **Guess before you run:** the box head's losses depend on the proposals, and these
# depend on the RPN. So which of the four losses change the RPN's weights?

# %%
losses = model.losses(images, targets)
for name, loss in losses.items():
    model.zero_grad()
    loss.backward(retain_graph=True)
    reached = {
        part: any(w.grad is not None and w.grad.any() for w in module.parameters())
        for part, module in model.named_children()
    }
    print(f"{name:>16} {loss.item():.3f} changes", *(p for p in reached if reached[p]))
    assert reached["backbone"]
    assert reached["rpn"] == name.startswith(("loss_obj", "loss_rpn"))

# %% [markdown]
# Only its own two. The proposals are passed on as plain numbers, without a gradient, as
# if they came from selective search. The paper calls this *approximate* joint training:
# the box head never tells the RPN what proposals it would have liked. But all four
# change the **backbone**, which learns features that serve both.
#
# ## Training it
#
# One optimizer, one sum of four losses.

# %%
from course_utils.training import TrainingSettings, predict_all, train
from course_utils.training.augment import flip_half

settings = {"batch_size": 4, "optimizer": "adamw", "weight_decay": 1e-2, "lr": 2e-3}
settings |= {"device": device, "augment": flip_half, "warmup_steps": 50}
history = train(model, learn, TrainingSettings(steps=steps, seed=0, **settings))
print(f"{len(history)} steps in {history.seconds:.0f} s")

# %%
show_losses(
    history,
    alt="Four curves on a logarithmic axis. The RPN's two losses and the classifier's "
    "fall; the box head's box loss rises at first and then stays.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at first, {values[-1]:.3f} at the end")

# %% [markdown]
# Three losses fall. The box head's box loss *rises* at first: only RoIs on things pay
# it, and a bad RPN proposes few of them. A loss is a mean over what is asked, and what
# is asked here gets more as the proposals get better.

# %%
from course_utils.metrics.coco import evaluate_detections


test_targets = [each for _, each in test]
found = predict_all(model, test)
figures = evaluate_detections(found, test_targets, class_names=CLASS_NAMES)
print(f"AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
if budget != "smoke":
    assert figures["AP50"] >= 0.85, figures["AP50"]
    assert figures["AP"] >= 0.55, figures["AP"]

# %%
show_images(
    [each for each, _ in test[:2]],
    targets=[
        {name: values[each["scores"] > 0.5] for name, values in each.items()}
        for each in found[:2]
    ],
    class_names=CLASS_NAMES,
    width=4.4,
    alt="Two test scenes with the detections that score above 0.5: nearly every thing "
    "has a box that fits, mostly with the right name.",
)

# %% [markdown]
# No selective search, no SVM, no second training: one network from pixels to named
# boxes.
#
# ## What the RPN has learned
#
# The same scene, the same six steps, now with the trained network.

# %%
with torch.no_grad():
    features = model.backbone(image[None].to(device))
trained = follow_proposals(model.rpn, features, before=300, after=100)
print_stages(trained)
show_stages(
    trained,
    "The scene after each of five steps, after training: the best anchors lie on the "
    "things, the decoded boxes nearly coincide with them, and suppression thins them.",
)

# %% [markdown]
# Compare with the picture above. The best anchors lie on things now, and *decoded*
# they gather into tight bundles: many anchors find the same thing, and agree where it
# ends. Suppression leaves a few of each bundle, and fewer boxes in all.
#
# The score of the square anchors, as a map for each size:

# %%
with torch.no_grad():
    answers = model.rpn(features, (side, side))
objectness = answers.objectness[0].sigmoid().view(rows, rows, -1).cpu()
fig, axes = new_figure(1, 3, width=6, height=1.9)
for shape, ax in zip((3, 4, 5), axes, strict=True):
    w, h = (cell[shape, 2:] - cell[shape, :2]).tolist()
    title = f"{w:.0f} wide, {h:.0f} high"
    heat = {"minimum": 0, "maximum": 1, "title": title}
    draw_heat_map(ax, objectness[..., shape], image=image, **heat)
    ax.set(xticks=[], yticks=[])
show(
    fig,
    alt="Three maps over the scene, one for each size of square anchor. The smallest "
    "anchors light up on hardly anything, the two larger ones on the things, many of "
    "them in both; the floor stays dark.",
    caption="How sure the RPN is of an object, by place and size of the anchor.",
)

# %% [markdown]
# Neighbouring sizes share things, and the floor stays dark. The network has learned the
# matcher's rule from examples, without ever seeing the true boxes of this scene.
#
# How many proposals are needed, and how do they compare with selective search?
#
# **Guess:** with only ten proposals a scene, what share of the things is covered by
# half? And with ten boxes of selective search?

# %%
from course_utils.data.proposals import propose_all
from course_utils.metrics.proposals import evaluate_proposals
from course_utils.results import cache_folder

most = len(test) // 3
few, few_targets = [each for each, _ in test[:most]], test_targets[:most]
searched = propose_all(few, folder=cache_folder() / "proposals")
batch = torch.stack(few).to(device)
sources = {"selective search": searched}
for name, network in {"RPN, untrained": build(), "RPN, trained": model}.items():
    sources[name] = [each["boxes"].cpu() for each in network.propose(batch)]
recalls = {}
for name, proposals in sources.items():
    counts = (1, 2, 5, 10, 20, 50, 100)
    recalls[name] = curve = evaluate_proposals(proposals, few_targets, counts=counts)
    print(f"{name:>16}: recall {curve.recall[3]:.2f} with 10 boxes, ", end="")
    print(f"{curve.recall[-1]:.2f} with 100, MABO {curve.mabo[-1]:.2f}")

# %%
show_curves(
    {name: (curve.counts, curve.recall) for name, curve in recalls.items()},
    x_label="boxes an image",
    y_label="recall at IoU 0.5",
    alt="Three rising curves. The trained RPN covers most things with ten boxes and "
    "nearly all with twenty; selective search needs many more; the untrained RPN "
    "covers few.",
    is_legend_beside=True,
    width=6,
    height=2.4,
)
if budget != "smoke":
    assert recalls["RPN, trained"].recall[3] > recalls["selective search"].recall[3]
    assert (
        recalls["RPN, trained"].recall[-1] > recalls["RPN, untrained"].recall[-1] + 0.1
    )

# %% [markdown]
# Selective search proposes whatever looks like a region: shadows, tiles, halves of
# things. It cannot know what this course calls a thing. The RPN has been told.
#
# And what does it cost?

# %%
from course_utils.ops.selective_search.search import selective_search
from course_utils.training import count_multiply_adds, median_ms

one, size = image[None].to(device), (side, side)
with torch.no_grad():
    boxes = [each["boxes"] for each in model.propose(one, features=features)]
    times = {
        "selective search": median_ms(lambda: selective_search(image), 3),
        "RPN": median_ms(lambda: model.propose(one, features=features), 15),
        "backbone, box head": median_ms(
            lambda: model.roi_heads.detect(model.backbone(one), boxes, size), 15
        ),
    }
whole = times["RPN"] + times["backbone, box head"]
for name, milliseconds in times.items():
    print(f"{name:>18}: {milliseconds:7.1f} ms a scene")
print(f"all of Faster R-CNN: {whole:.1f} ms")
ratio = paper["Fast R-CNN"]["proposals"] / paper["Faster R-CNN"]["proposals"]
print(f"in the paper, the RPN is {ratio:.0f} times as fast as the search")

# %% [markdown]
# Feature map included, everything together takes less than the search alone, and
# proposing is the smaller part of it. (The search is Python, and the RPN mostly C++, so
# take the ratio with care. The paper's search is compiled, and its RPN runs on a
# graphics card.)

# %% [markdown]
# ## Two ways to train
#
# Training both together was not the authors' first plan. What if the RPN needs
# features that hurt the box head? Their recipe takes four steps:
#
# 1. train an RPN, from a backbone pretrained for classification;
# 2. train a box head on its proposals, with *another copy* of that backbone;
# 3. take the backbone of step 2, **freeze** it, and train a new RPN on it;
# 4. keep all that, and train the box head once more.
#
# After step 3 both share one backbone again.

# %% tags=["show"]
from course_utils.training.papers.four_steps import train_four_steps

# %% [markdown]
# Now a race: joint training, the four steps, and torchvision's Faster R-CNN, trained
# jointly. All start from the same weights, see the same images in the same order, and
# take the same number of steps.
#
# To keep it short, this race starts from the backbone that you have just trained, with
# a new RPN and a new box head. The paper starts from one pretrained on ImageNet, for
# the same reason. (`python -m benchmarks faster_rcnn_race` runs the whole length from
# random weights.)
#
# Before they start: are torchvision's network and ours really the same?

# %%
from course_utils.models.peers.faster_rcnn import TorchvisionFasterRCNN


def start(**changes):
    fresh = build(**changes)
    fresh.backbone.load_state_dict(model.backbone.state_dict())
    return fresh


joint = start()
peer = TorchvisionFasterRCNN(joint, sizes=sizes, ratios=ratios).to(device)
pair = []
for each in (joint, peer):
    torch.manual_seed(0)  # both draw their samples from torch's own generator
    pair.append(each.losses(images, targets))
for name, loss in pair[0].items():
    print(f"{name:>16}: ours {loss:.6f}, torchvision's {pair[1][name]:.6f}")
    assert torch.allclose(loss, pair[1][name], rtol=1e-4, atol=1e-5)

# %% [markdown]
# The first step's losses are equal: same anchors, same matches, same sample, same
# proposals, same pooling, same sums. What follows differs by rounding only, which grows
# with every step.

# %%
short = settings | {"warmup_steps": 10}
brief = TrainingSettings(steps=short_steps, seed=1, **short)
runs = {
    name: train(each, learn, brief)
    for name, each in {"joint": joint, "torchvision": peer}.items()
}
four = start()
quarter = max(short_steps // 4, 1)
four_histories = train_four_steps(four, learn, steps=(quarter,) * 4, seed=1, **short)
race = {"joint": joint, "four steps": four, "torchvision": peer}
race_figures = {
    name: evaluate_detections(predict_all(each, test), test_targets)
    for name, each in race.items()
}
seconds = {name: each.seconds for name, each in runs.items()}
seconds["four steps"] = sum(each.seconds for each in four_histories.values())
for name, each in race_figures.items():
    print(
        f"{name:>11}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}, "
        f"{seconds[name]:.1f} s"
    )

# %%
from statistics import median


def learn_once(each):
    torch.stack(list(each.losses(images, targets).values())).sum().backward()


def step_ms(each):
    return median_ms(lambda: learn_once(each), 1)


ratio_time = median([step_ms(joint) / step_ms(peer) for _ in range(7)])
work = [count_multiply_adds(lambda m=m: learn_once(m)) for m in (joint, peer)]
ratio_work = work[0] / work[1]
ratio_ap = race_figures["joint"]["AP50"] / max(
    race_figures["torchvision"]["AP50"], 1e-9
)
print(f"AP50 of ours / torchvision's:      {ratio_ap:.3f}")
print(f"time a step of ours / torchvision: {ratio_time:.2f}")
print(f"multiply-adds of ours / torchvision: {ratio_work:.2f}")
if budget != "smoke":
    assert ratio_ap > 0.8, ratio_ap
assert 0.95 < ratio_work < 1.05, ratio_work

# %%
show_curves(
    {name: each.curves(smooth=10)["total"] for name, each in runs.items()},
    y_label="sum of the four losses",
    alt="The sums of losses of our model and torchvision's over the steps. The two "
    "curves lie on each other at first and stay close.",
    width=4.2,
    height=2.4,
)

# %% [markdown]
# Two curves that are hard to tell apart: the same rules, so the same losses. After so
# few steps the APs still depend on chance; the benchmark compares them after the whole
# length.
#
# And the four steps? Each part gets only a quarter of them, which is too little here.
# The paper, with steps enough, found both ways about equally accurate, and joint
# training faster; today everyone trains jointly. Is one backbone shared in the end?

# %%
for name, history_of_step in four_histories.items():
    print(
        f"{name}: {len(history_of_step)} steps, losses",
        *[key for key in history_of_step[0] if key != "total"],
    )
backbones = [m for m in four.modules() if isinstance(m, Backbone)]
assert len(backbones) == 1
assert not any(w.requires_grad is False for w in four.parameters())
print(f"backbones in the finished network: {len(backbones)}")

# %% [markdown]
# ## Which settings matter?
#
# Three experiments that you can change and run again. First, how many proposals should
# go on to the box head, and how strictly should they be suppressed before? Both can be
# changed in the finished network.
#
# **Guess:** does AP keep rising with the number of proposals?


# %%
def figures_with(part, setting, value):
    usual = getattr(part, setting)
    setattr(part, setting, value)
    values = evaluate_detections(predict_all(model, test), test_targets)
    setattr(part, setting, usual)
    return values


counts, thresholds = (3, 10, 30, 100, 300), (0.3, 0.5, 0.7, 0.9)
by_count = [figures_with(model, "test_proposals", (300, count)) for count in counts]
by_threshold = [figures_with(model.rpn, "iou_threshold", t) for t in thresholds]


# %%
fig, axes = new_figure(1, 2, width=6.6, height=2.3)
for ax, x, values, label in (
    (axes[0], counts, by_count, "proposals an image"),
    (axes[1], thresholds, by_threshold, "IoU at which proposals are suppressed"),
):
    lines = {name: (x, [each[name] for each in values]) for name in ("AP", "AP50")}
    draw_curves(ax, lines, x_label=label, y_label="AP, AP50")
axes[0].set_xscale("log")
show(
    fig,
    alt="Two pictures of AP and AP50. Over the number of proposals they rise and then "
    "stay. Over the threshold of suppression they hardly change in the middle.",
)

# %%
for count, each in zip(counts, by_count, strict=True):
    print(f"{count:>4} proposals: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}")
for threshold, each in zip(thresholds, by_threshold, strict=True):
    print(f"suppressed from {threshold}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}")

# %% [markdown]
# Thirty good proposals are nearly enough for scenes of up to eight things, and beyond a
# hundred little changes. A hundred boxes of selective search cover fewer things than a
# hundred of the RPN: compare the recalls printed above.
#
# Second, the thresholds of detection: which boxes are reported at all, and when are two
# of a class the same?

# %%
least, limits = (0.01, 0.05, 0.3, 0.7), (0.1, 0.3, 0.5, 0.7)
by_score = [figures_with(model.roi_heads, "score_threshold", value) for value in least]
by_iou = [figures_with(model.roi_heads, "iou_threshold", value) for value in limits]
fig, axes = new_figure(1, 2, width=6.6, height=2.3)
for ax, x, values, label in (
    (axes[0], least, by_score, "least score of a detection"),
    (axes[1], limits, by_iou, "IoU at which detections are suppressed"),
):
    lines = {name: (x, [each[name] for each in values]) for name in ("AP", "AP50")}
    draw_curves(ax, lines, x_label=label, y_label="AP, AP50")
    print(
        label + ":",
        "  ".join(f"{v}: {each['AP']:.3f}" for v, each in zip(x, values, strict=True)),
    )
show(
    fig,
    alt="AP and AP50 fall as the least score rises, and are highest for a threshold of "
    "suppression in the middle.",
)

# %% [markdown]
# A higher least score can only lose recall, so AP falls; a demonstration looks *better*
# with it all the same, as it hides doubtful boxes. AP and looks are two things.
#
# Third, the anchors. They are part of the network, so for each choice a new RPN has to
# be trained. To keep it short, it is put between the trained backbone, which stays as
# it is, and a copy of the trained box head. Only the RPN starts from nothing.
#
# **Guess:** how much worse is a single anchor at each position?

# %%
from course_utils.training.papers.four_steps import Stage, freeze


class AllButBackbone(Stage):
    def losses(self, images, targets):
        return self.detector.losses(images, targets)


def try_rpn(**changes):
    trial = start(**changes)
    trial.roi_heads.load_state_dict(model.roi_heads.state_dict())
    stage = AllButBackbone(trial, fixed=[trial.backbone])
    with freeze(trial.backbone):
        run = train(stage, learn, brief)
    return trial, run, evaluate_detections(predict_all(trial, test), test_targets)


trials = {
    name: try_rpn(sizes=choices[name][0], ratios=choices[name][1])
    for name in ("1 anchor", "3 sizes", "3 x 3")
}

# %%
fig, (ax,) = new_figure(width=5, height=2.8)
for index, key in enumerate(("AP", "AP50")):
    heights = [result[key] for _, _, result in trials.values()]
    at = [place + 0.4 * index for place in range(len(trials))]
    color, hatch = mark(index)[0], ("", "//")[index]
    ax.bar(at, heights, width=0.38, label=key, color=color, hatch=hatch)
ax.set_xticks([place + 0.2 for place in range(len(trials))], list(trials))
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
show(fig, alt="Bars of AP and AP50 for one, three and nine anchors a position.")
for name, (_, _, result) in trials.items():
    print(f"{name:>8}: AP {result['AP']:.3f}, AP50 {result['AP50']:.3f}")

# %% [markdown]
# Worse, but by far less than the coverage before training suggested; and three sizes
# already do about as well as nine anchors. The four numbers can stretch an anchor far,
# and the box head mends what is left. How far may a thing be from every anchor in
# *size*? Try `sizes=(16,)`.
#
# ## Three broken detectors
#
# A detector with a fault rarely crashes. It trains, its losses fall, and its boxes are
# bad. Here are three faults, a line or two each, that were made for real many times
# over. Each is trained exactly like the healthy RPN with nine anchors above.
#
# **Guess for each, before you look:** which of the four losses will betray it?


# %%
class AxesSwapped(RPN):
    """x from the row and y from the column."""

    def anchors(self, map_size, image_size):
        return super().anchors(map_size, image_size)[:, [1, 0, 3, 2]]


class ZeroIsAnObject(RPN):
    """`labels >= 0` where `labels > 0` was meant: background counts as an object."""

    def label(self, anchors, boxes):
        labels, goals = super().label(anchors, boxes)
        return labels.where(labels != 0, 1), goals


class WrongOrder(RPN):
    """Answers are read with a plain view: all places of an anchor, then the next."""

    def propose(self, answers, image_size, *, before, after):
        batch, _, four = answers.deltas.shape
        by_place = answers.deltas.view(batch, -1, len(self.cell), four)
        deltas = by_place.transpose(1, 2).reshape(batch, -1, four)
        wrong = answers._replace(deltas=deltas)
        return super().propose(wrong, image_size, before=before, after=after)


# %%
faults = {
    "axes swapped": AxesSwapped,
    "0 is an object": ZeroIsAnObject,
    "wrong order": WrongOrder,
}
patients = {"healthy": trials["3 x 3"]}
patients |= {name: try_rpn(make_rpn=fault) for name, fault in faults.items()}

# %%
fig, axes = new_figure(2, 2, width=6, height=3.9)
for ax, loss in zip(axes, losses, strict=True):
    lines = {
        name: run.curves(smooth=10)[loss] for name, (_, run, _) in patients.items()
    }
    draw_curves(ax, lines, title=loss, is_log=True)
    ax.get_legend().remove()
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
show(
    fig,
    alt="The four losses of the healthy network and of three broken ones. With swapped "
    "axes the objectness stays high; with 0 as an object it falls to nothing while the "
    "RPN's box loss is far above the healthy one from the start; with the wrong order "
    "both look healthy.",
)

# %%
for name, (patient, _, result) in patients.items():
    boxes = [each["boxes"].cpu() for each in patient.propose(batch)]
    recall = evaluate_proposals(boxes, few_targets, counts=(30,)).recall.item()
    print(f"{name:>14}: AP50 {result['AP50']:.3f}, recall of 30 proposals {recall:.2f}")

# %%
fig, axes = new_figure(1, 4, width=5.4, height=1.6)
for ax, (name, (patient, *_)) in zip(axes, patients.items(), strict=True):
    proposals = patient.propose(image[None].to(device))[0]["boxes"].cpu()
    draw_image(ax, image, title=name, ticks=False)
    draw_boxes(ax, proposals[:10], index=1, linewidth=0.8)
    draw_boxes(ax, truth, index=3, linewidth=1)
show(
    fig,
    alt="The scene with ten proposals of each network. The healthy one's fit the "
    "things better; many of the broken ones' miss them.",
    caption="The best 10 proposals of each. Green and dotted: the things.",
)

# %% [markdown]
# Read the curves like a doctor:
#
# - **Axes swapped:** the objectness *stays high*. It is asked about one place and looks
#   at another, so there is little it could learn.
# - **0 is an object:** the objectness is *too good*. A loss that falls to nothing in a
#   few steps has found a way not to work: everything is an object, say yes to all. The
#   price shows in the RPN's box loss, which asks for boxes far away.
# - **Wrong order:** both RPN losses look *healthy*, since training is right and only
#   the reading is wrong. The proposals are bad all the same.
#
# And the box head's losses? They are *lower* for all three than for the healthy one.
# Among bad proposals there are few objects, and background is easy. Even AP50 is not
# zero: some box is always near a thing, and the box head mends it. Faults like these
# can live for years.

# %% [markdown]
# So the losses alone do not tell. Check in this order, a minute each, before you
# train for an hour:
#
# 1. **Draw the truth** over an image, as it arrives in the model.
# 2. **Draw the positive anchors** over the image: they must lie on things.
# 3. **Count the labels**: a few objects, many background.
# 4. **Go round the loop**: give the decoder the *right* answers instead of the head's.
#    The proposals must be the things.
# 5. **Overfit one image.** All four losses must go to nearly nothing, and the
#    detections must be the truth.
# 6. **Measure the proposals' recall by itself,** before looking at AP.
#
# Here are two of these checks as code. Which fault does each find?


# %%
@torch.no_grad()
def first_aid(rpn):
    nothing = torch.zeros(1, backbone.out_channels, rows, rows)
    anchors = rpn(nothing, (side, side)).anchors
    labels, goals = rpn.label(anchors, truth)
    objectness = torch.where(labels == 1, 10.0, -10.0)  # what a perfect head would say
    deltas = encode_boxes(goals, anchors)
    right = RPNOutputs(objectness[None], deltas[None], anchors)
    (proposals,) = rpn.propose(right, (side, side), before=300, after=100)
    worst = box_iou(truth, proposals["boxes"]).amax(dim=1).min()
    return {"objects": (labels == 1).sum(), "worst IoU": worst}


for name, (patient, *_) in patients.items():
    aid = first_aid(copy.deepcopy(patient.rpn).cpu())
    print(f"{name:>14}: {aid['objects']:>5,} anchors are objects; with right answers,")
    print(f"{'':>16}the worst thing has an IoU of {aid['worst IoU']:.2f}")

# %% [markdown]
# The count finds the second fault, the loop the second and the third. The first passes
# both: anchors,
# labels and boxes are wrong in the same way, and agree with each other. So ask where an
# anchor *stands*, as the widget above does.

# %%
for name, (patient, *_) in patients.items():
    here = patient.rpn.anchors((rows, rows), (side, side)).cpu().view(rows, rows, -1, 4)
    x, y = here[1, rows - 2, 0].view(2, 2).mean(dim=0).tolist()
    print(f"{name:>14}: row 1, column {rows - 2} stands at x = {x:.0f}, y = {y:.0f}")

# %% [markdown]
# Row 1 is near the top, and the last column but one is far to the right. With swapped
# axes it is the other way round. Nothing crashed since our images are square; with
# others, many anchors would lie outside. Test such code on images that are not square.
#
# ## The line of three
#
# R-CNN, Fast R-CNN, Faster R-CNN: here they are together, as far as you have run them
# on this machine. The rows come from the last cells of lessons 02 and 03, and from
# this:

# %%
from course_utils.training import read_rows, write_row

row = write_row(
    "Faster R-CNN",
    budget,
    figures=figures,
    ms_per_image=whole,
    ms_proposals=times["RPN"],
    ms_network=times["backbone, box head"],
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in model.parameters()),
    test_scenes=len(test),
    side=side,
)
systems = ("R-CNN", "Fast R-CNN", "Faster R-CNN")
show_systems(read_rows(budget), systems=systems, caption="On the tabletop, measured")

# %%
from course_utils.draw import show_accuracy_and_time

known = [each for each in read_rows(budget) if each["system"] in systems]
show_accuracy_and_time(
    known,
    alt="AP over the time for an image, on a logarithmic axis: "
    + ", ".join(f"{each['system']} at {each['ms_per_image']:.0f} ms" for each in known)
    + ".",
)

# %% [markdown]
# And the papers' own, with VGG-16 on Pascal VOC 2007. Slides usually print these as
# 50, 2 and 0.2 seconds, as 1, 25 and 250 times as fast, and as 66.0, 66.9 and 66.9 mAP.
#
# **Guess:** one of these numbers is wrong. Which one cannot be right, if learned
# proposals are better than a search?

# %%
published = [
    {"system": "R-CNN", "AP50": 66.0, "ms_per_image": 50_000},
    {"system": "Fast R-CNN", "AP50": 66.9, "ms_per_image": 2_000},
    {"system": "Faster R-CNN, unshared features", "AP50": 68.5},
    {"system": "Faster R-CNN", "AP50": 69.9, "ms_per_image": 198},
    {"system": "Faster R-CNN, with VOC 2012", "AP50": 73.2, "ms_per_image": 198},
    {"system": "Faster R-CNN, with VOC 2012 and COCO", "AP50": 78.8},
    {"system": "Faster R-CNN, small network (ZF)", "ms_per_image": 59},
]
show_systems(
    published,
    columns={"AP50": ("mAP, VOC 2007", ".1f"), "ms_per_image": ("ms per image", ",.0f")},
    caption="From the papers",
)
for each in published[1:2] + published[3:4]:
    times_faster = published[0]["ms_per_image"] / each["ms_per_image"]
    print(f"{each['system']}: {times_faster:.0f} times as fast as R-CNN")

# %% [markdown]
# The mAP of Faster R-CNN is 69.9, and 73.2 with more training images; 66.9 is Fast
# R-CNN's with selective search, copied one column too far. The times are right, if
# rounded, but say what they hold: 50 and 2 seconds *include* selective search. Without
# it they are 47 and 0.32. Some slides say 20 s for R-CNN or 2.3 s for Fast R-CNN; they
# mix networks, cards and what is counted.
#
# Networks like this one, with a deeper backbone, won the ImageNet and COCO challenges
# of 2015. Nearly all that follows in this course changes one part of it.

# %% [markdown]
# Keep the trained network. Lesson 05 times it against the next one, and asks what kinds
# of errors each of them makes.

# %%
from course_utils.training.kept_models import keep_model

kept = keep_model(model, "faster_rcnn", budget)
print(f"{kept.name}: {kept.stat().st_size / 1e6:.1f} MB in the cache")

# %%
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ms_per_image=whole,
    ms_proposals=times["RPN"],
    training_seconds=history.seconds,
    recall_of_10_proposals=recalls["RPN, trained"].recall[3],
    ap_ratio_to_torchvision=ratio_ap,
    time_ratio_to_torchvision=ratio_time,
    ap_short_joint=race_figures["joint"]["AP"],
    ap_short_four_steps=race_figures["four steps"]["AP"],
)

# %% [markdown]
# ## Three questions to think about
#
# **1.** Fill in who does what, by a search, a linear model or a network: the proposals,
# the features and the classes of R-CNN, of Fast R-CNN and of Faster R-CNN. What would
# be left if one stopped after the RPN, and let it name the classes, too?
#
# <details><summary>Answer</summary>
#
# | | proposals | features | classes |
# |---|---|---|---|
# | R-CNN | selective search | network, on each region | linear (SVMs) |
# | Fast R-CNN | selective search | network, once an image | network |
# | Faster R-CNN | network | network, once an image | network |
#
# An RPN that names classes is a detector of a single stage: fully convolutional, no
# regions, no pooling. That is SSD, in lesson 06, and in a simpler form YOLO, in
# lesson 05.
#
# </details>
#
# **2.** The RPN's boxes are already corrected once. Why does the box head correct them
# again, and why does it not just take the RPN's word?
#
# <details><summary>Answer</summary>
#
# The RPN answers for all anchors of a position from one vector, which sees the same
# part of the image for a small anchor and a large one. The box head pools the features
# of exactly the proposed box: it looks again, at the right place and the right scale.
# It also knows the class, and has four numbers for each class. The gap between a
# proposal's IoU and a detection's is what the second look is worth.
#
# </details>
#
# **3.** You train on photographs of 1000 x 600 pixels with anchors of 128, 256 and 512,
# and then have to find things of 20 pixels. Which of the matcher's rules still gives
# them an anchor, and why is the result bad all the same?
#
# <details><summary>Answer</summary>
#
# The best-anchor rule: some anchor of 128 pixels overlaps each of them most, with an
# IoU of about 400 / 16384, that is 0.02. So it is an object, for the head to shrink by
# a factor of six, which it hardly ever has to do otherwise. Also, every such anchor
# that holds all of the thing overlaps it equally: at a stride of 16 these are more than
# eighty, and all tie. Smaller anchors on a finer map are the cure: feature pyramids, in
# lesson 09.
#
# </details>
