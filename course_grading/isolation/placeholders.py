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
        if not is_check(fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

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


def is_check(module: str) -> bool:
    """Whether a module, by its full name, is one of checks."""
    return module == CHECKS or module.startswith(f"{CHECKS}.")


def install() -> None:
    """From now on, import placeholders instead of checks.

    Raises RuntimeError if a check is in memory already.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    if held := sorted(filter(is_check, sys.modules)):
        raise RuntimeError(f"checks are in memory already: {', '.join(held)}")
    sys.meta_path.insert(0, Finder())
