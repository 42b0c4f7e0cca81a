"""R-CNN: a network that looks at each proposal on its own.

Girshick et al. 2014. Each proposal is warped to a square and passed through a network.
What comes out are features; linear SVMs name them, and linear regressors correct the
box. Three parts that learn one after the other, each with a loss of its own.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.model import Model, Target, check_batch, image_size
from course_utils.models.rcnn.box_regression import BoxRegressors
from course_utils.models.rcnn.network import (
    RegionFeatures,
    RegionNetwork,
    features_in_parts,
    warp,
)
from course_utils.models.rcnn.svms import LinearSVMs
from course_utils.ops.boxes import as_boxes, box_iou, clip_boxes, remove_small_boxes
from course_utils.ops.matching import sample_balanced
from course_utils.ops.nms import batched_nms
from course_utils.ops.validators import check_lengths

Propose = Callable[[Tensor], Tensor]  # (3, H, W) image -> (N, 4) boxes
Proposals = Sequence[Tensor] | None  # (N, 4) boxes for each image
SMALLEST = 0.01  # a detection with a side below this is no box


def region_labels(
    boxes: Tensor, target: Target, *, positive_iou: float = 0.5
) -> Tensor:
    """The class that fine-tuning asks for at each box, 0 for background: (N,) int64.

    A box whose IoU with an object is at least `positive_iou` shows that object.
    """
    if len(target["boxes"]) == 0:
        return torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    iou, nearest = box_iou(boxes, target["boxes"]).max(dim=1)
    return torch.where(iou >= positive_iou, target["labels"][nearest], 0)


def sample_regions(
    boxes: Sequence[Tensor],
    targets: Sequence[Target],
    *,
    count: int = 128,
    positive_fraction: float = 0.25,
) -> tuple[list[Tensor], Tensor]:
    """Regions of a batch to learn from: a list of (R, 4) boxes, and all labels.

    Of all regions of the batch together, a quarter shows objects, if there are as many;
    background fills the rest.

    Args:
        boxes: (N, 4) candidates of each image.
        targets: `boxes` and `labels` of each image.
        count: regions to draw, from all images together.
        positive_fraction: most of them that may show objects.
    """
    labels = torch.cat(list(map(region_labels, boxes, targets)))
    objects, background = sample_balanced(
        labels, count=count, positive_fraction=positive_fraction
    )
    chosen = torch.zeros_like(labels, dtype=torch.bool)
    chosen[objects] = chosen[background] = True
    parts = torch.split(chosen, [len(of_image) for of_image in boxes])
    rois = [of_image[part] for of_image, part in zip(boxes, parts, strict=True)]
    return rois, labels[chosen]


def softmax_scores(network: RegionNetwork, features: RegionFeatures) -> Tensor:
    """The network's own probability of each class but background: (N, K)."""
    logits: Tensor = network.classify(features.fc)
    return logits.softmax(dim=1)[:, 1:]


