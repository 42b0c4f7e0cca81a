"""Faster R-CNN and torchvision's, trained side by side on the tabletop: minutes.

Same weights at the start, same scenes, order, seed and number of steps.
"""

import time

import torch
from torch import Tensor

from benchmarks.faster_rcnn import BATCH, make_pair
from benchmarks.measure import Row
from course_utils.data.tabletop import Tabletop
from course_utils.metrics.coco import evaluate_detections
from course_utils.models.model import Model, Target
from course_utils.training.augment import flip_half
from course_utils.training.batches import load_batch, move_batch
from course_utils.training.settings import TrainingSettings
from course_utils.training.train import train

SCENES, TEST_SCENES, STEPS = 2000, 100, 3600


def evaluate(model: Model, images: Tensor, targets: list[Target]) -> dict[str, float]:
    """AP, AP50 and the other COCO numbers on the test scenes."""
    found = [one for some in images.split(20) for one in model.predict(some)]
    return evaluate_detections(found, targets)


def rows() -> list[Row]:
    """Seconds of the two trainings, and the ratio of the two APs."""
    scenes = Tabletop(SCENES, split="train", truth=())
    dataset = [scenes[i] for i in range(SCENES)]
    tests = load_batch(
        Tabletop(TEST_SCENES, split="test", truth=()), range(TEST_SCENES)
    )
    images, targets = move_batch(*tests, torch.device("cpu"))
    settings = TrainingSettings(
        steps=STEPS,
        batch_size=BATCH,
        lr=2e-3,
        seed=0,
        device="cpu",
        optimizer="adamw",
        weight_decay=1e-2,
        warmup_steps=50,
        augment=flip_half,
    )
    seconds, figures = [], []
    for model in make_pair():
        start = time.perf_counter()
        train(model, dataset, settings)
        seconds.append(time.perf_counter() - start)
        figures.append(evaluate(model, images, targets))
    reached = [f"AP {each['AP']:.3f}, AP50 {each['AP50']:.3f}" for each in figures]
    note = f"{reached[0]}; torchvision's {reached[1]}; at least 0.97"
    case = f"{STEPS} steps of {BATCH} scenes"
    ratio = figures[0]["AP"] / figures[1]["AP"]
    return [
        Row("whole training", case, seconds[0], "torchvision", seconds[1]),
        Row("AP of both", case, peer="torchvision", figure=ratio, note=note),
    ]
