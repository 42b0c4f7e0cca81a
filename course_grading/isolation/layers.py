"""The layers of isolation: what each stops, and which promises they keep together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

USER = "user namespace"
PROCESSES = "process namespace"
NETWORK = "network namespace"
IPC = "ipc namespace"
MOUNTS = "read-only mounts"
FOLDER = "folder of its own"
PROC = "/proc of its own"
ROOT = "root of its own"  # only where Landlock is missing
PROCESS_COUNT = "process count"
MEMORY = "memory limit"
LIMITS = "time and file limits"
PRIVILEGES = "no privileges"
LANDLOCK_FILES = "landlock files"
LANDLOCK_NETWORK = "landlock network"
LANDLOCK_SIGNALS = "landlock signals"
SECCOMP = "seccomp"
ENVIRONMENT = "clean environment"

STOPS = {
    USER: "rights over anything outside, also where the grader runs as root",
    PROCESSES: "seeing or signalling other processes; processes that stay behind",
    NETWORK: "every network connection, also to this computer itself",
    IPC: "shared memory and message queues of others",
    MOUNTS: "changing any file outside its folder, also its mode or times",
    FOLDER: "filling the disk, and files that stay behind",
    PROC: "reading about other processes",
    ROOT: "reading checks, solutions, submissions and home folders",
    PROCESS_COUNT: "floods of processes or threads, and new namespaces",
    MEMORY: "taking more memory than allowed",
    LIMITS: "endless computing, large files, many open files, core dumps",
    PRIVILEGES: "gaining rights by setuid programs or capabilities",
    LANDLOCK_FILES: "reading checks, solutions, submissions and home folders; "
    "writing outside its folder",
    LANDLOCK_NETWORK: "TCP connections",
    LANDLOCK_SIGNALS: "signals to processes outside",
    SECCOMP: "starting processes and programs, sockets, tracing, rare system calls",
    ENVIRONMENT: "reading tokens and settings from environment variables",
}

# A promise is kept where all layers of one of its sets are active.
PROMISES: dict[str, tuple[frozenset[str], ...]] = {
    "it cannot read checks, solutions, other submissions or the home folder": (
        frozenset({LANDLOCK_FILES}),
        frozenset({ROOT, PROC}),
    ),
    "it cannot write outside its own folder": (
        frozenset({LANDLOCK_FILES}),
        frozenset({ROOT, FOLDER}),
    ),
    "it cannot reach a network": (frozenset({NETWORK}), frozenset({SECCOMP})),
    "it cannot signal or trace other processes": (
        frozenset({PROCESSES}),
        frozenset({SECCOMP}),
    ),
    "nothing that it starts stays behind": (
        frozenset({PROCESSES}),
        frozenset({SECCOMP}),
    ),
    "it cannot flood the computer with processes": (
        frozenset({SECCOMP}),
        frozenset({PROCESSES, PROCESS_COUNT}),
    ),
    "it cannot take all memory": (frozenset({MEMORY}),),
    # Without a file system of its own, the warden watches the size of its folder.
    "it cannot compute or fill the disk for ever": (frozenset({LIMITS}),),
    "it cannot gain privileges": (frozenset({PRIVILEGES}),),
    "it sees no environment variable of the grader's": (frozenset({ENVIRONMENT}),),
}


@dataclass(frozen=True)
class Layer:
    """One layer of isolation.

    Attributes:
        name: what it is called in reports.
        active: whether it was set up and, where that is cheap, proved.
        reason: why it is not active, or "".
        stops: what it stops, in a few words.
    """

    name: str
    active: bool
    reason: str
    stops: str


def layer(name: str, reason: str = "") -> Layer:
    """The layer of this name; it is active where there is no reason against it."""
    return Layer(name, not reason, reason, STOPS[name])


def attempt(name: str, set_up: Callable[[], None]) -> Layer:
    """Set a layer up; a failure becomes the reason why it is not active."""
    try:
        set_up()
    except (OSError, RuntimeError, ImportError, ValueError, AttributeError) as error:
        return layer(name, str(error) or type(error).__name__)
    return layer(name)


def broken_promises(layers: Sequence[Layer]) -> tuple[str, ...]:
    """What cannot be promised with these layers; empty where everything can."""
    active = {each.name for each in layers if each.active}
    return tuple(
        promise
        for promise, sets in PROMISES.items()
        if not any(needed <= active for needed in sets)
    )
