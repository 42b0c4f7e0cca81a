"""The same work on a Dask cluster, for a class that outgrows one computer.

The files travel to the machines, so these need no folder in common, only the same
course. There, too, each file is graded in an isolated child of a grading process.
"""

import contextlib
import functools
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

from course_grading.classroom.crew import Crew
from course_grading.classroom.journal import JournalRow
from course_grading.classroom.settings import ClassSettings, program_hash
from course_grading.reports.json import from_json, to_json
from course_grading.running.outcome import GraderError
from course_grading.running.verdict import without_points
from course_grading.submission.assignment import known_assignments, released_folder
from course_grading.submission.reading import (
    UngradableError,
    assignment_by_name,
    read_bytes,
)

CONNECT_SECONDS = 30
AHEAD = 3  # submissions a thread of the cluster that are under way at a time
Release = tuple[tuple[str, bytes], ...]
CREWS: dict[ClassSettings, Crew] = {}  # in a process of the cluster, while runs last
LOCK = threading.Lock()


def on_cluster(
    todo: Sequence[Path], settings: ClassSettings, *, address: str
) -> Generator[JournalRow]:
    """The rows of these files as they come, from the workers of a Dask cluster.

    A worker that is lost loses nothing: the cluster gives its submissions to others.
    Raises GraderError where the cluster cannot be reached or has another course.
    """
    with connect(address) as client:
        send = functools.partial(
            submit,
            client,
            settings=settings,
            release=release_of(settings),
            program=program_hash(),
        )
        try:
            yield from share_out(client, todo, send, settings)
        except (OSError, CancelledError) as error:
            raise GraderError(
                f"The scheduler at {address} was lost; add --resume to go on later."
            ) from error
        finally:
            with contextlib.suppress(OSError):
                client.run(forget_crew, settings, on_error="ignore")


def connect(address: str) -> Any:
    """A client of the scheduler. Raises GraderError."""
    try:
        from distributed import Client
    except ImportError:
        raise GraderError(
            "--scheduler needs Dask: pip install 'boxes-to-meshes[cluster]'."
        ) from None
    try:
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise GraderError(f"No Dask scheduler answers at {address}.") from error


def share_out(
    client: Any,
    todo: Sequence[Path],
    send: Callable[[Path], Any],
    settings: ClassSettings,
) -> Generator[JournalRow]:
    """The rows as they come; only so many files are under way as keep it busy."""
    waiting = list(reversed(todo))
    paths: dict[Any, Path] = {}  # by the future of their grade
    try:
        while waiting or paths:
            if waiting and len(paths) < ahead(client):
                path = waiting.pop()
                sent = send(path)
                if isinstance(sent, JournalRow):
                    yield sent
                else:
                    paths[sent] = path
            else:
                for future in wait_for_one(list(paths)):
                    yield receive_row(future, paths.pop(future), settings)
    finally:
        with contextlib.suppress(OSError):
            client.cancel(list(paths))


def wait_for_one(futures: list[Any]) -> list[Any]:
    """Those that are done, at least one."""
    from distributed import wait

    return list(wait(futures, return_when="FIRST_COMPLETED").done)


def ahead(client: Any) -> int:
    """How many submissions the cluster should have under way."""
    threads: int = sum(client.nthreads().values())
    return AHEAD * max(1, threads)


def submit(
    client: Any, path: Path, *, settings: ClassSettings, release: Release, program: str
) -> Any:
    """Send a file; its future, or its row where there is nothing to send."""
    try:
        content = read_bytes(path)
    except UngradableError as error:
        assignment = assignment_by_name(path, assignments_of(settings))
        return JournalRow(path, "", without_points(str(path), str(error), assignment))
    return client.submit(
        grade_there,
        content,
        path.name,
        settings=settings,
        release=release,
        program=program,
        pure=False,  # two files with the same content are two submissions
    )


def receive_row(future: Any, path: Path, settings: ClassSettings) -> JournalRow:
    """The row that a future holds. Raises GraderError."""
    from distributed import KilledWorker

    try:
        content = future.result()
    except KilledWorker as error:
        problem = f"The grading processes of the cluster ended on this file: {error}"
        assignment = assignment_by_name(path, assignments_of(settings))
        return JournalRow(
            path, "", without_points(str(path), problem, assignment), fault=True
        )
    grade = replace(from_json(content["grade"]), file=str(path))
    return JournalRow(path, content["sha256"], grade, content["fault"])


def grade_there(
    content: bytes,
    name: str,
    *,
    settings: ClassSettings,
    release: Release,
    program: str,
) -> dict[str, Any]:
    """Grade a file on a machine of the cluster. Raises GraderError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        grade, fault = crew_of_process(settings, release, program).grade(path)
    sha256 = hashlib.sha256(content).hexdigest()
    return {"grade": to_json(grade), "sha256": sha256, "fault": fault}


def crew_of_process(settings: ClassSettings, release: Release, program: str) -> Crew:
    """The graders of this process of the cluster, one for each of its threads."""
    from distributed import get_worker

    with LOCK:
        if settings not in CREWS:
            refuse_other_program(program)
            machine = get_worker()
            folder = unpack_release(release, Path(machine.local_directory))
            there = replace(settings, reference=folder)
            CREWS[settings] = Crew(there, machine.state.nthreads)
        return CREWS[settings]


def refuse_other_program(program: str) -> None:
    """Raise GraderError where this machine would not give the same verdicts."""
    if program_hash() != program:
        raise GraderError(
            "A machine of the cluster has another version of the course, of Python or "
            "of PyTorch; install the same on all."
        )


def unpack_release(release: Release, place: Path) -> str:
    """A folder with these assignments in `place`, which Dask clears up; else ""."""
    if not release:
        return ""
    folder = Path(tempfile.mkdtemp(prefix="release-", dir=place))
    for name, content in release:
        (folder / f"{name}.ipynb").write_bytes(content)
    return str(folder)


def forget_crew(settings: ClassSettings) -> None:
    """End this process's graders of a run at once, after its last file."""
    with LOCK:
        crew = CREWS.pop(settings, None)
    if crew is not None:
        crew.stop()
        crew.close()
        if crew.settings.reference:
            shutil.rmtree(crew.settings.reference, ignore_errors=True)


def assignments_of(settings: ClassSettings) -> Any:
    """The folder of the released assignments."""
    return Path(settings.reference) if settings.reference else released_folder()


def release_of(settings: ClassSettings) -> Release:
    """The released assignments to send; none for the package's own."""
    if not settings.reference:
        return ()
    folder = Path(settings.reference)
    names = known_assignments(folder)
    return tuple((name, (folder / f"{name}.ipynb").read_bytes()) for name in names)
