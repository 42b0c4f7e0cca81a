"""What a worker does with each submission: grade it in an isolated child."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from course_grading.classroom.settings import ClassSettings
from course_grading.grade import grade_isolated
from course_grading.isolation.layers import broken_promises
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade


@contextlib.contextmanager
def isolated(settings: ClassSettings) -> Iterator[Callable[[Path], Grade]]:
    """A function that grades a file, with a warm process behind it.

    Raises GraderError where no isolated process can be started, or where isolation is
    required and not complete.
    """
    released = Path(settings.reference) if settings.reference else None
    with Warm(limits=settings.limits) as warm:
        warm.wait_until_ready()  # or the first file would pay for it with its time
        if settings.require_isolation:
            refuse_weak_isolation(warm)

        def grade(path: Path) -> Grade:
            return grade_isolated(
                path,
                warm=warm,
                released=released,
                limits=settings.limits,
                seed=settings.seed,
            )

        yield grade


def refuse_weak_isolation(warm: Warm) -> None:
    """Raise GraderError where something that isolation promises cannot be kept."""
    child = warm.start_child()
    child.end()
    broken = broken_promises(child.layers)
    if broken:
        layers = [each for each in child.layers if not each.active]
        missing = [f"{each.name} ({each.reason})" for each in layers]
        raise GraderError(
            "Isolation is required and not complete on this computer. Not sure: "
            f"{'; '.join(broken)}. Missing: {'; '.join(missing)}."
        )
