"""Start a child on a system that seems to lack some layers; tell how it went.

Run as a program: the names of the layers that are to be missing are its arguments.
"""

import errno
import json
import sys
from pathlib import Path

import psutil
import pyseccomp
from inside import ask, bare

from course_grading.isolation.layers import broken_promises
from course_grading.isolation.warm import Warm
from course_grading.running.outcome import Limits

REFUSED = {
    "namespaces": [("unshare", errno.EPERM), ("mount", errno.EPERM)],
    "landlock": [(444, errno.ENOSYS), (445, errno.ENOSYS), (446, errno.ENOSYS)],
    "mount_setattr": [(442, errno.ENOSYS)],
    "pidfd": [(434, errno.ENOSYS)],
}
SET_SECCOMP = 22
ROOT = Path(__file__).resolve().parents[3]
READ = (
    str(Path(__file__).resolve()),
    *map(str, sorted((ROOT / "course_utils" / "checks").rglob("*.py"))),
    str(ROOT / "course_grading" / "grade.py"),
    str(ROOT / "README.md"),
    "/etc/passwd",
)
WRITE = ("/probe", "../probe", "/tmp/probe", "/old/probe", str(ROOT / "probe"))
TRY = f"""
value = []
for mode, paths in (('r', {READ!r}), ('w', {WRITE!r})):
    for path in paths:
        try:
            open(path, mode).close()
            value.append(path)
        except OSError:
            pass
"""
LEAVE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
"""


FILL = """
import time
for number in range(40):
    open(f'part{number}', 'wb').write(bytes(1 << 20))
time.sleep(600)  # until somebody looks
"""


def take_away(missing: list[str]) -> None:
    """Let the kernel refuse, from now on, what these layers are made with."""
    kernel = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in missing:
        for call, number in REFUSED.get(name, ()):
            kernel.add_rule(pyseccomp.ERRNO(number), call)
    if "seccomp" in missing:
        is_filter = pyseccomp.Arg(0, pyseccomp.EQ, SET_SECCOMP)
        kernel.add_rule(pyseccomp.ERRNO(errno.EINVAL), "prctl", is_filter)
    kernel.load()


def fill(warm: Warm) -> str:
    """How an attempt to fill the disk ends: an error, or the end of the process."""
    child = warm.start_child()
    outcome = ask(child, FILL)
    child.end()
    return outcome if isinstance(outcome, str) else str(outcome and outcome[0])


def story() -> dict[str, object]:
    """What a child could do, and what is left of it."""
    with bare(limits=Limits(file_mb=8)) as warm:
        filled = fill(warm)
        child = warm.start_child()
        # Where nothing would stop it, nothing is tried.
        opened = [] if "careful" in sys.argv else ask(child, TRY)
        ask(child, "open('mine', 'w').write('x')")
        ask(child, LEAVE)
        members = psutil.Process(warm.process.pid).children(recursive=True)
        ending = child.end()
        _, alive = psutil.wait_procs(members, timeout=100)
        left = [p.pid for p in alive if p.status() != psutil.STATUS_ZOMBIE]
        folder = warm.folder
    return {
        "missing": {e.name: e.reason for e in child.layers if not e.active},
        "broken": broken_promises(child.layers),
        "opened": opened,
        "filled": filled,
        "by_grader": ending.by_grader,
        "left": left,
        "folder": folder.exists(),
    }


if __name__ == "__main__":
    take_away(sys.argv[1:])
    print(json.dumps(story()))
