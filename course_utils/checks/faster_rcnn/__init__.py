"""The checks of assignment 04: anchors, their labels, the RPN's loss, proposals."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.diagnosis import Case, ask_all
from course_utils.checks.faster_rcnn.cases import (
    GRIDS,
    LABELS,
    flatten_cases,
    random_grid,
    random_labels,
)
from course_utils.checks.faster_rcnn.loss_cases import LOSSES, random_loss
from course_utils.checks.faster_rcnn.loss_oracles import slow_loss_terms
from course_utils.checks.faster_rcnn.mistakes import (
    DECODE_MISTAKES,
    FLATTEN_MISTAKES,
    GRID_MISTAKES,
    LABEL_MISTAKES,
    LOSS_MISTAKES,
    OPTIONS,
    SELECTION_MISTAKES,
    Settings,
)
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

DETECTION = "torchvision.models.detection"
OWN_LOSSES = ("torch.nn.functional.smooth_l1_loss", "torch.nn.functional.huber_loss")


def mistaken(
    oracle: Callable[..., Any],
    given: tuple[Any, ...],
    settings: Settings,
    others: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """What each mistake makes of this input, by its description.

    `others` makes more of them out of the right answer.
    """
    found = {text: oracle(*given, **setting) for text, setting in settings.items()}
    return found | others(oracle(*given))


def swapped(text: str) -> Callable[[Any], dict[str, Any]]:
    """The mistake of returning two things in the wrong order."""
    return lambda right: {text: right[::-1]}


@check(
    "inside_anchors",
    forbids=(f"{DETECTION}.anchor_utils.AnchorGenerator.grid_anchors",),
)
def check_inside_anchors(ask: Ask) -> None:
    """Compare with a loop over rows, columns and ratios."""

    def others(right: Any) -> dict[str, Any]:
        anchors, index = right
        return {
            "a box is (x1, y1, x2, y2): x comes first": (
                anchors[:, [1, 0, 3, 2]],
                index,
            ),
            "the anchors come first, their numbers second": (index, anchors),
        }

    cases = GRIDS | {f"random {i}": random_grid(i, ask.generator) for i in range(6)}
    questions = {}
    for case, given in cases.items():
        image_size, map_size, side, ratios, strides = given
        questions[case] = Case(
            (image_size, map_size),
            {"side": side, "ratios": ratios, "strides": strides},
            slow_inside_anchors(*given),
            partial(mistaken, slow_inside_anchors, given, GRID_MISTAKES, others),
        )
    ask_all(ask, questions)


@check("anchor_labels", forbids=(f"{DETECTION}._utils.Matcher.__call__",))
def check_anchor_labels(ask: Ask) -> None:
    """Compare with lists of overlaps, anchor by anchor."""
    others = swapped("the labels come first, the objects second")
    cases = LABELS | {f"random {i}": random_labels(i, ask.generator) for i in range(8)}
    questions = {}
    for case, given in cases.items():
        iou, is_difficult, positive_iou, negative_iou = given
        questions[case] = Case(
            (iou, is_difficult),
            {"positive_iou": positive_iou, "negative_iou": negative_iou},
            slow_anchor_labels(*given),
            partial(mistaken, slow_anchor_labels, given, LABEL_MISTAKES, others),
        )
    ask_all(ask, questions)


@check(
    "flatten_levels",
    forbids=(
        f"{DETECTION}.rpn.permute_and_flatten",
        f"{DETECTION}.rpn.concat_box_prediction_layers",
    ),
)
def check_flatten_levels(ask: Ask) -> None:
    """Compare with values picked from the maps, one at a time."""
    others = swapped("probabilities come first, deltas second")
    questions = {
        case: Case(
            given,
            {},
            slow_flatten_levels(*given),
            partial(mistaken, slow_flatten_levels, given, FLATTEN_MISTAKES, others),
        )
        for case, given in flatten_cases(ask.generator).items()
    }
    ask_all(ask, questions)


@check("decode_proposals", forbids=(f"{DETECTION}._utils.BoxCoder.decode_single",))
def check_decode_proposals(ask: Ask) -> None:
    """Compare with Python numbers, anchor by anchor."""

    def others(right: Any) -> dict[str, Any]:
        boxes, index = right
        sized = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], dim=1)
        return {
            "these are corners and sizes, two corners were asked for": (sized, index),
            "the boxes come first, their rows second": (index, boxes),
        }

    cases = DECODES | {f"random {i}": random_decode(i, ask.generator) for i in range(6)}
    questions = {}
    for case, given in cases.items():
        deltas, anchors, image_size, scale, min_side = given
        questions[case] = Case(
            (deltas, anchors, image_size),
            {"scale": scale, "min_side": min_side},
            slow_decode_proposals(*given),
            partial(mistaken, slow_decode_proposals, given, DECODE_MISTAKES, others),
        )
    # Corners of some hundred pixels carry an error of some 1e-5 in float32.
    ask_all(ask, questions, tolerance=1e-4)


@check("rpn_loss_terms", forbids=OWN_LOSSES)
def check_rpn_loss_terms(ask: Ask) -> None:
    """Compare with sums of Python numbers, anchor by anchor."""
    cases = LOSSES | {f"random {i}": random_loss(i, ask.generator) for i in range(6)}
    others = swapped("cross-entropy comes first, the box term second")
    questions = {}
    for case, given in cases.items():
        tensors, num_positions, balance = given
        questions[case] = Case(
            tensors,
            {"num_positions": num_positions, "balance": balance},
            slow_loss_terms(*given),
            partial(mistaken, slow_loss_terms, given, LOSS_MISTAKES, others),
        )
    ask_all(ask, questions)


def scores_for_indices(scores: Tensor, right: Tensor) -> dict[str, Any]:
    """The mistake of returning what the indices point to."""
    return {"these are scores, the indices were asked for": scores[right]}


@check("select_proposals")
def check_select_proposals(ask: Ask) -> None:
    """Compare with lists from which one proposal at a time is picked."""
    cases = SELECTIONS | {
        f"random {i}": random_selection(i, ask.generator) for i in range(8)
    }
    questions = {}
    for case, given in cases.items():
        iou, scores, levels, (before, after), iou_threshold = given
        questions[case] = Case(
            (iou, scores, levels),
            {"before": before, "after": after, "iou_threshold": iou_threshold},
            slow_select_proposals(*given),
            partial(
                mistaken,
                slow_select_proposals,
                given,
                SELECTION_MISTAKES,
                partial(scores_for_indices, scores),
            ),
        )
    ask_all(ask, questions)


@check("ten_times_faster_answer")
def check_ten_times_faster_answer(ask: Ask) -> None:
    """Say why an option is wrong."""
    ask.choice("b", OPTIONS)
