"""Convolution arithmetic against torch's own layers and the support of gradients."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.ops import convolution as ops
from course_utils.ops.convolution import ConvLayer


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_output_size_agrees_with_torch(stride: int, padding: int) -> None:
    settings = {"stride": stride, "padding": padding}
    for size, kernel, dilation in itertools.product(range(1, 13), [1, 2, 3, 5], [1, 2]):
        signal, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
        try:
            peer = F.conv1d(signal, weight, dilation=dilation, **settings).shape[-1]
        except RuntimeError:  # torch refuses a kernel longer than the padded input
            with pytest.raises(ValueError, match="expected"):
                ops.conv_output_size(size, kernel, dilation=dilation, **settings)
        else:
            ours = ops.conv_output_size(size, kernel, dilation=dilation, **settings)
            assert ours == peer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels", [(3, 64, 1), (8, 12, 4), (6, 6, 6)])
def test_parameters_agree_with_torch(
    channels: tuple[int, int, int], bias: bool
) -> None:
    given, made, groups = channels
    layer = nn.Conv2d(given, made, 5, groups=groups, bias=bias)
    peer = sum(parameter.numel() for parameter in layer.parameters())
    assert ops.conv_parameters(given, made, 5, groups=groups, bias=bias) == peer


STACKS = {
    "no layer": [],
    "one layer": [ConvLayer(3)],
    "three of 3": [ConvLayer(3)] * 3,
    "padding": [ConvLayer(3, padding=1)] * 4,
    "strides": [ConvLayer(3, 2, 1), ConvLayer(5, 3, 2), ConvLayer(3, 1, 1)],
    "dilation": [ConvLayer(3, 1, 1), ConvLayer(3, 1, 2, 2), ConvLayer(3, 1, 4, 4)],
    "pooling": [ConvLayer(3, 1, 1), ConvLayer(2, 2), ConvLayer(3), ConvLayer(2, 2)],
    "all": [ConvLayer(7, 2, 3), ConvLayer(3, 2, 1), ConvLayer(3, 1, 3, 3)],
}


@pytest.mark.parametrize("case", STACKS)
def test_receptive_field_is_the_support_of_the_gradient(case: str) -> None:
    layers = STACKS[case]
    field = ops.receptive_field(layers)
    signal = torch.ones(1, 1, 150, dtype=torch.float64, requires_grad=True)
    output = signal
    for layer in layers:
        weight = torch.ones(1, 1, layer.kernel, dtype=torch.float64)
        output = F.conv1d(output, weight, None, *layer[1:])
    for i in (0, 1, output.shape[-1] // 2, output.shape[-1] - 1):
        (gradient,) = torch.autograd.grad(output[0, 0, i], signal, retain_graph=True)
        seen = gradient[0, 0].nonzero().squeeze(1)
        first = field.start + i * field.stride
        assert seen[0].item() == max(first, 0)
        assert seen[-1].item() == min(first + field.size, 150) - 1


def test_receptive_field_on_paper() -> None:
    for number in range(6):
        assert ops.receptive_field([ConvLayer(3)] * number).size == 1 + 2 * number
    assert ops.receptive_field([(3, 2, 1, 1), (3, 2, 1, 1)]) == (7, 4, -3)


MISTAKES = {
    "kernel too long": (lambda: ops.conv_output_size(4, 7, padding=1), "over 7 pixels"),
    "dilated too far": (lambda: ops.conv_output_size(8, 3, dilation=4), "over 9"),
    "no input": (lambda: ops.conv_output_size(0, 1, padding=3), "input of 0"),
    "stride": (lambda: ops.conv_output_size(4, 3, stride=0), "stride is 0"),
    "padding": (lambda: ops.receptive_field([ConvLayer(3, 1, -1)]), "padding is -1"),
    "groups": (lambda: ops.conv_parameters(3, 8, 3, groups=2), "groups is 2"),
    "kernel": (lambda: ops.conv_parameters(3, 8, 0), "kernel is 0"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    call, words = MISTAKES[case]
    with pytest.raises(ValueError, match="expected") as caught:
        call()
    assert words in str(caught.value)
