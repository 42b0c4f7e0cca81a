"""A pytest plugin: which check cells passed under plain nbval, by notebook.

It only listens; nbval decides. The variable BENCHMARK_PASSED names the file to write.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PASSED: dict[str, list[str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Note a cell that ran and passed."""
    report = yield
    grade_id = item.cell.metadata.get("nbgrader", {}).get("grade_id", "")
    if report.when == "call" and report.passed:
        PASSED.setdefault(str(item.parent.path), []).append(grade_id)
    return report


def pytest_sessionfinish() -> None:
    """Write what passed."""
    Path(os.environ["BENCHMARK_PASSED"]).write_text(json.dumps(PASSED))
