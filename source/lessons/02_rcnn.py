# ---
# question: An image holds billions of boxes; which few are worth showing to a good network?
# build:
#   - cut an image into regions, and grow them into proposals
#   - fine-tune a network on warped proposals
#   - train support vector machines on its features, with hard negatives
#   - correct boxes by regression
#   - detect, and find out where the time goes
# needs: [00_start_here, 01_sliding_windows]
# minutes: {read: 120, run: 7}
# papers:
#   - "[R-CNN](https://arxiv.org/abs/1311.2524), Girshick et al. 2014; appendices A to C are
#     about warping, the two sets of labels, and boxes"
#   - "[rbgirshick/rcnn](https://github.com/rbgirshick/rcnn): the authors' code (MATLAB and
#     Caffe)"
#   - "[Efficient graph-based image segmentation](https://doi.org/10.1023/B:VISI.0000022288.19776.77),
#     Felzenszwalb and Huttenlocher 2004; reference implementation:
#     [scikit-image](https://scikit-image.org/docs/stable/api/skimage.segmentation.html#skimage.segmentation.felzenszwalb)"
#   - "[Selective search for object recognition](https://doi.org/10.1007/s11263-013-0620-5),
#     Uijlings et al. 2013"
# ---
# ruff: noqa: E501

# %% [markdown]
# # 02. R-CNN
#
# Lesson 01 asked a tiny network about every window of a grid. A better network would be
# far too slow for that, so something cheap first suggests a few boxes, without knowing
# what is in them. Each of these **region proposals** is cut out and shown to the
# network.
#
# This is R-CNN (2014), short for "regions with CNN features". Its parts learn one after
# the other: a network, then support vector machines (SVMs) that name what the network
# sees, then regressors that correct the boxes. You will build them all and measure
# where the time goes.

# %%
import copy
import importlib
import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_boxes, draw_curves, draw_image, new_figure, show
from course_utils.draw import show_boxes, show_images, show_losses, show_parts
from course_utils.draw import show_system
from course_utils.models.model import Model  # noqa: F401

# %% [markdown]
# Only these settings depend on the budget.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, start_lesson

budget = choose_budget()
scenes, test_scenes, svm_scenes, pictures, pretrain_steps, steps = {
    "smoke": (6, 2, 4, 30, 2, 3),
    "laptop": (500, 60, 500, 1500, 150, 1000),
    "gpu": (3000, 300, 1500, 20_000, 3000, 8000),
}[budget]
most = 200  # proposals per image
device = choose_device()
watch = start_lesson("02_rcnn", budget)
print(f"{budget}: {scenes} training scenes, {test_scenes} test scenes, {steps} steps")

# %% [markdown]
# Here is R-CNN, from an earlier run of this lesson, at work on three scenes that it was
# not trained on.

# %% tags=["hide-input"]
from course_utils.data.kept_predictions import load_example_predictions

at_work = load_example_predictions("rcnn")
show_images(
    [scene for scene, _, _ in at_work],
    targets=[prediction for _, _, prediction in at_work],
    class_names=CLASS_NAMES,
    width=9,
    alt="Three test scenes; each object has a box with its class and the SVM's score.",
)

# %% [markdown]
# ## The path of an image
#
# Each proposal passes through the network on its own, so 200 proposals become 200 small
# images. Only the step *best of each class*, which suppresses duplicates, compares
# them. The orange parts are new since lesson 01.

# %% tags=["hide-input"]
from course_utils.models.rcnn.tabletop import rcnn_for_tabletop

test = load_scenes(test_scenes, "test")
search = {"strategy": "small", "min_side": 8}
library = importlib.import_module("course_utils.models.rcnn.detector")
searching = importlib.import_module("course_utils.ops.selective_search.search")
untrained = rcnn_for_tabletop()
untrained.propose = lambda picture: searching.selective_search(picture, **search)[:most]
scene = test[0][0]
show_system(
    lambda: untrained.predict(scene[None]),
    {
        "image": scene,
        "selective search": (searching, "selective_search"),
        "warp": (library, "warp"),
        "network": (library, "features_in_parts"),
        "SVMs": untrained.svms,
        "best of each class": (library, "select_detections"),
        "box regressors": untrained.box_regressors,
    },
    [
        ("image", "selective search"),
        ("selective search", "warp"),
        ("warp", "network"),
        ("network", "SVMs"),
        ("SVMs", "best of each class"),
        ("best of each class", "box regressors"),
        ("network", "box regressors"),
    ],
    names={
        "selective search": ["boxes"],
        "warp": ["crops"],
        "SVMs": ["scores"],
        "best of each class": ["row", "score", "label"],
        "box regressors": ["boxes"],
    },
    new=["selective search", "warp", "network", "SVMs", "box regressors"],
    caption="R-CNN: the path of a test image, with the shapes of a real forward pass. Of "
    "the proposals, the first 200 are used.",
)

# %% [markdown]
# ## Regions, on paper
#
# An object often differs in colour from its surroundings. So the first step is to cut
# the image into regions of similar pixels (Felzenszwalb and Huttenlocher 2004). The
# image becomes a graph: each pixel is a node, and an **edge** joins it to each of its 8
# neighbours. The weight of an edge is the distance between the two pixels' colours.

# %%
tiny = torch.tensor([[10.0, 10, 12, 60], [10, 11, 12, 62], [11, 12, 61, 63]])
for row in tiny.long().tolist():
    print(*(f"{value:4}" for value in row))

# %% [markdown]
# You see the regions at a glance. The algorithm has to look at one edge at a time, from
# the lightest to the heaviest.

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.graph_segmentation import lightest_first

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import Graph, pixel_graph

# %%
graph = pixel_graph(tiny[None])
print(f"{graph.edges.shape[1]} edges. The lightest and the heaviest:")
for place in (0, 1, 2, -2, -1):
    a, b = graph.edges[:, place].tolist()
    print(f"  pixels {a:2} and {b:2} differ by {graph.weights[place]:.0f}")

# %% [markdown]
# To know at any time which region a pixel is in, we use a **disjoint-set** structure.
# Every node points to a node of its own region, and the chain of pointers ends at the
# **root**, which points to itself and stands for the whole region.

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import DisjointSets

# %%
sets = DisjointSets(5)
sets.join(sets.find(0), sets.find(1))
sets.join(sets.find(3), sets.find(4))
sets.join(sets.find(1), sets.find(4))
print("the root of each node:", [sets.find(node) for node in range(5)])
print("nodes in the set of node 0:", sets.size[sets.find(0)])

# %% [markdown]
# When should an edge join the regions at its two ends? If it is no heavier than the
# heaviest edge that was used **inside** each of them, it gives no sign of a border.
#
# A single pixel has no edge inside, so by this rule alone it could only join a pixel of
# exactly the same colour. Therefore each region is granted an allowance of `k / size`,
# which is generous for small regions and negligible for large ones.

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import join_similar


# %%
def regions_of(grey, k):
    graph, sets = pixel_graph(grey[None]), DisjointSets(grey.numel())
    first, second = graph.edges.tolist()
    edges = zip(first, second, graph.weights.tolist(), strict=True)
    join_similar(sets, edges, k=k)
    return torch.tensor([sets.find(i) for i in range(grey.numel())]).view_as(grey)


# %% [markdown]
# **Predict.** How many regions does the tiny image have with k = 0.5, with 5, and with
# 500?

# %% tags=["predict"]
for k in (0.5, 5, 500):
    roots = regions_of(tiny, k)
    print(f"k = {k}: {len(roots.unique())} regions")
    for row in roots.tolist():
        print(*(f"{'abcdefghijkl'[root]:>4}" for root in row))

# %% [markdown]
# <details><summary>Answer</summary>
#
# With k = 0.5 only equal pixels join, which leaves 7 regions. With 5 there are 2, a
# dark and a bright one. With 500 everything becomes one region. So k decides how large
# a difference has to be to count as a border and, because of `k / size`, how large
# regions tend to be.

