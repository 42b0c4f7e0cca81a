"""Answers to the task decode_and_keep, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_convert, clip_boxes_to_image

Pair = tuple[int, int]
Found = tuple[Tensor, Tensor, Tensor]


def decode_in_loops(
    vector: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_boxes: int,
    num_classes: int,
    score_threshold: float,
    most: int,
) -> Found:
    """A list of candidates, sorted at the end."""
    height, width = image_size
    rows, columns = grid
    classes, cells = num_classes - 1, rows * columns
    value = vector.tolist()
    found = []
    for i in range(rows):
        for j in range(columns):
            cell = i * columns + j
            for k in range(num_boxes):
                n = cell * num_boxes + k
                sure = min(1.0, max(0.0, value[cells * classes + n]))
                start = cells * (classes + num_boxes) + 4 * n
                x, y, w, h = value[start : start + 4]
                x, y = (j + x) * width / columns, (i + y) * height / rows
                w, h = w * w * width / 2, h * h * height / 2
                xs = [min(max(one, 0), width) for one in (x - w, x + w)]
                ys = [min(max(one, 0), height) for one in (y - h, y + h)]
                box = [xs[0], ys[0], xs[1], ys[1]]
                for c in range(classes):
                    score = sure * min(1.0, max(0.0, value[cell * classes + c]))
                    if score > score_threshold:
                        found.append((score, box, c + 1))
    found.sort(key=lambda one: one[0], reverse=True)
    found = found[:most]
    return (
        torch.tensor([box for _, box, _ in found]).float().reshape(-1, 4),
        torch.tensor([score for score, _, _ in found]).float(),
        torch.tensor([label for _, _, label in found]).long(),
    )


def decode_by_numpy(
    vector: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_boxes: int,
    num_classes: int,
    score_threshold: float,
    most: int,
) -> Found:
    """NumPy, with the candidates chosen first."""
    cells = grid[0] * grid[1]
    chance, sure, box = np.split(
        vector.numpy().astype(np.float64),
        [cells * (num_classes - 1), cells * (num_classes - 1 + num_boxes)],
    )
    chance = np.clip(chance.reshape(*grid, 1, -1), 0, 1)
    sure = np.clip(sure.reshape(*grid, num_boxes, 1), 0, 1)
    box = box.reshape(*grid, num_boxes, 4)
    score = chance * sure
    row, column, k, c = np.nonzero(score > score_threshold)
    value = score[row, column, k, c]
    order = np.argsort(-value, kind="stable")[:most]
    row, column, k, c = (one[order] for one in (row, column, k, c))
    x, y, w, h = np.moveaxis(box[row, column, k], -1, 0)
    x, y = (x + column) / grid[1], (y + row) / grid[0]
    corners = np.stack([x - w**2 / 2, y - h**2 / 2, x + w**2 / 2, y + h**2 / 2], 1)
    corners = np.clip(corners, 0, 1) * [*image_size[::-1], *image_size[::-1]]
    return (
        torch.from_numpy(corners).float(),
        torch.from_numpy(value[order]).float(),
        torch.from_numpy(c + 1),
    )


def decode_by_topk(
    vector: Tensor,
    image_size: Pair,
    *,
    grid: Pair,
    num_boxes: int,
    num_classes: int,
    score_threshold: float,
    most: int,
) -> list[Tensor]:
    """In float64, with each box repeated for each class."""
    (height, width), classes = image_size, num_classes - 1
    cells = grid[0] * grid[1]
    value = vector.double()
    chance = value[: cells * classes].unflatten(0, (cells, classes)).clamp(0, 1)
    value = value[cells * classes :]
    sure = value[: cells * num_boxes].clamp(0, 1)
    box = value[cells * num_boxes :].unflatten(0, (-1, 4))
    cell = torch.arange(cells).repeat_interleave(num_boxes)
    x = (box[:, 0] + cell.remainder(grid[1])) * width / grid[1]
    y = (box[:, 1] + cell.div(grid[1], rounding_mode="floor")) * height / grid[0]
    w, h = width * box[:, 2].square(), height * box[:, 3].square()
    x1, x2 = (x - w / 2).clamp(0, width), (x + w / 2).clamp(0, width)
    y1, y2 = (y - h / 2).clamp(0, height), (y + h / 2).clamp(0, height)
    boxes = torch.stack([x1, y1, x2, y2], 1).repeat_interleave(classes, 0)
    scores = (sure[:, None] * chance.repeat_interleave(num_boxes, 0)).flatten()
    labels = torch.arange(1, num_classes).repeat(cells * num_boxes)
    kept = (scores > score_threshold).nonzero().squeeze(1)
    kept = kept[scores[kept].sort(descending=True, stable=True).indices][:most]
    return [boxes[kept].float(), scores[kept].float(), labels[kept]]


def taken_apart(vector: Tensor, s: dict[str, Any], how: dict[str, str]) -> Found:
    """Class values (cells, 1, C), confidences (cells, K, 1) and boxes (cells, K, 4)."""
    cells = s["grid"][0] * s["grid"][1]
    k, c = s["num_boxes"], s["num_classes"] - 1
    if how.get("layout") == "cell by cell":
        rows = vector.reshape(cells, 5 * k + c)
        boxes = rows[:, : 5 * k].reshape(cells, k, 5)
        return rows[:, None, 5 * k :], boxes[..., 4:], boxes[..., :4]
    lengths = {"classes": c * cells, "sure": k * cells, "boxes": 4 * k * cells}
    order = how.get("layout", "classes sure boxes").split()
    parts = vector.split([lengths[name] for name in order])
    part = dict(zip(order, parts, strict=True))
    chance = part["classes"].reshape(cells, 1, c)
    sure, boxes = part["sure"].reshape(cells, k, 1), part["boxes"].reshape(cells, k, 4)
    inside = how.get("inside")
    if inside == "classes outside":
        chance = part["classes"].reshape(c, cells).T[:, None]
    if inside == "predictors outside":
        sure = part["sure"].reshape(k, cells).T[..., None]
        boxes = part["boxes"].reshape(k, cells, 4).transpose(0, 1)
    if inside == "numbers outside":
        boxes = part["boxes"].reshape(4, cells, k).permute(1, 2, 0)
    return chance, sure, boxes


def corners_of(
    boxes: Tensor, image_size: Pair, grid: Pair, how: dict[str, str]
) -> Tensor:
    """(cells * K, 4) corners in pixels."""
    size, cells = torch.tensor(image_size[::-1]), torch.tensor(grid[::-1])
    number = torch.arange(len(boxes))
    corner = torch.stack([number % grid[1], number // grid[1]], dim=1)
    place = how.get("place")
    if place == "columns first":
        corner = torch.stack([number // grid[0], number % grid[0]], dim=1)
    if place == "no cell":
        corner = corner * 0
    scale = size.flip(0) if place == "image turned" else size
    centre = (boxes[..., :2] + corner[:, None]) / cells * scale
    if place == "of the image":
        centre = boxes[..., :2] * size
    sides = boxes[..., 2:] ** (1 if how.get("size") == "not squared" else 2) * scale
    if how.get("size") == "of the cell":
        sides = sides / cells
    half = sides if how.get("size") == "half" else sides / 2
    low, high = centre - half, centre + half
    if place == "corner":
        low, high = centre, centre + sides
    if how.get("clip") != "none":
        limit = size.flip(0) if how.get("clip") == "turned" else size
        low = low.clamp(min=0).minimum(limit)
        high = high.clamp(min=0).minimum(limit)
    return torch.cat([low, high], dim=-1).reshape(-1, 4)


def scores_of(sure: Tensor, chance: Tensor, how: dict[str, str]) -> Tensor:
    """(cells, K, C) scores."""
    clamp = how.get("clamp")
    if clamp == "product":
        return (sure * chance).clamp(0, 1)
    low, high = {"none": (None, 9e9), "below": (0, 9e9), "above": (-9e9, 1)}.get(
        str(clamp), (0, 1)
    )
    sure, chance = sure.clamp(low, high), chance.clamp(low, high)
    if how.get("score") == "confidence":
        return sure.expand(-1, -1, chance.shape[2])
    if how.get("score") == "class":
        return chance.expand(-1, sure.shape[1], -1)
    return sure * chance


def decode(**how: str) -> Any:
    """An answer with some steps done in another way."""

    def answer(vector: Tensor, image_size: Pair, **s: Any) -> Any:
        chance, sure, boxes = taken_apart(vector, s, how)
        corners = corners_of(boxes, image_size, s["grid"], how)
        scores = scores_of(sure, chance, how)
        classes = scores.shape[2]
        if how.get("keeps") == "best class":
            best = torch.arange(classes) == scores.argmax(-1, keepdim=True)
            scores = scores.where(best, -1)
        order = ranked(scores, s, how)
        shift = 0 if how.get("labels") == "from 0" else 1
        flat = scores.flatten()
        return corners[order // classes], flat[order], order % classes + shift

    answer.__name__ = "_".join(
        f"{key}_{value.replace(' ', '_')}" for key, value in how.items()
    )
    return answer


def ranked(scores: Tensor, s: dict[str, Any], how: dict[str, str]) -> Tensor:
    """The numbers of the candidates that stay."""
    flat, classes = scores.flatten(), scores.shape[2]
    rule, limit = how.get("order"), s["score_threshold"]
    order = flat.argsort(descending=True, stable=True)
    if rule == "last of equals":
        order = len(flat) - 1 - flat.flip(0).argsort(descending=True, stable=True)
    if rule == "labels first":
        turned = scores.flatten(0, 1).T.flatten()
        order = turned.argsort(descending=True, stable=True)
        count = len(turned) // classes
        order = order % count * classes + order // count
    is_kept = flat >= limit if how.get("threshold") == "or equal" else flat > limit
    order = order[is_kept[order]]
    if rule == "worst first":
        order = order.flip(0)
    if how.get("keeps") == "most of each class":
        label = order % classes
        place = (label[:, None] == label).tril(-1).sum(1)
        return order[place < s["most"]]
    if how.get("keeps") == "all":
        return order
    order = order[: s["most"]]
    return order.sort().values if rule == "by box" else order


def one_less(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    return decode()(vector, image_size, **{**s, "most": s["most"] - 1})


def worst_first(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    return [part.flip(0) for part in decode()(vector, image_size, **s)]


def labels_second(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode()(vector, image_size, **s)
    return boxes, labels, scores


def centres_and_sides(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode()(vector, image_size, **s)
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low], 1), scores, labels


def two_results(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    return decode()(vector, image_size, **s)[:2]


def one_dict(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    names = ("boxes", "scores", "labels")
    return dict(zip(names, decode()(vector, image_size, **s), strict=True))


def float_labels(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode()(vector, image_size, **s)
    return boxes, scores, labels.float()


def background_too(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    """As if background had a class value."""
    return decode()(vector, image_size, **{**s, "num_classes": s["num_classes"] + 1})


def square_grid(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    return decode()(vector, image_size, **{**s, "grid": (s["grid"][0],) * 2})


def shares_of_the_image(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode()(vector, image_size, **s)
    return boxes / torch.tensor(image_size[::-1] * 2), scores, labels


def in_place(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    vector.clamp_(0, 1)
    return decode()(vector, image_size, **s)


def all_clamped(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    """The whole vector, so that no root is negative."""
    return decode()(vector.clamp(0, 1), image_size, **s)


def empty_boxes_dropped(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode()(vector, image_size, **s)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return boxes[solid], scores[solid], labels[solid]


def by_torchvision(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    boxes, scores, labels = decode(clip="none")(vector, image_size, **s)
    return clip_boxes_to_image(boxes, image_size), scores, labels


def by_conversion(vector: Tensor, image_size: Pair, **s: Any) -> Any:
    box_convert(torch.zeros(1, 4), "cxcywh", "xyxy")
    return decode()(vector, image_size, **s)
