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
# This course builds object detectors from scratch, in plain PyTorch: first detectors
# that predict boxes, later ones that predict masks and meshes. This lesson covers only
# what lesson 01 needs.

# %% [markdown]
# ## A detector at work
#
# This is where you are going: a detector that is given nothing but the pixels of a
# scene, and predicts boxes, each with a class and a score. It had never seen these
# three scenes.

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
# These boxes come from the Faster R-CNN that you will build and train in lesson 04.
# Your computer has no trained network yet, so the course stores them in a small file.
# We chose scenes in which every object is found, but even so, the third scene has one
# object reported twice, under two names.

# %% [markdown]
# ## The course on one page
#
# Each lesson takes up what is slow or weak in the system before it, and improves it
# with one idea.
#
# | lesson | its one idea | output |
# |---|---|---|
# | [01 Sliding windows](01_sliding_windows.ipynb) | ask a classifier about every window of the image | boxes |
# | [02 R-CNN](02_rcnn.ipynb) | ask a better classifier, but only about regions that may hold an object | boxes |
# | [03 Fast R-CNN](03_fast_rcnn.ipynb) | compute features once per image, and pool every region from them | boxes |
# | [04 Faster R-CNN](04_faster_rcnn.ipynb) | let the network propose the regions as well | boxes |
# | [05 YOLO](05_yolo.ipynb) | drop the proposals: a grid predicts all boxes in one pass | boxes |
# | [05b YOLO v2 and v3](05b_yolo_v2_v3.ipynb) | give each cell of the grid boxes to start from, and use several grids | boxes |
# | [06 SSD](06_ssd.ipynb) | detect small objects on a fine map and large ones on a coarse map | boxes |

# %% [markdown]
# The same ideas then lead to masks, points and shapes, in lessons still to come.
#
# | lesson | its one idea | output |
# |---|---|---|
# | 07 FCN | keep the map, and classify every pixel | a class per pixel |
# | 08 Encoder-decoders | bring the map back to full resolution | a class per pixel |
# | 09 Mask R-CNN | predict one mask inside each box | masks |
# | 10 Keypoints and panoptic | find named points; give each pixel a class and an object | points, maps |
# | 11 3D data | networks that read depth, voxels, points and meshes | shapes |
# | 12 Mesh R-CNN | deform one mesh per detected object | meshes |

# %% [markdown]
# ## How these pages work
#
# - **Predict.** Write your guess down, run the cell, and only then unfold the answer.
#   You learn more from a wrong guess than from reading the right answer.
# - **Sources.** Cells that define a function of the course show the library's own
#   source code. If you edit it, the rest of the notebook uses your version.
# - **Folded cells** only draw figures or report results.
# - **Budgets.** Every lesson runs in one of three sizes: `smoke` only checks that the
#   code runs, `laptop` is meant for two processor cores, and `gpu` for a graphics card.
#   Only the numbers in a cell like the next one differ.
# - **Assignments.** Every lesson except 05b comes with one, and its checks tell you
#   what went wrong.
#
# If a cell fails, run [the doctor](#If-something-does-not-work).

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
# An image has the shape (3, height, width): three channels, in the order red, green,
# blue, and in each of them one number per pixel. Take an image of 4 rows and 6 columns,
# all black, and set `toy[0, 1, 4]` to 1.
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
# column, because rows and columns are counted from 0.
#
# </details>
#
# A tensor takes the row first, whereas a point is written (x, y), and x is the column.
# **Tensors take y first, boxes take x first**, and mixing them up causes many bugs.
#
# Here is a scene of the *tabletop*, a computer-generated world of objects on a floor,
# in which most of this course takes place.

# %%
from course_utils.data.tabletop import load_scenes

examples = load_scenes(108, "train")
image, target = examples[107]
print("shape:", tuple(image.shape), "type:", image.dtype)
print(f"values from {image.min():.2f} to {image.max():.2f}")
print("red, green, blue in row 90, column 40:", image[:, 90, 40])

# %% [markdown]
# Every image in the course has this form. A network takes several images at once,
# stacked into a *batch*, whose first dimension is the number of images.

# %%
batch = torch.stack([examples[i][0] for i in range(4)])
print("a batch:", tuple(batch.shape))

