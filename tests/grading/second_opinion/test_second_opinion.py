"""nbval over warm processes: it agrees, it differs, and nothing of it stays behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from small_assignment import POINTS

from course_utils.grading.assignment import shipped
from course_utils.grading.grade import grade_file
from course_utils.grading.isolation.layers import broken_promises
from course_utils.grading.outcome import Limits
from course_utils.grading.restore import restore_file
from course_utils.grading.second_opinion.opinion import SecondOpinion
from course_utils.grading.verdict import Grade, Result, judge

if sys.platform == "win32":
    pytest.skip("there is no fork on Windows", allow_module_level=True)

Differing = Callable[[str], str]
LIMITS = Limits(cell=5, total=90)
ROOT = Path(__file__).parents[3]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
SAID = "double: the isolated check says right (double: right.), nbval says "
DIES = {
    "at once": "import os\nos._exit(3)",
    "when called": "def double(x):\n    import os\n    os._exit(0)",
    "from a thread": (
        "import os, threading, time\n"
        "threading.Timer(0.3, os._exit, [0]).start()\ntime.sleep(60)"
    ),
    "in C": "import ctypes\nctypes.string_at(0)",
}
LOOPS = {
    "in its cell": "while True:\n    pass",
    "when called, stubborn": (
        "def double(x):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass"
    ),
}
ASKS = """
import sys
from pathlib import Path
from course_utils.grading.outcome import Limits
from course_utils.grading.restore import restore_file
from course_utils.grading.second_opinion.opinion import SecondOpinion
with SecondOpinion(limits=Limits(cell=300, total=300)) as opinion:
    opinion.run(restore_file(Path(sys.argv[1]), Path(sys.argv[2])), None)
