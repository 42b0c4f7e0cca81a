"""Convolution arithmetic: sizes, parameters, and what an output pixel sees."""

from collections.abc import Sequence
from typing import NamedTuple

from course_utils.ops.validators import check_at_least


class ConvLayer(NamedTuple):
    """What a convolution or a pooling does to one axis."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class ReceptiveField(NamedTuple):
    """Output pixel i sees input pixels [start + i * stride, start + i * stride + size).

    In pixels of the input; `start` is negative where padding is seen too.
    """

    size: int
    stride: int
    start: int


def check_layer(layer: ConvLayer) -> None:
    """Raises ValueError, with the name and the value, if a setting is out of range."""
    kernel, stride, padding, dilation = layer
    check_at_least(1, kernel=kernel, stride=stride, dilation=dilation)
    check_at_least(0, padding=padding)


def conv_output_size(
    size: int, kernel: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """How many positions a kernel has along one axis: the size of the output.

    `padding` counts on both ends. The division rounds down, so pixels at the end that
    fill no whole stride are never read. Raises ValueError if the kernel is longer than
    the padded axis.
    """
    layer = ConvLayer(kernel, stride, padding, dilation)
    check_fits(size, layer)
    reach = dilation * (kernel - 1) + 1  # from the first pixel it reads to the last
    return (size + 2 * padding - reach) // stride + 1


def check_fits(size: int, layer: ConvLayer) -> None:
    """Raises ValueError if a kernel is longer than the padded axis."""
    check_layer(layer)
    reach = layer.dilation * (layer.kernel - 1) + 1
    padded = size + 2 * layer.padding
    if size < 1 or reach > padded:
        raise ValueError(
            f"the kernel reaches over {reach} pixels, but the input of {size} has "
            f"{padded} with padding, and at least {reach} were expected: "
            "use a larger input, more padding or a smaller kernel"
        )


def conv_parameters(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    bias: bool = True,
    groups: int = 1,
) -> int:
    """How many weights a convolution with a square kernel learns.

    Each output channel has a kernel over the input channels of its group, and a bias.
    Raises ValueError if the groups do not divide the channels.
    """
    check_groups(in_channels, out_channels, kernel, groups)
    weights = out_channels * (in_channels // groups) * kernel * kernel
    return weights + out_channels if bias else weights


def check_groups(in_channels: int, out_channels: int, kernel: int, groups: int) -> None:
    """Raises ValueError if the groups do not divide the channels."""
    check_layer(ConvLayer(kernel))
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"groups is {groups}, but a divisor of {in_channels} input and "
            f"{out_channels} output channels was expected: try groups=1"
        )


def receptive_field(layers: Sequence[ConvLayer]) -> ReceptiveField:
    """The part of the input that one output pixel of a stack of layers sees.

    Walks from the input to the output: where neighbours in a map are `stride` input
    pixels apart, a kernel reaches over that many times its own length. With no layer, a
    pixel sees itself. Raises ValueError if a setting is out of range.
    """
    size, stride, start = 1, 1, 0
    for layer in map(ConvLayer._make, layers):
        check_layer(layer)
        size += layer.dilation * (layer.kernel - 1) * stride
        start -= layer.padding * stride
        stride *= layer.stride
    return ReceptiveField(size, stride, start)
