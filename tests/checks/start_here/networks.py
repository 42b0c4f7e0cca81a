"""Answers about sizes and padding, right and wrong."""

import itertools
import math
from typing import Any

import torch
from torch.nn import functional as F

Layers = list[dict[str, Any]]


def trace_by_counting(shape: tuple[int, ...], layers: Layers) -> list[Any]:
    """Counts the places of the kernel one by one."""
    rows = []
    for layer in layers:
        if layer["kind"] == "linear":
            rows.append([[layer["features"]], 0])
            for size in shape:
                rows[-1][1] = (rows[-1][1] or 1) * size
            rows[-1][1] = rows[-1][1] * layer["features"] + layer["features"]
            shape = (layer["features"],)
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


def trace_by_formula(shape: tuple[int, ...], layers: Layers) -> list[Any]:
    return trace(shape, layers)


def trace(
    shape: tuple[int, ...],
    layers: Layers,
    *,
    sides: int = 2,
    dilate: bool = True,
    swapped: bool = False,
    count_bias: bool = True,
    ceil: bool = False,
) -> list[Any]:
    """The formula, with switches for the mistakes."""
    rows = []
    for layer in layers:
        if layer["kind"] == "linear":
            parameters = math.prod(shape) * layer["features"]
            parameters += layer["features"] if count_bias else 0
            shape = (layer["features"],)
            rows.append((shape, parameters))
            continue
        kernel = torch.tensor(layer["kernel"][::-1] if swapped else layer["kernel"])
        dilation = layer.get("dilation", 1) if dilate else 1
        padded = torch.tensor(shape[1:]) + sides * layer.get("padding", 0)
        exact = (padded - dilation * (kernel - 1) - 1) / layer["stride"]
        new = (exact.ceil() if ceil else exact.floor()) + 1
        parameters = 0
        channels = shape[0]
        if layer["kind"] == "conv":
            bias = 1 if layer["bias"] and count_bias else 0
            parameters = layer["channels"] * (channels * int(kernel.prod()) + bias)
            channels = layer["channels"]
        shape = (channels, int(new[0]), int(new[1]))
        rows.append((shape, parameters))
    return rows


def trace_with_every_bias(shape: tuple[int, ...], layers: Layers) -> list[Any]:
    return trace(shape, [layer | {"bias": True} for layer in layers])


def trace_with_torch(shape: tuple[int, ...], layers: Layers) -> list[Any]:
    rows = []
    image = torch.zeros(1, *shape)
    for layer in layers:
        weight = torch.zeros(layer.get("channels", 1), image.shape[1], 3, 3)
        image = F.conv2d(image, weight)
        rows.append((tuple(image.shape[1:]), weight.numel()))
    return rows


def padding_by_search(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    for padding in itertools.count():
        places = 0
        while places * stride + dilation * (kernel - 1) < size + 2 * padding:
            places += 1
        if places >= wanted:
            return padding if places == wanted else None
    return None


def padding_by_formula(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    least = (wanted - 1) * stride + dilation * (kernel - 1) + 1 - size
    most = least + stride - 1
    padding = max(0, -(-least // 2))
    return padding if 2 * padding <= most else None


def padding_of_tensors(size: int, wanted: int, kernel: int, **settings: int) -> Any:
    padding = padding_by_formula(size, wanted, kernel, **settings)
    return None if padding is None else torch.tensor(padding)


def padding_half_kernel(size: int, wanted: int, kernel: int, **_: int) -> int:
    return (kernel - 1) // 2


def padding_undilated(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    return padding_by_formula(size, wanted, kernel, stride=stride)


def padding_both_sides(size: int, wanted: int, kernel: int, **settings: int) -> Any:
    padding = padding_by_formula(size, wanted, kernel, **settings)
    return None if padding is None else 2 * padding


def padding_without_test(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int:
    least = (wanted - 1) * stride + dilation * (kernel - 1) + 1 - size
    return max(0, math.ceil(least / 2))


def padding_largest(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    most = wanted * stride + dilation * (kernel - 1) - size
    smallest = padding_by_formula(
        size, wanted, kernel, stride=stride, dilation=dilation
    )
    return None if smallest is None else most // 2


def padding_negative(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    reach = dilation * (kernel - 1) + 1
    padding = -((size - reach - (wanted - 1) * stride) // 2)
    fits = (size + 2 * padding - reach) // stride + 1 == wanted
    return padding if fits else None


def padding_down_to_minus_one(
    size: int, wanted: int, kernel: int, *, stride: int = 1, dilation: int = 1
) -> int | None:
    reach = dilation * (kernel - 1) + 1
    lacking = (wanted - 1) * stride + reach - size
    padding = max(-1, math.ceil(lacking / 2))
    fits = (size + 2 * padding - reach) // stride + 1 == wanted
    return padding if fits else None
