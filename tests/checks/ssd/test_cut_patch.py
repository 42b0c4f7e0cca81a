"""Answers to cut_patch, and its oracle beside torchvision."""

import cheats
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.ops import box_convert, box_iou, clip_boxes_to_image
from torchvision.transforms import v2

from course_utils.checks.ssd.cut_patch import CASES, random_case, slow_cut_patch
from course_utils.ops.boxes import clip_boxes


def cut_in_lists(boxes, labels, image_size, patches, *, min_iou, side):
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


def cut_by_numpy(boxes, labels, image_size, patches, *, min_iou, side):
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


def cut_by_next(boxes, labels, image_size, patches, *, min_iou, side):
    """A function that says whether a patch is allowed, and one pass over patches."""

    def held(patch):
        middle = (boxes + boxes[:, [2, 3, 0, 1]])[:, :2] / 2
        return (patch[:2] <= middle).all(1) & (middle < patch[2:]).all(1)

    def inside(patch):
        low = boxes[held(patch), :2].maximum(patch[:2])
        return torch.cat([low, boxes[held(patch), 2:].minimum(patch[2:])], 1)

    def area(box):
        return (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])

    def fits(patch):
        inner = area(inside(patch))
        union = area(patch) + area(boxes[held(patch)]) - inner
        return len(inner) > 0 and float((inner / union).min()) >= min_iou

    whole = torch.tensor([0.0, 0.0, image_size[1], image_size[0]])
    patch = next((each for each in patches if fits(each)), whole)
    scale = side / (patch[2:] - patch[:2]).repeat(2)
    return patch, (inside(patch) - patch[:2].repeat(2)) * scale, labels[held(patch)]


def centre_in(boxes, patch):
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centre >= patch[:2]) & (centre < patch[2:])).all(1)


def area_of(boxes):
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def cut_off(boxes, patch):
    low, high = boxes[:, :2].maximum(patch[:2]), boxes[:, 2:].minimum(patch[2:])
    return torch.cat([low, high], 1)


def iou_of(boxes, patch):
    inner = area_of(cut_off(boxes, patch))
    return inner / (area_of(boxes) + area_of(patch) - inner)


def all_held(iou, kept, least):
    return bool(kept.any() and (iou[kept] >= least).all())


def first(fits, kept):
    return fits[0]


def whole_image(image_size, patches):
    return torch.tensor([0.0, 0.0, image_size[1], image_size[0]])


def seen_in(boxes, patch, side):
    size = (patch[2:] - patch[:2]).repeat(2)
    return (cut_off(boxes, patch) - patch[:2].repeat(2)) / size * side


def together(patch, seen, labels, kept):
    return patch, seen[kept], labels[kept]


def made(
    *,
    holds=centre_in,
    measure=iou_of,
    allows=all_held,
    choice=first,
    otherwise=whole_image,
    sees=seen_in,
    finish=together,
):
    """An answer of these steps, one of which is wrong."""

    def answer(boxes, labels, image_size, patches, *, min_iou, side):
        fits = [
            patch
            for patch in patches
            if allows(measure(boxes, patch), holds(boxes, patch), min_iou)
        ]
        found = choice(fits, [holds(boxes, each) for each in fits]) if fits else None
        patch = otherwise(image_size, patches) if found is None else found
        return finish(patch, sees(boxes, patch, side), labels, holds(boxes, patch))

    return answer


def cut_centre_in(boxes, patch):
    """Clips first, and asks for the centre of what is left."""
    return centre_in(boxes.clamp(min=0).minimum(patch[2:].repeat(2)), patch)


def half_sizes(boxes, patch):
    """Takes (x2 - x1) / 2 for the centre."""
    centre = (boxes[:, 2:] - boxes[:, :2]) / 2
    return ((centre >= patch[:2]) & (centre < patch[2:])).all(1)


def without_minus(boxes, patch):
    return area_of(cut_off(boxes, patch)) / (area_of(boxes) + area_of(patch))


def inclusive(boxes, patch):
    wider = torch.tensor([0.0, 0, 1, 1])
    return iou_of(boxes + wider, patch + wider)


def not_empty(iou, kept, least):
    return bool(kept.any())


def never(iou, kept, least):
    return False


def smallest(fits, kept):
    return min(fits, key=lambda patch: float(area_of(patch)))


def last_patch(image_size, patches):
    return patches[-1] if len(patches) else whole_image(image_size, patches)


def last_pixel(image_size, patches):
    return whole_image(image_size, patches) - torch.tensor([0.0, 0, 1, 1])


def no_patch(image_size, patches):
    return torch.zeros(4)


def clipped_late(boxes, patch, side):
    """Clips to the side before scaling to it."""
    moved = (boxes - patch[:2].repeat(2)).clamp(0, side)
    return moved * (side / (patch[2:] - patch[:2])).repeat(2)


def clipped_low_alone(boxes, patch, side):
    moved = (boxes - patch[:2].repeat(2)).clamp(min=0)
    return moved * (side / (patch[2:] - patch[:2])).repeat(2)


def moved_by_end(boxes, patch, side):
    """Takes the lower right corner from the second corner of each box."""
    return (cut_off(boxes, patch) - patch) * side / (patch[2:] - patch[:2]).repeat(2)


