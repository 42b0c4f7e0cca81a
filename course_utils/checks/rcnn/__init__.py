"""The checks of assignment 02: regions, proposals, crops, targets, hard negatives."""

from course_utils.checks.rcnn.filled_parts import check_filled_parts
from course_utils.checks.rcnn.group_similarities import check_group_similarities
from course_utils.checks.rcnn.merged_regions import check_merged_regions
from course_utils.checks.rcnn.mined_negatives import check_mined_negatives
from course_utils.checks.rcnn.proposal_quality import check_proposal_quality
from course_utils.checks.rcnn.questions import check_three_trainings_answer
from course_utils.checks.rcnn.refined_boxes import check_refined_boxes
from course_utils.checks.rcnn.whitened_targets import check_whitened_targets

__all__ = [
    "check_filled_parts",
    "check_group_similarities",
    "check_merged_regions",
    "check_mined_negatives",
    "check_proposal_quality",
    "check_refined_boxes",
    "check_three_trainings_answer",
    "check_whitened_targets",
]
