# ---
# question: >-
#   R-CNN runs its network on every proposal. Can one look at the image serve them all?
# build:
#   - pool the features of any box into a fixed grid, and send gradients back
#   - label and sample the regions that a step learns from
#   - classify regions and correct their boxes with one network
#   - train and evaluate Fast R-CNN
#   - measure what sharing saves
# needs: [00_start_here, 01_sliding_windows, 02_rcnn]
# minutes: {read: 110, run: 7}
# papers:
#   - >-
#     [Fast R-CNN](https://arxiv.org/abs/1504.08083), Girshick 2015: the paper
#   - >-
#     [rbgirshick/fast-rcnn](https://github.com/rbgirshick/fast-rcnn): the author's code
#   - >-
#     [torchvision's RoI heads](https://github.com/pytorch/vision/blob/main/torchvision/models/detection/roi_heads.py):
#     the reference implementation
#   - >-
#     [Spatial pyramid pooling](https://arxiv.org/abs/1406.4729), He et al. 2014: good
#     further reading
# ---

# %% [markdown]
# # 03. Fast R-CNN
#
# Lesson 02 ended with a detector that works and a chart of where its time goes. R-CNN
# cuts up to 200 boxes out of the image and runs a network on every crop, although
# neighbouring crops show nearly the same pixels.
#
# Fast R-CNN runs the network once, on the whole image, and cuts the boxes out of the
# *features*. For this it needs one new operation, region-of-interest (RoI) pooling. And
# because everything after the search is now one network, R-CNN's three trainings become
# one.

# %% tags=["hide-input"]
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_bins, draw_boxes, draw_cells, draw_curves
from course_utils.draw import draw_heat_map, draw_image, new_figure, show, show_boxes
from course_utils.draw import show_curves, show_heat_map, show_images, show_losses
from course_utils.draw import show_parts, show_system
import course_utils.models.fast_rcnn as library
from course_utils.training import choose_budget, choose_device, count_multiply_adds
from course_utils.training import median_ms, predict_all, read_rows, start_lesson

