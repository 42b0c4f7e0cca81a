"""COCO: one json for all pictures, boxes as x, y, width, height, masks as RLE."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.data.tabletop.catalog import CLASS_NAMES
from course_utils.data.writers.pictures import (
    ImageDataset,
    items,
    new_folder,
    save_image,
)
from course_utils.data.writers.rle import encode_rle


def write_coco(
    dataset: ImageDataset,
    folder: str | Path,
    *,
    split: str = "train",
    class_names: Sequence[str] = CLASS_NAMES,
    suffix: str = ".png",
) -> Path:
    """Write `dataset` under `folder`; comes back: the path of the json.

    Pictures go to `folder`/`split`/, the json to annotations/instances_`split`.json.
    Image and annotation ids count from 1, since COCO's evaluator takes 0 for "none".

    Raises:
        ValueError: where the folder holds files, or a suffix is no .jpg or .png.
    """
    if suffix not in (".jpg", ".png"):
        raise ValueError(f"suffix={suffix!r}: choose .jpg or .png")
    root = new_folder(folder)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index, image, target in items(dataset):
        name = f"{index:06d}{suffix}"
        save_image(image, root / split / name)
        height, width = image.shape[1:]
        number = index + 1
        images.append(
            {"id": number, "file_name": name, "height": height, "width": width}
        )
        annotations += annotation_rows(target, number, first_id=len(annotations) + 1)
    categories = [
        {"id": label, "name": name, "supercategory": "thing"}
        for label, name in enumerate(class_names)
        if label > 0
    ]
    content = {"info": {}, "licenses": [], "images": images}
    content |= {"annotations": annotations, "categories": categories}
    path = root / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def annotation_rows(
    target: dict[str, Any], image_id: int, *, first_id: int
) -> list[dict[str, Any]]:
    """One row an object; its area is that of the mask, or else of the box."""
    rows = []
    for number, (box, label) in enumerate(
        zip(target["boxes"].tolist(), target["labels"].tolist(), strict=True)
    ):
        x1, y1, x2, y2 = box
        row = {
            "id": first_id + number,
            "image_id": image_id,
            "category_id": label,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        if "masks" in target:
            mask = target["masks"][number].numpy().astype(bool)
            row |= {"segmentation": encode_rle(mask), "area": float(mask.sum())}
        rows.append(row)
    return rows
