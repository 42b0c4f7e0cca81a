"""Imports point one way, so that each room of the library can be read by itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "course_utils"
# What a room may import beside itself. Nothing else imports checks.
MAY_IMPORT = {
    "ops": set(),
    "metrics": {"ops"},
    "data": {"ops"},
    "models": {"ops"},
    "results": set(),
    "training": {"ops", "metrics", "data", "models", "results"},
    "draw": {"ops", "metrics", "data", "models", "results"},
    "widgets": {"draw"},
    "checking": set(),
    "checks": {"checking"},
    "doctor": {"training"},
}


def imported_modules(path: Path) -> Iterator[str]:
    """The modules and names that a file imports, inside its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms of the library that a file imports from."""
    for name in imported_modules(path):
        package, _, rest = name.partition(".")
        if package == "course_utils" and rest:
            yield rest.partition(".")[0]


def test_every_room_is_listed():
    found = {p.stem for p in LIBRARY.iterdir() if p.is_dir() or p.suffix == ".py"}
    assert {name for name in found if not name.startswith("_")} == MAY_IMPORT.keys()


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_from_those_below(room: str):
    place = LIBRARY / room
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {other}"
        for path in files
        for other in imported_rooms(path)
        if other not in MAY_IMPORT[room] | {room}
    ]
    assert wrong == []


# The grader may use these of the library; the checks it imports by name alone, as the
# cells of a notebook say.
GRADER_USES = {"checking", "doctor"}


def test_the_library_imports_nothing_of_the_grader():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in LIBRARY.rglob("*.py")
        for name in imported_modules(path)
        if name.partition(".")[0] in ("course_grading", "proof", "builder")
    ]
    assert wrong == []


def test_the_grader_imports_only_the_engine_behind_the_checks():
    wrong = [
        f"{path.relative_to(ROOT)} imports {room}"
        for path in (ROOT / "course_grading").rglob("*.py")
        for room in imported_rooms(path)
        if room not in GRADER_USES
    ]
    assert wrong == []


LOADED = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
hidden = ("course_grading", "course_utils.checks")
print([name for name in sys.modules if name.startswith(hidden)])
"""


def test_a_learners_import_brings_neither_the_grader_nor_the_checks():
    files = (path.relative_to(ROOT).with_suffix("") for path in LIBRARY.rglob("*.py"))
    names = (".".join(file.parts).removesuffix(".__init__") for file in files)
    wanted = [n for n in names if not n.startswith("course_utils.checks")]
    command = [sys.executable, "-c", LOADED, *sorted(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
