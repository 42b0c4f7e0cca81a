"""Right and wrong answers to assignment 00, by which its checks are proven."""

import itertools
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Layers = list[dict[str, Any]]
Stack = list[tuple[int, int, int, int]]

BLANKS = {"a": 3, "b": 45, "c": 30, "d": 2, "e": 3480, "f": 5, "g": 3744, "h": 22470}


# trace_network


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


def trace_with_torch(shape: tuple[int, ...], layers: Layers) -> list[Any]:
    rows = []
    image = torch.zeros(1, *shape)
    for layer in layers:
        weight = torch.zeros(layer.get("channels", 1), image.shape[1], 3, 3)
        image = F.conv2d(image, weight)
        rows.append((tuple(image.shape[1:]), weight.numel()))
    return rows


# smallest_padding


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


# receptive_box


def box_by_forward_rule(layers: Stack, row: int, column: int) -> Tensor:
    """Size, stride and start carried from the image to the output."""
    size, jump, start = 1, 1, 0
    for kernel, stride, padding, dilation in layers:
        size += dilation * (kernel - 1) * jump
        start -= padding * jump
        jump *= stride
    x, y = start + jump * column, start + jump * row
    return torch.tensor([x, y, x + size, y + size], dtype=torch.float64)


def box_by_loop(layers: Stack, row: int, column: int) -> Tensor:
    corners = []
    for cell in (column, row):
        low, high = cell, cell + 1
        for kernel, stride, padding, dilation in layers[::-1]:
            low = low * stride - padding
            high = (high - 1) * stride - padding + dilation * (kernel - 1) + 1
        corners.append((low, high))
    (x1, x2), (y1, y2) = corners
    return torch.tensor([float(x1), y1, x2, y2])


