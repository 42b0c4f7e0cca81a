# ruff: noqa: E402, E501
# %% [markdown]
# # Errata: what is often printed, and what is right
#
# Talks, posts and lecture notes about detection repeat a number of mistakes, because
# one is made from the other. This page collects those that we met, each with its source
# and, where a few lines can show it, an experiment. Lessons keep only the mistakes that
# teach something; the others would get in the way there.
#
# You don't need this page to follow the course. It is for the day on which a formula
# that you found somewhere doesn't agree with your code.

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
# | an image of 800 x 600 has about 58 million boxes | 57,768,120,000, which is 58 billion; the formula that is printed beside it is right | count them |
# | $b_x = p_x + p_w t_w$ | $b_x = p_x + p_w t_x$ | [R-CNN](https://arxiv.org/abs/1311.2524), appendix C |
# | IoU = intersection / (IoU · union) | intersection / union | [VOC](http://host.robots.ox.ac.uk/pascal/VOC/), section on evaluation |
# | a predicted box is anchor + (dx, dy, dw, dh) | the centre moves by multiples of the anchor's sides, and the sides grow by a factor $e^t$ | [Faster R-CNN](https://arxiv.org/abs/1506.01497), equation 2 |
# | boxes of `torchvision.ops.masks_to_boxes`, given to `box_iou` or a detector as they are | the function returns the last pixel *inside*, the others expect half-open boxes; add 1 to x2 and y2 | torchvision's code |
# | an AP of VOC 2007 beside one of VOC 2010 or COCO | these are three rules: 11 recalls, the whole area, and 101 recalls with a mean over ten IoU thresholds | [lesson 01](01_sliding_windows.ipynb) |

