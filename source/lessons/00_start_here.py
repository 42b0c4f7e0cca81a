# %% [markdown]
# # 00. Start here
#
# **What goes into a detector, what has to come out, and how large is everything in
# between?**
#
# A detector gets numbers in the shape of a picture. It returns boxes, or masks, or
# meshes. This lesson looks at both ends and at the tool between them, the convolution.
# At the end a first small network learns to name the things in the pictures.
#
# How to read a lesson: where it says **before you run**, stop and guess. A wrong guess
# teaches more than a right reading. Then run the cell (shift + enter) and compare.
# Change the numbers, run again.
#
# First, the doctor. It looks at your machine and says what is missing.

# %%
from course_utils.doctor import doctor

doctor()

# %% [markdown]
# One remark on what a slide can do to you. Commands copied from slides often fail,
# because the program that made the slides has turned a hyphen into a dash. The two look
# alike.

# %%
for name, mark in {"typed": "-", "pasted from slides": "–"}.items():
    print(f"{name:>20}: conda create {mark}n course   the mark has number {ord(mark)}")

# %% [markdown]
# Only the first mark starts an option. Type commands, or copy them from a text file.
#
# The next cell holds the settings of this lesson. `budget` is `smoke` (seconds, proves
# that it runs), `laptop` or `gpu`. The code is the same for all; only these numbers
# differ.

# %% tags=["parameters"]
from course_utils.training import (
    TrainingSettings,
    choose_budget,
    choose_device,
    start_lesson,
)

