# %% [markdown]
# # 00. Assignment: start here
#
# Seven tasks, 10 points, about an hour and a half. Each task stands alone: do them in
# any order.
#
# - Write your answer where the cell says `YOUR CODE HERE`, and delete the line `raise
#   NotImplementedError`.
# - Run the check below it. It is silent about what is right until all is right; then it
#   prints one line. The line you see there now is what a right answer prints.
# - While a check runs, the functions that would answer for you are switched off:
#   everything in `torchvision.ops` and in `course_utils`, and here also torch's own
#   convolutions.
#
# The conventions are those of the lesson. Boxes are float xyxy and half-open: the box
# `(3, 2, 8, 5)` holds columns 3 to 7 and rows 2 to 4. Shapes are written (channels,
# height, width).

# %%
import math

import torch
from torch import Tensor

from course_utils.checks.start_here import (
    check_missing_dimensions,
    check_padding_answer,
    check_receptive_box,
    check_smallest_padding,
    check_tight_boxes,
    check_trace_network,
    check_yolo_to_voc,
)

# %% [markdown]
# ## Task 1: fill in the missing dimensions (2 points, 15 minutes, paper only)
#
# A batch of 4 images goes through this network. Eight numbers are missing. A weight is
# written (out channels, in channels, kernel height, kernel width), a map (images,
# channels, height, width). A pad of 2 adds 2 pixels on every side.
#
# | layer | settings | shape of its weight | its parameters | shape of its output |
# |---|---|---|---|---|
# | the images | | | | (4, 3, 90, 122) |
# | conv 5x5 | stride 2, pad 2, bias | (16, **a**, 5, 5) | | (4, 16, **b**, 61) |
# | max pool 3x3 | stride 2, no pad | | | (4, 16, 22, **c**) |
# | conv 3x3 | dilation 2, pad **d**, bias | (24, 16, 3, 3) | **e** | (4, 24, 22, 30) |
# | conv **f** x **f** | no pad | | | (4, 8, 18, 26) |
# | flatten | | | | (4, **g**) |
# | linear | bias | | **h** | (4, 6) |
#
# Give the eight numbers as a dict with the keys `"a"` to `"h"`.
#
# <details><summary>Hint</summary>
#
# One axis of one layer at a time: size + 2 * padding - dilation * (kernel - 1) - 1,
# divided by the stride, rounded down, plus 1. A pool counts in the same way. A weight
# has as many parameters as the product of its shape; a bias has one an output.
# </details>

# %% tags=["task", "points:2", "section:How large is the output of a convolution?"]
# missing_dimensions = {"a": ..., "b": ..., and so on to "h": ...}
# BEGIN SOLUTION
missing_dimensions = {
    "a": 3,
    "b": (90 + 2 * 2 - 5) // 2 + 1,
    "c": (61 - 3) // 2 + 1,
    "d": 2,
    "e": 24 * 16 * 3 * 3 + 24,
    "f": 22 - 18 + 1,
    "g": 8 * 18 * 26,
    "h": 8 * 18 * 26 * 6 + 6,
}
# END SOLUTION

# %% tags=["check"]
check_missing_dimensions(missing_dimensions)

# %% [markdown]
# ## Task 2: trace any network (2 points, about 15 lines, 20 minutes)
#
# Now for every network. `shape` is that of one image, (channels, height, width).
# `layers` is a list of dicts of three kinds:
#
# - `{"kind": "conv", "channels": 8, "kernel": (3, 5), "stride": 2, "padding": 1,
#   "dilation": 1, "bias": True}`: `channels` counts the outputs, and `kernel` is
#   (height, width); the other settings hold for both axes. With
#   `"bias": False` it has no bias.
# - `{"kind": "pool", "kernel": (2, 2), "stride": 2}`: no padding, no parameters.
# - `{"kind": "linear", "features": 10}`: flattens what it gets; has a bias. Its output
#   has the shape `(10,)`.
#
# Return a list with one pair `(shape of the output, number of parameters)` a layer. For
# an image of shape (3, 9, 14) and the convolution above, alone in a list, that is
# `[((8, 5, 6), 368)]`.
#
# <details><summary>Hint</summary>
#
# Keep the current shape in a variable and let each layer replace it. A pool is a
# convolution without padding and dilation as far as sizes go, so one inner function
# serves both.
# </details>


