"""YOLO's loss beside its plain loop, by hand, and where it could become nan."""

import math

import pytest
import torch
from torch import Tensor

from course_utils.models.yolo import (
    TERMS,
    cell_iou,
    responsible_boxes,
    yolo_losses,
    yolo_losses_by_loop,
)
from course_utils.ops.boxes import paired_box_iou
from course_utils.ops.yolo_grid import (
    GridTargets,
    cell_boxes_to_xyxy,
    encode_grid,
    stack_targets,
)

SIZE = (90, 120)


def make_truth(
    counts: tuple[int, ...], *, grid: int, num_classes: int, seed: int = 0
) -> GridTargets:
    """Truths of as many images as there are counts of objects, in float64."""
    generator = torch.Generator().manual_seed(seed)
    truths = []
    for count in counts:
        centre = torch.rand(count, 2, generator=generator, dtype=torch.float64)
        half = 0.02 + 0.3 * torch.rand(count, 2, generator=generator).double()
        boxes = torch.cat([centre - half, centre + half], dim=1)
        labels = torch.randint(1, num_classes, (count,), generator=generator)
        boxes = boxes * torch.tensor([SIZE[1], SIZE[0]] * 2)
        truths.append(
            encode_grid(boxes, labels, SIZE, grid=grid, num_classes=num_classes)
        )
    return stack_targets(truths)


def make_answers(truth: GridTargets, num_boxes: int, *, seed: int = 0) -> Tensor:
    """Answers about as large as those of a network, some of them negative."""
    generator = torch.Generator().manual_seed(seed)
    shape = (*truth.is_object.shape, 5 * num_boxes + truth.classes.shape[-1])
    answers = 0.3 + 0.5 * torch.randn(shape, generator=generator, dtype=torch.float64)
    return answers.requires_grad_()


CASES = {
    "one object": ((1,), 3, 2, 4),
    "no object": ((0, 0), 3, 2, 4),
    "some without": ((3, 0, 5), 4, 2, 8),
    "crowded": ((12, 9), 2, 2, 3),
    "one box a cell": ((4, 2), 5, 1, 6),
    "three boxes": ((4, 6), 7, 3, 8),
    "one class": ((3,), 4, 2, 2),
}


def make_case(name: str) -> tuple[Tensor, GridTargets]:
    counts, grid, num_boxes, num_classes = CASES[name]
    truth = make_truth(counts, grid=grid, num_classes=num_classes)
    return make_answers(truth, num_boxes), truth


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_equal_those_of_the_loop(name):
    answers, truth = make_case(name)
    ours = yolo_losses(answers, truth)
    loop = yolo_losses_by_loop(answers, truth)
    assert tuple(ours) == tuple(loop) == TERMS
    for term in TERMS:
        torch.testing.assert_close(ours[term], loop[term], rtol=1e-12, atol=1e-12)
        (mine,) = torch.autograd.grad(ours[term], answers, retain_graph=True)
        (other,) = torch.autograd.grad(loop[term], answers, retain_graph=True)
        torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_weights_multiply_their_terms(name):
    answers, truth = make_case(name)
    plain = yolo_losses(answers, truth, coord_weight=1, noobj_weight=1)
    for losses in (yolo_losses, yolo_losses_by_loop):
        weighted = losses(answers, truth, coord_weight=7, noobj_weight=0.25)
        for term, factor in zip(TERMS, (7, 7, 1, 0.25, 1), strict=True):
            torch.testing.assert_close(weighted[term], factor * plain[term])


@pytest.mark.parametrize("term", [term for term in TERMS if term != "loss_confidence"])
def test_gradcheck(term):
    truth = make_truth((3, 2), grid=2, num_classes=3)
    answers = make_answers(truth, 2)
    assert torch.autograd.gradcheck(lambda x: yolo_losses(x, truth)[term], answers)


def test_gradcheck_of_the_confidence():
    """Only by the confidences: its target, the IoU, follows the boxes without one."""
    truth = make_truth((3, 2), grid=2, num_classes=3)
    answers = make_answers(truth, 2).detach()
    confidence = answers[..., [4, 9]].clone().requires_grad_()

    def loss(values: Tensor) -> Tensor:
        changed = answers.clone()
        changed[..., [4, 9]] = values
        return yolo_losses(changed, truth)["loss_confidence"]

    assert torch.autograd.gradcheck(loss, confidence)


def one_cell(*boxes: tuple[float, ...], classes: tuple[float, ...]) -> Tensor:
    numbers = [number for box in boxes for number in box] + list(classes)
    return torch.tensor(numbers, dtype=torch.float64).view(1, 1, 1, -1)