# </details>

# %% [markdown]
# On a photograph, two more steps help: the image is smoothed a little beforehand, and
# at the end each region of only a few pixels is joined to the neighbour that its
# lightest edge leads to.

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import join_small
from course_utils.ops.selective_search.graph_segmentation import number_regions

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.smoothing import gaussian_kernel
from course_utils.ops.selective_search.smoothing import filter_axis, gaussian_blur

# %% [markdown]
# The next cell is folded because it only makes the same two loops faster; the project's
# tests compare both forms.

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.graph_segmentation import batches, rename_ends
from course_utils.ops.selective_search.graph_segmentation import follow, similar_loop
from course_utils.ops.selective_search.graph_segmentation import join_similar_regions
from course_utils.ops.selective_search.graph_segmentation import small_loop
from course_utils.ops.selective_search.graph_segmentation import join_small_regions

# %% tags=["show"]
from course_utils.ops.selective_search.graph_segmentation import cut_graph
from course_utils.ops.selective_search.graph_segmentation import segment_graph

# %% tags=["hide-input"]
from course_utils.data.photos import PHOTO_NAMES, photo
from course_utils.widgets import Slider, explore

coffee, cup = photo("coffee")
coffee, cup = coffee[:, ::2, ::2].contiguous(), cup["boxes"] / 2


def paint(picture, labels):
    flat = labels.flatten()
    sums = torch.zeros(3, int(labels.max()) + 1).index_add_(1, flat, picture.flatten(1))
    painted = (sums / flat.bincount().clamp(min=1))[:, labels]
    border = (labels[1:, 1:] != labels[:-1, 1:]) | (labels[1:, 1:] != labels[1:, :-1])
    painted[:, 1:, 1:][:, border] = 1
    return painted


def draw_regions(k):
    labels = segment_graph(coffee, k=k, min_size=20)
    fig, (ax,) = new_figure(width=4.5, height=3.2)
    title = f"k = {k}: {labels.max() + 1} regions"
    draw_image(ax, paint(coffee, labels), title=title, ticks=False)
    return fig


explore(
    draw_regions,
    k=Slider(10, 1000, 10, 100, "k"),
    alt=lambda k: (
        f"A cup of coffee on a table, cut into regions with k = {k}, each in its mean "
        "colour with a white border."
    ),
    caption="Each region in its mean colour. Move k: larger values give fewer regions.",
)

# %%
counts = []
for k in (10, 50, 100, 300, 1000):
    counts.append(int(segment_graph(coffee, k=k, min_size=20).max()) + 1)
print("regions for k = 10, 50, 100, 300, 1000:", counts)
assert counts == sorted(counts, reverse=True)

# %% [markdown]
# No single k is right. A small k splits the cup into its parts, and a large one joins
# the cup to the table wherever the colours are alike.
#
# **Trust.** Does scikit-image find the same regions? The adapted Rand error measures
# how often they disagree on whether two pixels belong to one region; it is 0 for equal
# results.

# %%
from skimage.metrics import adapted_rand_error
from skimage.segmentation import felzenszwalb

for name in ("coffee", "chelsea", "astronaut"):
    picture = photo(name)[0][:, ::2, ::2].contiguous()
    ours = segment_graph(picture, k=300, min_size=20)
    peer = felzenszwalb(picture.permute(1, 2, 0).numpy(), scale=300, min_size=20)
    error, _, _ = adapted_rand_error(peer, ours.numpy())
    print(
        f"{name:>9}: {ours.max() + 1} and {peer.max() + 1} regions, error {error:.3f}"
    )
    assert error < 0.05

# %% [markdown]
# They agree.
#
# ## Regions grow into objects
#
# Objects are made of parts: a cup has a saucer, a handle, and coffee in it. So instead
# of choosing k, we start with small regions, join the two most **similar neighbours**,
# and repeat until one region is left. At some point, we hope, every object is in one
# piece, so the box around every region becomes a proposal. This is **selective search**
# (Uijlings et al. 2013).
#
# To compare regions, we describe each by its size, its box, and two histograms.

# %% tags=["show"]
from course_utils.ops.selective_search.regions import Regions, region_boxes
from course_utils.ops.selective_search.regions import region_sizes

# %% [markdown]
# The colours of a region are counted in 25 bins per channel.

# %% tags=["show"]
from course_utils.ops.selective_search.regions import colour_bins, region_histograms

# %% [markdown]
# Texture is described by a histogram of slopes, that is, of how fast the smoothed image
# rises in each of eight directions.

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.smoothing import gaussian_slopes, slope_kernel

# %% tags=["show"]
from course_utils.ops.selective_search.regions import texture_bins

# %% tags=["show"]
from course_utils.ops.selective_search.regions import count_regions, describe_regions
from course_utils.ops.selective_search.regions import neighbouring_regions

# %%
start = segment_graph(coffee, k=100, min_size=50)
leaves, pairs = describe_regions(start, coffee), neighbouring_regions(start)
print(f"{len(leaves.size)} regions, {len(pairs)} pairs of neighbours")

# %% [markdown]
# The similarity of two regions is the sum of four measures, each between 0 and 1. The
# first two say how much the histograms of colour and of texture have in common.

# %% tags=["show"]
from course_utils.ops.selective_search.regions import colour_similarity
from course_utils.ops.selective_search.regions import texture_similarity

# %% [markdown]
# The other two ignore appearance. *Size* favours small regions, so that no large one
# swallows its neighbours one by one; *fill* says how well the two regions fill the box
# around both.

# %% tags=["show"]
from course_utils.ops.selective_search.regions import joint_box, size_similarity
from course_utils.ops.selective_search.regions import fill_similarity

# %% tags=["show"]
from course_utils.ops.selective_search.regions import similarity

# %%
from course_utils.ops.selective_search.regions import MEASURES

total = similarity(leaves, pairs[:, 0], pairs[:, 1])
print(f"{'':12}" + "".join(f"{name:>9}" for name in MEASURES))
for name, place in (("most alike", total.argmax()), ("least alike", total.argmin())):
    a, b = pairs[place]
    values = [float(measure(leaves, a, b)) for measure in MEASURES.values()]
    print(f"{name:>12}" + "".join(f"{value:9.3f}" for value in values))

# %% [markdown]
# Joining two regions needs no second look at the pixels: the sizes add up, the new box
# surrounds both, and each new histogram is the mean of the old two, weighted by size.

# %% tags=["show"]
from course_utils.ops.selective_search.search import Merge, merge_regions

# %% [markdown]
# The pairs of neighbours wait on a heap, which hands out the most similar pair first. A
# pair is skipped if one of its regions has been merged in the meantime.

# %% tags=["show"]
from course_utils.ops.selective_search.search import compare, neighbour_sets

# %% tags=["show"]
from course_utils.ops.selective_search.search import most_similar

# %% [markdown]
# After a merge, the new region inherits the neighbours of both.

# %% tags=["show"]
from course_utils.ops.selective_search.search import join_neighbours

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.search import Hierarchy, with_room

# %% [markdown]
# With these functions, the grouping is one short loop.

# %% tags=["show"]
from course_utils.ops.selective_search.search import group_regions

# %% [markdown]
# **Predict.** The grouping starts with R regions. How many merges does it take until
# one region is left, and how many boxes does it give in all?

# %% tags=["predict"]
hierarchy = group_regions(leaves, pairs)
count, merges = len(leaves.size), hierarchy.merges
print(f"{count} regions, {len(merges)} merges, {len(hierarchy.boxes())} boxes")
assert len(merges) == count - 1
assert len(hierarchy.boxes()) == 2 * count - 1

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each merge leaves one region fewer, so there are R - 1 merges. With the R initial
# regions, that makes 2R - 1 boxes: here 237 from 119 regions.

