"""trace_network: the shape after each layer of a network, and its parameters.

The oracle moves a kernel along each axis and counts the places where it fits, and
counts parameters as taps.
"""

import math
from collections.abc import Callable, Sequence
from itertools import count, takewhile
from typing import Any

import torch

from course_utils.checking.check import Ask, check
from course_utils.checking.compare import difference, shown
from course_utils.checking.compare_with import Mistakes, mistaken

Layer = dict[str, Any]
Shape = tuple[int, ...]
Network = tuple[Shape, list[Layer]]

CONVOLUTIONS = (
    "torch.conv1d",
    "torch.conv2d",
    "torch.nn.functional.conv1d",
    "torch.nn.functional.conv2d",
    "torch.nn.Conv1d.forward",
    "torch.nn.Conv2d.forward",
)


def conv(channels: int, kernel: tuple[int, int], **settings: Any) -> Layer:
    """A convolution as the assignment writes it."""
    plain = {"stride": 1, "padding": 0, "dilation": 1, "bias": True}
    return {"kind": "conv", "channels": channels, "kernel": kernel} | plain | settings


def pool(kernel: tuple[int, int], stride: int) -> Layer:
    """A pooling layer as the assignment writes it."""
    return {"kind": "pool", "kernel": kernel, "stride": stride}


def linear(features: int) -> Layer:
    """A linear layer as the assignment writes it."""
    return {"kind": "linear", "features": features}


NETWORKS: dict[str, Network] = {
    "a square kernel": ((3, 20, 31), [conv(8, (3, 3), padding=1)]),
    "no layers": ((3, 20, 31), []),
    "a wide kernel": ((2, 17, 40), [conv(5, (3, 7), stride=2, padding=2)]),
    "a convolution without bias": ((4, 12, 19), [conv(6, (1, 1), bias=False)]),
    "dilation": ((1, 33, 26), [conv(4, (5, 3), dilation=3)]),
    "a pool over an odd size": ((6, 15, 22), [pool((2, 3), 2)]),
    "a linear layer alone": ((4, 3, 5), [linear(7)]),
    "a small classifier": (
        (3, 50, 70),
        [
            conv(8, (5, 5), stride=2, padding=2),
            pool((2, 2), 2),
            conv(12, (3, 3), padding=2, dilation=2, bias=False),
            linear(20),
            linear(6),
        ],
    ),
}


def random_network(generator: torch.Generator) -> Network:
    """A shape and three layers that fit it, all sizes unequal."""

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    shape = (draw(1, 4), draw(40, 60), draw(61, 90))
    first = conv(
        draw(5, 9), (3, 5), stride=draw(1, 3), padding=draw(0, 3), dilation=draw(1, 2)
    )
    return shape, [first, pool((3, 2), 2), linear(draw(2, 11))]


def count_places(
    size: int, kernel: int, *, stride: int, padding: int = 0, dilation: int = 1
) -> int:
    """How many places of a kernel fit into a padded axis, tried one by one."""
    room = size + 2 * padding
    lasts = (place * stride + dilation * (kernel - 1) for place in count())
    return sum(1 for _ in takewhile(lambda last: last < room, lasts))


def slow_trace_network(
    shape: Shape,
    layers: Sequence[Layer],
    *,
    seen: Callable[[Layer], Layer] = lambda layer: layer,
    padded: Callable[[int], float] = lambda padding: padding,
) -> list[tuple[Shape, int]]:
    """The shape after each layer and its parameters, by counting places and taps."""
    rows = []
    for layer in map(seen, layers):
        parameters = 0
        if layer["kind"] == "linear":
            parameters = layer["features"] * (math.prod(shape) + layer.get("bias", 1))
            shape = (layer["features"],)
        else:
            spacing = {
                "stride": layer["stride"],
                "padding": padded(layer.get("padding", 0)),
                "dilation": layer.get("dilation", 1),
            }
            channels = layer.get("channels", shape[0])
            if layer["kind"] == "conv":
                taps = shape[0] * math.prod(layer["kernel"])
                parameters = channels * (taps + layer["bias"])
            sides = [
                count_places(side, kernel, **spacing)
                for side, kernel in zip(shape[1:], layer["kernel"], strict=True)
            ]
            shape = (channels, *sides)
        rows.append((shape, parameters))
    return rows


MISTAKES: Mistakes = {
    "the dilation is ignored": {"seen": lambda layer: layer | {"dilation": 1}},
    "the kernel's height and width are swapped": {
        "seen": lambda layer: (
            layer | {"kernel": layer["kernel"][::-1]} if "kernel" in layer else layer
        )
    },
    "the padding is ignored": {"seen": lambda layer: layer | {"padding": 0}},
    "the bias is left out": {"seen": lambda layer: layer | {"bias": False}},
    "a bias is counted where there is none": {
        "seen": lambda layer: layer | {"bias": True}
    },
    "the padding is counted on one side only": {"padded": lambda padding: padding / 2},
}
WRONG = {text: mistaken(slow_trace_network, steps) for text, steps in MISTAKES.items()}


@check("trace_network", forbids=CONVOLUTIONS, right=slow_trace_network, wrong=WRONG)
def check_trace_network(ask: Ask) -> None:
    """Compare layer by layer, and the shape before the parameters."""
    drawn = {f"random {i}": random_network(ask.generator) for i in range(5)}
    for case, (shape, layers) in (NETWORKS | drawn).items():
        received = ask(case, shape, layers)
        right = slow_trace_network(shape, layers)
        if not isinstance(received, (list, tuple)) or len(received) != len(right):
            wanted = f"a list of {len(right)} pairs (shape, parameters)"
            advice = ": is there a `return`?" if received is None else ""
            ask.fail(case, f"expected {wanted}, received {shown(received)}{advice}")
        is_right = difference(received, right, 0.0) is None
        rows_of = {
            text: wrong(shape, layers)
            for text, wrong in ({} if is_right else WRONG).items()
        }
        for i, layer in enumerate(layers):
            name = f"{case}, layer {i} ({layer['kind']})"
            pair = received[i]
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                ask.fail(
                    name, f"expected a pair (shape, parameters), received {pair!r}"
                )
            for part, what in enumerate(("its shape", "its parameters")):
                mistakes = {text: rows[i][part] for text, rows in rows_of.items()}
                ask.expect(
                    f"{name}, {what}", pair[part], right[i][part], mistakes=mistakes
                )
