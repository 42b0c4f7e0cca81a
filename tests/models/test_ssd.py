"""SSD: shapes, gradients, learning, batches that are hard to take, and SSD300."""

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16
from torchvision.ops import box_iou
from two_objects import NOTHING, OBJECTS, make_batch, total_of

from course_utils.models.backbones import Backbone
from course_utils.models.ssd import (
    SSD,
    L2Normalization,
    LastMaps,
    SSD300Backbone,
    SSDHead,
)
from course_utils.ops.default_boxes import (
    SSD300_RATIOS,
    SSD300_SCALES,
    SSD300_STRIDES,
)

CLASSES = 4
LOSSES = ["loss_classifier", "loss_box_reg"]
CELLS = 7 * 9 + 4 * 5  # of the two maps of an image of 56 x 72


def make_model(**settings) -> SSD:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {"scales": (0.35, 0.55, 0.8), "ratios": ((2,), (2,))}
        backbone = LastMaps(Backbone((8, 16, 24, 24)))
        return SSD(backbone, num_classes=CLASSES, **shape | settings)


def test_the_backbone_hands_out_the_maps_of_its_strides():
    backbone = LastMaps(Backbone((8, 16, 24, 32)), first=1)
    maps = backbone(torch.rand(2, 3, 64, 96))
    assert backbone.strides == (4, 8, 16)
    assert backbone.out_channels == (16, 24, 32)
    assert [tuple(each.shape) for each in maps] == [
        (2, 16, 16, 24),
        (2, 24, 8, 12),
        (2, 32, 4, 6),
    ]


@pytest.mark.parametrize("first", [-1, 2])
def test_the_first_map_is_of_a_stage(first):
    with pytest.raises(ValueError, match="halving of 0 to 1"):
        LastMaps(Backbone((8, 16)), first=first)


def test_the_head_answers_in_the_order_of_the_default_boxes():
    head = SSDHead((1,), (2,), num_classes=3)
    (convolution,) = head.convolutions
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[:, :, 1, 1] = 1
        convolution.bias.copy_(100 * torch.arange(14))
    cells = torch.arange(6.0).view(1, 1, 2, 3)
    logits, deltas = head([cells])
    assert logits.shape == (1, 12, 3)
    assert deltas.shape == (1, 12, 4)
    # Cell 5, second box: its logits are channels 7 to 9, its deltas 10 to 13.
    assert logits[0, 11].tolist() == [705, 805, 905]
    assert deltas[0, 11].tolist() == [1005, 1105, 1205, 1305]


def test_answers_have_a_row_for_each_default_box():
    logits, deltas, boxes = make_model()(make_batch()[0])
    assert logits.shape == (2, 4 * CELLS, CLASSES)
    assert deltas.shape == (2, 4 * CELLS, 4)
    assert boxes.shape == (4 * CELLS, 4)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert (centres > 0).all()
    assert (centres < torch.tensor([72, 56])).all()


@pytest.mark.parametrize("negatives", ["hard", "random", "all"])
def test_every_parameter_gets_a_gradient(negatives):
    model = make_model(negatives=negatives)
    losses = model.losses(*make_batch())
    assert list(losses) == LOSSES
    total_of(losses).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_all_the_background_costs_more_than_a_part_and_the_hard_part_most():
    losses = {}
    for negatives in ("hard", "random", "all"):
        torch.manual_seed(0)
        model = make_model(negatives=negatives)
        losses[negatives] = model.losses(*make_batch())["loss_classifier"].item()
    assert losses["all"] > losses["hard"] > losses["random"]


