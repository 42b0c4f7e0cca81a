"""Starting a process whose whole family can be found again, and ending it."""

import contextlib
import os
import secrets
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import psutil

import course_utils

FAMILY_VARIABLE = "COURSE_GRADING_FAMILY"
# Settings of the user's that would change a verdict: plugins, warnings as errors, ...
UNWANTED = ("PYTEST_", "PYTHONPATH", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTHONINSPECT")


class Family:
    """A process and all that descends from it, known by a mark in its environment."""

    def __init__(
        self, command: list[str], *, folder: Path, settings: Mapping[str, str]
    ) -> None:
        """Start the command in `folder`, in a session of its own; output to a file."""
        self.mark = secrets.token_hex(16)
        environment = (
            clean_environment() | dict(settings) | {FAMILY_VARIABLE: self.mark}
        )
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )

    def has_ended(self) -> bool:
        """Whether the first process has ended."""
        return self.process.poll() is not None

    def end(self) -> None:
        """Kill every member; a member may have left the session, as kernels do."""
        for _ in range(20):  # a member that starts others meanwhile is met again
            members = self.members()
            for member in members:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            if not members:
                break
            psutil.wait_procs(members, timeout=1)
        self.process.wait()

    def members(self) -> list[psutil.Process]:
        """The processes that carry the mark or descend from the first one."""
        found: set[psutil.Process] = set()
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            found |= {first, *first.children(recursive=True)}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(FAMILY_VARIABLE) == self.mark:
                    found.add(process)
        return [process for process in found if is_alive(process.pid)]


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def clean_environment() -> dict[str, str]:
    """The environment without what would change how the notebook runs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(UNWANTED)}
    root = Path(course_utils.__file__).parents[1]
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if str(root) not in installed:  # a checkout: the kernel takes the same one
        kept["PYTHONPATH"] = str(root)
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def pytest_command(*arguments: str) -> list[str]:
    """A command line of the pytest that belongs to this Python."""
    return [sys.executable, "-m", "pytest", *arguments]
