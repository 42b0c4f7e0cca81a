"""The stages of R-CNN's training, and the pretraining before them."""

import pytest
import torch

from course_utils.models.backbones import Backbone
from course_utils.models.rcnn.detector import RCNN
from course_utils.models.rcnn.network import RegionNetwork
from course_utils.training import TrainingSettings, train
from course_utils.training.papers.pretraining import (
    PictureClassifier,
    frame_loosely,
    single_solids,
)
from course_utils.training.papers.rcnn_stages import STAGES, train_rcnn

NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
SETTINGS = {"lr": 1e-3, "seed": 0, "device": "cpu", "batch_size": 1}


def make_network(num_classes: int = 3) -> RegionNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return RegionNetwork(
            Backbone((8, 16)), crop_size=16, hidden=24, num_classes=num_classes
        )


def make_scene():
    image = torch.rand(3, 40, 48, generator=torch.Generator().manual_seed(0))
    target = {"boxes": torch.tensor([[4.0, 4, 24, 30]]), "labels": torch.tensor([2])}
    proposals = torch.tensor([[5.0, 5, 24, 30], [4, 4, 24, 27], [30, 2, 44, 20]])
    return (image, target), proposals


def test_every_stage_is_done_and_timed():
    scene, proposals = make_scene()
    model = RCNN(make_network(), context=2)
    history = train_rcnn(model, [scene] * 2, [proposals] * 2, steps=3, **SETTINGS)
    assert tuple(history.seconds) == STAGES
    assert len(history.losses) == 3
    assert history.passes == 2 * (1 + 3)
    assert history.rounds[-1].images == 2
    assert model.svms.weight.any()
    assert model.box_regressors.weight.any()


def test_training_twice_gives_the_same():
    scene, proposals = make_scene()
    results = []
    for _ in range(2):
        model = RCNN(make_network(), context=2)
        train_rcnn(model, [scene], [proposals], steps=3, **SETTINGS)
        results.append(model.predict(scene[0][None], [proposals])[0])
    torch.testing.assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("target", [NOTHING, make_scene()[0][1]])
@pytest.mark.parametrize(
    "proposals",
    [
        torch.zeros(0, 4),
        torch.tensor([[-20.0, -9, -5, -1], [60, 50, 90, 80], [5, 5, 5, 5]]),
        torch.tensor([[30.0, 2, 44, 20], [-5, -5, 80, 60]]),
    ],
)
def test_scenes_without_objects_or_useful_proposals_are_taken(target, proposals):
    (image, _), _ = make_scene()
    scenes, given = [(image, target), make_scene()[0]], [proposals, make_scene()[1]]
    model = RCNN(make_network(), context=2)
    history = train_rcnn(model, scenes, given, steps=2, **SETTINGS)
    assert torch.tensor(history.losses.curves()["total"]).isfinite().all()
    for found in model.predict(torch.stack([image] * 2), given):
        assert all(values.isfinite().all() for values in found.values())


def test_proposals_for_each_scene_are_needed():
    scene, proposals = make_scene()
    model = RCNN(make_network())
    with pytest.raises(ValueError, match="2 scenes and proposals for 1"):
        train_rcnn(model, [scene] * 2, [proposals], steps=0, **SETTINGS)
    with pytest.raises(ValueError, match="0 scenes"):
        train_rcnn(model, [], [], steps=0, **SETTINGS)


def test_pictures_of_single_solids_have_seven_classes_from_0():
    pictures = single_solids(40, crop_size=16, image_size=48)
    assert pictures.crops.shape[1:] == (3, 16, 16)
    assert set(pictures.labels.tolist()) <= set(range(7))
    assert len(set(pictures.labels.tolist())) > 4
    again = single_solids(40, crop_size=16, image_size=48)
    assert torch.equal(pictures.crops, again.crops)


def test_a_frame_holds_most_of_its_thing():
    boxes = torch.tensor([[10.0, 20, 30, 60]]).expand(200, -1)
    frames = frame_loosely(boxes, torch.Generator().manual_seed(0))
    sides = (frames[:, 2:] - frames[:, :2]) / torch.tensor([20.0, 40])
    assert sides.min() >= 1
    assert sides.max() <= 2
    shift = (frames[:, :2] + frames[:, 2:]) / 2 - torch.tensor([20.0, 40])
    assert (shift / torch.tensor([20.0, 40])).abs().max() <= 0.2


def test_pretraining_lowers_the_loss():
    pictures = single_solids(60, crop_size=16, image_size=48)
    settings = TrainingSettings(
        steps=40, batch_size=30, lr=5e-3, seed=0, device="cpu", optimizer="adamw"
    )
    history = train(PictureClassifier(make_network(7)), pictures, settings)
    curve = history.curves(smooth=5)["classification"]
    assert curve[-1] < 0.8 * curve[4]
