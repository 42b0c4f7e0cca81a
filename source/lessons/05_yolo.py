# ---
# question: a detector proposes, and then looks again. Could it answer at the first look?
# build:
#   - lay a grid over an image
#   - pack boxes and classes into one tensor, and unpack it again
#   - write YOLO's loss of five terms, and check it against a loop
#   - train YOLO
#   - find out what it pays for its speed
# needs: [02_rcnn, 04_faster_rcnn]
# minutes: {read: 100, run: 8}
# papers:
#   - >-
#     [You only look once](https://arxiv.org/abs/1506.02640), Redmon et al. 2016
#   - >-
#     [darknet](https://github.com/pjreddie/darknet), the authors' own program; the loss
#     is in `src/detection_layer.c`
#   - >-
#     [Diagnosing error in object detectors](https://doi.org/10.1007/978-3-642-33712-3_25),
#     Hoiem et al. 2012: how the authors compared YOLO with Fast R-CNN
# ---

# ruff: noqa: E501

# %% [markdown]
# # 05. YOLO
#
# Faster R-CNN reads the image once but its features many times: for every proposal it
# cuts a piece out of the feature map and asks a second network what the piece shows.
# YOLO leaves all of that out. One network reads the image in one pass, and its output
# is a block of numbers that holds all boxes, confidences and classes.

# %% tags=["hide-input"]
import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle
from torch import nn

from course_utils.data.published import PAPER_TABLE, with_milliseconds
from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import OKABE_ITO, draw_boxes, draw_curves, draw_heat_map
from course_utils.draw import draw_image, new_figure, show, show_boxes, show_curves
from course_utils.draw import show_images, show_losses, show_parts, show_system
from course_utils.draw import show_systems
from course_utils.draw.yolo import draw_all_boxes, draw_class_cells, draw_grid
from course_utils.draw.yolo import draw_owners, show_cell_numbers
from course_utils.models.model import Model, check_batch
from course_utils.ops.boxes import box_iou, xyxy_to_cxcywh
from course_utils.training import TrainingSettings, choose_budget, choose_device
from course_utils.training import count_multiply_adds, median_ms, predict_all
from course_utils.training import read_rows, start_lesson, train, write_row
from course_utils.widgets import Choice, Slider, explore

# %% tags=["parameters", "hide-input"]
budget = choose_budget()
scenes, test_scenes, side, widths, hidden, steps = {
    "smoke": (16, 4, 128, (8, 16, 24, 32), 32, 4),
    "laptop": (4000, 60, 128, (16, 32, 64, 96), 96, 2500),
    "gpu": (8000, 500, 256, (64, 128, 256, 256, 512), 256, 10000),
}[budget]
device = choose_device()
watch = start_lesson("05_yolo", budget)
print(f"{budget}: {scenes} training scenes, {test_scenes} test scenes, {steps} steps")

# %% [markdown]
# This is where we are going: a YOLO trained as in this lesson, on a scene that was not
# in its training set (one in which it finds every object). Its stored output can be
# read as a class and a confidence for each cell of a grid, as 98 boxes, and, without
# the doubtful and duplicate ones, as detections.

# %% tags=["hide-input"]
from course_utils.data.yolo_at_work import load_yolo_outputs
from course_utils.models.yolo import YOLOSettings, score_boxes, select_all

picture, kept_outputs = load_yolo_outputs()
cell_confidence = kept_outputs[..., [4, 9]].amax(dim=-1)
cell_classes = kept_outputs[..., 10:].argmax(dim=-1)
kept_boxes, kept_scores = score_boxes(kept_outputs[None], picture.shape[-2:], 2)
(found,) = select_all(kept_boxes, kept_scores, YOLOSettings(score_threshold=0.3))
fig, axes = new_figure(1, 3, width=9.3, height=3.3)
titles = ("class and confidence of each cell", "98 boxes", "detections")
for ax, title in zip(axes, titles, strict=True):
    draw_image(ax, picture, title=title, ticks=False)
draw_class_cells(axes[0], cell_confidence, cell_classes, picture.shape[-1])
draw_all_boxes(axes[1], kept_boxes[0], kept_scores[0])
draw_boxes(axes[2], **found, class_names=CLASS_NAMES)
show(
    fig,
    alt="A tabletop scene three times: under a grid in which a few cells are tinted in "
    "the colours of classes; under many boxes, most drawn with thin lines; and with a named "
    "box around each object.",
    caption="One pass of the network, read in three ways.",
)

# %% [markdown]
# ## The whole system
#
# The map is drawn from a real call of `predict`. Up to the feature map, all steps are
# familiar. What followed in lesson 04 (proposals, RoI pooling, a second network) is
# gone. Instead, a small head predicts 17 numbers for each cell of a 7 x 7 grid.

# %% tags=["hide-input"]
from course_utils.models.backbones import Backbone
from course_utils.models.yolo import YOLO

torch.manual_seed(0)
shape = {"num_classes": len(CLASS_NAMES), "hidden": hidden}
sketch = YOLO(Backbone(widths), **shape, score_threshold=0.0, max_detections=20)
home = sys.modules[YOLO.__module__]
parts = {
    "image": picture[None],
    "resize": (home, "resize"),
    "backbone": sketch.backbone,
    "YOLOHead": sketch.head,
    "decode_grid": (home, "decode_grid"),
    "class_scores": (home, "class_scores"),
    "select_detections": (home, "select_detections"),
}
order = [*parts]
show_system(
    partial(sketch.predict, picture[None]),
    parts,
    [*pairwise(order), ("decode_grid", "select_detections")],
    new=("YOLOHead", "decode_grid", "class_scores"),
    caption="YOLO, from one image to detections. Orange: new since Faster R-CNN.",
)

# %% [markdown]
# ## How fast is fast enough?
#
# A camera delivers 30 images per second, so a detector that keeps up has 33
# milliseconds for each. The table shows what YOLO's paper reports for Pascal VOC 2007.

# %% tags=["hide-input"]
fast = ("Fast R-CNN", "Faster R-CNN", "Faster R-CNN, ZF", "YOLO", "Fast YOLO")
published = [row for row in with_milliseconds(PAPER_TABLE) if row["system"] in fast]
columns = {
    "AP50": ("mAP", ".1f"),
    "fps": ("images/s", "g"),
    "ms_per_image": ("ms per image", ",.0f"),
    "network": ("network", "s"),
    "input": ("input", "s"),
    "batch": ("batch", "d"),
    "device": ("GPU", "s"),
    "source": ("source", "s"),
}
show_systems(published, columns=columns, caption="Published, on Pascal VOC 2007")

# %% [markdown]
# (YOLO's authors timed Faster R-CNN themselves. Its own authors report 198 ms per image
# for VGG-16 on a K40, an older card.)
#
# **Predict.** A car drives at 50 km/h. How far does it travel while Faster R-CNN with
# VGG-16 processes one image, and how far while YOLO does?

# %% tags=["predict"]
metres_per_second = 50 / 3.6
for row in published:
    print(f"{row['system']:>16}: {metres_per_second / row['fps']:5.1f} m")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Two metres with Faster R-CNN, about half the car's length, and 30 centimetres with
# YOLO.
#
# </details>
#
# YOLO is six times as fast, and the price is ten points of mAP. You will measure both
# sides of this trade.
#
# ## The grid
#
# How can one pass say where objects are if nobody proposes boxes? YOLO lays a grid over
# the image, of S x S cells. The **cell** that contains the centre of an object owns it,
# and should report its box and class, and how sure it is of them. All other cells
# should report nothing, even those that the object covers.

