# ruff: noqa: E402, E501
# %% [markdown]
# # Errata: what is often printed, and what is right
#
# Talks, posts and lecture notes about detection repeat a number of mistakes, because
# they copy from each other. This page collects those that we met. Each correction comes
# with its source and, where a few lines of code can show it, with an experiment. The
# lessons mention only the mistakes that teach something, because the others would get
# in the way there.
#
# You don't need this page to follow the course. It is for the day when a formula that
# you found somewhere doesn't agree with your code.

# %%
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# %% [markdown]
# ## Boxes and their overlap
#
# | often printed | what is right | source |
# |---|---|---|
# | an image of 800 x 600 has about 58 million boxes | 57,768,120,000, which is about 58 billion; the formula printed next to it is right | count them |
# | $b_x = p_x + p_w t_w$ | $b_x = p_x + p_w t_x$ | [R-CNN](https://arxiv.org/abs/1311.2524), appendix C |
# | IoU = intersection / (IoU · union) | intersection / union | [VOC](http://host.robots.ox.ac.uk/pascal/VOC/), section on evaluation |
# | a predicted box is anchor + (dx, dy, dw, dh) | the centre moves by a multiple of the anchor's sides, and the sides are multiplied by $e^t$ | [Faster R-CNN](https://arxiv.org/abs/1506.01497), equation 2 |
# | boxes of `torchvision.ops.masks_to_boxes`, given to `box_iou` or a detector as they are | the function returns the last pixel *inside*, whereas the others expect half-open boxes; add 1 to x2 and y2 | torchvision's code |
# | an AP of VOC 2007 compared with one of VOC 2010 or COCO | these are three different rules: precision at 11 recalls, the whole area under the curve, and precision at 101 recalls, averaged over ten IoU thresholds | [lesson 01](01_sliding_windows.ipynb) |

