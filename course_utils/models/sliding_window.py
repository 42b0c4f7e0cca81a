"""Sliding windows: a classifier of crops, asked about every window of an image.

The classifier of square windows can also score every window of an image in one pass.
What it learns from stands at the end: crops of windows, each with a label.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from course_utils.models.model import Model, Target
from course_utils.ops.boxes import as_boxes, box_iou
from course_utils.ops.nms import nms
from course_utils.ops.validators import check_lengths, check_not_empty
from course_utils.ops.windows import window_grid

CANDIDATES = 2000
WindowSize = tuple[float, float]  # height and width of a window, in pixels of the image


class LocalContrast(nn.Module):
    """How far each pixel lies from the mean around it, in standard deviations.

    Takes away what the light does: a face in the sun and the same face in the shade
    come out alike. It looks at `size` x `size` pixels around each; `size` is odd.
    Without padding, a frame of (size - 1) / 2 pixels is lost.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H - size + 1, W - size + 1)."""
        frame = self.size // 2
        mean = F.avg_pool2d(images, self.size, stride=1)
        variance = F.avg_pool2d(images**2, self.size, stride=1) - mean**2
        middle = images[..., frame:-frame, frame:-frame]
        # A floor of 0.05, so that the noise of a plain wall is not blown up.
        return (middle - mean) / (variance.clamp(min=0) + 0.05**2).sqrt()


class Centered(nn.Module):
    """Images brought from [0, 1] to a mean near 0 and a variance near 1."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return (images - 0.5) * 4


