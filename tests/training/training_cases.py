"""A small task and a model on which runs can be compared bit by bit."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.models.model import Model, Target
from course_utils.training import History, TrainingSettings, train


class Classifier(Model):
    """Three classes; batch norm and dropout make it depend on state and chance."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 3),
        )

    def losses(self, images: Tensor, targets: Sequence[Target]) -> dict[str, Tensor]:
        logits = self.layers(images)
        labels = torch.stack([target["labels"] for target in targets])
        return {
            "class": nn.functional.cross_entropy(logits, labels),
            "size": 0.001 * logits.square().mean(),
        }


def examples(count: int = 10, side: int = 8) -> list[tuple[Tensor, Target]]:
    """Images whose brightest channel is their class."""
    generator = torch.Generator().manual_seed(7)
    pairs = []
    for i in range(count):
        image = torch.rand(3, side, side, generator=generator) * 0.5
        image[i % 3] += 0.5
        pairs.append((image, {"labels": torch.tensor(i % 3)}))
    return pairs


def jitter(
    images: Tensor, targets: list[Target], generator: torch.Generator
) -> tuple[Tensor, list[Target]]:
    """Chance from the generator that is given, and from torch's own."""
    noise = torch.randn(images.shape, generator=generator)
    return images + 0.05 * noise + 0.05 * torch.randn(images.shape), targets


def fit(dataset: Any = None, **changes: Any) -> tuple[Classifier, History]:
    torch.manual_seed(0)
    model = Classifier()
    settings = {"steps": 12, "batch_size": 4, "lr": 0.1, "seed": 3, "device": "cpu"}
    settings |= {"augment": jitter, "warmup_steps": 3} | changes
    dataset = examples() if dataset is None else dataset
    return model, train(model, dataset, TrainingSettings(**settings))


def short_settings(**changes: Any) -> TrainingSettings:
    """Settings of a run of one or a few steps."""
    settings = {"steps": 1, "batch_size": 4, "lr": 0.1, "seed": 0, "device": "cpu"}
    return TrainingSettings(**settings | changes)


def assert_same_weights(a: nn.Module, b: nn.Module) -> None:
    for (name, x), y in zip(
        a.state_dict().items(), b.state_dict().values(), strict=True
    ):
        assert torch.equal(x, y), name
