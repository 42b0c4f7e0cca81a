"""The checks of assignment 02: regions, proposals, crops, targets, hard negatives."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.compare import shown
from course_utils.checks.rcnn.cases import (
    MERGES,
    REGIONS,
    random_merge,
    random_regions,
)
from course_utils.checks.rcnn.mistakes import (
    mistaken_crops,
    mistaken_merges,
    mistaken_quality,
    mistaken_similarities,
)
from course_utils.checks.rcnn.oracles import (
    slow_best,
    slow_filled,
    slow_mabo,
    slow_merged,
    slow_recall,
    slow_similarities,
)
from course_utils.checks.rcnn.proposal_cases import (
    CROPS,
    PROPOSALS,
    random_crops,
    random_proposals,
)
from course_utils.checks.rcnn.training_cases import (
    MINING,
    PAIRS,
    REFINEMENTS,
    random_mining,
    random_pairs,
    random_refinement,
)
from course_utils.checks.rcnn.training_mistakes import (
    OPTIONS,
    mistaken_mining,
    mistaken_refinements,
    mistaken_targets,
)
from course_utils.checks.rcnn.training_oracles import (
    slow_mined,
    slow_refined,
    slow_targets,
    slow_whitened,
)

Mistakes = Callable[[], Mapping[str, Mapping[str, Tensor]]]

# torchvision keeps the code of a box regressor outside torchvision.ops.
CODER = "torchvision.models.detection._utils"
CODERS = tuple(
    f"{CODER}.{name}"
    for name in (
        "encode_boxes",
        "BoxCoder.encode",
        "BoxCoder.encode_single",
        "BoxCoder.decode",
        "BoxCoder.decode_single",
    )
)


def expect_parts(
    ask: Ask,
    case: str,
    received: Any,
    right: Mapping[str, Tensor],
    mistakes: Mistakes,
    *,
    first: tuple[str, ...] = (),
    tolerance: float = 1e-5,
) -> None:
    """Compare a tuple part by part, each by its name, those named `first` first."""
    is_sequence = type(received) in (tuple, list)
    if not is_sequence or len(received) != len(right):
        advice = ": is there a `return`?" if received is None else ""
        names = ", ".join(right)
        wanted = f"a tuple of {len(right)} ({names})"
        ask.fail(case, f"expected {wanted}, received {shown(received)}{advice}")
    parts = dict(zip(right, received, strict=True))
    for name in dict.fromkeys((*first, *right)):
        ask.expect(
            f"{case}: {name}",
            parts[name],
            right[name],
            mistakes=partial(named_mistakes, mistakes, name),
            tolerance=tolerance,
        )


def named_mistakes(mistakes: Mistakes, name: str) -> Mapping[str, Tensor]:
    """What mistakes make of one of several values."""
    return mistakes().get(name, {})


@check("group_similarities")
def check_group_similarities(ask: Ask) -> None:
    """Compare with the formulas group by group, then count the steps."""
    cases = dict(REGIONS)
    for i in range(4):
        cases[f"random {i}"] = random_regions(6 + i, 7 - i, 2 + i % 3, ask.generator)
    for case, given in cases.items():
        right = slow_similarities(*given)
        received = ask(case, *given)
        if type(received) is not Tensor or received.shape != right.shape:
            last = {"a group is a row, with four numbers": right.T}
            ask.expect(case, received, right, mistakes=last)
        mistakes = partial(mistaken_similarities, given)
        for place, name in enumerate(("colour", "texture", "size", "fill")):
            ask.expect(
                f"{case}: {name}",
                received[:, place],
                right[:, place],
                mistakes=partial(named_mistakes, mistakes, name),
            )
    regions, groups, image_size = random_regions(12, 95, 3, ask.generator)
    few, many = ((regions, groups[:n], image_size) for n in (5, 95))
    ask.expect_no_loop("groups", few, many, 90)


@check("merged_regions")
def check_merged_regions(ask: Ask) -> None:
    """Compare with sums over the members of each group, number by number."""
    cases = dict(MERGES)
    for i in range(4):
        cases[f"random {i}"] = random_merge(5 + 2 * i, 2 + i, ask.generator)
    for case, given in cases.items():
        *tensors, num_groups = given
        received = ask(case, *tensors, num_groups=num_groups)
        histograms, sizes, boxes = slow_merged(*given)
        right = {"histograms": histograms, "sizes": sizes, "boxes": boxes}
        expect_parts(ask, case, received, right, partial(mistaken_merges, given))


@check("proposal_quality")
def check_proposal_quality(ask: Ask) -> None:
    """Compare with a count over all objects, one by one."""
    cases = dict(PROPOSALS)
    for i in range(6):
        cases[f"random {i}"] = random_proposals(3 + i, 5 + 2 * i, ask.generator)
    for case, given in cases.items():
        *lists, budget, thresholds = given
        received = ask(case, *lists, budget=budget, thresholds=thresholds)
        images = slow_best(given)
        right = {"recall": slow_recall(images, thresholds), "MABO": slow_mabo(images)}
        expect_parts(ask, case, received, right, partial(mistaken_quality, given))


@check("filled_parts")
def check_filled_parts(ask: Ask) -> None:
    """Compare with the place of each edge of the image in each crop."""
    cases = dict(CROPS)
    for i in range(4):
        cases[f"random {i}"] = random_crops(4 + i, ask.generator)
    for case, given in cases.items():
        boxes, height, width, size, context = given
        received = ask(
            case, boxes, height=height, width=width, size=size, context=context
        )
        right = slow_filled(*given)
        mistakes = partial(mistaken_crops, given)
        ask.expect(case, received, right, mistakes=mistakes, tolerance=1e-4)


@check("whitened_targets", forbids=CODERS)
def check_whitened_targets(ask: Ask) -> None:
    """Compare with the formulas number by number, and the statistics of Python."""
    cases = dict(PAIRS)
    for i in range(4):
        cases[f"random {i}"] = random_pairs(7 + 4 * i, 3 + i, ask.generator)
    for case, given in cases.items():
        proposals, objects, labels, num_classes = given
        received = ask(case, proposals, objects, labels, num_classes=num_classes)
        targets = slow_targets(proposals, objects)
        whitened, means, deviations = slow_whitened(targets, labels, num_classes)
        right = {"targets": whitened, "means": means, "deviations": deviations}
        # A slip in the formulas shows in the means, where it can still be named.
        order = ("means", "deviations")
        mistakes = partial(mistaken_targets, given)
        expect_parts(ask, case, received, right, mistakes, first=order, tolerance=1e-4)


@check("refined_boxes", forbids=CODERS)
def check_refined_boxes(ask: Ask) -> None:
    """Compare with the formulas solved number by number."""
    cases = dict(REFINEMENTS)
    for i in range(4):
        cases[f"random {i}"] = random_refinement(4 + i, 3 + i % 2, ask.generator)
    for case, given in cases.items():
        *tensors, height, width = given
        received = ask(case, *tensors, height=height, width=width)
        mistakes = partial(mistaken_refinements, given)
        right = slow_refined(given)
        ask.expect(case, received, right, mistakes=mistakes, tolerance=1e-4)


@check("mined_negatives")
def check_mined_negatives(ask: Ask) -> None:
    """Compare with a loop over proposals, class by class."""
    cases = dict(MINING)
    for i in range(8):
        cases[f"random {i}"] = random_mining(9 + 2 * i, 2 + i % 3, ask.generator)
    for case, given in cases.items():
        *tensors, most, easy = given
        received = ask(case, *tensors, most=most, easy=easy)
        added, evicted = slow_mined(*given)
        right = {"added": added, "evicted": evicted}
        expect_parts(ask, case, received, right, partial(mistaken_mining, given))


@check("three_trainings_answer")
def check_three_trainings_answer(ask: Ask) -> None:
    """Say why an option is wrong."""
    ask.choice("d", OPTIONS)
