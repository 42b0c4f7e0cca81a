"""The training of R-CNN: one stage after the other, each with its own loss.

1. the network learns to name regions (cross-entropy),
2. the features of all regions are computed once, and kept,
3. a linear SVM for each class learns from them (squared hinge),
4. a ridge regression for each class learns to correct boxes (least squares).

Nothing that a later stage learns reaches back into the network.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_utils.models.model import Target
from course_utils.models.rcnn.box_regression import train_box_regressors
from course_utils.models.rcnn.detector import RCNN
from course_utils.models.rcnn.network import RegionFeatures
from course_utils.models.rcnn.svms import MiningRound, svm_signs, train_svms
from course_utils.ops.boxes import clip_boxes, remove_small_boxes
from course_utils.training.augment.flips import flip_half
from course_utils.training.settings import TrainingSettings
from course_utils.training.train import History, train

Scenes = Sequence[tuple[Tensor, Target]]
STAGES = ("fine-tuning", "features", "SVMs", "box regressors")
FINE_TUNING: dict[str, Any] = {
    "batch_size": 16,
    "optimizer": "adamw",
    "weight_decay": 1e-2,
    "augment": flip_half,
    "description": "fine-tuning",
}


@dataclass
class RCNNHistory:
    """What the four stages did and how long each took."""

    seconds: dict[str, float] = field(default_factory=dict)  # by the names in STAGES
    losses: History = field(default_factory=History)  # of the fine-tuning
    rounds: list[MiningRound] = field(default_factory=list)  # of the hard negatives
    passes: int = 0  # regions whose features were computed


@contextmanager
def measure_time(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds that the block takes to those of `name`."""
    began = time.perf_counter()
    yield
    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began


def plain_scenes(scenes: Scenes, proposals: Sequence[Tensor]) -> Scenes:
    """Images with `boxes`, `labels` and `proposals`, and nothing else.

    Proposals are clipped to the image; what is left without a pixel is dropped. Raises
    ValueError unless there are proposals for each scene.
    """
    if len(scenes) != len(proposals) or not len(scenes):
        raise ValueError(
            f"there are {len(scenes)} scenes and proposals for {len(proposals)}, but "
            "as many of each were expected, at least one"
        )
    plain = []
    for (image, target), boxes in zip(scenes, proposals, strict=True):
        inside = clip_boxes(boxes, *image.shape[-2:])
        kept = inside[remove_small_boxes(inside, 1)]
        known = {name: target[name].as_subclass(Tensor) for name in ("boxes", "labels")}
        plain.append((image.as_subclass(Tensor), known | {"proposals": kept}))
    return plain


def region_features(model: RCNN, scenes: Scenes) -> list[RegionFeatures]:
    """Features of the objects' own boxes and then of the proposals, for each scene.

    They stay on the CPU: there are many of them.
    """
    device = model.fill.device
    kept = []
    for image, target in scenes:
        boxes = torch.cat([target["boxes"], target["proposals"]])
        features = model.features(image.to(device), boxes.to(device))
        kept.append(RegionFeatures(features.pool5.cpu(), features.fc.cpu()))
    return kept


def fit_on_features(
    model: RCNN,
    scenes: Scenes,
    features: Sequence[RegionFeatures],
    *,
    c: float = 1e-3,
    penalty: float = 5000.0,
    history: RCNNHistory,
) -> None:
    """The last two stages: SVMs and box regressors, from features that are kept.

    Args:
        model: gets new SVMs and box regressors.
        scenes: images with `boxes`, `labels` and `proposals`.
        features: of each scene, from `region_features`.
        c: of the SVMs; see `fit_svms`.
        penalty: of the box regressors; see `fit_ridge`.
        history: takes down rounds and seconds.
    """
    device, num_classes = model.fill.device, model.network.classify.out_features
    targets = [target for _, target in scenes]
    with measure_time(history.seconds, "SVMs"):
        signs = [svm_signs(t["proposals"], t, num_classes=num_classes) for t in targets]
        svms, history.rounds = train_svms([f.fc for f in features], signs, c=c)
        model.svms = svms.to(device)
    with measure_time(history.seconds, "box regressors"):
        pool5 = [
            f.pool5[len(t["boxes"]) :] for f, t in zip(features, targets, strict=True)
        ]
        proposals = [target["proposals"] for target in targets]
        regressors = train_box_regressors(
            pool5, proposals, targets, num_classes=num_classes, penalty=penalty
        )
        model.box_regressors = regressors.to(device)


def train_rcnn(
    model: RCNN,
    scenes: Scenes,
    proposals: Sequence[Tensor],
    *,
    steps: int,
    device: torch.device | str,
    c: float = 1e-3,
    penalty: float = 5000.0,
    **settings: Any,
) -> RCNNHistory:
    """All four stages, in place; returns what they did and the seconds of each.

    Args:
        model: with a network that has a last layer for these classes.
        scenes: images (3, H, W) of one size with targets of `boxes` and `labels`.
        proposals: (N, 4) xyxy for each scene.
        steps: of fine-tuning, each on `model.count` regions; 0 skips this stage.
        device: where the network computes.
        c: of the SVMs; see `fit_svms`.
        penalty: of the box regressors; see `fit_ridge`.
        settings: of fine-tuning, more of `TrainingSettings`: `lr`, `seed` and others.
            A batch is of 16 scenes if nothing else is said.

    Raises ValueError if there is no scene, or not proposals for each.
    """
    history = RCNNHistory()
    plain = plain_scenes(scenes, proposals)
    model.to(device)
    with measure_time(history.seconds, "fine-tuning"):
        if steps:
            known = FINE_TUNING | settings
            tuning = TrainingSettings(steps=steps, device=device, **known)
            history.losses = train(model, plain, tuning)
    with measure_time(history.seconds, "features"):
        features = region_features(model, plain)
        history.passes = sum(map(len, features))
    fit_on_features(model, plain, features, c=c, penalty=penalty, history=history)
    return history
