"""YOLO with anchors: its cells and boxes by hand and by loops, and how it learns."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.backbones import Backbone
from course_utils.models.rpn import flatten_map
from course_utils.models.yolo_v3 import (
    AnchorCells,
    AnchorSettings,
    AnchorYOLO,
    anchor_cells,
    anchor_scores,
    decode_anchors,
    inside_and_growth,
    join_cells,
    own_anchors,
    reorganize,
    resize_at_random,
    resize_batch,
)
from course_utils.ops.boxes import box_iou, decode_boxes, xyxy_to_cxcywh
from course_utils.ops.shape_clusters import shape_iou
from course_utils.training import TrainingSettings, train

# The anchors of the released networks. v2: in cells of its 13 x 13 map; v3: in pixels
# at 416 x 416, three for each of the maps of 52, 26 and 13 cells a side.
V2 = [(1.3221, 1.73145), (3.19275, 4.00944), (5.05587, 8.09892)]
V2 += [(9.47112, 4.84053), (11.2364, 10.0071)]
V3 = [(10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119)]
V3 += [(116, 90), (156, 198), (373, 326)]


def v2_cells(dtype: torch.dtype = torch.float64) -> AnchorCells:
    shapes = torch.tensor(V2, dtype=dtype) * 32
    return anchor_cells(shapes, map_size=(13, 13), image_size=(416, 416))


def v3_cells() -> AnchorCells:
    shapes = torch.tensor(V3, dtype=torch.float64).split(3)
    return join_cells(
        [
            anchor_cells(each, map_size=(side, side), image_size=(416, 416))
            for each, side in zip(shapes, (52, 26, 13), strict=True)
        ]
    )


def random_boxes(count: int, size: tuple[int, int], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    limit = torch.tensor([width, height], dtype=torch.float64)
    centre = torch.rand(count, 2, generator=generator, dtype=torch.float64) * limit
    half = 2 + torch.rand(count, 2, generator=generator, dtype=torch.float64) * 40
    return torch.cat([centre - half, centre + half], dim=1)


def sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


def test_v2_decodes_as_its_formula_says():
    """b_x = (c_x + sigmoid(t_x)) / W, b_w = p_w exp(t_w) / W, of the image."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 125, 13, 13, generator=generator, dtype=torch.float64)
    answers = flatten_map(maps, 5)
    assert answers.shape == (1, 845, 25)
    found = xyxy_to_cxcywh(decode_anchors(answers[0, :, :4], v2_cells())) / 416
    for row, column, anchor in [(0, 0, 0), (3, 11, 1), (12, 0, 4), (12, 12, 2)]:
        tx, ty, tw, th = maps[0, 25 * anchor : 25 * anchor + 4, row, column].tolist()
        expected = [
            (column + sigmoid(tx)) / 13,
            (row + sigmoid(ty)) / 13,
            V2[anchor][0] * math.exp(tw) / 13,
            V2[anchor][1] * math.exp(th) / 13,
        ]
        got = found[(row * 13 + column) * 5 + anchor].tolist()
        assert got == pytest.approx(expected, abs=1e-12)


def test_v2_at_zero_is_the_anchor_in_the_middle_of_its_cell():
    zero = torch.zeros(845, 4, dtype=torch.float64)
    found = decode_anchors(zero, v2_cells())[(6 * 13 + 6) * 5]
    cx, cy, w, h = xyxy_to_cxcywh(found[None])[0].tolist()
    assert (cx, cy) == (208, 208)
    assert (w, h) == pytest.approx((42.3072, 55.4064))


def test_v3_has_three_maps_of_three_anchors():
    cells = v3_cells()
    assert len(cells.low) == 10647 == 3 * (52**2 + 26**2 + 13**2)
    sizes = (cells.high - cells.low)[:, 0]
    assert [(sizes == stride).sum().item() for stride in (8, 16, 32)] == [
        8112,
        2028,
        507,
    ]
    zero = torch.zeros(len(cells.low), 4, dtype=torch.float64)
    last = xyxy_to_cxcywh(decode_anchors(zero, cells)[-1:])[0].tolist()
    assert last == [400, 400, 373, 326]


def test_free_centres_are_those_of_an_rpn():
    cells = anchor_cells(
        torch.tensor([[10.0, 20], [30, 8]]), map_size=(2, 3), image_size=(32, 48)
    )
    generator = torch.Generator().manual_seed(0)
    answers = 3 * torch.randn(12, 4, generator=generator)
    middle = (cells.low + cells.high) / 2
    reference = torch.cat([middle - cells.shapes / 2, middle + cells.shapes / 2], dim=1)
    torch.testing.assert_close(
        decode_anchors(answers, cells, is_free=True), decode_boxes(answers, reference)
    )