# </details>

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.search import labels_after

# %% tags=["hide-input"]
stages = [0, count // 2, count - 12, count - 4]
fig, axes = new_figure(2, 2, width=7.4, height=5.3)
for ax, done in zip(axes, stages, strict=True):
    labels = labels_after(start, merges[: max(done, 0)])
    name = f"{done} merges, {count - done} regions left"
    draw_image(ax, paint(coffee, labels), title=name, ticks=False)
    if done > 0:
        newest = torch.from_numpy(hierarchy.regions.box[count + done - 1])
        draw_boxes(ax, newest[None].float(), index=0)
show(
    fig,
    alt="Four stages of the grouping. At first the picture has many small regions; they "
    "grow together, until parts of the cup and of the table are the last few.",
    caption="Four stages of one grouping. The orange box surrounds the region made by the latest merge.",
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
    alt="The photograph with the cup's box and the best box of the grouping, which "
    "covers the upper part of the cup only.",
    size=4.4,
)

# %% [markdown]
# One grouping does not find everything: even its best box fits the cup only roughly. So
# we run several groupings, which differ in the colour space, in k, and in the measures,
# and take all their boxes. For our small scenes we add a mode with only four groupings.

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.color_spaces import rgb_to_hsv, rgb_to_lab
from course_utils.ops.selective_search.color_spaces import rgb_to_hue, rgb_to_intensity
from course_utils.ops.selective_search.color_spaces import convert_colors, rgb_to_rgi

# %% tags=["show", "hide-input"]
from course_utils.ops.selective_search.search import Strategy, choose_strategy

# %%
from course_utils.ops.selective_search.search import STRATEGIES

print(f"{'':>8} colour spaces  values of k  sets of measures  groupings")
for name, mode in STRATEGIES.items():
    parts = len(mode.spaces), len(mode.ks), len(mode.measures)
    print("{:>8} {:13} {:12} {:17}".format(name, *parts), f"{math.prod(parts):10}")

# %% [markdown]
# Which boxes come first? Regions made late in the grouping are more likely to be
# objects, but that order alone would put all the largest boxes first. So each box's
# place, counted from the last merge, is multiplied by a random number, and the boxes
# are sorted by the product.

# %% tags=["show"]
from course_utils.ops.selective_search.search import rank_boxes

# %% [markdown]
# Selective search runs these pieces in turn.

# %% tags=["show"]
from course_utils.ops.selective_search.search import make_hierarchies, one_thread

# %% tags=["show"]
from course_utils.ops.selective_search.search import selective_search

# %% [markdown]
# How many boxes it gives depends on the picture and on the mode. On the photographs of
# Pascal VOC, fast mode gives about 2,000 and quality mode about 10,000. Our small
# photographs give fewer.

# %%
for name in ("coffee", "rocket", "coins"):
    picture = photo(name)[0][:, ::2, ::2].contiguous()
    began = time.perf_counter()
    fast = len(selective_search(picture))
    seconds = time.perf_counter() - began
    print(f"{name:>7}: {fast:5} boxes in fast mode, {seconds:.1f} s")

# %% [markdown]
# ## Are the proposals good?
#
# A detector can hardly find what its proposals miss, so we measure them first.
# **Recall** is the share of objects that have a proposal with an IoU of at least 0.5.
# **MABO** (mean average best overlap) is the IoU of each object's best proposal,
# averaged over the objects of a class and then over classes. Both depend on how many
# boxes we look at.

# %% tags=["show"]
from course_utils.metrics.proposals import best_overlaps

# %% tags=["show"]
from course_utils.metrics.proposals import mean_average_best_overlap

# %% tags=["show", "hide-input"]
from course_utils.metrics.proposals import ProposalCurve, evaluate_proposals

# %% [markdown]
# `propose_all` calls `selective_search` for each scene and stores the boxes on disk.

# %%
from course_utils.data.proposals import propose_all
from course_utils.results import cache_folder
from course_utils.training.papers.rcnn_stages import plain_scenes

folder = cache_folder() / "proposals"
learn = load_scenes(scenes, "train")
pictures_of_all = [picture for picture, _ in [*learn, *test]]
suggested = propose_all(pictures_of_all, folder=folder, most=most, **search)
training = plain_scenes(learn, suggested[:scenes])
testing = plain_scenes(test, suggested[scenes:])
print(f"{sum(map(len, suggested)) / len(suggested):.0f} proposals per scene")

# %%
for boxes in suggested[:20]:
    assert len(boxes) <= most
    assert len(boxes.unique(dim=0)) == len(boxes)
    assert boxes.min() >= 0
    assert boxes.max() <= 128
image, target = max(testing, key=lambda pair: len(pair[1]["boxes"]))
truth, proposals = target["boxes"], target["proposals"]
show_boxes(
    image,
    {"first 15 proposals": proposals[:15], "objects": truth},
    alt="A scene with several objects, their boxes, and 15 proposals of all sizes. Many "
    "lie around objects or groups of objects.",
    size=4,
)

# %%
targets = [target for _, target in testing]
counts = (5, 10, 25, 50, 100, 200)
test_boxes = [target["proposals"] for target in targets]
curve = evaluate_proposals(test_boxes, targets, counts=counts)
recall, mabo = curve.recall[-1].item(), curve.mabo[-1].item()
print(f"with all of {curve.boxes[-1]:.0f}: recall {recall:.3f}, MABO {mabo:.3f}")

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=6, height=3)
lines = {"recall": (curve.boxes, curve.recall), "MABO": (curve.boxes, curve.mabo)}
draw_curves(ax, lines, x_label="mean number of boxes per scene")
ax.set(ylim=(0, 1.02))
show(
    fig,
    alt="Recall and MABO over the number of boxes. Both rise steeply over the first "
    "fifty boxes and only slowly after a hundred.",
    caption="Recall and MABO of the first boxes of each scene.",
)
if budget != "smoke":
    assert recall >= 0.9

# %% [markdown]
# Almost every object has a good proposal, and the first half of the boxes already
# covers more than nine in ten.

# On photographs, we compare our search with OpenCV's, *at the same number of boxes*.


# %% tags=["hide-input"]
def opencv_boxes(picture):
    pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
    peer = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    peer.setBaseImage(pixels[:, :, ::-1].copy())  # blue first
    peer.switchToSelectiveSearchFast()
    boxes = torch.from_numpy(peer.process()).float()
    boxes[:, 2:] += boxes[:, :2]  # from x, y, width, height
    return boxes


names = PHOTO_NAMES[: 1 if budget == "smoke" else None]
photos = [(picture[:, ::2, ::2], truth) for picture, truth in map(photo, names)]
small = [picture.contiguous() for picture, _ in photos]
photo_targets = [truth | {"boxes": truth["boxes"] / 2} for _, truth in photos]
boxes_by = {"ours": propose_all(small, folder=folder, min_side=12)}
try:
    import cv2
except ImportError:
    print("OpenCV is not installed, so only our boxes are measured")
else:
    cv2.setRNGSeed(0)
    boxes_by["OpenCV"] = [opencv_boxes(picture) for picture in small]
for who, boxes in boxes_by.items():
    found = evaluate_proposals(boxes, photo_targets, counts=(50, 100, 200, 400))
    for number, share, fit in zip(found.boxes, found.recall, found.mabo, strict=True):
        print(f"{who:>7}: {number:4.0f} boxes, recall {share:.2f}, MABO {fit:.3f}")

# %% [markdown]
# With all their boxes, both cover every object. With 50 or 100, OpenCV's cover more,
# but a handful of photographs cannot show whose order is better.
#
# ## From a box to a picture: warping
#
# Proposals have all sizes and shapes, whereas a network with a fully connected layer
# takes pictures of one size. So each box is **warped**: whatever its shape, it is
# stretched to a square, in training and in testing alike.

