"""The same class run on a Dask cluster of two processes, one of which is killed."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_grader import BROKEN, FAKE

from course_grading.classroom.cluster import on_cluster
from course_grading.classroom.run import ClassResult, grade_class
from course_grading.classroom.settings import ClassSettings
from course_grading.classroom.submissions import find_submissions
from course_grading.running.outcome import GraderError

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("default")  # Dask's own are not ours
HERE = Path(__file__).parent
ENVIRONMENT = {"PYTHONPATH": str(HERE)}


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("log") / "log.txt"


@pytest.fixture(scope="module")
def cluster(log: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        patch.setenv("FAKE_LOG", str(log))
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as started:
            yield started


def run(
    cluster: Any,
    folder: Path,
    files: dict[str, str],
    *,
    large: Path | None = None,
    **more: Any,
) -> ClassResult:
    work = folder / "class"
    work.mkdir()
    for name, word in files.items():
        (work / f"{name}.ipynb").write_text(word)
    if large is not None:
        large.rename(work / large.name)
    return grade_class(
        find_submissions([work], assignments=[]),
        ClassSettings(seed=3, grader=more.pop("grader", FAKE)),
        folder=folder,
        work=functools.partial(on_cluster, address=cluster.scheduler_address),
        **more,
    )


def grading_processes() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [p for p in found if any("classroom.worker" in part for part in p.cmdline())]


def test_a_killed_worker_of_the_cluster_loses_no_submission(cluster, tmp_path, log):
    killed = []

    def kill_one(done: int, total: int, row: Any) -> None:
        if done == 3 and not killed:
            (process, *_) = cluster.workers.values()
            killed.append(process.pid)
            psutil.Process(process.pid).kill()

    files = {f"s{n:02}": "sleep 0.2" for n in range(14)}
    with (tmp_path / "zoe.ipynb").open("wb") as large:
        large.truncate(65 * 2**20)
    result = run(cluster, tmp_path, files, large=tmp_path / "zoe.ipynb", tell=kill_one)
    assert killed
    assert [grade.student for grade in result.grades] == [*sorted(files), "zoe"]
    assert [grade.student for grade in result.grades if grade.score == 0] == ["zoe"]
    assert "zoe.ipynb is larger than 64 MB" in result.grades[-1].problem
    assert result.faults == 0
    assert {Path(grade.file).parent for grade in result.grades} == {tmp_path / "class"}
    _, left = psutil.wait_procs(grading_processes(), timeout=30)
    assert left == []


def test_a_submission_that_ends_its_worker_is_a_row(cluster, tmp_path):
    result = run(cluster, tmp_path, {"ada": "right", "bob": "kill"})
    ada, bob = result.grades
    assert ada.score == 1
    assert "ended twice on this file" in bob.problem
    assert result.faults == 1


def test_workers_that_cannot_grade_end_the_run_with_the_reason(cluster, tmp_path):
    with pytest.raises(GraderError, match="no isolation here"):
        run(cluster, tmp_path, {"ada": "right"}, grader=BROKEN)


def test_a_scheduler_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("course_grading.classroom.cluster.CONNECT_SECONDS", 0.2)
    with pytest.raises(GraderError, match=r"No Dask scheduler answers at tcp://127"):
        list(on_cluster([tmp_path], ClassSettings(), address="tcp://127.0.0.1:9"))