# %% tags=["parameters", "hide-input"]
budget = choose_budget()
scenes, test_scenes, steps = {
    "smoke": (6, 2, 4),
    "laptop": (1000, 60, 2000),
    "gpu": (3000, 300, 8000),
}[budget]
repeats = 1 if budget == "smoke" else 5  # of what is timed
device = choose_device()
watch = start_lesson("03_fast_rcnn", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# Selective search is slow, so its proposals are kept on disk, where lesson 02, if you
# ran it, left most of them.

# %%
from course_utils.data.proposals import propose_all
from course_utils.results import cache_folder


def find_proposals(images):
    """At most 200 boxes (N, 4) for each image, from disk where they were kept."""
    settings = {"most": 200, "strategy": "small", "min_side": 8}
    return propose_all(images, folder=cache_folder() / "proposals", **settings)


def scenes_with_proposals(number, split):
    """Pairs of an image and its target, which holds `proposals` (N, 4), too."""
    pairs = [*load_scenes(number, split)]
    boxes = find_proposals([image for image, _ in pairs])
    return [
        (image.as_subclass(Tensor), target | {"proposals": proposals})
        for (image, target), proposals in zip(pairs, boxes, strict=True)
    ]


learn = scenes_with_proposals(scenes, "train")
test = scenes_with_proposals(test_scenes, "test")
image, target = max(test, key=lambda pair: len(pair[1]["boxes"]))
truth, proposals = target["boxes"], target["proposals"]
print(f"this scene: {len(truth)} objects, {len(proposals)} proposals")

# %% [markdown]
# Here is the finished detector at work, with predictions kept from an earlier run. From
# the image and the proposals on the left it makes the few detections on the right, each
# with a class and a corrected box.

# %% tags=["hide-input"]
from course_utils.data.kept_predictions import load_example_predictions

scene, _, result = load_example_predictions("fast_rcnn")[0]
(given,) = find_proposals([scene])
fig, axes = new_figure(1, 2, width=9, height=4.6)
draw_image(axes[0], scene, title="image and proposals")
draw_boxes(
    axes[0],
    given,
    index=1,
    linewidth=0.8,
)
draw_image(axes[1], scene, title="detections")
draw_boxes(axes[1], result["boxes"], labels=result["labels"], class_names=CLASS_NAMES)
show(
    fig,
    alt="Left, a scene under a tangle of proposed boxes. Right, the same scene with "
    "a named box around every object.",
)

# %% [markdown]
# And here is the whole system. Every arrow carries the shape of what flowed there in a
# real call, and the parts that R-CNN did not have are orange.

# %% tags=["hide-input"]
untrained = library.small_fast_rcnn(num_classes=len(CLASS_NAMES))
show_system(
    lambda: untrained.predict(image[None], [proposals]),
    {
        "image": image[None],
        "backbone": untrained.backbone,
        "selective search": proposals,
        "RoI pooling": (library, "roi_pool"),
        "box head": untrained.roi_heads.box_head,
        "box of each class": (library, "class_boxes"),
        "suppression by class": (library, "select_detections"),
    },
    [
        ("image", "backbone"),
        ("image", "selective search"),
        ("backbone", "RoI pooling"),
        ("selective search", "RoI pooling"),
        ("RoI pooling", "box head"),
        ("box head", "box of each class"),
        ("box of each class", "suppression by class"),
    ],
    names={
        "backbone": ["features"],
        "selective search": ["proposals"],
        "RoI pooling": ["pooled"],
        "box head": ["logits", "deltas"],
        "box of each class": ["boxes"],
    },
    new=["RoI pooling", "box head"],
    caption="Fast R-CNN. Blue: parts that R-CNN has, too; its backbone sees crops.",
)

# %% [markdown]
# ## What R-CNN pays for
#
# The bar shows what lesson 02 measured for one image; if you skipped that lesson, the
# same network is timed here.

# %% tags=["hide-input"]
from course_utils.models.rcnn.tabletop import rcnn_for_tabletop
from course_utils.ops.selective_search.search import selective_search

rcnn = rcnn_for_tabletop().to(device)
search = partial(selective_search, strategy="small", min_side=8)
on_device, rois_on_device = image.to(device), proposals.to(device)
rcnn_row = next((row for row in read_rows(budget) if row["system"] == "R-CNN"), None)
if rcnn_row is None:
    print("no row of lesson 02: the same R-CNN, untrained, is timed here")
    rcnn_row = {
        "ms_proposals": median_ms(lambda: search(image), repeats),
        "ms_network": median_ms(
            lambda: rcnn.features(on_device, rois_on_device), repeats
        ),
    }
ms_search, ms_rcnn = rcnn_row["ms_proposals"], rcnn_row["ms_network"]
show_parts(
    {"R-CNN": {"selective search": ms_search, "passes, one per proposal": ms_rcnn}},
    unit="ms per image",
    alt="One bar in two parts, selective search and the passes of the network.",
)
print(f"search {ms_search:.0f} ms, network {ms_rcnn:.0f} ms for up to 200 proposals")

# %% [markdown]
# R-CNN processes a pixel once for each proposal that covers it, so let us count these
# proposals at every pixel.

# %%
cover = torch.zeros(image.shape[1:])
for x1, y1, x2, y2 in proposals.long().tolist():
    cover[y1:y2, x1:x2] += 1
print(f"{len(proposals)} proposals; a pixel lies in {cover.mean():.0f} on average,")
print(f"in {cover.max():.0f} at most")

# %% tags=["hide-input"]
show_heat_map(
    cover,
    image=image,
    name="proposals that cover the pixel",
    minimum=0,
    alt="The scene under a heat map. The pixels of the objects and between them are "
    "covered by many proposals, those of the margin by hardly any.",
)

# %% [markdown]
# Time depends on the machine, so let us count work as well: one multiply-add for each
# weight at each position. R-CNN's network reads crops of 32 x 32 pixels; Fast R-CNN
# will run a backbone of nearly as many layers on the whole image.

# %%
crop = torch.zeros(1, 3, 32, 32, device=device)
per_crop = count_multiply_adds(lambda: rcnn.network(crop))
per_image = count_multiply_adds(lambda: untrained.to(device).backbone(on_device[None]))
print(f"R-CNN: {len(proposals)} crops x {per_crop / 1e6:.0f} million multiply-adds")
print(f"Fast R-CNN: once over the image, {per_image / 1e6:.0f} million")
assert len(proposals) * per_crop > 10 * per_image or budget == "smoke"

# %% [markdown]
# One or two dozen crops cost as much as the image, and there are two hundred of them.
# Lesson 01 met the same waste, and there a single dense pass gave the scores of all
# windows. Can we do the same for boxes of any size and shape?
#
# ## Cut the features, not the image
#
# We can, because a convolution works on an input of any size. Layers like those that
# R-CNN ran on crops also accept the whole image, and return a map of features.

# %%
from course_utils.models.backbones import Backbone

torch.manual_seed(0)
backbone = Backbone((32, 64), depth=2)
with torch.no_grad():
    features = backbone(image[None])
stride, map_side = backbone.stride, features.shape[-1]
print(f"image {tuple(image.shape)}, features {tuple(features.shape[1:])}")
print(f"one cell of the map stands for {stride} x {stride} pixels")

# %% [markdown]
# Dividing a box in pixels by the stride gives the box in cells of the map. There it
# marks a **region of interest**, or RoI.

# %%
largest = (truth[:, 2:] - truth[:, :2]).prod(dim=1).argmax()
box_in_pixels = truth[largest]
box_in_cells = box_in_pixels / stride
print(f"{box_in_pixels.tolist()} in pixels is {box_in_cells.tolist()} in cells")

# %% tags=["hide-input"]
channel = features[0].std(dim=(1, 2)).argmax()
heat = features[0, channel]
fig, axes = new_figure(1, 2, width=8, height=4)
draw_image(axes[0], image, title="in pixels")
draw_boxes(axes[0], box_in_pixels[None])
draw_heat_map(axes[1], heat, title=f"in cells: divided by {stride}")
draw_boxes(axes[1], box_in_cells[None])
show(
    fig,
    alt="Left, the scene with a box around its largest object. Right, one channel of "
    "its features, in coarse cells, with the same box at the same place.",
)

# %% [markdown]
# Proposals still come from the image and are only carried over to the map. So a single
# image should go through the backbone, and a network with other weights should change
# the features but not the proposals.

# %%
seen = []
hook = backbone.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
with torch.no_grad():
    backbone(rcnn.crops(on_device, rois_on_device).cpu())
    backbone(image[None])
hook.remove()
print(f"images through the backbone: R-CNN {seen[0]}, Fast R-CNN {seen[1]}")
assert seen == [len(proposals), 1]

# %%
torch.manual_seed(1)
with torch.no_grad():
    other_features = Backbone((32, 64), depth=2)(image[None])
change = (other_features - features).abs().max()
print(f"other weights: features differ by up to {change:.1f}")
assert torch.equal(search(image)[:200], proposals)  # and proposals not at all

# %% [markdown]
# ## A layer that wants a fixed size
#
# The fully connected layers that classify a region have one weight for each number they
# read, so they need equally many numbers for every RoI. R-CNN warped each crop to one
# size. What can we do with features?
#
# **Spatial pyramid pooling** (He et al. 2014) was the first answer. Lay a grid of n x n
# bins over the map, whatever its size, and keep the maximum of each bin. Do this for
# several n, from coarse to fine, and concatenate all the maxima.
#
# **On paper.** A map has 7 columns, and we want 3 bins, numbered from i = 0. Bin i
# starts at 7i/3, rounded down, and ends before 7(i+1)/3, rounded up. So the bins start
# at columns 0, 2 and 4, and their last columns are 2, 4 and 6: neighbours share a
# column, and no bin is empty.

# %% tags=["show"]
from course_utils.ops.roi import pyramid_bins

# %%
cpu = torch.device("cpu")
for length, bins in ((7, 1), (7, 2), (7, 3), (6, 3)):
    start, end = (edge.tolist() for edge in pyramid_bins(length, bins, cpu))
    print(f"{length} columns, {bins} bins: start {start}, end before {end}")

# %% [markdown]
# Below, a map of 5 x 7 numbers is cut into 1, 4 and 9 bins. Each bin keeps its maximum,
# printed in bold.

# %% tags=["hide-input"]
generator = torch.Generator().manual_seed(4)
small_map = torch.randperm(90, generator=generator)[:35].reshape(5, 7).float() + 10
fig, axes = new_figure(1, 3, width=10.5, height=3)
for ax, level in zip(axes, (1, 2, 3), strict=True):
    draw_cells(ax, small_map, title=f"{level} x {level} bins")
    edges = [[e.tolist() for e in pyramid_bins(n, level, cpu)] for n in (5, 7)]
    draw_bins(ax, small_map, *edges)
show(
    fig,
    alt="The same map of 5 by 7 numbers three times, cut into 1, 4 and 9 bins that "
    "overlap by a row or a column. The largest number of each bin is bold.",
)

# %% [markdown]
# The function `max_of_rectangles`, which the next sections build, takes the maximum
# over rectangles; with its help, the pyramid is short. PyTorch calls one level adaptive
# max pooling, which has to give the same numbers.

# %% tags=["show"]
from course_utils.ops.roi import grid_rectangles

# %% tags=["show"]
from course_utils.ops.roi import spatial_pyramid_pool

# %%
levels = (1, 2, 3, 6)
for size in ((5, 7), (13, 9), (40, 2)):
    maps = torch.randn(2, 4, *size, generator=generator)
    ours = spatial_pyramid_pool(maps, levels=levels)
    theirs = [F.adaptive_max_pool2d(maps, level).flatten(1) for level in levels]
    assert torch.equal(ours, torch.cat(theirs, dim=1))
    print(f"map {size[0]:>2} x {size[1]}: {tuple(ours.shape)} numbers")

# %% [markdown]
# Whatever the map's size, there are 50 numbers per channel: 1 + 4 + 9 + 36. The
# detector built on this, SPP-net, shared features a year before Fast R-CNN, but
# fine-tuned only its fully connected layers.
#
# ## RoI pooling on paper
#
# Fast R-CNN keeps a single level, 7 x 7 bins, and lays it over each RoI. As an example,
# take a map of 6 x 8 cells at stride 16, the box (20, 9, 105, 75) in pixels, and 2 x 2
# bins. There are four steps:
#
# 1. project: divide by 16, which gives (1.25, 0.5625, 6.5625, 4.6875);
# 2. snap: round each corner to a whole cell, which gives columns 1 to 7 and rows 1 to
#    5, both ends included;
# 3. cut the 7 columns and the 5 rows into 2 bins each, as in the pyramid;
# 4. take the maximum of each bin.

# %%
order = torch.randperm(90, generator=torch.Generator().manual_seed(2))
grid = order[:48].reshape(6, 8).float() + 10
box, scale = torch.tensor([20.0, 9, 105, 75]), 1 / 16
print("projected:", (box * scale).tolist())
print("snapped:", (box * scale).round().long().tolist())

# %% [markdown]
# Step 2 hides a trap: for numbers that end in a half, "round" means one thing in Python
# and another in C, in which the original code is written. C rounds halves away from
# zero.
#
# **Predict.** What does Python's way, that of `torch.round`, make of 0.5, 1.5, 2.5 and
# -0.5?

# %% tags=["show"]
from course_utils.ops.roi import round_half_away

# %% tags=["predict"]
halves = torch.tensor([0.5, 1.5, 2.5, -0.5])
print("torch.round:", halves.round().int().tolist())
print("as in C:    ", round_half_away(halves).int().tolist())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Python rounds halves to the nearest *even* number, so it gives 0, 2, 2 and 0, whereas
# C gives 1, 2, 3 and -1. So a RoI pooling with `torch.round` differs from torchvision's
# for some boxes with a corner exactly halfway between two cells.
#
# </details>

# %% [markdown]
# Steps 2 and 3 work on one axis at a time, so one function does both, for all RoIs at
# once:

# %% tags=["show"]
from course_utils.ops.roi import roi_bins

# %%
x1, y1, x2, y2 = (box * scale)[:, None]  # one RoI
rows = [edge[0].tolist() for edge in roi_bins(y1, y2, output_size=2, limit=6)]
columns = [edge[0].tolist() for edge in roi_bins(x1, x2, output_size=2, limit=8)]
print(f"rows start at {rows[0]} and end before {rows[1]}")
print(f"columns start at {columns[0]} and end before {columns[1]}")

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=7.2, height=5.2)
draw_cells(ax, grid, size=14)
draw_bins(ax, grid, rows, columns, size=14)
draw_boxes(ax, box[None] * scale, index=6, linewidth=1.5)
show(
    fig,
    alt="A map of 6 by 8 numbers. A black dashed box marks the projected RoI. Around "
    "the cells to which it was snapped lie 2 by 2 tinted bins that share a row and a "
    "column; the maximum of each is bold.",
    caption="Black: the projected box. Tinted: its four bins after snapping, which "
    "share row 3 and column 4.",
)

