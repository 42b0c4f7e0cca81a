"""Answers to decode_proposals, and its oracle beside torchvision."""

import math

import cheats
import numpy as np
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_convert, clip_boxes_to_image, remove_small_boxes

from course_utils.checks.faster_rcnn.decode_proposals import (
    CASES,
    random_case,
    slow_decode_proposals,
)

MOST = math.log(1000 / 16)


def in_a_loop(deltas, anchors, image_size, *, scale, min_side):
    boxes, rows = [], []
    pairs = zip(deltas.tolist(), anchors.tolist(), strict=True)
    for row, ((dx, dy, dw, dh), (left, top, across, down)) in enumerate(pairs):
        cx, cy = left + dx * across, top + dy * down
        width = across * (math.exp(dw) if dw < MOST else 1000 / 16)
        height = down * (math.exp(dh) if dh < MOST else 1000 / 16)
        x1 = min(max(cx - width / 2, 0), image_size[1]) / scale
        x2 = min(max(cx + width / 2, 0), image_size[1]) / scale
        y1 = min(max(cy - height / 2, 0), image_size[0]) / scale
        y2 = min(max(cy + height / 2, 0), image_size[0]) / scale
        if x2 - x1 >= min_side and y2 - y1 >= min_side:
            boxes.append([x1, y1, x2, y2])
            rows.append(row)
    return torch.tensor(boxes).reshape(-1, 4), torch.tensor(rows).long()


def by_numpy(deltas, anchors, image_size, *, scale, min_side):
    """Clamps the factor instead of its logarithm; limits are the photograph's."""
    t, a = deltas.double().numpy(), anchors.double().numpy()
    with np.errstate(over="ignore"):
        size = a[:, 2:] * np.minimum(np.exp(t[:, 2:]), 62.5)
    centre = a[:, :2] + t[:, :2] * a[:, 2:]
    limit = np.array(image_size[::-1]) / scale
    low = np.clip((centre - size / 2) / scale, 0, limit)
    high = np.clip((centre + size / 2) / scale, 0, limit)
    rows = np.flatnonzero(((high - low) >= min_side).all(axis=1))
    boxes = np.concatenate([low, high], axis=1)[rows]
    return torch.from_numpy(boxes), torch.from_numpy(rows)


def column_by_column(deltas, anchors, image_size, *, scale, min_side):
    dx, dy, dw, dh = deltas.double().T
    cx, cy, width, height = anchors.double().T
    cx, cy = cx + width * dx, cy + height * dy
    width = width * torch.minimum(dw, torch.tensor(MOST)).exp()
    height = height * torch.minimum(dh, torch.tensor(MOST)).exp()
    x1, x2 = ((cx + sign * width / 2).clamp(0, image_size[1]) for sign in (-1, 1))
    y1, y2 = ((cy + sign * height / 2).clamp(0, image_size[0]) for sign in (-1, 1))
    least = min_side * scale
    stays = (x2 - x1 >= least) & (y2 - y1 >= least)
    boxes = torch.stack([x1, y1, x2, y2], dim=1) / scale
    return [boxes[stays], torch.where(stays)[0]]


def decoded(deltas, anchors, *, most=MOST, least=-math.inf):
    """(N, 4) boxes of the network's image, not clipped."""
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    half = anchors[:, 2:] * deltas[:, 2:].clamp(least, most).exp() / 2
    return torch.cat([centre - half, centre + half], dim=1)


def clipped(boxes, image_size):
    limit = torch.tensor([image_size[1], image_size[0]] * 2)
    return boxes.clamp(min=0).minimum(limit)


def filtered(boxes, min_side):
    rows = (boxes[:, 2:] - boxes[:, :2] >= min_side).all(1).nonzero().squeeze(1)
    return boxes[rows], rows


def with_decoding(decode, finish=lambda boxes, rows: (boxes, rows)):
    """An answer of a few lines whose first step alone is another."""

    def answer(deltas, anchors, image_size, *, scale, min_side):
        boxes = clipped(decode(deltas, anchors), image_size)
        return finish(*filtered(boxes / scale, min_side))

    return answer


def with_clamp(most, least=-math.inf):
    return with_decoding(lambda d, a: decoded(d, a, most=most, least=least))


