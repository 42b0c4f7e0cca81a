"""proposal_quality: recall and MABO of the proposals that a budget allows.

The oracle counts over all objects one by one, in Python numbers.
"""

import operator
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from course_utils.checking.compare_with import Inputs, Mistakes, compare_with, inputs
from course_utils.checks.rcnn.tables import Rows

# Scores, overlaps and labels of one image.
Image = tuple[list[float], Rows, list[int]]
Place = tuple[int, int]  # an image, and one of its proposals
Found = list[tuple[int, float]]  # class and best overlap of each object of an image
Quality = tuple[Tensor, Tensor]


def case(images: list[Image], budget: int, thresholds: list[float]) -> Inputs:
    """Scores, overlaps as rows, and the labels of their columns, for each image."""
    overlaps = [
        torch.tensor(rows, dtype=torch.float32).reshape(len(rows), len(labels))
        for _, rows, labels in images
    ]
    scores = [torch.tensor(score, dtype=torch.float32) for score, _, _ in images]
    names = [torch.tensor(labels, dtype=torch.int64) for _, _, labels in images]
    return inputs(scores, overlaps, names, budget=budget, thresholds=thresholds)


TWO: list[Image] = [
    (
        [0.9, 0.3, 0.6, 0.1],
        [[0.2, 0.65], [0.9, 0.3], [0.8, 0.1], [0.3, 0.9]],
        [1, 4],
    ),
    ([0.5, 0.7], [[0.1], [0.6]], [1]),
]
NO_OBJECT: Image = ([0.95, 0.2], [[], []], [])
EQUAL: list[Image] = [
    ([0.5, 0.5], [[0.25], [0.75]], [1]),
    ([0.5, 0.5], [[0.5], [0.875]], [2]),
]

CASES = {
    "the example": case(TWO, 3, [0.5, 0.75]),
    "a single proposal": case(TWO, 1, [0.1, 0.5, 0.6]),
    "a budget for all proposals and more": case(TWO, 50, [0.85]),
    "an overlap equal to the threshold": case(
        [([0.5, 0.4], [[0.5, 0.25, 0.75], [0, 0, 0]], [1, 1, 2])], 5, [0.5, 0.25, 0.75]
    ),
    "an image without proposals": case([*TWO, ([], [], [2, 4])], 3, [0.5, 0.1]),
    "an image without objects, whose proposals use the budget": case(
        [NO_OBJECT, *TWO], 3, [0.5, 0.1]
    ),
    "no image has an object": case([NO_OBJECT, ([], [], [])], 3, [0.5, 0.1]),
    "no images": case([], 4, [0.5]),
    "no budget": case(TWO, 0, [0.5, 0.1]),
    "equal scores": case(EQUAL, 1, [0.2, 0.75]),
    "equal scores in two images": case(EQUAL, 3, [0.75]),
    "many equal scores": case(
        [
            ([0.5, 0.25] * 12, [[row / 32] for row in range(24)], [label])
            for label in (1, 2, 3)
        ],
        18,
        [0.5],
    ),
    "many objects in one image, one in another": case(
        [
            ([0.9], [[0.9, 0.8, 0.6, 0.7]], [3, 3, 3, 3]),
            ([0.8, 0.7], [[0.1], [0.2]], [7]),
        ],
        2,
        [0.5],
    ),
    "a single object": case([([0.1, 0.2], [[0.75], [0.5]], [1])], 2, [0.5, 0.8]),
    "negative scores": case([([-2.0, -1], [[0.75], [0.5]], [1])], 1, [0.6]),
    "no thresholds": case(TWO, 2, []),
}


def random_case(i: int, generator: torch.Generator) -> Inputs:
    """Images with 0 to 8 proposals, many of equal score, and 0 to 4 objects."""
    scores, overlaps, labels = [], [], []
    for _ in range(3 + i):
        count, objects = torch.randint(0, 5, (2,), generator=generator).tolist()
        scores.append(torch.randint(0, 9, (count * 2,), generator=generator) / 8)
        # Eighths, so that some are equal to a threshold in any precision.
        shape = (count * 2, objects)
        overlaps.append(torch.randint(0, 9, shape, generator=generator) / 8)
        labels.append(torch.randint(1, 7, (objects,), generator=generator))
    thresholds = [0.25, 0.5, 0.625, 0.75]
    return inputs(scores, overlaps, labels, budget=5 + 2 * i, thresholds=thresholds)


