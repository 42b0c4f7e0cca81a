"""The trusted process beside a child: it ends the child and tells how that ended.

It stays outside the child's namespaces of processes, so that the child can neither see
nor signal it, and it ends the child when the grader says so or is no more.
"""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from course_grading.isolation import folders, namespaces
from course_grading.isolation import limits as bounds
from course_grading.isolation.confine import Rules, confine
from course_grading.isolation.kernel import (
    ADOPT_ORPHANS,
    IS_LINUX,
    process_control,
)
from course_grading.isolation.layers import IPC, NETWORK, PROCESSES, USER
from course_grading.isolation.lines import Message, send

Reasons = dict[str, str]  # why a namespace could not be entered; "" where it was
Ended = tuple[int, int, resource.struct_rusage]
Serve = Callable[[socket.socket], None]
DATA, STATUS = 3, 4  # the only descriptors of a child beside the standard ones
MOST_DESCRIPTORS = 1 << 16
FAILED = 70
START_SECONDS = 30.0
LOOK_SECONDS = 0.2
POLL_SECONDS = 0.02
MOST_ORPHANS = 1000
GRACE_SECONDS = 60.0


def guard(
    data: socket.socket, control: socket.socket, rules: Rules, serve: Serve
) -> NoReturn:
    """Start a child that serves on `data`, and watch it until it has ended.

    Tells the grader on `control` first the child's layers, then its ending. The end of
    `control` is the order to end the child.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if IS_LINUX:
            process_control(ADOPT_ORPHANS, 1, "subreaper")
        entered = enter_available()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            control.detach()
            become_child(data, writer, rules, entered, serve)
        data.close()
        os.close(writer)
        watch(child, control, reader, rules, entered)
    except Exception:
        traceback.print_exc()  # into the log of the warm process
        raise
    finally:
        os._exit(0)


def enter_available() -> Reasons:
    """The namespaces that this system offers; the reasons why not by name."""
    if IS_LINUX:
        return namespaces.enter()
    names = (USER, PROCESSES, NETWORK, IPC, "mounts")
    return dict.fromkeys(names, f"not available on {sys.platform}")


def become_child(
    data: socket.socket,
    status: int,
    rules: Rules,
    entered: Reasons,
    serve: Serve,
) -> NoReturn:
    """In the child: keep two descriptors, lock in, tell the layers, serve."""
    code = FAILED
    try:
        os.setsid()
        connection = keep_only(data, status, rules.descriptors)
        layers = confine(rules, entered)
        close_others(())
        tell(json.dumps({"layers": [asdict(each) for each in layers]}))
        serve(connection)
        code = 0
    except Exception:
        # Once the layers are told this goes nowhere: the other end reads no more.
        tell(json.dumps({"problem": traceback.format_exc()}))
        raise
    finally:
        os._exit(code)


def keep_only(data: socket.socket, status: int, also: Collection[int]) -> socket.socket:
    """Close every descriptor but these; the standard ones lead nowhere."""
    sources = [high_copy(data.detach()), high_copy(status)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.dup2(sources[0], DATA, inheritable=False)
    os.dup2(sources[1], STATUS, inheritable=False)
    close_others(also)
    return socket.socket(fileno=DATA)


def high_copy(descriptor: int) -> int:
    """A copy with a number above those that are about to be given."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, STATUS + 1)


def close_others(kept: Collection[int]) -> None:
    """Close every descriptor above the child's own but these."""
    last = STATUS
    for each in sorted(kept):
        os.closerange(last + 1, each)
        last = each
    os.closerange(last + 1, MOST_DESCRIPTORS)


def tell(message: str) -> None:
    """Send the one message of a child to its warden, and close that way."""
    try:
        with os.fdopen(STATUS, "w", encoding="utf-8") as way:
            way.write(message)
    except OSError:
        return  # it was told before


def watch(
    child: int, control: socket.socket, reader: int, rules: Rules, entered: Reasons
) -> None:
    """Pass on what the child tells, end it when asked to, and tell how it ended."""
    deadline = time.monotonic() + rules.limits.total + GRACE_SECONDS
    send(control, receive_layers(child, control, reader))
    ended = await_end(child, control, rules, deadline)
    is_killed = ended is None
    if ended is None:
        os.kill(child, signal.SIGKILL)
        ended = os.wait4(child, 0)
    _, status, usage = ended
    if entered[PROCESSES]:  # else all of that namespace ended with its first process
        end_orphans(child)
    folders.remove(rules.bare_work(child))
    send(
        control,
        {
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
            # It may have been ending by itself when it was killed.
            "by_grader": is_killed and status == signal.SIGKILL,
            "peak_memory_mb": bounds.peak_memory(usage),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
        },
    )


def receive_layers(child: int, control: socket.socket, reader: int) -> Message:
    """What the child tells at its start; a problem where it tells nothing."""
    told = b""
    while reader in ready(control.fileno(), reader, seconds=START_SECONDS):
        part = os.read(reader, 1 << 16)
        told += part
        if not part:
            break
    os.close(reader)
    if not told:
        return {"problem": "the process ended, or hung, while it was locked in"}
    message: Message = json.loads(told)
    return message


def ready(*descriptors: int, seconds: float) -> set[int]:
    """The descriptors that can be read, or have ended, within this time."""
    poller = select.poll()
    for each in descriptors:
        poller.register(each, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}


def await_end(
    child: int, control: socket.socket, rules: Rules, deadline: float
) -> Ended | None:
    """How the child ended by itself, or None when it is to be ended."""
    watched, pause = [control.fileno()], LOOK_SECONDS
    try:
        watched.append(os.pidfd_open(child))
    except (AttributeError, OSError):  # not on macOS, nor on Linux before 5.3
        pause = POLL_SECONDS
    work = rules.bare_work(child)
    while time.monotonic() < deadline:
        if control.fileno() in ready(*watched, seconds=pause):
            break
        if ended := reap(child):
            return ended
        if work.exists() and folders.is_overfull(work, rules.limits.file_mb):
            return None
    return reap(child)


def reap(child: int) -> Ended | None:
    """How a child has ended, with what it used; None while it lives."""
    ended = os.wait4(child, os.WNOHANG)
    return ended if ended[0] else None


def end_orphans(child: int) -> None:
    """End what the child left behind, where no namespace of processes does so."""
    with contextlib.suppress(OSError):  # its group is empty
        os.killpg(child, signal.SIGKILL)
    if not IS_LINUX:
        return
    for _ in range(MOST_ORPHANS):
        orphans = children_of(os.getpid())
        for orphan in orphans:
            with contextlib.suppress(OSError):
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
        if not orphans:
            return


def children_of(parent: int) -> list[int]:
    """The processes whose parent is this one."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(each) for each in listed]
