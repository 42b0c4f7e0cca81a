# ---
# question: >-
#   YOLO asks one coarse grid for every object, large or small. Where should a detector
#   look for a small one?
# build:
#   - lay out and match default boxes on several maps
#   - pick the background that is worth learning from
#   - cut and shrink images together with their boxes
#   - train an SSD and look at its errors
#   - compare all detectors of the course
# needs: [04_faster_rcnn, 05_yolo]
# minutes: {read: 110, run: 8}
# papers:
#   - "[SSD: single shot multibox detector](https://arxiv.org/abs/1512.02325) (Liu et al. 2016)"
#   - "[the authors' code](https://github.com/weiliu89/caffe/tree/ssd), with results"
#   - "[torchvision's SSD](https://github.com/pytorch/vision/blob/main/torchvision/models/detection/ssd.py), the reference implementation"
#   - "[Focal loss](https://arxiv.org/abs/1708.02002): what came after hard negatives (Lin et al. 2017)"
#   - "[Diagnosing error in object detectors](https://doi.org/10.1007/978-3-642-33712-3_25) (Hoiem et al. 2012)"
# ---
# ruff: noqa: E501

# %% [markdown]
# # 06. SSD
#
# Faster R-CNN is accurate because it looks at promising anchors again, in a second
# stage. YOLO is fast because it predicts in one pass, but its grid of 7 x 7 cells is
# weak where objects are small or close together.
#
# SSD, the *single shot multibox detector* (Liu et al. 2016), combines the two. It works
# like an RPN that predicts the class at once, and it reads several feature maps, from
# fine to coarse: small objects are found on the fine maps, where cells lie close
# together, and large objects on the coarse ones, where a cell sees enough of the image.

# %%
import inspect
from functools import partial
from itertools import pairwise
from statistics import mean, stdev
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.tabletop import CLASS_NAMES, SIMILAR_CLASSES, Tabletop
from course_utils.data.tabletop import load_scenes
from course_utils.draw import (
    draw_boxes,
    draw_curves,
    draw_image,
    draw_parts,
    new_figure,
)
from course_utils.draw import show, show_curves, show_errors, show_images, show_losses
from course_utils.draw import show_system, show_systems
from course_utils.models.model import Model, check_batch, image_size
from course_utils.ops.boxes import box_iou

# %% [markdown]
# Between budgets, only these settings differ.

# %% tags=["parameters"]
from course_utils.training import choose_budget, choose_device, start_lesson

