"""Grading one file: read, restore, run, judge. Each part can be replaced alone."""

from importlib.resources.abc import Traversable
from pathlib import Path

from course_utils.grading.assignment import shipped
from course_utils.grading.isolated_run import IsolatedRun
from course_utils.grading.isolation.warm import Warm
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


def grade_isolated(
    path: Path,
    *,
    warm: Warm,
    released: Traversable | None = None,
    limits: Limits | None = None,
    seed: int | None = None,
) -> Grade:
    """As `grade_file`, with the checks in this process and the answers in another.

    Args:
        path: the notebook.
        warm: where the learner's processes come from.
        released: a folder of released assignments; those of the package by default.
        limits: for a call, a cell, a task, the file, and what may be printed.
        seed: for the random cases of the checks; theirs by default.

    Raises GraderError where the warm process is gone: a fresh one may do better.
    """
    folder = released if released is not None else shipped()
    try:
        restored = restore_file(path, folder)
        run = IsolatedRun(restored, warm, limits or Limits(), seed)
        return judge(str(path), restored, run.run())
    except UngradableError as error:
        return refused(str(path), str(error), named_assignment(path, folder))