# %%
learn = load_scenes(scenes, "train", size=side)
test = load_scenes(test_scenes, "test", size=side)
test_targets = [target for _, target in test]
image, target = max(test, key=lambda example: len(example[1]["boxes"]))
size = (side, side)
print(f"our scene: {len(target['boxes'])} objects in {side} x {side} pixels")

# %% [markdown]
# **On paper.** An image of 70 x 70 pixels with S = 7 has cells of 10 x 10. Which grid
# cells own the four boxes in `four_boxes` below? The second box touches 25 cells, and
# the fourth extends beyond the image, as boxes in some data sets do.

# %% tags=["show"]
from course_utils.ops.yolo_grid import owner_cells

# %%
four_boxes = torch.tensor(
    [[12.0, 3, 38, 21], [2, 20, 48, 66], [31, 40, 39, 50], [60, 60, 80, 80]]
)
for box, cell in zip(four_boxes, owner_cells(four_boxes, (70, 70), 7), strict=True):
    x, y, _, _ = xyxy_to_cxcywh(box[None])[0].tolist()
    print(f"centre ({x:.0f}, {y:.0f}): row {cell[0]}, column {cell[1]}")

# %% [markdown]
# The column is the integer part of x / 10, and the row that of y / 10; the size of a
# box does not matter. For the fourth centre, on the corner of the image, x / 10 is 7
# although the last column is 6, so we assign it to the last cell. A centre outside the
# image belongs to no cell, and we prefer an error to a wrong cell:

# %%
try:
    owner_cells(torch.tensor([[70.0, 60, 90, 80]]), (70, 70), grid=7)
except ValueError as error:
    print(f"ValueError: {error}")


# %% tags=["hide-input"]
def draw_scene_grid(grid, predictors):
    fig, (ax,) = new_figure(width=4.2, height=4.6)
    numbers = grid * grid * (5 * predictors + len(CLASS_NAMES) - 1)
    owners = len(owner_cells(target["boxes"], size, grid).unique(dim=0))
    title = f"{grid * grid * predictors} boxes, {numbers:,} numbers\n"
    title += f"{len(target['boxes'])} objects in {owners} cells"
    draw_image(ax, image, title=title)
    draw_owners(ax, target["boxes"], side, grid)
    return fig


explore(
    draw_scene_grid,
    grid=Slider(2, 14, 1, 7, "S"),
    predictors=Slider(1, 4, 1, 2, "B"),
    alt=lambda grid, predictors: (
        f"A scene under a grid of {grid} x {grid} cells. The cells that hold the "
        "centre of an object are tinted. The title counts boxes, numbers and cells."
    ),
    caption="Orange: objects; dots: their centres. Tinted: the cells that own them. "
    "Each cell has B predictors with five numbers each, and names one class.",
)

# %% [markdown]
# Make the cells larger, and sooner or later two centres share one. A cell can own only
# *one* object, so the other is lost before any network is trained.
#
# **Predict.** In our scenes of up to eight objects, what share of all objects find
# their cell already taken with the paper's S = 7? And with S = 2?


# %%
def lost_share(targets, grid):
    objects = sum(len(target["boxes"]) for target in targets)
    owners = sum(
        len(owner_cells(target["boxes"], size, grid).unique(dim=0))
        for target in targets
    )
    return 1 - owners / objects


# %% tags=["predict"]
sides = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14)
some_targets = [target for _, target in learn[:1000]]
lost = {grid: lost_share(some_targets, grid) for grid in sides}
for grid in (2, 4, 7, 14):
    print(f"S = {grid:>2}: {grid * grid:>3} cells, {lost[grid]:.1%} of objects lost")

# %% [markdown]
# <details><summary>Answer</summary>
#
# One or two in a hundred with S = 7, and three in ten with S = 2.
#
# </details>

# %% tags=["hide-input"]
show_curves(
    {"objects": (list(sides), list(lost.values()))},
    x_label="S, cells per side",
    y_label="share of objects lost",
    alt="A curve that falls steeply from the coarsest grid, of two cells per side, to "
    "nearly nothing at the finest.",
    caption="Objects that find their cell taken.",
    width=5,
    height=2.8,
)
if budget != "smoke":
    assert 0.005 < lost[7] < 0.05, lost[7]

# %% [markdown]
# The grid sets this limit, whatever network we train.
#
# ## The tensor, number by number
#
# What does a cell predict? It has B **predictors**. Each of them predicts a box (x, y,
# w, h) and its **confidence**, which says how far the box can be trusted. In addition,
# the cell as a whole predicts one number for each of C classes.
#
# - **x and y** say where the centre lies *within the cell*, from 0 to 1.
# - **w and h** are fractions of the *image*, since an object may be larger than its
#   cell.
#
# **On paper.** An image of 40 x 40 pixels with S = 2 holds one dog, in the box (15, 4,
# 35, 24). Its centre is (25, 14). With cells of 20 pixels, this is a quarter of the way
# across column 1, and seven tenths of the way down row 0. Width and height are 20 of 40
# pixels. So x = 0.25, y = 0.7 and w = h = 0.5.

# %% tags=["show"]
from course_utils.ops.yolo_grid import cell_coordinates

# %%
dog = torch.tensor([[15.0, 4, 35, 24]])
dog_cell = owner_cells(dog, (40, 40), grid=2)
print("row, column:", dog_cell.tolist())
print("x, y, w, h: ", cell_coordinates(dog, dog_cell, (40, 40), grid=2))

# %% [markdown]
# The targets of an image are these coordinates, laid out on the grid, together with a
# one-hot class for each cell. Background is not a class here: an empty cell should say
# so by its confidence, and the loss ignores its class values. Where two centres share a
# cell, the first object in the list keeps it.

# %% tags=["show"]
from course_utils.ops.yolo_grid import GridTargets, is_first

# %% tags=["show"]
from course_utils.ops.yolo_grid import encode_grid

# %%
animals = ("background", "cat", "dog", "bird")
toy = encode_grid(dog, torch.tensor([2]), (40, 40), grid=2, num_classes=4)
print("is_object:\n", toy.is_object)
print("boxes[0, 1]:  ", toy.boxes[0, 1])
print("classes[0, 1]:", toy.classes[0, 1], "for", animals[1:])

# %% [markdown]
# The **outputs** of the network are S x S cells with 5B + C numbers each. Below we
# write outputs that describe our scene perfectly, with the same box from both
# predictors of a cell. In place of w and h the network predicts their square *roots*;
# the section on the loss explains why.


# %%
def perfect_outputs(cells, num_boxes=2):
    """(S, S, 5B + C): all B predictors of a cell are right where there is an object."""
    x_and_y, w_and_h = cells.boxes.split(2, dim=-1)
    confidence = cells.is_object[..., None].float()
    predictor = torch.cat([x_and_y, w_and_h.sqrt(), confidence], dim=-1)
    return torch.cat([*[predictor] * num_boxes, cells.classes], dim=-1)


# %%
grid_of_seven = {"grid": 7, "num_classes": len(CLASS_NAMES)}
scene = encode_grid(**target, image_size=size, **grid_of_seven)
scene_outputs = perfect_outputs(scene)
print(tuple(scene_outputs.shape), "=", scene_outputs.numel(), "numbers")

# %% tags=["hide-input"]
place = tuple(scene.is_object.nonzero()[-1].tolist())
show_cell_numbers(
    image,
    place,
    scene_outputs[place],
    CLASS_NAMES[1:],
    grid=7,
    alt="On the left a scene under a grid of 7 x 7 cells, one of them framed. On the "
    "right its numbers: five for each of two predictors, x, y, root of w, root of h "
    "and confidence, and one for each class, which belong to the cell as a whole.",
    caption="What one cell predicts: 5B + C numbers. With the paper's 20 classes, 30.",
)