# %% [markdown]
# ## What a detector has to say
#
# For each object, a detector says where it is and what it is: a **box** and a
# **label**. The correct boxes and labels, which we use to train and evaluate a
# detector, are called the *ground truth*, and the dictionary that holds them for one
# image is its *target*.

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
# A box is four numbers in pixels, **xyxy**: the left, top, right and bottom edges. It
# surrounds only the part of an object that is *visible*, so it leaves out whatever is
# hidden behind another object. The N boxes of an image form one tensor of shape (N, 4).
#
# A label is a whole number. Label 0 is reserved for the background: no object has it,
# but a detector needs it to say that a part of the image is empty.
#
# Because the world is generated, we know far more about it: masks, depth, cameras,
# meshes, even sentences. You need none of that before lesson 07, but [an atlas of the
# tabletop](atlas.ipynb) has a picture of each.

# %% [markdown]
# ## Boxes end where the next pixel begins
#
# An object that fills columns 3, 4, 5, 6 and 7 is 5 pixels wide, although 7 - 3 is 4.
# Some programs therefore add 1 wherever they compute a width. We let the box end at 8
# instead, because pixel 7 is a small square that reaches from 7 to 8. Such a box is
# called *half-open*: as in a Python slice, the start belongs to it and the end does
# not, so its width is simply x2 - x1.
#
# **Predict.** A *mask* marks the pixels of an object. This one fills rows 2 to 4 and
# columns 3 to 7. What is its half-open box, in the order x1, y1, x2, y2, and what is
# the area of that box?

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
# mask. The slices `2:5` and `3:8` in the code are the same box, with y before x.
#
# </details>
#
# It is a common mistake to mix the two conventions. In torchvision, `masks_to_boxes`
# returns the *last pixel itself* as x2 and y2, whereas the other box functions expect
# half-open boxes.

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
# Read as half-open, such a box loses its last row and its last column, and no error
# tells you. Adding 1 to x2 and y2 converts it.

# %% [markdown]
# ## One box, five ways to write it
#
# Data sets and models do not agree on what the four numbers mean:
#
# - **xyxy**, two corners: the format of torchvision and of this course.
# - **xywh**, the top left corner and the size: COCO's JSON files.
# - **cxcywh**, the centre and the size: the basis of what networks predict from lesson
#   02 on.
# - **normalized cxcywh**, the same as fractions of the image's width and height: YOLO's
#   text files.
# - **VOC**, two corners, with pixels counted from 1 and the last one inside: the XML
#   files of Pascal VOC.
#
# We convert boxes when we read or write them, and use xyxy everywhere in between. Here
# are the conversions, in both directions.

# %% tags=["show"]
from course_utils.ops.boxes import xywh_to_xyxy, xyxy_to_xywh

# %% tags=["show"]
from course_utils.ops.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh

# %% [markdown]
# Fractions survive resizing the image.

# %% tags=["show"]
from course_utils.ops.boxes import denormalize_boxes, image_limits, normalize_boxes

# %% tags=["show"]
from course_utils.ops.boxes import voc_to_xyxy, xyxy_to_voc

# %% [markdown]
# For VOC, x1 and y1 grow by one, because the first pixel is number 1. But x2 and y2 do
# not change: counting from 1 adds one, and naming the last pixel inside instead of the
# first one outside takes one away.

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
# torchvision agrees, and converting there and back returns the same boxes.

# %%
many = torch.cat([truth["boxes"] for _, truth in examples])
for way, convert in {"xywh": xyxy_to_xywh, "cxcywh": xyxy_to_cxcywh}.items():
    reference = torchvision.ops.box_convert(many, "xyxy", way)
    assert torch.equal(convert(many), reference)
assert torch.equal(cxcywh_to_xyxy(xyxy_to_cxcywh(many)), many)
assert torch.equal(voc_to_xyxy(xyxy_to_voc(many)), many)
print(f"torchvision agrees on {len(many)} boxes")

# %% [markdown]
# Four numbers alone do not tell their format.
#
# **Predict.** The four boxes of the scene above are stored as xywh but read as xyxy.
# How many of them end before they begin, along x or along y?

# %% tags=["predict"]
misread = xyxy_to_xywh(target["boxes"])
is_inverted = (misread[:, 2:] <= misread[:, :2]).any(dim=1)
print(misread.tolist())
print(f"{is_inverted.sum()} of {len(misread)} boxes end before they begin")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Three. A misread box starts where it should, but it ends at the point (width, height).
# If the object is far enough from the left or the top of the image, this lies before x1
# or y1.
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
# A loss computed from such boxes looks like any other number, and nothing raises an
# error. So **draw your boxes before you train.**
#
# A network may predict a box that sticks out of the image, so we clip it. What remains
# may be too small to be useful, so we drop boxes below a minimum size.

