# %% [markdown]
# # 03. Fast R-CNN
#
# **R-CNN asks its network about each proposal, one after the other. Why not look at the
# image once?**
#
# Lesson 02 built a detector that works: propose a few hundred boxes, cut each out of
# the image, and run a network on every piece. It is slow, because neighbouring pieces
# show nearly the same pixels.
#
# Fast R-CNN runs the network once, on the whole image, and cuts the boxes out of its
# *features*. For that it needs one new operation, RoI pooling. You will build it by
# hand, derive its gradient, see what it loses, and then train the detector and time it
# beside R-CNN.

# %%
from functools import partial
from statistics import median

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_utils.data.tabletop import CLASS_NAMES, Tabletop, load_scenes
from course_utils.draw import OKABE_ITO, draw_boxes, draw_curves, draw_heat_map
from course_utils.draw import draw_image, new_figure, show, show_boxes, show_curves
from course_utils.draw import show_heat_map, show_images, show_losses

# %% [markdown]
# The settings of this lesson. The code is the same for each budget; only these numbers
# differ.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, predict_all
from course_utils.training import start_lesson

budget = choose_budget()
scenes, test_scenes, steps, rcnn_steps = {
    "smoke": (6, 2, 4, 2),
    "laptop": (600, 60, 1000, 120),
    "gpu": (3000, 300, 6000, 3000),
}[budget]
repeats = 1 if budget == "smoke" else 7  # of what is timed
device = choose_device()
watch = start_lesson("03_fast_rcnn", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# ## The proposals of lesson 02
#
# Nothing changes about where boxes come from: selective search, in the image, before
# any network runs. It is the slow part, so its boxes are kept on disk. If lesson 02 has
# run on this machine, they are there already.

# %%
from course_utils.data.proposals import propose_all
from course_utils.results import cache_folder

folder = cache_folder() / "proposals"
search = {"strategy": "small", "min_side": 8}  # as in lesson 02


def with_proposals(pairs):
    images = [image for image, _ in pairs]
    boxes = propose_all(images, folder=folder, most=200, **search)
    return [
        (image, target | {"proposals": each})
        for (image, target), each in zip(pairs, boxes, strict=True)
    ]


learn = with_proposals(load_scenes(scenes, "train"))
test = with_proposals(load_scenes(test_scenes, "test"))
counts = torch.tensor([len(target["proposals"]) for _, target in learn + test]).float()
print(
    f"{counts.mean():.0f} proposals an image, {counts.min():.0f} to {counts.max():.0f}"
)

# %% [markdown]
# Take one scene, and count for each pixel how many proposals cover it. R-CNN computes
# on a pixel that many times.
#
# **Guess:** how often is that, in the middle of the scene?

# %%
image, target = max(test, key=lambda pair: len(pair[1]["boxes"]))
truth, proposals = target["boxes"], target["proposals"]
cover = torch.zeros(image.shape[1:])
for x1, y1, x2, y2 in proposals.long().tolist():
    cover[y1:y2, x1:x2] += 1
show_heat_map(
    cover,
    image=image,
    name="proposals that cover the pixel",
    minimum=0,
    alt="The scene under a heat map. The pixels of the things and between them are "
    "covered by many proposals, those of the margin by hardly any.",
)
print(f"{len(proposals)} proposals; a pixel lies in {cover.mean():.0f} on average,")
print(f"in {cover.max():.0f} at most")

# %% [markdown]
# A pixel is looked at again and again, each time in a slightly different crop. Lesson
# 01 met the same waste: windows overlap, and one dense pass over the image gave the
# scores of all of them. Can the same be done for boxes of any size and shape?
#
# ## Cut the features, not the image
#
# Here is the network that the course's detectors share. It is fully convolutional: it
# has no layer that asks for a fixed size, so it can run on a whole image.

# %%
from course_utils.models.backbones import Backbone


def make_backbone():
    return Backbone((32, 64), depth=2)


torch.manual_seed(0)
backbone = make_backbone()
with torch.no_grad():
    features = backbone(image[None])
print(f"image {tuple(image.shape)}, features {tuple(features.shape[1:])}")
stride, cells_a_side = backbone.stride, features.shape[-1]
print(f"one cell of the map stands for {stride} x {stride} pixels")

# %% [markdown]
# A box in pixels becomes a box in cells by one multiplication, since the map is so many
# times smaller. The box then marks a **region of interest** (RoI) of the map.

# %%
thing = truth[(truth[:, 2:] - truth[:, :2]).prod(dim=1).argmax()][None]
fig, axes = new_figure(1, 2, width=7, height=3.5)
draw_image(axes[0], image, title="in pixels")
draw_boxes(axes[0], thing)
channel = features[0].std(dim=(1, 2)).argmax()
draw_heat_map(axes[1], features[0, channel], title=f"in cells: times 1/{stride}")
draw_boxes(axes[1], thing / stride)
show(
    fig,
    alt="Left, the scene with a box around its largest thing. Right, one channel of "
    "its features, in coarse cells, with the same box drawn smaller.",
)
rounded = [round(value, 2) for value in (thing[0] / stride).tolist()]
print(f"{thing[0].tolist()} in pixels is {rounded} in cells")

# %% [markdown]
# Some lecture slides say that Fast R-CNN searches for proposals *on the feature map*.
# It does not. The boxes come from the image and are only carried over to the map. So
# they cannot depend on the network. Other slides say that R-CNN, too, crops shared
# features; it crops the image.
#
# To check both, count what goes through each network, and look for the proposals again
# with another network at hand.

# %%
from course_utils.ops.selective_search.search import selective_search
from course_utils.ops.windows import crop_and_resize

seen = []
hook = backbone.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
with torch.no_grad():
    backbone(crop_and_resize(image, proposals, (48, 48)))
    as_rcnn = sum(seen)
    seen.clear()
    backbone(image[None])
hook.remove()
print(f"R-CNN: {as_rcnn} pictures through the network; Fast R-CNN: {sum(seen)}")
assert (as_rcnn, sum(seen)) == (len(proposals), 1)

torch.manual_seed(1)
with torch.no_grad():
    gap = (make_backbone()(image[None]) - features).abs().max()
again = selective_search(image, **search)[:200]
print(f"other weights: features differ by up to {gap:.1f}, proposals not at all")
assert torch.equal(again, proposals)

# %% [markdown]
# ## A layer that wants a fixed size
#
# A class is named by fully connected layers, and these have one weight for each number
# they read. Two RoIs rarely have the same number of cells. R-CNN warps each crop to one
# size; here we need something for features.
#
# **Spatial pyramid pooling** (SPP, 2014) was the first answer. Lay a grid of n x n bins
# over the map, whatever its size, and keep the maximum of each bin. Do so for several
# n, coarse and fine, and write all maxima in a row.
#
# **On paper:** 7 columns, 3 bins. Bin i starts at 7i/3, rounded down, and ends at
# 7(i+1)/3, rounded up. Which columns belong to which bin?

# %% tags=["show"]
from course_utils.ops.roi import pyramid_bins

# %%
for length, bins in ((7, 1), (7, 2), (7, 3), (6, 3)):
    start, end = pyramid_bins(length, bins, torch.device("cpu"))
    parts = [f"{a}..{b - 1}" for a, b in zip(start.tolist(), end.tolist(), strict=True)]
    print(f"{length} columns in {bins} bins: {', '.join(parts)}")

# %% [markdown]
# Where the division leaves a rest, neighbours share a column. Nothing is lost and no
# bin is empty.
#
# Here is a map of 5 x 7 numbers with its bins. Each bin's maximum is bold.


# %%
def draw_cells(ax, values, title=""):
    height, width = values.shape
    ax.set(xlim=(0, width), ylim=(height, 0), aspect="equal", title=title)
    ax.set(xticks=range(width + 1), yticks=range(height + 1))
    ax.tick_params(labelsize=7, length=0)
    for y, x in torch.cartesian_prod(torch.arange(height), torch.arange(width)):
        text = f"{values[y, x]:g}"
        ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=9)