def test_it_overfits_one_batch():
    model = make_model()
    images, targets = make_batch()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    first = total_of(model.losses(images, targets)).item()
    for _ in range(60):
        loss = total_of(model.losses(images, targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 10
    for found in model.predict(images):
        sure = found["scores"] > 0.5
        assert sorted(found["labels"][sure].tolist()) == [1, 3]
        iou = box_iou(OBJECTS, found["boxes"][sure])
        assert (iou.amax(dim=1) > 0.75).all()


def test_predictions_do_not_depend_on_mode_or_on_other_images():
    model = make_model()
    images, _ = make_batch(3)
    expected = model.train().predict(images)
    for found in (model.eval().predict(images), model.predict(images[[0]])):
        for name, values in found[0].items():
            torch.testing.assert_close(values, expected[0][name], rtol=1e-4, atol=1e-4)


def test_losses_do_not_depend_on_the_mode():
    model = make_model()
    images, targets = make_batch()
    with torch.no_grad():
        pair = [model.train(mode).losses(images, targets) for mode in (True, False)]
    for name in LOSSES:
        assert pair[0][name] == pair[1][name]


def test_detections_are_sorted_and_inside_and_no_more_than_wanted():
    model = make_model(max_detections=7, score_threshold=0.1)
    for found in model.predict(make_batch()[0]):
        assert 0 < len(found["boxes"]) <= 7
        assert (found["scores"].diff() <= 0).all()
        assert (found["scores"] > 0.1).all()
        assert found["labels"].min() >= 1
        assert found["labels"].max() < CLASSES
        assert (found["boxes"] >= 0).all()
        assert (found["boxes"] <= torch.tensor([72, 56, 72, 56])).all()


def test_a_threshold_that_nothing_reaches_leaves_empty_detections():
    for found in make_model(score_threshold=1.0).predict(make_batch()[0]):
        assert found["boxes"].shape == (0, 4)
        assert found["labels"].shape == (0,)


@pytest.mark.parametrize("negatives", ["hard", "random", "all"])
def test_a_batch_without_objects_has_zero_losses(negatives):
    model = make_model(negatives=negatives)
    images, _ = make_batch()
    losses = model.losses(images, [NOTHING, NOTHING])
    assert [each.item() for each in losses.values()] == [0, 0]
    total_of(losses).backward()


def test_an_image_without_objects_costs_nothing_beside_another():
    model = make_model().eval()
    images, targets = make_batch()
    with torch.no_grad():
        alone = model.losses(images[:1], targets[:1])
        beside = model.losses(images, [targets[0], NOTHING])
    for name in LOSSES:
        torch.testing.assert_close(alone[name], beside[name])


def test_an_object_without_area_is_passed_over():
    model = make_model().eval()
    images, targets = make_batch(1)
    thin = torch.cat([OBJECTS, torch.tensor([[9.0, 9, 9, 30]])])
    more = [{"boxes": thin, "labels": torch.tensor([1, 3, 2])}]
    with torch.no_grad():
        with_it, without = model.losses(images, more), model.losses(images, targets)
    assert with_it == without


def test_more_objects_than_default_boxes_are_no_trouble():
    model = make_model(ratios=((), ()))
    images, _ = make_batch(1)
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(500, 2, generator=generator) * 40
    many = {
        "boxes": torch.cat([low, low + 12], dim=1),
        "labels": torch.randint(1, CLASSES, (500,), generator=generator),
    }
    losses = model.losses(images, [many])
    assert all(each.isfinite() for each in losses.values())


@pytest.mark.parametrize("size", [(3, 57, 71), (3, 64, 160), (3, 9, 9)])
def test_images_of_any_size_are_taken(size):
    model = make_model()
    target = {"boxes": torch.tensor([[1.0, 1, 8, 8]]), "labels": torch.tensor([2])}
    losses = model.losses(torch.rand(2, *size), [target, target])
    assert all(each.isfinite() for each in losses.values())
    assert len(model.predict(torch.rand(1, *size))) == 1


def test_settings_of_other_maps_are_refused():
    with pytest.raises(ValueError, match="2 maps"):
        make_model(scales=(0.3, 0.5), ratios=((2,), (2,)))
    with pytest.raises(ValueError, match="2 maps"):
        make_model(scales=(0.3, 0.5), ratios=((2,),))


def test_negatives_are_one_of_three_kinds():
    with pytest.raises(ValueError, match="negatives is 'easy'"):
        make_model(negatives="easy")


def test_a_batch_is_one_tensor_with_a_target_each():
    model = make_model()
    images, targets = make_batch()
    with pytest.raises(ValueError, match="2 images and 1 targets"):
        model.losses(images, targets[:1])
    with pytest.raises(ValueError, match="one tensor"):
        model.predict(list(images))


MAPS = [(512, 38), (1024, 19), (512, 10), (256, 5), (256, 3), (256, 1)]


def make_ssd300(num_classes: int) -> SSD:
    return SSD(
        SSD300Backbone(),
        num_classes=num_classes,
        scales=SSD300_SCALES,
        ratios=SSD300_RATIOS,
        strides=SSD300_STRIDES,
    )


def test_maps_boxes_and_answers_are_those_of_the_paper():
    with torch.device("meta"):
        model = make_ssd300(21)
        images = torch.zeros(2, 3, 300, 300)
        maps = model.backbone(images)
        conv4 = model.head.convolutions[0](maps[0])
    assert [(x.shape[1], x.shape[2]) for x in maps] == MAPS
    assert conv4[0].numel() == 38 * 38 * 4 * (21 + 4) == 144_400
    logits, deltas, boxes = model(images)
    assert logits.shape == (2, 8732, 21)
    assert deltas.shape == (2, 8732, 4)
    assert boxes.shape == (8732, 4)


def test_it_has_as_many_weights_as_torchvisions():
    with torch.device("meta"):
        model = make_ssd300(91)
        peer = ssd300_vgg16(weights=None, weights_backbone=None)
    counts = [sum(w.numel() for w in each.parameters()) for each in (model, peer)]
    assert counts == [35_641_826, 35_641_826]


def test_with_torchvisions_weights_its_maps_are_equal():
    with torch.device("meta"):
        ours, peer = SSD300Backbone(), ssd300_vgg16(weights_backbone=None).backbone
    generator = torch.Generator().manual_seed(0)
    theirs = peer.to_empty(device="cpu")
    ours = ours.to_empty(device="cpu")
    with torch.no_grad():
        for weight in theirs.parameters():
            fan_in = max(weight[0].numel(), 1)
            weight.normal_(std=(2 / fan_in) ** 0.5, generator=generator)
        scale, *others = theirs.parameters()
        places = [p for n, p in ours.named_parameters() if n != "normalize.scale"]
        ours.normalize.scale.copy_(scale)
        for place, weight in zip(places, others, strict=True):
            place.copy_(weight)
        images = torch.rand(1, 3, 300, 300, generator=generator)
        mean = torch.tensor([123.0, 117, 104])[:, None, None]
        expected = theirs(images * 255 - mean).values()
        for mine, other in zip(ours(images), expected, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3)


def test_each_position_gets_the_length_of_the_scale():
    x = torch.rand(2, 6, 3, 4) * 1000
    y = L2Normalization(6)(x)
    torch.testing.assert_close(y.norm(dim=1), torch.full((2, 3, 4), 20.0))
    torch.testing.assert_close(y / y[:, :1], x / x[:, :1])


def test_the_scale_of_each_channel_is_learned():
    layer = L2Normalization(3, scale=2.0)
    layer(torch.rand(1, 3, 2, 2)).sum().backward()
    assert layer.scale.grad is not None
    assert layer.scale.grad.shape == (3,)
    assert (layer.scale.grad > 0).all()


@pytest.mark.parametrize("size", [(1, 4, 2, 2), (0, 4, 2, 2), (1, 4, 0, 3)])
def test_zeros_and_nothing_stay_what_they_are(size):
    x = torch.zeros(size, requires_grad=True)
    y = L2Normalization(4)(x)
    assert y.shape == size
    assert not y.any()
    y.sum().backward()
    assert x.grad.isfinite().all()