budget = choose_budget()
scenes, test_scenes, steps = {
    "smoke": (40, 20, 20),
    "laptop": (700, 150, 400),
    "gpu": (4000, 1000, 2000),
}[budget]
watch = start_lesson("00_start_here", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# ## An image is a tensor
#
# Take a picture of 4 rows and 6 columns, all black, and switch one channel of one pixel
# on.
#
# **Before you run:** the pixel is `toy[0, 1, 4]`. Where is it in the picture, and which
# colour has it?

# %%
import torch

from course_utils.draw import show_images

toy = torch.zeros(3, 4, 6)  # (channels, height, width)
toy[0, 1, 4] = 1.0
show_images(
    [toy],
    width=4,
    alt="A black picture, 6 pixels wide and 4 high. The pixel in the second row and "
    "the fifth column is red.",
)

# %% [markdown]
# Channel 0 is red. Then comes the row, counted from the top, then the column, counted
# from the left. A point, in contrast, is written (x, y): x says the column. So pixel
# `[row, column]` is the point `(column, row)`. **Tensors take y first, boxes take x
# first.** Half of all box bugs are this one.
#
# Now a real one: a picture of the *tabletop*, the generated world in which most of this
# course plays.

# %%
from course_utils.data.tabletop import CLASS_NAMES, SEMANTIC_NAMES, TRUTHS, Tabletop

print("truths:", ", ".join(TRUTHS))
tabletop = Tabletop(200, split="train", truth=TRUTHS)
image, target = tabletop[107]
print(tuple(image.shape), image.dtype, f"from {image.min():.2f} to {image.max():.2f}")
print("a batch of two:", tuple(torch.stack([image, tabletop[106][0]]).shape))
print("red, green, blue of row 90, column 40:", image[:, 90, 40])

# %% [markdown]
# Every image of the course has this form: float, RGB, values in [0, 1], shape (3,
# height, width). A batch puts the number of images in front.
#
# ## What there is to know about a picture
#
# A generated world has one advantage over photographs: nothing about it has to be
# labelled by hand, and nothing is labelled wrongly. Here is what a detector is asked
# for first.

# %%
from course_utils.draw import show_boxes

names = [CLASS_NAMES[label] for label in target["labels"]]
show_boxes(
    image,
    target["boxes"],
    labels=target["labels"],
    class_names=CLASS_NAMES,
    alt=f"A tabletop scene with a box around each of: {', '.join(names)}.",
    caption="Boxes and labels: where each thing is, and what it is.",
)
for name, label, box in zip(names, target["labels"], target["boxes"], strict=True):
    print(f"{name:>9}: label {label}, box {box.tolist()}")

# %% [markdown]
# A label is a whole number. Label 0 is kept for background: it names no thing, and
# later it will be what a detector answers for a window that holds nothing. A box covers
# only what is *visible* of a thing, so it ends where another thing stands in front.
#
# A box also covers pixels that do not belong to the thing. Three kinds of maps say it
# pixel by pixel.
#
# **Before you run:** two things of the same class stand in this scene. Which of the
# three maps can tell one from the other?

# %%
from course_utils.draw import draw_class_map, draw_image, draw_masks, new_figure, show

fig, axes = new_figure(1, 3, width=11, height=3.6)
draw_image(axes[0], image, title="masks: a map a thing")
draw_masks(axes[0], target["masks"], labels=target["labels"], class_names=CLASS_NAMES)
draw_class_map(
    axes[1], target["semantic"], class_names=SEMANTIC_NAMES, title="semantic: a class"
)
draw_class_map(axes[2], target["panoptic"][1], title="panoptic: also a number")
show(
    fig,
    alt="Three views of the scene. Left, each thing has a mask of its own. Middle, "
    "each pixel has the colour of its class, and two things of one class share one. "
    "Right, each thing has a number and a colour of its own; floor and wall have 0.",
)

# %%
row, column = target["masks"][-1].nonzero()[0].tolist()
print(f"pixel in row {row}, column {column}:")
print("  masks:", target["masks"][:, row, column].int().tolist())
print("  semantic:", SEMANTIC_NAMES[target["semantic"][row, column]])
print("  panoptic (class, number):", target["panoptic"][:, row, column].tolist())

# %% [markdown]
# Masks come one a thing, for things only. The semantic map has a class for every pixel,
# floor and wall included, but two things of one class melt together. The panoptic map
# keeps both: a class for every pixel, and a number for every thing. Lessons 07 to 10
# are about these three.
#
# The picture is flat, the world is not. For each pixel we also know how far away it is,
# and which way the surface there looks.

# %%
from course_utils.draw import draw_heat_map

fig, axes = new_figure(1, 3, width=11, height=3.2)
draw_image(axes[0], image, title="image")
draw_heat_map(axes[1], target["depth"], name="metres", title="depth", maximum=8)
draw_image(axes[2], (target["normals"] + 1) / 2, title="normals, as colours")
show(
    fig,
    alt="The scene, its depth, small at the bottom and growing upward, and its "
    "normals: the floor has one colour, and round things change theirs gradually.",
)
length = target["normals"].norm(dim=0)
print(f"depth of the nearest pixel: {target['depth'].min():.2f} m")
print(f"length of the normals: {length.min():.4f} to {length.max():.4f}")

# %% [markdown]
# Depth is measured along the line of sight of the camera's middle. A normal is an arrow
# of length 1 that stands upright on the surface; its three numbers are shown as red,
# green and blue. The top of the cube has the colour of the floor: both look up.
#
# ## How the world got into the picture
#
# A camera turns points of the world into pixels. In the camera's frame x points right,
# y down and z forward, in metres. A point (X, Y, Z) lands at
#
# $$x = f \frac{X}{Z} + c_x \qquad y = f \frac{Y}{Z} + c_y$$
#
# so that what is twice as far away looks half as large. The matrix K holds these three.
#
# **On paper:** where does a point straight ahead land, such as (0, 0, 3)? And one that
# is 1 m to the right of it?


# %%
def project(points, K):
    """Pixels (N, 2), x first, of points (N, 3) in the camera's frame."""
    scaled = points @ K.T  # (N, 3)
    return scaled[:, :2] / scaled[:, 2:]


K = target["camera"]["K"]
print("f, cx, cy:", K[0, 0].item(), K[0, 2].item(), K[1, 2].item())
print(project(torch.tensor([[0.0, 0, 3], [1, 0, 3], [1, 0, 6]]), K).tolist())

# %% [markdown]
# Straight ahead is the middle of the picture. The third point is twice as far away as
# the second, and lands half as far from the middle.
#
# Every thing also has a *mesh*, a list of points in space and of the triangles between
# them, and named *keypoints*, such as the feet of a chair. Projected, both must fall on
# the picture of the thing.

# %%
chair = names.index("chair")
mesh, color = target["meshes"][chair], "#0072B2"
x, y = project(mesh["vertices"], K).T
points, state = target["keypoints"][chair], target["keypoint_visibility"][chair]
fig, axes = new_figure(1, 2, width=8, height=4)
for ax, title in zip(axes, ("mesh, projected", "keypoints"), strict=True):
    draw_image(ax, image, title=title)
    x1, y1, x2, y2 = target["boxes"][chair].tolist()
    ax.set(xlim=(x1 - 5, x2 + 5), ylim=(y2 + 15, y1 - 5))
axes[0].triplot(x, y, mesh["faces"], color=color, linewidth=0.7)
for value, marker, word in [(2, "o", "visible"), (1, "X", "hidden")]:
    axes[1].plot(*points[state == value].T, marker, markersize=8, label=word)
axes[1].legend(loc="lower right", frameon=True)
show(
    fig,
    alt="The chair of the scene, close up. Left, the triangles of its mesh lie on its "
    "picture. Right, its keypoints: some visible, some hidden behind other parts.",
)
print(f"{len(x)} vertices, {len(mesh['faces'])} triangles")
print(f"{(state == 2).sum()} keypoints visible, {(state == 1).sum()} hidden")

# %% [markdown]
# The mesh goes on where the chair is hidden. It is the whole chair, not only what is
# seen. Shape comes in three forms, for three families of networks (lessons 11 and 12).

# %%
from matplotlib.figure import Figure

fig = Figure(figsize=(9, 3.2), layout="constrained")
axes = [fig.add_subplot(1, 3, i + 1, projection="3d") for i in range(3)]
x, y, z = mesh["vertices"].T
axes[0].plot_trisurf(x, z, -y, triangles=mesh["faces"], color="#56B4E9", shade=True)
axes[0].set_title("mesh: vertices and triangles")
colors = {"facecolor": "#E69F00", "edgecolor": "#7A5500", "shade": False}
axes[1].voxels(target["voxels"][chair].numpy(), linewidth=0.3, **colors)
axes[1].set_title("voxels: full or empty")
x, y, z = target["samples"]["points"][chair].T
axes[2].scatter(x, z, -y, s=3, color="#009E73")
axes[2].set_title("samples: points on the surface")
for ax in axes:
    ax.set_box_aspect((1, 1, 1.3))
    ax.tick_params(labelsize=7)
show(
    fig,
    alt="The chair three times in space: as a mesh, as a grid of cubes, and as a cloud "
    "of points on its surface.",
)
voxels = target["voxels"][chair]
print("voxels", tuple(voxels.shape), f"{voxels.float().mean():.1%} of them full")
print("samples", tuple(target["samples"]["points"][chair].shape))

# %% [markdown]
# Mesh and samples lean: they are given as the camera sees them, and it looks down.
# Voxels stand upright, in the frame of the chair itself. They are easy to convolve, and
# nearly all of them are empty. Points are compact, and do not say what is connected. A
# mesh says it, and is hard to predict.
#
# The last kind of truth is made of words: a caption for each thing, and relations
# between things.

# %%
for caption in target["captions"]:
    print(caption)
behind = target["relations"]["behind"].nonzero().tolist()
print(", ".join(f"{names[i]} {i} is behind {names[j]} {j}" for i, j in behind[:4]))

# %% [markdown]
# ## Boxes end where the next pixel begins
#
# How wide is a thing that fills the columns 3, 4, 5, 6 and 7? The answer should be 5,
# and 7 - 3 is 4. Two ways out are in use. One adds 1 wherever a width is computed. The
# other, ours, lets the box end at 8, where pixel 7 ends: pixel 7 covers the stretch
# from 7 to 8. Such a box is called *half-open*, because its first number is inside and
# its last is not. Width is then x2 - x1, with no + 1 to forget.
#
# **Before you run:** the mask fills rows 2 to 4 and columns 3 to 7. What is its
# half-open box? And what does torchvision's function `masks_to_boxes` return?

# %%
import torchvision

mask = torch.zeros(1, 8, 11, dtype=torch.bool)
mask[0, 2:5, 3:8] = True  # Python's slices are half-open as well
by_hand = torch.tensor([[3.0, 2, 8, 5]])
by_torchvision = torchvision.ops.masks_to_boxes(mask)
print("half-open:  ", by_hand.tolist())
print("torchvision:", by_torchvision.tolist())
show_boxes(
    mask[0].float(),
    {"half-open": by_hand, "masks_to_boxes": by_torchvision},
    alt="A mask of 3 rows and 5 columns. The half-open box surrounds it; the box of "
    "masks_to_boxes leaves out the last row and the last column.",
    caption="The box of torchvision's function is one pixel short on two sides.",
)

# %% [markdown]
# The function returns the last pixel itself, an *inclusive* end, while every other box
# function of torchvision, such as `box_iou`, takes half-open boxes. Masks are often
# turned into boxes in this way, so this loses a pixel at two sides of every box,
# silently. Does it matter?
#
# A box of side s keeps (s - 1)² of its s² pixels. Intersection over union, the usual
# measure of overlap (lesson 01), is then ((s - 1) / s)². Let us see what it is for the
# things on the tabletop.

# %%
from course_utils.draw import draw_curves
from course_utils.ops.boxes import paired_box_iou

few = Tabletop(min(scenes, 100), split="train")
masks = [mask for _, target in few for mask in target["masks"]]
true = torch.cat([target["boxes"].as_subclass(torch.Tensor) for _, target in few])
short = torchvision.ops.masks_to_boxes(torch.stack(masks))
assert torch.equal(short, true - torch.tensor([0, 0, 1, 1]))
iou = paired_box_iou(short, true)
side = (true[:, 2:] - true[:, :2]).prod(dim=1).sqrt()
s = torch.arange(4.0, 60)
fig, (ax,) = new_figure(width=6.5)
draw_curves(
    ax, {"((s - 1) / s)²": (s, ((s - 1) / s) ** 2)}, y_label="IoU with the truth"
)
ax.scatter(side, iou, s=12, color="#0072B2", label="things on the tabletop")
ax.set_xlabel("side of the box (root of its area) in pixels")
ax.legend(loc="lower right")
show(
    fig,
    alt="IoU of the shortened boxes over their size. It is well below 1 for small "
    "boxes and nearly 1 for the largest, along the curve ((s - 1) / s) squared.",
)
print(f"{len(iou)} boxes: mean IoU {iou.mean():.3f}, smallest {iou.min():.3f}")

# %% [markdown]
# Now imagine a perfect detector that learned from such boxes. It finds every thing,
# names it rightly, and repeats the short boxes to the digit. COCO's measure, AP (lesson
# 01), gives 1 to a detector without faults. **Before you run:** what does this one get?

# %%
from course_utils.metrics.coco import evaluate_detections

truths = [target for _, target in few]
answers = [
    {
        "boxes": torchvision.ops.masks_to_boxes(target["masks"]),
        "labels": target["labels"],
        "scores": torch.ones(len(target["labels"])),
    }
    for target in truths
]
result = evaluate_detections(answers, truths)
print(
    {name: round(result[name], 3) for name in ("AP", "AP50", "AP_small", "AP_medium")}
)

# %% [markdown]
# At the loose threshold (AP50) nothing is lost. Over all of COCO's thresholds, a good
# part of the points is gone, most on small things, and no training will ever bring it
# back. The cure is one line: add 1 to both ends of what `masks_to_boxes` returns. In
# the assignment you write a function that needs no cure.
#
# ## One box, five ways to write it
#
# Data sets and models do not agree on four numbers. These are the usual ways:
#
# - **xyxy**: two corners. Ours, torchvision's, and everything inside this course.
# - **xywh**: first corner and size. COCO's json files.
# - **cxcywh**: centre and size. What regressors work with (lesson 02).
# - **normalized cxcywh**: the same, divided by width and height of the image. YOLO's
#   text files.
# - **VOC**: two corners, pixels counted from 1, the last one inside. Pascal VOC's XML
#   files.

# %% tags=["show"]
from course_utils.ops.boxes import xyxy_to_cxcywh, xyxy_to_xywh

# %%
from course_utils.ops.boxes import normalize_boxes, xyxy_to_voc

height, width = mask.shape[1:]
ways = {
    "xyxy": by_hand,
    "xywh": xyxy_to_xywh(by_hand),
    "cxcywh": xyxy_to_cxcywh(by_hand),
    "normalized cxcywh": normalize_boxes(xyxy_to_cxcywh(by_hand), height, width),
    "VOC": xyxy_to_voc(by_hand),
}
for way, numbers in ways.items():
    print(f"{way:>18}:", [round(number, 3) for number in numbers[0].tolist()])
for way, ours in {"xywh": xyxy_to_xywh, "cxcywh": xyxy_to_cxcywh}.items():
    theirs = torchvision.ops.box_convert(true, "xyxy", way)
    print(
        f"{way}: largest difference to torchvision {(ours(true) - theirs).abs().max()}"
    )

# %% [markdown]
# Nothing in four numbers says which way they are written. **Before you run:** boxes
# stored as xywh are read as xyxy. What do they look like, near the top left corner and
# far from it?

# %%
misread = xyxy_to_xywh(target["boxes"].as_subclass(torch.Tensor))
show_boxes(
    image,
    {"truth": target["boxes"], "xywh read as xyxy": misread},
    alt="The scene with its true boxes, and boxes that start at the same corner but "
    "end somewhere toward the top left of the image.",
)
inverted = (misread[:, 2:] <= misread[:, :2]).any(dim=1)
print(f"{inverted.sum()} of {len(misread)} boxes end before they begin")

# %% [markdown]
# They start where they should and end at (width, height) instead. The farther from the
# corner, the worse: they end before they begin. A loss computed from such boxes is a
# number like any other, and nothing raises an error. So: **draw your boxes before you
# train.** It takes one line.
#
# ## How large is the output of a convolution?
#
# A kernel of 3 taps slides over 7 pixels in steps of 2. **On paper:** at how many
# places can it stand?
#
# At 0, 2 and 4; at 6 it would stick out. In general a kernel reaches over d · (k - 1) +
# 1 pixels, where k counts the taps and the *dilation* d is the distance between them.
# Padding p adds p zeros on each side. What is left after the kernel's first stand is
# cut into strides, and a rest is dropped:
#
# $$\text{output} = \left\lfloor \frac{n + 2p - d(k - 1) - 1}{s} \right\rfloor + 1$$

# %% tags=["show"]
from course_utils.ops.convolution import conv_output_size

# %%
from torch import nn

print("7 pixels, 3 taps, stride 2:", conv_output_size(7, 3, stride=2))
agree = 0
for size in range(9, 20):
    for kernel, stride, padding, dilation in [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1),
        (2, 2, 0, 1), (3, 1, 2, 2), (4, 3, 1, 2), (7, 2, 3, 1)]:  # fmt: skip
        settings = {"stride": stride, "padding": padding, "dilation": dilation}
        theirs = nn.Conv1d(1, 1, kernel, **settings)(torch.zeros(1, 1, size)).shape[-1]
        ours = conv_output_size(size, kernel, **settings)
        assert ours == theirs, (size, kernel, settings)
        agree += 1