# %% [markdown]
# **Predict.** The paper has S = 7, B = 2 and the C = 20 classes of Pascal VOC. How many
# numbers does its network predict per image? And how many would there be if each
# predictor had its own class values?

# %% tags=["predict"]
S, B, C = 7, 2, 20
print("classes of the cell:     ", S * S * (5 * B + C))
print("classes of each predictor:", S * S * B * (5 + C))
saved = S * S * B * (5 + C) - S * S * (5 * B + C)
print(
    f"{saved} fewer; times 4096 inputs, the last layer saves {saved * 4096:,} weights"
)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 1470, as against 2450. The predictors of a cell *share* one set of class values, so
# all of them favour the same class, however many there are. They are attempts at the
# same object, not room for several objects.
#
# </details>
#
# The way back leads from numbers to boxes in pixels: take the numbers of a cell apart,
# square the roots, add the corner of the cell, and scale to the image.

# %% tags=["show"]
from course_utils.ops.yolo_grid import split_outputs, square_sides

# %% tags=["show"]
from course_utils.ops.yolo_grid import cell_boxes_to_xyxy

# %% tags=["show"]
from course_utils.ops.yolo_grid import GridBoxes, decode_grid

# %%
decoded = decode_grid(perfect_outputs(toy)[None], (40, 40), num_boxes=2)
print("boxes", tuple(decoded.boxes.shape), "classes", tuple(decoded.classes.shape))
print("the first predictor of the dog's cell:", decoded.boxes[0, 2].tolist())
assert torch.allclose(decoded.boxes[0, 2], dog[0], atol=1e-4)

# %% [markdown]
# Does the round trip work for every box in a hundred scenes?

# %%
error = 0.0
for _, truth in learn[:100]:
    cells = encode_grid(**truth, image_size=size, **grid_of_seven)
    decoded = decode_grid(perfect_outputs(cells)[None], size, num_boxes=2)
    kept = decoded.boxes[0, ::2][cells.is_object.flatten()]  # one predictor per owner
    distance = torch.cdist(kept, truth["boxes"], p=torch.inf)
    error = max(error, distance.amin(dim=1).max().item())
print(f"there and back: at most {error:.0e} pixels apart")
assert error < 1e-3

# %% [markdown]
# A predictor has no anchor: only the weights that it learns distinguish the two
# predictors of a cell. (Pictures of YOLO v1 with anchors confuse it with other
# detectors: see the [errata](errata.ipynb).)
#
# ## Who is responsible?
#
# A cell that owns an object has two predictors but one target. Which of the two should
# be corrected? If both always were, nothing would ever make them differ. So YOLO looks
# at what they predict *now*: the one whose box has the higher IoU with the object is
# **responsible** for it, and learns to fit it better still. The other should report a
# confidence of 0.
#
# **On paper.** Here is the dog with two predictions. Which one is responsible?

# %%
predictions = torch.tensor([[11.0, 4, 31, 26], [17, 8, 33, 20]])
for index, value in enumerate(box_iou(predictions, dog).flatten().tolist(), start=1):
    print(f"predictor {index}: IoU {value:.3f}")

# %% tags=["hide-input"]
show_boxes(
    torch.full((3, 40, 40), 0.85),
    {"dog": dog, "predictor 1": predictions[:1], "predictor 2": predictions[1:]},
    alt="Three boxes: the dog, a prediction of nearly the same size a little to the "
    "left, and a smaller prediction inside the dog.",
    size=3.6,
)

# %% [markdown]
# The first one, because the second is better centred but far too small. The paper
# defines confidence as the probability of an object *times the IoU*, so the target of
# the first confidence is now 0.615, and will rise as its box improves. A common mistake
# is to use 1 instead.
#
# Above all early in training, it can happen that neither box touches the object. The
# authors' program then takes the predictor whose four numbers are nearest, and so do
# we.

# %% tags=["show"]
from course_utils.models.yolo import cell_iou

# %% tags=["show"]
from course_utils.models.yolo import responsible_boxes

# %%
written = cell_coordinates(predictions, dog_cell.expand(2, 2), (40, 40), grid=2)
toy_boxes = torch.zeros(2, 2, 2, 4)  # S, S, B, 4
toy_boxes[0, 1] = written
index, iou = responsible_boxes(toy_boxes, toy.boxes)
print(f"responsible: predictor {index[0, 1] + 1}, IoU {iou[0, 1].max():.3f}")
toy_boxes[0, 1] = torch.tensor([[-1.0, 0.7, 0.1, 0.1], [0.9, -0.9, 0.1, 0.1]])
index, iou = responsible_boxes(toy_boxes, toy.boxes)
print(
    f"both far away, IoUs {iou[0, 1].tolist()}: predictor {index[0, 1] + 1} is nearer"
)

# %% [markdown]
# ## The loss
#
# Every term is a sum of squares, because that is "easy to optimize", as the authors
# say. There are five terms:
#
# 1. **x and y** of the responsible predictors, times 5;
# 2. the roots of **w and h** of the responsible predictors, times 5;
# 3. the **confidence** of the responsible predictors, whose target is their IoU;
# 4. the confidence of **all other predictors**, whose target is 0, times 0.5;
# 5. the **class values** of the cells that own an object.
#
# As a formula, with targets bare and outputs under a hat:
#
# $$\lambda_{coord} \sum_{i} \sum_{j} 1_{ij}^{obj} \left[(x_i - \hat x_{ij})^2 +
# (y_i - \hat y_{ij})^2 + (\sqrt{w_i} - \sqrt{\hat w_{ij}})^2 +
# (\sqrt{h_i} - \sqrt{\hat h_{ij}})^2\right]$$
#
# $$+ \sum_{i} \sum_{j} 1_{ij}^{obj} (C_{ij} - \hat C_{ij})^2 +
# \lambda_{noobj} \sum_{i} \sum_{j} 1_{ij}^{noobj} \hat C_{ij}^2 +
# \sum_{i} 1_i^{obj} \sum_{c} (p_i(c) - \hat p_i(c))^2$$
#
# Here $i$ runs over the cells and $j$ over the predictors of a cell. $C_{ij}$ is a
# confidence and $p_i(c)$ the value of class $c$. The indicator $1_i^{obj}$ is 1 if cell
# $i$ owns an object, $1_{ij}^{obj}$ is 1 if predictor $j$ of cell $i$ is responsible
# for it, and $1_{ij}^{noobj}$ is 1 for every other predictor.
#
# **Predict.** Take the two boxes above. Predictor 1 of the dog's cell has confidence
# 0.4, predictor 2 has 0.3, and the six predictors of the empty cells have 0.1 each. The
# cell's class values are 0.2 for cat, 0.7 for dog and 0.1 for bird. Which of the five
# terms is the largest?

