"""SSD300 beside torchvision's: shapes, counts, weights and what its maps hold."""

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16

from course_utils.models.ssd import SSD
from course_utils.models.ssd import L2Normalization, SSD300Backbone
from course_utils.ops.default_boxes import (
    SSD300_RATIOS,
    SSD300_SCALES,
    SSD300_STRIDES,
)

MAPS = [(512, 38), (1024, 19), (512, 10), (256, 5), (256, 3), (256, 1)]


def make_model(num_classes: int) -> SSD:
    return SSD(
        SSD300Backbone(),
        num_classes=num_classes,
        scales=SSD300_SCALES,
        ratios=SSD300_RATIOS,
        strides=SSD300_STRIDES,
    )


def test_maps_boxes_and_answers_are_those_of_the_paper():
    with torch.device("meta"):
        model = make_model(21)
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
        model = make_model(91)
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
