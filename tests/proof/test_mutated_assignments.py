"""The checks of every assignment reject a sample of mutants."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proof.run import can_fork

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not can_fork(), reason="this system cannot fork")
def test_the_checks_of_all_assignments_meet_the_bars(
    prove: Callable[..., dict[str, Any]],
):
    found = prove(ROOT, seeds=1, limit=6, cpu_seconds=4.0)
    assert found["status"] == 0, found["printed"]
    sources = (ROOT / "source" / "assignments").glob("[0-9][0-9]_*.py")
    assert found["shares"].keys() == {path.stem for path in sources}
    survivors = {
        task: row["survivors"]
        for task, row in found["rows"].items()
        if row["survivors"]
    }
    assert survivors == {}, "list them as equivalent with a reason, or add a case"
