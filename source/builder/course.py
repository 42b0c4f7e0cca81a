"""The course as the builder sees it: its folders, its address, its sources."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class BuildError(Exception):
    """A source cannot be built; the text names file, cell, and what to do."""


@dataclass(frozen=True)
class Course:
    """Where sources are read and notebooks written.

    Attributes:
        root: the folder that holds `source/`, `notebooks/` and `pyproject.toml`.
        repository: the public address of the course, without a slash at its end.
        package: the library whose functions lessons show.
    """

    root: Path
    repository: str
    package: str = "course_utils"

    @property
    def released(self) -> Path:
        """The folder of the grader's pristine copies of the assignments."""
        return self.root / "course_grading" / "released"

    def lessons(self) -> list[Path]:
        """The lesson scripts, in the order of the course."""
        return sorted((self.root / "source" / "lessons").glob("*.py"))

    def assignments(self) -> list[Path]:
        """The assignment scripts, in the order of the course."""
        return sorted((self.root / "source" / "assignments").glob("*.py"))

    def shown(self, path: Path) -> str:
        """A path as messages name it: from the root of the course."""
        return path.relative_to(self.root).as_posix()


def read_course(root: Path) -> Course:
    """The course in a folder, its address read from `pyproject.toml`."""
    file = root / "pyproject.toml"
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    address = project.get("urls", {}).get("Repository")
    if not address:
        raise BuildError(
            f"{file.name}: no Repository under [project.urls]; "
            "badges and install cells are made from it"
        )
    return Course(root.resolve(), str(address).rstrip("/").removesuffix(".git"))


def select(course: Course, names: Sequence[str]) -> list[Path]:
    """The scripts with these names (`01_sliding_windows`, or a path); all for none."""
    scripts = course.lessons() + course.assignments()
    if not names:
        return scripts
    chosen: list[Path] = []
    for name in names:
        wanted = name.removesuffix(".py").removesuffix(".ipynb").strip("/")
        found = [
            script
            for script in scripts
            if f"/{course.shown(script).removesuffix('.py')}".endswith(f"/{wanted}")
        ]
        if not found:
            known = ", ".join(sorted({script.stem for script in scripts})) or "none yet"
            raise BuildError(f"no source is called {name}; there are: {known}")
        chosen += [script for script in found if script not in chosen]
    return chosen