@pytest.mark.parametrize("scale", [1, 100])
def test_with_a_sigmoid_no_centre_leaves_its_cell(scale):
    cells = anchor_cells(torch.ones(2, 2), map_size=(3, 4), image_size=(24, 40))
    generator = torch.Generator().manual_seed(0)
    answers = scale * torch.randn(5, 24, 4, generator=generator)
    centre = decode_anchors(answers, cells).unflatten(-1, (2, 2)).mean(dim=-2)
    # Sides of up to 62 make the mean of two corners inexact.
    assert (centre >= cells.low - 1e-4).all()
    assert (centre <= cells.high + 1e-4).all()
    free = decode_anchors(answers, cells, is_free=True)
    centre = free.unflatten(-1, (2, 2)).mean(dim=-2)
    assert scale == 1 or ((centre < cells.low) | (centre > cells.high)).any()


def test_going_round():
    size = (96, 160)
    shapes = torch.tensor([[20.0, 30], [50, 40]], dtype=torch.float64)
    cells = anchor_cells(shapes, map_size=(3, 5), image_size=size)
    boxes = random_boxes(50, size)
    own = own_anchors(boxes, cells, size)
    mine = AnchorCells(*(part[own] for part in cells))
    inside, growth = inside_and_growth(boxes, mine)
    assert ((inside >= 0) & (inside < 1)).all()
    answers = torch.cat([torch.logit(inside), growth], dim=1)
    torch.testing.assert_close(decode_anchors(answers, mine), boxes)


@pytest.mark.parametrize("size", [(416, 416), (96, 160), (130, 70)])
def test_own_anchors_equal_a_loop(size):
    shapes = torch.tensor(V3, dtype=torch.float64) / 4
    sides = [(9, 7), (5, 4), (2, 2)]
    maps = [
        anchor_cells(each, map_size=side, image_size=size)
        for each, side in zip(shapes.split(3), sides, strict=True)
    ]
    boxes = random_boxes(100, size)
    starts = [0, 9 * 7 * 3, 9 * 7 * 3 + 5 * 4 * 3]
    expected = []
    for box in boxes:
        x, y, w, h = xyxy_to_cxcywh(box[None])[0].tolist()
        fit = shape_iou(torch.tensor([[w, h]], dtype=torch.float64), shapes)
        scale, anchor = divmod(int(fit.argmax()), 3)
        rows, columns = sides[scale]
        row, column = int(y / size[0] * rows), int(x / size[1] * columns)
        expected.append(starts[scale] + (row * columns + column) * 3 + anchor)
    assert own_anchors(boxes, join_cells(maps), size).tolist() == expected


def test_shapes_that_tie_give_the_first():
    shapes = torch.tensor([[10.0, 20], [20, 10]])
    cells = anchor_cells(shapes, map_size=(2, 2), image_size=(32, 32))
    square = torch.tensor([[2.0, 2, 16, 16], [14, 14, 30, 30]])
    assert own_anchors(square, cells, (32, 32)).tolist() == [0, 6]


def test_centres_between_cells_and_on_the_border():
    size, cells = (7, 14), None
    for dtype in (torch.float32, torch.float64):
        shape = torch.ones(1, 2, dtype=dtype)
        cells = anchor_cells(shape, map_size=(3, 11), image_size=size)
        centre = torch.tensor(
            [[0.0, 0], [14, 0], [0, 7], [14, 7], [14 / 11, 7 / 3]], dtype=dtype
        )
        boxes = torch.cat([centre - 0.25, centre + 0.25], dim=1)
        assert own_anchors(boxes, cells, size)[:4].tolist() == [0, 10, 22, 32]
        # Every edge between two cells belongs to exactly one of them.
        edges = torch.cat([cells.low, cells.high.clamp(max=6.9)])
        on_edge = torch.cat([edges - 0.25, edges + 0.25], dim=1)
        own = own_anchors(on_edge, cells, size)
        middle = (on_edge[:, :2] + on_edge[:, 2:]) / 2
        assert (cells.low[own] <= middle).all()
        assert (middle < cells.high[own]).all()


def test_no_objects():
    none = torch.zeros(0, 4)
    own = own_anchors(none, v2_cells(torch.float32), (416, 416))
    assert own.shape == (0,)
    assert own.dtype == torch.int64