def valid_convolutions(first: int, middle: int, last: int) -> nn.Sequential:
    """Four 3x3 convolutions and two 2x2 poolings, with so many channels.

    Nothing is padded, so that what comes out never feels the border of the picture:
    (B, 3, H, W) -> (B, last, (H - 12) / 4, (W - 12) / 4), rounded down.
    """
    return nn.Sequential(
        nn.Conv2d(3, first, 3),
        nn.ReLU(),
        nn.Conv2d(first, first, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, middle, 3),
        nn.ReLU(),
        nn.Conv2d(middle, last, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class WindowClassifier(Model):
    """Class scores of a square window; label 0 is background.

    With `contrast` above 1, each pixel is compared with a square of that side around
    it. The classifier learns from crops and has no `predict()`: where objects are, a
    `SlidingWindowDetector` says.
    """

    stride = 4  # two poolings, each halving: dense scores lie this far apart

    def __init__(
        self,
        num_classes: int,
        *,
        window: int = 24,
        contrast: int = 1,
        widths: tuple[int, int, int] = (16, 32, 64),
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.window, self.side = window, map_side(window, contrast)
        self.normalize = LocalContrast(contrast) if contrast > 1 else Centered()
        self.features = valid_convolutions(*widths)
        self.hidden = nn.Linear(widths[-1] * self.side**2, hidden)
        self.classify = nn.Linear(hidden, num_classes)
        self.apply(keep_variance)

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, window, window) crops -> (B, num_classes) logits."""
        maps = self.features(self.normalize(crops))  # (B, last, side, side)
        logits: Tensor = self.classify(self.hidden(maps.flatten(1)).relu())
        return logits

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Cross-entropy of crops: `classification`. Targets hold a number, `labels`."""
        labels = torch.stack([target["labels"] for target in targets])
        return {"classification": F.cross_entropy(self(images), labels)}


def map_side(window: int, contrast: int) -> int:
    """Side of the last map that a window leaves.

    Raises ValueError unless the pixels beside the frame that `contrast` takes are 16,
    20, 24, ...: both poolings must divide what reaches them.
    """
    check_window(window, contrast)
    return (window - (contrast - 1) - 12) // 4


def check_window(window: int, contrast: int) -> None:
    """Raise ValueError unless both poolings divide what reaches them."""
    side, rest = divmod(window - (contrast - 1) - 12, 4)
    if contrast < 1 or contrast % 2 == 0:
        raise ValueError(f"contrast is {contrast}, but 1, 3, 5, ... was expected")
    if side < 1 or rest:
        raise ValueError(
            f"window is {window}, but {contrast + 15}, {contrast + 19}, "
            f"{contrast + 23}, ... was expected: both poolings must divide what "
            "reaches them"
        )


def keep_variance(layer: nn.Module) -> None:
    """Start weights so that the signal neither fades nor grows (He et al. 2015).

    PyTorch's own start is smaller: after six layers without normalisation, little of
    the picture would be left, and learning would begin slowly.
    """
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def dense_logits(classifier: WindowClassifier, images: Tensor) -> Tensor:
    """Logits of every window at a stride of 4 pixels, in one pass.

    (B, 3, H, W) images -> (B, num_classes, rows, columns), in the order of
    `window_grid`. The layers are those of the classifier; a fully connected one is a
    convolution as large as the map that it reads.
    """
    hidden, classify = classifier.hidden, classifier.classify
    kernels = hidden.weight.view(len(hidden.weight), -1, *[classifier.side] * 2)
    maps = classifier.features(classifier.normalize(images))  # (B, last, ...)
    maps = F.conv2d(maps, kernels, hidden.bias).relu()  # (B, hidden, rows, columns)
    return F.conv2d(maps, classify.weight[:, :, None, None], classify.bias)


def window_sizes(sides: Sequence[float], ratios: Sequence[float]) -> list[WindowSize]:
    """Height and width of windows: each side with each ratio of height to width.

    A window of side s covers s^2 square pixels, whatever its ratio.
    """
    return [(side * r**0.5, side / r**0.5) for side in sides for r in ratios]


def resized_sides(
    image_size: tuple[int, int], size: WindowSize, window: int
) -> tuple[int, int]:
    """Height and width of an image once boxes of `size` have become square windows."""
    height, width = image_size
    return round(height * window / size[0]), round(width * window / size[1])


def resize_for(images: Tensor, size: WindowSize, window: int) -> Tensor:
    """The images once boxes of `size` have become square: (B, 3, H, W), bilinear."""
    height, width = images.shape[-2:]
    sides = resized_sides((height, width), size, window)
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)


def boxes_of_size(
    image_size: tuple[int, int], size: WindowSize, classifier: WindowClassifier
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
    classifier: WindowClassifier, images: Tensor, size: WindowSize
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


def scan_all(
    classifier: WindowClassifier, images: Tensor, sizes: Sequence[WindowSize]
) -> tuple[Tensor, Tensor]:
    """The boxes of all sizes, (N, 4), and their probabilities, (B, N, num_classes)."""
    scans = [scan(classifier, images, size) for size in sizes]
    boxes = torch.cat([boxes for boxes, _ in scans])
    return boxes, torch.cat([probabilities for _, probabilities in scans], dim=1)


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
    survives = torch.zeros_like(best["labels"], dtype=torch.bool)
    for label in set(best["labels"].tolist()):
        members = (best["labels"] == label).nonzero().squeeze(1)
        kept = nms(best["boxes"][members], best["scores"][members], iou_threshold)
        survives[members[kept]] = True
    kept = survives.nonzero().squeeze(1)[:most]  # still by falling score
    return {name: values[kept] for name, values in best.items()}


def hardest(losses: Tensor, labels: Tensor, negatives: int) -> Tensor:
    """Which windows to learn from: all objects, and background with the highest loss.

    (N,) losses and (N,) labels, -1 for windows that are not used -> (K,) indices. For
    each object so many backgrounds are taken, those of the highest loss; as many for
    one object where there is none.
    """
    objects = (labels > 0).nonzero().squeeze(1)
    background = (labels == 0).nonzero().squeeze(1)
    worst_first = losses[background].argsort(descending=True, stable=True)
    count = negatives * max(len(objects), 1)
    return torch.cat([objects, background[worst_first[:count]]])


def hard_negative_loss(logits: Tensor, labels: Tensor, negatives: int) -> Tensor:
    """Mean cross-entropy over the `hardest` windows: (N, num_classes) and (N,) -> ().

    Windows of label -1 are not used. The gradient flows through the chosen windows
    alone, and not through the choice.
    """
    losses = F.cross_entropy(logits, labels, ignore_index=-1, reduction="none")
    kept = hardest(losses.detach(), labels, negatives)
    # All windows may be unused; the sum over none of them is 0, its mean is not.
    return losses[kept].sum() / max(len(kept), 1)


class SlidingWindowDetector(Model):
    """A window classifier asked about all boxes of the given sizes.

    Args:
        classifier: scores one window; see `WindowClassifier`.
        sizes: height and width, in pixels, of the boxes to look at.
        negatives: backgrounds to learn from for each object, the hardest ones.
        score_threshold: minimum probability of a detection.
        iou_threshold: two detections of a class that overlap more are one.
        max_detections: maximum number of detections per image.

    Raises ValueError if there is no size to look for.
    """

    def __init__(
        self,
        classifier: WindowClassifier,
        sizes: Sequence[WindowSize],
        *,
        negatives: int = 3,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.3,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        check_not_empty(sizes=sizes)
        self.classifier, self.sizes, self.negatives = classifier, list(sizes), negatives
        self.score_threshold, self.iou_threshold = score_threshold, iou_threshold
        self.max_detections = max_detections

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Cross-entropy over the hardest windows: `classification`, a scalar.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1]. A crop is an image of one window.
            targets: one dict per image with `labels`, int64: for each of its windows
                the class, 0 for background or -1 if it is not used; (rows, columns),
                or () for a crop.
        """
        logits = dense_logits(self.classifier, images).movedim(1, -1).flatten(0, -2)
        labels = torch.stack([target["labels"] for target in targets]).flatten()
        loss = hard_negative_loss(logits, labels, self.negatives)
        return {"classification": loss}

    def candidates(self, images: Tensor) -> list[Target]:
        """Every detection above the score threshold, before any is suppressed."""
        boxes, probabilities = scan_all(self.classifier, images, self.sizes)
        return [detections_above(boxes, p, self.score_threshold) for p in probabilities]

    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        return [
            suppress(found, self.iou_threshold, self.max_detections)
            for found in self.candidates(images)
        ]


class Crops(Dataset[tuple[Tensor, Target]]):
    """Crops with their labels as a dataset: `crop, {"labels": label} = dataset[i]`.

    Args:
        crops: (N, 3, window, window) float in [0, 1].
        labels: (N,) int64, 0 for background.

    Raises ValueError unless each crop has a label.
    """

    def __init__(self, crops: Tensor, labels: Tensor) -> None:
        check_lengths(crops=crops, labels=labels)
        self.crops, self.labels = crops, labels

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.crops)

    def __getitem__(self, index: int) -> tuple[Tensor, Target]:
        """One crop and its target."""
        return self.crops[index], {"labels": self.labels[index]}


def label_windows(
    windows: Tensor,
    boxes: Tensor,
    labels: Tensor,
    *,
    positive_iou: float,
    negative_iou: float,
) -> Tensor:
    """The target of each window: the class that it covers, 0, or -1.

    A window takes the label of the object it overlaps most if their IoU is at least
    `positive_iou`; it is background below `negative_iou`, and -1 (not used) between.

    (N, 4) windows, (M, 4) boxes and (M,) labels -> (N,) int64.
    """
    windows = as_boxes(windows)
    if len(boxes) == 0:
        return torch.zeros(len(windows), dtype=torch.int64, device=windows.device)
    iou, matched_idxs = box_iou(windows, boxes).max(dim=1)
    matched_labels = labels[matched_idxs].clone()
    matched_labels[iou < positive_iou] = -1
    matched_labels[iou < negative_iou] = 0
    return matched_labels


def pick(labels: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Random indices of at most `most` objects, and of as many backgrounds, (K,)."""
    order = torch.randperm(len(labels), generator=generator)
    objects, background = order[labels[order] > 0], order[labels[order] == 0]
    return torch.cat([objects[:most], background[:most]])


def sample_crops(
    image: Tensor,
    target: Target,
    classifier: WindowClassifier,
    sizes: Sequence[WindowSize],
    *,
    generator: torch.Generator,
    most: int = 2,
    positive_iou: float = 0.6,
    negative_iou: float = 0.45,
) -> Crops:
    """Random windows of one image as the detector will see them, with their labels.

    Args:
        image: (3, H, W) float RGB in [0, 1].
        target: its `boxes` (M, 4) and `labels` (M,).
        classifier: says how large a window is and how far apart windows lie.
        sizes: height and width of the boxes that the detector looks at.
        generator: picks the windows.
        most: crops of objects, and crops of background, for each size.
        positive_iou: minimum IoU of a crop of an object.
        negative_iou: a crop of background overlaps objects by less.
    """
    crops, crop_labels = [], []
    height, width = image.shape[-2:]
    for size in sizes:
        boxes = boxes_of_size((height, width), size, classifier)
        labels = label_windows(
            boxes,
            target["boxes"],
            target["labels"],
            positive_iou=positive_iou,
            negative_iou=negative_iou,
        )
        picked = pick(labels, most, generator)
        crops.append(cut_windows(image, size, classifier, picked))
        crop_labels.append(labels[picked])
    return Crops(torch.cat(crops), torch.cat(crop_labels))


def cut_windows(
    image: Tensor, size: WindowSize, classifier: WindowClassifier, picked: Tensor
) -> Tensor:
    """The windows with these places in `boxes_of_size`: (K,) -> (K, 3, window, window).

    They are cut from the image that the detector passes through the network, so that
    training sees the very pixels that it will see.
    """
    if len(picked) == 0:
        return image.new_zeros(0, 3, classifier.window, classifier.window)
    small = resize_for(image[None], size, classifier.window)[0]
    for axis in (1, 2):  # a view: nothing is copied until windows are picked
        small = small.unfold(axis, classifier.window, classifier.stride)
    windows = small.permute(1, 2, 0, 3, 4)  # (rows, columns, 3, window, window)
    return windows[picked // windows.shape[1], picked % windows.shape[1]]


def label_all_windows(
    images: Tensor,
    targets: Sequence[Target],
    classifier: WindowClassifier,
    size: WindowSize,
    *,
    positive_iou: float = 0.6,
    negative_iou: float = 0.45,
) -> tuple[Tensor, list[Target]]:
    """Images resized for boxes of one size, and a label for each of their windows.

    Args:
        images: (B, 3, H, W) float RGB in [0, 1].
        targets: their `boxes` (M, 4) and `labels` (M,).
        classifier: says how large a window is and how far apart windows lie.
        size: height and width of the boxes, in pixels of the image.
        positive_iou: minimum IoU of a window of an object.
        negative_iou: a window of background overlaps objects by less.

    Returns (B, 3, h, w) images, and targets whose `labels` are (rows, columns) int64,
    -1 for windows that are not used: what `SlidingWindowDetector.losses` takes.
    """
    height, width = images.shape[-2:]
    boxes = boxes_of_size((height, width), size, classifier)
    small = resize_for(images, size, classifier.window)
    rows = (small.shape[2] - classifier.window) // classifier.stride + 1
    settings = {"positive_iou": positive_iou, "negative_iou": negative_iou}
    maps = [label_windows(boxes, t["boxes"], t["labels"], **settings) for t in targets]
    return small, [{"labels": labels.view(rows, -1)} for labels in maps]


def join_crops(parts: Sequence[Crops]) -> Crops:
    """All crops of several sets as one set. Raises ValueError if there is none."""
    check_not_empty(parts=parts)
    return Crops(
        torch.cat([part.crops for part in parts]),
        torch.cat([part.labels for part in parts]),
    )