# %% tags=["show"]
from course_utils.ops.boxes import clip_boxes, remove_small_boxes

# %%
wild = torch.tensor([[-20.0, 10, 60, 200], [130, 50, 160, 90]])
clipped = clip_boxes(wild, 128, 128)
print("clipped:", clipped.tolist())
print("kept:", remove_small_boxes(clipped, min_size=1).tolist())

# %% [markdown]
# The second box lies entirely outside the image of 128 x 128 pixels, so only the one
# with index 0 is kept.

# %% [markdown]
# ## How large is the output of a convolution?
#
# A convolution slides a *kernel*, a few weights or *taps*, over its input, and outputs
# one weighted sum per position. A detector has to know which output belongs to which
# place in the image, so we need the arithmetic. Both axes work alike, so we look at
# one.
#
# **Predict.** A kernel with 3 taps slides over 7 pixels in steps of 2, its *stride*,
# without padding. At how many positions does it fit?

# %% tags=["predict"]
from torch import nn

print(nn.Conv1d(1, 1, 3, stride=2)(torch.zeros(1, 1, 7)).shape[-1])

# %% [markdown]
# <details><summary>Answer</summary>
#
# At three: its first tap can lie on pixel 0, 2 or 4. Starting at 6, the kernel would
# stick out.
#
# </details>
#
# In general, a kernel with k taps that are d pixels apart (d is the *dilation*) reaches
# over d · (k - 1) + 1 pixels. Padding adds p zeros at each end, so n pixels become n +
# 2p. The first position takes up one reach, and every whole stride s that fits into the
# remaining length gives one position more:
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
# Play with the settings. The squares at the top are the input, the grey ones its
# padding. Each row below is one output, and its marks are the pixels that it reads.
# Look for settings in which the last pixels are not read.

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
# Three layers are worth knowing by heart. The third, a *pool*, outputs the maximum of
# its inputs instead of a weighted sum:

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
# The first keeps the size, the second halves it and rounds up, and the pooling layer
# halves it and rounds down.

# %% [markdown]
# ## What padding does to the border
#
# Padding has a price, because its zeros are not part of the image. Take an image that
# is 1 everywhere, and a 3x3 kernel that averages nine pixels. Every output should be 1.
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
# So padding changes the outputs at the border, and with every layer its effect reaches
# one pixel further inward. Without padding, only real pixels are read, but the *feature
# map*, as the output is called, shrinks.

# %% [markdown]
# ## What has to be learned
#
# In a convolution, each output channel has one kernel over *all* input channels, and
# one bias. A 3x3 convolution from 64 to 128 channels therefore learns 128 · (64 · 3 ·
# 3) weights and 128 biases, whatever the size of the image.

# %% tags=["show"]
from course_utils.ops.convolution import conv_parameters

# %%
by_torch = sum(weight.numel() for weight in nn.Conv2d(64, 128, 3).parameters())
print(f"ours {conv_parameters(64, 128, 3):,}, torch {by_torch:,}")

# %% [markdown]
# In a linear layer, each output has a weight for every input number, so it accepts
# inputs of one size only, and it can be huge. In VGG-16, a classifier that we will meet
# again, three linear layers have more weights than thirteen convolutions.

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
# Stack several 3x3 convolutions. An output of the first depends on 3 pixels along each
# axis, and an output of the second on 3 such numbers, whose pixels overlap. The pixels
# that a number depends on are its *receptive field*. We can measure it without any
# formula: take one output in the middle, and look for the pixels at which its gradient
# is not zero.


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
# Each layer adds one pixel on each side, so a stack of L 3x3 layers sees 1 + 2L pixels
# along each axis. This grows slowly: to see an object 100 pixels wide takes 50 layers.
# The heat maps also show that the middle of the field has much more influence than its
# rim, because many more paths lead there.
#
# Strides make the field grow faster. After a layer of stride 2, neighbours in the map
# are two pixels of the image apart, so the next kernel reaches twice as far. In
# general, if neighbours in its input are j pixels apart, a layer adds d · (k - 1) · j
# pixels to the field, and then j is multiplied by the layer's own stride.

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
# A stride helps only the layers that come after it, so networks shrink their maps
# early. Dilation widens the field without shrinking the map. Try both.


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
# Now apply this to VGG-16, which has five blocks of padded 3x3 convolutions, each
# followed by a 2x2 pooling layer. Its input is 224 pixels wide. For the last map of
# each block we print its size, how far apart its neighbours are in the image, and how
# many pixels each of its numbers sees.