def select_detections(
    scores: Tensor,
    boxes: Tensor,
    *,
    score_threshold: float = -1.0,
    iou_threshold: float = 0.3,
    max_detections: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """The regions that are detections: their rows, scores and labels, (D,) each.

    Every score above the threshold is a candidate, a region perhaps for several
    classes. Within a class, the better of two that overlap suppresses the other.

    Args:
        scores: (N, K) of the classes but background.
        boxes: (N, 4) xyxy of the regions.
        score_threshold: minimum score; -1 is an SVM's margin.
        iou_threshold: two candidates of a class that overlap more are one.
        max_detections: most detections of an image.
    """
    rows, columns = (scores > score_threshold).nonzero(as_tuple=True)
    values = scores[rows, columns]
    kept = batched_nms(boxes[rows], values, columns, iou_threshold)[:max_detections]
    return rows[kept], values[kept], columns[kept] + 1


def with_area_inside(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Boxes clipped to an image of (height, width), and which of them have area left.

    (N, 4) xyxy -> (N, 4) xyxy and indices (M,).
    """
    inside = clip_boxes(boxes, *size)
    return inside, remove_small_boxes(inside, SMALLEST)


def usable_proposals(
    images: Tensor, proposals: Proposals, propose: Propose | None
) -> list[Tensor]:
    """The part of each proposal that lies inside its image, if any does.

    Where no proposals are given, `propose` finds them. Raises ValueError if there is
    neither, and unless there are proposals for each image.
    """
    check_batch(images)
    if proposals is None and propose is None:
        raise ValueError(
            "proposals is None, and so is propose: give (N, 4) boxes for each image, "
            "or a function that finds them"
        )
    if proposals is None:
        proposals = [propose(image) for image in images]  # type: ignore[misc]
    check_lengths(images=images, proposals=proposals)
    usable, size = [], image_size(images)
    for boxes in proposals:
        inside, solid = with_area_inside(as_boxes(boxes.to(images)), size)
        usable.append(inside[solid])
    return usable


def candidates_of(images: Tensor, targets: Sequence[Target]) -> list[Tensor]:
    """The boxes of each image to learn from: its objects' own, then its proposals.

    Raises ValueError for a target without `proposals`.
    """
    for target in targets:
        if "proposals" not in target:
            raise ValueError(
                f"the target has {sorted(target)}, but `proposals` (N, 4) was expected "
                "too: add those of selective search, or torch.zeros(0, 4)"
            )
    boxes = [torch.cat([target["boxes"], target["proposals"]]) for target in targets]
    return usable_proposals(images, boxes, None)


def zero_heads(network: RegionNetwork) -> tuple[LinearSVMs, BoxRegressors]:
    """SVMs whose scores are 0 and regressors that change nothing, before training."""
    classes = network.classify.out_features - 1
    svms = LinearSVMs(
        torch.zeros(classes, network.fc.out_features), torch.zeros(classes)
    )
    return svms, BoxRegressors(torch.zeros(classes, network.fc.in_features + 1, 4))


def detect_regions(
    features: RegionFeatures,
    scores: Tensor,
    boxes: Tensor,
    box_regressors: BoxRegressors,
    size: tuple[int, int],
) -> Target:
    """The detections among N regions of an image: `boxes`, `scores`, `labels`.

    The best score comes first.

    Args:
        features: of each region.
        scores: (N, K) of each region and class but background.
        boxes: (N, 4) xyxy of the regions.
        box_regressors: a correction for each class.
        size: height and width of the image.
    """
    rows, scores, labels = select_detections(scores, boxes)
    boxes = box_regressors(features.pool5[rows], boxes[rows], labels)
    boxes, solid = with_area_inside(boxes, size)
    return {"boxes": boxes[solid], "scores": scores[solid], "labels": labels[solid]}


def detect_in_image(model: "RCNN", image: Tensor, boxes: Tensor) -> Target:
    """The path of one (3, H, W) image, from (N, 4) proposals to detections."""
    features = model.features(image, boxes)
    scores, size = model.svms(features.fc), (image.shape[-2], image.shape[-1])
    return detect_regions(features, scores, boxes, model.box_regressors, size)


class RCNN(Model):
    """A network for crops, then a linear SVM and a box regressor for each class.

    Before they are trained, SVMs and regressors are zero. All three parts are in the
    state dict.

    Args:
        network: features and K + 1 logits of a crop.
        context: pixels of a crop that show what lies around the box, at each side.
        fill: (3,) colour of what is outside the image; grey if none is given.
    """

    fill: Tensor
    propose: Propose | None = None  # finds boxes for images that come without

    def __init__(
        self, network: RegionNetwork, *, context: int = 4, fill: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network, self.context = network, context
        self.register_buffer("fill", torch.full((3,), 0.5) if fill is None else fill)
        self.svms, self.box_regressors = zero_heads(network)

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The network's cross-entropy on 128 regions of the batch."""
        rois, labels = sample_regions(candidates_of(images, targets), targets)
        crops = torch.cat([*map(self.crops, images, rois)])
        loss = F.cross_entropy(self.network(crops), labels, reduction="sum")
        return {"loss_classifier": loss / max(len(labels), 1)}

    def crops(self, image: Tensor, boxes: Tensor) -> Tensor:
        """What the network sees of each box: (N, 3, crop_size, crop_size)."""
        size = self.network.crop_size
        return warp(image, boxes, crop_size=size, context=self.context, fill=self.fill)

    @torch.no_grad()
    def features(self, image: Tensor, boxes: Tensor) -> RegionFeatures:
        """The network's features of each box of a (3, H, W) image, one pass per box."""
        return features_in_parts(self.network, self.crops(image, boxes))

    @torch.no_grad()
    def predict(self, images: Tensor, proposals: Proposals = None) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` of each, best first."""
        boxes = usable_proposals(images, proposals, self.propose)
        pairs = zip(images, boxes, strict=True)
        return [detect_in_image(self, *pair) for pair in pairs]
