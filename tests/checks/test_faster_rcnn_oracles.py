"""The slow answers of assignment 04 agree with torchvision, torch and paper."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import (
    batched_nms,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    remove_small_boxes,
)

from course_utils.checking.check import Ask, CheckFailed, random_boxes
from course_utils.checking.compare import difference
from course_utils.checking.diagnosis import Question, ask_all
from course_utils.checks.faster_rcnn import mistakes as named
from course_utils.checks.faster_rcnn.cases import (
    GRIDS,
    LABELS,
    flatten_cases,
    maps_case,
    random_grid,
    random_labels,
)
from course_utils.checks.faster_rcnn.loss_cases import LOSSES, random_loss
from course_utils.checks.faster_rcnn.loss_oracles import slow_loss_terms
from course_utils.checks.faster_rcnn.oracles import (
    slow_anchor_labels,
    slow_flatten_levels,
    slow_inside_anchors,
)
from course_utils.checks.faster_rcnn.proposal_cases import (
    DECODES,
    SELECTIONS,
    random_decode,
    random_selection,
)
from course_utils.checks.faster_rcnn.proposal_oracles import (
    slow_decode_proposals,
    slow_select_proposals,
)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


@pytest.mark.parametrize("case", GRIDS)
def test_anchors_agree_with_torchvision_moved_to_the_middle(case: str) -> None:
    image_size, map_size, side, ratios, strides = GRIDS[case]
    root = torch.tensor(ratios).sqrt()
    shapes = torch.stack([-root, -1 / root, root, 1 / root], dim=1) * side / 2
    generator = AnchorGenerator(((side,),), (tuple(ratios),))
    generator.cell_anchors = [shapes]  # its own are rounded
    steps = [[torch.tensor(stride) for stride in strides]]
    (all_anchors,) = generator.grid_anchors([list(map_size)], steps)
    all_anchors = all_anchors + torch.tensor([strides[1], strides[0]] * 2) / 2
    anchors, index = slow_inside_anchors(*GRIDS[case])
    torch.testing.assert_close(anchors, all_anchors[index])
    inside = clip_boxes_to_image(all_anchors, image_size)
    assert torch.equal(index, (inside == all_anchors).all(1).nonzero().squeeze(1))


def test_labels_without_difficult_objects_agree_with_torchvision(
    generator: torch.Generator,
) -> None:
    for i in range(12):
        iou, _, high, low = random_labels(i, generator)
        iou = iou[iou.amax(dim=1) > 0]  # torchvision has no guard
        matcher = Matcher(high, low, allow_low_quality_matches=True)
        found = matcher(iou)
        flags = torch.zeros(len(iou), dtype=torch.bool)
        labels, truth = slow_anchor_labels(iou, flags, high, low)
        assert torch.equal(labels, (found >= 0).long() - (found == -2).long())
        assert torch.equal(truth, found.clamp(min=-1))


def test_deltas_of_levels_agree_with_torchvision(generator: torch.Generator) -> None:
    scores, deltas = maps_case(2, 3, [(4, 7), (2, 5)], generator)
    chances, moves = slow_flatten_levels(scores, deltas)
    logits = [score[:, 3:] - score[:, :3] for score in scores]
    right_logits, right_moves = concat_box_prediction_layers(logits, deltas)
    assert torch.equal(moves.flatten(0, 1), right_moves)
    torch.testing.assert_close(chances.flatten(), right_logits.sigmoid().squeeze(1))


def test_decoding_agrees_with_torchvision(generator: torch.Generator) -> None:
    for given in [*DECODES.values(), *(random_decode(i, generator) for i in range(6))]:
        deltas, anchors, image_size, scale, min_side = given
        corners = box_convert(anchors, "cxcywh", "xyxy")
        boxes = BoxCoder((1, 1, 1, 1)).decode_single(deltas, corners)
        boxes = clip_boxes_to_image(boxes, image_size) / scale
        right = remove_small_boxes(boxes, min_side)
        found, rows = slow_decode_proposals(*given)
        assert torch.equal(rows, right)
        torch.testing.assert_close(found, boxes[right], atol=1e-3, rtol=0)


def test_the_loss_agrees_with_torch(generator: torch.Generator) -> None:
    for given in [*LOSSES.values(), *(random_loss(i, generator) for i in range(6))]:
        (logits, deltas, labels, targets), num_positions, balance = given
        used, things = labels != -1, labels == 1
        entropy = F.binary_cross_entropy_with_logits(
            logits[used], labels[used].float(), reduction="sum"
        )
        error = F.smooth_l1_loss(deltas[things], targets[things], reduction="sum")
        first, second = slow_loss_terms(*given)
        torch.testing.assert_close(first, entropy / max(int(used.sum()), 1))
        torch.testing.assert_close(second, balance * error / num_positions)


def test_the_loss_of_minus_one_has_no_lower_bound() -> None:
    # As in the reference of the lesson: log p - 2 log(1 - p) at p = 0.5 and p = 1e-4.
    for chance, right in ((0.5, 0.69), (1e-4, -9.2)):
        logit = torch.tensor([[math.log(chance / (1 - chance))]])
        nothing = torch.zeros(1, 1, 4)
        given = (logit, nothing, torch.tensor([[-1]]), nothing)
        first, _ = slow_loss_terms(given, 1, 1, ignored="as they are", divides="by all")
        assert float(first) == pytest.approx(right, abs=0.02)


def test_selection_agrees_with_torchvision(generator: torch.Generator) -> None:
    for count in (5, 20, 60):
        boxes = random_boxes(count, generator=generator)
        scores = torch.rand(count, generator=generator)
        levels = torch.randint(0, 3, (count,), generator=generator)
        chosen = [
            members[scores[members].topk(min(9, len(members))).indices]
            for members in (
                (levels == level).nonzero().squeeze(1) for level in range(3)
            )
        ]
        first = torch.cat(chosen)
        kept = batched_nms(boxes[first], scores[first], levels[first], 0.3)[:7]
        iou = box_iou(boxes, boxes)
        found = slow_select_proposals(iou, scores, levels, (9, 7), 0.3)
        assert torch.equal(found, first[kept])


ORACLES: dict[str, tuple[Callable[..., Any], dict[str, dict[str, str]]]] = {
    "grid": (slow_inside_anchors, named.GRID_MISTAKES),
    "labels": (slow_anchor_labels, named.LABEL_MISTAKES),
    "flatten": (slow_flatten_levels, named.FLATTEN_MISTAKES),
    "decode": (slow_decode_proposals, named.DECODE_MISTAKES),
    "loss": (slow_loss_terms, named.LOSS_MISTAKES),
    "selection": (slow_select_proposals, named.SELECTION_MISTAKES),
}


def inputs(task: str, generator: torch.Generator) -> list[tuple[Any, ...]]:
    """The named inputs of a task's check, and some random ones."""
    cases: dict[str, dict[str, tuple[Any, ...]]] = {
        "grid": GRIDS | {f"{i}": random_grid(i, generator) for i in range(6)},
        "labels": LABELS | {f"{i}": random_labels(i, generator) for i in range(8)},
        "flatten": flatten_cases(generator),
        "decode": DECODES | {f"{i}": random_decode(i, generator) for i in range(6)},
        "loss": LOSSES | {f"{i}": random_loss(i, generator) for i in range(6)},
        "selection": SELECTIONS
        | {f"{i}": random_selection(i, generator) for i in range(8)},
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


def test_the_mistake_that_fits_all_cases_is_named() -> None:
    def question(x: int) -> Question:
        return Question((x,), {}, x + 2, lambda: {"times": x * 3, "plus": x + 4})

    questions = {"two": question(2), "five": question(5), "nine": question(9)}
    for answer, words in ((lambda x: x * 3, "times"), (lambda x: x + 4, "plus")):
        ask = Ask(answer, "task", torch.Generator())
        with pytest.raises(CheckFailed, match=f"Likely mistake: {words}") as failure:
            ask_all(ask, questions)
        assert "case 'two'" in str(failure.value)
        assert "Call: task(2)" in str(failure.value)


def test_a_case_that_raises_says_nothing_about_the_mistake() -> None:
    def answer(x: int) -> float:
        return x + 4 if x < 5 else x / 0

    question = Question((2,), {}, 4, lambda: {"times": 6, "plus": 6})
    ask = Ask(answer, "task", torch.Generator())
    with pytest.raises(CheckFailed, match="Likely mistake: times"):
        ask_all(ask, {"two": question, "five": Question((5,), {}, 7)})
