"""Answers to proposal_quality, and its oracle beside the lesson's metrics."""

import cheats
import numpy as np
import torch

from course_utils.checks.rcnn.proposal_quality import random_case, slow_proposal_quality
from course_utils.metrics.proposals import mean_average_best_overlap


def in_lists(scores, overlaps, labels, *, budget, thresholds):
    ranked = sorted(
        (-score, image, row)
        for image, values in enumerate(scores)
        for row, score in enumerate(values.tolist())
    )
    kept = {(image, row) for _, image, row in ranked[:budget]}
    classes = {}
    for image, (overlap, label) in enumerate(zip(overlaps, labels, strict=True)):
        for j, c in enumerate(label.tolist()):
            best = 0.0
            for i in range(len(overlap)):
                if (image, i) in kept:
                    best = max(best, overlap[i, j].item())
            classes.setdefault(c, []).append(best)
    found = [best for values in classes.values() for best in values]
    recall = [sum(b >= t for b in found) / max(len(found), 1) for t in thresholds]
    means = [sum(values) / len(values) for values in classes.values()]
    mabo = sum(means) / len(means) if means else 0.0
    return [torch.tensor(recall), torch.tensor(mabo)]


def by_numpy(scores, overlaps, labels, *, budget, thresholds):
    """The place of each proposal in the ranking, then numbers below the budget."""
    every = np.concatenate([np.zeros(0), *(s.double().numpy() for s in scores)])
    places = np.empty(len(every), dtype=np.int64)
    places[np.argsort(-every, kind="stable")] = np.arange(len(every))
    best, names, start = np.zeros(0), np.zeros(0, dtype=np.int64), 0
    for overlap, label in zip(overlaps, labels, strict=True):
        counts = places[start : start + len(overlap)] < budget
        start += len(overlap)
        rows = overlap.double().numpy()[counts]
        best = np.concatenate([best, rows.max(axis=0, initial=0.0)])
        names = np.concatenate([names, label.numpy()])
    if best.size == 0:
        return torch.zeros(len(thresholds)), torch.zeros(())
    _, place, count = np.unique(names, return_inverse=True, return_counts=True)
    mabo = (np.bincount(place, weights=best) / count).mean()
    recall = (best[:, None] >= np.array(thresholds)).mean(axis=0)
    return torch.from_numpy(recall), torch.tensor(mabo)


def by_zeros(scores, overlaps, labels, *, budget, thresholds):
    """Proposals that do not count overlap nothing; objects weigh 1 / their class."""
    every = torch.cat([torch.zeros(0), *scores])
    ranks = every.argsort(descending=True, stable=True).argsort()
    parts = (ranks < budget).float().split([len(s) for s in scores])
    best = [
        torch.cat([torch.zeros(1, o.shape[1]), o * part[:, None]]).amax(0)
        for o, part in zip(overlaps, parts, strict=True)
    ]
    found = torch.cat([torch.zeros(0), *best])
    names = torch.cat([torch.zeros(0, dtype=torch.int64), *labels])
    counts = names.bincount()
    weights = 1 / counts[names] / max(int((counts > 0).sum()), 1)
    levels = torch.tensor(thresholds).reshape(-1, 1)
    recall = (found >= levels).sum(1) / max(len(found), 1)
    return recall, (found * weights).sum()


def marks_of(scores, budget):
    """For each image, which of its proposals count."""
    every = torch.cat([torch.zeros(0), *scores])
    marks = torch.zeros(len(every), dtype=torch.bool)
    marks[every.argsort(descending=True, stable=True)[:budget]] = True
    return list(marks.split([len(s) for s in scores]))


def quality(marks, overlaps, labels, thresholds):
    """Recall and MABO of the proposals that count."""
    best = [
        torch.cat([torch.zeros(1, o.shape[1]), o[mark]]).amax(0)
        for o, mark in zip(overlaps, marks, strict=True)
    ]
    found = torch.cat([torch.zeros(0), *best])
    names = torch.cat([torch.zeros(0).long(), *labels])
    if len(found) == 0:
        return torch.zeros(len(thresholds)), torch.tensor(0.0)
    recall = (found >= torch.tensor(thresholds)[:, None]).float().mean(1)
    means = torch.stack([found[names == c].mean() for c in names.unique()])
    return recall, means.mean()


def marked(mark):
    """An answer that has its own way to spend the budget."""

    def answer(s, o, y, *, budget, thresholds):
        return quality(mark(s, budget), o, y, thresholds)

    return answer


def changed(change):
    """The right answer with a change of what it returns."""

    def answer(s, o, y, *, budget, thresholds):
        marks = marks_of(s, budget)
        right = quality(marks, o, y, thresholds)
        return change(right, marks, o, y, thresholds)

    return answer