# %%
width, height = 800, 600
intervals = [n * (n + 1) // 2 for n in (width, height)]  # (first, last) along a side
print(f"{math.prod(intervals):,} boxes")
assert math.prod(intervals) == 57_768_120_000

# %% [markdown]
# With $t_w$ in place of $t_x$, a proposal that should only become wider moves to the
# side as well. And if a box were the anchor plus raw offsets, equal outputs would move
# a small and a large anchor by the same number of pixels, so the network could not
# reuse at one size what it has learned at another.

# %%
from course_utils.ops.boxes import decode_boxes, xyxy_to_cxcywh

proposals = torch.tensor([[100.0, 60, 180, 100], [50.0, 30, 90, 50]])
wider = torch.tensor([[0.0, 0, 0.5, 0], [0.0, 0, 0.5, 0]])
decoded = xyxy_to_cxcywh(decode_boxes(wider, proposals))
sizes = xyxy_to_cxcywh(proposals)
print("centres before:", sizes[:, 0].tolist(), "after:", decoded[:, 0].tolist())
print("grown by the factor", (decoded[:, 2] / sizes[:, 2]).tolist())
print("centres with t_w for t_x:", (sizes[:, 0] + sizes[:, 2] * 0.5).tolist())
assert torch.equal(decoded[:, 0], sizes[:, 0])

# %% [markdown]
# ## The R-CNN family
#
# | often printed | what is right | source |
# |---|---|---|
# | R-CNN crops features that all regions share | it warps regions of the *image* and runs the network on each of them; cropping shared features came with SPP-net and Fast R-CNN | [R-CNN](https://arxiv.org/abs/1311.2524), section 2 |
# | R-CNN warps to 224 x 224 | 227 x 227 with 16 pixels of context for AlexNet, 224 x 224 for VGG-16 | the authors' code |
# | a region with an IoU below 0.5 is a negative throughout R-CNN | that is the rule for fine-tuning; for the SVMs, negatives have an IoU below 0.3, and only the ground-truth boxes are positives | R-CNN, appendix B |
# | Fast R-CNN runs selective search on the feature map | proposals are found in the image and projected onto the map | [Fast R-CNN](https://arxiv.org/abs/1504.08083), section 2 |
# | background RoIs have an IoU in [0.1, 0.5] | in [0.1, 0.5): a RoI with an IoU of exactly 0.5 counts as an object | Fast R-CNN, section 2.3 |
# | a RoI of 4.53 x 6.25 cells becomes 4 x 6 | the corners are rounded to the nearest cell, not the sizes; 4 x 6 is what truncating the sizes gives | the authors' kernel |
# | the first stage of R-CNN has an RPN; Mask R-CNN takes its RoIs from Fast R-CNN's RPN | the RPN came with Faster R-CNN | [Faster R-CNN](https://arxiv.org/abs/1506.01497) |
# | selective search gives 1,000 (or 2,000) proposals | the number depends on the image and the mode: on VOC, about 2,000 in fast mode and 10,000 in quality mode | [Uijlings et al.](https://doi.org/10.1007/s11263-013-0620-5), section 5 |
#
# When corners are rounded, RoIs of the same size get different numbers of cells,
# depending on where they lie.

# %%
for left in (0.2, 0.4, 0.6):
    right = left + 4.53
    cells = round(right) - round(left) + 1  # both end cells belong to the RoI
    print(f"{left:.2f} to {right:.2f}: {cells} cells wide")

# %% [markdown]
# ## The region proposal network
#
# | often printed | what is right | source |
# |---|---|---|
# | label -1 is a negative, 0 is ignored | 0 is a negative, -1 is ignored | paper and both released codes |
# | cross-entropy $p^* \log p + (1 - p^*) \log(1 - p)$ on labels 1 and -1 | the formula needs $p^*$ in {0, 1} | [Faster R-CNN](https://arxiv.org/abs/1506.01497), section 3.1.2 |
# | the minus sign applies to the first term only | it applies to the whole bracket | the same |
# | an anchor is positive above 0.7 and negative below 0.3, and that is all | the best anchor of each object is positive as well, however low its IoU | the same |
# | the box loss is the sum of absolute differences | smooth L1, divided by the number of anchor locations and weighted with λ = 10 | the same, equation 1 |
# | smooth L1 changes from square to linear at the same value everywhere | at 1 in the paper's text; in the authors' code at 1/9 in the RPN (σ = 3) and at 1 in the box head; at 1/9 in both in torchvision | [py-faster-rcnn](https://github.com/rbgirshick/py-faster-rcnn), `train.prototxt` |
# | anchors are centred on the middle of their cell | in the first release they are; in torchvision they are centred on its top left corner. A constant shift can be learned, so both work | both codes |
# | the RPN reads a map of 7 x 7 positions for VGG-16 at 224 | it reads conv5_3, of stride 16: 14 x 14 at 224, and about 38 x 63 at 600 x 1000 | the same, section 3.1 |
#
# What does cross-entropy do with a label of -1? The loss then has no lower bound. It
# keeps falling as the network makes $p$ smaller, and this looks like excellent
# progress.

# %%
for p in (0.5, 0.1, 1e-2, 1e-4):
    label = -1
    loss = -(label * math.log(p) + (1 - label) * math.log(1 - p))
    print(f"p = {p:6g}: loss {loss:+.2f} with label -1, {-math.log(1 - p):+.2f} with 0")

# %%
image = torch.zeros(1, 1, 224, 224, device="meta")  # shapes without numbers
after_four = nn.Sequential(*[nn.MaxPool2d(2)] * 4)(image)
after_five = nn.MaxPool2d(2)(after_four)
print(
    "conv5_3:",
    tuple(after_four.shape[2:]),
    " after pool5:",
    tuple(after_five.shape[2:]),
)

# %% [markdown]
# ## YOLO
#
# | often printed | what is right | source |
# |---|---|---|
# | YOLO v1 has B anchor boxes per cell | v1 has no anchors; they came with v2 | [YOLO](https://arxiv.org/abs/1506.02640), section 2; [YOLO9000](https://arxiv.org/abs/1612.08242), section 2 |
# | its output has S · S · B · (5 + C) numbers | S · S · (5B + C), since the classes belong to the cell | YOLO, section 2 |
# | it regresses from B = 3 base boxes, and C counts the background | B = 2, no base boxes and no background class | the same |
# | the confidence target is 1 where there is an object | it is Pr(object) times the IoU of the *current* prediction with the ground truth | the same |
# | the fourth term's indicator is $1_i^{obj}$ | $1_{ij}^{noobj}$: all predictors that are not responsible | YOLO, equation 3 |
# | the sums run from 0 to S² and from 0 to B | they have S² and B terms, so they end at S² - 1 and B - 1; the slip is in the paper itself | the same |
# | $(\sqrt{w} - \sqrt{\hat w})^2$ with a linear output $\hat w$ | the network predicts the root itself; the root of a negative output is undefined | the authors' code |
# | the network is a standard one, such as VGG | it is the authors' own, with 24 convolutions; VGG-16 is a slower variant | YOLO, section 2.1 and table 1 |
# | the ignore threshold of v3 is 0.5 | 0.5 in the paper, 0.7 in the released `yolov3.cfg` | [YOLOv3](https://arxiv.org/abs/1804.02767), section 2.1, and darknet |

# %%
S, B, C = 7, 2, 20
print(
    f"S S (5B + C) = {S * S * (5 * B + C):,}; S S B (5 + C) = {S * S * B * (5 + C):,}"
)
output = torch.tensor([0.25, 0.0, -0.1], requires_grad=True)
((output.sqrt() - 0.5) ** 2).sum().backward()
print("gradients of the root of 0.25, 0 and -0.1:", output.grad.tolist())

# %% [markdown]
# ## SSD
#
# | often printed | what is right | source |
# |---|---|---|
# | "5 non-square aspect ratios {1, 2, 3, 1/2, 1/3}" | five ratios, of which four are non-square | [SSD](https://arxiv.org/abs/1512.02325), section 2.2 |
# | scales from 0.2 to 0.9 on all six maps | conv4_3 has 0.1; in the released model, the other five start at 0.2 and grow in steps of 17 % of the image | SSD, section 3.1, and the authors' code |
# | a training patch has an overlap of 0.1, 0.3, ... with an object | these are *minimum* overlaps | SSD, section 2.2 |
# | `clip=True` of torchvision's `DefaultBoxGenerator` moves the boxes into the image | it limits their widths and heights; the boxes may still extend beyond the border | torchvision's code |
# | a default box matches above an IoU of 0.5 | the paper says "higher than"; its code and torchvision accept exactly 0.5, too | SSD, section 2.2, and both codes |
# | the numbers 0.1, 0.1, 0.2, 0.2 are "variances" | the targets are divided by them, so they act as standard deviations | the authors' code |
# | one picture for "YOLO and SSD": a grid of cells with base boxes and B + (C + 1) numbers | v1 has neither base boxes nor a background class; SSD has both | both papers |

# %%
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

photo = ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
maps = [torch.zeros(1, 1, n, n) for n in (38, 19, 10, 5, 3, 1)]
ratios = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
(clipped,) = DefaultBoxGenerator(ratios, clip=True)(photo, maps)
leaves = ((clipped < 0) | (clipped > 300)).any(dim=1)
print(f"{leaves.sum():,} of {len(clipped):,} default boxes still leave the image")

# %%
formula = [0.2 + 0.7 * k / 5 for k in range(6)]
released = [0.1, *(0.2 + 0.17 * k for k in range(5))]
print("formula on six maps:", [f"{scale:.2f}" for scale in formula])
print("released:           ", [f"{scale:.2f}" for scale in released])

# %% [markdown]
# ## Segmentation, masks and what comes later
#
# | often printed | what is right | source |
# |---|---|---|
# | bicubic interpolation uses three neighbours per axis | four per axis, sixteen in all | Keys 1981 |
# | bicubic is what networks use to enlarge maps | it is usual for *images*; networks use nearest-neighbour or bilinear interpolation, or transposed convolution | any decoder |
# | bilinear interpolation weights the neighbours at floor(x) and ceil(x) by ceil(x) - x and x - floor(x) | at a whole number both weights are 0; use floor(x) and floor(x) + 1 instead | evaluated below |
# | a 3 x 3 transposed convolution of stride 2 turns 2 x 2 into 4 x 4 | only with padding 1 *and* output padding 1 | the formula below |
# | FCN stacks convolutions without pooling | it keeps five pooling layers; "fully convolutional" means without fully connected layers | [FCN](https://arxiv.org/abs/1411.4038), section 4 |
# | atrous convolution never costs more | per position it does not, but keeping the resolution multiplies the number of positions | counted below |
# | SegNet is by Noh, Hong and Han | theirs is [DeconvNet](https://arxiv.org/abs/1505.04366); [SegNet](https://arxiv.org/abs/1511.00561) is by Badrinarayanan, Kendall and Cipolla | the papers |
# | FPN rounds the level of a RoI up | it rounds down: $k = \lfloor 4 + \log_2(\sqrt{wh} / 224) \rfloor$, clipped to 2 to 5 | [FPN](https://arxiv.org/abs/1612.03144), equation 1 |
# | P2 to P6 feed RoIAlign | P2 to P5 do; P6 is for the RPN only | FPN, section 4.1 |
# | RoIAlign gives 7 x 7 for every head | 7 x 7 for the box head, 14 x 14 for masks and keypoints | [Mask R-CNN](https://arxiv.org/abs/1703.06870), figure 4 |
# | the mask loss runs over all K maps | only over the map of the true class, and only for positive RoIs | Mask R-CNN, section 3 |
# | Mask R-CNN does semantic segmentation | instance segmentation: one mask per object | Mask R-CNN |
# | "Rilov et al." for panoptic segmentation | [Kirillov et al.](https://arxiv.org/abs/1801.00868) | the paper |
# | a graph convolution of Mesh R-CNN is a plain sum | there is a ReLU around the sum | [Mesh R-CNN](https://arxiv.org/abs/1906.02739), section 3.1 |
# | every voxel of a cubified mesh has 8 vertices, 18 edges and 12 faces | only an isolated voxel; two neighbours share vertices, and the faces between them are removed | counted below |
# | cycle consistency is $F(G(x)) \approx x$ | and $G(F(y)) \approx y$ as well | [CycleGAN](https://arxiv.org/abs/1703.10593), equation 2 |

# %%
impulses = torch.eye(8)[:, None, None]  # 8 rows of pixels, each with a single 1
taps = F.interpolate(impulses, size=(1, 32), mode="bicubic").squeeze() != 0
print("inputs that one output reads (bicubic):", taps.sum(dim=0).max().item())
at_integer = 3.0
weights = math.ceil(at_integer) - at_integer, at_integer - math.floor(at_integer)
print("weights by floor and ceiling at x = 3:", weights)
assert taps.sum(dim=0).max() == 4

# %%
small = torch.zeros(1, 1, 2, 2)
for padding, extra in ((0, 0), (1, 0), (1, 1)):
    up = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=padding, output_padding=extra)
    sides = tuple(up(small).shape[2:])
    print(f"padding {padding}, output padding {extra}: 2 x 2 becomes {sides}")

