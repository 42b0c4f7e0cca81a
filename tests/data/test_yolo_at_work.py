"""The kept outputs of YOLO are those of its scene: they find what is in it."""

import torch
from torchvision.ops import box_iou

from course_utils.data.tabletop import load_scenes
from course_utils.data.yolo_at_work import load_yolo_outputs
from course_utils.models.yolo import YOLOSettings, score_boxes, select_all


def test_the_kept_outputs_find_every_object_of_their_scene():
    image, outputs = load_yolo_outputs()
    scenes = load_scenes(60, "test", size=128)
    (target,) = [truth for scene, truth in scenes if torch.equal(scene, image)]
    boxes, scores = score_boxes(outputs[None], (128, 128), 2)
    (found,) = select_all(boxes, scores, YOLOSettings(score_threshold=0.3))
    overlap, match = box_iou(target["boxes"], found["boxes"]).max(dim=1)
    assert (overlap > 0.5).all()
    assert torch.equal(found["labels"][match], target["labels"])