# %% tags=["predict"]
(x1, y1, w1, h1), (x2, y2, w2, h2) = written.tolist()
x, y, w, h = toy.boxes[0, 1].tolist()
by_hand = {
    "loss_xy": 5 * ((x - x1) ** 2 + (y - y1) ** 2),
    "loss_wh": 5 * ((w**0.5 - w1**0.5) ** 2 + (h**0.5 - h1**0.5) ** 2),
    "loss_confidence": (0.615 - 0.4) ** 2,
    "loss_no_object": 0.5 * (0.3**2 + 6 * 0.1**2),
    "loss_classes": (0 - 0.2) ** 2 + (1 - 0.7) ** 2 + (0 - 0.1) ** 2,
}
for name, value in by_hand.items():
    print(f"{name:>16}: {value:.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The first, x and y: with its weight of 5, an error of a fifth of a cell costs more
# than a class value of 0.7. Predictor 2 appears only in the fourth term, because its
# confidence should be 0. No term looks at its box, although that is better centred.
#
# </details>
#
# In tensors, without a loop over cells, the indicators become masks that multiply the
# squared errors. First terms 1 and 2:

# %% tags=["show"]
from course_utils.models.yolo import box_terms

# %% [markdown]
# Terms 3 and 4 divide the predictors between them: each is either responsible or not.

# %% tags=["show"]
from course_utils.models.yolo import confidence_terms

# %% [markdown]
# Term 5 concerns whole cells, so its mask is `is_object` and not `is_responsible`.

# %% tags=["show"]
from course_utils.models.yolo import class_term

# %% [markdown]
# The complete loss finds the responsible predictors, weights the terms, and divides
# them by the number of images.

# %% tags=["show"]
from course_utils.models.yolo import boxes_a_cell, yolo_losses

# %% tags=["show"]
from course_utils.ops.yolo_grid import stack_targets

# %%
toy_outputs = torch.zeros(1, 2, 2, 13)
toy_outputs[..., [4, 9]] = 0.1
toy_outputs[0, 0, 1] = torch.tensor(
    [x1, y1, w1**0.5, h1**0.5, 0.4, x2, y2, w2**0.5, h2**0.5, 0.3, 0.2, 0.7, 0.1]
)
for name, value in yolo_losses(toy_outputs, stack_targets([toy])).items():
    print(f"{name:>16}: {value:.4f}, by hand {by_hand[name]:.4f}")
    assert abs(value - by_hand[name]) < 1e-3

# %% [markdown]
# The map shows the same function for four images.

# %% tags=["hide-input"]
home = sys.modules[yolo_losses.__module__]
few = stack_targets(
    [encode_grid(**t, image_size=size, **grid_of_seven) for _, t in learn[:4]]
)
random_outputs = torch.rand(4, 7, 7, 17, generator=torch.Generator().manual_seed(0))
show_system(
    partial(yolo_losses, random_outputs, few),
    {
        "target classes": few.classes,
        "outputs": random_outputs,
        "target boxes": few.boxes,
        "class_term": (home, "class_term"),
        "responsible_boxes": (home, "responsible_boxes"),
        "box_terms": (home, "box_terms"),
        "confidence_terms": (home, "confidence_terms"),
    },
    [
        ("target classes", "class_term"),
        ("outputs", "class_term"),
        ("outputs", "responsible_boxes"),
        ("target boxes", "responsible_boxes"),
        ("responsible_boxes", "box_terms"),
        ("responsible_boxes", "confidence_terms"),
    ],
    names={
        "responsible_boxes": ("index", "IoU"),
        "box_terms": ("loss_xy", "loss_wh"),
        "confidence_terms": ("loss_confidence", "loss_no_object"),
        "class_term": ("loss_classes",),
    },
    new=("responsible_boxes", "box_terms", "confidence_terms", "class_term"),
    caption="Training: from outputs and targets of four images to the five terms. "
    "(Both boxes at the bottom also read outputs and targets.)",
)

# %% [markdown]
# ### Check it with a loop
#
# Such code is easy to get wrong, because a mask broadcast along the wrong
# axis raises no error. torchvision has no such loss to compare with, so a second
# version follows the formula, one predictor after the other, and computes the IoU in
# its own way.

# %% tags=["show"]
from course_utils.models.yolo import find_responsible, iou_in_cell, overlap_1d

# %% tags=["show"]
from course_utils.models.yolo import cell_terms

# %% tags=["show"]
from course_utils.models.yolo import yolo_losses_by_loop

# %% [markdown]
# Both versions get four scenes and random outputs, in double precision. We compare
# values and gradients.

# %%
few = GridTargets(few[0], few.boxes.double(), few.classes.double(), few.lost)
random_outputs = random_outputs.double()


def values_and_gradient(loss_function):
    leaf = random_outputs.clone().requires_grad_()
    losses = loss_function(leaf, few)
    torch.stack(list(losses.values())).sum().backward()
    return losses, leaf.grad


fast_losses, fast_gradient = values_and_gradient(yolo_losses)
slow_losses, slow_gradient = values_and_gradient(yolo_losses_by_loop)
for name, value in fast_losses.items():
    print(f"{name:>16}: {value.item():8.4f}, by loop {slow_losses[name].item():8.4f}")
    assert torch.isclose(value, slow_losses[name], rtol=1e-10)
apart = (fast_gradient - slow_gradient).abs().max()
print(f"gradients: at most {apart:.0e} apart")
assert apart < 1e-10

# %% [markdown]
# ### Which number feels which term?
#
# **Predict.** The target of a confidence is the IoU of its own box. Could the network
# therefore also lower the third term by moving the *box*?

# %% tags=["predict"]
leaf = random_outputs.clone().requires_grad_()
print(f"{'felt by':>16}:  x, y  √w, √h  confidence  classes")
for name, loss in yolo_losses(leaf, few).items():
    (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    box_part, class_part = split_outputs(gradient != 0, 2)
    by_kind = box_part[..., :2].any(-1), box_part[..., 2:4].any(-1), box_part[..., 4]
    counts = [kind.sum().item() for kind in (*by_kind, class_part.any(-1))]
    print("{:>16}: {:5} {:7} {:11} {:8}".format(name, *counts))
print(f"predictors: {4 * 98}, cells that own an object: {few.is_object.sum()}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. The IoU enters as a plain number without a gradient (`detach`), as the proposals
# did in lesson 04. Otherwise a network with too low a confidence could lower this term
# by making a good box worse.
#
# </details>
#
# ### The square root
#
# Why roots? An error of 0.05 of the image is small for an object that fills the image,
# but large for a small object. Plain widths would treat both alike.

# %%
for w in (0.1, 0.8):
    cost = ((w + 0.05) ** 0.5 - w**0.5) ** 2
    print(f"a box for an object of width {w}, 0.05 too wide, costs {cost:.5f}")

# %% [markdown]
# A common mistake is to take the formula literally: the network predicts a width, and
# the loss takes its root. But the last layer is linear, so it can predict a negative
# width, which has no root, and near 0 the slope of the root grows without bound.
# Compare this with predicting the root itself:

# %%
for start in (0.25, 1e-6, 0.0, -0.1):
    predicted_width = torch.tensor(start, requires_grad=True)
    ((0.5**0.5 - predicted_width.sqrt()) ** 2).backward()
    predicted_root = torch.tensor(start, requires_grad=True)
    ((0.5**0.5 - predicted_root) ** 2).backward()
    slopes = predicted_width.grad.item(), predicted_root.grad.item()
    print(
        "{:9.6f}: slope {:8.2f} if the loss takes the root, else {:5.2f}".format(
            start, *slopes
        )
    )

# %% [markdown]
# One `nan` in the sum makes the whole loss `nan`, and one step later all weights. So
# the network predicts the *root*, as the text of the paper says, and the loss never
# takes the root of an output. To get a box, we square the output (`square_sides`).
#
# ### Why 5 and 0.5?
#
# Nearly all predictors are *empty*: the target of their confidence is 0. Suppose that a
# network could choose only one confidence for all its predictors. The best choice would
# be the weighted mean of all targets, so the weights decide which predictors count.

# %%
per_scene = sum(len(target["boxes"]) for _, target in learn) / len(learn)
for weight in (1.0, 0.5):
    empty = weight * (98 - per_scene)
    share = empty / (empty + per_scene)
    print(f"noobj_weight {weight}: empty predictors carry {share:.0%} of the weight")

# %% [markdown]
# Even with 0.5, the empty predictors outvote the others by far. The factor of 5 works
# in the same direction, because it strengthens the box terms of the others. Lesson 06
# has another remedy.
#
# ## A network of its own
#
# YOLO's authors designed their own network. We write its convolutions as a list of
# kernel size, channels and stride.

# %%
HALVE = nn.MaxPool2d(2)
paper_layers = [(7, 64, 2), HALVE, (3, 192, 1), HALVE]
paper_layers += [(1, 128, 1), (3, 256, 1), (1, 256, 1), (3, 512, 1), HALVE]
paper_layers += 4 * [(1, 256, 1), (3, 512, 1)] + [(1, 512, 1), (3, 1024, 1), HALVE]
paper_layers += 2 * [(1, 512, 1), (3, 1024, 1)]
paper_layers += [(3, 1024, 1), (3, 1024, 2), (3, 1024, 1), (3, 1024, 1)]


# %%
def build_convolutions(description):
    layers, channels = [], 3
    for entry in description:
        if entry is HALVE:
            layers.append(HALVE)
            continue
        kernel, wider, stride = entry
        layers.append(nn.Conv2d(channels, wider, kernel, stride, padding=kernel // 2))
        layers.append(nn.LeakyReLU(0.1))
        channels = wider
    return nn.Sequential(*layers)


# %%
with torch.device("meta"):  # shapes without numbers
    convolutions = build_convolutions(paper_layers)
    connected = nn.Sequential(
        nn.Flatten(), nn.Linear(7 * 7 * 1024, 4096), nn.LeakyReLU(0.1)
    )
    last = nn.Linear(4096, 1470)
    photo = torch.zeros(1, 3, 448, 448)
feature_map = convolutions(photo)
print(tuple(photo.shape), "->", tuple(feature_map.shape), end=" -> ")
print(tuple(last(connected(feature_map)).unflatten(1, (7, 7, 30)).shape))
for name, part in {
    "convolutions": convolutions,
    "connected": connected,
    "last": last,
}.items():
    print(
        f"{name:>12}: {sum(w.numel() for w in part.parameters()) / 1e6:6.1f} M weights"
    )

# %% [markdown]
# Six halvings turn 448 pixels into 7 cells, which is where S = 7 comes from. Three
# quarters of the weights are in the first fully connected layer, which lets every cell
# see the whole image.
#
# Our network is much smaller. The residual backbone of the earlier lessons halves the
# image once for each of its `widths`. With four halvings, 7 cells need 7 x 16 = 112
# pixels, so images are first resized. Two 3 x 3 convolutions look around a cell, and a
# 1 x 1 convolution predicts its numbers.

# %% tags=["show"]
from course_utils.models.yolo import YOLOSettings

# %% tags=["show"]
from course_utils.models.yolo import first_outputs, resize

# %% tags=["show"]
from course_utils.models.yolo import YOLOHead

# %% [markdown]
# A linear output may fall below 0 or above 1, so confidences and class values are
# clipped. Otherwise two negative values would give a positive score.

# %% tags=["show"]
from course_utils.ops.yolo_grid import class_scores

# %% tags=["show"]
from course_utils.models.yolo import score_boxes

# %% [markdown]
# `select_detections` drops low scores and suppresses duplicates class by class.

# %% tags=["show"]
from course_utils.ops.post_processing import best_of_each_class, first_of_each_class

# %% tags=["show"]
from course_utils.ops.post_processing import select_detections

# %% tags=["show"]
from course_utils.models.yolo import select_all

# %% [markdown]
# Now the detector itself is short.

# %% tags=["show"]
from course_utils.ops.yolo_grid import encode_batch

# %% tags=["show"]
from course_utils.models.yolo import YOLO

# %%
torch.manual_seed(0)
model = YOLO(Backbone(widths), **shape).to(device)
images = torch.stack([picture for picture, _ in learn[:16]]).to(device)
targets = [
    {name: t.to(device) for name, t in target.items()} for _, target in learn[:16]
]
print(f"{sum(weight.numel() for weight in model.parameters()):,} weights")
print("outputs:", tuple(model(images).shape))

# %% [markdown]
# ### Doubt before training
#
# Two checks take a second and can save hours. First, we estimate the loss of the first
# step on paper. The head starts with class values of 1/7, so each object contributes
# (6/7)² + 6 · (1/7)² = 6/7 to the fifth term. Confidences start near 0, and so does the
# fourth term.

# %%
cells = encode_batch(targets, size, 7, len(CLASS_NAMES))
objects = cells.is_object.sum().item() / len(images)
losses = model.losses(images, targets)
print(f"classes: {losses['loss_classes']:.2f}, on paper {objects * 6 / 7:.2f}")
print(f"no object: {losses['loss_no_object']:.2f}, on paper 0")

# %% [markdown]
# Both are close; the head's weights are not 0.
#
# Second, we feed the *right* outputs for all test scenes to the code that makes
# detections. If their AP were low, the fault would be in the encoding, the decoding or
# the suppression, and no training could help.

# %%
from course_utils.metrics.coco import evaluate_detections


def perfect_detections(targets, grid):
    cells = encode_batch(targets, size, grid, len(CLASS_NAMES))
    outputs = torch.stack(
        [perfect_outputs(GridTargets(*parts)) for parts in zip(*cells, strict=True)]
    )
    return select_all(*score_boxes(outputs, size, 2), YOLOSettings(score_threshold=0.5))


for grid in (2, 4, 7):
    limit = evaluate_detections(perfect_detections(test_targets, grid), test_targets)
    print(f"S = {grid}: AP {limit['AP']:.3f}, AP50 {limit['AP50']:.3f} at best")
if budget != "smoke":
    assert limit["AP50"] > 0.95

# %% [markdown]
# With S = 7, perfect outputs miss little more than the objects that find their cell
# taken, so the path from targets to boxes works.
#
# ## Training it
#
# A network that predicts for the whole image at once can easily memorize images. So the
# authors vary each image whenever it is used: they shift its sides, change exposure and
# saturation, and mirror some images. For our simpler scenes, we shift the sides by half
# as much.

# %%
from course_utils.training.augment import augment_yolo

example, example_target = max(learn[:16], key=lambda pair: len(pair[1]["boxes"]))
generator = torch.Generator().manual_seed(0)
several, several_targets = augment_yolo(
    torch.stack([example] * 2), [example_target] * 2, generator, most_shift=0.1
)

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=9, height=3.1)
versions = [(example, example_target), *zip(several, several_targets, strict=True)]
titles = ("a scene", "changed", "changed again")
for ax, title, (picture, moved) in zip(axes, titles, versions, strict=True):
    draw_image(ax, picture, title=title, ticks=False)
    draw_boxes(ax, moved["boxes"], linewidth=1.2)
show(
    fig,
    alt="A scene, and the same scene twice with shifted sides and changed colours; the "
    "boxes stay on their objects.",
)

# %%
settings = TrainingSettings(
    steps=steps,
    batch_size=16,
    optimizer="adamw",
    lr=3e-3,
    weight_decay=2e-2,
    seed=0,
    device=device,
    augment=partial(augment_yolo, most_shift=0.1),
)
history = train(model, learn, settings)
print(f"{len(history)} steps in {history.seconds:.0f} s")

# %% tags=["hide-input"]
from course_utils.training.kept_models import keep_model, load_model

keep_model(model, "yolo", budget)
show_losses(
    history,
    alt="Five curves on a logarithmic axis. Those of the boxes and the classes fall. "
    "The confidence loss of responsible predictors falls less; that of all others rises.",
)
for name, values in history.curves(smooth=20).items():
    print(f"{name:>16}: {values[0]:.3f} at first, {values[-1]:.3f} at the end")

# %% [markdown]
# ### Why does one loss rise?
#
# `loss_no_object` grows while everything else improves, and that is not a fault. It
# starts near 0, because the head's first confidences are near 0, which is right for
# every empty predictor. To lower the third term, the network has to raise confidences
# where objects are. But it cannot tell precisely *which* predictor will be responsible,
# so the confidence of some empty ones rises, too. If this is the reason, empty
# predictors with a high confidence should be in the cells of objects or in their
# neighbours, and nowhere else:


# %%
@torch.no_grad()
def who_is_who(model, examples):
    """Boxes with confidences, IoUs and responsibility of every predictor, and cells."""
    batch = torch.stack([picture for picture, _ in examples]).to(device)
    cells = encode_batch([t for _, t in examples], size, 7, len(CLASS_NAMES))
    boxes, _ = split_outputs(model(batch).cpu(), 2)
    index, iou = responsible_boxes(square_sides(boxes[..., :4]), cells.boxes)
    is_responsible = F.one_hot(index, 2).bool() & cells.is_object[..., None]
    return boxes, iou, is_responsible, cells


# %%
predicted, iou, is_responsible, cells = who_is_who(model, test)
confidence = predicted[..., 4]  # (N, S, S, B)
in_owner = cells.is_object[..., None].expand_as(confidence)
around = F.max_pool2d(cells.is_object[:, None].float(), 3, 1, 1)[:, 0] > 0
near = around[..., None].expand_as(confidence)
groups = {
    "second of an owner": in_owner & ~is_responsible,
    "in a neighbour cell": near & ~in_owner,
    "further away": ~near,
}

# %%
squares = confidence.square() * ~is_responsible
for name, group in groups.items():
    part = squares[group].sum() / squares.sum()
    print(
        f"{name:>20}: {group.sum():>5} empty predictors, "
        f"mean confidence {confidence[group].mean():.2f}, {part:.0%} of the fourth term"
    )

# %% [markdown]
# This is what we see. The few empty predictors that share a cell with a responsible one
# carry most of the fourth term. Nearly all of the remainder comes from neighbouring
# cells, whereas predictors further away are silent.
#
# ### What it reaches

# %%
detections = predict_all(model, test)
figures = evaluate_detections(detections, test_targets, class_names=CLASS_NAMES)
print(f"AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")
print("  ".join(f"{name} {figures['AP/' + name]:.2f}" for name in CLASS_NAMES[1:]))
known_targets = [target for _, target in learn[:60]]
on_learned = evaluate_detections(predict_all(model, learn[:60]), known_targets)
print(f"on scenes that it has learned from: AP50 {on_learned['AP50']:.3f}")

# %% tags=["hide-input"]
if budget != "smoke":
    assert figures["AP50"] >= 0.85, figures["AP50"]
above = [
    {name: values[result["scores"] > 0.2] for name, values in result.items()}
    for result in detections[:3]
]
show_images(
    [picture for picture, _ in test[:3]],
    targets=above,
    class_names=CLASS_NAMES,
    width=9,
    alt="Three test scenes with the detections that score above 0.2: most objects have "
    "a box, mostly with the right class.",
)

# %% [markdown]
# Two gaps remain: AP75 is far below AP50, so many boxes fit only loosely, and scenes
# from the training set are a little easier than new ones.
#
# ### What the confidence knows
#
# The target of a responsible predictor's confidence is the IoU of its own box. Has the
# network learned that?
#
# **Predict.** For the responsible predictors of the test scenes, is the confidence on
# average close to the IoU, too high, or too low?

# %% tags=["predict"]
own_confidence, own_iou = confidence[is_responsible], iou[is_responsible]
both = confidence[cells.is_object].sum(dim=1)
correlation = torch.stack([own_confidence, own_iou]).corrcoef()[0, 1]
print(f"mean IoU {own_iou.mean():.2f}, mean confidence {own_confidence.mean():.2f}")
print(f"correlation {correlation:.2f}")
print(f"both predictors of a cell together: {both.mean():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Much too low. The target is the IoU *if the predictor is responsible*, and 0 if not.
# Where both predictors of a cell give nearly the same box, the network cannot know
# which will win by a hair. Its best choice under a squared loss is the mean, the IoU
# times the chance of being responsible. So the two confidences add up to about the IoU.
#
# </details>

# %% tags=["hide-input"]
fig, (ax,) = new_figure(width=4.4, height=3.8)
ax.plot(own_iou, own_confidence, ".", color=OKABE_ITO[2], alpha=0.5)
ax.plot([0, 1], [0, 1], color="gray", linestyle=":")
ax.set(xlabel="IoU of the box", ylabel="confidence", xlim=(0, 1), ylim=(-0.05, 1.05))
show(
    fig,
    alt="Confidence over IoU, a point for each responsible predictor. Most points lie "
    "below the diagonal.",
    caption="On the dotted line, a network would know exactly how good its boxes are.",
)

# %% [markdown]
# ## From 98 boxes to detections
#
# Now we follow prediction step by step for our scene, with a table of scores in which
# more and more numbers become 0:
#
# 1. score = confidence x class value, for each of the 98 boxes and each class;
# 2. scores below a threshold become 0;
# 3. for each class, from the highest score to the lowest, each box whose score is not
#    yet 0 sets to 0 the scores of all later boxes whose IoU with it is above 0.5;
# 4. what still has a score above 0 is a detection.

# %% tags=["show"]
from course_utils.ops.post_processing import zero_low_scores, zero_overlapped_scores

# %% [markdown]
# **On paper.** Four boxes of 20 x 20 pixels stand in a row, each 4 pixels to the right
# of the one before. Their scores for "dog" are 0.5, 0.3, 0.2 and 0.1. The IoU of the
# first is two thirds with the second box, but less than a half with the third. So the
# second score becomes 0, whereas the third stays and sets the fourth to 0:

# %%
row_of_four = torch.tensor([[4.0 * i, 0, 4 * i + 20, 20] for i in range(4)])
overlaps = box_iou(row_of_four[:1], row_of_four)[0].tolist()
print("IoU with the first:", [f"{value:.2f}" for value in overlaps])
left_over = zero_overlapped_scores(row_of_four, torch.tensor([0.5, 0.3, 0.2, 0.1]), 0.5)
print("scores left:       ", [f"{value:.1f}" for value in left_over.tolist()])
assert (left_over > 0).tolist() == [True, False, True, False]

# %% [markdown]
# The third box shows that what survives suppression can still be a duplicate. Now our
# scene, with a threshold of 0.1.

# %% tags=["show"]
from course_utils.ops.post_processing import zero_scores

# %%
with torch.no_grad():
    outputs = model(image[None].to(device)).cpu()
boxes, scores = (part[0] for part in score_boxes(outputs, size, 2))
limits = {"score_threshold": 0.1, "iou_threshold": 0.5}
stages = {
    "above 0": scores,
    "above 0.1": zero_low_scores(scores, 0.1),
    "suppressed": zero_scores(boxes, scores, **limits),
}
for name, table in stages.items():
    print(f"{name:>11}: {(table > 0).sum():>3} of {table.numel()} scores left")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=9.3, height=3.5)
for ax, (name, table) in zip(axes, stages.items(), strict=True):
    count = (table > 0).any(dim=1).sum()
    draw_image(ax, image, title=f"{name}: {count} boxes", ticks=False)
    draw_all_boxes(ax, boxes, table)
show(
    fig,
    alt="The scene three times: under all boxes with a score, most drawn with thin lines; under "
    "those above 0.1, in bundles on the objects; and with the boxes that are left.",
    caption="Boxes in the colour of their best class; the thicker, the higher the score.",
)

# %% [markdown]
# A box may keep scores for two classes. `select_detections` keeps indices instead of
# writing zeros, and agrees:

# %%
by_index = select_detections(boxes, scores, max_detections=98, **limits)
rows, columns = (stages["suppressed"] > 0).nonzero(as_tuple=True)
ranking = stages["suppressed"][rows, columns].argsort(descending=True, stable=True)
assert torch.equal(boxes[rows[ranking]], by_index["boxes"])
assert torch.equal(columns[ranking] + 1, by_index["labels"])
print(f"{len(rows)} detections either way, with the same boxes and classes")

# %% [markdown]
# How much does each setting matter?


# %%
def with_settings(**changes):
    batch = torch.stack([picture for picture, _ in test]).to(device)
    with torch.no_grad():
        pair = score_boxes(model(batch).cpu(), size, 2)
    return evaluate_detections(select_all(*pair, YOLOSettings(**changes)), test_targets)


for name, changes in {
    "as trained": {},
    "no suppression": {"iou_threshold": 1.0},
    "stricter, 0.3": {"iou_threshold": 0.3},
    "scores above 0.3": {"score_threshold": 0.3},
}.items():
    result = with_settings(**changes)
    print(f"{name:>16}: AP {result['AP']:.3f}, AP50 {result['AP50']:.3f}")

# %% [markdown]
# The paper reports that suppression adds two or three points of mAP. Here it matters
# more, probably because both predictors of a cell often report nearly the same box. A
# high threshold makes clean pictures, but lowers AP:


# %% tags=["hide-input"]
def draw_detections(threshold, predictors, suppress):
    fig, (ax,) = new_figure(width=4.2, height=4.4)
    chosen = scores.clone()
    if predictors != "both":
        chosen[2 - int(predictors) :: 2] = 0
    most = 0.5 if suppress == "yes" else 1.0
    chosen = zero_scores(boxes, chosen, score_threshold=threshold, iou_threshold=most)
    best, column = chosen.max(dim=1)
    here = (best > 0).nonzero().flatten()
    draw_image(ax, image, title=f"{len(here)} of 98 boxes", ticks=False)
    draw_grid(ax, side, 7)
    names = {"class_names": CLASS_NAMES, "linewidth": 1.2}
    draw_boxes(ax, boxes[here], labels=column[here] + 1, **names)
    return fig


explore(
    draw_detections,
    threshold=Slider(0.0, 0.9, 0.05, 0.2, "threshold"),
    predictors=Choice(("1", "2", "both"), "both", "predictors"),
    suppress=Choice(("yes", "no"), "yes", "suppress"),
    alt=lambda threshold, predictors, suppress: (
        f"The scene under the grid, with the boxes that score above {threshold}; "
        f"predictors: {predictors}; duplicates suppressed: {suppress}."
    ),
    caption="What the trained network predicts for the scene.",
)

# %% [markdown]
# ## Looking once, or twice?
#
# How long does one image take? The times of the R-CNNs come from the rows that their
# lessons wrote, if you have run them.

# %%
alone = [picture[None].to(device) for picture, _ in test[:20]]
milliseconds = median_ms(lambda: [model.predict(one) for one in alone], 5) / len(alone)
yolo_row = write_row(
    "YOLO",
    budget,
    figures=figures,
    ms_per_image=milliseconds,
    training_seconds=history.seconds,
    parameters=sum(weight.numel() for weight in model.parameters()),
    test_scenes=len(test),
    side=side,
)

# %% tags=["hide-input"]
systems = ("R-CNN", "Fast R-CNN", "Faster R-CNN", "YOLO")
show_systems(read_rows(budget), systems=systems, caption="On the tabletop, measured")
faster_row = {row["system"]: row for row in read_rows(budget)}.get("Faster R-CNN")
if faster_row is None:
    print("run lesson 04 with this budget to see the row of Faster R-CNN")
else:
    times = faster_row["ms_per_image"] / milliseconds
    print(f"Faster R-CNN takes {times:.1f} times as long as YOLO")

# %% [markdown]
# On our scenes, the price of the speed is five points of AP, but only one of AP50. Where
# does the time go? (Timed separately, the parts need not add up to the time above.)

# %%
with torch.no_grad():
    one_image = alone[0]
    outputs = model(one_image)
    spent = {
        "convolutions": median_ms(lambda: model(one_image), 20),
        "boxes and suppression": median_ms(
            lambda: select_all(*score_boxes(outputs, size, 2), model.settings), 20
        ),
    }
for part, ms in spent.items():
    print(f"{part}: {ms:.2f} ms per image")

# %% tags=["hide-input"]
bars = {"YOLO": spent}
if faster_row is not None and faster_row.get("ms_network") is not None:
    bars["Faster R-CNN"] = {
        "proposals": faster_row["ms_proposals"],
        "network": faster_row["ms_network"],
    }
show_parts(
    bars,
    unit="ms per image",
    alt="A bar of the time that YOLO takes per image, mostly convolutions, and, if "
    "lesson 04 has run, one of Faster R-CNN with proposals and network.",
)

# %% [markdown]
# If lesson 04 has stored its Faster R-CNN, we also count the multiplications of both.
# The two differ in backbone and input size, so this compares systems, not the second
# look alone.

# %%
from course_utils.models.faster_rcnn import small_faster_rcnn

large = {"widths": (64, 128, 256), "sizes": (32, 56, 96)} if budget == "gpu" else {}
faster = small_faster_rcnn(num_classes=len(CLASS_NAMES), **large).to(device)
detectors = {"YOLO": model}
if load_model(faster, "faster_rcnn", budget):
    detectors["Faster R-CNN"] = faster
for name, detector in detectors.items():
    count = count_multiply_adds(partial(detector.predict, one_image))
    print(f"{name}: {count / 1e6:.0f} million multiply-adds per image")

# %% [markdown]
# ## What YOLO finds hard
#
# ### Boxes that fit
#
# Two detectors with the same AP50 can differ in how well their boxes fit. So we count
# the objects that are found with the right class while we raise the IoU that a box must
# reach.


# %%
def best_iou(predictions, targets):
    """The highest IoU of each object with a detection of its class, (objects,)."""
    best = []
    for found, target in zip(predictions, targets, strict=True):
        iou = box_iou(target["boxes"], found["boxes"])
        iou = iou * (target["labels"][:, None] == found["labels"])
        best.append(torch.cat([iou, torch.zeros(len(iou), 1)], dim=1).amax(dim=1))
    return torch.cat(best)


# %%
thresholds = torch.linspace(0.5, 0.95, 10)
found_share = {}
for name, detector in detectors.items():
    fits = best_iou(predict_all(detector, test), test_targets)
    found_share[name] = (fits[:, None] >= thresholds).double().mean(dim=0)
    shares = [f"{found_share[name][i]:.0%}" for i in (0, 5, 8)]
    print(f"{name:>12}: {shares} of objects found at IoU 0.5, 0.75, 0.9")

# %% tags=["hide-input"]
show_curves(
    {name: (thresholds, share) for name, share in found_share.items()},
    x_label="minimum IoU",
    y_label="share of objects found",
    alt="Share of objects found over the IoU that is asked for: a curve for each "
    "detector, which falls towards the right.",
    caption="Share of objects with a detection of their class that reaches this IoU.",
    width=5.4,
    height=3,
)

# %% [markdown]
# At an IoU of 0.5 the two find equally many objects. Where boxes must fit
# better, Faster R-CNN finds more.
#
# In the paper, localization errors account for more of YOLO's errors than all other
# sources combined. But 13.6 % of the top detections of Fast R-CNN contain no object at
# all, almost three times as many as for YOLO, which sees the whole image. (Lesson 06
# sorts errors, too.)
#
# ### Small objects in groups
#
# The authors name a weakness themselves: small objects in groups, such as flocks of
# birds. Is the size to blame, or the grouping? We make objects half their usual size,
# once spread over the floor and once crowded around two spots.

# %%
small = {"scale": 0.5, "min_solids": 5}
kinds = {
    "usual": test,
    "small": load_scenes(test_scenes, "test", size=side, **small),
    "small, in groups": load_scenes(test_scenes, "test", size=side, groups=2, **small),
}
for name, examples in kinds.items():
    truths = [target for _, target in examples]
    per_scene = sum(len(target["boxes"]) for target in truths) / len(truths)
    print(f"{name:>16}: {per_scene:.1f} objects per scene, ", end="")
    print(f"{lost_share(truths, 7):.0%} find their cell taken")

# %% tags=["hide-input"]
fig, axes = new_figure(1, 3, width=9, height=3.2)
for ax, (name, examples) in zip(axes, kinds.items(), strict=True):
    draw_image(ax, examples[1][0], title=name, ticks=False)
    draw_boxes(ax, examples[1][1]["boxes"], linewidth=1.2)
show(
    fig,
    alt="Three scenes with boxes: objects of the usual size, small objects spread over "
    "the floor, and small objects crowded together in two places.",
)

# %%
found_in, ap50 = {}, {}
for name, detector in detectors.items():
    for kind, examples in kinds.items():
        found_in[name, kind] = predict_all(detector, examples)
        truths = [target for _, target in examples]
        result = evaluate_detections(found_in[name, kind], truths)
        ap50[name, kind] = result["AP50"]
for (name, kind), value in ap50.items():
    print(f"{name:>12}, {kind:<16}: AP50 {value:.3f}")

# %% tags=["hide-input"]
if budget != "smoke" and "Faster R-CNN" in detectors:
    left = {n: ap50[n, "small, in groups"] / ap50[n, "usual"] for n in detectors}
    assert left["YOLO"] < left["Faster R-CNN"], left
fig, (ax,) = new_figure(width=6.4, height=3)
for index, name in enumerate(detectors):
    heights = [ap50[name, kind] for kind in kinds]
    places = [place + 0.4 * index for place in range(len(kinds))]
    drawn = ax.bar(places, heights, width=0.38, color=OKABE_ITO[index])
    ax.bar_label(drawn, [name] * len(kinds), fontsize=8)
ax.set_xticks([place + 0.2 for place in range(len(kinds))], list(kinds))
ax.set(ylabel="AP50", ylim=(0, 1.05))
show(
    fig,
    alt="Bars of AP50 in three kinds of scenes. They are lower for small objects, and "
    "lower again for small objects in groups.",
)

# %% [markdown]
# Both are to blame, and size more than grouping: it costs YOLO more than half of its
# AP50. Small objects are hard for every detector here; they have few pixels and were
# rare in training. But YOLO keeps a smaller share of its AP50 than Faster R-CNN does, and
# the groups widen the gap (in one training run each).
#
# ### Two centres in one cell
#
# To see why groups are hard, we sort the crowded objects by their cell: alone in it,
# the first of several (in training it would keep the cell), or a later one, which found
# the cell taken.


# %%
def cell_company(boxes):
    """For each object: 0 alone in its cell, 1 first of several, 2 later."""
    numbers = owner_cells(boxes, size, 7) @ torch.tensor([7, 1])
    count = (numbers[:, None] == numbers).sum(dim=1)
    return (count > 1).long() + (~is_first(numbers)).long()


# %%
crowd = [target for _, target in kinds["small, in groups"]]
company = torch.cat([cell_company(target["boxes"]) for target in crowd])
for name in detectors:
    is_found = best_iou(found_in[name, "small, in groups"], crowd) >= 0.5
    for number, kind in enumerate(("alone", "first of several", "later")):
        here = is_found[company == number]
        share = here.double().mean()
        print(f"{name:>12}, {kind:<16}: {share:4.0%} of {len(here):>3} found")

# %% [markdown]
# YOLO finds far fewer objects in a shared cell than in a cell of their own. (Compare
# the drop with that of Faster R-CNN: such objects also hide one another.) Which came
# first matters little, because at test time there is no list. A cell has one set of
# class values, so all its boxes favour the same class, whereas each anchor of Faster
# R-CNN may report another object.

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ms_per_image=milliseconds,
    training_seconds=history.seconds,
    ap50_small=ap50["YOLO", "small"],
    ap50_small_in_groups=ap50["YOLO", "small, in groups"],
)

# %% [markdown]
# ## Recap
#
# YOLO lays a grid over the image. The cell that holds the centre of an object should
# report it, with B predictors of a box and a confidence, and one set of class values.
# In training, the predictor with the highest IoU is responsible: its confidence should
# become that IoU, and all other confidences 0. Prediction is one pass, 98 boxes, and
# suppression. That is fast, but boxes fit loosely, and small or crowded objects are
# often missed.
#
# | | Faster R-CNN | YOLO v1 | why |
# |---|---|---|---|
# | candidates | anchors, scored by the RPN | 98 predictors, no anchors | no first stage |
# | second look | RoI pooling, a head | none | speed |
# | classes | per proposal, with background | per cell, without | fewer numbers |
# | positives | anchors of high IoU | one predictor of the owner cell | predictors can specialize |
# | imbalance | sampling | weights 5 and 0.5 | all 98 predictors can be kept |
# | losses | cross-entropy, smooth L1 | squares | easy to optimize |

# %% [markdown]
# ## Common mistakes
#
# | slip | symptom |
# |---|---|
# | the loss takes the root of an output | `nan` in the first steps, then everywhere |
# | row and column swapped in the targets | no error on square images, but the losses stay high |
# | targets w and h as fractions of the cell | boxes with the right centre but S times too large |
# | the IoU target is not detached | boxes stop improving where confidence is low |
# | only empty *cells* are in the fourth term | second boxes on an object, with arbitrary confidence |
# | `noobj_weight` far too high | all confidences near 0, hardly any detection |

# %% [markdown]
# ## Three questions
#
# **1.** A photograph shows two hundred starlings in the sky and nothing else. From how
# many of them can YOLO v1 learn at most, and how many boxes can it report?
#
# <details><summary>Answer</summary>
#
# It learns from one object per cell, so from at most 49, and it reports at most 98
# boxes. With more predictors per cell it would not learn from more objects, because
# they share one target.
#
# </details>
#
# **2.** Two boxes have the same score. One has confidence 0.9 and class value 0.5, the
# other 0.5 and 0.9. What do you know about each, and why does the *product* rank them?
#
# <details><summary>Answer</summary>
#
# The first almost certainly holds an object and fits it well, but its class is in
# doubt. The second is almost certainly of its class if it holds an object at all.
# Confidence stands for Pr(object) x IoU and the class value for Pr(class | object), so
# the product is Pr(class) x IoU. A detection is right only if both class and box are.
#
# </details>
#
# **3.** A friend trains YOLO v1. The loss falls quickly and then stays where it is, and
# the network reports nothing on any image. Which of the five terms is likely to be
# small, which is large, and which setting would you look at first?
#
# <details><summary>Answer</summary>
#
# `loss_no_object` is small and `loss_confidence` is large: the network has learned that
# a confidence of 0 is right for nearly all predictors. Check the value of
# `noobj_weight`, and that it multiplies the right term. Then look at the learning rate
# of the first steps, because a network finds this solution first.
#
# </details>