def draw_bins(ax, values, rows, columns):
    """Boxes around the bins, and a bold maximum in each; rows: (starts, ends)."""
    for i, (top, bottom) in enumerate(zip(*rows, strict=True)):
        for j, (left, right) in enumerate(zip(*columns, strict=True)):
            # Each bin is drawn a little smaller, so that shared cells stay visible.
            gap = 0.06 + 0.07 * ((i + j) % 2)
            box = torch.tensor([[left + gap, top + gap, right - gap, bottom - gap]])
            draw_boxes(ax, box, index=(i * 2 + j) % 4, linewidth=1.5)
            cells = values[top:bottom, left:right]
            y, x = divmod(int(cells.argmax()), cells.shape[1])
            settings = {"ha": "center", "va": "center", "fontweight": "bold"}
            settings |= {"color": OKABE_ITO[0], "fontsize": 9}
            settings |= {"bbox": {"facecolor": "white", "linewidth": 0, "pad": 1}}
            place = (left + x + 0.5, top + y + 0.5)
            ax.text(*place, f"{cells[y, x]:g}", **settings)


# %%
generator = torch.Generator().manual_seed(4)
small = torch.randperm(90, generator=generator)[:35].reshape(5, 7).float() + 10
fig, axes = new_figure(1, 3, width=9, height=2.6)
for ax, level in zip(axes, (1, 2, 3), strict=True):
    draw_cells(ax, small, title=f"{level} x {level} bins")
    rows, columns = (
        [edge.tolist() for edge in pyramid_bins(side, level, torch.device("cpu"))]
        for side in small.shape
    )
    draw_bins(ax, small, rows, columns)
show(
    fig,
    alt="The same map of 5 by 7 numbers three times, cut into 1, 4 and 9 bins that "
    "overlap by a row or a column. The largest number of each bin is bold.",
    caption="A bin keeps its maximum and forgets where in the bin it was.",
)

# %% [markdown]
# PyTorch calls one level adaptive max pooling. Ours must give the same numbers, for
# maps of any size.

# %%
from course_utils.ops.roi import spatial_pyramid_pool

levels = (1, 2, 3, 6)
for size in ((5, 7), (13, 9), (16, 16), (40, 2)):
    maps = torch.randn(2, 4, *size, generator=generator)
    ours = spatial_pyramid_pool(maps, levels=levels)
    peers = [F.adaptive_max_pool2d(maps, level).flatten(1) for level in levels]
    assert torch.equal(ours, torch.cat(peers, dim=1))
    print(f"map {size[0]:>2} x {size[1]:>2}: {tuple(ours.shape)} numbers")

# %% [markdown]
# Whatever the map's size, 50 numbers a channel: 1 + 4 + 9 + 36. SPP-net used this to
# share features between proposals, a year before Fast R-CNN. But it trained the fully
# connected layers alone. The convolutions stayed as they were.

# %% [markdown]
# ## RoI pooling on paper
#
# Fast R-CNN keeps one level of the pyramid, 7 x 7 bins, and lays it over each RoI. Take
# a map of 6 x 8 cells at stride 16, and a box (20, 9, 105, 75) in pixels. We want 2 x 2
# bins.
#
# **On paper, in four steps:**
#
# 1. project: divide by 16;
# 2. snap: round each corner to a whole cell. Both end cells belong to the RoI;
# 3. cut rows and columns into 2 bins, as in the pyramid;
# 4. take the maximum of each bin.

# %%
grid = torch.randperm(90, generator=generator)[:48].reshape(6, 8).float() + 10
box, scale = torch.tensor([20.0, 9, 105, 75]), 1 / 16
print("1. projected:", (box * scale).tolist())
x1, y1, x2, y2 = (box * scale).round().long().tolist()
print(f"2. snapped: columns {x1} to {x2}, rows {y1} to {y2}")
print(f"   {x2 - x1 + 1} columns and {y2 - y1 + 1} rows, since both ends are in")

# %% [markdown]
# "Round" hides a trap. Python and `torch.round` send a half to the nearest *even*
# number. The code that everyone uses is written in C, where a half goes away from zero.
#
# **Guess:** what are 0.5, 1.5, 2.5 and -0.5, either way?

# %% tags=["show"]
from course_utils.ops.roi import round_half_away

# %%
halves = torch.tensor([0.5, 1.5, 2.5, -0.5])
print("torch.round:", halves.round().int().tolist(), " in C:", end=" ")
print(round_half_away(halves).int().tolist())
ramp = torch.arange(8.0).expand(1, 1, 8, 8)
roi = torch.tensor([[0.0, 2.5, 2.5, 2.5, 2.5]])
print("torchvision reads cell", torchvision.ops.roi_pool(ramp, roi, 1).item())

# %% [markdown]
# Steps 2 and 3, for all RoIs at once and one axis at a time:

# %% tags=["show"]
from course_utils.ops.roi import roi_bins

# %%
rows, columns = (
    [edge[0].tolist() for edge in roi_bins(low, high, output_size=2, limit=limit)]
    for low, high, limit in [
        (box[1:2] * scale, box[3:4] * scale, 6),
        (box[0:1] * scale, box[2:3] * scale, 8),
    ]
)
for name, (starts, ends) in {"rows": rows, "columns": columns}.items():
    parts = [f"{a}..{b - 1}" for a, b in zip(starts, ends, strict=True)]
    print(f"3. {name}: {' and '.join(parts)}")
fig, (ax,) = new_figure(width=4.6, height=3.4)
draw_cells(ax, grid)
draw_bins(ax, grid, rows, columns)
draw_boxes(ax, box[None] * scale, index=6, linewidth=1.2)
show(
    fig,
    alt="A map of 6 by 8 numbers. A thin box marks the projected RoI; around the cells "
    "that it was snapped to lie 2 by 2 bins that share a row and a column.",
    caption="Thin: the projected box. Thick: its bins, after snapping.",
)