# %%
width, height = 800, 600
intervals = [n * (n + 1) // 2 for n in (width, height)]  # (first, last) along a side
print(f"{math.prod(intervals):,} boxes")
assert math.prod(intervals) == 57_768_120_000

# %% [markdown]
# With $t_w$ in the place of $t_x$, a proposal that should only become wider moves to
# the side as well. And adding raw offsets would move a small and a large anchor by the
# same number of pixels, so the network could not reuse what it learned at one size.

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
# | R-CNN crops features that all regions share | it warps regions of the *image* and runs the network on each; cropping shared features is SPP-net's and Fast R-CNN's step | [R-CNN](https://arxiv.org/abs/1311.2524), section 2 |
# | R-CNN warps to 224 x 224 | 227 x 227 with 16 pixels of context for AlexNet, 224 for VGG-16 | the authors' code |
# | an IoU below 0.5 is a negative in all of R-CNN | that is the rule of the fine-tuning; for the SVMs, negatives are below 0.3 and positives are the ground truth alone | R-CNN, appendix B |
# | Fast R-CNN runs selective search on the feature map | proposals are found in the image and projected onto the map | [Fast R-CNN](https://arxiv.org/abs/1504.08083), section 2 |
# | background RoIs have an IoU in [0.1, 0.5] | [0.1, 0.5): a RoI of exactly 0.5 is an object | Fast R-CNN, section 2.3 |
# | a RoI of 4.53 x 6.25 cells becomes 4 x 6 | corners are rounded to the nearest cell, not sizes; 4 x 6 is what truncation gives | the authors' kernel |
# | the first stage of R-CNN has an RPN; Mask R-CNN takes its RoIs from Fast R-CNN's RPN | the RPN came with Faster R-CNN | [Faster R-CNN](https://arxiv.org/abs/1506.01497) |
# | selective search gives 1,000 (or 2,000) proposals | the number depends on image and mode: about 2,000 in fast mode and 10,000 in quality mode on VOC | [Uijlings et al.](https://doi.org/10.1007/s11263-013-0620-5), section 5 |
#
# Rounding corners gives two RoIs of one size different numbers of cells, depending on
# where they lie.

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
# | the minus sign stands before the first term only | it stands before the bracket | the same |
# | an anchor is positive above 0.7 and negative below 0.3, and that is all | the best anchor of each object is positive as well, however low its IoU | the same |
# | the box loss is the sum of absolute differences | smooth L1, divided by the number of anchor locations and weighted with λ = 10 | the same, equation 1 |
# | the bend of smooth L1 is the same everywhere | 1 in the paper's text; the authors' code has σ = 3 in the RPN, so the bend is at 1/9, and 1 in the box head; torchvision has 1/9 in both | [py-faster-rcnn](https://github.com/rbgirshick/py-faster-rcnn), `train.prototxt` |
# | anchors stand in the middle of their cell | in the first release they do; in torchvision they stand on the corner. A constant shift can be learned, so both work | both codes |
# | the RPN reads a map of 7 x 7 positions for VGG-16 at 224 | it reads conv5_3, of stride 16: 14 x 14 at 224, and about 38 x 63 at 600 x 1000 | the same, section 3.1 |
#
# What does the cross-entropy do with a label of -1? It has no lower bound, so the loss
# falls for ever by making $p$ small, and it looks like splendid learning.

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
# | the confidence target is 1 where an object is | it is Pr(object) · IoU of the *current* prediction with the ground truth | the same |
# | the fourth term's indicator is $1_i^{obj}$ | $1_{ij}^{noobj}$: all predictors that are not responsible | YOLO, equation 3 |
# | the sums run from 0 to S² and from 0 to B | they have S² and B terms, so they end at S² - 1 and B - 1; the paper prints it so, too | the same |
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
# | "5 non-square aspect ratios {1, 2, 3, 1/2, 1/3}" | five ratios, of which four are not square | [SSD](https://arxiv.org/abs/1512.02325), section 2.2 |
# | scales from 0.2 to 0.9 on all six maps | conv4_3 has 0.1; the released model steps by 17 % from 0.2 on the other five | SSD, section 3.1, and the authors' code |
# | a training patch has an overlap of 0.1, 0.3, ... | these are *minimum* overlaps with an object | SSD, section 2.2 |
# | `clip=True` of torchvision's `DefaultBoxGenerator` moves the boxes into the image | it limits their widths and heights; they still reach over the border | torchvision's code |
# | a default box matches above an IoU of 0.5 | the paper says "higher than", its code and torchvision take 0.5 itself, too | SSD, section 2.2, and both codes |
# | the "variances" 0.1, 0.1, 0.2, 0.2 | the standard deviations that the targets should have | divide by them |
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
# | bicubic is what networks use to enlarge maps | it is usual for *images*; networks use nearest, bilinear or transposed convolution | any decoder |
# | bilinear interpolation weighs the neighbours at floor(x) and ceil(x) with what is left over | at a whole number both weights are 0; take floor(x) and floor(x) + 1 | evaluate it |
# | a 3 x 3 transposed convolution of stride 2 turns 2 x 2 into 4 x 4 | only with padding 1 *and* output padding 1 | the formula below |
# | FCN stacks convolutions without pooling | it keeps five poolings; "fully convolutional" means without fully connected layers | [FCN](https://arxiv.org/abs/1411.4038), section 4 |
# | atrous convolution never costs more | per position it does not; but keeping the resolution multiplies the positions | count, below |
# | SegNet is by Noh, Hong and Han | theirs is [DeconvNet](https://arxiv.org/abs/1505.04366); [SegNet](https://arxiv.org/abs/1511.00561) is by Badrinarayanan, Kendall and Cipolla | the papers |
# | FPN assigns levels with the ceiling | with the floor: $k = \lfloor 4 + \log_2(\sqrt{wh} / 224) \rfloor$, kept within 2 to 5 | [FPN](https://arxiv.org/abs/1612.03144), equation 1 |
# | P2 to P6 feed RoIAlign | P2 to P5 do; P6 is for the RPN | FPN, section 4.1 |
# | RoIAlign gives 7 x 7 for every head | 7 x 7 for the box head, 14 x 14 for masks and keypoints | [Mask R-CNN](https://arxiv.org/abs/1703.06870), figure 4 |
# | the mask loss runs over all K maps | only over the map of the true class, and over positive RoIs | Mask R-CNN, section 3 |
# | Mask R-CNN does semantic segmentation | instance segmentation: one mask per object | Mask R-CNN |
# | "Rilov et al." for panoptic segmentation | [Kirillov et al.](https://arxiv.org/abs/1801.00868) | the paper |
# | a graph convolution is a plain sum | there is a ReLU around it | [Mesh R-CNN](https://arxiv.org/abs/1906.02739), section 3.1 |
# | every voxel of a cubified mesh has 8 vertices, 18 edges and 12 faces | only a voxel on its own; two neighbours share vertices, and the faces between them go | count, below |
# | cycle consistency is $F(G(x)) \approx x$ | in both directions | [CycleGAN](https://arxiv.org/abs/1703.10593), equation 2 |

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
# In the mask loss, the maps of the other classes get no gradient, so classes don't
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
# A speed without its network, input size, batch, machine and what is included says
# nothing. These are the ones that are most often mixed up.
#
# | often printed | what is right | source |
# |---|---|---|
# | R-CNN takes 20 s per image | 47 s with VGG-16 on a K40, 9.8 s with AlexNet on the same GPU, both without proposals; 13 s in the first paper | [Fast R-CNN](https://arxiv.org/abs/1504.08083), table 4, and [R-CNN](https://arxiv.org/abs/1311.2524) |
# | Fast R-CNN takes 2.3 s per image | 0.32 s for the network, about 2 s with selective search | Fast R-CNN, table 4 |
# | Faster R-CNN has 66.9 mAP on VOC 2007 | that is Fast R-CNN; Faster R-CNN has 69.9, and 73.2 with the data of 2012 | [Faster R-CNN](https://arxiv.org/abs/1506.01497), table 3 |
# | YOLO has 69.0 mAP at 45 fps | 63.4 at 45 fps; the VGG-16 variant has 66.4 and is slower | [YOLO](https://arxiv.org/abs/1506.02640), table 1 |
# | YOLOv2 has 78.6 mAP at 67 fps, or with 845 boxes | 78.6 at 40 fps with 544 x 544 pixels, so 1,445 boxes; 416 x 416 pixels have 845 boxes, 76.8 mAP and 67 fps | [YOLO9000](https://arxiv.org/abs/1612.08242), table 3 |
# | YOLOv3 has 57.9 AP50 in 51 ms with 10,647 boxes | these are for 608 x 608 pixels and 22,743 boxes | [YOLOv3](https://arxiv.org/abs/1804.02767), figure 3 |
# | SSD300 runs at 59 fps, beside Faster R-CNN at 7 | 59 is for batches of 8; one image at a time it is 46, like the others | [SSD](https://arxiv.org/abs/1512.02325), table 7 |
# | 50, 2 and 0.2 s per image for the three R-CNNs, as one measurement | 47 and 0.32 s are without proposals; 1.83 and 0.198 s are with them | Fast R-CNN, table 4, and Faster R-CNN, table 5 |
# | DPM v5 takes 14 s per image | the figure is from a talk; YOLO's paper lists a DPM of 30 Hz with 26.1 mAP and one of 100 Hz with 16.0 | YOLO, table 1 |
# | BraTS reports "specificity" | what is computed there behaves as precision | compare it with Dice and sensitivity |
#
# ## Code that is pasted
#
# | often seen | what happens | better |
# |---|---|---|
# | `mask \|= part` on one array inside a loop | mask i holds the masks before it, too | start a new array for each mask |
# | `torch.FloatTensor(masks)` of a list of arrays | slow, and it refuses arrays of other types | `torch.from_numpy(np.stack(masks))` |
# | `num_classes = 2  # 1 class + background`, copied to three classes | label 3 is out of range | number of classes + 1 |
# | commands with a dash (–) in place of a hyphen (-) | the shell does not know the option | type them |

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