def one_object(x: float, y: float, w: float, h: float) -> GridTargets:
    """A grid of one cell with an object of the first of two classes."""
    return GridTargets(
        torch.ones(1, 1, 1, dtype=torch.bool),
        torch.tensor([x, y, w, h], dtype=torch.float64).view(1, 1, 1, 4),
        torch.tensor([1.0, 0], dtype=torch.float64).view(1, 1, 1, 2),
        torch.zeros(1, dtype=torch.int64),
    )


def test_one_cell_by_hand():
    truth = one_object(0.5, 0.5, 0.64, 0.36)
    far = (0.1, 0.1, 0.2, 0.2, 0.3)
    near = (0.4, 0.5, 0.8, 0.5, 0.9)  # sides 0.64 and 0.25
    losses = yolo_losses(one_cell(far, near, classes=(0.7, 0.2)), truth)
    shared = 0.54 * 0.25
    iou = shared / (0.64 * 0.25 + 0.64 * 0.36 - shared)
    expected = {
        "loss_xy": 5 * 0.1**2,
        "loss_wh": 5 * (0.6 - 0.5) ** 2,
        "loss_confidence": (0.9 - iou) ** 2,
        "loss_no_object": 0.5 * 0.3**2,
        "loss_classes": 0.3**2 + 0.2**2,
    }
    assert {k: v.item() for k, v in losses.items()} == pytest.approx(expected)


def test_a_perfect_answer_loses_nothing():
    truth = make_truth((4, 0, 3), grid=4, num_classes=5)
    answers = make_answers(truth, 2).detach() * 0
    answers[..., 5:7] = truth.boxes[..., :2]
    answers[..., 7:9] = truth.boxes[..., 2:].sqrt()
    answers[..., 9] = truth.is_object.double()
    answers[..., 10:] = truth.classes
    losses = yolo_losses(answers, truth)
    assert all(abs(loss) < 1e-20 for loss in losses.values())


def test_every_other_confidence_is_to_be_zero():
    """S * S * B terms: one responsible box a cell with an object, the rest are not."""
    truth = make_truth((5, 2), grid=4, num_classes=3)
    answers = make_answers(truth, 3)
    losses = yolo_losses(answers, truth)
    (by_object,) = torch.autograd.grad(
        losses["loss_confidence"], answers, retain_graph=True
    )
    (by_none,) = torch.autograd.grad(losses["loss_no_object"], answers)
    confident, none = by_object[..., 4:15:5] != 0, by_none[..., 4:15:5] != 0
    assert torch.equal(confident.sum(dim=-1), truth.is_object.long())
    assert torch.equal(~confident, none)
    assert confident.sum() + none.sum() == 2 * 4 * 4 * 3


def test_empty_cells_have_neither_boxes_nor_classes():
    truth = make_truth((4, 3), grid=4, num_classes=3)
    answers = make_answers(truth, 2)
    losses = yolo_losses(answers, truth)
    total = losses["loss_xy"] + losses["loss_wh"] + losses["loss_classes"]
    (gradient,) = torch.autograd.grad(total, answers)
    assert not gradient[~truth.is_object].any()
    assert gradient[truth.is_object].any()


def test_the_iou_target_has_no_gradient():
    truth = one_object(0.5, 0.5, 0.5, 0.5)
    answers = one_cell((0.4, 0.5, 0.7, 0.6, 0.2), classes=(0.0, 0.0)).requires_grad_()
    (gradient,) = torch.autograd.grad(
        yolo_losses(answers, truth)["loss_confidence"], answers
    )
    assert gradient.flatten().nonzero().tolist() == [[4]]


def test_the_highest_iou_is_responsible():
    truth = one_object(0.5, 0.5, 0.4, 0.4).boxes
    boxes = torch.tensor(
        [[0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.5, 0.4], [0.6, 0.5, 0.4, 0.4]]
    )
    index, iou = responsible_boxes(boxes.double().view(1, 1, 1, 3, 4), truth)
    assert index.item() == 1
    torch.testing.assert_close(iou.flatten(), torch.tensor([0.25, 0.8, 0.6]).double())


RESPONSIBLE = {
    "equal boxes": ([(0.5, 0.5, 0.4, 0.4)] * 2, 0),
    "none touches": ([(0.0, 0.0, 0.1, 0.1), (0.9, 0.1, 0.2, 0.2)], 1),
    "none touches, equally far": ([(0.1, 0.1, 0.1, 0.1)] * 2, 0),
    "one touches from afar": ([(0.75, 0.5, 0.0, 0.0), (0.9, 0.9, 0.45, 0.45)], 1),
    "no sides": ([(0.5, 0.1, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0)], 1),
}


