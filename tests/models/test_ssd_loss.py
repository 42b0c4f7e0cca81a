"""Matching, hard negatives and loss of SSD beside torchvision's and slow loops."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import SSDMatcher

from course_utils.models.ssd import (
    background_loss,
    hard_negatives,
    label_default_boxes,
    match_default_boxes,
    random_negatives,
    ssd_losses,
)
from course_utils.ops.boxes import box_iou
from course_utils.ops.default_boxes import default_boxes

BOXES = default_boxes(
    [(8, 8), (4, 4)], (64, 64), scales=(0.2, 0.4, 0.7), ratios=((2,), (2, 3))
)


def random_truth(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * 40
    return torch.cat([low, low + 4 + torch.rand(count, 2, generator=generator) * 20], 1)


def match_by_loop(iou: Tensor, positive_iou: float) -> list[int]:
    objects, count = iou.shape
    match = [-1] * count
    for box in range(count):
        best = max(range(objects), key=lambda i: iou[i, box].item(), default=None)
        if best is not None and iou[best, box] >= positive_iou:
            match[box] = best
    for index in range(objects):
        best = max(range(count), key=lambda a: iou[index, a].item())
        if iou[index, best] > 0:
            match[best] = index
    return match


@pytest.mark.parametrize("count", [1, 2, 9, 40])
@pytest.mark.parametrize("positive_iou", [0.5, 0.3])
@pytest.mark.parametrize("rounded", [False, True], ids=["plain", "many ties"])
def test_matches_equal_torchvisions_and_the_loops(count, positive_iou, rounded):
    iou = box_iou(random_truth(count, seed=count), BOXES)
    iou = (iou * 10).round() / 10 if rounded else iou
    # torchvision gives an object that touches no box the first one; see below.
    iou = iou[iou.amax(dim=1) > 0]
    ours = match_default_boxes(iou, positive_iou=positive_iou)
    assert torch.equal(ours, SSDMatcher(positive_iou)(iou.clone()))
    assert ours.tolist() == match_by_loop(iou, positive_iou)


def test_half_an_overlap_is_a_match():
    iou = torch.tensor([[0.9, 0.5, 0.49]])
    assert match_default_boxes(iou).tolist() == [0, 0, -1]


def test_the_best_box_of_an_object_is_its_own_however_little_they_overlap():
    iou = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.3, 0.0]])
    # Box 1 would be the first object's, but it is the second's best.
    assert match_default_boxes(iou).tolist() == [0, 1, -1]


def test_the_later_of_two_objects_gets_the_box_that_is_best_for_both():
    iou = torch.tensor([[0.9, 0.6], [0.7, 0.0]])
    assert match_default_boxes(iou).tolist() == [1, 0]
    assert match_default_boxes(iou.flip(0)).tolist() == [1, 1]


def test_of_boxes_that_tie_for_the_best_the_first_is_taken():
    iou = torch.tensor([[0.2, 0.4, 0.4]])
    assert match_default_boxes(iou).tolist() == [-1, 0, -1]


def test_an_object_that_touches_no_box_gets_none():
    iou = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.6, 0.1]])
    assert match_default_boxes(iou).tolist() == [-1, 1, -1]
    assert SSDMatcher(0.5)(iou.clone()).tolist() == [0, 1, -1]


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_without_objects_or_boxes_nothing_matches(shape):
    match = match_default_boxes(torch.zeros(shape))
    assert match.dtype == torch.int64
    assert match.tolist() == [-1] * shape[1]


def test_labels_and_boxes_of_one_image():
    truth = torch.tensor([[8.0, 8, 20, 20], [30, 30, 60, 60]])
    target = {"boxes": truth, "labels": torch.tensor([5, 2])}
    labels, goals = label_default_boxes(BOXES, target)
    match = match_default_boxes(box_iou(truth, BOXES))
    assert labels.shape == (len(BOXES),)
    assert torch.equal(labels == 0, match == -1)
    for index, label in enumerate((5, 2)):
        assert torch.equal(labels == label, match == index)
        assert torch.equal(
            goals[match == index].unique(dim=0), truth[index : index + 1]
        )


def test_an_image_without_objects_is_all_background():
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    labels, goals = label_default_boxes(BOXES, empty)
    assert labels.dtype == torch.int64
    assert not labels.any()
    assert goals.shape == BOXES.shape


@pytest.mark.parametrize(
    "box", [(10.0, 10, 10, 10), (10, 10, 10, 30), (30, 30, 10, 10)]
)
def test_an_object_without_area_finds_nothing(box):
    target = {"boxes": torch.tensor([box]), "labels": torch.tensor([3])}
    labels, _ = label_default_boxes(BOXES, target)
    assert not labels.any()


def test_integer_boxes_and_other_precision_are_taken():
    target = {"boxes": torch.tensor([[8, 8, 20, 20]]), "labels": torch.tensor([1])}
    whole, goals = label_default_boxes(BOXES, target)
    exact, _ = label_default_boxes(BOXES, target | {"boxes": target["boxes"].double()})
    assert torch.equal(whole, exact)
    assert goals.dtype == BOXES.dtype


def test_each_box_needs_a_label():
    target = {"boxes": torch.zeros(2, 4), "labels": torch.tensor([1])}
    with pytest.raises(ValueError, match="one label for each box"):
        label_default_boxes(BOXES, target)


def negatives_by_loop(losses: Tensor, is_object: Tensor, ratio: float) -> Tensor:
    chosen = torch.zeros_like(is_object)
    for image, row in enumerate(losses):
        background = [a for a in range(len(row)) if not is_object[image, a]]
        background.sort(key=lambda a: -row[a].item())
        count = int(ratio * is_object[image].sum())
        for box in background[:count]:
            chosen[image, box] = True
    return chosen


@pytest.mark.parametrize("ratio", [0, 1, 2.5, 3])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.6, 1.0])
def test_negatives_equal_the_loops(ratio, share):
    generator = torch.Generator().manual_seed(int(100 * share))
    losses = torch.randn(4, 50, generator=generator)
    is_object = torch.rand(4, 50, generator=generator) < share
    is_object[2] = False
    ours = hard_negatives(losses, is_object, ratio=ratio)
    assert torch.equal(ours, negatives_by_loop(losses, is_object, ratio))


def test_three_for_each_positive_in_each_image():
    is_object = torch.zeros(3, 100, dtype=torch.bool)
    is_object[0, :4], is_object[2, :50] = True, True
    for chosen in (
        hard_negatives(torch.rand(3, 100), is_object),
        random_negatives(is_object),
    ):
        # 12 of 96, none without a positive, and all 50 where 150 are wanted.
        assert chosen.sum(dim=1).tolist() == [12, 0, 50]
        assert not (chosen & is_object).any()


def test_negatives_are_mined_in_each_image_by_itself():
    losses = torch.tensor([[9.0, 8, 7, 6], [1, 2, 3, 4]])
    is_object = torch.tensor([[True, False, False, False]] * 2)
    chosen = hard_negatives(losses, is_object, ratio=1)
    assert chosen.nonzero().tolist() == [[0, 1], [1, 3]]


def test_random_negatives_are_others_each_time():
    is_object = torch.arange(200)[None] < 10
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = random_negatives(is_object), random_negatives(is_object)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("shape", [(0, 7), (2, 0), (0, 0)])
def test_of_no_boxes_none_is_chosen(shape):
    chosen = hard_negatives(torch.zeros(shape), torch.zeros(shape, dtype=torch.bool))
    assert chosen.shape == shape


def test_no_gradient_leads_through_the_choice():
    losses = torch.rand(1, 9, requires_grad=True)
    chosen = hard_negatives(losses, torch.arange(9)[None] < 2)
    assert chosen.dtype == torch.bool
    assert not chosen.requires_grad


def test_shapes_and_ratio_have_to_fit():
    is_object = torch.zeros(2, 5, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"\(2, 4\) and is_object \(2, 5\)"):
        hard_negatives(torch.zeros(2, 4), is_object)
    with pytest.raises(ValueError, match="images, default boxes"):
        hard_negatives(torch.zeros(5), is_object[0])
    for ratio in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="ratio is"):
            hard_negatives(torch.zeros(2, 5), is_object, ratio=ratio)


NAMES = ["loss_classifier", "loss_box_reg"]


def make_case(seed: int = 0, share: float = 0.2):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 40, 5, generator=generator, dtype=torch.float64)
    deltas = torch.randn(3, 40, 4, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(1, 5, (3, 40), generator=generator)
    labels[torch.rand(3, 40, generator=generator) >= share] = 0
    labels[1] = 0
    goals = torch.randn(
        int((labels > 0).sum()), 4, generator=generator, dtype=torch.float64
    )
    negatives = hard_negatives(background_loss(logits), labels > 0)
    return logits, deltas, labels, goals, negatives


def smooth_l1(x: float) -> float:
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def losses_by_loop(logits, deltas, labels, goals, negatives) -> list[float]:
    classes = boxes = 0.0
    count = 0
    for image in range(len(labels)):
        for a in range(labels.shape[1]):
            label = labels[image, a].item()
            row = logits[image, a].tolist()
            if label > 0 or negatives[image, a]:
                classes += math.log(sum(math.exp(x) for x in row)) - row[label]
            if label > 0:
                for own, goal in zip(deltas[image, a], goals[count], strict=True):
                    boxes += smooth_l1((own - goal).item())
                count += 1
    return [classes / max(count, 1), boxes / max(count, 1)]


@pytest.mark.parametrize("seed", range(3))
def test_losses_equal_the_loops(seed):
    case = make_case(seed)
    losses = ssd_losses(*case)
    assert list(losses) == NAMES
    assert [each.item() for each in losses.values()] == pytest.approx(
        losses_by_loop(*case), abs=1e-10
    )


def test_alpha_weighs_the_boxes_alone():
    case = make_case()
    plain, doubled = ssd_losses(*case), ssd_losses(*case, alpha=2)
    assert doubled["loss_box_reg"] == 2 * plain["loss_box_reg"]
    assert doubled["loss_classifier"] == plain["loss_classifier"]


def test_gradients_are_right():
    logits, deltas, labels, goals, negatives = make_case(share=0.1)

    def total(logits: Tensor, deltas: Tensor) -> Tensor:
        losses = ssd_losses(logits, deltas, labels, goals, negatives)
        return torch.stack(list(losses.values())).sum()

    inputs = (logits[:, :12].requires_grad_(), deltas[:, :12].requires_grad_())
    labels, negatives = labels[:, :12], negatives[:, :12]
    goals = goals[: int((labels > 0).sum())]
    assert len(goals) > 0
    assert torch.autograd.gradcheck(total, inputs)


def test_only_chosen_boxes_get_a_gradient():
    logits, deltas, labels, goals, negatives = make_case()
    logits.requires_grad_()
    deltas.requires_grad_()
    losses = ssd_losses(logits, deltas, labels, goals, negatives)
    torch.stack(list(losses.values())).sum().backward()
    is_object = labels > 0
    assert torch.equal(logits.grad.abs().sum(dim=2) > 0, is_object | negatives)
    assert torch.equal(deltas.grad.abs().sum(dim=2) > 0, is_object)


@pytest.mark.parametrize("size", [(2, 9), (0, 9), (2, 0)])
@pytest.mark.parametrize("all_background", [False, True])
def test_without_objects_the_losses_are_zero_and_have_a_gradient(size, all_background):
    logits = torch.randn(*size, 4, requires_grad=True)
    deltas = torch.randn(*size, 4, requires_grad=True)
    labels = torch.zeros(size, dtype=torch.int64)
    negatives = torch.full(size, all_background)
    losses = ssd_losses(logits, deltas, labels, torch.zeros(0, 4), negatives)
    assert [each.item() for each in losses.values()] == [0, 0]
    torch.stack(list(losses.values())).sum().backward()
    assert not logits.grad.any()
    assert not deltas.grad.any()


def test_large_logits_stay_finite():
    logits = torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]], requires_grad=True)
    labels = torch.tensor([[1, 0]])
    losses = ssd_losses(
        logits, torch.zeros(1, 2, 4), labels, torch.zeros(1, 4), labels == 0
    )
    losses["loss_classifier"].backward()
    assert losses["loss_classifier"].item() == 4e4
    assert logits.grad.isfinite().all()


def test_the_price_of_background_is_its_cross_entropy():
    logits = torch.randn(2, 7, 4)
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.zeros(14, dtype=torch.int64), reduction="none"
    )
    torch.testing.assert_close(background_loss(logits).flatten(), expected)
