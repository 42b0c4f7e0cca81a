"""The box head of Fast and Faster R-CNN: from pooled features to classes and boxes.

Girshick 2015. For each region of interest (RoI), two fully connected layers read its
pooled features, and two sibling layers say what it shows and where that really ends.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.model import Target
from course_utils.ops.boxes import as_boxes, box_iou, clip_boxes, decode_boxes
from course_utils.ops.matching import sample_balanced
from course_utils.ops.nms import batched_nms

# With these, the four targets have a spread of about 1: shifts are about a tenth of a
# side, and logarithms of a side's growth about a fifth.
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
UNUSED = -1
SMALLEST = 0.01  # a detection with a side below this is no box


class BoxHead(nn.Module):
    """Two fully connected layers, then a score a class beside four deltas a class.

    Args:
        channels: of the features.
        pooled_size: cells a side into which a RoI was pooled.
        hidden: width of the two layers.
        num_classes: with the background, which is class 0.
    """

    def __init__(
        self, channels: int, *, pooled_size: int = 7, hidden: int, num_classes: int
    ) -> None:
        """The last two layers start small, so that nothing is certain at first."""
        super().__init__()
        self.fc6 = nn.Linear(channels * pooled_size**2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.cls_score = nn.Linear(hidden, num_classes)
        self.bbox_pred = nn.Linear(hidden, 4 * num_classes)
        for layer in (self.fc6, self.fc7):
            # PyTorch's own start is smaller, and lets most of the signal fade.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        for layer, spread in ((self.cls_score, 0.01), (self.bbox_pred, 0.001)):
            nn.init.normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(R, C, P, P) -> (R, K) logits and (R, 4K) deltas, class k in 4k to 4k + 3."""
        x = F.relu(self.fc6(pooled.flatten(1)))
        x = F.relu(self.fc7(x))
        return self.cls_score(x), self.bbox_pred(x)


def box_head_losses(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    regression_targets: Tensor,
    *,
    beta: float = 1 / 9,
) -> dict[str, Tensor]:
    """Cross-entropy of the classes, and smooth L1 of the true class's deltas.

    Both are divided by the number of RoIs, so that a batch with few objects does not
    weigh them more. Background has no box; without any RoI both losses are 0.

    Args:
        logits: (R, K).
        deltas: (R, 4K).
        labels: (R,) int64, 0 for background.
        regression_targets: (R, 4); rows of background are not looked at.
        beta: where smooth L1 turns from a parabola into a line; 1 in the paper.
    """
    count = max(len(labels), 1)
    objects = labels.nonzero().squeeze(1)
    by_class = deltas.reshape(len(deltas), logits.shape[1], 4)
    own = by_class[objects, labels[objects]]  # (objects, 4)
    goal = regression_targets[objects]
    box_loss = F.smooth_l1_loss(own, goal, beta=beta, reduction="sum")
    return {
        "loss_classifier": F.cross_entropy(logits, labels, reduction="sum") / count,
        "loss_box_reg": box_loss / count,
    }


def label_rois(
    proposals: Tensor,
    target: Target,
    *,
    positive_iou: float = 0.5,
    negative_iou: tuple[float, float] = (0.1, 0.5),
) -> tuple[Tensor, Tensor]:
    """What each proposal shows: the label and the index of the object it overlaps most.

    An IoU of at least `positive_iou` gives the object's class. An IoU in [low, high) of
    `negative_iou` gives 0, background. The rest is `UNUSED`. In an image without
    objects everything is background.

    (N, 4) proposals -> (N,) int64 labels and (N,) int64 indices of objects. Raises
    ValueError if the thresholds are out of order.
    """
    low, high = negative_iou
    if not 0 <= low <= high <= positive_iou <= 1:
        raise ValueError(
            f"negative_iou is {negative_iou} and positive_iou {positive_iou}, but "
            "0 <= low <= high <= positive_iou <= 1 was expected"
        )
    nothing = torch.zeros(len(proposals), dtype=torch.int64, device=proposals.device)
    if len(target["boxes"]) == 0:
        return nothing, nothing
    iou, index = box_iou(target["boxes"], proposals).max(dim=0)  # (N,), (N,)
    labels = torch.full_like(index, UNUSED)
    labels[(iou >= low) & (iou < high)] = 0
    return torch.where(iou >= positive_iou, target["labels"][index], labels), index


def sample_rois(
    proposals: Tensor,
    target: Target,
    *,
    count: int = 64,
    positive_fraction: float = 0.25,
    positive_iou: float = 0.5,
    negative_iou: tuple[float, float] = (0.1, 0.5),
    add_truth: bool = True,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The RoIs of one image to learn from, drawn at random: objects, then background.

    At most `count * positive_fraction` of them show objects. Background fills up what
    is missing; where there is not enough of it, there are fewer than `count`.

    Args:
        proposals: (N, 4) xyxy; those without area are passed over.
        target: `boxes` (M, 4) and `labels` (M,) of the image.
        count: RoIs to draw.
        positive_fraction: most that may show objects, as a share of `count`.
        positive_iou: see `label_rois`.
        negative_iou: see `label_rois`.
        add_truth: whether the objects' own boxes are proposals, too.
        generator: of the random choice; torch's own if there is none.

    Returns (R, 4) RoIs, (R,) labels and (R, 4) boxes of the objects they are matched
    with; a RoI of an image without objects is its own match.
    """
    truth = as_boxes(target["boxes"], "the target's boxes").to(proposals)
    if add_truth:
        proposals = torch.cat([proposals, truth])
    proposals = with_area(proposals)
    target = target | {"boxes": truth}
    labels, index = label_rois(
        proposals, target, positive_iou=positive_iou, negative_iou=negative_iou
    )
    chosen = torch.cat(
        sample_balanced(
            labels,
            count=count,
            positive_fraction=positive_fraction,
            generator=generator,
        )
    )
    rois = proposals[chosen]
    matched = truth[index[chosen]] if len(truth) else rois
    return rois, labels[chosen], matched


def with_area(boxes: Tensor) -> Tensor:
    """Those of the (N, 4) boxes whose sides are both above zero."""
    boxes = as_boxes(boxes)
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(dim=1)]


def detections(
    logits: Tensor,
    deltas: Tensor,
    proposals: Tensor,
    image_size: tuple[int, int],
    *,
    score_threshold: float = 0.05,
    iou_threshold: float = 0.5,
    max_detections: int = 100,
) -> Target:
    """What the head found in one image: `boxes`, `scores`, `labels` by falling score.

    Each class of each proposal is a candidate, with a box of its own.

    Args:
        logits: (N, K).
        deltas: (N, 4K).
        proposals: (N, 4) xyxy, to which the deltas are relative.
        image_size: height and width, to which boxes are clipped.
        score_threshold: candidates must be more probable than this.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections to keep.
    """
    probabilities = logits.softmax(dim=1)
    rows, labels = (probabilities[:, 1:] > score_threshold).nonzero(as_tuple=True)
    labels = labels + 1
    code = deltas.reshape(len(deltas), logits.shape[1], 4)[rows, labels]
    boxes = decode_boxes(code, proposals[rows], weights=BOX_WEIGHTS)
    boxes, scores = clip_boxes(boxes, *image_size), probabilities[rows, labels]
    # A growth of minus many makes a box of no width, which is not worth reporting.
    solid = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(dim=1)
    boxes, scores, labels = boxes[solid], scores[solid], labels[solid]
    kept = batched_nms(boxes, scores, labels, iou_threshold)[:max_detections]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}
