"""The folder of reports: outside of what is graded, and of one run at a time."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from course_grading.running.outcome import GraderError

LOCK = ".lock"


def default_folder(paths: Sequence[Path]) -> Path:
    """Where reports go unless told otherwise: beside, with the class's name."""
    first = paths[0].absolute()
    name = first.name if first.is_dir() else first.parent.name
    return Path(f"grades-{name}")


def refuse_overlap(folder: Path, paths: Sequence[Path]) -> None:
    """Raise GraderError where reports and submissions would mix."""
    target = folder.resolve()
    for path in paths:
        source = path.resolve()
        if target.is_relative_to(source) or source.is_relative_to(target):
            raise GraderError(
                f"The reports cannot go to {folder}: the submissions in {path} are "
                "there. Name a folder apart from them with --reports."
            )


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other runs out of it meanwhile.

    Raises GraderError where another run is at work there, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / LOCK)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise GraderError(
            f"Another run is writing its results to {folder}; wait for its end, or "
            "name another folder with --reports."
        ) from None
    except OSError as error:
        raise GraderError(
            f"Reports cannot be written to {folder}: {error.strerror}."
        ) from error
    try:
        yield
    finally:
        lock.release()
