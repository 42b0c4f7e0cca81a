# %% [markdown]
# # 02. R-CNN
#
# **An image holds billions of boxes. Which few are worth a look by a good network?**
#
# Lesson 01 asked a tiny network about every window of a grid. A good network is too
# slow for that. So let something cheap suggest boxes first, without knowing what is in
# them: **region proposals**. Then cut each one out, and ask.
#
# This is R-CNN (2014). It has more parts than any later detector, and they learn one
# after the other: a network, support vector machines, and regressors that correct the
# boxes. You will build them all. Then you will see where the time goes, which is why
# the next two lessons exist.

# %%
import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_boxes, draw_curves, draw_image, new_figure, show
from course_utils.draw import show_boxes, show_images, show_losses

# %% [markdown]
# The settings of this lesson. The code is the same for each budget; only these numbers
# differ.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, start_lesson

budget = choose_budget()
scenes, test_scenes, pictures, pretrain_steps, steps = {
    "smoke": (6, 2, 30, 2, 3),
    "laptop": (500, 60, 1500, 150, 800),
    "gpu": (3000, 300, 20_000, 3000, 8000),
}[budget]
most = 200  # proposals an image
device = choose_device()
watch = start_lesson("02_rcnn", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# ## Regions, on paper
#
# A thing is often of one colour, and its surroundings of another. So first cut the
# image into regions of similar pixels. The method is from 2004 (Felzenszwalb and
# Huttenlocher).
#
# Here is a grey image of 3 x 4 pixels. **Before you run:** draw the borders that you
# would draw.

# %%
tiny = torch.tensor([[10.0, 10, 12, 60], [10, 11, 12, 62], [11, 12, 61, 63]])
for row in tiny.long().tolist():
    print(*(f"{value:4}" for value in row))

# %% [markdown]
# Each pixel is a node. An **edge** joins it to each of its 8 neighbours and weighs as
# much as the two values differ. Sort the edges by weight. Then take one after the
# other, from the lightest on, and ask: should the two regions at its ends become one?

# %%
from course_utils.ops.selective_search.graph_segmentation import pixel_graph

graph = pixel_graph(tiny[None])
print(f"{graph.edges.shape[1]} edges. The lightest and the heaviest:")
for place in (0, 1, 2, -2, -1):
    a, b = graph.edges[:, place].tolist()
    print(f"  pixels {a:2} and {b:2} differ by {graph.weights[place]:.0f}")

# %% [markdown]
# To join regions again and again, we must always know which region a pixel is in. A
# **disjoint-set** structure does this in nearly no time: every node points to another
# one of its region, and the last in the chain, the root, stands for all.

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import DisjointSets

# %%
sets = DisjointSets(5)
sets.join(sets.find(0), sets.find(1))
sets.join(sets.find(3), sets.find(4))
sets.join(sets.find(1), sets.find(4))
print("the root of each node:", [sets.find(node) for node in range(5)])
print("nodes with node 0:", sets.size[sets.find(0)])

# %% [markdown]
# And the rule? Compare the edge with what each region already has **inside**: the
# heaviest edge that it was built with. If the edge between them is not heavier, there
# is no border to be seen.
#
# A single pixel has nothing inside, so nothing could ever join it. Hence an allowance,
# `k / size`: large for small regions, and soon forgotten.

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import join_similar


# %%
def regions_of(image, k):
    graph = pixel_graph(image[None])
    sets = DisjointSets(image.numel())
    ends = graph.edges.T.tolist()
    edges = [(a, b, w) for (a, b), w in zip(ends, graph.weights.tolist(), strict=True)]
    join_similar(sets, edges, k=k)
    return torch.tensor([sets.find(i) for i in range(image.numel())]).view_as(image)


for k in (0.5, 5, 500):
    roots = regions_of(tiny, k)
    print(f"k = {k}: {len(roots.unique())} regions")
    for row in roots.tolist():
        print(*(f"{'abcdefghijkl'[root]:>4}" for root in row))

# %% [markdown]
# With a tiny k only equal pixels join. With a huge one, everything does. In between
# lies what you drew. So k says how large a difference has to be before it counts, and
# through `k / size`, how large regions are preferred to be.
#
# Now a photograph. It is smoothed a little first, and regions of a few pixels join
# their most similar neighbour in the end. Each region is painted in its mean colour.
#
# **Guess:** which k keeps the cup in one piece?

# %%
from course_utils.data.photos import photo
from course_utils.ops.selective_search.graph_segmentation import segment_graph
from course_utils.widgets import Slider, explore

coffee, cup = photo("coffee")
coffee, cup = coffee[:, ::2, ::2].contiguous(), cup["boxes"] / 2


def paint(image, labels):
    flat = labels.flatten()
    sums = torch.zeros(3, int(labels.max()) + 1).index_add_(1, flat, image.flatten(1))
    painted = (sums / flat.bincount().clamp(min=1))[:, labels]
    border = (labels[1:, 1:] != labels[:-1, 1:]) | (labels[1:, 1:] != labels[1:, :-1])
    painted[:, 1:, 1:][:, border] = 1
    return painted


def draw_regions(k):
    labels = segment_graph(coffee, k=k, min_size=20)
    fig, (ax,) = new_figure(width=3.9, height=2.8)
    title = f"k = {k}: {labels.max() + 1} regions"
    draw_image(ax, paint(coffee, labels), title=title, ticks=False)
    return fig


# %%
explore(
    draw_regions,
    k=Slider(10, 1000, 10, 100, "k"),
    alt=lambda k: (
        f"A cup of coffee on a table, cut into regions with k = {k}, each in its mean "
        "colour with a white border."
    ),
    caption="Move k: larger values give fewer, larger regions.",
)
counts = [
    int(segment_graph(coffee, k=k, min_size=20).max()) + 1
    for k in (10, 50, 100, 300, 1000)
]
print("regions for k = 10, 50, 100, 300, 1000:", counts)
assert counts == sorted(counts, reverse=True)

# %% [markdown]
# No k is right. A small one splits the cup into its parts. A large one joins it to the
# table where the colours are alike. Keep this in mind.
#
# First a check: does scikit-image find the same regions? Numbers of regions mean
# nothing, so compare the *partitions*: for how many pairs of pixels do the two disagree
# whether they belong together? This is the adapted Rand error, 0 for the same
# partition.

# %%
from skimage.metrics import adapted_rand_error
from skimage.segmentation import felzenszwalb

for name in ("coffee", "chelsea", "astronaut"):
    image = photo(name)[0][:, ::2, ::2].contiguous()
    ours = segment_graph(image, k=300, min_size=20)
    peer = felzenszwalb(image.permute(1, 2, 0).numpy(), scale=300, min_size=20)
    error, _, _ = adapted_rand_error(peer, ours.numpy())
    regions = int(ours.max()) + 1, int(peer.max()) + 1
    print(f"{name:>9}: {regions[0]} and {regions[1]} regions, error {error:.3f}")
    assert error < 0.05

# %% [markdown]
# They agree up to ties between edges of the same weight.
#
# ## Regions grow into things
#
# No single k finds all things, because things are made of parts: a cup has a saucer, a
# handle, and coffee in it. So do not choose. Start with small regions, join the two
# most **similar neighbours**, and repeat until one region is left. Somewhere on the way
# every thing should have been in one piece, and the box around it is a proposal. This
# is **selective search** (Uijlings and others, 2013).
#
# What is similar? Two regions, four measures, each between 0 and 1:
#
# - colour: how much their colour histograms share,
# - texture: the same for histograms of slopes in eight directions,
# - size: small regions first, so that no giant eats its neighbours one by one,
# - fill: how well the two fill their common box, so that holes are closed.

# %% tags=["show"]
from course_utils.ops.selective_search.regions import colour_similarity, size_similarity

# %% tags=["show"]
from course_utils.ops.selective_search.regions import fill_similarity, joint_box

# %%
from course_utils.ops.selective_search.regions import MEASURES, similarity
from course_utils.ops.selective_search.regions import (
    describe_regions,
    neighbouring_regions,
)

start = segment_graph(coffee, k=100, min_size=50)
leaves, pairs = describe_regions(start, coffee), neighbouring_regions(start)
total = similarity(leaves, pairs[:, 0], pairs[:, 1])
print(f"{len(leaves.size)} regions, {len(pairs)} pairs of neighbours")
print(f"{'':14}" + "".join(f"{name:>9}" for name in MEASURES))
for name, place in (("most alike", total.argmax()), ("least alike", total.argmin())):
    a, b = pairs[place]
    values = [float(measure(leaves, a, b)) for measure in MEASURES.values()]
    print(f"{name:>14}" + "".join(f"{value:9.3f}" for value in values))

# %% [markdown]
# Joining two regions needs no second look at the pixels. Sizes add up, boxes grow, and
# the new histogram is the mean of the old ones, weighted by size.

# %% tags=["show"]
from course_utils.ops.selective_search.search import merge_regions

# %%
from course_utils.ops.selective_search.search import group_regions, labels_after

hierarchy = group_regions(leaves, pairs)
count, merges = len(leaves.size), hierarchy.merges
print(f"{count} regions, {len(merges)} merges, {len(hierarchy.boxes())} boxes")
assert len(merges) == count - 1
assert len(hierarchy.boxes()) == 2 * count - 1

# %% [markdown]
# Watch it grow. The orange box is around the region that the last merge made.
#
# **Guess:** will there be a moment at which the cup, with its saucer and handle, is one
# region?

# %%
stages = [0, count // 2, count * 3 // 4, count - 12, count - 6, count - 3]
stages = [max(stage, 0) for stage in stages]
fig, axes = new_figure(2, 3, width=6.6, height=3.4)
for ax, done in zip(axes, stages, strict=True):
    labels = labels_after(start, merges[:done])
    title = f"{done} merges, {count - done} left"
    draw_image(ax, paint(coffee, labels), title=title, ticks=False)
    if done:
        newest = torch.from_numpy(hierarchy.regions.box[count + done - 1])
        draw_boxes(ax, newest[None].float(), index=0)
show(
    fig,
    alt="Six stages of the grouping. At first the picture has many small regions; they "
    "grow together, until the cup and parts of the table are the last few.",
    caption="One grouping, from its first regions to the last three.",
)

# %%
from course_utils.ops.boxes import box_iou

boxes = hierarchy.boxes()
overlap = box_iou(boxes, cup).squeeze(1)
best = int(overlap.argmax())
print(f"the best of {len(boxes)} boxes has an IoU of {overlap[best]:.2f} with the cup")
show_boxes(
    coffee,
    {"the cup": cup, "the best region's box": boxes[best : best + 1]},
    alt="The photograph with the cup's box and the best box of the grouping.",
    size=3.4,
)

# %% [markdown]
# One grouping rarely finds everything. The cure is to do several and take all boxes: in
# different colour spaces, from different k, with and without the colour measure. The
# paper's fast mode makes 8 groupings, its quality mode 80. Our scenes are small, so a
# mode of four groupings is enough for them.
#
# Which boxes come first? Large regions, late in the grouping, are more likely to be
# things. But pure order would put all giants first. So the place in the hierarchy is
# multiplied by a random number.

# %% tags=["show"]
from course_utils.ops.selective_search.search import rank_boxes

# %%
from course_utils.ops.selective_search.search import STRATEGIES, selective_search

print(f"{'':>8} colour spaces  values of k  sets of measures  groupings")
for name, mode in STRATEGIES.items():
    parts = len(mode.spaces), len(mode.ks), len(mode.measures)
    print("{:>8} {:13} {:12} {:17}".format(name, *parts), f"{math.prod(parts):10}")

# %% [markdown]
# How many boxes does this give? Slides say 1,000 in one place and 2,000 in another.
# **Guess before you run:** is it a property of the method?

# %%
for name in ("coffee", "rocket", "coins"):
    image = photo(name)[0][:, ::2, ::2].contiguous()
    began = time.perf_counter()
    fast = len(selective_search(image))
    seconds = time.perf_counter() - began
    print(f"{name:>7}: {fast:5} boxes in fast mode, {seconds:.1f} s")
if budget != "smoke":
    quality = selective_search(coffee, strategy="quality")
    print(f" coffee: {len(quality):5} boxes in quality mode")
print("published, on Pascal VOC 2007: 10,097 boxes in quality mode")

# %% [markdown]
# The count depends on the picture and on the mode. About 2,000 is usual for photographs
# of full size in fast mode, about 10,000 in quality mode.
#
# ## Are the proposals good?
#
# A detector that looks only at proposals can never find what they miss. So ask, before
# any network: of all things, what share has a proposal with an IoU of at least 0.5?
# That is **recall**. And how well does the best proposal fit? The mean over things,
# then over classes, is **MABO** (mean average best overlap).
#
# The scenes of the tabletop, and their proposals. This takes the longest the first
# time; then they are kept on disk.

# %%
from course_utils.data.proposals import propose_all
from course_utils.results import cache_folder


learn, test = load_scenes(scenes, "train"), load_scenes(test_scenes, "test")
images = [image for image, _ in learn + test]
folder = cache_folder() / "proposals"
settings = {"strategy": "small", "min_side": 8}
began = time.perf_counter()
everything = propose_all(images, folder=folder, most=most, **settings)
proposal_seconds = time.perf_counter() - began
learn_boxes, test_boxes = everything[:scenes], everything[scenes:]
print(
    f"{sum(map(len, everything)) / len(images):.0f} proposals an image, at most {most}"
)

# %%
for boxes in everything[:20]:
    assert len(boxes) <= most
    assert len(boxes.unique(dim=0)) == len(boxes)
    assert boxes.min() >= 0
    assert boxes.max() <= 128
image, target = max(test, key=lambda pair: len(pair[1]["boxes"]))
place = [id(each) for each, _ in test].index(id(image))
truth, proposals = target["boxes"], test_boxes[place]
show_boxes(
    image,
    {"first 15 proposals": proposals[:15], "things": truth},
    alt="A scene with several things, their boxes, and 15 proposals of all sizes. Many "
    "lie around things or groups of things.",
    size=3.4,
)

# %%
from course_utils.metrics.proposals import evaluate_proposals

targets = [
    {name: target[name].as_subclass(Tensor) for name in ("boxes", "labels")}
    for _, target in test
]
counts = (5, 10, 25, 50, 100, 200)
curves = {"ours": evaluate_proposals(test_boxes, targets, counts=counts)}
try:
    import cv2
except ImportError:
    print("OpenCV is not installed, so that ours stand alone")


def opencv_boxes(image):
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()[:, :, ::-1].copy()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(pixels)
    search.switchToSelectiveSearchFast()
    boxes = torch.from_numpy(search.process()).float()
    boxes[:, 2:] += boxes[:, :2]  # from x, y, width, height
    return boxes


if "cv2" in globals():
    cv2.setRNGSeed(0)
    peers = [opencv_boxes(image) for image, _ in test]
    curves["OpenCV, fast"] = evaluate_proposals(peers, targets, counts=counts)

# %%
fig, axes = new_figure(1, 2, width=8.5, height=3)
for ax, name in zip(axes, ("recall", "mabo"), strict=True):
    lines = {who: (curve.boxes, getattr(curve, name)) for who, curve in curves.items()}
    draw_curves(ax, lines, x_label="boxes an image, mean", y_label=name)
    ax.set(ylim=(0, 1.02))
show(
    fig,
    alt="Recall and MABO over the number of boxes. Both rise steeply over the first "
    "fifty boxes and are nearly flat after a hundred.",
    caption="Tabletop: what the first so many proposals reach.",
)
recall, mabo = curves["ours"].recall[-1].item(), curves["ours"].mabo[-1].item()
print(
    f"with all of {curves['ours'].boxes[-1]:.0f}: recall {recall:.3f}, MABO {mabo:.3f}"
)
if budget != "smoke":
    assert recall >= 0.9

# %% [markdown]
# Almost every thing has a good proposal, and the first half of the boxes gets nearly as
# far as all of them. Lesson 01 looked at thousands of windows in a scene. Two methods
# are compared *at the same number of boxes*, or not at all: OpenCV's order differs, and
# so do its settings.
#
# The same on photographs, where the method was made for. They are halved in size to
# save time.

# %%
from course_utils.data.photos import PHOTO_NAMES

photos = [photo(name) for name in PHOTO_NAMES[: 1 if budget == "smoke" else None]]
photo_targets = [
    {"boxes": target["boxes"] / 2, "labels": target["labels"]} for _, target in photos
]
small = [image[:, ::2, ::2].contiguous() for image, _ in photos]
photo_boxes = propose_all(small, folder=folder, min_side=12)
counts = (50, 100, 200, 400)
curves = {"ours": evaluate_proposals(photo_boxes, photo_targets, counts=counts)}
if "cv2" in globals():
    peers = [opencv_boxes(image) for image in small]
    curves["OpenCV"] = evaluate_proposals(peers, photo_targets, counts=counts)
for who, curve in curves.items():
    for boxes, share, fit in zip(curve.boxes, curve.recall, curve.mabo, strict=True):
        print(f"{who:>7}: {boxes:4.0f} boxes, recall {share:.2f}, MABO {fit:.3f}")

# %% [markdown]
# A few photographs are no benchmark, but they show what a reader should always ask of a
# proposal method: recall *at how many boxes*?
#
# If you have the blood cells of BCCD, set `COURSE_DATA` to the folder that holds them.

# %%
import os
from pathlib import Path

cells = Path(os.environ.get("COURSE_DATA", "")) / "bccd"
if "COURSE_DATA" in os.environ and cells.exists():
    from course_utils.data.voc import read_voc

    names = ("background", "RBC", "WBC", "Platelets")
    blood = read_voc(cells, "test", class_names=names, most=4)
    found = propose_all([image for image, _ in blood], folder=folder)
    curve = evaluate_proposals(found, [t for _, t in blood], counts=(200, 800))
    print(f"recall {curve.recall[-1]:.2f}, MABO {curve.mabo[-1]:.3f}")
else:
    print("COURSE_DATA names no folder with BCCD: this part is left out")

# %% [markdown]
# ## The data, counted
#
# Before training on any data, count it. One column of a well-known slide is wrong, and
# counting is how one finds out.

# %%
sets = {
    "our training set": (
        len(CLASS_NAMES) - 1,
        len(learn),
        sum(len(target["boxes"]) for _, target in learn),
    ),
    "VOC 2010 train+val": (20, 10_103, 23_374),
}
print(f"{'':>20} classes  images  objects  objects an image")
for name, (classes, number, objects) in sets.items():
    print(f"{name:>20} {classes:7} {number:7,} {objects:8,} {objects / number:9.2f}")
print("on the slide, VOC 2010: about 20,000 images, 2.4 objects an image")

# %% [markdown]
# The slide's number of images is about twice what can be learned from.
#
# ## From a box to a picture: warping
#
# Proposals have all sizes and shapes. A network with a fully connected layer takes
# pictures of one size. So each box is **warped**: stretched to a square, whatever its
# shape.
#
# **Guess:** a tall cone becomes a square picture. Does that hurt?

# %% tags=["show"]
from course_utils.models.rcnn.network import sampling_weights

# %% tags=["show"]
from course_utils.models.rcnn.network import warp

# %% [markdown]
# `sampling_weights` says, for one axis, which pixels of the image make a pixel of the
# crop. Stretching both axes is then two matrix products, for all boxes at once.
#
# A box that is the whole image must give what torch's own resizing gives.

# %%
whole = torch.tensor([[0.0, 0, 128, 128]])
grey = torch.full((3,), 0.5)
(ours,) = warp(image, whole, crop_size=32, fill=grey)
peer = F.interpolate(image[None], size=(32, 32), mode="bilinear", antialias=True)[0]
print(f"largest difference to torch: {(ours - peer).abs().max():.1e}")
assert (ours - peer).abs().max() < 1e-5
for size, context in ((224, 0), (227, 16)):
    crops = warp(image, truth, crop_size=size, context=context, fill=grey)
    print(f"crops of {size} with {context} pixels of context: {tuple(crops.shape)}")

# %% [markdown]
# Slides say that R-CNN warps to 224 x 224. That is right for its VGG-16 version. The
# version with AlexNet uses 227 x 227, and in both a border of **context**: 16 pixels of
# the crop, on each side, show what lies *around* the box. So before warping, the box
# grows by 227 / (227 - 2 · 16).
#
# What is outside of the image gets the mean colour of the training set.

# %% tags=["show"]
from course_utils.models.rcnn.network import add_context

# %%
fill = torch.stack([image.mean(dim=(1, 2)) for image, _ in learn]).mean(dim=0)
tallest = truth[(truth[:, 3] - truth[:, 1]).div(truth[:, 2] - truth[:, 0]).argmax()]
chosen = torch.stack([truth[0], tallest, torch.tensor([96.0, -14, 140, 30])])
grown = add_context(chosen, crop_size=32, context=4)
fig, axes = new_figure(2, 4, width=6.4, height=3.4)
draw_image(axes[0], image, title="box and context", ticks=False)
draw_boxes(axes[0], grown, index=1)
draw_boxes(axes[0], chosen, index=0)
axes[4].set_axis_off()
for row, context in enumerate((0, 4)):
    crops = warp(image, chosen, crop_size=32, context=context, fill=fill)
    for ax, crop in zip(axes[4 * row + 1 : 4 * row + 4], crops, strict=True):
        draw_image(ax, crop, title=f"context {context}", ticks=False)
show(
    fig,
    alt="A scene with three boxes and the larger boxes with context around them; their "
    "crops without context fill the square, those with context show a rim around. The "
    "third box reaches beyond the image, and its crop has a plain part.",
    caption="Orange: the boxes. Blue: with context. The third reaches outside.",
)

# %% [markdown]
# Warping distorts, but it distorts a class in training and in testing alike. Context
# helps to tell a box that ends at the thing's border from one that cuts through it.
#
# ## The network, and where it starts
#
# A small residual network, the backbone that the next lessons use too, then a fully
# connected layer of **features**, then a score for each class. Two of its inner vectors
# get names, those of the paper: `pool5` is the last map, which still knows *where*
# things are in the crop; `fc` knows *what* the crop shows.

# %% tags=["show"]
from course_utils.models.rcnn.network import RegionFeatures, RegionNetwork

# %%
from course_utils.models.backbones import Backbone

num_classes = len(CLASS_NAMES)


def make_network(depth, classes):
    torch.manual_seed(0)
    backbone = Backbone((24, 48, 96), depth=depth)
    return RegionNetwork(backbone, crop_size=32, hidden=128, num_classes=classes)


network = make_network(depth=1, classes=num_classes - 1)
features = network.features(torch.zeros(5, 3, 32, 32))
print(f"pool5 {tuple(features.pool5.shape)}, fc {tuple(features.fc.shape)}")
print(f"{sum(weight.numel() for weight in network.parameters()):,} weights")

# %% [markdown]
# R-CNN did not start from random weights. Its network could already tell the 1,000
# classes of ImageNet apart, from pictures of *one thing each*. Boxes are expensive to
# draw; names of pictures are cheap.
#
# We do the same on a small scale: pictures with one solid each, loosely framed. There
# is no background class, and nothing says where a thing ends.

# %%
from course_utils.training import TrainingSettings, train
from course_utils.training.papers.pretraining import PictureClassifier, single_solids

names_of = single_solids(pictures)
show_images(
    names_of.crops[:12],
    titles=[CLASS_NAMES[label + 1] for label in names_of.labels[:12]],
    columns=6,
    width=6,
    alt="Twelve small pictures, each of one solid with some floor and wall around it, "
    "under the name of the solid.",
)


def pretrain(network):
    settings = {"batch_size": 64, "optimizer": "adamw", "weight_decay": 1e-2}
    model = PictureClassifier(network)
    settings |= {"device": device, "description": "pretraining"}
    learning = TrainingSettings(steps=pretrain_steps, lr=2e-3, seed=0, **settings)
    return train(model, names_of, learning)


pretraining = pretrain(network)
print(f"loss at the end: {pretraining.curves(smooth=20)['total'][-1]:.3f}")

# %% [markdown]
# Now the surgery. The last layer answers the wrong question: which solid, never
# "none of them". Replace it by one with a score more, for **background**; keep
# everything else. In the paper, 1,000 outputs become 21: the 20 classes of Pascal VOC,
# and background.

# %% tags=["show"]
from course_utils.models.rcnn.network import replace_classifier

# %%
import copy

pretrained = copy.deepcopy(network)
replace_classifier(network, num_classes)
for name, weight in pretrained.named_parameters():
    new = dict(network.named_parameters())[name]
    if not torch.equal(new, weight) if new.shape == weight.shape else True:
        print(f"changed: {name}, {tuple(weight.shape)} -> {tuple(new.shape)}")
replace_classifier(pretrained, num_classes)  # to compare with, later

# %% [markdown]
# ## Two sets of labels
#
# What should the network say about a proposal that half covers a cube? R-CNN answers
# this question **twice, differently**, and slides often show only one answer.
#
# - To **fine-tune** the network: an IoU of at least 0.5 makes it a cube, anything less
#   is background. This gives many more positives than there are things, and a network
#   needs many.
# - To train the **SVMs**: only the thing's own box is a cube. A proposal with an IoU
#   below 0.3 is not a cube. All between is *not used*: a box that half covers a cube is
#   a bad example of both.

# %% tags=["show"]
from course_utils.models.rcnn.svms import svm_signs

# %%
from course_utils.models.rcnn.detector import RCNN

model = RCNN(network, context=4, fill=fill).to(device)
label = int(target["labels"][0])
for_network = model.region_labels(proposals, target) == label
signs = svm_signs(proposals, target, num_classes=num_classes)[len(truth) :, label - 1]
overlap = box_iou(proposals, truth[target["labels"] == label]).amax(dim=1)
name = CLASS_NAMES[label]
print(f"{len(proposals)} proposals, as the two stages see them, for {name}:")
print(f"  fine-tuning: {for_network.sum()} positive, {(~for_network).sum()} not")
print("  SVM: only the thing's own box is positive,", end=" ")
print(f"{(signs < 0).sum()} are negative, {(signs == 0).sum()} not used")

# %%
from course_utils.draw.boxes import draw_box_sets

own = truth[target["labels"] == label]
near = overlap > 0.1
fine_tuning = {
    "positive": proposals[for_network][:5],
    "background": proposals[near & ~for_network][:5],
}
for_svms = {
    "positive": own,
    "negative": proposals[near & (signs < 0)][:5],
    "not used": proposals[signs == 0][:5],
}
fig, axes = new_figure(1, 2, width=8, height=4)
for ax, sets in zip(axes, (fine_tuning, for_svms), strict=True):
    stage = "fine-tuning" if sets is fine_tuning else "SVMs"
    draw_image(ax, image, title=f"{stage}: is it the {name}?", ticks=False)
    draw_box_sets(ax, sets)
show(
    fig,
    alt="The same scene twice with proposals near one thing. Left: those that overlap "
    "it well are positive, the others background. Right: only the thing's own box is "
    "positive, good overlaps are not used, the others negative.",
    caption="At most five proposals of each kind are drawn.",
)

# %% [markdown]
# Many slides give "negative: IoU below 0.5" for all of R-CNN. It holds for fine-tuning
# only. For the SVMs, the authors tried other bounds:

# %%
for bound, lost in {0.5: 5, 0.3: 0, 0.0: 4}.items():
    print(f"SVM negatives below {bound}: {lost} points of mAP lost")

# %% [markdown]
# A batch of fine-tuning has 128 regions: 32 of things and 96 of background. In a
# photograph, hardly any of thousands of proposals shows a thing, and without this
# balance a batch would be all background. Small crowded scenes like ours are kinder.
# Where there are not 32, background fills up.

# %%
batch = [
    (image, {"boxes": t["boxes"], "labels": t["labels"], "proposals": boxes})
    for (image, t), boxes in zip(learn[:16], learn_boxes[:16], strict=True)
]
stack = torch.stack([image for image, _ in batch]).to(device)
rois, labels = model.sample_regions(stack, [t for _, t in batch])
everything_positive = sum(
    int((model.region_labels(t["proposals"], t) > 0).sum()) for _, t in batch
)
share = everything_positive / sum(len(t["proposals"]) for _, t in batch)
print(f"{(labels > 0).sum()} things and {(labels == 0).sum()} background in a batch;")
print(f"of all proposals of these scenes, {share:.0%} are things")

# %% [markdown]
# ## Training, in four stages
#
# The first is fine-tuning, with the loop that you know. In each step 16 scenes are
# opened, and 128 of their proposals are cut out, warped, and named.

# %%
from course_utils.training.augment import flip_half
from course_utils.training.papers.rcnn_stages import plain_scenes

learn_plain, test_plain = (
    plain_scenes(learn, learn_boxes),
    plain_scenes(test, test_boxes),
)
tuning = {"lr": 2e-3, "seed": 0, "device": device}

# %%
from course_utils.training.papers.rcnn_stages import train_rcnn

history = train_rcnn(model, learn, learn_boxes, steps=steps, **tuning)
alt = "The loss of fine-tuning falls steeply, then slowly."
show_losses(history.losses, alt=alt)
for name, seconds in history.seconds.items():
    print(f"{name:>14}: {seconds:5.1f} s")

# %% [markdown]
# All four stages have run. Now one after the other, with what it did.
#
# **The first** lowered the cross-entropy of the network's own answer.
#
# **The second stage** passes every proposal of every scene through the network *once*,
# and keeps the features. What follows needs only those.
#
# **Guess:** how many passes is that, and how much memory would it take for the network
# of the paper? Its pool5 has 9,216 numbers of 4 bytes, for each of 2,000 boxes.

# %%
from course_utils.training.papers.rcnn_stages import region_features

kept = region_features(model, learn_plain[:2])
again = model.features(
    learn_plain[1][0].to(device), learn_plain[1][1]["proposals"].to(device)
)
things = len(learn_plain[1][1]["boxes"])
assert torch.allclose(kept[1].fc[things:], again.fc.cpu(), atol=1e-4)
print(f"passes for {scenes} scenes: {history.passes:,}")
ours = history.passes * (kept[0].pool5.shape[1] + kept[0].fc.shape[1]) * 4
print(f"kept here: {ours / 1e6:.0f} MB")
an_image = 2000 * 9216 * 4
print(
    f"the paper's network: 2,000 x 9,216 x 4 bytes = {an_image / 1e6:.0f} MB an image"
)
print("the authors reported about 200 GB for Pascal VOC 2007")

# %% [markdown]
# ## The third stage: support vector machines
#
# The network already has a last layer that names regions. Why train another one? It was
# fine-tuned with loose labels, and with random background. An SVM gets strict labels,
# and the background that is hardest to tell from a thing.
#
# A linear SVM has a score, w · x + b. It wants more than the right sign: every positive
# should score at least 1, every negative at most -1. What is missing is the **hinge**,
# max(0, 1 - sign · score). Our SVMs pay its square, as scikit-learn's do by default;
# the release of R-CNN pays the hinge itself.
#
# **On paper:** w = (1, -1), b = 0. What do these four examples cost?

# %%
points = torch.tensor([[2.0, 0.0], [1.0, 0.5], [0.0, 0.5], [0.0, 2.0]])
signs = torch.tensor([1, 1, -1, -1])
scores = points @ torch.tensor([1.0, -1.0])
hinge = (1 - signs * scores).clamp(min=0)
print("sign  score  hinge  squared")
for row in zip(signs, scores, hinge, hinge.square(), strict=True):
    print("{:4} {:6} {:6} {:7}".format(*(value.item() for value in row)))

# %% [markdown]
# The first and the last cost nothing: they are beyond the margin, and could move about
# there without any effect. They have no say in where the border goes. Only examples
# inside the margin pull at it: hence *support* vectors.
#
# With squares the objective is made of parabolas, and as long as the same examples are
# inside, it is one parabola, whose minimum is the solution of a linear system. So jump
# there, see who is inside now, and jump again.

# %% tags=["show"]
from course_utils.models.rcnn.svms import newton_step, svm_objective

# %%
from course_utils.models.rcnn.svms import fit_svms

generator = torch.Generator().manual_seed(3)
cloud = torch.randn(120, 2, generator=generator)
signs = torch.where(torch.arange(120) < 60, 1, -1)[:, None]
cloud = cloud + signs * torch.tensor([1.3, 0.5])
svm = fit_svms(cloud, signs, c=1.0, positive_weight=1.0)
scores = svm(cloud).detach().squeeze(1)
inside = (signs.squeeze(1) * scores) < 1
print("w = ({:.3f}, {:.3f}), ".format(*svm.weight[0]), f"b = {svm.bias.item():.3f}")
print(f"{inside.sum()} of {len(cloud)} examples are inside the margin")
alone = fit_svms(cloud[inside], signs[inside], c=1.0, positive_weight=1.0)
print("fitted to those alone: w = ({:.3f}, {:.3f})".format(*alone.weight[0]))
assert torch.allclose(svm.weight, alone.weight, atol=1e-4)

# %%
from course_utils.draw import OKABE_ITO

fig, (ax,) = new_figure(width=5, height=3.8)
for sign, colour, shape in ((1, OKABE_ITO[0], "o"), (-1, OKABE_ITO[2], "s")):
    chosen = cloud[signs.squeeze(1) == sign]
    ax.scatter(*chosen.T, s=16, color=colour, marker=shape, label=f"sign {sign:+}")
ax.scatter(
    *cloud[inside].T, s=70, facecolors="none", edgecolors="black", linewidths=0.8
)
x = torch.tensor([-4.0, 4.0])
for level, style in ((-1, ":"), (0, "-"), (1, "--")):
    y = (level - svm.bias[0] - svm.weight[0, 0] * x) / svm.weight[0, 1]
    ax.plot(x, y, color="black", linestyle=style, label=f"score {level}")
ax.set(xlim=(-4, 4), ylim=(-3.5, 3.5), xlabel="feature 1", ylabel="feature 2")
ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
show(
    fig,
    alt="Two clouds of points with the line of score 0 between them and the lines of "
    "score +1 and -1 beside it. The points between these lines, and those on the wrong "
    "side, have circles.",
    caption="Circled: the examples inside the margin, which alone decide.",
)

# %% [markdown]
# Throw the others away, and the answer stays the same. Remember this.
#
# Is it right? scikit-learn solves the same problem in another way.

# %%
try:
    from sklearn.svm import LinearSVC
except ImportError:
    print("scikit-learn is not installed; the project's tests compare with it")
else:
    peer = LinearSVC(C=1.0, intercept_scaling=10, dual=False, tol=1e-8)
    peer.fit(cloud.numpy(), signs.squeeze(1).numpy())
    theirs = torch.from_numpy(peer.decision_function(cloud.numpy())).float()
    print(f"largest difference of a score: {(theirs - scores).abs().max():.1e}")
    assert ((theirs > 0) == (scores > 0)).float().mean() >= 0.99

# %% [markdown]
# ### Hard negatives
#
# Now for real: one SVM for each class. Positives are few, one a thing. Negatives are
# nearly all proposals of all scenes, and most are easy: plain floor will never be taken
# for a chair. As you just saw, examples outside the margin have no say.
#
# So take the negatives of the first few scenes. Then walk through all scenes *once*,
# and of each take only the negatives that score too high. Fit again from time to time,
# and let go of what has become easy.

# %% tags=["show"]
from course_utils.models.rcnn.svms import HardNegatives

# %%
signs = [svm_signs(t["proposals"], t, num_classes=num_classes) for _, t in learn_plain]
available = sum(int((each < 0).sum()) for each in signs)
positives = sum(int((each > 0).sum()) for each in signs)
print(
    f"{positives:,} positives and {available:,} negatives over all classes. Each fit:"
)
for each in history.rounds:
    print(
        f"  after {each.images:4} scenes: {each.negatives:6,} negatives in use, "
        f"{each.dropped:6,} of them easy now"
    )

# %% [markdown]
# A small part of the negatives does the work of all. Which are the hard ones? Here are
# those of the training scenes with the highest wrong scores.
#
# **Guess:** what will they show?

# %%
wrong = []
some = learn_plain[: 60 if budget != "smoke" else 4]
for (picture, t), sign in zip(some, signs, strict=False):
    boxes = torch.cat([t["boxes"], t["proposals"]]).to(device)
    scores = model.scores(model.features(picture.to(device), boxes)).cpu()
    scores[sign >= 0] = -math.inf  # what is no negative of the class
    row, column = divmod(int(scores.argmax()), num_classes - 1)
    crop = model.crops(picture.to(device), boxes[row : row + 1])[0].cpu()
    wrong.append((scores.max().item(), CLASS_NAMES[column + 1], crop))
wrong.sort(key=lambda each: -each[0])
show_images(
    [crop for _, _, crop in wrong[:12]],
    titles=[f"{name} {score:+.1f}" for score, name, _ in wrong[:12]],
    columns=6,
    width=6.6,
    alt="Crops of proposals that an SVM takes for a class that they do not show: parts "
    "of things, things that are half hidden, and things of a class that looks alike.",
    caption="The class that each is taken for, and the score of its SVM.",
)

# %% [markdown]
# Parts of things, two things in one box, and things of a similar class. The hard ones
# are a small part of all negatives, as counted above, so a random sample of background
# would hold few of them.
#
# Nothing that the SVMs learn reaches the network: they learn from kept numbers, and
# have no gradient at all. This is what "post hoc" means, and later detectors undo it.

# %%
from course_utils.training.papers.rcnn_stages import RCNNHistory, fit_on_features

before = copy.deepcopy(model.network.state_dict())
trained_heads = model.svms, model.box_regressors
fit_on_features(model, learn_plain[:2], kept, history=RCNNHistory())
after = model.network.state_dict()
changed = sum(not torch.equal(after[name], value) for name, value in before.items())
print(f"later stages changed {changed} of {len(before)} tensors of the network")
print("weights of the SVMs that have a gradient:", len(list(model.svms.parameters())))
assert changed == 0
model.svms, model.box_regressors = trained_heads

# %% [markdown]
# ## The fourth stage: correcting the box
#
# A proposal comes from colours and edges, not from knowledge of things. It is often a
# little off, and no score can repair that. But the features know: half a wheel at the
# left border means that the chair goes on to the left.
#
# So predict four numbers for a proposal p: by how many widths the centre has to move to
# the right, by how many heights down, and the logarithms of how much wider and higher
# the box has to be.
#
# $$b_x = p_x + p_w t_x \qquad b_y = p_y + p_h t_y \qquad b_w = p_w e^{t_w} \qquad
# b_h = p_h e^{t_h}$$
#
# **On paper:** a proposal is 80 wide and 40 high. What are the four numbers if it is
# right? If it lies a quarter of its width too far left? If it is a little too wide?

# %% tags=["show"]
from course_utils.ops.boxes import decode_boxes, encode_boxes

# %%
p = torch.tensor([[100.0, 60, 180, 100]])
narrow = 80 * math.exp(-0.125)
cases = {
    "right": [100.0, 60, 180, 100],
    "too far left": [120.0, 60, 200, 100],
    "too wide": [140 - narrow / 2, 60, 140 + narrow / 2, 100],
}
for name, corners in cases.items():
    t = encode_boxes(torch.tensor([corners]), p)[0]
    print(f"{name:>13}: t = " + ", ".join(f"{value:+.3f}" for value in t.tolist()))
print(f"too wide: the thing has {math.exp(-0.125):.4f} of the proposal's width")

# %% [markdown]
# The sign says what to do, not what is wrong: a box too far *left* has to go right, so
# t is positive. A box too *wide* has to shrink, so its logarithm is negative.
#
# Some slides print $b_x = p_x + p_w t_w$. **Guess:** what does that do to a proposal
# whose centre is right and that only has to become wider?

# %%
t = torch.tensor([[0.0, 0.0, 0.5, 0.0]])  # wider, and nothing else
right = decode_boxes(t, p)
centre = (p[0, 0] + p[0, 2]) / 2
print(f"centre of the proposal: {centre:.0f}")
print(f"with p_w t_x: {(right[0, 0] + right[0, 2]) / 2:.0f}")
print(f"with p_w t_w, as on the slide: {centre + 80 * t[0, 2]:.0f}")
assert (right[0, 0] + right[0, 2]) / 2 == centre
goal = torch.tensor([[97.0, 55, 190, 92]])
assert torch.allclose(decode_boxes(encode_boxes(goal, p), p), goal, atol=1e-3)

# %% [markdown]
# The slide's box moves to the side whenever it should grow. It is an error of printing.
#
# Learning the four numbers is a linear regression for each class, from pool5: what is
# where in the crop. It uses only proposals with an IoU above 0.6 with a thing. From
# farther away, the crop does not show where the thing ends. There are few examples for
# so many features. So each pair is used twice, once as in a mirror, and large weights
# have to pay: **ridge regression**. Its minimum has a closed form.

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import fit_ridge, regression_pairs, whiten

# %%
x, y = torch.randn(2, 50, 6, dtype=torch.float64, generator=generator)
weights = fit_ridge(x, y[:, :4], penalty=5.0)
rows = torch.cat([x, math.sqrt(5.0) * torch.eye(6, dtype=torch.float64)])
more = torch.cat([y[:, :4], torch.zeros(6, 4, dtype=torch.float64)])
peer = torch.linalg.lstsq(rows, more).solution
print(f"largest difference to least squares: {(weights - peer).abs().max():.0e}")
assert (weights - peer).abs().max() < 1e-8
changes = torch.cat([regression_pairs(t["proposals"], t)[2] for _, t in learn_plain])
spread = ", ".join(f"{value:.2f}" for value in changes.std(dim=0).tolist())
print(f"{len(changes):,} pairs; spread of the four targets: {spread}")

# %% [markdown]
# The check is a trick worth knowing: a penalty is the same as a few more examples, one
# for each weight, that ask it to be zero.
#
# The shifts spread less than the growths, and one penalty is to suit all four. So the
# targets are centred and **whitened** before: mean 0, spread 1, no correlation.
#
# Does it work on scenes it has never seen? Take the test proposals near things.

# %%
from course_utils.ops.boxes import paired_box_iou


def look_at_tests(model):
    return [
        model.features(picture.to(device), t["proposals"].to(device))
        for picture, t in test_plain
    ]


starts, ends, goals = [], [], []
looked = look_at_tests(model)
for (_, t), features in zip(test_plain, looked, strict=True):
    rows, labels, changes = regression_pairs(t["proposals"], t)
    boxes = t["proposals"][rows]
    starts.append(boxes)
    goals.append(decode_boxes(changes, boxes))
    pool5 = features.pool5[rows.to(device)]
    ends.append(model.box_regressors(pool5, boxes.to(device), labels.to(device)).cpu())
starts, ends, goals = torch.cat(starts), torch.cat(ends), torch.cat(goals)
iou_before = paired_box_iou(starts, goals).mean().item()
iou_after = paired_box_iou(ends, goals).mean().item()
print(f"{len(starts)} proposals near things: mean IoU {iou_before:.3f}, ", end="")
print(f"corrected {iou_after:.3f}")
if budget != "smoke":
    assert iou_after > iou_before

# %% [markdown]
# ## Detecting
#
# For a new image: propose, warp, pass through the network, score with each SVM. Then
# suppress duplicates **within each class**, and correct the boxes that are left.

# %%
from course_utils.models.rcnn.network import count_crops

with count_crops(model.network) as passes:
    (found,) = model.predict(image[None].to(device), [proposals.to(device)])
print(f"{len(proposals)} proposals, {sum(passes)} passes through the network")
assert sum(passes) == len(proposals)
with torch.no_grad():
    chances = network.classify(looked[place].fc).softmax(dim=1)
print(f"rows of the network's own softmax sum to {chances.sum(dim=1).mean():.4f}")
assert torch.allclose(chances.sum(dim=1), torch.ones(len(chances), device=device))

# %% [markdown]
# One pass for each proposal. A slide that shows R-CNN cutting boxes out of a shared
# feature map shows its successor.
#
# Why within each class? **Guess** what goes wrong if all classes are suppressed
# together.

# %%
from course_utils.ops.nms import batched_nms, nms

scores = model.scores(looked[place]).cpu()
rows, labels = (scores > -1).nonzero(as_tuple=True)
boxes, values = proposals[rows], scores[rows, labels]
by_class = batched_nms(boxes, values, labels, 0.3)
together = nms(boxes, values, 0.3)
print(
    f"{len(boxes)} boxes above -1: {len(by_class)} left by class, {len(together)} ",
    end="",
)
print("if classes suppress each other")

# %% [markdown]
# A cone in front of a table overlaps it a lot. Together, the better score would erase
# the other thing. Within its class, each stays.
#
# ## How good is it?


# %%
from course_utils.metrics.coco import evaluate_detections


def judge(model, looked, **settings):
    found = [
        model.detect(
            features, t["proposals"].to(device), picture.shape[-2:], **settings
        )
        for (picture, t), features in zip(test_plain, looked, strict=True)
    ]
    found = [{name: value.cpu() for name, value in each.items()} for each in found]
    return found, evaluate_detections(found, targets, class_names=CLASS_NAMES)


predictions, figures = judge(model, looked)
_, without = judge(model, looked, correct_boxes=False)
model.svms = None
_, softmax = judge(model, looked, correct_boxes=False)
model.svms = trained_heads[0]
print(f"{'':>28}     AP   AP50   AP75")
for name, each in {
    "the network's own softmax": softmax,
    "SVMs": without,
    "SVMs and box regression": figures,
}.items():
    print(f"{name:>28}  {each['AP']:.3f}  {each['AP50']:.3f}  {each['AP75']:.3f}")
if budget != "smoke":
    assert figures["AP50"] >= 0.70, figures["AP50"]
    assert figures["AP"] > without["AP"], (figures["AP"], without["AP"])

# %%
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
shown = [
    {name: values[each["scores"] > 0] for name, values in each.items()}
    for each in predictions[:3]
]
show_images(
    [picture for picture, _ in test_plain[:3]],
    targets=shown,
    class_names=CLASS_NAMES,
    alt="Test scenes with the detections that score above 0. Most things have one box "
    "with the right name.",
    width=6.6,
)

# %% [markdown]
# Compare with lesson 01: the same scenes, the same evaluator. Better boxes to start
# from, a better network, and boxes that can move.
#
# ## Which part does what?
#
# The paper's claim was about **features**: those of a network that was fine-tuned for
# detection are better than those of a network that only knows pictures, and a deeper
# network's are better still. Test it: keep everything, change only the network.
#
# **Guess the order:** an untrained network, a merely pretrained one, a shallow one
# (pretrained and fine-tuned), and ours.

# %%
shallow = make_network(depth=0, classes=num_classes - 1)
pretrain(shallow)
replace_classifier(shallow, num_classes)
fine = {"batch_size": 16, "optimizer": "adamw", "weight_decay": 1e-2, **tuning}
fine |= {"augment": flip_half, "description": "fine-tuning the shallow one"}
learning = TrainingSettings(steps=steps, **fine)
train(RCNN(shallow, context=4, fill=fill), learn_plain, learning)
part = max(scenes * 2 // 5, 1)  # the SVMs of this comparison learn from fewer scenes
table = {}
for name, each in {
    "untrained": make_network(depth=1, classes=num_classes),
    "merely pretrained": pretrained,
    "shallow, fine-tuned": shallow,
    "ours, fine-tuned": network,
}.items():
    rival = RCNN(each, context=4, fill=fill)
    train_rcnn(rival, learn[:part], learn_boxes[:part], steps=0, **tuning)
    _, table[name] = judge(rival, look_at_tests(rival), correct_boxes=False)
    ap, ap50 = table[name]["AP"], table[name]["AP50"]
    print(f"{name:>20}: AP {ap:.3f}, AP50 {ap50:.3f}  (SVMs alone)")
if budget != "smoke":
    *others, best = [each["AP"] for each in table.values()]
    assert best > max(others), table

# %% [markdown]
# The order is the paper's. Even the untrained network gives features from which an SVM
# learns something. Knowing pictures helps; knowing *proposals*, with all their ways to
# be wrong, helps most. And depth pays.
#
# The figures of the papers, for Pascal VOC 2007:

# %%
for what, figure in {
    "R-CNN with AlexNet": 54.2,
    "... and box regression": 58.5,
    "R-CNN with VGG-16 and box regression": 66.0,
}.items():
    print(f"{what:>38}: mAP {figure}")

# %% [markdown]
# mAP there is the mean over classes of AP at an IoU of 0.5, over all test images
# together, in percent. The three numbers that every evaluator must reproduce, from two
# things and the detections right, wrong, right, are those of lesson 01:

# %%
from course_utils.metrics.average_precision import average_precision, precision_recall

curve = precision_recall(torch.tensor([True, False, True]), num_objects=2)
goldens = {"coco": 0.834983, "voc2010": 0.833333, "voc2007": 0.848485}
for method, golden in goldens.items():
    value = average_precision(*curve, method=method)
    print(f"{method}: {value:.6f}")
    assert abs(value - golden) < 1e-6

# %% [markdown]
# ## What it costs
#
# Where do the seconds of one image go? Proposals are computed anew here, not read from
# the disk.
#
# **Guess** before you run: proposals, features, or classifiers?

# %%
from course_utils.training import median_ms

few = test_plain[: 2 if budget == "smoke" else 8]
inputs = [(picture.to(device), t["proposals"].to(device)) for picture, t in few]
outputs = [(model.features(*each), each[1], (128, 128)) for each in inputs]


def seconds_of(function, arguments):
    everything = median_ms(lambda: [function(*each) for each in arguments], 1)
    return everything / 1000 / len(arguments)


cost = {
    "proposals": seconds_of(
        lambda picture, _: selective_search(picture, **settings), inputs
    ),
    "features": seconds_of(model.features, inputs),
    "classifiers": seconds_of(model.detect, outputs),
}
total = sum(cost.values())
for name, seconds in cost.items():
    print(f"{name:>12}: {seconds:.4f} s an image, {seconds / total:.0%}")
print(f"{'in all':>12}: {total:.4f} s, with {len(inputs[0][1])} passes in the first")

# %%
fig, (ax,) = new_figure(width=7, height=1.7)
left = 0.0
for (name, seconds), colour in zip(cost.items(), OKABE_ITO, strict=False):
    ax.barh([0], [seconds], left=[left], color=colour, label=name, edgecolor="white")
    left += seconds
ax.set(yticks=[], xlabel="seconds an image")
ax.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
show(
    fig,
    alt="One bar of the seconds of an image, split into proposals, features and "
    "classifiers; the classifiers are a sliver.",
)

# %% [markdown]
# The classifiers are nearly free: a few products of matrices. Features cost as many
# passes as there are proposals, and they grow with both the network and the number of
# proposals.
#
# So take the paper's network and its 2,000 proposals. How long is an image? The sources
# do not agree, and each is right about something else.

# %%
for what, seconds in {
    "first paper, AlexNet, GPU": 13.0,
    "first paper, AlexNet, CPU": 53.0,
    "AlexNet, K40, without proposals": 9.8,
    "VGG-16, K40, without proposals": 47.0,
    "a slide that many copy": 20.0,
}.items():
    print(f"{what:>32}: {seconds:4.1f} s an image, {1 / seconds:.3f} images a second")
print("and 84 hours of training with VGG-16")

# %% [markdown]
# The 20 seconds have no source that we know of, and YOLO's paper says "more than 40".
# The same slides give 14 seconds for DPM v5, the best detector before R-CNN; that is
# from a talk, and YOLO's paper lists two faster versions of it with lower mAP. Always
# ask: which network, which machine, with or without proposals?
#
# ## R-CNN in three lines
#
# | part | what it is | its loss |
# |---|---|---|
# | regions | selective search | learns nothing |
# | features | a convolutional network, one pass a region | cross-entropy |
# | classes and boxes | linear SVMs, linear regressors | squared hinge, least squares |
#
# And its three problems:
#
# 1. It is slow: a pass for each proposal, although proposals overlap.
# 2. It learns in stages. SVMs and regressors come too late to improve the features.
# 3. The features of all proposals have to be kept somewhere.
#
# The first was solved by SPP-net and Fast R-CNN, which run the convolutions once for
# the whole image. Fast R-CNN also solves the other two. That is lesson 03.
#
# Later lessons compare all systems of the course, so keep the numbers.

# %%
from course_utils.training import write_row

heads = [*model.svms.buffers(), *model.box_regressors.buffers()]
numbers = [*model.network.parameters(), *heads]
training_seconds = pretraining.seconds + sum(history.seconds.values())
row = write_row(
    "R-CNN",
    budget,
    figures=figures,
    ms_per_image=1000 * total,
    training_seconds=training_seconds,
    parameters=sum(each.numel() for each in numbers),
    ms_proposals=1000 * cost["proposals"],
    ms_network=1000 * (cost["features"] + cost["classifiers"]),
    test_scenes=len(test),
    side=test[0][0].shape[-1],
)
print({name: row[name] for name in ("system", "AP50", "parameters")})

# %%
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap_without_box_regression=without["AP"],
    ap_softmax=softmax["AP"],
    ap_untrained=table["untrained"]["AP"],
    ap_pretrained=table["merely pretrained"]["AP"],
    ap_shallow=table["shallow, fine-tuned"]["AP"],
    recall_of_proposals=recall,
    mabo_of_proposals=mabo,
    iou_before_regression=iou_before,
    iou_after_regression=iou_after,
    passes_an_image=sum(map(len, test_boxes)) / len(test_boxes),
    seconds_proposals=cost["proposals"],
    seconds_features=cost["features"],
    seconds_classifiers=cost["classifiers"],
)

# %% [markdown]
# ## Three questions to think about
#
# **1.** Selective search is replaced by a method with a recall of 0.8 at an IoU of 0.5.
# How high can the AP50 of R-CNN be at most, with box regression?
#
# <details><summary>Answer</summary>
#
# Not simply 0.8. A thing whose best proposal has an IoU of 0.45 can still be found, if
# the SVM fires on that proposal and the regressor moves its box over 0.5. It is a soft
# bound: the regressors learned from proposals above 0.6 only, and the features of a bad
# proposal are bad. Without regression the bound is strict: a thing without a proposal
# of 0.5 is missed, so recall, and with it AP50, stays at 0.8 or below.
#
# </details>
#
# **2.** Why are the SVMs' positives only the things' own boxes, although a proposal
# with an IoU of 0.9 shows nearly the same?
#
# <details><summary>Answer</summary>
#
# Because the score should be *highest* for the best box. If a box of 0.5 were as good
# an example as the thing's own, all boxes between would score alike, and suppression
# would keep any of them. The fine-tuning labels do exactly this, for the sake of more
# examples, and so the network's own scores rank boxes less sharply. A box of 0.9 would
# do no harm; the line has to be somewhere, and the strict one costs nothing in an SVM,
# which needs few positives.
#
# </details>
#
# **3.** R-CNN keeps features to train its SVMs. Could it keep those of *every* box that
# a new image may propose, and so be fast at test time?
#
# <details><summary>Answer</summary>
#
# No: a new image has new pixels, and a feature belongs to pixels, not to coordinates.
# What could be shared are computations *within* one image, because its proposals
# overlap. That takes a network whose convolutions run on the whole image, and a way to
# read a box's features from their map.
#
# </details>
