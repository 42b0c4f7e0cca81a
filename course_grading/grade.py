"""Grading one file: read, restore, run, judge. Each part can be replaced alone."""

import functools
import hashlib
import importlib.metadata
import platform
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from course_grading.isolation.layers import Layer
from course_grading.isolation.warm import Warm
from course_grading.reports.sections import add_help
from course_grading.restoring.restore import Restored, restore_file
from course_grading.restoring.suspicious_words import reaches
from course_grading.running.isolated import IsolatedRun
from course_grading.running.nbval import run_nbval
from course_grading.running.outcome import CellOutcome, GraderError, Limits
from course_grading.running.verdict import Grade, Record, judge, without_points
from course_grading.submission.assignment import released_folder
from course_grading.submission.reading import UngradableError, assignment_by_name

PACKAGES = ("torch", "torchvision", "numpy", "boxes-to-meshes")


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
    folder = released if released is not None else released_folder()
    started = time.monotonic()
    try:
        restored = restore_file(path, folder)
        outcomes = run_nbval(restored, limits=limits or Limits(), seed=seed)
    except (UngradableError, GraderError) as error:
        return without_points(str(path), str(error), assignment_by_name(path, folder))
    record = make_record(path, restored, folder, "nbval", seed=seed, started=started)
    return make_grade(path, restored, outcomes, record)


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
    folder = released if released is not None else released_folder()
    started = time.monotonic()
    try:
        restored = restore_file(path, folder)
    except UngradableError as error:
        return without_points(str(path), str(error), assignment_by_name(path, folder))
    run = IsolatedRun(restored, warm, limits or Limits(), seed)
    outcomes = run.run()
    record = make_record(path, restored, folder, "isolated", seed=seed, started=started)
    grade = make_grade(path, restored, outcomes, with_layers(record, run.layers))
    return replace(grade, review=reaches(restored))


def make_grade(
    path: Path, restored: Restored, outcomes: Mapping[str, CellOutcome], record: Record
) -> Grade:
    """The grade of a notebook that has run, with what helps the learner."""
    grade = judge(str(path), restored, outcomes)
    results = [add_help(result, restored.assignment) for result in grade.results]
    return replace(grade, results=results, record=record)


def make_record(
    path: Path,
    restored: Restored,
    folder: Traversable,
    way: Literal["nbval", "isolated"],
    *,
    seed: int | None,
    started: float,
) -> Record:
    """How a grade came about."""
    name = restored.assignment.name
    release = (folder / f"{name}.ipynb").read_bytes()
    return Record(
        assignment=name,
        release=hashlib.sha256(release).hexdigest(),
        submission=hashlib.sha256(path.read_bytes()).hexdigest(),
        seed=seed,
        way=way,
        versions=versions(),
        seconds=round(time.monotonic() - started, 3),
    )


def with_layers(record: Record, layers: Mapping[str, Layer]) -> Record:
    """The record with what isolated the learner's code, and what did not."""
    return replace(
        record,
        layers=tuple(name for name, layer in layers.items() if layer.active),
        missing={name: x.reason for name, x in layers.items() if not x.active},
    )


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of what the checks compute with."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
