"""The loss of a YOLO with anchors beside a loop over every anchor, in float64."""

import math

import pytest
import torch
from torch import Tensor

from course_utils.models.yolo_v3 import (
    AnchorCells,
    AnchorSettings,
    anchor_cells,
    anchor_losses,
    anchor_targets,
    class_loss,
    decode_anchors,
    is_background,
    join_cells,
    objectness_losses,
)

SIZE = (48, 64)
CLASSES = 3


def cells_of(dtype: torch.dtype = torch.float64) -> AnchorCells:
    shapes = torch.tensor([[9.0, 12], [16, 14], [20, 33], [40, 25]], dtype=dtype)
    fine = anchor_cells(shapes[:2], map_size=(6, 8), image_size=SIZE)
    return join_cells(
        [fine, anchor_cells(shapes[2:], map_size=(3, 4), image_size=SIZE)]
    )


def target_of(
    *boxes: list[float], labels: list[int] | None = None
) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4),
        "labels": torch.tensor(labels or [1] * len(boxes), dtype=torch.int64),
    }


TARGETS = [
    target_of([5, 5, 15, 18], [20, 10, 58, 38], [50, 30, 60, 45], labels=[1, 3, 2]),
    target_of(),
    target_of([0, 0, 64, 48], labels=[2]),
    target_of([8, 8, 16, 16], [9, 9, 15, 17], labels=[1, 2]),  # one anchor for both
    target_of([10, 10, 10, 30], [30, 20, 40, 40], labels=[1, 3]),  # one without width
]


def random_answers(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = (count, len(cells_of().low), 5 + CLASSES)
    return 0.7 * torch.randn(size, generator=generator, dtype=torch.float64)


def iou_of(a: list[float], b: list[float]) -> float:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0


def box_by_hand(t: list[float], low, high, shape, *, is_free: bool) -> list[float]:
    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    centre = [
        (low[i] + high[i]) / 2 + shape[i] * t[i]
        if is_free
        else low[i] + (high[i] - low[i]) * sigmoid(t[i])
        for i in range(2)
    ]
    half = [shape[i] * math.exp(t[2 + i]) / 2 for i in range(2)]
    return [
        centre[0] - half[0],
        centre[1] - half[1],
        centre[0] + half[0],
        centre[1] + half[1],
    ]


def owner_by_hand(box: list[float], cells: AnchorCells) -> int:
    centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    best, owner = -1.0, -1
    for place, (low, high, shape) in enumerate(
        zip(*(part.tolist() for part in cells), strict=True)
    ):
        if all(low[i] <= centre[i] < high[i] for i in range(2)):
            sides = [box[2] - box[0], box[3] - box[1]]
            fit = iou_of([0, 0, *sides], [0, 0, *shape])
            if fit > best:
                best, owner = fit, place
    return owner


def confidence_by_hand(p: Tensor, wanted: float, objectness: str) -> Tensor:
    if objectness == "iou":
        return (p - wanted) ** 2
    return -torch.log(p if wanted == 1 else 1 - p)


def losses_by_loop(
    answers, cells, targets, *, is_free, classes, ignore_iou, objectness
):
    """The five sums, as tensors that carry gradients, one anchor after the other."""
    xy = wh = objects = nothing = names = answers.sum() * 0
    for answer, target in zip(answers, targets, strict=True):
        truth: dict[int, tuple[list[float], int]] = {}
        boxes = target["boxes"].tolist()
        for box, label in zip(boxes, target["labels"].tolist(), strict=True):
            if box[2] > box[0] and box[3] > box[1]:
                truth.setdefault(owner_by_hand(box, cells), (box, label))
        for place, row in enumerate(answer):
            low, high, shape = (part[place].tolist() for part in cells)
            t = row[:4].tolist()
            found = box_by_hand(t, low, high, shape, is_free=is_free)
            confidence = torch.sigmoid(row[4])
            if place not in truth:
                if max([iou_of(found, box) for box in boxes], default=0) > ignore_iou:
                    continue
                nothing = nothing + confidence_by_hand(confidence, 0.0, objectness)
                continue
            box, label = truth[place]
            for i in range(2):
                size = high[i] - low[i]
                wanted = ((box[i] + box[i + 2]) / 2 - low[i]) / size
                inside = torch.sigmoid(row[i])
                if is_free:
                    inside = 0.5 + row[i] * shape[i] / size
                xy = xy + (inside - wanted) ** 2
                wh = wh + (row[2 + i] - math.log((box[i + 2] - box[i]) / shape[i])) ** 2
            wanted = iou_of(found, box) if objectness == "iou" else 1.0
            objects = objects + confidence_by_hand(confidence, wanted, objectness)
            if classes == "softmax":
                names = names - row[5:].log_softmax(dim=0)[label - 1]
            else:
                for k in range(CLASSES):
                    p = torch.sigmoid(row[5 + k])
                    names = names - torch.log(p if k == label - 1 else 1 - p)
    return {
        "loss_xy": xy,
        "loss_wh": wh,
        "loss_confidence": 5 * objects,
        "loss_no_object": nothing,
        "loss_classes": names,
    }


@pytest.mark.parametrize("is_free", [False, True], ids=["sigmoid", "free"])
@pytest.mark.parametrize("classes", ["softmax", "logistic"])
@pytest.mark.parametrize("ignore_iou", [0.2, 0.6])
@pytest.mark.parametrize("objectness", ["iou", "logistic"])
def test_values_and_gradients_equal_a_loop(is_free, classes, ignore_iou, objectness):
    answers = random_answers(len(TARGETS)).requires_grad_()
    settings = {"is_free": is_free, "classes": classes, "ignore_iou": ignore_iou}
    settings |= {"objectness": objectness}
    ours = anchor_losses(answers, cells_of(), TARGETS, SIZE, AnchorSettings(**settings))
    slow = losses_by_loop(answers, cells_of(), TARGETS, **settings)
    assert list(ours) == list(slow)
    for name, loss in ours.items():
        expected = slow[name] / len(TARGETS)
        torch.testing.assert_close(loss, expected, rtol=0, atol=1e-10)
        (gradient,) = torch.autograd.grad(loss, answers, retain_graph=True)
        (wanted,) = torch.autograd.grad(expected, answers, retain_graph=True)
        torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-10)


