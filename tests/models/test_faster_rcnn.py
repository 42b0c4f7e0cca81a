"""Faster R-CNN: shapes, gradients, learning, and batches that are hard to take."""

import pytest
import torch
from torchvision.ops import box_iou
from two_objects import NOTHING, OBJECTS, make_batch, total_of

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import BoxHead, RoIHeads
from course_utils.models.faster_rcnn import FasterRCNN
from course_utils.models.rpn import RPN

CLASSES = 4
LOSSES = ["loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg"]


PROPOSALS = {"train_proposals": (200, 60), "test_proposals": (100, 30)}
HEADS = {"count": 512, "negative_iou": (0.0, 0.5), "beta": 1 / 9, "iou_threshold": 0.5}


def make_model(**settings) -> FasterRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = Backbone((8, 16, 24))
        rpn = RPN(24, sizes=(16, 28), ratios=(0.7, 1.4), count=64, **PROPOSALS)
        head = BoxHead(24, pooled_size=3, hidden=32, num_classes=CLASSES)
        settings = HEADS | {"stride": backbone.stride, "pooled_size": 3} | settings
        return FasterRCNN(backbone, rpn, RoIHeads(head, **settings))


def test_every_parameter_gets_a_gradient():
    model = make_model(count=32)
    losses = model.losses(*make_batch())
    assert sorted(losses) == sorted(LOSSES)
    total_of(losses).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_reaches_the_backbone_and_its_own_head_only(name):
    model = make_model(count=32)
    model.losses(*make_batch())[name].backward()
    is_rpn = name in LOSSES[:2]
    assert next(model.backbone.parameters()).grad.abs().sum() > 0
    other = model.roi_heads if is_rpn else model.rpn
    # The proposals are detached: the head's losses say nothing to the RPN.
    for weight in other.parameters():
        assert weight.grad is None or (weight.grad == 0).all()


def test_it_overfits_one_batch():
    model = make_model(count=32, positive_fraction=0.5)
    images, targets = make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(200):
            optimizer.zero_grad()
            total_of(model.losses(images, targets)).backward()
            optimizer.step()
    for found in model.predict(images):
        sure = found["scores"] > 0.7
        overlap, match = box_iou(OBJECTS, found["boxes"][sure]).max(dim=1)
        assert (overlap > 0.6).all()  # pooling snaps to cells of 8 pixels
        assert found["labels"][sure][match].tolist() == [1, 3]
    proposals = model.propose(images, (100, 10))[0]["boxes"]
    assert (box_iou(OBJECTS, proposals).amax(dim=1) > 0.6).all()


def test_predictions_are_sorted_boxes_inside_the_image():
    images, _ = make_batch(3)
    model = make_model(score_threshold=0.0, max_detections=40)
    found = model.predict(images)
    assert len(found) == 3
    for one in found:
        assert list(one) == ["boxes", "scores", "labels"]
        assert len(one["boxes"]) == len(one["scores"]) == len(one["labels"]) <= 40
        assert (one["scores"].diff() <= 0).all()
        assert one["labels"].min() >= 1
        assert one["labels"].max() < CLASSES
        x1, y1, x2, y2 = one["boxes"].unbind(1)
        assert (x1 >= 0).all()
        assert (y1 >= 0).all()
        assert (x2 <= 72).all()
        assert (y2 <= 56).all()
        assert ((x2 > x1) & (y2 > y1)).all()


def test_images_of_a_batch_do_not_meet():
    images, _ = make_batch(3)
    model = make_model(score_threshold=0.0)
    together = model.predict(images)
    for image, expected in zip(images, together, strict=True):
        alone = model.predict(image[None])[0]
        torch.testing.assert_close(alone["scores"], expected["scores"])
        torch.testing.assert_close(alone["boxes"], expected["boxes"])


def test_what_comes_back_does_not_depend_on_the_mode():
    images, targets = make_batch()
    model = make_model()
    for mode in (True, False):
        model.train(mode)
        assert model.predict(images)[0].keys() == {"boxes", "scores", "labels"}
        assert sorted(model.losses(images, targets)) == sorted(LOSSES)
        assert model.training is mode


def test_predicting_again_gives_the_same_in_either_mode():
    images, _ = make_batch()
    model = make_model(score_threshold=0.0)
    first = model.train().predict(images)
    second = model.eval().predict(images)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a["boxes"], b["boxes"])
        assert torch.equal(a["scores"], b["scores"])


def targets_of(boxes: list[list[float]]):
    boxes_ = torch.tensor(boxes).reshape(-1, 4)
    return {"boxes": boxes_, "labels": torch.ones(len(boxes), dtype=torch.int64)}


