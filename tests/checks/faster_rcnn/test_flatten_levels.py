"""Answers to flatten_levels, and its oracle beside torchvision."""

import cheats
import torch
from torchvision.models.detection.rpn import (
    concat_box_prediction_layers,
    permute_and_flatten,
)

from course_utils.checks.faster_rcnn.flatten_levels import (
    maps_case,
    slow_flatten_levels,
)


def in_loops(scores, deltas):
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


def by_unflatten(scores, deltas):
    """Softmax over a dimension of its own; levels are joined before the permutation."""
    score = torch.cat([one.flatten(2) for one in scores], dim=2)  # (B, 2A, P)
    delta = torch.cat([one.flatten(2) for one in deltas], dim=2)  # (B, 4A, P)
    chance = score.unflatten(1, (2, -1)).softmax(dim=1)[:, 1]  # (B, A, P)
    chance = chance.transpose(1, 2).flatten(1)
    return [chance, delta.unflatten(1, (-1, 4)).permute(0, 3, 1, 2).flatten(1, 2)]


def positions_first(values):
    """(B, A, H, W) to (B, N)."""
    return values.permute(0, 2, 3, 1).flatten(1)


def right_chance(score):
    none, thing = score.chunk(2, dim=1)
    return positions_first((thing - none).sigmoid())


def right_move(delta):
    """Channels last, so that a plain reshape is right."""
    return delta.permute(0, 2, 3, 1).reshape(len(delta), -1, 4)


def joined(
    chance=right_chance, move=right_move, finish=lambda chance, move: (chance, move)
):
    """An answer from what it makes of one level."""

    def answer(scores, deltas):
        chances = torch.cat([chance(score) for score in scores], dim=1)
        return finish(chances, torch.cat([move(delta) for delta in deltas], dim=1))

    return answer


def view_of_scores(score):
    return score.reshape(len(score), -1, 2).softmax(-1)[..., 1]


def naive_exponentials(score):
    none, thing = score.exp().chunk(2, dim=1)
    return positions_first(thing / (none + thing))


def softmax_of_all_channels(score):
    return positions_first(score.softmax(dim=1).chunk(2, dim=1)[1])


def three_anchors(delta):
    """Counts on three anchors a position."""
    batch, _, height, width = delta.shape
    split = delta.reshape(batch, 3, 4, height, width)
    return split.permute(0, 3, 4, 1, 2).flatten(1, 3)


def move_by_torchvision(delta):
    batch, channels, height, width = delta.shape
    return permute_and_flatten(delta, batch, channels // 4, 4, height, width)


def first_level_alone(scores, deltas):
    return joined()(scores[:1], deltas[:1])


def levels_not_joined(scores, deltas):
    return [right_chance(s) for s in scores], [right_move(d) for d in deltas]


def first_image(chance, move):
    return chance[:1].expand_as(chance), move[:1].expand_as(move)


RIGHT = [in_loops, by_unflatten, joined()]
WRONG = [
    (
        joined(move=lambda delta: delta.reshape(len(delta), -1, 4)),
        "flatten_levels, case 'one level'",
    ),
    (joined(view_of_scores), "flatten_levels, case"),
    (joined(naive_exponentials), "logits near 200"),
    (joined(softmax_of_all_channels), "the example"),
    (first_level_alone, "two levels"),
    (
        joined(finish=lambda chance, move: (chance.flatten(), move.flatten(0, 1))),
        "expected shape (1, 2), received (2,)",
    ),
    (
        joined(finish=lambda chance, move: (chance, move.flatten(1))),
        "expected shape (1, 2, 4)",
    ),
    (levels_not_joined, "expected a tensor"),
    (joined(finish=first_image), "flatten_levels, case"),
    (joined(move=three_anchors), "your code raised RuntimeError"),
    (joined(move=move_by_torchvision), "permute_and_flatten is switched off"),
    (cheats.returns((torch.zeros(1, 2), torch.zeros(1, 2, 4))), "the example"),
    (cheats.lying, "expected a tuple of 2"),
]


def test_deltas_of_levels_agree_with_torchvision():
    generator = torch.Generator().manual_seed(11)
    scores, deltas = maps_case(2, 3, [(4, 7), (2, 5)], generator).arguments
    chances, moves = slow_flatten_levels(scores, deltas)
    logits = [score[:, 3:] - score[:, :3] for score in scores]
    right_logits, right_moves = concat_box_prediction_layers(logits, deltas)
    assert torch.equal(moves.flatten(0, 1), right_moves)
    torch.testing.assert_close(chances.flatten(), right_logits.sigmoid().squeeze(1))
