"""Small networks as assignment 00 writes them, and what torch says of their shapes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

Layer = dict[str, Any]
Shape = tuple[int, ...]


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


NETWORKS: dict[str, tuple[Shape, list[Layer]]] = {
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


def built(layer: Layer, shape: Shape, *, one_sided: bool = False) -> nn.Module:
    """The torch module of a layer, without memory for its weights."""
    if layer["kind"] == "pool":
        return nn.MaxPool2d(layer["kernel"], layer["stride"])
    if layer["kind"] == "linear":
        features = int(torch.tensor(shape).prod())
        bias = layer.get("bias", True)
        module = nn.Linear(features, layer["features"], bias=bias, device="meta")
        return nn.Sequential(nn.Flatten(), module)
    names = ("stride", "padding", "dilation", "bias")
    settings = {name: layer[name] for name in names}
    if one_sided:
        settings["padding"] = 0
    ahead = layer["padding"] if one_sided else 0
    return nn.Sequential(
        nn.ZeroPad2d((ahead, 0, ahead, 0)),
        nn.Conv2d(shape[0], layer["channels"], layer["kernel"], **settings),
    ).to("meta")


def run_by_torch(
    shape: Shape, layers: Sequence[Layer], *, one_sided: bool = False
) -> list[tuple[Shape, int]]:
    """What torch says of each layer: its output's shape and its parameters."""
    rows = []
    images = torch.empty(1, *shape, device="meta")
    for layer in layers:
        module = built(layer, tuple(images.shape[1:]), one_sided=one_sided)
        images = module(images)
        parameters = sum(weight.numel() for weight in module.parameters())
        rows.append((tuple(images.shape[1:]), parameters))
    return rows


def random_network(generator: torch.Generator) -> tuple[Shape, list[Layer]]:
    """A shape and three layers that fit it, all sizes unequal."""

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    shape = (draw(1, 4), draw(40, 60), draw(61, 90))
    first = conv(
        draw(5, 9), (3, 5), stride=draw(1, 3), padding=draw(0, 3), dilation=draw(1, 2)
    )
    return shape, [first, pool((3, 2), 2), linear(draw(2, 11))]


def mistaken_traces(
    shape: Shape, layers: Sequence[Layer]
) -> dict[str, list[tuple[Shape, int]]]:
    """The rows that typical mistakes would give, where they give any."""
    changed: dict[str, list[Layer]] = {
        "the dilation is ignored": [
            layer | {"dilation": 1} if "dilation" in layer else layer
            for layer in layers
        ],
        "the kernel's height and width are swapped": [
            layer | {"kernel": layer["kernel"][::-1]} if "kernel" in layer else layer
            for layer in layers
        ],
        "the padding is ignored": [
            layer | {"padding": 0} if "padding" in layer else layer for layer in layers
        ],
        "the bias is left out": [layer | {"bias": False} for layer in layers],
        "a bias is counted where there is none": [
            layer | {"bias": True} for layer in layers
        ],
    }
    traces = {text: run_by_torch(shape, rows) for text, rows in changed.items()}
    one_side = "the padding is counted on one side only"
    return traces | {one_side: run_by_torch(shape, layers, one_sided=True)}