def best_of_all(scores: Sequence[Sequence[float]], budget: int) -> list[Place]:
    """The proposals with the highest scores; of equals the first."""
    places = [(i, p) for i, image in enumerate(scores) for p in range(len(image))]
    return sorted(places, key=lambda place: -scores[place[0]][place[1]])[:budget]


def best_of_each(scores: Sequence[Sequence[float]], budget: int) -> list[Place]:
    """As many proposals of each image as the budget of all."""
    return [
        (i, p) for i, own in enumerate(scores) for _, p in best_of_all([own], budget)
    ]


def last_of_equals(scores: Sequence[Sequence[float]], budget: int) -> list[Place]:
    """The proposals with the highest scores; of equals the last."""
    backwards = best_of_all([image[::-1] for image in scores[::-1]], budget)
    return [(len(scores) - 1 - i, len(scores[-1 - i]) - 1 - p) for i, p in backwards]


def mean(values: Iterable[float]) -> float:
    """The mean of numbers; 0 of none."""
    every = list(values)
    return sum(every) / len(every) if every else 0.0


def mean_of_all(hits: Sequence[Sequence[bool]]) -> float:
    """The share of all objects that are hit."""
    return mean(hit for image in hits for hit in image)


def mean_of_classes(images: Sequence[Found]) -> float:
    """The mean over classes of the mean best overlap."""
    found: dict[int, list[float]] = {}
    for label, best in (pair for image in images for pair in image):
        found.setdefault(label, []).append(best)
    return mean(map(mean, found.values()))


def mean_of_labels(images: Sequence[Found]) -> float:
    """As `mean_of_classes`, but also over labels below the highest without objects."""
    labels = {label for image in images for label, _ in image}
    return mean_of_classes(images) * len(labels) / (max(labels, default=0) + 1)


def slow_proposal_quality(
    scores: list[Tensor],
    overlaps: list[Tensor],
    labels: list[Tensor],
    *,
    budget: int,
    thresholds: list[float],
    spend: Callable[[Sequence[Sequence[float]], int], list[Place]] = best_of_all,
    is_left_out: Callable[[Sequence[int]], bool] = lambda proposals: False,
    reaches: Callable[[float, float], bool] = operator.ge,
    share: Callable[[Sequence[Sequence[bool]]], float] = mean_of_all,
    average: Callable[[Sequence[Found]], float] = mean_of_classes,
) -> Quality:
    """(T,) recall and MABO; an image may be left out because of its proposals."""
    kept = spend([image.tolist() for image in scores], budget)
    images: list[Found] = []
    for i, (overlap, label) in enumerate(zip(overlaps, labels, strict=True)):
        own = [p for image, p in kept if image == i]
        best = [
            (int(c), max((float(overlap[p, g]) for p in own), default=0.0))
            for g, c in enumerate(label.tolist())
        ]
        images += [] if is_left_out(own) else [best]
    recall = [
        share([[reaches(best, level) for _, best in image] for image in images])
        for level in thresholds
    ]
    return torch.tensor(recall), torch.tensor(average(images))


MISTAKES: Mistakes = {
    "an overlap equal to the threshold is enough": {"reaches": operator.gt},
    "all objects count alike, not all images": {
        "share": lambda hits: mean(mean(image) for image in hits if image)
    },
    "all classes count alike, not all objects": {
        "average": lambda images: mean(best for image in images for _, best in image)
    },
    "all classes count alike, not all images": {
        "average": lambda images: mean(
            mean(best for _, best in image) for image in images if image
        )
    },
    "only classes that have objects count": {"average": mean_of_labels},
    "the budget is for all images together, not for each": {"spend": best_of_each},
    "only the proposals with the highest scores count": {
        "spend": lambda scores, budget: best_of_all(
            [[0.0] * len(image) for image in scores], budget
        )
    },
    "of equal scores, the earlier image and the earlier row go first": {
        "spend": last_of_equals
    },
    "only as many proposals as the budget allows count": {
        "spend": lambda scores, budget: best_of_all(scores, sum(map(len, scores)))
    },
    "the highest scores count, not the lowest": {
        "spend": lambda scores, budget: best_of_all(
            [[-score for score in image] for image in scores], budget
        )
    },
    "objects in an image without proposals are missed, and count": {
        "is_left_out": lambda proposals: not proposals
    },
}

check_proposal_quality = compare_with(
    slow_proposal_quality,
    "proposal_quality",
    cases=CASES,
    draw=random_case,
    mistakes=MISTAKES,
    parts=("recall", "MABO"),
)
