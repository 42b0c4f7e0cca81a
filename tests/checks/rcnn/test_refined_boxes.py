"""Answers to refined_boxes, and its oracle beside torchvision."""

import math

import cheats
import torch
import torchvision
from torchvision.models.detection._utils import BoxCoder

from course_utils.checks.rcnn.refined_boxes import (
    CASES,
    random_case,
    slow_refined_boxes,
)
from course_utils.checks.rcnn.whitened_targets import (
    random_pairs,
    slow_whitened_targets,
)


def in_a_loop(proposals, outputs, labels, means, deviations, *, height, width):
    found = torch.zeros(len(labels), 4, dtype=torch.float64)
    for n, (p, c) in enumerate(zip(proposals.tolist(), labels.tolist(), strict=True)):
        t = (outputs[n, c].double() * deviations[c] + means[c]).tolist()
        for i, limit in enumerate((width, height)):
            side = p[i + 2] - p[i]
            middle = p[i] + side * (0.5 + t[i])
            reach = side * math.exp(t[i + 2]) / 2
            found[n, i] = min(max(middle - reach, 0), limit)
            found[n, i + 2] = min(max(middle + reach, 0), limit)
    return found


def for_all_classes(proposals, outputs, labels, means, deviations, *, height, width):
    """Boxes of all classes first; the right ones are gathered in the end."""
    t = torch.addcmul(means, outputs, deviations)  # (N, K, 4)
    x1, y1, x2, y2 = proposals[:, None].unbind(-1)
    w, h = x2 - x1, y2 - y1
    left = x1 + w * (t[..., 0] + 0.5 - t[..., 2].exp() / 2)
    top = y1 + h * (t[..., 1] + 0.5 - t[..., 3].exp() / 2)
    right, bottom = left + w * t[..., 2].exp(), top + h * t[..., 3].exp()
    across = [edge.clamp(0, width) for edge in (left, right)]
    down = [edge.clamp(0, height) for edge in (top, bottom)]
    boxes = torch.stack([across[0], down[0], across[1], down[1]], -1)
    return boxes.gather(1, labels[:, None, None].expand(-1, 1, 4)).squeeze(1)


def refined(*given, height, width, undo=lambda t, m, s: t * s + m):
    """A few lines of torch, as most learners write them."""
    p, outputs, y, means, spreads = given
    t = undo(outputs[torch.arange(len(y)), y], means[y], spreads[y])
    sides = p[:, 2:] - p[:, :2]
    grown = sides * t[:, 2:].exp()
    low = (p[:, :2] + p[:, 2:]) / 2 + t[:, :2] * sides - grown / 2
    boxes = torch.cat([low, low + grown], 1)
    return boxes.clamp(min=0).minimum(torch.tensor([width, height, width, height]))


def unclipped(*given):
    """Boxes of an image without end, moved so that nothing is cut off at 0."""
    p, *others = given
    return refined(p + 1000, *others, height=9000, width=9000) - 1000


def with_undo(undo):
    return lambda *given, **image: refined(*given, **image, undo=undo)


def class_after_background(p, outputs, y, means, spreads, **image):
    return refined(p, outputs, y - 1, means, spreads, **image)


def statistics_of_class_0(p, outputs, y, means, spreads, **image):
    means, spreads = means[:1].expand_as(means), spreads[:1].expand_as(spreads)
    return refined(p, outputs, y, means, spreads, **image)


def clipped_to_last_pixel(*given, height, width):
    return refined(*given, height=height - 1, width=width - 1)


def size_kept(*given, height, width):
    """Cuts the shift of the centre, so that the box keeps its size."""
    boxes = unclipped(*given)
    low = boxes[:, :2].clamp(min=0)
    return torch.cat([low, low + boxes[:, 2:] - boxes[:, :2]], 1)


def by_torchvision(p, outputs, y, means, spreads, **image):
    t = outputs[torch.arange(len(y)), y] * spreads[y] + means[y]
    return BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(t, p)


def for_every_class(p, outputs, y, *given, **image):
    every = [torch.full_like(y, c) for c in range(outputs.shape[1])]
    return torch.stack([refined(p, outputs, c, *given, **image) for c in every], 1)


def without_empty(*given, **image):
    """Leaves out small boxes."""
    boxes = refined(*given, **image)
    return boxes[(boxes[:, 2:] - boxes[:, :2] > 20).all(1)]


def proposals_in_place(*given, **image):
    right = refined(*given, **image)
    given[0][:, 2:] -= given[0][:, :2]
    return right


RIGHT = [in_a_loop, for_all_classes]
WRONG = [
    (with_undo(lambda t, m, s: t * s - m), "the example"),
    (with_undo(lambda t, m, s: (t * s + m).clamp(-0.2, 0.2)), "the example"),
    (class_after_background, "refined_boxes, case"),
    (statistics_of_class_0, "refined_boxes, case"),
    (
        lambda *given, **image: unclipped(*given).clamp(min=0),
        "at the right and below",
    ),
    (clipped_to_last_pixel, "at the right and below"),
    (size_kept, "at the left and at the top"),
    (by_torchvision, "is switched off"),
    (for_every_class, "expected shape (1, 4), received (1, 2, 4)"),
    (without_empty, "expected shape"),
    (proposals_in_place, "changed its input in place"),
    (cheats.returns_argument(0), "the example"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]


def test_refined_boxes_agree_with_torchvision():
    given = random_case(26, torch.Generator().manual_seed(11))
    boxes = by_torchvision(*given.arguments)
    image = (given.settings["height"], given.settings["width"])
    right = torchvision.ops.clip_boxes_to_image(boxes, image)
    found = slow_refined_boxes(*given.arguments, **given.settings)
    torch.testing.assert_close(found, right, atol=1e-3, rtol=1e-5)


def test_refined_boxes_undo_whitened_targets():
    generator = torch.Generator().manual_seed(11)
    proposals, objects, labels = random_pairs(25, 4, generator)
    white, means, deviations = slow_whitened_targets(
        proposals, objects, labels, num_classes=4
    )
    outputs = white[:, None].expand(-1, 4, -1)
    given = (proposals + 200, outputs, labels, means, deviations)
    found = slow_refined_boxes(*given, height=500, width=600) - 200
    torch.testing.assert_close(found, objects, atol=1e-2, rtol=1e-4)


def test_the_example_of_refined_boxes_agrees_with_paper():
    given = CASES["the example"]
    found = slow_refined_boxes(*given.arguments, **given.settings)
    torch.testing.assert_close(found, torch.tensor([[17.0, 20, 37, 30]]))
