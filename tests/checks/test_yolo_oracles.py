"""The slow answers of assignment 05 agree with torchvision, torch and autograd."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import box_convert, box_iou, clip_boxes_to_image

from course_utils.checking.compare import difference
from course_utils.checks.yolo import mistakes as named
from course_utils.checks.yolo.cases import ENCODINGS, random_encoding
from course_utils.checks.yolo.detection_cases import (
    DECODES,
    SHAPES,
    random_decode,
    random_shapes,
)
from course_utils.checks.yolo.detection_oracles import slow_decode_and_keep
from course_utils.checks.yolo.loss_cases import LOSSES, random_loss
from course_utils.checks.yolo.loss_oracles import slow_gradients, slow_terms
from course_utils.checks.yolo.oracles import slow_encode_batch, slow_responsible_boxes
from course_utils.checks.yolo.responsible_cases import CELLS, random_cells
from course_utils.checks.yolo.shape_oracles import slow_cluster_shapes
from course_utils.models.yolo import responsible_boxes, yolo_losses
from course_utils.ops.shape_clusters import mean_best_iou
from course_utils.ops.yolo_grid import GridTargets, decode_grid, encode_grid


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_one_object_a_cell_is_encoded_as_in_the_library(
    generator: torch.Generator,
) -> None:
    for i in range(6):
        boxes, labels, _, _, num_classes = random_encoding(i, generator)
        for image, kinds in zip(boxes, labels, strict=True):
            chosen, known = image[kinds > 0], kinds[kinds > 0]
            # Of several in one cell, the library keeps the first.
            order = (chosen[:, 2:] - chosen[:, :2]).prod(1).argsort(stable=True)
            size = (100, 120)
            truth = encode_grid(
                chosen[order], known[order], size, grid=3, num_classes=num_classes
            )
            found = slow_encode_batch(
                chosen[None], known[None], size, (3, 3), num_classes
            )[0].permute(1, 2, 0)
            sides = truth.boxes[..., 2:].sqrt()
            parts = [truth.is_object[..., None], truth.boxes[..., :2], sides]
            expected = torch.cat([*parts, truth.classes], dim=-1)
            torch.testing.assert_close(found, expected)


def test_what_was_encoded_is_decoded(generator: torch.Generator) -> None:
    for given in [
        *ENCODINGS.values(),
        *(random_encoding(i, generator) for i in (0, 1)),
    ]:
        boxes, labels, (height, width), (rows, columns), _ = given
        target = slow_encode_batch(*given)
        for image, row, column in (target[:, 0] == 1).nonzero().tolist():
            _, x, y, w, h, *classes = target[image, :, row, column].tolist()
            centre = [(column + x) / columns * width, (row + y) / rows * height]
            sized = torch.tensor([[*centre, w * w * width, h * h * height]])
            box = box_convert(sized, "cxcywh", "xyxy")
            same = (boxes[image] - box).abs().amax(1) < 1e-3
            assert 1 + classes.index(1) in labels[image, same].tolist()


def test_responsibility_agrees_with_torchvision_and_the_library(
    generator: torch.Generator,
) -> None:
    for i in range(6):
        answers, truths = random_cells(i, generator)
        rows, columns = answers.shape[-2:]
        found, targets = slow_responsible_boxes(answers, truths)
        for image, row, column in (truths[:, 0] == 1).nonzero().tolist():
            shift = torch.tensor([columns, rows, 1, 1])
            four = torch.cat(
                [
                    answers[image, :, :4, row, column],
                    truths[image, None, 1:, row, column],
                ]
            )
            four = torch.cat([four[:, :2], four[:, 2:] ** 2], dim=1) / shift
            corners = box_convert(four, "cxcywh", "xyxy")
            iou = box_iou(corners[:-1], corners[-1:])[:, 0]
            (best,) = found[image, :, row, column].nonzero().squeeze(1).tolist()
            assert iou[best] > iou.max() - 1e-5
            torch.testing.assert_close(targets[image, best, row, column], iou[best])
        assert int(found.sum()) == int(truths[:, 0].sum())


def test_the_closest_one_agrees_with_the_library(generator: torch.Generator) -> None:
    """On square grids, where nothing overlaps too."""
    answers = torch.rand(2, 3, 5, 4, 4, generator=generator) * 0.5
    truths = torch.rand(2, 5, 4, 4, generator=generator) * 0.4 + 0.1
    truths[:, 0] = 1
    found, targets = slow_responsible_boxes(answers, truths)
    boxes = answers.permute(0, 3, 4, 1, 2)[..., :4]
    boxes = torch.cat([boxes[..., :2], boxes[..., 2:] ** 2], dim=-1)
    truth = truths.permute(0, 2, 3, 1)[..., 1:]
    truth = torch.cat([truth[..., :2], truth[..., 2:] ** 2], dim=-1)
    index, iou = responsible_boxes(boxes, truth)
    assert torch.equal(found.int().argmax(1), index)
    assert (iou.amax(-1) == 0).any()
    best = iou.gather(-1, index[..., None]).squeeze(-1)
    torch.testing.assert_close(targets.amax(1), best)


def test_the_terms_agree_with_torch(generator: torch.Generator) -> None:
    for given in [*LOSSES.values(), *(random_loss(i, generator) for i in range(6))]:
        (roots, sure, sizes, iou, mine), (coord, noobj, ignore) = given
        true = sizes[:, :, None].expand_as(roots)[mine]
        error = F.mse_loss(roots[mine], true.sqrt(), reduction="none").sum(1)
        first = coord * (error * (2 - true.prod(1))).sum() / len(roots)
        target = torch.where(mine, iou, 0)
        weight = torch.where(mine, 1.0, noobj * (iou <= ignore))
        second = (weight * (sure - target) ** 2).sum() / len(roots)
        found = slow_terms(*given)
        torch.testing.assert_close(found, (first, second))


def test_the_terms_without_changes_are_those_of_the_library(
    generator: torch.Generator,
) -> None:
    answers = torch.rand(2, 3, 3, 2 * 5 + 4, generator=generator)
    is_object = torch.rand(2, 3, 3, generator=generator) < 0.5
    boxes = torch.rand(2, 3, 3, 4, generator=generator) * 0.5 + 0.2
    classes = torch.zeros(2, 3, 3, 4)
    losses = yolo_losses(
        answers, GridTargets(is_object, boxes, classes, torch.tensor([0, 0]))
    )
    said = answers[..., :10].unflatten(-1, (2, 5))
    squared = torch.cat([said[..., :2], said[..., 2:4] ** 2], dim=-1)
    index, iou = responsible_boxes(squared, boxes)
    mine = is_object[..., None] & (index[..., None] == torch.arange(2))
    given = (said[..., 2:4], said[..., 4], boxes[..., 2:], iou, mine)
    flat = tuple(one.flatten(1, 2) for one in given)
    first, second = slow_terms(flat, (5, 0.5, 1), weighs="alike")
    torch.testing.assert_close(first, losses["loss_wh"])
    torch.testing.assert_close(
        second, losses["loss_confidence"] + losses["loss_no_object"]
    )


def test_the_gradients_by_hand_agree_with_autograd(generator: torch.Generator) -> None:
    upstream = (torch.tensor(2.0), torch.tensor(-3.0))
    for i in range(6):
        (roots, sure, sizes, iou, mine), weights = random_loss(i, generator)
        roots.requires_grad_()
        sure.requires_grad_()
        iou.requires_grad_()
        true = sizes[:, :, None].expand_as(roots)[mine]
        error = ((roots[mine] - true.sqrt()) ** 2).sum(1)
        first = weights[0] * (error * (2 - true.prod(1))).sum()
        others = sure[~mine & (iou <= weights[2])]
        second = ((sure - iou)[mine] ** 2).sum() + weights[1] * (others**2).sum()
        total = upstream[0] * first + upstream[1] * second
        right = torch.autograd.grad(total / len(roots), (roots, sure, iou))
        given = tuple(one.detach() for one in (roots, sure, sizes, iou, mine))
        torch.testing.assert_close(slow_gradients(given, weights, upstream), right)


def test_decoding_agrees_with_the_library(generator: torch.Generator) -> None:
    for i in range(6):
        vector, image_size, _, (num_boxes, _), _ = random_decode(i, generator)
        grid, classes = 3, 4
        cells = grid * grid
        answers = torch.rand(grid, grid, 5 * num_boxes + classes, generator=generator)
        boxes = answers[..., : 5 * num_boxes].reshape(cells, num_boxes, 5)
        parts = [answers[..., 5 * num_boxes :], boxes[..., 4], boxes[..., :4]]
        vector = torch.cat([part.flatten() for part in parts])
        found = slow_decode_and_keep(
            vector, image_size, (grid, grid), (num_boxes, classes + 1), (-1.0, 9999)
        )
        right = decode_grid(answers[None], image_size, num_boxes=num_boxes)
        scores = right.confidence[0, :, None] * right.classes[0]
        value, order = scores.flatten().sort(descending=True, stable=True)
        clipped = clip_boxes_to_image(right.boxes[0], image_size)
        torch.testing.assert_close(found[1], value)
        torch.testing.assert_close(
            found[0], clipped[order // classes], atol=1e-3, rtol=0
        )
        assert torch.equal(found[2], order % classes + 1)


def test_shapes_fit_as_the_library_says(generator: torch.Generator) -> None:
    for i in range(6):
        shapes, start, steps = random_shapes(i, generator)
        anchors, mean = slow_cluster_shapes(shapes, start, steps)
        assert float(mean) == pytest.approx(mean_best_iou(shapes, anchors), abs=1e-5)
        again, better = slow_cluster_shapes(shapes, anchors, 0)
        assert torch.equal(again, anchors)
        assert float(better) == pytest.approx(float(mean))


def test_medians_are_those_of_torch() -> None:
    shapes, start, _ = SHAPES["widths and heights in other orders"]
    anchors, _ = slow_cluster_shapes(shapes, start, 1)
    assert torch.equal(anchors, shapes.median(dim=0).values[None])


def test_the_count_of_numbers_is_that_of_a_gradient() -> None:
    """Three cells of the library's own loss on 7 x 7 x 30 numbers."""
    answers = torch.rand(1, 7, 7, 30, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[10.0, 10, 50, 60], [12, 12, 52, 52], [300, 20, 440, 90]])
    boxes = torch.cat([boxes, torch.tensor([[100.0, 300, 200, 420]])])
    truth = encode_grid(
        boxes, torch.tensor([1, 2, 3, 4]), (448, 448), grid=7, num_classes=21
    )
    assert int(truth.lost) == 1
    batch = GridTargets(*(part[None] for part in truth))
    losses = yolo_losses(answers.requires_grad_(), batch)
    torch.stack(list(losses.values())).sum().backward()
    assert answers.grad is not None
    assert int((answers.grad != 0).sum()) == 3 * 26 + 46 * 2


