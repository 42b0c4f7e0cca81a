"""The loss of SSD: a slow loop, torchvision's, and batches without objects."""

import math

import pytest
import torch
from torch import Tensor

from course_utils.models.ssd import background_loss, ssd_losses
from course_utils.models.ssd import hard_negatives

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