def all_labels(patch, seen, labels, kept):
    return patch, seen[kept], labels


def first_labels(patch, seen, labels, kept):
    return patch, seen[kept], labels[: int(kept.sum())]


def indices(patch, seen, labels, kept):
    return patch, seen[kept], kept.nonzero().squeeze(1)


def all_boxes(patch, seen, labels, kept):
    return patch, seen, labels


def boxes_first(patch, seen, labels, kept):
    return seen[kept], labels[kept], patch


def boxes_and_labels(patch, seen, labels, kept):
    return seen[kept], labels[kept]


def patch_as_list(patch, seen, labels, kept):
    return patch.tolist(), seen[kept], labels[kept]


def corner_and_size(patch, seen, labels, kept):
    size = seen[:, 2:] - seen[:, :2]
    return patch, torch.cat([seen[:, :2], size], 1)[kept], labels[kept]


def sorted_by_label(patch, seen, labels, kept):
    order = labels[kept].argsort(stable=True)
    return patch, seen[kept][order], labels[kept][order]


def in_place(boxes, labels, image_size, patches, **settings):
    found = made()(boxes, labels, image_size, patches, **settings)
    boxes.clamp_(max=50)
    return found


def by_box_iou(boxes, labels, image_size, patches, **settings):
    return patches[box_iou(boxes, patches).sum(0).argmax()], boxes, labels


def by_clipping(boxes, labels, image_size, patches, **settings):
    return patches[0], clip_boxes_to_image(boxes, image_size), labels


def by_library(boxes, labels, image_size, patches, **settings):
    return patches[0], clip_boxes(boxes, *image_size), labels


def by_transform(boxes, labels, image_size, patches, **settings):
    wrapped = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=image_size)
    image = torch.zeros(3, *image_size)
    _, found = v2.RandomIoUCrop()(image, wrapped)
    return patches[0], found, labels


def by_crop(boxes, labels, image_size, patches, **settings):
    found, _ = v2.functional.crop_bounding_boxes(
        boxes, tv_tensors.BoundingBoxFormat.XYXY, 0, 0, 50, 50
    )
    return patches[0], found, labels


EXAMPLE = (
    torch.tensor([10.0, 10, 70, 60]),
    torch.tensor([[20.0, 24, 100, 120]]),
    torch.tensor([1]),
)
RIGHT = [cut_in_lists, cut_by_numpy, cut_by_next, made()]
WRONG = [
    (made(holds=cut_centre_in), "cut_patch, case"),
    (made(holds=half_sizes), "cut_patch, case"),
    (made(measure=without_minus), "cut_patch, case"),
    (made(measure=inclusive), "an IoU a little below the least one"),
    (made(allows=not_empty), "the example"),
    (made(allows=never), "the example"),
    (made(choice=smallest), "cut_patch, case"),
    (made(otherwise=last_patch), "no patch is allowed"),
    (made(otherwise=last_pixel), "no objects"),
    (made(otherwise=no_patch), "no objects"),
    (made(sees=clipped_late), "cut_patch, case"),
    (made(sees=clipped_low_alone), "cut_patch, case"),
    (made(sees=moved_by_end), "cut_patch, case"),
    (made(finish=all_labels), "value 2: expected shape (1,)"),
    (made(finish=first_labels), "value 2"),
    (made(finish=indices), "value 2"),
    (made(finish=all_boxes), "value 1: expected shape (1, 4)"),
    (made(finish=boxes_first), "value 0: expected shape (4,)"),
    (made(finish=boxes_and_labels), "expected 3 values, received 2"),
    (made(finish=patch_as_list), "convert it with `torch.tensor`"),
    (made(finish=corner_and_size), "cut_patch, case"),
    (made(finish=sorted_by_label), "cut_patch, case"),
    (in_place, "changed its input in place"),
    (by_box_iou, "box_iou is switched off"),
    (by_clipping, "clip_boxes_to_image is switched off"),
    (by_library, "clip_boxes is switched off"),
    (by_transform, "make_params is switched off"),
    (by_crop, "crop_bounding_boxes is switched off"),
    (cheats.returns(EXAMPLE), "no objects"),
    (cheats.returns(None), "expected a tuple of 3"),
]


def test_patches_agree_with_torchvision():
    draw = torch.Generator().manual_seed(11)
    for given in [*CASES.values(), *(random_case(i, draw) for i in range(12))]:
        boxes, labels, (height, width), _ = given.arguments
        min_iou, side = given.settings["min_iou"], given.settings["side"]
        patch, moved, names = slow_cut_patch(*given.arguments, **given.settings)
        iou = box_iou(boxes, patch[None])[:, 0]
        centre = box_convert(boxes, "xyxy", "cxcywh")[:, :2]
        held = ((centre >= patch[:2]) & (centre < patch[2:])).all(1)
        assert torch.equal(names, labels[held])
        is_whole = patch.tolist() == [0, 0, width, height]
        assert is_whole or (held.any() and (iou[held] >= min_iou).all())
        size = patch[2:] - patch[:2]
        local = boxes[held] - patch[:2].repeat(2)
        local = clip_boxes_to_image(local, (int(size[1]), int(size[0])))
        torch.testing.assert_close(moved, local * (side / size).repeat(2))
