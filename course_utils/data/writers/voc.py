"""Pascal VOC: one XML a picture, 1-based inclusive boxes, palette PNG maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from torch import Tensor

from course_utils.data.tabletop.catalog import CLASS_NAMES
from course_utils.data.writers.pictures import (
    ImageDataset,
    items,
    new_folder,
    save_image,
    save_map,
)


def write_voc(
    dataset: ImageDataset,
    folder: str | Path,
    *,
    split: str = "train",
    year: str = "2012",
    class_names: Sequence[str] = CLASS_NAMES,
    suffix: str = ".jpg",
) -> Path:
    """Write `dataset` as VOCdevkit/VOC2012 under `folder`; comes back: that folder.

    `torchvision.datasets.VOCDetection(folder, year=..., image_set=split)` reads it, and
    VOCSegmentation where targets hold `masks`. VOC's reader wants names ending in .jpg.

    Raises:
        ValueError: where the folder holds files, or a suffix is no .jpg or .png.
    """
    if suffix not in (".jpg", ".png"):
        raise ValueError(f"suffix={suffix!r}: choose .jpg or .png")
    root = new_folder(folder) / "VOCdevkit" / f"VOC{year}"
    (root / "Annotations").mkdir(parents=True)
    names, with_maps = [], []
    for index, image, target in items(dataset):
        name = f"{index:06d}"
        names.append(name)
        save_image(image, root / "JPEGImages" / f"{name}{suffix}")
        annotation = annotation_tree(name + suffix, image, target, class_names)
        ElementTree.indent(annotation)
        path = root / "Annotations" / f"{name}.xml"
        path.write_bytes(ElementTree.tostring(annotation))
        if "masks" in target:
            with_maps.append(name)
            _write_maps(target, root, name)
    _write_list(root / "ImageSets" / "Main" / f"{split}.txt", names)
    if with_maps:
        _write_list(root / "ImageSets" / "Segmentation" / f"{split}.txt", with_maps)
    return root


def annotation_tree(
    filename: str, image: Tensor, target: dict[str, Any], class_names: Sequence[str]
) -> ElementTree.Element:
    """The XML tree of one picture: its size, and every object's name and box."""
    depth, height, width = image.shape
    root = ElementTree.Element("annotation")
    _add(root, folder="VOC", filename=filename)
    size = ElementTree.SubElement(root, "size")
    _add(size, width=width, height=height, depth=depth)
    _add(root, segmented=int("masks" in target))
    for box, label in zip(target["boxes"], target["labels"], strict=True):
        item = ElementTree.SubElement(root, "object")
        _add(item, name=class_names[int(label)], pose="Unspecified")
        x1, y1, x2, y2 = (round(float(value)) for value in box)
        at_edge = x1 <= 0 or y1 <= 0 or x2 >= width or y2 >= height
        _add(item, truncated=int(at_edge), difficult=0)
        # Pixel columns x1 .. x2 - 1 counted from 0 are x1 + 1 .. x2 counted from 1.
        corners = ElementTree.SubElement(item, "bndbox")
        _add(corners, xmin=x1 + 1, ymin=y1 + 1, xmax=x2, ymax=y2)
    return root


def _add(parent: ElementTree.Element, **texts: object) -> None:
    """One child element for each name, with the value as its text."""
    for name, value in texts.items():
        ElementTree.SubElement(parent, name).text = str(value)


def _write_maps(target: dict[str, Any], root: Path, name: str) -> None:
    """Maps of classes and of objects; 0 is background."""
    masks = target["masks"].numpy().astype(bool)
    classes = np.zeros(masks.shape[1:], dtype=np.uint8)
    objects = np.zeros(masks.shape[1:], dtype=np.uint8)
    for number, (mask, label) in enumerate(zip(masks, target["labels"], strict=True)):
        classes[mask], objects[mask] = int(label), number + 1
    save_map(classes, root / "SegmentationClass" / f"{name}.png")
    save_map(objects, root / "SegmentationObject" / f"{name}.png")


def _write_list(path: Path, names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
