"""Class runs: workers that end, runs that are killed, results that are kept."""

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fake_grader import BROKEN, FAKE

from course_grading.classroom import crew
from course_grading.classroom import run as class_run
from course_grading.classroom.folder import (
    default_folder,
    hold_folder,
    refuse_overlap,
)
from course_grading.classroom.journal import Journal
from course_grading.classroom.run import (
    ClassResult,
    begin,
    grade_class,
    local,
)
from course_grading.classroom.settings import ClassSettings
from course_grading.classroom.submissions import StudentFile, find_submissions
from course_grading.running.outcome import GraderError, Limits
from course_grading.running.verdict import Grade

HERE = Path(__file__).parent
Run = Callable[..., ClassResult]


@pytest.fixture
def log(tmp_path: Path, monkeypatch) -> Path:
    """Where the fake grader notes what it was asked, by name."""
    path = tmp_path / "log.txt"
    monkeypatch.setenv("FAKE_LOG", str(path))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    # Somebody may be at work on the course while its tests run.
    monkeypatch.setattr(class_run, "program_hash", lambda: "p")
    return path


@pytest.fixture
def handed_in(tmp_path: Path) -> Callable[..., Path]:
    def write(**files: str) -> Path:
        folder = tmp_path / "class"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.ipynb").write_text(text)
        return folder

    return write


@pytest.fixture
def run(tmp_path: Path, log: Path) -> Run:
    def start(folder: Path, *, jobs: int = 1, resume: bool = False, **settings):
        return grade_class(
            find_submissions([folder], assignments=["90_small"]),
            ClassSettings(**{"grader": FAKE} | settings),
            folder=tmp_path,
            work=functools.partial(local, jobs=jobs),
            resume=resume,
        )

    return start


def asked(log: Path) -> list[str]:
    return sorted(log.read_text().splitlines()) if log.exists() else []


def timeless(grades: list[Grade]) -> list[Grade]:
    return [
        replace(g, record=g.record and replace(g.record, seconds=0)) for g in grades
    ]


def test_every_submission_gets_a_row_in_the_order_of_students(run, handed_in):
    folder = handed_in(**{f"s{n:02}": "right" for n in range(12)})
    result = run(folder, seed=5, jobs=2)
    assert [grade.student for grade in result.grades] == [f"s{n:02}" for n in range(12)]
    assert {grade.results[0].message for grade in result.grades} == {"seed 5"}
    assert (result.kept, result.faults, result.seed) == (0, 0, 5)


def test_a_seed_is_drawn_once_and_recorded(run, handed_in, tmp_path):
    result = run(handed_in(ada="right", bob="right"))
    seeds = {grade.record.seed for grade in result.grades}
    assert seeds == {result.seed} == {Journal(tmp_path).head()["seed"]}


def test_a_submission_that_ends_its_worker_once_loses_nothing(run, handed_in, log):
    result = run(handed_in(ada="right", bob="stumble", eve="right"))
    assert [grade.score for grade in result.grades] == [1, 1, 1]
    assert asked(log) == ["ada", "bob", "bob", "eve"]
    assert result.faults == 0


def test_one_that_ends_every_worker_is_a_row_with_a_reason(run, handed_in, log):
    reasons = {
        "kill": "ended by signal 9, as when memory runs out",
        "fault": "the warm process is gone",
        "bug": "ZeroDivisionError: a mistake of the grader's",
    }
    result = run(handed_in(ada="right", **{word: word for word in reasons}), jobs=2)
    rows = {grade.student: grade for grade in result.grades}
    assert rows["ada"].score == 1
    for word, reason in reasons.items():
        assert reason in rows[word].problem
        assert "ended twice on this file" in rows[word].problem
    assert asked(log) == ["ada", "bug", "bug", "fault", "fault", "kill", "kill"]
    assert result.faults == 3


