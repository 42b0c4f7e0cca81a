"""A training step and a prediction of Faster R-CNN beside torchvision's."""

from functools import partial

import torch
from torch import Tensor

from benchmarks.measure import Row, compare, take_step
from course_utils.data.tabletop import Tabletop
from course_utils.models.faster_rcnn import FasterRCNN, small_faster_rcnn
from course_utils.models.model import Model, Target
from course_utils.models.peers.faster_rcnn import TorchvisionFasterRCNN
from course_utils.training.batches import load_batch, move_batch

SIZES, RATIOS = (16.0, 28.0, 48.0), (0.5, 1.0, 2.0)
BATCH = 4
WARM_UP = 30


def make_pair() -> tuple[FasterRCNN, TorchvisionFasterRCNN]:
    """The detector of lesson 04 and torchvision's with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours = small_faster_rcnn(sizes=SIZES, ratios=RATIOS, beta=1 / 9)
        return ours, TorchvisionFasterRCNN(ours, sizes=SIZES, ratios=RATIOS)


def make_batch() -> tuple[Tensor, list[Target]]:
    """One batch of scenes."""
    batch = load_batch(Tabletop(BATCH, truth=()), range(BATCH))
    return move_batch(*batch, torch.device("cpu"))


def make_step(model: Model, images: Tensor, targets: list[Target]) -> partial[object]:
    """A step of training as a function without arguments."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return partial(take_step, model, optimizer, images, targets)


def rows() -> list[Row]:
    """Times of a step and of a prediction, after some steps of learning.

    An untrained detector proposes and reports other boxes than one that has learned.
    """
    images, targets = make_batch()
    pair = make_pair()
    steps = [make_step(model, images, targets) for model in pair]
    for step in steps:
        for _ in range(WARM_UP):
            step()
    case = f"{BATCH} images of 128 x 128"
    return [
        compare("training step", case, steps[0], "torchvision", steps[1], seconds=20),
        compare(
            "prediction",
            case,
            partial(pair[0].predict, images),
            "torchvision",
            partial(pair[1].predict, images),
            seconds=10,
        ),
    ]
