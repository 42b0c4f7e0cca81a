"""Grading one file: read, restore, run, judge. Each part can be replaced alone."""

from importlib.resources.abc import Traversable
from pathlib import Path

from course_utils.grading.assignment import shipped
from course_utils.grading.nbval_run import run_nbval
from course_utils.grading.outcome import GraderError, Limits
from course_utils.grading.restore import restore_file
from course_utils.grading.submission import UngradableError, named_assignment
from course_utils.grading.verdict import Grade, judge, refused


def grade_file(
    path: Path,
    *,
    released: Traversable | None = None,
    limits: Limits | None = None,
    seed: int | None = None,
) -> Grade:
    """The grade of a learner's notebook. The file is read and never written.

    Args:
        path: the notebook.
        released: a folder of released assignments; those of the package by default.
        limits: the time for a cell and for the file.
        seed: for the random cases of the checks; theirs by default.
    """
    folder = released if released is not None else shipped()
    try:
        restored = restore_file(path, folder)
        outcomes = run_nbval(restored, limits=limits or Limits(), seed=seed)
        return judge(str(path), restored, outcomes)
    except (UngradableError, GraderError) as error:
        return refused(str(path), str(error), named_assignment(path, folder))
