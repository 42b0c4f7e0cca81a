"""What each change of YOLO v2 and v3 gains on the tabletop, over several seeds.

    python -m benchmarks.yolo_ablation SEED [SEED ...]

trains every variant once per seed, about five minutes per seed on one core, and keeps a
row of each run in `course_utils/data/yolo_ablation.json`, in place of an older row of
the same variant and seed. Lesson 05b shows these rows.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from course_utils.data.tabletop import CLASS_NAMES, load_scenes
from course_utils.data.yolo_ablation import PATH
from course_utils.metrics.coco import evaluate_detections
from course_utils.models.backbones import Backbone, BatchNorm
from course_utils.models.model import Model
from course_utils.models.yolo import YOLO
from course_utils.models.yolo_v3 import (
    V2,
    V3,
    AnchorSettings,
    AnchorYOLO,
    resize_at_random,
    resize_batch,
)
from course_utils.ops.shape_clusters import kmeans_shapes
from course_utils.training import TrainingSettings, train
from course_utils.training.augment import flip_half
from course_utils.training.predict import predict_all

SETTING: dict[str, Any] = {
    "side": 128,
    "train_scenes": 1000,
    "test_scenes": 60,
    "steps": 300,
    "batch_size": 8,
    "lr": 3e-3,
    "widths": [8, 16, 32, 64],
    "hidden": 32,
    "anchors": 6,
}
SIDES = (96, 112, 128, 144, 160)
OTHER_SIDES = (96, 160)
FREE = AnchorSettings(is_free=True)
LOGISTIC = AnchorSettings(classes="logistic")


class Affine(nn.Module):
    """What is left of batch normalisation without the normalisation."""

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x * self.weight[:, None, None] + self.bias[:, None, None]


def without_batch_norm(module: nn.Module) -> nn.Module:
    """The module with an `Affine` in place of each batch normalisation."""
    for name, child in module.named_children():
        is_norm = isinstance(child, BatchNorm)
        setattr(module, name, Affine(child) if is_norm else without_batch_norm(child))
    return module


def make_v1() -> Model:
    """YOLO v1 with a grid as fine as the last map, so that images keep their size."""
    backbone = Backbone(SETTING["widths"])
    grid = SETTING["side"] // backbone.stride
    count = len(CLASS_NAMES)
    return YOLO(backbone, num_classes=count, grid=grid, hidden=SETTING["hidden"])


def make_anchor_yolo(anchors: Tensor, maps: int = 1, **changes: Any) -> Model:
    """A YOLO with anchors, the same ones whatever the number of maps."""
    return AnchorYOLO(
        Backbone(SETTING["widths"]),
        list(anchors.chunk(maps)),
        num_classes=len(CLASS_NAMES),
        hidden=SETTING["hidden"],
        **changes,
    )


def variants(anchors: Tensor) -> dict[str, Callable[[], Model]]:
    """How each variant is made, each with one change more than the one before.

    "three scales" comes in place of the passthrough, and takes one size of images.
    """
    anchored = partial(make_anchor_yolo, anchors)
    return {
        "v1, no batch norm": lambda: without_batch_norm(make_v1()),  # type: ignore
        "v1": make_v1,
        "+ anchors": partial(anchored, settings=FREE),
        "+ sigmoid": partial(anchored, settings=V2),
        "+ passthrough": partial(anchored, has_passthrough=True, settings=V2),
        "+ multi-scale": partial(anchored, has_passthrough=True, settings=V2),
        "three scales": partial(anchored, maps=3, settings=V2),
        "+ logistic classes": partial(anchored, maps=3, settings=LOGISTIC),
        "+ logistic objectness": partial(anchored, maps=3, settings=V3),
    }


def run(
    name: str,
    seed: int,
    make: Callable[[], Model],
    scenes: list[Any],
    tests: list[Any],
) -> dict[str, Any]:
    """Train and test one variant: its row."""
    torch.manual_seed(seed)
    model = make()
    augment: Any = flip_half
    if name == "+ multi-scale":
        augment = flip_and_resize
    settings = TrainingSettings(
        steps=SETTING["steps"],
        batch_size=SETTING["batch_size"],
        lr=SETTING["lr"],
        seed=seed,
        device="cpu",
        optimizer="adamw",
        weight_decay=2e-2,
        warmup_steps=50,
        augment=augment,
        description=f"{name}, seed {seed}",
    )
    history = train(model, scenes, settings)
    figures = evaluate(model, tests)
    row = {"variant": name, "seed": seed, "seconds": round(history.seconds, 1)}
    row |= {key: round(figures[key], 4) for key in ("AP", "AP50", "AP_small", "AR_100")}
    row["parameters"] = sum(weight.numel() for weight in model.parameters())
    if name in ("+ passthrough", "+ multi-scale"):
        for side in OTHER_SIDES:
            row[f"AP50 at {side}"] = round(evaluate(model, tests, side)["AP50"], 4)
    if name == "+ logistic classes" and seed == 0:
        row["detections"] = [visible(found) for found in predict_all(model, tests[:6])]
    return row


def visible(found: dict[str, Tensor], score: float = 0.2) -> dict[str, list[Any]]:
    """The detections above a score, as lists of rounded numbers."""
    kept = found["scores"] > score
    return {
        "boxes": [[round(x, 1) for x in box] for box in found["boxes"][kept].tolist()],
        "scores": [round(value, 3) for value in found["scores"][kept].tolist()],
        "labels": found["labels"][kept].tolist(),
    }


def flip_and_resize(images: Any, targets: Any, generator: torch.Generator) -> Any:
    """Multi-scale training: the flips of all variants, then a size for the batch."""
    flipped = flip_half(images, targets, generator)
    return resize_at_random(*flipped, generator, sides=SIDES)


def evaluate(model: Model, tests: list[Any], side: int | None = None) -> dict[str, Any]:
    """COCO's figures on the test scenes, resized to `side` if it is given."""
    if side is not None:
        tests = [
            (images[0], targets[0])
            for image, target in tests
            for images, targets in [resize_batch(image[None], [target], side)]
        ]
    return evaluate_detections(predict_all(model, tests), [t for _, t in tests])


def main() -> None:
    """Run all variants for the seeds of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--only", nargs="*", help="some of the variants")
    asked = parser.parse_args()
    side = SETTING["side"]
    scenes = load_scenes(SETTING["train_scenes"], "train", size=side)
    tests = load_scenes(SETTING["test_scenes"], "test", size=side)
    boxes = torch.cat([target["boxes"] for _, target in scenes])
    shapes = boxes[:, 2:] - boxes[:, :2]
    generator = torch.Generator().manual_seed(0)
    anchors = kmeans_shapes(shapes, SETTING["anchors"], generator=generator)
    for seed in asked.seeds:
        for name, make in variants(anchors).items():
            if asked.only and name not in asked.only:
                continue
            start = time.perf_counter()
            row = run(name, seed, make, scenes, tests)
            keep(row)
            took = time.perf_counter() - start
            sys.stdout.write(f"{name}, seed {seed}: AP {row['AP']}, {took:.0f} s\n")
            sys.stdout.flush()


def keep(row: dict[str, Any]) -> None:
    """Put the row into the file, in place of an older one of its variant and seed."""
    with FileLock(f"{PATH}.lock"):  # seeds may run side by side
        kept = json.loads(PATH.read_text()) if PATH.exists() else {"rows": []}
        rows = {(other["variant"], other["seed"]): other for other in kept["rows"]}
        rows[row["variant"], row["seed"]] = row
        setting = SETTING | {"v3": asdict(V3)}
        content = {"setting": setting, "rows": list(rows.values())}
        PATH.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