HARD = {
    "no objects": [NOTHING, NOTHING],
    "one without objects": [NOTHING, targets_of([[6, 8, 30, 36]])],
    "half outside": [targets_of([[-20, -9, 22, 24]]), targets_of([[60, 40, 99, 99]])],
    "outside": [targets_of([[-50, -50, -20, -10]]), targets_of([[99, 99, 120, 120]])],
    "no area": [targets_of([[10, 10, 10, 30]]), targets_of([[5, 5, 5, 5]])],
    "tiny": [targets_of([[10, 10, 10.5, 10.5]]), targets_of([[5, 5, 6, 6]])],
}


@pytest.mark.parametrize("targets", HARD.values(), ids=HARD)
def test_hard_batches_give_finite_losses_and_gradients(targets):
    model = make_model()
    losses = model.losses(make_batch()[0], targets)
    assert all(loss.isfinite() for loss in losses.values())
    total_of(losses).backward()
    for weight in model.parameters():
        assert weight.grad is None or weight.grad.isfinite().all()


def test_without_objects_there_is_no_box_loss():
    losses = make_model().losses(make_batch()[0], HARD["no objects"])
    assert losses["loss_rpn_box_reg"] == 0
    assert losses["loss_box_reg"] == 0
    assert losses["loss_classifier"] > 0
    assert losses["loss_objectness"] > 0


def test_proposals_that_are_all_background():
    model = make_model()
    images, targets = make_batch()
    features = model.backbone(images)
    corner = torch.tensor([[62.0, 0, 72, 6]])
    # Without the truth among them: no RoI shows an object.
    far = [
        {"boxes": boxes["boxes"] + 500, "labels": boxes["labels"]} for boxes in targets
    ]
    losses = model.roi_heads.losses(features, [corner, corner], [NOTHING, NOTHING])
    assert losses["loss_box_reg"] == 0
    assert losses["loss_classifier"].isfinite()
    losses = model.roi_heads.losses(features, [corner, corner], far)
    assert all(loss.isfinite() for loss in losses.values())


def test_without_any_proposal():
    model = make_model()
    images, _ = make_batch()
    features, empty = model.backbone(images), torch.zeros(0, 4)
    found = model.roi_heads.detect(features, [empty, empty], (56, 72))
    assert [one["boxes"].shape for one in found] == [(0, 4), (0, 4)]
    losses = model.roi_heads.losses(features, [empty, empty], [NOTHING, NOTHING])
    assert all(loss == 0 for loss in losses.values())


def test_an_image_in_which_all_is_background_gives_no_detection():
    model = make_model(score_threshold=0.9)
    found = model.predict(torch.zeros(1, 3, 56, 72))[0]
    assert found["boxes"].shape == (0, 4)
    assert found["scores"].shape == found["labels"].shape == (0,)


def test_a_list_of_images_of_different_sizes_is_refused():
    images = [torch.zeros(3, 56, 72), torch.zeros(3, 64, 72)]
    with pytest.raises(ValueError, match=r"shapes \[\(3, 56, 72\), \(3, 64, 72\)\]"):
        make_model().predict(images)
    with pytest.raises(ValueError, match="one size"):
        make_model().losses(images, [NOTHING, NOTHING])


@pytest.mark.parametrize("shape", [(3, 56, 72), (2, 1, 56, 72)])
def test_images_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\) was expected"):
        make_model().predict(torch.zeros(shape))


def test_each_image_needs_a_target():
    with pytest.raises(ValueError, match="2 images and 1 targets"):
        make_model().losses(make_batch()[0], [NOTHING])


def test_an_image_without_a_single_position_is_refused():
    assert make_model().predict(torch.zeros(0, 3, 56, 72)) == []
    # 5 pixels still give a position; an anchor about it reaches over the image.
    found = make_model().predict(torch.zeros(1, 3, 5, 5))[0]
    assert found["boxes"].shape[1] == 4


def test_more_proposals_can_be_asked_for():
    model = make_model()
    images, _ = make_batch(1)
    few, many = (model.propose(images, (200, n))[0] for n in (5, 50))
    assert len(few["boxes"]) == 5
    assert torch.equal(many["boxes"][:5], few["boxes"])
    assert len(model.propose(images)[0]["boxes"]) <= 30


@pytest.mark.parametrize("none", [(0, 30), (100, 0)])
def test_no_proposals_can_be_asked_for(none):
    images, _ = make_batch()
    for found in make_model().propose(images, none):
        assert found["boxes"].shape == (0, 4)
        assert found["scores"].shape == (0,)


def test_heads_for_another_stride_are_refused():
    heads = RoIHeads(BoxHead(8, hidden=8, num_classes=CLASSES), stride=16)
    with pytest.raises(
        ValueError, match="heads have stride 16, but the backbone has 2"
    ):
        FasterRCNN(Backbone((8,)), RPN(8, sizes=(16,), ratios=(1,)), heads)
