"""The checks of assignment 05: the grid, two terms of the loss, detections, shapes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.diagnosis import Case, ask_all
from course_utils.checks.yolo.cases import ENCODINGS, random_encoding
from course_utils.checks.yolo.detection_cases import (
    DECODES,
    SHAPES,
    random_decode,
    random_shapes,
)
from course_utils.checks.yolo.detection_oracles import slow_decode_and_keep
from course_utils.checks.yolo.loss_cases import LOSSES, Loss, random_loss
from course_utils.checks.yolo.loss_oracles import slow_gradients, slow_terms
from course_utils.checks.yolo.mistakes import (
    DECODE_MISTAKES,
    ENCODE_MISTAKES,
    LOSS_MISTAKES,
    NUMBER_ADVICE,
    NUMBER_EXPLANATION,
    NUMBER_MISTAKES,
    RESPONSIBLE_MISTAKES,
    SHAPE_MISTAKES,
)
from course_utils.checks.yolo.oracles import (
    slow_encode_batch,
    slow_responsible_boxes,
)
from course_utils.checks.yolo.responsible_cases import CELLS, random_cells
from course_utils.checks.yolo.shape_oracles import slow_cluster_shapes

OWN_LOSSES = ("torch.nn.functional.mse_loss",)


def mistaken(
    oracle: Callable[..., Any],
    given: tuple[Any, ...],
    settings: dict[str, Any],
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


@check("encode_batch")
def check_encode_batch(ask: Ask) -> None:
    """Compare with a loop over images and objects."""

    def others(right: Tensor) -> dict[str, Any]:
        flag, x, y, w, h = (right[:, n : n + 1] for n in range(5))
        classes = right[:, 5:]
        return {
            "x comes before y, and width before height": torch.cat(
                [flag, y, x, h, w, classes], dim=1
            ),
            "channel 0 says whether there is an object; the box follows": torch.cat(
                [x, y, w, h, flag, classes], dim=1
            ),
            "the class channels come last": torch.cat(
                [classes, flag, x, y, w, h], dim=1
            ),
        }

    cases = ENCODINGS | {
        f"random {i}": random_encoding(i, ask.generator) for i in range(6)
    }
    questions = {}
    for case, given in cases.items():
        boxes, labels, image_size, grid, num_classes = given
        questions[case] = Case(
            (boxes, labels, image_size),
            {"grid": grid, "num_classes": num_classes},
            slow_encode_batch(*given),
            partial(mistaken, slow_encode_batch, given, ENCODE_MISTAKES, others),
        )
    ask_all(ask, questions)


@check("responsible_boxes")
def check_responsible_boxes(ask: Ask) -> None:
    """Compare with a search in each cell, predictor by predictor."""
    cases = CELLS | {f"random {i}": random_cells(i, ask.generator) for i in range(6)}
    others = swapped("`is_responsible` comes first, the targets second")
    questions = {
        case: Case(
            given,
            {},
            slow_responsible_boxes(*given),
            partial(
                mistaken, slow_responsible_boxes, given, RESPONSIBLE_MISTAKES, others
            ),
        )
        for case, given in cases.items()
    }
    ask_all(ask, questions)


@check("size_and_confidence_terms", forbids=OWN_LOSSES)
def check_size_and_confidence_terms(ask: Ask) -> None:
    """Compare with sums of Python numbers, and with gradients written by hand."""
    cases = LOSSES | {f"random {i}": random_loss(i, ask.generator) for i in range(6)}
    others = swapped("the term of the sizes comes first")
    questions = {}
    for case, given in cases.items():
        questions[case] = Case(
            given[0],
            settings_of(given),
            slow_terms(*given),
            partial(mistaken, slow_terms, given, LOSS_MISTAKES, others),
        )
    ask_all(ask, questions)
    for case, given in cases.items():
        if given[0][4].any():  # else a sum of nothing may have no gradient
            check_gradients(ask, f"{case}, its gradient", given)


def settings_of(given: Loss) -> dict[str, float]:
    """The weights by their names."""
    names = ("coord_weight", "noobj_weight", "ignore_above")
    return dict(zip(names, given[1], strict=True))


def check_gradients(ask: Ask, case: str, given: Loss) -> None:
    """Ask for the gradients of roots and confidences, and for none of the IoU."""
    upstream = (torch.tensor(2.0), torch.tensor(-3.0))
    reply = ask.gradient(case, *given[0], upstream=upstream, **settings_of(given))
    places = {"roots": 0, "confidences": 1, "iou": 3}
    found = {}
    for name, place in places.items():
        slope = reply.inputs[place]
        found[name] = torch.zeros_like(given[0][place]) if slope is None else slope
    slopes = slow_gradients(*given, upstream)
    right = dict(zip(places, slopes, strict=True))
    still = torch.zeros_like(right["iou"])
    no_target = right | {"iou": still}
    is_nan = ~given[0][2].sqrt().isfinite()[:, :, None].expand_as(right["roots"])
    mistakes = {
        "the IoU is a target: no gradient flows through it; `detach` it": right,
        "`where` and a product with 0 keep the nan of a gradient; choose rows first": (
            no_target | {"roots": right["roots"].masked_fill(is_nan, torch.nan)}
        ),
        "no gradient arrives at the roots: detach the IoU alone": (
            no_target | {"roots": 0 * right["roots"]}
        ),
        "no gradient arrives at the confidences: detach the IoU alone": (
            no_target | {"confidences": still}
        ),
    }
    ask.expect(case, found, no_target, mistakes=mistakes)


@check("decode_and_keep")
def check_decode_and_keep(ask: Ask) -> None:
    """Compare with numbers picked from the vector, one box at a time."""

    def others(right: Any) -> dict[str, Any]:
        boxes, scores, labels = right
        middle, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        return {
            "boxes come first, then scores, then labels": (boxes, labels, scores),
            "these are centres and sizes, two corners were asked for": (
                torch.cat([middle, sides], dim=1),
                scores,
                labels,
            ),
        }

    cases = DECODES | {f"random {i}": random_decode(i, ask.generator) for i in range(6)}
    questions = {}
    for case, given in cases.items():
        vector, image_size, grid, counts, limits = given
        questions[case] = Case(
            (vector, image_size),
            {
                "grid": grid,
                "num_boxes": counts[0],
                "num_classes": counts[1],
                "score_threshold": limits[0],
                "most": limits[1],
            },
            slow_decode_and_keep(*given),
            partial(mistaken, slow_decode_and_keep, given, DECODE_MISTAKES, others),
        )
    # Corners of some hundred pixels carry an error of some 1e-5 in float32.
    ask_all(ask, questions, tolerance=1e-4)


@check("cluster_shapes")
def check_cluster_shapes(ask: Ask) -> None:
    """Compare with groups in Python lists, step by step."""
    others = swapped("the anchors come first, their mean IoU second")
    cases = SHAPES | {f"random {i}": random_shapes(i, ask.generator) for i in range(6)}
    questions = {}
    for case, given in cases.items():
        shapes, start, steps = given
        questions[case] = Case(
            (shapes, start),
            {"steps": steps},
            slow_cluster_shapes(*given),
            partial(mistaken, slow_cluster_shapes, given, SHAPE_MISTAKES, others),
        )
    ask_all(ask, questions)


@check("numbers_in_the_loss")
def check_numbers_in_the_loss(ask: Ask) -> None:
    """Count the outputs that the loss looks at, without giving the count away."""
    ask.number(
        3 * 26 + 46 * 2,
        mistakes=NUMBER_MISTAKES,
        advice=NUMBER_ADVICE,
        explanation=NUMBER_EXPLANATION,
    )
