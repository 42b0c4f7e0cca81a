"""Landlock: what a process may read and write, as the kernel knows it from then on.

Everything is forbidden but what a rule allows. Rules hold for a file, or for a folder
with all that is in it. Landlock does not hide that a file exists, nor its size.
"""

import ctypes
import fcntl
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_grading.isolation.kernel import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    system_call,
)
from course_grading.isolation.layers import (
    LANDLOCK_FILES,
    LANDLOCK_NETWORK,
    LANDLOCK_SIGNALS,
    Layer,
    attempt,
    layer,
)

WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 1, 1 << 2, 1 << 3
REMOVE_FOLDER, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_FOLDER, MAKE_FILE, MAKE_LINK = 1 << 7, 1 << 8, 1 << 12
MOVE, TRUNCATE = 1 << 13, 1 << 14
READ = READ_FILE | READ_FOLDER
OWN = (
    READ
    | WRITE_FILE
    | REMOVE_FOLDER
    | REMOVE_FILE
    | MAKE_FOLDER
    | MAKE_FILE
    | MAKE_LINK
    | MOVE
    | TRUNCATE
)
ON_FILES = WRITE_FILE | READ_FILE | TRUNCATE
# How many rights over files each version of Landlock knows.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
NETWORK_SINCE, SIGNALS_SINCE = 4, 6
TCP = 0b11  # to bind and to connect
SCOPES = 0b11  # abstract sockets and signals
BENEATH_PATH = 1
ASK_VERSION = 1
ANY_PORT = 9
LOWEST_DESCRIPTOR = 16


class Handled(ctypes.Structure):
    """What a set of rules decides; what it does not allow is forbidden."""

    _fields_ = [
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    ]


class Beneath(ctypes.Structure):
    """What is allowed in a folder, or with a file."""

    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("descriptor", ctypes.c_int32)]


@dataclass(frozen=True)
class Rule:
    """What is allowed beneath a path that was opened for that purpose."""

    descriptor: int
    rights: int


def version() -> int:
    """Which Landlock this kernel has; raises OSError where it has none."""
    return system_call(
        LANDLOCK_CREATE_RULESET,
        None,
        ctypes.c_size_t(0),
        ctypes.c_uint32(ASK_VERSION),
        what="landlock",
    )


def opened(paths: Iterable[Path], rights: int) -> list[Rule]:
    """Rules for the paths that exist."""
    rules = []
    for path in paths:
        if path.exists():
            descriptor = open_high(path)
            on_this = rights if path.is_dir() else rights & ON_FILES
            rules.append(Rule(descriptor, on_this))
    return rules


def open_high(path: Path) -> int:
    """A descriptor that only names `path`, above those that a child has."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, LOWEST_DESCRIPTOR)
    finally:
        os.close(descriptor)


def restrict(rules: Sequence[Rule], *, hidden: Path, work: Path) -> list[Layer]:
    """Allow what the rules say and nothing else, for good, and prove it.

    Args:
        rules: worked out beforehand.
        hidden: a file that no rule allows.
        work: the working folder of this process.
    """
    try:
        known = version()
        apply(rules, known, work)
    except OSError as error:
        names = (LANDLOCK_FILES, LANDLOCK_NETWORK, LANDLOCK_SIGNALS)
        return [layer(name, str(error)) for name in names]
    old = f"this kernel has version {known} of Landlock only"
    return [
        attempt(LANDLOCK_FILES, lambda: prove_hidden(hidden, work)),
        layer(LANDLOCK_NETWORK, old)
        if known < NETWORK_SINCE
        else attempt(LANDLOCK_NETWORK, prove_no_connection),
        layer(LANDLOCK_SIGNALS, old if known < SIGNALS_SINCE else ""),
    ]


def apply(rules: Sequence[Rule], known: int, work: Path) -> None:
    """Make the set of rules, and put this process under it; raises OSError."""
    handled = Handled((1 << RIGHTS[min(known, max(RIGHTS))]) - 1, TCP, SCOPES)
    fields = 1 + (known >= NETWORK_SINCE) + (known >= SIGNALS_SINCE)
    ruleset = system_call(
        LANDLOCK_CREATE_RULESET,
        ctypes.byref(handled),
        ctypes.c_size_t(fields * ctypes.sizeof(ctypes.c_uint64)),
        ctypes.c_uint32(0),
        what="landlock_create_ruleset",
    )
    for rule in (*rules, *own_rules(work)):
        beneath = Beneath(rule.rights & handled.files, rule.descriptor)
        system_call(
            LANDLOCK_ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(BENEATH_PATH),
            ctypes.byref(beneath),
            ctypes.c_uint32(0),
            what="landlock_add_rule",
        )
    system_call(
        LANDLOCK_RESTRICT_SELF,
        ctypes.c_int(ruleset),
        ctypes.c_uint32(0),
        what="landlock_restrict_self",
    )


def own_rules(work: Path) -> list[Rule]:
    """Rules for what only this process has: its folder and its own entry of /proc."""
    proc = Path("/proc")
    about_itself = [proc / "self", proc / "meminfo", proc / "cpuinfo", proc / "stat"]
    return opened([work], OWN) + opened(about_itself, READ)


def prove_hidden(hidden: Path, work: Path) -> None:
    """Raise RuntimeError where a hidden file can be read, or a file made outside."""
    outside = work.parent / "probe"
    for path, mode in ((hidden, "rb"), (outside, "wb")):
        try:
            path.open(mode).close()
        except PermissionError:
            continue
        except OSError as error:
            if mode == "wb":  # a read-only mount says no before Landlock does
                continue
            raise RuntimeError(f"a hidden file cannot be tried: {error}") from error
        raise RuntimeError(f"{path.name} can still be opened")


def prove_no_connection() -> None:
    """Raise RuntimeError where a TCP connection may be tried."""
    with socket.socket() as connection:
        try:
            connection.connect(("127.0.0.1", ANY_PORT))
        except PermissionError:
            return
        except OSError as error:
            raise RuntimeError(f"a connection may be tried ({error})") from error
    raise RuntimeError("a connection was made")
