"""Answers to the task flatten_levels, right ones first."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.rpn import permute_and_flatten

Maps = list[Tensor]
Move = Callable[[Tensor], Tensor]


def flatten_in_loops(scores: Maps, deltas: Maps) -> tuple[Tensor, Tensor]:
    """One position after the other."""
    chances, moves = [], []
    for score, delta in zip(scores, deltas, strict=True):
        half = score.shape[1] // 2
        for y in range(score.shape[2]):
            for x in range(score.shape[3]):
                for a in range(half):
                    pair = score[:, [a, half + a], y, x].double()
                    chances.append(torch.softmax(pair, dim=1)[:, 1])
                    moves.append(delta[:, 4 * a : 4 * a + 4, y, x])
    return torch.stack(chances, dim=1), torch.stack(moves, dim=1)


def flatten_by_unflatten(scores: Maps, deltas: Maps) -> list[Tensor]:
    """Softmax over a dimension of its own; levels are joined before the permutation."""
    score = torch.cat([one.flatten(2) for one in scores], dim=2)  # (B, 2A, P)
    delta = torch.cat([one.flatten(2) for one in deltas], dim=2)  # (B, 4A, P)
    chance = score.unflatten(1, (2, -1)).softmax(dim=1)[:, 1]  # (B, A, P)
    chance = chance.transpose(1, 2).flatten(1)
    return [chance, delta.unflatten(1, (-1, 4)).permute(0, 3, 1, 2).flatten(1, 2)]


def flatten_by_channels_last(scores: Maps, deltas: Maps) -> tuple[Tensor, Tensor]:
    """Channels last, so that a plain reshape is right."""
    chances = []
    for score in scores:
        last = score.permute(0, 2, 3, 1).double()
        none, thing = last.chunk(2, dim=-1)
        chances.append((1 / (1 + (none - thing).exp())).reshape(len(score), -1))
    moves = [delta.permute(0, 2, 3, 1).reshape(len(delta), -1, 4) for delta in deltas]
    return torch.cat(chances, 1), torch.cat(moves, 1)


def joined(
    scores: Maps, deltas: Maps, chance: Move, move: Move
) -> tuple[Tensor, Tensor]:
    return (
        torch.cat([chance(score) for score in scores], dim=1),
        torch.cat([move(delta) for delta in deltas], dim=1),
    )


def right_chance(score: Tensor) -> Tensor:
    none, thing = score.chunk(2, dim=1)
    return (thing - none).sigmoid().permute(0, 2, 3, 1).flatten(1)


def right_move(delta: Tensor) -> Tensor:
    return delta.permute(0, 2, 3, 1).reshape(len(delta), -1, 4)


def plain_view_of_deltas(scores: Maps, deltas: Maps) -> Any:
    return joined(scores, deltas, right_chance, lambda d: d.reshape(len(d), -1, 4))


def plain_view_of_scores(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        return score.reshape(len(score), -1, 2).softmax(-1)[..., 1]

    return joined(scores, deltas, chance, right_move)


def anchors_first(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        none, thing = score.chunk(2, dim=1)
        return (thing - none).sigmoid().flatten(1)

    def move(delta: Tensor) -> Tensor:
        return delta.unflatten(1, (-1, 4)).permute(0, 1, 3, 4, 2).flatten(1, 3)

    return joined(scores, deltas, chance, move)


def columns_first(scores: Maps, deltas: Maps) -> Any:
    turned = [[one.transpose(2, 3) for one in maps] for maps in (scores, deltas)]
    return joined(turned[0], turned[1], right_chance, right_move)


def pairs_of_channels(scores: Maps, deltas: Maps) -> Any:
    """As if the two logits of an anchor were neighbours."""

    def chance(score: Tensor) -> Tensor:
        none, thing = score[:, ::2], score[:, 1::2]
        return (thing - none).sigmoid().permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)


def coordinates_first(scores: Maps, deltas: Maps) -> Any:
    def move(delta: Tensor) -> Tensor:
        return delta.unflatten(1, (4, -1)).permute(0, 3, 4, 2, 1).flatten(1, 3)

    return joined(scores, deltas, right_chance, move)


def of_background(scores: Maps, deltas: Maps) -> Any:
    return joined(scores, deltas, lambda s: 1 - right_chance(s), right_move)


def one_sigmoid(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        return score.chunk(2, dim=1)[1].sigmoid().permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)


def logits(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        return score.chunk(2, dim=1)[1].permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)


def naive_exponentials(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        none, thing = score.exp().chunk(2, dim=1)
        return (thing / (none + thing)).permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)


def softmax_of_all_channels(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        shares = score.softmax(dim=1).chunk(2, dim=1)[1]
        return shares.permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)


def levels_backwards(scores: Maps, deltas: Maps) -> Any:
    return joined(scores[::-1], deltas[::-1], right_chance, right_move)


def first_level_alone(scores: Maps, deltas: Maps) -> Any:
    return joined(scores[:1], deltas[:1], right_chance, right_move)


def images_joined(scores: Maps, deltas: Maps) -> Any:
    chance, move = joined(scores, deltas, right_chance, right_move)
    return chance.flatten(), move.flatten(0, 1)


def deltas_flat(scores: Maps, deltas: Maps) -> Any:
    chance, move = joined(scores, deltas, right_chance, right_move)
    return chance, move.flatten(1)


def deltas_come_first(scores: Maps, deltas: Maps) -> Any:
    return joined(scores, deltas, right_chance, right_move)[::-1]


def levels_not_joined(scores: Maps, deltas: Maps) -> Any:
    return [right_chance(s) for s in scores], [right_move(d) for d in deltas]


def first_image_alone(scores: Maps, deltas: Maps) -> Any:
    chance, move = joined(scores, deltas, right_chance, right_move)
    return chance[:1].expand_as(chance), move[:1].expand_as(move)


def three_anchors(scores: Maps, deltas: Maps) -> Any:
    """Counts on three anchors a position."""

    def move(delta: Tensor) -> Tensor:
        batch, _, height, width = delta.shape
        split = delta.reshape(batch, 3, 4, height, width)
        return split.permute(0, 3, 4, 1, 2).flatten(1, 3)

    return joined(scores, deltas, right_chance, move)


def by_torchvision(scores: Maps, deltas: Maps) -> Any:
    def move(delta: Tensor) -> Tensor:
        batch, channels, height, width = delta.shape
        return permute_and_flatten(delta, batch, channels // 4, 4, height, width)

    return joined(scores, deltas, right_chance, move)


def differences(scores: Maps, deltas: Maps) -> Any:
    def chance(score: Tensor) -> Tensor:
        none, thing = score.chunk(2, dim=1)
        return (thing - none).permute(0, 2, 3, 1).flatten(1)

    return joined(scores, deltas, chance, right_move)