@pytest.mark.parametrize("case", RESPONSIBLE)
def test_who_is_responsible(case):
    boxes, expected = RESPONSIBLE[case]
    boxes = torch.tensor(boxes, dtype=torch.float64).view(1, 1, 1, 2, 4)
    truth = one_object(0.5, 0.5, 0.4, 0.4)
    index, _ = responsible_boxes(boxes, truth.boxes)
    assert index.item() == expected
    roots = torch.cat([boxes[..., :2], boxes[..., 2:].sqrt()], dim=-1)
    answers = torch.cat([roots, torch.ones_like(roots[..., :1])], dim=-1).flatten(3)
    answers = torch.cat([answers, answers.new_zeros(1, 1, 1, 2)], dim=-1)
    loop = yolo_losses_by_loop(answers, truth)
    for term, value in yolo_losses(answers, truth).items():
        torch.testing.assert_close(value, loop[term])


def test_closeness_counts_x_and_y_in_the_units_of_the_image():
    """In a grid of 10, half a cell is 0.05 of the image: less than a side of 0.2."""
    truth = torch.tensor([0.2, 0.5, 0.001, 0.001]).expand(1, 10, 10, 4)
    boxes = torch.tensor([[0.9, 0.5, 0.001, 0.001], [0.2, 0.95, 0.2, 0.001]])
    index, iou = responsible_boxes(boxes.expand(1, 10, 10, 2, 4), truth)
    assert not iou.any()
    assert not index.any()


def test_cell_iou_equals_box_iou():
    truth = make_truth((30,), grid=5, num_classes=2)
    generator = torch.Generator().manual_seed(3)
    boxes = torch.rand(1, 5, 5, 2, 4, generator=generator, dtype=torch.float64)
    goal = cell_boxes_to_xyxy(truth.boxes[..., None, :].expand_as(boxes))
    expected = paired_box_iou(
        cell_boxes_to_xyxy(boxes).flatten(0, -2), goal.flatten(0, -2)
    )
    torch.testing.assert_close(cell_iou(boxes, truth.boxes).flatten(), expected)


@pytest.mark.parametrize("value", [0.0, -0.7, 1e-30, -1e-30, 1e4])
def test_no_answer_gives_nan(value):
    truth = make_truth((3, 0), grid=3, num_classes=3)
    answers = torch.full_like(make_answers(truth, 2).detach(), value).requires_grad_()
    total = torch.stack(list(yolo_losses(answers, truth).values())).sum()
    (gradient,) = torch.autograd.grad(total, answers)
    assert total.isfinite()
    assert gradient.isfinite().all()


def test_images_are_averaged():
    truth = make_truth((3, 4), grid=3, num_classes=3)
    answers = make_answers(truth, 2)
    both = yolo_losses(answers, truth)
    alone = [
        yolo_losses(
            answers[i : i + 1], GridTargets(*(part[i : i + 1] for part in truth))
        )
        for i in range(2)
    ]
    for term in TERMS:
        mean = (alone[0][term] + alone[1][term]) / 2
        torch.testing.assert_close(both[term], mean)


def test_objects_that_lost_their_cell_are_not_counted():
    boxes = torch.tensor([[10.0, 10, 30, 30], [12.0, 12, 32, 32]])
    labels = torch.tensor([1, 2])
    settings = {"grid": 2, "num_classes": 3}
    both = stack_targets([encode_grid(boxes, labels, SIZE, **settings)])
    first = stack_targets([encode_grid(boxes[:1], labels[:1], SIZE, **settings)])
    answers = torch.rand(1, 2, 2, 12, generator=torch.Generator().manual_seed(0))
    for term, value in yolo_losses(answers, both).items():
        assert value == yolo_losses(answers, first)[term]
    assert both.lost.tolist() == [1]


@pytest.mark.parametrize(
    "shape", [(2, 3, 3, 12), (1, 4, 4, 12), (1, 3, 3, 13), (1, 3, 3, 2)]
)
def test_answers_that_do_not_fit_are_refused(shape):
    truth = make_truth((2,), grid=3, num_classes=3)
    with pytest.raises(ValueError, match="outputs has shape"):
        yolo_losses(torch.zeros(shape), truth)


def test_a_zero_root_pulls_with_a_finite_gradient():
    truth = one_object(0.5, 0.5, 0.25, 0.25)
    answers = one_cell((0.5, 0.5, 0.0, 0.0, 0.0), classes=(0.0, 0.0)).requires_grad_()
    yolo_losses(answers, truth)["loss_wh"].backward()
    assert answers.grad is not None
    assert answers.grad.flatten()[2].item() == pytest.approx(5 * 2 * (0 - 0.5))
    assert math.isfinite(answers.grad.sum().item())
