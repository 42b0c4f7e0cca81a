"""Answers to the task two_thin_layers, right ones first."""

import numpy as np
import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]


def layers_by_cumulative_energy(weight: Tensor, *, most_error: float) -> Pair:
    """In float64, with the root of the values in each of the layers."""
    left, values, right = torch.linalg.svd(weight.double(), full_matrices=False)
    energy = values.square()
    lost = energy.sum() - energy.cumsum(0)
    enough = lost <= most_error**2 * energy.sum() + 1e-12
    rank = int(enough.nonzero()[0]) + 1
    roots = values[:rank].sqrt()
    return roots[:, None] * right[:rank], left[:, :rank] * roots


def layers_by_eigenvectors(weight: Tensor, *, most_error: float) -> Pair:
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


def layers_by_compact_svd(weight: Tensor, *, most_error: float) -> Pair:
    """As a list, by `torch.svd`, which gives V itself and not its transpose."""
    left, values, right = torch.svd(weight)
    rank = len(values)
    while rank > 1 and values[rank - 1 :].norm() <= most_error * weight.norm():
        rank -= 1
    return right[:, :rank].T, left[:, :rank] @ values[:rank].diag()


def rank_of(values: Tensor, most_error: float, *, rule: str = "norm") -> int:
    for rank in range(1, len(values) + 1):
        rest = values[rank:]
        lost = {
            "norm": rest.norm() / values.norm(),
            "energy": rest.square().sum() / values.square().sum(),
            "sum": rest.sum() / values.sum(),
            "largest": rest[:1].sum() / values[0],
            "absolute": rest.norm(),
            "kept": 1 - values[:rank].norm() / values.norm(),
        }[rule]
        if lost.nan_to_num(0) <= most_error:
            return rank
    return len(values)


def layers(
    weight: Tensor, *, most_error: float, rule: str = "norm", more: int = 0
) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = min(rank_of(values, most_error, rule=rule) + more, len(values))
    return values[:rank, None] * right[:rank], left[:, :rank]


def energy_lost(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, rule="energy")


def plain_sum(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, rule="sum")


def largest_lost(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, rule="largest")


def absolute_error(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, rule="absolute")


def kept_share(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, rule="kept")


def one_more(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=most_error, more=1)


def one_less(weight: Tensor, *, most_error: float) -> Pair:
    first, second = layers(weight, most_error=most_error)
    return (first[:-1], second[:, :-1]) if len(first) > 1 else (first, second)


def from_rank_zero(weight: Tensor, *, most_error: float) -> Pair:
    first, second = layers(weight, most_error=most_error)
    return (first[:0], second[:, :0]) if most_error >= 1 else (first, second)


def full_rank(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight, most_error=0.0)


def half_the_rank(weight: Tensor, *, most_error: float) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = max(len(values) // 2, 1)
    return values[:rank, None] * right[:rank], left[:, :rank]


def smallest_values(weight: Tensor, *, most_error: float) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = rank_of(values, most_error)
    return values[-rank:, None] * right[-rank:], left[:, -rank:]


def swapped_layers(weight: Tensor, *, most_error: float) -> Pair:
    first, second = layers(weight, most_error=most_error)
    return second, first


def inputs_before_outputs(weight: Tensor, *, most_error: float) -> Pair:
    first, second = layers(weight, most_error=most_error)
    return first.T, second.T


def of_the_transpose(weight: Tensor, *, most_error: float) -> Pair:
    return layers(weight.T, most_error=most_error)


def values_twice(weight: Tensor, *, most_error: float) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = rank_of(values, most_error)
    return values[:rank, None] * right[:rank], left[:, :rank] * values[:rank]


def values_nowhere(weight: Tensor, *, most_error: float) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = rank_of(values, most_error)
    return right[:rank], left[:, :rank]


def transposed_twice(weight: Tensor, *, most_error: float) -> Pair:
    """Takes the columns of Vh, as if it were V."""
    left, values, right = torch.linalg.svd(weight, full_matrices=True)
    rank = rank_of(values, most_error)
    return values[:rank, None] * right.T[:rank], left[:, :rank]


def first_rows(weight: Tensor, *, most_error: float) -> Pair:
    """The right shapes, and a product without use."""
    first, second = layers(weight, most_error=most_error)
    return weight[: len(first)], torch.eye(*second.shape)


def divides_by_zero(weight: Tensor, *, most_error: float) -> Pair:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = 1
    while rank < len(values) and not (
        values[rank:].norm() / values.norm() <= most_error
    ):
        rank += 1
    return values[:rank, None] * right[:rank], left[:, :rank]


def product(weight: Tensor, *, most_error: float) -> Tensor:
    first, second = layers(weight, most_error=most_error)
    return second @ first


def three_factors(weight: Tensor, *, most_error: float) -> tuple[Tensor, ...]:
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    rank = rank_of(values, most_error)
    return left[:, :rank], values[:rank], right[:rank]


def in_place(weight: Tensor, *, most_error: float) -> Pair:
    answer = layers(weight, most_error=most_error)
    weight.copy_(answer[1] @ answer[0])
    return answer
