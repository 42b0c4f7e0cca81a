"""The backbone's shapes and what it does not depend on."""

import pytest
import torch

from course_utils.models.backbones import Backbone, BatchNorm


@pytest.mark.parametrize(
    ("widths", "depth", "stride"), [((8,), 1, 2), ((8, 16), 2, 4), ((8, 16, 24), 0, 8)]
)
def test_shapes(widths, depth, stride):
    backbone = Backbone(widths, depth=depth)
    assert (backbone.stride, backbone.out_channels) == (stride, widths[-1])
    maps = backbone(torch.rand(2, 3, 32, 48))
    assert maps.shape == (2, widths[-1], 32 // stride, 48 // stride)
    assert backbone(torch.rand(1, 3, 31, 33)).shape[-2:] == (
        -(-31 // stride),
        -(-33 // stride),
    )


def test_the_map_after_each_halving():
    backbone = Backbone((8, 16, 24), depth=1)
    images = torch.rand(2, 3, 32, 48)
    maps = backbone.maps(images)
    assert [tuple(each.shape) for each in maps] == [
        (2, 8, 16, 24),
        (2, 16, 8, 12),
        (2, 24, 4, 6),
    ]
    assert backbone.widths == (8, 16, 24)
    with torch.no_grad():
        assert torch.equal(backbone.maps(images)[-1], backbone(images))
        whole = backbone.layers((images - 0.5) * 4)
        torch.testing.assert_close(backbone(images), whole)


def test_every_parameter_gets_a_gradient():
    backbone = Backbone((8, 16), depth=2)
    (backbone(torch.rand(2, 3, 16, 16)) ** 2).sum().backward()
    for name, weight in backbone.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("widths", [(), (12,), (8, 0), (8, -8)])
def test_widths_are_multiples_of_eight(widths):
    with pytest.raises(ValueError, match="multiples of 8 were expected"):
        Backbone(widths)


def test_predictions_depend_neither_on_the_mode_nor_on_other_images():
    backbone = Backbone((8, 16))
    images = torch.rand(4, 3, 16, 16)
    for _ in range(3):
        backbone(images * 0.5)  # learn some statistics
    with torch.no_grad():
        first = backbone.train()(images)
        assert torch.equal(backbone.eval()(images), first)
        torch.testing.assert_close(backbone(images[:1]), first[:1])


def test_statistics_change_only_while_learning():
    backbone = Backbone((8,))
    norm = backbone.layers[0][1]
    images = torch.rand(2, 3, 16, 16)
    for mode, gradients, changes in [
        (True, True, True),
        (True, False, False),
        (False, True, False),
    ]:
        before = norm.running_mean.clone()
        with torch.set_grad_enabled(gradients):
            backbone.train(mode)(images)
        assert torch.equal(norm.running_mean, before) is not changes


def test_learning_equals_torchs_batch_norm():
    ours = BatchNorm(5)
    theirs = torch.nn.BatchNorm2d(5)
    x = torch.rand(3, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x), theirs(x))
    for name, value in theirs.state_dict().items():
        if name != "num_batches_tracked":
            torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