# %% tags=["task", "points:2", "section:What has to be learned"]
def trace_network(shape: tuple[int, ...], layers: list[dict]) -> list[tuple]:
    """The shape after each layer and the layer's number of parameters."""
    # BEGIN SOLUTION
    rows = []
    for layer in layers:
        parameters = 0
        if layer["kind"] == "linear":
            parameters = (math.prod(shape) + 1) * layer["features"]
            shape = (layer["features"],)
        else:
            channels = layer.get("channels", shape[0])
            if layer["kind"] == "conv":
                taps = shape[0] * math.prod(layer["kernel"])
                parameters = channels * (taps + layer["bias"])
            padding, dilation = layer.get("padding", 0), layer.get("dilation", 1)
            sides = (
                (side + 2 * padding - dilation * (kernel - 1) - 1) // layer["stride"]
                + 1
                for side, kernel in zip(shape[1:], layer["kernel"], strict=True)
            )
            shape = (channels, *sides)
        rows.append((shape, parameters))
    return rows
    # END SOLUTION


# %% tags=["check"]
check_trace_network(trace_network)

# %% [markdown]
# ## Task 3: how much padding? (1 point, about 6 lines, 10 minutes)
#
# The question the other way round. An axis of `size` pixels shall become an axis of
# `wanted` pixels. Return the smallest padding, the same number of zeros on both sides,
# with which the convolution does that, or `None` where no padding does. All numbers are
# whole and at least 1; the padding is at least 0, and the answer is not limited by the
# size of the kernel.
#
# Both answers occur: 3 taps keep 20 pixels with a padding of 1; 2 taps never keep 20
# pixels.
#
# <details><summary>Hint</summary>
#
# More padding never makes the output smaller. So either try 0, 1, 2, ... until the
# output has the wanted size or more, or solve the formula for the padding, round up,
# and test what you found. In both ways take care of kernels that do not fit into the
# padded axis.
# </details>


# %% tags=["task", "points:1", "section:How large is the output of a convolution?"]
def smallest_padding(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    """The smallest padding that turns `size` into `wanted`; None if there is none."""
    # BEGIN SOLUTION
    reach = dilation * (kernel - 1) + 1
    lacking = (wanted - 1) * stride + reach - size
    padding = max(0, math.ceil(lacking / 2))
    fits = (size + 2 * padding - reach) // stride + 1 == wanted
    return padding if fits else None
    # END SOLUTION


# %% tags=["check"]
check_smallest_padding(smallest_padding)

# %% [markdown]
# ## Task 4: which pixels does this cell see? (2 points, about 8 lines, 20 minutes)
#
# The lesson computes how large a receptive field is. Here the question is where it
# lies.
#
# `layers` lists the layers from the image to the output; each is a tuple `(kernel,
# stride, padding, dilation)` that holds for both axes. Return the half-open xyxy box, a
# float tensor of shape (4,), around all input pixels that the output cell in `row` and
# `column` depends on. Where padding is involved the box may begin below 0 or end beyond
# the image: leave it like that.
#
# One layer `(3, 1, 1, 1)`, row 0, column 3: the box is `(2, -1, 5, 2)`. No layers at
# all: the cell is the pixel, and the box is one pixel wide and high.
#
# <details><summary>Hint</summary>
#
# Walk from the output back to the image. Keep, for one axis, the first and the last
# cell that you need. The first tap of output cell i lies at i * stride - padding; the
# last tap lies dilation * (kernel - 1) further. At the end: x comes from the column,
# and half-open adds 1.
# </details>


# %% tags=["task", "points:2", "section:How much of the image does one number see?"]
def receptive_box(
    layers: list[tuple[int, int, int, int]], row: int, column: int
) -> Tensor:
    """The box of the input pixels that one output cell depends on, (4,)."""
    # BEGIN SOLUTION
    first = torch.tensor([column, row])
    last = first.clone()
    for kernel, stride, padding, dilation in reversed(layers):
        first = first * stride - padding
        last = last * stride - padding + dilation * (kernel - 1)
    return torch.cat([first, last + 1]).float()
    # END SOLUTION


# %% tags=["check"]
check_receptive_box(receptive_box)

# %% [markdown]
# ## Task 5: from masks to boxes, no pixel lost (1 point, about 8 lines, 15 minutes)
#
# `masks` is (N, H, W) bool, one mask an object. Return (N, 4) float: the smallest
# half-open xyxy box around each mask. A mask without a single pixel gets `(0, 0, 0,
# 0)`; no masks give shape (0, 4).
#
# <details><summary>Hint</summary>
#
# `mask.any(dim=0)` says for each column whether the object is in it; `.nonzero()` lists
# those columns. A loop over the masks is fine.
# </details>


# %% tags=["task", "points:1", "section:Boxes end where the next pixel begins"]
def tight_boxes(masks: Tensor) -> Tensor:
    """The smallest half-open box around each mask, (N, 4)."""
    # BEGIN SOLUTION
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks, strict=True):
        columns = mask.any(dim=0).nonzero()
        rows = mask.any(dim=1).nonzero()
        if len(rows) > 0:
            low = [columns.min(), rows.min()]
            high = [columns.max() + 1, rows.max() + 1]
            box[:] = torch.tensor(low + high)
    return boxes
    # END SOLUTION


