"""The backbone's shapes and what it does not depend on."""

import pytest
import torch

from course_utils.models.backbone import Backbone


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
