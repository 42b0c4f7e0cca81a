"""What a window classifier learns from: crops of windows, each with a label."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.models.model import Target
from course_utils.models.sliding_window import (
    Size,
    boxes_of_size,
    resize_for,
)
from course_utils.models.window_classifier import WindowClassifier
from course_utils.ops.boxes import as_boxes, box_iou


class Crops(Dataset[tuple[Tensor, Target]]):
    """Crops with their labels as a dataset: `crop, {"labels": label} = dataset[i]`.

    Args:
        crops: (N, 3, window, window) float in [0, 1].
        labels: (N,) int64, 0 for background.
    """

    def __init__(self, crops: Tensor, labels: Tensor) -> None:
        """Raises ValueError unless each crop has a label."""
        if len(crops) != len(labels):
            raise ValueError(
                f"there are {len(crops)} crops and {len(labels)} labels: "
                "one label a crop was expected"
            )
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
    """What a classifier shall say of each window: the class it covers, 0, or -1.

    A window takes the label of the object it overlaps most if their IoU is at least
    `positive_iou`; it is background below `negative_iou`, and -1 (not used) between.

    (N, 4) windows, (M, 4) boxes and (M,) labels -> (N,) int64.
    """
    windows = as_boxes(windows)
    if len(boxes) == 0:
        return torch.zeros(len(windows), dtype=torch.int64, device=windows.device)
    best, match = box_iou(windows, boxes).max(dim=1)
    answer = labels[match].clone()
    answer[best < positive_iou] = -1
    answer[best < negative_iou] = 0
    return answer


def pick(labels: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Random indices of at most `most` objects, and of as many backgrounds, (K,)."""
    order = torch.randperm(len(labels), generator=generator)
    objects, background = order[labels[order] > 0], order[labels[order] == 0]
    return torch.cat([objects[:most], background[:most]])


def sample_crops(
    image: Tensor,
    target: Target,
    classifier: WindowClassifier,
    sizes: Sequence[Size],
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
        positive_iou: least IoU of a crop of an object.
        negative_iou: a crop of background overlaps objects by less.
    """
    crops, answers = [], []
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
        answers.append(labels[picked])
    return Crops(torch.cat(crops), torch.cat(answers))


def cut_windows(
    image: Tensor, size: Size, classifier: WindowClassifier, picked: Tensor
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
    size: Size,
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
        positive_iou: least IoU of a window of an object.
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
    if not parts:
        raise ValueError("parts is empty, but at least one set of crops was expected")
    return Crops(
        torch.cat([part.crops for part in parts]),
        torch.cat([part.labels for part in parts]),
    )
