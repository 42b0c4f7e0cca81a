"""How good detections are: matching, precision and recall, average precision, COCO."""

from course_utils.metrics.average_precision import (
    Matches,
    PrecisionRecall,
    average_precision,
    match_boxes,
    match_detections,
    precision_recall,
)
from course_utils.metrics.coco import evaluate_detections

__all__ = [
    "Matches",
    "PrecisionRecall",
    "average_precision",
    "evaluate_detections",
    "match_boxes",
    "match_detections",
    "precision_recall",
]
