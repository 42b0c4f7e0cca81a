"""The few calls of the C library and the kernel that Python does not offer."""

import ctypes
import os
import sys

IS_LINUX = sys.platform == "linux"
libc = ctypes.CDLL(None, use_errno=True)

# Numbers of calls that the C library may not know; the same on every architecture.
MOUNT_SETATTR = 442
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446

SET_DEATH_SIGNAL = 1
SET_DUMPABLE = 4
ADOPT_ORPHANS = 36
SET_NO_NEW_PRIVILEGES = 38
GET_NO_NEW_PRIVILEGES = 39


def raise_on_error(result: int, what: str) -> int:
    """The result of a call in C; raises OSError with `what` where it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def system_call(number: int, *arguments: object, what: str) -> int:
    """Call the kernel by number; raises OSError."""
    return raise_on_error(libc.syscall(ctypes.c_long(number), *arguments), what)


def process_control(option: int, value: int, what: str) -> int:
    """prctl(2) with one value; raises OSError."""
    zero = ctypes.c_ulong(0)
    result = libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero)
    return raise_on_error(result, what)