print(f"torch agrees in {agree} of {agree} cases")

# %% [markdown]
# Play with it. The squares on top are the input, the grey ones its padding. Each row
# below is one output, and its marks are the pixels it reads. Look for settings in which
# pixels at the end are read by nobody, and for those in which the output is exactly
# half of the input.

# %%
from course_utils.widgets import Slider, explore


def draw_taps(size, kernel, stride, padding, dilation):
    """One row for the input, and one for the taps of each output."""
    reach = dilation * (kernel - 1) + 1
    settings = {"stride": stride, "padding": padding, "dilation": dilation}
    fits = reach <= size + 2 * padding
    outputs = conv_output_size(size, kernel, **settings) if fits else 0
    fig, (ax,) = new_figure(width=8, height=4)
    pixels = range(-padding, size + padding)
    colors = ["white" if 0 <= x < size else "#bbbbbb" for x in pixels]
    ax.scatter(pixels, [0] * len(pixels), 130, colors, marker="s", edgecolors="black")
    for i in range(outputs):
        taps = [i * stride - padding + t * dilation for t in range(kernel)]
        ax.plot(taps, [i + 1] * kernel, "s-", color=("#0072B2", "#D55E00")[i % 2])
    above = f"{size} + 2 · {padding} - {dilation} · ({kernel} - 1) - 1"
    ax.set_title(f"⌊({above}) / {stride}⌋ + 1 = {outputs}")
    ax.set(
        xlabel="pixel",
        ylabel="outputs",
        yticks=[0],
        yticklabels=["input"],
        xlim=(-4.7, 19.7),
        ylim=(max(outputs, 6) + 0.8, -0.8),
    )
    return fig