# %% [markdown]
# The snapped region is not where the box was: it sits lower and further to the right,
# by up to half a cell at its start and more at its end, since the end cell is added
# whole.
#
# Now step 4, as a loop over the bins of one box. It is slow, and it is the definition:
# whatever we write later has to agree with it.

# %% tags=["show"]
from course_utils.ops.roi import roi_pool_one

# %%
pooled = roi_pool_one(grid[None], box, output_size=2, spatial_scale=scale)
print("4.", pooled[0].tolist())
roi = torch.cat([torch.zeros(1), box])[None]
peer = torchvision.ops.roi_pool(grid[None, None], roi, 2, scale)
assert torch.equal(pooled, peer[0])

# %% [markdown]
# What if the box reaches out of the map? The bins are clipped, and a bin that lies
# outside altogether has no cell. It gets 0.

# %%
outside = torch.tensor([90.0, 40, 200, 90])
print(roi_pool_one(grid[None], outside, output_size=3, spatial_scale=scale)[0])

# %% [markdown]
# ## All RoIs at once
#
# An image has hundreds of RoIs, and each has 49 bins. A loop in Python would take
# longer than the network. Three observations make it fast:
#
# - every bin is a rectangle of cells, so only rectangles matter;
# - the map is small, so many RoIs share the same rectangle;
# - for the gradient we need to know *where* the maximum stands, and once that is known,
#   the value is a lookup.

# %%
from course_utils.ops.roi import as_rois, grid_rectangles

rois = as_rois([proposals])  # the image's index goes in front of each box
x1, y1, x2, y2 = (rois[:, 1:] / stride).unbind(dim=1)
top, bottom = roi_bins(y1, y2, output_size=7, limit=cells_a_side)
left, right = roi_bins(x1, x2, output_size=7, limit=cells_a_side)
rectangles = grid_rectangles(rois[:, 0].long(), top, left, bottom, right)
different = len(rectangles.unique(dim=0))
print(f"{len(rois)} RoIs x 49 bins = {len(rectangles):,} rectangles,")
print(f"of which {different:,} are different")

# %% [markdown]
# To search all rectangles together, start each at its first cell and walk row by row. A
# small one that has reached its end waits there. Ties matter: where two cells hold the
# maximum, the first one in reading order counts.

# %% tags=["show"]
from course_utils.ops.roi import first_maxima, walk

# %%
cells = grid.reshape(-1, 1)  # one channel; the map row after row, 8 cells each
two = torch.tensor([[1 * 8 + 1, 3, 4], [3 * 8 + 4, 3, 4]])  # first cell, height, width
for place in first_maxima(cells, two, row=8)[:, 0].tolist():
    print(f"the maximum {grid.flatten()[place]:g} is in row {place // 8}, ", end="")
    print(f"column {place % 8}")

# %% [markdown]
# The rest puts it together: name each rectangle by one number, search the different
# ones once, look the values up, hand them out.

# %% tags=["show"]
from course_utils.ops.roi import max_of_rectangles

# %% tags=["show"]
from course_utils.ops.roi import roi_pool

# %% [markdown]
# Is it right? Take 300 random RoIs: some cross the border, some lie outside, some are
# tiny, some end before they start. The values have to be those of torchvision's kernel
# to the last bit, and so do the gradients.

# %%
maps = torch.randint(-5, 6, (2, 8, 16, 20), generator=generator).float()
low = (torch.rand(300, 2, generator=generator) * 1.5 - 0.25) * torch.tensor([160, 128])
size = torch.rand(300, 2, generator=generator) * 90
size[:60] *= 0.05
size[60:90] -= 60
which = torch.randint(2, (300, 1), generator=generator)
random_rois = torch.cat([which, low, low + size], dim=1)
weights = torch.randint(-9, 10, (300, 8, 7, 7), generator=generator).float()
found = []
for pool in (roi_pool, torchvision.ops.roi_pool):
    leaf = maps.clone().requires_grad_()
    pooled = pool(leaf, random_rois, output_size=7, spatial_scale=1 / 8)
    pooled.backward(weights)
    found.append((pooled.detach(), leaf.grad))
for name, ours, peer in zip(("values", "gradients"), *found, strict=True):
    print(f"{name}: {tuple(ours.shape)}, equal: {torch.equal(ours, peer)}")
    assert torch.equal(ours, peer)
empty = roi_pool(maps**0, random_rois, output_size=7, spatial_scale=1 / 8) == 0
print(f"bins without a cell: {empty.float().mean():.0%}")

# %% [markdown]
# **Guess:** how much faster is it than the loop, and how does it do beside a kernel
# that is written in C++?

# %%
from course_utils.training import median_ms

settings = {"output_size": 7, "spatial_scale": 1 / stride}
ways = {
    "loop": lambda: [roi_pool_one(features[0], one, **settings) for one in rois[:, 1:]],
    "ours": lambda: roi_pool(features, rois, **settings),
    "torchvision": lambda: torchvision.ops.roi_pool(features, rois, **settings),
}
pool_times = {name: median_ms(way, repeats) for name, way in ways.items()}
for name, milliseconds in pool_times.items():
    print(f"{name:>12}: {milliseconds:7.1f} ms for {len(rois)} RoIs")

# %% [markdown]
# Much faster than the loop, and in the range of the kernel.
#
# ## The way back
#
# The network is to be trained *through* the pooling: SPP-net did not do that. What is
# the gradient of a maximum? Raise the largest number a little, and the maximum rises as
# much. Raise any other, and nothing happens. So a bin sends its gradient to one cell,
# where its maximum stands. A cell that is the maximum of several bins gets the sum.
#
# **On paper:** in the picture above, suppose each of the four bins sends back a 1.
# Which cells get something?

# %%
leaf = grid.clone().requires_grad_()
roi_pool(leaf[None, None], roi, output_size=2, spatial_scale=scale).sum().backward()
print(leaf.grad.int())
everywhere = torch.tensor([[0.0, 0, 0, 112, 80]]).repeat(3, 1)
everywhere[1:, 1:] += torch.tensor([[16.0, 16, 0, 0], [0, 0, -32, -16]])
leaf.grad = None
roi_pool(
    leaf[None, None], everywhere, output_size=2, spatial_scale=scale
).sum().backward()
print("three RoIs that overlap:")
print(leaf.grad.int())

# %% [markdown]
# Each loss of the detector will reach the convolutions this way. It adds up over all
# RoIs of an image, and the convolutions do the backward pass once, too.
#
# ## What snapping loses
#
# Rounding happens twice: the box is rounded to cells, then the bins are rounded to
# cells. **Guess:** what happens to the pooled features when the box moves by 0.3
# pixels?

# %%
start = torch.tensor([0.0, 41, 33, 90, 77])
moved = start + torch.tensor([0, 0.3, 0.3, 0.3, 0.3])
same = torch.equal(
    roi_pool(features, start[None], **settings),
    roi_pool(features, moved[None], **settings),
)
print("moved by 0.3 pixels, the features are the same:", same)
assert same

