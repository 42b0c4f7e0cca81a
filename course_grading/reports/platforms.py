"""Grades as other services read them: Gradescope and Classroom 50."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from course_grading.reports.json import json_text
from course_grading.reports.text import visible
from course_grading.running.verdict import Grade, Result

CLASSROOM50 = "classroom50/result/v1"
# Its runner sets these for each submission.
VARIABLES = ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")


def as_gradescope(grade: Grade) -> str:
    """The text of Gradescope's results.json; all that submissions wrote is plain text.

    What only an instructor should see (why to review) is left out.
    """
    record = grade.record
    notes = [grade.problem, *grade.notes]
    content: dict[str, Any] = {
        "score": grade.score,
        "output": visible("\n\n".join(filter(None, notes))),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [gradescope_test(n, r) for n, r in enumerate(grade.results, start=1)],
    }
    if record is not None:
        content["execution_time"] = round(record.seconds)
        content["extra_data"] = {
            "assignment": record.assignment,
            "release": record.release,
            "submission": record.submission,
            "seed": record.seed,
            "way": record.way,
            "layers": list(record.layers),
            "missing": dict(record.missing),
            "versions": dict(record.versions),
        }
    return json_text(content)


def gradescope_test(number: int, result: Result) -> dict[str, Any]:
    """One task as Gradescope shows it."""
    hints = [f"Hint: {hint}" for hint in result.hints]
    section = [f"In the lesson: {result.section}"] if result.section else []
    return {
        "number": str(number),
        "name": visible(result.name),
        "score": result.score,
        "max_score": result.points,
        "status": "passed" if result.verdict == "right" else "failed",
        "output": visible("\n\n".join([result.message, *hints, *section])),
        "output_format": "text",
        "visibility": "visible",
        "tags": [result.verdict],
        "extra_data": {"section": result.section, "seconds": result.seconds},
    }


def is_classroom50(environment: Mapping[str, str]) -> bool:
    """Whether Classroom 50's runner called: it sets its variables."""
    return all(environment.get(name) for name in VARIABLES)


def as_classroom50(grade: Grade, environment: Mapping[str, str], when: datetime) -> str:
    """The text of Classroom 50's result.json.

    Args:
        grade: of one submission. A file that cannot be graded earns 0.
        environment: the variables that its runner sets.
        when: the time of grading; the runner puts in that of the submission.
    """
    time = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    commit = environment["COMMIT_URL"]
    content = {
        "schema": CLASSROOM50,
        "classroom": environment["CLASSROOM"],
        "assignment": environment["ASSIGNMENT"],
        "assignment_type": environment.get("MODE") or "individual",
        "owner": environment.get("USERNAME") or "unknown",
        "submission": environment["SUBMISSION_TAG"],
        "commit": commit,
        "release": environment["RELEASE_URL"],
        "review": environment.get("REVIEW_URL") or commit,
        "datetime": time,
        "graded_at": time,
        "score": grade.score,
        "max-score": grade.points,
        "tests": [
            {
                "test-name": visible(result.name),
                "passed": result.verdict == "right",
                "score": result.score,
                "max-score": result.points,
                "message": visible(result.message),
            }
            for result in grade.results
        ],
    }
    return json_text(content)
