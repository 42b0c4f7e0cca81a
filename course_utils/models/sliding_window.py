"""Sliding windows: a classifier of crops, asked about every window of an image."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.model import Model, Target
from course_utils.models.window_classifier import WindowClassifier, dense_logits
from course_utils.ops.nms import batched_nms
from course_utils.ops.windows import window_grid

CANDIDATES = 2000
Size = tuple[float, float]  # height and width of a window, in pixels of the image


def window_sizes(sides: Sequence[float], ratios: Sequence[float]) -> list[Size]:
    """Height and width of windows: each side with each ratio of height to width.

    A window of side s covers s^2 square pixels, whatever its ratio.
    """
    return [(side * r**0.5, side / r**0.5) for side in sides for r in ratios]


def resized_sides(
    image_size: tuple[int, int], size: Size, window: int
) -> tuple[int, int]:
    """Height and width of an image once boxes of `size` have become square windows."""
    height, width = image_size
    return round(height * window / size[0]), round(width * window / size[1])


def resize_for(images: Tensor, size: Size, window: int) -> Tensor:
    """The images once boxes of `size` have become square: (B, 3, H, W), bilinear."""
    height, width = images.shape[-2:]
    sides = resized_sides((height, width), size, window)
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)


def boxes_of_size(
    image_size: tuple[int, int], size: Size, classifier: WindowClassifier
) -> Tensor:
    """The boxes of one size that the classifier looks at, in pixels of the image.

    Returns (N, 4) in the order of `window_grid`; (0, 4) if none fits in the image.
    """
    window = classifier.window
    height, width = resized_sides(image_size, size, window)
    grid = window_grid(height, width, window, window, stride=classifier.stride)
    zoom_x, zoom_y = image_size[1] / width, image_size[0] / height
    return grid * grid.new_tensor([zoom_x, zoom_y, zoom_x, zoom_y])


@torch.no_grad()
def scan(
    classifier: WindowClassifier, images: Tensor, size: Size
) -> tuple[Tensor, Tensor]:
    """Every box of one size at the classifier's stride, and its class probabilities.

    The image is resized until a box of that size is as large as the window, whatever
    its shape; then all boxes are scored in one dense pass.

    Args:
        classifier: the network to ask.
        images: (B, 3, H, W) float RGB in [0, 1].
        size: height and width of the boxes, in pixels of the image.

    Returns (N, 4) boxes in pixels of the image, and (B, N, num_classes) probabilities;
    N is 0 where the boxes are larger than the image.
    """
    height, width = images.shape[-2:]
    boxes = boxes_of_size((height, width), size, classifier).to(images.device)
    if len(boxes) == 0:
        num_classes = classifier.classify.out_features
        return boxes, images.new_zeros(len(images), 0, num_classes)
    logits = dense_logits(classifier, resize_for(images, size, classifier.window))
    return boxes, logits.flatten(2).transpose(1, 2).softmax(dim=-1)


def detections_above(
    boxes: Tensor, probabilities: Tensor, score_threshold: float
) -> Target:
    """Each box and class whose probability is above the threshold, by falling score.

    (N, 4) boxes and (N, num_classes) probabilities -> `boxes` (D, 4), `scores` (D,) and
    `labels` (D,). A box may appear under several labels; the background is left out.
    """
    rows, columns = (probabilities[:, 1:] > score_threshold).nonzero(as_tuple=True)
    scores, order = probabilities[rows, columns + 1].sort(descending=True, stable=True)
    rows, labels = rows[order], columns[order] + 1
    return {"boxes": boxes[rows], "scores": scores, "labels": labels}


def suppress(detections: Target, iou_threshold: float, most: int) -> Target:
    """What greedy suppression within each class keeps, at most `most` detections.

    Detections come by falling score. Only the best CANDIDATES are looked at: what comes
    after them scores too low to matter, and would take most of the time.
    """
    best = {name: values[:CANDIDATES] for name, values in detections.items()}
    boxes, scores, labels = best["boxes"], best["scores"], best["labels"]
    kept = batched_nms(boxes, scores, labels, iou_threshold)[:most]
    return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}


def hardest(losses: Tensor, labels: Tensor, negatives: int) -> Tensor:
    """Which windows to learn from: every object, and the background that goes worst.

    (N,) losses and (N,) labels, -1 for windows that are not used -> (K,) indices. For
    each object so many backgrounds are taken, those of the highest loss; as many for
    one object where there is none.
    """
    objects = (labels > 0).nonzero().squeeze(1)
    background = (labels == 0).nonzero().squeeze(1)
    worst_first = losses[background].argsort(descending=True, stable=True)
    count = negatives * max(len(objects), 1)
    return torch.cat([objects, background[worst_first[:count]]])


class SlidingWindowDetector(Model):
    """A window classifier asked about all boxes of the given sizes.

    Args:
        classifier: scores one window; see `WindowClassifier`.
        sizes: height and width, in pixels, of the boxes to look at.
        negatives: backgrounds to learn from for each object, the hardest ones.
        score_threshold: least probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: most detections of an image.
    """

    def __init__(
        self,
        classifier: WindowClassifier,
        sizes: Sequence[Size],
        *,
        negatives: int = 3,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.3,
        max_detections: int = 100,
    ) -> None:
        """Raises ValueError if there is no size to look for."""
        super().__init__()
        if not sizes:
            raise ValueError(
                "sizes is empty, but at least one (height, width) was expected"
            )
        self.classifier, self.sizes, self.negatives = classifier, list(sizes), negatives
        self.score_threshold, self.iou_threshold = score_threshold, iou_threshold
        self.max_detections = max_detections

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Cross-entropy over the hardest windows: `classification`, a scalar.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]. A crop is an image of one window.
            targets: one dict an image with `labels`, int64: for each of its windows the
                class, 0 for background or -1 if it is not used; (rows, columns), or ()
                for a crop.
        """
        logits = dense_logits(self.classifier, images).movedim(1, -1).flatten(0, -2)
        labels = torch.stack([target["labels"] for target in targets]).flatten()
        each = F.cross_entropy(logits, labels, ignore_index=-1, reduction="none")
        kept = hardest(each.detach(), labels, self.negatives)
        # All windows may be unused; the sum over none of them is 0, its mean is not.
        return {"classification": each[kept].sum() / max(len(kept), 1)}

    def candidates(self, images: Tensor) -> list[Target]:
        """Every detection above the score threshold, before any is suppressed."""
        scans = [scan(self.classifier, images, size) for size in self.sizes]
        boxes = torch.cat([boxes for boxes, _ in scans])
        probabilities = torch.cat([scores for _, scores in scans], dim=1)
        return [detections_above(boxes, p, self.score_threshold) for p in probabilities]

    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        return [
            suppress(found, self.iou_threshold, self.max_detections)
            for found in self.candidates(images)
        ]