budget = choose_budget()
scenes, test_scenes, side, widths, steps, short_steps = {
    "smoke": (16, 4, 128, (8, 16, 24, 32, 32), 4, 2),
    "laptop": (1500, 60, 128, (24, 48, 96, 128, 128), 1500, 120),
    "gpu": (4000, 500, 256, (64, 128, 256, 256, 256), 6000, 1000),
}[budget]
device = choose_device()
watch = start_lesson("06_ssd", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %%
learn = load_scenes(scenes, "train", size=side)
test = load_scenes(test_scenes, "test", size=side)
image, target = test[3]
truth = target["boxes"]

# %% [markdown]
# ## What you will get
#
# Here is the finished detector at work on two test scenes, recorded when this lesson
# was written. The colour of a box says which feature map it comes from.

# %% tags=["hide-input"]
MAP_COLORS = (0, 2, 6)  # orange, blue and black, from the finest map to the coarsest
RECORDED = {  # scene -> map, class, corners of each detection with a score above 0.5
    2: [
        (0, 6, 81, 18, 107, 60),
        (0, 4, 54, 26, 74, 61),
        (1, 7, 8, 32, 54, 74),
        (1, 4, 58, 46, 103, 101),
        (1, 5, 17, 73, 61, 123),
        (0, 5, 2, 0, 33, 43),
    ],
    3: [
        (1, 7, 22, 52, 78, 121),
        (0, 3, 46, 23, 61, 53),
        (0, 1, 20, 31, 45, 53),
        (0, 2, 52, 47, 84, 82),
    ],
}
fig, axes = new_figure(1, 2, width=8.2, height=4.2)
for ax, (number, detections) in zip(axes, RECORDED.items(), strict=True):
    draw_image(ax, test[number][0], ticks=False)
    for map_number, label, *corners in detections:
        box = torch.tensor([corners]) * side / 128
        draw_boxes(
            ax,
            box,
            labels=torch.tensor([label]),
            class_names=CLASS_NAMES,
            index=MAP_COLORS[map_number],
        )
show(
    fig,
    alt="Two scenes with the boxes that a trained SSD has found, each with its class. "
    "The smaller boxes come from the finest map, the larger ones from the next.",
    caption="Orange: from the map of 16 x 16 cells. Blue: from that of 8 x 8.",
)

# %% [markdown]
# ## The whole system
#
# SSD joins the two lines of detectors in this course:
#
# | | boxes come from | classes come from |
# |---|---|---|
# | R-CNN | selective search | SVMs, one crop after the other |
# | Fast R-CNN | selective search | a head on pooled features |
# | Faster R-CNN | anchors on one map, refined by an RPN | a head on pooled features |
# | YOLO | 98 predictors on a 7 x 7 grid | fully connected layers |
# | SSD | default boxes on several maps | one convolution per map |
#
# We build a small SSD on the backbone of the earlier lessons and read its last three
# maps, with strides of 8, 16 and 32 pixels.

# %%
from course_utils.models.backbones import Backbone
from course_utils.models.ssd import SSD, LastMaps, Layout, check_layout

scales, ratios = (0.18, 0.3, 0.45, 0.65), ((2,), (2,), (2,))


def build(seed: int = 0, **settings) -> SSD:
    torch.manual_seed(seed)
    backbone = LastMaps(Backbone(widths))
    layout = {"scales": scales, "ratios": ratios}
    return SSD(backbone, num_classes=len(CLASS_NAMES), **layout, **settings).to(device)


model = build()
strides = model.backbone.strides
cells = [side // stride for stride in strides]

# %% [markdown]
# In the diagram, orange is new compared with YOLO and Faster R-CNN. There are no
# proposals, no pooling and no second stage.

# %% tags=["hide-input"]
place = inspect.getmodule(SSD)  # where the model looks its functions up
one_image = image[None].to(device)
layers = model.backbone.backbone.layers
ends = model.backbone.backbone.ends[model.backbone.first :]
stages = [f"backbone, stride {stride}" for stride in strides]
backbone_parts = {
    stage: layers[end - 1] for stage, end in zip(stages, ends, strict=True)
}
show_system(
    lambda: model.predict(one_image),
    parts={
        "image": one_image,
        **backbone_parts,
        "head": model.head,
        "move default boxes": (place, "decode_boxes"),
        "suppress per class": (place, "select_detections"),
    },
    arrows=[
        *pairwise(["image", *stages]),
        *((stage, "head") for stage in stages),
        ("head", "move default boxes"),
        ("move default boxes", "suppress per class"),
    ],
    names={"head": ["logits", "deltas"]},
    new=["head", "move default boxes"],
    caption="SSD at prediction: it reads three maps instead of one.",
)

# %% [markdown]
# The head, drawn as one part, has a convolution for each map, with 4 default boxes x (8
# classes + 4 coordinates) = 48 output channels. Flattened and joined, the three outputs
# give one row per default box.

# %% tags=["hide-input"]
heads = [f"head of {number} x {number}" for number in cells]
watched = {"image": one_image}
for stage, head_name, layer in zip(stages, heads, model.head.convolutions, strict=True):
    watched |= {stage: backbone_parts[stage], head_name: layer}
show_system(
    lambda: model(one_image),
    parts=watched | {"flatten and join": model.head},
    arrows=[
        *pairwise(["image", *stages]),
        *zip(stages, heads, strict=True),
        *((head_name, "flatten and join") for head_name in heads),
    ],
    names={"flatten and join": ["logits", "deltas"]},
    new=[*heads, "flatten and join"],
    caption="The same network, one map after the other.",
)

# %% [markdown]
# ## Default boxes
#
# SSD calls its anchors **default boxes**, or priors. If a box nearby fits roughly, it
# is easier to predict "a little wider than this box" than a box from nothing. Default
# boxes differ from the anchors of lesson 04 in three details: they are centred on the
# *middle* of a cell, their sides are *fractions* of the image, and their ratio is width
# over height.
#
# Each cell gets two squares, with sides s and √(s s'), where s is the map's scale and
# s' the next map's. For each ratio a, it also gets a box of width s √a and height s /
# √a, and the same box turned by 90 degrees.

# %% tags=["show"]
from course_utils.ops.default_boxes import box_shapes

# %% [markdown]
# **On paper:** an image of 24 x 24 pixels, a map of 3 x 3 cells, a scale of 1/3, a next
# scale of 4/3, and the ratio 4. The squares have sides of 8 and 24 · √(1/3 · 4/3) = 16
# pixels. The ratio gives 8 · 2 by 8 / 2, so 16 x 4, and 4 x 16.

# %%
shapes = box_shapes(1 / 3, 4 / 3, ratios=(4,))
names = ["square", "larger square", "wide", "high"]
for name, (w, h) in zip(names, (24 * shapes).tolist(), strict=True):
    print(f"{name:>13}: {w:4.1f} x {h:4.1f}, area {w * h:5.1f}, ratio {w / h:.2f}")

# %% [markdown]
# All but the second square have the same area, because √a and 1 / √a cancel. Now these
# shapes are placed on every cell.

# %% tags=["show"]
from course_utils.ops.default_boxes import cell_centres, map_default_boxes

# %%
toy = map_default_boxes(shapes, map_size=(3, 3), image_size=(24, 24))
print(f"3 x 3 cells x {len(shapes)} boxes = {len(toy)}")
print("the last one:", [round(number) for number in toy[-1].tolist()])
assert toy[-1].round().tolist() == [18, 12, 22, 28]

# %% [markdown]
# The last box is centred on (20, 20), two and a half cells of 8 pixels from the left
# and from the top. It extends beyond the image, which is allowed.

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=6.4, height=3.2)
centres = cell_centres((3, 3), (24, 24), None)
for ax, title, first in zip(
    axes, ("the middle cell", "the last cell"), (16, 32), strict=True
):
    draw_image(ax, torch.full((3, 24, 24), 0.9), title=title)
    ax.set(xlim=(-3, 30), ylim=(30, -3), xticks=range(0, 25, 8), yticks=range(0, 25, 8))
    ax.grid(visible=True)
    ax.plot(*centres.T, "k.")
    for index in range(4):
        draw_boxes(ax, toy[first + index][None], index=index, linewidth=1.5)
show(
    fig,
    alt="An image of 3 x 3 cells with a dot in the middle of each. Left: four boxes "
    "about the middle cell, a small and a larger square, a wide and a high box. Right: "
    "the same four around the last cell, some of them reaching out of the image.",
    caption="Grey: the image. Dots: the centres of its cells.",
)

# %% [markdown]
# A detector's boxes are those of all its maps, from fine to coarse:

# %% tags=["show"]
from course_utils.ops.default_boxes import default_boxes

# %% [markdown]
# SSD300, the paper's detector, has six maps with 38, 19, 10, 5, 3 and 1 cells per side.
# The finest and the two coarsest use the ratio 2 alone, the others 2 and 3.
#
# **Predict:** YOLO predicts 98 boxes. Roughly how many does SSD300 have, and what share
# of them belongs to the finest map?

# %% tags=["predict"]
from course_utils.ops.default_boxes import SSD300_MAPS, SSD300_RATIOS, SSD300_SCALES

counts = []
for number, wide in zip(SSD300_MAPS, SSD300_RATIOS, strict=True):
    per_cell = 2 + 2 * len(wide)
    counts.append(number * number * per_cell)
    print(f"{number:>2} x {number:>2} cells x {per_cell} boxes = {counts[-1]:>5,}")
print(f"{'in all':>19} = {sum(counts):,}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# 5,776 + 2,166 + 600 + 150 + 36 + 4 = 8,732. Two thirds of them belong to the finest
# map, because twice as many cells per side make four times as many cells.
#
# </details>
#
# Here are the boxes of one cell of each map.

# %%
from course_utils.ops.default_boxes import SSD300_STRIDES

photo_size = (300, 300)
squares = [(number, number) for number in SSD300_MAPS]
ssd300 = default_boxes(
    squares,
    photo_size,
    scales=SSD300_SCALES,
    ratios=SSD300_RATIOS,
    strides=SSD300_STRIDES,
)
assert len(ssd300) == sum(counts) == 8732

# %% tags=["hide-input"]
picture, _ = Tabletop(7, split="test", size=300, truth=())[6]
fig, axes = new_figure(2, 3, width=8.6, height=6)
for ax, number, of_map in zip(axes, SSD300_MAPS, ssd300.split(counts), strict=True):
    middle = of_map.view(number, number, -1, 4)[number // 2, number // 2]
    draw_image(ax, picture, title=f"{number} x {number}")
    for index, box in enumerate(middle):
        draw_boxes(ax, box[None], index=(0, 2, 3)[index // 2], linewidth=1.5)
    ax.set(xlim=(-38, 338), ylim=(338, -38))
    ax.set_axis_off()
show(
    fig,
    alt="A scene six times, each with the default boxes of a cell near the middle: "
    "tiny ones of 30 pixels on the finest map, boxes of about the whole image on the "
    "coarsest.",
    caption="Orange: the two squares. Blue: ratio 2, both ways. Green: ratio 3.",
)

# %% [markdown]
# torchvision's generator should give the same boxes in the same order.

# %%
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

box_generator = DefaultBoxGenerator(
    [list(wide) for wide in SSD300_RATIOS],
    scales=list(SSD300_SCALES),
    steps=list(SSD300_STRIDES),
    clip=False,
)
photos = ImageList(torch.zeros(1, 3, *photo_size), [photo_size])
(torchvisions,) = box_generator(photos, [torch.zeros(1, 1, *size) for size in squares])
print(f"largest difference: {(ssd300 - torchvisions).abs().max():.1e} pixels")
assert torch.allclose(ssd300, torchvisions, atol=1e-4)

# %% [markdown]
# The finest map of SSD300 comes from VGG's layer conv4_3, which has 512 channels. For
# each of the 4 boxes of a cell, a 3 x 3 convolution predicts four coordinates and a
# score for each of 21 classes: the 20 of Pascal VOC and the background.

# %%
numbers = 38 * 38 * 4 * (21 + 4)
finest_head = torch.nn.Conv2d(512, 4 * (21 + 4), 3, padding=1)
weights = sum(weight.numel() for weight in finest_head.parameters())
yolo_weights = (7 * 7 * 1024 + 1) * 4096 + (4096 + 1) * 7 * 7 * 30
print(f"38 x 38 x 4 x (21 + 4) = {numbers:,} numbers from {weights:,} weights")
print(f"YOLO: 7 x 7 x 30 = {7 * 7 * 30:,} numbers; last two layers {yolo_weights:,}")

# %% [markdown]
# That is about a hundred times as many numbers as YOLO's whole output, from a fraction
# of the weights, because a convolution uses the same weights in every cell. Unlike YOLO
# v1, SSD has no separate confidence: each default box has its own class scores, and
# "background" is one of the classes.
#
# ## Scales
#
# The paper spaces the scales of m maps evenly, with s_min = 0.2 and s_max = 0.9:
#
# $$s_k = s_{min} + \frac{s_{max} - s_{min}}{m - 1} (k - 1), \qquad k = 1 \ldots m$$

# %% tags=["show"]
from course_utils.ops.default_boxes import default_box_scales

# %%
formula = default_box_scales(6)
print("the formula with m = 6:", " ".join(f"{scale:.2f}" for scale in formula))
print("smallest box at 300 pixels:", round(300 * formula[0]))

# %% [markdown]
# A common mistake is to stop here: the smallest boxes would have 60 pixels, but those
# in the figure above have 30. The paper gives the finest map a scale of 0.1 and uses
# the formula for the *other five*, as the released code does in whole percents.

# %%
step = (90 - 20) // (5 - 1)  # whole percents: 17, where the formula has 17.5
percents = [10, *range(20, 91, step)]
min_sizes = [3 * percent for percent in percents]  # of 300
print(f"a step of {step} %; scales {percents} % of the image")
print("in pixels:", min_sizes, "and the next would be", 3 * (percents[-1] + step))
assert [*min_sizes, 315] == [round(300 * scale) for scale in SSD300_SCALES]

# %% [markdown]
# The last map needs a seventh number, for its second square. The ratios 1, 2, 3, 1/2
# and 1/3 and the second square make six boxes per cell; where 3 and 1/3 are left out,
# four remain.
#
# ## Which map finds what?
#
# Take two maps, one of 8 x 8 cells with small boxes and one of 4 x 4 cells with large
# boxes, and a scene with a small and a large object. A box can be responsible for an
# object only if it overlaps the object well, say with an IoU of at least 0.5.

# %%
scene_size = (side, side)
two_maps = {
    "8 x 8": default_boxes([(8, 8)], scene_size, scales=(0.2, 0.4), ratios=[[2]]),
    "4 x 4": default_boxes([(4, 4)], scene_size, scales=(0.4, 0.6), ratios=[[2]]),
}


def sizes_of(boxes: Tensor) -> Tensor:
    """The square root of each box's area, in pixels."""
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()


order = sizes_of(truth).argsort()
extremes = {"small": truth[order[:1]], "large": truth[order[-1:]]}

# %% [markdown]
# **Predict:** which map has boxes that fit the small object, and which has boxes that
# fit the large one?

# %% tags=["predict"]
fitting = {}
for name, box in extremes.items():
    for map_name, boxes in two_maps.items():
        fitting[name, map_name] = boxes[box_iou(box, boxes)[0] >= 0.5]
        count = len(fitting[name, map_name])
        print(f"{name} object, {map_name}: {count} boxes with an IoU of 0.5 or more")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the fine map has a box for the small object, and only the coarse map has boxes
# for the large one. No rule has to say which map is responsible: the overlap decides.
#
# </details>

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=6.8, height=3.6)
for ax, map_name, count in zip(axes, two_maps, (8, 4), strict=True):
    draw_image(ax, image, title=f"{map_name} cells", ticks=False)
    lines = [side * number / count for number in range(1, count)]
    ax.vlines(lines, 0, side, colors="white", linewidth=0.6)
    ax.hlines(lines, 0, side, colors="white", linewidth=0.6)
    for name, box in extremes.items():
        draw_boxes(ax, fitting[name, map_name], index=0, linewidth=1.2)
        draw_boxes(ax, box, index=3, linewidth=2)
show(
    fig,
    alt="The scene with a grid of 8 x 8 cells and one of 4 x 4. On the fine grid a box "
    "fits the small object and none the large one; on the coarse grid some boxes fit "
    "the large object and none the small one.",
    caption="Green and dotted: the two objects. Orange: default boxes that fit them.",
)
assert len(fitting["small", "8 x 8"]) > len(fitting["small", "4 x 4"]) == 0
assert len(fitting["large", "4 x 4"]) > len(fitting["large", "8 x 8"]) == 0

# %% [markdown]
# But could the fine map not have large boxes, too? Look at what its cells *see*. As in
# lesson 04, we use the gradient, here of the untrained network: how many pixels reach a
# cell at all, and how many carry nine tenths of the gradient?


# %%
def seen_by(backbone: LastMaps, which: int, size: int = 512) -> tuple[int, int]:
    """Pixels along x that a cell reads, and those with 9/10 of the gradient."""
    probe = torch.zeros(1, 3, size, size, requires_grad=True, device=device)
    features = backbone(probe)[which]
    features[0, :, features.shape[2] // 2, features.shape[3] // 2].sum().backward()
    columns = probe.grad[0].abs().sum(dim=(0, 1))
    share = columns.cumsum(0) / columns.sum()
    return int((columns > 0).sum()), int(((share > 0.05) & (share < 0.95)).sum())


model.eval()
for which, number in enumerate(cells):
    reads, most = seen_by(model.backbone, which)
    print(f"{number:>2} x {number:>2}: {reads:>3} pixels, {most:>2} with nine tenths")

# %% [markdown]
# A cell of the finest map mostly sees a region much smaller than our large objects, so
# it can hardly tell how far they extend. Coarse cells see enough, but they are few. So
# each map gets boxes of about the size that its cells see.
#
# ### Boxes for the tabletop
#
# Scales depend on the data, so we chose ours by the sizes of our objects. Before any
# training we can ask: for how many objects does *some* default box reach an IoU of 0.5?
# We compare ours with the formula's scales, 0.2 to 0.9 over three maps.


# %%
def boxes_by_map(scales: tuple[float, ...]) -> list[Tensor]:
    """The default boxes of each of our three maps."""
    return [
        default_boxes([(number, number)], scene_size, scales=pair, ratios=[(2,)])
        for number, pair in zip(cells, pairwise(scales), strict=True)
    ]


def count_fitting(of_map: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
    """For each object, how many boxes of a map reach an IoU of 0.5."""
    iou = [box_iou(each_image["boxes"], of_map) for each_image in targets]
    return (torch.cat(iou) >= 0.5).sum(dim=1)


# %%
learn_targets = [example for _, example in learn]
sizes = sizes_of(torch.cat([t["boxes"] for t in learn_targets])) * 128 / side
groups = {"below 20": sizes < 20, "20 to 32": (sizes >= 20) & (sizes < 32)}
groups |= {"32 to 44": (sizes >= 32) & (sizes < 44), "from 44": sizes >= 44}
choices = {"ours": scales, "the formula's": (*default_box_scales(3), 1.0)}
fits = {}
for name, chosen_scales in choices.items():
    maps = boxes_by_map(chosen_scales)
    fits[name] = torch.stack([count_fitting(m, learn_targets) for m in maps], dim=1)
for group, here in groups.items():
    shares = [(n[here].sum(dim=1) > 0).double().mean() for n in fits.values()]
    text = ", ".join(f"{s:.0%} by {n}" for n, s in zip(fits, shares, strict=True))
    print(f"{group:>8} pixels, {here.sum():>4} objects: {text}")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=8.6, height=2.8)
for ax, (name, fit_counts) in zip(axes, fits.items(), strict=True):
    bars = {}
    for group, here in groups.items():
        means = fit_counts[here].double().mean(dim=0).nan_to_num().tolist()
        bars[group] = {f"{n} x {n}": m for n, m in zip(cells, means, strict=True)}
    draw_parts(ax, bars, unit="boxes that fit an object", title=name)
    ax.get_legend().remove()
axes[0].set_ylabel("size in pixels")
fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
show(
    fig,
    alt="Bars of how many boxes fit an object, by its size, split by map. With our "
    "scales small objects match on the fine map, large ones on the coarse maps. With "
    "the formula's nearly all but the largest match on the finest map alone.",
    caption="Default boxes with an IoU of 0.5 or more, per object, by map.",
)

# %% [markdown]
# With the formula's scales, about half of the smallest objects have no box, and most
# others crowd onto the finest map. With ours, the maps share the work. Explore the
# boxes yourself:

# %% tags=["hide-input"]
from course_utils.widgets import Choice, Slider, explore

own_maps = boxes_by_map(scales)
by_place = {
    f"{n} x {n}": m.view(n, n, -1, 4) for n, m in zip(cells, own_maps, strict=True)
}


def draw_place(which, x, y):
    own = by_place[which]
    stride = side / len(own)
    row, column = int(y / stride), int(x / stride)
    iou = box_iou(truth, own[row, column]).amax(dim=0)  # of each box, its best
    fig, (ax,) = new_figure(width=4.4, height=4.6)
    draw_image(ax, image, title=f"row {row}, column {column}: best IoU {iou.max():.2f}")
    draw_boxes(ax, truth, index=3, linewidth=1.5)
    draw_boxes(ax, own[row, column][iou < 0.5], index=2, linewidth=1)
    draw_boxes(ax, own[row, column][iou >= 0.5], index=0)
    ax.plot((column + 0.5) * stride, (row + 0.5) * stride, "k+", markersize=10)
    ax.set(xlim=(-16, side + 16), ylim=(side + 16, -16))
    ax.set_axis_off()
    return fig


x, y = ((extremes["large"][0, :2] + extremes["large"][0, 2:]) / 2).long().tolist()
explore(
    draw_place,
    which=Choice(list(by_place), list(by_place)[-1], "map"),
    x=Slider(0, side - 1, 1, x, "x"),
    y=Slider(0, side - 1, 1, y, "y"),
    alt=lambda which, x, y: (
        f"The default boxes of the map {which} for the cell at x = {x}, y = {y}, over "
        "the scene, those that fit an object in another colour."
    ),
    caption="Green and dotted: objects. Blue: default boxes of the cell. Orange: those "
    "with an IoU of 0.5 or more with some object.",
)

# %% [markdown]
# ## Matching
#
# In training, each default box needs to know what it should predict: a class and four
# numbers, or "background". SSD's rule has two steps:
#
# 1. Each object takes the default box that overlaps it **most**, however small the
#    overlap.
# 2. Each other default box takes the object that it overlaps most, if the IoU is at
#    least 0.5.
#
# All remaining boxes are background: whereas lesson 04 ignored some anchors, SSD
# ignores no box. Step 2 is the matcher of lesson 04 with both thresholds at 0.5, so
# only step 1 is new:

# %% tags=["show"]
from course_utils.models.ssd import best_matches, match_default_boxes

# %% [markdown]
# **Predict:** here are the IoUs of three objects with six default boxes. What does each
# box become? Which object would have no box at all without step 1?

# %%
iou = torch.tensor(
    [
        [0.62, 0.55, 0.20, 0.10, 0.00, 0.00],  # a chair
        [0.10, 0.52, 0.58, 0.48, 0.05, 0.00],  # a sphere next to it
        [0.00, 0.05, 0.10, 0.22, 0.31, 0.08],  # a small cone
    ]
)

# %% tags=["predict"]
words = {0: "chair", 1: "sphere", 2: "cone", -1: "background"}
for name, row in {
    "step 1": best_matches(iou),
    "both": match_default_boxes(iou),
}.items():
    print(f"{name:>6}: " + ", ".join(words[value] for value in row.tolist()))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Chair, chair, sphere, background, cone, background. Box 1 overlaps two objects by more
# than half and takes the better one. Box 3 misses by 0.02. No box reaches an IoU of 0.5
# with the cone: without step 1, the network would learn it as background.
#
# </details>
#
# torchvision's matcher agrees, with one exception among the corner cases:

# %%
from torchvision.models.detection._utils import SSDMatcher

tables = {
    "the table above": iou,
    "box 0 overlaps object 0 more": torch.tensor([[0.8, 0.9], [0.6, 0.1]]),
    "two objects, one best box": torch.tensor([[0.7, 0.2], [0.6, 0.1]]),
    "an object without overlap": torch.tensor([[0.0, 0.0], [0.1, 0.6]]),
}
for name, table in tables.items():
    peers = SSDMatcher(0.5)(table).tolist()
    print(f"{name:>28}: {match_default_boxes(table).tolist()}, torchvision {peers}")

# %% [markdown]
# In the second table, box 0 overlaps object 0 more than object 1, but it is the best
# box of object 1, and in SSD the *object* decides. Where two objects share a best box,
# the later object gets it. An object that no box overlaps gets none here, but the first
# box in torchvision.
#
# How often is step 1 needed in our scenes?

# %%
all_boxes = torch.cat(own_maps)
shared = forced_only = 0
for example_target in learn_targets:
    overlap = box_iou(example_target["boxes"], all_boxes)
    shared += len(overlap) - len(overlap.argmax(dim=1).unique())
    forced_only += int((overlap.amax(dim=1) < 0.5).sum())
print(f"{len(sizes):,} objects: {shared} lose their best box to another object,")
print(
    f"{forced_only} have a box only because of step 1 ({forced_only / len(sizes):.1%})"
)

# %% [markdown]
# It is needed for about one object in a hundred, mostly small ones. Here is our scene
# after each step.

# %%
overlap = box_iou(truth, all_boxes)
matched_idxs = match_default_boxes(overlap)
is_matched = matched_idxs >= 0
print(f"matched: {is_matched.sum()} of {len(all_boxes):,}; the rest is background")

# %% tags=["hide-input"]
ENDS = torch.tensor([0, *map(len, own_maps)]).cumsum(0)  # where each map begins


def draw_by_map(ax, boxes, places, linewidth=1.2):
    for k, color in enumerate(MAP_COLORS):
        here = (places >= ENDS[k]) & (places < ENDS[k + 1])
        draw_boxes(ax, boxes[here], index=color, linewidth=linewidth)


fig, axes = new_figure(1, 3, width=8.7, height=3.1)
draw_image(axes[0], image, title="objects", ticks=False)
draw_boxes(axes[0], truth, index=3)
steps_of_matching = {"the best": best_matches(overlap), "and IoU 0.5": matched_idxs}
for ax, (name, matches) in zip(axes[1:], steps_of_matching.items(), strict=True):
    places = (matches >= 0).nonzero()[:, 0]
    draw_image(ax, image, title=f"{name}: {len(places)} boxes", ticks=False)
    draw_by_map(ax, all_boxes[places], places)
show(
    fig,
    alt="The scene three times: its objects; one default box for each object; then "
    "several around each, those of one map in one colour.",
    caption="Orange: finest map. Blue: middle one. Black: coarsest.",
)

# %% [markdown]
# Each default box gets a class label, and each matched box also gets four regression
# targets: the shift and growth of lessons 02 to 04, now from default box to object.

# %% tags=["show"]
from course_utils.models.ssd import label_batch, label_default_boxes

# %% [markdown]
# `BOX_WEIGHTS` multiplies the targets by 10, 10, 5 and 5. SSD's code divides by 0.1,
# 0.1, 0.2 and 0.2 instead and calls these "variances", although they stand for the
# standard deviations of the targets.

# %%
from course_utils.ops.boxes import BOX_WEIGHTS

_, weighted = label_batch(all_boxes, learn_targets[:100])
for name, values in {
    "plain": weighted / torch.tensor(BOX_WEIGHTS),
    "weighted": weighted,
}.items():
    spread = ", ".join(f"{number:.2f}" for number in values.std(dim=0).tolist())
    print(f"{name:>8}: standard deviation of x, y, w, h: {spread}")

# %% [markdown]
# Plain targets have standard deviations of a fraction of a box, so their smooth L1 loss
# would be tiny compared with the classification loss. Weighted targets spread by a
# little more than 1.
#
# ## Hard negatives
#
# More than a thousand boxes of our scene are background, and most of them show little
# but floor or wall, which the network soon learns. Lesson 04 drew a balanced sample at
# random. SSD takes the negatives that are **hardest** for the network, those with the
# highest loss as background, and at most three per matched box. This loss is the
# cross-entropy with class 0:

# %% tags=["show"]
from course_utils.models.ssd import background_loss

# %% [markdown]
# **Predict:** three boxes have the logits below, with the background first. Which box
# is the hardest negative? Is it the one with the lowest background logit?

# %%
logits = torch.tensor([[2.0, 5.0, 0.0], [-1.0, -4.0, -4.0], [0.0, 1.0, 1.0]])

# %% tags=["predict"]
for row, loss in zip(logits.tolist(), background_loss(logits).tolist(), strict=True):
    print(f"logits {row}: loss as background {loss:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first box. The second has the lowest background logit, but its other logits are
# lower still, so it is the *easiest* of the three.
#
# </details>
#
# How many negatives may each image have, and which ones are they?

# %% tags=["show"]
from course_utils.models.ssd import hard_negatives, negative_counts

# %% [markdown]
# **Predict:** two images have eight boxes each, with the losses as background below. In
# the first, only box 0 is matched; the second has no object. At three per match, which
# boxes are used as background?

# %%
losses_as_background = torch.tensor(
    [
        [4.0, 0.2, 1.5, 0.1, 0.9, 0.3, 2.1, 0.4],
        [3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.2, 0.1],
    ]
)
is_object = torch.tensor([[True] + 7 * [False], 8 * [False]])

# %% tags=["predict"]
for number, row in enumerate(hard_negatives(losses_as_background, is_object)):
    print(f"image {number}: negatives", row.nonzero().flatten().tolist())

# %% [markdown]
# <details><summary>Answer</summary>
#
# Boxes 2, 4 and 6 of the first image: three for its one matched box. Box 0 has the
# highest loss, but it is matched. The second image has no object and so no negatives:
# we count **per image**, like the authors' code.
#
# </details>
#
# Where do the hard negatives lie? Here are those of our untrained network.

# %% tags=["hide-input"]


def hardest_of(model):
    with torch.no_grad():
        logits = model(one_image).logits.cpu()
    return hard_negatives(background_loss(logits), is_matched[None])[0]


def draw_negatives(ax, chosen, title):
    draw_image(ax, image, title=title, ticks=False)
    draw_boxes(ax, all_boxes[chosen][::3], index=0, linewidth=1)
    draw_boxes(ax, truth, index=3)


def mean_overlap(chosen):
    return overlap[:, chosen].amax(dim=0).mean().item()


untrained = hardest_of(model)
fig, (ax,) = new_figure(width=3.2, height=3.4)
draw_negatives(ax, untrained, "untrained")
show(
    fig,
    alt="The scene with hard negatives of an untrained network: boxes all over it.",
    caption="Green and dotted: objects. Orange: every third hard negative.",
)
print(f"{is_matched.sum()} matched boxes, {untrained.sum()} hard negatives")
print(f"mean IoU with the nearest object: {mean_overlap(untrained):.2f}; ", end="")
print(f"of all background: {mean_overlap(~is_matched):.2f}")

# %% [markdown]
# The untrained network knows nothing, so they lie almost anywhere. To measure what the
# choice is worth, there are two alternatives: as many negatives at random, and all of
# them.

# %% tags=["show"]
from course_utils.models.ssd import choose_negatives, random_negatives

# %% [markdown]
# ## The loss
#
# The loss has one term for the classes and one for the boxes:
#
# $$L = \frac{1}{N} (L_{conf} + \alpha L_{loc})$$
#
# - L_conf is the cross-entropy over all classes *and the background*, summed over the
#   matched boxes and the chosen negatives.
# - L_loc is the smooth L1 loss of the four numbers, summed over the matched boxes only.
# - N is the number of matched boxes of the batch, and α is 1.

# %% tags=["show"]
from course_utils.models.ssd import ssd_losses

# %% [markdown]
# L_conf has up to four summands per matched box, but N counts the matched boxes alone.
# Without any object, the paper sets the loss to 0. A loop over the default boxes should
# agree.


# %%
def losses_by_loop(logits, deltas, labels, goals, is_negative):
    """The two losses of one image, one default box after the other."""
    conf = loc = 0.0
    matched = 0
    for a, label in enumerate(labels.tolist()):
        if label > 0 or is_negative[a]:
            conf -= logits[a].log_softmax(dim=0)[label].item()
        if label > 0:
            for error in (deltas[a] - goals[matched]).abs().tolist():
                loc += 0.5 * error**2 if error < 1 else error - 0.5
            matched += 1
    return conf / max(matched, 1), loc / max(matched, 1)


# %%
chance = torch.Generator().manual_seed(0)
toy_logits = torch.randn(1, 40, 4, generator=chance)
toy_deltas = torch.randn(1, 40, 4, generator=chance)
toy_labels = torch.randint(1, 4, (1, 40), generator=chance)
toy_labels = toy_labels * (torch.rand(1, 40, generator=chance) < 0.2)
goals = torch.randn(int((toy_labels > 0).sum()), 4, generator=chance)
chosen = choose_negatives(toy_logits, toy_labels > 0)
by_function = ssd_losses(toy_logits, toy_deltas, toy_labels, goals, chosen)
by_loop = losses_by_loop(toy_logits[0], toy_deltas[0], toy_labels[0], goals, chosen[0])
for (name, loss), other in zip(by_function.items(), by_loop, strict=True):
    print(f"{name}: {loss:.5f}, with a loop {other:.5f}")
    assert abs(loss - other) < 1e-4
nothing = torch.zeros_like(toy_labels)
empty = ssd_losses(toy_logits, toy_deltas, nothing, goals[:0], nothing > 0)
print("without objects:", [loss.item() for loss in empty.values()])

# %% [markdown]
# ## The network
#
# The backbone of lesson 02 already computes a map after each halving of the image. SSD
# needs the last three:

# %% tags=["show"]
from course_utils.models.ssd import LastMaps

# %% [markdown]
# On each map one 3 x 3 convolution predicts everything. `flatten_map`, from lesson 04,
# brings its channels into the order of the default boxes.

# %% tags=["show"]
from course_utils.models.ssd import SSDHead

# %% [markdown]
# The model's outputs, and the paper's settings:

# %% tags=["show"]
from course_utils.models.ssd import SSDOutputs, SSDSettings

# %% [markdown]
# Training joins the pieces above: match, choose negatives, compare.

# %% tags=["show"]
from course_utils.models.ssd import losses_from_outputs

# %% [markdown]
# Prediction takes the softmax and drops the background's column, moves the default
# boxes by the deltas and clips them. Then, as in YOLO, it keeps boxes above the minimum
# score, suppresses within each class, and reports the best 200.

# %% tags=["show"]
from course_utils.models.ssd import predict_from_outputs

# %% [markdown]
# The class puts it all together:

# %% tags=["show"]
from course_utils.models.ssd import SSD

# %%
model = build()
logits, deltas, starts = model(one_image)
print("logits", tuple(logits.shape), "deltas", tuple(deltas.shape))
assert torch.allclose(starts.cpu(), all_boxes)
for name, part in model.named_children():
    print(f"{name:>8}: {sum(weight.numel() for weight in part.parameters()):,} weights")

# %% [markdown]
# The next diagram shows a training step. Orange is what SSD adds to the training of an
# RPN.

# %% tags=["hide-input"]
place = inspect.getmodule(SSD)
batch = torch.stack([example for example, _ in learn[:2]]).to(device)
batch_targets = [{k: v.to(device) for k, v in t.items()} for t in learn_targets[:2]]
show_system(
    lambda: model.losses(batch, batch_targets),
    parts={
        "images": batch,
        "default boxes": (place, "default_boxes"),
        "backbone": model.backbone,
        "IoU with the objects": (place, "box_iou"),
        "head": model.head,
        "match": (place, "match_default_boxes"),
        "loss as background": (place, "background_loss"),
        "labels and targets": (place, "label_batch"),
        "hard negatives": (place, "hard_negatives"),
        "losses": (place, "ssd_losses"),
    },
    arrows=[
        *pairwise(["images", "backbone", "head", "loss as background"]),
        *pairwise(["default boxes", "IoU with the objects", "match"]),
        ("match", "labels and targets"),
        ("loss as background", "hard negatives"),
        ("labels and targets", "hard negatives"),
        ("head", "losses"),
        ("hard negatives", "losses"),
    ],
    names={"head": ["logits", "deltas"], "labels and targets": ["labels", "targets"]},
    new=["match", "loss as background", "hard negatives", "losses"],
    caption="From default boxes to the loss, for a batch of two images. Labels and targets "
    "go to the losses, too.",
)

# %% [markdown]
# ### Compared with torchvision
#
# torchvision's `SSD` takes any backbone and any default boxes, so we give it a copy of
# ours, weights included. If default boxes, matches, negatives and sums are the same,
# then so are the losses of the first step and their gradients.

# %%
from course_utils.models.peers.ssd import TorchvisionSSD

peer = TorchvisionSSD(model).to(device)
our_losses = model.losses(batch, batch_targets)
peer_losses = peer.losses(batch, batch_targets)
for name, loss in our_losses.items():
    print(f"{name:>16}: {loss:.6f}, torchvision {peer_losses[name]:.6f}")
    assert torch.allclose(loss, peer_losses[name], rtol=1e-4, atol=1e-5)

# %%
sum(our_losses.values()).backward()
sum(peer_losses.values()).backward()
ours = model.backbone.backbone.layers[0][0].weight.grad
theirs = peer.detector.backbone.backbone.backbone.layers[0][0].weight.grad
print(f"gradient of the first layer: length {ours.norm():.4f}, ", end="")
print(f"difference {(ours - theirs).norm():.1e}")
assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4 * ours.abs().max().item())

# %% [markdown]
# SSD300 has the same parts, but larger: VGG-16, more convolutions down to a map of one
# cell, and six heads. Its backbone is `SSD300Backbone` in `course_utils.models.ssd`.
#
# ## Augmentation
#
# Fixed default boxes need objects of *every* size at *every* place, or some boxes will
# never be matched. So images are cropped, shrunk, mirrored and recoloured anew each
# time they are seen. On VOC 2007, crops and colours gain SSD300 8.8 points of mAP over
# flips alone (the paper's table 2), and shrinking adds 2 to 3 more (section 3.6).
#
# Cropping and shrinking are the same operation: a *window* is laid over the image, and
# what it shows becomes the new image. A small window makes objects larger; a window
# larger than the image makes them smaller, on a grey background.

# %% tags=["show"]
from course_utils.training.augment.patches import look_through

# %% [markdown]
# The boxes move along. An object is kept if its **centre** lies in the window, and its
# box is clipped to the window.

# %% tags=["show"]
from course_utils.training.augment.patches import centres_inside, targets_through

# %% [markdown]
# For smaller objects, the window is enlarged (the paper's "expansion"). For larger
# ones, patches of random size, shape and place are drawn:

# %% tags=["show"]
from course_utils.training.augment.patches import random_patches, zoom_out

# %% [markdown]
# Not every patch will do, because one that shows only floor teaches little. It must
# reach a minimum IoU with *some* object whose centre it contains.

# %% tags=["show"]
from course_utils.training.augment.patches import first_fitting, patch_overlaps

# %% [markdown]
# The minimum is drawn from 0 (any overlap), 0.1, 0.3, 0.5, 0.7 and 0.9, and the whole
# image is one more choice.

# %% tags=["show"]
from course_utils.training.augment.patches import sample_patches

# %% [markdown]
# **Predict:** of 50 patches per scene, we take the first whose overlap is *at least*
# 0.1. What is the mean overlap of the patches taken?

# %% tags=["predict"]
from course_utils.training.augment.patches import whole_images

chance = torch.Generator().manual_seed(0)
some = [t["boxes"] for t in learn_targets[:200]]
scene_of = torch.arange(len(some)).repeat_interleave(torch.tensor([*map(len, some)]))
whole = whole_images(image[None])  # the window (1, 4) that changes nothing
patches = random_patches(whole.repeat(len(some), 1), 50, chance)  # (scenes, 50, 4)
best = patch_overlaps(torch.cat(some), scene_of, patches)  # (scenes, 50)
for least in (0.1, 0.3, 0.5, 0.7, 0.9):
    first = (best >= least).int().argmax(dim=1, keepdim=True)
    reached = best.gather(1, first)
    reached = reached[reached >= least]
    text = f", mean overlap {reached.mean():.2f}" if len(reached) else ""
    print(f"at least {least}: found in {len(reached) / len(some):.0%} of scenes{text}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# More than twice the minimum: 0.1 is a floor, not a target. The high minima can rarely
# be met, because our objects are small compared with a patch. If none of the 50 reaches
# a minimum, another choice is taken.
#
# </details>
#
# Here are sampled windows, and what each of them shows.

# %%
chance = torch.Generator().manual_seed(18)
windows = {
    "a patch, at least 0.1": sample_patches([truth], whole, chance, overlaps=[0.1]),
    "a patch, at least 0.3": sample_patches([truth], whole, chance, overlaps=[0.3]),
    "expanded": zoom_out(whole, torch.Generator().manual_seed(56), most=2),
}
views = {}
for name, window in windows.items():
    (moved,) = targets_through([target], window, side, side)
    views[name] = look_through(image[None], window)[0], moved["boxes"]

# %% tags=["hide-input"]
fig, axes = new_figure(2, 3, width=8.8, height=6.4)
for above, below, name in zip(axes[:3], axes[3:], windows, strict=True):
    draw_image(above, image, title=name)
    draw_boxes(above, truth, index=3, linewidth=1.5)
    draw_boxes(above, windows[name], index=0, linewidth=2.5)
    above.set(xlim=(-0.7 * side, 1.7 * side), ylim=(1.7 * side, -0.7 * side))
    above.set_axis_off()
    view, boxes_seen = views[name]
    draw_image(below, view, title=f"objects: {len(boxes_seen)}", ticks=False)
    draw_boxes(below, boxes_seen, index=3)
show(
    fig,
    alt="Above, the scene with three windows: two parts of it, and one larger than the "
    "image. Below, what each shows: some of its objects, larger; all objects, smaller, "
    "on grey. The boxes lie on the objects everywhere.",
    caption="Above: windows in orange, objects in green. Below: what the windows show, "
    "with the boxes moved along.",
)

# %% [markdown]
# The other changes are flips, as before, and colours: brightness, contrast, saturation
# and hue, each in half of the images.

# %% tags=["show"]
from course_utils.training.augment import distort_colors

# %% [markdown]
# All four together:

# %% tags=["show"]
from course_utils.training.augment import augment_ssd

# %% [markdown]
# The paper enlarges the window's sides up to four times, on images of 300 pixels. In
# ours of 128, objects would become specks, so we stop at two.

# %%
augment = partial(augment_ssd, most_zoom=2)
before = torch.stack([example for example, _ in learn[:3]])
after, moved = augment(before, learn_targets[:3], torch.Generator().manual_seed(3))

# %% tags=["hide-input"]
show_images(
    [*before, *after],
    columns=3,
    targets=[{"boxes": t["boxes"]} for t in [*learn_targets[:3], *moved]],
    width=8.7,
    alt="Three scenes, and below each the same scene after augmentation, with other "
    "sizes, places and colours. The boxes lie on the objects throughout.",
    caption="Above: before. Below: after. The boxes go along with the objects.",
)

# %% [markdown]
# Augmentation makes the task harder, with sizes that do not occur in our test scenes.
# We have 1,500 scenes and can generate more, so we train with flips alone. With few
# photographs and a long training, as in the paper, you would use it all.
#
# ## Training
#
# The network learns from both losses, starting from random weights.

# %%
from course_utils.training import TrainingSettings, predict_all, train
from course_utils.training.augment import flip_half
from course_utils.training.kept_models import keep_model

recipe = {"batch_size": 8, "optimizer": "adamw", "weight_decay": 1e-2, "lr": 2e-3}
recipe |= {"device": device, "augment": flip_half}
model = build()
long = TrainingSettings(steps=steps, seed=0, warmup_steps=50, **recipe)
history = train(model, learn, long)
kept = keep_model(model, "ssd", budget)
print(f"{len(history)} steps in {history.seconds:.0f} s")

# %% tags=["hide-input"]
show_losses(
    history,
    alt="Two falling curves on a logarithmic axis: the classifier's loss and the "
    "boxes' loss.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at the start, {values[-1]:.3f} at the end")

# %% [markdown]
# Both losses fall, steeply at first and then slowly. The classifier's will not approach
# 0, because it is taken over the hardest background. What counts is the result on new
# scenes.

# %%
from course_utils.metrics.coco import evaluate_detections

test_targets = [example_target for _, example_target in test]
found = predict_all(model, test)
figures = evaluate_detections(found, test_targets, class_names=CLASS_NAMES)
for name in ("AP", "AP50", "AP75", "AP_small", "AP_medium"):
    print(f"{name} {figures[name]:.3f}", end="  ")
print()
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))

# %% tags=["hide-input"]
if budget == "laptop":
    assert figures["AP50"] >= 0.9, figures["AP50"]
sure = [{k: v[d["scores"] > 0.5] for k, v in d.items()} for d in found]
show_images(
    [example for example, _ in test[2:4]],
    targets=sure[2:4],
    class_names=CLASS_NAMES,
    width=7.2,
    alt="Two test scenes with the detections that score above 0.5: nearly every object "
    "has a box that fits, mostly with the right class.",
    caption="Detections with a score above 0.5. Compare with the top of the lesson.",
)

# %% [markdown]
# In one pass, nearly every object is found. What are the hard negatives of the
# trained network?

# %% tags=["hide-input"]
trained = hardest_of(model)
fig, axes = new_figure(1, 2, width=6.6, height=3.4)
draw_negatives(axes[0], untrained, "untrained")
draw_negatives(axes[1], trained, "trained")
show(
    fig,
    alt="The hard negatives of the untrained network lie anywhere; those of the "
    "trained one crowd around the objects.",
    caption="Green and dotted: objects. Orange: every third hard negative.",
)
for name, chosen in {"untrained": untrained, "trained": trained}.items():
    print(f"{name:>9}: mean IoU with the nearest object {mean_overlap(chosen):.2f}")

# %% [markdown]
# Now they crowd around the objects: boxes that overlap an object by about a third, but
# not by half. A box just below an IoU of one half has to predict "background",
# while its neighbour just above must predict the object's class.
#
# ## What each map finds
#
# A detection is a moved default box, so we can trace it back: decode all boxes again,
# and look up which one it equals, up to rounding.


# %%
from course_utils.ops.boxes import clip_boxes, decode_boxes


@torch.no_grad()
def origins(model: SSD, scene: Tensor, boxes: Tensor) -> Tensor:
    """The place of the default box that each detection of a scene came from."""
    _, deltas, starts = (part.cpu() for part in model(scene[None].to(device)))
    moved = clip_boxes(decode_boxes(deltas[0], starts, weights=BOX_WEIGHTS), side, side)
    return (boxes[:, None] - moved).abs().amax(dim=2).argmin(dim=1)


# %%
places = [
    origins(model, scene, detections["boxes"])
    for (scene, _), detections in zip(test, sure, strict=True)
]
map_of = torch.bucketize(torch.cat(places), ENDS[1:], right=True)
pixels = sizes_of(torch.cat([d["boxes"] for d in sure])) * 128 / side
for k, number in enumerate(cells):
    own = pixels[map_of == k]
    half = f", half of them below {own.median():.0f} pixels" if len(own) else ""
    print(f"{number:>2} x {number:>2}: {len(own):>3} detections{half}")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=8.7, height=3)
for ax, index in zip(axes, (0, 2, 3), strict=True):
    draw_image(ax, test[index][0], ticks=False)
    draw_by_map(ax, sure[index]["boxes"], places[index], linewidth=2)
show(
    fig,
    alt="Three scenes with their detections, coloured by map: small objects come from "
    "the finest map, larger ones mostly from the middle one.",
    caption="Orange: finest map. Blue: middle one. Black: coarsest.",
)

# %% [markdown]
# The two finer maps do nearly all of the work, because few of our objects are large
# enough for the coarsest. What AP is left if only one of the maps may predict?


# %%
from course_utils.models.ssd import SSDOutputs


@torch.no_grad()
def predict_from_map(model: SSD, scene: Tensor, k: int) -> dict[str, Tensor]:
    """The detections of one map alone."""
    here = slice(int(ENDS[k]), int(ENDS[k + 1]))
    logits, deltas, starts = model(scene[None].to(device))
    outputs = SSDOutputs(logits[:, here], deltas[:, here], starts[here])
    (detections,) = predict_from_outputs(outputs, scene_size, model.settings)
    return {name: values.cpu() for name, values in detections.items()}


# %%
by_map = {"all maps": found}
for k, number in enumerate(cells):
    name = f"only {number} x {number}"
    by_map[name] = [predict_from_map(model, scene, k) for scene, _ in test]
for name, detections in by_map.items():
    row = evaluate_detections(detections, test_targets)
    print(
        f"{name:>13}: AP {row['AP']:.3f}, small objects {row['AP_small']:.3f}, "
        f"larger ones {row['AP_medium']:.3f}"
    )

# %% [markdown]
# On small objects, the finest map alone is about as good as all maps together. On
# larger objects it falls behind, whereas the middle map alone comes close to the whole.
# Nobody assigned objects to maps: the matching did so by overlap.
#
# ## Which errors remain?
#
# Hoiem et al. (2012) sort detections into kinds. For a class with N objects, only the N
# best detections count, each as the first kind that fits:
#
# - **correct**: the right class, and an IoU of at least 0.5 with an object not yet
#   taken;
# - **localisation**: the right class, but an IoU of only 0.1 to 0.5, or a duplicate;
# - **similar**: an IoU of at least 0.1 with an object of a similar class, such as a
#   table for a chair;
# - **other**: the same with an object of another class;
# - **background**: an IoU below 0.1 with every object.

# %% tags=["show"]
from course_utils.metrics.error_types import are_similar, find_own

# %% tags=["show"]
from course_utils.metrics.error_types import image_kinds

# %% [markdown]
# Here is an example of each kind, with one chair and one table:

# %%
from course_utils.metrics.error_types import KINDS

objects = {
    "boxes": torch.tensor([[10.0, 10, 50, 50], [60, 60, 110, 110]]),
    "labels": torch.tensor([6, 7]),
}
boxes_found = [
    [12.0, 10, 52, 50],
    [30, 10, 70, 50],
    [60, 60, 108, 110],
    [60, 60, 110, 108],
    [70, 2, 100, 30],
]
guesses = {
    "boxes": torch.tensor(boxes_found),
    "labels": torch.tensor([6, 6, 6, 1, 1]),
    "scores": torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]),
}
toy_kinds = image_kinds(guesses, objects, [(6, 7)], 0.5, 0.1)
print(", ".join(KINDS[kind] for kind in toy_kinds.tolist()))

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=4.4, height=4.2)
draw_image(ax, torch.full((3, 120, 120), 0.93), ticks=False)
draw_boxes(ax, objects["boxes"], index=3, linewidth=3)
draw_boxes(ax, guesses["boxes"], index=0, linewidth=1.2)
label_places = [(12, 8), (24, 56), (66, 58), (64, 117), (64, 36)]
for number, (at, kind) in enumerate(zip(label_places, toy_kinds.tolist(), strict=True)):
    label = CLASS_NAMES[guesses["labels"][number]]
    ax.text(*at, f"{label}: {KINDS[kind]}", fontsize=9)
