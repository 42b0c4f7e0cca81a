"""R-CNN: a network that looks at each proposal on its own.

Girshick et al. 2014. Each proposal is warped to a square and passed through a network.
What comes out are features; linear SVMs name them, and linear regressors correct the
box. Three parts that learn one after the other, each with a loss of its own.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.fast_rcnn import (
    SMALLEST,
    Propose,
    clip_proposals,
    given_proposals,
    label_rois,
    propose_for,
)
from course_utils.models.model import Model, Target, image_size
from course_utils.models.rcnn.box_regression import BoxRegressors
from course_utils.models.rcnn.network import (
    RegionFeatures,
    RegionNetwork,
    join_features,
    warp,
)
from course_utils.models.rcnn.svms import LinearSVMs
from course_utils.ops.boxes import clip_boxes, remove_small_boxes
from course_utils.ops.matching import sample_balanced
from course_utils.ops.nms import batched_nms

CHUNK = 256  # crops that pass through the network at once: more need more memory


class RCNN(Model):
    """A region network, then linear SVMs, then box regressors.

    Until there are SVMs, the network's own probabilities are the scores. The defaults
    are those of the paper: 32 regions of objects, 96 of none.

    Args:
        network: features and K + 1 logits of a crop.
        propose: (3, H, W) image -> (N, 4) boxes, for images that come without.
        context: pixels of a crop that show what lies around the box, at each side.
        fill: (3,) colour of what is outside the image; grey if none is given.
        count: regions a batch to learn from.
        positive_fraction: most of them that may show objects.
        positive_iou: from this IoU with an object on, a region shows it.
        score_threshold: least score of a detection; 1 is an SVM's margin.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.
    """

    fill: Tensor

    def __init__(
        self,
        network: RegionNetwork,
        *,
        propose: Propose | None = None,
        context: int = 4,
        fill: Tensor | None = None,
        count: int = 128,
        positive_fraction: float = 0.25,
        positive_iou: float = 0.5,
        score_threshold: float = -1.0,
        iou_threshold: float = 0.3,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        self.network, self.propose, self.context = network, propose, context
        self.register_buffer("fill", torch.full((3,), 0.5) if fill is None else fill)
        self.count, self.positive_fraction = count, positive_fraction
        self.positive_iou, self.score_threshold = positive_iou, score_threshold
        self.iou_threshold, self.max_detections = iou_threshold, max_detections
        self.svms: LinearSVMs | None = None
        self.box_regressors: BoxRegressors | None = None

    def crops(self, image: Tensor, boxes: Tensor) -> Tensor:
        """What the network sees of each box: (N, 3, crop_size, crop_size)."""
        size = self.network.crop_size
        return warp(image, boxes, crop_size=size, context=self.context, fill=self.fill)

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """`loss_classifier`: cross-entropy over the classes and background.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            targets: one dict an image with `boxes`, `labels` and `proposals` (N, 4).
        """
        rois, labels = self.sample_regions(images, targets)
        crops = [self.crops(*pair) for pair in zip(images, rois, strict=True)]
        logits = self.network(torch.cat(crops))
        loss = F.cross_entropy(logits, labels, reduction="sum")
        return {"loss_classifier": loss / max(len(labels), 1)}

    def sample_regions(
        self, images: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """The regions of a batch to learn from: a list of boxes, and all labels (R,).

        Objects' own boxes are proposals, too. Of all regions of the batch together, a
        quarter shows objects, if there are as many; background fills the rest.
        """
        proposals = [
            torch.cat([target["boxes"].to(images), given_proposals(target).to(images)])
            for target in targets
        ]
        proposals = clip_proposals(images, proposals)
        pairs = zip(proposals, targets, strict=True)
        labels = torch.cat([self.region_labels(*pair) for pair in pairs])
        chosen = torch.zeros_like(labels, dtype=torch.bool)
        for indices in sample_balanced(
            labels, count=self.count, positive_fraction=self.positive_fraction
        ):
            chosen[indices] = True
        parts = torch.split(chosen, [len(boxes) for boxes in proposals])
        rois = [boxes[part] for boxes, part in zip(proposals, parts, strict=True)]
        return rois, labels[chosen]

    def region_labels(self, boxes: Tensor, target: Target) -> Tensor:
        """The class that each box is to be called, 0 for background: (N,) int64.

        A box with an IoU of `positive_iou` shows the object; any other is background.
        """
        labels, _ = label_rois(
            boxes,
            target,
            positive_iou=self.positive_iou,
            negative_iou=(0.0, self.positive_iou),
        )
        return labels

    @torch.no_grad()
    def features(self, image: Tensor, boxes: Tensor) -> RegionFeatures:
        """The network's features of each box of a (3, H, W) image, one pass a box."""
        parts = [
            self.network.features(self.crops(image, some))
            for some in torch.split(boxes, CHUNK)
        ]
        return join_features(parts)

    def scores(self, features: RegionFeatures) -> Tensor:
        """A score for each region and class but the background: (N, K)."""
        if self.svms is not None:
            scores: Tensor = self.svms(features.fc)
            return scores
        logits: Tensor = self.network.classify(features.fc)
        return logits.softmax(dim=1)[:, 1:]

    @torch.no_grad()
    def detect(
        self,
        features: RegionFeatures,
        boxes: Tensor,
        size: tuple[int, int],
        *,
        correct_boxes: bool = True,
    ) -> Target:
        """`boxes`, `scores`, `labels` in one image, by falling score.

        Args:
            features: of each region.
            boxes: (N, 4) xyxy of the regions.
            size: height and width of the image.
            correct_boxes: whether the box regressors, if there are any, are used.
        """
        scores = self.scores(features)
        rows, labels = (scores > self.score_threshold).nonzero(as_tuple=True)
        scores, labels = scores[rows, labels], labels + 1
        kept = batched_nms(boxes[rows], scores, labels, self.iou_threshold)
        kept = kept[: self.max_detections]
        rows, scores, labels = rows[kept], scores[kept], labels[kept]
        boxes = boxes[rows]
        if self.box_regressors is not None and correct_boxes:
            boxes = self.box_regressors(features.pool5[rows], boxes, labels)
        boxes = clip_boxes(boxes, *size)
        solid = remove_small_boxes(boxes, SMALLEST)
        return {
            "boxes": boxes[solid],
            "scores": scores[solid],
            "labels": labels[solid],
        }

    @torch.no_grad()
    def predict(
        self, images: Tensor, proposals: Sequence[Tensor] | None = None
    ) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score.

        Args:
            images: float RGB in [0, 1].
            proposals: (N, 4) boxes for each image; those that `propose` finds if none
                are given. Raises ValueError if there is neither.
        """
        if proposals is None:
            proposals = propose_for(images, self.propose)
        proposals, size = clip_proposals(images, proposals), image_size(images)
        return [
            self.detect(self.features(image, boxes), boxes, size)
            for image, boxes in zip(images, proposals, strict=True)
        ]