ORACLES: dict[str, tuple[Callable[..., Any], dict[str, dict[str, Any]]]] = {
    "encode": (slow_encode_batch, named.ENCODE_MISTAKES),
    "responsible": (slow_responsible_boxes, named.RESPONSIBLE_MISTAKES),
    "loss": (slow_terms, named.LOSS_MISTAKES),
    "decode": (slow_decode_and_keep, named.DECODE_MISTAKES),
    "shapes": (slow_cluster_shapes, named.SHAPE_MISTAKES),
}


def inputs(task: str, generator: torch.Generator) -> list[tuple[Any, ...]]:
    """The named inputs of a task's check, and some random ones."""
    cases: dict[str, dict[str, tuple[Any, ...]]] = {
        "encode": ENCODINGS | {f"{i}": random_encoding(i, generator) for i in range(6)},
        "responsible": CELLS | {f"{i}": random_cells(i, generator) for i in range(6)},
        "loss": LOSSES | {f"{i}": random_loss(i, generator) for i in range(6)},
        "decode": DECODES | {f"{i}": random_decode(i, generator) for i in range(6)},
        "shapes": SHAPES | {f"{i}": random_shapes(i, generator) for i in range(6)},
    }
    return list(cases[task].values())


@pytest.mark.parametrize("task", ORACLES)
def test_every_mistake_is_one_and_no_two_are_the_same(
    task: str, generator: torch.Generator
) -> None:
    """A name that stands for the right answer, or for another's, would mislead."""
    oracle, mistakes = ORACLES[task]
    given = inputs(task, generator)
    answers = {"right": [oracle(*one) for one in given]} | {
        text: [oracle(*one, **settings) for one in given]
        for text, settings in mistakes.items()
    }
    names = list(answers)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert difference(answers[name], answers[other], 1e-4) is not None, (
                name,
                other,
            )
