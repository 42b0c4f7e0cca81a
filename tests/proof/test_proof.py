"""A proof tells good checks from weak and faulty ones, and ends endless loops."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from small_course import write_course

from proof.command import mutate_command
from proof.run import can_fork

pytestmark = pytest.mark.skipif(not can_fork(), reason="this system cannot fork")


@pytest.fixture(scope="module")
def proof(
    tmp_path_factory: pytest.TempPathFactory, prove: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("course")
    write_course(root)
    return prove(root, seeds=2, limit=None, cpu_seconds=0.3)


def test_a_good_check_rejects_all_mutants(proof: dict[str, Any]):
    assert proof["rows"]["halves"]["survivors"] == []
    assert proof["rows"]["letter"]["survivors"] == []
    assert proof["rows"]["letter"]["rejected"] == ["letter = 'a'", "letter = 'c'"]


def test_an_endless_mutant_is_stopped_and_counts_as_rejected(proof: dict[str, Any]):
    assert {"n += 2", "n = 2", "pass"} <= set(proof["rows"]["halves"]["rejected"])


def test_a_weak_check_lets_mutants_survive(proof: dict[str, Any]):
    survivors = proof["rows"]["largest"]["survivors"]
    assert "return max([-1, *values])" in survivors
    assert "return min([0, *values])" in proof["rows"]["largest"]["rejected"]
    assert "+    return max([-1, *values])" in proof["printed"]
    assert "rejected with 0 of 2 seeds" in proof["printed"]


def test_a_listed_change_is_equivalent_and_not_a_survivor(proof: dict[str, Any]):
    assert proof["rows"]["largest"]["equivalent"] == ["return max([1, *values])"]


def test_a_list_that_does_not_fit_is_reported(proof: dict[str, Any]):
    misses = proof["rows"]["halves"]["misses"]
    assert "halves: listed as equivalent, but rejected: while n >= 1:" in misses
    assert "halves: listed as equivalent, but no mutant: while n != 1:" in misses


def test_a_check_that_fails_itself_is_reported(proof: dict[str, Any]):
    assert any(
        fault.startswith("KeyError") for fault in proof["rows"]["sizes"]["faults"]
    )


def test_bars_that_are_missed_show_in_the_exit_status(proof: dict[str, Any]):
    assert proof["status"] == 1
    assert proof["shares"]["00_small"] < 0.95
    assert "of the mutants are rejected" in proof["printed"]


FAULTS = {
    "an unknown assignment": ("x", "x", "07", "no assignment 07; there are: 00_small"),
    "a wrong solution": (
        "count = 0",
        "count = 1",
        "00",
        "refuses the solution: halves",
    ),
    "an unknown task": ("[[halves]]", "[[gone]]", "00", "mutants of no task: gone"),
    "no reason": ("reason =", "because =", "00", "needs was, now and reason"),
    "a marker too few": ("# END SOLUTION", "", "00", "without its partner"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_cannot_be_proven_is_said_in_a_sentence(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    old, new, assignment, sentence = FAULTS[case]
    write_course(tmp_path)
    for path in (*tmp_path.rglob("00_small.py"), *tmp_path.rglob("equivalent.toml")):
        path.write_text(path.read_text().replace(old, new, 1))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "small_checks", raising=False)
    console = Console(record=True, width=100)
    status = mutate_command(
        assignment, root=tmp_path, seeds=1, limit=1, console=console
    )
    assert status == 2
    assert sentence in " ".join(console.export_text().split())
