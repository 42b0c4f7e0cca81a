"""What the computer has and what the course needs: versions, device, budget, advice.

The requirements are read from the package's own metadata, so there is no second list.
"""

import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import psutil
from packaging.requirements import Requirement
from packaging.version import Version
from rich.console import Console
from rich.table import Table
from rich.text import Text

DISTRIBUTION = "boxes-to-meshes"
# What a metadata-free copy (on Colab, from a zip file) is at least looked through for.
FALLBACK = ("torch", "torchvision", "numpy", "jupyterlab", "ipywidgets", "nbval")
# A lesson runs without these; on Colab and Kaggle nothing needs them but `course`.
NOT_FOR_LESSONS = ("jupyterlab", "nbval", "pytest", "typer")
MEMORY_GIB = 4  # a lesson at the laptop budget stays below
GET_COURSE = "python -m pip install --editable .   (in the folder of the course)"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        found: its version or size, or "missing".
        state: "ok", "advice" (the course works without) or "problem".
        remedy: how to get it, or "".
    """

    name: str
    found: str
    state: str = "ok"
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether everything that the course requires is there."""
        return all(finding.state != "problem" for finding in self.findings)


def doctor() -> None:
    """Print the report. Lesson 00 calls this near its end."""
    print_report(examine(), Console())


def examine() -> Report:
    """Look at Python, the packages, the computer and the budget."""
    return Report((find_python(), *find_packages(), *find_devices(), find_budget()))


def find_python() -> Finding:
    """The version of Python."""
    needed, found = required_python(), platform.python_version()
    if Version(found) in Requirement(f"python{needed}").specifier:
        return Finding("Python", found)
    return Finding("Python", found, "problem", f"install Python {needed}")


def required_python() -> str:
    """The versions of Python that the course's metadata allows, such as ">=3.11"."""
    try:
        metadata = importlib.metadata.metadata(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return ">=3.11"
    return str(metadata["Requires-Python"])


def requirements() -> list[Requirement]:
    """What the course requires on this computer, without extras."""
    try:
        lines: Iterable[str] = importlib.metadata.requires(DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:
        lines = FALLBACK
    wanted = [Requirement(line) for line in lines]
    return [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]


def find_packages() -> list[Finding]:
    """Each required package: its version, or how to get it."""
    return [find_package(requirement) for requirement in requirements()]


def find_package(requirement: Requirement) -> Finding:
    """One package. A version without its build (such as +cpu) is what counts."""
    remedy = f'python -m pip install "{requirement}"'
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        is_spare = is_hosted() and requirement.name in NOT_FOR_LESSONS
        state = "advice" if is_spare else "problem"
        return Finding(requirement.name, "missing", state, remedy)
    if not requirement.specifier.contains(Version(found).public, prereleases=True):
        needed = f"{found}, needed {requirement.specifier}"
        return Finding(requirement.name, needed, "problem", remedy)
    return Finding(requirement.name, found)


def find_devices() -> list[Finding]:
    """Cores, memory and GPU."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    memory = psutil.virtual_memory().total / 2**30
    advice = f"lessons use up to {MEMORY_GIB} GiB; set COURSE_BUDGET=smoke"
    is_little = memory < MEMORY_GIB
    return [
        Finding("CPU cores", str(cores)),
        Finding(
            "memory",
            f"{memory:.1f} GiB",
            "advice" if is_little else "ok",
            advice if is_little else "",
        ),
        find_gpu(),
    ]


def find_gpu() -> Finding:
    """The GPU, if torch can use one; it is never required."""
    try:
        import torch
    except ImportError:
        return Finding("GPU", "not known without torch")
    except OSError as error:  # a library of torch's that does not load
        remedy = "install torch again, as https://pytorch.org/get-started says"
        reason = f"torch does not load: {type(error).__name__}"
        return Finding("GPU", reason, "problem", remedy)
    if torch.cuda.is_available():
        return Finding("GPU", torch.cuda.get_device_name(0))
    return Finding("GPU", "none; the course runs without one")


def find_budget() -> Finding:
    """The size in which lessons run here."""
    try:
        choose_budget = importlib.import_module("course_utils.training").choose_budget
        return Finding("budget", str(choose_budget()))
    except (ImportError, OSError) as error:  # as in find_gpu, which tells why
        missing = getattr(error, "name", None) or "torch"
        return Finding("budget", f"not known without {missing}")
    except ValueError as error:
        return Finding("budget", str(error), "problem", "unset COURSE_BUDGET")


def print_report(report: Report, console: Console) -> None:
    """Print a table, then what to do."""
    table = Table()
    for column in ("part", "found", "state"):
        table.add_column(column, overflow="fold")
    for finding in report.findings:
        style = {"ok": "green", "advice": "yellow"}.get(finding.state, "red")
        table.add_row(
            finding.name, Text(finding.found), Text(finding.state, style=style)
        )
    console.print(table)
    for finding in report.findings:
        if finding.remedy:
            console.print(Text(f"{finding.name}: {finding.remedy}"))
    if not report.is_healthy:
        console.print(Text(f"Or everything at once: {GET_COURSE}"))
        return
    console.print(Text(f"Everything the course needs is here ({system()})."))


def is_hosted() -> bool:
    """Whether this is Colab or Kaggle, which bring their own way to show notebooks."""
    return "COLAB_RELEASE_TAG" in os.environ or "KAGGLE_URL_BASE" in os.environ


def system() -> str:
    """The operating system in two words, without names of machines or users."""
    return f"{platform.system() or sys.platform} {platform.machine()}".strip()