# The inside of a box does not show whether the object ends at the border or is cut off
# by it. So the box first grows a little, and the crop shows some pixels of **context**
# on each side. R-CNN with AlexNet uses crops of 227 x 227 with 16 pixels of context, so
# the sides of each box grow by a factor of 227 / (227 - 2 · 16).

# %% tags=["show"]
from course_utils.models.rcnn.network import add_context

# %% [markdown]
# Which pixels of the image make up a pixel of the crop? For one axis,
# `sampling_weights` answers with a matrix, which has a row of weights for each pixel of
# the crop.

# %% tags=["show"]
from course_utils.models.rcnn.network import sampling_weights

# %% [markdown]
# Two matrix products then stretch all boxes at once. What lies outside the image is
# filled with the mean colour of the training set.

# %% tags=["show"]
from course_utils.models.rcnn.network import warp

# %% [markdown]
# **Trust.** A box around the whole image must give what torch's own resizing gives.

# %%
whole, grey = torch.tensor([[0.0, 0, 128, 128]]), torch.full((3,), 0.5)
(ours,) = warp(image, whole, crop_size=32, fill=grey)
peer = F.interpolate(image[None], size=(32, 32), mode="bilinear", antialias=True)[0]
print(f"largest difference from torch: {(ours - peer).abs().max():.1e}")
assert (ours - peer).abs().max() < 1e-5
for size, context in ((224, 0), (227, 16), (32, 4)):
    crops = warp(image, truth, crop_size=size, context=context, fill=grey)
    print(f"crops of {size} with {context} pixels of context: {tuple(crops.shape)}")

# %%
fill = torch.stack([picture.mean(dim=(1, 2)) for picture, _ in training]).mean(dim=0)
tallest = truth[(truth[:, 3] - truth[:, 1]).div(truth[:, 2] - truth[:, 0]).argmax()]
chosen = torch.stack([tallest, torch.tensor([96.0, -14, 140, 30])])
grown = add_context(chosen, crop_size=32, context=4)

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=9, height=3.2)
draw_image(axes[0], image, title="boxes, and boxes with context", ticks=False)
draw_boxes(axes[0], grown, index=1)
draw_boxes(axes[0], chosen, index=0)
crops = warp(image, chosen, crop_size=32, context=4, fill=fill)
for ax, crop, name in zip(axes[1:], crops, ("the tall one", "the other"), strict=True):
    draw_image(ax, crop, title=f"crop: {name}", ticks=False)
show(
    fig,
    alt="A scene with a tall box and one that reaches beyond the upper right corner, each "
    "inside a larger box with its context, and both crops as squares. The tall object is "
    "stretched in width; the other crop has a plain part.",
    caption="Orange: the boxes. Blue: with context. The second reaches outside the image.",
)

# %% [markdown]
# ## The network, and where it starts
#
# The backbone is a small **residual network**, which later lessons use as well: each of
# its blocks adds a change to its input. When it predicts, its batch normalisation uses
# stored statistics, so the rest of the batch does not matter.

# %% tags=["show"]
from course_utils.models.backbones import BatchNorm, convolution

# %% tags=["show"]
from course_utils.models.backbones import Residual

# %% tags=["show"]
from course_utils.models.backbones import Backbone

# %% [markdown]
# The backbone is followed by a fully connected layer of **features** and a score for
# each class. Two inner vectors have names: `pool5`, the last map, still holds *where*
# in the crop each part lies and will correct boxes; `fc` holds *what* the crop shows
# and will name objects.

# %% tags=["show"]
from course_utils.models.rcnn.network import RegionFeatures

# %% tags=["show"]
from course_utils.models.rcnn.network import RegionNetwork

# %% [markdown]
# Ours sees crops of 32 x 32 pixels.

# %% tags=["show"]
from course_utils.models.rcnn.tabletop import tabletop_network

# %%
torch.manual_seed(0)
num_classes = len(CLASS_NAMES)  # background is class 0
network = tabletop_network(num_classes - 1)  # no background yet
sizes = network.features(torch.zeros(5, 3, 32, 32))
print(f"pool5 {tuple(sizes.pool5.shape)}, fc {tuple(sizes.fc.shape)}")
print(f"{sum(weight.numel() for weight in network.parameters()):,} weights")

# %% [markdown]
# R-CNN did not start from random weights. Its network had learned the 1,000 classes of
# ImageNet from pictures with *one label each*, because labels are cheap, whereas boxes
# are expensive to draw. We do the same on a small scale, with pictures of one solid
# each. There is no background class, and no target says where an object ends.

# %%
from course_utils.training import TrainingSettings, train
from course_utils.training.papers.pretraining import PictureClassifier, single_solids

named = single_solids(pictures, crop_size=network.crop_size)
show_images(
    named.crops[:6],
    titles=[CLASS_NAMES[label + 1] for label in named.labels[:6]],
    columns=3,
    width=9,
    alt="Six small pictures, each of one solid with some floor and wall around it, under "
    "the name of the solid.",
)

# %% [markdown]
# `PictureClassifier` adds the cross-entropy as the loss. The training loop is that of
# lesson 00.

# %%
learning = TrainingSettings(
    steps=pretrain_steps,
    batch_size=64,
    lr=2e-3,
    seed=0,
    device=device,
    optimizer="adamw",
    weight_decay=1e-2,
    description="pretraining",
)
pretraining = train(PictureClassifier(network), named, learning)
print(f"loss at the end: {pretraining.curves(smooth=20)['total'][-1]:.3f}")

# %% [markdown]
# The last layer can now say which solid it sees, but never "none of them". We replace
# it with a layer that has one more score, for **background**, and keep everything else.
# In the paper, 1,000 outputs become 21.

# %% tags=["show"]
from course_utils.models.rcnn.network import replace_classifier

# %%
before = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
replace_classifier(network, num_classes)
for name, weight in network.named_parameters():
    if tuple(weight.shape) != before[name]:
        print(f"{name}: {before[name]} -> {tuple(weight.shape)}")
pretrained = copy.deepcopy(network)  # to compare with, later

# %% [markdown]
# ## Two sets of labels
#
# What is the label of a proposal that covers half of a cube? R-CNN answers this
# question **twice, and differently**.
#
# When it **fine-tunes** the network, that is, trains the pretrained one further, a
# proposal with an IoU of at least 0.5 counts as a cube, and anything less is
# background. This gives many more positives than there are objects.

# %% tags=["show"]
from course_utils.models.rcnn.detector import region_labels

# %% [markdown]
# When it trains the **SVMs**, only the object's own box counts as a cube. A proposal
# with an IoU below 0.3 is a negative, and everything in between is *not used*, because
# a box that covers half of a cube is a bad example of either.

# %% tags=["show"]
from course_utils.models.rcnn.svms import svm_signs

# %%
label = int(target["labels"][0])
name = CLASS_NAMES[label]
is_positive = region_labels(proposals, target) == label
signs = svm_signs(proposals, target, num_classes=num_classes)[len(truth) :, label - 1]
print(f"{len(proposals)} proposals, as the two stages see them, for {name}:")
print(f"  fine-tuning: {is_positive.sum()} positive, {(~is_positive).sum()} not")
print("  SVM: only the objects' own boxes are positive,", end=" ")
print(f"{(signs < 0).sum()} are negative, {(signs == 0).sum()} not used")

# %% tags=["hide-input"]
from course_utils.draw.boxes import draw_box_sets

