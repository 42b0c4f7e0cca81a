"""The one training loop, the budgets and devices that lessons choose from, results."""

from course_utils.results import (
    Lesson,
    count_multiply_adds,
    median_ms,
    read_rows,
    start_lesson,
    write_row,
)
from course_utils.training.budget import Budget, choose_budget, choose_device
from course_utils.training.predict import predict_all
from course_utils.training.settings import TrainingSettings, learning_rate
from course_utils.training.train import History, train

__all__ = [
    "Budget",
    "History",
    "Lesson",
    "TrainingSettings",
    "choose_budget",
    "choose_device",
    "count_multiply_adds",
    "learning_rate",
    "median_ms",
    "predict_all",
    "read_rows",
    "start_lesson",
    "train",
    "write_row",
]