# %%
from course_utils.results import count_multiply_adds

features = torch.zeros(1, 64, 32, 32)
strided = nn.Conv2d(64, 64, 3, stride=2, padding=1)
atrous = nn.Conv2d(64, 64, 3, padding=2, dilation=2)
work = [
    count_multiply_adds(lambda conv=conv: conv(features)) for conv in (strided, atrous)
]
print(f"strided {work[0]:,} multiply-adds, atrous at full resolution {work[1]:,}")
assert work[1] == 4 * work[0]

# %%
for side in (112, 113, 224, 225):
    level = 4 + math.log2(side / 224)
    print(
        f"side {side}: P{math.floor(level)} with the floor, P{math.ceil(level)} with the ceiling"
    )

# %% [markdown]
# In the mask loss, the maps of the other classes get no gradient, so the classes don't
# compete for pixels.

# %%
logits = torch.zeros(2, 5, 14, 14, requires_grad=True)  # 2 RoIs, 5 classes
classes, target = torch.tensor([3, 1]), torch.ones(2, 14, 14)
F.binary_cross_entropy_with_logits(logits[[0, 1], classes], target).backward()
print("gradient per RoI and class:", logits.grad.abs().sum(dim=(2, 3)).tolist())


# %%
def surface(voxels):
    """Vertices, edges and triangles of a set of unit cubes, merged; hidden faces go."""
    triangles = set()
    for x, y, z in voxels:
        for axis in range(3):
            for side in (0, 1):
                neighbour = np.array((x, y, z)) + np.eye(3, dtype=int)[axis] * (
                    2 * side - 1
                )
                if tuple(neighbour.tolist()) not in voxels:
                    triangles |= two_triangles((x, y, z), axis, side)
    edges = {frozenset((a, b)) for t in triangles for a in t for b in t if a != b}
    return len(frozenset().union(*triangles)), len(edges), len(triangles)


