"""ssd_loss: the mean of each image's loss, and its gradients.

The oracle sums Python numbers, one default box at a time, and finds the gradients from
their formulas.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.checking.check import Ask
from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs

DETECTION = "torchvision.models.detection"
LOSS, BY_LOGITS, BY_DELTAS = (
    "the loss",
    "its gradient by logits",
    "its gradient by deltas",
)
Named = dict[str, Tensor]
Names = list[list[int]]  # the label of each box, an image a row
Box = Sequence[float]  # centre and size
Weights = tuple[float, float]  # for the classes' sum, and for the boxes'


def case(
    labels: Names, alpha: float = 1.0, *, classes: int = 3, far: float = 1.0
) -> Inputs:
    """Logits, deltas and boxes that tell the default boxes apart.

    What is no object has a truth of nan. `far` multiplies the logits.
    """
    names = torch.tensor(labels).long()
    shape = names.shape
    place = torch.arange(names.numel()).reshape(*shape, 1)
    logits = (place * 5 + torch.arange(classes) * 7) % 11 / 4 - 1
    defaults = torch.stack(
        [
            30.0 + 11 * torch.arange(shape[1]),
            24.0 + 5 * torch.arange(shape[1]),
            16.0 + 4 * (torch.arange(shape[1]) % 3),
            12.0 + 9 * (torch.arange(shape[1]) % 2),
        ],
        dim=-1,
    )
    code = (place * 3 + torch.arange(4) * 5) % 7
    moved = torch.cat([code[..., :2] - 3, 2 * code[..., 2:] - 5], dim=-1)
    truths = defaults + moved
    deltas = (place * 7 + torch.arange(4) * 3) % 13 / 4 - 1.5
    truths[names < 1] = torch.nan
    return inputs(logits * far, deltas, names, truths, defaults, alpha=alpha)


def example() -> Inputs:
    """Two images: one object, one chosen negative and one other box; no object."""
    logits = torch.zeros(2, 3, 2)
    logits[0, 2] = torch.tensor([4.0, 0])
    deltas = torch.zeros(2, 3, 4)
    deltas[0, 0] = torch.tensor([0.5, 0, 0, -1])
    labels = torch.tensor([[1, 0, -1], [-1, 0, -1]])
    defaults = torch.tensor([[20.0, 20, 20, 10], [40, 20, 20, 20], [60, 20, 10, 20]])
    truths = torch.zeros(2, 3, 4)
    truths[0, 0] = torch.tensor([21, 22, 20, 10 * math.exp(0.1)])
    return inputs(logits, deltas, labels, truths, defaults, alpha=1.0)


CASES = {
    "the example": example(),
    "a box of each kind": case([[2, 0, -1]]),
    "one object alone": case([[-1, -1, 1, -1]]),
    "two images": case([[1, 0, -1, 0, 2], [2, 1, 2, -1, 0]]),
    "one image has many objects, the other one": case(
        [[1, 2, 2, 1, 0, 0], [-1, 0, -1, 2, 0, 0]]
    ),
    "three images, one without objects": case(
        [[1, 0, 0, -1], [-1, -1, -1, -1], [0, 2, 2, 0]]
    ),
    "an image without objects has chosen boxes": case([[0, 0, -1, 0], [2, 0, 0, -1]]),
    "no image has an object": case([[0, -1, 0], [-1, 0, -1]]),
    "no box is labelled": case([[-1, -1, -1]]),
    "every box is an object": case([[1, 2, 3], [3, 3, 1]], classes=4),
    "another alpha": case([[1, 0, -1, 2], [0, 2, 0, -1]], 0.25),
    "no weight for boxes": case([[1, 0, -1, 2]], 0.0),
    "many classes": case([[7, 0, 3, -1], [5, 8, 0, 0]], classes=9),
    "large logits": case([[1, 0, -1, 2], [0, 2, 0, -1]], far=100.0),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """A batch whose errors lie on both sides of the bend."""
    batch, boxes, classes = 2 + i % 2, 7 + 3 * i, 3 + i % 3
    labels = torch.randint(-1, classes, (batch, boxes), generator=generator)
    labels[:, 0] = 1
    logits = torch.randn(batch, boxes, classes, generator=generator) * 2
    centre = torch.rand(boxes, 2, generator=generator) * 100
    size = 10 + torch.rand(boxes, 2, generator=generator) * 40
    moves = torch.randn(batch, boxes, 4, generator=generator) * 0.1
    truths = torch.cat(
        [centre + moves[..., :2] * size, size * (2 * moves[..., 2:]).exp()], dim=-1
    )
    deltas = torch.randn(batch, boxes, 4, generator=generator)
    truths[labels < 1] = (torch.nan, 0.0, torch.inf, -1.0)[i % 4]
    defaults = torch.cat([centre, size], dim=-1)
    alpha = (1.0, 2.5, 0.5)[i % 3]
    return inputs(logits, deltas, labels, truths, defaults, alpha=alpha)


# The steps of the oracle.


def objects(row: list[int]) -> int:
    """By what the sums of an image are divided: its boxes with an object."""
    return max(sum(name > 0 for name in row), 1)


def labelled(row: list[int]) -> int:
    """Its boxes with an object, and chosen background."""
    return max(sum(name >= 0 for name in row), 1)


def own_objects(rows: Names, row: list[int]) -> Weights:
    """By what the two sums of an image are divided."""
    return len(rows) * objects(row), len(rows) * objects(row)


def weigh_boxes(alpha: float) -> Weights:
    """By what the two sums are multiplied."""
    return 1.0, alpha


def has_object(row: list[int]) -> bool:
    """Whether an image takes part."""
    return max(row) > 0


def entropy(row: Sequence[float], name: int) -> tuple[float, list[float]]:
    """Cross-entropy of a softmax, and its slopes."""
    top = max(row)
    chances = [math.exp(value - top) for value in row]
    total = sum(chances)
    slopes = [chance / total - (c == name) for c, chance in enumerate(chances)]
    return top + math.log(total) - row[name], slopes


def move_of(truth: Box, default: Box) -> list[float]:
    """The way from centre to centre, in sides of the default box."""
    return [(truth[k] - default[k]) / default[k + 2] for k in (0, 1)]


def corner_of(box: Box) -> Box:
    """A box as its upper left corner and size."""
    return [box[0] - box[2] / 2, box[1] - box[3] / 2, *box[2:]]


def encoded(
    truth: Box,
    default: Box,
    *,
    move: Callable[[Box, Box], list[float]] = move_of,
    grow: Callable[[float], float] = math.log,
    variances: tuple[float, float] = (0.1, 0.2),
) -> list[float]:
    """What the deltas of a default box are to be."""
    moves = [m / variances[0] for m in move(truth, default)]
    return moves + [grow(truth[k] / default[k]) / variances[1] for k in (2, 3)]


def smooth_l1(error: float) -> tuple[float, float]:
    """Smooth L1 with its bend at 1, and its slope."""
    return (error**2 / 2, error) if abs(error) < 1 else (abs(error) - 0.5, sign(error))


def sign(error: float) -> float:
    """1, -1, or 0 where the error is 0."""
    return math.copysign(1.0, error) if error else 0.0


def slow_ssd_loss(
    logits: Tensor,
    deltas: Tensor,
    labels: Tensor,
    truths: Tensor,
    defaults: Tensor,
    *,
    alpha: float,
    divisors: Callable[[Names, list[int]], Weights] = own_objects,
    weigh: Callable[[float], Weights] = weigh_boxes,
    takes_part: Callable[[list[int]], bool] = has_object,
    name_of: Callable[[int], int] = int,
    goal: Callable[[Box, Box], list[float]] = encoded,
    bend: Callable[[float], tuple[float, float]] = smooth_l1,
) -> Named:
    """The loss and its gradients by `logits` and `deltas`, default box by box."""
    scores, moved, rows = logits.tolist(), deltas.tolist(), labels.tolist()
    by_logits, by_deltas = (torch.zeros(t.shape).tolist() for t in (logits, deltas))
    loss = 0.0
    for b, row in enumerate(rows):
        pairs = zip(weigh(alpha), divisors(rows, row), strict=True)
        weights = [factor / divisor for factor, divisor in pairs]
        for d, name in enumerate(row):
            if takes_part(row) and name_of(name) >= 0:
                value, slopes = entropy(scores[b][d], name_of(name))
                loss += weights[0] * value
                by_logits[b][d] = [weights[0] * slope for slope in slopes]
            if name > 0:
                goals = goal(truths[b, d].tolist(), defaults[d].tolist())
                bends = [bend(t - g) for t, g in zip(moved[b][d], goals, strict=True)]
                loss += weights[1] * sum(value for value, _ in bends)
                by_deltas[b][d] = [weights[1] * slope for _, slope in bends]
    slopes_of = torch.tensor(by_logits), torch.tensor(by_deltas)
    return {
        LOSS: torch.tensor(loss),
        BY_LOGITS: slopes_of[0],
        BY_DELTAS: slopes_of[1],
    }


MISTAKES: Mistakes = {
    "each image is divided by its own number of objects, not by the batch's": {
        "divisors": lambda rows, row: (objects([name for r in rows for name in r]),) * 2
    },
    "divide by the boxes with an object; chosen background does not count": {
        "divisors": lambda rows, row: (labelled(row) * len(rows),) * 2
    },
    "the classes are divided by the number of objects, too": {
        "divisors": lambda rows, row: (
            labelled(row) * len(rows),
            objects(row) * len(rows),
        )
    },
    "divide by the boxes with an object, not by all": {
        "divisors": lambda rows, row: (len(row) * len(rows),) * 2
    },
    "the sum of an image is divided by its number of objects": {
        "divisors": lambda rows, row: (len(rows),) * 2
    },
    "take the mean over images, not their sum": {
        "divisors": lambda rows, row: (objects(row),) * 2
    },
    "images without objects count in the mean, with 0": {
        "divisors": lambda rows, row: (
            (objects(row) * max(sum(map(has_object, rows)), 1),) * 2
        )
    },
    "the classes' sum is divided by the number of objects, as the boxes' is": {
        "divisors": lambda rows, row: (len(rows), objects(row) * len(rows))
    },
    "the boxes' sum is divided by the number of objects, as the classes' is": {
        "divisors": lambda rows, row: (objects(row) * len(rows), len(rows))
    },
    "the four deltas are added, not averaged": {"weigh": lambda alpha: (1, alpha / 4)},
    "`alpha` weighs the boxes alone": {"weigh": lambda alpha: (alpha, alpha)},
    "`alpha` was not looked at": {"weigh": lambda alpha: (1, 1)},
    "an image without objects has the loss 0, whatever was chosen in it": {
        "takes_part": lambda row: True
    },
    "the label -1 is no background: those boxes take part in nothing": {
        "name_of": lambda name: max(name, 0)
    },
    "chosen background is classified, too": {"name_of": lambda name: name or -1},
    "divide moves by 0.1 and the logarithms by 0.2": {
        "goal": partial(encoded, variances=(1.0, 1.0))
    },
    "divide by the variances, do not multiply": {
        "goal": partial(encoded, variances=(10.0, 5.0))
    },
    "the variance of sizes is 0.2": {"goal": partial(encoded, variances=(0.1, 0.1))},
    "0.1 belongs to the centre, 0.2 to the size": {
        "goal": partial(encoded, variances=(0.2, 0.1))
    },
    "divide by the variances as they are, not by their squares": {
        "goal": partial(encoded, variances=(0.01, 0.04))
    },
    "divide by the variances as they are, not by their roots": {
        "goal": partial(encoded, variances=(math.sqrt(0.1), math.sqrt(0.2)))
    },
    "the target is a logarithm of two sides, not their quotient": {
        "goal": partial(encoded, grow=float)
    },
    "take the natural logarithm": {"goal": partial(encoded, grow=math.log10)},
    "take the natural logarithm, not that to base 2": {
        "goal": partial(encoded, grow=math.log2)
    },
    "a centre moves by shares of the default box, not by pixels": {
        "goal": partial(encoded, move=lambda t, d: move_of(t, [*d[:2], 1, 1]))
    },
    "a centre moves by shares of the default box, not of the object": {
        "goal": partial(encoded, move=lambda t, d: move_of(t, [*d[:2], *t[2:]]))
    },
    "x moves by widths of the default box, y by heights": {
        "goal": partial(encoded, move=lambda t, d: move_of(t, [*d[:2], d[3], d[2]]))
    },
    "boxes are centre and size here; no corner is needed": {
        "goal": partial(encoded, move=lambda t, d: move_of(corner_of(t), corner_of(d)))
    },
    "the target goes from the default box to the object": {
        "goal": lambda truth, default: [-g for g in encoded(truth, default)]
    },
    "this is L1; below 1 the loss is a parabola": {
        "bend": lambda error: (abs(error), sign(error))
    },
    "this is a square; smooth L1 is a line beyond 1": {
        "bend": lambda error: (error**2, 2 * error)
    },
    "this is half a square; smooth L1 is a line beyond 1": {
        "bend": lambda error: (error**2 / 2, error)
    },
}
SLOPE_MISTAKES: Mistakes = {
    "`where` hides a nan in the loss, not in its gradient: choose first": (
        lambda right, logits, deltas, labels, *boxes, alpha: (
            right
            | {
                BY_DELTAS: right[BY_DELTAS].masked_fill(
                    (labels < 1)[..., None], math.nan
                )
            }
        )
    ),
    "nothing trains the deltas: is the box term detached?": (
        lambda right, *arguments, alpha: right | {BY_DELTAS: right[BY_DELTAS] * 0}
    ),
    "nothing trains the logits: is the class term detached?": (
        lambda right, *arguments, alpha: right | {BY_LOGITS: right[BY_LOGITS] * 0}
    ),
}


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
        return {LOSS: reply.value, BY_LOGITS: slopes[0], BY_DELTAS: slopes[1]}


class LossOfSlopes(torch.autograd.Function):
    """A loss of logits and deltas whose gradients are given."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, deltas: Tensor, found: Named) -> Tensor:
        """The loss that was found."""
        ctx.found = found
        return found[LOSS]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Any:
        """The gradients that were found with it."""
        return upstream * ctx.found[BY_LOGITS], upstream * ctx.found[BY_DELTAS], None


def differentiable(answer: Callable[..., Named]) -> Callable[..., Tensor]:
    """An answer to the task, out of one that returns its gradients as numbers."""

    def loss(logits: Tensor, deltas: Tensor, *others: Tensor, alpha: float) -> Tensor:
        found = answer(logits.detach(), deltas.detach(), *others, alpha=alpha)
        value: Tensor = LossOfSlopes.apply(logits, deltas, found)
        return value

    return loss


compared = compare_with(
    slow_ssd_loss,
    "ssd_loss",
    cases=CASES,
    draw=random_case,
    mistakes={**MISTAKES, **SLOPE_MISTAKES},
    forbids=(
        f"{DETECTION}.ssd.SSD.compute_loss",
        f"{DETECTION}._utils.BoxCoder.encode_single",
        f"{DETECTION}._utils.encode_boxes",
    ),
    tolerance=1e-4,
    asking=AskWithGradients,
)
# Mistakes in the slopes alone have the right loss, so that answers prove them.
check_ssd_loss = replace(
    compared,
    right=differentiable(slow_ssd_loss),
    wrong={text: differentiable(compared.wrong[text]) for text in MISTAKES},
)