show(
    fig,
    alt="A chair's and a table's box in green, and five detections in orange, each with "
    "its class and kind: " + ", ".join(KINDS[kind] for kind in toy_kinds.tolist()),
    caption="Green: a chair (left) and a table (right). Orange: detections.",
)

# %% [markdown]
# If a class has fewer detections than objects, the difference counts as "missing".

# %% tags=["show"]
from course_utils.metrics.error_types import highest_of_each_class

# %% tags=["show"]
from course_utils.metrics.error_types import error_kinds

# %% tags=["show"]
from course_utils.metrics.error_types import count_errors

# %% tags=["hide-input"]
similar = [tuple(CLASS_NAMES.index(n) for n in group) for group in SIMILAR_CLASSES]
errors = {
    name: count_errors(detections, test_targets, similar=similar)
    for name, detections in by_map.items()
}
show_errors(
    errors,
    alt="Bars of the kinds of detections in percent: "
    + "; ".join(f"{n}: {c['correct']} correct" for n, c in errors.items()),
    caption="Our SSD, and each of its maps alone: the kinds of its best detections.",
)
for name, kinds in errors.items():
    print(f"{name:>13}:", ", ".join(f"{kind} {n}" for kind, n in kinds.items()))

# %% [markdown]
# With all maps, most detections are correct, and most errors are wrong classes. The
# results of single maps show why several are needed: what one map misses or fits badly,
# another finds.
#
# ## What hard negatives are worth
#
# We train short runs with the hardest negatives, with as many at random, and with all
# of the background, for three seeds each. For a given seed, the three variants start
# from the same weights and see the same images in the same order, so only the negatives
# differ.

