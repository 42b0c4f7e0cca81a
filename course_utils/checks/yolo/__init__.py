"""The checks of assignment 05: the grid, two terms of the loss, detections, shapes."""

from course_utils.checks.yolo.cluster_shapes import check_cluster_shapes
from course_utils.checks.yolo.decode_and_keep import check_decode_and_keep
from course_utils.checks.yolo.encode_batch import check_encode_batch
from course_utils.checks.yolo.numbers_in_the_loss import check_numbers_in_the_loss
from course_utils.checks.yolo.responsible_boxes import check_responsible_boxes
from course_utils.checks.yolo.size_and_confidence_terms import (
    check_size_and_confidence_terms,
)

__all__ = [
    "check_cluster_shapes",
    "check_decode_and_keep",
    "check_encode_batch",
    "check_numbers_in_the_loss",
    "check_responsible_boxes",
    "check_size_and_confidence_terms",
]
