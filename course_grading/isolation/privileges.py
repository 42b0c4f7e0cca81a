"""Giving up, for good, every right beyond those of an ordinary process."""

import contextlib
import ctypes
from pathlib import Path

from course_grading.isolation.kernel import (
    GET_NO_NEW_PRIVILEGES,
    SET_DEATH_SIGNAL,
    SET_DUMPABLE,
    SET_NO_NEW_PRIVILEGES,
    libc,
    process_control,
    raise_on_error,
)

DROP_FROM_BOUND = 24
SET_SECURE_BITS = 28
# Neither user 0 nor a change of user brings capabilities back, and this stays so.
NO_ROOT_LOCKED = 0b101111
HIGHEST_CAPABILITY = 63
VERSION_3 = 0x20080522


class CapabilityHeader(ctypes.Structure):
    """Whose capabilities capset(2) sets, and in which form."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def drop_privileges() -> None:
    """Give up all capabilities and the means to gain any; raises OSError."""
    with contextlib.suppress(OSError):  # only with the capability to do so
        process_control(SET_SECURE_BITS, NO_ROOT_LOCKED, "securebits")
    for capability in range(HIGHEST_CAPABILITY + 1):
        try:
            process_control(DROP_FROM_BOUND, capability, "bounding set")
        except OSError:  # beyond the last one, or not allowed: there is nothing to drop
            break
    process_control(SET_NO_NEW_PRIVILEGES, 1, "no_new_privs")
    header = CapabilityHeader(VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    raise_on_error(libc.capset(ctypes.byref(header), nothing), "capset")


def prove_unprivileged() -> None:
    """Raise RuntimeError where the process still has or may gain privileges."""
    lines = Path("/proc/self/status").read_text().split("\n")
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
        if int(fields[name], 16):
            raise RuntimeError(f"{name} is {fields[name].strip()}")
    if not process_control(GET_NO_NEW_PRIVILEGES, 0, "no_new_privs"):
        raise RuntimeError("no_new_privs is not set")


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends."""
    process_control(SET_DEATH_SIGNAL, 9, "death signal")


def leave_no_dump() -> None:
    """Let no crash be dumped, not even to the program that a system has for it."""
    process_control(SET_DUMPABLE, 0, "dumpable")
