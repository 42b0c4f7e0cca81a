"""The checks of assignment 03: RoI pooling, RoIs to learn from, the box loss, SVD."""

from course_utils.checks.fast_rcnn.bins_in_image import check_bins_in_image
from course_utils.checks.fast_rcnn.box_loss_and_slope import check_box_loss_and_slope
from course_utils.checks.fast_rcnn.hard_rois import check_hard_rois
from course_utils.checks.fast_rcnn.position_sensitive_pool import (
    check_position_sensitive_pool,
)
from course_utils.checks.fast_rcnn.questions import check_faster_network_answer
from course_utils.checks.fast_rcnn.roi_pool_gradient import check_roi_pool_gradient
from course_utils.checks.fast_rcnn.two_thin_layers import check_two_thin_layers

__all__ = [
    "check_bins_in_image",
    "check_box_loss_and_slope",
    "check_faster_network_answer",
    "check_hard_rois",
    "check_position_sensitive_pool",
    "check_roi_pool_gradient",
    "check_two_thin_layers",
]
