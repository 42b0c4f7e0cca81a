"""Starting, ending and losing children, whatever layers the system offers."""

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from inside import ask, bare

from course_grading.isolation.warm import Child, Warm
from course_grading.running.outcome import GraderError, Limits

ROOT = Path(__file__).parents[3]
PATIENCE = 100  # seconds, after which something is wrong on any machine
# A worker that starts a child, says which processes there are, and waits to be killed.
WORKER = """
import sys, time
sys.path[:0] = [{tests!r}, {root!r}]
from inside import bare
warm = bare()
child = warm.start_child()
print(warm.process.pid, warm.folder, flush=True)
time.sleep(600)
"""


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all end; a zombie has ended. Of itself none would, for minutes."""
    deadline = time.monotonic() + PATIENCE
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def test_a_child_answers_and_is_ended_by_the_grader(child: Child):
    assert ask(child, "value = 6 * 7") == 42
    ending = child.end()
    assert ending.by_grader
    assert ending.signal == signal.SIGKILL
    assert ending.peak_memory_mb > 1
    assert child.end() is ending


@pytest.mark.parametrize(
    ("code", "signals", "exit_code"),
    [
        ("import os; os._exit(3)", {0}, 3),
        # The first process of a namespace cannot abort, and then meets a trap.
        ("import os; os.abort()", {signal.SIGABRT, signal.SIGSEGV}, 0),
        ("import ctypes; ctypes.string_at(0)", {signal.SIGSEGV}, 0),
    ],
)
def test_a_child_that_ends_itself_is_told_apart(
    child: Child, code: str, signals: set[int], exit_code: int
):
    assert ask(child, code) == "ended"
    ending = child.end()
    assert ending.signal in signals
    assert ending.exit_code == exit_code
    assert not ending.by_grader


def test_children_do_not_know_each_other(warm: Warm):
    first, second = warm.start_child(), warm.start_child()
    ask(first, "open('mine', 'w').write('x')")
    assert ask(second, "import os; value = os.listdir()") == []
    first.end()
    assert ask(second, "value = 1") == 1
    second.end()


def test_no_process_and_no_file_stays_behind(warm: Warm):
    zygote = psutil.Process(warm.process.pid)
    child = warm.start_child()
    code = """
import os, time
os.makedirs('/'.join(['deep'] * 500))
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
"""
    outcome = ask(child, code)  # refused where there is a filter of system calls
    assert outcome is None or outcome[0] in ("PermissionError", "OSError")
    members = zygote.children(recursive=True)
    assert members
    child.end()
    assert gone(members)
    assert not list(warm.folder.glob("work-*"))
    assert not list((warm.folder / "work").iterdir())


def test_a_hanging_child_is_ended(child: Child):
    child.socket.sendall(b'"while True: pass"\n')
    assert child.end().by_grader


def test_nothing_is_left_when_the_grader_is_killed(tmp_path: Path):
    script = WORKER.format(tests=str(Path(__file__).parent), root=str(ROOT))
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    with worker.stdout:
        pid, folder = worker.stdout.readline().decode().split()
    members = family(int(pid))
    assert len(members) == 3  # the warm process, a warden, a child
    worker.kill()
    worker.wait()
    assert gone(members)
    assert not Path(folder).exists()


@pytest.mark.parametrize("victim", ["the warm process", "the warden"])
def test_nothing_is_left_when_another_process_is_killed(victim: str):
    with bare() as warm:
        child = warm.start_child()
        members = family(warm.process.pid)
        members[0 if victim == "the warm process" else 1].kill()
        if victim == "the warden":
            assert gone(members[1:])
            assert not child.end().by_grader
        else:
            assert child.end().by_grader
            assert ask(warm.start_child(), "value = 1") == 1  # by another one
    assert gone(members)


def test_closing_ends_everything_and_may_be_done_twice():
    warm = bare()
    warm.start_child()
    members = family(warm.process.pid)
    warm.close()
    warm.close()
    assert gone(members)
    assert not warm.folder.exists()


def test_many_children_leave_nothing_open(warm: Warm):
    warm.start_child().end()
    gc.collect()
    mine, theirs = psutil.Process(), psutil.Process(warm.process.pid)
    before = mine.num_fds(), theirs.num_fds()
    for _ in range(20):
        warm.start_child().end()
    gc.collect()
    assert (mine.num_fds(), theirs.num_fds()) == before
    assert gone(theirs.children(recursive=True))


def test_a_warm_process_that_cannot_start_says_why():
    with (
        bare(serve="no_such_module:serve") as warm,
        pytest.raises(GraderError, match="no_such_module"),
    ):
        warm.start_child()


def test_a_child_that_computes_without_end_is_ended_though_nobody_asks():
    with bare(limits=Limits(total=0.5)) as warm:
        child = warm.start_child()
        code = "import resource as r; value = r.getrlimit(r.RLIMIT_CPU)"
        assert ask(child, code) == [2, 2]
        assert ask(child, "while True: pass") == "ended"
        assert child.end().signal == signal.SIGKILL