shifts = torch.arange(0, 24, 0.25)
many = start + torch.cat([torch.zeros(96, 1), shifts[:, None].expand(-1, 4)], dim=1)
snapped = roi_pool(features, many, **settings)
aligned = torchvision.ops.roi_align(features, many, 7, 1 / stride, 2, True)
change = {
    name: (pooled - pooled[:1]).abs().mean(dim=(1, 2, 3))
    for name, pooled in {"RoI pooling": snapped, "RoIAlign": aligned}.items()
}
show_curves(
    {name: (shifts, values) for name, values in change.items()},
    x_label="shift of the box in pixels, right and down",
    y_label="mean change of a feature",
    alt="Two curves over the shift. RoI pooling stands still, then jumps, stands still "
    "and jumps again; RoIAlign rises smoothly from the first pixel.",
)

# %% [markdown]
# Nothing happens, until an edge of the box crosses half a cell. Then much changes at
# once. The dashed curve is RoIAlign, which interpolates between cells instead of
# rounding. Lesson 09 builds it for masks, where a shift by half a cell is plain to see.
#
# A staircase is flat almost everywhere, so its slope says nothing. No gradient can tell
# the box where to go.

# %%
leaf, boxes = features.clone().requires_grad_(), start[None].clone().requires_grad_()
roi_pool(leaf, boxes, **settings).sum().backward()
print(
    "gradient of the features:", f"{leaf.grad.sum():.0f} in all, one a bin and channel"
)
print("gradient of the box:", boxes.grad)
assert boxes.grad is None

# %% [markdown]
# This is why the second stage *predicts* a better box instead of moving the one it has.
#
# How wrong can a snapped box be? A well-known slide has a RoI of 4.53 x 6.25 cells, and
# says that it snaps to 4 x 6.
#
# **Guess:** which sizes can come out, depending on where the RoI starts?

# %%
origin = torch.arange(0, 1, 0.01)
for name, length in (("width", 4.53), ("height", 6.25)):
    distance = round_half_away(origin + length) - round_half_away(origin)
    sizes = sorted(set(distance.int().tolist()))
    print(
        f"{name} {length}: rounded {round(length)}, digits cut off {int(length)};",
        end=" ",
    )
    cells = " or ".join(str(size + 1) for size in sizes)
    print(f"corners {' or '.join(map(str, sizes))} apart, so {cells} cells")

# %% [markdown]
# Corners are rounded, not sizes, and both end cells count. The slide's 4 x 6 is what is
# left when the digits behind the point are cut off, which the code does not do.
#
# Bins suffer too. Five cells in seven bins overlap, and some bins have one cell, some
# two. Move the RoI and see how its bins jump.

# %%
from course_utils.widgets import Slider, explore

heat = features[0, channel]


def draw_roi(x, y, width, height, bins):
    corners = torch.tensor([[x, y, x + width, y + height]]).float()
    limits = {"output_size": bins, "limit": cells_a_side}
    rows = roi_bins(corners[:, 1] / stride, corners[:, 3] / stride, **limits)
    columns = roi_bins(corners[:, 0] / stride, corners[:, 2] / stride, **limits)
    fig, axes = new_figure(1, 2, width=8.6, height=4.4)
    span = {"minimum": float(heat.min()), "maximum": float(heat.max())}
    draw_heat_map(axes[0], heat, title="map, RoI and bins", **span)
    edges = [
        torch.stack([x1, y1, x2, y2])
        for y1, y2 in zip(rows[0][0], rows[1][0], strict=True)
        for x1, x2 in zip(columns[0][0], columns[1][0], strict=True)
        if x1 < x2 and y1 < y2
    ]
    inset = torch.tensor([0.1, 0.1, -0.1, -0.1])
    if edges:
        draw_boxes(axes[0], torch.stack(edges) + inset, index=0, linewidth=1)
    draw_boxes(axes[0], corners / stride, index=7, linewidth=1.5)
    pooled = roi_pool_one(
        heat[None], corners[0], output_size=bins, spatial_scale=1 / stride
    )
    draw_heat_map(axes[1], pooled[0], title=f"pooled: {bins} x {bins}", **span)
    return fig


# %%
explore(
    draw_roi,
    x=Slider(-20, 120, 1, 21, "left edge, pixels"),
    y=Slider(-20, 120, 1, 25, "top edge, pixels"),
    width=Slider(0, 128, 1, 85, "width, pixels"),
    height=Slider(0, 128, 1, 69, "height, pixels"),
    bins=Slider(1, 7, 1, 4, "bins a side"),
    alt=lambda x, y, width, height, bins: (
        f"A channel of the features with a RoI from ({x}, {y}), {width} pixels wide "
        f"and {height} high, and its {bins} x {bins} bins; beside it what was pooled."
    ),
    caption="Yellow: the projected RoI. Orange: its bins. Move an edge by one pixel at "
    "a time, and watch when anything changes.",
)

# %% [markdown]
# ## The two halves of a network
#
# Any image classifier can be cut in two: its convolutions become the backbone, its
# fully connected layers look at each RoI, and RoI pooling takes the place of the last
# pooling layer. AlexNet has five convolutional layers and a last map of 13 x 13, which
# its last pooling turns into 6 x 6.
#
# **Guess:** pool the whole map as one RoI into 6 x 6 bins. Is it the same network?

# %%
alexnet = torchvision.models.alexnet(weights=None).eval()
convolutions, last_pooling = alexnet.features[:-1], alexnet.features[-1]
picture = torch.rand(1, 3, 224, 224, generator=generator)
whole = torch.tensor([[0.0, 0, 0, 12 * 16, 12 * 16]])  # first cell to last cell
with torch.no_grad():
    maps = convolutions(picture)
    pooled = roi_pool(maps, whole, output_size=6, spatial_scale=1 / 16)
    halves = alexnet.classifier(pooled.flatten(1))
    assert torch.equal(pooled, last_pooling(maps))
    assert torch.equal(halves, alexnet(picture))
print(f"map {tuple(maps.shape[1:])}, pooled {tuple(pooled.shape[1:])}")
print("the two halves give the scores of the whole network")
too_large = roi_bins(torch.zeros(1), torch.full((1,), 14.0), output_size=6, limit=13)
print("bins of a RoI over all 224 pixels:", [edge[0].tolist() for edge in too_large])

# %% [markdown]
# The same to the last bit: 13 cells in 6 bins *are* windows of 3 with a stride of 2.
# But note the RoI. It ends at the pixel where the last cell begins. A box over all 224
# pixels would be snapped to 15 cells, since both ends count, and two of them are not
# there.
#
# VGG-16, the network of the paper, has 13 convolutions and a stride of 16. RoI pooling
# to 7 x 7 replaces its last pooling, and the images of the batch become RoIs.

# %%
with torch.device("meta"):  # shapes without numbers: nothing is computed
    vgg = torchvision.models.vgg16(weights=None)
    large = vgg.features[:-1](torch.zeros(1, 3, 600, 1000))
    parts = {"backbone": vgg.features[:-1], "head": vgg.classifier[:-1]}
