# %% [markdown]
# # 06. SSD
#
# **YOLO asks one coarse grid for everything. Where should a small thing be found?**
#
# So far there are two kinds of detectors in this course. Faster R-CNN tries thousands
# of anchors and then looks at the good ones again: accurate, in two stages. YOLO
# answers in one pass, from a grid of 7 x 7 cells with two boxes each: fast, and weak
# where things are small or close together.
#
# SSD, the *single shot multibox detector* (Liu et al. 2016), takes the best of both. It
# is an RPN that names classes at once, and it asks not one map but several, from fine
# to coarse. Small things are found on fine maps, large ones on coarse maps.
#
# You will count and draw its boxes, match them, see which of thousands of easy answers
# are worth learning from, cut images up without hurting their boxes, train an SSD, and
# at the end put all detectors of the course into one table.

# %%
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.tabletop import CLASS_NAMES, Tabletop, load_scenes
from course_utils.draw import draw_boxes, draw_image, draw_parts, new_figure, show
from course_utils.draw import show_curves, show_images, show_losses
from course_utils.ops.boxes import box_iou

# %% [markdown]
# The settings of this lesson. The code is the same for each budget; only these numbers
# differ.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, start_lesson

budget = choose_budget()
scenes, test_scenes, side, widths, steps, short_steps = {
    "smoke": (16, 4, 128, (8, 16, 24, 32, 32), 4, 2),
    "laptop": (1500, 60, 128, (24, 48, 96, 128, 128), 1500, 160),
    "gpu": (4000, 500, 256, (64, 128, 256, 256, 256), 6000, 1000),
}[budget]
device = choose_device()
watch = start_lesson("06_ssd", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# ## Default boxes
#
# SSD calls its anchors **default boxes**, or priors. Three things differ from lesson
# 04's:
#
# - They stand in the *middle* of a cell, not in its corner.
# - Their sides are *fractions* of the image, since SSD scales every image to 300 x 300.
# - Their ratio is width over height, not height over width.
#
# The boxes of one cell: a square of the map's scale s; a larger square, on the way to
# the scale of the next map; and for each ratio a a box of width s √a and height s / √a,
# and the same one turned.
#
# **On paper:** an image of 24 x 24 pixels, a map of 3 x 3 cells. The scale is 1/3, that
# of the next map would be 4/3, and the only ratio is 4. How many boxes are there? What
# are the corners of the very last one?

# %% tags=["show"]
from course_utils.ops.default_boxes import box_shapes, cell_centres, map_default_boxes

# %%
shapes = box_shapes(1 / 3, 4 / 3, ratios=(4,))
toy = map_default_boxes(shapes, map_size=(3, 3), image_size=(24, 24))
for (w, h), name in zip(
    (24 * shapes).tolist(), ("square", "larger square", "wide", "high"), strict=True
):
    print(f"{name:>13}: {w:4.1f} x {h:4.1f}, area {w * h:5.1f}, ratio {w / h:.2f}")
print(f"3 x 3 cells x {len(shapes)} boxes = {len(toy)}")
print("the last one:", [round(number) for number in toy[-1].tolist()])
assert toy[-1].round().tolist() == [18, 12, 22, 28]

# %% [markdown]
# The second square lies between two scales, at the geometric mean √(1/3 · 4/3) = 2/3 of
# the image. The wide and the high box have the area of the first square. And the last
# box belongs to the last cell: its centre is (20, 20), two and a half cells of 8 pixels
# in both directions. It reaches out of the image, and may.

# %%
fig, axes = new_figure(1, 2, width=6, height=2.9)
centres = cell_centres((3, 3), (24, 24), None)
for ax, title in zip(axes, ("the middle cell", "the last cell"), strict=True):
    draw_image(ax, torch.full((3, 24, 24), 0.9), title=title)
    ax.set(xlim=(-3, 30), ylim=(30, -3), xticks=range(0, 25, 8), yticks=range(0, 25, 8))
    ax.grid(visible=True)
    ax.plot(*centres.T, "k.")
for index in range(4):
    draw_boxes(axes[0], toy[16 + index][None], index=index, linewidth=1.5)
    draw_boxes(axes[1], toy[32 + index][None], index=index, linewidth=1.5)
show(
    fig,
    alt="An image of 3 x 3 cells with a dot in the middle of each. Left: four boxes "
    "about the middle cell, a small and a larger square, a wide and a high box. Right: "
    "the same four about the last cell, some of them reaching out of the image.",
    caption="Grey: the image. Lines: its cells. Dots: where the boxes stand.",
)

# %% [markdown]
# Now the real thing. SSD300 has six maps, from 38 x 38 cells down to a single one. The
# finest map and the two coarsest leave out the ratios 3 and 1/3.
#
# **Guess:** YOLO has 7 x 7 x 2 = 98 boxes. How many has SSD300? Which of its maps has
# most of them?

# %%
from course_utils.ops.default_boxes import SSD300_MAPS, SSD300_RATIOS, SSD300_SCALES
from course_utils.ops.default_boxes import SSD300_STRIDES, default_boxes

photo_size = (300, 300)
squares = [(cells, cells) for cells in SSD300_MAPS]
ssd300 = default_boxes(squares, photo_size, strides=SSD300_STRIDES)
counts = []
for cells, wide in zip(SSD300_MAPS, SSD300_RATIOS, strict=True):
    a_cell = 2 + 2 * len(wide)
    counts.append(cells * cells * a_cell)
    print(f"{cells:>2} x {cells:>2} cells x {a_cell} boxes = {counts[-1]:>5,}")
print(f"{'in all':>19} = {sum(counts):,}")
assert counts == [5776, 2166, 600, 150, 36, 4]
assert len(ssd300) == sum(counts) == 8732

# %% [markdown]
# Two thirds are those of the finest map. Here are the boxes of one cell of each map.

# %%
picture, _ = Tabletop(7, split="test", size=300, truth=())[6]
fig, axes = new_figure(2, 3, width=5.2, height=4)
for ax, cells, of_map in zip(axes, SSD300_MAPS, ssd300.split(counts), strict=True):
    middle = of_map.view(cells, cells, -1, 4)[cells // 2, cells // 2]
    draw_image(ax, picture, title=f"{cells} x {cells}")
    for index, box in enumerate(middle):
        draw_boxes(ax, box[None], index=(0, 2, 3)[index // 2], linewidth=1)
    ax.set(xlim=(-38, 338), ylim=(338, -38))
    ax.set_axis_off()
show(
    fig,
    alt="A scene six times, each with the default boxes of a cell near the middle: "
    "tiny ones of 30 pixels on the finest map, boxes of about the whole image on the "
    "coarsest.",
    caption="Red: the two squares. Blue: ratios 2 and 1/2. Green: 3 and 1/3.",
)

# %% [markdown]
# And torchvision's generator, from the same numbers?

# %%
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList


def torchvision_boxes(**settings):
    ratios = [list(wide) for wide in SSD300_RATIOS]
    steps = list(SSD300_STRIDES)
    generator = DefaultBoxGenerator(ratios, steps=steps, **settings)
    photos = ImageList(torch.zeros(1, 3, *photo_size), [photo_size])
    return generator(photos, [torch.zeros(1, 1, *size) for size in squares])[0]


theirs = torchvision_boxes(scales=list(SSD300_SCALES), clip=False)
clipped = torchvision_boxes(scales=list(SSD300_SCALES))
print(f"largest difference: {(ssd300 - theirs).abs().max():.1e} pixels")
changed = ((clipped - theirs).abs() > 1e-3).any(dim=1).sum()
print(f"boxes that torchvision's default clip=True changes: {changed}")
print(f"boxes that leave the image: {(theirs != theirs.clamp(0, 300)).any(1).sum():,}")
assert torch.allclose(ssd300, theirs, atol=1e-4)

# %% [markdown]
# The same boxes in the same order. Only the word `clip` misleads: torchvision shortens
# *sides* that are longer than the image. No box is moved inside, and many still reach
# out.
#
# `strides` is a detail of the released program. In the paper, 38 cells share the 300
# pixels; in the program, centres are 8 pixels apart. Where is the last one?

# %%
for name, stride in {"paper": None, "program": 8}.items():
    first, *_, last = cell_centres((38, 38), photo_size, stride)[:38, 0].tolist()
    print(f"{name:>7}: the first centre at {first:.2f}, the last at {last:.2f}")

# %% [markdown]
# On the very border of the image: 300 is no multiple of 8, and the last cell of VGG's
# map reaches over the edge.
#
# ### How many numbers?
#
# The finest map of SSD300, called conv4_3, has 38 x 38 cells of 512 numbers. A 3 x 3
# convolution gives for each of its boxes four numbers of position and a score for each
# of 21 classes: the 20 of Pascal VOC and the background.
#
# **On paper:** how many numbers come out of this one map?

# %%
numbers = 38 * 38 * 4 * (21 + 4)
head = torch.nn.Conv2d(512, 4 * (21 + 4), 3, padding=1, device="meta")
shape = head(torch.zeros(1, 512, 38, 38, device="meta")).shape
print(f"38 x 38 x 4 x (21 + 4) = {numbers:,}; the convolution's output: {tuple(shape)}")
print(
    f"boxes of this map: {38 * 38 * 4:,}; YOLO's whole output: {7 * 7 * 30:,} numbers"
)
assert numbers == shape.numel() == 144_400
weights = sum(weight.numel() for weight in head.parameters())
yolo_weights = (7 * 7 * 1024 + 1) * 4096 + (4096 + 1) * 7 * 7 * 30
print(f"weights behind them: {weights:,}; YOLO's two last layers: {yolo_weights:,}")

# %% [markdown]
# A hundred times as many numbers as YOLO's whole output, from a fraction of the
# weights. YOLO ends in fully connected layers, which have a weight for each pair of
# input and output. A convolution uses the same weights in every cell, however many
# there are.
#
# There is a slide that explains "YOLO and SSD" in one picture: a grid of 7 x 7 cells,
# B = 3 base boxes in each, five numbers a box (dx, dy, dh, dw, confidence), scores of C
# classes with the background, and so an output of 7 x 7 x (5B + C).
#
# **Guess:** which of the two is it?

# %%
B, C = 3, 20  # boxes of a cell; classes without the background
print(f"YOLO v1: 7 x 7 x (5B + C)       = {7 * 7 * (5 * B + C):,}")
print(f"SSD:     7 x 7 x B (C + 1 + 4)  = {7 * 7 * B * (C + 1 + 4):,}")
print(f"slide:   7 x 7 x (5B + (C + 1)) = {7 * 7 * (5 * B + C + 1):,}")

# %% [markdown]
# Neither. YOLO v1 has no base boxes and no background; its classes belong to the cell.
# SSD has base boxes and a background, and no confidence: each box has class scores of
# its own, and "background" is one of them.
#
# ## Scales
#
# Which scales should the maps have? The paper spaces them evenly, for m maps:
#
# $$s_k = s_{min} + \frac{s_{max} - s_{min}}{m - 1} (k - 1), \qquad k = 1 \ldots m$$
#
# with s_min = 0.2 and s_max = 0.9. **On paper:** what are the six scales for m = 6?

# %% tags=["show"]
from course_utils.ops.default_boxes import default_box_scales

# %%
formula = default_box_scales(6)
print("the formula with m = 6:", " ".join(f"{scale:.2f}" for scale in formula))
assert [round(scale, 2) for scale in formula] == [0.2, 0.34, 0.48, 0.62, 0.76, 0.9]

# %% [markdown]
# Slides stop here: "scales 0.2 to 0.9 on all six maps". Now look at the boxes above
# again. On a photograph of 300 pixels, a scale of 0.2 is 60 pixels, and the smallest
# boxes of SSD300 have 30. The paper says why in a sentence that the slides lose: for
# conv4_3 the scale is 0.1, and the formula is for the *other five* maps.
#
# The released program does this in whole percents. Let us do as it does.

# %%
step = (90 - 20) // (5 - 1)  # whole percents: 17, where the formula has 17.5
percents = [10, *range(20, 91, step)]
released = [3 * percent for percent in percents]  # pixels of 300
print(f"a step of {step} %; scales {percents} % of the image")
print("in pixels:", released, "and the next would be", 3 * (percents[-1] + step))
print("the library's:", [round(300 * scale) for scale in SSD300_SCALES])
assert [*released, 315] == [round(300 * scale) for scale in SSD300_SCALES]
exact = [0.1, *default_box_scales(5)]
print("the paper's: ", [round(300 * scale, 1) for scale in exact])

# %%
coco = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87)  # torchvision's ssd300_vgg16
lines = {"slides: formula on six": formula, "released": SSD300_SCALES[:6]}
lines["torchvision, for COCO"] = coco
show_curves(
    {
        name: (range(1, 7), [300 * scale for scale in scales])
        for name, scales in lines.items()
    },
    x_label="map, from fine to coarse",
    y_label="scale in pixels of 300",
    is_legend_beside=True,
    width=6,
    height=2.6,
    alt="Three rising lines over six maps. The slides' starts at 60 pixels, the "
    "released one at 30, torchvision's at 21.",
)

# %% [markdown]
# A factor of two on the finest map, the one for small things. torchvision's weights are
# trained on COCO, where things are smaller, and start even lower.
#
# ### Five ratios
#
# The same slides write "5 non-square aspect ratios {1, 2, 3, 1/2, 1/3}". **Guess:**
# what is wrong with that?

# %%
ratios = (1, 2, 3, 1 / 2, 1 / 3)
s, following = SSD300_SCALES[1:3]
print(f"non-square: {sum(ratio != 1 for ratio in ratios)} of {len(ratios)}")
for ratio in ratios:
    w, h = s * math.sqrt(ratio), s / math.sqrt(ratio)
    print(f"a = {ratio:.2f}: {300 * w:6.1f} x {300 * h:5.1f} pixels, w h = {w * h:.3f}")
extra = math.sqrt(s * following)
print(f"and a square of {300 * extra:.1f}, between {300 * s:.0f} and ", end="")
print(f"{300 * following:.0f}: {len(ratios) + 1} boxes a cell")
assert len(box_shapes(s, following, (2, 3))) == len(ratios) + 1 == 6

# %% [markdown]
# One of the five is the square: there are four that are not. With the second square
# that makes six boxes, or four where 3 and 1/3 are left out. All but the second square
# have the same area, s².
#
# ## Which map finds what?
#
# Why several maps at all? Take two maps of one scale each, 8 x 8 cells with small boxes
# and 4 x 4 cells with large ones, and a scene with a small and a large thing. A box can
# answer for a thing only if it overlaps it well, say with an IoU of at least 0.5.
#
# **Guess:** how many boxes of each map overlap the large thing that well? And the small
# one?


# %%
def sizes_of(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()


learn = load_scenes(scenes, "train", size=side)
test = load_scenes(test_scenes, "test", size=side)
image, target = test[3]
truth, scene_size = target["boxes"], (side, side)
order = sizes_of(truth).argsort()
two = {"small": truth[order[:1]], "large": truth[order[-1:]]}

# %%
pair = {
    "8 x 8": default_boxes([(8, 8)], scene_size, scales=(0.2, 0.4), ratios=[[2]]),
    "4 x 4": default_boxes([(4, 4)], scene_size, scales=(0.4, 0.6), ratios=[[2]]),
}
matched = {
    (name, thing): boxes[box_iou(box, boxes)[0] >= 0.5]
    for name, boxes in pair.items()
    for thing, box in two.items()
}
for thing, box in two.items():
    found = ", ".join(f"{len(matched[name, thing])} of {name}" for name in pair)
    print(f"{thing}, {sizes_of(box).item():.0f} pixels: boxes that fit: {found}")

# %%
fig, axes = new_figure(1, 2, width=5.2, height=2.8)
for ax, name, count in zip(axes, pair, (8, 4), strict=True):
    draw_image(ax, image, title=name, ticks=False)
    lines = [side * number / count for number in range(1, count)]
    ax.vlines(lines, 0, side, colors="white", linewidth=0.6)
    ax.hlines(lines, 0, side, colors="white", linewidth=0.6)
    for thing, box in two.items():
        draw_boxes(ax, matched[name, thing], index=0, linewidth=1)
        draw_boxes(ax, box, index=3, linewidth=1.5)
show(
    fig,
    alt="The scene with a grid of 8 x 8 cells and one of 4 x 4. On the fine grid a box "
    "fits the small thing and none the large one; on the coarse grid some boxes fit "
    "the large thing and none the small one.",
    caption="Green and dotted: the two things. Red: default boxes that fit them.",
)
assert len(matched["8 x 8", "small"]) > len(matched["4 x 4", "small"]) == 0
assert len(matched["4 x 4", "large"]) > len(matched["8 x 8", "large"]) == 0

# %% [markdown]
# The large thing matches on the coarse map only, and the small one on the fine map
# only. (The paper shows the same with a dog and a cat.) Nobody has to decide which map
# is to find what: the overlap decides.
#
# But could the fine map not have large boxes, too? It could. Then look at what a cell
# of each map *sees*. We ask the derivative, as in lesson 04, of the small network that
# we will train: how many pixels does a cell read at all, and how many hold nine tenths
# of its attention?

# %%
from course_utils.models.backbones import Backbone
from course_utils.models.ssd import LastMaps


def make_backbone():
    torch.manual_seed(0)  # so that all models of this lesson start alike
    return LastMaps(Backbone(widths))


def seen_by(backbone, which, size=512):
    probe = torch.zeros(1, 3, size, size, requires_grad=True)
    cells = backbone(probe)[which]
    cells[0, :, cells.shape[2] // 2, cells.shape[3] // 2].sum().backward()
    columns = probe.grad[0].abs().sum(dim=(0, 1))
    share = columns.cumsum(0) / columns.sum()
    return (columns > 0).sum(), ((share > 0.05) & (share < 0.95)).sum()


backbone = make_backbone().eval()
strides = backbone.strides
cells = [side // stride for stride in strides]
for which, stride in enumerate(strides):
    reads, most = seen_by(backbone, which)
    print(
        f"{cells[which]:>2} x {cells[which]:>2} cells, {stride:>2} pixels apart: each "
        f"reads {reads:>3} pixels, {most} for nine tenths"
    )

# %% [markdown]
# A cell of the finest map looks closely at a piece much smaller than our large things.
# It cannot tell how far they reach. Deep in the network, cells see enough, but there
# are few of them. So each map gets boxes of about the size that its cells see.
#
# ## Boxes for the tabletop
#
# The scales and ratios of our network, and how many boxes that makes:

# %%
scales, ratios = (0.18, 0.3, 0.45, 0.65), ((2,), (2,), (2,))


def boxes_of(scales):
    settings = zip(cells, pairwise(scales), ratios, strict=True)
    return [
        default_boxes([(number, number)], scene_size, scales=two, ratios=[wide])
        for number, two, wide in settings
    ]


for number, scale, own in zip(cells, scales, boxes_of(scales), strict=False):
    print(
        f"{number:>2} x {number:>2} cells x {len(own) // number**2} boxes = "
        f"{len(own):>5,}; scale {scale:.2f} = {scale * side:.0f} pixels"
    )
all_boxes = torch.cat(boxes_of(scales))
print(f"in all {len(all_boxes):,}")

# %% [markdown]
# Are they any good? Test it before training, as with lesson 04's anchors. For the
# things of each size: what share has a box of IoU 0.5? And how many such boxes does a
# thing have on each map? Once with our scales, once with those of the slides, 0.2 to
# 0.9 on all maps.
#
# **Guess:** which things suffer from the slides' scales, and which maps?


# %%
def fitting(of_map, targets):
    """Boxes of each map with IoU >= 0.5, for each thing: (things, maps)."""
    all_boxes, counts = torch.cat(of_map), [len(each) for each in of_map]
    fits = [box_iou(each["boxes"], all_boxes) >= 0.5 for each in targets]
    parts = torch.cat(fits).split(counts, dim=1)
    return torch.stack([part.sum(dim=1) for part in parts], dim=1)


targets = [each for _, each in learn]
sizes = sizes_of(torch.cat([each["boxes"] for each in targets])) * 128 / side
groups = {"below 20": sizes < 20, "20 to 32": (sizes >= 20) & (sizes < 32)}
groups |= {"32 to 44": (sizes >= 32) & (sizes < 44), "from 44": sizes >= 44}
slides = (*default_box_scales(len(cells)), 1.0)
fits = {"ours": fitting(boxes_of(scales), targets)}
fits["slides"] = fitting(boxes_of(slides), targets)
for name, group in groups.items():
    covered = [(each[group].sum(dim=1) > 0).double().mean() for each in fits.values()]
    print(
        f"{name} pixels, {group.sum():>4} things: ours cover {covered[0]:.0%}, "
        f"the slides' {covered[1]:.0%}"
    )
if budget != "smoke":
    small = groups["below 20"]
    shares = [(each[small].sum(dim=1) > 0).double().mean() for each in fits.values()]
    assert shares[0] > shares[1] + 0.1

# %%
fig, axes = new_figure(1, 2, width=7, height=2.5)
for ax, (name, counts_of) in zip(axes, fits.items(), strict=True):
    bars = {
        size: {
            f"{number} x {number}": counts_of[group, k].double().mean().item()
            for k, number in enumerate(cells)
        }
        for size, group in groups.items()
        if group.any()
    }
    draw_parts(ax, bars, unit="boxes that fit a thing", title=name)
    ax.get_legend().remove()
axes[0].set_ylabel("size in pixels")
fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
show(
    fig,
    alt="Bars of how many boxes fit a thing, by its size, parted by map. With our "
    "scales small things match on the fine map, large ones on the coarse maps. With "
    "the slides' nearly all but the largest match on the finest map alone.",
    caption="Default boxes with an IoU of 0.5 or more, a thing, by map.",
)

# %% [markdown]
# With the slides' scales, half of the smallest things have no box at all, and what is
# larger is crowded on the finest map, whose cells see too little. The coarsest map
# waits for things that do not exist here. So **scales belong to the data**: look at the
# sizes of your things first. With ours, the work is shared.
#
# Move through the boxes yourself: choose a map, and a place.

# %%
from course_utils.widgets import Choice, Slider, explore

by_place = {
    f"{number} x {number}": own.view(number, number, -1, 4)
    for number, own in zip(cells, boxes_of(scales), strict=True)
}


def draw_place(which, x, y):
    own = by_place[which]
    stride = side / len(own)
    row, column = int(y / stride), int(x / stride)
    iou = box_iou(truth, own[row, column]).amax(dim=0)  # of each box, its best
    title = f"row {row}, column {column}: best IoU {iou.max():.2f}"
    fig, (ax,) = new_figure(width=3.7, height=3.9)
    draw_image(ax, image, title=title)
    draw_boxes(ax, truth, index=3, linewidth=1.5)
    draw_boxes(ax, own[row, column][iou < 0.5], index=2, linewidth=1)
    draw_boxes(ax, own[row, column][iou >= 0.5], index=0)
    ax.plot((column + 0.5) * stride, (row + 0.5) * stride, "k+", markersize=10)
    ax.set(xlim=(-16, side + 16), ylim=(side + 16, -16))
    ax.set_axis_off()
    return fig


# %%
x, y = ((two["large"][0, :2] + two["large"][0, 2:]) / 2).long().tolist()
explore(
    draw_place,
    which=Choice(list(by_place), list(by_place)[-1], "map"),
    x=Slider(0, side - 1, 1, x, "x"),
    y=Slider(0, side - 1, 1, y, "y"),
    alt=lambda which, x, y: (
        f"The default boxes of the map {which} for the cell at x = {x}, y = {y}, over "
        "the scene, those that fit a thing in another colour. The title says how well."
    ),
    caption="Green and dotted: things. Blue: default boxes of the cell. Red: with an "
    "IoU of 0.5 or more with some thing.",
)
for which, own in by_place.items():
    row, column = y * len(own) // side, x * len(own) // side
    best = box_iou(two["large"], own[row, column]).max()
    print(f"in the middle of the large thing, map {which}: best IoU {best:.2f}")

# %% [markdown]
# ## Matching
#
# In training, each default box has to know its right answer: a class and four numbers,
# or "background". SSD's rule has two steps:
#
# 1. Each thing takes the default box that it overlaps **most**, however little that is.
# 2. Each other default box takes the thing that it overlaps most, if the IoU is at
#    least 0.5. (The paper writes "higher than 0.5"; its code, torchvision and we say
#    "at least".)
#
# What is left is background. **On paper:** three things, six default boxes. What does
# each box become?

# %%
iou = torch.tensor(
    [
        [0.62, 0.55, 0.20, 0.10, 0.00, 0.00],  # a chair
        [0.10, 0.52, 0.58, 0.48, 0.05, 0.00],  # a sphere beside it
        [0.00, 0.05, 0.10, 0.22, 0.31, 0.08],  # a small cone
    ]
)
words = {0: "chair", 1: "sphere", 2: "cone", -1: "background"}
for name, row in zip(words.values(), iou.tolist(), strict=False):
    print(f"{name:>6}: " + "  ".join(f"{value:.2f}" for value in row))

# %% tags=["show"]
from course_utils.models.ssd import match_default_boxes

# %%
from torchvision.models.detection._utils import SSDMatcher

from course_utils.ops.matching import match_anchors

first = torch.full((6,), -1)
first[iou.argmax(dim=1)] = torch.arange(3)
rows_of = {"step 1": first, "both steps": match_default_boxes(iou)}
rows_of["step 2 alone"] = match_anchors(iou, positive_iou=0.5, negative_iou=0.5)
for name, row in rows_of.items():
    print(f"{name:>12}: " + ", ".join(words[value] for value in row.tolist()))
assert torch.equal(match_default_boxes(iou), SSDMatcher(0.5)(iou))
print("torchvision's SSDMatcher agrees")

# %% [markdown]
# Box 1 overlaps both the chair and the sphere by half, and takes the better one. Box 3
# misses by 0.02 and is background: here nothing is *ignored*, as it was between 0.3 and
# 0.7 for the anchors of lesson 04. And without step 1, the cone would have no box.
#
# Three corners. **Guess each before you look:**
#
# 1. Thing 1 overlaps box 0 most, but box 0 overlaps thing 0 even more.
# 2. Two things overlap the same box most.
# 3. No box touches the thing.

# %%
corners = {
    "box 0 prefers thing 0": [[0.8, 0.9], [0.6, 0.1]],
    "the same best box": [[0.7, 0.2], [0.6, 0.1]],
    "touched by none": [[0.0, 0.0]],
}
anchors_rule = {"positive_iou": 0.5, "negative_iou": 0.5, "promote_best": True}
for name, values in corners.items():
    table = torch.tensor(values)
    print(
        f"{name:>21}: {match_default_boxes(table).tolist()}, torchvision "
        f"{SSDMatcher(0.5)(table).tolist()}, "
        f"by lesson 04's rule {match_anchors(table, **anchors_rule).tolist()}"
    )

# %% [markdown]
# 1. In SSD the *thing* decides: box 0 goes to thing 1. In lesson 04 the anchor decided,
#    and thing 1 stays without any.
# 2. The later thing gets the box, and thing 0 gets nothing, in torchvision and here.
#    The authors' program is more careful: it gives boxes away from the highest IoU
#    downwards, one to each thing, and a box that is taken is not given again.
# 3. With zeros all over, the "best" box is the first one. torchvision makes it answer
#    for a thing that it does not touch; we do not.
#
# The second case needs two things in nearly the same place. Does it ever happen here?

# %%
shared = alone = 0
for each in targets:
    overlap = box_iou(each["boxes"], all_boxes)
    shared += len(overlap) - len(overlap.argmax(dim=1).unique())
    alone += (overlap.amax(dim=1) < 0.5).sum().item()
print(f"{len(sizes):,} things: {shared} lose their best box to another one,")
print(f"{alone} have a box by the first step only, {alone / len(sizes):.1%}")

# %% [markdown]
# Not once in these scenes. And the first step is needed rarely, mostly for the smallest
# things. Now our scene, the two steps one after the other.

# %%
overlap = box_iou(truth, all_boxes)
match = match_default_boxes(overlap)
best = overlap.argmax(dim=1)
MAP_COLORS = (0, 2, 6)  # red, blue, black: from the finest map to the coarsest
stages = {"the best": best.unique(), "and IoU 0.5": (match >= 0).nonzero()[:, 0]}
ENDS = torch.tensor([0, *map(len, boxes_of(scales))]).cumsum(0)  # of each map
fig, axes = new_figure(1, 3, width=5.7, height=2.1)
draw_image(axes[0], image, title="things", ticks=False)
draw_boxes(axes[0], truth, index=3, linewidth=1.5)
for ax, (name, chosen) in zip(axes[1:], stages.items(), strict=True):
    draw_image(ax, image, title=f"{name}: {len(chosen)}", ticks=False)
    for k in range(len(cells)):
        here = chosen[(chosen >= ENDS[k]) & (chosen < ENDS[k + 1])]
        draw_boxes(ax, all_boxes[here], index=MAP_COLORS[k], linewidth=0.8)
        print(f"{name:>11}: {len(here):>2} of the map {cells[k]} x {cells[k]}")
show(
    fig,
    alt="The scene three times: its things; one default box for each thing; then "
    "several about each, those of one map in one colour.",
    caption="Red: finest map. Blue: middle one. Black: coarsest.",
)
print(f"background: {(match < 0).sum():,} of {len(match):,}")

# %% [markdown]
# ## Hard negatives
#
# **Guess:** about 25 boxes of the scene hold things, and more than a thousand are
# background. What does the network learn first, if all of them count?
#
# To say "background" always, as the RPN would have. Lesson 04 drew a fair sample at
# random. SSD does not draw: it takes the negatives that the network finds **hardest**,
# those with the highest loss if called background, and at most three for each positive.
# Most background is easy, floor and wall, and was learned long ago; the hard ones are
# half a chair, a shadow, or a box between two spheres.
#
# **On paper:** two images of eight boxes. The losses as background are given; a P marks
# boxes that hold things. At 3 : 1, which boxes are learned from as background?

# %%
losses_as_background = torch.tensor(
    [
        [4.0, 0.2, 1.5, 0.1, 0.9, 0.3, 2.1, 0.4],
        [3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.2, 0.1],
    ]
)
is_object = torch.tensor([[True] + 7 * [False], 8 * [False]])
for values, marks in zip(
    losses_as_background.tolist(), is_object.tolist(), strict=True
):
    pairs = zip(values, marks, strict=True)
    print("  ".join(f"{value:.1f}{'P' if known else ' '}" for value, known in pairs))

# %% tags=["show"]
from course_utils.models.ssd import hard_negatives, negative_counts

# %%
chosen = hard_negatives(losses_as_background, is_object)
for row in chosen:
    print("learned from as background:", row.nonzero().flatten().tolist())
assert chosen[0].nonzero().flatten().tolist() == [2, 4, 6]
assert not chosen[1].any()

# %% [markdown]
# One positive, so three negatives: boxes 6, 2 and 4. Box 0 costs more than any, but it
# holds a thing. The second image has no thing, and so no negatives, although box 1
# would be harder than most in the first. The authors' program counts **per image**.
# Over a whole batch, a few hard images could use up the negatives of all.
#
# What is "the loss as background"? The cross-entropy −log p(background), which needs
# all the scores. **Guess:** is it enough to look for the lowest score of background?

# %% tags=["show"]
from course_utils.models.ssd import background_loss

# %%
scores = torch.tensor([[2.0, 5.0, 0.0], [-1.0, -4.0, -4.0], [0.0, 1.0, 1.0]])
for row, loss in zip(scores.tolist(), background_loss(scores).tolist(), strict=True):
    print(f"scores {row}, the first is background's: loss {loss:.2f}")
assert (background_loss(scores).argmax(), scores[:, 0].argmin()) == (0, 1)

# %% [markdown]
# No: the second box has the lowest score of background, but its others are lower still,
# so it is the *easiest*. A score means something only beside the others. The same
# scores before the softmax would have misled us.

# %% [markdown]
# Where do the hard ones lie? The scene again, and our network, still untrained. We will
# look once more when it has learned.

# %%
from course_utils.models.ssd import SSD


def build(**changes):
    backbone = make_backbone()
    settings = {"num_classes": len(CLASS_NAMES), "scales": scales, "ratios": ratios}
    return SSD(backbone, **settings | changes).to(device)


def draw_negatives(ax, model, title):
    with torch.no_grad():
        logits = model(image[None].to(device)).logits.cpu()
    chosen = hard_negatives(background_loss(logits), (match >= 0)[None])[0]
    draw_image(ax, image, title=title, ticks=False)
    draw_boxes(ax, all_boxes[chosen][::3], index=0, linewidth=0.7)
    draw_boxes(ax, truth, index=3, linewidth=1.5)
    return chosen


def mean_overlap(chosen):
    return overlap[:, chosen].amax(dim=0).mean().item()


# %%
model = build()
fig, (ax,) = new_figure(width=2.2, height=2.4)
untrained = draw_negatives(ax, model, "untrained")
show(
    fig,
    alt="The scene with the hard negatives of an untrained network: boxes at random.",
    caption="Green and dotted: things. Red: every third hard negative.",
)
print(f"{(match >= 0).sum()} positives, {untrained.sum()} hard negatives")
print(f"their mean IoU with the nearest thing: {mean_overlap(untrained):.2f}; ", end="")
print(f"of all background: {mean_overlap(match < 0):.2f}")
assert untrained.sum() == 3 * (match >= 0).sum()

# %% [markdown]
# ## The loss
#
# $$L = \frac{1}{N} (L_{conf} + \alpha L_{loc})$$
#
# - L_conf is cross-entropy over all classes *and the background*, summed over the
#   matched boxes and the hard negatives.
# - L_loc is smooth L1 of the four numbers, summed over the matched boxes only.
# - N is the number of matched boxes of the batch, and α is 1.
#
# **Guess:** what is the loss of images without any thing? N is 0 then.

# %% tags=["show"]
from course_utils.models.ssd import ssd_losses


# %%
def losses_by_hand(logits, deltas, labels, goals, is_negative):
    conf = loc = 0.0
    goals = iter(goals)
    for z, delta, label, negative in zip(
        logits.flatten(0, 1),
        deltas.flatten(0, 1),
        labels.flatten(),
        is_negative.flatten(),
        strict=True,
    ):
        if label > 0 or negative:
            conf -= torch.log(z.exp()[label] / z.exp().sum())
        if label > 0:
            for error in (delta - next(goals)).abs():
                loc += 0.5 * error**2 if error < 1 else error - 0.5
    count = max(int((labels > 0).sum()), 1)
    return conf / count, loc / count


# %%
generator = torch.Generator().manual_seed(0)
logits, deltas = (torch.randn(2, 40, n, generator=generator) for n in (4, 4))
labels = torch.randint(1, 4, (2, 40), generator=generator)
labels = labels * (torch.rand(2, 40, generator=generator) < 0.2)
goals = torch.randn((labels > 0).sum(), 4, generator=generator)
negative = hard_negatives(background_loss(logits), labels > 0)
answers = logits, deltas, labels, goals, negative
by_function = ssd_losses(*answers)
for name, by_loop in zip(by_function, losses_by_hand(*answers), strict=True):
    print(f"{name}: {by_function[name]:.5f}, with a loop {by_loop:.5f}")
    assert abs(by_function[name] - by_loop) < 1e-4
none = torch.zeros_like(labels)
empty = ssd_losses(logits, deltas, none, goals[:0], none > 0)
print("without things:", {name: loss.item() for name, loss in empty.items()})

# %% [markdown]
# Without things the loss is 0, as the paper defines it; torchvision gets the same by
# dividing by at least 1. And the sum of the confidences has four summands for each
# matched box, but is divided by N, the number of matched boxes alone.
#
# The four numbers are those of lessons 02 to 04, shift and logarithm of the growth. The
# release divides them by 0.1, 0.1, 0.2 and 0.2 and calls these **variances**. They are
# not variances, but what the numbers' standard deviations should be. **Guess:** what
# for?

# %%
from course_utils.ops.boxes import encode_boxes

raw = []
for each in targets[:100]:
    own = match_default_boxes(box_iou(each["boxes"], all_boxes))
    raw.append(encode_boxes(each["boxes"][own[own >= 0]], all_boxes[own >= 0]))
raw = torch.cat(raw)
divided = raw / torch.tensor([0.1, 0.1, 0.2, 0.2])
for name, values in {"plain": raw, "divided": divided}.items():
    spread = ", ".join(f"{number:.2f}" for number in values.std(dim=0).tolist())
    small = (values.abs() < 1).double().mean()
    print(f"{name:>7}: spread of x, y, w, h: {spread}; {small:.0%} lie within 1")

# %% [markdown]
# The plain numbers spread by about 0.1 and 0.2, in our scenes too. Divided, they spread
# by about 1, and the loss of the boxes gets its say beside that of the classes. It is a
# matter of weight.
#
# ## The network
#
# A backbone, and on each of its maps one 3 x 3 convolution. That is all: no proposals,
# no pooling, no second look.

# %% tags=["show"]
from course_utils.models.ssd import SSDHead

# %%
with torch.no_grad():
    maps = model.backbone(image[None].to(device))
    outputs = [
        layer(each) for layer, each in zip(model.head.convolutions, maps, strict=True)
    ]
for each, output, wide in zip(maps, outputs, ratios, strict=True):
    count = 2 + 2 * len(wide)
    print(f"map {tuple(each.shape[1:])} -> {tuple(output.shape[1:])}: ", end="")
    print(f"{count} boxes x ({len(CLASS_NAMES)} classes + 4)")
with torch.no_grad():
    logits, deltas, own = model(image[None].to(device))
print("together:", tuple(logits.shape), tuple(deltas.shape), tuple(own.shape))
assert torch.allclose(own.cpu(), all_boxes)
for name, part in model.named_children():
    print(f"{name:>8}: {sum(w.numel() for w in part.parameters()):>9,} weights")

# %% [markdown]
# `flatten_map` is lesson 04's: it brings the answers of a map into the order of its
# boxes. Then the maps follow each other, from fine to coarse, as the boxes do.
#
# SSD300 has the same parts, larger: VGG-16, then more convolutions down to a map of one
# cell, and six heads. Its 8,732 boxes can be counted without computing anything, on the
# device "meta", where tensors have shapes and no numbers.

# %%
from course_utils.models.ssd import SSD300Backbone

paper = {"scales": SSD300_SCALES, "ratios": SSD300_RATIOS, "strides": SSD300_STRIDES}
with torch.device("meta"):
    large = SSD(SSD300Backbone(), num_classes=21, **paper)
    big_maps = large.backbone(torch.zeros(1, 3, *photo_size))
    big_logits, big_deltas = large.head(big_maps)
print("maps:", ", ".join("{} x {} x {}".format(*each.shape[1:]) for each in big_maps))
print(f"scores {tuple(big_logits.shape)}, deltas {tuple(big_deltas.shape)}")
print(f"{sum(w.numel() for w in large.parameters()):,} weights")
assert big_logits.shape == (1, 8732, 21)
assert large.head.convolutions[0](big_maps[0]).numel() == 144_400

# %% [markdown]
# One detail of it has no twin in ours. VGG has no batch normalisation, and the numbers
# of conv4_3 are much larger than those of deeper maps. So each cell's vector is divided
# by its length, and multiplied by a learned scale that starts at 20.

# %% tags=["show"]
from course_utils.models.ssd import L2Normalization

# %%
normalize = L2Normalization(maps[0].shape[1]).to(device)
with torch.no_grad():
    for name, each in {"our maps": maps, "100 times": [100 * x for x in maps]}.items():
        lengths = ", ".join(f"{x.norm(dim=1).mean():.1f}" for x in each)
        print(f"{name:>9}: lengths {lengths}; the first", end="")
        print(f" normalised {normalize(each[0]).norm(dim=1).mean():.1f}")

# %% [markdown]
# Whatever the scale of the features, the head gets vectors of length 20. Our network
# has batch normalisation in all its layers, and does without.
#
# Prediction is short, too. From the answers to detections:
#
# 1. softmax over the classes; leave the background's column out,
# 2. decode the boxes and clip them to the image,
# 3. for each class keep what scores above 0.01, at most 400 boxes,
# 4. suppress within each class at an IoU of 0.45,
# 5. keep the best 200 of all classes.

# %% tags=["show"]
from course_utils.ops.post_processing import best_of_each_class, first_of_each_class
from course_utils.ops.post_processing import select_detections

# %%
from course_utils.ops.boxes import clip_boxes, decode_boxes


@torch.no_grad()
def predict_by_hand(model, image):
    logits, deltas, starts = (each.cpu() for each in model(image[None].to(device)))
    moved = decode_boxes(deltas[0], starts, weights=(10, 10, 5, 5))
    return select_detections(
        clip_boxes(moved, side, side),
        logits[0].softmax(dim=1)[:, 1:],
        score_threshold=0.01,
        iou_threshold=0.45,
        candidates=400,
        max_detections=200,
    )


mine, theirs = predict_by_hand(model, image), model.predict(image[None].to(device))[0]
assert all(torch.allclose(mine[name], theirs[name].cpu()) for name in mine)
print(f"predict() does the same; untrained, it finds {len(mine['boxes'])} boxes")

# %% [markdown]
# ## Augmentation
#
# The paper's largest gain comes from no part of the network: without augmentation, the
# mAP of SSD300 on VOC 2007 is 8.8 points lower. A detector that learns fixed boxes on
# fixed maps needs things of *every* size at *every* place, and a data set of
# photographs has too few. So images are cut up, shrunk, mirrored and recoloured anew
# each time they are seen, and the boxes with them:
#
# - **patches**: a part of the image is blown up to its full size, so that things grow;
# - **expansion**: the image is laid on a larger grey one, so that things shrink;
# - **flips**, as in lesson 04;
# - **photometric distortion**: brightness, contrast, saturation and hue change.
#
# Patches and expansion are the same thing seen from two sides: a *window* is laid over
# the image, smaller or larger than it, and what it shows becomes the new image.

# %% tags=["show"]
from course_utils.training.augment.patches import look_through, targets_through

# %%
from course_utils.training.augment.patches import sample_patches, whole_images, zoom_out

whole = whole_images(image[None])
chance = torch.Generator().manual_seed(18)
windows = {
    "whole": whole,
    "a patch": sample_patches([truth], whole, chance, overlaps=[0.3]),
    "expanded": zoom_out(whole, chance, most=2),
}
seen = {
    name: (
        look_through(image[None], window)[0],
        targets_through([target], window, side, side)[0]["boxes"],
    )
    for name, window in windows.items()
}

# %%
fig, axes = new_figure(2, 3, width=4.6, height=3.4)
for above, below, (name, window) in zip(axes, axes[3:], windows.items(), strict=False):
    draw_image(above, image, title=name)
    draw_boxes(above, truth, index=3, linewidth=1.5)
    draw_boxes(above, window, index=0, linewidth=1.5)
    above.set(xlim=(-0.3 * side, 1.3 * side), ylim=(1.3 * side, -0.3 * side))
    above.set_axis_off()
    picture, boxes_seen = seen[name]
    draw_image(below, picture, title=f"things: {len(boxes_seen)}", ticks=False)
    draw_boxes(below, boxes_seen, index=3, linewidth=1.5)
show(
    fig,
    alt="Above, the scene with three windows: the whole image, a part of it, and one "
    "larger than the image. Below, what each shows: the scene; three of its things, "
    "larger; all things, smaller, on grey. The boxes lie on the things everywhere.",
    caption="Above: windows in red. Below: what they show, and the boxes moved along.",
)

# %% [markdown]
# A thing is kept if its **centre** lies in the window; its box is clipped to it. In the
# patch, the lower part of the red cylinder can still be seen, but its centre is
# outside: from now on it is background.
#
# Are the boxes right? Ask the masks. The scene's masks are images, too: look at them
# through the same windows, and box what can be seen. For things that lie wholly in the
# window, both must agree.

# %%
from torchvision.ops import masks_to_boxes

drawn, exact = Tabletop(4, split="test", size=side, truth=("masks",))[3]
masks = exact["masks"].as_subclass(Tensor).float()  # (things, H, W)
worst = 0.0
patches = sample_patches([truth] * 50, whole.repeat(50, 1), chance)
for window in patches:
    inside = ((truth[:, :2] >= window[:2]) & (truth[:, 2:] <= window[2:])).all(dim=1)
    if inside.any():
        views = window.expand(inside.sum(), 4)
        shown = look_through(masks[inside, None], views, fill=0.0)
        by_mask = masks_to_boxes(shown[:, 0] > 0.5) + torch.tensor([0, 0, 1, 1])
        whole_things = [{"boxes": truth[inside], "labels": target["labels"][inside]}]
        (moved,) = targets_through(whole_things, window[None], side, side)
        worst = max(worst, (moved["boxes"] - by_mask).abs().max().item())
print(f"50 patches: boxes and masks differ by {worst:.1f} pixels at most")
assert worst < 3

# %% [markdown]
# ### A *minimum* overlap
#
# Not any patch will do. One of floor only teaches nothing, and one that shows a tenth
# of a sphere teaches nonsense. So each patch must overlap *some* thing by at least a
# number drawn from 0.1, 0.3, 0.5, 0.7 and 0.9; or it may be any patch; or the image
# stays whole. Many slides write "a patch with overlap 0.1, 0.3, ...", as if that were
# its overlap.
#
# **Guess:** take patches with a *minimum* overlap of 0.1. What is their mean overlap?

# %% tags=["show"]
from course_utils.training.augment.patches import (
    patch_overlaps,
    random_patches,
    sample_patches,
)

# %%
some = [each["boxes"] for _, each in learn[:200]]
scene_of = torch.arange(len(some)).repeat_interleave(torch.tensor([*map(len, some)]))
tries = random_patches(whole.repeat(len(some), 1), 50, chance)  # (scenes, 50, 4)
best = patch_overlaps(torch.cat(some), scene_of, tries)  # (scenes, 50)
tried = {}
for least in (0.1, 0.3, 0.5, 0.7, 0.9):
    found = (best >= least).any(dim=1)
    first = (best >= least).int().argmax(dim=1, keepdim=True)
    tried[least] = best.gather(1, first)[found, 0]
    mean = f", mean overlap {tried[least].mean():.2f}" if found.any() else ""
    print(
        f"at least {least}: found in {found.double().mean():4.0%} of the scenes{mean}"
    )
    assert (tried[least] >= least).all()

# %% [markdown]
# The mean is far above the minimum: 0.1 is a floor, not a goal. And the higher minima
# can rarely be met here: a patch covers at least 0.09 of the image, as much as a large
# thing of ours. If none of 50 patches fits, one of the other choices is taken.
#
# A rule like this is worth a thousand tests: sizes, shapes, overlaps, and at least one
# thing in each patch.

# %%
many = [some[index % len(some)] for index in range(1000)]
windows = sample_patches(many, whole.repeat(1000, 1), chance, overlaps=[0.3])
width, height = ((windows[:, 2:] - windows[:, :2]) / side).unbind(1)
area, shape = width * height, width / height
held = [
    len(each["boxes"])
    for each in targets_through(
        [{"boxes": each, "labels": torch.ones(len(each)).long()} for each in many],
        windows,
        side,
        side,
    )
]
is_patch = (windows != whole).any(dim=1)

# %%
pairs = zip(many, windows, strict=True)
overlaps = torch.stack([box_iou(each, window[None]).max() for each, window in pairs])
least = overlaps[is_patch].min()
print(f"{is_patch.sum()} patches; the rest stay whole")
print(f"area: {area.min():.2f} to {area.max():.2f} of the image")
print(f"width over height: {shape.min():.2f} to {shape.max():.2f}")
print(f"least overlap: {least:.2f}; things held: {min(held)} to {max(held)}")
assert area.min() > 0.0899
assert shape.log2().abs().max() < 1.001
assert min(held) >= 1
assert least > 0.2999

# %% [markdown]
# Colours are changed without touching a box: each of four changes for one image in two.

# %% tags=["show"]
from course_utils.training.augment import distort_colors

# %% [markdown]
# All together, as training sees it. The paper expands up to four times, on images of
# 300 pixels; in ours of 128, things would become specks, so we stop at two. The upper
# row is what the data set holds:

# %%
from functools import partial

from course_utils.training.augment import augment_ssd

augment = partial(augment_ssd, most_zoom=2)
before = torch.stack([each for each, _ in learn[:5]])
after, moved = augment(before, targets[:5], torch.Generator().manual_seed(3))
show_images(
    [*before, *after],
    columns=5,
    targets=[{"boxes": each["boxes"]} for each in [*targets[:5], *moved]],
    width=5.5,
    alt="Five scenes, and below each the same scene after augmentation: blown up, "
    "shrunk on grey, mirrored, in other colours. The boxes lie on the things always.",
    caption="Above: before. Below: after. The boxes go with the things.",
)

# %%
chance = torch.Generator().manual_seed(0)
sizes_after = []
for start in range(0, min(len(learn), 400), 8):
    batch = learn[start : start + 8]
    _, changed = augment(
        torch.stack([x for x, _ in batch]), [y for _, y in batch], chance
    )
    sizes_after.append(torch.cat([sizes_of(each["boxes"]) for each in changed]))
spread = {"before": sizes, "after": torch.cat(sizes_after) * 128 / side}
show_curves(
    {
        name: (each.sort().values, torch.linspace(0, 1, len(each)))
        for name, each in spread.items()
    },
    x_label="size of a thing in pixels",
    y_label="share of the things",
    width=4.2,
    height=2.4,
    alt="Two rising curves of the sizes of things. After augmentation they spread much "
    "further, to smaller and to larger things.",
    caption="How many things are smaller than a size.",
)
for name, each in spread.items():
    shares = [
        f"{value:.0f}" for value in each.quantile(torch.tensor([0.05, 0.5, 0.95]))
    ]
    print(f"{name:>6}: 5 %, half, 95 % are smaller than {', '.join(shares)} pixels")

# %% [markdown]
# Things of all sizes, now. That has a price: the task becomes harder, with things that
# no test scene holds. When it is worth its price, we will measure.
#
# ## Training
#
# One loss, one network, from random weights. We have plenty of scenes, so flips will do
# for this run.

# %%
from course_utils.training import TrainingSettings, predict_all, train
from course_utils.training.augment import flip_half

settings = {"batch_size": 8, "optimizer": "adamw", "weight_decay": 1e-2, "lr": 2e-3}
settings |= {"device": device, "warmup_steps": 50, "augment": flip_half}
history = train(model, learn, TrainingSettings(steps=steps, seed=0, **settings))
print(f"{len(history)} steps in {history.seconds:.0f} s")

# %%
show_losses(
    history,
    alt="Two falling curves on a logarithmic axis: the classifier's loss and the "
    "boxes' loss.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at first, {values[-1]:.3f} at the end")

# %% [markdown]
# Both fall, steeply at first and then slowly. The classifier's loss will never look
# small: it is taken over the hardest background that there is, and the better the
# network, the fewer easy boxes are left in it. So measure on new scenes.

# %%
from course_utils.metrics.coco import evaluate_detections


test_targets = [each for _, each in test]
found = predict_all(model, test)
figures = evaluate_detections(found, test_targets, class_names=CLASS_NAMES)
for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium"):
    print(f"{name} {figures[name]:.3f}", end="  ")
print()
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
if budget != "smoke":
    assert figures["AP50"] >= 0.9, figures["AP50"]

# %%
show_images(
    [each for each, _ in test[2:4]],
    targets=[
        {name: values[each["scores"] > 0.5] for name, values in each.items()}
        for each in found[2:4]
    ],
    class_names=CLASS_NAMES,
    width=4.2,
    alt="Two test scenes with the detections that score above 0.5: nearly every thing "
    "has a box that fits, mostly with the right name.",
)

# %% [markdown]
# A single pass, and nearly everything is found. And the hard negatives of the trained
# network?

# %%
fig, axes = new_figure(1, 2, width=4.2, height=2.3)
draw_negatives(axes[0], build(), "untrained")
trained = draw_negatives(axes[1], model, "trained")
show(
    fig,
    alt="The hard negatives of the untrained network lie anywhere; those of the "
    "trained one crowd about the things.",
    caption="Green and dotted: things. Red: every third hard negative.",
)
for name, chosen in {"untrained": untrained, "trained": trained}.items():
    print(f"{name:>9}: mean IoU with the nearest thing {mean_overlap(chosen):.2f}")
if budget != "smoke":
    assert mean_overlap(trained) > mean_overlap(untrained) + 0.05

# %% [markdown]
# Now they lie about the things: boxes that overlap one by a third, but not by half.
# Those are the doubtful cases, and the training goes where the doubt is. But note what
# a box with an IoU of 0.49 has to say: *background*, with the same weight as the floor,
# while its neighbour with 0.51 must name the thing. Nothing is ignored in between.
#
# ## What each map finds
#
# A detection is one default box, moved. So we can look up which map it comes from: find
# the decoded box that it equals, up to rounding.


# %%
@torch.no_grad()
def moved_boxes(model, image):
    deltas, starts = (each.cpu() for each in model(image[None].to(device))[1:])
    moved = decode_boxes(deltas[0], starts, weights=(10, 10, 5, 5))
    return clip_boxes(moved, side, side)


def map_of(model, image, boxes):
    away = (boxes[:, None] - moved_boxes(model, image)).abs().amax(dim=2)  # (N, A)
    return torch.bucketize(away.argmin(dim=1), ENDS[1:], right=True)


sure = [each["boxes"][each["scores"] > 0.5] for each in found]
origin = [
    map_of(model, scene, each) for (scene, _), each in zip(test, sure, strict=True)
]
pixels = sizes_of(torch.cat(sure)) * 128 / side
for k, number in enumerate(cells):
    own = pixels[torch.cat(origin) == k]
    median = f", half of them below {own.median():.0f} pixels" if len(own) else ""
    print(f"map {number:>2} x {number:>2}: {len(own):>3} detections{median}")

# %%
fig, axes = new_figure(1, 3, width=5.4, height=2)
for ax, index in zip(axes, (0, 2, 3), strict=True):
    draw_image(ax, test[index][0], ticks=False)
    for k in range(len(cells)):
        own = sure[index][origin[index] == k]
        draw_boxes(ax, own, index=MAP_COLORS[k], linewidth=1.5)
show(
    fig,
    alt="Three scenes with their detections, coloured by map: small things come from "
    "the finest map, large ones from the coarser ones.",
    caption="Red: finest map. Blue: middle one. Black: coarsest.",
)

# %% [markdown]
# **Guess:** what is left of AP if only one of the maps may answer? For small things, of
# less than 32 x 32 pixels, and for the others?


# %%
@torch.no_grad()
def figures_of_map(model, k):
    found = []
    for scene, _ in test:
        scores = model(scene[None].to(device)).logits[0].softmax(dim=1)[:, 1:].cpu()
        here = slice(ENDS[k], ENDS[k + 1])
        settings = {"score_threshold": 0.01, "iou_threshold": 0.45}
        boxes = moved_boxes(model, scene)[here]
        found.append(
            select_detections(boxes, scores[here], max_detections=200, **settings)
        )
    return evaluate_detections(found, test_targets)


alone = {
    f"only {number} x {number}": figures_of_map(model, k)
    for k, number in enumerate(cells)
}
for name, each in {"all maps": figures, **alone}.items():
    print(
        f"{name:>13}: AP {each['AP']:.3f}, small {each['AP_small']:.3f}, "
        f"larger {each['AP_medium']:.3f}"
    )
if budget != "smoke":
    by_map = list(alone.values())
    assert by_map[0]["AP_small"] > by_map[-1]["AP_small"]
    assert by_map[-1]["AP_medium"] > by_map[-1]["AP_small"]

# %% [markdown]
# The finest map alone does as well as all of them on small things, and worse on larger
# ones. The next does better on larger things and far worse on small ones. Nobody told
# them who is to do what: the matching did.
#
# ## What each part is worth
#
# The paper takes its detector apart and trains it again without one part. So do we, on
# a smaller scale: a few steps each, all from the same weights, with the same images in
# the same order. Against the whole run above, these are short, so compare them with
# each other only.
#
# First the negatives. Instead of the hardest, as many at random; or all of them.
#
# **Guess:** which is best, and which is worst?


# %%
def run_short(model, augment=flip_half, data=learn, steps=short_steps):
    short = settings | {"warmup_steps": 10, "augment": augment}
    run = train(model, data, TrainingSettings(steps=steps, seed=1, **short))
    return run, evaluate_detections(predict_all(model, test), test_targets)


runs = {
    f"{name} negatives": run_short(build(negatives=name))
    for name in ("hard", "random", "all")
}
for name, (run, each) in runs.items():
    print(
        f"{name:>16}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}, "
        f"loss at the end {run.curves(smooth=20)['total'][-1]:.2f}"
    )
if budget == "laptop":
    hard, random, _ = (each["AP"] for _, each in runs.values())
    assert hard > random, (hard, random)

# %% [markdown]
# The run with the lowest loss is not the best detector. With random negatives, nearly
# all are floor and wall: the network hardly ever sees what is *almost* a thing, and
# reports it. With all of them it does see it, but a thousand easy boxes have their say
# as well. The hardest three for each positive teach most in a step, and they cost
# nothing, since the scores have been computed anyway.
#
# Then augmentation. A network that sees the same few scenes again and again learns them
# by heart. So take only a fifteenth of the scenes, and let each variant see them
# equally often. (SSD's is a little milder here than above, since no test scene holds
# specks.)
#
# **Guess:** which of the three has the lowest loss at the end? Which the highest AP on
# new scenes?

# %%
few = learn[: max(len(learn) // 15, 4)]
milder = partial(augment_ssd, most_zoom=1.3, overlaps=(0.0, 0.3, 0.5))
recipes = {"as they are": None, "flips": flip_half, "all of SSD's": milder}
few_runs = {
    name: run_short(build(), recipe, few, steps=3 * short_steps // 2)
    for name, recipe in recipes.items()
}
print(f"{len(few)} scenes, each seen {12 * short_steps // len(few)} times")
for name, (run, each) in few_runs.items():
    print(
        f"{name:>12}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}, "
        f"loss at the end {run.curves(smooth=20)['total'][-1]:.2f}"
    )
if budget == "laptop":
    plain, flips, ssd = few_runs.values()
    assert plain[0][-1]["total"] < ssd[0][-1]["total"]
    assert flips[1]["AP"] > 0.9 * plain[1]["AP"]

# %% [markdown]
# As they are, the scenes are learned by heart: the loss falls far below that of the
# others, and that helps little with new scenes. Flips double the scenes, and AP rises.
# With all of SSD's the loss stays highest by far, since no picture comes twice. A low
# loss on known pictures says little about new ones.
#
# In so few steps, the strong augmentation does not pay off. The paper's 8.8 points come
# from a training that is hundreds of times longer. The longer one trains on the same
# images, the more it is worth: set `short_steps` to 1000 and see.
#
# ## Beside torchvision's
#
# torchvision has SSD, too. Its `SSD` class takes any backbone and any default boxes: so
# we give it a copy of ours, weights and all. Are the losses of the first step the same?

# %%
from course_utils.models.peers.ssd import TorchvisionSSD

ours = build()
peer = TorchvisionSSD(ours).to(device)
images = torch.stack([each for each, _ in learn[:8]]).to(device)
some_targets = [{k: v.to(device) for k, v in each.items()} for _, each in learn[:8]]
pair = [each.losses(images, some_targets) for each in (ours, peer)]
for name, loss in pair[0].items():
    print(
        f"{name:>16}: ours {loss.item():.6f}, torchvision's {pair[1][name].item():.6f}"
    )
    assert torch.allclose(loss, pair[1][name], rtol=1e-4, atol=1e-5)

# %% [markdown]
# The same boxes, the same matches, the same hard negatives, the same sums. Now both
# learn, side by side.

# %%
from statistics import median

from course_utils.training import count_multiply_adds, median_ms


def learn_once(each):
    torch.stack(list(each.losses(images, some_targets).values())).sum().backward()


def step_ms(each):
    return median_ms(lambda: learn_once(each), 1)


peer_run, peer_figures = run_short(peer)
our_run, our_figures = runs["hard negatives"]
ratio_time = median([step_ms(ours) / step_ms(peer) for _ in range(7)])
work = [count_multiply_adds(lambda m=m: learn_once(m)) for m in (ours, peer)]
ratio_work = work[0] / work[1]
ratio_ap = our_figures["AP"] / max(peer_figures["AP"], 1e-9)
for name, each in {"ours": our_figures, "torchvision's": peer_figures}.items():
    print(f"{name:>13}: AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}")
print(f"AP of ours / torchvision's:          {ratio_ap:.3f}")
print(f"time a step of ours / torchvision's: {ratio_time:.2f}")
print(f"multiply-adds of ours / torchvision's: {ratio_work:.2f}")
if budget != "smoke":
    assert ratio_ap > 0.9, ratio_ap
assert 0.95 < ratio_work < 1.05, ratio_work

# %%
show_curves(
    {
        "ours": our_run.curves(smooth=10)["total"],
        "torchvision's": peer_run.curves(smooth=10)["total"],
    },
    y_label="sum of the two losses",
    width=4.2,
    height=2.4,
    alt="Two falling curves that lie on each other at first and stay close.",
)

# %% [markdown]
# The same rules, so the same curve, up to rounding that grows with every step. What
# differs is the code: torchvision's sorts all boxes to find the hardest, ours looks
# only for as many as it needs.
#
# ## Small things
#
# This lesson began with what YOLO finds hard. If you have run lesson 05 on this
# machine, its row of results is there. **Guess:** how much better is SSD at things of
# less than 32 x 32 pixels? And at larger ones?

# %%
from course_utils.training import read_rows, write_row

one = image[None].to(device)
milliseconds = median_ms(lambda: model.predict(one), 15)
row = write_row(
    "SSD",
    budget,
    figures=figures,
    ms_per_image=milliseconds,
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in model.parameters()),
    test_scenes=len(test),
    side=side,
)
rows = {each["system"]: each for each in read_rows(budget)}
yolo = rows.get("YOLO")
for name, each in {"YOLO": yolo, "SSD": row}.items():
    if each is None:
        print(f"{name}: no row at {budget}; run lesson 05 first to compare")
    else:
        small, larger = (each.get(key) or 0 for key in ("AP_small", "AP_medium"))
        print(f"{name:>4}: AP {each['AP']:.3f}, small {small:.3f}, larger {larger:.3f}")
if budget == "laptop" and yolo and yolo.get("AP_small"):
    assert row["AP_small"] > yolo["AP_small"], (row["AP_small"], yolo["AP_small"])
print(f"boxes a scene: YOLO 98, SSD {len(all_boxes):,}; cells of {side / 7:.0f} pixels")
print(f"against {strides[0]}, where SSD looks for small things")
print(f"SSD: {milliseconds:.1f} ms a scene")

# %% [markdown]
# SSD asks many more boxes, in finer cells, and each needs to move a little only: some
# box of about the right size is always near. YOLO's two boxes of a cell have to find
# any size from nothing. And two small things in one of YOLO's cells must share it,
# while SSD has four boxes in each of its own, each with classes of its own.
#
# The two lessons differ in more than that: in backbone, scenes and steps. But look back
# at the maps one by one. The map of 8 x 8 cells alone, nearly YOLO's grid, does nearly
# as well as all maps on the larger things of our own network, and far worse on the
# small ones.
#
# ## The table of all detectors
#
# Six detectors in six lessons, on the same scenes, under the same evaluation. Each
# lesson has left its row in a file. The next cell makes a table and a picture of
# whatever you have run on this machine with this budget. Run a lesson again, then this
# cell, and its row is new.
#
# **Guess before you run:** which detector is beaten by another in accuracy *and* time,
# so that nobody needs it any more?

# %%
from course_utils.draw import show_accuracy_and_time, show_systems

lessons = {"sliding windows": "01", "R-CNN": "02", "Fast R-CNN": "03"}
lessons |= {"Faster R-CNN": "04", "YOLO": "05", "SSD": "06"}
rows = {each["system"]: each for each in read_rows(budget)}
measured = [rows[name] for name in lessons if name in rows]
show_systems(
    measured,
    systems=list(lessons),
    caption=f"All detectors, on the tabletop ({budget})",
)
points = [
    f"{each['system']} {each['AP']:.2f} at {each['ms_per_image']:.1f} ms"
    for each in measured
    if each["AP"] is not None
]
show_accuracy_and_time(
    measured,
    alt="AP over the time for an image, on a logarithmic axis: " + "; ".join(points),
    caption="Better is higher and further to the left.",
)
for name in lessons:
    if name not in rows:
        print(f"{name}: not run here at {budget}; see lesson {lessons[name]}")

# %% [markdown]
# Before you compare, ask whether the numbers can be compared at all. Were they measured
# on the same scenes, and on the same machine?

# %%
for key, words in {
    "test_scenes": "test scenes",
    "side": "pixels a side",
    "machine": "",
}.items():
    values = {each["system"]: each.get(key, "?") for each in measured}
    for value in dict.fromkeys(values.values()):
        names = [name for name in values if values[name] == value]
        print(f"{value} {words}".strip() + ":", ", ".join(names))
areas = torch.cat(
    [(each["boxes"][:, 2:] - each["boxes"][:, :2]).prod(dim=1) for each in test_targets]
)
limits = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, math.inf)}
for name, (low, high) in limits.items():
    print(f"{name:>6}: {((areas >= low) & (areas < high)).sum():>3} things")

# %% [markdown]
# At `laptop` they were: 60 scenes of 128 pixels. At `smoke` and `gpu` the lessons
# differ in the number of scenes, and lesson 04 and its successors see larger images on
# a GPU; then only those rows can be compared that agree here.
#
# COCO calls a thing *small* below 32 x 32 pixels and *large* above 96 x 96, whatever
# the size of the image. In scenes of 128 pixels nothing is large, and a column without
# a value is left out.

# %%
for each in measured:
    better = [
        other["system"]
        for other in measured
        if (other["AP"] or 0) > (each["AP"] or 0)
        and other["ms_per_image"] < each["ms_per_image"]
    ]
    verdict = f"beaten in both by {', '.join(better)}" if better else "by none in both"
    print(f"{each['system']:>16}: {verdict}")
if measured:
    times = [each["ms_per_image"] for each in measured]
    print(f"from the slowest to the fastest: {max(times) / min(times):.0f} times")

# %% [markdown]
# A detector that is beaten by none is a fair choice: whoever wants more accuracy than
# it gives must pay with time. Now read the table by columns, at `laptop`. From R-CNN to
# Faster R-CNN, AP hardly changes. What changes is the time, since the search went, and
# AP50, which rises at each step. YOLO and SSD take away the second look at
# each proposal as well. YOLO pays for it, most of all in *small*. SSD, with its many
# boxes on several maps, need not.
#
# ## The table that lectures show
#
# Most lectures on detection have this table. It is Pascal VOC 2007, and each line has
# the same time twice: as frames a second, and as seconds a frame.
#
# **Guess:** are the two columns of time one and the same? And which accuracy has no
# paper behind it?

# %%
from course_utils.data.published import CORRECTIONS, LECTURE_TABLE

show_systems(
    LECTURE_TABLE,
    columns={
        "AP50": ("mAP, VOC 2007", ".1f"),
        "fps": ("frames a second", "g"),
        "seconds": ("seconds a frame", "g"),
    },
    caption="As lectures show it",
)
for each in LECTURE_TABLE:
    product = each["fps"] * each["seconds"]
    print(f"{each['system']:>12}: frames a second x seconds = {product:.2f}")
    assert abs(product - 1) < 0.05

# %% [markdown]
# The arithmetic is fine, up to rounding. The sources are not:

# %%
show_systems(
    [each._asdict() for each in CORRECTIONS],
    columns={
        "shown": ("the table says", ""),
        "right": ("the source says", ""),
        "source": ("source", ""),
    },
    caption="What to correct in it",
)
for each in CORRECTIONS:
    print(f"{each.system}: {each.reason}.")

# %% [markdown]
# So the YOLO of the paper reaches 63.4, and is *less* accurate than Fast R-CNN and
# Faster R-CNN. That is its bargain: much faster, and somewhat worse. With 69.0 in the
# table, the price nearly disappears. Here are the papers' own numbers, in our picture.

# %%
from course_utils.data.published import PAPER_TABLE, with_milliseconds

papers = with_milliseconds(PAPER_TABLE)
show_accuracy_and_time(
    papers,
    accuracy="AP50",
    label="mAP, VOC 2007",
    alt="Accuracy over the time for an image, on a logarithmic axis: "
    + "; ".join(
        f"{e['system']} {e['AP50']} at {e['ms_per_image']:,.0f} ms" for e in papers
    ),
    caption="From the papers, each with its authors' graphics card.",
)
for each in papers:
    print(f"{each['system']:>16}: {each['AP50']:.1f} mAP, {each['fps']:,.2f} a second")

# %% [markdown]
# Compare the two pictures. In both, proposals made by hand stand far on the right, YOLO
# far on the left, and SSD is at least as accurate as Faster R-CNN in less time. But do
# not carry a number from one to the other: cards, images, classes and networks all
# differ. Even within the papers they do. The 66.0 of R-CNN was trained on the images of
# 2007 alone, and those of its successors here on the images of 2012, too. The 140 ms of
# Faster R-CNN are YOLO's authors' measurement; its own paper says 198 ms on another
# card.
#
# A table is worth as much as what its lines have in common. In yours, that is the
# scenes, the measure and the machine. It is not the number of scenes that each has
# learned from, nor the care that went into each.

# %%
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap_small=figures["AP_small"],
    ap_medium=figures["AP_medium"],
    ms_per_image=milliseconds,
    training_seconds=history.seconds,
    ap_short_hard=runs["hard negatives"][1]["AP"],
    ap_short_random=runs["random negatives"][1]["AP"],
    ap_short_all=runs["all negatives"][1]["AP"],
    ap_few_as_they_are=few_runs["as they are"][1]["AP"],
    ap_few_flips=few_runs["flips"][1]["AP"],
    ap_few_augmented=few_runs["all of SSD's"][1]["AP"],
    ap_ratio_to_torchvision=ratio_ap,
    time_ratio_to_torchvision=ratio_time,
)

# %% [markdown]
# ## Three questions to think about
#
# **1.** SSD is an RPN that names classes. What else is different from lesson 04's RPN:
# in the boxes, the matching, the choice of negatives, the loss?
#
# <details><summary>Answer</summary>
#
# | | RPN | SSD |
# |---|---|---|
# | boxes stand on | one map, at the corner of a cell | several maps, in its middle |
# | sizes | in pixels, all on one map | fractions of the image, a scale a map |
# | matching | 0.7 and 0.3, ignored between | 0.5, nothing ignored |
# | the best of a thing | goes to the thing that it overlaps most | goes to that thing |
# | negatives | drawn at random, to fill up 256 | the hardest, 3 for a positive |
# | answer | object or not | a class, or background |
# | after it | a second look at each proposal | suppression, nothing else |
#
# </details>
#
# **2.** You double the sides of all photographs, from 300 to 600 pixels, and leave
# scales, strides and network as they are. How many default boxes are there now? Which
# things match other maps than before?
#
# <details><summary>Answer</summary>
#
# Each map has about four times as many cells, so there are about 35,000 boxes. Scales
# are fractions of the image, so a thing that fills a fifth of it still matches boxes of
# scale 0.2, which still stand on the same map. No thing changes its map. But it now
# covers four times as many cells, and a cell still sees as many pixels as before: half
# as much of the thing. So a larger image wants one coarser map more. SSD512 has it.
#
# </details>
#
# **3.** Someone mines negatives without a limit: all background whose loss is above
# 0.1. In the first steps, how many are these, and what happens to the loss of SSD?
#
# <details><summary>Answer</summary>
#
# Nearly all, since an untrained network is sure of nothing: with 8 classes the loss is
# at least about log 8 = 2.1. They are summed, but divided by the few matched boxes.
# With 1,300 negatives and 25 positives the loss starts above 100, and nearly all of its
# gradient says "background". At 3 : 1 the sum stays in proportion to N from the first
# step on.
#
# </details>
