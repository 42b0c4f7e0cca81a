"""What a child tries from inside, layer by layer; none of it may work."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inside import ask, bare

from course_grading.isolation import layers as names
from course_grading.isolation.warm import Child, Warm, available_layers

ROOT = Path(__file__).parents[3]
Run = Callable[[str], Any]
REFUSED = {"PermissionError", "OSError", "ValueError"}
# What is tried, by the layers that stop it: any of them does.
ATTEMPTS = {
    "a connection": (
        {names.SECCOMP, names.NETWORK},
        "import socket; socket.create_connection(('127.0.0.1', 22))",
    ),
    "a server": (
        {names.SECCOMP},
        "import socket; socket.create_server(('127.0.0.1', 0))",
    ),
    "a datagram": (
        {names.SECCOMP},
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('::1', 9))",
    ),
    "a socket of a service": (
        {names.SECCOMP},
        "import socket; socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    ),
    "a fork": ({names.SECCOMP}, "import os; os.fork()"),
    "a program": ({names.SECCOMP}, "import os; os.execv('/bin/true', ['true'])"),
    "a spawned program": (
        {names.SECCOMP},
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
    ),
    "a subprocess": ({names.SECCOMP}, "import subprocess; subprocess.run(['true'])"),
    "a pool": (
        {names.SECCOMP},
        "import multiprocessing as m; m.get_context('fork').Process().start()",
    ),
    "a signal to all": ({names.SECCOMP}, "import os; os.kill(-1, 9)"),
    "a signal to the parent": ({names.SECCOMP}, "import os; os.kill(os.getppid(), 9)"),
    "a signal to the grader": (
        {names.SECCOMP},
        f"import os; os.kill({os.getpid()}, 9)",
    ),
    "raising a limit": (
        {names.LIMITS},
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (9999, 9999))",
    ),
    "a file beside its folder": (
        {names.LANDLOCK_FILES, names.MOUNTS},
        "open('../other', 'w')",
    ),
    "a file in /tmp": ({names.LANDLOCK_FILES}, "open('/tmp/left-behind', 'w')"),
    "shared memory": (
        {names.LANDLOCK_FILES},
        "from multiprocessing.shared_memory import SharedMemory as S; "
        "S(create=True, size=9)",
    ),
    "a link out": (
        {names.LANDLOCK_FILES},
        f"import os; os.symlink({str(ROOT)!r}, 'out'); open('out/README.md')",
    ),
    "the list of processes": ({names.LANDLOCK_FILES}, "import os; os.listdir('/proc')"),
    "a kernel setting": (
        {names.LANDLOCK_FILES},
        "open('/proc/sys/kernel/pid_max', 'w').write('99999')",
    ),
    "a terminal": ({names.LANDLOCK_FILES}, "open('/dev/ptmx', 'rb')"),
    "the users": ({names.LANDLOCK_FILES}, "open('/etc/passwd')"),
    "its root by /proc": ({names.LANDLOCK_FILES}, "open('/proc/self/root/etc/passwd')"),
}
HIDDEN = (
    "course_utils/checks/rcnn/__init__.py",
    "course_grading/isolation/landlock.py",
    "course_grading/released/02_rcnn.ipynb",
    "solutions/02_rcnn.ipynb",
    "source/assignments/02_rcnn.py",
    "source/proof/__init__.py",
    "tests/checks",
    "notebooks/02_rcnn.ipynb",
    "README.md",
    ".git/HEAD",
)
# By number, for Python has no functions for them: x86-64's, as most are the same.
CALLS = {
    "ptrace": 101,
    "process_vm_readv": 310,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "pivot_root": 155,
    "chroot": 161,
    "bpf": 321,
    "perf_event_open": 298,
    "io_uring_setup": 425,
    "userfaultfd": 323,
    "keyctl": 250,
    "add_key": 248,
    "kexec_load": 246,
    "init_module": 175,
    "memfd_create": 319,
    "shmget": 29,
    "msgget": 68,
    "semget": 64,
    "mq_open": 240,
    "clone3": 435,
    "vfork": 58,
    "pidfd_open": 434,
    "setuid": 105,
    "personality": 135,
    "open_by_handle_at": 304,
    "name_to_handle_at": 303,
    "fanotify_init": 300,
    "quotactl": 179,
    "settimeofday": 164,
    "sethostname": 170,
    "syslog": 103,
    "seccomp": 317,
    "landlock_restrict_self": 446,
}


def need(child: Child, *wanted: str) -> None:
    """Skip where a layer is missing, and say which."""
    for each in child.layers:
        if each.name in wanted and not each.active:
            pytest.skip(f"{each.name}: {each.reason}")


@pytest.mark.parametrize("what", ATTEMPTS)
def test_it_is_refused(child: Child, what: str):
    stops, code = ATTEMPTS[what]
    need(child, *stops)
    outcome = ask(child, code)
    assert outcome[0] in REFUSED, outcome


@pytest.mark.parametrize("path", HIDDEN)
def test_a_hidden_file_is_not_read(child: Child, path: str):
    need(child, names.LANDLOCK_FILES)
    if not (ROOT / path).exists():
        pytest.skip(f"{path} does not exist here")
    code = f"import os; os.open({str(ROOT / path)!r}, os.O_RDONLY)"
    assert ask(child, code)[0] == "PermissionError"


def read_by(child: Child, *rooms: str) -> tuple[list[Path], list[Path]]:
    """Every file of these folders, and those of them that a child can read."""
    files = [p for room in rooms for p in sorted((ROOT / room).rglob("*.*"))]
    files = [path for path in files if path.is_file()]
    code = f"""