own = truth[target["labels"] == label]
near = box_iou(proposals, own).amax(dim=1) > 0.1
fig, axes = new_figure(1, 2, width=8.4, height=4.4)
draw_image(axes[0], image, title=f"fine-tuning: is it a {name}?", ticks=False)
draw_box_sets(
    axes[0],
    {
        "positive": proposals[is_positive][:5],
        "background": proposals[near & ~is_positive][:5],
    },
)
draw_image(axes[1], image, title=f"SVM: is it a {name}?", ticks=False)
draw_box_sets(
    axes[1],
    {
        "positive": own,
        "negative": proposals[near & (signs < 0)][:5],
        "not used": proposals[signs == 0][:5],
    },
)
show(
    fig,
    alt="The same scene twice with proposals near its cubes. Left: those that overlap "
    "one well are positive, the others background. Right: only the cubes' own boxes "
    "are positive, good overlaps are not used, the others negative.",
    caption="At most five proposals of each kind are drawn.",
)

# %% [markdown]
# A common mistake is to use 0.5 as the bound for both. For the SVMs' negatives, the
# authors lost 5 points of AP50 with 0.5 instead of 0.3, and 4 points with 0.
#
# ## Training, in four stages
#
# Nothing that a later stage learns changes an earlier one.

# %% tags=["hide-input"]
from course_utils.draw.system_map import draw_map

flows = [
    ("scenes and proposals", "1. fine-tuning"),
    ("1. fine-tuning", "2. features"),
    ("2. features", "3. SVMs"),
    ("2. features", "4. box regressors"),
]
pool5, fc = network.fc.in_features, network.fc.out_features
texts = {
    "scenes and proposals": f"{scenes} scenes, up to {most} boxes each",
    "1. fine-tuning": f"cross-entropy; {steps} batches of 128 crops",
    "2. features": f"learns nothing; pool5 {pool5:,}, fc {fc} per box",
    "3. SVMs": f"squared hinge; {num_classes - 1} x {fc}",
    "4. box regressors": f"least squares; {num_classes - 1} x {pool5:,} x 4",
}
places = {name: (0, row) for row, name in enumerate(texts)}
fig, (ax,) = new_figure(width=5.4, height=3.9)
fig.set_layout_engine("none")
ax.set_position((0, 0, 1, 1))
ax.set(xlim=(0.3, 5.7), ylim=(3.9, 0))
ax.axis("off")
draw_map(ax, places, texts, flows, [name for name in texts if name[0].isdigit()])
show(
    fig,
    alt="A map from top to bottom. Scenes and proposals lead to fine-tuning, and this to "
    "the features that are kept; SVMs and box regressors both learn from those. No arrow "
    "leads back.",
    caption="What learns from what. No arrow leads back into the network.",
)

# %% [markdown]
# ### The first stage: fine-tuning
#
# A batch has 128 regions: 32 of objects and 96 of background. In a photograph, few of
# the thousands of proposals show an object, so a random batch would be nearly all
# background.

# %% tags=["show"]
from course_utils.ops.matching import draw, sample_balanced

# %% tags=["show"]
from course_utils.models.rcnn.detector import sample_regions

# %% [markdown]
# The objects' own boxes are candidates, too. Candidates are clipped to the image, and
# those left without area are dropped.

# %% tags=["show", "hide-input"]
from course_utils.models.rcnn.detector import candidates_of, usable_proposals
from course_utils.models.rcnn.detector import with_area_inside

# %%
batch = training[:16]
stack = torch.stack([picture for picture, _ in batch])
batch_targets = [truth_of_one for _, truth_of_one in batch]
candidates = candidates_of(stack, batch_targets)
rois, labels = sample_regions(candidates, batch_targets)
all_labels = torch.cat([*map(region_labels, candidates, batch_targets)])
print(f"{(labels > 0).sum()} objects and {(labels == 0).sum()} background in a batch")
print(f"{(all_labels > 0).float().mean():.0%} of all candidates are objects")

# %% [markdown]
# Here that is the batch's share anyway, unlike on photographs.
#
# SVMs and regressors are linear, so each is little more than a matrix. Their weights
# are buffers, which are stored with the model but not changed by the training loop.

# %% tags=["show"]
from course_utils.models.rcnn.svms import LinearSVMs

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import with_ones

# %% [markdown]
# The class `RCNN` holds the parts together; its loss is that of fine-tuning. Two of its
# functions are shown later: `zero_heads` makes SVMs and regressors of zeros, which
# trained ones will replace, and `detect_in_image` goes from proposals to detections.

# %% tags=["show", "hide-input"]
from course_utils.models.rcnn.network import features_in_parts

# %% tags=["show"]
from course_utils.models.rcnn.detector import RCNN

# %% [markdown]
# Ours starts with the pretrained network.

# %% tags=["show"]
from course_utils.models.rcnn.tabletop import rcnn_for_tabletop

# %%
from course_utils.training.augment import flip_half

model = rcnn_for_tabletop(fill=fill)
model.network = network
settings = {"lr": 3e-3, "seed": 0, "device": device, "augment": flip_half}
settings |= {"batch_size": 16, "optimizer": "adamw", "weight_decay": 1e-2}
history = train(model, training, TrainingSettings(steps=steps, **settings))
show_losses(history, alt="The loss of fine-tuning falls steeply, then slowly.")
print(f"{history.seconds:.0f} s for {steps} steps")

# %% [markdown]
# ### The second stage: features
#
# Every box passes through the network *once more*, and we keep its features, because
# the next two stages need nothing else of the network.

# %% tags=["show"]
from course_utils.training.papers.rcnn_stages import region_features

# %%
began = time.perf_counter()
some = training[:svm_scenes]  # enough for what is linear
kept = region_features(model, some)
passes = sum(map(len, kept))
feature_seconds = time.perf_counter() - began
print(f"{passes:,} passes for {svm_scenes} scenes in {feature_seconds:.0f} s")
print(f"kept here: {passes * (pool5 + fc) * 4 / 1e6:.0f} MB")

# %% [markdown]
# **On paper.** In the paper's network, pool5 has 9,216 numbers of 4 bytes each, so
# 2,000 boxes take 74 MB per image. The authors report about 200 GB for Pascal VOC 2007.
#
# ### The third stage: support vector machines
#
# The network's last layer already names regions. Why train another? It learned from
# loose labels and random background, whereas an SVM gets strict labels and the
# background that is hardest to tell from an object.

# A linear SVM gives the features x a score, w · x + b. Every positive should score at
# least 1 and every negative at most -1; an example that falls short is *inside the
# margin*. By how much it falls short is the **hinge**, max(0, 1 - sign · score). Our
# loss is its square, scikit-learn's default, whereas the authors' code uses the hinge
# itself. In both, large weights cost something, too.

# %%
points = torch.tensor([[2.0, 0.0], [1.0, 0.5], [0.0, 0.5], [0.0, 2.0]])
signs = torch.tensor([1, 1, -1, -1])
scores = points @ torch.tensor([1.0, -1.0])  # w = (1, -1), b = 0

# %% [markdown]
# **Predict.** The scores are the differences of the two coordinates: 2, 0.5, -0.5 and
# -2. Which of the four examples add to the loss, and how much?

# %% tags=["predict"]
hinge = (1 - signs * scores).clamp(min=0)
print("sign  score  hinge  squared")
for row in zip(signs, scores, hinge, hinge.square(), strict=True):
    print("{:4} {:6} {:6} {:7}".format(*(value.item() for value in row)))

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two in the middle: each falls short by 0.5, which costs 0.25 once squared. The
# first and the last cost nothing.

# </details>

# %% [markdown]
# As long as the same examples are inside the margin, the loss is quadratic in the
# weights, so a linear system gives its minimum. We jump there, see which examples are
# inside the margin now, and jump again. This is Newton's method.

# %% tags=["show"]
from course_utils.models.rcnn.svms import svm_objective

# %% tags=["show"]
from course_utils.models.rcnn.svms import newton_step

# %% [markdown]
# A full jump may overshoot, so it is halved until the loss is no higher than before.

# %% tags=["show"]
from course_utils.models.rcnn.svms import line_search