def moved_by_new_size(deltas, anchors):
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST).exp()
    centre = anchors[:, :2] + deltas[:, :2] * size
    return torch.cat([centre - size / 2, centre + size / 2], dim=1)


def doubled_sides(deltas, anchors):
    size = anchors[:, 2:] * deltas[:, 2:].clamp(max=MOST).exp()
    centre = anchors[:, :2] + deltas[:, :2] * anchors[:, 2:]
    return torch.cat([centre - size, centre + size], dim=1)


def clamp_in_place(deltas, anchors):
    deltas[:, 2:].clamp_(max=0.5)
    return decoded(deltas, anchors)


def clipped_after_division(deltas, anchors, image_size, *, scale, min_side):
    boxes = clipped(decoded(deltas, anchors) / scale, image_size)
    return filtered(boxes, min_side)


def crossing_ones_dropped(deltas, anchors, image_size, *, scale, min_side):
    boxes = decoded(deltas, anchors)
    inside = (boxes == clipped(boxes, image_size)).all(1)
    found, rows = filtered(boxes / scale, min_side)
    return found[inside[rows]], rows[inside[rows]]


def measured_before_division(deltas, anchors, image_size, *, scale, min_side):
    boxes, rows = filtered(clipped(decoded(deltas, anchors), image_size), min_side)
    return boxes / scale, rows


def anchors_given_back(deltas, anchors, image_size, **settings):
    return anchors, torch.arange(len(anchors))


def by_coder(deltas, anchors):
    centre, half = anchors[:, :2], anchors[:, 2:] / 2
    corners = torch.cat([centre - half, centre + half], dim=1)
    return BoxCoder((1, 1, 1, 1)).decode_single(deltas, corners)


def by_torchvision(deltas, anchors):
    box_convert(anchors, "cxcywh", "xyxy")
    return decoded(deltas, anchors)


def clipped_by_torchvision(deltas, anchors, image_size, *, scale, min_side):
    boxes = clip_boxes_to_image(decoded(deltas, anchors), image_size)
    return filtered(boxes / scale, min_side)


RIGHT = [in_a_loop, by_numpy, column_by_column]
WRONG = [
    (with_clamp(1000 / 16), "clamp dw and dh at log(1000 / 16)"),
    (with_clamp(MOST, 0), "sides grow and shrink"),
    (with_decoding(lambda d, a: decoded(d.clamp(max=MOST), a)), "the centre moves far"),
    # The slip b_x = p_x + p_w t_w.
    (
        with_decoding(lambda d, a: decoded(d[:, [2, 3, 2, 3]], a)),
        "decode_proposals, case",
    ),
    (
        with_decoding(lambda d, a: decoded(d / torch.tensor([10.0, 10, 5, 5]), a)),
        "the example",
    ),
    (with_decoding(doubled_sides), "the example"),
    (with_decoding(moved_by_new_size), "decode_proposals, case"),
    (clipped_after_division, "decode_proposals, case"),
    (crossing_ones_dropped, "decode_proposals, case"),
    (measured_before_division, "counts pixels of the original image"),
    (with_decoding(decoded, lambda boxes, rows: boxes), "expected a tuple of 2"),
    (with_decoding(clamp_in_place), "changed its input in place"),
    (anchors_given_back, "decode_proposals, case"),
    (with_decoding(by_coder), "decode_single is switched off"),
    (with_decoding(by_torchvision), "box_convert is switched off"),
    (clipped_by_torchvision, "clip_boxes_to_image is switched off"),
    (cheats.lying, "expected a tuple of 2"),
]


def test_decoding_agrees_with_torchvision():
    generator = torch.Generator().manual_seed(11)
    for given in [*CASES.values(), *(random_case(i, generator) for i in range(6))]:
        deltas, anchors, image_size = given.arguments
        corners = box_convert(anchors, "cxcywh", "xyxy")
        boxes = BoxCoder((1, 1, 1, 1)).decode_single(deltas, corners)
        boxes = clip_boxes_to_image(boxes, image_size) / given.settings["scale"]
        right = remove_small_boxes(boxes, given.settings["min_side"])
        found, rows = slow_decode_proposals(*given.arguments, **given.settings)
        assert torch.equal(rows, right)
        torch.testing.assert_close(found, boxes[right], atol=1e-3, rtol=0)
