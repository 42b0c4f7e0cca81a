"""Kinds of errors, by hand and against plain loops."""

import pytest
import torch
from random_detections import Draw
from torch import Tensor
from torchvision.ops import box_iou

from course_utils.metrics.error_types import (
    KINDS,
    NOT_LOOKED_AT,
    count_errors,
    error_kinds,
)

Images = list[dict[str, Tensor]]


def found(*rows: tuple[list[float], int, float]) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor([box for box, _, _ in rows]).reshape(-1, 4).float(),
        "labels": torch.tensor([label for _, label, _ in rows], dtype=torch.int64),
        "scores": torch.tensor([score for _, _, score in rows]),
    }


def truth(*rows: tuple[list[float], int]) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor([box for box, _ in rows]).reshape(-1, 4).float(),
        "labels": torch.tensor([label for _, label in rows], dtype=torch.int64),
    }


def kinds_by_loop(predictions: Images, targets: Images, groups) -> list[list[str]]:
    """Detection after detection of all images, by falling score."""
    queue = sorted(
        (-score, image, i)
        for image, each in enumerate(predictions)
        for i, score in enumerate(each["scores"].tolist())
    )
    names = [["" for _ in each["scores"]] for each in predictions]
    looked: dict[int, int] = {}
    claimed: set[tuple[int, int]] = set()
    for _, image, i in queue:
        label = int(predictions[image]["labels"][i])
        looked[label] = looked.get(label, 0) + 1
        number = sum(int((each["labels"] == label).sum()) for each in targets)
        target = targets[image]
        true_labels = target["labels"].tolist()
        ious = box_iou(
            predictions[image]["boxes"][i][None].double(), target["boxes"].double()
        )[0].tolist()
        free = [
            (iou, -t)
            for t, iou in enumerate(ious)
            if true_labels[t] == label and (image, t) not in claimed
        ]
        touched = [true_labels[t] for t, iou in enumerate(ious) if iou >= 0.1]
        if free and max(free)[0] >= 0.5:
            claimed.add((image, -max(free)[1]))
            name = "correct"
        elif label in touched:
            name = "localisation"
        elif any(label in group and set(touched) & set(group) for group in groups):
            name = "similar"
        else:
            name = "other" if touched else "background"
        names[image][i] = name if looked[label] <= number else "not looked at"
    return names


@pytest.mark.parametrize("seed", range(25))
def test_kinds_are_those_of_a_loop(seed: int):
    draw = Draw(seed)
    targets = [draw.target() for _ in range(6)]
    predictions = [draw.prediction(target) for target in targets]
    predictions = [
        {name: v.double() if name == "boxes" else v for name, v in each.items()}
        for each in predictions
    ]
    targets = [each | {"boxes": each["boxes"].double()} for each in targets]
    groups = [(1, 2), (3, 5)]
    expected = kinds_by_loop(predictions, targets, groups)
    words = dict(enumerate(KINDS)) | {NOT_LOOKED_AT: "not looked at"}
    result = error_kinds(predictions, targets, similar=groups)
    assert [[words[k] for k in each.tolist()] for each in result] == expected
    counts = count_errors(predictions, targets, similar=groups)
    every = [name for each in expected for name in each]
    assert all(counts[name] == every.count(name) for name in KINDS)
    assert sum(counts.values()) == sum(len(each["labels"]) for each in targets)


BOX = [10.0, 10, 30, 30]
FAR = [60.0, 60, 80, 80]
LOOSE = [15.0, 15, 35, 35]  # an IoU of 225 / 575 with BOX


@pytest.mark.parametrize(
    ("box", "label", "kind"),
    [
        (BOX, 1, "correct"),
        ([10, 10, 30, 20], 1, "correct"),  # an IoU of exactly a half
        (LOOSE, 1, "localisation"),
        (BOX, 2, "similar"),
        (LOOSE, 2, "similar"),
        (BOX, 3, "other"),
        (FAR, 1, "background"),
        ([10, 10, 12, 30], 1, "localisation"),  # an IoU of exactly a tenth
        ([10, 10, 11, 30], 1, "background"),
        ([10, 10, 10, 10], 1, "background"),  # no size
    ],
)
def test_one_detection_of_one_object(box: list[float], label: int, kind: str):
    # Objects of the other classes lie elsewhere, so that all of them are looked at.
    elsewhere = truth((FAR, 2), (FAR, 3))
    predictions = [found((box, label, 0.9)), found()]
    counts = count_errors(predictions, [truth((BOX, 1)), elsewhere], similar=[(1, 2)])
    expected = dict.fromkeys([*KINDS, "missing"], 0) | {kind: 1, "missing": 2}
    assert counts == expected


def test_a_second_detection_of_an_object_is_a_localisation_error():
    predictions = [found((BOX, 1, 0.5), (BOX, 1, 0.9))]
    targets = [truth((BOX, 1), (FAR, 1))]
    (kinds,) = error_kinds(predictions, targets)
    assert [KINDS[kind] for kind in kinds] == ["localisation", "correct"]


def test_only_the_best_of_a_class_are_looked_at_over_all_images():
    predictions = [found((BOX, 1, 0.6), (FAR, 2, 0.99)), found((BOX, 1, 0.8))]
    targets = [truth((BOX, 1)), truth()]
    one, two = error_kinds(predictions, targets)
    assert one.tolist() == [NOT_LOOKED_AT, NOT_LOOKED_AT]  # no object has label 2
    assert [KINDS[kind] for kind in two] == ["background"]
    counts = count_errors(predictions, targets)
    assert (counts["background"], counts["missing"]) == (1, 0)


def test_without_objects_or_detections_there_is_nothing_to_count():
    nothing = dict.fromkeys([*KINDS, "missing"], 0)
    assert count_errors([], []) == nothing
    assert count_errors([found((BOX, 1, 0.5))], [truth()]) == nothing
    assert count_errors([found()], [truth((BOX, 1))]) == nothing | {"missing": 1}


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="predictions for 1 images and targets for 0"):
        count_errors([found()], [])
    for low in (0.0, 0.6):
        with pytest.raises(ValueError, match=f"least_iou is {low}"):
            count_errors([], [], least_iou=low)