# %% tags=["show"]
from course_utils.models.rcnn.svms import fit_svms

# %%
generator = torch.Generator().manual_seed(3)
cloud = torch.randn(120, 2, generator=generator)
signs = torch.where(torch.arange(120) < 60, 1, -1)[:, None]
cloud = cloud + signs * torch.tensor([1.3, 0.5])
svm = fit_svms(cloud, signs, c=1.0, positive_weight=1.0)
scores = svm(cloud).squeeze(1)
inside = (signs.squeeze(1) * scores) < 1
print("w = ({:.3f}, {:.3f}), ".format(*svm.weight[0]), f"b = {svm.bias.item():.3f}")
print(f"{inside.sum()} of {len(cloud)} examples are inside the margin")

# %% tags=["hide-input"]
from course_utils.draw import OKABE_ITO

fig, (ax,) = new_figure(width=6, height=4)
for sign, colour, shape in ((1, OKABE_ITO[0], "o"), (-1, OKABE_ITO[2], "s")):
    of_sign = cloud[signs.squeeze(1) == sign]
    ax.scatter(*of_sign.T, s=16, color=colour, marker=shape, label=f"sign {sign:+}")
ring = {"s": 70, "facecolors": "none", "edgecolors": "black", "linewidths": 0.8}
ax.scatter(*cloud[inside].T, **ring)
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
    caption="Circled: the examples inside the margin.",
)

# %% [markdown]
# **Predict.** We throw away all examples without a circle, more than half of the total,
# and fit again. How far does the line move?

# %% tags=["predict"]
alone = fit_svms(cloud[inside], signs[inside], c=1.0, positive_weight=1.0)
print(
    "fitted to the circled examples alone: w = ({:.3f}, {:.3f})".format(
        *alone.weight[0]
    )
)
assert torch.allclose(svm.weight, alone.weight, atol=1e-4)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not at all: examples outside the margin cost nothing, so only those inside hold the
# line in place. They are the *support* vectors.

# </details>
#
# **Trust.** scikit-learn solves the same problem with a solver of its own.

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
# Now we train one SVM for each class on real features. Positives are few, one per
# object. Nearly all proposals are negatives, most of them easy: plain floor will hardly
# be taken for a chair. As examples outside the margin do not matter, only negatives
# that score too high are worth having.

# %% tags=["show"]
from course_utils.models.rcnn.svms import hard_negatives

# %% tags=["show"]
from course_utils.models.rcnn.svms import fit_on_used, scale_to_norm

# %% [markdown]
# We take all negatives of the first few scenes, then walk through the others *once*,
# adding only the hard ones. Whenever a class has gained 2,000 negatives, the SVMs are
# fitted again, and negatives that have become easy are dropped.

# %% tags=["show"]
from course_utils.models.rcnn.svms import MiningRound, train_svms

# %%
truths = [truth_of_one for _, truth_of_one in some]
signs = [svm_signs(t["proposals"], t, num_classes=num_classes) for t in truths]
began = time.perf_counter()
model.svms, rounds = train_svms([features.fc for features in kept], signs)
model.to(device)
svm_seconds = time.perf_counter() - began

# %%
all_signs = torch.cat(signs)
print(f"{(all_signs > 0).sum():,} positives, {(all_signs < 0).sum():,} negatives")
for of_fit in rounds:
    print(f"  after {of_fit.images:4} scenes: {of_fit.negatives:6,} negatives in use, ")
    print(f"{'':20}{of_fit.dropped:6,} of them easy now")

# %% [markdown]
# Only a small part of the negatives is in use at any time. Here are those with the
# highest wrong scores.


# %%
def worst_mistake(picture, target, features):
    """The highest score that an SVM gives to a negative: score, name and crop."""
    scores = model.svms(features.fc.to(device)).cpu()
    scores[svm_signs(target["proposals"], target, num_classes=num_classes) >= 0] = -9
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    boxes = torch.cat([target["boxes"], target["proposals"]])[row : row + 1]
    crop = model.crops(picture.to(device), boxes.to(device))[0].cpu()
    return float(scores.max()), CLASS_NAMES[column + 1], crop


# %% tags=["hide-input"]
wrong = [
    worst_mistake(picture, target_of_one, features)
    for (picture, target_of_one), features in zip(some, kept, strict=True)
]
wrong.sort(key=lambda mistake: -mistake[0])
show_images(
    [crop for _, _, crop in wrong[:6]],
    titles=[f"{name} {score:+.1f}" for score, name, _ in wrong[:6]],
    columns=3,
    width=9,
    alt="Six crops to which an SVM wrongly gives a high score, most of them parts of "
    "objects of a similar class; each with the name of the class and the score.",
    caption="Above each crop: the class that it is taken for, and that SVM's score.",
)

# %% [markdown]
# Typical mistakes are objects of a similar class, parts of objects, and two objects in
# one box.
#
# ### The fourth stage: correcting the box
#
# A proposal comes from colours and edges alone, so it is often a little off, and no
# score can repair that. But the features show how to: half a wheel at the left border
# means that the object continues to the left.
#
# So we predict four numbers for a proposal p: how far its centre has to move to the
# right, in widths of the proposal; how far down, in heights; and the logarithms of the
# factors by which its width and height have to change.

# $$b_x = p_x + p_w t_x \qquad b_y = p_y + p_h t_y \qquad b_w = p_w e^{t_w} \qquad
# b_h = p_h e^{t_h}$$
#
# Here $b_x, b_y$ is the centre of the corrected box, $b_w, b_h$ are its width and
# height, and $t_x, t_y, t_w, t_h$ are the four numbers.

# %% tags=["show"]
from course_utils.ops.boxes import decode_boxes, encode_boxes

# %%
p = torch.tensor([[100.0, 60, 180, 100]])  # 80 wide and 40 high
narrow = 80 * math.exp(-0.125)
targets_of_p = {
    "right": [100.0, 60, 180, 100],
    "too far left": [120.0, 60, 200, 100],
    "too wide": [140 - narrow / 2, 60, 140 + narrow / 2, 100],
}

# %% [markdown]
# **Predict.** What are the four numbers if the proposal is right? And if it lies a
# quarter of its width too far left? And what sign does t_w have if it is a little too
# wide?

