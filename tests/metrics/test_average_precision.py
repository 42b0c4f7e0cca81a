"""Matching and average precision against numbers on paper and independent loops."""

import itertools

import pytest
import torch
from random_detections import Draw
from sklearn.metrics import average_precision_score
from torch import Tensor

from course_utils.metrics.average_precision import (
    average_precision,
    match_boxes,
    match_detections,
    precision_recall,
)
from course_utils.metrics.coco import evaluate_detections

TRUE_FALSE_TRUE = torch.tensor([True, False, True])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("coco", (51 + 50 * 2 / 3) / 101),
        ("voc2010", 0.5 + 0.5 * 2 / 3),
        ("voc2007", (6 + 5 * 2 / 3) / 11),
    ],
)
def test_average_precision_on_paper(method, expected: float) -> None:
    curve = precision_recall(TRUE_FALSE_TRUE, 2)
    assert curve.recall.tolist() == [0.5, 0.5, 1]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert average_precision(*curve, method=method) == pytest.approx(expected)


def envelope_in_a_loop(curve, recall: float) -> float:
    """The best precision at this recall or more, by looking at every point."""
    pairs = zip(curve.recall.tolist(), curve.precision.tolist(), strict=True)
    return max((p for r, p in pairs if r >= recall), default=0.0)


@pytest.mark.parametrize("number", [1, 5, 40])
def test_average_precision_agrees_with_its_definition(number: int) -> None:
    for seed in range(10):
        generator = torch.Generator().manual_seed(seed)
        hits = torch.rand(number, generator=generator) < 0.6
        curve = precision_recall(hits, int(hits.sum()) + seed % 4 + 1)
        grids = {
            "voc2007": [i / 10 for i in range(11)],
            "coco": [i * 0.01 for i in range(101)],
        }
        for method, grid in grids.items():
            expected = sum(envelope_in_a_loop(curve, r) for r in grid) / len(grid)
            assert average_precision(*curve, method=method) == pytest.approx(expected)
        steps = [0.0, *sorted(set(curve.recall.tolist()))]
        area = sum(
            (high - low) * envelope_in_a_loop(curve, high)
            for low, high in itertools.pairwise(steps)
        )
        assert average_precision(*curve, method="voc2010") == pytest.approx(area)


def test_without_an_envelope_scikit_learn_sums_the_same_steps() -> None:
    """Falling precision is its own envelope, so that both areas are one."""
    hits = torch.tensor([True] * 4 + [False] * 3)
    peer = average_precision_score(hits.numpy(), torch.linspace(1, 0, 7).numpy())
    curve = precision_recall(hits, 4)
    assert average_precision(*curve, method="voc2010") == pytest.approx(peer)


def test_a_recall_that_is_a_tenth_counts_at_that_tenth() -> None:
    """3 / 10 is recall 0.3 in the eleven points, though 3 * 0.1 is a little more."""
    hits = torch.tensor([True, True, True])
    area = average_precision(*precision_recall(hits, 10), method="voc2007")
    assert area == pytest.approx(4 / 11)


@pytest.mark.parametrize("method", ["voc2007", "voc2010", "coco"])
def test_extremes(method) -> None:
    none = torch.zeros(0, dtype=torch.bool)
    assert average_precision(*precision_recall(none, 3), method=method) == 0
    wrong = torch.zeros(4, dtype=torch.bool)
    assert average_precision(*precision_recall(wrong, 3), method=method) == 0
    right = torch.ones(3, dtype=torch.bool)
    perfect = average_precision(*precision_recall(right, 3), method=method)
    assert perfect == pytest.approx(1)


LEFT, RIGHT = [0.0, 0, 10, 10], [4.0, 0, 14, 10]
BETWEEN = [1.5, 0, 11.5, 10]  # IoU 0.74 with the left one, 0.6 with the right one


