"""The checks of assignment 06: default boxes, matching, negatives, patches, loss."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.diagnosis import Case, ask_all
from course_utils.checks.ssd.boxes_of_map import check_boxes_of_map
from course_utils.checks.ssd.cases import (
    MAPS,
    MATCHES,
    SIZES,
    random_map,
    random_match,
    random_sizes,
)
from course_utils.checks.ssd.loss_cases import LOSSES, random_loss
from course_utils.checks.ssd.loss_oracles import slow_ssd_loss
from course_utils.checks.ssd.mistakes import (
    MAP_MISTAKES,
    MATCH_MISTAKES,
    SIZE_MISTAKES,
    SMALLEST_MISTAKES,
    Settings,
)
from course_utils.checks.ssd.oracles import (
    slow_boxes_of_map,
    slow_matched_objects,
    slow_sizes_of_maps,
)
from course_utils.checks.ssd.training_cases import (
    NEGATIVES,
    PATCHES,
    random_negatives,
    random_patch,
)
from course_utils.checks.ssd.training_mistakes import (
    LOSS_MISTAKES,
    NEGATIVE_MISTAKES,
    PATCH_MISTAKES,
)
from course_utils.checks.ssd.training_oracles import (
    slow_chosen_negatives,
    slow_cut_patch,
)

Named = dict[str, Any]

DETECTION = "torchvision.models.detection"
TRANSFORMS = "torchvision.transforms.v2"
GENERATOR = f"{DETECTION}.anchor_utils.DefaultBoxGenerator"


class AskWithGradients(Ask):
    """Asks for a loss together with its gradients by the first two arguments."""

    def __call__(self, case: str, *arguments: Any, **settings: Any) -> Any:
        """What the answer returns, and the two gradients, by their names."""
        upstream = torch.tensor(1.0)
        reply = self.gradient(case, *arguments, upstream=upstream, **settings)
        slopes = [
            torch.zeros_like(argument) if slope is None else slope
            for argument, slope in zip(arguments[:2], reply.inputs[:2], strict=True)
        ]
        return {
            "the loss": reply.value,
            "its gradient by logits": slopes[0],
            "its gradient by deltas": slopes[1],
        }


def mistaken(
    oracle: Callable[..., Any],
    given: tuple[Any, ...],
    settings: Settings,
    others: Callable[[Any], Named] = lambda right: {},
) -> Named:
    """What each mistake makes of this input, by its description.

    `others` makes more of them out of the right answer.
    """
    found = {text: oracle(*given, **setting) for text, setting in settings.items()}
    return found | others(oracle(*given))


def named_and_random(
    named: dict[str, Any], drawn: Callable[..., Any], count: int, ask: Ask
) -> dict[str, Any]:
    """The named inputs, and as many random ones."""
    return named | {f"random {i}": drawn(i, ask.generator) for i in range(count)}


@check("sizes_of_maps", forbids=(f"{GENERATOR}.__init__",))
def check_sizes_of_maps(ask: Ask) -> None:
    """Compare with percents in Python numbers, map by map."""

    def others(right: Any) -> Named:
        paper, released = right
        return {
            "the paper's sizes come first, the released ones second": right[::-1],
            "a row of the released sizes is a map": (paper, released.T),
        }

    questions = {}
    for case, given in named_and_random(SIZES, random_sizes, 6, ask).items():
        num_maps, side, smallest, largest, first = given
        questions[case] = Case(
            (num_maps, side),
            {"smallest": smallest, "largest": largest, "first": first},
            slow_sizes_of_maps(*given),
            partial(mistaken, slow_sizes_of_maps, given, SIZE_MISTAKES, others),
        )
    ask_all(ask, questions)


@check("matched_objects", forbids=(f"{DETECTION}._utils.Matcher.__call__",))
def check_matched_objects(ask: Ask) -> None:
    """Compare with lists of pairs, from the highest IoU to the lowest."""
    questions = {}
    for case, given in named_and_random(MATCHES, random_match, 8, ask).items():
        questions[case] = Case(
            given[:1],
            {"threshold": given[1]},
            slow_matched_objects(*given),
            partial(mistaken, slow_matched_objects, given, MATCH_MISTAKES),
        )
    ask_all(ask, questions)


@check("chosen_negatives", forbids=(f"{DETECTION}.ssd.SSD.compute_loss",))
def check_chosen_negatives(ask: Ask) -> None:
    """Compare with sorted lists of losses, image by image."""
    questions = {}
    for case, given in named_and_random(NEGATIVES, random_negatives, 8, ask).items():
        questions[case] = Case(
            given[:2],
            {"ratio": given[2], "least": given[3]},
            slow_chosen_negatives(*given),
            partial(mistaken, slow_chosen_negatives, given, NEGATIVE_MISTAKES, turned),
        )
    ask_all(ask, questions)


def turned(right: Tensor) -> Named:
    """The mistake of marking what is not chosen."""
    return {"True marks what is chosen": ~right}


@check(
    "cut_patch",
    forbids=(
        f"{TRANSFORMS}.RandomIoUCrop.make_params",
        f"{TRANSFORMS}.functional.crop_bounding_boxes",
        f"{TRANSFORMS}.functional.clamp_bounding_boxes",
        f"{TRANSFORMS}.functional.resize_bounding_boxes",
        f"{TRANSFORMS}.functional.resized_crop_bounding_boxes",
    ),
)
def check_cut_patch(ask: Ask) -> None:
    """Compare with lists of objects, patch by patch."""
    questions = {}
    for case, given in named_and_random(PATCHES, random_patch, 8, ask).items():
        min_iou, side = given[4]
        questions[case] = Case(
            given[:4],
            {"min_iou": min_iou, "side": side},
            slow_cut_patch(*given),
            partial(mistaken, slow_cut_patch, given, PATCH_MISTAKES),
        )
    # Corners of some hundred pixels carry an error of some 1e-5 in float32.
    ask_all(ask, questions, tolerance=1e-4)


@check(
    "ssd_loss",
    forbids=(
        f"{DETECTION}.ssd.SSD.compute_loss",
        f"{DETECTION}._utils.BoxCoder.encode_single",
        f"{DETECTION}._utils.encode_boxes",
    ),
)
def check_ssd_loss(ask: Ask) -> None:
    """Compare with sums of Python numbers, and with the gradients' formulas."""
    questions = {}
    for case, given in named_and_random(LOSSES, random_loss, 6, ask).items():
        questions[case] = Case(
            given[0],
            {"alpha": given[1]},
            slow_ssd_loss(*given),
            partial(mistaken, slow_ssd_loss, given, LOSS_MISTAKES),
        )
    asking = AskWithGradients(**vars(ask))
    ask_all(asking, questions, tolerance=1e-4)


@check("smallest_side_answer")
def check_smallest_side_answer(ask: Ask) -> None:
    """Compare with the side whose square is half of the smallest default box."""
    ask.number(
        1000 / 300 * 30 / 2**0.5,
        mistakes=SMALLEST_MISTAKES,
        advice="Draw a square object inside the smallest square default box, and write "
        "down their IoU.",
        explanation="In a box of 30 x 30 pixels, a square of side a has the IoU a^2 / "
        "900. This is 0.5 at 21.2 pixels, which are 70.7 of the photograph. A smaller "
        "object has its best box, and no other.",
        tolerance=5e-3,
    )
