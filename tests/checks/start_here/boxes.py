"""Answers about boxes, right and wrong."""

import torch
from torch import Tensor

Stack = list[tuple[int, int, int, int]]


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
