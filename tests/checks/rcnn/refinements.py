"""Answers to the task refined_boxes, right ones first."""

import math
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder


def refined_in_a_loop(
    proposals: Tensor,
    outputs: Tensor,
    labels: Tensor,
    means: Tensor,
    deviations: Tensor,
    *,
    height: int,
    width: int,
) -> Tensor:
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


def refined_for_all_classes(
    proposals: Tensor,
    outputs: Tensor,
    labels: Tensor,
    means: Tensor,
    deviations: Tensor,
    *,
    height: int,
    width: int,
) -> Tensor:
    """Boxes of all classes first; the right ones are gathered in the end."""
    t = torch.addcmul(means, outputs, deviations)  # (N, K, 4)
    x1, y1, x2, y2 = proposals[:, None].unbind(-1)
    w, h = x2 - x1, y2 - y1
    left = x1 + w * (t[..., 0] + 0.5 - t[..., 2].exp() / 2)
    top = y1 + h * (t[..., 1] + 0.5 - t[..., 3].exp() / 2)
    right, bottom = left + w * t[..., 2].exp(), top + h * t[..., 3].exp()
    boxes = torch.stack(
        [
            left.clamp(0, width),
            top.clamp(0, height),
            right.clamp(0, width),
            bottom.clamp(0, height),
        ],
        -1,
    )
    return boxes.gather(1, labels[:, None, None].expand(-1, 1, 4)).squeeze(1)


def refined(
    *given: Tensor,
    height: int,
    width: int,
    undo: Any = lambda t, mean, spread: t * spread + mean,
    exp: Any = torch.exp,
    corner: bool = False,
    by: Any = lambda sides: sides,
    clips: bool = True,
) -> Tensor:
    p, outputs, y, means, spreads = given
    t = undo(outputs[torch.arange(len(y)), y], means[y], spreads[y])
    sides = p[:, 2:] - p[:, :2]
    grown = sides * exp(t[:, 2:])
    if corner:
        low = p[:, :2] + t[:, :2] * sides
    else:
        low = (p[:, :2] + p[:, 2:]) / 2 + t[:, :2] * by(sides) - grown / 2
    boxes = torch.cat([low, low + grown], 1)
    if not clips:
        return boxes
    return boxes.clamp(min=0).minimum(torch.tensor([width, height, width, height]))


def undone(undo: Any, name: str) -> Any:
    """An answer that undoes the whitening in its own way."""

    def answer(*given: Tensor, height: int, width: int) -> Tensor:
        return refined(*given, height=height, width=width, undo=undo)

    answer.__name__ = name
    return answer


still_whitened = undone(lambda t, m, s: t, "still_whitened")
no_mean = undone(lambda t, m, s: t * s, "no_mean")
no_deviation = undone(lambda t, m, s: t + m, "no_deviation")
whitened_twice = undone(lambda t, m, s: (t - m) / s, "whitened_twice")
mean_first = undone(lambda t, m, s: (t + m) * s, "mean_first")
divided = undone(lambda t, m, s: t / s + m, "divided")
mean_taken_away = undone(lambda t, m, s: t * s - m, "mean_taken_away")
clamped_targets = undone(
    lambda t, m, s: (t * s + m).clamp(min=-0.2, max=0.2), "clamped_targets"
)


def first_class(*given: Tensor, height: int, width: int) -> Tensor:
    p, outputs, y, means, spreads = given
    same = outputs[:, :1].expand_as(outputs)
    return refined(p, same, y, means, spreads, height=height, width=width)


def last_class(*given: Tensor, height: int, width: int) -> Tensor:
    p, outputs, y, means, spreads = given
    same = outputs[:, -1:].expand_as(outputs)
    return refined(p, same, y, means, spreads, height=height, width=width)


def class_after_background(*given: Tensor, height: int, width: int) -> Tensor:
    p, outputs, y, means, spreads = given
    return refined(p, outputs, y - 1, means, spreads, height=height, width=width)


def statistics_of_class_0(*given: Tensor, height: int, width: int) -> Tensor:
    p, outputs, y, means, spreads = given
    means, spreads = means[:1].expand_as(means), spreads[:1].expand_as(spreads)
    return refined(p, outputs, y, means, spreads, height=height, width=width)


def from_the_corner(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, corner=True)


def sides_swapped(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, by=lambda sides: sides.flip(1))


def in_pixels(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, by=torch.ones_like)


def without_exp(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, exp=lambda t: t)


def one_plus(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, exp=lambda t: 1 + t)


def power_of_ten(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, exp=lambda t: 10**t)


def centre_and_size(*given: Tensor, height: int, width: int) -> Tensor:
    boxes = refined(*given, height=height, width=width, clips=False)
    sides = boxes[:, 2:] - boxes[:, :2]
    found = torch.cat([boxes[:, :2] + sides / 2, sides], 1)
    return found.clamp(min=0).minimum(torch.tensor([width, height, width, height]))


def unclipped(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, clips=False)


def clipped_below_only(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height, width=width, clips=False).clamp(min=0)


def clipped_to_last_pixel(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=height - 1, width=width - 1)


def image_swapped(*given: Tensor, height: int, width: int) -> Tensor:
    return refined(*given, height=width, width=height)


def proposals_clipped_first(*given: Tensor, height: int, width: int) -> Tensor:
    """Cuts the shift of the centre, so that the box keeps its size."""
    boxes = refined(*given, height=height, width=width, clips=False)
    low = boxes[:, :2].clamp(min=0)
    return torch.cat([low, low + boxes[:, 2:] - boxes[:, :2]], 1)


def by_torchvision(*given: Tensor, height: int, width: int) -> Any:
    p, outputs, y, means, spreads = given
    t = outputs[torch.arange(len(y)), y] * spreads[y] + means[y]
    return BoxCoder((1.0, 1.0, 1.0, 1.0)).decode_single(t, p)


def for_every_class(*given: Tensor, height: int, width: int) -> Tensor:
    p, outputs, y, means, spreads = given
    every = [
        refined(
            p,
            outputs,
            torch.full_like(y, c),
            means,
            spreads,
            height=height,
            width=width,
        )
        for c in range(outputs.shape[1])
    ]
    return torch.stack(every, 1)


def without_empty(*given: Tensor, height: int, width: int) -> Tensor:
    """Leaves out boxes of which nothing is left."""
    boxes = refined(*given, height=height, width=width)
    return boxes[(boxes[:, 2:] - boxes[:, :2] > 20).all(1)]


def proposals_in_place(*given: Tensor, height: int, width: int) -> Tensor:
    right = refined(*given, height=height, width=width)
    given[0][:, 2:] -= given[0][:, :2]
    return right
