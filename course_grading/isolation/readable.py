"""Which files a learner's code may read: what Python and its libraries need.

The course's own library belongs to it, but for the checks, which hold oracles, and for
what grades. Nothing of the repository around the library does.
"""

import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import course_grading
import course_utils

COURSE = Path(course_utils.__file__).resolve().parent
HIDDEN = (COURSE / "checks", Path(course_grading.__file__).resolve().parent)
SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone", "/etc/mime.types"),
    *("/usr/share/fonts", "/usr/local/share/fonts", "/sys/devices/system/cpu"),
    *("/System/Library", "/Library/Fonts"),
)
DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")


def readable_files(extra: Sequence[Path] = ()) -> tuple[list[Path], list[Path]]:
    """What may be read whole, and the folders around hidden ones that may be listed.

    The second are to be allowed for listing alone: Python's import lists folders.
    """
    whole: set[Path] = set()
    listed: set[Path] = set()
    for root in (*python_folders(), *SYSTEM, *DEVICES):
        spread(Path(root).resolve(), (COURSE, *HIDDEN), whole, listed)
    spread(COURSE, HIDDEN, whole, listed)
    whole |= {path.resolve() for path in extra}
    whole |= set(outside(mapped_files(), whole))
    return sorted(whole), sorted(listed)


def python_folders() -> list[str]:
    """Where the standard library and the installed packages are."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = [sysconfig.get_path(name) for name in names]
    # A virtual environment may see the packages around it; both were imported from.
    found += [path for path in sys.path if path.endswith(("-packages", "lib-dynload"))]
    return [*found, *site.getsitepackages()]


def spread(
    path: Path, hidden: tuple[Path, ...], whole: set[Path], listed: set[Path]
) -> None:
    """Sort `path` in: whole, or entry by entry where something in it is hidden."""
    if path in hidden or not path.exists():
        return
    if not any(each.is_relative_to(path) for each in hidden):
        whole.add(path)
        return
    listed.add(path)
    for entry in path.iterdir():
        if not entry.is_symlink():  # or what it leads to would be allowed
            spread(entry, hidden, whole, listed)


def mapped_files() -> Iterator[Path]:
    """The shared libraries that this process uses."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    for line in maps.read_text().split("\n"):
        path = line[line.find("/") :] if "/" in line else ""
        if ".so" in path and "(deleted)" not in path:
            yield Path(path)


def outside(paths: Iterable[Path], folders: set[Path]) -> Iterator[Path]:
    """Those of the paths that are in none of the folders."""
    for path in set(paths):
        if not any(path.is_relative_to(folder) for folder in folders):
            yield path
