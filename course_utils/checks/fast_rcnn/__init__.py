"""The checks of assignment 03: RoI pooling, RoIs to learn from, the box loss, SVD."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.compare import shown
from course_utils.checking.diagnosis import Case, ask_all
from course_utils.checks.fast_rcnn.cases import (
    BINS,
    random_bins,
    random_way_back,
    votes_cases,
    way_back_cases,
)
from course_utils.checks.fast_rcnn.mistakes import (
    BIN_MISTAKES,
    CHOICE_MISTAKES,
    LOSS_MISTAKES,
    OPTIONS,
    RANK_MISTAKES,
    VOTE_MISTAKES,
    WAY_BACK_MISTAKES,
    Settings,
)
from course_utils.checks.fast_rcnn.oracles import (
    slow_bins,
    slow_position_sensitive_pool,
    slow_roi_pool_gradient,
)
from course_utils.checks.fast_rcnn.training_cases import (
    CHOICES,
    THIN,
    box_loss_cases,
    layer_of,
    random_box_loss,
    random_choice,
    random_layer,
)
from course_utils.checks.fast_rcnn.training_oracles import (
    slow_box_loss,
    slow_hard_rois,
    slow_rank,
)

Named = dict[str, Any]
Pair = tuple[int, int]

BY_HAND = ("torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward")
OWN_LOSSES = ("torch.nn.functional.smooth_l1_loss", "torch.nn.functional.huber_loss")


def mistaken(
    oracle: Callable[..., Any],
    given: tuple[Any, ...],
    settings: Settings,
    others: Named | None = None,
) -> Named:
    """What each mistake makes of this input, by its description; `others` besides."""
    found = {text: oracle(*given, **setting) for text, setting in settings.items()}
    return found | (others or {})


@check("bins_in_image")
def check_bins_in_image(ask: Ask) -> None:
    """Compare with the rule in Python numbers, side by side."""
    cases = BINS | {f"random {i}": random_bins(i, ask.generator) for i in range(12)}
    questions = {}
    for case, (corners, strides, output_size, map_size) in cases.items():
        given = (torch.tensor(corners), strides, output_size, map_size)
        questions[case] = Case(
            given[:1],
            {"strides": strides, "output_size": output_size, "map_size": map_size},
            slow_bins(*given),
            partial(mistaken_bins, *given),
        )
    ask_all(ask, questions)


def mistaken_bins(roi: Tensor, strides: Pair, output: Pair, map_size: Pair) -> Named:
    """The boxes that typical mistakes would give, by their description."""
    given = (roi, strides, output, map_size)
    right = slow_bins(*given)
    cell = torch.tensor([strides[1], strides[0]] * 2)
    return mistaken(slow_bins, given, BIN_MISTAKES) | {
        "`strides` is (down, right): y has the first, x the second": slow_bins(
            roi, strides[::-1], output, map_size
        ),
        "clip columns to the width of the map, rows to its height": slow_bins(
            roi, strides, output, map_size[::-1]
        ),
        "these are cells; multiply by the strides to get pixels": right / cell,
        "output_size is (rows, columns), not (columns, rows)": slow_bins(
            roi, strides, output[::-1], map_size
        ),
        "the first dimension is the rows, the second the columns": right.transpose(
            0, 1
        ),
        "a box is (x1, y1, x2, y2): x comes first": right[..., [1, 0, 3, 2]],
    }


@check("position_sensitive_pool")
def check_position_sensitive_pool(ask: Ask) -> None:
    """Compare with the means of Python lists, bin by bin."""
    for case, given in votes_cases(ask.generator).items():
        features, rois, bins = given
        right = slow_position_sensitive_pool(*given)
        turned = {"rows of bins come before columns": right.transpose(2, 3)}
        mistakes = partial(
            mistaken, slow_position_sensitive_pool, given, VOTE_MISTAKES, turned
        )
        received = ask(case, features, rois, bins=bins)
        ask.expect(case, received, right, mistakes=mistakes)


@check("roi_pool_gradient", forbids=BY_HAND)
def check_roi_pool_gradient(ask: Ask) -> None:
    """Compare with a search for the maximum of each bin, cell by cell."""
    cases = way_back_cases(ask.generator)
    for i in range(3):
        cases[f"random {i}"] = random_way_back(i, ask.generator)
    for case, given in cases.items():
        right = slow_roi_pool_gradient(*given)
        minus = {"this is minus the gradient: keep the sign of `upstream`": -right}
        mistakes = partial(
            mistaken, slow_roi_pool_gradient, given, WAY_BACK_MISTAKES, minus
        )
        ask.call_and_expect(case, given, right, mistakes=mistakes)


@check("hard_rois")
def check_hard_rois(ask: Ask) -> None:
    """Compare with a choice from lists, RoI by RoI."""
    cases = CHOICES | {f"random {i}": random_choice(i, ask.generator) for i in range(6)}
    questions = {}
    for case, given in cases.items():
        right = slow_hard_rois(*given)
        turned = {"the indices come first, the labels second": right[::-1]}
        questions[case] = Case(
            given[:3],
            {"count": given[3], "positive_fraction": given[4]},
            right,
            partial(mistaken, slow_hard_rois, given, CHOICE_MISTAKES, turned),
        )
    ask_all(ask, questions)


@check("box_loss_and_slope", forbids=(*BY_HAND, *OWN_LOSSES))
def check_box_loss_and_slope(ask: Ask) -> None:
    """Compare with sums of Python numbers, delta by delta."""
    cases = box_loss_cases(ask.generator)
    for i in range(4):
        cases[f"random {i}"] = random_box_loss(i, ask.generator)
    questions = {}
    for case, given in cases.items():
        loss, slope = slow_box_loss(*given)
        summed = {"the slope is divided by R, too": (loss, slope * len(given[1]))}
        questions[case] = Case(
            given[:3],
            {"beta": given[3]},
            (loss, slope),
            partial(mistaken, slow_box_loss, given, LOSS_MISTAKES, summed),
        )
    ask_all(ask, questions)


@check("two_thin_layers")
def check_two_thin_layers(ask: Ask) -> None:
    """Compare with weights made from known singular values."""
    upper = torch.tensor([[0.0, 4, 0], [0, 0, 0]])
    lower = torch.tensor([[0.0, 0, 0], [2, 0, 0]])
    zeros = torch.zeros(3, 5)
    check_layers(ask, "the example", [upper, lower], 0.5)
    for case, (shape, values, most_error) in THIN.items():
        check_layers(ask, case, layer_of(shape, values, ask.generator), most_error)
    for i in range(3):
        shape, values, most_error = random_layer(i, ask.generator)
        parts = layer_of(shape, values, ask.generator)
        check_layers(ask, f"random {i}", parts, most_error)
    check_layers(ask, "a layer of zeros", [zeros], 0.2)


def check_layers(ask: Ask, case: str, parts: list[Tensor], most_error: float) -> None:
    """Ask for two layers in place of one that is the sum of these parts of rank 1."""
    weight = torch.stack(parts).sum(dim=0)
    received = ask(case, weight.float(), most_error=most_error)
    is_pair = type(received) in (tuple, list) and len(received) == 2
    if not is_pair or not all(is_matrix(layer) for layer in received):
        ask.fail(case, f"expected two float matrices, received {shown(received)}")
    first, second = (layer.double() for layer in received)

    values = [float(part.norm()) for part in parts]
    rank = slow_rank(values, most_error)
    ranks = {
        text: slow_rank(values, most_error, rule=rule)
        for text, rule in RANK_MISTAKES.items()
    }
    ranks["a smaller rank loses little enough"] = rank + 1
    ranks["with a rank this small, too much is lost"] = rank - 1
    mistakes = {text: layers_of(weight, t) for text, t in ranks.items()}
    mistakes["`first` is (t, u) and runs first, `second` is (v, t)"] = layers_of(
        weight, rank, swapped=True
    )
    shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
    ask.expect(case, shapes, layers_of(weight, rank), mistakes=mistakes)

    kept = torch.stack(parts[:rank]).sum(dim=0)
    values_twice = sum(part * part.norm() for part in parts[:rank])
    no_values = sum(part / part.norm().clamp(min=1e-12) for part in parts[:rank])
    mistakes = {
        "the singular values are in both layers": values_twice,
        "the singular values are in neither layer": no_values,
    }
    ask.expect(case, second @ first, kept, mistakes=mistakes, tolerance=1e-4)


def is_matrix(value: Any) -> bool:
    """Whether this is a float tensor with two dimensions."""
    is_float = type(value) is Tensor and value.is_floating_point()
    return is_float and value.dim() == 2


def layers_of(weight: Tensor, rank: int, *, swapped: bool = False) -> str:
    """The shapes of the two layers of this rank, in words."""
    shapes = [str((rank, weight.shape[1])), str((weight.shape[0], rank))]
    return " and ".join(shapes[::-1] if swapped else shapes)


@check("faster_network_answer")
def check_faster_network_answer(ask: Ask) -> None:
    """Say why an option is wrong."""
    ask.choice("b", OPTIONS)
