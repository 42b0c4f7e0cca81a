"""Fast R-CNN: shapes, gradients, learning, and batches that are hard to take."""

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou
from two_objects import OBJECTS, make_image

from course_utils.models.backbones import Backbone
from course_utils.models.fast_rcnn import (
    BoxHead,
    FastRCNN,
    RoIHeads,
    RoISettings,
    small_fast_rcnn,
)

CLASSES = 4


def make_model(propose=None, **settings) -> FastRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = Backbone((8, 16, 24))
        head = BoxHead(24, pooled_size=3, hidden=32, num_classes=CLASSES)
        heads = RoIHeads(head, stride=backbone.stride, pooled_size=3, **settings)
        return FastRCNN(backbone, heads, propose=propose)


def proposals_about(boxes: Tensor, copies: int = 30, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    boxes = boxes.repeat(copies, 1)
    return boxes + 5 * torch.randn(boxes.shape, generator=generator)


def make_batch(number: int = 2):
    images = torch.stack([make_image(i) for i in range(number)])
    targets = [
        {
            "boxes": OBJECTS,
            "labels": torch.tensor([1, 3]),
            "proposals": proposals_about(OBJECTS, seed=i),
        }
        for i in range(number)
    ]
    return images, targets


def nothing() -> dict[str, Tensor]:
    return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def test_every_parameter_gets_a_gradient():
    model = make_model()
    losses = model.losses(*make_batch())
    assert list(losses) == ["loss_classifier", "loss_box_reg"]
    torch.stack(list(losses.values())).sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("loss", ["loss_classifier", "loss_box_reg"])
def test_each_loss_alone_reaches_the_first_convolution(loss):
    model = make_model()
    model.losses(*make_batch())[loss].backward()
    first = next(model.backbone.parameters())
    assert first.grad.abs().sum() > 0


def test_it_overfits_one_batch():
    model = make_model()
    images, targets = make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(300):
            losses = model.losses(images, targets)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
    found = model.predict(images, [target["proposals"] for target in targets])
    assert losses["loss_classifier"] < 0.15
    for each in found:
        # Pooling snaps proposals to cells of 8 pixels: boxes to the pixel are too much.
        best = [each["boxes"][each["labels"] == label][:1] for label in (1, 3)]
        assert box_iou(torch.cat(best), OBJECTS).diagonal().min() > 0.7
        assert each["scores"][0] > 0.8


def test_the_backbone_sees_each_image_once_however_many_proposals():
    model, (images, targets) = make_model(), make_batch()
    seen = []
    model.backbone.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    model.predict(images, [target["proposals"] for target in targets])
    assert [tuple(each.shape) for each in seen] == [(2, 3, 56, 72)]


@pytest.mark.parametrize("is_training", [True, False])
def test_predictions_do_not_depend_on_the_mode(is_training):
    images, targets = make_batch()
    given = [target["proposals"] for target in targets]
    expected = make_model(score_threshold=0).eval().predict(images, given)
    received = make_model(score_threshold=0).train(is_training).predict(images, given)
    for one, other in zip(expected, received, strict=True):
        torch.testing.assert_close(one, other)


def test_predictions_in_a_batch_are_those_of_each_image_alone():
    model = make_model(score_threshold=0)
    images, _ = make_batch(3)
    given = [proposals_about(OBJECTS, copies, seed=copies) for copies in (3, 1, 8)]
    together = model.predict(images, given)
    for image, boxes, expected in zip(images, given, together, strict=True):
        (alone,) = model.predict(image[None], [boxes])
        assert torch.equal(alone["labels"], expected["labels"])
        torch.testing.assert_close(alone["boxes"], expected["boxes"], atol=1e-3, rtol=0)


def test_predictions_are_sorted_and_inside_the_image():
    images, targets = make_batch()
    model = make_model(score_threshold=0, max_detections=7)
    for found in model.predict(images, [each["proposals"] for each in targets]):
        assert len(found["boxes"]) == 7
        assert (found["scores"].diff() <= 0).all()
        assert set(found["labels"].tolist()) <= {1, 2, 3}
        assert (found["boxes"] >= 0).all()
        assert (found["boxes"] <= torch.tensor([72.0, 56, 72, 56])).all()


def test_proposals_come_from_the_callable_where_none_are_given():
    images, targets = make_batch()
    asked = []

    def propose(image: Tensor) -> Tensor:
        asked.append(tuple(image.shape))
        return targets[len(asked) - 1]["proposals"]

    received = make_model(propose=propose, score_threshold=0).predict(images)
    given = [target["proposals"] for target in targets]
    expected = make_model(score_threshold=0).predict(images, given)
    assert asked == [(3, 56, 72)] * 2
    torch.testing.assert_close(received, expected)


def test_without_proposals_and_without_a_callable_it_says_so():
    with pytest.raises(ValueError, match="proposals is None, and so is propose"):
        make_model().predict(make_batch()[0])


@pytest.mark.parametrize(
    ("case", "target"),
    [
        ("no objects", nothing() | {"proposals": proposals_about(OBJECTS)}),
        ("no objects, no proposals", nothing() | {"proposals": torch.zeros(0, 4)}),
        (
            "no proposals",
            {
                "boxes": OBJECTS,
                "labels": torch.tensor([1, 3]),
                "proposals": torch.zeros(0, 4),
            },
        ),
        (
            "none of them on an object",
            {
                "boxes": OBJECTS[:1],
                "labels": torch.tensor([1]),
                "proposals": OBJECTS[1:].repeat(9, 1),
            },
        ),
        (
            "outside the image, flat, or inside out",
            {
                "boxes": OBJECTS,
                "labels": torch.tensor([1, 3]),
                "proposals": torch.tensor(
                    [[90.0, 0, 99, 9], [5, 5, 5, 20], [40, 40, 9, 9], [-9, -9, 30, 90]]
                ),
            },
        ),
    ],
)
@pytest.mark.parametrize("is_alone", [True, False])
def test_hard_targets_have_finite_losses(case, target, is_alone):
    images, targets = make_batch()
    if is_alone:
        images, targets = images[:1], []
    model = make_model()
    losses = model.losses(images, [*targets[:1], target])
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.isfinite(), case
    for name, weight in model.named_parameters():
        assert weight.grad.isfinite().all(), (case, name)


def test_without_objects_there_is_no_box_loss():
    images, _ = make_batch(1)
    target = nothing() | {"proposals": proposals_about(OBJECTS)}
    losses = make_model().losses(images, [target])
    assert losses["loss_box_reg"] == 0
    assert losses["loss_classifier"] > 0


@pytest.mark.parametrize(
    "proposals",
    [
        torch.zeros(0, 4),
        torch.tensor([[5.0, 5, 5, 20], [80, 80, 90, 90], [40, 40, 9, 9]]),
    ],
)
def test_without_a_usable_proposal_nothing_is_found(proposals):
    images, targets = make_batch()
    model = make_model(score_threshold=0)
    found = model.predict(images, [proposals, targets[1]["proposals"]])
    assert found[0]["boxes"].shape == (0, 4)
    assert found[0]["scores"].shape == (0,)
    assert found[0]["labels"].dtype == torch.int64
    assert len(found[1]["boxes"]) > 0


def test_no_image_gives_no_prediction():
    assert make_model().predict(torch.zeros(0, 3, 56, 72), []) == []


def test_proposals_that_reach_out_of_the_image_are_clipped():
    images, _ = make_batch(1)
    wide = torch.tensor([[-20.0, -9, 40, 90]])
    clipped = torch.tensor([[0.0, 0, 40, 56]])
    model = make_model(score_threshold=0)
    torch.testing.assert_close(
        model.predict(images, [wide]), model.predict(images, [clipped])
    )


def test_heads_for_another_stride_are_refused():
    heads = RoIHeads(BoxHead(8, hidden=8, num_classes=CLASSES), stride=16)
    with pytest.raises(
        ValueError, match="heads have stride 16, but the backbone has 2"
    ):
        FastRCNN(Backbone((8,)), heads)


def test_the_detector_of_the_lesson_takes_settings_by_name():
    model = small_fast_rcnn((8, 16), num_classes=CLASSES, beta=0.5)
    assert model.roi_heads.settings == RoISettings(beta=0.5)
    assert model.roi_heads.box_head.cls_score.out_features == CLASSES
    assert model.backbone.stride == model.roi_heads.stride == 4
    with pytest.raises(TypeError, match="betta"):
        small_fast_rcnn(betta=0.5)


def test_a_target_without_proposals_is_refused():
    images, targets = make_batch()
    del targets[1]["proposals"]
    with pytest.raises(ValueError, match=r"but `proposals` \(N, 4\) was expected too"):
        make_model().losses(images, targets)


def test_a_batch_with_too_few_targets_is_refused():
    images, targets = make_batch()
    with pytest.raises(ValueError, match="proposals for 1 images, but there are 2"):
        make_model().losses(images, targets[:1])
    with pytest.raises(ValueError, match="proposals for 1 images, but there are 2"):
        make_model().predict(images, [OBJECTS])


def test_images_of_different_sizes_are_refused():
    images = [torch.zeros(3, 56, 72), torch.zeros(3, 40, 72)]
    message = r"shapes \[\(3, 56, 72\), \(3, 40, 72\)\], but one tensor"
    with pytest.raises(ValueError, match=message):
        make_model().predict(images, [OBJECTS, OBJECTS])
    with pytest.raises(ValueError, match=message):
        make_model().losses(images, make_batch()[1])
