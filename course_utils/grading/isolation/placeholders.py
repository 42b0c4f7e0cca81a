"""What a learner's process finds in place of the checks, which it must not hold.

A notebook imports its checks by name. There, each name stands for a check that only
says that the grader runs it.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

CHECKS = "course_utils.checks"
# How answers are called is needed on their side too; these hold no check.
MACHINERY = frozenset(
    f"{CHECKS}.{name}"
    for name in ("calling", "compare", "forbidden", "plain", "question", "steps")
)


class Placeholder:
    """Stands for a check. Calling it does nothing."""

    def __init__(self, name: str) -> None:
        """Keep the name of the check."""
        self.name = name

    def __call__(self, *arguments: Any, **settings: Any) -> None:
        """Say where the check runs."""
        print(f"{self.name}: the grader runs this check.")  # noqa: T201


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module of placeholders for every module of checks."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where a module of checks comes from; None for any other module."""
        if not fullname.startswith(f"{CHECKS}.") or fullname in MACHINERY:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """A module in which every name is a placeholder."""
        module = ModuleType(spec.name)
        vars(module)["__getattr__"] = placeholder
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


def placeholder(name: str) -> Placeholder:
    """What stands for a name of a module of checks."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Placeholder(name)


def install() -> None:
    """From now on, import placeholders instead of checks.

    Raises RuntimeError if a check is in memory already.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    held = [name for name in sys.modules if name.startswith(f"{CHECKS}.")]
    if others := sorted(set(held) - MACHINERY):
        raise RuntimeError(f"checks are in memory already: {', '.join(others)}")
    sys.meta_path.insert(0, Finder())