# %% [markdown]
# The snapped region is not quite where the box was: each corner moved by up to half a
# cell, and then the last row and column are included whole.
#
# Now comes step 4, as a plain loop over the bins of one box. It is slow, but it is the
# definition, and what we write later has to agree with it.

# %% tags=["show"]
from course_utils.ops.roi import roi_pool_one

# %%
pooled = roi_pool_one(grid[None], box, output_size=2, spatial_scale=scale)
roi = torch.cat([torch.zeros(1), box])[None]  # the image's index, then the box
reference = torchvision.ops.roi_pool(grid[None, None], roi, 2, scale)
assert torch.equal(pooled, reference[0])
print(pooled[0].tolist())

# %% [markdown]
# A box may reach beyond the map. Then its bins are clipped to the map, and a bin that
# lies entirely outside has no cells and gets 0.

# %%
outside = torch.tensor([90.0, 40, 200, 90])
print(roi_pool_one(grid[None], outside, output_size=3, spatial_scale=scale)[0])

# %% [markdown]
# ## All RoIs at once
#
# An image has up to 200 RoIs with 49 bins each, and a loop in Python would take longer
# than the network. But every bin is a rectangle of cells, and because the map is small,
# many RoIs share a rectangle, which has to be searched only once.

# %%
from course_utils.ops.roi import as_rois

rois = as_rois([proposals])  # the image's index goes in front of each box
x1, y1, x2, y2 = (rois[:, 1:] / stride).unbind(dim=1)
top, bottom = roi_bins(y1, y2, output_size=7, limit=map_side)
left, right = roi_bins(x1, x2, output_size=7, limit=map_side)
rectangles = grid_rectangles(rois[:, 0].long(), top, left, bottom, right)
number = len(rectangles.unique(dim=0))
print(f"{len(rois)} RoIs x 49 bins = {len(rectangles):,} rectangles,")
print(f"of which {number:,} are different")

# %% [markdown]
# We walk through all rectangles at the same time, cell by cell and row by row. A small
# one that has reached its end waits there for the others.

# %% tags=["show"]
from course_utils.ops.roi import walk

# %% [markdown]
# On the way we note the last step at which the maximum rose, because the gradient will
# need to know *where* the maximum is. If two cells hold it, the first one counts.

# %% tags=["show"]
from course_utils.ops.roi import first_maxima

# %%
cells = grid.reshape(-1, 1)  # one channel; the map row after row, 8 cells each
two = torch.tensor([[1 * 8 + 1, 3, 4], [3 * 8 + 4, 3, 4]])  # first cell, height, width
for place in first_maxima(cells, two, row=8)[:, 0].tolist():
    print(f"{cells[place].item():g} in row {place // 8}, column {place % 8}")

# %% [markdown]
# A prediction needs no gradient, so there it is enough to keep the highest value. The
# function `search_maxima` chooses between the two, and works in blocks that fit into
# the processor's cache.

# %% tags=["show"]
from course_utils.ops.roi import highest_values
from course_utils.ops.roi import search_maxima

# %% [markdown]
# To find equal rectangles fast, we turn each into one whole number, made of its height,
# its width and its first cell like a number of three digits.

# %% tags=["show"]
from course_utils.ops.roi import decode_rectangles, rectangle_codes

# %% [markdown]
# Now put the parts together: number the rectangles, search each different one once, and
# hand the maxima back to all bins. RoI pooling is then a few lines.

# %% tags=["show"]
from course_utils.ops.roi import max_of_rectangles

# %% tags=["show"]
from course_utils.ops.roi import roi_pool

# %% [markdown]
# Let us check it on 300 random RoIs, some of them outside the map, tiny or reversed.
# Values and gradients have to equal those of torchvision's compiled version to the last
# bit.

# %%
maps = torch.randint(-5, 6, (2, 8, 16, 20), generator=generator).float()
low = (torch.rand(300, 2, generator=generator) * 1.5 - 0.25) * torch.tensor([160, 128])
size = torch.rand(300, 2, generator=generator) * 90
size[:60] *= 0.05  # tiny
size[60:90] -= 60  # some end before they start
which = torch.randint(2, (300, 1), generator=generator)
random_rois = torch.cat([which, low, low + size], dim=1)
weights = torch.randint(-9, 10, (300, 8, 7, 7), generator=generator).float()


# %%
def values_and_gradient(pool):
    leaf = maps.clone().requires_grad_()
    pooled = pool(leaf, random_rois, output_size=7, spatial_scale=1 / 8)
    pooled.backward(weights)
    return pooled.detach(), leaf.grad


for name, ours, theirs in zip(
    ("values", "gradients"),
    values_and_gradient(roi_pool),
    values_and_gradient(torchvision.ops.roi_pool),
    strict=True,
):
    assert torch.equal(ours, theirs)
    print(f"{name} are equal: {tuple(ours.shape)}")

# %% [markdown]
# How long do the loop, our version and torchvision's take?