def test_a_worker_that_never_answers_is_ended(run, handed_in, monkeypatch):
    grade = crew.Worker.grade

    def grade_soon(worker: crew.Worker, path: Path, seconds: float) -> Grade:
        return grade(worker, path, 2 if path.stem == "ada" else seconds)

    monkeypatch.setattr(crew.Worker, "grade", grade_soon)
    result = run(handed_in(ada="hang 600", bob="right"))
    ada, bob = result.grades
    assert "it gave no answer for 2 s" in ada.problem
    assert bob.score == 1


def test_workers_that_cannot_start_end_the_run_with_the_reason(run, handed_in):
    with pytest.raises(GraderError, match="no isolation here"):
        run(handed_in(ada="right", bob="right"), grader=BROKEN, seed=1)
    with pytest.raises(GraderError, match="No module named 'no_such'"):
        run(handed_in(), grader="no_such:thing", seed=1, resume=True)


def test_a_grader_that_fails_on_everything_is_stopped_soon(run, handed_in, log):
    folder = handed_in(**{f"s{n:02}": "fault" for n in range(20)})
    with pytest.raises(GraderError, match="failed on all of the first 8 submissions"):
        run(folder)
    assert len(set(asked(log))) < 12


def test_no_module_beside_the_submissions_is_imported(run, handed_in, monkeypatch):
    folder = handed_in(ada="right")
    (folder / "json.py").write_text("raise SystemExit('the wrong json')")
    (folder / "psutil.py").write_text("raise SystemExit('the wrong psutil')")
    monkeypatch.chdir(folder)
    assert [g.score for g in run(folder).grades if g.student == "ada"] == [1]


def test_resuming_grades_what_is_missing_changed_or_at_fault(run, handed_in, log):
    folder = handed_in(ada="right", bob="right", eve="kill")
    first = run(folder)
    log.unlink()
    handed_in(bob="right again", zoe="right")
    second = run(folder, resume=True)
    assert asked(log) == ["bob", "eve", "eve", "zoe"]
    assert second.seed == first.seed
    assert (second.kept, second.note) == (1, "")
    assert second.grades[0] == first.grades[0]


def test_results_under_other_conditions_are_not_mixed(
    handed_in, released, tmp_path, log
):
    later = tmp_path / "later"
    later.mkdir()
    text = (released / "90_small.ipynb").read_text()
    (later / "90_small.ipynb").write_text(text + "\n")
    first = ClassSettings(seed=3, reference=str(released))
    for changed, name in (
        (replace(first, seed=4), "seed"),
        (replace(first, limits=Limits(cell=7)), "limits"),
        (replace(first, reference=str(later)), "release"),
    ):
        journal = Journal(tmp_path / name)
        journal.path.parent.mkdir()
        begin(journal, first, resume=False)
        assert begin(journal, first, resume=True) == (first, "")
        settings, note = begin(journal, changed, resume=True)
        assert settings == changed
        assert note == f"All is graded anew, because it changed since: {name}."
        assert begin(journal, replace(changed, seed=None), resume=True)[0] == changed


def test_an_unfinished_run_is_not_thrown_away(run, handed_in, tmp_path):
    folder = handed_in(ada="right")
    run(folder)
    journal = Journal(tmp_path)
    lines = journal.path.read_text().splitlines(keepends=True)
    journal.path.write_text("".join(lines[:-1]))
    with pytest.raises(GraderError, match="Add --resume to go on with it"):
        run(folder)
    assert run(folder, resume=True).kept == 1
    assert run(folder).kept == 0
    other = tmp_path / "other"
    folder.rename(other)
    with pytest.raises(GraderError, match="holds the results of other submissions"):
        run(other)


SCRIPT = """
import functools, sys
from pathlib import Path
from course_grading.classroom import run
from course_grading.classroom.run import grade_class, local
from course_grading.classroom.settings import ClassSettings
from course_grading.classroom.submissions import find_submissions
run.program_hash = lambda: "p"
grade_class(
    find_submissions([Path(sys.argv[1])], assignments=["90_small"]),
    ClassSettings(grader="fake_grader:fake"),
    folder=Path(sys.argv[2]),
    work=functools.partial(local, jobs=2),
)
"""


