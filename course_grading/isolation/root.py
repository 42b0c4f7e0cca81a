"""A root of its own, for kernels without Landlock: only what may be read is in it.

The tree is in memory and holds the readable files and folders under their usual names,
by bind mounts that are read-only. What is not in it does not exist for the child.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from course_grading.isolation.kernel import libc, raise_on_error
from course_grading.isolation.namespaces import (
    NO_SETUID,
    RECURSIVE,
    mount,
)

READ_ONLY, REMOUNT, BIND, DETACH = 1, 32, 4096, 2
# What a mount has and a bind of it has to keep: as statvfs(3) and mount(2) call it.
KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
OLD = "old"
LINKS = ("lib", "lib64", "bin", "usr/lib64")


def enter(root: Path, readable: Iterable[Path], work: Path) -> None:
    """Make the tree at `root` and enter it; the old one stays below /old.

    Raises OSError.
    """
    mount("tmpfs", str(root), "tmpfs", NO_SETUID, "size=8m,mode=0755")
    bound: list[Path] = []
    for path in sorted(readable):  # a folder comes before what is in it
        if not any(path.is_relative_to(each) for each in bound):
            bind(path, inside(root, path))
            bound.append(path)
    for name in LINKS:
        link = Path("/", name)
        if link.is_symlink() and not inside(root, link).exists():
            inside(root, link).parent.mkdir(parents=True, exist_ok=True)
            inside(root, link).symlink_to(link.readlink())
    for folder in (Path("/proc"), work, Path("/", OLD)):
        inside(root, folder).mkdir(parents=True, exist_ok=True)
    old = os.fsencode(root / OLD)
    raise_on_error(libc.pivot_root(os.fsencode(root), old), "pivot_root")
    os.chdir("/")


def inside(root: Path, path: Path) -> Path:
    """Where a path is below another root."""
    return root / path.relative_to("/")


def bind(path: Path, target: Path) -> None:
    """Let `target` be what `path` is, read-only; raises OSError."""
    if not path.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        target.mkdir() if path.is_dir() else target.touch()
    mount(str(path), str(target), "", BIND | RECURSIVE)
    has = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in KEPT.items() if has & bit)
    mount("none", str(target), "", REMOUNT | BIND | READ_ONLY | NO_SETUID | kept)


def leave_old(hidden: Path) -> None:
    """Let go of the old root, and prove that it is gone; raises OSError."""
    old = os.fsencode(Path("/", OLD))
    raise_on_error(libc.umount2(old, ctypes.c_int(DETACH)), "umount")
    mount("none", "/", "", REMOUNT | BIND | READ_ONLY | NO_SETUID)
    if hidden.exists():
        raise RuntimeError(f"{hidden.name} is still there")
    with suppress(OSError):
        Path("/probe").touch()
        raise RuntimeError("a file can be made beside its folder")
