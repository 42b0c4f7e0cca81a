"""Answers to the task proposal_quality, right ones first."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

Images = list[Tensor]
Quality = tuple[Tensor, Tensor]


def quality_in_lists(
    overlaps: Images, labels: Images, *, most: int, thresholds: list[float]
) -> list[Tensor]:
    classes: dict[int, list[float]] = {}
    for overlap, label in zip(overlaps, labels, strict=True):
        for j, c in enumerate(label.tolist()):
            best = 0.0
            for i in range(min(most, len(overlap))):
                best = max(best, overlap[i, j].item())
            classes.setdefault(c, []).append(best)
    found = [best for values in classes.values() for best in values]
    recall = [sum(b >= t for b in found) / max(len(found), 1) for t in thresholds]
    means = [sum(values) / len(values) for values in classes.values()]
    mabo = sum(means) / len(means) if means else 0.0
    return [torch.tensor(recall), torch.tensor(mabo)]


def quality_by_numpy(
    overlaps: Images, labels: Images, *, most: int, thresholds: list[float]
) -> Quality:
    best, names = np.zeros(0), np.zeros(0, dtype=np.int64)
    for overlap, label in zip(overlaps, labels, strict=True):
        rows = overlap[:most].double().numpy()
        best = np.concatenate([best, rows.max(axis=0, initial=0.0)])
        names = np.concatenate([names, label.numpy()])
    if best.size == 0:
        return torch.zeros(len(thresholds)), torch.zeros(())
    _, place, count = np.unique(names, return_inverse=True, return_counts=True)
    mabo = (np.bincount(place, weights=best) / count).mean()
    recall = (best[:, None] >= np.array(thresholds)).mean(axis=0)
    return torch.from_numpy(recall), torch.tensor(mabo)


def quality_by_weights(
    overlaps: Images, labels: Images, *, most: int, thresholds: list[float]
) -> Quality:
    """Each object weighs 1 / (its class's objects * classes)."""
    best = torch.cat([torch.zeros(0), *map(best_of(most), overlaps)])
    names = torch.cat([torch.zeros(0, dtype=torch.int64), *labels])
    counts = names.bincount()
    weights = 1 / counts[names] / max(int((counts > 0).sum()), 1)
    levels = torch.tensor(thresholds).reshape(-1, 1)
    recall = (best >= levels).sum(1) / max(len(best), 1)
    return recall, (best * weights).sum()


def best_of(most: int | None) -> Any:
    def best(overlap: Tensor) -> Tensor:
        return torch.cat([torch.zeros(1, overlap.shape[1]), overlap[:most]]).amax(0)

    return best


def quality(
    overlaps: Images,
    labels: Images,
    most: int | None,
    thresholds: list[float],
    *,
    reaches: Any = torch.ge,
    per: str = "class",
) -> Quality:
    best = torch.cat([torch.zeros(0), *map(best_of(most), overlaps)])
    names = torch.cat([torch.zeros(0).long(), *labels])
    if len(best) == 0:
        return torch.zeros(len(thresholds)), torch.tensor(0.0)
    recall = reaches(best, torch.tensor(thresholds)[:, None]).float().mean(1)
    means = torch.stack([best[names == c].mean() for c in names.unique()])
    if per == "object":
        means = best
    if per == "highest label":
        means = means.sum() / names.max()
    if per == "highest label and 0":
        means = means.sum() / (names.max() + 1)
    return recall, means.mean()


def strictly_above(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    return quality(o, y, most, thresholds, reaches=torch.gt)


def all_proposals(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    return quality(o, y, None, thresholds)


def all_for_mabo(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall, _ = quality(o, y, most, thresholds)
    return recall, quality(o, y, None, thresholds)[1]


def one_more_proposal(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    return quality(o, y, most + 1, thresholds)


def last_proposals(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    last = [overlap[max(len(overlap) - most, 0) :] for overlap in o]
    return quality(last, y, most, thresholds)


def mean_of_objects(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    return quality(o, y, most, thresholds, per="object")


def mean_of_labels(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    return quality(o, y, most, thresholds, per="highest label")


def mean_with_background(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    return quality(o, y, most, thresholds, per="highest label and 0")


def mean_of_images(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    _, mabo = quality(o, y, most, thresholds)
    rows = [
        quality([a], [b], most, thresholds)[0]
        for a, b in zip(o, y, strict=True)
        if len(b)
    ]
    if not rows:
        return torch.zeros(len(thresholds)), mabo
    return torch.stack(rows).mean(0), mabo


def mabo_of_images(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall, mabo = quality(o, y, most, thresholds)
    rows = [
        quality([a], [b], most, thresholds, per="object")[1]
        for a, b in zip(o, y, strict=True)
        if len(b)
    ]
    return recall, torch.stack(rows).mean() if rows else mabo


def skips_images(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    """Leaves out an image without proposals, and its missed objects with it."""
    kept = [i for i, overlap in enumerate(o) if len(overlap[:most])]
    return quality([o[i] for i in kept], [y[i] for i in kept], most, thresholds)


def skips_for_mabo(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall = quality(o, y, most, thresholds)[0]
    return recall, skips_images(o, y, most=most, thresholds=thresholds)[1]


def best_of_proposals(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    """The best object of each proposal: this is precision."""
    best = [x[:most].amax(1) if x.shape[1] else torch.zeros(len(x[:most])) for x in o]
    every = torch.cat([torch.zeros(0), *best])
    recall = [(every >= t).float().mean().nan_to_num(0) for t in thresholds]
    return torch.tensor(recall), quality(o, y, most, thresholds)[1]


def mean_overlap(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    means = [x[:most].mean(0, keepdim=True).nan_to_num(0) for x in o]
    return quality(means, y, 1, thresholds)


def any_proposal(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    """Counts every proposal that reaches the threshold, more than one an object."""
    mabo = quality(o, y, most, thresholds)[1]
    objects = sum(map(len, y))
    hits = [sum(int((x[:most] >= t).sum()) for x in o) for t in thresholds]
    return torch.tensor(hits) / max(objects, 1), mabo


def first_image(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    return quality(o[:1], y[:1], most, thresholds)


def crashes_without_proposals(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    for overlap in o:
        overlap[:most].amax(dim=0)
    return quality(o, y, most, thresholds)


def divides_by_no_objects(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    recall, mabo = quality(o, y, most, thresholds)
    objects = sum(map(len, y))
    return recall * objects / torch.tensor(float(objects)), mabo


def recall_of_first(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall, mabo = quality(o, y, most, thresholds)
    return recall[:1], mabo


def percentages(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall, mabo = quality(o, y, most, thresholds)
    return recall * 100, mabo * 100


def one_number(o: Images, y: Images, *, most: int, thresholds: list[float]) -> Any:
    recall, mabo = quality(o, y, most, thresholds)
    return torch.cat([recall, mabo[None]])


def empties_the_list(
    o: Images, y: Images, *, most: int, thresholds: list[float]
) -> Any:
    right = quality(o, y, most, thresholds)
    o.append(torch.zeros(1, 0))
    return right