value = []
for path in {[str(path) for path in files]!r}:
    try:
        open(path, 'rb').close()
        value.append(path)
    except PermissionError:
        pass
"""
    return files, [Path(path) for path in ask(child, code)]


def test_no_file_of_the_checks_or_the_grader_is_read(child: Child):
    need(child, names.LANDLOCK_FILES)
    files, read = read_by(child, "course_utils/checks", "course_grading")
    assert {path.suffix for path in files} >= {".py", ".ipynb"}
    assert read == []


def test_every_file_of_the_engine_behind_the_checks_is_read(child: Child):
    files, read = read_by(child, "course_utils/checking", "course_utils/ops")
    assert files
    assert read == files


def test_the_home_folder_and_other_submissions_are_not_read(
    child: Child, tmp_path: Path
):
    need(child, names.LANDLOCK_FILES)
    submission = tmp_path / "ada.ipynb"
    submission.write_text("{}")
    assert ask(child, f"open({str(submission)!r})")[0] == "PermissionError"
    for folder in (tmp_path, Path.home(), ROOT):
        code = f"import os; os.listdir({str(folder)!r})"
        assert ask(child, code)[0] == "PermissionError"


@pytest.mark.parametrize(
    "change",
    [
        "os.chmod(path, 0o777)",
        "os.utime(path, (0, 0))",
        "os.chown(path, 0, 0)",
        "os.truncate(path, 0)",
        "os.unlink(path)",
        "os.rename(path, 'mine')",
        "os.link(path, 'mine')",
        "os.rename('own', path)",
        "os.mkdir(path + '-new')",
        "os.symlink('x', path + '-new')",
        "os.setxattr(path, 'user.x', b'1')",
        "open(path, 'a').write('x')",
    ],
)
def test_nothing_outside_is_changed(child: Child, tmp_path: Path, change: str):
    need(child, names.LANDLOCK_FILES, names.SECCOMP)
    file = tmp_path / "file"
    file.write_text("kept")
    file.chmod(0o600)
    before = file.stat()
    ask(child, f"import os; open('own', 'w'); path = {str(file)!r}; {change}")
    after = file.stat()
    assert file.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert stat.S_IMODE(after.st_mode) == 0o600
    assert (after.st_mtime_ns, after.st_uid) == (before.st_mtime_ns, before.st_uid)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")
@pytest.mark.parametrize("name", CALLS)
def test_a_dangerous_system_call_is_refused(child: Child, name: str):
    need(child, names.SECCOMP)
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
result = libc.syscall({CALLS[name]}, 0, 0, 0, 0, 0, 0)
value = [result, ctypes.get_errno()]
"""
    result, number = ask(child, code)
    assert result == -1
    assert number in (1, 38)  # not permitted, or as if it did not exist


def test_threads_work_but_not_without_end(child: Child):
    need(child, names.SECCOMP, names.PROCESS_COUNT)
    code = """
import threading, time
started = []
try:
    for _ in range(2000):
        thread = threading.Thread(target=time.sleep, args=(600,), daemon=True)
        thread.start()
        started.append(thread)
except (RuntimeError, MemoryError):
    pass
value = len(started)
"""
    assert 8 <= ask(child, code) < 400
    assert child.end().by_grader


@pytest.mark.parametrize(
    "take",
    [
        "bytearray(512 << 20)",
        "[bytearray(1 << 20) for _ in range(512)]",
        "import mmap; mmap.mmap(-1, 512 << 20)",
    ],
)
def test_memory_is_limited_and_the_process_goes_on(child: Child, take: str):
    need(child, names.MEMORY)
    assert ask(child, take)[0] in ("MemoryError", "OSError")
    assert ask(child, "value = 1") == 1