"""
MIXED = {
    "double": "def double(x):\n    return x",
    "add": "def add(a, b):\n    return helper(a)",
    "sides": "# YOUR CODE HERE\nraise NotImplementedError",
    "last": "import numpy as np\n!echo hello\ndef last(x):\n    return x[-1]",
}


@pytest.fixture(scope="module")
def opinion() -> Iterator[SecondOpinion]:
    with SecondOpinion(limits=LIMITS) as opinion:
        yield opinion


def full_marks(path: Path) -> Grade:
    """What an isolated run would say that found everything right."""
    results = [Result(n, p, p, "right", f"{n}: right.") for n, p in POINTS.items()]
    return Grade(str(path), results)


@pytest.fixture
def review(opinion, submit, released) -> Differing:
    """The review of full marks, given an answer to `double`."""

    def ask(double: str) -> str:
        path = submit({"double": double})
        grade = full_marks(path)
        result = opinion.ask(path, grade, released=released, seed=1)
        assert result.results == grade.results  # it never takes a point
        return result.review

    return ask


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_it_agrees_with_the_solutions(opinion, path):
    tasks = restore_file(path, shipped()).assignment.tasks
    results = [Result(t.name, t.points, t.points, "right", "") for t in tasks]
    grade = Grade(str(path), results)
    assert opinion.ask(path, grade, seed=7) is grade


def test_its_verdicts_are_those_of_nbval_in_a_process_of_its_own(
    opinion, submit, released
):
    path = submit(MIXED)
    restored = restore_file(path, released)
    warm = judge(str(path), restored, opinion.run(restored, None))
    cold = grade_file(path, released=released, limits=LIMITS)
    told = [(each.verdict, each.message) for each in warm.results]
    assert told == [(each.verdict, each.message) for each in cold.results]
    verdicts = [each.verdict for each in warm.results]
    assert verdicts == ["wrong", "error", "not answered", "right"]


def test_grades_without_full_marks_are_not_asked_about(submit, released):
    path = submit()
    grade = full_marks(path)
    part = replace(grade, results=[replace(each, score=0) for each in grade.results])
    with SecondOpinion(limits=LIMITS) as opinion:
        assert opinion.ask(path, part, released=released) is part
        assert opinion.warm is None  # and nothing was started


def test_a_difference_is_marked_with_both_messages(review):
    detects = (
        "def double(x):\n    import sys\n"
        "    return 7 if 'ipykernel' in sys.modules else 2 * x"
    )
    assert review(detects) == f"{SAID}wrong (double: received 7, expected 8)."


def test_an_earlier_review_is_kept(opinion, submit, released):
    path = submit({"double": "def double(x):\n    return 0"})
    grade = replace(full_marks(path), review="Twins.")
    result = opinion.ask(path, grade, released=released)
    assert result.review.startswith(f"Twins.\n{SAID}wrong")


@pytest.mark.parametrize("how", DIES)
def test_a_dead_kernel_costs_its_task_alone_and_is_noticed_at_once(review, how):
    started = time.monotonic()
    found = review(DIES[how])
    assert found.startswith(f"{SAID}crash (it ended the Python process")
    assert "\n" not in found
    assert time.monotonic() - started < 40  # nbval alone would wait for 23 days


@pytest.mark.parametrize("where", LOOPS)
def test_an_endless_loop_costs_its_task_alone(review, where):
    found = review(LOOPS[where])
    assert found.startswith(f"{SAID}time limit (stopped: it ran longer than the 5 s")
    assert "\n" not in found


def test_checks_get_the_seed_of_the_isolated_run(review):
    finds = (
        "import os\ndef double(x):\n"
        "    return 2 * x if os.environ['COURSE_CHECK_SEED'] == '1' else 0"
    )
    assert review(finds) == ""


def test_the_kernel_is_locked_in(opinion, review):
    assert review("def double(x):\n    return 2 * x") == ""
    child = opinion.warm.kernels.start_child()
    child.end()
    if broken := broken_promises(child.layers):
        pytest.skip(f"this system cannot promise: {'; '.join(broken)}")
    reaches = (
        "import os, socket, subprocess, sys\nreached = []\n"
        "def attempt(what, *arguments):\n"
        "    try:\n        what(*arguments)\n        reached.append(what.__name__)\n"
        "    except OSError:\n        pass\n"
        "attempt(socket.socket)\n"
        "attempt(os.fork)\n"
        "attempt(subprocess.run, [sys.executable, '-c', ''])\n"
        "attempt(open, '/etc/passwd')\n"
        f"attempt(os.listdir, {str(ROOT / 'solutions')!r})\n"
        "attempt(open, '/tmp/written', 'w')\n"
        "def double(x):\n    return reached or 2 * x"
    )
    assert review(reaches) == ""


def test_a_release_that_is_gone_is_told(opinion, submit, tmp_path):
    path = submit()
    result = opinion.ask(path, full_marks(path), released=tmp_path)
    assert result.review.startswith("The file could not be read again: ")


def test_it_starts_afresh_where_its_processes_were_killed(opinion, submit, released):
    path = submit()
    grade = full_marks(path)
    assert opinion.ask(path, grade, released=released).review == ""
    assert opinion.warm is not None
    opinion.warm.process.kill()
    opinion.warm.process.wait()
    told = opinion.ask(path, grade, released=released).review
    assert told.startswith("nbval could not be asked: ")
    assert opinion.ask(path, grade, released=released).review == ""


def test_nothing_is_left(opinion, review):
    assert "crash" in review(DIES["from a thread"])
    warm = opinion.warm
    processes = [psutil.Process(each.process.pid) for each in (warm, warm.kernels)]
    runs = [child for each in processes for child in each.children(recursive=True)]
    assert psutil.wait_procs(runs, timeout=1)[1] == []
    assert list(warm.folder.iterdir()) == [warm.folder / "runner.log"]
    opinion.close()
    assert not any(each.is_running() for each in processes)
    assert not warm.folder.exists()
    assert not warm.kernels.folder.exists()


def test_a_killed_grader_leaves_nothing(submit, released, tmp_path):
    path = submit({"double": LOOPS["when called, stubborn"]})
    command = [sys.executable, "-c", ASKS, str(path), str(released)]
    environment = dict(os.environ) | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment) as grader:
        reached: list[Path] = []
        for _ in range(600):
            reached = list(tmp_path.glob("course-*/*/grader/events.jsonl"))
            if reached and '"double"' in reached[0].read_text():
                break
            time.sleep(0.1)
        assert reached
        left = psutil.Process(grader.pid).children(recursive=True)
        grader.kill()
    assert len(left) >= 5  # two warm processes, pytest, a warden, the kernel
    _, left = psutil.wait_procs(left, timeout=2)
    assert left == []
    assert list(tmp_path.iterdir()) == []
