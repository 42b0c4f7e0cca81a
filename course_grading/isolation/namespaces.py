"""Namespaces and mounts of Linux, without privileges.

A process in namespaces of its own sees no other process, no network, and mounts that
nobody else sees. The warden enters them; the child, born inside, mounts.
"""

import contextlib
import ctypes
import os
from pathlib import Path

from course_grading.isolation.kernel import (
    MOUNT_SETATTR,
    libc,
    raise_on_error,
    system_call,
)
from course_grading.isolation.layers import IPC, NETWORK, PROCESSES, USER

NEW_USER, NEW_MOUNT = 0x10000000, 0x00020000
OTHERS = {
    PROCESSES: 0x20000000,
    NETWORK: 0x40000000,
    IPC: 0x08000000,
    "host name": 0x04000000,
    "mounts": NEW_MOUNT,
}
INSIDE_ID = 1000  # who the learner is inside; outside it is whoever runs the grader

NO_SETUID, NO_DEVICES, NO_PROGRAMS = 2, 4, 8
RECURSIVE, PRIVATE, SAME = 0x4000, 0x40000, 0x1000
SHARED_MEMORY = "/dev/shm"
FROM_HERE, WHOLE_TREE = -100, 0x8000
ATTRIBUTE_READ_ONLY, ATTRIBUTE_NO_SETUID = 1, 2
FEW_PROCESSES = 301  # the kernel takes no smaller one
MOST_FILES = 4096


class MountAttributes(ctypes.Structure):
    """What mount_setattr(2) sets and clears."""

    _fields_ = [
        ("to_set", ctypes.c_uint64),
        ("to_clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    ]


def enter() -> dict[str, str]:
    """Enter new namespaces, as many as the system lets; the reasons by name.

    A reason is "" where the namespace was entered. The process namespace holds for the
    children of the caller, not for the caller.
    """
    ids = os.getuid(), os.getgid()
    try:
        unshare(NEW_USER | sum(OTHERS.values()))
    except OSError:
        reasons = {USER: reason(NEW_USER)}
        if not reasons[USER]:
            reasons[USER] = map_ids(*ids)
        return reasons | {name: reason(flag) for name, flag in OTHERS.items()}
    return {USER: map_ids(*ids)} | dict.fromkeys(OTHERS, "")


def unshare(flags: int) -> None:
    """Leave the namespaces of the parent; raises OSError."""
    raise_on_error(libc.unshare(ctypes.c_int(flags)), "unshare")


def reason(flag: int) -> str:
    """Why one namespace cannot be entered, or "" where it now is."""
    try:
        unshare(flag)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def map_ids(user: int, group: int) -> str:
    """Be one ordinary user inside; why that cannot be, or ""."""
    own = Path("/proc/self")
    try:
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{INSIDE_ID} {user} 1")
        (own / "gid_map").write_text(f"{INSIDE_ID} {group} 1")
    except OSError as error:
        return str(error)
    return ""


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2); raises OSError."""
    result = libc.mount(
        source.encode(),
        os.fsencode(target),
        kind.encode(),
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    raise_on_error(result, f"mount {kind or target}")


def make_read_only() -> None:
    """Make every mount that this process sees private and read-only."""
    mount("none", "/", "", RECURSIVE | PRIVATE)
    attributes = MountAttributes(ATTRIBUTE_READ_ONLY | ATTRIBUTE_NO_SETUID, 0, 0, 0)
    system_call(
        MOUNT_SETATTR,
        ctypes.c_int(FROM_HERE),
        ctypes.c_char_p(b"/"),
        ctypes.c_uint(WHOLE_TREE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
        what="mount_setattr",
    )


def mount_folder(folder: Path, megabytes: int) -> None:
    """Put an empty file system in memory, of limited size, over `folder`.

    The place for shared memory is the same folder, where the system has one.
    """
    options = f"size={megabytes}m,nr_inodes={MOST_FILES},mode=0700"
    flags = NO_SETUID | NO_DEVICES | NO_PROGRAMS
    mount("tmpfs", str(folder), "tmpfs", flags, options)
    with contextlib.suppress(OSError):  # locks, even between threads, need a place
        mount(str(folder), SHARED_MEMORY, "", SAME)


def mount_proc() -> None:
    """Put a /proc that knows this process namespace only over the other one."""
    mount("proc", "/proc", "proc", NO_SETUID | NO_DEVICES | NO_PROGRAMS)


def limit_processes() -> None:
    """Let this namespace hold few processes and threads, and no further namespaces."""
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    Path("/proc/sys/kernel/pid_max").write_text(str(FEW_PROCESSES))