def test_its_folder_is_limited_in_size_and_number_of_files(child: Child):
    need(child, names.FOLDER)
    one = "open('large', 'wb').write(bytes(20 << 20))"
    many = "for n in range(40): open(f'part{n}', 'wb').write(bytes(1 << 20))"
    empty = "for n in range(9999): open(f'empty{n}', 'wb').close()"
    for code in (one, many, empty):
        assert ask(child, code)[0] == "OSError"
    assert ask(child, "import os; value = os.path.getsize('large')") <= 8 << 20


def test_open_files_are_limited(child: Child):
    need(child, names.LIMITS)
    code = "files = [open('/dev/null') for _ in range(5000)]"
    assert ask(child, code)[0] == "OSError"
    assert ask(child, "value = 1") == 1


def test_it_holds_no_descriptor_but_its_socket(run: Run):
    code = """
import os, stat
value = []
for number in range(3000):
    try:
        value.append([number, os.path.realpath(f'/proc/self/fd/{number}')
                      if number < 3 else stat.S_ISSOCK(os.fstat(number).st_mode)])
    except OSError:
        pass
"""
    found = dict(run(code))
    assert found.keys() == {0, 1, 2, 3}
    assert found[3] is True


def test_it_sees_itself_alone(child: Child):
    need(child, names.PROCESSES, names.PROC)
    assert ask(child, "import os; value = os.getpid()") == 1
    code = f"open('/proc/{os.getpid()}/status')"
    assert ask(child, code)[0] in ("FileNotFoundError", "PermissionError")


def test_its_network_has_no_way_out(child: Child):
    need(child, names.NETWORK, names.PROC)
    lines = ask(child, "value = open('/proc/self/net/dev').read()").strip().split("\n")
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["lo"]


def test_it_has_no_privileges_and_cannot_get_any(child: Child):
    need(child, names.PRIVILEGES)
    status = ask(child, "value = open('/proc/self/status').read()")
    fields = dict(line.split(":\t") for line in status.strip().split("\n"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(fields[name], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_a_crash_is_not_dumped(child: Child):
    need(child, names.PRIVILEGES)
    code = "import ctypes; value = ctypes.CDLL(None).prctl({}, {}, 0, 0, 0)"
    assert ask(child, code.format(3, 0)) == 0
    assert ask(child, code.format(4, 1)) == (0 if is_off(child, names.SECCOMP) else -1)


def is_off(child: Child, name: str) -> bool:
    return any(each.name == name and not each.active for each in child.layers)


def test_it_cannot_outlive_its_warden(child: Child):
    need(child, names.SECCOMP)
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
value = libc.prctl(1, ctypes.c_ulong(0), 0, 0, 0)
"""
    assert ask(child, code) == -1


def test_its_environment_holds_nothing_of_the_grader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2-canary")
    with bare() as warm:
        child = warm.start_child()
        code = (
            "import os; value = [dict(os.environ), open('/proc/self/environ').read()]"
        )
        outcome = ask(child, code)
        child.end()
    assert "hunter2-canary" not in str(outcome)
    assert "SECRET_TOKEN" not in str(outcome)


def test_extra_files_may_be_read(tmp_path: Path):
    (tmp_path / "answer.py").write_text("1")
    with bare(extra_readable=[tmp_path]) as warm:
        child = warm.start_child()
        path = str(tmp_path / "answer.py")
        assert ask(child, f"value = open({path!r}).read()") == "1"
        child.end()


def test_every_layer_is_told_with_what_it_stops(warm: Warm):
    child = warm.start_child()
    told = {each.name: each for each in child.layers}
    child.end()
    assert told.keys() | {names.ROOT} == names.STOPS.keys()
    assert all(
        each.stops and bool(each.reason) != each.active for each in told.values()
    )


def test_available_layers_are_those_of_a_child(warm: Warm):
    child = warm.start_child()
    child.end()
    found = available_layers()
    assert [(e.name, e.active) for e in found] == [
        (e.name, e.active) for e in child.layers
    ]


def test_promises_are_broken_only_without_all_layers_that_keep_them():
    every = tuple(names.layer(name) for name in names.STOPS)
    assert names.broken_promises(every) == ()
    assert set(names.broken_promises(())) == names.PROMISES.keys()
    only = tuple(each for each in every if each.name != names.NETWORK)
    assert names.broken_promises(only) == ()
    none = tuple(e for e in only if e.name != names.SECCOMP)
    assert "it cannot reach a network" in names.broken_promises(none)