# %% tags=["check"]
check_tight_boxes(tight_boxes)

# %% [markdown]
# ## Task 6: from YOLO's files to VOC's (1 point, about 6 lines, 10 minutes)
#
# Two data sets, two habits. YOLO's text files hold `(cx, cy, w, h)`, each divided by
# the width or the height of the image. VOC's XML files hold `(xmin, ymin, xmax, ymax)`
# in pixels counted *from 1*, with the first and the last pixel both inside the box.
#
# `boxes` is (N, 4) float in YOLO's form. Return (N, 4) float in VOC's form, not
# rounded. The whole of an image 30 high and 50 wide is `(0.5, 0.5, 1, 1)` for YOLO and
# `(1, 1, 50, 30)` for VOC.
#
# <details><summary>Hint</summary>
#
# Go through half-open pixels. Then ask which numbers change: the pixel that half-open
# boxes call 0 is VOC's 1, and the pixel before a half-open end of 50 is number 49 from
# 0, which is VOC's 50.
# </details>


# %% tags=["task", "points:1", "section:One box"]
def yolo_to_voc(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes in pixels counted from 1, both ends inside, (N, 4)."""
    # BEGIN SOLUTION
    centre, size = boxes[:, :2], boxes[:, 2:]
    image = boxes.new_tensor([width, height])
    low = (centre - size / 2) * image
    high = (centre + size / 2) * image
    return torch.cat([low + 1, high], dim=1)
    # END SOLUTION


# %% tags=["check"]
check_yolo_to_voc(yolo_to_voc)

# %% [markdown]
# ## Task 7: how far do the zeros reach? (1 point, 10 minutes, think first)
#
# A network of four 3x3 convolutions, stride 1, gets a whole image of 128x128. Then it
# gets a crop of 32x32 from the middle of that image, alone. In version P every layer
# pads its input by 1, so that sizes stay. In version N no layer pads. Each number
# computed from the crop is compared with the number that the whole image gives at the
# same place. Which ones agree?
#
# - `"a"`: in P all 32x32 of them, in N all of them.
# - `"b"`: in P the inner 24x24, in N all of them, which are 24x24.
# - `"c"`: in P the inner 30x30, in N all of them, which are 30x30.
# - `"d"`: in P all 32x32 of them, in N none, because the map has another size.
#
# <details><summary>Hint</summary>
#
# One layer first. Which of its outputs read a zero where the whole image has a pixel?
# Which outputs of the second layer read one of those?
# </details>

# %% tags=["task", "points:1", "section:What padding does to the border"]
# padding_answer = (a letter in quotes)
# BEGIN SOLUTION
padding_answer = "b"
# END SOLUTION

# %% tags=["check"]
check_padding_answer(padding_answer)
