"""COCO's twelve numbers beside pycocotools, on 1,000 images of 20 boxes."""

import contextlib
import functools
import io
from collections.abc import Callable

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from benchmarks.measure import Row, compare
from course_utils.metrics.coco import evaluate_detections
from course_utils.ops.boxes import xyxy_to_xywh

Images = list[dict[str, Tensor]]
# Images, objects and detections an image, classes.
CASES = [(1_000, 20, 20, 7), (100, 20, 100, 7), (100, 20, 20, 80)]


def data_set(
    images: int, boxes: int, detections: int, classes: int
) -> tuple[Images, Images]:
    """Predictions and targets; half of the detections lie near an object."""
    generator = torch.Generator().manual_seed(0)
    predictions, targets = [], []
    for _ in range(images):
        low = torch.rand(boxes, 2, generator=generator) * 500
        size = 10 + torch.rand(boxes, 2, generator=generator) * 120
        truth = torch.cat([low, low + size], dim=1)
        labels = torch.randint(1, classes + 1, (boxes,), generator=generator)
        chosen = torch.randint(0, boxes, (detections,), generator=generator)
        noise = torch.randn(detections, 4, generator=generator)
        noise *= torch.where(torch.arange(detections) % 2 == 0, 3.0, 40.0)[:, None]
        found = truth[chosen] + noise
        found = torch.cat([found[:, :2], found[:, 2:].maximum(found[:, :2] + 1)], 1)
        scores = torch.rand(detections, generator=generator)
        targets.append({"boxes": truth, "labels": labels})
        predictions.append({"boxes": found, "scores": scores, "labels": labels[chosen]})
    return predictions, targets


def as_coco(predictions: Images, targets: Images, classes: int) -> tuple[COCO, COCO]:
    """The same data set as pycocotools holds it: objects and detections."""
    annotations, found = [], []
    for image, (prediction, target) in enumerate(
        zip(predictions, targets, strict=True)
    ):
        truth = xyxy_to_xywh(target["boxes"].double()).tolist()
        for box, label in zip(truth, target["labels"].tolist(), strict=True):
            entry = {"image_id": image, "category_id": label, "bbox": box, "iscrowd": 0}
            area = {"area": box[2] * box[3], "id": len(annotations) + 1}
            annotations.append(entry | area)
        boxes = xyxy_to_xywh(prediction["boxes"].double()).tolist()
        scores, labels = prediction["scores"].double(), prediction["labels"]
        found += [
            {"image_id": image, "category_id": label, "bbox": box, "score": score}
            for box, score, label in zip(
                boxes, scores.tolist(), labels.tolist(), strict=True
            )
        ]
    coco = COCO()
    coco.dataset = {
        "images": [{"id": image} for image in range(len(targets))],
        "categories": [{"id": label} for label in range(1, classes + 1)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco, coco.loadRes(found)


def pycocotools_numbers(truth: COCO, found: COCO) -> list[float]:
    """What pycocotools measures, from data it has read already."""
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(number) for number in evaluation.stats]


def silently(function: Callable[[], list[float]]) -> list[float]:
    """What the function returns, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return function()


def rows() -> list[Row]:
    """Times at few and at many classes, and the largest difference of the numbers."""
    made = []
    for images, boxes, detections, classes in CASES:
        predictions, targets = data_set(images, boxes, detections, classes)
        with contextlib.redirect_stdout(io.StringIO()):
            truth, found = as_coco(predictions, targets, classes)
        peer = functools.partial(
            silently, functools.partial(pycocotools_numbers, truth, found)
        )
        ours = functools.partial(evaluate_detections, predictions, targets)
        pairs = zip(ours().values(), peer(), strict=True)
        difference = max(abs(number - theirs) for number, theirs in pairs)
        made.append(
            compare(
                "COCO numbers",
                f"{images:,} x {boxes}, {detections} found, {classes} classes",
                ours,
                "pycocotools",
                peer,
                note=f"differ by {difference:.0e}",
            )
        )
    return made
