"""Showing a grade: a table for people, JSON for programs."""

from course_utils.grading.reports.json import as_json
from course_utils.grading.reports.terminal import as_table, print_grade

__all__ = ["as_json", "as_table", "print_grade"]