# %%
settings = {"output_size": 7, "spatial_scale": 1 / stride}
ways = {
    "loop": lambda: [roi_pool_one(features[0], b, **settings) for b in proposals],
    "ours": lambda: roi_pool(features, rois, **settings),
    "torchvision": lambda: torchvision.ops.roi_pool(features, rois, **settings),
}
pool_ms = {name: median_ms(way, repeats) for name, way in ways.items()}
for name, milliseconds in pool_ms.items():
    print(f"{name:>12}: {milliseconds:7.1f} ms for {len(rois)} RoIs")

# %% [markdown]
# Ours is much faster than the loop, and comes close to torchvision's.
#
# ## The way back
#
# The network is to be trained *through* the pooling. What is the gradient of a maximum?
# If we raise the largest number a little, the maximum rises as much; if we raise any
# other, nothing happens. So each bin sends its gradient to a single cell, the one that
# holds its maximum, and a cell that is the maximum of several bins receives the sum.
#
# **Predict.** In the picture with the 2 x 2 bins, suppose that each bin sends back a
# gradient of 1. Which cells receive something, and how much?

# %% tags=["predict"]
leaf = grid.clone().requires_grad_()
roi_pool(leaf[None, None], roi, output_size=2, spatial_scale=scale).sum().backward()
print(leaf.grad.int())

# %% [markdown]
# <details><summary>Answer</summary>
#
# The largest number, 99, stands in the column that the two lower bins share, so its
# cell receives 2. The two upper bins send 1 each to their own maxima, 86 and 87. All
# other cells receive 0, and the sum is 4, one for each bin.
#
# </details>

# %% [markdown]
# Because RoIs overlap, gradients also add up over RoIs. In the end the convolutions get
# one gradient for the whole map, and their backward pass runs once.
#
# ## What snapping loses
#
# Rounding happens twice: first the box is rounded to cells, then each bin is.
#
# **Predict.** Our map has a stride of 4. How much do the pooled features of the box
# (41, 33, 90, 77) change when it moves by 0.3 pixels to the right and down?

# %% tags=["predict"]
start = torch.tensor([0.0, 41, 33, 90, 77])
moved = start + torch.tensor([0, 0.3, 0.3, 0.3, 0.3])
before, after = (roi_pool(features, b[None], **settings) for b in (start, moved))
print("largest change:", (after - before).abs().max().item())
assert torch.equal(before, after)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Not at all: all corners still round to the same cells (22.5 counted as 23 before,
# too). The features change only when a corner reaches the middle between two cells, and
# then they jump.
#
# </details>
#
# Now move the box further. For comparison, RoIAlign, which lesson 09 builds,
# interpolates instead of rounding.

# %%
shifts = torch.arange(0, 8, 0.125)
boxes = torch.tensor([41.0, 33, 90, 77]) + shifts[:, None]
many = as_rois([boxes])
snapped = roi_pool(features, many, **settings)
aligned = torchvision.ops.roi_align(features, many, 7, 1 / stride, 2, True)
changes = {
    name: (pooled - pooled[:1]).abs().mean(dim=(1, 2, 3))
    for name, pooled in {"RoI pooling": snapped, "RoIAlign": aligned}.items()
}

# %% tags=["hide-input"]
show_curves(
    {name: (shifts, values) for name, values in changes.items()},
    x_label="shift of the box in pixels, right and down",
    y_label="mean change of a feature",
    width=7,
    is_legend_beside=True,
    alt="Two curves over the shift. RoI pooling stands still, then jumps, stands still "
    "and jumps again; RoIAlign rises smoothly from the start.",
)

# %% [markdown]
# As a function of the box, RoI pooling is a staircase, flat almost everywhere. So no
# gradient can tell the box where to go, which is why `roi_pool` detaches it; the
# network has to *predict* it.

# %%
leaf, corners = features.clone().requires_grad_(), start[None].clone().requires_grad_()
roi_pool(leaf, corners, **settings).sum().backward()
print(f"gradient of the features: {leaf.grad.sum():.0f} in all, 1 per bin and channel")
print("gradient of the box:", corners.grad)

# %% [markdown]
# Rounding distorts the bins as well: where five cells are cut into seven bins, the bins
# overlap. Move the RoI below and watch its bins jump.

# %% tags=["hide-input"]
from course_utils.widgets import Slider, explore


def draw_roi(x, y, width, height, bins):
    corners = torch.tensor([[x, y, x + width, y + height]]).float()
    low, high = corners[:, :2].T / stride, corners[:, 2:].T / stride
    limits = {"output_size": bins, "limit": map_side}
    left, right = roi_bins(low[0], high[0], **limits)
    top, bottom = roi_bins(low[1], high[1], **limits)
    index = torch.zeros(1, dtype=torch.int64)
    outlines = grid_rectangles(index, top, left, bottom, right)[:, [2, 1, 4, 3]].float()
    outlines = outlines[(outlines[:, 2:] > outlines[:, :2]).all(dim=1)]
    fig, axes = new_figure(1, 2, width=9.6, height=4.8)
    span = {"minimum": float(heat.min()), "maximum": float(heat.max())}
    draw_heat_map(axes[0], heat, title="map, RoI and bins", **span)
    inset = torch.tensor([0.1, 0.1, -0.1, -0.1])
    draw_boxes(axes[0], outlines + inset, index=0, linewidth=1)
    draw_boxes(axes[0], corners / stride, index=7, linewidth=1.5)
    pooled = roi_pool_one(
        heat[None], corners[0], output_size=bins, spatial_scale=1 / stride
    )
    draw_heat_map(axes[1], pooled[0], title=f"pooled: {bins} x {bins}", **span)
    return fig


# %% tags=["hide-input"]
explore(
    draw_roi,
    x=Slider(-20, 120, 1, 21, "left edge, pixels"),
    y=Slider(-20, 120, 1, 25, "top edge, pixels"),
    width=Slider(0, 128, 1, 85, "width, pixels"),
    height=Slider(0, 128, 1, 69, "height, pixels"),
    bins=Slider(1, 7, 1, 4, "bins per side"),
    alt=lambda x, y, width, height, bins: (
        f"A channel of the features with a RoI from ({x}, {y}), {width} pixels wide "
        f"and {height} high, and its {bins} x {bins} bins; then the pooled values."
    ),
    caption="Yellow: the projected RoI. Orange: its bins. Move an edge by one pixel at "
    "a time, and watch when anything changes.",
)

# %% [markdown]
# ## The two halves of a network
#
# An image classifier such as AlexNet can be cut in two: its convolutions become the
# backbone, its fully connected layers become the **head**, which looks at each RoI, and
# RoI pooling takes the place of the last pooling layer. AlexNet pools its last map of
# 13 x 13 to 6 x 6. If we pool that map as a single RoI instead, the scores are the same
# to the last bit:

# %%
alexnet = torchvision.models.alexnet(weights=None).eval()
convolutions, last_pooling = alexnet.features[:-1], alexnet.features[-1]
picture = torch.rand(1, 3, 224, 224, generator=generator)
whole = torch.tensor([[0.0, 0, 0, 12 * 16, 12 * 16]])  # first cell to last cell
with torch.no_grad():
    maps = convolutions(picture)
    pooled = roi_pool(maps, whole, output_size=6, spatial_scale=1 / 16)
    assert torch.equal(pooled, last_pooling(maps))
    assert torch.equal(alexnet.classifier(pooled.flatten(1)), alexnet(picture))
print(f"map {tuple(maps.shape[1:])}, pooled {tuple(pooled.shape[1:])}")

# %% [markdown]
# The RoI ends at the pixel where the last cell begins, because both end cells count.
#
# The paper's network is VGG-16, with 13 convolutions and a stride of 16. RoI pooling to
# 7 x 7 replaces its last pooling.

# %%
with torch.device("meta"):  # shapes without numbers: nothing is computed
    vgg = torchvision.models.vgg16(weights=None)
    vgg_map = vgg.features[:-1](torch.zeros(1, 3, 600, 1000))
    halves_of_vgg = {"backbone": vgg.features[:-1], "head": vgg.classifier[:-1]}
print(f"image of 600 x 1000: map {tuple(vgg_map.shape[1:])}")
print(f"R RoIs of 7 x 7: (R, {vgg_map.shape[1]}, 7, 7)")

# %% [markdown]
# The convolutions of VGG-16 need about 183 billion multiply-adds for this image,
# whereas its fully connected layers need 120 million per RoI.
#
# **Predict.** Which half costs more with 300 RoIs, and which with 2,000?


# %% tags=["predict"]
def vgg_work(half, *shape):
    numbers = torch.zeros(*shape, device="meta")
    return count_multiply_adds(lambda: halves_of_vgg[half](numbers))


shared = vgg_work("backbone", 1, 3, 600, 1000)
per_roi = vgg_work("head", 1, 512 * 7 * 7)
for count in (300, 2000):
    share = shared / (shared + count * per_roi)
    print(f"{count} RoIs: {shared / 1e9:.0f} + {count * per_roi / 1e9:.0f} billion,")
    print(f"    {share:.0%} in the backbone")

# %% [markdown]
# <details><summary>Answer</summary>
#
# With 300 RoIs the head needs 36 billion, about a sixth of all the work. With 2,000, as
# many as selective search finds in a photograph, it needs 239 billion and is the
# heavier half.
#
# </details>

# %% [markdown]
# ## Two questions for each RoI
#
# What does the RoI show, and where exactly is the object? Two fully connected layers
# read the pooled features, and two sibling layers answer: one with a score for each
# class, including background, the other with four numbers for each class, those of
# lesson 02 that move and stretch the box, here called **deltas**.

# %% tags=["show"]
from course_utils.models.fast_rcnn import linear
from course_utils.models.fast_rcnn import BoxHead

# %%
num_classes = len(CLASS_NAMES)
head = BoxHead(backbone.out_channels, hidden=128, num_classes=num_classes)
with torch.no_grad():
    pooled = roi_pool(features, rois, **settings)
    logits, deltas = head(pooled)
for name, values in {"pooled": pooled, "logits": logits, "deltas": deltas}.items():
    print(f"{name:>7}: {tuple(values.shape)}")

# %% [markdown]
# The loss has two parts. For a RoI of class u with probabilities p, the first is the
# cross-entropy, -log p(u). The second compares the four deltas *of class u* with the
# target deltas, but only if u is not background, because background has no box. Both
# are averaged over all RoIs.
#
# R-CNN's regressors minimised squares, with which a single bad box can outweigh all
# others. Fast R-CNN uses **smooth L1**, a parabola near zero and a straight line
# beyond. For a difference x it is x² / (2 beta) while |x| is below beta, and otherwise
# |x| - beta / 2. With beta = 1, small differences cost half their square, large ones
# less.

# %%
x = torch.linspace(-3, 3, 121, requires_grad=True)
curves = {
    "smooth L1, beta 1": F.smooth_l1_loss(x, x * 0, reduction="none"),
    "smooth L1, beta 1/9": F.smooth_l1_loss(x, x * 0, reduction="none", beta=1 / 9),
    "half the square": x**2 / 2,
}
slopes = {
    name: torch.autograd.grad(loss.sum(), x, retain_graph=True)[0]
    for name, loss in curves.items()
}
for difference in torch.tensor([0.5, 3.0]):
    cost = F.smooth_l1_loss(difference, torch.tensor(0.0))
    print(f"{difference:.1f} costs {cost:.3f}, half its square {difference**2 / 2:.3f}")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=9.6, height=3.6)
