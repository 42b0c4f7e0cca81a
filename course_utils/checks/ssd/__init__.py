"""The checks of assignment 06: default boxes, matching, negatives, patches, loss."""

from course_utils.checks.ssd.boxes_of_map import check_boxes_of_map
from course_utils.checks.ssd.chosen_negatives import check_chosen_negatives
from course_utils.checks.ssd.cut_patch import check_cut_patch
from course_utils.checks.ssd.matched_objects import check_matched_objects
from course_utils.checks.ssd.questions import check_smallest_side_answer
from course_utils.checks.ssd.sizes_of_maps import check_sizes_of_maps
from course_utils.checks.ssd.ssd_loss import check_ssd_loss

__all__ = [
    "check_boxes_of_map",
    "check_chosen_negatives",
    "check_cut_patch",
    "check_matched_objects",
    "check_sizes_of_maps",
    "check_smallest_side_answer",
    "check_ssd_loss",
]