print(f"image of 600 x 1000: map {tuple(large.shape[1:])}")
print(f"R RoIs of 7 x 7: (R, {large.shape[1]}, 7, 7)")
for name, part in parts.items():
    print(f"{name}: {sum(weight.numel() for weight in part.parameters()):,} weights")

# %% [markdown]
# ## Where the work is
#
# Why should sharing help? Because nearly all the work is in the convolutions, people
# say. Count it: how many multiplications does VGG-16 need for an image, and how many
# for each RoI?
#
# **Guess:** the convolutions run once, the fully connected layers 2,000 times. Which of
# the two costs more?

# %%
from course_utils.training import count_multiply_adds


def multiply_adds(part, *shape):
    numbers = torch.zeros(*shape, device="meta")
    return count_multiply_adds(lambda: part.to("meta")(numbers))


conv = multiply_adds(parts["backbone"], 1, 3, 600, 1000)
crop = multiply_adds(parts["backbone"], 1, 3, 224, 224)
region = multiply_adds(parts["head"], 1, 512 * 7 * 7)
for count in (300, 2000):
    shared, alone = conv + count * region, count * (crop + region)
    print(f"{count} RoIs: {conv / 1e9:.0f} + {count * region / 1e9:.0f} = ", end="")
    print(f"{shared / 1e9:.0f} billion, {conv / shared:.0%} in the backbone;")
    print(
        f"    as R-CNN {alone / 1e9:,.0f} billion, {alone / shared:.0f} times as many"
    )

# %% [markdown]
# R-CNN would need far more. But with 2,000 proposals the "light" part is the heavier
# one. That the backbone dominates is true for few proposals only. Keep this in mind:
# near the end, we make the fully connected layers cheaper.
#
# ## Two questions for each RoI
#
# What is it, and where exactly does it end? Two fully connected layers read the pooled
# features, and two layers answer side by side: a score for each class with background,
# and four numbers for each class that move and stretch the box. They are the deltas of
# lesson 02.

# %% tags=["show"]
from course_utils.models.fast_rcnn import BoxHead

# %%
torch.manual_seed(0)
backbone = make_backbone()
num_classes = len(CLASS_NAMES)
head = BoxHead(backbone.out_channels, hidden=128, num_classes=num_classes)
with torch.no_grad():
    pooled = roi_pool(backbone(image[None]), rois, **settings)
    logits, deltas = head(pooled)
for name, values in {"pooled": pooled, "logits": logits, "deltas": deltas}.items():
    print(f"{name:>7}: {tuple(values.shape)}")

# %% [markdown]
# The loss has two parts. For a RoI of class u with probabilities p, the first is -log
# p(u). The second compares the four deltas *of class u* with what they should be, and
# only if u is no background: background ends nowhere.
#
# For the difference of a delta, Fast R-CNN takes a parabola near zero and a straight
# line from there on, **smooth L1**:
#
# - |x| < beta: x² / (2 beta), with the slope x / beta;
# - otherwise: |x| - beta / 2, with the slope 1 or -1.
#
# **On paper:** with beta 1, what do the differences 0.5 and 3 cost? And what would they
# cost squared?

# %%
x = torch.linspace(-3, 3, 121, requires_grad=True)
losses = {
    "smooth L1, beta 1": F.smooth_l1_loss(x, x * 0, reduction="none"),
    "beta 1/9": F.smooth_l1_loss(x, x * 0, reduction="none", beta=1 / 9),
    "half the square": x**2 / 2,
}
fig, axes = new_figure(1, 2, width=8, height=3.2)
flat = x.detach()
slopes = {
    name: (flat, torch.autograd.grad(loss.sum(), x, retain_graph=True)[0])
    for name, loss in losses.items()
}
curves = {name: (flat, loss.detach()) for name, loss in losses.items()}
draw_curves(axes[0], curves, x_label="difference", title="loss")
draw_curves(axes[1], slopes, x_label="difference", title="slope")
show(
    fig,
    alt="Left, three losses over the difference: two that become straight lines and a "
    "parabola. Right, their slopes: two that level off at 1 and -1 and one that grows.",
)
for value in (0.5, 3.0):
    one = torch.tensor(value)
    print(
        f"{value}: {F.smooth_l1_loss(one, one * 0):.3f}, half the square {value**2 / 2}"
    )

# %% [markdown]
# A far-off box pulls no harder than one that is a bit off. R-CNN's squares let one bad
# box outweigh all others, and made training blow up unless the learning rate was small.
#
# Here are both parts in code, and then a check by hand with two RoIs: one of class 2,
# one of background.

# %% tags=["show"]
from course_utils.models.fast_rcnn import box_head_losses

# %%
two_logits = torch.tensor([[0.0, 0, 1.2], [2.0, 0, 0]])
two_deltas = torch.zeros(2, 12, requires_grad=True)
labels, goals = torch.tensor([2, 0]), torch.tensor([[0.5, 0, -3, 0], [9.0, 9, 9, 9]])
losses = box_head_losses(two_logits, two_deltas, labels, goals, beta=1.0)
p = two_logits.softmax(dim=1)
by_hand = [-(p[0, 2].log() + p[1, 0].log()) / 2, (0.5 * 0.5**2 + (3 - 0.5)) / 2]
for (name, loss), value in zip(losses.items(), by_hand, strict=True):
    print(f"{name}: {loss.item():.4f}, by hand {float(value):.4f}")
    assert abs(loss - value) < 1e-6
losses["loss_box_reg"].backward()
print("gradient of the deltas, a row a RoI and a class each four columns:")
for row in two_deltas.grad.tolist():
    print("  ", "  ".join(f"{value:g}" for value in row))

# %% [markdown]
# Only the deltas of class 2 get a gradient, and only from the first RoI. The other
# classes' boxes are left alone: nobody asked for them.

# %% [markdown]
# ## Which RoIs to learn from
#
# An image has hundreds of proposals, and most show background. Fast R-CNN draws 64 an
# image. A quarter of them overlap a thing by an IoU of at least 0.5 and take its class.
# The rest is background: those whose best IoU is at least 0.1 and below 0.5. They touch
# a thing without covering it, so they are the hard ones. What touches nothing is not
# used.
#
# **Guess:** what is a RoI of exactly 0.5, and one of exactly 0.1?

# %% tags=["show"]
from course_utils.models.fast_rcnn import label_rois

# %%
square = {"boxes": torch.tensor([[0.0, 0, 10, 10]]), "labels": torch.tensor([3])}
for width in (10.0, 5.0, 4.9, 1.0, 0.9):
    label, _ = label_rois(torch.tensor([[0.0, 0, width, 10]]), square)
    meaning = {3: "class 3", 0: "background", -1: "not used"}[label.item()]
    print(f"IoU {width / 10:.2f}: {meaning}")

# %% [markdown]
# Exactly 0.5 is an object. Slides that write [0.1, 0.5] for the background count that
# RoI twice; the upper end is open. Now the sample of our scene:

# %%
from course_utils.models.fast_rcnn import sample_rois

