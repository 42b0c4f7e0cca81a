"""What is said about an answer that failed."""

from course_grading.running.outcome import CellOutcome
from course_grading.running.verdict import judge_failure
from course_grading.submission.assignment import GradedTask

TASK = GradedTask("sides", "check_sides", 1)
WRITTEN = CellOutcome("passed")


def test_an_answer_under_another_name_is_not_laid_to_the_check() -> None:
    checked = CellOutcome("failed", "NameError", "name 'sides' is not defined")
    sentence = "nothing is named sides: does the answer define it?"
    assert judge_failure(TASK, WRITTEN, checked) == ("error", sentence)


def test_another_missing_name_is_told_as_it_is() -> None:
    checked = CellOutcome("failed", "NameError", "name 'torch' is not defined")
    sentence = "the check raised NameError: name 'torch' is not defined"
    assert judge_failure(TASK, WRITTEN, checked) == ("error", sentence)
