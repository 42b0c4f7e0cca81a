"""Pretraining on pictures of single objects, before any detector learns from boxes.

R-CNN starts from a network that can tell the 1,000 classes of ImageNet apart. Here the
pictures show one solid of the tabletop each, loosely framed, and there is no background
class: the network learns what objects look like, not where they end.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.data.tabletop import Tabletop
from course_utils.models.model import Model, Target
from course_utils.models.rcnn.network import RegionNetwork, warp
from course_utils.models.sliding_window import Crops
from course_utils.ops.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh


class PictureClassifier(Model):
    """A region network that names whole pictures; it shares the network's weights.

    Args:
        network: (B, 3, crop_size, crop_size) pictures -> (B, num_classes) logits.
    """

    def __init__(self, network: RegionNetwork) -> None:
        super().__init__()
        self.network = network

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Cross-entropy: `classification`. Targets hold one number, `labels`."""
        labels = torch.stack([target["labels"] for target in targets])
        return {"classification": F.cross_entropy(self.network(images), labels)}


def frame_loosely(boxes: Tensor, generator: torch.Generator) -> Tensor:
    """Boxes up to twice as large, and shifted by up to a fifth of their sides.

    (N, 4) xyxy -> (N, 4) xyxy, at random: as a photographer may frame an object.
    """
    centre, side = torch.split(xyxy_to_cxcywh(boxes), 2, dim=1)  # (N, 2) each
    growth = 1 + torch.rand(len(boxes), 1, generator=generator)
    shift = 0.4 * torch.rand(len(boxes), 2, generator=generator) - 0.2
    return cxcywh_to_xyxy(torch.cat([centre + shift * side, growth * side], dim=1))


def single_solids(
    count: int, *, crop_size: int = 48, image_size: int = 64, seed: int = 0
) -> Crops:
    """Pictures of one solid each, with its class counted from 0, without background.

    Args:
        count: how many pictures.
        crop_size: their side in pixels.
        image_size: side of the scenes that they are cut from.
        seed: of the scenes and of the frames.
    """
    generator = torch.Generator().manual_seed(seed)
    scenes = Tabletop(count, size=image_size, seed=seed, truth=(), max_solids=1)
    pictures, labels = [], []
    for image, target in (scenes[i] for i in range(count)):
        boxes = target["boxes"].as_subclass(Tensor)[:1]
        if len(boxes) == 0:
            continue
        frame = frame_loosely(boxes, generator)
        plain = image.as_subclass(Tensor)
        mean = plain.mean(dim=(1, 2))
        pictures.append(warp(plain, frame, crop_size=crop_size, fill=mean))
        labels.append(target["labels"].as_subclass(Tensor)[:1] - 1)
    return Crops(torch.cat(pictures), torch.cat(labels))
