# ---
# question: How can a network that classifies a picture say where its objects are?
# build:
#   - measure how much two boxes overlap
#   - train a classifier of windows, and run it over a whole image in one pass
#   - suppress duplicates, and put a whole detector together
#   - score detections as COCO does, from matching to average precision
#   - find a face in a photograph
# needs: [00_start_here]
# minutes: {read: 120, run: 4}
# papers:
#   - >-
#     [Neural network-based face detection](https://doi.org/10.1109/34.655647), Rowley,
#     Baluja and Kanade 1998: windows, a pyramid, and learning from false alarms
#   - >-
#     [OverFeat](https://arxiv.org/abs/1312.6229), Sermanet et al. 2013: all windows in
#     one pass of a convolutional network
#   - >-
#     [OverFeat's code](https://github.com/sermanet/OverFeat), by its authors
#   - >-
#     [pycocotools' evaluator](https://github.com/cocodataset/cocoapi/blob/master/PythonAPI/pycocotools/cocoeval.py):
#     the reference for average precision
#   - >-
#     [COCO's page on its metrics](https://cocodataset.org/#detection-eval): good
#     further reading
# ---

# %% [markdown]
# # 01. Sliding windows
#
# The simplest answer is to cut the picture into many pieces, called **windows**, and to
# ask a classifier about each of them: is this a sphere, a chair, or nothing? The
# windows of which it is surest become boxes. Early face detectors worked like this, and
# every later detector of this course replaces one part of the system and keeps the
# others.

# %% tags=["hide-input"]
import sys

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.draw import draw_boxes, draw_image, new_figure, show, show_boxes
from course_utils.draw import show_images, show_losses, show_precision_recall
from course_utils.draw import show_system
from course_utils.training import TrainingSettings, choose_budget, choose_device
from course_utils.training import median_ms, predict_all, start_lesson, train, write_row
from course_utils.training.kept_models import keep_model, kept_path, load_model
from course_utils.widgets import Slider, explore

# %% tags=["parameters", "hide-input"]
budget = choose_budget()
scenes, test_scenes, steps, hard_scenes, face_steps = {
    "smoke": (16, 4, 10, 2, 10),
    "laptop": (600, 60, 1200, 20, 150),
    "gpu": (4000, 500, 8000, 100, 1000),
}[budget]
device = choose_device()
watch = start_lesson("01_sliding_windows", budget)
print(f"{budget}: {scenes} scenes to learn from, {test_scenes} to test, {steps} steps")

# %% [markdown]
# This is where we are going: a box around every object, with its class. In an earlier
# run, the detector that you will train found these boxes in two scenes that it had
# never seen. A few are wrong.

# %% tags=["hide-input"]
from course_utils.data.kept_predictions import load_example_predictions

at_work = load_example_predictions("sliding_windows")
show_images(
    [scene for scene, _, _ in at_work],
    targets=[prediction for _, _, prediction in at_work],
    class_names=CLASS_NAMES,
    width=9,
    alt="Two test scenes with the boxes that the sliding-window detector found: each "
    "object has one with its class and a score, and a few boxes are wrong.",
)

# %% [markdown]
# ## How many boxes are there?
#
# Why not look at every possible box? Because there are too many. Take a tiny image, 2
# pixels high and 3 wide. A box that is 1 high and 2 wide fits into either row, at two
# places. In general, a box of h x w pixels fits at (H - h + 1)(W - w + 1) places in an
# image of H x W pixels. The `+ 1` is easily forgotten, but a box as large as the image
# fits at one place, not at none.

# %% tags=["show"]
from course_utils.ops.windows import count_boxes, count_windows

# %%
for h in (1, 2):
    for w in (1, 2, 3):
        print(f"{h} high, {w} wide: {count_windows(2, 3, h, w)} places")
print("boxes in all:", count_boxes(2, 3))

# %% [markdown]
# The sum over all sizes has a short form. Two of the H + 1 horizontal grid lines and
# two of the W + 1 vertical ones determine a box, so there are H(H + 1)/2 times W(W +
# 1)/2 boxes.
#
# **Predict.** A photograph is 800 pixels wide and 600 high, and a fast classifier
# spends a microsecond on each box. Do all boxes together take seconds, minutes or
# hours?

