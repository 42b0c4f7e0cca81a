"""YOLO: shapes, gradients, learning, and images that are hard to take."""

import pytest
import torch
from torchvision.ops import box_iou
from two_objects import NOTHING, OBJECTS, make_batch, total_of

from course_utils.models.backbones import Backbone
from course_utils.models.yolo import (
    TERMS,
    YOLO,
    score_boxes,
    yolo_losses_by_loop,
)
from course_utils.ops.post_processing import zero_scores
from course_utils.ops.yolo_grid import GridBoxes, class_scores, encode_batch

CLASSES, GRID = 4, 5


def make_model(**settings) -> YOLO:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = {"grid": GRID, "hidden": 24} | settings
        return YOLO(Backbone((8, 16, 24)), num_classes=CLASSES, **settings)


@pytest.mark.parametrize(("grid", "num_boxes"), [(7, 2), (5, 1), (8, 3)])
def test_a_cell_predicts_5b_and_c_numbers(grid, num_boxes):
    model = make_model(grid=grid, num_boxes=num_boxes)
    images, _ = make_batch(3)
    numbers = 5 * num_boxes + CLASSES - 1
    assert model(images).shape == (3, grid, grid, numbers)
    boxes, scores = score_boxes(model(images), (56, 72), num_boxes)
    assert boxes.shape == (3, grid * grid * num_boxes, 4)
    assert scores.shape == (3, grid * grid * num_boxes, CLASSES - 1)


def test_the_default_has_98_boxes():
    with torch.random.fork_rng(devices=[]):
        model = YOLO(Backbone((8, 8, 8, 8)), num_classes=21)
    assert model.side == 7 * 16
    outputs = model(torch.rand(1, 3, 128, 128))
    assert outputs.numel() == 1470
    assert score_boxes(outputs, (128, 128), 2)[0].shape == (1, 98, 4)


def test_every_parameter_gets_a_gradient():
    model = make_model()
    losses = model.losses(*make_batch())
    assert tuple(losses) == TERMS
    total_of(losses).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_losses_are_those_of_the_loop_with_the_models_weights():
    model = make_model(coord_weight=3.0, noobj_weight=0.7)
    images, targets = make_batch()
    with torch.no_grad():
        losses = model.losses(images, targets)
        cells = encode_batch(targets, (56, 72), GRID, CLASSES)
        expected = yolo_losses_by_loop(
            model(images), cells, coord_weight=3.0, noobj_weight=0.7
        )
    for name, loss in losses.items():
        torch.testing.assert_close(loss, expected[name])


def test_it_overfits_one_batch():
    model = make_model()
    images, targets = make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        total_of(model.losses(images, targets)).backward()
        optimizer.step()
    for found in model.predict(images):
        sure = found["scores"] > 0.6
        overlap, match = box_iou(OBJECTS, found["boxes"][sure]).max(dim=1)
        assert (overlap > 0.8).all()
        assert found["labels"][sure][match].tolist() == [1, 3]


def test_predictions_are_sorted_boxes_inside_the_image():
    images, _ = make_batch(3)
    model = make_model(score_threshold=0.0, max_detections=40)
    found = model.predict(images)
    assert len(found) == 3
    for one in found:
        assert list(one) == ["boxes", "scores", "labels"]
        assert 0 < len(one["boxes"]) <= 40
        assert len(one["boxes"]) == len(one["scores"]) == len(one["labels"])
        assert (one["scores"].diff() <= 0).all()
        assert one["labels"].min() >= 1
        assert one["labels"].max() < CLASSES
        assert (one["boxes"] >= 0).all()
        assert (one["boxes"] <= torch.tensor([72, 56] * 2)).all()
        assert (one["boxes"][:, 2:] > one["boxes"][:, :2]).all()


def test_predictions_are_what_zeroing_leaves():
    images, _ = make_batch(1)
    model = make_model(score_threshold=0.02, iou_threshold=0.4)
    with torch.no_grad():
        boxes, scores = score_boxes(model(images), (56, 72), 2)
    left = zero_scores(boxes[0], scores[0], score_threshold=0.02, iou_threshold=0.4)
    most = model.settings.max_detections
    expected = left[left > 0].sort(descending=True).values[:most]
    torch.testing.assert_close(model.predict(images)[0]["scores"], expected)


def test_images_of_a_batch_do_not_meet():
    images, _ = make_batch(3)
    model = make_model(score_threshold=0.0)
    together = model.predict(images)
    for image, expected in zip(images, together, strict=True):
        alone = model.predict(image[None])[0]
        torch.testing.assert_close(alone["scores"], expected["scores"])
        torch.testing.assert_close(alone["boxes"], expected["boxes"])


def test_the_mode_does_not_matter():
    images, targets = make_batch()
    model = make_model(score_threshold=0.0)
    model.losses(images, targets)  # the statistics that it has learned are no longer 0
    first = model.train().predict(images)
    second = model.eval().predict(images)
    for one, other in zip(first, second, strict=True):
        for name in ("boxes", "scores", "labels"):
            assert torch.equal(one[name], other[name])
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("number", [1, 3])
def test_images_without_objects(number):
    images, _ = make_batch(number)
    model = make_model()
    losses = model.losses(images, [NOTHING] * number)
    assert losses["loss_xy"] == losses["loss_wh"] == losses["loss_classes"] == 0
    assert losses["loss_confidence"] == 0
    total_of(losses).backward()
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()


HARD = {
    "no width": torch.tensor([[10.0, 10, 10, 30]]),
    "a point in the corner": torch.tensor([[72.0, 56, 72, 56]]),
    "centre on the right border": torch.tensor([[62.0, 10, 82, 30]]),
    "centre on the bottom border": torch.tensor([[10.0, 50, 30, 62]]),
    "larger than the image": torch.tensor([[-50.0, -50, 122, 106]]),
    "a sliver": torch.tensor([[10.0, 10, 10 + 1e-6, 30]]),
    "more than cells": torch.tensor([[10.0, 10, 20, 20]]).repeat(60, 1),
}


@pytest.mark.parametrize("case", HARD)
def test_hard_objects_have_finite_losses_and_gradients(case):
    images, _ = make_batch(1)
    model = make_model()
    labels = torch.full((len(HARD[case]),), 2)
    losses = model.losses(images, [{"boxes": HARD[case], "labels": labels}])
    total_of(losses).backward()
    for weight in model.parameters():
        assert weight.grad is not None
        assert weight.grad.isfinite().all()


def test_two_negative_outputs_make_no_high_score():
    found = GridBoxes(
        torch.tensor([[[0.0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 9], [4, 0, 4, 9]]]),
        torch.tensor([[-2.0, 0.5, 3.0, 1.0]]),
        torch.tensor([[[-2.0, 0.5], [0.5, -1], [0.5, 4], [1, 1]]]),
    )
    expected = [[0, 0], [0.25, 0], [0.5, 1], [0, 0]]
    assert class_scores(found)[0].tolist() == expected


@pytest.mark.parametrize(
    "settings", [{"grid": 0}, {"num_boxes": 0}, {"num_classes": 1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="but at least"):
        YOLO(Backbone((8,)), **({"num_classes": 3} | settings))


def test_what_is_no_batch_is_refused():
    model = make_model()
    with pytest.raises(ValueError, match=r"image\[None\]"):
        model.predict(torch.rand(3, 56, 72))
    with pytest.raises(ValueError, match="target per image was expected"):
        model.losses(torch.rand(2, 3, 56, 72), [NOTHING])
