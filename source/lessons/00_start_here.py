# ---
# question: What goes into a detector, what comes out, and how does a network learn?
# build:
#   - read images and boxes as tensors
#   - convert boxes between the five common formats
#   - compute the size and the receptive field of any stack of convolutions
#   - write the training loop of the course, and train a first classifier with it
# needs: []
# minutes: {read: 75, run: 2}
# papers:
#   - "[A guide to convolution arithmetic for deep learning](https://arxiv.org/abs/1603.07285),
#     Dumoulin and Visin 2016: every case of the size formula, with drawings"
#   - "[Understanding the effective receptive field](https://arxiv.org/abs/1701.04128),
#     Luo et al. 2016: why the middle of a receptive field counts most"
#   - "[torchvision's box operations](https://pytorch.org/vision/stable/ops.html): the
#     reference implementation of the conversions on this page"
#   - "[Dive into Deep Learning](https://d2l.ai/chapter_convolutional-neural-networks/index.html),
#     chapter 7: convolutions from the beginning, if they are new to you"
# ---
# ruff: noqa: E501
# %% [markdown]
# # 00. Start here
#
# This course builds object detectors from nothing, in plain PyTorch: first those that
# answer with boxes, later those that answer with masks and with meshes. This lesson has
# what the next one needs, and no more.

# %% [markdown]
# ## A detector at work
#
# Here is where you are going. The detector had never seen these three scenes. It got
# nothing but the pixels, and it answered with boxes, each with a class and a score.

# %% tags=["hide-input"]
from course_utils.data.kept_predictions import load_example_predictions
from course_utils.data.tabletop import CLASS_NAMES
from course_utils.draw import draw_boxes, draw_image, new_figure, show

fig, axes = new_figure(1, 3, width=11.4, height=3.9)
for ax, (scene, _, prediction) in zip(
    axes, load_example_predictions("faster_rcnn"), strict=True
):
    draw_image(ax, scene, ticks=False)
    draw_boxes(ax, **prediction, class_names=CLASS_NAMES)
show(
    fig,
    alt="Three scenes of solids on a floor. Every object has a box, a class name and a "
    "score. In the third scene, a blue cube has two boxes: cylinder and cube.",
    caption="Predictions of the Faster R-CNN of lesson 04, with scores of at least 0.7.",
)

# %% [markdown]
# The Faster R-CNN that you will build and train in lesson 04 made these predictions.
# Your computer has no trained network yet, so we kept them in a small file, and chose
# scenes in which every object is found. It is not perfect: in the third scene one
# object is reported twice, under two names.

# %% [markdown]
# ## The course on one page
#
# Each lesson looks at what is slow or weak about the system before it, and repairs that
# with one idea.
#
# | lesson | its one idea | output |
# |---|---|---|
# | [01 Sliding windows](01_sliding_windows.ipynb) | ask a classifier about every window of the image | boxes |
# | [02 R-CNN](02_rcnn.ipynb) | ask a better one, but only about regions that may hold an object | boxes |
# | [03 Fast R-CNN](03_fast_rcnn.ipynb) | compute features once per image, and pool every region from them | boxes |
# | [04 Faster R-CNN](04_faster_rcnn.ipynb) | let the network propose the regions as well | boxes |
# | [05 YOLO](05_yolo.ipynb) | drop the proposals: a grid predicts all boxes in one pass | boxes |
# | [05b YOLO v2 and v3](05b_yolo_v2_v3.ipynb) | give each cell of the grid boxes to start from, and use several grids | boxes |
# | [06 SSD](06_ssd.ipynb) | read small objects off a fine map and large ones off a coarse map | boxes |

# %% [markdown]
# Then the same ideas lead from boxes to masks, points and shapes. These lessons are
# still to come.
#
# | lesson | its one idea | output |
# |---|---|---|
# | 07 FCN | keep the map, and name every pixel | a class per pixel |
# | 08 Encoder-decoders | climb back to the full resolution | a class per pixel |
# | 09 Mask R-CNN | predict one mask inside each box | masks |
# | 10 Keypoints and panoptic | find named points; give each pixel a class and an object | points, maps |
# | 11 3D data | networks that read depth, voxels, points and meshes | shapes |
# | 12 Mesh R-CNN | deform one mesh per detected object | meshes |

# %% [markdown]
# ## How these pages work
#
# - **Predict.** Where a page asks you to, write your answer down, run the cell, and only
#   then unfold the answer. A wrong guess teaches more than a right reading.
# - **Sources.** Cells that define functions of the course show the library's own source.
#   You may edit it; the rest of the notebook then uses your version.
# - **Folded cells** only draw or report.
# - **Budgets.** Every lesson runs in one of three sizes: `smoke` only proves that the
#   code runs, `laptop` is meant for two cores, `gpu` for a graphics card. The code is
#   the same; only the numbers in the cell below differ.
# - **Assignments.** Each lesson has one, and its checks tell you what went wrong.
#
# If a cell fails, ask [the doctor](#If-something-does-not-work).

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
# An image has the shape (3, height, width): three channels, and in each one number per
# pixel. Take an image of 4 rows and 6 columns, all black, and switch on `toy[0, 1, 4]`.
#
# **Predict.** Where in the image is that pixel, and what colour is it?