chosen, labels, matched = sample_rois(
    proposals, target, generator=torch.Generator().manual_seed(0)
)
found = label_rois(proposals, target)[0]
for name, count, drawn in [
    ("object", (found > 0).sum(), (labels > 0).sum()),
    ("background", (found == 0).sum(), (labels == 0).sum()),
    ("not used", (found < 0).sum(), 0),
]:
    print(f"{name:>10}: {count} of {len(proposals)} proposals, {drawn} drawn")
show_boxes(
    image,
    {"background": chosen[labels == 0][:8], "objects": chosen[labels > 0][::2]},
    alt="The scene with boxes of two kinds: some that fit the things well, and many "
    "that cover a part of one or several of them.",
    caption="Some of the sampled RoIs: half of the objects, few of the background.",
    size=4.5,
)

# %% [markdown]
# ## Fast R-CNN, whole
#
# All parts are there. In training: features of the images, a sample of their RoIs,
# pooling, the head, two losses. The library's `RoIHeads` does all but the first, and
# `FastRCNN` puts the backbone before it. Put together by hand, it has to be the same.

# %%
from course_utils.models.fast_rcnn import FastRCNN, RoIHeads
from course_utils.ops.boxes import encode_boxes

detector = FastRCNN(backbone, RoIHeads(head, stride=backbone.stride)).to(device)
images = torch.stack([each for each, _ in learn[:2]]).to(device)
targets = [
    {name: values.to(device) for name, values in each.items()} for _, each in learn[:2]
]
torch.manual_seed(3)
losses = detector.losses(images, targets)

torch.manual_seed(3)  # the sample is drawn at random
samples = [sample_rois(each["proposals"], each) for each in targets]
drawn, labels, matched = zip(*samples, strict=True)
pooled = roi_pool(backbone(images), as_rois(drawn), **settings)
logits, deltas = head(pooled)
goals = encode_boxes(torch.cat(matched), torch.cat(drawn), weights=(10, 10, 5, 5))
by_hand = box_head_losses(logits, deltas, torch.cat(labels), goals, beta=1.0)
for name, loss in losses.items():
    print(f"{name}: {loss.item():.3f}, by hand {by_hand[name].item():.3f}")
    assert abs(loss - by_hand[name]) < 1e-4

# %% [markdown]
# Both losses have to reach the first convolution, through the pooling.

# %%
first = next(backbone.parameters())
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss, first, retain_graph=True)
    print(f"{name}: gradient of length {gradient.norm():.4f} at the first convolution")
    assert gradient.norm() > 0

# %% [markdown]
# At first each of the eight classes is as likely, so the classifier's loss starts near
# log 8, which is about 2.
#
# The paper takes two images a step with 64 RoIs each; we take four, since ours are
# small. RoIs of one image share their features, so 64 of them cost little more than
# one. R-CNN draws its 128 crops from many images, and pays for each.

# %%
from course_utils.training import TrainingSettings, train
from course_utils.training.augment import flip_half

tuning = {"optimizer": "adamw", "weight_decay": 1e-2}
tuning |= {"device": device, "augment": flip_half}
learning = TrainingSettings(steps=steps, batch_size=4, lr=2e-3, seed=0, **tuning)
history = train(detector, learn, learning)

# %%
show_losses(history, alt="Both losses fall, the classifier's steeply at first.")
print(f"{history.seconds:.0f} s, {1000 * history.seconds / steps:.0f} ms a step")

# %% [markdown]
# To find things: features once, all proposals through pooling and head, and then what
# you know from lessons 01 and 02. Each class has its own box and score; boxes are
# clipped to the image, weak ones dropped, and within each class the best box suppresses
# those that overlap it.

# %% tags=["show"]
from course_utils.models.fast_rcnn import postprocess_detections

# %%
from course_utils.metrics.coco import evaluate_detections

test_targets = [target for _, target in test]