def test_weights_multiply_their_terms():
    answers = random_answers(len(TARGETS))
    usual = anchor_losses(answers, cells_of(), TARGETS, SIZE)
    others = {"coord_weight": 3.0, "object_weight": 10.0, "noobj_weight": 0.5}
    weighed = anchor_losses(
        answers, cells_of(), TARGETS, SIZE, AnchorSettings(**others)
    )
    factors = [weighed[name].item() / usual[name].item() for name in usual]
    assert factors == pytest.approx([3, 3, 2, 0.5, 1])


def test_right_answers_cost_nothing():
    target = target_of([21, 10, 59, 38], [50, 30, 60, 45], labels=[3, 2])
    cells = cells_of()
    truth = anchor_targets([target], cells, SIZE, num_classes=CLASSES + 1)
    answers = torch.zeros(1, len(cells.low), 5 + CLASSES, dtype=torch.float64)
    answers[..., 4] = -30
    for place, box, label in zip(*truth[:3], strict=True):
        low, high, shape = (part[place] for part in cells)
        centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        answers[0, place, :2] = torch.logit((centre - low) / (high - low))
        answers[0, place, 2:4] = torch.log(sides / shape)
        answers[0, place, 4], answers[0, place, 4 + label] = 30, 60
    losses = anchor_losses(answers, cells, [target], SIZE)
    assert all(loss < 1e-10 for loss in losses.values()), losses


def test_the_first_of_two_keeps_the_anchor():
    truth = anchor_targets(TARGETS, cells_of(), SIZE, num_classes=CLASSES + 1)
    assert truth.lost.item() == 1
    assert truth.labels.tolist() == [1, 3, 2, 2, 1, 3]
    assert len(set(truth.owners.tolist())) == 6
    images = truth.owners // len(cells_of().low)
    assert images.tolist() == [0, 0, 0, 2, 3, 4]


def test_a_good_box_without_an_object_of_its_own_is_no_background():
    cells = cells_of()
    target = target_of([20, 10, 58, 38])
    truth = anchor_targets([target], cells, SIZE, num_classes=2)
    boxes = decode_anchors(torch.zeros(1, len(cells.low), 4).double(), cells)
    for threshold in (0.3, 0.5, 0.7):
        background = is_background(boxes, truth.owners, [target], threshold)[0]
        iou = [iou_of(box, target["boxes"][0].tolist()) for box in boxes[0].tolist()]
        expected = [value <= threshold for value in iou]
        expected[truth.owners[0]] = False
        assert background.tolist() == expected
    assert (~is_background(boxes, truth.owners, [target], 0.3)).sum() > 1


def test_a_batch_without_objects():
    answers = random_answers(2).requires_grad_()
    losses = anchor_losses(answers, cells_of(), [target_of(), target_of()], SIZE)
    for name, loss in losses.items():
        assert loss.isfinite(), name
        assert name == "loss_no_object" or loss == 0, name
    torch.stack(list(losses.values())).sum().backward()
    assert answers.grad is not None
    assert answers.grad.isfinite().all()
    assert answers.grad[..., 4].all()


def test_no_gradient_leads_through_the_iou():
    answers = random_answers(1).requires_grad_()
    loss = anchor_losses(answers, cells_of(), TARGETS[:1], SIZE)["loss_confidence"]
    loss.backward()
    assert answers.grad is not None
    assert not answers.grad[..., :4].any()
    assert answers.grad[..., 4].count_nonzero() == 3


def test_softmax_classes_compete_and_logistic_ones_do_not():
    logits = torch.tensor([[2.0, 2.0, -2.0]], requires_grad=True)
    for classes, expected in (
        ("softmax", math.log(2 + math.exp(-4))),
        ("logistic", 2.38),
    ):
        loss = class_loss(logits, torch.tensor([1]), classes)
        assert loss.item() == pytest.approx(expected, abs=0.01)


def test_logistic_objectness_is_binary_cross_entropy():
    logits, background = random_answers(1)[0, :3, 4], random_answers(1, seed=1)[0, :, 4]
    ours = objectness_losses(logits, torch.full((3,), 0.4), background, "logistic")
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = (
        bce(logits, torch.ones_like(logits), reduction="sum"),
        bce(background, torch.zeros_like(background), reduction="sum"),
    )
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (target_of([60, 10, 80, 20]), "centre outside the image"),
        (target_of([10, 10, 20, 20], labels=[0]), "1 to 3 were expected"),
        (target_of([10, 10, 20, 20], labels=[4]), "1 to 3 were expected"),
        (target_of([10, 10, 20, 20], labels=[1, 2]), "one label for each box"),
        (target_of([20, 10, 10, 20]), "x2 < x1"),
    ],
)
def test_bad_targets(target, message):
    with pytest.raises(ValueError, match=message):
        anchor_losses(random_answers(1), cells_of(), [target], SIZE)