# %%
explore(
    draw_taps,
    size=Slider(5, 16, 1, 7, "input size"),
    kernel=Slider(1, 5, 1, 3, "kernel"),
    stride=Slider(1, 4, 1, 2, "stride"),
    padding=Slider(0, 4, 1, 0, "padding"),
    dilation=Slider(1, 3, 1, 1, "dilation"),
    alt=lambda **v: f"The taps of a convolution, one row an output. Settings: {v}",
    caption="Which pixels each output of a convolution reads.",
)

# %% [markdown]
# Three settings are worth knowing by heart. A 3x3 kernel with padding 1 keeps the size.
# The same with stride 2 halves it and rounds up. A 2x2 pool with stride 2 halves it and
# rounds down. The cell below prints them.

# %%
for size in (112, 75):
    keeps = conv_output_size(size, 3, padding=1)
    halves = conv_output_size(size, 3, stride=2, padding=1)
    pools = conv_output_size(size, 2, stride=2)
    print(f"{size}: 3x3 pad 1 -> {keeps}; stride 2 -> {halves}; 2x2 pool -> {pools}")

# %% [markdown]
# ## What padding does to the border
#
# Padding is not free. Take a picture that is 1 everywhere and a 3x3 kernel that
# averages. Every output should be 1. **On paper:** what is the output in a corner, and
# what is it along an edge?

