"""The checks of assignment 01: windows, overlaps, soft-NMS, precision and recall."""

from functools import partial

import torch
from torch import Tensor
from torchvision.ops import box_convert

from course_utils.checking.check import Ask, check, random_boxes
from course_utils.checking.diagnosis import Case, ask_all
from course_utils.checks.sliding_windows.cases import (
    DECAYS,
    IN_2_BY_3,
    IN_6_BY_9,
    OPTIONS,
    PAIRS,
    PAPER_MISTAKES,
    POINTS,
    WINDOWS,
    boxes_of,
    integer_image,
    integer_windows,
    random_detections,
    random_overlaps,
)
from course_utils.checks.sliding_windows.oracles import (
    slow_covering_windows,
    slow_distance_iou,
    slow_half_sums,
    slow_operating_points,
    slow_soft_nms,
    slow_window_sums,
)


@check("covering_windows")
def check_covering_windows(ask: Ask) -> None:
    """Compare with a search over all places."""
    cases = dict(WINDOWS)
    for i in range(6):
        drawn = torch.randint(6, 25, (5,), generator=ask.generator).tolist()
        two = [(drawn[2] // 2, drawn[3] // 3), (3, drawn[4] // 2)]
        cases[f"random {i}"] = (drawn[0], drawn[1] + 25, two, drawn[3] // 5 + 1)
    for case, (height, width, sizes, stride) in cases.items():
        image = (height, width, sizes, stride)
        mistakes = {
            "a strip at the border stays uncovered": slow_covering_windows(
                *image, border="dropped"
            ),
            "the last window hangs over the border: move it back": (
                slow_covering_windows(*image, border="over the edge")
            ),
            "a window comes twice where the stride ends at the border": (
                slow_covering_windows(*image, border="twice")
            ),
            "one start is missing: the last is H - h, included": slow_covering_windows(
                *image, border="short"
            ),
            "a size is (height, width), not (width, height)": slow_covering_windows(
                *image, swapped=True
            ),
            "go row by row: y outside, x inside": slow_covering_windows(
                *image, columns_first=True
            ),
            "a window is (x1, y1, x2, y2): x comes first": (
                slow_covering_windows(*image)[:, [1, 0, 3, 2]]
            ),
            "a window ends at start + size: the end is outside": (
                slow_covering_windows(*image) - torch.tensor([0.0, 0, 1, 1])
            ),
            "a window is two corners, not a corner and a size": box_convert(
                slow_covering_windows(*image), "xyxy", "xywh"
            ),
        }
        received = ask(case, height, width, sizes, stride=stride)
        ask.expect(case, received, slow_covering_windows(*image), mistakes=mistakes)


@check("window_sums")
def check_window_sums(ask: Ask) -> None:
    """Compare with a sum pixel by pixel, then count the steps."""
    draw = ask.generator
    image = integer_image(6, 9, draw)
    cases = {"the example": IN_2_BY_3}
    cases |= {case: (image, windows) for case, windows in IN_6_BY_9.items()}
    cases["negative pixels"] = (-image.abs(), IN_6_BY_9["one row and one column"])
    for i in range(4):
        height, width = 5 + i, 12 - 2 * i
        windows = integer_windows(7, height, width, draw)
        cases[f"random {i}"] = (integer_image(height, width, draw), windows)
    questions = {
        case: Case(pair, {}, slow_window_sums(*pair), partial(mistaken_sums, *pair))
        for case, pair in cases.items()
    }
    ask_all(ask, questions)
    few, many = (integer_windows(count, 6, 9, draw) for count in (5, 85))
    ask.expect_no_loop("windows", (image, few), (image, many), 80)
    ask.expect_no_loop("rows", (image, few), (integer_image(86, 9, draw), few), 80)
    ask.expect_no_loop("columns", (image, few), (integer_image(6, 89, draw), few), 80)


def mistaken_sums(pixels: Tensor, windows: Tensor) -> dict[str, Tensor]:
    """The sums that typical mistakes would give, by their description."""
    right = slow_window_sums(pixels, windows)
    above_left = windows.clone()
    above_left[:, :2], above_left[:, 2:] = 0, windows[:, :2]
    corner = slow_window_sums(pixels, above_left)
    return {
        "x2 and y2 are outside the window, their pixels do not count": (
            slow_window_sums(pixels, windows, inclusive=True)
        ),
        "x and y are swapped: the image is indexed [y, x]": slow_window_sums(
            pixels.T, windows
        ),
        "the table sums along columns alone; rows are missing": slow_half_sums(
            pixels, windows
        ),
        "the table sums along rows alone; columns are missing": slow_half_sums(
            pixels.T, windows[:, [1, 0, 3, 2]]
        ),
        "the first row and column are lost: the table starts with zeros": (
            slow_window_sums(pixels, windows, first=1)
        ),
        "the part taken away twice has to be added once": right - corner,
        "the entry at the first corner is added, not taken away": right - 2 * corner,
    }


@check("distance_iou")
def check_distance_iou(ask: Ask) -> None:
    """Compare with the formula, pair by pair."""
    cases = {case: (boxes_of(a), boxes_of(b)) for case, (a, b) in PAIRS.items()}
    for i in range(4):
        a, b = (random_boxes(n, generator=ask.generator) for n in (2 * i + 1, 6 - i))
        cases[f"random {i}"] = (a, b)
    ends = torch.tensor([0.0, 0, 1, 1])
    for case, (a, b) in cases.items():
        mistakes = {
            "this is the IoU alone; boxes apart get less than 0": slow_distance_iou(
                a, b, penalty="none"
            ),
            "an overlap has no negative sides: clamp them at 0": slow_distance_iou(
                a, b, clamped=False
            ),
            "both distances are squared": slow_distance_iou(
                a, b, penalty="not squared"
            ),
            "divide by the squared diagonal, not by the area": slow_distance_iou(
                a, b, penalty="area"
            ),
            "the distance is between centres, not corners": slow_distance_iou(
                a, b, penalty="top left"
            ),
            "this is the generalised IoU": slow_distance_iou(
                a, b, penalty="generalized"
            ),
            "this is the loss, 1 - DIoU": 1 - slow_distance_iou(a, b),
            "a side is x2 - x1, without + 1": slow_distance_iou(a + ends, b + ends),
            "the penalty is taken away, not added": slow_distance_iou(
                a, b, penalty="added"
            ),
        }
        ask.call_and_expect(case, (a, b), slow_distance_iou(a, b), mistakes=mistakes)


@check("soft_nms_scores")
def check_soft_nms_scores(ask: Ask) -> None:
    """Compare with a loop that picks and lowers one box at a time."""
    cases = dict(DECAYS)
    for i in range(6):
        cases[f"random {i}"] = random_overlaps(3 + 2 * i, ask.generator)
    for case, (overlaps, scores, labels, sigma) in cases.items():
        given = (overlaps, scores, labels, sigma)
        right = slow_soft_nms(*given)
        mistakes = {
            "only a box of the same class lowers a score": slow_soft_nms(
                *given, per_class=False
            ),
            "pick again after each step: the order changes when scores fall": (
                slow_soft_nms(*given, picks_again=False)
            ),
            "a box that was picked keeps its score": slow_soft_nms(
                *given, spares_picked=False
            ),
            "the overlap is squared": slow_soft_nms(*given, decay="not squared"),
            "divide by sigma itself": slow_soft_nms(*given, decay="bell curve"),
            "divide by sigma, do not multiply": slow_soft_nms(
                *given, decay="multiplied"
            ),
            "this is the linear rule, the Gaussian one was asked for": slow_soft_nms(
                *given, decay="linear"
            ),
            "the scores stay in the order of the boxes": right.sort(
                descending=True
            ).values,
            "scores are lowered, no box is left out": right * (right == scores),
            "nothing was lowered": scores,
        }
        received = ask(case, overlaps, scores, labels, sigma=sigma)
        ask.expect(case, received, right, mistakes=mistakes)


@check("operating_points")
def check_operating_points(ask: Ask) -> None:
    """Compare with a count of the kept detections, threshold by threshold."""
    cases = dict(POINTS)
    for i in range(6):
        cases[f"random {i}"] = random_detections(4 + 3 * i, ask.generator)
    for case, given in cases.items():
        scores, is_hit, _ = given
        right = slow_operating_points(*given)
        strict = slow_operating_points(*given, strict=True)
        hits = max(int(is_hit.sum()), 1)
        mistakes = {
            "equal scores make one point: no threshold parts them": (
                slow_operating_points(*given, ties_apart=True)
            ),
            "a score equal to the threshold is kept": strict,
            "a score equal to the threshold is kept; 0 / 0 gave nan": (
                strict[0],
                torch.cat([torch.full_like(strict[1][:1], torch.nan), strict[1][1:]]),
                strict[2],
            ),
            "recall divides by all objects, also those never found": (
                slow_operating_points(scores, is_hit, hits)
            ),
            "precision comes second, recall third": slow_operating_points(
                *given, swapped=True
            ),
            "the thresholds fall": tuple(part.flip(0) for part in right),
        }
        ask.call_and_expect(case, given, right, mistakes=mistakes)


@check("paper_average_precision")
def check_paper_average_precision(ask: Ask) -> None:
    """Say which slip on paper leads to the number."""
    ask.number(
        0.55,
        mistakes=PAPER_MISTAKES,
        advice="Write down hit or false alarm for each row, then precision and recall.",
        explanation="Recall rises at precision 1, then twice at 0.6, and D is missed.",
    )


@check("false_alarms_answer")
def check_false_alarms_answer(ask: Ask) -> None:
    """Say why an option is wrong."""
    ask.choice("b", OPTIONS)