def test_overflow_is_not_possible():
    cells = anchor_cells(torch.ones(1, 2), map_size=(1, 1), image_size=(8, 8))
    found = decode_anchors(torch.full((1, 4), 1e4), cells)
    assert found.isfinite().all()
    assert (found[0, 2:] - found[0, :2]).tolist() == pytest.approx([62.5, 62.5])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([30.0, 10, 50, 20], "centre outside the image"),
        ([10.0, -30, 20, 20], "centre outside the image"),
        ([10.0, 20, 5, 30], "x2 < x1"),
        ([10.0, 20, 15, float("nan")], "nan"),
        ([10.0, 10, 10, 20], "not above 0"),
    ],
)
def test_bad_boxes(box, message):
    cells = anchor_cells(torch.ones(1, 2), map_size=(2, 2), image_size=(32, 32))
    with pytest.raises(ValueError, match=message):
        own_anchors(torch.tensor([box]), cells, (32, 32))


def test_bad_settings():
    cells = anchor_cells(torch.ones(1, 2), map_size=(2, 2), image_size=(32, 32))
    with pytest.raises(ValueError, match=r"\(\.\.\., 4, 4\) was expected"):
        decode_anchors(torch.zeros(5, 4), cells)
    with pytest.raises(ValueError, match=r"map \(0, 2\)"):
        anchor_cells(torch.ones(1, 2), map_size=(0, 2), image_size=(32, 32))
    with pytest.raises(ValueError, match="not above 0"):
        anchor_cells(torch.zeros(1, 2), map_size=(2, 2), image_size=(32, 32))


SHAPES = torch.tensor([[12.0, 14], [20, 18], [25, 36], [44, 30]])
KINDS = {
    "v2, free": {"is_free": True},
    "v2": {},
    "passthrough": {"has_passthrough": True},
    "two maps": {"maps": 2},
    "logistic classes": {"maps": 2, "classes": "logistic"},
    "v3": {"maps": 2, "classes": "logistic", "objectness": "logistic"},
}


def build(*, maps: int = 1, has_passthrough: bool = False, **settings) -> AnchorYOLO:
    torch.manual_seed(0)
    return AnchorYOLO(
        Backbone((8, 16, 24)),
        list(SHAPES.chunk(maps)),
        num_classes=4,
        hidden=16,
        has_passthrough=has_passthrough,
        settings=AnchorSettings(**settings),
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
    outputs = torch.zeros(1, 5, 8)
    outputs[..., 4:] = 20
    assert anchor_scores(outputs, "logistic").sum() == pytest.approx(15)
    assert anchor_scores(outputs, "softmax").sum() == pytest.approx(5)


@pytest.mark.parametrize("count", [0, 4])
def test_the_backbone_needs_a_map_for_each_group_of_anchors(count):
    with pytest.raises(ValueError, match=f"anchors for {count} maps, but 1 to 3"):
        AnchorYOLO(Backbone((8, 16, 24)), [SHAPES] * count, num_classes=2)


def test_a_passthrough_needs_a_finer_map_and_one_group_of_anchors():
    for widths, maps in [((8, 16, 24), 2), ((8,), 1)]:
        with pytest.raises(ValueError, match="a passthrough leads from"):
            AnchorYOLO(
                Backbone(widths),
                [SHAPES] * maps,
                num_classes=2,
                has_passthrough=True,
            )


def test_reorganising_is_pixel_unshuffle():
    features = torch.rand(2, 3, 6, 10, dtype=torch.float64, requires_grad=True)
    ours, reference = reorganize(features), F.pixel_unshuffle(features, 2)
    assert torch.equal(ours, reference)
    weights = torch.rand(ours.shape, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((ours * weights).sum(), features)
    (expected,) = torch.autograd.grad((reference * weights).sum(), features)
    assert torch.equal(gradient, expected)


def test_resizing_moves_the_boxes_along():
    images, targets = scenes()
    resized, moved = resize_batch(images, targets, 128)
    assert resized.shape == (3, 3, 128, 128)
    expected = torch.tensor([6 * 128 / 96, 16, 22 * 128 / 96, 48])
    torch.testing.assert_close(moved[0]["boxes"][0], expected)
    assert torch.equal(moved[0]["labels"], targets[0]["labels"])
    x1, y1, x2, y2 = moved[0]["boxes"][0].long().tolist()
    inside = resized[0, :, y1 + 3 : y2 - 3, x1 + 3 : x2 - 3]
    assert (inside.flatten(1).mean(dim=1) - torch.tensor([1.0, 0, 0])).abs().max() < 0.1


def test_sides_are_drawn_for_the_whole_batch():
    images, targets = scenes()
    sides, generator = (32, 64, 96), torch.Generator().manual_seed(0)
    drawn = {
        resize_at_random(images, targets, generator, sides=sides)[0].shape[-1]
        for _ in range(30)
    }
    assert drawn == set(sides)