# %%
import torch.nn.functional as F

flat = torch.ones(1, 1, 7, 10)
average = torch.full((1, 1, 3, 3), 1 / 9)
padded = F.conv2d(flat, average, padding=1)[0, 0]
twice = F.conv2d(padded[None, None], average, padding=1)[0, 0]
fig, axes = new_figure(1, 2, width=9, height=3)
draw_heat_map(axes[0], padded, minimum=0, maximum=1, title="one padded layer")
draw_heat_map(axes[1], twice, minimum=0, maximum=1, title="two padded layers")
show(
    fig,
    alt="Two heat maps of a flat picture after averaging. After one layer the outer "
    "pixels are darker, the corners most. After two layers, two rings are.",
)
print(f"corner {padded[0, 0]:.3f}, edge {padded[0, 4]:.3f}, inside {padded[3, 4]:.3f}")
print("without padding:", F.conv2d(flat, average).unique().tolist())

# %% [markdown]
# In a corner 4 of 9 taps see the picture, along an edge 6 of 9; the rest sees zeros. So
# padding keeps the size, and it marks the border: with every layer the mark creeps one
# pixel inward. Without padding every number is honest, and the map shrinks. Neither is
# right or wrong; you have to know which you have. The assignment asks how far the mark
# reaches.
#
# ## What has to be learned
#
# Each output channel has one kernel over *all* input channels, and one bias. **On
# paper:** how many numbers does a 3x3 convolution from 64 to 128 channels hold? Does
# the size of the picture matter?

# %% tags=["show"]
from course_utils.ops.convolution import conv_parameters

# %%
ours = conv_parameters(64, 128, 3)
theirs = sum(weight.numel() for weight in nn.Conv2d(64, 128, 3).parameters())
print(f"128 · (64 · 3 · 3) + 128 = {ours:,}; torch counts {theirs:,}")
with torch.device("meta"):  # shapes only, no memory
    vgg16 = torchvision.models.vgg16(weights=None)
convs = sum(weight.numel() for weight in vgg16.features.parameters())
linear = sum(weight.numel() for weight in vgg16.classifier.parameters())
print(f"VGG-16: {convs:,} in 13 convolutions, {linear:,} in 3 linear layers")
print(f"the linear layers hold {linear / (convs + linear):.0%}")