def box_swapped(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop(layers, column, row)


def box_inclusive(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop(layers, row, column) - torch.tensor([0.0, 0, 1, 1])


def box_unpadded(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop([(k, s, 0, d) for k, s, _, d in layers], row, column)


def box_undilated(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop([(k, s, p, 1) for k, s, p, _ in layers], row, column)


def box_wrong_order(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop(layers[::-1], row, column)


def box_clipped(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop(layers, row, column).clamp(min=0)


def box_in_whole_numbers(layers: Stack, row: int, column: int) -> Tensor:
    return box_by_loop(layers, row, column).long()


def box_by_popping(layers: Stack, row: int, column: int) -> Tensor:
    box = box_by_loop(layers, row, column)
    while layers:
        layers.pop()
    return box


# tight_boxes


def boxes_by_pixels(masks: Tensor) -> Tensor:
    boxes = []
    for mask in masks:
        places = mask.nonzero()
        if len(places) == 0:
            boxes.append([0.0, 0, 0, 0])
            continue
        (y1, x1), (y2, x2) = places.amin(0).tolist(), places.amax(0).tolist()
        boxes.append([x1, y1, x2 + 1.0, y2 + 1])
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def boxes_without_a_loop(masks: Tensor) -> Tensor:
    ends = []
    for axis in (1, 2):  # a projection on x, then on y
        shadow = masks.any(dim=axis).float()
        length = shadow.shape[1]
        first = (shadow * torch.arange(length, 0, -1)).amax(1)
        last = (shadow * torch.arange(1, length + 1)).amax(1)
        ends.append((torch.where(first > 0, length - first, 0.0), last))
    (x1, x2), (y1, y2) = ends
    return torch.stack([x1, y1, x2, y2], dim=1)


def boxes_inclusive(masks: Tensor) -> Tensor:
    boxes = boxes_by_pixels(masks)
    boxes[masks.flatten(1).any(1), 2:] -= 1
    return boxes


def boxes_swapped(masks: Tensor) -> Tensor:
    return boxes_by_pixels(masks.transpose(1, 2))


def boxes_that_need_pixels(masks: Tensor) -> Tensor:
    if len(masks) == 0:
        return torch.zeros(0, 4)
    boxes = []
    for mask in masks:
        ys, xs = mask.nonzero(as_tuple=True)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return torch.tensor(boxes).float()


def boxes_of_torchvision(masks: Tensor) -> Tensor:
    import torchvision

    return torchvision.ops.masks_to_boxes(masks)


def boxes_of_one_pixel(masks: Tensor) -> Tensor:
    boxes = boxes_by_pixels(masks)
    boxes[~masks.flatten(1).any(1), 2:] = 1
    return boxes


# yolo_to_voc


def voc_by_loop(boxes: Tensor, height: int, width: int) -> Tensor:
    out = torch.zeros_like(boxes, dtype=torch.float64)
    for i, (cx, cy, w, h) in enumerate(boxes.tolist()):
        out[i, 0] = cx * width - w * width / 2 + 1
        out[i, 1] = cy * height - h * height / 2 + 1
        out[i, 2] = cx * width + w * width / 2
        out[i, 3] = cy * height + h * height / 2
    return out


def voc_by_matrix(boxes: Tensor, height: int, width: int) -> Tensor:
    to_corners = torch.tensor(
        [[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]
    )
    scale = torch.tensor([width, height, width, height])
    return boxes @ to_corners * scale + torch.tensor([1.0, 1, 0, 0])


def voc_swapped(boxes: Tensor, height: int, width: int) -> Tensor:
    return voc_by_matrix(boxes, width, height)


def voc_from_zero(boxes: Tensor, height: int, width: int) -> Tensor:
    return voc_by_matrix(boxes, height, width) - torch.tensor([1.0, 1, 0, 0])


def voc_all_plus_one(boxes: Tensor, height: int, width: int) -> Tensor:
    return voc_by_matrix(boxes, height, width) + torch.tensor([0.0, 0, 1, 1])


def voc_whole_sides(boxes: Tensor, height: int, width: int) -> Tensor:
    return voc_by_matrix(boxes * torch.tensor([1, 1, 2, 2]), height, width)


def voc_not_scaled(boxes: Tensor, height: int, width: int) -> Tensor:
    return voc_by_matrix(boxes, 1, 1)


def voc_centres(boxes: Tensor, height: int, width: int) -> Tensor:
    scale = torch.tensor([width, height, width, height])
    return boxes * scale + torch.tensor([1.0, 1, 0, 0])


def voc_in_place(boxes: Tensor, height: int, width: int) -> Tensor:
    boxes *= torch.tensor([width, height, width, height])
    return voc_by_matrix(boxes, 1, 1)


RIGHT: dict[str, list[Any]] = {
    "missing_dimensions": [BLANKS, dict(reversed(BLANKS.items()))],
    "trace_network": [trace_by_counting, trace_by_formula],
    "smallest_padding": [padding_by_search, padding_by_formula, padding_of_tensors],
    "receptive_box": [box_by_forward_rule, box_by_loop],
    "tight_boxes": [boxes_by_pixels, boxes_without_a_loop],
    "yolo_to_voc": [voc_by_loop, voc_by_matrix],
    "padding_answer": ["b", " B "],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "missing_dimensions": [
        (BLANKS | {"a": 16}, "out channels, in channels"),
        (BLANKS | {"b": 46}, "rounds down"),
        (BLANKS | {"b": 61}, "this is the height"),
        (BLANKS | {"d": 1}, "spreads the 3 taps"),
        (BLANKS | {"e": 3456}, "the bias has parameters too"),
        (BLANKS | {"e": 9624}, "spreads the taps and adds none"),
        (BLANKS | {"g": 14976}, "a batch apart"),
        (BLANKS | {"h": 1}, "write the formula"),
        (BLANKS | {"f": 5.0}, "expected a whole number"),
        (dict.fromkeys(BLANKS, 0), "(a)"),
        ([3, 45, 30, 2, 3480, 5, 3744, 22470], "a dict with the keys"),
    ],
    "trace_network": [
        (lambda s, ls: trace(s, ls, sides=1), "on one side only"),
        (lambda s, ls: trace(s, ls, sides=0), "padding is ignored"),
        (lambda s, ls: trace(s, ls, dilate=False), "dilation is ignored"),
        (lambda s, ls: trace(s, ls, swapped=True), "height and width are swapped"),
        (lambda s, ls: trace(s, ls, count_bias=False), "bias is left out"),
        (lambda s, ls: trace(s, ls, ceil=True), "its shape"),
        (lambda s, ls: [], "a list of 1 pairs"),
        (lambda s, ls: [s] * len(ls), "expected a pair"),
        (trace_with_torch, "is switched off"),
    ],
    "smallest_padding": [
        (padding_half_kernel, "it gives size"),
        (padding_undilated, "a dilated 3x3 keeps the size"),
        (padding_both_sides, "it gives size"),
        (padding_without_test, "expected None"),
        (padding_largest, "not the smallest"),
        (padding_negative, "never negative"),
        (lambda *_, **__: None, "received None"),
        (lambda *_, **__: 1, "no padding needed"),
    ],
    "receptive_box": [
        (box_swapped, "x and y are swapped"),
        (box_inclusive, "half-open"),
        (box_unpadded, "padding is ignored"),
        (box_undilated, "dilation is ignored"),
        (box_wrong_order, "wrong order"),
        (box_clipped, "one 3x3 with padding"),
        (box_in_whole_numbers, "torch.float32"),
        (box_by_popping, "changed its input"),
        (lambda layers, row, column: torch.tensor([5.0, 2, 6, 3]), "one 3x3"),
    ],
    "tight_boxes": [
        (boxes_inclusive, "half-open"),
        (boxes_swapped, "x and y are swapped"),
        (boxes_that_need_pixels, "an empty mask between two"),
        (boxes_of_one_pixel, "an empty mask is given one pixel"),
        (boxes_of_torchvision, "is switched off"),
        (lambda masks: torch.zeros(len(masks), 4), "one object"),
        (lambda masks: masks, "expected shape"),
    ],
    "yolo_to_voc": [
        (voc_swapped, "height and width are swapped"),
        (voc_from_zero, "counts pixels from 1"),
        (voc_all_plus_one, "x2 and y2 stay"),
        (voc_whole_sides, "half a side"),
        (voc_not_scaled, "not pixels"),
        (voc_centres, "two corners"),
        (voc_in_place, "changed its input"),
        (lambda boxes, height, width: boxes, "the whole image"),
    ],
    "padding_answer": [
        ("a", "Padding puts zeros"),
        ("c", "The next layer reads"),
        ("d", "the same numbers"),
        ("e", "one of"),
        (2, "one of"),
    ],
}
