"""Limits that the system puts on one process: memory, time, files."""

import contextlib
import mmap
import os
import resource
import sys
from pathlib import Path

from course_grading.isolation.kernel import IS_LINUX
from course_grading.running.outcome import Limits

MEGABYTE = 1 << 20
OPEN_FILES = 128
SIGNALS = 1024
# With a user namespace of its own, only its own threads are counted.
THREADS = 128
# A clock of the processor's runs only for what works, so this is a backstop.
MOST_CORES = 2


def limit_memory(limits: Limits) -> None:
    """Let the process take `memory_mb` beyond what it has; proved by asking for more.

    Raises OSError or RuntimeError where the system does not hold to it.
    """
    if not IS_LINUX:
        raise RuntimeError(f"{sys.platform} does not hold to such a limit")
    most = address_space() + limits.memory_mb * MEGABYTE
    lower(resource.RLIMIT_AS, most)
    try:
        mmap.mmap(-1, (limits.memory_mb + 64) * MEGABYTE).close()
    except (OSError, MemoryError):
        return
    raise RuntimeError("this system gives more memory than the limit says")


def address_space() -> int:
    """The bytes of memory that the process has mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def limit_time_and_files(limits: Limits, *, counts_own_threads: bool) -> None:
    """Bound computing time, the size and number of files, and core dumps."""
    seconds = int(limits.total * MOST_CORES) + 1
    lower(resource.RLIMIT_CPU, seconds)
    lower(resource.RLIMIT_FSIZE, limits.file_mb * MEGABYTE)
    lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_MEMLOCK, 0)
    if IS_LINUX:  # timers, too, which all processes of a user share
        lower(resource.RLIMIT_SIGPENDING, SIGNALS)
    if counts_own_threads:
        lower(resource.RLIMIT_NPROC, THREADS)


def lower(which: int, value: int) -> None:
    """Set a limit, soft and hard, that cannot be raised again; never raises one."""
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def be_first_to_go() -> None:
    """Ask the kernel to end this process first where memory runs out."""
    with contextlib.suppress(OSError):  # some systems keep the file to root
        Path("/proc/self/oom_score_adj").write_text("1000")


def peak_memory(usage: resource.struct_rusage) -> float:
    """The most memory that a process had, in megabytes."""
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return usage.ru_maxrss * unit / MEGABYTE