# %% [markdown]
# The size of the picture does not matter: a kernel slides. A linear layer, in contrast,
# has a weight for every number it gets, so it holds most of VGG-16, and it takes
# pictures of one size only. That is why later lessons throw these layers out.
#
# ## How much of the picture does a number see?
#
# Stack three 3x3 convolutions. A number after the first sees 3 pixels along each axis.
# After the second it sees 3 numbers that each see 3 pixels, and these overlap. **On
# paper:** how many pixels does a number see after the second, the third, the L-th
# layer?
#
# This is called the *receptive field*. It can be measured without any formula: take one
# output in the middle, and ask which pixels have a gradient.

# %%
from course_utils.ops.convolution import ConvLayer


def gradient_of_middle(layers, size):
    """How strongly each pixel acts on the middle output, (size, size)."""
    net = nn.Sequential()
    for layer in layers:
        net.append(nn.Conv2d(1, 1, *layer, bias=False))
        nn.init.constant_(net[-1].weight, 1 / layer.kernel**2)  # nothing cancels
    picture = torch.zeros(1, 1, size, size, requires_grad=True)
    out = net.double()(picture.double())
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    return picture.grad[0, 0]


fig, axes = new_figure(1, 4, width=11, height=2.6)
for count, ax in enumerate(axes, start=1):
    gradient = gradient_of_middle([ConvLayer(3, padding=1)] * count, 15)
    draw_heat_map(ax, gradient, title=f"layers: {count}")
    sides = (gradient.any(dim=0).sum().item(), gradient.any(dim=1).sum().item())
    print(f"layers: {count}, {sides} measured, 1 + 2 · {count} = {1 + 2 * count}")
show(
    fig,
    alt="Four heat maps: after 1, 2, 3 and 4 layers the middle output depends on a "
    "square of 3, 5, 7 and 9 pixels, most on the middle of the square.",
)

# %% [markdown]
# Each layer adds one pixel on each side: **1 + 2L** for L layers of 3x3. That is slow:
# to see a thing 100 pixels wide it takes 50 layers. The maps show a second thing.
# Pixels in the middle act on the output along many paths, those at the rim along one,
# so the field that matters is smaller than the field that counts.
#
# Strides are the way out. Once neighbours in a map are j pixels apart, a kernel reaches
# over j times as many pixels. So each layer adds d · (k - 1) · j, and then multiplies j
# by its own stride.

# %% tags=["show"]
from course_utils.ops.convolution import receptive_field

# %%
stacks = {
    "three 3x3": [ConvLayer(3)] * 3,
    "the first with stride 2": [ConvLayer(3, stride=2), ConvLayer(3), ConvLayer(3)],
    "the last with stride 2": [ConvLayer(3), ConvLayer(3), ConvLayer(3, stride=2)],
    "dilations 1, 2, 4": [ConvLayer(3, dilation=d) for d in (1, 2, 4)],
}
for name, layers in stacks.items():
    field = receptive_field(layers)
    measured = gradient_of_middle(layers, 64).any(dim=0).nonzero()
    span = int(measured[-1] - measured[0]) + 1
    print(f"{name:>24}: computed {field.size:>2}, measured {span:>2}")
    assert field.size == span

# %% [markdown]
# A stride helps only the layers that come after it, so nets shrink their maps early.
# Dilation widens the field without shrinking the map. Try both, and watch how the
# weight is spread.

# %%
from course_utils.draw import draw_boxes


def draw_field(layers, stride, dilation):
    """What the middle output sees, and the box that the formula says."""
    spread = [ConvLayer(3, stride, 0, dilation if i else 1) for i in range(layers)]
    field = receptive_field(spread)
    gradient = gradient_of_middle(spread, max(63, field.size))
    fig, (ax,) = new_figure(width=5.2, height=4.2)
    draw_heat_map(ax, gradient / gradient.max(), name="share of the strongest pixel")
    y, x = gradient.nonzero()[0].tolist()
    draw_boxes(ax, torch.tensor([[x, y, x + field.size, y + field.size]]))
    ax.set_title(f"layers: {layers}, sees: {field.size}, stride: {field.stride}")
    return fig


# %%
explore(
    draw_field,
    layers=Slider(1, 6, 1, 3, "layers of 3x3"),
    stride=Slider(1, 2, 1, 2, "stride of each"),
    dilation=Slider(1, 3, 1, 1, "dilation after the first"),
    alt=lambda layers, stride, dilation: (
        f"What the middle output of {layers} layers with stride {stride} and dilation "
        f"{dilation} sees, and the box that is computed."
    ),
    caption="The receptive field of a stack: measured in colours, computed as a box.",
)

# %% [markdown]
# ## Where a slide is wrong: VGG's last map
#
# VGG-16 is the net under several detectors of lessons 02 to 06. It has five blocks of
# 3x3 convolutions with padding 1, and after each block a 2x2 pool. Some slides say that
# Faster R-CNN looks at VGG's last map of 7 x 7 x 512 and so has 49 places for its
# anchors. It looks at the map after `conv5_3`.
#
# **Before you run:** the picture is 224 wide. How large is the map after `conv5_3`?

