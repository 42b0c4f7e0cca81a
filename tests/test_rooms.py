"""Imports point one way, so that each room of the library can be read by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "course_utils"
# What a room may import beside itself. Nothing else imports checks or grading.
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


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a file imports from, inside its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = node.module == "course_utils"
            parts = [alias.name for alias in node.names] if whole else [""]
            names = [f"{node.module}.{part}" for part in parts]
        for name in names:
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
