"""Photographs and boxes from a folder in the layout of Pascal VOC."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor

from course_utils.ops.boxes import box_area, voc_to_xyxy

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    folder: Path | str,
    split: str,
    *,
    class_names: Sequence[str],
    most: int | None = None,
) -> list[tuple[Tensor, dict[str, Tensor]]]:
    """The images of a split, float (3, H, W) RGB in [0, 1], and what is on them.

    A target holds `boxes` (N, 4) float xyxy half-open and `labels` (N,) int64.

    Args:
        folder: holds Annotations, ImageSets/Main and JPEGImages.
        split: which list of ImageSets/Main, such as "train".
        class_names: index is the label; 0 is the background.
        most: how many images to read at most, from the first on.

    Raises ValueError for a class that is not among `class_names`.
    """
    folder = Path(folder)
    names = (folder / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
    return [
        (
            read_image(folder / "JPEGImages" / f"{name}.jpg"),
            read_annotation(folder / "Annotations" / f"{name}.xml", class_names),
        )
        for name in names[:most]
    ]


def read_image(path: Path) -> Tensor:
    """The picture in a file: (3, H, W) float RGB in [0, 1]."""
    with Image.open(path) as picture:
        image: Tensor = pil_to_tensor(picture.convert("RGB"))
    return image.float() / 255


def read_annotation(path: Path, class_names: Sequence[str]) -> dict[str, Tensor]:
    """The boxes and labels in one XML file; boxes without an area are left out."""
    corners, labels = [], []
    for thing in ElementTree.parse(path).iter("object"):
        name = thing.findtext("name", "")
        if name not in class_names:
            raise ValueError(
                f"{path.name} has a {name!r}: choose class_names that include it, "
                f"not {tuple(class_names)}"
            )
        labels.append(list(class_names).index(name))
        corners.append([float(thing.findtext(f"bndbox/{side}", "")) for side in SIDES])
    boxes = voc_to_xyxy(torch.tensor(corners).view(-1, 4))
    has_area = box_area(boxes) > 0
    return {"boxes": boxes[has_area], "labels": torch.tensor(labels).long()[has_area]}
