"""Slow answers to tasks 1 to 4 of assignment 02, and what mistakes would answer.

Every function works on Python numbers, so that it shares no step with a good answer.
Its keyword settings turn single mistakes on.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Box = list[float]


def slow_similarities(
    colours: Tensor,
    textures: Tensor,
    sizes: Tensor,
    boxes: Tensor,
    image_size: tuple[int, int],
    *,
    shared: Callable[[float, float], float] = min,
    size: str = "",
    fill: str = "",
) -> Tensor:
    """(R, R, 4) similarities, pair by pair; `size` and `fill` name mistakes."""
    rows: list[list[list[float]]] = []
    image = image_size[0] * image_size[1]
    histograms = [colours.tolist(), textures.tolist()]
    for i, (n, box) in enumerate(zip(sizes.tolist(), boxes.tolist(), strict=True)):
        rows.append([])
        for j, (m, other) in enumerate(
            zip(sizes.tolist(), boxes.tolist(), strict=True)
        ):
            both = [sum(map(shared, h[i], h[j])) for h in histograms]
            both.append(size_similarity(n, m, image, size))
            both.append(fill_similarity(n + m, box, other, image, fill))
            rows[-1].append(both)
    return torch.tensor(rows).reshape(len(sizes), len(sizes), 4)


def size_similarity(n: int, m: int, image: int, mistake: str) -> float:
    """How small two regions are together, as a share of the image."""
    if mistake == "share":
        return (n + m) / image
    if mistake == "difference":
        return 1 - abs(n - m) / image
    return 1 - n / image if mistake == "one region" else 1 - (n + m) / image


def fill_similarity(both: int, a: Box, b: Box, image: int, mistake: str) -> float:
    """How little of the box around two regions they leave empty."""
    outer, inner = (min, max) if mistake != "overlap" else (max, min)
    sides = [inner(a[2 + i], b[2 + i]) - outer(a[i], b[i]) for i in (0, 1)]
    around = sides[0] * sides[1]
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    empty = around - (areas if mistake == "areas of boxes" else both)
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
    overlaps: Sequence[Tensor],
    labels: Sequence[Tensor],
    most: int | None,
    *,
    skips_empty: bool = False,
) -> list[list[tuple[int, float]]]:
    """For each image, the class and best overlap of each of its objects."""
    images = []
    for overlap, label in zip(overlaps, labels, strict=True):
        rows = overlap.tolist()[:most]
        if not (skips_empty and not rows):
            images.append(
                [
                    (int(c), max([row[g] for row in rows], default=0.0))
                    for g, c in enumerate(label.tolist())
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
