"""A class run: what is missing is graded, kept as it comes, and put in order."""

import contextlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from course_grading.classroom.crew import Crew
from course_grading.classroom.journal import Journal, JournalRow, sha256_of
from course_grading.classroom.settings import (
    ClassSettings,
    program_hash,
    release_hash,
)
from course_grading.classroom.submissions import StudentFile
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import Grade, without_points
from course_grading.submission.assignment import released_folder

SEEDS = 2**31
MANY_FAULTS = 8  # one after the other: it is not the submissions
Work = Callable[[Sequence[Path], ClassSettings], Generator[JournalRow]]
Tell = Callable[[int, int, JournalRow | None], None]


@dataclass(frozen=True)
class ClassResult:
    """What a class run gave.

    Attributes:
        grades: one a submission, ordered by student and path.
        seed: of the random cases of the checks.
        kept: how many of the grades come from an earlier run.
        faults: how many submissions the grader could not grade through its own fault.
        note: what happened to an earlier run's results, or "".
    """

    grades: list[Grade]
    seed: int
    kept: int
    faults: int
    note: str = ""


def grade_class(
    submissions: Sequence[StudentFile],
    settings: ClassSettings,
    *,
    folder: Path,
    work: Work,
    resume: bool = False,
    tell: Tell = lambda done, total, row: None,
) -> ClassResult:
    """The grades of a class; each result is kept in `folder` as soon as it is there.

    Args:
        submissions: what to grade.
        settings: how; where they name no seed, one is drawn, or taken from the run
            that is resumed.
        folder: of the journal; the caller holds it.
        work: grades files, in any order: `local` with a number of processes, or a
            cluster's.
        resume: whether to keep the results that the folder holds already.
        tell: called with the number done, the number of all, and the latest row.

    Raises GraderError where no grading is possible, or where `resume` is not set and
    the folder holds an unfinished run, or results of another class.
    """
    journal = Journal(folder)
    if not resume:
        refuse_loss(journal, submissions)
    settings, note = begin(journal, settings, resume=resume)
    rows = kept_rows(journal, submissions)
    kept = len(rows)
    todo = [s.path for s in submissions if not s.problem and s.path not in rows]
    tell(kept, kept + len(todo), None)
    with contextlib.closing(work(todo, settings)) as coming:
        for row in coming:
            journal.add(row)
            rows[row.path] = row
            tell(len(rows), kept + len(todo), row)
            give_up_if_hopeless(rows.values())
    journal.finish()
    faults = sum(row.fault for row in rows.values())
    grades = mark_twins([grade_of(s, rows) for s in submissions])
    return ClassResult(grades, settings.seed or 0, kept, faults, note)


def refuse_loss(journal: Journal, submissions: Sequence[StudentFile]) -> None:
    """Raise GraderError where a new run would replace what somebody may still need."""
    place = journal.path.parent
    if journal.is_unfinished():
        raise GraderError(
            f"{place} holds the results of a run that did not come to its end. Add "
            f"--resume to go on with it, or delete {journal.path} to begin anew."
        )
    graded = {line["path"] for line in journal.lines() if "path" in line}
    if graded and graded.isdisjoint(str(s.path.absolute()) for s in submissions):
        raise GraderError(
            f"{place} holds the results of other submissions. Name another folder "
            f"with --reports, or delete {journal.path}."
        )


def give_up_if_hopeless(rows: Collection[JournalRow]) -> None:
    """Raise GraderError where nothing but faults has come so far, and many of them."""
    if len(rows) >= MANY_FAULTS and all(row.fault for row in rows):
        raise GraderError(
            f"The grader failed on all of the first {len(rows)} submissions. The "
            f"latest: {[*rows][-1].grade.problem}"
        )


def begin(
    journal: Journal, settings: ClassSettings, *, resume: bool
) -> tuple[ClassSettings, str]:
    """The settings with their seed, the journal ready for more; and what to say."""
    old = journal.head() if resume else {}
    if settings.seed is None:
        seed = old.get("seed", secrets.randbelow(SEEDS))
        settings = replace(settings, seed=seed)
    head = as_head(settings)
    changed = [name for name in head if old.get(name) != head[name]]
    if not changed:
        journal.go_on()
        return settings, ""
    journal.start(head)
    if not old:
        return settings, "Nothing to resume: all is graded." if resume else ""
    note = f"All is graded anew, because it changed since: {', '.join(changed)}."
    return settings, note


def as_head(settings: ClassSettings) -> dict[str, Any]:
    """All on which verdicts depend, beside the submissions."""
    folder = Path(settings.reference) if settings.reference else released_folder()
    return {
        "seed": settings.seed,
        "release": release_hash(folder),
        "program": program_hash(),
        "limits": asdict(settings.limits),
        "grader": settings.grader,
    }


def kept_rows(
    journal: Journal, submissions: Sequence[StudentFile]
) -> dict[Path, JournalRow]:
    """The rows of an earlier run for files that are still the same."""
    old = journal.rows()
    if not old:
        return {}
    keys = {s.path: (str(s.path.absolute()), sha256_of(s.path)) for s in submissions}
    return {p: replace(old[k], path=p) for p, k in keys.items() if k in old}


def local(
    todo: Sequence[Path], settings: ClassSettings, *, jobs: int
) -> Generator[JournalRow]:
    """The rows of these files as they come, from processes on this computer.

    Raises GraderError where no process can be started.
    """
    jobs = max(1, min(jobs, len(todo)))
    with Crew(settings, jobs) as crew, ThreadPoolExecutor(jobs) as threads:
        try:
            futures = [threads.submit(row_of, crew, path) for path in todo]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            crew.stop()
            raise


def row_of(crew: Crew, path: Path) -> JournalRow:
    """The row of one file."""
    sha256 = sha256_of(path)
    grade, fault = crew.grade(path)
    return JournalRow(path, sha256, grade, fault)


def grade_of(submission: StudentFile, rows: dict[Path, JournalRow]) -> Grade:
    """The grade of a submission, under its student's name."""
    file = str(submission.path)
    if submission.problem:
        return replace(
            without_points(file, submission.problem, None), student=submission.student
        )
    return replace(rows[submission.path].grade, file=file, student=submission.student)


def mark_twins(grades: Sequence[Grade]) -> list[Grade]:
    """The grades, with a word on every student with two files for an assignment.

    Both are graded and both stand: times of files do not survive most downloads, so
    which one counts is for the instructor to say.
    """
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for grade in grades:
        if grade.record is not None:
            files[grade.student, grade.record.assignment].append(grade.file)
    marked = []
    for grade in grades:
        name = grade.record.assignment if grade.record else ""
        others = [f for f in files[grade.student, name] if f != grade.file]
        if others:
            word = f"This student handed in {name} more than once, also as: "
            review = f"{grade.review} {word}{', '.join(others)}.".strip()
            grade = replace(grade, review=review)  # noqa: PLW2901
        marked.append(grade)
    return marked
