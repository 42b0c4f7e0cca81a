"""What is done, kept as it comes: one line a submission, in the folder of reports."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_grading.reports.json import from_json, to_json
from course_grading.running.verdict import Grade
from course_grading.submission.assignment import as_dict
from course_grading.submission.reading import MAX_MEGABYTES

NAME = "results.jsonl"
FORMAT = "boxes-to-meshes/results/v1"
FINISHED = {"finished": True}


@dataclass(frozen=True)
class JournalRow:
    """The result of one submission.

    Attributes:
        path: of the file.
        sha256: of its content, or "" where it cannot be read.
        grade: what it earned.
        fault: whether the grader is to blame that it earned nothing.
    """

    path: Path
    sha256: str
    grade: Grade
    fault: bool = False


class Journal:
    """A file of JSON lines: first what holds for the run, then its results.

    Results of another program, release, seed or limits are never mixed: what was
    recorded under another first line is no result of this run.
    """

    def __init__(self, folder: Path) -> None:
        """The journal of a folder; nothing is read or written yet."""
        self.path = folder / NAME

    def head(self) -> dict[str, Any]:
        """The first line; empty where there is no journal, or none that can be read."""
        first = next(self.lines(), {})
        return first if first.get("format") == FORMAT else {}

    def is_unfinished(self) -> bool:
        """Whether a run began here and did not come to its end."""
        return bool(self.head()) and FINISHED not in list(self.lines())

    def rows(self) -> dict[tuple[str, str], JournalRow]:
        """The results, the last one of each file and content; without faults."""
        found: dict[tuple[str, str], JournalRow] = {}
        for line in self.lines():
            if "grade" in line and line["sha256"] and not line["fault"]:
                path, sha256 = Path(line["path"]), line["sha256"]
                row = JournalRow(path, sha256, from_json(line["grade"]))
                found[line["path"], sha256] = row
        return found

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole lines; a killed run may have left a part of one at the end."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield as_dict(json.loads(line))

    def start(self, head: dict[str, Any]) -> None:
        """Begin a new journal in the place of the old one."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"format": FORMAT} | head) + "\n", encoding="utf-8")
        new.replace(self.path)

    def go_on(self) -> None:
        """Cut off a part of a line, so that the next one begins anew."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self.path.open("r+b") as file:
                file.truncate(whole)

    def add(self, row: JournalRow) -> None:
        """Keep a result; it is in the file when this returns."""
        content = {
            "path": str(row.path.absolute()),
            "sha256": row.sha256,
            "fault": row.fault,
            "grade": to_json(row.grade),
        }
        self.append(content)

    def finish(self) -> None:
        """Note that the run has come to its end."""
        self.append(FINISHED)

    def append(self, content: dict[str, Any]) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, or "" where it cannot be read or is far too large."""
    try:
        if path.stat().st_size > MAX_MEGABYTES * 2**20:
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