places = x.detach()
for ax, lines, title in zip(axes, (curves, slopes), ("loss", "slope"), strict=True):
    points = {name: (places, values.detach()) for name, values in lines.items()}
    draw_curves(ax, points, x_label="difference", title=title)
show(
    fig,
    alt="Left, three losses over the difference: two that become straight lines and a "
    "parabola. Right, their slopes: two that level off at 1 and -1 and one that grows.",
)

# %% [markdown]
# The slope never exceeds 1, so a box that is far off pulls no harder than one that is
# off by beta. In code:

# %% tags=["show"]
from course_utils.models.fast_rcnn import deltas_of_class
from course_utils.models.fast_rcnn import box_head_losses

# %% [markdown]
# Let us check them by hand on two RoIs, one of class 2 and one of background:

# %%
two_logits = torch.tensor([[0.0, 0, 1.2], [2.0, 0, 0]])
two_deltas = torch.zeros(2, 12, requires_grad=True)
two_labels = torch.tensor([2, 0])
two_targets = torch.tensor([[0.5, 0, -3, 0], [9.0, 9, 9, 9]])
losses = box_head_losses(two_logits, two_deltas, two_labels, two_targets, beta=1.0)
p = two_logits.softmax(dim=1)
by_hand = [-(p[0, 2].log() + p[1, 0].log()) / 2, (0.5 * 0.5**2 + (3 - 0.5)) / 2]
for (name, loss), value in zip(losses.items(), by_hand, strict=True):
    print(f"{name}: {loss.item():.4f}, by hand {float(value):.4f}")
    assert abs(loss - value) < 1e-6

# %%
losses["loss_box_reg"].backward()
for name, row in zip(("class 2", "background"), two_deltas.grad.tolist(), strict=True):
    print(f"{name:>10}: ", "  ".join(f"{value:g}" for value in row))

# %% [markdown]
# Only the deltas of class 2 get a gradient, and only from the first RoI, because the
# loss does not look at any other class's box.
#
# torchvision fixes beta at 1/9. With this value, its loss and gradients agree with ours
# on random numbers:

# %%
from torchvision.models.detection.roi_heads import fastrcnn_loss

random_logits = torch.randn(40, 8, generator=generator)
random_labels = torch.randint(0, 8, (40,), generator=generator)
random_targets = torch.randn(40, 4, generator=generator)
random_deltas = torch.randn(40, 32, generator=generator, requires_grad=True)
_, theirs = fastrcnn_loss(
    random_logits, random_deltas, [random_labels], [random_targets]
)
ours = box_head_losses(random_logits, random_deltas, random_labels, random_targets)
gradients = [
    torch.autograd.grad(loss, random_deltas)[0]
    for loss in (ours["loss_box_reg"], theirs)
]
torch.testing.assert_close(*gradients)
print(f"ours {ours['loss_box_reg']:.4f}, torchvision {theirs:.4f}; gradients agree")

# %% [markdown]
# ## Which RoIs to learn from
#
# Each proposal takes the label of the object that it overlaps most, provided that it
# fits: the bound is an IoU of 0.5. It is background if its best IoU lies between 0.1
# and 0.5. Such a box overlaps an object without fitting it, so it is harder to classify
# than an empty surface. The remaining proposals are not used.
#
# **Predict.** What is a proposal whose best IoU is exactly 0.5, and what is one of
# exactly 0.1? Decide before you read the code.

