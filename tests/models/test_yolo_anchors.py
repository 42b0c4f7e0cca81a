"""YOLO with anchors: shapes, gradients, learning, and what predictions depend on."""

import pytest
import torch
from torch import Tensor

from course_utils.models.backbones import Backbone
from course_utils.models.yolo_v3 import AnchorYOLO
from course_utils.ops.boxes import box_iou
from course_utils.training import TrainingSettings, train

SHAPES = torch.tensor([[12.0, 14], [20, 18], [25, 36], [44, 30]])
KINDS = {
    "v2, free": {"is_free": True},
    "v2": {},
    "two maps": {"maps": 2},
    "v3": {"maps": 2, "classes": "logistic"},
}


def build(*, maps: int = 1, **settings) -> AnchorYOLO:
    torch.manual_seed(0)
    anchors = list(SHAPES.chunk(maps))
    return AnchorYOLO(
        Backbone((8, 16, 24)), anchors, num_classes=4, hidden=16, **settings
    )


def scenes() -> tuple[Tensor, list[dict[str, Tensor]]]:
    boxes = [[[6, 8, 22, 24], [40, 30, 84, 60]], [[30, 10, 52, 46]], []]
    images = torch.full((3, 3, 64, 96), 0.5)
    targets = []
    for image, (each, found) in enumerate(zip(images, boxes, strict=True)):
        del image
        labels = [(k % 3) + 1 for k in range(len(found))]
        for (x1, y1, x2, y2), label in zip(found, labels, strict=True):
            each[:, y1:y2, x1:x2] = torch.eye(3)[label - 1][:, None, None]
        targets.append(
            {
                "boxes": torch.tensor(found, dtype=torch.float32).reshape(-1, 4),
                "labels": torch.tensor(labels, dtype=torch.int64),
            }
        )
    return images, targets


@pytest.mark.parametrize("size", [(64, 96), (40, 72), (61, 35)])
@pytest.mark.parametrize("maps", [1, 2, 3])
def test_shapes_and_the_order_of_the_cells(size, maps):
    model = AnchorYOLO(Backbone((8, 16, 24)), [SHAPES] * maps, num_classes=4, hidden=16)
    answers, cells = model(torch.rand(2, 3, *size))
    sides = [[-(-side // stride) for side in size] for stride in (8, 4, 2)[:maps]]
    count = sum(4 * height * width for height, width in sides)
    assert answers.shape == (2, count, 8)
    assert len(cells.low) == len(cells.high) == len(cells.shapes) == count
    assert cells.high[-1].tolist() == [size[1], size[0]]


@pytest.mark.parametrize(("maps", "boxes"), [(1, 845), (3, 10647)], ids=["v2", "v3"])
def test_as_many_numbers_as_the_papers_networks(maps, boxes):
    """VOC at 416 x 416: 13 x 13 x 125 for five anchors; three maps for v3."""
    anchors = [torch.ones(5, 2)] if maps == 1 else [torch.ones(3, 2)] * 3
    backbone = Backbone((8,) * 5, depth=0)
    model = AnchorYOLO(backbone, anchors, num_classes=21, hidden=8)
    with torch.no_grad():
        answers, _ = model(torch.zeros(1, 3, 416, 416))
    assert answers.shape == (1, boxes, 25)
    assert maps == 3 or answers.numel() == 13 * 13 * 125


def test_each_answer_is_that_of_its_cell():
    """Only answers near a pixel that changes may change."""
    model = AnchorYOLO(Backbone((8, 16), depth=0), [SHAPES], num_classes=2, hidden=8)
    image = torch.rand(1, 3, 64, 96)
    changed = image.clone()
    changed[..., 40, 70] = 9
    with torch.no_grad():
        (before, cells), (after, _) = model(image), model(changed)
    moved = (before != after).any(dim=-1)[0]
    x, y = ((cells.low + cells.high) / 2)[moved].unbind(1)
    assert moved.any()
    assert ((x - 70).abs() < 16).all()
    assert ((y - 40).abs() < 16).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind):
    model = build(**KINDS[kind])
    images, targets = scenes()
    # One object for each map, since a map without any learns no boxes.
    torch.stack(list(model.losses(images, targets).values())).sum().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_can_be_learned_by_heart(kind):
    model = build(**KINDS[kind])
    images, targets = scenes()
    settings = TrainingSettings(
        steps=150,
        batch_size=len(images),
        lr=5e-3,
        seed=0,
        device="cpu",
        optimizer="adamw",
        schedule="constant",
    )
    history = train(model, list(zip(images, targets, strict=True)), settings)
    assert history[-1]["total"] < 0.1 * history[0]["total"]
    # Learned statistics lag behind those of the batch; one value is enough here.
    for found, target in zip(model.predict(images), targets, strict=True):
        sure = found["scores"] > 0.3
        assert sure.sum() == len(target["boxes"])
        if len(target["boxes"]):
            iou, place = box_iou(target["boxes"], found["boxes"][sure]).max(dim=1)
            assert iou.min() > 0.6
            assert found["labels"][sure][place].tolist() == target["labels"].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_depend_neither_on_the_mode_nor_on_other_images(kind):
    model = build(**KINDS[kind], score_threshold=0.001)
    images = torch.rand(3, 3, 64, 96)
    first = model.train().predict(images)
    again = model.eval().predict(images)
    alone = model.predict(images[:1])[0]
    assert len(first[0]["boxes"]) > 0
    for name, value in first[0].items():
        assert torch.equal(again[0][name], value)
        torch.testing.assert_close(alone[name], value, rtol=1e-4, atol=1e-4)
    for each in first:
        assert list(each) == ["boxes", "scores", "labels"]
        assert (each["scores"].diff() <= 0).all()
        assert ((each["labels"] >= 1) & (each["labels"] <= 3)).all()
        assert (each["boxes"] >= 0).all()
        assert (each["boxes"] <= torch.tensor([96.0, 64, 96, 64])).all()


def test_losses_do_not_depend_on_the_mode():
    model = build()
    images, targets = scenes()
    with torch.no_grad():
        train = model.train().losses(images, targets)
        test = model.eval().losses(images, targets)
    assert train == test


def test_anchors_are_kept_with_the_weights():
    model, other = build(), build()
    other.heads[0].shapes.mul_(2)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.heads[0].shapes, SHAPES)


def test_logistic_scores_need_not_sum_to_one():
    answers = torch.zeros(1, 5, 8)
    answers[..., 4:] = 20
    assert build(classes="logistic").scores(answers).sum() == pytest.approx(15)
    assert build(classes="softmax").scores(answers).sum() == pytest.approx(5)


@pytest.mark.parametrize("count", [0, 4])
def test_the_backbone_needs_a_map_for_each_group_of_anchors(count):
    with pytest.raises(ValueError, match=f"anchors for {count} maps, but 1 to 3"):
        AnchorYOLO(Backbone((8, 16, 24)), [SHAPES] * count, num_classes=2)