# %%
vgg, size = [], 224
print("behind    size  stride  sees")
for block, convs in enumerate((2, 2, 3, 3, 3), start=1):
    vgg += [ConvLayer(3, padding=1)] * convs
    field = receptive_field(vgg)
    print(f"conv{block}_{convs}   {size:4}  {field.stride:6}  {field.size:4}")
    vgg, size = [*vgg, ConvLayer(2, stride=2)], size // 2

# %% [markdown]
# Several detectors use the map after `conv5_3`. Each of its numbers sees nearly the
# whole image, yet it still belongs to one place, 16 pixels from the next. From lesson
# 03 on, a detector is such a map with a small *head* on top, a few layers that turn it
# into predictions. (The [errata](errata.ipynb) collect common mistakes about this map
# and much else.)

# %% [markdown]
# ## A first network
#
# Our first network is a classifier. We cut each object out along its box and resize the
# cut-out, a *crop*, to 32 x 32 pixels, and the network has to name its class. Because
# boxes are half-open, cutting out is slicing.


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
# The crops are square whatever the shape of the box, so narrow objects are stretched.
# Parts of other objects may reach into a crop.
#
# Every model in the course has the same two methods, so that one training loop serves
# them all: `losses` returns named losses, whose sum is minimized in training, and
# `predict` returns predictions.

# %% tags=["show"]
from course_utils.models.model import Model, image_size

# %% [markdown]
# Our classifier has three blocks. In each, the convolution keeps the size and the
# pooling layer halves it, so 32 becomes 16, 8 and 4. A linear layer then turns the last
# map into one number per label, the *logits*, which a *softmax* turns into
# probabilities. `F.cross_entropy` takes logits, because it applies the softmax itself.


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
# Each lesson has a diagram of its system. The shapes next to its arrows are recorded in
# a real run.

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
# cross-entropy is -ln of the probability of the true label, averaged over the batch.
# Roughly how large is it now?

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
# A first loss far from that would reveal a bug before training has even begun. It is
# the cheapest test there is, so do it with every network.

# %% [markdown]
# ## The training loop
#
# Training is one small step, repeated. A step computes the loss of a batch and its
# gradient with respect to every weight, and then moves every weight a little in the
# direction that lowers the loss. This step trains every model in this course:

# %% tags=["show"]
from course_utils.training.train import train_step

# %% [markdown]
# Line by line:
#
# - The losses of the model are added up, because we can only minimize one number. `row`
#   keeps each of them by name, to plot them later.
# - `zero_grad` discards the gradients of the previous step, because `backward` would
#   otherwise add to them.
# - `clip_grad_norm_` takes all gradients as one long vector and scales it down if it is
#   longer than `max_norm`. An untrained detector makes thousands of wrong predictions at
#   once, and one step along their huge gradient could throw the weights far away.
# - `optimizer.step` changes the weights.
#
# Try it on one batch. A network that does not get better even on 64 crops that it sees
# again and again has a fault, and more data will not help.

# %%
from torch.optim import AdamW

trial = CropClassifier(len(CLASS_NAMES))
optimizer = AdamW(trial.parameters(), lr=2e-3)
for step in range(41):
    row = train_step(trial, optimizer, few_crops, few_targets, step=step)
    if step % 10 == 0:
        print(f"step {step:>2}: loss {row['total']:.3f}")

# %% [markdown]
# The loss falls, so the loss, the gradient and the optimizer work together.
#
# Each step also checks that two values are finite: the sum of the losses and the length
# of the gradient. Otherwise a single `nan` would spread to the weights and to every
# later loss, and you could lose hours of training without a message. So training stops
# *before* such a value changes the weights, and the error lists the losses.

# %% tags=["show"]
from course_utils.training.train import check_finite

# %%
try:
    check_finite(torch.tensor(0.0).log(), "sum of the losses", 7, {"box": -math.inf})
except FloatingPointError as error:
    print(error)

# %% [markdown]
# How far a step goes is set by the *learning rate*. It rises during a short warm-up,
# because the gradients of an untrained network can be large and erratic. It then falls
# along half a cosine, because large steps near the end would jump back and forth.

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
# The optimizer comes from PyTorch. We give it only the weights that require a gradient,
# so that a later lesson can freeze a part of a network.