# %%
from course_utils.training.train import History


def short_run(negatives: str, seed: int) -> tuple[float, History]:
    """AP on the test scenes, and the losses, of a short training."""
    variant = build(seed, negatives=negatives)
    short = TrainingSettings(steps=short_steps, seed=seed, **recipe)
    losses = train(variant, learn, short)
    detections = predict_all(variant, test)
    return evaluate_detections(detections, test_targets)["AP"], losses


KINDS_OF_NEGATIVES = ("hard", "random", "all")
runs = {
    kind: [short_run(kind, seed) for seed in (1, 2, 3)] for kind in KINDS_OF_NEGATIVES
}

# %%
ap_of = {kind: [ap for ap, _ in results] for kind, results in runs.items()}
for kind, values in ap_of.items():
    last = mean(losses.curves(smooth=20)["total"][-1] for _, losses in runs[kind])
    three = ", ".join(f"{value:.3f}" for value in values)
    print(f"{kind:>6}: AP {three}; mean {mean(values):.3f}, ", end="")
    print(f"standard deviation {stdev(values):.3f}; loss at the end {last:.1f}")
for kind in ("random", "all"):
    gains = [a - b for a, b in zip(ap_of["hard"], ap_of[kind], strict=True)]
    print(f"hard - {kind}: mean {mean(gains):+.3f}, spread {stdev(gains):.3f}")

