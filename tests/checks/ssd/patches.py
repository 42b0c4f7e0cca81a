"""Answers to the task cut_patch, right ones first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.ops import box_iou, clip_boxes_to_image
from torchvision.transforms import v2

from course_utils.ops.boxes import clip_boxes

Pair = tuple[int, int]


def cut_in_lists(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
) -> tuple[Tensor, Tensor, Tensor]:
    rows = boxes.tolist()
    whole = [0.0, 0.0, float(image_size[1]), float(image_size[0])]
    for number, patch in enumerate([*patches.tolist(), whole]):
        a, b, c, d = patch
        kept, parts, allowed = [], [], True
        for n, (x1, y1, x2, y2) in enumerate(rows):
            if not (a <= (x1 + x2) / 2 < c and b <= (y1 + y2) / 2 < d):
                continue
            seen = [max(x1, a), max(y1, b), min(x2, c), min(y2, d)]
            inner = (seen[2] - seen[0]) * (seen[3] - seen[1])
            union = (x2 - x1) * (y2 - y1) + (c - a) * (d - b) - inner
            allowed &= inner / union >= min_iou
            kept.append(n)
            x, y = side / (c - a), side / (d - b)
            moved = [seen[0] - a, seen[1] - b, seen[2] - a, seen[3] - b]
            parts.append([moved[0] * x, moved[1] * y, moved[2] * x, moved[3] * y])
        if number == len(patches) or (kept and allowed):
            names = [int(labels[n]) for n in kept]
            found = torch.tensor(parts).reshape(-1, 4)
            return torch.tensor(patch), found, torch.tensor(names).long()
    raise AssertionError


def cut_by_numpy(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
) -> list[Tensor]:
    """All pairs at once, in float64."""
    b, p = boxes.double().numpy()[:, None], patches.double().numpy()
    p = np.concatenate([p, [[0, 0, image_size[1], image_size[0]]]])
    middle = b[..., :2] / 2 + b[..., 2:] / 2
    kept = ((middle >= p[:, :2]) & (middle < p[:, 2:])).all(-1)  # (N, P + 1)
    low, high = np.maximum(b[..., :2], p[:, :2]), np.minimum(b[..., 2:], p[:, 2:])
    inner = np.prod(np.maximum(high - low, 0), -1)
    union = np.prod(b[..., 2:] - b[..., :2], -1) + np.prod(p[:, 2:] - p[:, :2], -1)
    good = ~kept | (inner / (union - inner) >= min_iou)
    fits = kept.any(0) & good.all(0)
    fits[-1] = True
    k = int(fits.argmax())
    corners = np.concatenate([low[:, k], high[:, k]], 1)[kept[:, k]]
    corners = (corners - np.tile(p[k, :2], 2)) / np.tile(p[k, 2:] - p[k, :2], 2) * side
    here = torch.from_numpy(kept[:, k])
    return [torch.from_numpy(p[k]), torch.from_numpy(corners), labels[here]]


def cut_by_next(
    boxes: Tensor,
    labels: Tensor,
    image_size: Pair,
    patches: Tensor,
    *,
    min_iou: float,
    side: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """A function that says whether a patch is allowed, and one pass over patches."""

    def held(patch: Tensor) -> Tensor:
        middle = (boxes + boxes[:, [2, 3, 0, 1]])[:, :2] / 2
        return (patch[:2] <= middle).all(1) & (middle < patch[2:]).all(1)

    def inside(patch: Tensor) -> Tensor:
        low = boxes[held(patch), :2].maximum(patch[:2])
        return torch.cat([low, boxes[held(patch), 2:].minimum(patch[2:])], 1)

    def area(box: Tensor) -> Tensor:
        return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])

    def fits(patch: Tensor) -> bool:
        inner = area(inside(patch))
        union = area(patch) + area(boxes[held(patch)]) - inner
        return len(inner) > 0 and float((inner / union).min()) >= min_iou

    whole = torch.tensor([0.0, 0.0, image_size[1], image_size[0]])
    patch = next((each for each in patches if fits(each)), whole)
    scale = side / (patch[2:] - patch[:2]).repeat(2)
    return patch, (inside(patch) - patch[:2].repeat(2)) * scale, labels[held(patch)]


def centre_in(boxes: Tensor, patch: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centre >= patch[:2]) & (centre < patch[2:])).all(1)


def area_of(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def cut_off(boxes: Tensor, patch: Tensor) -> Tensor:
    low, high = boxes[:, :2].maximum(patch[:2]), boxes[:, 2:].minimum(patch[2:])
    return torch.cat([low, high], 1)


def iou_of(boxes: Tensor, patch: Tensor) -> Tensor:
    inner = area_of(cut_off(boxes, patch))
    return inner / (area_of(boxes) + area_of(patch) - inner)


def all_held(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool(kept.any() and (iou[kept] >= least).all())


def first(fits: list[Tensor], kept: list[Tensor]) -> Tensor:
    return fits[0]


def whole_image(image_size: Pair, patches: Tensor) -> Tensor:
    return torch.tensor([0.0, 0.0, image_size[1], image_size[0]])


def seen_in(boxes: Tensor, patch: Tensor, side: float) -> Tensor:
    size = (patch[2:] - patch[:2]).repeat(2)
    return (cut_off(boxes, patch) - patch[:2].repeat(2)) / size * side


def together(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch, seen[kept], labels[kept]


def made(
    *,
    holds: Any = centre_in,
    measure: Any = iou_of,
    allows: Any = all_held,
    choice: Any = first,
    otherwise: Any = whole_image,
    sees: Any = seen_in,
    finish: Any = together,
) -> Callable[..., Any]:
    """An answer of these steps, one of which is wrong."""

    def answer(
        boxes: Tensor,
        labels: Tensor,
        image_size: Pair,
        patches: Tensor,
        *,
        min_iou: float,
        side: float,
    ) -> Any:
        fits = [
            patch
            for patch in patches
            if allows(measure(boxes, patch), holds(boxes, patch), min_iou)
        ]
        found = choice(fits, [holds(boxes, each) for each in fits]) if fits else None
        patch = otherwise(image_size, patches) if found is None else found
        return finish(patch, sees(boxes, patch, side), labels, holds(boxes, patch))

    return answer


def touching(boxes: Tensor, patch: Tensor) -> Tensor:
    return area_of(cut_off(boxes, patch)) > 0


def whole_inside(boxes: Tensor, patch: Tensor) -> Tensor:
    return ((boxes[:, :2] >= patch[:2]) & (boxes[:, 2:] <= patch[2:])).all(1)


def corner_in(boxes: Tensor, patch: Tensor) -> Tensor:
    return ((boxes[:, :2] >= patch[:2]) & (boxes[:, :2] < patch[2:])).all(1)


def x_in(boxes: Tensor, patch: Tensor) -> Tensor:
    centre = (boxes[:, 0] + boxes[:, 2]) / 2
    return (centre >= patch[0]) & (centre < patch[2])


def y_in(boxes: Tensor, patch: Tensor) -> Tensor:
    centre = (boxes[:, 1] + boxes[:, 3]) / 2
    return (centre >= patch[1]) & (centre < patch[3])


def closed(boxes: Tensor, patch: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centre >= patch[:2]) & (centre <= patch[2:])).all(1)


def opened(boxes: Tensor, patch: Tensor) -> Tensor:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centre > patch[:2]) & (centre < patch[2:])).all(1)


def cut_centre_in(boxes: Tensor, patch: Tensor) -> Tensor:
    """Clips first, and asks for the centre of what is left."""
    return centre_in(boxes.clamp(min=0).minimum(patch[2:].repeat(2)), patch)


def half_sizes(boxes: Tensor, patch: Tensor) -> Tensor:
    """Takes (x2 - x1) / 2 for the centre."""
    centre = (boxes[:, 2:] - boxes[:, :2]) / 2
    return ((centre >= patch[:2]) & (centre < patch[2:])).all(1)


def of_the_object(boxes: Tensor, patch: Tensor) -> Tensor:
    return area_of(cut_off(boxes, patch)) / area_of(boxes)


def of_the_patch(boxes: Tensor, patch: Tensor) -> Tensor:
    return area_of(cut_off(boxes, patch)) / area_of(patch)


def without_minus(boxes: Tensor, patch: Tensor) -> Tensor:
    return area_of(cut_off(boxes, patch)) / (area_of(boxes) + area_of(patch))


def not_clamped(boxes: Tensor, patch: Tensor) -> Tensor:
    """Two negative sides give a positive area; but no object that is kept has them."""
    seen = cut_off(boxes, patch)
    inner = (seen[:, 2:] - seen[:, :2]).prod(1)
    return inner / (area_of(boxes) + area_of(patch) - inner)


def inclusive(boxes: Tensor, patch: Tensor) -> Tensor:
    wider = torch.tensor([0.0, 0, 1, 1])
    return iou_of(boxes + wider, patch + wider)


def some_held(iou: Tensor, kept: Tensor, least: float) -> bool:
    """As the lesson's sampler, and torchvision's."""
    return bool((iou[kept] >= least).any())


def some_object(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool((iou >= least).any())


def all_objects(iou: Tensor, kept: Tensor, least: float) -> bool:
    return len(iou) > 0 and bool((iou >= least).all())


def all_touched(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool(kept.any() and (iou[iou > 0] >= least).all())


def strictly(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool(kept.any() and (iou[kept] > least).all())


def on_average(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool(kept.any() and iou[kept].mean() >= least)


def empty_too(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool((iou[kept] >= least).all())


def always(iou: Tensor, kept: Tensor, least: float) -> bool:
    return True


def not_empty(iou: Tensor, kept: Tensor, least: float) -> bool:
    return bool(kept.any())


def never(iou: Tensor, kept: Tensor, least: float) -> bool:
    return False


def last(fits: list[Tensor], kept: list[Tensor]) -> Tensor:
    return fits[-1]


def fullest(fits: list[Tensor], kept: list[Tensor]) -> Tensor:
    return fits[int(torch.stack(kept).sum(1).argmax())]


def smallest(fits: list[Tensor], kept: list[Tensor]) -> Tensor:
    return min(fits, key=lambda patch: float(area_of(patch)))


def turned_image(image_size: Pair, patches: Tensor) -> Tensor:
    return torch.tensor([0.0, 0.0, *image_size])


def first_patch(image_size: Pair, patches: Tensor) -> Tensor:
    return patches[0] if len(patches) else whole_image(image_size, patches)


def last_patch(image_size: Pair, patches: Tensor) -> Tensor:
    return patches[-1] if len(patches) else whole_image(image_size, patches)


def last_pixel(image_size: Pair, patches: Tensor) -> Tensor:
    return whole_image(image_size, patches) - torch.tensor([0.0, 0, 1, 1])


def no_patch(image_size: Pair, patches: Tensor) -> Tensor:
    return torch.zeros(4)


def with_mapping(factor: Any, *, clips: bool = True, moves: bool = True) -> Any:
    def sees(boxes: Tensor, patch: Tensor, side: float) -> Tensor:
        found = cut_off(boxes, patch) if clips else boxes
        found = found - patch[:2].repeat(2) if moves else found
        return found * factor(patch[2:] - patch[:2], side).repeat(2)

    return made(sees=sees)


def each_axis(size: Tensor, side: float) -> Tensor:
    return side / size


def one(size: Tensor, side: float) -> Tensor:
    return torch.ones(2)


def by_width(size: Tensor, side: float) -> Tensor:
    return (side / size)[[0, 0]]


def by_height(size: Tensor, side: float) -> Tensor:
    return (side / size)[[1, 1]]


def by_shorter(size: Tensor, side: float) -> Tensor:
    return (side / size.amin()).repeat(2)


def by_longer(size: Tensor, side: float) -> Tensor:
    return (side / size.amax()).repeat(2)


def axes_turned(size: Tensor, side: float) -> Tensor:
    return (side / size).flip(0)


def shares(size: Tensor, side: float) -> Tensor:
    return 1 / size


def wrong_way(size: Tensor, side: float) -> Tensor:
    return size / side


def clipped_late(boxes: Tensor, patch: Tensor, side: float) -> Tensor:
    """Clips to the side before scaling to it."""
    moved = (boxes - patch[:2].repeat(2)).clamp(0, side)
    return moved * (side / (patch[2:] - patch[:2])).repeat(2)


def clipped_low_alone(boxes: Tensor, patch: Tensor, side: float) -> Tensor:
    moved = (boxes - patch[:2].repeat(2)).clamp(min=0)
    return moved * (side / (patch[2:] - patch[:2])).repeat(2)


def moved_by_end(boxes: Tensor, patch: Tensor, side: float) -> Tensor:
    """Takes the lower right corner from the second corner of each box."""
    return (cut_off(boxes, patch) - patch) * side / (patch[2:] - patch[:2]).repeat(2)


def kept_enough(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    """Leaves out what overlaps the chosen patch too little, also in the whole image."""
    patch, _, _ = made()(boxes, labels, image_size, patches, **settings)
    kept = centre_in(boxes, patch) & (iou_of(boxes, patch) >= settings["min_iou"])
    return patch, seen_in(boxes, patch, settings["side"])[kept], labels[kept]


def all_labels(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch, seen[kept], labels


def first_labels(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch, seen[kept], labels[: int(kept.sum())]


def indices(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch, seen[kept], kept.nonzero().squeeze(1)


def all_boxes(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch, seen, labels


def boxes_first(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return seen[kept], labels[kept], patch


def boxes_and_labels(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return seen[kept], labels[kept]


def patch_as_list(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    return patch.tolist(), seen[kept], labels[kept]


def corner_and_size(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    size = seen[:, 2:] - seen[:, :2]
    return patch, torch.cat([seen[:, :2], size], 1)[kept], labels[kept]


def sorted_by_label(patch: Tensor, seen: Tensor, labels: Tensor, kept: Tensor) -> Any:
    order = labels[kept].argsort(stable=True)
    return patch, seen[kept][order], labels[kept][order]


def in_place(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    found = made()(boxes, labels, image_size, patches, **settings)
    boxes.clamp_(max=50)
    return found


def by_box_iou(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    return patches[box_iou(boxes, patches).sum(0).argmax()], boxes, labels


def by_clipping(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    return patches[0], clip_boxes_to_image(boxes, image_size), labels


def by_library(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    return patches[0], clip_boxes(boxes, *image_size), labels


def by_transform(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    wrapped = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=image_size)
    image = torch.zeros(3, *image_size)
    _, found = v2.RandomIoUCrop()(image, wrapped)
    return patches[0], found, labels


def by_crop(
    boxes: Tensor, labels: Tensor, image_size: Pair, patches: Tensor, **settings: Any
) -> Any:
    found, _ = v2.functional.crop_bounding_boxes(
        boxes, tv_tensors.BoundingBoxFormat.XYXY, 0, 0, 50, 50
    )
    return patches[0], found, labels
