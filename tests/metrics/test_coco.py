"""The twelve numbers against pycocotools, on small data sets with every oddity."""

import pytest
import torch
from random_detections import Draw, pycocotools_numbers
from torch import Tensor

from course_utils.metrics import coco
from course_utils.metrics.coco import evaluate_detections

NAMES = [
    *("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
    *("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"),
]


@pytest.mark.parametrize("block", range(25))
def test_ten_random_data_sets_agree_with_pycocotools(block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        draw = Draw(seed)
        targets = [draw.target() for _ in range(draw.whole(1, 6))]
        predictions = [draw.prediction(target) for target in targets]
        ours = evaluate_detections(predictions, targets)
        peer = pycocotools_numbers(predictions, targets)
        assert list(ours) == NAMES
        assert list(ours.values()) == pytest.approx(peer, abs=1e-6), f"seed {seed}"


def test_the_random_data_sets_hold_every_oddity() -> None:
    draws = [Draw(seed) for seed in range(250)]
    targets = [[draw.target() for _ in range(3)] for draw in draws]
    every = [target for part in targets for target in part]
    assert any(len(target["boxes"]) == 0 for target in every)
    assert (
        sum(bool(target.get("is_crowd", torch.zeros(1)).any()) for target in every) > 50
    )
    assert sum("area" in target for target in every) > 50
    assert sum(draw.levels < 10 for draw in draws) > 50


def test_more_than_a_hundred_detections_in_an_image() -> None:
    draw = Draw(7)
    draw.levels = 20
    target = {"boxes": draw.boxes(150), "labels": draw.labels(150, 1)}
    predictions = [
        {
            "boxes": draw.near(target["boxes"]),
            "labels": target["labels"],
            "scores": torch.rand(150, generator=draw.generator),
        }
    ]
    ours = evaluate_detections(predictions, [target])
    peer = pycocotools_numbers(predictions, [target])
    assert list(ours.values()) == pytest.approx(peer, abs=1e-6)
    assert ours["AR_100"] < 100 / 150 + 1e-9


def test_how_many_images_take_turns_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = Draw(11)
    targets = [draw.target() for _ in range(8)]
    predictions = [draw.prediction(target) for target in targets]
    expected = evaluate_detections(predictions, targets)
    monkeypatch.setattr(coco, "IMAGES_AT_ONCE", 1)
    assert evaluate_detections(predictions, targets) == expected


def test_recalls_are_in_double_precision() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]])
    target = {"boxes": boxes, "labels": torch.ones(3, dtype=torch.int64)}
    found = {name: x[:1] for name, x in target.items()} | {"scores": torch.ones(1)}
    assert evaluate_detections([found], [target])["AR_100"] == 1 / 3


def one(box: list[float], **more: float) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor([box]),
        "labels": torch.tensor([1]),
        **{name: torch.tensor([value]) for name, value in more.items()},
    }


NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
NOTHING_FOUND = NOTHING | {"scores": torch.zeros(0)}
BOX = [10.0, 10, 30, 40]  # small: 600 square pixels


def test_without_objects_every_number_is_minus_one() -> None:
    expected = dict.fromkeys(NAMES, -1.0)
    assert evaluate_detections([], []) == expected
    assert evaluate_detections([NOTHING_FOUND], [NOTHING]) == expected
    assert evaluate_detections([one(BOX, scores=0.9)], [NOTHING]) == expected
    crowd = one(BOX) | {"is_crowd": torch.tensor([True])}
    assert evaluate_detections([one(BOX, scores=0.9)], [crowd]) == expected


def test_without_detections_what_is_there_scores_zero() -> None:
    figures = evaluate_detections([NOTHING_FOUND], [one(BOX)])
    assert figures["AP"] == figures["AR_100"] == figures["AP_small"] == 0
    assert figures["AP_medium"] == figures["AR_large"] == -1


def test_perfect_detections_score_one() -> None:
    figures = evaluate_detections([one(BOX, scores=0.9)], [one(BOX)])
    assert figures["AP"] == pytest.approx(1)
    assert figures["AR_1"] == figures["AR_small"] == 1


def test_true_and_false_of_equal_score_count_in_their_order() -> None:
    far, target = [50.0, 50, 60, 60], one(BOX)
    for boxes, expected in [([BOX, far], 1.0), ([far, BOX], 0.5)]:
        found = {
            "boxes": torch.tensor(boxes),
            "labels": torch.ones(2, dtype=torch.int64),
            "scores": torch.full((2,), 0.5),
        }
        assert evaluate_detections([found], [target])["AP50"] == pytest.approx(expected)


def test_each_class_has_its_own_number() -> None:
    targets = [one(BOX) | {"labels": torch.tensor([2])}, one(BOX)]
    predictions = [
        one(BOX, scores=0.9) | {"labels": torch.tensor([2])},
        NOTHING_FOUND,
    ]
    names = ("background", "cube", "cone", "torus")
    figures = evaluate_detections(predictions, targets, class_names=names)
    assert list(figures) == [*NAMES, "AP/cube", "AP/cone", "AP/torus"]
    assert figures["AP/cube"] == 0
    assert figures["AP/cone"] == pytest.approx(1)
    assert figures["AP/torus"] == -1
    assert figures["AP"] == pytest.approx(0.5)


def test_mistakes_are_named() -> None:
    found = one(BOX, scores=0.9)
    with pytest.raises(ValueError, match="for 1 images and targets for 2"):
        evaluate_detections([found], [one(BOX), one(BOX)])
    with pytest.raises(ValueError, match="image 0 has 1 boxes, but 2 scores"):
        evaluate_detections([found | {"scores": torch.ones(2)}], [one(BOX)])
    with pytest.raises(ValueError, match="image 0 has 1 boxes, but 0 labels"):
        evaluate_detections([found], [one(BOX) | {"labels": NOTHING["labels"]}])
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        evaluate_detections([found], [one(BOX) | {"boxes": torch.ones(4)}])
