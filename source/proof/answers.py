"""The listed right and wrong answers of an assignment."""

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answers:
    """What `tests/answers` lists for an assignment, by task.

    Attributes:
        right: answers that a check has to accept.
        wrong: answers that it has to refuse, each with words of the text it gives.
    """

    right: dict[str, list[Any]] = field(default_factory=dict)
    wrong: dict[str, list[tuple[Any, str]]] = field(default_factory=dict)


def folder_of(root: Path, assignment: str) -> Path:
    """Where the answers of an assignment stand, with its equivalent mutants."""
    return root / "tests" / "checks" / assignment


def load(root: Path, assignment: str) -> Answers:
    """The listed answers; none where the folder does not exist."""
    file = folder_of(root, assignment) / "__init__.py"
    if not file.exists():
        return Answers()
    shared = str(root / "tests" / "checks")  # answers that lie, for all assignments
    if shared not in sys.path:
        sys.path.append(shared)
    name = f"answers_to_{assignment}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        return Answers()
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its modules import each other by this name
    spec.loader.exec_module(module)
    return Answers(module.RIGHT, module.WRONG)