# %%
vgg, size = {}, 224
for block, convs in enumerate((2, 2, 3, 3, 3), start=1):
    for i in range(convs):
        vgg[f"conv{block}_{i + 1}"] = ConvLayer(3, padding=1)
    vgg[f"pool{block}"] = ConvLayer(2, stride=2)
print("layer     size  stride  sees")
for i, (name, layer) in enumerate(vgg.items(), start=1):
    size = conv_output_size(
        size, layer.kernel, stride=layer.stride, padding=layer.padding
    )
    field = receptive_field(list(vgg.values())[:i])
    if name.startswith("pool") or name == "conv5_3":
        print(f"{name:8}  {size:4}  {field.stride:6}  {field.size:4}")

# %%
to_conv5_3 = list(vgg.values())[:-1]
pictures = torch.empty(1, 3, 224, 224, device="meta")
print("torchvision, after conv5_3:", tuple(vgg16.features[:-1](pictures).shape))
print("torchvision, after pool5:  ", tuple(vgg16.features(pictures).shape))
seen = gradient_of_middle(to_conv5_3, 320).any(dim=0).sum().item()
print(f"one number after conv5_3 sees {seen} pixels (measured)")
sides = [side // 2 // 2 // 2 // 2 for side in (600, 1000)]
print(f"on a picture of 600 x 1000 that map is {sides}: {sides[0] * sides[1]:,} places")

# %% [markdown]
# The map of the detector has 14 x 14 = 196 places on this picture; 7 x 7 comes one pool
# later. It is a small slip, and it hides what matters: the stride is 16, so the map
# grows with the picture. At 600 x 1000, the size that Faster R-CNN works on, it has
# more than two thousand places (lesson 04).
#
# A field of 196 pixels nearly fills the picture. Each number of that map has seen
# almost everything, and still belongs to one place.

# %% [markdown]
# ## A first training run
#
# Now let a network learn. The task is the simplest one that is not a toy: each thing on
# the tabletop is cut out along its box and brought to 32 x 32 pixels. Which of the
# seven classes is it?

# %%
from course_utils.ops.windows import crop_and_resize


def crops_of(dataset):
    """One (crop, target) for every thing in every scene."""
    pairs = []
    for scene, truth in dataset:
        crops = crop_and_resize(scene, truth["boxes"], (32, 32))
        pairs += [
            (c, {"labels": n}) for c, n in zip(crops, truth["labels"], strict=True)
        ]
    return pairs


learn = crops_of(Tabletop(scenes, split="train", truth=()))
test = crops_of(Tabletop(test_scenes, split="test", truth=()))
labels = torch.stack([target["labels"] for _, target in test])
counts = labels.bincount(minlength=len(CLASS_NAMES))
most = counts.max() / len(labels)
print(f"{len(learn)} crops to learn from, {len(test)} to test")
print(
    f"always answering {CLASS_NAMES[counts.argmax()]} is right {most:.1%} of the time"
)

# %%
show_images(
    [crop for crop, _ in learn[:16]],
    titles=[CLASS_NAMES[target["labels"]] for _, target in learn[:16]],
    columns=8,
    width=7,
    alt="Sixteen crops with their class names. Some are stretched, some hold parts of "
    "other things.",
)

# %% [markdown]
# The crops are square whatever the box was, so narrow things get stretched. Other
# things reach in.
#
# Every model of the course has two methods: `losses(images, targets)` gives named
# losses to be made small, `predict(images)` gives answers. That is all the training
# loop needs to know.

# %%
from course_utils.models.model import Model


class Namer(Model):
    """Names what a 32 x 32 crop shows."""

    def __init__(self, num_classes):
        super().__init__()
        self.features = nn.Sequential()
        for before, after in [(3, 16), (16, 32), (32, 64)]:
            self.features.extend(
                [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            )
        self.classify = nn.Linear(64 * 4 * 4, num_classes)

    def forward(self, images):
        return self.classify(self.features(images).flatten(1))

    def losses(self, images, targets):
        labels = torch.stack([target["labels"] for target in targets])
        return {"cross_entropy": F.cross_entropy(self(images), labels)}

    def predict(self, images):
        scores, labels = self(images).softmax(dim=1).max(dim=1)
        return [{"labels": n, "scores": s} for n, s in zip(labels, scores, strict=True)]


# %% [markdown]
# Follow the sizes: each block keeps the size in its convolution and halves it in its
# pool, so 32 becomes 16, 8, 4, and the last map has 64 channels of 4 x 4.
#
# **On paper:** the network has not learned anything, and there are 8 labels (seven
# things and the background). It should give each about 1/8. What is the cross-entropy,
# -ln of the probability of the right label?

# %%
import math

torch.manual_seed(0)
model = Namer(len(CLASS_NAMES))
images = torch.stack([crop for crop, _ in test[:64]])
before = model.losses(images, [target for _, target in test[:64]])
print("features:", tuple(model.features(images).shape))
print("parameters:", f"{sum(weight.numel() for weight in model.parameters()):,}")
print(f"loss {before['cross_entropy'].item():.3f}, and ln 8 = {math.log(8):.3f}")

# %% [markdown]
# A loss far from that at the start would be a bug already. This is the cheapest test
# there is.
#
# Now the loop. A *step* takes a batch of crops, computes the loss, asks for the
# gradient of every parameter, and moves each a little downhill. That is the whole of
# it, for all models to come.

# %% tags=["show"]
from course_utils.training.train import train

# %%
settings = TrainingSettings(
    steps=steps,
    batch_size=64,
    lr=4e-3,
    optimizer="adamw",
    seed=0,
    device=choose_device(),
)
history = train(model, learn, settings)

# %%
from course_utils.draw import show_curves

losses = [row["cross_entropy"] for row in history]
guess = [math.log(8)] * len(losses)
show_curves(
    {"cross-entropy": losses, "knowing nothing: ln 8": guess},
    y_label="loss",
    alt=f"The loss over {len(losses)} steps. It starts at ln 8 and falls, first "
    "steeply, then slowly, with jitter from batch to batch.",
)
print(f"first {losses[0]:.3f}, last ten on average {sum(losses[-10:]) / 10:.3f}")

# %% [markdown]
# The loss falls steeply, then slowly. It jitters because every batch holds other crops.
# A falling loss says that the network gets better *on what it is shown*. What counts
# are scenes it has never seen.

# %%
model.eval()
with torch.no_grad():
    crops = torch.stack([crop for crop, _ in test]).to(choose_device())
    answers = torch.stack([answer["labels"] for answer in model.predict(crops)]).cpu()
accuracy = (answers == labels).float().mean().item()
print(f"right on {accuracy:.1%} of {len(labels)} crops; a constant answer: {most:.1%}")
if budget != "smoke":
    assert accuracy > 0.8, accuracy

# %%
confusion = torch.zeros(len(CLASS_NAMES), len(CLASS_NAMES))
confusion.index_put_((labels, answers), torch.ones(len(labels)), accumulate=True)
shares = confusion[1:, 1:] / confusion[1:].sum(dim=1, keepdim=True).clamp(min=1)
fig, (ax,) = new_figure(width=6, height=4.4)
draw_heat_map(ax, shares, name="share of the true class", minimum=0, maximum=1)
ticks = [i + 0.5 for i in range(len(CLASS_NAMES) - 1)]
ax.set_xticks(ticks, CLASS_NAMES[1:], rotation=45, ha="right")
ax.set_yticks(ticks, CLASS_NAMES[1:])
ax.set(xlabel="answer", ylabel="truth")
show(
    fig,
    alt="A table of true classes against answers. Nearly all of the weight lies on the "
    "diagonal.",
    caption="A row is a true class; a right answer lies on the diagonal.",
)
worst = (confusion - confusion.diag().diag()).argmax()
row, column = divmod(worst.item(), len(CLASS_NAMES))
print(f"most frequent mistake: {CLASS_NAMES[row]} called {CLASS_NAMES[column]}")

# %%
wrong = (answers != labels).nonzero().flatten().tolist()[:8]
show_images(
    [test[i][0] for i in wrong],
    titles=[
        f"{CLASS_NAMES[labels[i]]}?\nsaid {CLASS_NAMES[answers[i]]}" for i in wrong
    ],
    columns=8,
    width=7.5,
    alt=f"{len(wrong)} crops that the network named wrongly, many hidden or small.",
)

# %% [markdown]
# Look at the mistakes one by one, always. Many are things half hidden behind others, or
# so small that few pixels were left, or seen from a side where two classes look alike.
# You would hesitate too.
#
# Here the boxes were given. A detector has to find them: that is lesson 01.

# %%
watch.report(accuracy=accuracy, constant_answer=most.item(), last_loss=losses[-1])

# %% [markdown]
# ## Three questions to think about
#
# **1.** A mask touches the right border of an image of width W. What is x2 of its
# half-open box, and may you use it as an index?
#
# <details><summary>Answer</summary>
#
# x2 is W, one past the last column, so `image[:, y, x2]` fails. As the end of a slice
# it is right: `image[:, y1:y2, x1:x2]` is exactly the inside of the box.
# </details>
#
# **2.** One 5x5 convolution or two 3x3 ones, from 64 to 64 channels each: which sees
# more, which has more to learn?
#
# <details><summary>Answer</summary>
#
# Both see 5 pixels, because 1 + 2 · 2 = 5. The 5x5 holds 64 · 64 · 25 weights, the two
# 3x3 together 64 · 64 · 18, and there is a non-linearity between them. VGG was built on
# this exchange.
# </details>
#
# **3.** A picture 500 wide and 333 high is resized so that its shorter side becomes
# 600. A box ends at x2 = 250. By which factor do you multiply it, if the resized
#      picture is 901 wide?
#
# <details><summary>Answer</summary>
#
# By 901 / 500, the sides that really came out, one factor an axis. The nominal factor
# 600 / 333 is slightly different, because 500 · 600 / 333 = 900.9 is no whole number of
# pixels.
# </details>
