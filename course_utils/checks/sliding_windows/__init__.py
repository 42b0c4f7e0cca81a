"""The checks of assignment 01: windows, overlaps, soft-NMS, precision and recall."""

from course_utils.checks.sliding_windows.covering_windows import check_covering_windows
from course_utils.checks.sliding_windows.distance_iou import check_distance_iou
from course_utils.checks.sliding_windows.operating_points import check_operating_points
from course_utils.checks.sliding_windows.questions import (
    check_false_alarms_answer,
    check_paper_average_precision,
)
from course_utils.checks.sliding_windows.soft_nms_scores import check_soft_nms_scores
from course_utils.checks.sliding_windows.window_sums import check_window_sums

__all__ = [
    "check_covering_windows",
    "check_distance_iou",
    "check_false_alarms_answer",
    "check_operating_points",
    "check_paper_average_precision",
    "check_soft_nms_scores",
    "check_window_sums",
]
