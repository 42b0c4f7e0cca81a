"""Grades as JSON, for programs: nothing of a grade is lost, and there is a schema."""

import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from course_grading.running.verdict import Grade, Record, Result

FORMAT = "boxes-to-meshes/grade/1"
SCHEMA = "grade.schema.json"
DERIVED = ("format", "score", "points", "tasks")


def to_json(grade: Grade) -> dict[str, Any]:
    """The grade as plain data, which `from_json` turns back into the same grade.

    Texts may hold half characters (of file names that are no UTF-8), which
    `json.dumps` writes as escapes.
    """
    data = asdict(grade)
    tasks = [row | {"hints": list(row["hints"])} for row in data.pop("results")]
    if grade.record is not None:
        data["record"] |= {
            "layers": list(grade.record.layers),
            "missing": dict(grade.record.missing),
            "versions": dict(grade.record.versions),
        }
    sums = {"score": grade.score, "points": grade.points}
    return {"format": FORMAT, **data, **sums, "tasks": tasks}


def from_json(data: dict[str, Any]) -> Grade:
    """The grade that `to_json` gave. Raises ValueError for any other format."""
    if data.get("format") != FORMAT:
        raise ValueError(f"expected the format {FORMAT}, got {data.get('format')!r}")
    rest = {key: value for key, value in data.items() if key not in DERIVED}
    results = [Result(**row | {"hints": tuple(row["hints"])}) for row in data["tasks"]]
    if rest["record"] is not None:
        rest["record"] = read_record(rest["record"])
    return Grade(**rest, results=results)


def read_record(data: dict[str, Any]) -> Record:
    """How a grade came about, from its JSON."""
    return Record(**data | {"layers": tuple(data["layers"])})


def schema() -> dict[str, Any]:
    """The JSON Schema of `to_json`."""
    folder = importlib.resources.files("course_grading.reports") / "schemas"
    content: dict[str, Any] = json.loads((folder / SCHEMA).read_text("utf-8"))
    return content


def as_json(grade: Grade) -> str:
    """The text of a JSON file on one grade."""
    return json_text(to_json(grade))


def as_json_list(grades: Sequence[Grade]) -> str:
    """The text of a JSON file on the grades of a class."""
    return json_text({"format": FORMAT, "grades": [to_json(grade) for grade in grades]})


def json_text(content: dict[str, Any]) -> str:
    """JSON in ASCII: no letter of a submission can disturb who shows the file.

    Half characters become question marks, because many readers refuse them.
    """
    return json.dumps(whole(content), indent=2) + "\n"


def whole(value: Any) -> Any:
    """The same data with a question mark for each half character."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {whole(key): whole(item) for key, item in value.items()}
    return [whole(item) for item in value] if isinstance(value, list) else value
