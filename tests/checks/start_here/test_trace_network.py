"""Answers to trace_network, and its oracle beside modules that torch runs."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.checks.start_here.trace_network import (
    NETWORKS,
    random_network,
    slow_trace_network,
)


def by_counting(shape, layers):
    """Counts the places of the kernel one by one, and returns lists."""
    rows = []
    for layer in layers:
        if layer["kind"] == "linear":
            features = layer["features"]
            rows.append([[features], (math.prod(shape) + 1) * features])
            shape = (features,)
            continue
        channels, *sides = shape
        padding, dilation = layer.get("padding", 0), layer.get("dilation", 1)
        new = []
        for side, kernel in zip(sides, layer["kernel"], strict=True):
            start, places = -padding, 0
            while start + dilation * (kernel - 1) <= side + padding - 1:
                start, places = start + layer["stride"], places + 1
            new.append(places)
        parameters = 0
        if layer["kind"] == "conv":
            parameters = layer["channels"] * channels * math.prod(layer["kernel"])
            parameters += layer["channels"] if layer["bias"] else 0
            channels = layer["channels"]
        shape = (channels, *new)
        rows.append([list(shape), parameters])
    return rows


def by_formula(rounded=torch.floor, channels_last=False):
    """An answer that takes both axes at once."""

    def answer(shape, layers):
        rows = []
        for layer in layers:
            if layer["kind"] == "linear":
                parameters = (math.prod(shape) + 1) * layer["features"]
                shape = (layer["features"],)
                rows.append((shape, parameters))
                continue
            kernel = torch.tensor(layer["kernel"])
            padded = torch.tensor(shape[1:]) + 2 * layer.get("padding", 0)
            reach = layer.get("dilation", 1) * (kernel - 1)
            new = rounded((padded - reach - 1) / layer["stride"]).int() + 1
            parameters, channels = 0, shape[0]
            if layer["kind"] == "conv":
                taps = channels * int(kernel.prod()) + layer["bias"]
                channels = layer["channels"]
                parameters = channels * taps
            shape = (channels, *new.tolist())
            shown = (*new.tolist(), channels) if channels_last else shape
            rows.append((shown, parameters))
        return rows

    return answer


def by_torch(shape, layers):
    rows = []
    image = torch.zeros(1, *shape)
    for layer in layers:
        weight = torch.zeros(layer.get("channels", 1), image.shape[1], 3, 3)
        image = F.conv2d(image, weight)
        rows.append((tuple(image.shape[1:]), weight.numel()))
    return rows


def by_taking_layers(shape, layers):
    rows = by_counting(shape, layers)
    while layers:
        layers.pop()
    return rows


RIGHT = [by_counting, by_formula()]
WRONG = [
    (by_formula(torch.ceil), "its shape"),
    (by_formula(channels_last=True), "a square kernel, layer 0 (conv), its shape"),
    (by_taking_layers, "changed its input"),
    (lambda s, ls: [], "a list of 1 pairs"),
    (lambda s, ls: None, "received None: is there a `return`?"),
    (lambda s, ls: [s] * len(ls), "expected a pair"),
    (by_torch, "is switched off"),
]


def built(layer, shape):
    """The torch module of a layer, without memory for its weights."""
    if layer["kind"] == "pool":
        return nn.MaxPool2d(layer["kernel"], layer["stride"])
    if layer["kind"] == "linear":
        module = nn.Linear(math.prod(shape), layer["features"], device="meta")
        return nn.Sequential(nn.Flatten(), module)
    settings = {name: layer[name] for name in ("stride", "padding", "dilation", "bias")}
    sizes = (shape[0], layer["channels"], layer["kernel"])
    return nn.Conv2d(*sizes, **settings, device="meta")


def drawn_networks():
    generator = torch.Generator().manual_seed(11)
    return {f"random {i}": random_network(generator) for i in range(20)}


@pytest.mark.parametrize(
    ("shape", "layers"),
    (networks := NETWORKS | drawn_networks()).values(),
    ids=networks,
)
def test_shapes_and_parameters_are_those_of_torch(shape, layers):
    rows = []
    images = torch.empty(1, *shape, device="meta")
    for layer in layers:
        module = built(layer, tuple(images.shape[1:]))
        images = module(images)
        parameters = sum(weight.numel() for weight in module.parameters())
        rows.append((tuple(images.shape[1:]), parameters))
    assert slow_trace_network(shape, layers) == rows
