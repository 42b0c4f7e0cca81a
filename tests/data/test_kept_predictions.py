"""The kept predictions are valid, and find every object of their scenes."""

import pytest
import torch

from course_utils.data.kept_predictions import load_example_predictions
from course_utils.data.tabletop import CLASS_NAMES
from course_utils.ops.boxes import box_iou

SYSTEMS = ("sliding_windows", "rcnn", "fast_rcnn", "faster_rcnn", "yolo_v3")


@pytest.mark.parametrize("system", SYSTEMS)
def test_boxes_labels_and_scores_are_valid(system):
    examples = load_example_predictions(system)
    assert 2 <= len(examples) <= 3
    for image, _, prediction in examples:
        boxes, labels, scores = (prediction[k] for k in ("boxes", "labels", "scores"))
        height, width = image.shape[1:]
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (boxes >= 0).all()
        assert (boxes <= torch.tensor([width, height] * 2)).all()
        assert labels.dtype == torch.int64
        assert ((labels >= 1) & (labels < len(CLASS_NAMES))).all()
        assert (scores.diff() <= 0).all()


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_object_is_found_by_its_name(system):
    for _, truth, prediction in load_example_predictions(system):
        is_same = truth["labels"][:, None] == prediction["labels"]
        iou = box_iou(truth["boxes"], prediction["boxes"]) * is_same
        assert (iou.max(dim=1).values > 0.5).all()


def test_an_unknown_system_is_refused():
    with pytest.raises(ValueError, match="is 'dpm', but one of"):
        load_example_predictions("dpm")