# %% tags=["show"]
from course_utils.models.fast_rcnn import label_rois

# %% tags=["predict"]
square = {"boxes": torch.tensor([[0.0, 0, 10, 10]]), "labels": torch.tensor([3])}
for width in (10.0, 5.0, 4.9, 1.0, 0.9):
    label, _ = label_rois(torch.tensor([[0.0, 0, width, 10]]), square)
    print(f"IoU {width / 10:.2f}: label {label.item()}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Exactly 0.5 is an object, and exactly 0.1 is background: each interval includes its
# lower end, and that of background excludes its upper end. Otherwise both would claim
# 0.5.
#
# </details>

# %% [markdown]
# Of these, a training step uses 64 per image. At most a quarter show objects, and
# background fills the remainder. Where few proposals fit, this secures the objects
# their places; where many fit, as below, it secures those of background.

# %% tags=["show"]
from course_utils.ops.matching import draw, sample_balanced

# %% [markdown]
# Before the sample of an image is drawn, the objects' own boxes are added to the
# proposals, as in the author's code, so that the network also learns from objects that
# the search has missed.

# %% tags=["show"]
from course_utils.models.fast_rcnn import sample_rois, with_area

# %%
drawn, drawn_labels, matches = sample_rois(
    proposals, target, generator=torch.Generator().manual_seed(0)
)
proposal_labels, _ = label_rois(proposals, target)
for name, of_all, of_sample in (
    ("object", proposal_labels > 0, drawn_labels > 0),
    ("background", proposal_labels == 0, drawn_labels == 0),
    ("not used", proposal_labels < 0, drawn_labels < 0),
):
    print(f"{name:>10}: {of_all.sum()} of {len(proposals)} proposals, ", end="")
    print(f"{of_sample.sum()} drawn")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=9, height=4.6)
draw_image(axes[0], image, title="some of the RoIs that show objects")
draw_boxes(axes[0], drawn[drawn_labels > 0][::2], index=0, linewidth=1.5)
draw_image(axes[1], image, title="some of the background")
draw_boxes(axes[1], drawn[drawn_labels == 0][:10], index=1, linewidth=1.5)
show(
    fig,
    alt="The scene twice. Left, boxes that fit an object, some only roughly. Right, "
    "boxes that cover a part of an object or several of them.",
)

# %% [markdown]
# The next diagram shows how proposals and ground truth become the two losses. The
# shared features that RoI pooling reads are left out.

# %% tags=["hide-input"]
show_system(
    lambda: untrained.cpu().losses(image[None], [target]),
    {
        "ground truth": truth,
        "proposals": proposals,
        "IoU": (library, "box_iou"),
        "label each RoI": (library, "label_rois"),
        "draw a sample": (library, "sample_balanced"),
        "deltas to the object": (library, "encode_boxes"),
        "RoI pooling": (library, "roi_pool"),
        "box head": untrained.roi_heads.box_head,
        "two losses": (library, "box_head_losses"),
    },
    [
        ("ground truth", "IoU"),
        ("proposals", "IoU"),
        ("IoU", "label each RoI"),
        ("label each RoI", "draw a sample"),
        ("draw a sample", "RoI pooling"),
        ("draw a sample", "deltas to the object"),
        ("RoI pooling", "box head"),
        ("deltas to the object", "two losses"),
        ("box head", "two losses"),
    ],
    names={
        "ground truth": ["boxes"],
        "label each RoI": ["labels", "object"],
        "draw a sample": ["objects", "background"],
        "deltas to the object": ["target deltas"],
        "RoI pooling": ["pooled"],
        "box head": ["logits", "deltas"],
    },
    new=["two losses"],
    caption="Training targets. Orange: one network learns classes and boxes together.",
)

# %% [markdown]
# ## From scores to detections
#
# When the detector predicts, every class of every proposal is a candidate. Each
# candidate has its own box: the proposal, moved and stretched by the deltas of that
# class and clipped to the image. `BOX_WEIGHTS` stands for 10, 10, 5 and 5: target
# deltas are multiplied by these, since they are small, and predicted ones divided.

# %% tags=["show"]
from course_utils.models.fast_rcnn import class_boxes

# %% [markdown]
# We keep the candidates whose scores exceed a minimum, and within each class the best
# box suppresses those that overlap it. The detectors of lessons 04 to 06 end in the
# same function. The part that limits the candidates of each class,
# `first_of_each_class`, can wait until lesson 06.

# %% tags=["show"]
from course_utils.ops.post_processing import best_of_each_class, first_of_each_class

# %% tags=["show"]
from course_utils.ops.post_processing import select_detections

# %% tags=["show"]
from course_utils.models.fast_rcnn import postprocess_detections

# %% [markdown]
# torchvision's RoI heads have to turn random predictions into the same detections:

# %%
from torchvision.models.detection.roi_heads import RoIHeads as PeerHeads

spread = 2 * torch.randn(len(proposals), 8, generator=generator)
moves = torch.randn(len(proposals), 32, generator=generator)
ours = postprocess_detections(spread, moves, proposals, (128, 128))
peer = PeerHeads(None, None, None, 0.5, 0.5, 64, 0.25, (10, 10, 5, 5), 0.05, 0.5, 100)
boxes, scores, labels = peer.postprocess_detections(
    spread, moves, [proposals], [(128, 128)]
)
torch.testing.assert_close(ours["boxes"], boxes[0], atol=1e-3, rtol=1e-4)
assert torch.equal(ours["labels"], labels[0])
print(f"{len(ours['scores'])} detections, the same boxes and labels")

# %% [markdown]
# ## Fast R-CNN, whole
#
# These are the settings of the RoI heads, with the values of the paper and its code:

# %% tags=["show"]
from course_utils.models.fast_rcnn import RoISettings

# %% [markdown]
# In training, `training_rois` draws a sample from each image, with its labels and
# target deltas. When predicting, `split_detections` makes the detections of each image:

# %% tags=["show"]
from course_utils.models.fast_rcnn import training_rois

# %% tags=["show"]
from course_utils.models.fast_rcnn import split_detections

# %% [markdown]
# The class of the RoI heads is then only glue, which lesson 04 uses unchanged.

# %% tags=["show"]
from course_utils.models.fast_rcnn import RoIHeads

# %% [markdown]
# The detector adds the backbone. In training, proposals come with the target; when
# predicting, they are either given or found by the function `propose`.

# %% tags=["show"]
from course_utils.models.fast_rcnn import clip_proposals, given_proposals, propose_for

# %% tags=["show"]
from course_utils.models.fast_rcnn import FastRCNN

# %% tags=["show"]
from course_utils.models.fast_rcnn import small_fast_rcnn

# %% [markdown]
# At first all eight classes are about equally likely, so the classifier's loss should
# start near log 8. And both losses have to reach the first convolution, which those of
# R-CNN's regressors and SVMs never did:

# %%
torch.manual_seed(0)
detector = small_fast_rcnn(num_classes=num_classes).to(device)
images = torch.stack([learn[i][0] for i in range(2)]).to(device)
targets = [{k: v.to(device) for k, v in learn[i][1].items()} for i in range(2)]
losses = detector.losses(images, targets)
print(f"log 8 is {torch.tensor(8.0).log():.3f}")
first = next(detector.backbone.parameters())
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss, first, retain_graph=True)
    print(f"{name}: {loss.item():.3f}, gradient of length {gradient.norm():.4f}")
    assert gradient.norm() > 0

