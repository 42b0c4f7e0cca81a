"""two_thin_layers: one layer made two by its largest singular values.

The check makes each weight from known singular values, so that it knows what a rank
loses without decomposing anything.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.checking.check import Ask, check
from course_utils.checking.compare import shown
from course_utils.checking.compare_with import Mistakes, mistaken

Layers = tuple[Tensor, Tensor]
Named = tuple[tuple[int, int], list[float], float]

CASES: dict[str, Named] = {
    "the rank is 2": ((5, 7), [4, 2, 1, 0.5], 0.3),
    "a low layer": ((3, 8), [6, 3, 1], 0.2),
    "a high layer": ((9, 4), [5, 4, 2, 1], 0.45),
    "a square layer": ((6, 6), [9, 7, 5, 3, 2, 1], 0.25),
    "one value is enough": ((5, 8), [20, 1, 0.5], 0.2),
    "everything may be lost": ((4, 6), [3, 2, 1], 1.0),
    "nothing may be lost": ((4, 7), [8, 4, 2, 1], 0.01),
    "a slow fall": ((10, 8), [8, 7.5, 7, 6.5, 6, 5.5, 5, 4.5], 0.5),
    "one output": ((1, 6), [3], 0.1),
    "one input": ((7, 1), [2], 0.5),
    "singular values below 1": ((5, 7), [0.4, 0.2, 0.1, 0.05], 0.3),
}


def layer_of(
    shape: tuple[int, int], values: list[float], draw: torch.Generator
) -> list[Tensor]:
    """Random matrices of rank 1, whose sum has these singular values."""
    left, right = (
        torch.linalg.qr(torch.randn(side, side, dtype=torch.float64, generator=draw))[0]
        for side in shape
    )
    return [
        value * torch.outer(left[:, i], right[:, i]) for i, value in enumerate(values)
    ]


def random_case(number: int, draw: torch.Generator) -> Named:
    """A shape, singular values well apart, and an error well between two ranks."""
    height, width = 4 + 2 * number, 11 - 2 * number
    steps = 1.2 + torch.rand(min(height, width), generator=draw)
    values = steps.cumprod(0).flip(0).tolist()
    rank = int(torch.randint(1, len(values), (), generator=draw))
    losses = [
        sum(value**2 for value in values[t:]) / sum(value**2 for value in values)
        for t in (rank - 1, rank)
    ]
    return (height, width), values, (losses[0] * losses[1]) ** 0.25


# The steps of the oracle.


def root_of_squares(values: Sequence[float]) -> float:
    """The norm of a matrix with these singular values."""
    return math.sqrt(sum_of_squares(values))


def sum_of_squares(values: Sequence[float]) -> float:
    """The norm of a matrix without its root."""
    return math.fsum(value**2 for value in values)


def slow_rank(
    values: Sequence[float],
    most_error: float,
    *,
    norm: Callable[[Sequence[float]], float] = root_of_squares,
    least: int = 1,
    more: int = 0,
) -> int:
    """The smallest number of singular values that suffices, and `more`."""
    for rank in range(least, len(values)):
        if norm(values[rank:]) <= most_error * norm(values):
            return rank + more
    return len(values) + more


def values_first(left: Any, values: Any, right: Any) -> tuple[Any, Any]:
    """The first layer, with the singular values in it, and the second."""
    return values[:, None] * right, left


def slow_two_thin_layers(
    weight: Tensor,
    *,
    most_error: float,
    layers: Callable[[Any, Any, Any], tuple[Any, Any]] = values_first,
    **steps: Any,
) -> Layers:
    """The weights of two layers, by NumPy; `steps` as in `slow_rank`."""
    left, values, right = np.linalg.svd(weight.numpy(), full_matrices=False)
    rank = slow_rank(values.tolist(), most_error, **steps)
    first, second = layers(left[:, :rank], values[:rank], right[:rank])
    return torch.tensor(first), torch.tensor(second)


# What is wrong with the shapes of the layers, and with their product.
SHAPE_MISTAKES: Mistakes = {
    "the norm squares the singular values before it adds them": {"norm": math.fsum},
    "both norms need their root": {"norm": sum_of_squares},
    "what is lost is all of the rest, not its largest value": {
        "norm": lambda values: max(values, default=0.0)
    },
    "at least rank 1 is kept": {"least": 0},
    "a smaller rank loses little enough": {"more": 1},
    "with a rank this small, too much is lost": {"more": -1},
    "`first` is (t, u) and runs first, `second` is (v, t)": (
        lambda right, weight, *, most_error: right[::-1]
    ),
}
VALUE_MISTAKES: Mistakes = {
    "the singular values are in both layers": {
        "layers": lambda left, values, right: (values[:, None] * right, left * values)
    },
    "the singular values are in neither layer": {
        "layers": lambda left, values, right: (right, left)
    },
}


def wrong_answers(mistakes: Mistakes) -> dict[str, Callable[..., Layers]]:
    """The answers that make these mistakes."""
    return {text: mistaken(slow_two_thin_layers, m) for text, m in mistakes.items()}


@check(
    "two_thin_layers",
    right=slow_two_thin_layers,
    wrong=wrong_answers({**SHAPE_MISTAKES, **VALUE_MISTAKES}),
)
def check_two_thin_layers(ask: Ask) -> None:
    """Compare with weights made from known singular values."""
    upper = torch.tensor([[0.0, 4, 0], [0, 0, 0]])
    lower = torch.tensor([[0.0, 0, 0], [2, 0, 0]])
    check_layers(ask, "the example", [upper, lower], 0.5)
    for case, (shape, values, most_error) in CASES.items():
        check_layers(ask, case, layer_of(shape, values, ask.generator), most_error)
    for i in range(3):
        shape, values, most_error = random_case(i, ask.generator)
        parts = layer_of(shape, values, ask.generator)
        check_layers(ask, f"random {i}", parts, most_error)
    check_layers(ask, "a layer of zeros", [torch.zeros(3, 5)], 0.2)


def check_layers(ask: Ask, case: str, parts: list[Tensor], most_error: float) -> None:
    """Ask for two layers in place of one that is the sum of these parts of rank 1."""
    weight = torch.stack(parts).sum(dim=0)
    received = ask(case, weight.float(), most_error=most_error)
    is_pair = type(received) in (tuple, list) and len(received) == 2
    if not is_pair or not all(is_matrix(layer) for layer in received):
        ask.fail(case, f"expected two float matrices, received {shown(received)}")
    first, second = (layer.double() for layer in received)

    rank = slow_rank([float(part.norm()) for part in parts], most_error)
    right = torch.zeros(rank, weight.shape[1]), torch.zeros(len(weight), rank)
    shapes = {
        text: shapes_of(answer(weight, most_error=most_error))
        for text, answer in wrong_answers(SHAPE_MISTAKES).items()
    }
    ask.expect(case, shapes_of(received), shapes_of(right), mistakes=shapes)

    kept = torch.stack(parts[:rank]).sum(dim=0)
    products = {}
    for text, answer in wrong_answers(VALUE_MISTAKES).items():
        wrong_first, wrong_second = answer(weight, most_error=most_error)
        products[text] = wrong_second @ wrong_first
    ask.expect(case, second @ first, kept, mistakes=products, tolerance=1e-4)


def is_matrix(value: Any) -> bool:
    """Whether this is a float tensor with two dimensions."""
    is_float = type(value) is Tensor and value.is_floating_point()
    return is_float and value.dim() == 2


def shapes_of(layers: Layers) -> str:
    """The shapes of the two layers, in words."""
    return f"{tuple(layers[0].shape)} and {tuple(layers[1].shape)}"
