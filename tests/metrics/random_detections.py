"""Random data sets with every oddity, and what pycocotools says of them."""

import contextlib
import io
import warnings

import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

Images = list[dict[str, Tensor]]


def xywh(box: list[float]) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def truth_records(targets: Images) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for image, target in enumerate(targets):
        for i, box in enumerate(target["boxes"].double().tolist()):
            width, height = xywh(box)[2:]
            area = target["area"][i].item() if "area" in target else width * height
            crowd = int(target["is_crowd"][i]) if "is_crowd" in target else 0
            records.append(
                {
                    "id": len(records) + 1,
                    "image_id": image,
                    "category_id": int(target["labels"][i]),
                    "bbox": xywh(box),
                    "area": area,
                    "iscrowd": crowd,
                }
            )
    return records


def prediction_records(predictions: Images) -> list[dict[str, object]]:
    return [
        {
            "image_id": image,
            "category_id": int(label),
            "bbox": xywh(box),
            "score": score,
        }
        for image, found in enumerate(predictions)
        for box, score, label in zip(
            found["boxes"].double().tolist(),
            found["scores"].double().tolist(),
            found["labels"],
            strict=True,
        )
    ]


def pycocotools_numbers(predictions: Images, targets: Images) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = COCO(), COCO()
        images = [{"id": i} for i in range(len(targets))]
        categories = [{"id": label} for label in range(1, 9)]
        truth.dataset = {
            "images": images,
            "categories": categories,
            "annotations": truth_records(targets),
        }
        truth.createIndex()
        records = prediction_records(predictions)
        if records:
            found = truth.loadRes(records)
        else:  # loadRes refuses an empty list
            found.dataset = truth.dataset | {"annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return list(evaluation.stats)


class Draw:
    """Random data sets: small, and odd in every way that a seed may switch on."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.on_grid = self.chance(0.4)  # whole pixels give equal IoUs and exact ones
        self.scale = 2.0 ** self.whole(0, 3)
        self.levels = self.whole(2, 6) if self.chance(0.6) else 1000
        self.classes = self.whole(1, 4)

    def chance(self, probability: float) -> bool:
        return torch.rand((), generator=self.generator).item() < probability

    def whole(self, low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def boxes(self, number: int) -> Tensor:
        low = torch.rand(number, 2, generator=self.generator) * 20
        size = torch.rand(number, 2, generator=self.generator) * 15 + 1
        boxes = torch.cat([low, low + size], dim=1)
        return (boxes.round() if self.on_grid else boxes) * self.scale

    def near(self, boxes: Tensor) -> Tensor:
        jitter = torch.randn(boxes.shape, generator=self.generator) * self.scale
        jitter = (jitter / self.scale).round() * self.scale if self.on_grid else jitter
        moved = boxes + jitter
        return torch.cat([moved[:, :2], moved[:, 2:].maximum(moved[:, :2] + 1)], dim=1)

    def labels(self, number: int, classes: int) -> Tensor:
        return torch.randint(1, classes + 1, (number,), generator=self.generator)

    def target(self) -> dict[str, Tensor]:
        number = 0 if self.chance(0.25) else self.whole(1, 6)
        target = {
            "boxes": self.boxes(number),
            "labels": self.labels(number, self.classes),
        }
        if self.chance(0.5):
            crowds = torch.rand(number, generator=self.generator) < 0.3
            target["is_crowd"] = crowds
        if self.chance(0.5):
            areas = torch.rand(number, generator=self.generator) * 120
            target["area"] = areas.round() ** 2  # 32^2 and 96^2 are among them
        return target

    def prediction(self, target: dict[str, Tensor]) -> dict[str, Tensor]:
        again = self.whole(0, 3)
        near = self.near(target["boxes"].repeat(again, 1))
        number = 0 if self.chance(0.2) else self.whole(1, 6)
        labels = [target["labels"].repeat(again), self.labels(number, self.classes + 1)]
        scores = torch.rand(len(near) + number, generator=self.generator)
        return {
            "boxes": torch.cat([near, self.boxes(number)]),
            "labels": torch.cat(labels),
            "scores": (scores * self.levels).round() / self.levels,
        }