def test_rules_differ_when_the_best_object_is_taken() -> None:
    boxes, truth = torch.tensor([LEFT, BETWEEN]), torch.tensor([LEFT, RIGHT])
    assert match_boxes(boxes, truth, rule="coco").tolist() == [True, True]
    assert match_boxes(boxes, truth, rule="voc").tolist() == [True, False]


def test_a_second_hit_of_the_same_object_is_wrong_by_both_rules() -> None:
    boxes, truth = torch.tensor([LEFT, LEFT]), torch.tensor([LEFT])
    for rule in ("coco", "voc"):
        assert match_boxes(boxes, truth, rule=rule).tolist() == [True, False]


def test_an_overlap_equal_to_the_threshold_is_a_hit() -> None:
    boxes, truth = torch.tensor([[0.0, 0, 2, 1]]), torch.tensor([[0.0, 0, 1, 1]])
    assert match_boxes(boxes, truth, iou_threshold=0.5).tolist() == [True]
    assert match_boxes(boxes, truth, iou_threshold=0.51).tolist() == [False]


def test_matching_of_nothing() -> None:
    none, some = torch.zeros(0, 4), torch.tensor([LEFT])
    assert match_boxes(none, some).tolist() == []
    assert match_boxes(some, none).tolist() == [False]
    matches = match_detections([], [], label=1)
    assert (len(matches.scores), len(matches.hits), matches.num_objects) == (0, 0, 0)


def image(boxes: list[list[float]], labels: list[int], *scores: float):
    entry = {"boxes": torch.tensor(boxes).view(-1, 4), "labels": torch.tensor(labels)}
    return entry | ({"scores": torch.tensor(scores)} if scores else {})


def test_matching_over_images_on_paper() -> None:
    targets = [image([LEFT, RIGHT], [1, 2]), image([LEFT], [1]), image([LEFT], [1])]
    predictions = [
        image([RIGHT, LEFT], [1, 1], 0.8, 0.6),  # the right one is of another class
        image([LEFT, LEFT], [2, 1], 0.95, 0.9),
        {
            "boxes": torch.zeros(0, 4),
            "labels": torch.zeros(0),
            "scores": torch.zeros(0),
        },
    ]
    scores, hits, num_objects = match_detections(predictions, targets, label=1)
    torch.testing.assert_close(scores, torch.tensor([0.9, 0.8, 0.6]))
    assert hits.tolist() == [True, False, True]
    assert num_objects == 3, "the image without detections counts"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_predictions_may_be_on_a_gpu_and_targets_on_the_cpu() -> None:
    target, prediction = image([LEFT], [1]), image([LEFT], [1], 0.9)
    far = {name: values.cuda() for name, values in prediction.items()}
    matches = match_detections([far], [target], label=1)
    assert (matches.hits.tolist(), matches.scores.device.type) == ([True], "cpu")


def plain(entry: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: entry[name] for name in entry if name not in ("is_crowd", "area")}


def test_the_steps_of_a_lesson_reach_the_evaluator() -> None:
    for seed in range(10):
        draw = Draw(seed)
        draw.on_grid = False
        targets = [plain(draw.target()) for _ in range(6)]
        predictions = [draw.prediction(target) for target in targets]
        figures = []
        for label in torch.cat([target["labels"] for target in targets]).unique():
            matches = match_detections(predictions, targets, label=int(label))
            curve = precision_recall(matches.hits, matches.num_objects)
            figures.append(average_precision(*curve, method="coco"))
        whole = evaluate_detections(predictions, targets)
        assert sum(figures) / len(figures) == pytest.approx(whole["AP50"])


MISTAKES = {
    "no objects": (lambda: precision_recall(TRUE_FALSE_TRUE, 0), "num_objects is 0"),
    "rule": (lambda: match_boxes(torch.ones(1, 4), torch.ones(1, 4), rule="x"), "'x'"),
    "method": (
        lambda: average_precision(torch.ones(1), torch.ones(1), method="voc"),
        "'voc'",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    call, words = MISTAKES[case]
    with pytest.raises(ValueError, match="expected") as caught:
        call()
    assert words in str(caught.value)