# %% tags=["predict"]
total = count_boxes(600, 800)
print(f"{total:,} boxes, {total / 1e6 / 3600:.0f} hours")
assert total == 57_768_120_000
as_int32 = torch.tensor(600 * 601 // 2, dtype=torch.int32) * (800 * 801 // 2)
print(f"the same product in 32 bits: {as_int32.item():,}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Sixteen hours, for 57,768,120,000 boxes. Count with Python's integers, which have no
# limit: in 32 bits, the product silently becomes a wrong but plausible number.
#
# </details>
#
# So a sliding-window detector looks at boxes of a few sizes only, and moves them in
# steps of several pixels.
#
# ## How much do two boxes overlap?
#
# Of so few boxes, hardly any fits an object exactly, so we need a measure of how well a
# box fits. The usual one is **intersection over union** (IoU): the area that both boxes
# cover, divided by the area that at least one of them covers. It is 1 for identical
# boxes and 0 for boxes that do not overlap.
#
# In code, broadcasting compares every box of one set with every box of another. The
# intersection of boxes that lie diagonally apart would have two negative sides, whose
# product is a positive area, so its sides are clamped at 0. And the union of two empty
# boxes is empty, so the division must avoid 0/0.

# %% tags=["show"]
from course_utils.ops.boxes import box_iou, box_overlap, ratio

# %% [markdown]
# **Predict, on paper.** a = (0, 0, 4, 4) and b = (2, 1, 6, 5), both as (x1, y1, x2,
# y2). What is their IoU?

# %% tags=["predict"]
a, b = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[2.0, 1, 6, 5]])
print(f"IoU {box_iou(a, b).item():.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The intersection runs from the larger start to the smaller end on each axis: from 2 to
# 4 and from 1 to 4, which is 6 square pixels. The sum of both areas counts it twice, so
# the union is 16 + 16 - 6 = 26, and the IoU is 6/26.
#
# </details>
#
# Does our function agree with torchvision's on random boxes, in value and in gradient?

# %%
random_numbers = torch.Generator().manual_seed(0)
corners = torch.rand(2, 200, 2, 2, generator=random_numbers).sort(dim=2).values
first, second = corners.flatten(2) * 100  # (200, 4) each
gradients = []
for function in (box_iou, torchvision.ops.box_iou):
    variable = first.clone().requires_grad_()
    function(variable, second).square().sum().backward()
    gradients.append(variable.grad)
gap = (box_iou(first, second) - torchvision.ops.box_iou(first, second)).abs().max()
slope_gap = (gradients[0] - gradients[1]).abs().max()
print(f"40,000 pairs, largest difference: value {gap:.0e}, gradient {slope_gap:.0e}")
assert gap < 1e-6
assert slope_gap < 1e-4

# %% [markdown]
# To get a feeling for IoU, move and stretch a box over an object.

# %% tags=["hide-input"]
test = load_scenes(test_scenes, "test")
image, target = max(test, key=lambda example: len(example[1]["boxes"]))
x1, y1, x2, y2 = target["boxes"][0].tolist()


def draw_guess(right, down, wider, higher):
    guess = [x1 + right, y1 + down, x2 + right + wider, y2 + down + higher]
    guess = torch.tensor([guess])
    fig, (ax,) = new_figure(width=5, height=5.2)
    overlap = box_iou(target["boxes"][:1], guess).item()
    draw_image(ax, image, title=f"IoU {overlap:.2f}")
    draw_boxes(ax, target["boxes"][:1], index=3)
    draw_boxes(ax, guess, index=0)
    return fig


explore(
    draw_guess,
    right=Slider(-20, 20, 1, 6, "pixels to the right"),
    down=Slider(-20, 20, 1, 3, "pixels down"),
    wider=Slider(-20, 20, 1, 0, "pixels wider"),
    higher=Slider(-20, 20, 1, 0, "pixels higher"),
    alt=lambda right, down, wider, higher: (
        f"A box around an object and a second one, {right} pixels to the right, {down} "
        f"down, {wider} wider and {higher} higher. The IoU is in the title."
    ),
    caption="Green, dotted: the ground truth. Orange: the box that you move.",
)

# %%
for shift in (1, 3, 6):
    moved = target["boxes"][:1] + shift
    overlap = box_iou(target["boxes"][:1], moved).item()
    print(f"{shift} pixels right and down: IoU {overlap:.2f}")

# %% [markdown]
# A few pixels cost a lot when the object is small. So an IoU of 0.5, the usual
# threshold for calling an object found, is stricter than it sounds.
#
# ## Naming a window
#
# Now we can say which class a classifier should predict for a window. Almost every
# window shows no object at all, so besides the objects' classes there is one more,
# `background`, with label 0. Without it, the network would have to call the wall a
# sphere or a chair.

# %% tags=["hide-input"]
tight = target["boxes"][:1]
windows = torch.cat([tight, tight + 9, torch.tensor([[4.0, 4, 32, 32]])])
window_names = ("on an object", "shifted", "on the wall")
show_boxes(
    image,
    {name: windows[i : i + 1] for i, name in enumerate(window_names)},
    alt="A tabletop scene with three windows: one tight around an object, one shifted "
    "so that it covers a part of it, one on the wall.",
    size=4.5,
)
print(f"{len(CLASS_NAMES)} classes: {', '.join(CLASS_NAMES)}")

# %% [markdown]
# What label should the shifted window get? It has to *lose* against the window that
# fits, or else the scores would not tell us where the object is. So a window takes the
# class of the object that it overlaps most if their IoU is at least 0.6, and it is
# background if that IoU is below 0.45. Windows in between are left out of training,
# because neither label would be fair.

# %% tags=["show"]
from course_utils.models.sliding_window import label_windows

# %%
window_labels = label_windows(
    windows, target["boxes"], target["labels"], positive_iou=0.6, negative_iou=0.45
)
for name, label in zip(window_names, window_labels.tolist(), strict=True):
    print(f"{name:>12}: {CLASS_NAMES[label] if label >= 0 else 'not used'}")

# %% [markdown]
# ## A network for one window
#
# The classifier passes windows of 24 x 24 pixels through four convolutions, two
# poolings and two fully connected layers. Nothing is padded, for a reason that comes
# later.

# %% tags=["show"]
from course_utils.models.sliding_window import Centered, valid_convolutions

# %%
maps = Centered()(torch.rand(1, 3, 24, 24))
for layer in valid_convolutions(16, 32, 64):
    maps = layer(maps)
    print(f"{type(layer).__name__:>10}: {tuple(maps.shape)}")

# %% [markdown]
# A 3 x 3 convolution without padding takes 2 pixels off a map's height and width, and a
# pooling halves both: 24, 22, 20, 10, 8, 6, 3. The fully connected layers read the last
# map, 64 channels of 3 x 3, and give one score per class. All weights are initialised
# as He et al. (2015) proposed, so that the signal keeps its strength from layer to
# layer.

# %% tags=["show"]
from course_utils.models.sliding_window import keep_variance, map_side

# %% tags=["show"]
from course_utils.models.sliding_window import WindowClassifier

# %% [markdown]
# The loss is cross-entropy over the eight classes. `contrast` will help to find the
# face at the end of the lesson, and stays at 1 until then.

# %%
torch.manual_seed(0)
classifier = WindowClassifier(len(CLASS_NAMES), widths=(16, 32, 64), hidden=96)
classifier.to(device)
window_scores = classifier(torch.zeros(5, 3, 24, 24, device=device))
print("scores of five windows:", tuple(window_scores.shape))

# %% [markdown]
# ## Stride and scale: a grid
#
# Which windows do we look at? Two settings decide: the **stride**, or step from one
# window to the next, and the sizes.

# %% tags=["show"]
from course_utils.ops.windows import window_grid

# %%
for stride in (1, 4, 8):
    count = len(window_grid(128, 128, 32, 32, stride=stride))
    print(f"stride {stride}: {count:>5,} windows of 32 x 32 in an image of 128 x 128")

# %% [markdown]
# Doubling the stride leaves about a quarter of the windows, but then the nearest window
# may be off by half a stride in each direction.
#
# As for sizes, our network takes 24 x 24 pixels, so larger objects have to shrink. We
# shrink the whole image once, because a window of 24 pixels covers more of a smaller
# image. A stack of such images is called an **image pyramid**.

# %% tags=["show"]
from course_utils.ops.windows import (
    image_pyramid,
    pyramid_scales,
    resize,
    scaled_size,
)

# %% tags=["hide-input"]
scales = pyramid_scales(128, 128, window=24, factor=0.55)
fig, axes = new_figure(1, len(scales), width=9.6, height=3.5)
for ax, scale, level in zip(axes, scales, image_pyramid(image, scales), strict=True):
    draw_image(ax, level, title=f"scale {scale:.2f}: {24 / scale:.0f} pixels")
    ax.set(xlim=(0, 128), ylim=(128, 0))
    draw_boxes(ax, torch.tensor([[0.0, 0, 24, 24]]))
show(
    fig,
    alt="The same scene at three scales, each smaller than the one before, with a "
    "window of 24 pixels in its corner, which covers more and more of the scene.",
    caption="The window stays and the image shrinks, so that the window covers more "
    "of it. Each title gives the side of the window in pixels of the scene.",
)

# %% [markdown]
# Not all objects are square: a table is wide and a cone is tall. So we resize height
# and width by different factors, such that a box of the wanted shape becomes a square
# of 24 pixels. Five areas in three shapes make fifteen window sizes.

# %% tags=["show"]
from course_utils.models.sliding_window import (
    WindowSize,
    boxes_of_size,
    resize_for,
    resized_sides,
    window_sizes,
)

# %%
sizes = window_sizes(sides=(20, 26, 34, 44, 57), ratios=(0.8, 1.25, 1.9))
examples = [sizes[3], sizes[10], sizes[14]]
squeezed = [resize_for(image[None], size, 24)[0] for size in examples]
window_sets = [boxes_of_size((128, 128), size, classifier) for size in sizes]
all_windows = torch.cat(window_sets)
print(
    f"{len(sizes)} sizes, {len(all_windows):,} windows; {count_boxes(128, 128):,} boxes"
)

# %% tags=["hide-input"]
show_images(
    squeezed,
    titles=[f"for {h:.0f} high, {w:.0f} wide" for h, w in examples],
    alt="The scene resized three times: slightly narrower, then flattened, then "
    "flattened further.",
    caption="Once the image is resized, boxes of this shape are squares of 24 pixels.",
    width=9,
)

# %% [markdown]
# Is the grid fine enough? No detection can fit better than the best window of the grid,
# so this upper bound is worth knowing.
#
# **Predict.** What share of the test scenes' objects have a window in the grid with an
# IoU of at least 0.5? Of at least 0.75? Of at least 0.9?

# %% tags=["predict"]
best_iou = torch.cat(
    [box_iou(objects["boxes"], all_windows).amax(dim=1) for _, objects in test]
)
for threshold in (0.5, 0.75, 0.9):
    share = (best_iou >= threshold).float().mean()
    print(f"objects with a window of IoU >= {threshold}: {share:.0%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nearly all objects have a window with an IoU of 0.5, about nine in ten have one of
# 0.75, and hardly any has one of 0.9. So this grid is good enough to *find* objects,
# although not to outline them exactly.
#
# </details>
#
# ## Learning to name windows
#
# From each scene, we pick random windows of every size: at most two that fit an object,
# and at most two of background.

# %% tags=["show"]
from course_utils.models.sliding_window import cut_windows, pick

# %% [markdown]
# The windows are cut from the resized images, so that the network learns from the very
# pixels that the detector will see.

# %% tags=["show"]
from course_utils.models.sliding_window import Crops, join_crops

# %% tags=["show"]
from course_utils.models.sliding_window import sample_crops

# %%
random_windows = torch.Generator().manual_seed(0)
learn = load_scenes(scenes, "train")
parts = []
for scene, objects in learn:
    parts.append(
        sample_crops(scene, objects, classifier, sizes, generator=random_windows)
    )
crops = join_crops(parts)
share = (crops.labels == 0).float().mean()
print(f"{len(crops):,} crops from {scenes} scenes, {share:.0%} of them background")

# %% tags=["hide-input"]
shown = torch.randperm(len(crops), generator=torch.Generator().manual_seed(1))[:12]
show_images(
    crops.crops[shown],
    titles=[CLASS_NAMES[label] for label in crops.labels[shown]],
    columns=6,
    width=9,
    alt="Twelve small crops with their labels. Most show an object that fills the "
    "crop; the others show floor, wall, or a part of an object.",
)

# %% [markdown]
# The background crops that show a good part of an object are the hard ones.
#
# The training loop is that of lesson 00. Mirroring does not change an object's class,
# so we mirror about half of the crops.


# %%
def mirror_some(images, targets, generator):
    chosen = torch.rand(len(images), generator=generator) < 0.5
    images[chosen] = images[chosen].flip(-1)
    return images, targets


optimizer = {"optimizer": "adamw", "weight_decay": 1e-2, "device": device}
crop_plan = TrainingSettings(
    steps=steps, lr=2e-3, batch_size=64, seed=0, augment=mirror_some, **optimizer
)
history = train(classifier, crops, crop_plan)

# %%
show_losses(history, alt="The loss falls steeply at first and then slowly.")
curve = history.curves(smooth=20)["total"]
print(f"loss: first {history[0]['total']:.2f}, at the end {curve[-1]:.2f}")

# %% [markdown]
# Now we ask the classifier about every window of one size in a new scene.

# %%
grid = window_grid(128, 128, 24, 24, stride=4)
pieces = [image[:, y1:y2, x1:x2] for x1, y1, x2, y2 in grid.long().tolist()]
pieces = torch.stack(pieces).to(device)
with torch.no_grad():
    alone = classifier(pieces)  # (N, 8)
is_object = alone.argmax(dim=1) > 0
print(f"{len(grid)} windows, {is_object.sum()} of them classified as an object")
print(f"objects in the scene: {len(target['boxes'])}")

# %% [markdown]
# ## All windows in one pass
#
# Two neighbouring windows in this grid share 5/6 of their pixels, and the network
# computes the shared part twice. But a convolution does the same at every place, so we
# can run it once over the whole image. The first fully connected layer reads a map of 3
# x 3, so it is a convolution with a 3 x 3 kernel, which can run over a larger map, too.
# This is a **dense** pass.

# %% tags=["show"]
from course_utils.models.sliding_window import dense_logits

# %%
with torch.no_grad():
    dense = dense_logits(classifier, image[None].to(device))  # (1, 8, rows, columns)
print("from crops:", tuple(alone.shape), " in one pass:", tuple(dense.shape))
same_order = dense[0].flatten(1).T  # (N, 8)
gap = (alone.softmax(1) - same_order.softmax(1)).abs().max().item()
print(f"largest difference between probabilities: {gap:.0e}")
assert gap < 1e-5

# %% [markdown]
# Up to rounding, one pass gives the same probabilities, in the order of the grid. Its
# stride is 4 pixels, because each of the two poolings halves the map.
#
# **Predict.** How much faster is the dense pass? We score the same windows one by one,
# in one batch of crops, and in one dense pass.

# %% tags=["predict"]
ways = {
    "one by one": lambda: [classifier(piece[None]) for piece in pieces],
    "one batch": lambda: classifier(pieces),
    "one dense pass": lambda: dense_logits(classifier, image[None].to(device)),
}
with torch.no_grad():
    times = {name: median_ms(way, 3) for name, way in ways.items()}
for name, milliseconds in times.items():
    speedup = times["one by one"] / milliseconds
    print(f"{name:>14}: {milliseconds:6.1f} ms, {speedup:5.1f} times as fast")

# %% [markdown]
# <details><summary>Answer</summary>
#
# On a laptop's processor, the batch is several times as fast as single windows, because
# each layer is called once instead of 729 times. The dense pass is many times faster
# still, because it does the work that windows share only once.
#
# </details>
#
# This is the idea behind every fast detector of the course: compute features once, and
# ask many questions about them. It is also why the convolutions do not pad. Suppose
# that each padded its input with one pixel of zeros. How far is each place of a crop's
# map from the same place in the whole image's map?

# %%
import copy

padded = copy.deepcopy(classifier.features)
for layer in padded:
    if isinstance(layer, nn.Conv2d):
        layer.padding = (1, 1)
picture = classifier.normalize(image[None].to(device))
with torch.no_grad():
    whole_map = padded(picture)[0, :, 10:16, 10:16]
    crop_map = padded(picture[:, :, 40:64, 40:64])[0]
gap = (whole_map - crop_map).abs().amax(dim=0).cpu()  # (6, 6)
for row in gap.tolist():
    print("   ".join(f"{value:.2f}" for value in row))

# %% [markdown]
# Only the middle agrees. Near its border, the padded crop sees zeros where the whole
# image has pixels, so the same window would get two different scores. Without padding,
# there are no such zeros and no difference.
#
# ## The flood of duplicates
#
# Now we resize the image for each size in turn, score all windows in one dense pass,
# and collect whatever looks like an object.

# %% tags=["show"]
from course_utils.models.sliding_window import scan, scan_all

# %% tags=["show"]
from course_utils.models.sliding_window import detections_above

# %%
scanned, probabilities = scan_all(classifier, image[None].to(device), sizes)
flood = detections_above(scanned.cpu(), probabilities[0].cpu(), score_threshold=0.05)
num_sure = int((flood["scores"] > 0.5).sum())
print(f"{len(flood['scores']):,} detections score above 0.05, {num_sure} above 0.5")
print("objects in the scene:", len(target["boxes"]))

# %% tags=["hide-input"]
show_boxes(
    image,
    flood["boxes"][: min(num_sure, 300)],
    alt="The scene under many boxes, so many that they hide most of the objects.",
    caption="Detections that score above 0.5 (at most the best 300).",
    size=4.8,
)

# %% [markdown]
# An object is found many times over: by neighbouring windows, by the next size, by the
# next shape. Yet we want one box per object.
#
# ## One box per object: non-maximum suppression
#
# Keep the box with the highest score, drop every box whose IoU with it is above a
# threshold, and repeat with the boxes that remain:


# %%
def greedy_nms(boxes, scores, iou_threshold):
    order, kept = scores.argsort(descending=True), []
    while len(order) > 0:
        best, rest = order[0], order[1:]
        kept.append(best)
        overlap = box_iou(boxes[best][None], boxes[rest])[0]
        order = rest[overlap <= iou_threshold]
    return torch.stack(kept)


# %% [markdown]
# Take four boxes of the same size: by falling score, blue, orange, purple and yellow.
# Blue has an IoU of 0.78 with orange, 0.05 with purple and 0.07 with yellow. Purple and
# yellow hardly overlap.

# %%
colors = ["blue", "orange", "purple", "yellow"]
right = [100 * (1 - iou) / (1 + iou) for iou in (0.78, 0.05)]
down = 100 * (1 - 0.07) / (1 + 0.07)
four = torch.tensor([[0.0, 0, 100, 100]]).repeat(4, 1)
four += torch.tensor([[0, 0], [right[0], 0], [right[1], 0], [0, down]]).repeat(1, 2)
four_scores = torch.tensor([0.9, 0.8, 0.75, 0.7])
for color, iou in zip(colors[1:], box_iou(four, four)[0, 1:].tolist(), strict=True):
    print(f"IoU of blue and {color}: {iou:.2f}")

# %% [markdown]
# **Predict.** Which boxes stay at an IoU threshold of 0.7? And at 0.06?

# %% tags=["predict"]
for threshold in (0.7, 0.06):
    kept = greedy_nms(four, four_scores, threshold)
    print(f"threshold {threshold}:", [colors[i] for i in kept])
    assert kept.tolist() == torchvision.ops.nms(four, four_scores, threshold).tolist()

# %% [markdown]
# <details><summary>Answer</summary>
#
# At 0.7, only orange is dropped. At 0.06, yellow is dropped, too, while purple just
# survives. A box whose IoU equals the threshold would stay.
#
# </details>
#
# The loop above needs one step for each box that it keeps. The course's `nms` reaches
# the same result in fewer steps, with 128 boxes at a time, best first. Within a block,
# a box survives if no earlier survivor suppresses it; the survivors then suppress boxes
# in the remainder.

# %% tags=["show"]
from course_utils.ops.nms import BLOCK, overlaps, unsuppressed

# %% tags=["show"]
from course_utils.ops.nms import nms

# %%
candidates = flood["boxes"][:2000], flood["scores"][:2000]
kept = nms(*candidates, 0.3)
print(f"of the best {len(candidates[0]):,} boxes, {len(kept)} stay")
assert kept.tolist() == greedy_nms(*candidates, 0.3).tolist()
assert kept.tolist() == torchvision.ops.nms(*candidates, 0.3).tolist()
print("our loop, our blocks and torchvision keep the same boxes in the same order")

# %% [markdown]
# We suppress within each class, because a sphere in front of a table must not remove
# the table.

# %% tags=["show"]
from course_utils.models.sliding_window import CANDIDATES, suppress

# %% [markdown]
# Move the threshold. When it is too high, duplicates stay; when it is too low, one of
# two overlapping objects of the same class disappears. Wrong boxes stay at any
# threshold unless a better box of their class overlaps them. No value is right
# everywhere, so you will build a softer rule in the assignment.

# %% tags=["hide-input"]
sure = {name: values[: min(num_sure, 300)] for name, values in flood.items()}


def draw_kept(threshold):
    kept = suppress(sure, threshold, 100)
    fig, (ax,) = new_figure(width=5, height=5.2)
    title = f"threshold {threshold:.2f}: {len(kept['boxes'])} of {len(sure['boxes'])}"
    draw_image(ax, image, title=title)
    draw_boxes(ax, kept["boxes"])
    return fig


explore(
    draw_kept,
    threshold=Slider(0.0, 0.95, 0.05, 0.3, "IoU threshold"),
    alt=lambda threshold: (
        f"The boxes that suppression at {threshold:.2f} keeps, over the scene. The "
        "title counts them."
    ),
    caption="What suppression within each class keeps of those detections.",
)
for threshold in (0.0, 0.3, 0.5, 0.9):
    print(f"{threshold}: {len(suppress(sure, threshold, 100)['boxes'])} boxes")

# %% [markdown]
# ## The detector, whole
#
# One class holds the parts together. Its `predict` does what we have just done by hand:
# scan all sizes, drop low scores, suppress duplicates. Its `losses` is explained under
# *Hard negatives*.

# %% tags=["show"]
from course_utils.models.sliding_window import SlidingWindowDetector

# %%
detector = SlidingWindowDetector(classifier, sizes)
(prediction,) = detector.predict(image[None].to(device))
print({name: tuple(values.shape) for name, values in prediction.items()})

# %% [markdown]
# Low scores are kept, so there are far more detections than objects; the next section
# shows why. Follow an image from pixels to predictions. The shapes come from a real
# call; up to `dense_logits`, they belong to the first of the fifteen sizes.

# %% tags=["hide-input"]
home = sys.modules[SlidingWindowDetector.__module__]
show_system(
    lambda: detector.predict(image[None].to(device)),
    {
        "image": image[None],
        "resize_for": (home, "resize_for"),
        "normalize": classifier.normalize,
        "features": classifier.features,
        "dense_logits": (home, "dense_logits"),
        "scan_all": (home, "scan_all"),
        "detections_above": (home, "detections_above"),
        "suppress": (home, "suppress"),
    },
    [
        ("image", "resize_for"),
        ("resize_for", "normalize"),
        ("normalize", "features"),
        ("features", "dense_logits"),
        ("dense_logits", "scan_all"),
        ("scan_all", "detections_above"),
        ("detections_above", "suppress"),
    ],
    names={"scan_all": ("boxes", "probabilities")},
    new=("resize_for", "dense_logits", "scan_all", "detections_above", "suppress"),
    caption="The sliding-window detector. Blue: a classifier's parts. Orange: what "
    "makes a detector of it.",
)

# %% [markdown]
# ## What makes AP
#
# Every detector of this course is judged by one number, **average precision** (AP). It
# takes three steps: match detections to objects, follow precision and recall from
# detection to detection, and take the area under the curve.
#
# **Matching.** By falling score, each detection in turn claims the object that it
# overlaps most among those that are still free. If their IoU reaches the threshold, the
# detection is a **hit** (a true positive) and the object is taken; otherwise it is a
# **false alarm** (a false positive). So duplicates are false alarms. (By Pascal VOC's
# rule, a detection claims the object that it overlaps most, even if that is taken.)

# %% tags=["show"]
from course_utils.metrics.average_precision import match_boxes

# %%
toy_objects = torch.tensor([[0.0, 0, 20, 20], [40, 0, 60, 30]])
toy_found = torch.tensor([[1.0, 0, 21, 20], [0, 1, 20, 21], [40, 2, 60, 32]])
print("hits, by falling score:", match_boxes(toy_found, toy_objects).tolist())

# %% [markdown]
# The second detection fits the first object as well as the first detection does, but
# comes too late.
#
# **Precision and recall.** After each detection, precision is the share of the
# detections so far that are hits, and recall is the share of the objects that have been
# found.

# %% tags=["show"]
from course_utils.metrics.average_precision import PrecisionRecall, precision_recall

# %% [markdown]
# **Predict.** There are two objects and three detections: a hit with a score of 0.9, a
# false alarm with 0.8, and a hit with 0.7. Write down precision and recall after each.

# %% tags=["predict"]
hits = torch.tensor([True, False, True])
recall, precision = precision_recall(hits, num_objects=2)
for score, p, r in zip((0.9, 0.8, 0.7), precision, recall, strict=True):
    print(f"down to score {score}: precision {p:.3f}, recall {r:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Precision is 1, then 1/2, then 2/3; recall is 1/2, 1/2 and 1. Precision goes down and
# up again, while recall can only rise.
#
# </details>
#
# **The area.** First, each precision is raised to the highest one at the same or a
# higher recall, so that the curve never rises. Then Pascal VOC 2007 averages the curve
# at 11 values of recall, VOC 2010 takes the whole area, and COCO averages it at 101
# values.

# %% tags=["show"]
from course_utils.metrics.average_precision import average_precision, recall_grid

# %%
for method in ("voc2007", "voc2010", "coco"):
    print(f"{method}: {average_precision(recall, precision, method=method):.6f}")
print(f"on paper, 11 values : {(6 * 1 + 5 * 2 / 3) / 11:.6f}")
print(f"on paper, whole area: {0.5 * 1 + 0.5 * 2 / 3:.6f}")
print(f"on paper, 101 values: {(51 * 1 + 50 * 2 / 3) / 101:.6f}")

# %% tags=["hide-input"]
stairs = torch.tensor([0, 0.5, 0.5, 1.0]), torch.tensor([1, 1, 2 / 3, 2 / 3])
show_precision_recall(
    {"after each detection": (recall, precision), "raised": stairs},
    alt="Two curves. One falls from precision 1 to 0.5 at recall 0.5 and climbs to "
    "0.67 at recall 1. The other is a staircase: 1 up to recall 0.5, then 0.67.",
)

# %% [markdown]
# The same detections get three numbers, so never compare APs of different benchmarks.
# And what does a false alarm cost? That depends on its place in the order:

# %%
orders = {
    "a false alarm between the hits": [True, False, True],
    "a false alarm after the hits": [True, True, False],
    "a false alarm before the hits": [False, True, True],
}
for words, hits in orders.items():
    curve = precision_recall(torch.tensor(hits), num_objects=2)
    print(f"{words}: AP {average_precision(*curve, method='coco'):.3f}")

# %% [markdown]
# A false alarm after the last hit costs nothing. AP asks whether hits score higher than
# false alarms, not where you draw the line between them.
#
# For a whole test set, the detections of a class are matched image by image, then
# ranked in one list:

# %% tags=["show"]
from course_utils.metrics.average_precision import Matches, match_detections, of_class

# %%
images = torch.stack([scene for scene, _ in test])
targets = [objects for _, objects in test]
predictions = predict_all(detector, test, batch_size=1)
matches = match_detections(predictions, targets, label=CLASS_NAMES.index("sphere"))
curve = precision_recall(matches.hits, max(matches.num_objects, 1))
sphere_ap = average_precision(*curve, method="coco")
print(f"{len(matches.hits)} detections of {matches.num_objects} spheres")
print(f"AP of spheres at an IoU of 0.5: {sphere_ap:.3f}")

# %% [markdown]
# ## COCO's evaluator
#
# COCO repeats this for each class and for ten IoU thresholds, 0.50, 0.55, ... 0.95. The
# mean of all these values is **AP**; **AP50** and **AP75** are the means at 0.50 and at
# 0.75. COCO also scores small, medium and large objects separately, by ranges of areas.
# All later lessons use this evaluator, so let us follow a detection through it.
#
# **1. It gets a rank** among the detections of its class in its image. Only the first
# hundred count.

# %% tags=["show"]
from course_utils.metrics.coco import (
    MAX_DETECTIONS,
    Detections,
    best_of_image,
    rank_in_class,
)

# %% [markdown]
# Each object is marked as ignored in every range of areas that it lies outside. A
# *crowd*, one box around many objects, is always ignored, and any number of detections
# may match it. COCO's photographs have crowds; our scenes do not.

# %% tags=["show"]
from course_utils.metrics.coco import (
    AREA_RANGES,
    Objects,
    objects_of_image,
    outside_ranges,
)

# %% [markdown]
# **2. It is compared with the objects of its image.** With an object of another class,
# its IoU is set to -1, so that the two can never match.

# %% tags=["show"]
from course_utils.metrics.coco import class_iou

# %% [markdown]
# **3. It chooses an object.** This is `match_boxes` again, but for all ranges of areas
# (A), all thresholds (T) and several images (I) at once. A detection prefers any object
# that counts to any that is ignored and, among these, a higher IoU to a lower one. Both
# preferences fit into one whole number:

# %% tags=["show"]
from course_utils.metrics.coco import preferences

# %% [markdown]
# Then the detections choose in turn as before, but separately for each range and
# threshold.

# %% tags=["show"]
from course_utils.metrics.coco import IOU_THRESHOLDS, match_in_turn

# %% [markdown]
# In the toy example from above, all objects count. At which threshold does the third
# detection stop being a hit?

# %%
toy_iou = box_iou(toy_found, toy_objects).double()[None]  # (1, 3, 2)
none = torch.zeros(1, 1, 2, dtype=torch.bool)  # no crowd, nothing ignored
is_hit, _ = match_in_turn(toy_iou, none[:, 0], none)  # (1, 1, 10, 3)
for threshold, row in zip(IOU_THRESHOLDS.tolist(), is_hit[0, 0].tolist(), strict=True):
    print(f"IoU >= {threshold:.2f}: {row}")

# %% [markdown]
# **4. Its outcome is settled**: hit, false alarm, or ignored. A detection without a
# match is a false alarm only in the ranges of areas to which its own area belongs. As
# images are matched in batches, those with fewer boxes are padded first and cut back
# afterwards.

# %% tags=["show"]
from course_utils.metrics.coco import Outcome, settle, stack_padded

# %% tags=["show"]
from course_utils.metrics.coco import IMAGES_AT_ONCE, match_images

# %% [markdown]
# **5. It joins one list**, by falling score, with the detections of its class from all
# images. The list gives an AP for every range and threshold.

# %% tags=["show"]
from course_utils.metrics.coco import line_up

# %% tags=["show"]
from course_utils.metrics.coco import class_ap, count_objects

# %% tags=["show"]
from course_utils.metrics.coco import ClassScores, evaluate_class

# %% [markdown]
# **6. The APs are averaged** over classes and thresholds. A class without objects has
# no AP and is left out.

# %% tags=["show"]
from course_utils.metrics.coco import (
    labels_to_score,
    mean_of_known,
    stack_scores,
    twelve_numbers,
)

# %% [markdown]
# The evaluator runs these steps one after the other.

# %% tags=["show"]
from course_utils.metrics.coco import evaluate_detections

# %%
before = evaluate_detections(predictions, targets, class_names=CLASS_NAMES)
print(f"AP {before['AP']:.3f}, AP50 {before['AP50']:.3f}, AP75 {before['AP75']:.3f}")

# %% tags=["hide-input"]
home = sys.modules[evaluate_detections.__module__]
steps_of_evaluator = ("rank_in_class", "objects_of_image", "class_iou")
steps_of_evaluator += ("match_in_turn", "settle", "line_up", "class_ap", "stack_scores")
show_system(
    lambda: evaluate_detections(predictions, targets),
    {name: (home, name) for name in steps_of_evaluator},
    [
        ("rank_in_class", "class_iou"),
        ("objects_of_image", "class_iou"),
        ("class_iou", "match_in_turn"),
        ("match_in_turn", "settle"),
        ("settle", "line_up"),
        ("line_up", "class_ap"),
        ("class_ap", "stack_scores"),
    ],
    names={
        "rank_in_class": ("ranks",),
        "class_iou": ("IoU",),
        "match_in_turn": ("hit", "ignored"),
        "line_up": ("rank", "outcome"),
        "class_ap": ("AP",),
    },
    caption="The path of a detection through the evaluator. Shapes: one image down to "
    "class_iou; a batch of images in match_in_turn; one image in settle; the first "
    "class in line_up and class_ap; all classes in stack_scores.",
)

# %% [markdown]
# Can we trust it? Its AP50 has to equal the mean of the APs that the simple functions
# above give for each class. The course's tests also compare all twelve numbers with
# pycocotools, the reference, on 250 random data sets: they agree to six decimals.

# %%
by_hand = []
for label in labels_to_score([objects_of_image(objects) for objects in targets]):
    matches = match_detections(predictions, targets, label=label)
    curve = precision_recall(matches.hits, matches.num_objects)
    by_hand.append(average_precision(*curve, method="coco"))
mean_ap50 = sum(by_hand) / len(by_hand)
print(f"AP50 by the simple functions {mean_ap50:.6f}, by COCO's {before['AP50']:.6f}")
assert abs(mean_ap50 - before["AP50"]) < 1e-6

# %% [markdown]
# ## Hard negatives
#
# AP50 is far below what the grid allows. Look at false alarms in scenes of the
# *training* set: here, boxes that score high although they fit no object.

# %% tags=["show"]
from course_utils.ops.windows import crop_and_resize

# %%
false_alarms = [torch.zeros(0, 3, 24, 24)]
for index in range(hard_scenes):
    scene, objects = learn[index]
    (prediction,) = detector.predict(scene[None].to(device))
    sure_boxes = prediction["boxes"][prediction["scores"] > 0.5].cpu()
    names = label_windows(
        sure_boxes,
        objects["boxes"],
        objects["labels"],
        positive_iou=0.45,
        negative_iou=0.45,
    )
    false_alarms.append(crop_and_resize(scene, sure_boxes[names == 0], (24, 24)))
false_alarms = torch.cat(false_alarms)
print(f"{len(false_alarms)} false alarms above 0.5 in {hard_scenes} scenes")

# %% tags=["hide-input"]
if len(false_alarms):
    show_images(
        false_alarms[:: max(len(false_alarms) // 12, 1)][:12],
        columns=6,
        width=9,
        alt="False alarms: parts of objects, pairs of objects, shadows and patterns, "
        "and objects in a window of the wrong size.",
    )

# %% [markdown]
# Few show plain floor or wall. Most show a part of an object, or an object in a window
# of the wrong size; random picking does not look for such windows.
#
# The dense pass scores all windows of one size at once. So we label them all, and learn
# from every object window and from the background windows with the **highest loss**,
# three for each object window. This is called mining **hard negatives**, and later
# detectors do it in other forms.

# %% tags=["show"]
from course_utils.models.sliding_window import hard_negative_loss, hardest

# %%
toy_losses = torch.tensor([0.1, 2.0, 0.3, 0.9, 0.2, 1.5])
toy_labels = torch.tensor([0, 0, 4, 0, 0, -1])
chosen = hardest(toy_losses, toy_labels, negatives=2)
print("windows to learn from:", chosen.tolist())

# %% [markdown]
# Window 2 is on an object; windows 1 and 3 are the background with the highest losses;
# window 5, of label -1, is not used, although its loss is high. The labels of all
# windows come from `label_windows` again:

# %% tags=["show"]
from course_utils.models.sliding_window import label_all_windows


# %%
def ask_one_size(images, targets, generator):
    index = torch.randint(len(sizes), (), generator=generator)
    return label_all_windows(images, targets, classifier, sizes[index])


small, label_maps = ask_one_size(images[:4], targets[:4], torch.Generator())
asked = torch.stack([label_map["labels"] for label_map in label_maps])
print(f"images {tuple(small.shape)}, labels {tuple(asked.shape)}")
print(f"on an object: {(asked > 0).sum()}, background: {(asked == 0).sum()}")

# %% [markdown]
# Background outnumbers objects by far, which is why so little of it is chosen. Training
# continues from the present weights, with four scenes and one window size per step.

# %%
window_plan = TrainingSettings(
    steps=2 * steps, lr=1e-3, batch_size=4, seed=1, augment=ask_one_size, **optimizer
)
second_history = train(detector, learn, window_plan)
kept_file = keep_model(detector, "sliding_windows", budget)

# %%
predictions = predict_all(detector, test, batch_size=1)
figures = evaluate_detections(predictions, targets, class_names=CLASS_NAMES)
print(f"random crops:             AP {before['AP']:.3f}, AP50 {before['AP50']:.3f}")
print(f"then the hardest windows: AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}")

# %% [markdown]
# In this run, AP is clearly higher after the second training. We cannot say how much of
# that is due to the choice of windows, because the second training also added twice the
# steps of the first. To find out, choose that training's background windows at random,
# and compare several seeds.

# %% tags=["hide-input"]
if budget != "smoke":
    assert figures["AP50"] > 0.45, figures["AP50"]
confident = []
for prediction in predictions[:2]:
    is_confident = prediction["scores"] > 0.3
    confident.append({name: x[is_confident] for name, x in prediction.items()})
show_images(
    images[:2],
    targets=confident,
    class_names=CLASS_NAMES,
    alt="Two test scenes with the detections that score above 0.3: named boxes on "
    "objects. Some objects have several boxes with different names, one has none.",
    caption="Detections that score above 0.3, in scenes that the detector never saw.",
    width=9,
)

# %% [markdown]
# Some objects get several names, because we suppress within a class, and the large
# cylinder gets none. A curve says more than a number: how far does recall go, and at
# what precision?

# %%
curves = {}
for name in ("sphere", "cube", "chair"):
    matches = match_detections(predictions, targets, label=CLASS_NAMES.index(name))
    curve = precision_recall(matches.hits, max(matches.num_objects, 1))
    curves[name] = (curve.recall, curve.precision)
show_precision_recall(
    curves,
    alt="Precision against recall for spheres, cubes and chairs. For spheres and "
    "chairs it begins at 1 and falls late; for cubes it begins at 0 and stays low.",
)
print(f"AP50 {figures['AP50']:.3f}, AP75 {figures['AP75']:.3f}")

# %% [markdown]
# The first detections of spheres and chairs are all hits, but the very first cube is a
# false alarm. Nearly nine in ten objects are found, the last ones at a low precision.
#
# AP75 is far below AP50. The grid alone does not explain this, since about nine in ten
# objects have a window with an IoU of 0.75. But training gives the network no reason to
# prefer that window, because all windows with an IoU of at least 0.6 get the same
# label. Lesson 02 will not only classify a box but also correct it.
#
# We save these numbers for comparisons in later lessons.

# %% tags=["hide-input"]
milliseconds = median_ms(lambda: detector.predict(images[:1].to(device)), 3)
write_row(
    "sliding windows",
    budget,
    figures=figures,
    ms_per_image=milliseconds,
    training_seconds=history.seconds + second_history.seconds,
    parameters=sum(weight.numel() for weight in detector.parameters()),
    test_scenes=len(test),
    side=test[0][0].shape[-1],
)
print(f"{milliseconds:.0f} ms per image, in {len(sizes)} dense passes")

# %% [markdown]
# ## A real face
#
# Does the system work on a photograph, too? scikit-image comes with 100 small pictures
# of faces and 100 without. We train on three quarters of them, and look for a face in
# an unrelated photograph.

# %%
from course_utils.data.photos import face_patches, photo


def load_patches(split):
    patches, is_face = face_patches(split)
    patches = F.interpolate(patches, size=(32, 32), mode="bilinear")
    return patches.expand(-1, 3, -1, -1), is_face


patches, is_face = load_patches("train")
faces, others = patches[is_face == 1], patches[is_face == 0]
print(f"{len(faces)} faces, {len(others)} others, all grey, 32 x 32")

# %% [markdown]
# The pictures without a face are easy: mostly edges and blurs. A photograph holds more,
# so we add windows from five photographs without people, grey like the faces.

# %%
from skimage.data import stereo_motorcycle


def as_grey(image):
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    return (image * weights).sum(dim=0).expand(3, -1, -1).contiguous()


motorcycle = torch.from_numpy(stereo_motorcycle()[0].copy()).permute(2, 0, 1) / 255
photos = [photo(name)[0] for name in ("coffee", "chelsea", "rocket", "coins")]
photos += image_pyramid(motorcycle, [0.5])
photos = [as_grey(picture) for picture in photos]

# %% [markdown]
# We also show the network what is *not* a face: a quarter of one, one whose halves are
# swapped, one upside down.

# %%
not_faces = []
for y, x in ((2, 2), (2, 14), (14, 2), (14, 14)):
    quarter = faces[:, :, y : y + 16, x : x + 16]
    not_faces.append(F.interpolate(quarter, size=(32, 32), mode="bilinear"))
not_faces += [faces.roll((16, 0), (2, 3)), faces.roll((0, 16), (2, 3))]
not_faces += [faces.flip(2), faces.flip(2)]
not_faces = torch.cat(not_faces)

# %% tags=["hide-input"]
show_images(
    torch.cat([faces[:6], others[:6], not_faces[75 * 2 :: 75]]),
    columns=6,
    width=9,
    alt="Three rows of small grey pictures: six faces, six edges and blurred surfaces, "
    "and one face in six wrong ways: two quarters of it, its halves swapped in two "
    "ways, and upside down twice.",
    caption="Faces; others; one face in six wrong ways.",
)

# %% [markdown]
# The network is the same, with one addition. The light in a studio differs much from
# that of news photographs, so the first layer passes on only how each pixel differs
# from the 9 x 9 pixels around it. It loses a frame of 4 pixels, so the window grows to
# 32.

# %% tags=["show"]
from course_utils.models.sliding_window import LocalContrast

# %%
torch.manual_seed(0)
face_classifier = WindowClassifier(
    2, window=32, contrast=9, widths=(8, 24, 48), hidden=48
)
face_sizes = window_sizes([48 / 0.85**step for step in range(12)], ratios=(1,))
finder = SlidingWindowDetector(face_classifier, face_sizes, score_threshold=0.1)
print(f"faces of {face_sizes[0][0]:.0f} to {face_sizes[-1][0]:.0f} pixels")

# %% [markdown]
# Now the training set:


# %%
def with_label(crops, label, times=1):
    crops = crops.repeat(times, 1, 1, 1)
    return Crops(crops, torch.full((len(crops),), label))


nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
choice = {"generator": torch.Generator().manual_seed(0), "most": 25}
crop_sets = [with_label(faces, 1, times=16), with_label(others, 0, times=4)]
crop_sets.append(with_label(not_faces, 0))
for picture in photos:
    crop_sets.append(
        sample_crops(picture, nothing, face_classifier, face_sizes, **choice)
    )
print(f"{len(crop_sets[0])} faces, {sum(map(len, crop_sets[1:]))} others")

# %% [markdown]
# A network could learn 75 faces by heart. So none is shown twice in the same way: each
# is turned, resized, shifted, perhaps mirrored, and changed in contrast.


# %%
def vary(images, targets, generator):
    def draw(low, high):
        return low + (high - low) * torch.rand(len(images), generator=generator)

    angle, zoom, mirror = draw(-0.14, 0.14), draw(0.88, 1.06), draw(-1, 1).sign()
    turn = [mirror * zoom * angle.cos(), -zoom * angle.sin(), draw(-0.06, 0.06)]
    turn += [mirror * zoom * angle.sin(), zoom * angle.cos(), draw(-0.06, 0.06)]
    places = torch.stack(turn, dim=1).view(-1, 2, 3)
    places = F.affine_grid(places, list(images.shape), align_corners=False)
    images = F.grid_sample(images, places, padding_mode="border", align_corners=False)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    light = draw(0.6, 1.4)[:, None, None, None]
    return ((images - mean) * light + mean).clamp(0, 1), targets


# %% [markdown]
# The face finder also learns from hard negatives. We train it three times. After the
# first and the second training, it searches the five photographs: whatever it finds
# there is a mistake, and joins the crops of non-faces, twice. Rowley, Baluja and Kanade
# trained their face detector in this way.


# %%
def find_mistakes(finder, picture):
    (prediction,) = finder.predict(picture[None].to(device))
    return crop_and_resize(picture, prediction["boxes"].cpu(), (32, 32))


# %%
astronaut, face = photo("astronaut")
astronaut = as_grey(astronaut)
turns = []
for turn in range(3):
    face_plan = TrainingSettings(
        steps=face_steps, lr=2e-3, batch_size=64, seed=turn, augment=vary, **optimizer
    )
    train(finder, join_crops(crop_sets), face_plan)
    (prediction,) = finder.predict(astronaut[None].to(device))
    turns.append({name: values.cpu() for name, values in prediction.items()})
    if turn < 2:  # the last training is not followed by another
        mistakes = [find_mistakes(finder, picture) for picture in photos]
        crop_sets += [with_label(crops, 0, times=2) for crops in mistakes]
        count = sum(map(len, mistakes))
        print(
            f"after training {turn + 1}: {count} mistakes in {len(photos)} photographs"
        )

# %% [markdown]
# The astronaut poses between a flag and a model of the shuttle, with a helmet, badges
# and straps: much that could be mistaken for a face.

# %% tags=["hide-input"]
fig, axes = new_figure(1, 2, width=8, height=4.4)
for ax, turn in zip(axes, (0, 2), strict=True):
    draw_image(ax, astronaut, title=f"after training {turn + 1}", ticks=False)
    draw_boxes(ax, turns[turn]["boxes"][1:4], index=0)
    draw_boxes(ax, turns[turn]["boxes"][:1], index=3, linewidth=3)
show(
    fig,
    alt="The photograph of an astronaut, twice, with the four best boxes after the "
    "first and the last training. The best box of the last one lies on the face.",
    caption="The four best detections after the first and the last training. The "
    "best one is green and dotted.",
)

# %%
for turn, prediction in enumerate(turns):
    overlap = box_iou(prediction["boxes"], face["boxes"]).flatten()
    ranks = (overlap >= 0.5).nonzero().flatten().tolist()
    rank = f"at rank {ranks[0] + 1}" if ranks else "not among them"
    print(f"training {turn + 1}: {len(overlap)} detections, the face is {rank}")

# %% tags=["hide-input"]
overlap = box_iou(turns[-1]["boxes"], face["boxes"]).flatten()
odds = torch.logit(turns[-1]["scores"].double())
face_iou = overlap[0].item() if len(overlap) else 0.0
margin = (odds[0] - odds[1]).item() if len(odds) > 1 else float("inf")
print(f"the best box overlaps the face by {face_iou:.2f}")
if budget != "smoke":
    assert face_iou >= 0.5, face_iou

# %% [markdown]
# The best box is the face, and no false alarm scores higher.
#
# How does it do on the 25 faces that we held back?

# %%
new_patches, is_new_face = load_patches("test")
with torch.no_grad():
    answers = face_classifier(new_patches.to(device)).argmax(dim=1).cpu()
for name, label in (("faces", 1), ("others", 0)):
    is_right = (answers == label)[is_new_face == label]
    print(f"{name}: {is_right.float().mean():.0%} of {len(is_right)} right")

# %% [markdown]
# Nearly all are right. Yet the finder still reports many false alarms in the
# photograph, because even a small share of thousands of windows is many. Detection is
# classification in which almost every answer is "no".

# %% tags=["hide-input"]
watch.report(
    ap=figures["AP"],
    ap50=figures["AP50"],
    ap50_random_crops=before["AP50"],
    ms_per_image=milliseconds,
    face_iou=face_iou,
    face_margin=margin,
    times_faster_dense=times["one by one"] / times["one dense pass"],
)

# %% [markdown]
# ## Recap
#
# A classifier becomes a detector when it is asked about many windows and may answer
# "background". Shared features make this affordable, because one dense pass scores all
# windows of a size. Non-maximum suppression removes duplicates, and average precision
# asks whether hits score higher than false alarms. The boxes remain coarse, because a
# window is never adjusted.
#
# | | a classifier | this detector | why |
# |---|---|---|---|
# | same | layers, cross-entropy | the same | a window is a picture |
# | changed | K classes | background, too | most windows hold no object |
# | changed | padded | not padded | scores are the same in one pass |
# | changed | one answer | thousands, suppressed | many windows fit one object |
# | changed | accuracy | average precision | most answers are "background" |

# %% [markdown]
# ## Common mistakes
#
# - **Counting H - h places instead of H - h + 1.** Objects at the right and bottom
#   edges are missed, and a window as large as the image fits nowhere.
# - **No clamp in the IoU.** Boxes that lie diagonally apart get a positive
#   intersection, so suppression removes good boxes far away from the best one.
# - **Suppression across classes.** Of two overlapping objects of different classes, one
#   vanishes, and recall stays low however good the scores are.
# - **Padding in a network that runs densely.** Accuracy on crops is fine, but the
#   detector is worse, because every crop that it learned from had a border of zeros.
# - **A high minimum score when AP is measured.** Recall ends early, and AP depends on a
#   threshold that should not matter.
# - **Only easy background in training.** The loss is low and crops are classified well,
#   but every scene is full of false alarms.
#
# Numbers and formulas that are often misprinted are in the [errata](errata.ipynb).

# %% [markdown]
# ## Three questions to think about
#
# **1.** You halve the stride from 4 to 2 but keep the weights. What do you have to
# compute, and what does it cost?
#
# <details><summary>Answer</summary>
#
# Four dense passes: over the image as it is, and shifted by 2 pixels horizontally,
# vertically, and both. Their grids interleave to a grid of stride 2, at four times the
# cost. This is known as shift-and-stitch.
#
# </details>
#
# **2.** Two detectors find the same objects with equally good boxes. The scores of one
# are the squares of the other's. Which has the higher AP?
#
# <details><summary>Answer</summary>
#
# Neither. Squares of numbers in [0, 1] have the same order, and AP depends only on the
# order. AP does not ask whether detections with a score of 0.9 are right nine times in
# ten.
#
# </details>
#
# **3.** People stand so close that the boxes of neighbours have an IoU of 0.6. What
# does suppression with a threshold of 0.5 do to recall, however good the network is?
#
# <details><summary>Answer</summary>
#
# Of two well-placed boxes on neighbours, only the better one can stay, so suppression
# limits recall, not the network. A higher threshold keeps both, but lets duplicates
# through. Soft-NMS, in the assignment, lowers a score instead of dropping the box.
#
# </details>