def budget_shared_evenly(s, budget):
    return [marks_of([x], budget // max(len(s), 1))[0] for x in s]


def all_of_equals(s, budget):
    """Keeps every proposal that reaches the last score of the budget."""
    every = torch.cat([torch.zeros(0), *s]).sort(descending=True).values[:budget]
    least = every.min() if len(every) else torch.inf
    return [x >= least for x in s]


def unstable(s, budget):
    """As an unstable sort does: it keeps the order of equals in short lists alone."""
    if sum(map(len, s)) <= 30:
        return marks_of(s, budget)
    marks = marks_of([x.flip(0) for x in s[::-1]], budget)[::-1]
    return [mark.flip(0) for mark in marks]


def positive_scores(s, budget):
    pairs = zip(marks_of(s, budget), s, strict=True)
    return [mark & (x > 0) for mark, x in pairs]


def spares_empty_images(s, o, y, *, budget, thresholds):
    """Spends nothing on images without objects, which nobody knows beforehand."""
    kept = [i for i, label in enumerate(y) if len(label)]
    s, o, y = ([values[i] for i in kept] for values in (s, o, y))
    return quality(marks_of(s, budget), o, y, thresholds)


def first_image(s, o, y, *, budget, thresholds):
    return quality(marks_of(s[:1], budget), o[:1], y[:1], thresholds)


def mean_of_labels(right, marks, o, y, thresholds):
    """Divides the sum over classes by the highest label."""
    every = torch.cat([torch.zeros(0).long(), *y])
    return right[0], right[1] * len(every.unique()) / max([*every.tolist(), 1])


def skips_for_mabo(right, marks, o, y, thresholds):
    """Leaves out images without proposals in the second number alone."""
    kept = [i for i, mark in enumerate(marks) if mark.any()]
    rows = ([values[i] for i in kept] for values in (marks, o, y))
    return right[0], quality(*rows, thresholds)[1]


def best_of_proposals(right, marks, o, y, thresholds):
    """The best object of each proposal: this is precision."""
    rows = [x[m] for x, m in zip(o, marks, strict=True) if x.shape[1]]
    every = torch.cat([torch.zeros(0), *(row.amax(1) for row in rows)])
    shares = [(every >= t).float().mean().nan_to_num(0) for t in thresholds]
    return torch.tensor(shares), right[1]


def mean_overlap(right, marks, o, y, thresholds):
    pairs = zip(o, marks, strict=True)
    means = [x[m].mean(0, keepdim=True).nan_to_num(0) for x, m in pairs]
    return quality([torch.ones(1).bool() for _ in o], means, y, thresholds)


def every_hit(right, marks, o, y, thresholds):
    """Counts every proposal that reaches the threshold, more than one an object."""
    pairs = list(zip(o, marks, strict=True))
    hits = [sum(int((x[m] >= t).sum()) for x, m in pairs) for t in thresholds]
    return torch.tensor(hits) / max(sum(map(len, y)), 1), right[1]


def crashes_without_proposals(s, o, y, *, budget, thresholds):
    for overlap in o:
        overlap.amax(dim=0)
    return quality(marks_of(s, budget), o, y, thresholds)


def divides_by_no_objects(right, marks, o, y, thresholds):
    objects = sum(map(len, y))
    return right[0] * objects / torch.tensor(float(objects)), right[1]


def adds_to_the_list(s, o, y, *, budget, thresholds):
    right = quality(marks_of(s, budget), o, y, thresholds)
    o.append(torch.zeros(1, 0))
    return right


EXAMPLE = (torch.tensor([1.0, 1 / 3]), torch.tensor(0.675))
RIGHT = [in_lists, by_numpy, by_zeros]
WRONG = [
    (marked(budget_shared_evenly), "the example"),
    (marked(lambda s, budget: marks_of(s, budget + 1)), "proposal_quality, case"),
    (marked(all_of_equals), "equal scores"),
    (marked(unstable), "equal scores"),
    (marked(positive_scores), "negative scores"),
    (spares_empty_images, "whose proposals use the budget"),
    (first_image, "the example"),
    (changed(mean_of_labels), "MABO"),
    (changed(skips_for_mabo), "are missed, and count"),
    (changed(best_of_proposals), "recall"),
    (changed(mean_overlap), "recall"),
    (changed(every_hit), "recall"),
    (crashes_without_proposals, "an image without proposals"),
    (changed(divides_by_no_objects), "no image has an object"),
    (
        changed(lambda right, *given: (right[0][:1], right[1])),
        "expected shape (2,), received (1,)",
    ),
    (changed(lambda right, *given: (right[0] * 100, right[1] * 100)), "recall"),
    (
        changed(lambda right, *given: torch.cat([right[0], right[1][None]])),
        "expected a tuple of 2 (recall, MABO)",
    ),
    (adds_to_the_list, "changed its input in place"),
    (cheats.returns(EXAMPLE), "a single proposal"),
    (cheats.returns((cheats.EqualToAll(),) * 2), "an object of type EqualToAll"),
]


def test_the_quality_of_all_proposals_agrees_with_that_of_the_lesson():
    given = random_case(6, torch.Generator().manual_seed(11))
    _, overlaps, labels = given.arguments
    thresholds = given.settings["thresholds"]
    recall, mabo = slow_proposal_quality(
        *given.arguments, budget=1000, thresholds=thresholds
    )
    best = torch.cat(
        [torch.cat([o, torch.zeros(1, o.shape[1])]).amax(0) for o in overlaps]
    )
    right = torch.tensor([(best >= level).float().mean() for level in thresholds])
    torch.testing.assert_close(recall, right)
    torch.testing.assert_close(mabo, mean_average_best_overlap(best, torch.cat(labels)))


def test_a_budget_is_spent_on_the_highest_scores():
    given = random_case(6, torch.Generator().manual_seed(11))
    scores, overlaps, labels = given.arguments
    thresholds = given.settings["thresholds"]
    every = torch.cat(scores)
    distinct = every + torch.arange(len(every), 0, -1) * 1e-4  # ties as they are broken
    for budget in (0, 1, 5, 12):
        least = distinct.sort(descending=True).values[:budget].min() if budget else 9
        parts = distinct.split([len(score) for score in scores])
        kept = [o[p >= least] for o, p in zip(overlaps, parts, strict=True)]
        left = [p[p >= least] for p in parts]
        one = slow_proposal_quality(
            *given.arguments, budget=budget, thresholds=thresholds
        )
        two = slow_proposal_quality(
            left, kept, labels, budget=1000, thresholds=thresholds
        )
        assert torch.equal(one[0], two[0])
        assert torch.equal(one[1], two[1])
