"""The one training loop, the budgets and devices that lessons choose from, results."""

from course_utils.results import Lesson, median_ms, read_rows, start_lesson, write_row
from course_utils.training.budget import Budget, choose_budget, choose_device
from course_utils.training.run import History, take_step
from course_utils.training.settings import learning_rate
from course_utils.training.train import train

__all__ = [
    "Budget",
    "History",
    "Lesson",
    "choose_budget",
    "choose_device",
    "learning_rate",
    "median_ms",
    "read_rows",
    "start_lesson",
    "take_step",
    "train",
    "write_row",
]