# %% tags=["predict"]
import torch

from course_utils.draw import show_images

toy = torch.zeros(3, 4, 6)
toy[0, 1, 4] = 1.0
show_images([toy], width=3, alt="A black image of 4 rows and 6 columns, one pixel lit.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# It is red, because channel 0 is red, and it lies in the second row and the fifth
# column, because both are counted from 0.
#
# </details>
#
# A tensor takes the row first, whereas a point is written (x, y), and x says the column.
# **Tensors take y first, boxes take x first**: many bugs with boxes come from that.
#
# Now a scene of the *tabletop*, a generated world of solids on a floor in which most of
# this course takes place.

# %%
from course_utils.data.tabletop import load_scenes

examples = load_scenes(108, "train")
image, target = examples[107]
print("shape:", tuple(image.shape), "type:", image.dtype)
print(f"values from {image.min():.2f} to {image.max():.2f}")
print("red, green, blue in row 90, column 40:", image[:, 90, 40])

# %% [markdown]
# Every image of the course has this form. A network takes several images at once, a
# *batch*, with their number in front.

# %%
batch = torch.stack([examples[i][0] for i in range(4)])
print("a batch:", tuple(batch.shape))

# %% [markdown]
# ## What a detector has to say
#
# For each object, a detector says where it is and what it is: a **box** and a
# **label**. The right answers, with which we train and measure it, are called the
# *ground truth*, and the dictionary that holds them for one image is its *target*.

# %% tags=["hide-input"]
from course_utils.draw import show_boxes

names = [CLASS_NAMES[label] for label in target["labels"]]
show_boxes(
    image,
    target["boxes"],
    labels=target["labels"],
    class_names=CLASS_NAMES,
    alt=f"A tabletop scene with a box around each of: {', '.join(names)}.",
    caption="The ground truth of one scene.",
)

# %%
for label, box in zip(target["labels"], target["boxes"], strict=True):
    print(f"label {label}, {CLASS_NAMES[label]:>5}: box {box.tolist()}")

# %% [markdown]
# A box is four numbers in pixels, **xyxy**: the left, top, right and bottom edge. It
# surrounds what is *visible* of an object, so it ends where another object stands in
# front. All boxes of an image form one tensor of shape (N, 4).
#
# A label is a whole number. Label 0 is kept for the background: no object has it, but a
# detector needs it to say that there is nothing in a window.
#
# Because the world is generated, we know far more about it: masks, depth, cameras,
# meshes, even sentences. You need none of that before lesson 07, and it has a page of
# its own with a picture of each, [an atlas of the tabletop](atlas.ipynb).

# %% [markdown]
# ## Boxes end where the next pixel begins
#
# An object that fills the columns 3, 4, 5, 6 and 7 is 5 pixels wide, although 7 - 3 is
# 4. Some programs therefore add 1 wherever they compute a width. We let the box end at
# 8 instead, because pixel 7 is a small square that reaches from 7 to 8. Such a box is
# called *half-open*: its first number is inside and its last one is not. The width is
# then simply x2 - x1, as in a Python slice.
#
# **Predict.** A mask fills the rows 2 to 4 and the columns 3 to 7. What is its
# half-open box, in the order x1, y1, x2, y2, and what is the area of that box?

# %% tags=["show"]
from course_utils.ops.boxes import box_area

# %% tags=["predict"]
mask = torch.zeros(8, 11, dtype=torch.bool)
mask[2:5, 3:8] = True
half_open = torch.tensor([[3.0, 2, 8, 5]])
print("box:", half_open.tolist(), "area:", box_area(half_open).item())
print("pixels of the mask:", mask.sum().item())

# %% [markdown]
# <details><summary>Answer</summary>
#
# The box is (3, 2, 8, 5). Its area is 5 · 3 = 15, exactly the number of pixels in the
# mask. The slices `2:5` and `3:8` are the box, with y before x.
#
# </details>
#
# It is a common mistake to mix the two conventions. torchvision's function that makes
# boxes from masks, for example, returns the *last pixel itself*, whereas its other box
# functions take half-open boxes.

# %%
import torchvision

inclusive = torchvision.ops.masks_to_boxes(mask[None])
print("half-open:", half_open.tolist(), " masks_to_boxes:", inclusive.tolist())

# %% tags=["hide-input"]
show_boxes(
    mask.float(),
    {"half-open": half_open, "masks_to_boxes": inclusive},
    alt="A white mask of 3 rows and 5 columns on black. The half-open box surrounds it; "
    "the box of masks_to_boxes leaves out its last row and its last column.",
)

# %% [markdown]
# Such boxes lose a row and a column each, and no error tells you. Adding 1 to x2 and y2
# repairs it.

# %% [markdown]
# ## One box, five ways to write it
#
# Data sets and models do not agree on what the four numbers are:
#
# - **xyxy**, two corners: torchvision's way and ours.
# - **xywh**, the first corner and the size: COCO's json files.
# - **cxcywh**, the centre and the size: what networks predict from lesson 02 on.
# - **normalized cxcywh**, the same in fractions of the image: YOLO's text files.
# - **VOC**, two corners, with pixels counted from 1 and the last one inside: the XML
#   files of Pascal VOC.
#
# We convert at the door and use xyxy inside. Here is the way there and back.

# %% tags=["show"]
from course_utils.ops.boxes import xywh_to_xyxy, xyxy_to_xywh

# %% tags=["show"]
from course_utils.ops.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

# %% [markdown]
# Fractions of the image stay the same when the image is resized.

# %% tags=["show"]
from course_utils.ops.boxes import denormalize_boxes, image_limits, normalize_boxes

# %% tags=["show"]
from course_utils.ops.boxes import voc_to_xyxy, xyxy_to_voc

# %% [markdown]
# For VOC, x1 and y1 grow by one, because the first pixel is number 1. The end stays:
# counting from 1 adds one, and naming the last pixel instead of the next one takes one
# away.

# %%
height, width = mask.shape
ways = {
    "xyxy": half_open,
    "xywh": xyxy_to_xywh(half_open),
    "cxcywh": xyxy_to_cxcywh(half_open),
    "normalized": normalize_boxes(xyxy_to_cxcywh(half_open), height, width),
    "VOC": xyxy_to_voc(half_open),
}
for way, written in ways.items():
    print(f"{way:>10}:", [round(number, 3) for number in written[0].tolist()])

# %% [markdown]
# torchvision agrees, and going there and back changes nothing.

# %%
many = torch.cat([truth["boxes"] for _, truth in examples])
for way, convert in {"xywh": xyxy_to_xywh, "cxcywh": xyxy_to_cxcywh}.items():
    reference = torchvision.ops.box_convert(many, "xyxy", way)
    assert torch.equal(convert(many), reference)
assert torch.equal(cxcywh_to_xyxy(xyxy_to_cxcywh(many)), many)
assert torch.equal(voc_to_xyxy(xyxy_to_voc(many)), many)
print(f"torchvision agrees on {len(many)} boxes")

# %% [markdown]
# Nothing in four numbers tells in which way they are written.
#
# **Predict.** The four boxes of the scene above are stored as xywh and read as xyxy. How
# many of them end before they begin?

# %% tags=["predict"]
misread = xyxy_to_xywh(target["boxes"])
is_inverted = (misread[:, 2:] <= misread[:, :2]).any(dim=1)
print(misread.tolist())
print(f"{is_inverted.sum()} of {len(misread)} boxes end before they begin")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Three. A misread box starts where it should, but it ends at the point (width, height),
# and for objects far from the top left that is before x1 or y1.
#
# </details>

# %% tags=["hide-input"]
show_boxes(
    image,
    {"ground truth": target["boxes"], "xywh read as xyxy": misread},
    alt="The scene with its true boxes, and boxes that share their first corner but end "
    "too far up and to the left.",
)

# %% [markdown]
# A loss computed from such boxes is a number like any other, and nothing raises an
# error. Therefore **draw your boxes before you train.**
#
# Two small functions complete the set. A network may predict a box that sticks out of
# the image, so we clip it; what remains may be too small to be of use, so we drop it.

# %% tags=["show"]
from course_utils.ops.boxes import clip_boxes, remove_small_boxes

# %%
wild = torch.tensor([[-20.0, 10, 60, 200], [130, 50, 160, 90]])
clipped = clip_boxes(wild, 128, 128)
print("clipped:", clipped.tolist())
print("kept:", remove_small_boxes(clipped, min_size=1).tolist())

# %% [markdown]
# The second box lies outside altogether, so only the one with index 0 is kept.

# %% [markdown]
# ## How large is the output of a convolution?
#
# A detector has to know which output of its convolutions belongs to which place of the
# image, so we need their arithmetic. One axis is enough.
#
# **Predict.** A kernel with 3 taps slides over 7 pixels in steps of 2, without
# padding. At how many positions does it fit?

# %% tags=["predict"]
from torch import nn

print(nn.Conv1d(1, 1, 3, stride=2)(torch.zeros(1, 1, 7)).shape[-1])

# %% [markdown]
# <details><summary>Answer</summary>
#
# At three: its first tap lies on pixel 0, 2 or 4. Starting at 6 it would stick out.
#
# </details>
#
# In general, a kernel with k taps that are d pixels apart (d is the *dilation*) reaches
# over d · (k - 1) + 1 pixels, and padding adds p zeros at each end. The first position
# uses up one reach, and each whole stride that fits into the remaining length gives one
# more:
#
# $$\text{output} = \left\lfloor \frac{n + 2p - d(k - 1) - 1}{s} \right\rfloor + 1$$

# %% tags=["show"]
from course_utils.ops.convolution import ConvLayer

# %% tags=["show"]
from course_utils.ops.convolution import conv_output_size

# %% [markdown]
# PyTorch agrees for every layer and every size that we try.

# %%
tried = [ConvLayer(3, padding=1), ConvLayer(2, 2), ConvLayer(7, 2, 3)]
tried += [ConvLayer(3, 1, 2, dilation=2), ConvLayer(4, 3, 1, dilation=2)]
for layer in tried:
    for size in range(9, 20):
        kernel, stride, padding, dilation = layer
        rest = {"stride": stride, "padding": padding, "dilation": dilation}
        reference = nn.Conv1d(1, 1, kernel, **rest)(torch.zeros(1, 1, size))
        assert conv_output_size(size, kernel, **rest) == reference.shape[-1]
print(f"torch agrees on {len(tried)} layers at 11 sizes each")

# %% [markdown]
# Play with it. The squares on top are the input, the grey ones its padding. Each row
# below is one output, and its marks are the pixels that it reads. Look for settings in
# which the last pixels are not read at all.

# %% tags=["hide-input"]
from course_utils.widgets import Slider, explore


def draw_taps(size, kernel, stride, padding, dilation):
    """One row for the input, and one for the taps of each output."""
    rest = {"stride": stride, "padding": padding, "dilation": dilation}
    is_fitting = dilation * (kernel - 1) + 1 <= size + 2 * padding
    outputs = conv_output_size(size, kernel, **rest) if is_fitting else 0
    fig, (ax,) = new_figure(width=8, height=4)
    pixels = range(-padding, size + padding)
    colors = ["white" if 0 <= x < size else "#bbbbbb" for x in pixels]
    ax.scatter(pixels, [0] * len(pixels), 130, colors, marker="s", edgecolors="black")
    for i in range(outputs):
        taps = [i * stride - padding + t * dilation for t in range(kernel)]
        ax.plot(taps, [i + 1] * kernel, "s-", color=("#0072B2", "#D55E00")[i % 2])
    above = f"{size} + 2 · {padding} - {dilation} · ({kernel} - 1) - 1"
    ax.set_title(f"⌊({above}) / {stride}⌋ + 1 = {outputs}")
    ax.set(xlabel="pixel", ylabel="outputs", yticks=[0], yticklabels=["input"])
    ax.set(xlim=(-4.7, 19.7), ylim=(max(outputs, 6) + 0.8, -0.8))
    return fig


# %% tags=["hide-input"]
explore(
    draw_taps,
    size=Slider(5, 16, 1, 7, "input size"),
    kernel=Slider(1, 5, 1, 3, "kernel"),
    stride=Slider(1, 4, 1, 2, "stride"),
    padding=Slider(0, 4, 1, 0, "padding"),
    dilation=Slider(1, 3, 1, 1, "dilation"),
    alt=lambda **values: (
        f"The taps of a convolution, one row per output. Settings: {values}"
    ),
    caption="Which pixels each output of a convolution reads.",
)

# %% [markdown]
# Three layers are worth knowing by heart:

# %%
common = {
    "3x3, padding 1": ConvLayer(3, padding=1),
    "3x3, padding 1, stride 2": ConvLayer(3, stride=2, padding=1),
    "2x2 pool, stride 2": ConvLayer(2, stride=2),
}
for name, (kernel, stride, padding, _) in common.items():
    rest = {"stride": stride, "padding": padding}
    even, odd = (conv_output_size(size, kernel, **rest) for size in (112, 75))
    print(f"{name:>24}: 112 -> {even:>3}, 75 -> {odd}")

# %% [markdown]
# The first keeps the size, the second halves it and rounds up, and the pool halves it
# and rounds down.

# %% [markdown]
# ## What padding does to the border
#
# Padding is not free. Take an image that is 1 everywhere, and a 3x3 kernel that averages
# nine pixels. Every output should be 1.
#
# **Predict.** With a padding of 1, what is the output in a corner, and what is it along
# an edge?

# %% tags=["predict"]
import torch.nn.functional as F

flat = torch.ones(1, 1, 7, 10)
average = torch.full((1, 1, 3, 3), 1 / 9)
once = F.conv2d(flat, average, padding=1)
print(f"corner {once[0, 0, 0, 0]:.3f}, edge {once[0, 0, 0, 4]:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In a corner only 4 of the 9 taps lie on the image, and the others read zeros, so the
# average is 4/9. Along an edge it is 6/9.
#
# </details>

# %% tags=["hide-input"]
from course_utils.draw import draw_heat_map

twice = F.conv2d(once, average, padding=1)
fig, axes = new_figure(1, 2, width=10, height=3)
draw_heat_map(axes[0], once[0, 0], minimum=0, maximum=1, title="after one layer")
draw_heat_map(axes[1], twice[0, 0], minimum=0, maximum=1, title="after two layers")
show(
    fig,
    alt="Two heat maps of a flat image after averaging. After one layer the outer ring "
    "of pixels is darker, most of all in the corners. After two layers, two rings are.",
)

# %% [markdown]
# So the padding marks the border, and with every layer the mark creeps one pixel
# further inward. Without padding every number is honest, but the map shrinks.

# %% [markdown]
# ## What has to be learned
#
# Each output channel has one kernel over *all* input channels, and one bias. A 3x3
# convolution from 64 to 128 channels therefore learns 128 · (64 · 3 · 3) weights and
# 128 biases, whatever the size of the image.

# %% tags=["show"]
from course_utils.ops.convolution import conv_parameters

# %%
by_torch = sum(weight.numel() for weight in nn.Conv2d(64, 128, 3).parameters())
print(f"ours {conv_parameters(64, 128, 3):,}, torch {by_torch:,}")

# %% [markdown]
# A linear layer is different: it has a weight for every number that it reads, so it
# takes images of one size only, and it can be huge. In VGG-16, which we meet again in
# later lessons, three linear layers outweigh thirteen convolutions.

# %%
with torch.device("meta"):  # shapes only, no memory
    vgg16 = torchvision.models.vgg16(weights=None)
in_convolutions = sum(weight.numel() for weight in vgg16.features.parameters())
in_linear = sum(weight.numel() for weight in vgg16.classifier.parameters())
share = in_linear / (in_convolutions + in_linear)
print(f"convolutions {in_convolutions:,}, linear layers {in_linear:,} ({share:.0%})")

# %% [markdown]
# That is one reason why many detectors keep only the convolutions of such a network.

# %% [markdown]
# ## How much of the image does one number see?
#
# Stack several 3x3 convolutions. A number behind the first depends on 3 pixels along
# each axis; one behind the second depends on 3 such numbers, which overlap. The pixels
# that a number depends on are its *receptive field*. We can measure it without any
# formula: take one output in the middle, and ask which pixels have a gradient.


# %%
def gradient_of_middle(layers, size):
    """How strongly each pixel acts on the middle output, (size, size)."""
    net = nn.Sequential(*[nn.Conv2d(1, 1, *layer, bias=False) for layer in layers])
    for conv in net:
        nn.init.constant_(conv.weight, 1 / conv.weight.numel())  # nothing cancels
    pixels = torch.zeros(1, 1, size, size, dtype=torch.double, requires_grad=True)
    out = net.double()(pixels)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    return pixels.grad[0, 0]


# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=11.4, height=3.2)
for depth, ax in zip((1, 2, 4), axes, strict=True):
    gradient = gradient_of_middle([ConvLayer(3, padding=1)] * depth, 15)
    draw_heat_map(ax, gradient, title=f"layers: {depth}")
    print(f"layers: {depth}, pixels along an axis: {gradient.any(dim=0).sum()}")
show(
    fig,
    alt="Three heat maps: behind 1, 2 and 4 layers the middle output depends on a "
    "square of 3, 5 and 9 pixels, most of all on the middle of the square.",
)

# %% [markdown]
# Each layer adds one pixel on each side, so L layers of 3x3 see 1 + 2L pixels. That is
# slow: an object 100 pixels wide would need 50 layers. The maps also show that the
# middle of the field has much more weight than its rim, because many more paths lead
# there.
#
# Strides speed things up. Behind a layer of stride 2, neighbours in the map are two
# pixels of the image apart, so the next kernel reaches twice as far. In general, where
# neighbours are j pixels apart, a layer adds d · (k - 1) · j pixels to the field, and
# then its own stride multiplies j.

# %% tags=["show"]
from course_utils.ops.convolution import ReceptiveField, receptive_field

# %%
stacks = {
    "three 3x3": [ConvLayer(3)] * 3,
    "the first with stride 2": [ConvLayer(3, stride=2), ConvLayer(3), ConvLayer(3)],
    "the last with stride 2": [ConvLayer(3), ConvLayer(3), ConvLayer(3, stride=2)],
    "dilations 1, 2, 4": [ConvLayer(3, dilation=d) for d in (1, 2, 4)],
}
for name, layers in stacks.items():
    field = receptive_field(layers)
    seen = gradient_of_middle(layers, 64).any(dim=0).nonzero()
    measured = (seen[-1] - seen[0] + 1).item()
    print(f"{name:>24}: computed {field.size:>2}, measured {measured:>2}")
    assert field.size == measured

# %% [markdown]
# A stride helps only the layers behind it, so networks shrink their maps early. Dilation
# widens the field without shrinking the map. Try both.


# %% tags=["hide-input"]
def draw_field(depth, stride, dilation):
    """What the middle output sees, and the box that the formula computes."""
    first = ConvLayer(3, stride)
    layers = [first] + [ConvLayer(3, stride, dilation=dilation)] * (depth - 1)
    field = receptive_field(layers)
    gradient = gradient_of_middle(layers, max(63, field.size))
    fig, (ax,) = new_figure(width=5.4, height=4.4)
    draw_heat_map(ax, gradient / gradient.max(), name="share of the strongest pixel")
    y, x = gradient.nonzero()[0].tolist()
    draw_boxes(ax, torch.tensor([[x, y, x + field.size, y + field.size]]))
    ax.set_title(f"sees {field.size} pixels; outputs are {field.stride} apart")
    return fig


explore(
    draw_field,
    depth=Slider(1, 6, 1, 3, "layers of 3x3"),
    stride=Slider(1, 2, 1, 2, "stride of each"),
    dilation=Slider(1, 3, 1, 1, "dilation after the first"),
    alt=lambda depth, stride, dilation: (
        f"What the middle output of {depth} layers with stride {stride} and dilation "
        f"{dilation} sees, with the computed box around it."
    ),
    caption="The receptive field of a stack: measured in colours, computed as a box.",
)

# %% [markdown]
# Here is VGG-16: five blocks of padded 3x3 convolutions, and behind each block a 2x2
# pool. Its input is 224 pixels wide.

# %%
vgg, size = [], 224
print("behind    size  stride  sees")
for block, convs in enumerate((2, 2, 3, 3, 3), start=1):
    vgg += [ConvLayer(3, padding=1)] * convs
    field = receptive_field(vgg)
    print(f"conv{block}_{convs}   {size:4}  {field.stride:6}  {field.size:4}")
    vgg, size = [*vgg, ConvLayer(2, stride=2)], size // 2

# %% [markdown]
# Several detectors read the map behind `conv5_3`. One of its numbers has seen nearly
# the whole image and still belongs to one place, 16 pixels from the next. Keep this in
# mind: from lesson 03 on, a detector is such a map with a small head on top. (What is
# often printed about this map, and much else, stands in the [errata](errata.ipynb).)

# %% [markdown]
# ## A first network
#
# Now we let a network learn: each object on the tabletop is cut out along its box and
# resized to 32 x 32 pixels, and the network has to name it. Because boxes are half-open,
# cutting out is slicing.


# %%
def cut_out(image, box, side=32):
    """The inside of one box, resized to a square: (3, H, W) -> (3, side, side)."""
    x1, y1, x2, y2 = box.int().tolist()
    inside = image[:, y1:y2, x1:x2]  # y before x
    size = (side, side)
    return F.interpolate(inside[None], size, mode="bilinear", antialias=True)[0]


def crops_of(dataset):
    """One (crop, target) pair for every object of every scene."""
    pairs = []
    for scene, truth in dataset:
        for box, label in zip(truth["boxes"], truth["labels"], strict=True):
            pairs.append((cut_out(scene, box), {"labels": label}))
    return pairs


# %%
train_crops = crops_of(load_scenes(scenes, "train"))
test_crops = crops_of(load_scenes(test_scenes, "test"))
print(f"{len(train_crops)} crops to learn from, {len(test_crops)} to test")

# %% tags=["hide-input"]
show_images(
    [crop for crop, _ in train_crops[:8]],
    titles=[CLASS_NAMES[truth["labels"]] for _, truth in train_crops[:8]],
    columns=4,
    width=11.4,
    alt="Eight crops with their class names. Some are stretched, and some hold parts of "
    "other objects.",
)

# %% [markdown]
# The crops are square whatever shape the box had, so narrow objects get stretched, and
# parts of other objects reach in.
#
# Every model of the course has the same two methods, so that one training loop serves
# them all: `losses` returns named losses whose sum training lowers, and `predict`
# returns predictions.

# %% tags=["show"]
from course_utils.models.model import Model, image_size

# %% [markdown]
# Our classifier has three blocks. Each keeps the size in its convolution and halves it
# in its pool, so 32 becomes 16, 8 and 4. A linear layer then turns the last map into one
# number per class, the *logits*.


# %%
def conv_block(in_channels, out_channels):
    """A 3x3 convolution that keeps the size, and a pool that halves it."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2))


class CropClassifier(Model):
    """Names what a 32 x 32 crop shows."""

    def __init__(self, num_classes):
        super().__init__()
        blocks = [conv_block(3, 16), conv_block(16, 32), conv_block(32, 64)]
        self.features = nn.Sequential(*blocks)
        self.classify = nn.Linear(64 * 4 * 4, num_classes)

    def forward(self, images):
        return self.classify(self.features(images).flatten(1))

    def losses(self, images, targets):
        labels = torch.stack([target["labels"] for target in targets])
        return {"cross_entropy": F.cross_entropy(self(images), labels)}

    def predict(self, images):
        scores, labels = self(images).softmax(dim=1).max(dim=1)
        return [
            {"labels": label, "scores": score}
            for label, score in zip(labels, scores, strict=True)
        ]


# %% [markdown]
# Each lesson draws a map of its system. Beside each arrow stands the shape of the tensor
# that flows there, taken from a real run.

# %%
torch.manual_seed(0)
classifier = CropClassifier(len(CLASS_NAMES))
few_crops = torch.stack([crop for crop, _ in test_crops[:64]])
few_targets = [truth for _, truth in test_crops[:64]]

# %% tags=["hide-input"]
from itertools import pairwise

from course_utils.draw import show_system

blocks = [f"block {number}" for number in (1, 2, 3)]
parts = {"crops": few_crops, **dict(zip(blocks, classifier.features, strict=True))}
parts |= {"linear": classifier.classify, "cross-entropy": (F, "cross_entropy")}
order = [*parts]
show_system(
    lambda: classifier.losses(few_crops, few_targets),
    parts,
    [*pairwise(order)],
    names={"linear": ["logits"], "cross-entropy": ["loss"]},
    caption="The classifier, from a batch of crops to one loss.",
)

# %% [markdown]
# **Predict.** The network has learned nothing yet, so it should give each of the eight
# labels (seven classes and the background) a probability of about 1/8. The
# cross-entropy is -ln of the probability of the right label. Roughly, what is it now?

# %% tags=["predict"]
import math

loss = classifier.losses(few_crops, few_targets)["cross_entropy"]
print(f"loss {loss.item():.3f}, ln 8 = {math.log(8):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 2.08, which is ln 8.
#
# </details>
#
# A loss far from that would be a bug before training has even begun. Do this test, the
# cheapest there is, with every network that you write.

# %% [markdown]
# ## The training loop
#
# Training is one small step, repeated. A step computes the loss of a batch and its
# gradient with respect to every weight, and moves every weight a little against its
# gradient. This is the step of every model in this course:

# %% tags=["show"]
from course_utils.training.train import train_step

# %% [markdown]
# Line by line:
#
# - The losses of the model are added up, because only one number can be lowered. `row`
#   keeps the single ones, to draw them later.
# - `zero_grad` forgets the gradients of the step before; `backward` would add to them.
# - `clip_grad_norm_` takes all gradients as one long vector and scales it down if it is
#   longer than `max_norm`. An untrained detector makes thousands of wrong predictions at
#   once, and one step along their huge gradient could throw the weights far away.
# - `optimizer.step` moves the weights.
#
# Try it on one batch. A network that cannot get better on 64 crops which it sees again
# and again has a bug, and more data will not help.

# %%
from torch.optim import AdamW

trial = CropClassifier(len(CLASS_NAMES))
optimizer = AdamW(trial.parameters(), lr=2e-3)
for step in range(41):
    row = train_step(trial, optimizer, few_crops, few_targets, step=step)
    if step % 10 == 0:
        print(f"step {step:>2}: loss {row['total']:.3f}")

# %% [markdown]
# It falls, so loss, gradient and optimizer work together.
#
# Twice in each step, a value has to be finite. Once a weight is `nan`, so are its
# predictions and all later losses, and hours of training are lost without a word. So the
# loop stops at the first bad number, *before* it changes the weights, and names the
# losses.

# %% tags=["show"]
from course_utils.training.train import check_finite

# %%
try:
    check_finite(torch.tensor(0.0).log(), "sum of the losses", 7, {"box": -math.inf})
except FloatingPointError as error:
    print(error)

# %% [markdown]
# How far does a step go? That is the *learning rate*. It rises in a short warm-up,
# because the gradients of a fresh network are wild, and then falls along half a cosine,
# because near the end large steps would jump back and forth.

# %% tags=["show"]
from course_utils.training.settings import learning_rate, set_learning_rate

# %%
settings = TrainingSettings(
    steps=steps,
    batch_size=64,
    lr=4e-3,
    optimizer="adamw",
    seed=0,
    device=choose_device(),
)

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=6, height=2.4)
ax.plot([learning_rate(i, settings) for i in range(steps)])
ax.set(xlabel="step", ylabel="learning rate")
show(fig, alt="The learning rate: a short steep rise, then a smooth fall to 0.")

# %% [markdown]
# The optimizer is PyTorch's. It gets only the weights that may change, so that a later
# lesson can freeze a part of a network.

# %% tags=["show"]
from course_utils.training.settings import make_optimizer

# %% [markdown]
# And here is the loop, whole. `draw_batch` takes the next `batch_size` examples, in a new
# order each epoch, and `move_batch` brings them to the device. `step_randomness` derives
# all randomness of a step from the seed and the step's number, so a run can be repeated.
# With a checkpoint, a run that was stopped goes on from there.

# %% tags=["show"]
from course_utils.training.train import train

# %% [markdown]
# What happened is recorded in a `History`, a list with one row per step. Its `curves`
# can be smoothed, because the raw values jump: every batch holds other examples.

# %% tags=["show"]
from course_utils.training.train import History, running_mean

# %% [markdown]
# The last piece counts the steps that are left, and shows a bar.

# %% tags=["show"]
from course_utils.training.train import progress

# %% [markdown]
# That is all of it. Now train the classifier.

# %%
history = train(classifier, train_crops, settings)
print(
    f"{len(history)} steps, {sum(p.numel() for p in classifier.parameters()):,} weights"
)

# %% tags=["hide-input"]
from course_utils.draw import show_curves

raw = history.curves()["cross_entropy"]
smooth = history.curves(smooth=20)["cross_entropy"]
show_curves(
    {
        "each step": raw,
        "mean of 20 steps": smooth,
        "knowing nothing: ln 8": [math.log(8)] * len(raw),
    },
    y_label="cross-entropy",
    is_legend_beside=True,
    width=8,
    alt=f"The loss over {len(raw)} steps. It starts at ln 8 and falls, first steeply, "
    "then slowly, with jitter from batch to batch.",
)
print(f"first step {raw[0]:.3f}, mean of the last 20 {smooth[-1]:.3f}")

# %% [markdown]
# The loss falls steeply and then slowly. That says that the network gets better *on what
# it is shown*; what counts is how it does on scenes that it has never seen. To judge
# that, we also need to know how often a constant prediction, the most frequent class,
# is right.

# %%
true_labels = torch.stack([truth["labels"] for _, truth in test_crops])
all_crops = torch.stack([crop for crop, _ in test_crops]).to(choose_device())
with torch.no_grad():
    predictions = classifier.predict(all_crops)
predicted = torch.stack([guess["labels"] for guess in predictions]).cpu()
accuracy = (predicted == true_labels).float().mean().item()
most_frequent = true_labels.bincount().max().item() / len(true_labels)
print(f"right on {accuracy:.1%} of the test crops; constant: {most_frequent:.1%}")

# %% tags=["hide-input"]
if budget != "smoke":
    assert accuracy > 0.8, accuracy
classes = len(CLASS_NAMES)
pairs = true_labels * classes + predicted
confusion = pairs.bincount(minlength=classes**2).view(classes, classes).float()
row_shares = confusion[1:, 1:] / confusion[1:].sum(dim=1, keepdim=True).clamp(min=1)
fig, (ax,) = new_figure(width=6, height=4.4)
draw_heat_map(ax, row_shares, name="share of the true class", minimum=0, maximum=1)
ticks = [i + 0.5 for i in range(classes - 1)]
ax.set_xticks(ticks, CLASS_NAMES[1:], rotation=45, ha="right")
ax.set_yticks(ticks, CLASS_NAMES[1:])
ax.set(xlabel="predicted class", ylabel="true class")
show(
    fig,
    alt="A table of true classes against predicted classes. Most of the weight lies on "
    "the diagonal.",
    caption="One row per true class; right predictions lie on the diagonal.",
)

# %% [markdown]
# More than four crops in five are named rightly. Now look at the mistakes one by one.
# Always do that: a figure says how much is wrong, and the pictures say what.

# %% tags=["hide-input"]
wrong = (predicted != true_labels).nonzero().flatten().tolist()[:8]
show_images(
    [test_crops[i][0] for i in wrong],
    titles=[
        f"{CLASS_NAMES[true_labels[i]]}, predicted {CLASS_NAMES[predicted[i]]}"
        for i in wrong
    ],
    columns=4,
    width=11.4,
    alt=f"{len(wrong)} crops that the network named wrongly.",
)

# %% [markdown]
# In several of them the object is half hidden, or so small that few pixels are left of it,
# or seen from a side from which two classes look alike. You might hesitate, too.
#
# In this lesson the boxes were given. A detector has to find them by itself, and that
# is lesson 01.

# %% [markdown]
# ## Recap
#
# A tensor takes y first; a box takes x first and ends where the next pixel begins. A
# convolution changes sizes by one formula, and each number of a deep map sees a large
# part of the image while it still belongs to one place. A model has `losses` and
# `predict`. Training is one step, repeated: loss, gradient, clip, move, and a stop if a
# number is not finite.
#
# | what | form in this course | watch out for |
# |---|---|---|
# | image | (3, H, W) float in [0, 1] | y before x; bytes from 0 to 255 |
# | boxes | (N, 4) float xyxy, half-open | x before y; other formats; inclusive ends |
# | labels | (N,) int64, 0 is background | classes counted from 0 |
# | target | dict of `boxes`, `labels` | one per image |
# | prediction | dict of `boxes`, `labels`, `scores` | sorted by score |

# %% [markdown]
# ## Common mistakes
#
# - **x and y swapped**, as in `image[:, x1:x2, y1:y2]`. No error is raised on square
#   images, but the crops show other places, and the loss stays close to that of guessing.
# - **Boxes in another format.** Widths come out negative, or boxes end too far up and to
#   the left. You see it as soon as you draw them.
# - **Ends that are inclusive** in one place and half-open in another. Large boxes look
#   right, but small objects never fit well.
# - **Images from 0 to 255** instead of 0 to 1. The very first loss is far above ln of the
#   number of labels.
# - **A softmax before `F.cross_entropy`**, which applies its own. The loss never falls
#   below about six tenths of its first value, however long you train.

# %% [markdown]
# ## If something does not work
#
# The doctor looks at your computer and says what is missing and how to get it.

# %%
from course_utils.doctor import doctor

doctor()

# %% tags=["hide-input"]
watch.report(accuracy=accuracy, constant_answer=most_frequent, last_loss=smooth[-1])

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
#
# </details>
#
# **2.** One 5x5 convolution or two 3x3 ones, from 64 to 64 channels each: which sees
# more, and which has more to learn?
#
# <details><summary>Answer</summary>
#
# Both see 5 pixels along each axis, because 1 + 2 · 2 = 5. The 5x5 has 64 · 64 · 25
# weights, the two 3x3 together only 64 · 64 · 18, and there is a non-linearity between
# them. VGG was built on this exchange.
#
# </details>
#
# **3.** An image 500 wide and 333 high is resized so that its shorter side becomes 600,
# and comes out 901 wide. A box ended at x2 = 250. By which factor do you multiply it?
#
# <details><summary>Answer</summary>
#
# By 901 / 500, the sides that really came out, and the y coordinates by 600 / 333. The
# two factors differ slightly, because 500 · 600 / 333 is no whole number of pixels and
# had to be rounded.
#
# </details>
