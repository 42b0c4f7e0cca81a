"""Matching and sampling beside torchvision's, and where they part on purpose."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import (
    BalancedPositiveNegativeSampler,
    Matcher,
)

from course_utils.ops.anchors import anchor_grid, cell_anchors
from course_utils.ops.boxes import box_iou
from course_utils.ops.matching import BELOW, BETWEEN, match_anchors, sample_balanced

ANCHORS = anchor_grid(cell_anchors((12, 32), (0.5, 1)), map_size=(9, 9), stride=(8, 8))


def random_truth(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * 50
    return torch.cat([low, low + 4 + torch.rand(count, 2, generator=generator) * 30], 1)


@pytest.mark.parametrize("promote_best", [False, True])
@pytest.mark.parametrize("thresholds", [(0.7, 0.3), (0.5, 0.5), (0.5, 0.1)])
@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("rounded", [False, True], ids=["plain", "many ties"])
def test_assignment_equals_torchvisions(promote_best, thresholds, count, rounded):
    positive, negative = thresholds
    iou = box_iou(random_truth(count, seed=count), ANCHORS)
    iou = (iou * 10).round() / 10 if rounded else iou
    ours = match_anchors(
        iou, positive_iou=positive, negative_iou=negative, promote_best=promote_best
    )
    peer = Matcher(positive, negative, allow_low_quality_matches=promote_best)
    assert torch.equal(ours, peer(iou.clone()))


def test_the_thresholds_are_closed_below():
    iou = torch.tensor([[0.7, 0.69, 0.3, 0.29, 0.0]])
    truth = match_anchors(iou, positive_iou=0.7, negative_iou=0.3)
    assert truth.tolist() == [0, BETWEEN, BETWEEN, BELOW, BELOW]


def test_every_object_gets_its_best_anchors_ties_included():
    iou = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.0, 0.2, 0.25, 0.25]])
    settings = {"positive_iou": 0.7, "negative_iou": 0.3}
    assert match_anchors(iou, **settings).tolist() == [0, -1, -1, -1]
    assert match_anchors(iou, **settings, promote_best=True).tolist() == [0, -1, 1, 1]


def test_a_promoted_anchor_keeps_the_object_that_it_overlaps_most():
    iou = torch.tensor([[0.5, 0.0], [0.4, 0.1]])  # anchor 0 is the best of both
    truth = match_anchors(iou, positive_iou=0.7, negative_iou=0.3, promote_best=True)
    assert truth.tolist() == [0, BELOW]


def test_an_object_that_no_anchor_touches_promotes_none():
    far = torch.tensor([[500.0, 500, 520, 520]])
    iou = box_iou(torch.cat([far, random_truth(1, seed=0)]), ANCHORS)
    settings = {"positive_iou": 0.7, "negative_iou": 0.3, "promote_best": True}
    truth = match_anchors(iou, **settings)
    assert torch.equal(truth > 0, match_anchors(iou[1:], **settings) == 0)
    assert not (truth == 0).any()
    peer = Matcher(0.7, 0.3, allow_low_quality_matches=True)(iou)
    assert (peer == 0).sum() > 100  # torchvision calls them all positive


@pytest.mark.parametrize("promote_best", [False, True])
def test_without_objects_or_anchors(promote_best):
    settings = {"positive_iou": 0.7, "negative_iou": 0.3, "promote_best": promote_best}
    truth = match_anchors(torch.zeros(0, 5), **settings)
    assert truth.dtype == torch.int64
    assert truth.tolist() == [BELOW] * 5
    assert match_anchors(torch.zeros(0, 0), **settings).shape == (0,)


@pytest.mark.parametrize(
    ("positive", "negative"), [(0.3, 0.7), (1.2, 0.3), (0.5, -0.1)]
)
def test_thresholds_in_order(positive, negative):
    with pytest.raises(ValueError, match="0 <= negative_iou <= positive_iou <= 1"):
        match_anchors(torch.zeros(1, 2), positive_iou=positive, negative_iou=negative)


def test_iou_is_a_matrix():
    with pytest.raises(ValueError, match=r"shape \(3,\), but \(objects, anchors\)"):
        match_anchors(torch.zeros(3), positive_iou=0.7, negative_iou=0.3)


def random_labels(positives: int, negatives: int, ignored: int) -> Tensor:
    counts = torch.tensor([positives, negatives, ignored])
    labels = torch.tensor([1, 0, -1]).repeat_interleave(counts)
    return labels[torch.randperm(len(labels), generator=torch.Generator())]


COUNTS = {
    "plenty": (400, 2000, 30),
    "few positives": (10, 2000, 30),
    "no positive": (0, 300, 5),
    "few negatives": (500, 20, 0),
    "all ignored": (0, 0, 9),
    "nothing": (0, 0, 0),
}


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize(("count", "fraction"), [(256, 0.5), (64, 0.25), (5, 0.9)])
def test_the_sample_equals_torchvisions(counts, count, fraction):
    labels = random_labels(*counts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        masks = BalancedPositiveNegativeSampler(count, fraction)([labels])
        torch.manual_seed(3)
        ours = sample_balanced(labels, count=count, positive_fraction=fraction)
    for indices, (mask,) in zip(ours, masks, strict=True):
        assert torch.equal(indices, torch.where(mask)[0])


def test_negatives_fill_up_what_positives_leave():
    labels = random_labels(10, 2000, 50)
    positive, negative = sample_balanced(labels, count=256, positive_fraction=0.5)
    assert (len(positive), len(negative)) == (10, 246)


def test_a_generator_draws_instead_of_torch():
    labels = random_labels(300, 300, 0)
    state = torch.random.get_rng_state()
    settings = {"count": 20, "positive_fraction": 0.5}
    first, again, other = (
        sample_balanced(
            labels, **settings, generator=torch.Generator().manual_seed(seed)
        )[0]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("count", "fraction"), [(-1, 0.5), (8, 1.5), (8, -0.1)])
def test_a_sample_has_a_size_and_a_share(count, fraction):
    with pytest.raises(
        ValueError, match=f"(count is {count}|positive_fraction is {fraction}), but"
    ):
        sample_balanced(torch.zeros(4), count=count, positive_fraction=fraction)