# %% tags=["hide-input"]
if budget == "laptop":
    assert mean(ap_of["hard"]) > mean(ap_of["random"])

# %% [markdown]
# With every seed, the hardest negatives beat random ones, by several times the spread
# of that gain. Against all of the background they are ahead on average, but by no more
# than the seeds differ. Random negatives end with the *lowest* loss, because most of
# them are easy: losses over different boxes do not tell which detector is better. The
# runs are short, so they compare how fast variants learn.
#
# ## The table of all detectors
#
# We compare six detectors on the same scenes, under the same evaluation. Each lesson
# leaves a row of results in a file; the table shows those that you have run on this
# machine.

# %%
from course_utils.training import median_ms, read_rows, write_row

milliseconds = median_ms(lambda: model.predict(one_image), 15)
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

# %%
from course_utils.draw import show_accuracy_and_time

lessons = {"sliding windows": "01", "R-CNN": "02", "Fast R-CNN": "03"}
lessons |= {"Faster R-CNN": "04", "YOLO": "05", "SSD": "06"}
rows = {result["system"]: result for result in read_rows(budget)}
measured = [rows[name] for name in lessons if name in rows]
show_systems(
    measured,
    systems=list(lessons),
    caption=f"All detectors, on the tabletop ({budget})",
)
for name in lessons:
    if name not in rows:
        print(f"{name}: not run here at {budget}; see lesson {lessons[name]}")

