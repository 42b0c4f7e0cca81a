"""Answers to hard_rois, and its oracle beside paper and its own promises."""

import math

import cheats
import numpy as np
import torch

from course_utils.checks.fast_rcnn.hard_rois import CASES, random_case, slow_hard_rois


def in_lists(overlaps, object_labels, losses, *, count, positive_fraction):
    names = object_labels.tolist()
    groups = {True: [], False: []}
    for i, loss in enumerate(losses.tolist()):
        if i >= len(overlaps):
            label = names[i - len(overlaps)]
        elif not names:
            label = 0
        else:
            best = overlaps[i].max()
            if best < 0.1:
                continue
            label = names[int(overlaps[i].argmax())] if best >= 0.5 else 0
        groups[label > 0].append((-loss, i, label))
    kept = sorted(groups[True])[: math.floor(count * positive_fraction)]
    kept += sorted(groups[False])[: count - len(kept)]
    rows = torch.tensor(kept).reshape(-1, 3)
    return rows[:, 1].long(), rows[:, 2].long()


def in_numpy(overlaps, object_labels, losses, *, count, positive_fraction):
    """The objects' own rows are appended as IoUs of 1."""
    names = np.concatenate([[0], object_labels.numpy()])
    table = np.concatenate([overlaps.numpy(), np.eye(len(object_labels))])
    # Without objects, a column of 0.1 makes everything background.
    floor = np.full((len(table), 1), 0.1 if len(object_labels) == 0 else -1.0)
    table = np.concatenate([floor, table], axis=1)
    best, index = table.max(axis=1), table.argmax(axis=1)
    label = np.where(best >= 0.5, names[index], np.where(best >= 0.1, 0, -1))
    order = np.lexsort((np.arange(len(label)), -losses.numpy()))
    objects = order[label[order] > 0][: int(count * positive_fraction)]
    background = order[label[order] == 0][: count - len(objects)]
    chosen = np.concatenate([objects, background]).astype(np.int64)
    return torch.from_numpy(chosen), torch.from_numpy(label[chosen].astype(np.int64))


def labels_of(overlaps, object_labels, half=0.5, top=0.5):
    """(N + M,) labels; -1 says that a proposal is not used."""
    labels = torch.zeros(len(overlaps), dtype=torch.int64)
    if len(object_labels):
        best, index = overlaps.max(dim=1)
        labels[(best < 0.1) | (best >= top)] = -1
        labels = torch.where(best >= half, object_labels[index], labels)
    return torch.cat([labels, object_labels])


def by_sorting(half=0.5, top=0.5, most=math.floor, finish=lambda chosen, labels: None):
    """An answer of a few lines of torch, as most learners write it."""

    def answer(overlaps, object_labels, losses, *, count, positive_fraction):
        labels = labels_of(overlaps, object_labels, half, top)
        order = losses.argsort(descending=True, stable=True)
        objects = order[labels[order] > 0][: most(count * positive_fraction)]
        background = order[labels[order] == 0][: count - len(objects)]
        chosen = torch.cat([objects, background])
        return finish(chosen, labels) or (chosen, labels[chosen])

    return answer


right_by_sorting = by_sorting()


def truth_first(overlaps, object_labels, losses, **settings):
    """Puts the true boxes before the proposals."""
    table = torch.cat([torch.eye(len(object_labels)), overlaps])
    return right_by_sorting(table, object_labels[:0], losses, **settings)


def at_random(overlaps, object_labels, losses, **settings):
    order = torch.rand(len(losses), generator=torch.Generator().manual_seed(0))
    return right_by_sorting(overlaps, object_labels, order, **settings)


def not_stable(overlaps, object_labels, losses, *, count, positive_fraction):
    """Sorts upwards and turns round, so that of equal losses the last comes first."""
    labels = labels_of(overlaps, object_labels)
    order = losses.argsort(stable=True).flip(0)
    objects = order[labels[order] > 0][: int(count * positive_fraction)]
    chosen = torch.cat([objects, order[labels[order] == 0][: count - len(objects)]])
    return chosen, labels[chosen]


