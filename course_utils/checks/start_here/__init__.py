"""The checks of assignment 00: shapes, receptive fields, and how boxes are written."""

from course_utils.checks.start_here.questions import (
    check_missing_dimensions,
    check_padding_answer,
)
from course_utils.checks.start_here.receptive_box import check_receptive_box
from course_utils.checks.start_here.smallest_padding import check_smallest_padding
from course_utils.checks.start_here.tight_boxes import check_tight_boxes
from course_utils.checks.start_here.trace_network import check_trace_network
from course_utils.checks.start_here.yolo_to_voc import check_yolo_to_voc

__all__ = [
    "check_missing_dimensions",
    "check_padding_answer",
    "check_receptive_box",
    "check_smallest_padding",
    "check_tight_boxes",
    "check_trace_network",
    "check_yolo_to_voc",
]