# %% tags=["show"]
from course_utils.training.settings import make_optimizer

# %% [markdown]
# Here is the whole loop. `draw_batch` takes the next `batch_size` examples, in a new
# order for each *epoch* (one pass over all of them), and `move_batch` moves them to the
# device. `step_randomness` derives all randomness in a step from the seed and the
# number of the step, so that a run can be repeated. With a checkpoint file, a run that
# was stopped continues from the last step saved.

# %% tags=["show"]
from course_utils.training.train import train

# %% [markdown]
# A `History` records what happened, with one row per step. Its `curves` can be
# smoothed, because the raw values jump: every batch holds different examples.

# %% tags=["show"]
from course_utils.training.train import History, running_mean

# %% [markdown]
# The last piece counts the remaining steps and shows a progress bar.

# %% tags=["show"]
from course_utils.training.train import progress

# %% [markdown]
# Now train the classifier.

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
# The loss falls steeply at first and then slowly. That shows only that the network gets
# better *on the crops it is trained on*, whereas scenes that it has never seen are what
# counts. We compare its accuracy there with that of always predicting the most frequent
# class.

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
# More than four crops in five are classified correctly. Now look at some mistakes,
# because a number tells you how much is wrong, and pictures tell you what.

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
# In several of them the object is half hidden, covers only a few pixels, or is seen
# from a side from which two classes look alike. You might hesitate, too.
#
# In this lesson the boxes were given. A detector has to find them by itself, and lesson
# 01 builds the first one that does.

# %% [markdown]
# ## Recap
#
# A tensor takes y first; a box takes x first and ends where the next pixel begins. One
# formula gives the output size of any convolution, and each number in a deep map sees a
# large part of the image although it belongs to one place. A model has two methods,
# `losses` and `predict`. Training repeats one step: compute the loss and its gradient,
# clip it, change the weights, and stop if a value is not finite.
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
# - **x and y swapped**, as in `image[:, x1:x2, y1:y2]`. On square images no error is
#   raised, but the crops show the wrong places, so the loss falls much less than it
#   should.
# - **Boxes in another format.** Widths come out negative, or boxes end too far up and
#   to the left. You notice it as soon as you draw them.
# - **Ends that are inclusive** in one place and half-open in another. Large boxes look
#   right, but the boxes of small objects never fit well.
# - **Images from 0 to 255** instead of 0 to 1. The very first loss is far above the
#   logarithm of the number of labels.
# - **A softmax before `F.cross_entropy`**, which applies its own. With our eight
#   labels, the loss never falls below about six tenths of its first value.

# %% [markdown]
# ## If something does not work
#
# The doctor checks your computer, and says what is missing and how to get it.

# %%
from course_utils.doctor import doctor

doctor()

# %% tags=["hide-input"]
watch.report(accuracy=accuracy, constant_answer=most_frequent, last_loss=smooth[-1])

# %% [markdown]
# ## Three questions to think about
#
# **1.** A mask touches the right border of an image of width W. What is x2 of its
# half-open box, and can you use it as an index?
#
# <details><summary>Answer</summary>
#
# x2 is W, one past the last column, so `image[:, y, x2]` raises an error. As the end of
# a slice it is right: `image[:, y1:y2, x1:x2]` is exactly the inside of the box.
#
# </details>
#
# **2.** Compare one 5x5 convolution with two 3x3 convolutions in a row, each from 64 to
# 64 channels. Which sees more, and which has more weights to learn?
#
# <details><summary>Answer</summary>
#
# Both see 5 pixels along each axis, because 1 + 2 · 2 = 5. The 5x5 has 64 · 64 · 25
# weights, whereas the two 3x3 ones have only 64 · 64 · 18 together, and a non-linearity
# fits between them. VGG was built on this exchange.
#
# </details>
#
# **3.** An image 500 pixels wide and 333 high is resized so that its shorter side
# becomes 600, and comes out 901 wide. A box has x2 = 250. By which factor do you
# multiply x2, and by which y2?
#
# <details><summary>Answer</summary>
#
# Multiply x2 by 901 / 500, the ratio of the actual widths, and y2 by 600 / 333. The two
# factors differ slightly, because 500 · 600 / 333 is not a whole number and the width
# had to be rounded.
#
# </details>