def no_share(overlaps, object_labels, losses, *, count, positive_fraction):
    """Takes as many objects as there are places."""
    return right_by_sorting(
        overlaps, object_labels, losses, count=count, positive_fraction=1
    )


def crashes_without_objects(overlaps, object_labels, losses, **settings):
    overlaps.max(dim=1)
    return right_by_sorting(overlaps, object_labels, losses, **settings)


def indices_alone(*arguments, **settings):
    return right_by_sorting(*arguments, **settings)[0]


def a_bool_a_roi(overlaps, object_labels, losses, **settings):
    chosen, labels = right_by_sorting(overlaps, object_labels, losses, **settings)
    return torch.zeros(len(losses)).bool().index_fill(0, chosen, True), labels


def only_losses_above_0(overlaps, object_labels, losses, **settings):
    chosen, labels = right_by_sorting(overlaps, object_labels, losses, **settings)
    return chosen[losses[chosen] > 0], labels[losses[chosen] > 0]


def padded(*arguments, **settings):
    """Repeats the last RoI until there are `count`."""
    chosen, labels = right_by_sorting(*arguments, **settings)
    missing = settings["count"] - len(chosen) if len(chosen) else 0
    return (
        torch.cat([chosen, chosen[-1:].repeat(missing)]),
        torch.cat([labels, labels[-1:].repeat(missing)]),
    )


def sorts_in_place(overlaps, object_labels, losses, **settings):
    answer = right_by_sorting(overlaps, object_labels, losses, **settings)
    losses.copy_(losses.sort(descending=True).values)
    return answer


EXAMPLE = torch.tensor([6, 1, 4, 3]), torch.tensor([2, 2, 0, 0])
RIGHT = [in_lists, in_numpy, by_sorting()]
WRONG = [
    (by_sorting(half=0.50001), "0.5 makes an object, it was not used"),
    (by_sorting(top=0.3), "the example"),
    (by_sorting(half=0.6), "the example"),
    (by_sorting(most=lambda share: max(int(share), 1)), "a share of less than one"),
    (by_sorting(finish=lambda c, labels: (c, labels)), "value 1: expected shape (4,)"),
    (truth_first, "the example"),
    (at_random, "hard_rois, case"),
    (not_stable, "the lower index comes first"),
    (no_share, "hard_rois, case"),
    (crashes_without_objects, "no object, all is background"),
    (indices_alone, "expected a tuple of 2"),
    (a_bool_a_roi, "value 0: expected shape"),
    (only_losses_above_0, "losses of 0 and below"),
    (padded, "hard_rois, case"),
    (sorts_in_place, "changed its input in place"),
    (cheats.returns(EXAMPLE), "an IoU of exactly 0.5"),
]


def test_choices_agree_with_paper():
    given = CASES["the example"]
    found = slow_hard_rois(*given.arguments, **given.settings)
    assert [part.tolist() for part in found] == [[6, 1, 4, 3], [2, 2, 0, 0]]


def test_choices_keep_what_they_promise():
    draw = torch.Generator().manual_seed(31)
    for i in range(20):
        given = random_case(i % 6, draw)
        (overlaps, names, losses), settings = given.arguments, given.settings
        chosen, labels = slow_hard_rois(overlaps, names, losses, **settings)
        best = torch.cat([overlaps.max(dim=1).values, torch.ones(len(names))])
        assert len(chosen.unique()) == len(chosen) <= settings["count"]
        most = settings["count"] * settings["positive_fraction"]
        assert int((labels > 0).sum()) <= most
        assert torch.equal(labels > 0, best[chosen] >= 0.5)
        assert bool((best[chosen] > 0.09).all())
        for kind in (labels > 0, labels == 0):
            assert bool((losses[chosen[kind]].diff() <= 0).all())
