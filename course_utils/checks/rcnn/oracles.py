"""Slow answers to tasks 1 to 4 of assignment 02, and what mistakes would answer.

Every function works on Python numbers, so that it shares no step with a good answer.
Its keyword settings turn single mistakes on.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

Box = list[float]
# Scores, overlaps and labels of each image, the budget, and thresholds.
Proposals = tuple[list[Tensor], list[Tensor], list[Tensor], int, list[float]]


def slow_similarities(
    regions: Mapping[str, Tensor],
    groups: Tensor,
    image_size: tuple[int, int],
    *,
    shared: Callable[[Sequence[float]], float] = min,
    size: str = "",
    fill: str = "",
) -> Tensor:
    """(G, 4) similarities, group by group; `size` and `fill` name mistakes."""
    image = image_size[0] * image_size[1]
    rows = []
    for group in groups.tolist():
        histograms = [
            [regions[name][r].tolist() for r in group]
            for name in ("colours", "textures")
        ]
        row = [sum(map(shared, zip(*bins, strict=True))) for bins in histograms]
        pixels = [int(regions["sizes"][r]) for r in group]
        boxes = [regions["boxes"][r].tolist() for r in group]
        row.append(size_similarity(pixels, image, size))
        row.append(fill_similarity(sum(pixels), boxes, image, fill))
        rows.append(row)
    return torch.tensor(rows).reshape(-1, 4)


def size_similarity(pixels: Sequence[int], image: int, mistake: str) -> float:
    """How small regions are together: what they leave of the image."""
    if mistake == "share":
        return sum(pixels) / image
    if mistake == "mean":
        return 1 - sum(pixels) / len(pixels) / image
    counted = {"first": 1, "two": 2}.get(mistake, len(pixels))
    return 1 - sum(pixels[:counted]) / image


def fill_similarity(
    pixels: int, boxes: Sequence[Box], image: int, mistake: str
) -> float:
    """How little of the box around regions they leave empty."""
    low: Callable[[Box], float] = max if mistake == "overlap" else min
    high: Callable[[Box], float] = min if mistake == "overlap" else max
    x1, y1, x2, y2 = ([box[i] for box in boxes] for i in range(4))
    around = (high(x2) - low(x1)) * (high(y2) - low(y1))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in boxes)
    empty = around - (areas if mistake == "areas of boxes" else pixels)
    if mistake == "share":
        return empty / image
    if mistake == "pixels kept":
        return 1 - around / image
    return 1 - empty / (around if mistake == "of the box" else image)


def slow_merged(
    histograms: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    groups: Tensor,
    num_groups: int,
    *,
    weight: str = "size",
) -> tuple[Tensor, Tensor, Tensor]:
    """Histograms, sizes and boxes of the groups, one number at a time."""
    rows, counts, hulls = [], [], []
    for group in range(num_groups):
        members = [r for r, g in enumerate(groups.tolist()) if g == group]
        count = {r: int(sizes[r]) for r in members}
        weights: dict[int, float] = dict(count)
        if weight == "box":
            weights = {r: float((boxes[r, 2:] - boxes[r, :2]).prod()) for r in members}
        if weight == "one":
            weights = dict.fromkeys(members, 1.0)
        bins = [histograms[r].tolist() for r in members]
        total = sum(weights.values())
        share = [weights[r] / total for r in members]
        rows.append(
            [
                sum(s * b for s, b in zip(share, column, strict=True))
                for column in zip(*bins, strict=True)
            ]
        )
        counts.append(sum(count.values()))
        sides = list(zip(*(boxes[r].tolist() for r in members), strict=True))
        hulls.append([min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])])
    return (
        torch.tensor(rows).reshape(num_groups, histograms.shape[1]),
        torch.tensor(counts, dtype=torch.int64),
        torch.tensor(hulls).reshape(num_groups, 4),
    )


def slow_best(
    given: Proposals, *, kept: str = "best of all", skips_empty: bool = False
) -> list[list[tuple[int, float]]]:
    """For each image, the class and best overlap of each of its objects.

    `kept` names mistakes in what the budget is spent on.
    """
    scores, overlaps, labels, budget, _ = given
    places = [(i, p) for i, score in enumerate(scores) for p in range(len(score))]
    ranked = sorted(places, key=lambda place: -float(scores[place[0]][place[1]]))

    def last(place: tuple[int, int]) -> tuple[float, int, int]:
        return -float(scores[place[0]][place[1]]), -place[0], -place[1]

    keeps = {
        "best of all": ranked[:budget],
        "best of an image": ranked,
        "first of all": places[:budget],
        "last of equals": sorted(places, key=last)[:budget],
        "worst of all": ranked[::-1][:budget],
        "all": ranked,
    }[kept]
    images = []
    for i, (overlap, label) in enumerate(zip(overlaps, labels, strict=True)):
        mine = [p for image, p in keeps if image == i]
        mine = mine[:budget] if kept == "best of an image" else mine
        if skips_empty and not mine:
            continue
        columns = enumerate(label.tolist())
        images.append(
            [
                (int(c), max((float(overlap[p, g]) for p in mine), default=0.0))
                for g, c in columns
            ]
        )
    return images


def slow_recall(
    images: Sequence[Sequence[tuple[int, float]]],
    thresholds: Sequence[float],
    *,
    per_image: bool = False,
    strict: bool = False,
) -> Tensor:
    """(T,) share of the objects that reach each threshold, counted one by one."""
    recalls = []
    for level in thresholds:
        hits = [
            [b > level if strict else b >= level for _, b in image] for image in images
        ]
        if not per_image:
            hits = [[hit for image in hits for hit in image]]
        means = [sum(image) / len(image) for image in hits if image]
        recalls.append(sum(means) / len(means) if means else 0.0)
    return torch.tensor(recalls)


def slow_mabo(
    images: Sequence[Sequence[tuple[int, float]]], *, per: str = "class"
) -> Tensor:
    """The mean over classes of the mean best overlap; `per` names other means."""
    found: dict[int, list[float]] = {}
    for i, image in enumerate(images):
        for label, best in image:
            key = {"class": label, "object": 0, "image": i, "largest": label}[per]
            found.setdefault(key, []).append(best)
    means = [sum(values) / len(values) for values in found.values()]
    count = max(found, default=0) + 1 if per == "largest" else len(means)
    return torch.tensor(sum(means) / count if means else 0.0)


def slow_filled(
    boxes: Tensor,
    height: int,
    width: int,
    size: int,
    context: int,
    *,
    mistake: str = "",
) -> Tensor:
    """(N, 4) parts of the crops that show the image, edge by edge."""
    rows = []
    for x1, y1, x2, y2 in boxes.tolist():
        sides = [x2 - x1, y2 - y1]
        inner = size - (context if mistake == "one border" else 2 * context)
        if mistake in ("no context", "no context, but an offset"):
            inner = size
        if mistake == "context in the image":
            inner, sides = size, [side + 2 * context for side in sides]
        scales = [inner / side for side in sides]
        if mistake == "one scale":
            scales = [min(scales)] * 2
        if mistake == "inverse":
            scales = [1 / scale for scale in scales]
        offsets: list[float] = [context, context]
        if mistake == "context in the image":
            offsets = [context * scale for scale in scales]
        if mistake in ("no context", "no offset"):
            offsets = [0, 0]
        limits = (height, width) if mistake == "swapped" else (width, height)
        start = [offsets[i] - (x1, y1)[i] * scales[i] for i in (0, 1)]
        end = [offsets[i] + (limits[i] - (x1, y1)[i]) * scales[i] for i in (0, 1)]
        edges = [*start, *end]
        if mistake != "unclipped":
            edges = [min(max(edge, 0.0), float(size)) for edge in edges]
        rows.append(edges)
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
