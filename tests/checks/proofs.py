"""The checks, their proofs, and copies of the checks whose oracles may answer."""

import ast
import importlib
import importlib.util
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from course_utils.checking.check import Check

ROOT = Path(__file__).parents[2]
PROOFS = Path(__file__).parent
CHECKS = "course_utils.checks"
COPIES = "copied_checks"


def assignments() -> list[str]:
    """The assignments by name, without their numbers."""
    scripts = (ROOT / "source" / "assignments").glob("[0-9][0-9]_*.py")
    return [path.stem[3:] for path in sorted(scripts)]


def tasks() -> list[tuple[str, str]]:
    """Each assignment with each of its tasks, by the checks that its source calls."""
    found = []
    for name in assignments():
        (script,) = (ROOT / "source" / "assignments").glob(f"[0-9][0-9]_{name}.py")
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=function)):
                    task = function.removeprefix("check_")
                    found += [(name, task)] if task != function else []
    return found


def check_of(name: str, task: str, package: str = CHECKS) -> Check:
    """The check of a task."""
    checks = importlib.import_module(f"{package}.{name}")
    check: Check = getattr(checks, f"check_{task}")
    return check


def file_of(name: str, task: str) -> Path:
    """Where the answers to a task are listed."""
    return PROOFS / name / f"test_{task}.py"


@cache
def proof_of(name: str, task: str) -> ModuleType:
    """The test file of a task, with its RIGHT and WRONG answers."""
    file = file_of(name, task)
    spec = importlib.util.spec_from_file_location(f"proof_of_{task}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def copied_check(name: str, task: str) -> Check:
    """The check of a task out of copied modules.

    A check switches off all functions of `course_utils.checks` while an answer runs,
    but not these, so that the copied oracles can be its answers.
    """
    if not any(Path(folder, COPIES).exists() for folder in sys.path):
        folder = Path(tempfile.mkdtemp())
        for file in (ROOT / "course_utils" / "checks").rglob("*.py"):
            copy = folder / COPIES / file.relative_to(ROOT / "course_utils" / "checks")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text("utf-8").replace(CHECKS, COPIES), "utf-8")
        sys.path.append(str(folder))
    return check_of(name, task, COPIES)