# %% [markdown]
# ## Train it
#
# The paper takes two images per step with 64 RoIs each; we take four images, since ours
# are small. To show the network more variety, we mirror images at random, along with
# their boxes and proposals, and change their colours.

# %%
from course_utils.training import TrainingSettings, train
from course_utils.training.augment import distort_colors, flip_half


def flip_and_recolor(images, targets, generator):
    images, targets = flip_half(images, targets, generator)
    return distort_colors(images, generator), targets


# %%
learning = TrainingSettings(
    steps=steps,
    batch_size=4,
    lr=2e-3,
    seed=0,
    optimizer="adamw",
    weight_decay=1e-2,
    augment=flip_and_recolor,
    device=device,
)
history = train(detector, learn, learning)

# %% tags=["hide-input"]
show_losses(history, alt="Both losses fall, the classifier's steeply at first.")
print(f"{history.seconds:.0f} s, {1000 * history.seconds / steps:.0f} ms per step")

# %% [markdown]
# ## How good is it?
#
# A detector can hardly find an object that all proposals miss. So we first ask how many
# objects have a proposal that fits.

# %%
from course_utils.ops.boxes import box_iou

best_iou = torch.cat(
    [box_iou(t["boxes"], t["proposals"]).max(dim=1).values for _, t in test]
)
for threshold in (0.5, 0.75):
    share = (best_iou >= threshold).float().mean()
    print(f"{share:.1%} of the objects have a proposal of IoU {threshold} or more")

# %%
from course_utils.metrics.coco import evaluate_detections