def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_report(
    run, handed_in, tmp_path, monkeypatch
):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("FAKE_GATE", str(gate))
    words = {n: "right" if n < 4 else "gate" for n in range(12)}
    folder = handed_in(**{f"s{n:02}": word for n, word in words.items()})
    killed = subprocess.Popen([sys.executable, "-c", SCRIPT, folder, tmp_path])
    journal = Journal(tmp_path)
    while len(list(journal.lines())) < 5:  # the rest waits at the gate
        assert killed.poll() is None
        time.sleep(0.02)
    family = psutil.Process(killed.pid).children(recursive=True)
    killed.kill()
    killed.wait()
    assert family
    gate.unlink()
    gate.touch()
    with journal.path.open("a") as file:
        file.write('{"path": "half a li')
    resumed = run(folder, resume=True)
    assert resumed.kept == 4
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []
    whole = run(folder, seed=resumed.seed)
    assert whole.kept == 0
    assert timeless(resumed.grades) == timeless(whole.grades)


def test_an_interrupted_run_keeps_what_is_done_and_leaves_nothing(
    run, handed_in, tmp_path
):
    files = {f"s{n:02}": "right" for n in range(4)} | {"t0": "hang 600"}
    folder = handed_in(**files, t1="hang 600")

    def interrupt(done, total, row):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_class(
            find_submissions([folder], assignments=[]),
            ClassSettings(grader=FAKE),
            folder=tmp_path,
            work=functools.partial(local, jobs=2),
            tell=interrupt,
        )
    assert len(Journal(tmp_path).rows()) == 4
    children = psutil.Process().children(recursive=True)
    left = [c for c in children if "classroom.worker" in " ".join(c.cmdline())]
    assert left == []


def test_two_files_of_one_student_both_stand_for_review(run, tmp_path):
    for name in ("ada/one.ipynb", "ada/two.ipynb", "bob/one.ipynb"):
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("right")
    one, two, bob = run(tmp_path / "class").grades
    assert (one.score, two.score, bob.review) == (1, 1, "")
    assert "handed in 90_small more than once" in one.review
    assert one.review.endswith("two.ipynb.")
    assert two.review.endswith("one.ipynb.")


def test_a_problem_of_the_folder_is_a_row_without_a_worker(tmp_path, log):
    empty = StudentFile(tmp_path / "ada", "ada", "No notebook was handed in.")
    settings = ClassSettings(grader=BROKEN)
    work = functools.partial(local, jobs=2)
    result = grade_class([empty], settings, folder=tmp_path, work=work)
    assert [(g.student, g.problem) for g in result.grades] == [
        ("ada", "No notebook was handed in.")
    ]


def test_one_run_at_a_time_writes_to_a_folder(tmp_path):
    folder = tmp_path / "new" / "reports"
    busy = pytest.raises(GraderError, match="Another run is writing")
    with hold_folder(folder), busy, hold_folder(folder):
        pass
    with hold_folder(folder):
        pass


def test_a_killed_run_frees_its_folder(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from course_grading.classroom.folder import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(GraderError), hold_folder(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
    with hold_folder(tmp_path):
        pass


@pytest.mark.parametrize("reports", ["class", "class/reports", ".", "link"])
def test_reports_never_go_among_the_submissions(reports, handed_in, tmp_path):
    folder = handed_in(ada="right")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(GraderError, match="Name a folder apart"):
        refuse_overlap(tmp_path / reports, [folder])
    refuse_overlap(tmp_path / "reports", [folder, folder / "ada.ipynb"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(GraderError, match="Reports cannot be written to"),
        hold_folder(tmp_path / "file" / "reports"),
    ):
        pass


def test_reports_are_named_after_the_class(handed_in):
    folder = handed_in(ada="right")
    assert default_folder([folder]) == Path("grades-class")
    assert default_folder([folder / "ada.ipynb"]) == Path("grades-class")