# %% tags=["hide-input"]
complete = [result for result in measured if result["AP"] is not None]
show_accuracy_and_time(
    complete,
    alt="AP over the time per image, on a logarithmic axis: "
    + "; ".join(
        f"{result['system']} {result['AP']:.2f} at {result['ms_per_image']:.1f} ms"
        for result in complete
    ),
    caption="Higher and further left is better.",
)

# %% [markdown]
# These numbers can be compared only if they come from the same scenes and machine.

# %% tags=["hide-input"]
for key, unit in {"test_scenes": "test scenes", "side": "pixels per side"}.items():
    values = sorted({str(result.get(key, "?")) for result in measured})
    print(f"{unit}: {', '.join(values)}")
print("machines:", ", ".join(sorted({result["machine"] for result in measured})))
areas = torch.cat([sizes_of(t["boxes"]) ** 2 for t in test_targets])
print(
    f"objects below 32 x 32 pixels (small): {(areas < 32**2).sum()}; larger: ", end=""
)
print(int((areas >= 32**2).sum()))

# %% [markdown]
# At `laptop`, both agree. What does *not* agree in any budget is the training: the
# systems saw different numbers of scenes and steps, with one seed each, so read the
# table for large differences only. Which detectors are beaten by another in accuracy
# *and* time?