given = {"proposals": [each["proposals"] for each in test_targets], "batch_size": 1}
predictions = predict_all(detector, test, **given)
figures = evaluate_detections(predictions, test_targets, class_names=CLASS_NAMES)
print(f"AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))

# %%
shown = [
    {name: values[each["scores"] > 0.5] for name, values in each.items()}
    for each in predictions[:3]
]
show_images(
    [picture for picture, _ in test[:3]],
    targets=shown,
    class_names=CLASS_NAMES,
    alt="Test scenes with the detections that score above 0.5. Most things have one "
    "box with the right name.",
    width=9,
)

# %% [markdown]
# ## Beside R-CNN
#
# Now R-CNN: the same scenes and proposals, and a backbone of the same shape. To save
# time, it is fine-tuned and no more: the network's own probabilities are its scores,
# and boxes stay as proposed. If lesson 02 has run here, the whole of R-CNN, with SVMs
# and box regressors, is beside.

# %%
from course_utils.models.rcnn.detector import RCNN
from course_utils.models.rcnn.network import RegionNetwork
from course_utils.results import read_rows

torch.manual_seed(0)
network = RegionNetwork(make_backbone(), crop_size=64, num_classes=num_classes)
fill = torch.stack([picture.mean(dim=(1, 2)) for picture, _ in learn]).mean(dim=0)
rcnn = RCNN(network, context=4, fill=fill, score_threshold=0.05)
rcnn_settings = {"batch_size": 16, "lr": 2e-3, "seed": 0, **tuning}
rcnn_history = train(rcnn, learn, TrainingSettings(steps=rcnn_steps, **rcnn_settings))

# %%
rcnn_figures = evaluate_detections(predict_all(rcnn, test, **given), test_targets)
regions = steps * 4 * detector.roi_heads.count  # at most; 4 images a step
for name, each, seconds, seen in [
    ("R-CNN", rcnn_figures, rcnn_history.seconds, rcnn_steps * rcnn.count),
    ("Fast R-CNN", figures, history.seconds, regions),
]:
    print(f"{name:>10}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}, ", end="")
    print(f"AP75 {each['AP75']:.3f}, {seconds:.0f} s of training, ", end="")
    print(f"{seen / seconds:,.0f} regions a second")
rows = [row for row in read_rows(budget) if row["system"] == "R-CNN"]
for row in rows:
    print(f"R-CNN of lesson 02: AP {row['AP']:.3f}, AP50 {row['AP50']:.3f}, ", end="")
    print(f"{row['training_seconds']:.0f} s of training")
if budget != "smoke":
    assert figures["AP50"] >= 0.75, figures["AP50"]  # lesson 02 asks for 0.70
    for each in (rcnn_figures, *rows):
        assert figures["AP50"] >= each["AP50"], (figures["AP50"], each["AP50"])

# %% [markdown]
# One network, trained in one go for both tasks, does better than one that is only
# fine-tuned. Its convolutions learn what naming *and* correcting need, and since RoIs
# share features, it sees far more of them in the same time. The loose boxes show at
# AP75, too. The whole of R-CNN, with its SVMs and regressors, is the stronger rival: at
# an IoU of 0.5 it is behind, at stricter thresholds it may be level or ahead, for its
# crops show every region at full size.
#
# ## The price of an image
#
# **Guess before you run:** the proposals are given. How many times faster is Fast
# R-CNN? And how does the ratio change with the number of proposals, and with larger
# images?


# %%
def network_ms(model, picture, boxes):
    picture, boxes = picture[None].to(device), boxes.to(device)
    return median_ms(lambda: model.predict(picture, [boxes]), repeats)


some = test[: 5 if budget != "smoke" else 1]
per_image = {"R-CNN": [], "Fast R-CNN": []}
for picture, each in some:
    for name, model in (("R-CNN", rcnn), ("Fast R-CNN", detector)):
        per_image[name].append(network_ms(model, picture, each["proposals"]))
network = {name: median(times) for name, times in per_image.items()}
ratio = network["R-CNN"] / network["Fast R-CNN"]
for name, milliseconds in network.items():
    print(f"{name:>10}: {milliseconds:6.1f} ms per image, proposals given")
given_image = picture[None].to(device), [each["proposals"].to(device)]
work = {
    name: count_multiply_adds(partial(model.predict, *given_image))
    for name, model in (("R-CNN", rcnn), ("Fast R-CNN", detector))
}
for name, count in work.items():
    print(f"{name:>10}: {count / 1e6:6.0f} million multiply-adds for the last image")
work_ratio = work["R-CNN"] / work["Fast R-CNN"]
print(f"{ratio:.0f} times as fast, with 1 / {work_ratio:.0f} of the work")
assert work_ratio >= 7, work_ratio


# %%
def ratio_of(side, number=None):
    """How many times faster Fast R-CNN is, and with how many proposals.

    With `number` proposals repeated from our scene, or with those that selective search
    finds in a scene rendered with so many pixels a side.
    """
    if number is None:
        scene, _ = Tabletop(4, split="test", truth=(), size=side)[3]
        picture = scene.as_subclass(Tensor)
        boxes = selective_search(picture, **search)
    else:
        picture = F.interpolate(image[None], size=(side, side), mode="bilinear")[0]
        boxes = proposals.repeat(5, 1)[:number] * (side / 128)
    slow, fast = (network_ms(model, picture, boxes) for model in (rcnn, detector))
    return slow / fast, len(boxes)


numbers, sides = (25, 100, 400), (96, 160, 256)
if budget == "smoke":
    numbers, sides = (25,), (96,)
by_number = [ratio_of(128, number)[0] for number in numbers]
as_found = [ratio_of(side) for side in sides]
found_there = [count for _, count in as_found]
by_side = {
    "200 proposals": [ratio_of(side, 200)[0] for side in sides],
    "as many as are found": [value for value, _ in as_found],
}

# %%
fig, axes = new_figure(1, 2, width=8, height=3)
draw_curves(
    axes[0],
    {"image of 128 x 128": (list(map(float, numbers)), by_number)},
    x_label="proposals",
)
lines = {name: (list(map(float, sides)), values) for name, values in by_side.items()}
draw_curves(axes[1], lines, x_label="side of the image")
for ax in axes:
    ax.set(ylim=(0, None), ylabel="ratio of times")
show(
    fig,
    alt="Left, the ratio of the times of R-CNN and Fast R-CNN over the number of "
    "proposals: it rises. Right, over the side of the image, for a fixed number of "
    "proposals and, higher in large images, for as many as are found.",
)
for count, value in zip(numbers, by_number, strict=True):
    print(f"128 x 128, {count} proposals: {value:.1f} times as fast")
for side, count, *both in zip(sides, found_there, *by_side.values(), strict=True):
    print(f"{side} x {side}: {both[0]:.1f} times with 200 proposals, ", end="")
    print(f"{both[1]:.1f} with the {count} that are found")

# %% [markdown]
# More proposals, more gain: each costs R-CNN a pass, and Fast R-CNN a few lookups and
# two layers. A larger image alone gains nothing: R-CNN warps every crop to the same
# size and hardly notices, while the one pass of Fast R-CNN grows with the pixels. But
# in a larger image, more proposals are found. The paper had 2,000 of them, and each
# crop was 224 x 224 pixels for the network.
#
# Now the same for the work: what share has the backbone, in ours?


# %%
def parts_of(model, size, count):
    channels = model.backbone.out_channels
    picture = torch.zeros(1, 3, size, size, device=device)
    region = torch.zeros(1, channels, 7, 7, device=device)
    shared = count_multiply_adds(partial(model.backbone, picture))
    return shared, count * count_multiply_adds(
        partial(model.roi_heads.box_head, region)
    )


for count in (50, len(proposals)):
    shared, heads = parts_of(detector, 128, count)
    print(
        f"{count} RoIs: backbone {shared / 1e6:.0f} million, head {heads / 1e6:.0f}, "
    )
    print(f"    backbone {shared / (shared + heads):.0%}")

# %% [markdown]
# ## Where the time goes now
#
# All this was with proposals given. Put them back.
#
# **Guess:** of an image's time, which share does the network take now?

# %%
from course_utils.draw import show_parts

ms_proposals = median_ms(lambda: selective_search(image, **search), repeats)
ms_pooling = median_ms(lambda: roi_pool(features, rois, **settings), 5)
with torch.no_grad():
    ms_backbone = median_ms(lambda: detector.backbone(image[None].to(device)), 5)
ms_fast = network_ms(detector, image, proposals)
ms_slow = network_ms(rcnn, image, proposals)
show_parts(
    {
        "R-CNN": {"proposals": ms_proposals, "a pass a proposal": ms_slow},
        "Fast R-CNN": {
            "proposals": ms_proposals,
            "backbone": ms_backbone,
            "RoI pooling": ms_pooling,
            "head, suppression": max(ms_fast - ms_backbone - ms_pooling, 0),
        },
    },
    unit="ms for one image",
    alt="Two bars. R-CNN's consists mostly of its passes; Fast R-CNN's mostly of "
    "the proposals.",
)
whole_slow, whole_fast = ms_proposals + ms_slow, ms_proposals + ms_fast
print(f"R-CNN {whole_slow:.0f} ms, of which proposals {ms_proposals / whole_slow:.0%}")
share = ms_proposals / whole_fast
print(f"Fast R-CNN {whole_fast:.0f} ms, of which proposals {share:.0%}")
print(f"with proposals {whole_slow / whole_fast:.1f} times as fast, ", end="")
print(f"without {ms_slow / ms_fast:.0f} times")

# %% [markdown]
# The network is no longer the problem. Selective search is, and no better network can
# help. So the next step is plain: proposals, too, must come from the features that are
# there anyway. That is Faster R-CNN, in lesson 04.
#
# ## What the papers measured
#
# VGG-16, Pascal VOC 2007, on one GPU of 2014. The ratios are computed here, from the
# times beside them.

# %%
hours, seconds = {"R-CNN": 84, "Fast R-CNN": 9.5}, {"R-CNN": 47, "Fast R-CNN": 0.32}
with_proposals = {"R-CNN": 50, "Fast R-CNN": 2}
mean_ap = {"R-CNN": 66.0, "Fast R-CNN": 66.9, "Fast R-CNN, trained on 07+12": 70.0}
for name, unit, pair in [
    ("training", "h", hours),
    ("an image, proposals given", "s", seconds),
    ("an image, with proposals", "s", with_proposals),
]:
    slow, fast = pair.values()
    print(f"{name}: {slow} -> {fast} {unit}, {slow / fast:.1f} times as fast")
print("mAP:", ", ".join(f"{name} {value}" for name, value in mean_ap.items()))
split = {"convolutions": 146, "proposals": 1510, "regions": 174}
total = sum(split.values())
shares = ", ".join(f"{name} {ms / total:.0%}" for name, ms in split.items())
print(f"one image in {total} ms: {shares}")
assert total == 1830

# %% [markdown]
# Four figures that slides often get wrong:
#
# - **"Fast R-CNN takes 2.3 s an image."** The network takes a third of a second; the
#   rest is selective search. SPP-net's network alone takes 2.3 s, which may be where
#   the number comes from. Always ask what is included.
# - **"R-CNN takes 20 s."** Sources differ, since their networks and machines do: 47 s
#   with VGG-16, 9.8 s with AlexNet on the same GPU, 13 s in the first paper.
# - **"Faster R-CNN: 66.9 mAP."** That is Fast R-CNN. Faster R-CNN has 69.9, and 73.2
#   with more training data.
# - **The background's IoU in [0.1, 0.5].** As you saw, 0.5 itself is an object.

# %%
published = {  # seconds an image: network alone, with proposals
    "R-CNN": (47.0, 50.0),
    "SPP-net": (2.3, 4.3),
    "Fast R-CNN": (0.32, 2.0),
}
for name, (alone, whole) in published.items():
    print(f"{name:>10}: {alone:5.2f} s, with proposals {whole:4.1f} s, ", end="")
    print(f"{(whole - alone) / whole:.0%} of it not the network")
for name, value in {"VGG-16": 47.0, "AlexNet": 9.8, "first paper": 13}.items():
    print(f"R-CNN, {name}: {value} s")
for name, value in {"Fast R-CNN": 66.9, "Faster R-CNN": 69.9, "on 07+12": 73.2}.items():
    print(f"{name}: {value} mAP")

# %% [markdown]
# ## A cheaper head: truncated SVD
#
# With many RoIs the fully connected layers cost most, as you counted. But their weights
# are redundant. Write the matrix as a sum of simple ones, most important first (the
# singular value decomposition), and stop after t of them. One layer of u x v weights
# becomes two thin ones with t(u + v).
#
# **Guess:** how many of the 128 singular values of our first layer can go before the
# result of the layer is off by a tenth?


# %%
def truncated(layer, t):
    u, s, v = torch.linalg.svd(layer.weight.detach(), full_matrices=False)
    thin = nn.Linear(layer.in_features, t, bias=False)
    thick = nn.Linear(t, layer.out_features)
    thin.weight.data, thick.weight.data = s[:t, None] * v[:t], u[:, :t].contiguous()
    thick.bias.data = layer.bias.detach()
    return nn.Sequential(thin, thick)


fc6 = detector.roi_heads.box_head.fc6.cpu()
with torch.no_grad():
    maps = detector.backbone(image[None].to(device)).cpu()
    inputs = roi_pool(maps, rois, **settings).flatten(1)
    right = fc6(inputs)
    ranks, errors = (1, 2, 4, 8, 16, 32, 64, 96, 128), []
    for t in ranks:
        answer = truncated(fc6, t)(inputs)
        errors.append(((answer - right).norm() / right.norm()).item())
in_, out = fc6.in_features, fc6.out_features
for t, error in zip(ranks, errors, strict=True):
    print(f"t = {t:>3}: {t * (in_ + out) / (in_ * out):6.1%} of the weights, ", end="")
    print(f"error {error:.5f}")
spectrum = torch.linalg.svdvals(fc6.weight.detach())
left_out = [float(spectrum[t:].norm()) for t in ranks]
assert left_out == sorted(left_out, reverse=True)
assert errors[-1] < 1e-5
fc6.to(device)
for name, u, v, t in (("fc6", 25088, 4096, 1024), ("fc7", 4096, 4096, 256)):
    print(f"{name} of VGG-16 with t = {t}: {t * (u + v) / (u * v):.0%} of the weights")

# %% [markdown]
# With all of them the layer is what it was. In the matrix itself, the error falls with
# every value that is kept; that is what the decomposition promises. The paper kept
# 1,024 and 256 of its two layers' 4,096, lost 0.3 points of mAP, and saved over 30 % of
# the time. Since it is the layer for *each region* that becomes cheaper, R-CNN would
# have gained little.
#
# Keep the numbers for the table of lesson 04.

# %%
from course_utils.training import write_row

row = write_row(
    "Fast R-CNN",
    budget,
    figures=figures,
    ms_per_image=whole_fast,
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in detector.parameters()),
    ms_proposals=ms_proposals,
    ms_network=ms_fast,
    test_scenes=len(test),
    side=test[0][0].shape[-1],
)
print({name: row[name] for name in ("system", "AP50", "parameters")})

