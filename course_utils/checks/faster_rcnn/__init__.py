"""The checks of assignment 04: anchors, their labels, the RPN's loss, proposals."""

from course_utils.checks.faster_rcnn.anchor_labels import check_anchor_labels
from course_utils.checks.faster_rcnn.decode_proposals import check_decode_proposals
from course_utils.checks.faster_rcnn.flatten_levels import check_flatten_levels
from course_utils.checks.faster_rcnn.inside_anchors import check_inside_anchors
from course_utils.checks.faster_rcnn.questions import check_ten_times_faster_answer
from course_utils.checks.faster_rcnn.rpn_loss_terms import check_rpn_loss_terms
from course_utils.checks.faster_rcnn.select_proposals import check_select_proposals

__all__ = [
    "check_anchor_labels",
    "check_decode_proposals",
    "check_flatten_levels",
    "check_inside_anchors",
    "check_rpn_loss_terms",
    "check_select_proposals",
    "check_ten_times_faster_answer",
]