# %%
for result in complete:
    better = [
        other["system"]
        for other in complete
        if other["AP"] > result["AP"] and other["ms_per_image"] < result["ms_per_image"]
    ]
    print(
        f"{result['system']:>16}: beaten in accuracy and time by {', '.join(better) or 'none'}"
    )

# %% [markdown]
# Time falls most from R-CNN to Faster R-CNN. YOLO and SSD also drop the second look at
# each proposal. YOLO is the faster of the two but less accurate, above all on small
# objects, for which SSD has more than a thousand default boxes on its finest map alone.
# The two also differ in backbone and training, so this table does not prove the cause.
#
# ### The published table
#
# The papers report such figures for Pascal VOC 2007. R-CNN learned from the images of
# 2007 alone, as did DPM, the best-known detector before deep networks; the others used
# those of 2012, too.

# %%
from course_utils.data.published import PAPER_TABLE, with_milliseconds

show_systems(
    PAPER_TABLE,
    columns={
        "AP50": ("mAP", ".1f"),
        "fps": ("images per second", ".3g"),
        "network": ("network", ""),
        "input": ("input", ""),
        "batch": ("batch", "d"),
        "device": ("device", ""),
        "source": ("source", ""),
    },
    caption="Published, on Pascal VOC 2007",
)

# %% tags=["hide-input"]
papers = with_milliseconds(PAPER_TABLE)
show_accuracy_and_time(
    papers,
    accuracy="AP50",
    label="mAP, VOC 2007",
    alt="Published accuracy over the time per image, on a logarithmic axis: "
    + "; ".join(
        f"{paper['system']} {paper['AP50']} at {paper['ms_per_image']:,.0f} ms"
        for paper in papers
    ),
    caption='The same, drawn. "SSD300 in batches" is the time per image of a batch of 8.',
)

