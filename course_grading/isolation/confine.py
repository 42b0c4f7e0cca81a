"""Locking in the process that will run a learner's code, layer by layer.

The order matters: mounts need capabilities, the list of readable files needs the
mounts, and the filter of system calls comes last because the others need the calls.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_grading.isolation import (
    folders,
    landlock,
    namespaces,
    privileges,
    root,
    seccomp,
)
from course_grading.isolation import limits as bounds
from course_grading.isolation.environment import drop_other_variables, work_in
from course_grading.isolation.kernel import IS_LINUX
from course_grading.isolation.layers import (
    ENVIRONMENT,
    FOLDER,
    IPC,
    LANDLOCK_FILES,
    LANDLOCK_NETWORK,
    LANDLOCK_SIGNALS,
    LIMITS,
    MEMORY,
    MOUNTS,
    NETWORK,
    PRIVILEGES,
    PROC,
    PROCESS_COUNT,
    PROCESSES,
    ROOT,
    SECCOMP,
    USER,
    Layer,
    attempt,
    layer,
)
from course_grading.isolation.readable import readable_files
from course_grading.running.outcome import Limits

FIRST_PROCESS = 1
HIDDEN = Path(__file__)  # no learner's code may read this


@dataclass(frozen=True)
class Rules:
    """What holds for every child of a zygote, worked out once.

    Attributes:
        limits: what a child may use.
        folder: the zygote's own; the working folder of a child is inside.
        files: what may be read, opened, for Landlock.
        readable: what may be read, where Landlock is missing; empty where it is not.
        system_calls: the compiled filter for the first process of a namespace, or the
            reason why there is none.
    """

    limits: Limits
    folder: Path
    files: tuple[landlock.Rule, ...]
    readable: tuple[Path, ...]
    system_calls: bytes | str

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What has to stay open until a child is locked in."""
        return tuple(rule.descriptor for rule in self.files)

    @property
    def work(self) -> Path:
        """Where a child works, as the zygote's environment says."""
        return self.folder / "work"

    def bare_work(self, child: int) -> Path:
        """Where a child works that cannot have a file system of its own."""
        return self.folder / f"work-{child}"


def confine(rules: Rules, entered: Mapping[str, str]) -> tuple[Layer, ...]:
    """Lock this process in; every layer with the reason if it is missing.

    Args:
        rules: what holds for every child.
        entered: why the warden could not enter a namespace, "" where it did.
    """
    os.umask(0o077)
    layers = [*outer_layers(entered), *mount_layers(rules, entered)]
    has_own = all(each.active for each in layers if each.name == FOLDER)
    work_in(rules.work if has_own else folders.make(rules.bare_work(os.getpid())))
    layers.append(attempt(ENVIRONMENT, drop_other_variables))
    layers += limit_layers(rules.limits, has_own_user=not entered[USER])
    layers.append(attempt(PRIVILEGES, give_up_privileges))
    layers += file_layers(rules)
    layers.append(attempt(SECCOMP, lambda: filter_calls(rules.system_calls)))
    return tuple(layers)


def make_rules(limits: Limits, folder: Path, extra_readable: Sequence[Path]) -> Rules:
    """Work out once what every child of this process will be put under."""
    if not IS_LINUX:
        return Rules(limits, folder, (), (), not_here())
    whole, listed = readable_files(extra_readable)
    whole.append(Path(os.devnull))
    files: list[landlock.Rule] = []
    if has_landlock():
        files += landlock.opened(whole, landlock.READ)
        files += landlock.opened(listed, landlock.READ_FOLDER)
        files += landlock.opened([Path(os.devnull)], landlock.ON_FILES)
        whole = []
    else:
        (folder / "root").mkdir()
    system_calls: bytes | str
    try:
        system_calls = seccomp.compiled(FIRST_PROCESS)
    except (ImportError, OSError, RuntimeError) as error:
        system_calls = str(error)
    return Rules(limits, folder, tuple(files), tuple(whole), system_calls)


def has_landlock() -> bool:
    """Whether this kernel knows Landlock."""
    try:
        return landlock.version() > 0
    except OSError:
        return False


def not_here() -> str:
    """Why a layer of Linux is missing on another system."""
    return f"not available on {sys.platform}"


def file_layers(rules: Rules) -> list[Layer]:
    """What may be read and written."""
    if not IS_LINUX:
        names = (LANDLOCK_FILES, LANDLOCK_NETWORK, LANDLOCK_SIGNALS)
        return [layer(name, not_here()) for name in names]
    return landlock.restrict(rules.files, hidden=HIDDEN, work=Path.cwd())


def filter_calls(system_calls: bytes | str) -> None:
    """Put the process under the filter and prove it; raises where there is none."""
    if isinstance(system_calls, str):
        raise RuntimeError(system_calls)
    own = os.getpid()
    seccomp.load(system_calls if own == FIRST_PROCESS else seccomp.compiled(own))
    seccomp.prove()


def outer_layers(entered: Mapping[str, str]) -> list[Layer]:
    """The namespaces that the warden entered, and of which this process is part."""
    processes = entered[PROCESSES]
    if not processes and os.getpid() != FIRST_PROCESS:
        processes = "the process is not the first of its namespace"
    return [
        layer(USER, entered[USER]),
        layer(PROCESSES, processes),
        layer(NETWORK, entered[NETWORK]),
        layer(IPC, entered[IPC]),
    ]


def mount_layers(rules: Rules, entered: Mapping[str, str]) -> list[Layer]:
    """The mounts of this process alone; none without a namespace for them."""
    if entered["mounts"]:
        why = entered["mounts"]
        return [layer(name, why) for name in (MOUNTS, FOLDER, PROC, PROCESS_COUNT)]
    layers = [attempt(MOUNTS, namespaces.make_read_only)]
    if not rules.readable:
        return layers + folder_layers(rules, entered)
    entering = attempt(
        ROOT, lambda: root.enter(rules.folder / "root", rules.readable, rules.work)
    )
    layers += folder_layers(rules, entered)
    leaving = attempt(ROOT, lambda: root.leave_old(HIDDEN))
    return [*layers, leaving if entering.active else entering]


def folder_layers(rules: Rules, entered: Mapping[str, str]) -> list[Layer]:
    """Its working folder and its /proc."""
    megabytes = rules.limits.file_mb
    layers = [
        attempt(FOLDER, lambda: namespaces.mount_folder(rules.work, megabytes)),
    ]
    if entered[PROCESSES]:
        layers += [layer(name, entered[PROCESSES]) for name in (PROC, PROCESS_COUNT)]
        return layers
    layers.append(attempt(PROC, namespaces.mount_proc))
    layers.append(attempt(PROCESS_COUNT, namespaces.limit_processes))
    return layers


def limit_layers(limits: Limits, *, has_own_user: bool) -> list[Layer]:
    """What the system counts of this process."""
    if IS_LINUX:
        bounds.be_first_to_go()
    return [
        attempt(MEMORY, lambda: bounds.limit_memory(limits)),
        attempt(
            LIMITS,
            lambda: bounds.limit_time_and_files(
                limits, counts_own_threads=has_own_user
            ),
        ),
    ]


def give_up_privileges() -> None:
    """Drop all rights, and prove that they are gone."""
    if not IS_LINUX:
        raise RuntimeError(not_here())
    privileges.drop_privileges()
    privileges.prove_unprivileged()
    privileges.die_with_parent()
    privileges.leave_no_dump()
