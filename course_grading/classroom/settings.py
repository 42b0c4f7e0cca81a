"""What holds for every submission of a class run."""

import hashlib
import importlib.metadata
import platform
from dataclasses import asdict, dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import course_grading
import course_utils
from course_grading.running.outcome import Limits
from course_grading.submission.assignment import known_assignments

ISOLATED = "course_grading.classroom.isolated_grader:isolated"
LIBRARIES = ("torch", "torchvision", "numpy", "ipython")


@dataclass(frozen=True)
class ClassSettings:
    """How a class is graded; plain data, so that it can be sent and recorded.

    Attributes:
        reference: the folder of released assignments, or "" for the package's own.
        seed: of the random cases of the checks.
        limits: what each submission may use.
        require_isolation: whether to refuse to grade where isolation is not complete.
        grader: "module:function", which gives a context with a function that grades.
    """

    reference: str = ""
    seed: int | None = None
    limits: Limits = field(default_factory=Limits)
    require_isolation: bool = False
    grader: str = ISOLATED

    def to_data(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "ClassSettings":
        """Back from `to_data`."""
        return cls(**data | {"limits": Limits(**data["limits"])})


def release_hash(folder: Traversable) -> str:
    """The SHA-256 of all released assignments of a folder, with their names."""
    digest = hashlib.sha256()
    for name in known_assignments(folder):
        digest.update(f"{name}\0".encode())
        digest.update((folder / f"{name}.ipynb").read_bytes())
    return digest.hexdigest()


def program_hash() -> str:
    """The SHA-256 of the course's code and of the versions under which it runs.

    Two runs of the same program, release, seed and limits give the same verdicts.
    """
    digest = hashlib.sha256(platform.python_version().encode())
    for library in LIBRARIES:
        digest.update(importlib.metadata.version(library).encode())
    for package in (course_utils, course_grading):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