# %% [markdown]
# SSD300 runs at 59 images per second in batches of 8 and at 46 one by one; only the
# latter can be compared with the other rows. Its images have 300 pixels per side,
# whereas Faster R-CNN's have about 600 by 1,000, so part of the speed comes from the
# smaller image. These numbers cannot be compared with our table: GPUs, images, classes
# and networks all differ. Many copies of this table get figures wrong; see the
# [errata](errata.ipynb).

# %% [markdown]
# ## Recap
#
# SSD predicts classes and boxes for thousands of default boxes in one pass. They lie on
# several maps, so that small objects match where cells are fine and large ones where
# cells see enough. Each object takes its best box, and every box with an IoU of 0.5
# learns, too. Most of the rest is easy background, so a step learns from the hardest
# three per match.
#
# | | YOLO | SSD | why |
# |---|---|---|---|
# | maps | one of 7 x 7 cells | several | small objects need fine cells |
# | boxes start from | nothing | default boxes | a small correction is easier |
# | responsible | one predictor | every box that overlaps enough | more positives |
# | background | low confidence | a class, learned from the hardest boxes | easy boxes teach little |

# %% [markdown]
# ## Common mistakes
#
# - **Scales that do not fit the objects:** small objects are never found. The share of
#   objects with an IoU of 0.5 shows this before training.
# - **Step 2 of the matching overwrites step 1:** objects without an IoU of 0.5 are
#   taught as background, and recall on them stays low.
# - **Negatives ranked by the background's logit** before the softmax: easy boxes are
#   chosen, and false detections next to objects remain.
# - **All negatives, divided by the matched boxes:** the loss starts near 100.
# - **Outputs flattened in another order than the default boxes:** the loss stalls, and
#   boxes lie on the wrong cells.

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap_small=figures["AP_small"],
    ap_medium=figures["AP_medium"],
    ms_per_image=milliseconds,
    training_seconds=history.seconds,
    ap_short_hard=mean(ap_of["hard"]),
    ap_short_random=mean(ap_of["random"]),
    ap_short_all=mean(ap_of["all"]),
    correct=errors["all maps"]["correct"],
    localisation=errors["all maps"]["localisation"],
)

# %% [markdown]
# ## Three questions to think about
#
# **1.** SSD is an RPN that predicts classes. How else does it differ from lesson 04's
# RPN?
#
# <details><summary>Answer</summary>
#
# Its boxes lie on several maps, in the middle of cells, with sides in fractions of the
# image. It has one threshold of 0.5 and ignores no box, and an object's best box goes
# to that object. Its negatives are the hardest, not a random sample. Its detections are
# final after suppression: there is no second stage.
#
# </details>
#
# **2.** You double the sides of all photographs, from 300 to 600 pixels, and change
# nothing else. How many default boxes are there now? Which objects match other maps?
#
# <details><summary>Answer</summary>
#
# The finer maps have about four times as many cells, so there are about four times as many boxes.
# Scales are fractions of the image, so no object changes its map. But a cell sees as
# many pixels as before, so only half of the object's extent. A larger image needs one
# more coarse map.
#
# </details>
#
# **3.** Someone uses all background whose loss is above 0.1 as negatives. What happens
# in the first steps?
#
# <details><summary>Answer</summary>
#
# Nearly all of it qualifies, since with 8 equally likely classes the loss of a box is
# log 8, about 2.1. With 1,300 negatives, summed but divided by 25 matches, the loss
# starts above 100, and nearly all of its gradient says "background".
#
# </details>
