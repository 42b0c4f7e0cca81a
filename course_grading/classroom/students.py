"""Whose a file is, told by its path: the layouts of common exports."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

METADATA = "submission_metadata.yml"
# Moodle: "Ada Lovelace_123456_assignsubmission_file_" (a folder, or before the file).
MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+(?:_.*)?")
# Canvas: "lovelaceada_LATE_1234_56789_answers.ipynb".
CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+")
# nbgrader's exchange: "ada+01_sliding_windows+2026-11-02 10:00:00 UTC+random".
EXCHANGE = re.compile(r"(?P<name>[^+]+)\+[^+]+\+\d{4}-\d\d-\d\d .*")
COPY = re.compile(r"(?:[-_ ]?\(\d+\)|[-_ ]Copy\d*|[-_ ]copy)$")
EDGES = " _-.+()"


def student_of_folder(name: str, exported: Mapping[str, str]) -> str:
    """The student to whom a folder belongs; `exported` are Gradescope's names."""
    if name in exported:
        return exported[name]
    if moodle := MOODLE.fullmatch(name):
        return f"{moodle['name']} ({moodle['id']})"
    if exchange := EXCHANGE.fullmatch(name):
        return exchange["name"]
    return name


def student_of_file(path: Path, assignments: Sequence[str]) -> str:
    """The student that a file's name tells, in a folder of files.

    The name of the assignment is no part of it. Where nothing else is left, as in
    "01_sliding_windows.ipynb", the folder that holds the file tells the student.
    """
    name = path.name
    for export in (MOODLE, CANVAS):
        if match := export.fullmatch(name):
            return f"{match['name']} ({match['id']})"
    stem = re.split(r"\.ipynb", name, maxsplit=1, flags=re.IGNORECASE)[0]
    stem = stem if stem != name else path.stem
    for assignment in assignments:
        stem = stem.replace(assignment, "")
    stem = COPY.sub("", stem).strip(EDGES)
    return stem or student_of_folder(path.absolute().parent.name, {})


def gradescope_students(folder: Path) -> dict[str, str]:
    """The students of the folders of a Gradescope export; empty if it is none.

    Those who handed in together are named together.
    """
    try:
        text = (folder / METADATA).read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    found = {str(key): submitters(value) for key, value in content.items()}
    return {key: ", ".join(names) for key, names in found.items() if names}


def submitters(entry: Any) -> list[str]:
    """The people of one entry, each with a number or address of their own."""
    people = entry.get(":submitters") if isinstance(entry, dict) else None
    names = []
    for person in people if isinstance(people, list) else []:
        if isinstance(person, dict):
            name, number = person.get(":name"), person.get(":sid")
            mark = number or person.get(":email")
            names.append(f"{name} ({mark})" if name and mark else str(name or mark))
    return names
