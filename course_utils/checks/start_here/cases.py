"""The cases of assignment 00, and slow answers that its checks compare with."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# kernel, stride, padding, dilation
Spacing = tuple[int, int, int, int]

# Each blank: its right value, and what typical mistakes make of it. The text of a
# failure names the mistake and never the value.
BLANKS: dict[str, tuple[int, dict[int, str]]] = {
    "a": (3, {16: "a weight is (out channels, in channels, height, width)"}),
    "b": (
        45,
        {
            46: "the division rounds down, not up",
            44: "padding is added on both sides, or the + 1 at the end is missing",
            61: "this is the height; you gave the width",
        },
    ),
    "c": (
        30,
        {
            31: "the division rounds down, and this pool has no padding",
            29: "the + 1 at the end is missing",
            22: "this is the width; you gave the height",
        },
    ),
    "d": (
        2,
        {
            1: "a dilation of 2 spreads the 3 taps over 5 pixels",
            4: "padding counts the pixels on one side",
            0: "without padding the map would shrink",
        },
    ),
    "e": (
        3480,
        {
            3456: "the bias has parameters too, one an output channel",
            9624: "dilation spreads the taps and adds none",
            240: "every output channel has taps for every input channel",
        },
    ),
    "f": (
        5,
        {
            4: "a kernel of k shrinks the map by k - 1",
            3: "the map shrinks by 4 pixels, not by 2",
        },
    ),
    "g": (
        3744,
        {
            14976: "flattening keeps the images of a batch apart",
            468: "the channels are flattened too",
        },
    ),
    "h": (
        22470,
        {
            22464: "the bias has parameters too, one an output",
            3750: "every output has a weight for every input",
        },
    ),
}

PADDINGS = {
    "3x3 keeps the size": (20, 20, 3, 1, 1),
    "no padding needed": (20, 18, 3, 1, 1),
    "a dilated 3x3 keeps the size": (31, 31, 3, 1, 4),
    "7x7 halves the size": (64, 32, 7, 2, 1),
    "the smallest of two": (17, 6, 4, 3, 1),
    "an even kernel cannot keep the size": (20, 20, 2, 1, 1),
    "too large without padding": (20, 9, 3, 1, 1),
    "a kernel wider than the input": (3, 1, 9, 1, 1),
    "stride 5 cannot reach it": (12, 1, 3, 5, 1),
    "growing the map": (6, 11, 2, 1, 1),
    "one pixel": (1, 1, 1, 1, 1),
    "two pixels are left over": (14, 4, 3, 3, 1),
}


def reached(size: int, padding: int, kernel: int, stride: int, dilation: int) -> int:
    """The size that torch's own convolution gives; 0 where the kernel does not fit."""
    padded = size + 2 * padding
    if padded <= dilation * (kernel - 1):
        return 0
    signal = torch.empty(1, 1, padded, device="meta")
    weight = torch.empty(1, 1, kernel, device="meta")
    return F.conv1d(signal, weight, stride=stride, dilation=dilation).shape[-1]


def search_padding(
    size: int, wanted: int, kernel: int, stride: int, dilation: int
) -> int | None:
    """The first padding at which torch's own convolution gives the wanted size."""
    found, padding = -1, -1
    while found < wanted:
        padding += 1
        found = reached(size, padding, kernel, stride, dilation)
    return padding if found == wanted else None


# Each layer: kernel, stride, padding, dilation. Then the row and column of the cell.
STACKS: dict[str, tuple[list[Spacing], int, int]] = {
    "no layers": ([], 2, 5),
    "one 3x3": ([(3, 1, 0, 1)], 1, 4),
    "one 3x3 with padding": ([(3, 1, 1, 1)], 0, 3),
    "three 3x3": ([(3, 1, 1, 1)] * 3, 6, 2),
    "a pool": ([(2, 2, 0, 1)], 3, 1),
    "stride after a 3x3": ([(3, 1, 1, 1), (3, 2, 1, 1)], 4, 7),
    "stride before a 3x3": ([(3, 2, 1, 1), (3, 1, 1, 1)], 4, 7),
    "a 1x1 with stride 2": ([(1, 2, 0, 1), (3, 1, 0, 1)], 0, 2),
    "dilation": ([(3, 1, 2, 2), (3, 1, 4, 4)], 5, 9),
}


def seen_pixels(layers: Sequence[Spacing], cell: int) -> set[int]:
    """Every input pixel that an output cell reads along one axis, tap by tap."""
    pixels = {cell}
    for kernel, stride, padding, dilation in reversed(layers):
        taps = [tap * dilation - padding for tap in range(kernel)]
        pixels = {pixel * stride + tap for pixel in pixels for tap in taps}
    return pixels


def seen_box(layers: Sequence[Spacing], row: int, column: int) -> Tensor:
    """The half-open xyxy box around every pixel that an output cell reads, (4,)."""
    x, y = seen_pixels(layers, column), seen_pixels(layers, row)
    return torch.tensor([min(x), min(y), max(x) + 1, max(y) + 1], dtype=torch.float32)


def mask_of(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    """(H, W) bool: true inside half-open boxes."""
    mask = torch.zeros(height, width, dtype=torch.bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


MASKS = {
    "one object": mask_of(8, 11, (3, 2, 8, 5))[None],
    "no masks": torch.zeros(0, 6, 9, dtype=torch.bool),
    "one pixel": mask_of(7, 9, (4, 1, 5, 2))[None],
    "the whole image": mask_of(5, 12, (0, 0, 12, 5))[None],
    "two parts of one object": mask_of(9, 14, (1, 6, 3, 8), (10, 0, 13, 2))[None],
    "an empty mask between two": torch.stack(
        [mask_of(6, 8, (0, 1, 2, 6)), mask_of(6, 8), mask_of(6, 8, (5, 0, 8, 1))]
    ),
}


def slow_tight_boxes(masks: Tensor) -> Tensor:
    """Half-open boxes found by looking at every pixel; zeros for an empty mask."""
    boxes = torch.zeros(len(masks), 4)
    for box, mask in zip(boxes, masks.tolist(), strict=True):
        ys = [y for y, row in enumerate(mask) if any(row)]
        xs = [x for row in mask for x, inside in enumerate(row) if inside]
        if ys:
            box[:] = torch.tensor([min(xs), min(ys), max(xs) + 1, max(ys) + 1])
    return boxes


def slow_yolo_to_voc(boxes: Tensor, height: int, width: int) -> Tensor:
    """Normalised cxcywh to 1-based inclusive corners, one number after the other."""
    rows = []
    for cx, cy, w, h in boxes.double().tolist():
        left, top = (cx - w / 2) * width, (cy - h / 2) * height
        rows.append([left + 1, top + 1, left + w * width, top + h * height])
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
