"""The four steps: what changes in each of them, and what stays."""

import copy

import pytest
import torch
from torch import Tensor, nn

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import BoxHead, RoIHeads
from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.rpn import RPN
from course_utils.training.papers import four_steps
from course_utils.training.papers.four_steps import (
    STEPS,
    BoxStage,
    RPNStage,
    freeze,
    train_four_steps,
)
from course_utils.training.train import train

SETTINGS = {"batch_size": 2, "lr": 3e-3, "device": "cpu", "optimizer": "adamw"}
RPN_LOSSES = {"loss_objectness", "loss_rpn_box_reg"}
BOX_LOSSES = {"loss_classifier", "loss_box_reg"}


class BatchNormBackbone(nn.Sequential):
    """A backbone with statistics that training changes without any gradient."""

    stride, out_channels = 4, 8

    def __init__(self) -> None:
        convolution = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        super().__init__(convolution, nn.BatchNorm2d(8), nn.ReLU())


def make_detector(backbone: nn.Module | None = None) -> FasterRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = backbone or Backbone((8, 8))
        return FasterRCNN(
            backbone,
            RPN(
                8,
                sizes=(12, 24),
                ratios=(1,),
                count=32,
                train_proposals=(60, 20),
                test_proposals=(60, 10),
            ),
            RoIHeads(
                BoxHead(8, pooled_size=3, hidden=16, num_classes=3),
                stride=backbone.stride,
                pooled_size=3,
                count=16,
                beta=1 / 9,
            ),
        )


def make_examples(number: int = 6):
    generator = torch.Generator().manual_seed(0)
    boxes = torch.tensor([[4.0, 6, 20, 22], [20, 10, 36, 30]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 2])}
    return [(torch.rand(3, 32, 40, generator=generator), target) for _ in range(number)]


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    """The parts of a detector of which a weight or statistic is not as before."""
    after = module.state_dict()
    names = [name for name in before if not torch.equal(before[name], after[name])]
    return {name.split(".")[0] for name in names}


@pytest.fixture
def seen(monkeypatch):
    """For each of the four trainings: what it changed, and the stage."""
    rows = []

    def watch(stage, dataset, settings):
        before = state_of(stage.detector)
        history = train(stage, dataset, settings)
        rows.append((changed(stage.detector, before), stage, before))
        return history

    monkeypatch.setattr(four_steps, "train", watch)
    return rows


@pytest.mark.parametrize("make_backbone", [lambda: None, BatchNormBackbone])
def test_which_parts_change_in_which_step(seen, make_backbone):
    detector = make_detector(make_backbone())
    start = state_of(detector)
    histories = train_four_steps(
        detector, make_examples(), steps=(2, 3, 4, 5), seed=0, **SETTINGS
    )
    assert [changes for changes, _, _ in seen] == [
        {"backbone", "rpn"},
        {"backbone", "roi_heads"},
        {"rpn"},
        {"roi_heads"},
    ]
    assert tuple(histories) == STEPS
    assert [len(history) for history in histories.values()] == [2, 3, 4, 5]
    names = [set(history[0]) - {"total"} for history in histories.values()]
    assert names == [RPN_LOSSES, BOX_LOSSES, RPN_LOSSES, BOX_LOSSES]
    assert changed(detector, start) == {"backbone", "rpn", "roi_heads"}
    assert all(weight.requires_grad for weight in detector.parameters())


def test_the_first_two_steps_have_backbones_of_their_own(seen):
    detector = make_detector()
    start = state_of(detector)
    train_four_steps(detector, make_examples(), steps=(1, 1, 1, 1), seed=0, **SETTINGS)
    (
        (_, first, before_first),
        (_, second, before_second),
        (_, third, before_third),
        _,
    ) = seen
    for name, value in start.items():
        assert torch.equal(before_first[name], value)
        assert torch.equal(before_second[name], value)
    assert first.detector is not detector
    assert second.detector is third.detector is detector
    for name, value in first.detector.rpn.state_dict().items():
        assert torch.equal(before_third[f"rpn.{name}"], value)


def test_the_detector_learns_on_as_many_proposals_as_it_trains_on(seen):
    detector = make_detector()
    train_four_steps(detector, make_examples(), steps=(1, 1, 1, 1), seed=0, **SETTINGS)
    images = torch.stack([image for image, _ in make_examples(2)])
    for _, stage, _ in seen:
        if isinstance(stage, BoxStage):
            assert max(len(one["boxes"]) for one in stage.propose(images)) == 20


def test_statistics_of_a_fixed_module_stay():
    detector = make_detector(BatchNormBackbone())
    norm = detector.backbone[1]
    images = torch.stack([image for image, _ in make_examples(2)])
    targets = [target for _, target in make_examples(2)]
    for fixed, is_same in (([detector.backbone], True), ([], False)):
        stage = RPNStage(detector, fixed).train()
        before = norm.running_mean.clone()
        stage.losses(images, targets)
        assert torch.equal(norm.running_mean, before) is is_same


def test_freezing_ends_with_its_block_whatever_was_frozen_before():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    layer.bias.requires_grad = False
    with freeze(layer):
        assert not layer.weight.requires_grad
        assert other.weight.requires_grad
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad
    with pytest.raises(KeyError), freeze(layer):
        raise KeyError
    assert layer.weight.requires_grad
    with pytest.raises(ValueError, match="0 modules"), freeze():
        pass


def test_the_same_seed_gives_the_same_detector():
    found = []
    for _ in range(2):
        detector = make_detector()
        train_four_steps(
            detector, make_examples(), steps=(1, 1, 1, 1), seed=3, **SETTINGS
        )
        found.append(state_of(detector))
    for name, value in found[0].items():
        assert torch.equal(found[1][name], value)