# %%
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap50_rcnn=rcnn_figures["AP50"],
    ms_per_image=whole_fast,
    ms_proposals=ms_proposals,
    ms_network=ms_fast,
    times_faster_than_rcnn=ratio,
    times_faster_with_proposals=whole_slow / whole_fast,
    pooling_against_torchvision=pool_times["ours"] / pool_times["torchvision"],
)

# %% [markdown]
# ## Three questions to think about
#
# **1.** Which parts of R-CNN, Fast R-CNN and lesson 01's detector learn from data: what
# proposes boxes, what computes features, what names them?
#
# <details><summary>Answer</summary>
#
# Fast R-CNN: proposals by selective search, which learns nothing; features and classes
# by one CNN, learned together. R-CNN: the same search; features by a CNN, and classes
# by SVMs on top, learned apart. Sliding windows: a fixed grid of boxes, with features
# and classes by one CNN. In all three, nothing learns where to look.
#
# </details>
#
# **2.** A RoI of 6 x 6 cells is pooled to 7 x 7. Is any bin empty? And what does the
# gradient do?
#
# <details><summary>Answer</summary>
#
# No bin is empty: rounding down at the start and up at the end leaves at least one
# cell. But bins share cells, so a cell can be the maximum of several bins, and gets the
# sum of their gradients. Empty bins come from RoIs that reach out of the map.
#
# </details>
#
# **3.** Why does R-CNN gain from drawing its crops from many images, while Fast R-CNN
# takes 64 RoIs from each of two?
#
# <details><summary>Answer</summary>
#
# Crops from many images are more varied, which helps every step. R-CNN pays for each
# crop whatever image it is from, so variety is free. Fast R-CNN pays for each *image*:
# 128 RoIs from 128 images would need 128 passes, about 64 times the work. That RoIs of
# an image resemble each other turned out not to hurt.
#
# </details>