test_targets = [target for _, target in test]
test_proposals = [target["proposals"] for target in test_targets]
predictions = predict_all(detector, test, proposals=test_proposals, batch_size=1)
figures = evaluate_detections(predictions, test_targets, class_names=CLASS_NAMES)
print(f"AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
assert budget == "smoke" or figures["AP50"] >= 0.78, figures["AP50"]

# %% tags=["hide-input"]
confident = [
    {name: values[of_image["scores"] > 0.5] for name, values in of_image.items()}
    for of_image in predictions[:3]
]
show_images(
    [picture for picture, _ in test[:3]],
    targets=confident,
    class_names=CLASS_NAMES,
    columns=3,
    alt="Test scenes with the detections that score above 0.5. Most objects have a "
    "box with the right name, and several a second box with another.",
    width=10.5,
)

# %% [markdown]
# Several objects carry two boxes with different names, because suppression works only
# within a class.

# %% tags=["hide-input"]
from course_utils.training.kept_models import keep_model

kept_file = keep_model(detector, "fast_rcnn", budget)

# %% [markdown]
# ## The price of an image
#
# When does sharing pay? We time the networks alone, with proposals given and without
# suppression. Time does not depend on the weights, so R-CNN is untrained here, which
# lets us give it crops of other sizes.

# %%
from course_utils.models.rcnn.detector import RCNN
from course_utils.models.rcnn.network import RegionNetwork


def rcnn_with_crops_of(side):
    """Lesson 02's R-CNN, but for the size of its crops."""
    network = RegionNetwork(
        Backbone((32, 64, 96), depth=1), crop_size=side, num_classes=8
    )
    return RCNN(network, context=side // 8).to(device).eval()


@torch.no_grad()
def fast_pass(boxes):
    return detector.roi_heads(detector.backbone(on_device[None]), [boxes])


def fast_ms(boxes):
    return median_ms(partial(fast_pass, boxes), repeats)


def slow_ms(model, boxes):
    return median_ms(partial(model.features, on_device, boxes), repeats)


# %%
numbers, sides = (50, 100, 200, 400), (32, 48, 64, 96)
if budget == "smoke":
    numbers, sides = (25, 50), (32, 64)
many_boxes = rois_on_device.repeat(40, 1)
usual = rcnn_with_crops_of(32)
by_number = {
    "R-CNN": [slow_ms(usual, many_boxes[:number]) for number in numbers],
    "Fast R-CNN": [fast_ms(many_boxes[:number]) for number in numbers],
}
fast_at_200 = fast_ms(many_boxes[:200])
by_crop = {
    "R-CNN": [slow_ms(rcnn_with_crops_of(side), many_boxes[:200]) for side in sides],
    "Fast R-CNN": [fast_at_200 for _ in sides],
}

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=9.6, height=3.8)
for ax, x_values, lines, label in (
    (axes[0], numbers, by_number, "proposals, with crops of 32 x 32"),
    (axes[1], sides, by_crop, "side of a crop in pixels, with 200 proposals"),
):
    places = torch.tensor(x_values).float()
    points = {name: (places, values) for name, values in lines.items()}
    draw_curves(ax, points, x_label=label)
    ax.set(ylim=(0, None), ylabel="ms per image")
show(
    fig,
    alt="Left, milliseconds over the number of proposals: R-CNN's time rises steeply, "
    "Fast R-CNN's slowly. Right, over the side of a crop: R-CNN's ever faster, and "
    "Fast R-CNN, which has no crops, stays level.",
)
for name, times in by_number.items():
    pairs = zip(numbers, times, strict=True)
    texts = [f"{ms:.0f} ms with {count}" for count, ms in pairs]
    print(f"{name:>10}: {', '.join(texts)} proposals")

# %% [markdown]
# R-CNN's time grows with the number of proposals and with the area of a crop. Fast
# R-CNN pays for the image once, and then for each proposal only a few lookups and some
# small layers. So sharing pays most where proposals are many and crops are large. With
# 50 crops of 32 x 32 pixels it saves next to nothing, but the paper had 2,000
# proposals, and R-CNN crops of 224 x 224 pixels.

# %% [markdown]
# ## Where the time goes now
#
# **Predict.** Of the time that Fast R-CNN takes for one image, selective search
# included, what share does the search take?

# %% tags=["predict"]
full = [(picture, t) for picture, t in test if len(t["proposals"]) >= 150][:5]
fast_times = []
for picture, one_target in full or test[:1]:
    arguments = picture[None].to(device), [one_target["proposals"].to(device)]
    fast_times.append(median_ms(partial(detector.predict, *arguments), repeats))
ms_fast = sorted(fast_times)[len(fast_times) // 2]
whole_fast = ms_search + ms_fast
print(f"network {ms_fast:.0f} ms, search {ms_search:.0f} ms")
print(f"the search takes {ms_search / whole_fast:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Most of it: the search takes longer than the whole network.
#
# </details>

# %% tags=["hide-input"]
with torch.no_grad():
    ms_backbone = median_ms(lambda: detector.backbone(on_device[None]), repeats)
ms_pooling = pool_ms["ours"]
show_parts(
    {
        "R-CNN": {"selective search": ms_search, "passes, one per proposal": ms_rcnn},
        "Fast R-CNN": {
            "selective search": ms_search,
            "backbone": ms_backbone,
            "RoI pooling": ms_pooling,
            "head, suppression": max(ms_fast - ms_backbone - ms_pooling, 0),
        },
    },
    unit="ms per image",
    alt="Two bars. R-CNN's has a large second part, its passes. Fast R-CNN's consists "
    "mostly of the search.",
)

# %% [markdown]
# R-CNN's bar is lesson 02's own timing, SVMs included. It exceeds the curve above at
# 200 proposals, so compare times of separate runs only roughly.
#
# A faster network would help little now, because most of the time is spent before it
# runs. Faster R-CNN, in lesson 04, therefore makes the proposals, too, from the shared
# features.
#
# ## Compared with R-CNN

# %% tags=["hide-input"]
from course_utils.draw import show_systems
from course_utils.training import write_row

write_row(
    "Fast R-CNN",
    budget,
    figures=figures,
    ms_per_image=whole_fast,
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in detector.parameters()),
    ms_proposals=ms_search,
    ms_network=ms_fast,
    test_scenes=len(test),
    side=test[0][0].shape[-1],
)
show_systems(
    read_rows(budget),
    systems=["R-CNN", "Fast R-CNN"],
    caption="Measured on the tabletop. A dash: that lesson has not been run here.",
)

# %% [markdown]
# The two backbones have about as many layers, so the networks' times say roughly what
# sharing saves here. Training is not faster here, unlike in the paper, but the numbers
# of steps differ. The accuracies are those of two systems trained once each, with
# different settings, so they show which of *these two* detects better on these scenes,
# but not why.
#
# ## What the papers measured
#
# Table 4 of the [Fast R-CNN paper](https://arxiv.org/abs/1504.08083) compares three
# systems with VGG-16, trained on Pascal VOC 2007 (trainval) and timed on an Nvidia K40,
# one image at a time. Fast R-CNN sees photographs whose short side is 600 pixels,
# SPP-net sees each in five sizes, and R-CNN sees crops of 224 x 224.
#
# | VOC 2007 | R-CNN | SPP-net | Fast R-CNN | with truncated SVD |
# |---|---|---|---|---|
# | training, hours | 84 | 25 | 9.5 | – |
# | one image, proposals given, seconds | 47.0 | 2.3 | 0.32 | 0.22 |
# | mAP | 66.0 | 63.1 | 66.9 | 66.6 |
#
# With the search, the [Faster R-CNN paper](https://arxiv.org/abs/1506.01497) (table 5)
# gives 1,830 ms for one image on a K40: 146 for the convolutions, 1,510 for selective
# search, on a CPU, and 174 for the regions.

# %%
for label, slow, fast in (("training", 84, 9.5), ("one image", 47.0, 0.32)):
    print(f"{label}: {slow / fast:.1f} times as fast as R-CNN")
print(f"the search takes {1510 / 1830:.0%} of an image's time")

# %% [markdown]
# The [errata](errata.ipynb) list how such figures are misquoted.
#
# ## A cheaper head: truncated SVD
#
# With many RoIs the fully connected layers cost most, as you counted for VGG-16. The
# singular value decomposition writes the matrix of such a layer as a sum of matrices of
# rank one, the most important first. If we stop after t of them, a layer of m x n
# weights becomes two thin layers with t(m + n) weights in all. The error below is
# relative to the length of the exact output.


# %%
def truncated(layer, t):
    u, s, v = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
    thin = nn.Linear(layer.in_features, t, bias=False)
    thick = nn.Linear(t, layer.out_features)
    thin.weight.data, thick.weight.data = s[:t, None] * v[:t], u[:, :t].contiguous()
    thick.bias.data = layer.bias.detach()
    return nn.Sequential(thin, thick)


# %%
fc6 = detector.cpu().roi_heads.box_head.fc6
with torch.no_grad():
    maps = detector.backbone(image[None])
    inputs = roi_pool(maps, rois, **settings).flatten(1)
    exact = fc6(inputs)
for t in (1, 4, 16, 64, 128):
    with torch.no_grad():
        error = (truncated(fc6, t)(inputs) - exact).norm() / exact.norm()
    weights_left = t * (fc6.in_features + fc6.out_features) / fc6.weight.numel()
    print(f"t = {t:>3}: {weights_left:6.1%} of the weights, error {error:.4f}")
assert error < 1e-4  # with all singular values, the layer is what it was

# %% [markdown]
# More terms make the error smaller, but with all of them the two layers hold more
# weights than the one they replace.
#
# The paper kept 1,024 singular values of its first layer and 256 of its second, lost
# 0.3 points of mAP and saved over 30 % of the time.

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ms_per_image=whole_fast,
    ms_proposals=ms_search,
    ms_network=ms_fast,
    ms_network_rcnn=ms_rcnn,
    pooling_against_torchvision=pool_ms["ours"] / pool_ms["torchvision"],
)

# %% [markdown]
# ## Recap
#
# Fast R-CNN looks at the image once. RoI pooling cuts the features of each proposal out
# of the shared map, in a grid of fixed size, and sends each gradient back to the cell
# that held the maximum. So one network, trained once on the sum of two losses, learns
# what a region shows and where its object ends. Only the search remains outside, and it
# now takes most of the time.
#
# | | R-CNN | Fast R-CNN | why |
# |---|---|---|---|
# | proposals | selective search | the same | left for lesson 04 |
# | backbone sees | each crop, warped | the image, once | crops overlap |
# | one size by | warping pixels | pooling features | the head needs it |
# | classes | SVMs on kept features | softmax in the network | one training |
# | boxes | ridge regression, apart | deltas next to scores | one training |
# | box loss | squares | smooth L1 | one bad box must not outweigh all |
# | regions of a step | from many images | 64 from each of a few | a shared pass |

# %% [markdown]
# ## Common mistakes
#
# - **The box is scaled twice**, once by the caller and once by `spatial_scale`. All
#   RoIs land in the upper left corner of the map, and the classifier's loss stays high.
# - **The image's index stays 0** when the RoIs of a batch are joined. Training works
#   with one image per step, but with several the loss hardly falls.
# - **Background takes part in the box loss.** Its targets lead to the object that each
#   RoI overlaps most, so `loss_box_reg` stays large. Most of it trains the deltas of
#   class 0, which no detection uses.
# - **Label -1 is passed to the cross-entropy** for RoIs that are not used. PyTorch
#   stops because the index is out of range, but a loss written by hand as -log p[-1]
#   silently trains the last class.

# %% [markdown]
# ## Three questions to think about
#
# **1.** Which parts of lesson 01's detector, of R-CNN and of Fast R-CNN learn from
# data: what proposes boxes, what computes features, what classifies them?
#
# <details><summary>Answer</summary>
#
# In Fast R-CNN, features and classes come from one CNN and are learned together. In
# R-CNN, features come from a CNN, and classes from SVMs that are trained afterwards.
# Both take their proposals from selective search, which learns nothing. Sliding windows
# are a fixed grid, with features and classes from one CNN. So in all three, nothing
# learns where to look.
#
# </details>
#
# **2.** A RoI of 6 x 6 cells is pooled to 7 x 7. Is any bin empty? And what does the
# gradient do?
#
# <details><summary>Answer</summary>
#
# No bin is empty: rounding down at the start and up at the end leaves at least one
# cell. But bins share cells, so a cell can be the maximum of several bins, and then
# gets the sum of their gradients. Empty bins occur only in RoIs that reach beyond the
# map.
#
# </details>
#
# **3.** Why does R-CNN gain from drawing its crops from many images, while Fast R-CNN
# takes 64 RoIs from each of two?
#
# <details><summary>Answer</summary>
#
# Crops from many images are more varied, which helps every step. R-CNN pays for each
# crop, whichever image it is from, so variety is free. Fast R-CNN pays for each
# *image*: 128 RoIs from 128 images would need 128 passes instead of two. RoIs from one
# image are more alike, but the paper reports that this does not slow training down.
#
# </details>
