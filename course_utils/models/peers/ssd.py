"""torchvision's SSD, made of the parts and weights of ours.

Both start with the same weights and default boxes, so that they get the same losses
from the same batch. What then differs is the code.
"""

import copy
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD as TorchvisionDetector
from torchvision.models.detection.ssd import SSDHead as TorchvisionHead

from course_utils.models.model import Model, Target, check_batch
from course_utils.models.ssd import SSD


class NamedMaps(nn.Module):
    """A backbone whose maps have names, as torchvision's detectors expect them."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) -> the maps "0", "1" and so on."""
        maps = self.backbone(images)
        return OrderedDict((str(index), x) for index, x in enumerate(maps))


class TorchvisionSSD(Model):
    """torchvision's detector with a copy of the weights of an `SSD`.

    Args:
        ours: with hard negatives, as torchvision knows no other; it is left as it is.

    Raises ValueError if torchvision has no such setting.
    """

    def __init__(self, ours: SSD) -> None:
        super().__init__()
        settings, layout = ours.settings, ours.layout
        if settings.negatives != "hard":
            raise ValueError(
                f"negatives is {settings.negatives!r}, but torchvision's SSD knows "
                '"hard" alone'
            )
        self.detector = TorchvisionDetector(
            NamedMaps(copy.deepcopy(ours.backbone)),
            DefaultBoxGenerator(
                [list(ratios) for ratios in layout["ratios"]],
                scales=list(layout["scales"]),
                steps=list(layout["strides"]) if layout["strides"] else None,
            ),
            (1, 1),  # the size of the images, which losses() and predict() set
            ours.head.num_classes,
            image_mean=[0.0, 0.0, 0.0],  # our backbone normalises by itself
            image_std=[1.0, 1.0, 1.0],
            head=copied_head(ours),
            score_thresh=settings.score_threshold,
            nms_thresh=settings.iou_threshold,
            detections_per_img=settings.max_detections,
            iou_thresh=settings.positive_iou,
            topk_candidates=settings.candidates,
            positive_fraction=1 / (1 + settings.negative_ratio),
            _skip_resize=True,  # in training; see predict()
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The same two losses as ours, under our names."""
        check_batch(images, targets)
        self.detector.train()  # the mode decides what torchvision's model returns
        losses = self.detector(list(images), list(targets))
        return {
            "loss_classifier": losses["classification"],
            "loss_box_reg": losses["bbox_regression"],
        }

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Target]:
        """(B, 3, H, W) images -> `boxes`, `scores`, `labels` by falling score."""
        check_batch(images)
        self.detector.eval()
        # Its transform resizes images when predicting, so name their own size.
        height, width = images.shape[-2:]
        self.detector.transform.fixed_size = (width, height)
        found: list[Target] = self.detector(list(images))
        return found


def copied_head(model: SSD) -> TorchvisionHead:
    """torchvision's head with the weights of a model's.

    Ours answers with one convolution a map, K logits and then 4 deltas for each default
    box; theirs has one convolution for the logits and one for the deltas.
    """
    head = model.head
    num_boxes, num_classes = list(head.num_boxes), head.num_classes
    channels = [layer.in_channels for layer in head.convolutions]
    theirs = TorchvisionHead(channels, num_boxes, num_classes)
    places = zip(
        theirs.classification_head.module_list,
        theirs.regression_head.module_list,
        strict=True,
    )
    with torch.no_grad():
        for layer, pair in zip(head.convolutions, places, strict=True):
            for name in ("weight", "bias"):
                ours = getattr(layer, name)
                by_box = ours.unflatten(0, (-1, num_classes + 4))
                parts = by_box.split([num_classes, 4], dim=1)
                for place, part in zip(pair, parts, strict=True):
                    getattr(place, name).copy_(part.flatten(0, 1))
    return theirs