def two_triangles(corner, axis, side):
    """One square face of a cube, cut along a diagonal."""
    u, v = np.delete(np.eye(3, dtype=int), axis, axis=0)
    start = np.array(corner) + side * np.eye(3, dtype=int)[axis]
    a, b, c, d = (
        tuple(p.tolist()) for p in (start, start + u, start + u + v, start + v)
    )
    return {frozenset((a, b, c)), frozenset((a, c, d))}


for name, voxels in {
    "one voxel": {(0, 0, 0)},
    "two neighbours": {(0, 0, 0), (1, 0, 0)},
}.items():
    print(f"{name}: (vertices, edges, faces) = {surface(voxels)}")

# %% [markdown]
# ## Published figures
#
# A speed says nothing unless we know the network, the input size, the batch size, the
# machine, and which steps are included. These are the figures that are most often mixed
# up.
#
# | often printed | what is right | source |
# |---|---|---|
# | R-CNN takes 20 s per image | 47 s with VGG-16 on a K40, 9.8 s with AlexNet on the same GPU, both without the time for proposals; 13 s, proposals included, in the R-CNN paper | [Fast R-CNN](https://arxiv.org/abs/1504.08083), table 4, and [R-CNN](https://arxiv.org/abs/1311.2524) |
# | Fast R-CNN takes 2.3 s per image | 0.32 s for the network, and about 2 s more for selective search | Fast R-CNN, table 4 |
# | Faster R-CNN has 66.9 mAP on VOC 2007 | that is Fast R-CNN; Faster R-CNN has 69.9, and 73.2 when also trained on VOC 2012 | [Faster R-CNN](https://arxiv.org/abs/1506.01497), table 3 |
# | YOLO has 69.0 mAP at 45 fps | 63.4 at 45 fps; the VGG-16 variant has 66.4 and is slower | [YOLO](https://arxiv.org/abs/1506.02640), table 1 |
# | YOLOv2 has 78.6 mAP at 67 fps, or with 845 boxes | 78.6 at 40 fps with 544 x 544 pixels, so 1,445 boxes; 416 x 416 pixels have 845 boxes, 76.8 mAP and 67 fps | [YOLO9000](https://arxiv.org/abs/1612.08242), table 3 |
# | YOLOv3 has 57.9 AP50 in 51 ms with 10,647 boxes | these are for 608 x 608 pixels and 22,743 boxes | [YOLOv3](https://arxiv.org/abs/1804.02767), figure 3 |
# | SSD300 runs at 59 fps, compared with 7 for Faster R-CNN | 59 is for batches of 8; one image at a time, as Faster R-CNN was timed, it is 46 | [SSD](https://arxiv.org/abs/1512.02325), table 7 |
# | 50, 2 and 0.2 s per image for the three R-CNNs, as if from one measurement | R-CNN's 47 s and Fast R-CNN's 0.32 s are without proposals; Fast R-CNN's 1.83 s and Faster R-CNN's 0.198 s are with them | Fast R-CNN, table 4, and Faster R-CNN, table 5 |
# | DPM v5 takes 14 s per image | the figure is from a talk; YOLO's paper lists a DPM at 30 Hz with 26.1 mAP and one at 100 Hz with 16.0 | YOLO, table 1 |
#
# ## Code that is pasted
#
# | often seen | what happens | better |
# |---|---|---|
# | `mask \|= part` on one array inside a loop | mask i also contains all masks before it | start a new array for each mask |
# | `torch.FloatTensor(masks)` of a list of arrays | it is slow, and it refuses arrays of other types | `torch.from_numpy(np.stack(masks))` |
# | `num_classes = 2  # 1 class + background`, copied to a data set with three classes | label 3 is out of range | the number of classes + 1 |
# | commands with a dash (–) in place of a hyphen (-) | the program does not recognize the option | type the hyphens yourself |

# %%
parts = np.eye(3, dtype=bool)  # three disjoint masks of three pixels
union, kept = np.zeros(3, dtype=bool), []
for part in parts:
    union |= part
    kept.append(union.copy())
print("accumulated:", [mask.sum().item() for mask in kept], "instead of [1, 1, 1]")
try:
    F.cross_entropy(torch.zeros(1, 2), torch.tensor([3]))
except IndexError as error:
    print("label 3 with two classes:", error)
