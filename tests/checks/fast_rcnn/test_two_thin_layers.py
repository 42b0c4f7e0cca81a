"""Answers to two_thin_layers, and its ranks beside NumPy."""

import cheats
import numpy as np
import pytest
import torch

from course_utils.checks.fast_rcnn.two_thin_layers import (
    CASES,
    layer_of,
    random_case,
    slow_rank,
)


def by_cumulative_energy(weight, *, most_error):
    """In float64, with the root of the values in each of the layers."""
    left, values, right = torch.linalg.svd(weight.double(), full_matrices=False)
    energy = values.square()
    lost = energy.sum() - energy.cumsum(0)
    enough = lost <= most_error**2 * energy.sum() + 1e-12
    rank = int(enough.nonzero()[0]) + 1
    roots = values[:rank].sqrt()
    return roots[:, None] * right[:rank], left[:, :rank] * roots


def by_eigenvectors(weight, *, most_error):
    """Projects the outputs on the strongest eigenvectors of W W^T."""
    matrix = weight.numpy().astype(np.float64)
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    for rank in range(1, min(matrix.shape) + 1):
        basis = vectors[:, ::-1][:, :rank]
        first = basis.T @ matrix
        error = np.linalg.norm(matrix - basis @ first)
        if error <= most_error * np.linalg.norm(matrix) + 1e-9:
            break
    return torch.from_numpy(first), torch.from_numpy(basis.copy())


def by_compact_svd(weight, *, most_error):
    """As a list, by `torch.svd`, which gives V itself and not its transpose."""
    left, values, right = torch.svd(weight)
    rank = len(values)
    while rank > 1 and values[rank - 1 :].norm() <= most_error * weight.norm():
        rank -= 1
    return [right[:, :rank].T, left[:, :rank] @ values[:rank].diag()]


def enough(rest, values, most_error):
    return rest.norm() <= most_error * values.norm()


def in_a_loop(
    suffices=enough,
    finish=lambda left, values, right: (values[:, None] * right, left),
):
    """An answer as most learners write it."""

    def answer(weight, *, most_error):
        left, values, right = torch.linalg.svd(weight, full_matrices=False)
        rank = 1
        while rank < len(values) and not suffices(values[rank:], values, most_error):
            rank += 1
        return finish(left[:, :rank], values[:rank], right[:rank])

    return answer


right_in_a_loop = in_a_loop()


def absolute_error(rest, values, most_error):
    return rest.norm() <= most_error


def kept_share(rest, values, most_error):
    """What is kept and what is lost do not add up to 1: their squares do."""
    kept = values[: len(values) - len(rest)]
    return 1 - kept.norm() / values.norm() <= most_error


def divides_by_zero(rest, values, most_error):
    return rest.norm() / values.norm() <= most_error


def of_energy(rest, values, most_error):
    return rest.square().sum() <= most_error * values.square().sum()


def full_rank(weight, *, most_error):
    return right_in_a_loop(weight, most_error=0.0)


def half_the_rank(weight, *, most_error):
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = max(len(values) // 2, 1)
    return values[:rank, None] * right[:rank], left[:, :rank]


def one_less(weight, *, most_error):
    first, second = right_in_a_loop(weight, most_error=most_error)
    return (first[:-1], second[:, :-1]) if len(first) > 1 else (first, second)


def smallest_values(weight, *, most_error):
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = len(right_in_a_loop(weight, most_error=most_error)[0])
    return values[-rank:, None] * right[-rank:], left[:, -rank:]


def inputs_before_outputs(weight, *, most_error):
    first, second = right_in_a_loop(weight, most_error=most_error)
    return first.T, second.T


def of_the_transpose(weight, *, most_error):
    return right_in_a_loop(weight.T, most_error=most_error)


def transposed_twice(weight, *, most_error):
    """Takes the columns of Vh, as if it were V."""
    left, values, right = torch.linalg.svd(weight, full_matrices=True)
    rank = len(right_in_a_loop(weight, most_error=most_error)[0])
    return values[:rank, None] * right.T[:rank], left[:, :rank]


def first_rows(weight, *, most_error):
    """The right shapes, and a product without use."""
    first, second = right_in_a_loop(weight, most_error=most_error)
    return weight[: len(first)], torch.eye(*second.shape)


def in_place(weight, *, most_error):
    first, second = right_in_a_loop(weight, most_error=most_error)
    weight.copy_(second @ first)
    return first, second


RIGHT = [by_cumulative_energy, by_eigenvectors, by_compact_svd]
WRONG = [
    (in_a_loop(of_energy), "both norms need their root"),
    (in_a_loop(absolute_error), "two_thin_layers, case"),
    (in_a_loop(kept_share), "two_thin_layers, case"),
    (in_a_loop(divides_by_zero), "two_thin_layers, case"),
    (in_a_loop(finish=lambda left, values, right: (right, left)), "in neither layer"),
    (
        in_a_loop(finish=lambda left, values, right: (left * values) @ right),
        "expected two float matrices",
    ),
    (in_a_loop(finish=lambda *parts: parts), "expected two float matrices"),
    (full_rank, "a smaller rank loses little enough"),
    (half_the_rank, "two_thin_layers, case"),
    (one_less, "expected '(2, 7) and (5, 2)', received '(1, 7) and (5, 1)'"),
    (smallest_values, "two_thin_layers, case"),
    (inputs_before_outputs, "two_thin_layers, case 'the example'"),
    (of_the_transpose, "two_thin_layers, case 'the example'"),
    (transposed_twice, "two_thin_layers, case"),
    (first_rows, "two_thin_layers, case"),
    (in_place, "changed its input in place"),
    (cheats.returns_argument(0), "expected two float matrices"),
    (cheats.returns((torch.zeros(1, 3), torch.zeros(2, 1))), "the example"),
    (cheats.returns((cheats.EqualToAll(), cheats.EqualToAll())), "matrices"),
    (cheats.returns(cheats.EqualToAll()), "an object of type EqualToAll"),
]

DRAW = torch.Generator().manual_seed(31)
LAYERS = CASES | {f"random {i}": random_case(i, DRAW) for i in range(4)}


@pytest.mark.parametrize("case", LAYERS)
def test_ranks_agree_with_numpy(case):
    shape, values, most_error = LAYERS[case]
    parts = layer_of(shape, values, torch.Generator().manual_seed(31))
    weight = torch.stack(parts).sum(dim=0).numpy()
    found = np.linalg.svd(weight, compute_uv=False)
    np.testing.assert_allclose(found[: len(values)], values, rtol=1e-8)
    rank, whole = slow_rank(values, most_error), np.linalg.norm(weight)
    errors = [
        np.linalg.norm(weight - torch.stack(parts[:t]).sum(dim=0).numpy()) / whole
        for t in range(1, len(values) + 1)
    ]
    assert errors[rank - 1] <= most_error
    assert rank == 1 or errors[rank - 2] > most_error
    # No right answer may fall on the other side by a rounded digit.
    assert min(abs(error - most_error) for error in errors) > 1e-3