# %% tags=["predict"]
for name, corners in targets_of_p.items():
    t = encode_boxes(torch.tensor([corners]), p)[0]
    print(f"{name:>13}: t = " + ", ".join(f"{value:+.3f}" for value in t.tolist()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# All are 0 if the proposal is right. A box too far *left* has to move right, so t_x is
# +0.25. A box that is too *wide* has to shrink, so t_w is negative, here -0.125. The
# sign says what to do, not what is wrong.
#
# </details>

# %% [markdown]
# **Trust.** Decoding undoes encoding, and a box that only grows keeps its centre. With
# a common misprint, $p_w t_w$ in place of $p_w t_x$, the centre would move.

# %%
wider = decode_boxes(torch.tensor([[0.0, 0.0, 0.5, 0.0]]), p)
goal = torch.tensor([[97.0, 55, 190, 92]])
assert (wider[0, 0] + wider[0, 2]) / 2 == 140
assert torch.allclose(decode_boxes(encode_boxes(goal, p), p), goal, atol=1e-3)

# %% [markdown]
# A linear regression for each class learns these numbers from pool5. It uses only
# proposals whose IoU with an object is above 0.6, because a crop farther off does not
# show where the object ends.

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import regression_pairs

# %% [markdown]
# There are few examples for so many features, so we penalise large weights. This is
# **ridge regression**, whose minimum has a closed form.

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import fit_ridge

# %% [markdown]
# **Trust.** The penalty amounts to one more example for each weight, which asks it to
# be zero. Plain least squares with these examples must give the same result.

# %%
x, y = torch.randn(2, 50, 6, dtype=torch.float64, generator=generator)
weights = fit_ridge(x, y[:, :4], penalty=5.0)
rows = torch.cat([x, math.sqrt(5.0) * torch.eye(6, dtype=torch.float64)])
zeros = torch.zeros(6, 4, dtype=torch.float64)
peer = torch.linalg.lstsq(rows, torch.cat([y[:, :4], zeros])).solution
print(f"largest difference from least squares: {(weights - peer).abs().max():.0e}")
assert (weights - peer).abs().max() < 1e-8

# %% [markdown]
# The four targets differ in spread, yet one penalty has to suit them all. So they are
# first centred and **whitened**: mean 0, spread 1, no correlation.

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import fit_regressor, whiten

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import BoxRegressors

# %% tags=["show"]
from course_utils.models.rcnn.box_regression import train_box_regressors

# %%
began = time.perf_counter()
model.box_regressors = train_box_regressors(
    [f.pool5[len(t["boxes"]) :] for f, t in zip(kept, truths, strict=True)],
    [t["proposals"] for t in truths],
    truths,
    num_classes=num_classes,
    penalty=5000.0,
).to(device)
regression_seconds = time.perf_counter() - began

# %% [markdown]
# Does this work on new scenes? We measure the IoU of test proposals with the objects
# near them, before and after the correction.

# %%
looked = [
    model.features(picture.to(device), t["proposals"].to(device))
    for picture, t in testing
]
before, after = [], []
for features, t in zip(looked, targets, strict=True):
    rows, labels, changes = regression_pairs(t["proposals"], t)
    boxes, pool = t["proposals"][rows], features.pool5[rows.to(device)]
    goals = decode_boxes(changes, boxes)
    moved = model.box_regressors(pool, boxes.to(device), labels.to(device)).cpu()
    before.append(box_iou(boxes, goals).diagonal())
    after.append(box_iou(moved, goals).diagonal())
iou_before, iou_after = torch.cat(before).mean().item(), torch.cat(after).mean().item()
print(f"{sum(map(len, before))} proposals near objects: ", end="")
print(f"mean IoU {iou_before:.3f}, corrected {iou_after:.3f}")

# %% [markdown]
# On average the corrected boxes fit better.
#
# ## Detecting
#
# For a new image, every SVM scores every region, and duplicates are suppressed **within
# each class**, as in lesson 01. Scores down to -1 are kept, because AP asks only
# whether hits score higher than false alarms.

# %% tags=["show"]
from course_utils.ops.nms import batched_nms

# %% tags=["show"]
from course_utils.models.rcnn.detector import select_detections

# %% [markdown]
# A cone in front of a table overlaps it a lot. If classes suppressed each other, the
# higher score would erase the other object's box.

# %%
from course_utils.ops.nms import nms

features = model.features(image.to(device), proposals.to(device))
scores = model.svms(features.fc).cpu()
rows, columns = (scores > -1).nonzero(as_tuple=True)
values = scores[rows, columns]
kept_by_class = batched_nms(proposals[rows], values, columns, 0.3)
kept_together = nms(proposals[rows], values, 0.3)
print(
    f"{len(rows)} scores above -1: {len(kept_by_class)} detections by class,", end=" "
)
print(f"{len(kept_together)} if classes suppress each other")

# %% [markdown]
# The regressor of its class then corrects each box that is kept.

# %% tags=["show"]
from course_utils.models.rcnn.detector import detect_in_image, detect_regions

# %% tags=["show", "hide-input"]
from course_utils.models.rcnn.detector import softmax_scores, zero_heads

# %% tags=["hide-input"]
predictions = [
    model.predict(picture[None].to(device), [t["proposals"]])[0]
    for picture, t in testing
]
predictions = [{k: v.cpu() for k, v in found.items()} for found in predictions]
sure = [found["scores"] > -0.2 for found in predictions[:3]]
show_images(
    [picture for picture, _ in testing[:3]],
    targets=[
        {k: v[keep] for k, v in found.items()}
        for found, keep in zip(predictions, sure, strict=False)
    ],
    class_names=CLASS_NAMES,
    alt="Test scenes with the detections that score above -0.2. Most objects have a "
    "box with the right name; some have a second one, and a few have none.",
    caption="Detections with a score above -0.2.",
    width=9,
)

# %% [markdown]
# Most objects have a box with the right name. Some have a second one with a wrong name,
# which suppression within each class permits, and a few are missed.
#
# ## How good is it?
#
# We compare three detectors on the same features: the network's own softmax, the SVMs
# in its place, and the SVMs with the box regressors.

# %%
from course_utils.metrics.coco import evaluate_detections


def judge(score, regressors, looked, targets):
    """AP of the detections that these scores and regressors make of kept features."""
    found = []
    for features, target in zip(looked, targets, strict=True):
        boxes = target["proposals"].to(device)
        parts = features, score(features), boxes, regressors
        detections = detect_regions(*parts, size)
        found.append({name: values.cpu() for name, values in detections.items()})
    return evaluate_detections(found, targets, class_names=CLASS_NAMES)


@torch.no_grad()
def own_scores(features):
    return softmax_scores(model.network, features)


def svm_scores(features):
    return model.svms(features.fc)


# %%
size = (128, 128)  # height and width of a scene
_, unchanging = (head.to(device) for head in zero_heads(model.network))
table = {
    "the network's own softmax": judge(own_scores, unchanging, looked, targets),
    "SVMs": judge(svm_scores, unchanging, looked, targets),
    "SVMs and box regression": judge(svm_scores, model.box_regressors, looked, targets),
}
softmax, without, figures = table.values()
print(f"{'':>28}     AP   AP50   AP75")
for name, row in table.items():
    print(f"{name:>28}  {row['AP']:.3f}  {row['AP50']:.3f}  {row['AP75']:.3f}")

# %% tags=["hide-input"]
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
if budget != "smoke":
    assert figures["AP50"] >= 0.70, figures["AP50"]
    assert figures["AP"] > without["AP"], (figures["AP"], without["AP"])
    assert iou_after > iou_before

# %% [markdown]
# The box regressors raise AP75 the most, as expected: an uncorrected proposal reaches a
# strict IoU less often.
#
# ### Do the features have to be fine-tuned?
#
# The paper claims that fine-tuning for detection gives better **features** than
# learning from pictures alone. To test this, we train SVMs in the same way, on the same
# scenes, for both networks. We also evaluate each half of the test scenes, to see how
# much AP depends on their choice.


# %%
def ap_of_halves(model, number):
    """AP of SVMs on this model's features: all test scenes, and each half of them."""
    kept = [f.fc for f in region_features(model, training[:number])]
    svms, _ = train_svms(kept, signs[:number])
    looked = region_features(model, testing)
    scored = [
        svms(f.fc)[len(t["boxes"]) :] for f, t in zip(looked, targets, strict=True)
    ]
    found = []
    for scores, t in zip(scored, targets, strict=True):
        rows, values, labels = select_detections(scores, t["proposals"])
        boxes = t["proposals"][rows]
        found.append({"boxes": boxes, "scores": values, "labels": labels})
    parts = (slice(None), slice(0, None, 2), slice(1, None, 2))
    figures = [evaluate_detections(found[part], targets[part]) for part in parts]
    return [figure["AP"] for figure in figures]


number = max(svm_scenes * 2 // 5, 1)
early = RCNN(pretrained, context=4, fill=fill).to(device)
by_network = {
    "pretrained only": ap_of_halves(early, number),
    "fine-tuned": ap_of_halves(model, number),
}
for name, (whole_ap, *halves) in by_network.items():
    print(f"{name:>18}: AP {whole_ap:.3f}, halves {halves[0]:.3f} and {halves[1]:.3f}")

# %% [markdown]
# The gap between the two networks is more than twice as wide as that between the
# halves. (AP is no mean over scenes, so the whole need not lie between its halves.)
# Although we trained only once, and fine-tuning was also the longer training, this
# agrees with the claim: it helps to have seen *proposals*.
#
# The paper's figures for Pascal VOC 2007 (mean AP over 20 classes at an IoU of 0.5, in
# percent) are 54.2 with AlexNet, 58.5 with AlexNet and box regression, and 66.0 with
# VGG-16 and box regression. There, too, regression helps, and so does depth.
#
# ## What it costs
#
# Where does the time for one image go? This time the proposals are computed anew.
#
# **Predict.** There are three parts: the search, the 200 passes through the network,
# and the SVMs with the regressors. Which takes the most time, and which the least?

# %% tags=["hide-input"]
from course_utils.training import count_multiply_adds, median_ms

timed = testing[: 2 if budget == "smoke" else 8]
given = [(picture.to(device), t["proposals"].to(device)) for picture, t in timed]
outputs = [(model.features(*pair), pair[1]) for pair in given]


def heads(features, boxes):
    scores = model.svms(features.fc)
    return detect_regions(features, scores, boxes, model.box_regressors, size)


def mean_ms(function, arguments):
    """Milliseconds of one call, over several images."""
    return median_ms(lambda: [function(*pair) for pair in arguments], 1) / len(
        arguments
    )


# %% tags=["predict"]
cost = {
    "search": mean_ms(lambda picture, _: selective_search(picture, **search), given),
    "network": mean_ms(model.features, given),
    "SVMs, boxes": mean_ms(heads, outputs),
}
for part, milliseconds in cost.items():
    print(f"{part:>12}: {milliseconds:6.1f} ms per image")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The linear parts take the least, since they are only a few matrix products. The figure
# below shows how search and network share the rest on this machine.

# </details>

# %% tags=["hide-input"]
total = sum(cost.values())
show_parts(
    {"R-CNN": cost},
    unit="milliseconds per image",
    alt="One bar of the milliseconds per image, split into search, network, and SVMs "
    "with boxes; the last part is a sliver.",
)
sharing = total - cost["network"]
print(f"{total:.0f} ms per image; the network takes {cost['network'] / total:.0%}")
print(f"if its passes were free: {sharing:.0f} ms, {total / sharing:.1f} times as fast")

# %% [markdown]
# Proposals overlap, so the same pixels pass through the same convolutions again and
# again. We count the multiply-adds for all crops of one scene, and for a single pass of
# the same backbone over the whole image.

# %%
crops = model.crops(image.to(device), proposals.to(device))
with torch.no_grad():
    by_crops = count_multiply_adds(lambda: model.network(crops))
    by_image = count_multiply_adds(lambda: network.backbone(image[None].to(device)))
print(f"{len(crops)} crops: {by_crops / 1e6:,.0f} million multiply-adds")
print(f"the image once: {by_image / 1e6:,.0f} million, 1 / {by_crops / by_image:.0f}")

# %% [markdown]
# If the convolutions ran once per image and all proposals shared them, nearly all of
# the network's work would be saved. Here the search would remain, so the gain is
# limited to the factor printed below the bar chart. With more proposals, larger crops
# and a deeper network, the passes take nearly all of the time. We count again for the
# paper's VGG-16.

# %%
from torchvision.models import vgg16

with torch.device("meta"):  # shapes without numbers
    vgg, crop = vgg16(), torch.zeros(1, 3, 224, 224)
    per_crop = count_multiply_adds(lambda: vgg(crop))
    once = count_multiply_adds(lambda: vgg.features(torch.zeros(1, 3, 600, 1000)))
print(f"VGG-16: {per_crop / 1e9:.1f} billion multiply-adds per crop of 224 x 224")
print(f"2,000 crops: {2000 * per_crop / 1e12:.0f} trillion")
print(f"its convolutions once, on 600 x 1000: {once / 1e9:.0f} billion")

# %% [markdown]
# Published times show the same: with VGG-16 on a K40 GPU, R-CNN's network takes 47 s
# per image, and selective search adds about 2 s (Girshick 2015, Fast R-CNN; other times
# in the [errata](errata.ipynb)). Lesson 03 shares the convolutions. Then the search
# takes most of the time, which is the reason for lesson 04.

# We store the results and the model for later lessons.

# %% tags=["hide-input"]
from course_utils.training import write_row
from course_utils.training.kept_models import keep_model

keep_model(model, "rcnn", budget)
linear = [*model.svms.buffers(), *model.box_regressors.buffers()]
stage_seconds = feature_seconds + svm_seconds + regression_seconds
row = write_row(
    "R-CNN",
    budget,
    figures=figures,
    ms_per_image=total,
    training_seconds=pretraining.seconds + history.seconds + stage_seconds,
    parameters=sum(weight.numel() for weight in [*model.parameters(), *linear]),
    ms_proposals=cost["search"],
    ms_network=cost["network"] + cost["SVMs, boxes"],
    test_scenes=len(test),
    side=image.shape[-1],
)
print({name: row[name] for name in ("system", "AP50", "parameters")})

# %% [markdown]
# ## Recap
#
# Selective search grows regions of similar pixels into proposals that cover almost
# every object. Each proposal is warped to a square and passes through a network on its
# own. Linear SVMs, trained with hard negatives, classify the features, and linear
# regressors correct the boxes. These parts learn in turn, with cross-entropy, squared
# hinge and least squares. Because proposals overlap, the passes repeat nearly all of
# their work.

# | | lesson 01 | R-CNN | why |
# |---|---|---|---|
# | where to look | every window of a grid | selective search | a good network is too slow for every window |
# | what looks | a tiny network | a fine-tuned residual network | better features |
# | who decides | its softmax | linear SVMs | strict labels, hard negatives |
# | boxes | used as they are | corrected by regression | a proposal is often a little off |

# %% [markdown]
# ## Common mistakes
#
# | slip | symptom |
# |---|---|
# | no context around the box | boxes that cut an object off score as high as those that hold it |
# | proposals not clipped | crops of one plain colour, or an error for a box without area |
# | regressors trained on all proposals, not only near ones | corrected boxes fit less well |
# | suppression across all classes | of two objects that overlap a lot, only one is found |

# %% [markdown]
# ## Three questions
#
# **1.** Selective search is replaced by a method whose recall is 0.8 at an IoU of 0.5,
# in every class. Is 0.8 the highest AP50 that R-CNN with box regression can reach?
#
# <details><summary>Answer</summary>
#
# No. An object whose best proposal has an IoU just below a half can still be found, if
# its score is high and the regressor moves its box above a half. Without regression the
# bound holds.

# </details>
#
# **2.** Why are only the objects' own boxes positives for the SVMs, although a proposal
# that almost matches one shows nearly the same pixels?
#
# <details><summary>Answer</summary>
#
# Because the score should be *highest* for the best box. If a box with an IoU of 0.5
# were as good an example as the object's own, all boxes in between would score alike,
# and suppression might keep any of them.

# </details>
#
# **3.** R-CNN stores features to train its SVMs. Could it also store the features of
# *every* possible box in advance, and so be fast on a new image?
#
# <details><summary>Answer</summary>
#
# No: a new image has new pixels, and a feature depends on pixels, not on coordinates.
# What can be shared is computation *within* one image, because its proposals overlap.

# </details>

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap_without_box_regression=without["AP"],
    ap_softmax=softmax["AP"],
    ap_pretrained=by_network["pretrained only"][0],
    ap_fine_tuned=by_network["fine-tuned"][0],
    recall_of_proposals=recall,
    mabo_of_proposals=mabo,
    iou_before_regression=iou_before,
    iou_after_regression=iou_after,
    passes_per_image=sum(map(len, test_boxes)) / len(test_boxes),
    ms_search=cost["search"],
    ms_network=cost["network"],
    ms_heads=cost["SVMs, boxes"],
)
